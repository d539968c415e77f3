"""Weights that were touched after they were made: no program answers with them."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import TOY, base_model
from test_train import inputs, run  # noqa: F401  # `inputs` is a fixture

from distill.models.folders import check_weights, load_model, load_tokenizer
from distill.runtime.errors import InputError


def one_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def gone(path: Path) -> None:
    path.unlink()


@pytest.fixture
def base(tmp_path: Path) -> Path:
    shutil.copytree(TOY / "base-xs", tmp_path / "here")
    return base_model(tmp_path / "base", tmp_path / "here")


@pytest.mark.parametrize("touch", [one_bit, half, gone])
def test_a_base_that_was_touched_is_not_loaded(base: Path, tmp_path: Path, touch: Callable[[Path], None]) -> None:
    load_model(base)
    touch(tmp_path / "here/model.safetensors")
    with pytest.raises(InputError, match=r"here/model\.safetensors: not what .*base/manifest\.json states"):
        load_model(base)


def test_a_tokenizer_that_was_touched_is_not_loaded(base: Path, tmp_path: Path) -> None:
    load_tokenizer(base)
    path = tmp_path / "here/tokenizer.json"
    path.write_text(path.read_text().replace("the", "hte", 1) + " ")
    with pytest.raises(InputError, match=r"tokenizer\.json: not what"):
        load_tokenizer(base)


@pytest.mark.parametrize("lora", [None, {"rank": 2, "alpha": 4}], ids=["full", "adapter"])
def test_a_trained_model_that_was_touched_is_not_loaded(
    inputs: Path,  # noqa: F811
    tmp_path: Path,
    lora: dict[str, int] | None,
) -> None:
    shutil.copytree(inputs, tmp_path / "data")
    output = tmp_path / "arm/weights"
    run(tmp_path / "data", output, max_updates=1, lora=lora)
    check_weights(output.parent)
    one_bit(output / ("adapter_model.safetensors" if lora else "model.safetensors"))
    with pytest.raises(InputError, match=r"arm/weights: not what .*arm/manifest\.json states.*delete .*weights"):
        load_model(output.parent)


@pytest.mark.parametrize("lora", [None, {"rank": 2, "alpha": 4}], ids=["full", "adapter"])
def test_what_lies_beside_trained_weights_counts_too(
    inputs: Path,  # noqa: F811
    tmp_path: Path,
    lora: dict[str, int] | None,
) -> None:
    output = tmp_path / "arm/weights"
    run(inputs, output, max_updates=1, lora=lora)
    config = output / ("adapter_config.json" if lora else "config.json")
    original = config.read_text()
    for text in (original.replace("4", "8", 1), original + " ", ""):
        config.write_text(text)
        with pytest.raises(InputError, match=rf"arm/weights/{config.name}: not what .*delete .*weights"):
            load_model(output.parent)
    config.write_text(original)
    load_model(output.parent)
    if lora is None:
        tokenizer = output / "tokenizer.json"
        tokenizer.write_text(tokenizer.read_text() + " ")
        with pytest.raises(InputError, match=r"arm/weights/tokenizer\.json: not what"):
            load_tokenizer(output.parent)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_model_of_the_hub_that_was_touched_is_not_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    import hashlib

    from huggingface_hub import constants

    from distill.runtime.files import file_digest, write_json

    commit, cache = "a" * 40, tmp_path / "models--some--model"
    (cache / "blobs").mkdir(parents=True)
    (cache / "snapshots" / commit).mkdir(parents=True)
    files = {}
    for path in (TOY / "base-xs").iterdir():
        content = path.read_bytes()
        git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        files[path.name] = file_digest(path) if path.suffix == ".safetensors" else git
        shutil.copy(path, cache / "blobs" / files[path.name])
        (cache / "snapshots" / commit / path.name).symlink_to(cache / "blobs" / files[path.name])
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    folder = tmp_path / "base"
    facts = {"kind": "base", "digest": "x", "hub": "some/model", "revision": commit, "path": None, "dtype": "auto"}
    write_json(folder / "manifest.json", {**facts, "chat_template": None, "files": files})
    check_weights(folder)
    load_tokenizer(folder)
    one_bit(cache / "blobs" / files[name])
    load = check_weights if name.endswith(".safetensors") else load_tokenizer
    with pytest.raises(InputError, match=rf"{name}: not what .*base/manifest\.json states"):
        load(folder)
