"""What a contrast says in words, and its figures as a person reads them: accuracy in points, with one decimal.

A word is about the data, so it stands only where the noise between trainings is known and the arms are comparable. It
follows a p-value that is corrected for all contrasts of the study's family (Holm 1979, Scandinavian Journal of
Statistics 6:65); `smaller than d` is that of two one-sided tests (Schuirmann 1987, Journal of Pharmacokinetics and
Biopharmaceutics 15:657) at 2.5 % each: the 95 % interval lies within d on both sides of 0.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from distill.config import labels
from distill.config.contrasts import DECLARED, GAIN_OVER_BASE, GAINS
from distill.scores import numbers
from distill.scores.measures import ACCURACY, MEASURES, Measure
from distill.scores.numbers import points
from distill.training.parity import NOT_COMPARABLE

ALPHA = 0.05
GAIN, LOSS, UNDECIDED = "gain", "loss", "undecided"
GAIN_OVER_ALL, LOSS_TO_BEST = "gain over all", "loss to the best"
TWO_MODELS, MODELS = "these two models", "these models"
Row = Mapping[str, Any]


def read_all(rows: Sequence[dict[str, Any]], smallest: float | None) -> list[dict[str, Any]]:
    """Return the rows of a study with `reading` and `p_holm`; `smallest` is the study's `smallest_gap` in accuracy.

    Corrected are the primary rows that can have a word, those of each family together.
    """
    corrected: dict[int, float] = {}
    for family in dict.fromkeys(row["family"] for row in rows):
        worded = [i for i, row in enumerate(rows) if row["family"] == family and has_word(row)]
        corrected |= dict(zip(worded, holm([rows[i]["p_value"] for i in worded]), strict=True))
    return [
        {**row, "p_holm": corrected.get(i), "reading": reading(row, corrected.get(i), _of_its_measure(row, smallest))}
        for i, row in enumerate(rows)
    ]


def _of_its_measure(row: Row, smallest: float | None) -> float | None:
    return smallest if row["measure"] == ACCURACY.name else None


def has_word(row: Row) -> bool:
    """Whether a row may have a word: it stands for its contrast, is fair, and the noise of trainings is known."""
    return row["primary"] == "yes" and not row["unknown"] and not row["parity"].startswith(NOT_COMPARABLE)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values of a family, corrected by Holm's step-down method."""
    from statsmodels.stats.multitest import multipletests

    return [float(p) for p in multipletests(p_values, method="holm")[1]] if p_values else []


def reading(row: Row, p_holm: float | None, smallest: float | None) -> str:
    """Return a row in words; nothing where another row stands for the contrast."""
    if row["parity"].startswith(NOT_COMPARABLE):
        return NOT_COMPARABLE
    if row["primary"] != "yes":
        return ""
    if p_holm is None:
        return TWO_MODELS if row["n_arms"] == 2 else MODELS
    # Against the best of several there is no estimate, and a p-value of at most .05 has its interval on one side of 0.
    is_best, is_up = row["estimate"] is None, row["ci_low"] > 0
    sides = ((LOSS_TO_BEST, GAIN_OVER_ALL) if is_best else (LOSS, GAIN))[is_up]
    words = [sides] if p_holm <= ALPHA else []
    if smallest is not None and -smallest < row["ci_low"] and row["ci_high"] < smallest:
        words.append(f"smaller than {100 * smallest:.1f} points")
    return ", ".join(words) or UNDECIDED


def side(row: Row) -> int:
    """Return 1 for a gain, -1 for a loss, 0 for what has none of these words."""
    word = (row["reading"] or "").split(",")[0]
    return (word in (GAIN, GAIN_OVER_ALL)) - (word in (LOSS, LOSS_TO_BEST))


def measure_of(row: Row) -> Measure:
    """Return the measure of a row."""
    return MEASURES[row["measure"]]


def amount(row: Row, column: str = "estimate") -> str:
    """Return a difference with its sign in the unit of its measure, `+14.5` points, `-0.032` nats; nothing for None."""
    return points(row[column], "+", *unit(row)) or ""


def interval(row: Row) -> str:
    """Return the 95 % interval in the unit of the row's measure."""
    return numbers.interval(row, "+", *unit(row))


def unit(row: Row) -> tuple[float, int]:
    """Return the scale and the decimals that figures of a row's measure are written with."""
    return measure_of(row).scale, measure_of(row).decimals


def p_text(p_value: float | None) -> str:
    """Return a p-value; nothing for None."""
    return "" if p_value is None else "<0.001" if p_value < 0.001 else f"{p_value:.3f}"


def arms(row: Row) -> str:
    """Return the arms of a row."""
    return f"{row['plus']} - {row['minus']}" if row["minus"] else row["plus"]


def noise(row: Row) -> str:
    """Return what is known of the noise between trainings: its SD in the row's unit, or how large it may be."""
    sd, tipping = (points(row[name], "", *unit(row)) for name in ("seed_sd", "tipping_sd"))
    parts = [] if sd is None else [f"SD {sd}"]
    if row["tipping_sd"]:
        parts.append(f"holds if SD < {tipping}")
    return ", ".join(parts) or ("" if row["estimate"] is None else "unknown")


def ratio(row: Row) -> str:
    """Return the ratio of the loss tokens."""
    return "" if row["loss_token_ratio"] is None else f"{row['loss_token_ratio']:.2f} : 1"


HOLM = "Holm's p"
ESTIMATE = "estimate"  # its heading is the unit
COLUMNS = ("gap", "student", "benchmark", "arms", ESTIMATE, "95 % interval", "reading", "p", HOLM, "seeds",
           "training noise", "loss tokens", "parity")  # fmt: skip


def cells(row: Row) -> dict[str, str]:
    """Return a row as a person reads it, by column."""
    name = labels.GAIN if row["gap"] == GAIN_OVER_BASE else row["gap"]
    values = (name, row["student"], row["benchmark"], arms(row), amount(row), interval(row),
              row["reading"] or "", p_text(row["p_value"]), p_text(row["p_holm"]), str(row["n_seeds"]), noise(row),
              ratio(row), parity(row))  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def parity(row: Row) -> str:
    """Return what a row's arms have in common; against the untouched student it is all but the training."""
    return "equal but for the training" if row["parity"] == "base" else row["parity"]


def is_declared(row: Row) -> bool:
    """Whether a study declares the contrast of a row, by whichever measure."""
    return row["family"] == measure_of(row).family(DECLARED)


def title(row: Row) -> str:
    """Return the title of the table of a row's family, which says the measure and its unit."""
    measure = measure_of(row)
    if is_declared(row):
        return f"contrasts in {measure.shown} of {'accuracy' if measure is ACCURACY else 'the ' + measure.title}"
    return row["family"].replace(GAINS, f"gains over the {labels.UNTOUCHED}")


def asked(study: Any) -> list[str]:
    """Return the question of a study and what it expects, a line each; those that are given."""
    return [f"{word}: {text}" for word, text in (("question", study.question), ("expected", study.expected)) if text]


def expectations(rows: Iterable[Row]) -> list[str]:
    """Return what is expected of contrasts, a line each."""
    found = {row["gap"]: row["expected"] for row in rows if row["expected"]}
    return [f"expected of {name}: {text}" for name, text in found.items()]
