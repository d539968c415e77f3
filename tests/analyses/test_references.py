"""Published numbers beside ours: which of ours they stand beside, and tables that are none."""

import re
from pathlib import Path
from typing import Any

import pytest
from analyses import hand_made

from distill.analyses import references
from distill.config.catalogue import Catalogue
from distill.config.load import load
from distill.config.origins import unusable_files
from distill.config.plan import Plan
from distill.config.recipes import StudyRecipe
from distill.runtime.errors import InputError

REPOSITORY = Path(__file__).parents[2]
PAPER = (
    "s,hard,b,70,A paper",
    "s,hard,b c,85.5,A paper",
    "s,base,c b,12.34,A note",
    "s,hard,b d,1,Over other benchmarks",
    "s,lost,b,1,A dataset that we lack",
    "other,hard,b,1,A student that we lack",
)


def content(root: Path, table: Path, **changes: Any) -> dict[str, Any]:
    """Return the section on a table, beside the hand-made study on two benchmarks."""
    files = hand_made.results(root, ("b", "c"))
    means = hand_made.tabulated(root, files, benchmarks=["b", "c"], **changes) / "means.csv"
    return hand_made.section(root, "references", {"means": [means], "references": [table]})


def test_a_number_stands_beside_ours_for_the_same_arm_and_benchmarks(tmp_path: Path) -> None:
    """By hand: `hard` has 3 of 4 on b and 2 of 2 on c with both seeds, its mean is 87.5; `base` none."""
    table = hand_made.published(tmp_path / "paper.csv", *PAPER)
    found = content(tmp_path, table)
    names = ("dataset", "benchmark", "seeds", "published", "ours", "ours less published", "source")
    told = [[row[name] for name in names] for row in found["rows"]]
    assert told == [
        ["hard", "b", 2, "70.0", "75.0", "+5.0", "A paper"],
        ["hard", "average", 2, "85.5", "87.5", "+2.0", "A paper"],
        ["base", "average", 1, "12.3", "0.0", "-12.3", "A note"],
    ]
    assert found["text"][-1] == f"{table}: 3 of its 6 numbers are of arms and benchmarks of this report."
    low, high = map(float, found["rows"][0]["95 % interval"].split(" to "))
    assert low < 75.0 < high


def test_a_mean_by_problem_is_another_mean(tmp_path: Path) -> None:
    table = hand_made.published(tmp_path / "paper.csv", "s,hard,b c,85.5,A paper", "s,hard,c,99,A paper")
    assert [row["benchmark"] for row in content(tmp_path, table, weights="by_problem")["rows"]] == ["c"]


def test_no_table_no_numbers(tmp_path: Path) -> None:
    files = hand_made.results(tmp_path)
    means = hand_made.tabulated(tmp_path, files) / "means.csv"
    section = hand_made.section(tmp_path, "references", {"means": [means], "references": []})
    assert (section["rows"], section["text"]) == ([], ["The studies name no published numbers."])


@pytest.mark.parametrize(
    ("line", "columns", "complaint"),
    [
        ("s,hard,b,70", "student,dataset,benchmarks,points", "{}: no column `source`; it needs student, dataset,"),
        ("", "", "{}: no column `student`"),
        ("s,hard,b,seventy,A paper", None, "{}:2: points 'seventy' are no number from 0 to 100"),
        ("s,hard,b,nan,A paper", None, "{}:2: points 'nan' are no number"),
        ("s,hard,b,-1,A paper", None, "{}:2: points '-1' are no number"),
        ("s,hard,b,101,A paper", None, "{}:2: points '101' are no number"),
        ("s,hard,b,70", None, "{}:2: no source"),
        ("s,hard, ,70,A paper", None, "{}:2: no benchmarks"),
    ],
)
def test_a_table_that_is_none_is_one_line(tmp_path: Path, line: str, columns: str | None, complaint: str) -> None:
    table = hand_made.published(tmp_path / "paper.csv", line, **({} if columns is None else {"columns": columns}))
    with pytest.raises(InputError, match="^" + re.escape(complaint.format(table))):
        list(references.read_references(table))


def test_bytes_that_are_no_text_are_one_line(tmp_path: Path) -> None:
    table = tmp_path / "paper.csv"
    table.write_bytes(b"student,dataset,benchmarks,points,source\ns,hard,b,70,\xff\n")
    with pytest.raises(InputError, match="not a CSV table in UTF-8"):
        list(references.read_references(table))


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load(
        REPOSITORY / "config", {"studies": sorted(p.stem for p in (REPOSITORY / "config/studies").glob("*.yaml"))}
    )


def referring(catalogue: Catalogue) -> dict[str, list[StudyRecipe]]:
    """Return table -> the studies that name it."""
    found: dict[str, list[StudyRecipe]] = {}
    for study in catalogue.studies.values():
        for table in study.references:
            found.setdefault(table, []).append(study)
    return found


def test_every_shipped_number_is_asked_for_by_a_study(catalogue: Catalogue) -> None:
    """Names in the tables are those of the catalogue: one that is misspelt would stand beside nothing."""
    shipped = sorted((REPOSITORY / "resources/reference").glob("*.csv"))
    named = referring(catalogue)
    assert sorted(named) == [str(path.relative_to(REPOSITORY)) for path in shipped]
    for path in shipped:
        rows = list(references.read_references(path))
        assert len({(*row[:3], row.source) for row in rows}) == len(rows)
        for row in rows:
            assert row.benchmarks <= catalogue.corpora.keys(), row
            blocks = [arms for study in named[str(path.relative_to(REPOSITORY))] for arms in study.arms]
            assert any(row.student in b.students and row.dataset in (*b.datasets, "base") for b in blocks), row


def test_means_of_the_paper_are_those_of_its_numbers() -> None:
    """Its Table 3 has one mean that its own numbers do not give (31.8)."""
    rows = list(references.read_references(REPOSITORY / "resources/reference/paper-table-3.csv"))
    single = {(*row[:2], *row.benchmarks): row.points for row in rows if len(row.benchmarks) == 1}
    wrong = [
        row[:2]
        for row in rows
        if len(row.benchmarks) == 5
        and abs(sum(single[(*row[:2], name)] for name in row.benchmarks) / 5 - row.points) > 0.07
    ]
    assert (len(rows), wrong) == (2 * 7 * 6, [("llama-3-2-3b", "math-small")])


def test_a_table_that_is_not_there_is_named_before_the_run(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch,
                                                           tmp_path: Path) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    lines = unusable_files(Plan(catalogue))
    assert "config/studies/long-cot.yaml: long-cot: resources/reference/paper-table-1.csv is not there" in [
        line.removeprefix(f"{REPOSITORY}/") for line in lines
    ]
