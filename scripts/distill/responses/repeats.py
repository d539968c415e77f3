"""Identical samples: responses of one problem that several draws have in common, word for word.

Short answers may well repeat; whole draws that do come from one seed used twice. Texts are hashed as they are read,
so memory follows the number of responses and not their length.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from typing import Any

from distill import tables
from distill.tables.words import FinishReason


def repeated_samples(files: Iterable[Path]) -> dict[str, Any]:
    """Count responses that are the same in two draws; `files` are responses tables, all shards of all draws.

    Returns `rows` (responses that are no errors), `repeated` (those whose problem has the same response in an earlier
    draw), and per pair of draws, e.g. `0, 1`, on how many problems `both` answered and how many answers are the `same`.
    """
    seen: dict[str, dict[int, bytes]] = defaultdict(dict)
    for path in files:
        for batch in tables.stream(path, tables.RESPONSES, ["problem_id", "draw", "finish_reason", "response"]):
            for row in batch.to_pylist():
                if row["finish_reason"] != FinishReason.ERROR:
                    text = row["response"].encode("utf-8", "surrogatepass")
                    seen[row["problem_id"]][row["draw"]] = hashlib.blake2b(text, digest_size=12).digest()
    both: Counter[tuple[int, int]] = Counter()
    same: Counter[tuple[int, int]] = Counter()
    for draws in seen.values():
        for pair in combinations(sorted(draws), 2):
            both[pair] += 1
            same[pair] += draws[pair[0]] == draws[pair[1]]
    pairs = {f"{a}, {b}": {"both": both[a, b], "same": same[a, b]} for a, b in sorted(both)}
    rows = sum(len(draws) for draws in seen.values())
    distinct = sum(len(set(draws.values())) for draws in seen.values())
    return {"rows": rows, "repeated": rows - distinct, "pairs": pairs}
