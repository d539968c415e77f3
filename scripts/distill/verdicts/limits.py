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

    A second thread reads this one's CPU clock and sends SIGPROF. The kernel's own timers will not do: Linux looks at
    them when its clock ticks, and a process among many busy ones may hardly ever be the one that runs just then (under
    ten busy loops, ITIMER_PROF of 1 s had not fired after 4 s of CPU time). A module that is being imported is
    finished first: interrupted, it would stay half loaded for the rest of the process. The caller's handler of SIGPROF
    is put back; his timers are not touched.

    Raises:
        RuntimeError: This is not the main thread, the only one that Python interrupts.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("a comparison has a time limit and needs the main thread; use distill.verdicts.workers")
    watch = _Watch(seconds)
    handler = signal.signal(signal.SIGPROF, watch.expire)
    try:
        watch.start()
        try:
            yield
        finally:
            watch.is_over = True
    finally:
        watch.end()
        signal.signal(signal.SIGPROF, handler)


class _Watch:
    """Signals the thread that makes it when its CPU clock has passed a limit."""

    def __init__(self, seconds: float):
        self._main, self._clock = threading.get_ident(), time.pthread_getcpuclockid(threading.get_ident())
        self._next = time.thread_time() + seconds  # on that clock
        self.is_over = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def start(self) -> None:
        """Begin to look. Raises MemoryError where there is no room for a thread."""
        try:
            self._thread.start()
        except RuntimeError as error:
            raise MemoryError(str(error)) from None

    def end(self) -> None:
        """Return when no further signal can come."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _look(self) -> None:
        # A thread computes for no longer than the time that passes, so nothing is missed in between.
        while not self._ended.wait(max(self._next - time.clock_gettime(self._clock), _SOON)):
            if time.clock_gettime(self._clock) >= self._next:
                signal.pthread_kill(self._main, signal.SIGPROF)

    def expire(self, _signal: int, frame: FrameType | None) -> None:
        """Raise in the main thread if the limit has passed; signals of other senders pass by."""
        now = time.thread_time()
        if self.is_over or now < self._next:
            return
        if _importing(frame):
            self._next = now + _SOON
            return
        self._next = now + _AGAIN
        raise ExpiredError


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
