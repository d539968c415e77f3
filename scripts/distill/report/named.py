"""Names for people: the contrasts' texts with labels for names, and the section that says which label is whose."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distill.analyses.section import Section
from distill.config.labels import Labels
from distill.config.recipes import StudyRecipe
from distill.scores.csvs import read_csv
from distill.scores.edges import at_an_edge
from distill.scores.latex import tables_tex
from distill.scores.terminal import gap_text

KINDS = {"students": "student", "teachers": "teacher", "datasets": "dataset", "trainings": "training",
         "corpora": "corpus"}  # fmt: skip
TEXT = ("What entries of the catalogue are called here; their names are the keys of files and CSV tables.",)


def texts(contrasts: Path, studies: Mapping[str, Any], labels: Labels) -> dict[str, str]:
    """Return gaps.txt and tables.tex of the contrasts' folder, with labels for names; as they are without labels."""
    found = {name: (contrasts / name).read_text() for name in ("gaps.txt", "tables.tex")}
    if not labels.of:
        return found
    gaps, means, scores = (read_csv(contrasts / f"{name}.csv") for name in ("gaps", "means", "scores"))
    recipes = {name: StudyRecipe.model_validate(study) for name, study in studies.items()}
    whose = ["labels:", *(f"  {label} = {KINDS[kind]} {name}" for kind, name, label in labels.entries())]
    text = gap_text(gaps, recipes, labels)
    lines = [text, *at_an_edge(labels.rows(scores)), "", *whose]
    return {
        "gaps.txt": "\n".join(lines) + "\n",
        "tables.tex": tables_tex(means, gaps, recipes, labels),
    }


def names_section(labels: Labels) -> dict[str, Any]:
    """Return the section that says which entry of the catalogue a label stands for."""
    rows = [{"called": label, "what": KINDS[kind], "name": name} for kind, name, label in labels.entries()]
    return Section("Names", TEXT, rows).content()
