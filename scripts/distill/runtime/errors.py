"""Errors that a user can act on."""


class InputError(Exception):
    """Bad input: the message names the file, the key or row, what was expected and what to do."""


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, without its file name."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
