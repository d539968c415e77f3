"""Students: a block for each, with what it could do before training, its arms, and its contrasts."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from distill.analyses import contrast_rows, student_tables
from distill.analyses.looks import Looks
from distill.analyses.section import Block, Inputs, Picture, Section, Table
from distill.analyses.student_tables import Student
from distill.config.labels import Labels
from distill.config.lineage import BASE
from distill.runtime.files import read_json
from distill.scores.csvs import read_csv
from distill.scores.edges import at_an_edge
from distill.scores.golds import notes
from distill.scores.measures import ACCURACY
from distill.scores.numbers import interval, parameters_text, points
from distill.training.parity import NOT_COMPARABLE

NEEDS = ("means", "gaps", "scores_csv", "breakdowns", "scores")
ORDER = 10
LABELLED = True
OPEN = 4  # with more students each block is folded
TEXT = (
    "A block for each student, by size. Its arms: accuracy in points of a hundred, and what each training gained over "
    "the untouched student. Its contrasts: differences between arms on the same problems, in points. Benchmarks, "
    "seeds and levels are folded under them; scores.csv, means.csv, breakdowns.csv and gaps.csv hold all figures."
)
OF_CONTRASTS = (
    "A contrast is the difference in accuracy between two arms of one student on the same problems; a gap between gaps "
    "is that of one student less that of another. Interval (95 %) and p come from one statistic, which knows two "
    "sources of chance: the problems that were asked, and the training, from arms of the same student and training "
    "that have several seeds (SD, in points). An SD of 0.0 says that their seeds differ by no more than answers do by "
    "chance; an arm of one seed is judged by that of its fellows. Differences are of the means of all seeds.",
    "A reading is about the data. Gain or loss: p, corrected for all contrasts of the study that can have a reading "
    "(Holm; gains over the untouched student for themselves), is at most 0.05. Smaller than d: the interval lies "
    "within the smallest gap that matters to the study. Undecided: neither, which does not mean that there is no "
    "difference. Benchmarks under an average have no reading.",
    "These two models: no arm of this student and training has a second seed, so the interval is about the models as "
    "they are and no other training of them. It leaves out 0 as long as the SD between trainings is below the figure.",
    "Against the best of several arms there is an interval and no estimate, for the best is picked on the very "
    "problems that it is judged on: gain over all means better than each, loss to the best worse than one of them.",
    f"Arms that differ in more than their data, and of which the study does not say so, are {NOT_COMPARABLE}. The loss "
    "tokens are those of the plus arm over those of the minus arm.",
)
OF_SCORES = (
    "Accuracy is the share of responses whose last box equals the gold answer, with Wilson's interval on the number of "
    "independent samples that they are worth. A mean over benchmarks weighs all alike (the paper's P) or, where it "
    "says so, each by its problems; that of large ones leaves out benchmarks of fewer than 100 problems. The interval "
    "of a mean over seeds knows the noise of trainings where some arm of the student and training has several.",
    "No answer and cut off are shares of all responses; a model that does not stop is seen here, not mistaken for one "
    "that cannot reason. A cut-off response is not correct, whatever stands in it. Loops end in one passage said again "
    "and again. Errors are responses that the engine did not give, ungraded those of which the grader cannot say "
    "whether they are right (time limit, unreadable gold answer): both count as not correct. Lenient is the accuracy "
    "where an answer counts that stands in no box, too: models that know no boxes need it, and some of it is luck; "
    "intervals, contrasts and datasets never use it.",
)
SAMPLED = (
    "Of several samples: pass@n is the share of problems with a correct one among all n, maj@n that of problems whose "
    "most frequent answer is correct. The grader says which answers are equal; a tie counts by the share of it that is "
    "right. breakdowns.csv has both for fewer samples."
)
PAPER = (
    "The scores follow paper_scoring, which repeats the defects of the paper's scorer: for comparing with its tables."
)


def analyse(inputs: Inputs, labels: Labels) -> Section:
    """Return the section on students, from the tables of the contrasts; the manifests of scores tell what golds are."""
    from distill.analyses import score_plots

    kinds = ("means", "gaps", "scores_csv", "breakdowns")
    means, gaps, scores, parts = (read_csv(*inputs[kind]) for kind in kinds)
    gaps = [gap for gap in gaps if gap["measure"] == ACCURACY.name]
    manifests = [read_json(path) for path in inputs["scores"]]
    who = list(dict.fromkeys((row["study"], row["student"]) for row in means))
    own = {pair: Student.of(*(_of(rows, pair) for rows in (means, gaps, scores, parts))) for pair in who}
    several = len({study for study, _ in who}) > 1
    arms = {pair: student_tables.arms_table("Arms", student, _primary(student)) for pair, student in own.items()}
    called = {(study, name): f"{study}: " * several + labels.said("students", name) for study, name in who}
    blocks = [_block(called[pair], student, arms[pair], labels, len(who) <= OPEN) for pair, student in own.items()]
    paper = [PAPER] if any(manifest["policy"] == "paper_scoring" for manifest in manifests) else []
    text = (TEXT, *at_an_edge(labels.rows(scores)), *notes(manifests), *paper)
    sampled = [SAMPLED] if any(row["pass_at_n"] is not None for row in scores) else []
    read = Block("How these numbers are made", text=(*OF_CONTRASTS, *OF_SCORES, *sampled))
    rows = [
        {"study": study, "student": name, **{column: row[column] for column in student_tables.ARMS}}
        for (study, name), table in arms.items()
        for row in table.rows
    ]
    primary = labels.rows(row for student in own.values() for row in _primary(student))
    picture = Picture("score_by_size", *score_plots.score_by_size(primary, Looks.of(labels)))
    return Section("Students", text, rows, picture, blocks=(*blocks, *_between(gaps, who), read), open=True)


def _of(rows: Sequence[Any], who: tuple[str, str]) -> list[Any]:
    return [row for row in rows if (row["study"], row["student"]) == who]


def _primary(student: Student) -> list[Any]:
    return [row for row in student.means if row["benchmark"] == student.primary]


def _block(name: str, student: Student, arms: Table, labels: Labels, is_open: bool) -> Block:
    """Return the block of a student: what stands for its arms and contrasts, and the rest folded under it."""
    declared = student.contrasts(True)
    size = parameters_text(student.means[0]["parameters"])
    is_single = student.primary in {row["benchmark"] for row in student.scores}
    where = f"on {labels.said('corpora', student.primary)}" if is_single else (
        f"{student.primary} of {max(row['n_benchmarks'] for row in student.means)} benchmarks")  # fmt: skip
    tables = (arms, *([contrast_rows.table("Contrasts", declared)] if declared else []))
    others = [row for row in student.means if row["benchmark"] != student.primary]
    folded = []
    if others:
        single = [student_tables.arms_table("Arms by benchmark", student, others, "benchmark", "problems")]
        if gaps := student.contrasts(False):
            single.append(contrast_rows.table("Contrasts by benchmark", gaps, "benchmark"))
        folded.append(Block("By benchmark", tables=tuple(single)))
    folded.append(Block("Every seed, and what was not correct", tables=(student_tables.seeds_table(student),)))
    if levels := tuple(student_tables.levels_tables(student, labels)):
        folded.append(Block("By level and subject", tables=levels))
    title = f"{name}, {size}" if size else name
    return Block(title, _lead(student, arms), (f"Points of accuracy, {where}.",), tables, tuple(folded), is_open)


def _lead(student: Student, arms: Table) -> str:
    """Return what a folded block says: the untouched student, and how many arms gained."""
    base = next(row for row in _primary(student) if row["dataset"] == BASE)
    readings = Counter((row["reading"] or "").split(",")[0] for row in arms.rows if row["gain"] is not None)
    counted = ", ".join(f"{count} \u00d7 {word}" for word, count in readings.most_common())
    trained = f"; arms over it: {counted}" if readings else ""
    return f"untouched {points(base['accuracy'])} ({interval(base)}){trained}"


def _between(gaps: Sequence[Any], who: Sequence[tuple[str, str]]) -> list[Block]:
    """Return the block of contrasts that are of no single student: gaps between gaps."""
    rows = [gap for gap in gaps if (gap["study"], gap["student"]) not in who]
    primary, single = ([row for row in rows if (row["primary"] == "yes") == wanted] for wanted in (True, False))
    if not primary:
        return []
    blocks = (Block("By benchmark", tables=(contrast_rows.table("By benchmark", single, "student", "benchmark"),)),)
    table = contrast_rows.table("Between students", primary, "student")
    return [Block("Between students", tables=(table,), blocks=blocks if single else (), open=True)]
