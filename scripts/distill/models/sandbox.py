"""Runs a template in a process of its own, with limits of CPU time and memory."""

from typing import Any

from distill.models import sandboxed
from distill.runtime.errors import InputError
from distill.runtime.limited import EndedError, LimitedProcess

SECONDS = 5  # of CPU time for one text; real templates take less than a millisecond
CLOCK = "it writes today's date; pin one in the recipe of who answers, for example `date: 2026-01-31`"


class Sandbox(LimitedProcess):
    """The process of `distill.models.sandboxed`."""

    def __init__(self) -> None:
        super().__init__(sandboxed)

    def render(
        self, where: str, kind: str, source: str, variables: dict[str, Any], date: str | None = None
    ) -> tuple[str, list[str]]:
        """Return the text that a template writes, and the names that it reads and does not set.

        `kind` is `chat` (as transformers runs chat templates) or `prompt`. Raises InputError, in one line that begins
        with `where`, when it fails, asks for the clock without a date, or reaches its limits.
        """
        try:
            reply = self.ask({"kind": kind, "source": source, "variables": variables, "date": date}, SECONDS)
        except EndedError as error:
            endless = f"it does not end: stopped after {SECONDS} seconds of CPU time"
            said = endless if error.by_cpu_time else f"its process died ({error})"
            raise InputError(f"{where}: {said}") from None
        if "text" in reply:
            return reply["text"], reply["names"]
        raise InputError(f"{where}: {CLOCK if 'clock' in reply else reply['error']}")


SANDBOX = Sandbox()
