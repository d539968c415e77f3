"""train_on_policy.py: what is refused, and in which words."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import train_on_policy
from helpers import TOY, base_model
from test_on_policy import Home, difference, home, inputs, trained  # noqa: F401  # fixtures
from test_training_input import altered

from distill.config.lineage import TrainedModel
from distill.models.teaching import check_same_vocabulary
from distill.runtime.errors import InputError


def altered_teacher(students: Home, folder: Path, change: Callable[[dict[str, Any]], None], file: str) -> Path:
    """A teacher with another tokenizer or configuration."""
    shutil.copytree(TOY / "teacher-long", folder / "files")
    path = folder / "files" / file
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return base_model(students.folder / folder.name, folder / "files")


def swap(content: dict[str, Any]) -> None:
    vocabulary = content["model"]["vocab"]
    one, other = sorted(vocabulary, key=vocabulary.get)[10:12]
    vocabulary[one], vocabulary[other] = vocabulary[other], vocabulary[one]


def add(content: dict[str, Any]) -> None:
    last = content["added_tokens"][-1]
    highest = max([*content["model"]["vocab"].values(), *(token["id"] for token in content["added_tokens"])])
    content["added_tokens"].append({**last, "id": highest + 1, "content": "<|more|>"})


def enlarge(content: dict[str, Any]) -> None:
    content["vocab_size"] += 1


@pytest.mark.parametrize(("change", "file", "words"), [
    (swap, "tokenizer.json", "token 10 is "),
    (add, "tokenizer.json", "token 71, '<|more|>' in .*, is unknown in "),
    (enlarge, "config.json", "it has 72 logits, and .* 71"),
])  # fmt: skip
def test_a_teacher_of_another_vocabulary_is_refused(
    home: Home,  # noqa: F811
    tmp_path: Path,
    change: Callable[[dict[str, Any]], None],
    file: str,
    words: str,
) -> None:
    teacher = altered_teacher(home, tmp_path / f"teacher-{change.__name__}", change, file)
    with pytest.raises(InputError, match=words) as caught:
        home.train(tmp_path / "out", teacher.name)
    assert "\n" not in str(caught.value)
    assert "take one of its family" in str(caught.value)
    assert not (tmp_path / "out/weights").exists()
    with pytest.raises(InputError, match="take one of its family"):
        check_same_vocabulary(home.start(), teacher)


def test_what_cannot_be_is_refused_in_a_line(home: Home, trained: Path, tmp_path: Path) -> None:  # noqa: F811
    longest = max(row["loss_mask"].index(True) for row in home.rows())
    home.folder.joinpath("base").symlink_to(home.data / "base")
    home.folder.joinpath("further").symlink_to(trained)
    for start, keys, words in (
        (
            "start",
            {"max_new_tokens": 513 - longest, "max_updates": 6},
            f"512 tokens, .* {longest}: lower .* to {512 - longest}",
        ),
        ("base", {}, "not a student that was trained on a teacher's rows"),
        ("further", {}, "not a student that was trained on a teacher's rows"),
        ("start", {"held_out": 0.3}, "not the problems that .* was trained on; give its own rows"),
        ("start", {"lr": 1e30}, "has diverged and stops"),
        ("start", {"lr": 1e300, "max_updates": 1}, r"^update 1: .* holds numbers that are not finite"),
    ):
        with pytest.raises(InputError, match=words) as caught:
            home.train(tmp_path / "out", start=start, **keys)
        assert "\n" not in str(caught.value)
    words = "`global_batch` 4 cannot be shared evenly by 3 devices; give 2, or a multiple of 3 as the batch"
    with pytest.raises(InputError, match=words) as caught:
        train_on_policy.main([*home.arguments(tmp_path / "out"), "--processes", "3"])
    assert "\n" not in str(caught.value)
    home.train(tmp_path / "fits", max_new_tokens=512 - longest, global_batch=22, max_updates=1)


def test_an_arm_that_the_comparison_of_plans_refused_is_not_trained(home: Home, tmp_path: Path) -> None:  # noqa: F811
    place, refusal = TrainedModel("s", "own", "mix", 1), tmp_path / "refused.json"
    refusal.write_text(json.dumps({"gaps": {"study y, g: arms differ in on_policy": ["s/own/mix/seed-1"]}}))
    with pytest.raises(InputError, match="not trained: study y, g: arms differ in on_policy"):
        train_on_policy.main([*home.arguments(tmp_path / place.folder), "--refusal", str(refusal)])
    assert not (tmp_path / place.folder).exists()


def test_probabilities_that_are_no_numbers_in_words(
    home: Home,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")

    monkeypatch.setattr("torch.isin", broken)  # as the responses have been written
    with pytest.raises(InputError, match="update 1: the student's probabilities are no numbers"):
        home.train(tmp_path)


def test_rows_are_looked_at_as_before_any_training(home: Home, tmp_path: Path) -> None:  # noqa: F811
    for number, (columns, words) in enumerate((
        ({"loss_mask": [1] * 4}, "has no token before its response; render the dataset anew"),
        ({"loss_mask": [0] * 4}, "has no token that is taught"),
        ({"loss_mask": [0, 1]}, "has 4 ids, a loss mask of 2 and the length 4"),
        ({"input_ids": [5, 71, 6, 7]}, "has ids from 5 to 71, and the model 71 tokens"),
    )):  # fmt: skip
        row = {"input_ids": [5, 6, 7, 8], "loss_mask": [0, 0, 1, 1], "length": 4, **columns}
        other = Home(altered(home.data, tmp_path / str(number), **row), home.folder)
        with pytest.raises(InputError, match=f"the row of problem '02' {words}"):
            other.train(tmp_path / "out", max_updates=6)
        assert not (tmp_path / "out/weights").exists()


@pytest.mark.parametrize("targets", [["embed_tokens"], ["lm_head", "q_proj"]], ids=str)
def test_an_adapter_is_trained_on_wherever_it_is_or_refused(
    home: Home,  # noqa: F811
    tmp_path: Path,
    targets: list[str],
) -> None:
    name = targets[0].replace("_", "-")
    home.start(name, lora={"rank": 2, "targets": targets})
    if name == "embed-tokens":
        home.train(tmp_path, start=name)
        assert difference(tmp_path, home.folder / name) > 1e-5
        return
    with pytest.raises(InputError, match="it has an adapter on its output layer, which TRL's trainer does not train"):
        home.train(tmp_path, start=name)
    assert not (tmp_path / "weights").exists()
