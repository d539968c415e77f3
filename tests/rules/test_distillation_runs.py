"""A training of the toy study that distils from a teacher: what it asks for, and what another teacher re-makes."""

import re

import yaml
from study import CATALOGUE, Study

ARM = "toy-xs/toy-distil/toy-short-arm"
PLANS, LOGPROBS, TRAINED = "compare_plans/toy-xs", f"compute_teacher_logprobs/{ARM}", f"train/{ARM}/seed-1"


def distil(study: Study, **keys: object) -> None:
    """Write the training, which is the toy's but for the distillation."""
    plain = yaml.safe_load((study.folder / CATALOGUE / "trainings.yaml").read_text())["toy-sft"]
    entry = {**plain, "max_updates": 2, "distil": {"teacher": "toy-long", "top_k": 8, **keys}}
    study.edit(CATALOGUE + "trainings.yaml", **{"toy-distil": entry})


def checked(study: Study) -> set[tuple[str, str]]:
    """What `check` says of the arm's artefacts: (folder below results/, word)."""
    done = study.snakemake("check")
    lines = re.findall(rf"^.*results/(\w+/{ARM}\S*?):? .*$", done.stdout + done.stderr, re.MULTILINE)
    return {*lines}


def test_another_teacher_remakes_its_log_probabilities_and_what_is_trained_on_them(study: Study) -> None:
    distil(study)
    block = "\n- students: [toy-xs]\n  datasets: [toy-short-arm]\n  training: toy-distil\n  seeds: [1]\nbenchmarks:"
    study.replace("config/studies/toy.yaml", "\nbenchmarks:", block)
    assert study.planned("models") == {f"render/{ARM}", PLANS, LOGPROBS, TRAINED}
    study.run("models")
    assert study.planned("models") == set()
    assert checked(study) == set()
    distil(study, teacher="toy-short")
    assert study.planned("models") == {PLANS, LOGPROBS, TRAINED}
    assert checked(study) == {f"teacher_logprobs/{ARM}"}
    distil(study)
    assert study.planned("models") == set()
    path = study.folder / f"results/teacher_logprobs/{ARM}/teacher_logprobs.parquet"
    path.unlink()
    assert LOGPROBS in study.planned()
