"""Gaps: differences in accuracy between arms of one student on the same problems."""

from distill.analyses.section import Inputs, Picture, Section
from distill.runtime.files import read_json
from distill.scores.csvs import read_csv
from distill.scores.gaps import reading
from distill.scores.golds import notes
from distill.training.parity import NOT_COMPARABLE

NEEDS = ("gaps", "scores")
ORDER = 10
TEXT = (
    "A gap is the difference in accuracy between two arms of one student on the same problems, with a 95 % interval "
    "from a paired bootstrap over problems (and seeds, where there are several) and the p-value of a paired sign-flip "
    "test. With one seed the interval knows nothing of the noise between trainings. An interval that includes zero "
    "shows no difference. Of several minus arms the best one on this very benchmark counts, which biases that gap "
    "downward. The loss tokens are those of the plus arm over those of the minus arm. Arms that differ in more than "
    f"their data, and of which the study does not say so, are {NOT_COMPARABLE}: such a difference has no reading.",
)


def analyse(inputs: Inputs) -> Section:
    """Return the section on gaps, from gaps.csv."""
    from distill.analyses import plots

    gaps = read_csv(*inputs["gaps"])
    readings = [reading(gap) for gap in gaps]
    rows = [
        {
            "gap": gap["gap"],
            "student": gap["student"],
            "benchmark": gap["benchmark"],
            "arms": f"{gap['plus']} − {gap['minus']}",  # noqa: RUF001
            "difference": f"{gap['estimate']:+.3f}",
            "parity": gap["parity"],
            "loss tokens": None if gap["loss_token_ratio"] is None else f"{gap['loss_token_ratio']:.2f} : 1",
            "95 % interval": f"{gap['ci_low']:+.3f} to {gap['ci_high']:+.3f}",
            "p": "<0.001" if gap["p_value"] < 0.001 else f"{gap['p_value']:.3f}",
            "reading": word.replace("0", "zero"),
            "problems": gap["n_problems"],
            "seeds": gap["n_seeds"],
        }
        for gap, word in zip(gaps, readings, strict=True)
    ]
    marks = tuple({"gain": "up", "loss": "down"}.get(word, "") for word in readings)
    text = TEXT if gaps else (*TEXT, "The studies name no gaps.")
    text += notes(map(read_json, inputs["scores"]))
    return Section("Gaps", text, rows, Picture("gap_by_student", plots.gap_by_student(gaps)), "difference", marks)
