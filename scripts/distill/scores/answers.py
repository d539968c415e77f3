"""What the declared contrasts of a study come to, in a sentence for each student: by the readings, and nothing more.

A sentence says what the reading says: gain and loss of the data; two trained models where there is no second seed;
what is undecided, smaller than what matters, or not comparable. How sure it is and how fair stand in it.
"""

from collections.abc import Iterable, Iterator, Sequence

from distill.config.contrasts import BEST_OF, GAINS
from distill.config.labels import is_untouched
from distill.scores.measures import ACCURACY
from distill.scores.numbers import points
from distill.scores.readings import (
    GAIN,
    GAIN_OVER_ALL,
    LOSS,
    LOSS_TO_BEST,
    MODELS,
    TWO_MODELS,
    UNDECIDED,
    Row,
    amount,
    interval,
    is_declared,
    measure_of,
    unit,
)
from distill.training.parity import NOT_COMPARABLE

DECLARED = "as declared: "  # how a parity begins that a study has declared
_OVER_UNTOUCHED = {GAIN: "gains", LOSS: "loses", TWO_MODELS: "these models alone", MODELS: "these models alone"}
LIKE = 0.05  # loss tokens that differ by less are called alike


def answers(rows: Iterable[Row]) -> list[dict[str, str]]:
    """Return `contrast`, `student` and `answer`, a sentence, of the declared and primary rows, in order."""
    return [
        {"contrast": gap, "student": student, "answer": f"{'; '.join([*map(_clause, own), *_fairness(own)])}."}
        for (_, gap, _, student), own in _grouped(rows, "study", "gap", "measure", "student").items()
    ]


def over_untouched(rows: Iterable[Row]) -> list[dict[str, str]]:
    """Return `student` and `answer`: what its trainings gained over it in accuracy, the arms of a reading together."""
    students: dict[tuple[str, str], dict[str, list[str]]] = {}
    for row in rows:
        if row["family"] == ACCURACY.family(GAINS) and row["primary"] == "yes" and row["measure"] == ACCURACY.name:
            words = students.setdefault((row["study"], row["student"]), {})
            word = (row["reading"] or UNDECIDED).split(", ")[0]
            words.setdefault(_OVER_UNTOUCHED.get(word, word), []).append(f"{row['plus']} {amount(row)}")
    return [
        {"student": student, "answer": f"{'; '.join(f'{word}: ' + ', '.join(arms) for word, arms in words.items())}."}
        for (_, student), words in students.items()
    ]


def summaries(rows: Iterable[Row]) -> list[dict[str, str]]:
    """Return `contrast` and `answer`, a sentence for all students, of the declared and primary rows, in order."""
    return [
        {"contrast": gap, "answer": f"{'; '.join(map(_summary, _grouped(own, 'plus', 'minus').values()))}."}
        for (_, gap, _), own in _grouped(rows, "study", "gap", "measure").items()
    ]


def _grouped(rows: Iterable[Row], *names: str) -> dict[tuple[str, ...], list[Row]]:
    found: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        if is_declared(row) and row["primary"] == "yes":
            found.setdefault(tuple(row[name] for name in names), []).append(row)
    return found


def _summary(rows: Sequence[Row]) -> str:
    """Return how many students have which reading, who they are, and how unlike the numbers of loss tokens are."""
    words: dict[str, list[str]] = {}
    for row in rows:
        words.setdefault(_verb(row), []).append(" ".join(filter(None, (row["student"], amount(row)))))
    said = ", ".join(f"{len(who)} {word} ({', '.join(who)})" for word, who in words.items())
    plus, minus, shown = rows[0]["plus"], rows[0]["minus"], measure_of(rows[0]).said
    ratios = sorted(row["loss_token_ratio"] for row in rows if row["loss_token_ratio"] is not None)
    least, most = (f"{ratios[end]:.2f}" for end in (0, -1)) if ratios else ("", "")
    tokens = f", with {least if least == most else f'{least} to {most}'} times the loss tokens" if ratios else ""
    against = f" against {minus}" if minus else ""
    return f"{plus}{against}, in {shown}: of {len(rows)} students {said}{tokens}"


def _verb(row: Row) -> str:
    """Return a reading as what students do; of models without a second seed on which side of 0 they are."""
    word = (row["reading"] or UNDECIDED).split(", ")[0]
    if word in (TWO_MODELS, MODELS) and row["estimate"] is not None:
        return f"had {'less' if row['estimate'] < 0 else 'more'}, as these models are"
    return {GAIN: "gain", LOSS: "lose", UNDECIDED: "are undecided", NOT_COMPARABLE: f"are {NOT_COMPARABLE}"}.get(
        word, word
    )


def _clause(row: Row) -> str:
    """Return what a row says of its student."""
    student, plus, minus, word = row["student"], row["plus"], row["minus"], (row["reading"] or UNDECIDED).split(", ")[0]
    if row["reading"] == NOT_COMPARABLE:
        return f"{student}: {plus} and {minus} are {NOT_COMPARABLE}{row['parity'].removeprefix(NOT_COMPARABLE)}"
    if row["estimate"] is None:
        return _against_the_best(student, plus, minus, word, row)
    if not minus or " of " in plus:
        return _of_contrasts(row, word)
    than = "than the untouched student" if is_untouched(minus) else f"than on {minus}"
    if word in (GAIN, LOSS):
        verb = {GAIN: "gains", LOSS: "loses"}[word]
        against = "over the untouched student" if is_untouched(minus) else f"instead of {minus}"
        return f"{student} {verb} {_size(row)} when trained on {plus} {against} ({_certainty(row)})"
    if word in (TWO_MODELS, MODELS):
        more = "less" if row["estimate"] < 0 else "more"
        return f"{student} had {_size(row)} {more} on {plus} {than} ({_certainty(row)})"
    if word == UNDECIDED:
        return f"whether {student} does better on {plus} {than} is undecided ({_signed(row)}, {_certainty(row)})"
    return f"for {student} the difference of {plus} and {minus} is {word} ({_signed(row)}, {_certainty(row)})"


def _of_contrasts(row: Row, word: str) -> str:
    """Return what a gap between gaps, or a slope, says."""
    said = {TWO_MODELS: "of these models", MODELS: "of these models"}.get(word, word)
    if not row["minus"]:
        return f"{row['student']}: {row['plus']}, {_signed(row)} per unit, {said} ({_certainty(row)})"
    more = "less" if row["estimate"] < 0 else "more"
    return f"{row['plus']} is {_size(row)} {more} than {row['minus']}, {said} ({_certainty(row)})"


def _against_the_best(student: str, plus: str, minus: str, word: str, row: Row) -> str:
    others = minus.removeprefix(BEST_OF)
    said = {
        GAIN_OVER_ALL: f"{student} does better on {plus} than on each of {others}",
        LOSS_TO_BEST: f"{student} does worse on {plus} than on one of {others}",
        UNDECIDED: f"whether {plus} beats {minus} is undecided",
        MODELS: f"against {minus}, of these models alone",
    }.get(word, f"{plus} and {minus} lie apart by {word}")
    return f"{said} ({interval(row)})"


def _size(row: Row) -> str:
    """Return the size of a difference with its unit, without a sign."""
    return f"{points(abs(row['estimate']), '', *unit(row))} {measure_of(row).said}"


def _signed(row: Row) -> str:
    return f"{amount(row)} {measure_of(row).said}"


def _certainty(row: Row) -> str:
    """Return the interval, and what is known of other trainings."""
    said = f"95 %: {interval(row)}"
    if row["reading"] not in (TWO_MODELS, MODELS):
        return f"{said}, {row['n_seeds']} seeds" if row["n_seeds"] > 1 else said
    if not row["tipping_sd"]:
        return f"{said}; other trainings may come out otherwise"
    return f"{said}; it holds of other trainings if their SD is below {points(row['tipping_sd'], '', *unit(row))}"


def _fairness(rows: Sequence[Row]) -> Iterator[str]:
    """Yield what the arms do not share though the study says so, and where they have unlike numbers of loss tokens."""
    declared = dict.fromkeys(row["parity"] for row in rows if row["parity"].startswith(DECLARED))
    yield from (f"the arms differ, as the study says, in {parity.removeprefix(DECLARED)}" for parity in declared)
    ratios = [(row["minus"], row["loss_token_ratio"]) for row in rows if row["loss_token_ratio"] is not None]
    unlike = [(minus, ratio) for minus, ratio in ratios if abs(ratio - 1) > LIKE]
    if ratios and not unlike:
        yield "with as many loss tokens"
    elif unlike:
        several = len(ratios) > 1
        yield "with " + " and ".join(
            f"{ratio:.2f} times the loss tokens{f' of {minus}' if several else ''}" for minus, ratio in unlike
        )
