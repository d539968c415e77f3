"""The key of a server: read from its environment variable, checked before the first request, shown nowhere."""

import os

from distill.runtime.errors import InputError

HIDDEN = "***"
LEAST_HIDDEN = 4  # characters; a shorter key would turn up in any text


def read_key(variable: str) -> str:
    """Return the key in an environment variable, without white space around it; '' where there is none.

    Raises InputError for what no HTTP header can carry, or what is not the key alone.
    """
    key = os.environ.get(variable, "").strip()
    if odd := next((c for c in key if not "!" <= c <= "~"), None):
        what = {"\n": "a line break", "\r": "a line break", " ": "a space", "\t": "a tab"}.get(odd, "a control sign")
        what = what if odd.isascii() else "a letter that is not ASCII"
        raise InputError(f"the key in ${variable} has {what} in it; set it to the key alone")
    return key


def masked(text: str, key: str) -> str:
    """Return a text without the key."""
    return text.replace(key, HIDDEN) if len(key) >= LEAST_HIDDEN else text
