"""The error that a user can cause: one sentence that says what is wrong, where, and what to do."""


class KerasStylesError(Exception):
    """A mistake of the user or the machine, not of this project; it is shown without a traceback."""
