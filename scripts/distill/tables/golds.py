"""Gold answers: those of a corpus, or where it has none what its teachers agree on; and how a manifest states which.

A manifest of what follows from golds states them where they are not the corpus's own: `origin` is `agreement` (with its
terms and counts), `judge` (a judge without golds decides) or `none` (nothing can be called correct).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distill import tables
from distill.runtime.errors import InputError
from distill.runtime.files import read_json

TABLE = "agreement.parquet"
TERMS = ("teachers", "at_least", "share", "problems", "agreed")


def read_golds(problems: Path, agreement: Path | None = None) -> dict[str, str]:
    """Return problem_id -> gold answer, '' where there is none; `agreement` is the manifest of one.

    Raises InputError where only some of a corpus's own are empty, or where the agreement is not of these problems.
    """
    rows = tables.read(problems, tables.PROBLEMS, ["problem_id", "answer"]).to_pylist()
    empty = [row["problem_id"] for row in rows if not row["answer"].strip()]
    if 0 < len(empty) < len(rows):
        raise InputError(f"{problems}: problem {empty[0]} has an empty answer; nothing can be graded against it")
    golds = {row["problem_id"]: row["answer"] for row in rows}
    if agreement is None:
        return golds
    if len(empty) < len(rows):
        raise InputError(f"{agreement}: {problems} has gold answers of its own; leave the agreement out")
    table = agreement.with_name(TABLE)
    agreed = tables.read(table, tables.AGREEMENT, ["problem_id", "answer"]).to_pylist()
    if {row["problem_id"] for row in agreed} != golds.keys():
        raise InputError(f"{table}: not the agreement on the problems of {problems}; make it again")
    return {row["problem_id"]: row["answer"] or "" for row in agreed}


def read_tolerances(problems: Path) -> dict[str, float]:
    """Return problem_id -> absolute error that a number may have, of those problems of which the corpus states one."""
    name = tables.TOLERANCE.name
    if name not in tables.footer(problems).schema.to_arrow_schema().names:
        return {}
    rows = tables.read(problems, tables.PROBLEMS, ["problem_id", name]).to_pylist()
    return {row["problem_id"]: row[name] for row in rows if row[name] is not None}


def stated_golds(golds: Mapping[str, str], agreement: Path | None = None, judged: bool = False) -> dict[str, Any]:
    """Return what a manifest states of the golds behind it; nothing where they are the corpus's own.

    Args:
        golds: problem_id -> the corpus's gold answer, or that of the agreement.
        agreement: The agreement's manifest, where there is one.
        judged: Whether a judge says what is correct where there is no gold answer.
    """
    if agreement is not None:
        facts = read_json(agreement)
        return {"golds": {"origin": "agreement", **{name: facts[name] for name in TERMS}}}
    if any(answer.strip() for answer in golds.values()):
        return {}
    return {"golds": {"origin": "judge" if judged else "none"}}
