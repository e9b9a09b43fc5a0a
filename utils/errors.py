"""The two kinds of error whose message is all that a person needs: one line, no traceback."""


class InputError(ValueError):
    """What was asked for cannot be done: one line that says what, where, and what could be."""


class DataError(Exception):
    """A data set that can't be used: the message names the file, the fault and the remedy."""
