"""The frame in which every program runs."""

import argparse
import errno
import gc
import logging
import os
import select
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from distill.runtime.errors import InputError, is_out_of_memory, memory_words, recipe_words

# Objects between two rounds of the garbage collector: with the usual 700, importing torch and transformers and ending
# again takes 1.4 s of processor time more.
GC_THRESHOLD = 100_000
STDERR = 2
READER_GONE = 128 + signal.SIGPIPE  # what a shell says of programs that end at once where nobody reads on
FULL = (errno.ENOSPC, errno.EDQUOT)
# Of a file: no right, a file system that is read only or has gone, a limit of the shell's or the disk's, a folder in
# its place, or a file in that of a folder.
OUTSIDE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EFBIG, errno.EIO, errno.ESTALE, errno.ENAMETOOLONG,
           errno.EISDIR, errno.ENOTDIR)  # fmt: skip


def run(main: Callable[[], None]) -> None:
    """Run a program's `main` with logging to stderr.

    Bad input (a recipe that is none, too), what a file system refuses and too little memory end in one line and exit
    code 1.

    Whose standard output nobody reads any more (`| head`) ends without a word, with what a shell says of that.
    """
    in_utf8()
    gc.set_threshold(GC_THRESHOLD)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    program = Path(sys.argv[0]).name
    try:
        with log_kept():
            main()
            sys.stdout.flush()
        gc.freeze()  # else the interpreter, as it ends, looks once more at all that torch has made
    except InputError as error:
        sys.exit(f"{program}: error: {error}")
    except ValueError as error:
        words = recipe_words(error, sys.argv)
        if words is None:
            raise
        sys.exit(f"{program}: error: {words}")
    except OSError as error:
        if isinstance(error, BrokenPipeError) and _reader_is_gone():
            sys.exit(READER_GONE)
        if error.errno in FULL:
            where = f" writing {error.filename}" if error.filename else ""
            sys.exit(f"{program}: error: no space left on the device{where}; nothing was replaced")
        if error.errno not in OUTSIDE:
            raise
        where = f"{error.filename}: " if error.filename else ""
        sys.exit(f"{program}: error: {where}{os.strerror(error.errno).lower()}; nothing was replaced")
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        sys.exit(f"{program}: error: {memory_words(error)}")


def in_utf8() -> None:
    """Start this program, or Snakemake, again in Python's UTF-8 mode where its encoding is another (`LC_ALL=C`, say).

    Names of files, arguments, what is printed and what libraries read are UTF-8 then; nothing else makes all so.
    """
    if sys.getfilesystemencoding() != "utf-8" and os.environ.get("PYTHONUTF8") != "1":
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, sys.orig_argv)


def _reader_is_gone() -> bool:
    """Return whether standard output is a pipe without a reader; what is still to be written then goes nowhere."""
    output = select.poll()
    output.register(sys.stdout, 0)
    if gone := any(event & select.POLLERR for _, event in output.poll(0)):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes once more as it ends
    return gone


@contextmanager
def log_kept() -> Iterator[None]:
    """Keep the log that stderr is written to (`x.log`), unless the block ends well; as `x.TIME.log`, in UTC.

    Snakemake removes a job's log before the next attempt. A second name, taken before anything can fail, outlives that,
    and a kill. What is no file of that ending is left alone.
    """
    second = _second_name(STDERR)
    yield
    if second is not None:
        second.unlink(missing_ok=True)


def _second_name(file: int) -> Path | None:
    """Link a log file under a second name and return it; None where it is no log, has one, or cannot be linked."""
    with suppress(OSError):
        facts = os.fstat(file)
        if stat.S_ISREG(facts.st_mode) and facts.st_nlink == 1:
            log = Path(os.readlink(f"/proc/self/fd/{file}"))
            second = log.with_suffix(time.strftime(".%Y%m%dT%H%M%SZ.log", time.gmtime()))
            if log.suffix == ".log":
                os.link(log, second)
                return second
    return None


def seed(text: str) -> int:
    """Return a seed that a program is given; for argparse, which tells what else it raises."""
    return _whole(text, 2**32)


def number(text: str) -> int:
    """Return how many of something a program is given, 0 or more."""
    return _whole(text, 2**31)


def _whole(text: str, above: int) -> int:
    if not (text.isdecimal() and int(text) < above):
        raise argparse.ArgumentTypeError(f"a whole number from 0 to {above - 1} is wanted, not {text!r}")
    return int(text)
