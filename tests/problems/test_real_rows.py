"""The rows that the study `real` starts from: how many, whence, and that none is both trained on and measured on."""

import json
import re
from pathlib import Path

import pytest
from helpers import DATA, REPOSITORY, needs_data

from distill.config.recipes import SimilarityRecipe
from distill.datasets.similarity import repeats
from distill.runtime.errors import InputError
from tools import make_real

REAL = REPOSITORY / "resources/real"
TAUGHT, MEASURED = ("gsm8k_lengths", "gsm8k_sizes", "math_lengths"), ("gsm8k_by_steps", "easy")
MOST_BYTES = 2_000_000


def rows(name: str) -> list[dict]:
    return [json.loads(line) for line in (REAL / f"{name}.jsonl").read_text().splitlines()]


def statements(names: tuple[str, ...]) -> dict[str, str]:
    return {row["id"]: row["problem"] for name in names for row in rows(name)}


def test_what_is_shipped_is_small_and_its_page_tells_every_file_and_licence() -> None:
    files = {path.stem: len(path.read_text().splitlines()) for path in REAL.glob("*.jsonl")}
    assert sum(path.stat().st_size for path in REAL.iterdir()) <= MOST_BYTES
    told = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*?) \|$", (REAL / "README.md").read_text(), re.MULTILINE)
    assert {name for name, *_ in told} == files.keys()
    for name, what, source, licence in told:
        assert re.match("(MIT|Apache-2.0)", licence), name
        assert re.search(r" @ [0-9a-f]{7}: \S|^as `", source), name
        if not name.endswith("_traces"):
            assert sum(map(int, re.findall(r"(\d+) (?:other |short )?(?:problems|of SVAMP)", what))) == files[name], (
                name
            )


def test_no_problem_is_trained_on_and_measured_on() -> None:
    similar, measured = SimilarityRecipe(), {name: statements((name,)) for name in MEASURED}
    assert list(repeats(statements(TAUGHT), measured, similar.ngram, similar.overlap)) == []


@pytest.mark.parametrize("name", TAUGHT)
def test_every_teacher_has_answered_every_problem_once(name: str) -> None:
    asked, answered = [row["id"] for row in rows(name)], rows(f"{name}_traces")
    teachers = {(row["teacher"], row["style"]) for row in answered}
    assert len(teachers) == (3 if name == "math_lengths" else 2)
    found = [(row["problem_id"], row["teacher"], row["style"]) for row in answered]
    assert sorted(found) == sorted((identity, *teacher) for identity in asked for teacher in teachers)


def test_problems_of_gsm8k_are_as_many_of_each_number_of_steps() -> None:
    levels = [row["level"] for row in rows("gsm8k_by_steps")]
    assert levels == [*make_real.STEPS] * make_real.OF_EACH  # so the first forty are ten of each
    assert not any("<<" in row["solution"] or "####" in row["solution"] for row in rows("gsm8k_by_steps"))


@needs_data
def test_the_shipped_rows_are_those_of_the_tool(tmp_path: Path) -> None:
    make_real.main([str(DATA), "--output", str(tmp_path)])
    for path in REAL.glob("*.jsonl"):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gsm8k_train\.parquet.*resources/real/README\.md"):
        make_real.main([str(tmp_path), "--output", str(tmp_path / "out")])


def test_a_problem_that_repeats_a_measured_one_is_not_trained_on() -> None:
    said = "A farmer has seven cows and buys four more cows at the market on Monday"
    kept = make_real.unmeasured(
        [{"id": "same", "problem": f"{said}!"}, {"id": "other", "problem": "How many legs do three dogs have?"}],
        {"easy": [{"id": "easy-1", "problem": said}]},
    )
    assert kept.keys() == {"other"}
