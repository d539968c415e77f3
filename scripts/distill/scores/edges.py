"""Benchmarks that cannot tell the arms of a student apart, since all of them are at the floor or at the ceiling."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

EDGE = 0.05  # of accuracy, from either end
Row = Mapping[str, Any]


def at_an_edge(rows: Iterable[Row]) -> list[str]:
    """Return a line for each student and benchmark where every arm is within 5 points of 0 or of 100 % correct.

    `rows` are those of scores.csv, arms of several seeds one by one. At the floor the line says how many responses had
    no answer or were cut off, which is often why.
    """
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["study"], row["student"], row["benchmark"]), []).append(row)
    return [line for names, own in groups.items() if (line := _line(*names, own))]


def _line(study: str, student: str, benchmark: str, rows: Sequence[Row]) -> str:
    accuracies = [row["accuracy"] for row in rows]
    if max(accuracies) < EDGE:
        unanswered, cut = (100 * sum(row[name] for row in rows) / len(rows) for name in ("no_answer", "cut_off"))
        found = (f"at most {100 * max(accuracies):.1f} % right ({unanswered:.0f} % of the responses have no answer, "
                 f"{cut:.0f} % are cut off)")  # fmt: skip
    elif min(accuracies) > 1 - EDGE:
        found = f"at least {100 * min(accuracies):.1f} % right"
    else:
        return ""
    return f"{study}: all arms of {student} answer {found} on {benchmark}; what they differ in can hardly be seen there"
