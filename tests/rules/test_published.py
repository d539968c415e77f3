"""Published GSM8K solutions of four models through the whole line, on few problems; skipped without the files."""

import csv
import json
import re
from pathlib import Path

import pytest
import yaml
from helpers import DATA, needs_data
from study import CATALOGUE, Study


@needs_data
def test_real_solutions_go_from_problems_to_the_report(tmp_path: Path) -> None:
    study = Study.small(tmp_path / "study")
    data = study.folder / "resources/data"
    data.mkdir()
    for name in ("gsm8k_test", "gsm8k_train", "outputs_gsm8k_openai"):
        (data / f"{name}.parquet").symlink_to(DATA / f"{name}.parquet")
    study.edit(CATALOGUE + "corpora.yaml", **{"gsm8k-benchmark": {"stop": 12}})
    study.edit(CATALOGUE + "trainings.yaml", **{"gsm8k-few-updates": {"max_updates": 2}})
    path = study.folder / "config/studies/published.yaml"
    content = yaml.safe_load(path.read_text())
    content["arms"][0]["datasets"] = ["gsm8k-large", "gsm8k-small", "gsm8k-four"]
    del content["gaps"]["mix_large_gain"]
    path.write_text(yaml.safe_dump(content))
    study.run("--config", "studies=published")

    results, agree = study.folder / "results", {}
    for verdicts in results.glob("verdicts/gsm8k-test/teachers/*/published/draw-0/*/manifest.json"):
        facts = json.loads(verdicts.read_text())
        assert facts["rows"] == 1319
        labels = facts["agreement"]["rule, label"]
        agree[verdicts.parts[-5]] = labels["agree"] / labels["rows"]
    assert len(agree) == 4
    assert min(agree.values()) > 0.995
    large, small = (json.loads((results / f"datasets/gsm8k-{d}/manifest.json").read_text()) for d in ("large", "small"))
    assert large["problems_digest"] == small["problems_digest"]
    with open(results / "report/gaps.csv") as file:
        gap, *gains = csv.DictReader(file)
    assert (gap["gap"], gap["n_problems"], gap["parity"]) == ("large_teacher_gap", "12", "equal")
    assert [row["plus"] for row in gains] == ["gsm8k-four", "gsm8k-large", "gsm8k-small"]
    cells = r"rule, label</td><td[^>]*>1319</td><td[^>]*>100\.0 %</td><td[^>]*>0</td><td[^>]*>0</td>"
    page = (results / "report/index.html").read_text(encoding="utf-8")
    assert len(re.findall(cells, page)) == 4


@needs_data
def test_unknown_columns_of_the_real_file_are_named(tmp_path: Path) -> None:
    import fetch_responses
    from helpers import problems_table, recipe

    from distill.runtime.errors import InputError

    known = problems_table(tmp_path / "p.parquet", [{"problem_id": "gsm8k-test-0", "answer": "18"}])
    keys = {"path": str(DATA / "outputs_gsm8k_openai.parquet"), "columns": {"problem_id": "id", "response": "answer"}}
    options = ["--draw", "0", "--shard", "00-of-01", "--output", str(tmp_path / "r/responses.parquet")]
    with pytest.raises(InputError, match="no column 'answer'; it has id, gold, response, is_correct"):
        fetch_responses.main(["--statements", str(known), *options, "--recipe", recipe(**keys)])
