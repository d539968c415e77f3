"""Gaps and the other contrasts that studies declare: differences in accuracy on the same problems, in points."""

from collections.abc import Sequence
from typing import Any

from distill.analyses.section import Inputs, Picture, Row, Section
from distill.config.contrasts import DECLARED
from distill.runtime.files import read_json
from distill.scores.csvs import read_csv
from distill.scores.edges import at_an_edge
from distill.scores.golds import notes
from distill.scores.readings import ESTIMATE, HOLM, cells, expectations, measure_of, side
from distill.training.parity import NOT_COMPARABLE

NEEDS = ("gaps", "scores", "scores_csv")
ORDER = 10
TEXT = (
    "A gap is the difference in accuracy between two arms of one student on the same problems, in points; a gap "
    "between gaps is that of one student less that of another. Interval (95 %) and p come from one statistic, which "
    "knows two sources of chance: the problems that were asked, and the training, from arms of the same student and "
    "training that have several seeds (SD, in points).",
    "A reading is about the data. Gain or loss: p, corrected for all contrasts of the study that can have a reading "
    "(Holm), is at most 0.05. Smaller than d: the interval lies within the smallest gap that matters to the study. "
    "Undecided: neither, which does not mean that there is no difference. Benchmarks under an average have no reading.",
    "These two models: no arm of this student and training has a second seed, so the interval is about the models as "
    "they are and no other training of them. It leaves out 0 as long as the SD between trainings is below the figure.",
    "Against the best of several arms there is an interval and no estimate, for the best is picked on the very "
    "problems that it is judged on: gain over all means better than each, loss to the best worse than one of them.",
    f"Arms that differ in more than their data, and of which the study does not say so, are {NOT_COMPARABLE}. The loss "
    "tokens are those of the plus arm over those of the minus arm.",
)


def analyse(inputs: Inputs) -> Section:
    """Return the section on declared contrasts, from gaps.csv."""
    from distill.analyses import plots

    gaps = [row for row in read_csv(*inputs["gaps"]) if row["family"] == DECLARED]
    text = TEXT if gaps else ("The studies name no gaps.",)
    text += (*at_an_edge(read_csv(*inputs["scores_csv"])), *expectations(gaps))
    text += tuple(notes(map(read_json, inputs["scores"])))
    picture = Picture("gap_by_student", plots.gap_by_student([row for row in gaps if row["primary"] == "yes"]))
    return Section("Gaps", text, table(gaps), picture, "points", marks(gaps), dense=True)


def table(gaps: Sequence[Any]) -> list[Row]:
    """Return rows of gaps.csv as a person reads them; figures that belong together share a column."""
    rows = []
    for gap, shown in zip(gaps, map(cells, gaps), strict=True):
        fairness = [shown["parity"], f"loss tokens {shown['loss tokens']}" if shown["loss tokens"] else ""]
        rows.append(
            {
                "contrast": f"{gap['gap']}: {shown['arms']}",
                "student": shown["student"],
                "benchmark (problems)": f"{shown['benchmark']} ({gap['n_problems']})",
                measure_of(gap).shown: shown[ESTIMATE],
                **{name: shown[name] for name in ("95 % interval", "reading")},
                "p (Holm)": with_more(shown["p"], shown[HOLM]),
                "seeds (SD)": with_more(str(gap["n_seeds"]), shown["training noise"]),
                "parity": "; ".join(filter(None, fairness)),
            }
        )
    return rows


def with_more(text: str, more: str) -> str:
    """Return a text, and what is said beside it in brackets."""
    return f"{text} ({more})" if more else text


def marks(gaps: Sequence[Any]) -> tuple[str, ...]:
    """Return which rows are a gain (`up`) or a loss (`down`) by their reading."""
    return tuple({1: "up", -1: "down"}.get(side(gap), "") for gap in gaps)
