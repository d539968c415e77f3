"""The patterns of a recipe, run in a process of their own that the kernel ends at a limit of CPU time."""

from collections.abc import Sequence

from distill.config.recipes import Rewrite
from distill.problems import matching
from distill.runtime.errors import InputError
from distill.runtime.limited import EndedError, LimitedProcess

SECONDS = 10  # of CPU time for all patterns of a key on one text; real ones take less than a millisecond
ENDLESS = (
    f"has not ended on this text after {SECONDS} s of CPU time; its pattern tries very many ways to match, as one with "
    "a repeat inside a repeat does (`(a+)+`); write it without"
)
_MATCHER = LimitedProcess(matching)


def _matched(kind: str, pairs: Sequence[tuple[str, str]], text: str, place: str, key: str) -> str | None:
    """Return what `matching.answer` does; InputError names `place` (file and row) and `key` where there is none."""
    try:
        reply = _MATCHER.ask({"kind": kind, "pairs": list(pairs), "text": text}, SECONDS)
    except EndedError as error:
        said = ENDLESS if error.by_cpu_time else f"has ended its process on this text ({error})"
        raise InputError(f"{place}: `{key}` {said}") from None
    if "error" in reply:
        raise InputError(f"{place}: `{key}` {reply['error']}")
    return reply["text"]


def rewritten(text: str, rewrites: Sequence[Rewrite], place: str, key: str) -> str:
    """Return a text after the substitutions of a recipe's `key`. Raises InputError where they do not end in time."""
    pairs = [(rewrite.pattern, rewrite.replacement) for rewrite in rewrites]
    return str(_matched("rewrites", pairs, text, place, key)) if pairs else text


def expanded(pattern: str, template: str, text: str, place: str, key: str) -> str | None:
    """Return a template with the groups of a pattern where it matches, None where not. Raises InputError as above."""
    return _matched("expansion", [(pattern, template)], text, place, key)
