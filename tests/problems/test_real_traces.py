"""Real traces of real teachers go through problems, responses and verdicts, and every row is accounted for."""

import sys
from pathlib import Path

import pytest
from helpers import DATA, REPOSITORY, needs_data


@needs_data
def test_long_traces_of_five_teachers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(REPOSITORY / "benchmarks")
    import real_traces

    monkeypatch.setattr(real_traces, "PROBLEMS", ("math_train",))
    tables = real_traces.corpus(DATA, tmp_path)
    path = DATA / "kibble_math_train_100.parquet"
    # 13 of gpt-oss end in its analysis channel: a box there is no answer.
    for teacher, correct in {"R1-32B": 100, "R1-1.5B": 100, "gpt-oss-20b": 85}.items():
        counts = real_traces.graded(path, teacher, {"response": "response"}, tables, tmp_path)
        assert (counts["rows"], counts["correct"], counts["unknown_problem"]) == (100, correct, 0)
        assert counts["label agree"] >= correct - 2
    sys.modules.pop("real_traces")
