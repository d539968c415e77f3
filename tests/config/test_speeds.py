"""The table of speeds, and how it is read: own size, sizes between, sizes beyond, engines that it lacks; ranges."""

from pathlib import Path

import pytest

from distill.config import speeds
from distill.config.ranges import Range, exactly, total
from distill.runtime.errors import InputError

GPU = [(1e9, 4000, 6000), (4e9, 2000, 2000)]


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of round numbers, without a margin."""
    rows = [speeds.Speed("write", "vllm", "gpu", size, Range(low, high), "x") for size, low, high in GPU]
    rows += [speeds.Speed("train", "trainer", "cpu", 1e6, Range(300, 600), "x"),
             speeds.Speed("start", "any", "gpu", 1, Range(60, 90), "x"),
             speeds.Speed("start", "vllm", "cpu", 1, Range(7, 8), "x"),
             speeds.Speed("job", "any", "cpu", 1, Range(1, 2), "x"),
             speeds.Speed("row", "verify", "cpu", 1, Range(0.5, 1), "x"),
             speeds.Speed("row", "any", "cpu", 1, Range(0.1, 0.2), "x")]  # fmt: skip
    monkeypatch.setattr(speeds, "rows", lambda: tuple(rows))
    monkeypatch.setattr(speeds, "MARGIN", 1)


@pytest.mark.usefixtures("table")
def test_a_size_of_the_table_is_taken_and_others_go_by_the_inverse() -> None:
    assert speeds.writing("vllm", "gpu", 1e9) == speeds.writing("vllm", "gpu", 1.1e9 / 1.1) == Range(4000, 6000)
    # Between: 4000 to 6000 at half the size, 2000 at twice the size.
    assert speeds.writing("vllm", "gpu", 2e9) == Range(2000, 4000)
    assert speeds.writing("vllm", "gpu", 8e9) == Range(500, 1000)
    assert speeds.writing("vllm", "gpu", 1e6) == Range(4000, 6000)  # smaller than all: as quick as the smallest
    assert speeds.reading("cpu", 1e6) == Range(900, 1800)


@pytest.mark.usefixtures("table")
def test_an_engine_that_the_table_lacks_is_at_least_a_tenth_as_quick() -> None:
    assert speeds.writing("transformers", "gpu", 4e9) == Range(200, 2000)
    assert speeds.writing("openai", "gpu", 1e9) == Range(400, 6000)
    with pytest.raises(InputError, match="a row is missing that the plan needs"):
        speeds.writing("transformers", "cpu", 1e6)


@pytest.mark.usefixtures("table")
def test_starts_and_jobs_without_a_model() -> None:
    assert speeds.start("vllm", "gpu", 1) == speeds.start("trainer", "gpu", 1) == Range(60, 90)
    assert speeds.start("vllm", "cpu", 1e9) == Range(7, 8)
    assert speeds.job("verify", 10) == Range(6, 12)
    assert speeds.job("render", 10) == Range(2, 4)


def test_each_end_lies_a_margin_further_out(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = speeds.training("gpu", 8e9)
    monkeypatch.setattr(speeds, "MARGIN", 1)
    assert (wide.low, wide.high) == (5762 / 1.5, 8532 * 1.5)
    assert speeds.training("gpu", 8e9) == Range(5762, 8532)


def test_every_row_of_the_table_has_a_range_and_a_source() -> None:
    rows = speeds.rows()
    assert {row.work for row in rows} == {"write", "train", "read", "start", "job", "row", "overhead"}
    assert all(len(row.source) > 15 and row.figures.low > 0 and row.parameters > 0 for row in rows)


@pytest.mark.parametrize("text", ["work,engine\nwrite,vllm\n", "no table", None])
def test_what_is_no_table_is_said_to_be_none(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "speeds.csv"
    if text is not None:
        path.write_text(text + "\n")
    if text == "no table":
        assert speeds.rows(path) == ()
        return
    with pytest.raises(InputError, match="no table of speeds with the columns work, engine"):
        speeds.rows(path)


def test_arithmetic_of_ranges() -> None:
    one, other = Range(1, 2), Range(4, 8)
    assert one + other == Range(5, 10)
    assert one * 3 == 3 * one == Range(3, 6)
    assert one * other == Range(4, 16)
    assert other / one == Range(2, 8)
    assert total([one, other, exactly(1)]) == Range(6, 11)
    assert other.capped(5) == Range(4, 5)
    assert one.widened(2) == Range(0.5, 4)
    assert (Range(4, 16).middle, Range(0, 6).middle) == (8, 3)
    with pytest.raises(ValueError, match="no range"):
        Range(2, 1)
