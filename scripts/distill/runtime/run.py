"""The frame in which every program runs."""

import errno
import logging
import sys
from collections.abc import Callable
from pathlib import Path

from distill.runtime.errors import InputError


def run(main: Callable[[], None]) -> None:
    """Run a program's `main` with logging to stderr; bad input and a full disk end in one line and exit code 1."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    program = Path(sys.argv[0]).name
    try:
        main()
    except InputError as error:
        sys.exit(f"{program}: error: {error}")
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        where = f" writing {error.filename}" if error.filename else ""
        sys.exit(f"{program}: error: no space left on the device{where}; nothing was replaced")
