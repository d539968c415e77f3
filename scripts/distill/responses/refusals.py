"""When to stop asking: the first rows were all refused with the same words, so the others would be, too."""

import re

from distill.responses.engines import Completion
from distill.tables.words import FinishReason

FIRST = 8  # completions


class FirstRefusals:
    """Watches the first completions of a job. Numbers in a reason do not count: they are of the single row."""

    def __init__(self) -> None:
        self._reasons: list[str | None] = []
        self._example = ""

    def add(self, completion: Completion) -> None:
        """Note a completion; those after the first few say nothing."""
        if len(self._reasons) < FIRST:
            is_error = completion.finish_reason == FinishReason.ERROR
            self._reasons.append(re.sub(r"\d+", "0", completion.error or "") if is_error else None)
            self._example = self._example or completion.error or ""

    @property
    def message(self) -> str | None:
        """Return what there is to say when the first rows were all refused alike, else None."""
        if len(self._reasons) < FIRST or len(set(self._reasons)) > 1 or self._reasons[0] is None:
            return None
        return f"the first {FIRST} rows are refused alike, so no other is asked: {self._example}"
