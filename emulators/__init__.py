"""Programs of others that tests and offline use have as programs of their own; nothing of Catalyst is imported here."""
