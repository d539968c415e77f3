"""How often vLLM is started in a study on one machine: once for all that a model is asked, where one runs at a time."""

from pathlib import Path

from study import CATALOGUE
from test_served import STUDENT, TEACHER, study_of, targets
from test_study import VLLM, Mixed

from distill.runtime.files import read_json

ONE_AT_A_TIME = ("--resources", "engines=1")


def starts(study: Mixed) -> dict[str, int]:
    """Return the number of jobs of each model that have loaded it: the others found their rows."""
    found: dict[str, int] = {}
    root = study.folder / "results/responses"
    for path in root.rglob("draw-*/*-of-*/provenance.json"):
        model = "/".join(path.relative_to(root).parts[1:-4])
        found[model] = found.get(model, 0) + (read_json(path)["asked"] > 0)
    return found


def test_a_model_is_started_once_and_a_benchmark_is_one_start_more(tmp_path: Path) -> None:
    study = study_of(tmp_path / "study", draws=2)
    study.edit(CATALOGUE + "teachers.yaml", **{"toy-long": VLLM})
    study.edit(CATALOGUE + "students.yaml", **{"toy-xs": VLLM})
    six = [*targets(TEACHER, draws=2), *targets(STUDENT)]
    study.run(*six, *ONE_AT_A_TIME)
    assert starts(study) == {"teachers/toy-long": 1, "students/toy-xs/base": 1}

    more = {"path": "resources/toy/test.jsonl", "columns": {"problem_id": "id"}, "start": 60, "stop": 90, "shards": 2}
    study.edit(CATALOGUE + "corpora.yaml", **{"more": {**more, "benchmark": True}})
    study.replace("config/studies/toy.yaml", "- toy-test", "- toy-test\n- more")
    added = targets(STUDENT.replace("toy-test", "more"))
    generations = {job for job in study.planned(*six, *added) if not job.startswith("fetch_")}
    assert generations == {f"generate/{place.removeprefix('results/responses/').rpartition('/')[0]}" for place in added}
    study.run(*six, *added, *ONE_AT_A_TIME)
    assert starts(study) == {"teachers/toy-long": 1, "students/toy-xs/base": 2}
