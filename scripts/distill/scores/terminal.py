"""The contrasts as text for a terminal: gaps.txt."""

from collections.abc import Mapping, Sequence
from typing import Any

from distill.config.labels import JOINT, NO_LABELS, Labels
from distill.scores.answers import answers
from distill.scores.csvs import aligned
from distill.scores.readings import COLUMNS, ESTIMATE, Row, asked, cells, expectations, measure_of, title

LEGEND = (
    "A reading is about the data: it needs the noise between trainings (arms with several seeds) and comparable arms, "
    "and follows Holm's p.",
    "'these two models': without seeds the interval is about these models only; it would leave out 0 as long as the SD "
    "of a training is below the figure given.",
)  # fmt: skip


def gap_text(rows: Sequence[Row], studies: Mapping[str, Any], labels: Labels = NO_LABELS) -> str:
    """Return the contrasts as text: per study what it asks, the answers in sentences, then a table per family.

    `studies` are their recipes by name; `labels` stand for names.
    """
    rows, lines = labels.rows(rows, JOINT), []
    for name, study in studies.items():
        own = [row for row in rows if row["study"] == name]
        said = [f"{each['contrast']}: {each['answer']}" for each in answers(own)]
        lines += [f"study {name}", *asked(study), "", *said]
        for family in dict.fromkeys(row["family"] for row in own):
            rows_of_it = [row for row in own if row["family"] == family]
            table = [list(cells(row).values()) for row in rows_of_it]
            lines += ["", title(rows_of_it[0]), *aligned([headings(rows_of_it[0]), *table])]
        lines += ["", *expectations(own)]
    return "\n".join([*lines, *(LEGEND if rows else [])]).replace(JOINT, " ")


def headings(row: Row) -> list[str]:
    """Return the headings of the table of a row's family: that of its estimate is the unit."""
    return [measure_of(row).shown if name == ESTIMATE else name for name in COLUMNS]
