"""What a training cannot do is said in one line before the first update, and nothing is half-written."""

import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import train
import train_on_policy
from helpers import TOY, base_model
from pydantic import ValidationError
from safetensors.torch import save_file
from test_train import inputs, options, run  # noqa: F401  # `inputs` is a fixture

from distill import tables
from distill.models.folders import load_model
from distill.runtime.errors import InputError
from distill.training.state import last_state, state_folder

MODULES = "down_proj, gate_proj, k_proj, lm_head, o_proj, q_proj, up_proj, v_proj, or `all-linear`"
LACKING = next(p for p in ("wandb", "trackio", "tensorboard") if importlib.util.find_spec(p) is None)
REFUSED = {
    "unknown target": ({"lora": {"targets": ["q_proj", "query"]}}, f"no module 'query'; this model has {MODULES}"),
    "pattern": ({"lora": {"targets": r".*\.query"}}, rf"no module '.*\\.query'; this model has {MODULES}"),
    "broken pattern": (
        {"lora": {"targets": "(q_proj"}},
        "is no regular expression (missing ), unterminated subpattern",
    ),
    "no target": ({"lora": {"targets": []}}, f"lora.targets: names no module; this model has {MODULES}"),
    "norm": ({"lora": {"targets": ["input_layernorm"]}}, "'input_layernorm' is a Qwen3RMSNorm, which takes no adapter"),
    "container": (
        {"lora": {"targets": ["q_proj", "mlp"]}},
        "'mlp' is a Qwen3MLP, which takes no adapter; this model has",
    ),
    "liger": ({"liger": True}, "training: liger needs a GPU, and there is none; leave the key out here"),
    "flash": (
        {"attention": "flash_attention_2", "precision": "bfloat16"},
        "flash_attention_2 needs a GPU, and there is none",
    ),
    "report_to": ({"report_to": [LACKING]}, f"`report_to: [{LACKING}]` needs the package {LACKING}; install it"),
    "held_out": ({"held_out": 0.001}, "held_out 0.001 of 22 rows leaves 22 to train on and 0 held out"),
    "pack_tokens": ({"batch_unit": "packs", "pack_tokens": 10}, "`pack_tokens` 10 is below the longest row"),
}


def refused(data: Path, output: Path, **keys: Any) -> str:
    """Return the line with which a training is refused."""
    with pytest.raises(InputError) as caught:
        run(data, output, **keys)
    assert "\n" not in str(caught.value)
    left = {path.name for path in output.parent.iterdir()} if output.parent.exists() else set()
    assert left <= {"state"}
    return str(caught.value)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_lacking_is_named(inputs: Path, tmp_path: Path, name: str) -> None:  # noqa: F811
    keys, words = REFUSED[name]
    lora = {"lora": {"rank": 2, "alpha": 4, **keys["lora"]}} if "lora" in keys else {}
    assert words in refused(inputs, tmp_path / "m/weights", **{**keys, **lora})


@pytest.fixture
def with_mamba(inputs: Path, tmp_path: Path) -> Path:  # noqa: F811
    """The rows of `inputs`, and a student that is a Mamba with the toy's tokenizer."""
    import torch
    from transformers import MambaConfig, MambaForCausalLM

    source = tmp_path / "mamba"
    shutil.copytree(TOY / "base-xs", source)
    (source / "model.safetensors").unlink()
    vocabulary = json.loads((source / "config.json").read_text())["vocab_size"]
    torch.manual_seed(1)
    config = MambaConfig(vocab_size=vocabulary, hidden_size=32, num_hidden_layers=2, state_size=4)
    MambaForCausalLM(config).save_pretrained(source)
    data = tmp_path / "data"
    data.mkdir()
    shutil.copy(inputs / "rendered.parquet", data)
    base_model(data / "base", source)
    return data


def test_a_model_without_a_kernel_or_without_isolation(with_mamba: Path, tmp_path: Path) -> None:
    output = tmp_path / "m/weights"
    assert refused(with_mamba, output) == (
        f"{with_mamba / 'base'}: a MambaForCausalLM does not support `attention: sdpa`; take `attention: eager`"
    )
    words = refused(with_mamba, output, attention="eager")
    assert words.startswith("packing: rows of a pack see each other in a MambaForCausalLM")
    assert words.endswith("set `packing: false`")
    facts = run(with_mamba, output, attention="eager", packing=False, max_updates=2)
    assert facts["updates"] == 2


@pytest.mark.parametrize("files", [["tokenizer.json"], ["tokenizer.json", "tokenizer_config.json"]], ids=len)
def test_a_student_without_a_tokenizer(inputs: Path, tmp_path: Path, files: list[str]) -> None:  # noqa: F811
    source, data = tmp_path / "source", tmp_path / "data"
    shutil.copytree(TOY / "base-xs", source)
    base_model(data / "base", source)
    shutil.copy(inputs / "rendered.parquet", data)
    for file in files:
        (source / file).unlink()
    assert "tokenizer" in refused(data, tmp_path / "m/weights")


@pytest.mark.parametrize("keys", [{"order": "easy_first"}, {"hard_teacher": "odd"}], ids=str)
def test_easy_first_names_the_hard_teacher(inputs: Path, tmp_path: Path, keys: dict[str, Any]) -> None:  # noqa: F811
    with pytest.raises(ValidationError, match=r"`order: easy_first` and `hard_teacher`, .* go together; give both"):
        run(inputs, tmp_path / "m/weights", **keys)
    assert not (tmp_path / "m/weights").exists()


def test_the_rows_of_the_hard_teacher_come_last(
    inputs: Path,  # noqa: F811
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    keys = {"order": "easy_first", "global_batch": 11, "max_updates": 1}
    facts = run(inputs, tmp_path / "m/weights", hard_teacher="odd", **keys)
    assert facts["trained_on"] == {"even": 11}
    assert "hard teacher" not in caplog.text
    run(inputs, tmp_path / "n/weights", hard_teacher="od", **keys)
    assert (
        "order: easy_first: no row is of the hard teacher od, so all are shuffled; they are of even, odd" in caplog.text
    )


def test_the_state_of_another_recipe_is_not_taken_up(tmp_path: Path) -> None:
    (tmp_path / "one/checkpoint-8").mkdir(parents=True)
    (tmp_path / "two/checkpoint-4").mkdir(parents=True)
    assert state_folder(tmp_path, "one") == tmp_path / "one"
    assert [path.name for path in tmp_path.iterdir()] == ["one"]
    assert (tmp_path / "one/checkpoint-8").is_dir()
    assert list(state_folder(tmp_path, "three").iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["three"]


def test_adapters_of_another_training_are_no_student(inputs: Path, tmp_path: Path) -> None:  # noqa: F811
    run(inputs, tmp_path / "adapter/weights", max_updates=1, lora={"rank": 2, "alpha": 4})
    data = tmp_path / "data"
    data.mkdir()
    shutil.copy(inputs / "rendered.parquet", data)
    (data / "base").symlink_to(tmp_path / "adapter")
    assert "its weights are adapters on another model" in refused(data, tmp_path / "m/weights", lora=None)
    run(inputs, tmp_path / "whole/weights", max_updates=1)
    (data / "base").unlink()
    (data / "base").symlink_to(tmp_path / "whole")
    assert run(data, tmp_path / "n/weights", max_updates=1)["updates"] == 1


def test_a_training_goes_on_from_the_last_whole_state(tmp_path: Path) -> None:
    assert last_state(tmp_path) is None
    for update in (8, 16, 120):
        (tmp_path / f"checkpoint-{update}").mkdir()
        (tmp_path / f"checkpoint-{update}/trainer_state.json").write_text(json.dumps({"global_step": update}))
    assert last_state(tmp_path) == tmp_path / "checkpoint-120"
    (tmp_path / "checkpoint-120/trainer_state.json").write_text('{"glo')
    assert last_state(tmp_path) == tmp_path / "checkpoint-16"
    assert not (tmp_path / "checkpoint-120").exists()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def turned(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "touch"),
    [*[(name, touch) for name in ("model.safetensors", "optimizer.pt", "rng_state.pth", "scheduler.pt")
       for touch in (cut, emptied, zeros)], ("optimizer.pt", turned)],
)  # fmt: skip
def test_a_state_that_is_torn_behind_its_last_file_is_not_taken_up(
    tmp_path: Path, name: str, touch: Callable[[Path], None]
) -> None:
    for update in (2, 4):
        folder = tmp_path / f"checkpoint-{update}"
        folder.mkdir()
        save_file({"weight": torch.ones(99)}, folder / "model.safetensors")
        for other in ("optimizer.pt", "rng_state.pth", "scheduler.pt"):
            torch.save({"step": torch.ones(999)}, folder / other)
        (folder / "trainer_state.json").write_text(json.dumps({"global_step": update}))
    assert last_state(tmp_path) == tmp_path / "checkpoint-4"
    touch(tmp_path / "checkpoint-4" / name)
    assert last_state(tmp_path) == tmp_path / "checkpoint-2"
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-2"]


@pytest.mark.parametrize("text", ["[]", '"a"', "null", "{}", '{"global_step": "8"}x', '{"global_step": 9}', "\udcff"])
def test_a_state_whose_last_file_is_none_is_not_taken_up(tmp_path: Path, text: str) -> None:
    (tmp_path / "checkpoint-8").mkdir()
    (tmp_path / "checkpoint-8/trainer_state.json").write_bytes(text.encode(errors="surrogateescape"))
    assert last_state(tmp_path) is None
    assert not (tmp_path / "checkpoint-8").exists()


def altered(data: Path, folder: Path, **columns: list[Any]) -> Path:
    """Return a copy of rendered rows and student whose third row has other values in some columns."""
    shutil.copytree(data, folder)
    rows = tables.read(folder / "rendered.parquet", tables.RENDERED).to_pylist()
    rows[2] |= columns
    tables.write(folder / "rendered.parquet", tables.build(rows, tables.RENDERED), tables.RENDERED)
    return folder


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"input_ids": [], "loss_mask": [], "length": 0}, "no token that is taught"),
        ({"input_ids": [5], "loss_mask": [1], "length": 1}, "no token that is taught"),
        ({"input_ids": [5, 6, 7], "loss_mask": [1, 0, 0], "length": 3}, "no token that is taught"),
        ({"input_ids": [5, 6], "loss_mask": [0, 1, 1], "length": 2}, "2 ids, a loss mask of 3 and the length 2"),
        ({"input_ids": [5, 6], "loss_mask": [0, 1], "length": 9}, "2 ids, a loss mask of 2 and the length 9"),
        ({"input_ids": [5, 71], "loss_mask": [0, 1], "length": 2}, "ids from 5 to 71, and the model 71 tokens"),
        ({"input_ids": [-1, 6], "loss_mask": [0, 1], "length": 2}, "ids from -1 to 6, and the model 71 tokens"),
    ],
)
def test_a_row_that_cannot_be_trained_on_is_named(
    inputs: Path,  # noqa: F811
    tmp_path: Path,
    columns: dict[str, Any],
    words: str,
) -> None:
    data = altered(inputs, tmp_path / "data", **columns)
    said = refused(data, tmp_path / "m/weights")
    assert said.startswith(f"{data / 'rendered.parquet'}: the row of problem '02' has ")
    assert words in said
    assert said.endswith("; render the dataset anew")


def test_a_row_without_a_prompt_is_planned_as_it_is_trained_on(inputs: Path, tmp_path: Path) -> None:  # noqa: F811
    ids = [5, 6, 7, 8]
    data = altered(inputs, tmp_path / "data", input_ids=ids, loss_mask=[1] * 4, length=4)
    facts = run(data, tmp_path / "m/weights", epochs=1)  # else planned and ran would differ by a loss token
    counted = [sum(m[1:]) for m in tables.read(data / "rendered.parquet", tables.RENDERED)["loss_mask"].to_pylist()]
    assert facts["loss_tokens"] == sum(counted)


@pytest.mark.parametrize("option", ["--seed", "--processes", "--gpus"])
def test_a_number_below_nothing_is_refused(
    inputs: Path,  # noqa: F811
    tmp_path: Path,
    option: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for program, more in ((train, []), (train_on_policy, ["--start", "s", "--teacher", "t"])):
        with pytest.raises(SystemExit):
            program.main([*options(inputs, tmp_path / "m/weights"), *more, f"{option}=-1"])
        assert f"argument {option}: a whole number from 0 to" in capsys.readouterr().err
    assert not (tmp_path / "m").exists()


def students_file(folder: Path, **keys: Any) -> Path:
    """Return a model folder of a toy student whose config.json says something else."""
    shutil.copytree(TOY / "base-xs", folder / "source")
    path = folder / "source/config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **keys}))
    return base_model(folder / "base", folder / "source")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (
            {"model_type": "bert"},
            r"of a BertLMHeadModel \d+ weights are not there \(bert.* and would be random numbers",
        ),
        ({"hidden_size": 64}, "its weights have not the shapes that its config.json says; get both anew"),
        ({"vocab_size": 40}, "its weights have not the shapes that its config.json says; get both anew"),
        ({"num_attention_heads": 0}, "its weights cannot be loaded"),
        ({"num_hidden_layers": 9}, r"`num_hidden_layers` \(9\) must be equal to the number of `layer_types` \(2\)"),
        ({"num_hidden_layers": 3, "layer_types": None}, r"of a Qwen3ForCausalLM \d+ weights are not there \(model"),
        ({"model_type": "nosuch"}, "has model type `nosuch` but Transformers does not recognize"),
    ],
    ids=str,
)
def test_weights_that_are_not_those_of_the_model_are_refused(tmp_path: Path, keys: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        load_model(students_file(tmp_path, **keys))
    assert "\n" not in str(caught.value)


def test_rows_beyond_the_context_of_the_student_are_told(
    inputs: Path,  # noqa: F811
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    ids = [5, 6] * 300  # the toy reads 512 tokens
    data = altered(inputs, tmp_path / "data", input_ids=ids, loss_mask=[0] + [1] * 599, length=600)
    run(data, tmp_path / "m/weights", max_updates=1)
    assert "1 of 22 rows are longer than the 512 tokens that the student was made for" in caplog.text
    caplog.clear()
    run(inputs, tmp_path / "n/weights", max_updates=1)
    assert "longer than" not in caplog.text
