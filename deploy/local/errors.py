"""The one error that people see from the local platform's commands."""


class SetupError(Exception):
    """The platform can't do what was asked for. Its text is one sentence or two: what is wrong, where, and what to do about it."""
