"""A training of the toy study that distils from a teacher: what it asks for, and what another teacher re-makes."""

import yaml
from study import CATALOGUE, Study

ARM = "toy-xs/toy-distil/toy-short-arm"
PLANS, LOGPROBS, TRAINED = "compare_plans/toy-xs", f"compute_teacher_logprobs/{ARM}", f"train/{ARM}/seed-1"


def distil(study: Study, **keys: object) -> None:
    """Write the training, which is the toy's but for the distillation."""
    plain = yaml.safe_load((study.folder / CATALOGUE / "trainings.yaml").read_text())["toy-sft"]
    entry = {**plain, "max_updates": 2, "distil": {"teacher": "toy-long", "top_k": 8, **keys}}
    study.edit(CATALOGUE + "trainings.yaml", **{"toy-distil": entry})


def test_another_teacher_remakes_its_log_probabilities_and_what_is_trained_on_them(study: Study) -> None:
    distil(study)
    block = "\n- students: [toy-xs]\n  datasets: [toy-short-arm]\n  training: toy-distil\n  seeds: [1]\nbenchmarks:"
    study.replace("config/studies/toy.yaml", "\nbenchmarks:", block)
    assert study.planned("models") == {f"render/{ARM}", PLANS, LOGPROBS, TRAINED}
    study.run("models")
    assert study.planned("models") == set()
    distil(study, teacher="toy-short")
    assert study.planned("models") == {PLANS, LOGPROBS, TRAINED}
    distil(study)
    assert study.planned("models") == set()
    path = study.folder / f"results/teacher_logprobs/{ARM}/teacher_logprobs.parquet"
    path.unlink()
    assert LOGPROBS in study.planned()
