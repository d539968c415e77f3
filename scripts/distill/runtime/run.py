"""The frame in which every program runs."""

import errno
import gc
import logging
import sys
from collections.abc import Callable
from pathlib import Path

from distill.runtime.errors import InputError

# Objects between two rounds of the garbage collector: with the usual 700, importing torch and transformers and ending
# again takes 1.4 s of processor time more.
GC_THRESHOLD = 100_000


def run(main: Callable[[], None]) -> None:
    """Run a program's `main` with logging to stderr; bad input and a full disk end in one line and exit code 1."""
    gc.set_threshold(GC_THRESHOLD)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    program = Path(sys.argv[0]).name
    try:
        main()
        gc.freeze()  # else the interpreter, as it ends, looks once more at all that torch has made
    except InputError as error:
        sys.exit(f"{program}: error: {error}")
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        where = f" writing {error.filename}" if error.filename else ""
        sys.exit(f"{program}: error: no space left on the device{where}; nothing was replaced")
