"""train.py: what the loss sees, equal bytes for equal inputs, LoRA, and students from scratch."""

import json
import shutil
from pathlib import Path
from typing import Any

import initialise
import numpy as np
import pytest
import train
from helpers import PROMPTS, TOY, base_model, manifest, problems_table, recipe

from distill import tables
from distill.models.folders import load_generation_config, load_model, load_tokenizer, stop_ids

KEYS = {"lr": 2e-3, "epochs": 2, "global_batch": 4, "micro_batch": 2, "save_every": 3}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base model and a rendered table of 22 long toy traces."""
    import random

    from distill.models.prompts import Prompt
    from distill.models.templates import ChatTemplate
    from tools.toy import problems as toy

    folder = tmp_path_factory.mktemp("train")
    tokenizer = load_tokenizer(base_model(folder / "base"))
    rng, rows = random.Random(0), []
    for number, problem in enumerate(toy.corpus(5, 22)):
        messages = Prompt(PROMPTS / "plain.jinja").messages(problem.text)
        ids = ChatTemplate(tokenizer).conversation_ids(messages, toy.trace(problem, "long", rng))
        prompt = len(ChatTemplate(tokenizer).prompt_ids(messages))
        mask = [0] * prompt + [1] * (len(ids) - prompt)
        teacher = "odd" if number % 2 else "even"
        rows.append(
            {"problem_id": f"{number:02d}", "teacher": teacher, "input_ids": ids, "loss_mask": mask, "length": len(ids)}
        )
    tables.write(folder / "rendered.parquet", tables.build(rows, tables.RENDERED), tables.RENDERED)
    return folder


def options(inputs: Path, output: Path, seed: int = 1, **keys: Any) -> list[str]:
    rendered, model = str(inputs / "rendered.parquet"), str(inputs / "base")
    recipe_text = recipe(**{**KEYS, **keys})
    return [
        "--rendered",
        rendered,
        "--model",
        model,
        "--seed",
        str(seed),
        "--recipe",
        recipe_text,
        "--output",
        str(output),
    ]


def run(inputs: Path, output: Path, **keys: Any) -> dict[str, Any]:
    train.main(options(inputs, output, **keys))
    return manifest(output)


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def trained(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("once") / "m/weights"
    run(inputs, output)
    return output


def test_the_log_and_the_manifest(inputs: Path, trained: Path) -> None:
    facts = manifest(trained)
    log = tables.read(trained.with_name("train_log.parquet"), tables.TRAIN_LOG).to_pydict()
    assert facts["updates"] == 12
    assert log["update"] == list(range(1, 13))
    rendered = tables.read(inputs / "rendered.parquet", tables.RENDERED)
    assert facts["tokens"] == 2 * sum(rendered["length"].to_pylist()) == log["tokens"][-1]
    assert facts["loss_tokens"] == 2 * sum(sum(m) for m in rendered["loss_mask"].to_pylist())
    assert sum(log["loss"][-3:]) < sum(log["loss"][:3])
    assert sorted(p.name for p in trained.parent.iterdir()) == [
        "kept", "ledger.parquet", "manifest.json", "provenance.json", "train_log.parquet", "weights",
    ]  # fmt: skip
    assert load_tokenizer(trained.parent).chat_template == load_tokenizer(inputs / "base").chat_template


def test_a_trained_model_stops_where_its_base_does(inputs: Path, trained: Path) -> None:
    tokenizer = load_tokenizer(inputs / "base")
    stops = stop_ids(tokenizer, load_generation_config(inputs / "base"))
    config = json.loads((trained / "generation_config.json").read_text())
    saved = config["eos_token_id"]
    assert (saved if isinstance(saved, list) else [saved]) == stops
    assert stop_ids(tokenizer, load_generation_config(trained.parent)) == stops


def test_every_stop_of_the_base_is_kept(inputs: Path, tmp_path: Path) -> None:
    data, source = tmp_path / "data", tmp_path / "source"
    shutil.copytree(TOY / "base-xs", source)
    data.mkdir()
    shutil.copy(inputs / "rendered.parquet", data)
    path = source / "generation_config.json"
    config = json.loads(path.read_text()) if path.is_file() else {}
    stops = sorted({load_tokenizer(inputs / "base").eos_token_id, 9})
    path.write_text(json.dumps({**config, "eos_token_id": stops}))
    base_model(data / "base", source)
    run(data, tmp_path / "m/weights", max_updates=1)
    assert json.loads((tmp_path / "m/weights/generation_config.json").read_text())["eos_token_id"] == stops


def test_the_first_loss_is_the_mean_over_the_masked_tokens(inputs: Path, tmp_path: Path) -> None:
    import torch

    facts = run(inputs, tmp_path / "m/weights", global_batch=22, micro_batch=22, epochs=1)
    log = tables.read(tmp_path / "m/train_log.parquet", tables.TRAIN_LOG).to_pydict()
    network, total = load_model(inputs / "base", dtype="float32").eval(), 0.0
    with torch.no_grad():
        for row in tables.read(inputs / "rendered.parquet", tables.RENDERED).to_pylist():
            ids = torch.tensor([row["input_ids"]])
            logs = network(ids).logits.log_softmax(-1)[0, :-1]
            taken = logs[torch.arange(ids.shape[1] - 1), ids[0, 1:]]
            total -= float((taken * torch.tensor(row["loss_mask"][1:])).sum())
    assert log["loss"] == [pytest.approx(total / facts["loss_tokens"], rel=1e-4)]


def test_equal_inputs_make_equal_bytes_and_another_seed_another_order(
    inputs: Path, trained: Path, tmp_path: Path
) -> None:
    again = run(inputs, tmp_path / "again/weights")
    assert weights(tmp_path / "again/weights") == weights(trained)
    assert again == manifest(trained)
    train.main(options(inputs, tmp_path / "other/weights", seed=2))
    assert weights(tmp_path / "other/weights") != weights(trained)


def test_accumulation_is_the_same_arithmetic(inputs: Path, trained: Path, tmp_path: Path) -> None:
    run(inputs, tmp_path / "m/weights", micro_batch=4)
    one, two = (load_model(p.parent, dtype="float32").state_dict() for p in (trained, tmp_path / "m/weights"))
    assert max(float((one[n] - two[n]).abs().max()) for n in one) < 2e-3


def test_lora_writes_an_adapter_that_is_merged_when_it_is_used(inputs: Path, tmp_path: Path) -> None:
    facts = run(inputs, tmp_path / "m/weights", lora={"rank": 2, "alpha": 4})
    assert (facts["adapter"], facts["recipe"]["lora"]["rank"]) == (True, 2)
    assert (tmp_path / "m/weights/adapter_model.safetensors").is_file()
    base, merged = (load_model(p, dtype="float32").state_dict() for p in (inputs / "base", tmp_path / "m"))
    assert base.keys() == merged.keys()
    changed = {n for n in base if not np.array_equal(base[n].numpy(), merged[n].numpy())}
    assert changed
    assert all("proj" in n for n in changed)
    names = json.loads((tmp_path / "m/weights/adapter_config.json").read_text())["target_modules"]
    assert names == sorted(names)  # of a set, whose order is another one in each process
    assert len(names) > 7


def test_max_updates_ends_early_and_the_ledger_names_the_rows_it_did_not_reach(inputs: Path, tmp_path: Path) -> None:
    facts = run(inputs, tmp_path / "m/weights", max_updates=2)
    assert facts["updates"] == 2
    assert facts["ledger"] == {"rows_in": 22, "rows_out": 8, "lost": {"not_reached": 14}}
    lost = tables.read(tmp_path / "m/ledger.parquet", tables.LEDGER).to_pylist()
    assert len({r["problem_id"] for r in lost}) == 14
    assert {r["teacher"] for r in lost} <= {"even", "odd"}
    assert facts["trained_on"] == {n: 11 - sum(r["teacher"] == n for r in lost) for n in ("even", "odd")}
    # The tokens of the rows that are not in the ledger are those that the model was shown.
    rendered = tables.read(inputs / "rendered.parquet", tables.RENDERED).to_pylist()
    missed = {r["problem_id"] for r in lost}
    assert facts["tokens"] == sum(r["length"] for r in rendered if r["problem_id"] not in missed)


# Students from scratch


def scratch(folder: Path, **keys: Any) -> Path:
    text = "Natalia sold 48 clips. How many clips? The answer is nineteen. "
    rows = [{"problem_id": str(i), "problem": text * 3 + str(i), "answer": str(i)} for i in range(30)]
    known = problems_table(folder / "problems.parquet", rows)
    keys = {"tokenizer_corpora": ["c"], "vocabulary": 300, **keys}
    output = folder / "base/weights"
    initialise.main(["--problems", str(known), "--recipe", recipe(scratch=keys), "--output", str(output)])
    return output


@pytest.mark.parametrize("architecture", ["qwen3", "llama"])
def test_a_student_from_scratch_reads_any_text(tmp_path: Path, architecture: str) -> None:
    output = scratch(tmp_path, architecture=architecture)
    tokenizer = load_tokenizer(output.parent)
    for text in ("48 clips", "naïve ∑ \u4e2d 🙂\n\tx"):
        assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text
    assert load_model(output.parent).config.model_type == architecture
    assert manifest(output)["parameters"] > 0


def test_the_same_seed_makes_the_same_student(tmp_path: Path) -> None:
    one, two, other = (scratch(tmp_path / n, seed=s) for n, s in (("a", 0), ("b", 0), ("c", 1)))
    assert weights(one) == weights(two) != weights(other)
    assert manifest(one) == manifest(two)


def test_toy_shapes_are_ready_for_vllm() -> None:
    import json

    for folder in TOY.iterdir():
        if folder.is_dir():
            config = json.loads((folder / "config.json").read_text())
            assert config["head_dim"] >= 32
            assert config["eos_token_id"] is not None
