"""Solutions of problems as responses whose likelihood is measured, and where the gold answer stands in them."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from distill.tables.graded import GradedResponse
from distill.tables.words import Outcome
from distill.verdicts.answers import place_of_last_box

Row = dict[str, Any]
_STATED = re.compile(r"\s*####[^\n]*\Z")


def solution_row(problem: Mapping[str, Any], published: str | None) -> Row | None:
    """Return a row of the solutions table; None for a problem with neither solution nor gold answer.

    The solution is the corpus's own, else `published`, a correct response. The answer is what the solution's last box
    holds; where it has none the gold answer follows in a box of its own, and a last line that states it (`#### 72`) is
    left out, so that it is not copied from there. Without a solution the box is the response.
    """
    solution, gold = (problem["solution"] or published or "").strip(), problem["answer"].strip()
    solution = _STATED.sub("", solution)
    place = place_of_last_box(solution)
    if place is None and gold:
        opening = (f"{solution}\n\n" if solution else "") + r"\boxed{"
        response, place = opening + gold + "}", (len(opening), len(opening) + len(gold))
    else:
        response = solution
    if not response:
        return None
    start, end = place or (None, None)
    return {"problem_id": problem["problem_id"], "problem": problem["problem"], "response": response,
            "solution_end": len(solution) or None, "answer_start": start, "answer_end": end}  # fmt: skip


def first_correct(responses: Iterable[GradedResponse]) -> dict[str, str]:
    """Return problem_id -> its correct response of the lowest draw."""
    found: dict[str, tuple[int, str]] = {}
    for each in responses:
        if each.outcome is Outcome.CORRECT and each.draw < found.get(each.problem_id, (each.draw + 1, ""))[0]:
            found[each.problem_id] = each.draw, each.response or ""
    return {problem_id: response for problem_id, (_, response) in found.items()}
