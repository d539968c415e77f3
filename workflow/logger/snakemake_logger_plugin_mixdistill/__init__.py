"""Where a run stands: a live panel on a terminal, one line per finished job elsewhere.

A logger plugin of Snakemake (`--logger mixdistill`, with this folder's parent on PYTHONPATH; `make demo` does both).
Snakemake's own display and its plugins count jobs; what a person waits for, the rows and tokens per second of a job
that runs for hours, stands in the job's log, which is read here. Dry runs look as they always do.
"""

import logging
import threading
from collections import Counter

from rich.console import Console
from rich.live import Live
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from .board import STAGES, Board, clock

REFRESH_PER_SECOND = 2
# Messages without an event that a person wants to see; the others are Snakemake talking about itself.
SHOWN = ("Nothing to be done", "Complete log", "Touching", "Unlocking", "Deleting")
SPEAKING = "render_page"  # prints the gap table itself, so the panel makes room for it


class LogHandler(LogHandlerBase):
    """Receives Snakemake's log records in one thread of its own."""

    def __post_init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._board: Board | None = None
        self._live: Live | None = None
        self._guard = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        """Show one record."""
        try:
            event = getattr(record, "event", None)
            if self.common_settings.dryrun or self.common_settings.verbose:
                self._print(self.format(record))
            elif event is None:
                self._message(record)
            else:
                self._event(event, record)
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Take the panel away."""
        self._end_panel()
        super().close()

    def _message(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        if record.levelno >= logging.WARNING or text.startswith(SHOWN):
            self._print(text)

    def _event(self, event: LogEvent, record: logging.LogRecord) -> None:
        if event == LogEvent.RUN_INFO:
            self._begin(record.stats)
        elif event == LogEvent.JOB_INFO and self._board and record.rule_name in STAGES:
            self._board.start(record.jobid, record.rule_name, next(iter(record.log), None))
            if record.rule_name == SPEAKING:
                self._end_panel()
        elif event == LogEvent.JOB_FINISHED and self._board:
            self._finished(record.job_id)
        elif event == LogEvent.JOB_ERROR:
            self._failed(record)
        elif event == LogEvent.ERROR:
            self._print(self.format(record))

    def _begin(self, stats: dict[str, int]) -> None:
        self._board = Board(Counter({rule: n for rule, n in stats.items() if rule in STAGES}))
        planned = ", ".join(f"{n} {rule}" for rule, n in self._board.planned.items())
        self._print(f"{self._board.planned.total()} jobs: {planned}")
        if self._console.is_terminal and self._board.planned:
            self._live = Live(self._board, console=self._console, refresh_per_second=REFRESH_PER_SECOND,
                              transient=True, redirect_stdout=False, redirect_stderr=False)  # fmt: skip
            self._live.start()

    def _finished(self, number: int) -> None:
        job = self._board.finish(number)
        if job is None or self._live is not None:
            return
        reading = job.reading()
        speed = f", {reading.speed_and_cost()}" if reading and reading.tokens_per_second else ""
        self._print(f"{job.name}{speed} ({self._board.summary()})")

    def _failed(self, record: logging.LogRecord) -> None:
        job = self._board.finish(record.jobid, failed=True) if self._board else None
        if job is None:
            self._print(self.format(record))
            return
        said = [f"  {line}" for line in job.complaint()]
        self._print("\n".join([f"FAILED {job.name} after {clock(job.age())}", *said, f"  (log: {job.log})"]))

    def _print(self, text: str) -> None:
        if text:
            self._console.print(text, markup=False, style=None)

    def _end_panel(self) -> None:
        with self._guard:
            if self._live is not None:
                self._live.stop()
                self._live = None

    @property
    def writes_to_stream(self) -> bool:
        """It takes the place of Snakemake's own display."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Snakemake keeps its own log file."""
        return False

    @property
    def has_filter(self) -> bool:
        """Snakemake's filter (`--quiet`) applies."""
        return False

    @property
    def has_formatter(self) -> bool:
        """Snakemake's formatter is used for what is shown as it is."""
        return False

    @property
    def needs_rulegraph(self) -> bool:
        """The stages are known."""
        return False
