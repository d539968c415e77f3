"""The process in which strangers' programs run: answers the requests of `distill.runtime.limited` within limits.

It is started as a file, with the path of the module that answers: one with `MEMORY`, bytes of address space, and
`answer`, which makes a reply of a request. Nothing else of this project is imported. Requests and replies are a line of
JSON each. The kernel ends the process at its limits, so an endless loop, a product of 10^10 letters in C code and a
deep recursion cost this process only.
"""

import importlib.util
import json
import resource
import sys
import time
from typing import Any


def _module(path: str) -> Any:
    """Return the module of a file."""
    spec = importlib.util.spec_from_file_location("answering", path)
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]  # of a file that is there
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module


def _limit(kind: int, value: int) -> None:
    """Set a soft limit of the kernel, no higher than the hard one that a cluster may have set."""
    hard = resource.getrlimit(kind)[1]
    resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def main() -> None:
    """Answer requests until there are no more."""
    module = _module(sys.argv[1])
    _limit(resource.RLIMIT_AS, module.MEMORY)
    _limit(resource.RLIMIT_CORE, 0)
    for line in sys.stdin:
        request = json.loads(line)
        # The kernel counts whole seconds, rounded down.
        _limit(resource.RLIMIT_CPU, int(time.process_time()) + request["seconds"] + 1)
        sys.stdout.write(json.dumps(module.answer(request)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
