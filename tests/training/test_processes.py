"""One device against two: the same losses and manifest, whole weights or cut up; and a device that is lost."""

import json
import os
import signal
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import train
from helpers import REPOSITORY, manifest
from running import LONG, Training
from safetensors.numpy import load_file
from test_signals import interrupted
from test_train import inputs, options, run, weights  # noqa: F401  # `inputs` is a fixture

from distill import tables
from distill.config.recipes import TrainJob
from distill.runtime import group
from distill.runtime.errors import InputError
from distill.training import fit, sft, sharding, watch

LORA = {"lora": {"rank": 2, "alpha": 4}}
LOGGED = ("loss", "grad_norm", "held_out_loss")


def curve(output: Path) -> dict[str, list[Any]]:
    return tables.read(output.with_name("train_log.parquet"), tables.TRAIN_LOG).to_pydict()


@pytest.fixture(scope="module")
def alone(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:  # noqa: F811
    """Trainings in one process: of all weights, and of adapters."""
    folder = tmp_path_factory.mktemp("alone")
    for name, keys in (("full", {}), ("lora", LORA)):
        run(inputs, folder / name / "weights", held_out=0.2, **keys)
    return {name: folder / name / "weights" for name in ("full", "lora")}


# Notes the files that each process of a group opens to write, renames and links, from its start.
AUDIT = """
import os, sys
if "RANK" in os.environ:
    log = os.open(os.environ["AUDITED"] + "." + os.environ["RANK"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    def note(event, args):
        writes = event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
        if writes or event in ("os.rename", "os.link"):
            os.write(log, f"{args[0]}\\n".encode())
    sys.addaudithook(note)
"""


no_deepspeed = pytest.mark.skipif(find_spec("deepspeed") is None, reason="DeepSpeed is not installed")
DEEPSPEED = pytest.param({"sharding": "deepspeed"}, marks=no_deepspeed, id="deepspeed")


@pytest.mark.parametrize(
    "keys", [pytest.param({}, id="whole"), pytest.param({"sharding": "fsdp"}, id="fsdp"), DEEPSPEED]
)
@pytest.mark.parametrize("kind", ["full", "lora"])
def test_two_devices_train_as_one_does(
    inputs: Path,  # noqa: F811
    alone: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    keys: dict[str, Any],
) -> None:
    (tmp_path / "sitecustomize.py").write_text(AUDIT)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("AUDITED", str(tmp_path / "audited"))
    output = tmp_path / "m/weights"
    lora = LORA if kind == "lora" else {}
    train.main([*options(inputs, output, held_out=0.2, **lora, **keys), "--processes", "2"])
    one, two = curve(alone[kind]), curve(output)
    for name in LOGGED:
        assert two[name] == pytest.approx(one[name], abs=1e-4), name
    expected, found = manifest(alone[kind]), manifest(output)
    for facts in (expected, found):
        del facts["digest"]
        facts["final_loss"], facts["held_out_loss"] = (round(facts[n], 3) for n in ("final_loss", "held_out_loss"))
    assert found == expected
    file = "adapter_model.safetensors" if kind == "lora" else "model.safetensors"
    whole, joined = load_file(alone[kind] / file), load_file(output / file)
    assert whole.keys() == joined.keys()
    assert max(float(np.abs(whole[name] - joined[name]).max()) for name in whole) < 1e-3
    provenance = json.loads((output.parent / "provenance.json").read_text())
    assert provenance["execution"] == {"step_tokens": 512, "halved": 0, "processes": 2}
    wrote = [(tmp_path / f"audited.{rank}").read_text() for rank in (0, 1)]
    assert str(output.parent / ".weights") in wrote[0] or "weights" in wrote[0]
    assert [line for line in wrote[1].splitlines() if str(output.parent) in line and "/state/" not in line] == []


@pytest.fixture(scope="module")
def undisturbed(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    """A longer training on two devices."""
    training = Training(inputs, tmp_path_factory.mktemp("undisturbed") / "m/weights", 2, **LONG)
    assert training.ended() == 0
    return training.output


def check_states(training: Training) -> None:
    """Check that a state which says that it is whole has what each process saves of itself, whole."""
    import torch

    for state in training.saved():
        for rank in (0, 1):
            assert torch.load(state / f"rng_state_{rank}.pth", weights_only=False)


def goes_on(training: Training, inputs: Path, undisturbed: Path, **keys: Any) -> None:  # noqa: F811
    """Check that the next run goes on from a saved state, and comes out as an undisturbed training does."""
    assert training.left() == {"state"}
    check_states(training)
    again = Training(inputs, training.output, 2, **LONG, **keys)
    assert again.ended() == 0, again.lines()
    (begin,) = again.begins()  # one process reports
    assert begin > 0
    assert weights(again.output) == weights(undisturbed)
    assert manifest(again.output) == manifest(undisturbed)
    assert "state" not in again.left()


@pytest.mark.parametrize("keys", [pytest.param({"sharding": "fsdp"}, id="fsdp"), DEEPSPEED])
def test_a_lost_device_ends_all_and_the_next_run_goes_on(
    inputs: Path,  # noqa: F811
    tmp_path: Path,
    keys: dict[str, Any],
) -> None:
    # Norms of cut-up weights are sums in another order, so the undisturbed training is one on two devices as well.
    undisturbed = Training(inputs, tmp_path / "whole/weights", 2, **keys, **LONG)
    training = Training(inputs, tmp_path / "killed/weights", 2, **keys, **LONG)
    training.until_saved()
    first, second = training.ranks()
    os.kill(second, signal.SIGKILL)
    assert training.ended() == 1
    assert training.error() == (
        "train.py: error: training process 2 of 2 was killed by SIGKILL; run again, and the training goes on from its "
        "last saved state"
    )
    assert not is_running(first)
    assert undisturbed.ended() == 0
    goes_on(training, inputs, undisturbed.output, **keys)


def test_no_process_outlives_the_program_and_the_next_run_goes_on(
    inputs: Path,  # noqa: F811
    undisturbed: Path,
    tmp_path: Path,
) -> None:
    training = Training(inputs, tmp_path / "m/weights", 2, **LONG)
    training.until_saved()
    ranks = training.ranks()
    assert len(ranks) == 2
    training.program.kill()
    training.program.wait()
    deadline = time.monotonic() + 60
    while any(is_running(rank) for rank in ranks):
        assert time.monotonic() < deadline, "still running"
        time.sleep(0.05)
    goes_on(training, inputs, undisturbed)


def test_two_devices_end_after_the_same_update_whoever_gets_the_signal(
    inputs: Path,  # noqa: F811
    undisturbed: Path,
    tmp_path: Path,
) -> None:
    first = Training(inputs, tmp_path / "m/weights", 2, **LONG)
    first.until_saved()
    first.program.terminate()  # as Snakemake does: only the program
    done = interrupted(first, signal.SIGTERM)
    second = Training(inputs, first.output, 2, **LONG)
    while max(int(path.name.split("-")[1]) for path in second.saved()) <= done:
        assert second.program.poll() is None, second.log.read_text()
        time.sleep(0.02)
    os.kill(second.ranks()[1], signal.SIGUSR1)  # as SLURM may: one of the processes
    assert second.ended() == 1
    assert "ended the training after update" in second.error()
    assert second.begins() == [done]
    third = Training(inputs, first.output, 2, **LONG)
    assert third.ended() == 0, third.lines()
    assert third.begins()[0] > done
    assert weights(third.output) == weights(undisturbed)
    assert manifest(third.output) == manifest(undisturbed)


def is_running(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def test_what_a_process_found_wrong_is_the_one_line(inputs: Path, tmp_path: Path) -> None:  # noqa: F811
    training = Training(inputs, tmp_path / "m/weights", 2, lr=1e30, warmup=0, schedule="constant", max_grad_norm=1e9)
    assert training.ended() == 1
    assert training.error().startswith("train.py: error: update 2: ")
    assert training.left() == {"state"}


@pytest.mark.parametrize(
    ("found", "ends", "passed", "words"),
    [
        ([(1, True, "bad row"), (0, False, "Traceback")], [1, 1], [], "bad row"),
        ([(0, False, "Traceback: connection closed")], [1, -9], [], "process 2 of 2 was killed by SIGKILL"),
        ([], [1, -15], [15], "SIGTERM ended the training before its first update"),
        ([(0, True, "SIGTERM ended the training after update 3")], [1, 1], [15], "after update 3"),
    ],
)
def test_the_reason_is_what_explains_the_others(
    tmp_path: Path, found: list[tuple[int, bool, str]], ends: list[int], passed: list[int], words: str
) -> None:
    for rank, is_input, text in found:
        (tmp_path / str(rank)).write_text(f'{{"is_input": {str(is_input).lower()}, "text": "{text}"}}')
    reason = group._reason(ends, tmp_path, passed)
    assert isinstance(reason, InputError)
    assert words in str(reason)


def test_the_first_traceback_is_shown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for rank, when in ((0, 200), (1, 100)):
        (tmp_path / str(rank)).write_text(f'{{"is_input": false, "text": "traceback of {rank}"}}')
        os.utime(tmp_path / str(rank), (when, when))
    assert isinstance(group._reason([1, 1], tmp_path, []), RuntimeError)
    assert "traceback of 1" in caplog.text
    assert "traceback of 0" not in caplog.text


# What is asked for is in effect, or refused


def test_more_processes_than_gpus_are_refused() -> None:
    with pytest.raises(InputError, match="--processes 3: there are 2 GPUs here, and each process needs one"):
        group.check_devices(3, 2)
    group.check_devices(2, 2)
    group.check_devices(3, 0)  # without GPUs all share the processor


def test_nothing_is_cut_up_for_one_process_and_the_log_says_so(
    inputs: Path,  # noqa: F811
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level("INFO"):
        run(inputs, tmp_path / "m/weights", sharding="fsdp", max_updates=1)
    assert "sharding: fsdp has no effect, since one process trains" in caplog.text
    assert sharding.effective("fsdp", 2) == "fsdp"
    assert sharding.effective("none", 2) == "none"


@pytest.mark.parametrize("gpu", [False, True])
def test_deepspeed_without_its_package_is_refused(gpu: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharding, "find_spec", lambda _: None)
    with pytest.raises(InputError, match="needs the package deepspeed; install it, or take `sharding: fsdp`"):
        sharding.check("deepspeed", gpu)
    sharding.check("fsdp", gpu)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_deepspeed_holds_weights_in_32_bits(precision: str) -> None:
    found = sharding.options("deepspeed", precision)
    assert (found["bf16"], found["deepspeed"]["bf16"]) == (False, {"enabled": False})
    assert found["deepspeed"]["torch_autocast"]["enabled"] == (precision == "bfloat16")


class Prepared:
    """A trainer after preparation, as far as the check looks at it."""

    is_deepspeed_enabled = False

    def __init__(self, model: Any, processes: int):
        self.model_wrapped = model
        self.args = type("Args", (), {"world_size": processes})
        self.accelerator = type("Accelerator", (), {"is_fsdp2": False})


def test_weights_that_lie_otherwise_than_asked_for_are_an_error() -> None:
    import torch

    model = torch.nn.Linear(2, 2)
    sharding.check_in_effect(Prepared(model, 1), "none")
    with pytest.raises(RuntimeError, match="sharding: fsdp was asked for, and the weights are under: none"):
        sharding.check_in_effect(Prepared(model, 1), "fsdp")
    with pytest.raises(RuntimeError, match="a Linear that no other device knows of"):
        sharding.check_in_effect(Prepared(model, 2), "none")


def test_fsdp_computes_in_bfloat16_and_sums_in_float32(tmp_path: Path) -> None:
    import torch

    args = sft.arguments(TrainJob(lr=1, sharding="fsdp", precision="bfloat16"), 1, tmp_path, 3)
    policy = args.fsdp_plugin_args["mixed_precision_policy"]
    assert (policy.param_dtype, policy.reduce_dtype) == (torch.bfloat16, torch.float32)
    whole = sft.arguments(TrainJob(lr=1, sharding="fsdp"), 1, tmp_path, 3)
    assert whole.fsdp_plugin_args.get("mixed_precision_policy") is None


@pytest.mark.parametrize(("kind", "below"), [("none", ""), ("fsdp", "fsdp")])
def test_states_of_cut_up_weights_lie_apart(
    inputs: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    below: str,
) -> None:
    """Weights that lie otherwise could not be read from them."""
    asked: list[Path] = []

    def ended(state: Path) -> None:
        asked.append(state)
        raise KeyboardInterrupt

    monkeypatch.setattr(sharding, "effective", lambda sharding, _processes: sharding)
    monkeypatch.setattr(fit, "last_state", ended)
    with pytest.raises(KeyboardInterrupt):
        run(inputs, tmp_path / "m/weights", sharding=kind)
    (key,) = (tmp_path / "m/state").iterdir()
    assert asked == [key / below]


def test_a_training_looks_how_its_weights_lie(
    inputs: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(watch, "check_in_effect", lambda _trainer, sharding: asked.append(sharding))
    run(inputs, tmp_path / "m/weights", max_updates=1)
    assert asked == ["none"]


def test_the_files_of_sharding_are_there() -> None:
    assert {p.name for p in sharding.RESOURCES.iterdir()} == {"fsdp2.json", "deepspeed-zero3.json"}
    assert sharding.RESOURCES.is_relative_to(REPOSITORY)


def test_several_nodes_are_those_of_a_slurm_job(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert group.nodes_of(3) == 1
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert group.nodes_of(1) == 1
    with pytest.raises(InputError, match="nodes: 3: no srun on PATH"):
        group.nodes_of(3)
    (tmp_path / "srun").write_text("#!/bin/sh\nexit 5\n")
    (tmp_path / "srun").chmod(0o755)
    assert group.nodes_of(3) == 3


def test_a_group_that_srun_cannot_start_is_told_in_a_line(
    inputs: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "srun").write_text('#!/bin/sh\necho "$@" >said\nexit 5\n')
    (tmp_path / "srun").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    arguments = options(inputs, tmp_path / "m/weights", nodes=2)
    with pytest.raises(InputError, match="the processes on 2 nodes ended with 5, for the reason that srun gives above"):
        train.main([*arguments, "--processes", "3"])
    said = (tmp_path / "said").read_text()
    assert said.startswith("--nodes=2 --ntasks=6 --ntasks-per-node=3 ")
