"""The small toy study killed, curated, misconfigured; its stage targets, and Snakemake's pictures."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from helpers import TOY
from study import CATALOGUE, Study
from test_study import SHARDS, TEACHERS, arms

# Kills


# Program, what is made again when it is killed, and when: after so many seconds of its processor's time, or (None) once
# its log has a line of progress, which is in the midst of its work. The others are too quick to be caught there.
KILLS = [
    ("fetch_problems", "problems/toy-test", 0.3),
    ("generate", "responses/toy-train/teachers/toy-long/toy-sampled/draw-0/00-of-02", None),
    ("verify", "verdicts/toy-train/teachers/toy-long/toy-sampled/draw-0/01-of-02", None),
    ("mix", "datasets/toy-mix-long", 0.3),
    ("render", "rendered/toy-xs/toy-sft/toy-mix-long", 1.5),
    ("train", "models/toy-xs/toy-sft/toy-mix-long/seed-1", None),
    ("score", "scores/toy-test/students/toy-xs/base/toy-greedy", 0.3),
    ("contrast", "contrasts", 0.6),
    ("analyse", "analyses/students", 0.6),
    ("render_browser", "report/browser", 0.3),
    ("render_page", "report", 0.3),  # the browser lies in its folder
]


def background(study: Study, *targets: str) -> subprocess.Popen:
    """Start Snakemake in a process group of its own."""
    return subprocess.Popen(study.command(*targets), cwd=study.folder, env=study.environment(), start_new_session=True,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip


def in_work(study: Study, program: str) -> bool:
    """Return whether a log of a program has a line of progress."""
    logs = (study.folder / f"logs/{program}").rglob("*.log")
    return any(f'{{"program": "{program}"' in log.read_text() for log in logs)


def processes(run: subprocess.Popen, program: str) -> list[psutil.Process]:
    """Return the running processes of a program below Snakemake's."""
    found = []
    with contextlib.suppress(psutil.NoSuchProcess):
        for process in psutil.Process(run.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if [Path(part).name for part in process.cmdline()[1:2]] == [f"{program}.py"]:
                    found.append(process)
    return found


def killed(study: Study, program: str, place: str, moment: float | None) -> bool:
    """Make a place again and kill its program at a moment, as the kernel does when memory runs out; False: too late."""
    shutil.rmtree(study.folder / "results" / place)
    shutil.rmtree(study.folder / "logs" / program, ignore_errors=True)
    run = background(study, f"results/{place}/manifest.json")
    while run.poll() is None:
        for process in processes(run, program)[:1]:
            with contextlib.suppress(psutil.NoSuchProcess):
                used = process.cpu_times()
                if in_work(study, program) if moment is None else used.user + used.system >= moment:
                    process.kill()
                    return run.wait() != 0
        time.sleep(0.01)
    return False


def test_killed_programs_leave_a_run_that_ends_as_an_undisturbed_one(finished: Study, study: Study) -> None:
    results = study.folder / "results"
    for program, place, moment in KILLS:
        # What has ended before it was hit is made again, and killed sooner: at last when it is first seen.
        hit = any(killed(study, program, place, when) for when in (moment, moment and moment / 2, 0.1, 0.0))
        assert hit, f"{program} was not hit"
        assert not (results / place / "manifest.json").exists()
    # Last the whole group, Snakemake with its programs, while one arm is trained again.
    shutil.rmtree(results / f"models/{arms()[0]}")
    shutil.rmtree(study.folder / "logs/train")
    run = background(study)
    while not in_work(study, "train"):
        assert run.poll() is None, "it ended before it was killed"
        time.sleep(0.01)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    study.run()
    one, two = finished.contents(), study.contents()
    assert one.keys() == two.keys()
    assert [n for n in one if one[n] != two[n]] == []
    assert not [p for p in results.rglob("*") if p.name.endswith(".tmp")]


# Curation


def test_a_curated_dataset_is_made_for_real(study: Study) -> None:
    asked = {"decontaminate": True, "deduplicate": True, "max_repetition": 0.5, "length": {"at_least": 5},
             "pass_rate": {"teacher": "toy-short", "at_least": 0.5}, "choose": "student_likely",
             "student": "toy-xs"}  # fmt: skip
    study.edit(CATALOGUE + "corpora.yaml", **{"gsm8k-benchmark": {"benchmark": False}})  # its file is not here
    study.edit(CATALOGUE + "datasets.yaml", **{"toy-mix-long": {"curation": asked}})
    study.run("datasets", "signals")
    results = study.folder / "results"
    found = results.glob("signals/toy-train/teachers/*/toy-sampled/*/*/toy-xs/manifest.json")
    rated = [(path.parts[-6], json.loads(path.read_text())["perplexity"]) for path in found]
    assert len(rated) == len(TEACHERS) * 2 * len(SHARDS)  # of two draws
    # The student was pre-trained on short chains of thought and has never seen a long one.
    assert all(1 < perplexity < 2 if teacher == "toy-short" else perplexity > 100 for teacher, perplexity in rated)
    facts = json.loads((results / "datasets/toy-mix-long/manifest.json").read_text())
    assert facts["rows"] == facts["funnel"]["toy-short"]["paired"]
    assert facts["ledger"]["lost"]["too_hard"] > 0
    for stations in facts["funnel"].values():
        counts = [stations[name] for name in ("problems", "generated", "stopped", "answered", "correct", "curated")]
        assert counts == sorted(counts, reverse=True)
    assert facts["funnel"]["toy-long"]["curated"] < facts["funnel"]["toy-long"]["correct"]


# Bad input


@pytest.mark.parametrize(
    ("file", "entry", "message"),
    [
        ("datasets", {"toy-mix-long": {"teachers": ["toy-lnog", "toy-short"]}},
         "toy-mix-long.teachers: 'toy-lnog' is no known teacher; did you mean 'toy-long'?"),
        ("datasets", {"toy-mix-long": {"alpha": 1.5}}, "toy-mix-long.alpha: input should be less than or equal to 1"),
    ],
)  # fmt: skip
def test_mistakes_in_the_configuration_end_before_the_graph(study: Study, file: str, entry: dict, message: str) -> None:
    study.edit(f"{CATALOGUE}{file}.yaml", **entry)
    done = study.snakemake("--dry-run")
    assert done.returncode != 0
    assert f"config/catalogue/{file}.yaml: {message}" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_missing_file_is_an_error_although_old_results_are_there(study: Study) -> None:
    study.edit(CATALOGUE + "datasets.yaml", **{"toy-mix-long": {"curation": {"decontaminate": True}}})
    study.edit(CATALOGUE + "teachers.yaml", **{"toy-short": {"model": {"path": "resources/toy/no-teacher"}}})
    done = study.snakemake("--dry-run")
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "corpora.yaml: gsm8k-benchmark: resources/data/gsm8k_train.parquet is not there" in said
    assert "teachers.yaml: toy-short: resources/toy/no-teacher is not there" in said


def test_a_model_without_chat_template_ends_in_one_line(study: Study) -> None:
    (study.folder / "resources/toy").unlink()
    shutil.copytree(TOY, study.folder / "resources/toy")
    (study.folder / "resources/toy/base-m/chat_template.jinja").unlink()
    done = study.snakemake()
    assert done.returncode != 0
    assert "fetch_model.py: error: resources/toy/base-m: the model has no chat template" in done.stdout + done.stderr


def test_a_full_disk_is_one_line_and_leaves_nothing(study: Study) -> None:
    study.edit(CATALOGUE + "decodings.yaml", **{"toy-greedy": {"max_new_tokens": 200}})
    results = study.folder / "results"
    small = study.folder / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(small)], capture_output=True).returncode:
        pytest.skip("no right to mount a file system")
    place = results / "responses/toy-test/students/toy-xs/base/toy-greedy/draw-0/00-of-01"
    try:
        shutil.rmtree(place)
        place.symlink_to(small)
        done = study.snakemake(str(place.relative_to(study.folder) / "responses.parquet"))
        assert done.returncode != 0
        assert "error: no space left on the device" in done.stdout + done.stderr
        assert not [p.name for p in small.iterdir() if p.suffix in (".parquet", ".json", ".tmp")]
    finally:
        subprocess.run(["umount", str(small)], check=True)


# Targets and pictures


def test_stage_targets(study: Study) -> None:
    shutil.rmtree(study.folder / "results")
    shutil.rmtree(study.folder / ".snakemake")
    rules = [("problems", "fetch_problems"), ("responses", "train"), ("verdicts", "verify"), ("datasets", "mix"),
             ("rendered", "render"), ("models", "train"), ("scores", "score"),
             ("analyses", "analyse"), ("report", "render_page")]  # fmt: skip
    of = {}
    for target, last in rules:
        planned = of[target] = {job.split("/")[0] for job in study.planned(target)}
        assert last in planned
        assert ("render_page" in planned) == (target == "report")
        assert ("score" in planned) == (target in ("scores", "analyses", "report"))
    assert of["datasets"] == {"fetch_problems", "fetch_statements", "fetch_model", "generate", "verify", "mix"}


def test_the_graphs_are_graphs(finished: Study) -> None:
    for option in ("--dag", "--rulegraph"):
        done = finished.snakemake(option)
        assert done.returncode == 0
        assert done.stdout.startswith("digraph snakemake_dag {"), done.stdout[:200]
    assert len(re.findall(r'label *= *"train', done.stdout)) == 1


def test_snakemakes_own_report(finished: Study, tmp_path: Path) -> None:
    done = finished.snakemake("--report", str(tmp_path / "report.zip"))
    if "Failed to download resource" in done.stderr + done.stdout:
        pytest.skip("Snakemake's report loads scripts from the network")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "report.zip").stat().st_size > 100_000
