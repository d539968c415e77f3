"""What applies the patterns of a recipe in a process with limits: one such as `(a+)+$` may need longer than one lives.

`distill.runtime.limits` loads this file with nothing else of this project, and answers with it.
"""

import re
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
