"""Limits of one comparison, in CPU seconds: what decides a verdict must not depend on how busy the machine is.

Two limits, one inside the other. `cpu_limit` interrupts Python code and is all that a caller's own process gets.
`kill_after` makes the kernel end a worker process that is still at it a second or two later: code written in C that
never returns to Python. Neither counts the time in which the process waits or other processes run.
"""

import resource
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

KILLED = -signal.SIGXCPU
"""Exit code of a worker that the kernel ended at its limit."""

_GRACE = 2  # seconds from the one limit to the other: the kernel counts whole seconds, rounded down
_AGAIN = 1.0  # CPU seconds after which an interrupt that was swallowed comes again
_SOON = 0.02
_IMPORTING = "<frozen importlib._bootstrap>"


class ExpiredError(BaseException):  # not an Exception: libraries catch those and go on
    """The limit has passed."""


@contextmanager
def cpu_limit(seconds: float) -> Iterator[None]:
    """Raise `ExpiredError` once this thread has computed for so many CPU seconds, and again each second after it.

    A module that is being imported is finished first: interrupted, it would stay half loaded for the rest of the
    process. The caller's own profiling timer (SIGPROF) is put back with what it had left; alarms are not touched.

    Raises:
        RuntimeError: This is not the main thread, the only one that Python interrupts.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("a comparison has a time limit and needs the main thread; use distill.verdicts.workers")
    start = time.thread_time()

    def expire(_signal: int, frame: FrameType | None) -> None:
        left = start + seconds - time.thread_time()  # the timer counts other threads, too
        if left <= 0 and not _importing(frame):
            raise ExpiredError
        signal.setitimer(signal.ITIMER_PROF, max(left, _SOON), _AGAIN)

    handler = signal.signal(signal.SIGPROF, expire)
    before = time.process_time()
    left, interval = signal.setitimer(signal.ITIMER_PROF, seconds, _AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, handler)
        if left:
            signal.setitimer(signal.ITIMER_PROF, max(left - (time.process_time() - before), 1e-3), interval)


def _importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == _IMPORTING:
            return True
        frame = frame.f_back
    return False


def kill_after(seconds: int) -> None:
    """Have the kernel end this process one to two CPU seconds after it has used so many more (exit code `KILLED`).

    A later call moves the limit. For worker processes: it cannot be caught, and C code does not outlast it.
    """
    soft = int(time.process_time()) + seconds + _GRACE
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def confine(memory: int) -> None:
    """Cap this worker's address space in bytes, unless the machine's own cap is lower, and leave no core files."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (memory if hard == resource.RLIM_INFINITY else min(memory, hard), hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
