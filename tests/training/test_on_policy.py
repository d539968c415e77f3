"""train_on_policy.py: what the student is shown, what the loss is, what a teacher changes, and what is refused."""

import json
import os
import shutil
import signal
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
import train
import train_on_policy
from helpers import TOY, base_model, manifest, recipe
from test_train import inputs, options, weights  # noqa: F401  # `inputs` is a fixture

from distill import tables
from distill.config.lineage import Arm, Rendered, TrainedModel
from distill.config.recipes import OnPolicyJob
from distill.models.folders import load_model, load_tokenizer
from distill.runtime.errors import InputError
from distill.training import on_policy, prompts
from distill.training.parity import parity, shown_rows, trained_facts
from distill.training.prompt_trainer import cut
from distill.training.updates import is_held_out, split

KEYS = {"max_updates": 4, "global_batch": 4, "max_new_tokens": 12, "lr": 1e-3}


class Home:
    """A rendered table, students that were trained on it, and teachers; and on-policy trainings from there."""

    def __init__(self, data: Path, folder: Path):
        self.data, self.folder = data, folder

    def start(self, name: str = "start", **keys: Any) -> Path:
        folder = self.folder / name
        if not folder.exists():
            train.main(options(self.data, folder / "weights", **{"max_updates": 3, **keys}))
        return folder

    def teacher(self, name: str) -> Path:
        folder = self.folder / name
        return folder if folder.exists() else base_model(folder, TOY / name)

    def arguments(
        self, output: Path, teacher: str = "teacher-long", start: str = "start", execution: dict | None = None,
        seed: int = 1, **keys: Any,
    ) -> list[str]:  # fmt: skip
        return ["--rendered", str(self.data / "rendered.parquet"), "--start", str(self.folder / start), "--teacher",
                str(self.teacher(teacher)), "--seed", str(seed), "--recipe", recipe(**{**KEYS, **keys}),
                "--execution", json.dumps(execution or {}), "--output", str(output / "weights")]  # fmt: skip

    def train(self, output: Path, *more: Any, **keys: Any) -> dict[str, Any]:
        train_on_policy.main([*self.arguments(output, *more, **keys)])
        return manifest(output / "weights")

    def rows(self) -> list[dict[str, Any]]:
        return tables.read(self.data / "rendered.parquet", tables.RENDERED).to_pylist()


@pytest.fixture(scope="module")
def home(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:  # noqa: F811
    found = Home(inputs, tmp_path_factory.mktemp("on_policy"))
    found.start()
    return found


@pytest.fixture(scope="module")
def trained(home: Home) -> Path:
    home.train(home.folder / "long")
    return home.folder / "long"


def log_of(folder: Path) -> dict[str, list[Any]]:
    return tables.read(folder / "train_log.parquet", tables.TRAIN_LOG).to_pydict()


def difference(one: Path, two: Path) -> float:
    first, second = (load_model(folder, dtype="float32").state_dict() for folder in (one, two))
    return max(float((first[n] - second[n]).abs().max()) for n in first)


# What is shown and what is learned


class Seen:
    """What the students of trainings in a test wrote: their prompts and responses, update by update."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.prompts: list[list[list[int]]] = []
        self.responses: list[list[list[int]]] = []
        build = on_policy.build_trainer

        def watched(*args: Any) -> Any:
            trainer = build(*args)
            write = trainer._generate_single_turn

            def kept(prompt_ids: list[list[int]], *more: Any) -> list[list[int]]:
                self.prompts.append(prompt_ids)
                self.responses.append(write(prompt_ids, *more))
                return self.responses[-1]

            trainer._generate_single_turn = kept
            return trainer

        monkeypatch.setattr(on_policy, "build_trainer", watched)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    return Seen(monkeypatch)


def test_the_student_is_shown_the_prompts_of_the_rendered_rows(home: Home, tmp_path: Path, seen: Seen) -> None:
    facts = home.train(tmp_path, max_updates=6)
    before = [row["input_ids"][: row["loss_mask"].index(True)] for row in home.rows()]
    assert all(before)
    shown = list(chain(*seen.prompts))
    assert [len(prompts) for prompts in seen.prompts] == [4] * 6
    assert sorted(shown[:22]) == sorted(before)  # one pass, in another order
    assert shown[:22] != before
    assert all(prompt in before for prompt in shown)
    lengths = [[len(ids) for ids in responses] for responses in seen.responses]
    assert max(chain(*lengths)) <= 12
    log = log_of(tmp_path)
    assert log["loss_tokens"] == [sum(chain(*lengths[: n + 1])) for n in range(6)]
    assert facts["loss_tokens"] == log["loss_tokens"][-1]
    assert facts["tokens"] == log["tokens"][-1] == sum(map(len, shown)) + facts["loss_tokens"]
    assert (facts["updates"], facts["responses"], facts["rows"], facts["rows_seen"]) == (6, 24, 22, 22)
    assert log["epoch"] == [pytest.approx(4 * n / 22) for n in range(1, 7)]
    assert facts["ledger"] == {"rows_in": 22, "rows_out": 22, "lost": {}}


def test_a_row_without_a_response_is_a_prompt_as_a_whole() -> None:
    rows = [{"problem_id": "0", "teacher": "t", "input_ids": [1, 2, 3], "loss_mask": mask, "length": 3}
            for mask in ([0, 0, 1], [0, 1, 1], [0, 0, 0])]  # fmt: skip
    assert prompts.prompts(tables.build(rows, tables.RENDERED), [2, 0, 1]) == [[1, 2, 3], [1, 2], [1]]


def divergence(p: torch.Tensor, q: torch.Tensor, beta: float) -> torch.Tensor:
    """Per token, of log-probabilities of teacher p and student q: 0 is KL(p, q), 1 is KL(q, p)."""

    def kl(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return (one.exp() * (one - other)).sum(-1)

    if beta in (0, 1):
        return kl(q, p) if beta else kl(p, q)
    mixed = (beta * p.exp() + (1 - beta) * q.exp()).log()
    return beta * kl(p, mixed) + (1 - beta) * kl(q, mixed)


@pytest.mark.parametrize(("beta", "temperature"), [(0.0, 1.0), (1.0, 1.0), (0.3, 1.0), (1.0, 2.0)])
def test_the_first_loss_is_the_mean_divergence_of_the_responses(
    home: Home, tmp_path: Path, seen: Seen, beta: float, temperature: float
) -> None:
    home.train(tmp_path, max_updates=1, beta=beta, temperature=temperature)
    student, teacher = (load_model(f, dtype="float32").eval() for f in (home.start(), home.teacher("teacher-long")))
    total = []
    for prompt, response in zip(seen.prompts[0], seen.responses[0], strict=True):
        ids = torch.tensor([prompt + response])
        with torch.no_grad():
            q, p = ((net(ids).logits[0, len(prompt) - 1 : -1].double() / temperature).log_softmax(-1)
                    for net in (student, teacher))  # fmt: skip
        total += divergence(p, q, beta).tolist()
    assert log_of(tmp_path)["loss"] == [pytest.approx(sum(total) / len(total), rel=1e-4)]


def test_a_teacher_equal_to_the_student_teaches_nothing(home: Home, tmp_path: Path) -> None:
    shutil.copytree(home.start() / "weights", tmp_path / "weights")
    base_model(tmp_path / "same", tmp_path / "weights")
    home.folder.joinpath("same").symlink_to(tmp_path / "same")
    home.train(tmp_path / "out", "same", max_updates=2, lr=1e-6)
    assert max(log_of(tmp_path / "out")["loss"]) < 1e-5
    assert max(log_of(tmp_path / "out")["grad_norm"]) < 1e-3


def test_another_teacher_makes_other_weights(home: Home, trained: Path, tmp_path: Path) -> None:
    facts = home.train(tmp_path, "teacher-short")
    assert difference(trained, tmp_path) > 1e-4
    assert difference(trained, home.start()) > 1e-4
    assert facts["teacher"] != manifest(trained / "weights")["teacher"]
    assert facts["recipe"] == manifest(trained / "weights")["recipe"]


def test_the_divergence_falls(home: Home, tmp_path: Path) -> None:
    home.train(tmp_path, "teacher-short", max_updates=40, global_batch=8, lr=4e-3)
    loss = log_of(tmp_path)["loss"]
    assert sum(loss[-5:]) < 0.6 * sum(loss[:5])


def test_equal_inputs_make_equal_bytes_and_another_seed_others(home: Home, trained: Path, tmp_path: Path) -> None:
    again = home.train(tmp_path / "again")
    assert weights(tmp_path / "again/weights") == weights(trained / "weights")
    assert again == manifest(trained / "weights")
    assert sorted(path.name for path in trained.iterdir()) == [
        "kept", "ledger.parquet", "manifest.json", "provenance.json", "train_log.parquet", "weights",
    ]  # fmt: skip
    home.train(tmp_path / "other", seed=2)
    assert weights(tmp_path / "other/weights") != weights(trained / "weights")


def test_steps_change_rounding_only(home: Home, trained: Path, tmp_path: Path, seen: Seen) -> None:
    home.train(tmp_path / "one", execution={"micro_batch": 3})
    assert len(seen.prompts) == 4  # responses are written once per update
    assert difference(trained, tmp_path / "one") < 1e-4


@pytest.mark.parametrize(("micro", "rows"), [(None, [6]), (1, [1] * 6), (3, [3, 3]), (4, [4, 2]), (9, [6])])
def test_an_update_is_cut_into_steps(home: Home, tmp_path: Path, micro: int | None, rows: list[int]) -> None:
    args = on_policy.arguments(OnPolicyJob(**{**KEYS, "global_batch": 6}), 1, tmp_path)
    models = on_policy.load_student(home.start()), load_model(home.teacher("teacher-long"))
    trainer = on_policy.build_trainer(*models, load_tokenizer(home.start()), [[5, 6]] * 6, args, micro)
    written = {"completion_ids": torch.arange(12).reshape(6, 2), "num_items_in_batch": torch.tensor(7)}
    steps = cut(written, trainer.size.most)
    assert [len(step["completion_ids"]) for step in steps] == rows
    assert torch.equal(torch.cat([step["completion_ids"] for step in steps]), written["completion_ids"])
    assert all(step["num_items_in_batch"] == 7 for step in steps)


@pytest.mark.parametrize(("devices", "rows"), [(1, 12), (2, 6), (3, 4), (4, 3)])
def test_devices_share_an_update(devices: int, rows: int) -> None:
    job = OnPolicyJob(**{**KEYS, "global_batch": 12})
    assert on_policy.options(job, devices)["per_device_train_batch_size"] == rows


def test_the_student_samples_its_whole_distribution_and_ends_where_its_base_does(home: Home, tmp_path: Path) -> None:
    import transformers

    own = load_tokenizer(home.data / "base")
    shutil.copytree(TOY / "base-xs", tmp_path / "files")
    config = transformers.GenerationConfig.from_pretrained(tmp_path / "files")
    config.update(eos_token_id=[own.eos_token_id, 9], do_sample=True, top_k=3, temperature=0.5)
    config.save_pretrained(tmp_path / "files")  # as some models are published
    args = on_policy.arguments(OnPolicyJob(**KEYS), 1, tmp_path)
    models = on_policy.load_student(base_model(tmp_path / "base", tmp_path / "files")), load_model(home.data / "base")
    trainer = on_policy.build_trainer(*models, own, [[5, 6]] * 4, args)
    assert sorted(trainer.eos_token_ids) == sorted([own.eos_token_id, 9])
    used = trainer.generation_config
    assert (used.do_sample, used.temperature, used.top_k, used.top_p, used.min_p) == (True, 1.0, 0, 1.0, None)
    assert sorted(used.eos_token_id) == sorted([own.eos_token_id, 9])
    assert (trainer.args.top_k, trainer.args.top_p) == (0, 1.0)


# Kills and what is kept


class Interrupted(on_policy.Progress):
    """Progress of a training that something happens to after its third update."""

    happens: Callable[[], None]

    def update(self, *args: Any, **keys: Any) -> None:
        super().update(*args, **keys)
        if self._done == 3:
            self.happens()


def fail() -> None:
    raise KeyboardInterrupt("killed")


def end() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


STOPPED = "SIGTERM ended the training after update 4 of 6; its state is saved"
ENDS = {"killed": (fail, "killed", 4), "ended": (end, STOPPED, 2)}


@pytest.mark.parametrize("name", ENDS)
def test_a_training_that_ended_goes_on_and_comes_out_the_same(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: Seen, name: str
) -> None:
    happens, error, left = ENDS[name]
    home.train(tmp_path / "whole", max_updates=6)
    whole, cut = seen.responses.copy(), tmp_path / "cut"
    seen.responses.clear()
    execution = {"save_every": 2}
    monkeypatch.setattr(Interrupted, "happens", staticmethod(happens), raising=False)
    monkeypatch.setattr(on_policy, "Progress", Interrupted)
    with pytest.raises((InputError, KeyboardInterrupt), match=error):
        home.train(cut, max_updates=6, execution=execution)
    assert not (cut / "weights").exists()
    monkeypatch.undo()
    again = Seen(monkeypatch)
    assert home.train(cut, max_updates=6, execution=execution) == manifest(tmp_path / "whole/weights")
    assert weights(cut / "weights") == weights(tmp_path / "whole/weights")
    assert again.responses == whole[-len(again.responses) :]
    assert len(again.responses) == left
    log, other = log_of(cut), log_of(tmp_path / "whole")
    assert [log[name] for name in ("loss", "tokens", "loss_tokens")] == [
        other[n] for n in ("loss", "tokens", "loss_tokens")
    ]
    assert not (cut / "state").exists()


def test_a_training_that_was_paid_for_is_taken_over(home: Home, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = home.folder / "results" / "models/s/again/mix/seed-1"
    shutil.copytree(trained, place.parents[2] / "first/mix/seed-1")
    fits: list[str] = []
    monkeypatch.setattr(train_on_policy, "fit", lambda *_: fits.append("fit"))
    facts = home.train(place)
    assert not fits
    assert facts.pop("identity") == TrainedModel("s", "again", "mix", 1).identity
    assert facts == manifest(trained / "weights")
    home.start("longer", max_updates=5)
    for keys in ({"lr": 2e-3}, {"beta": 0.5}, {"teacher": "teacher-short"}, {"start": "longer"}, {"seed": 2}):
        with pytest.raises((OSError, InputError)):  # there is no log, for nothing was trained
            home.train(place.parents[1] / "x/seed-1", **keys)
    assert len(fits) == 5


# Starts


def test_what_the_start_has_not_seen_stays_unseen(home: Home, tmp_path: Path, seen: Seen) -> None:
    home.start("held", held_out=0.3)
    facts = home.train(tmp_path, start="held", held_out=0.3, max_updates=2)
    out = [row for row in home.rows() if is_held_out(row["problem_id"], 0.3)]
    hidden = [row["input_ids"][: row["loss_mask"].index(True)] for row in out]
    assert 0 < len(out) < 22
    assert not [prompt for prompts in seen.prompts for prompt in prompts if prompt in hidden]
    assert facts["ledger"]["lost"] == {"held_out": len(out), "not_reached": 22 - len(out) - 8}
    reasons = pq.read_table(tmp_path / "ledger.parquet").to_pylist()
    assert {r["problem_id"] for r in reasons if r["reason"] == "held_out"} == {row["problem_id"] for row in out}
    assert (facts["rows"], facts["rows_seen"]) == (22 - len(out), 8)


def test_an_adapter_is_trained_on(home: Home, tmp_path: Path) -> None:
    home.start("adapter", lora={"rank": 4})
    facts = home.train(tmp_path, start="adapter")
    assert facts["adapter"] is True
    assert facts["base"] == manifest(home.folder / "adapter/weights")["base"]
    assert {path.name for path in (tmp_path / "weights").iterdir()} >= {"adapter_model.safetensors"}
    assert difference(tmp_path, home.folder / "adapter") > 1e-4
    (tmp_path / "other").mkdir()
    home.train(tmp_path / "other", start="adapter")
    assert (tmp_path / "other/weights/adapter_model.safetensors").read_bytes() == (
        tmp_path / "weights/adapter_model.safetensors"
    ).read_bytes()


def test_the_manifest_says_what_parity_compares(home: Home, trained: Path, tmp_path: Path) -> None:
    def arm(name: str, folder: Path, training: str) -> Path:
        place = TrainedModel("s", training, name, 1)
        facts = {**manifest(folder / "weights"), "identity": place.identity}
        if "start" in facts:
            facts["start"]["training"] = "sft"
        path = tmp_path / place.manifest
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(facts))
        return path

    home.start("longer", max_updates=5)
    home.train(tmp_path / "short", "teacher-short")
    home.train(tmp_path / "beta", beta=0.5)
    home.train(tmp_path / "longer", start="longer")
    paths = {"long": trained, "again": trained, "short": tmp_path / "short", "beta": tmp_path / "beta",
             "longer": tmp_path / "longer"}  # fmt: skip
    manifests = [*(arm(name, path, "own") for name, path in paths.items()), arm("plain", home.start(), "sft")]
    place, rendered = Rendered("s", "sft", "long"), []
    for name in (*paths, "plain"):
        rendered.append(tmp_path / f"{name}.json")
        identity = Rendered("s", "sft", name).identity
        rendered[-1].write_text(json.dumps({"identity": identity, "cutoff": 64, "truncated": 0, "prompt": "p"}))
    facts = trained_facts(manifests, rendered)

    def between(one: str, other: str, training: str = "own") -> set[str]:
        return set(parity([[Arm("s", "own", one, 1)], [Arm("s", training, other, 1)]], facts).differing)

    assert between("long", "again") == set()
    assert between("long", "short") == {"on_policy"}
    assert between("long", "beta") == {"on_policy"}
    assert between("long", "longer") == {"on_policy", "max_updates"}
    assert between("long", "plain", "sft") == {"on_policy", "updates", "epochs"}
    assert facts[Arm("s", "own", "long", 1)]["cutoff"] == 64
    assert shown_rows(facts[Arm("s", "own", "long", 1)]) == place
    assert shown_rows(facts[Arm("s", "sft", "plain", 1)]) == Rendered("s", "sft", "plain")
    start = manifest(home.start() / "weights")
    own = facts[Arm("s", "own", "long", 1)]
    assert (own["base"], own["code"]) == (start["base_digest"], start["code"])
    assert own["on_policy"]["start_updates"] == 3


def test_the_plan_is_one_of_rows_and_seed(home: Home) -> None:
    job = OnPolicyJob(**{**KEYS, "max_updates": 12})
    rows, _ = split(tables.read(home.data / "rendered.parquet", tables.RENDERED), prompts.fine_tuning(job))
    one, again, other = (prompts.plan_updates(rows, job, seed) for seed in (1, 1, 2))
    assert one == again != other
    shown = [row for update in one for row in update.rows]
    assert len(shown) == 48
    assert sorted(shown[:22]) == sorted(shown[22:44]) == list(range(22))
    assert shown[:22] != shown[22:44]
    assert (one[0].epoch, one[-1].epoch) == (4 / 22, 48 / 22)
    small = prompts.plan_updates(rows, OnPolicyJob(**{**KEYS, "global_batch": 50, "max_updates": 1}), 1)
    assert len(small[0].rows) == 50  # more than there are rows
