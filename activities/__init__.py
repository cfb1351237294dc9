"""Side effects, one module per outside system: methods on frozen dataclasses that hold what they need as Protocols."""
