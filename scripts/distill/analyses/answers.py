"""The answers: a sentence for each declared contrast, made by the readings, and a picture of all of them."""

from collections.abc import Sequence

from distill.analyses.contrast_rows import short_figures
from distill.analyses.forest import forest
from distill.analyses.section import Block, Inputs, Picture, Row, Section, Table
from distill.config.labels import JOINT, Labels
from distill.scores.answers import answers, over_untouched, summaries
from distill.scores.csvs import read_csv
from distill.scores.measures import ACCURACY
from distill.scores.readings import expectations, is_declared

NEEDS = ("gaps",)
ORDER = 5
LABELLED = True
FEW = 3  # students; with more a contrast has one sentence, and theirs are folded under it
TEXT = (
    "A sentence says what can be said of its contrast, and no more: “gains” and “loses” are of the data. “Had more” "
    "and “had less” are of the models that were trained, where no second seed says how trainings differ; they hold "
    "of other trainings if the standard deviation (SD) of their accuracy is below the points that are named."
)
UNTOUCHED = (
    "What each training gained over the student as it was, in points of accuracy; intervals stand with the students."
)
NONE = "The studies name no gaps."


def analyse(inputs: Inputs, labels: Labels) -> Section:
    """Return the section of sentences and the forest plot, from gaps.csv."""
    rows = read_csv(*inputs["gaps"])
    gaps = [row for row in rows if is_declared(row)]
    named = labels.rows(gaps, JOINT)
    pairs = zip(answers(gaps), answers(named), strict=True)
    said = [{**row, "answer": _sentence(each["answer"])} for row, each in pairs]
    pairs = zip(over_untouched(rows), over_untouched(labels.rows(rows, JOINT)), strict=True)
    gained = [{**row, "answer": _sentence(each["answer"])} for row, each in pairs]
    text = ((TEXT if said else NONE), *expectations(gaps))
    shown = [row for row in gaps if row["primary"] == "yes" and row["measure"] == ACCURACY.name]
    picture = Picture("forest", *forest(labels.rows(shown)))
    return Section("Answers", text, said, picture, blocks=_blocks(named, said, gained), open=True)


def _sentence(answer: str) -> str:
    return short_figures(answer.replace(JOINT, " "))


def _blocks(gaps: Sequence[Row], said: Sequence[Row], gained: Sequence[Row]) -> tuple[Block, ...]:
    """Return the sentences: where a contrast has many students one for all, and theirs folded; and the gains."""
    columns = ("contrast", "student", "answer")
    counts = {row["contrast"]: len({each["student"] for each in said if each["contrast"] == row["contrast"]})
              for row in said}  # fmt: skip
    many = {name for name, count in counts.items() if count > FEW}
    if not many and not gained:
        return ()
    short = [row for row in said if row["contrast"] not in many]
    rows = [
        {**row, "student": "all", "answer": row["answer"].replace(JOINT, " ")}
        for row in summaries(gaps)
        if row["contrast"] in many
    ]
    rows = sorted([*rows, *short], key=lambda row: list(counts).index(row["contrast"]))
    each = Table("Answers by student", [row for row in said if row["contrast"] in many], columns, dense=False)
    untouched = Table("Gains over the untouched student", gained, ("student", "answer"), dense=False)
    shown = [Block("", tables=(Table("Answers", rows, columns, dense=False),), open=True)] if rows else []
    folded = [Block("Each student", tables=(each,))] if many else []
    over = [Block("Against no training", text=(UNTOUCHED,), tables=(untouched,), open=not many)] if gained else []
    return (*shown, *folded, *over)
