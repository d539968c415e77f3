"""Distillation from a teacher's probabilities: the loss by hand, and what it does to the weights."""

import json
import math
from pathlib import Path
from typing import Any

import compute_teacher_logprobs
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import train
from helpers import TOY, base_model, manifest, recipe
from hypothesis import given, settings
from hypothesis import strategies as st
from test_steps import MODELS, TOKENS, model
from test_train import inputs, options, run, weights  # noqa: F401  # `inputs` is a fixture
from test_training_input import altered

from distill import tables
from distill.config.lineage import Arm, TrainedModel
from distill.config.recipes import Distillation
from distill.models.folders import load_model, load_tokenizer
from distill.runtime.errors import InputError
from distill.training.distillation import Taught, TeacherLogprobs
from distill.training.loss import summed_loss
from distill.training.parity import parity, trained_facts
from distill.training.steps import tensors

# The loss


def taught(
    logits: torch.Tensor, top_k: int, temperature: float = 1.0, weight: float = 0.5, keep: int | None = None
) -> Taught:
    """What a teacher of these logits [tokens, vocabulary] says; only the first `keep` ids have a probability."""
    logs, ids = (logits[:, :keep] / temperature).log_softmax(-1).topk(top_k, dim=-1)
    return Taught(ids, logs, temperature, weight)


def test_a_vocabulary_of_three_by_hand() -> None:
    theirs, ours = [math.log(p) for p in (0.5, 0.3, 0.2)], [math.log(q) for q in (0.25, 0.25, 0.5)]
    student = torch.tensor([ours])
    one = taught(torch.tensor([theirs]), 1)
    assert one.ids.tolist() == [[0]]
    assert float(one.divergence(student)) == pytest.approx(0.5 * math.log(2) + 0.5 * math.log(0.5 / 0.75), abs=1e-6)
    assert float(one.divergence(student)) == pytest.approx(0.1438410, abs=1e-6)
    whole = 0.5 * math.log(2) + 0.3 * math.log(0.3 / 0.25) + 0.2 * math.log(0.2 / 0.5)
    for top_k in (2, 3):  # with one token left over, the rest is that token
        assert float(taught(torch.tensor([theirs]), top_k).divergence(student)) == pytest.approx(whole, abs=1e-6)
    assert whole == pytest.approx(0.2180119, abs=1e-6)


def test_temperature_divides_the_logits_and_its_square_multiplies() -> None:
    theirs, ours = torch.tensor([[2.0, 0.0, -2.0]]), torch.tensor([[0.0, 0.0, 0.0]])
    p = [math.exp(x) / (math.e + 1 + 1 / math.e) for x in (1, 0, -1)]  # at temperature 2
    expected = 4 * sum(each * math.log(3 * each) for each in p)
    assert float(taught(theirs, 3, 2.0).divergence(ours)) == pytest.approx(expected, abs=1e-6)
    rest = p[1] + p[2]
    bucket = 4 * (p[0] * math.log(3 * p[0]) + rest * math.log(rest * 3 / 2))
    assert float(taught(theirs, 1, 2.0).divergence(ours)) == pytest.approx(bucket, abs=1e-6)


@given(st.integers(0, 10**6), st.integers(1, 20), st.floats(0.5, 4), st.floats(0.1, 30))
@settings(max_examples=100, deadline=None)
def test_the_divergence_grows_with_top_k_up_to_that_of_all_tokens(
    seed: int, top_k: int, temperature: float, scale: float
) -> None:
    generator = torch.Generator().manual_seed(seed)
    theirs, ours = (scale * torch.randn(5, 20, generator=generator) for _ in range(2))
    p, q = ((x.double() / temperature).log_softmax(-1) for x in (theirs, ours))
    whole = float(temperature**2 * (p.exp() * (p - q)).sum())
    found = [float(taught(theirs, k, temperature).divergence(ours)) for k in (top_k, 20)]
    tolerance = 1e-5 * (temperature**2 + whole)
    assert found[1] == pytest.approx(whole, abs=tolerance)
    assert -tolerance <= found[0] <= whole + tolerance


@pytest.mark.parametrize("top_k", [1, 3, 7])
@pytest.mark.parametrize("scale", [1.0, 40.0])
def test_the_gradient_is_that_of_the_formula_in_double(top_k: int, scale: float) -> None:
    generator = torch.Generator().manual_seed(3)
    theirs, ours = (scale * torch.randn(6, 7, generator=generator) for _ in range(2))
    own = taught(theirs, top_k, 1.5)
    logits = ours.clone().requires_grad_()
    own.divergence(logits).backward()
    # By the chain rule: T (q_i - p_i) of a likely token, T q_i (1 - p_r / q_r) of each other.
    p, q = ((x.double() / 1.5).softmax(-1) for x in (theirs, ours))
    likely = torch.zeros_like(p).scatter(-1, own.ids, 1.0).bool()
    rest = (p * ~likely).sum(-1, keepdim=True) / (q * ~likely).sum(-1, keepdim=True) if top_k < 7 else torch.ones(6, 1)
    expected = 1.5 * torch.where(likely, q - p, q * (1 - rest))
    assert torch.allclose(logits.grad.double(), expected, atol=2e-5)


def test_a_student_surer_than_its_digits_has_a_finite_loss() -> None:
    logits = torch.tensor([[60.0, 0.0, 0.0]], requires_grad=True)
    loss = taught(torch.tensor([[0.0, 0.0, 0.0]]), 1).divergence(logits)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(1 / 3 * math.log(1 / 3) + 2 / 3 * (math.log(2 / 3) + 60 - math.log(2)))
    assert logits.grad.tolist()[0] == pytest.approx([2 / 3, -1 / 3, -1 / 3], abs=1e-6)


def test_a_teacher_without_a_rest_and_one_with_a_masked_token() -> None:
    sure = Taught(torch.tensor([[0, 1]]), torch.tensor([[0.0, -3e38]]), 1.0, 1.0)
    logits = torch.tensor([[1.0, 0.0, 0.0]], requires_grad=True)
    loss = sure.divergence(logits)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(math.log(math.e + 2) - 1, abs=1e-6)
    assert torch.isfinite(logits.grad).all()


class Network:
    """A teacher or student of the tests: the model, and a teacher's table made of it by plain passes."""

    def __init__(self, seed: int, top_k: int, temperature: float, weight: float):
        torch.manual_seed(seed)
        self.network = model(MODELS["llama"])
        if seed != 1:
            with torch.no_grad():
                for each in self.network.parameters():
                    each.add_(0.3 * torch.randn_like(each))
        self.recipe = Distillation(top_k=top_k, temperature=temperature, weight=weight)

    def logits(self, row: int) -> torch.Tensor:
        """The logits before each token that the loss counts."""
        with torch.no_grad():
            logits = self.network(input_ids=torch.tensor(TOKENS.ids[row])[None]).logits[0].float()
        return logits[:-1][torch.tensor(TOKENS.masks[row][1:])]

    def table(self) -> TeacherLogprobs:
        own = [taught(self.logits(row), self.recipe.top_k, self.recipe.temperature) for row in range(len(TOKENS.ids))]
        ids, logs = [o.ids.numpy().ravel() for o in own], [o.logprobs.numpy().ravel() for o in own]
        return TeacherLogprobs(ids, logs, self.recipe)


@pytest.mark.parametrize("packing", [True, False], ids=["packed", "padded"])
@pytest.mark.parametrize("rows", [[0, 1, 2], [4, 3], [5], [2, 0, 5, 4, 1, 3], []], ids=str)
def test_the_loss_of_a_step_is_that_of_the_rows_alone(rows: list[int], packing: bool) -> None:
    teacher, student = Network(2, 4, 2.0, 0.3), Network(1, 4, 2.0, 0.3)
    with torch.no_grad():
        step = tensors(rows, TOKENS, packing, pad=0)
        found = float(summed_loss(student.network, step, teacher.table().of(rows)))
    expected = 0.0
    for row in rows:
        logits = student.logits(row)
        targets = torch.tensor(TOKENS.ids[row][1:])[torch.tensor(TOKENS.masks[row][1:])]
        cross = float(torch.nn.functional.cross_entropy(logits, targets, reduction="sum"))
        expected += 0.7 * cross + 0.3 * float(taught(teacher.logits(row), 4, 2.0).divergence(logits))
    assert found == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("packing", [True, False], ids=["packed", "padded"])
def test_a_teacher_equal_to_the_student_moves_nothing(packing: bool) -> None:
    own = Network(1, 50, 1.0, 1.0)
    rows = list(range(len(TOKENS.ids)))
    loss = summed_loss(own.network, tensors(rows, TOKENS, packing, pad=0), own.table().of(rows))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0, abs=1e-4)
    assert max(float(p.grad.abs().max()) for p in own.network.parameters()) < 1e-4


# The table


def logprobs(data: Path, output: Path, teacher: str, **keys: Any) -> Path:
    """Run the program on a teacher of the toy; return the table."""
    folder = data / teacher
    if not folder.exists():
        base_model(folder, TOY / teacher)
    table = output / "teacher_logprobs.parquet"
    compute_teacher_logprobs.main(["--rendered", str(data / "rendered.parquet"), "--teacher", str(folder), "--student",
                                   str(data / "base"), "--recipe", recipe(**keys), "--output", str(table)])  # fmt: skip
    return table


def test_the_table_holds_the_likeliest_tokens_before_each_loss_token(inputs: Path, tmp_path: Path) -> None:  # noqa: F811
    path = logprobs(inputs, tmp_path / "t", "teacher-long", top_k=5, temperature=1.5)
    found = tables.read(path, tables.TEACHER_LOGPROBS).to_pylist()
    rendered = tables.read(inputs / "rendered.parquet", tables.RENDERED).to_pylist()
    network = load_model(inputs / "teacher-long", dtype="float32").eval()
    shared = len(load_tokenizer(inputs / "base").get_vocab())
    tokens, held = 0, 0.0
    for row, own in zip(rendered, found, strict=True):
        assert own["problem_id"] == row["problem_id"]
        with torch.no_grad():
            logits = network(torch.tensor([row["input_ids"]])).logits[0, :-1, :shared].float()
        logs = (logits[np.array(row["loss_mask"][1:], bool)] / 1.5).log_softmax(-1)
        wanted = logs.topk(5)
        tokens, held = tokens + len(logs), held + float(wanted.values.exp().sum())
        assert own["logprobs"] == pytest.approx(wanted.values.flatten().tolist(), abs=1e-4)
        ids = torch.tensor(own["ids"]).reshape(-1, 5)
        assert torch.allclose(logs.gather(-1, ids).flatten(), wanted.values.flatten(), atol=1e-4)  # ties may be swapped
        assert all(len(set(each)) == 5 for each in ids.tolist())
    facts = manifest(path)
    assert (facts["rows"], facts["tokens"], facts["top_k"], facts["temperature"]) == (22, tokens, 5, 1.5)
    assert facts["held"] == pytest.approx(held / tokens, abs=1e-5)
    again = logprobs(inputs, tmp_path / "again", "teacher-long", top_k=5, temperature=1.5)
    assert again.read_bytes() == path.read_bytes()


# The training

SHORT = {"max_updates": 3, "global_batch": 8, "lr": 1e-3}


def distilled(data: Path, output: Path, teacher: str = "teacher-long", **keys: Any) -> Path:
    """Train with a teacher's table; return the weights."""
    distil = {"top_k": 8, "temperature": 1.0, "weight": 0.5, **keys.pop("distil", {})}
    stored = {k: distil[k] for k in ("top_k", "temperature")}
    table = logprobs(data, output.parent / f"logprobs-{output.name}", teacher, **stored)
    processes = ["--processes", str(keys.pop("processes", 1))]
    arguments = options(data, output / "weights", **{**SHORT, **keys, "distil": distil})
    train.main([*arguments, "--teacher-logprobs", str(table), *processes])
    return output / "weights"


def difference(one: Path, two: Path) -> float:
    first, second = (load_model(p.parent, dtype="float32").state_dict() for p in (one, two))
    return max(float((first[n] - second[n]).abs().max()) for n in first)


@pytest.fixture(scope="module")
def long(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    return distilled(inputs, tmp_path_factory.mktemp("distilled") / "long")


def test_the_teacher_changes_the_weights(inputs: Path, long: Path, tmp_path: Path) -> None:  # noqa: F811
    assert difference(long, distilled(inputs, tmp_path / "short", "teacher-short")) > 1e-4
    facts, other = manifest(long), manifest(tmp_path / "short/weights")
    assert facts["recipe"] == other["recipe"]
    assert facts["recipe"]["distil"] == {"top_k": 8, "temperature": 1.0, "weight": 0.5}
    assert facts["teacher"] == manifest(inputs / "teacher-long/x")["digest"] != other["teacher"]


def test_weight_zero_is_plain_training(inputs: Path, tmp_path: Path) -> None:  # noqa: F811
    run(inputs, tmp_path / "plain/weights", **SHORT)
    assert weights(distilled(inputs, tmp_path / "zero", distil={"weight": 0.0})) == weights(tmp_path / "plain/weights")
    assert manifest(tmp_path / "plain/weights")["teacher"] is None


def test_the_logged_loss_is_the_mean_over_loss_tokens(inputs: Path, tmp_path: Path) -> None:  # noqa: F811
    output = distilled(
        inputs, tmp_path / "m", max_updates=1, global_batch=22, distil={"weight": 0.25, "temperature": 2.0}
    )
    log = tables.read(output.with_name("train_log.parquet"), tables.TRAIN_LOG).to_pydict()
    student, teacher = (load_model(inputs / n, dtype="float32").eval() for n in ("base", "teacher-long"))
    total, tokens = 0.0, 0
    for row in tables.read(inputs / "rendered.parquet", tables.RENDERED).to_pylist():
        mask = torch.tensor(row["loss_mask"][1:]).bool()
        ids = torch.tensor([row["input_ids"]])
        with torch.no_grad():
            ours, theirs = (net(ids).logits[0, :-1][mask].float() for net in (student, teacher))
        cross = torch.nn.functional.cross_entropy(ours, ids[0, 1:][mask], reduction="sum")
        kept = len(load_tokenizer(inputs / "base").get_vocab())
        total += 0.75 * float(cross) + 0.25 * float(taught(theirs, 8, 2.0, keep=kept).divergence(ours))
        tokens += int(mask.sum())
    assert log["loss"] == [pytest.approx(total / tokens, rel=1e-4)]


def test_padded_rows_and_two_processes_come_out_alike(inputs: Path, long: Path, tmp_path: Path) -> None:  # noqa: F811
    assert difference(long, distilled(inputs, tmp_path / "padded", packing=False)) < 1e-4
    assert difference(long, distilled(inputs, tmp_path / "two", processes=2)) < 1e-4


def test_a_teacher_equal_to_the_student_teaches_nothing(inputs: Path, tmp_path: Path) -> None:  # noqa: F811
    size = len(load_tokenizer(inputs / "base").get_vocab())
    keys = {"distil": {"weight": 1.0, "top_k": size}, "optimizer": "sgd", "lr": 1e-2}
    output = distilled(inputs, tmp_path / "m", "base-xs", **keys)
    log = tables.read(output.with_name("train_log.parquet"), tables.TRAIN_LOG).to_pydict()
    assert max(log["loss"]) < 1e-3
    assert max(log["grad_norm"]) < 1e-3
    assert difference(output, inputs / "base/x") < 1e-5


# What is refused


def test_a_table_and_the_recipe_go_together(inputs: Path, long: Path, tmp_path: Path) -> None:  # noqa: F811
    table = str(long.parent.parent / "logprobs-long/teacher_logprobs.parquet")
    distil = {"top_k": 8, "temperature": 1.0, "weight": 0.5}
    for option, keys in ((["--teacher-logprobs", table], {}), ([], {"distil": distil})):
        with pytest.raises(InputError, match="go together; give both or none"):
            train.main([*options(inputs, tmp_path / "w", **SHORT, **keys), *option])
    for name, value in (("top_k", 4), ("temperature", 2.0)):
        with pytest.raises(InputError, match=f"its manifest says {name} .*, and the training wants {value}; make it"):
            train.main([*options(inputs, tmp_path / "w", **SHORT, distil={**distil, name: value}), "--teacher-logprobs",
                        table])  # fmt: skip
    assert not (tmp_path / "w").exists()


def test_a_row_without_a_prompt_has_no_teacher_of_its_first_token(inputs: Path, tmp_path: Path) -> None:  # noqa: F811
    data = altered(inputs, tmp_path / "data", input_ids=[5, 6, 7, 8], loss_mask=[1] * 4, length=4)
    output = distilled(data, tmp_path / "m", max_updates=None, epochs=1)
    counted = [sum(m[1:]) for m in tables.read(data / "rendered.parquet", tables.RENDERED)["loss_mask"].to_pylist()]
    assert manifest(output)["loss_tokens"] == sum(counted)


def test_a_table_of_other_rows_is_refused(inputs: Path, long: Path, tmp_path: Path) -> None:  # noqa: F811
    rows = pq.read_table(inputs / "rendered.parquet").to_pylist()
    rows[3]["input_ids"][-2] = 7
    (tmp_path / "data").mkdir()
    (tmp_path / "data/base").symlink_to(inputs / "base")
    tables.write(tmp_path / "data/rendered.parquet", tables.build(rows, tables.RENDERED), tables.RENDERED)
    table = long.parent.parent / "logprobs-long/teacher_logprobs.parquet"
    distil = {"top_k": 8, "temperature": 1.0, "weight": 0.5}
    with pytest.raises(InputError, match="its manifest says rendered"):
        train.main(
            [*options(tmp_path / "data", tmp_path / "w", **SHORT, distil=distil), "--teacher-logprobs", str(table)]
        )
    rendered = tables.read(inputs / "rendered.parquet", tables.RENDERED)
    with pytest.raises(InputError, match="not 8 values per loss token of the rendered rows"):
        TeacherLogprobs.read(table, rendered.slice(1), Distillation(top_k=8))
    with pytest.raises(InputError, match="not 9 values per loss token"):
        TeacherLogprobs.read(table, rendered, Distillation(top_k=9))


def test_parity_names_the_teacher(inputs: Path, long: Path, tmp_path: Path) -> None:  # noqa: F811
    def arm(dataset: str, manifest_of: Path) -> Path:
        place = TrainedModel("s", "t", dataset, 1)
        facts = {**manifest(manifest_of), "identity": place.identity}
        path = tmp_path / place.manifest
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(facts))
        return path

    run(inputs, tmp_path / "plain/weights", **SHORT)
    short = distilled(inputs, tmp_path / "short", "teacher-short")
    names = {"long": long, "again": long, "short": short, "plain": tmp_path / "plain/weights"}
    facts = trained_facts([arm(name, path) for name, path in names.items()], [])

    def between(one: str, other: str) -> list[str]:
        return list(parity([[Arm("s", "t", one, 1)], [Arm("s", "t", other, 1)]], facts).differing)

    assert between("long", "again") == []
    assert between("long", "short") == ["distil"]
    assert between("long", "plain") == ["distil"]
