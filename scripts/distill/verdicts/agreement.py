r"""What teachers agree on: one gold answer per problem, or a reason why there is none.

Votes. Each draw of each teacher has one vote for the answer that it states, found as the grader finds it, if it ended
by itself and its answer is one that the grader reads (`MAX_ANSWER`).

Equal answers. Spellings with one normal form are one form. Two forms are equal where the grader calls each correct with
the other as the gold answer. That is symmetric, but not transitive: 50\% equals 50 and 0.5, which differ. So the forms,
by votes, then the shorter, then by the alphabet, each join the first class *all* of whose forms they equal, or else
begin one: no class holds two answers that the grader tells apart. Nothing depends on the order of teachers, draws or
files. A comparison that runs into its limits tells two answers apart.

The gold answer is the most frequent spelling (then the shorter, then by the alphabet) of the class with most votes.
There is none, in this order, where that class has fewer votes than `at_least` (too_few), where two classes have most
votes (tie), and where it has not more than the share `share` of all votes (no_majority).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from typing import Any, NamedTuple

from distill.config.recipes import AgreementRecipe
from distill.tables.words import Disagreement, FinishReason, Outcome, Verdict
from distill.verdicts.answers import MAX_ANSWER, normalise
from distill.verdicts.grading import Grade, stated_answer

TOO_LONG = "too_long"
Votes = Counter[str]  # spelling -> votes
Grader = Callable[[Iterable[tuple[str, str, str]]], Iterator[Grade]]


class Agreed(NamedTuple):
    """The agreement on one problem.

    answer: the gold answer, None where there is none; votes: for the class with most; voters: all votes; classes: how
    many different answers; reason: why there is no gold answer.
    """

    answer: str | None
    votes: int
    voters: int
    classes: int
    reason: Disagreement | None


def vote(response: str, finish_reason: str) -> tuple[str | None, str]:
    """Return the spelling that a response votes for and ``, or None and why it has no vote."""
    if finish_reason == FinishReason.ERROR:
        return None, Outcome.NOT_GENERATED
    if finish_reason != FinishReason.STOP:
        return None, Outcome.NOT_STOPPED
    answer = stated_answer(response)
    if answer is None:
        return None, Outcome.NOT_ANSWERED
    return (answer, "") if len(answer) <= MAX_ANSWER else (None, TOO_LONG)


def agree(problems: Sequence[Votes], recipe: AgreementRecipe, grade: Grader) -> list[Agreed]:
    """Return the agreement on each problem; `grade` grades rows (gold, response, finish_reason) in their order."""
    forms = [forms_of(votes) for votes in problems]
    equal = equal_pairs([[common(form) for form in each] for each in forms], grade)
    return [decide(classes_of(each, same), recipe) for each, same in zip(forms, equal, strict=True)]


def forms_of(votes: Votes) -> list[Votes]:
    """Return the spellings of a problem's votes by normal form, in the order in which forms join classes."""
    forms: dict[str, Votes] = defaultdict(Counter)
    for spelling, count in votes.items():
        forms[normalise(spelling)][spelling] += count
    return sorted(forms.values(), key=lambda form: (-form.total(), *_plainest(common(form))))


def common(votes: Votes) -> str:
    """Return the most frequent spelling, of equally frequent ones the shorter, then the first by the alphabet."""
    return min(votes, key=lambda spelling: (-votes[spelling], *_plainest(spelling)))


def _plainest(spelling: str) -> tuple[int, str]:
    return len(spelling), spelling


def equal_pairs(problems: Sequence[Sequence[str]], grade: Grader) -> list[set[tuple[int, int]]]:
    """Return for each problem the pairs (i < j) of its answers that are equal, whichever is the gold answer."""
    asked = [(n, i, j) for n, each in enumerate(problems) for i, j in combinations(range(len(each)), 2)]
    for gold_first in (True, False):
        sides = [(n, i, j) if gold_first else (n, j, i) for n, i, j in asked]
        rows = ((problems[n][gold], rf"\boxed{{{problems[n][other]}}}", FinishReason.STOP) for n, gold, other in sides)
        grades = grade(rows)
        asked = [pair for pair, each in zip(asked, grades, strict=True) if each.verdict == Verdict.CORRECT]
    equal: list[set[tuple[int, int]]] = [set() for _ in problems]
    for n, i, j in asked:
        equal[n].add((i, j))
    return equal


def classes_of(forms: Sequence[Votes], equal: set[tuple[int, int]]) -> list[Votes]:
    """Return the classes of equal forms: each form joins the first class all of whose forms it equals."""
    classes: list[list[int]] = []
    for j in range(len(forms)):
        home = next((each for each in classes if all((i, j) in equal for i in each)), None)
        if home is None:
            classes.append([j])
        else:
            home.append(j)
    return [sum((forms[i] for i in each), Counter()) for each in classes]


def decide(classes: Sequence[Votes], recipe: AgreementRecipe) -> Agreed:
    """Return what classes of equal answers agree on."""
    counts = sorted((each.total() for each in classes), reverse=True)
    most, voters = max(counts, default=0), sum(counts)
    reason = _reason(counts, recipe)
    largest = next((each for each in classes if each.total() == most), Counter())
    return Agreed(None if reason else common(largest), most, voters, len(classes), reason)


def _reason(counts: Sequence[int], recipe: AgreementRecipe) -> Disagreement | None:
    """Return why votes per class, most first, make no agreement. The share is compared exactly, as it is written."""
    if not counts or counts[0] < recipe.at_least:
        return Disagreement.TOO_FEW
    if counts[:1] == counts[1:2]:
        return Disagreement.TIE
    return None if counts[0] > Fraction(repr(recipe.share)) * sum(counts) else Disagreement.NO_MAJORITY


def table_rows(agreed: Mapping[str, Agreed]) -> list[dict[str, Any]]:
    """Return the rows of the agreement table from problem_id -> agreement."""
    return [{"problem_id": problem_id, **each._asdict()} for problem_id, each in agreed.items()]
