"""The process in which the patterns of a recipe run: one such as `(a+)+$` may need longer than anybody lives.

Python's matcher lets no signal in, so only the end of a process stops it. This one reads a request a line and writes a
reply a line, both JSON; `distill.problems.patterns` starts it as a file, and the kernel ends it at its limits.
"""

import json
import re
import resource
import sys
import time
from typing import Any

MEMORY = 1 << 30  # bytes of address space


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Return the text of a request after its substitutions, or the expansion of its one pattern where it matches."""
    text = request["text"]
    try:
        if request["kind"] == "expansion":
            ((pattern, template),) = request["pairs"]
            match = re.search(pattern, text)
            return {"text": match.expand(template) if match else None}
        for pattern, replacement in request["pairs"]:
            text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
        return {"text": text}
    except (MemoryError, OverflowError):
        return {"error": f"needs more than {MEMORY >> 20} MiB of memory for this text"}


def _limit(kind: int, value: int) -> None:
    """Set a soft limit of the kernel, no higher than the hard one that a cluster may have set."""
    hard = resource.getrlimit(kind)[1]
    resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def main() -> None:
    """Answer requests until there are no more."""
    _limit(resource.RLIMIT_AS, MEMORY)
    _limit(resource.RLIMIT_CORE, 0)
    for line in sys.stdin:
        request = json.loads(line)
        # The kernel counts whole seconds, rounded down.
        _limit(resource.RLIMIT_CPU, int(time.process_time()) + request["seconds"] + 1)
        sys.stdout.write(json.dumps(answer(request)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
