"""What repeats: samples of one problem that several draws have in common, word for word; and the end of a response.

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

LONGEST_PASSAGE, TIMES, SHORTEST_LOOP = 2000, 4, 100  # characters; how often a loop says its passage; characters
_PROBE, _TRIES = 32, 64  # characters that are looked up again; how many places where they stand are looked at


def ends_in_loop(text: str) -> bool:
    """Whether a text ends with one passage said TIMES times in a row or more, in SHORTEST_LOOP characters or more.

    The last time may be cut off anywhere. White space at the end does not count, and a passage of white space alone is
    no loop. Passages of LONGEST_PASSAGE characters at most are found; a loop that counts its rounds is none. Cheap on
    any text: only its end is looked at.
    """
    end = text[-(LONGEST_PASSAGE * TIMES + len(text) - len(text.rstrip())) :].rstrip()
    probe, place = end[-_PROBE:], len(end)
    for _ in range(_TRIES):
        # The nearest earlier place where the end stands again: its distance may be the length of the passage.
        place = end.rfind(probe, 0, place - 1)
        if place < 0:
            return False
        length = len(end) - len(probe) - place
        said = max(TIMES * length, SHORTEST_LOOP)
        if length <= LONGEST_PASSAGE and said <= len(end) and end[-said:-length] == end[-said + length :]:
            return not end[-length:].isspace()
        place += len(probe)
    return False


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
