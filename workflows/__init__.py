"""One file per workflow. `messages` holds what goes in and out of them; nothing here does I/O."""
