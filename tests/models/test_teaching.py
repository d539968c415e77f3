"""A teacher's probabilities: one vocabulary, and the likeliest tokens whatever the batch and the window."""

import json
import shutil
from pathlib import Path
from typing import Any

import compute_teacher_logprobs
import numpy as np
import pytest
import torch
from helpers import TOY, base_model, manifest, recipe

from distill import tables
from distill.models import loglikelihood
from distill.models.folders import load_model, load_tokenizer
from distill.models.teaching import TeacherModel, shared_ids
from distill.runtime.errors import InputError

ROWS = [([5 + (7 * i + j) % 60 for j in range(n)], [0] * prompt + [1, 0, 1][:n - prompt] + [1] * (n - prompt - 3))
        for i, (n, prompt) in enumerate([(40, 7), (3, 1), (130, 60), (41, 40), (9, 2), (128, 1), (1, 0)])]  # fmt: skip


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name in ("base-xs", "teacher-long"):
        base_model(folder / name, TOY / name)
    return folder


def altered(folder: Path, change: Any) -> Path:
    """A model whose tokenizer is another one: `change` edits its token -> id."""
    shutil.copytree(TOY / "teacher-long", folder / "files")
    path = folder / "files/tokenizer.json"
    content = json.loads(path.read_text())
    change(content["model"]["vocab"], content["added_tokens"])
    path.write_text(json.dumps(content))
    return base_model(folder / "model", folder / "files")


def test_equal_vocabularies_share_every_token(models: Path) -> None:
    known = load_tokenizer(models / "base-xs").get_vocab()
    assert shared_ids(models / "teacher-long", models / "base-xs", []) == sorted(known.values())


def swapped(vocabulary: dict[str, int], _: Any) -> None:
    one, two = (next(t for t, i in vocabulary.items() if i == number) for number in (20, 30))
    vocabulary[one], vocabulary[two] = 30, 20


def test_the_first_token_that_is_another_is_named(models: Path, tmp_path: Path) -> None:
    token = {i: t for t, i in load_tokenizer(models / "base-xs").get_vocab().items()}
    with pytest.raises(InputError) as caught:
        shared_ids(altered(tmp_path, swapped), models / "base-xs", [])
    words = f"token 20 is {token[30]!r}, and {token[20]!r} in {models / 'base-xs'}; a teacher"
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def lacking(vocabulary: dict[str, int], _: Any) -> None:
    del vocabulary[next(t for t, i in vocabulary.items() if i == 20)]


def test_a_token_that_one_lacks_may_not_be_in_the_rows(models: Path, tmp_path: Path) -> None:
    teacher = altered(tmp_path, lacking)
    whole = sorted(load_tokenizer(models / "base-xs").get_vocab().values())
    for pair in ((teacher, models / "base-xs"), (models / "base-xs", teacher)):
        assert shared_ids(*pair, [19, 21]) == [i for i in whole if i != 20]
        with pytest.raises(InputError, match=r"token 20, .*, is in the rows and unknown here"):
            shared_ids(*pair, [19, 20])


def test_ids_that_a_model_has_no_logits_for_are_not_shared(tmp_path: Path) -> None:
    """A text model of Gemma 3 has a token of pictures, and no weights for it."""
    shutil.copytree(TOY / "base-xs", tmp_path / "files")
    content = json.loads((tmp_path / "files/tokenizer.json").read_text())
    content["added_tokens"].append({**content["added_tokens"][0], "id": 71, "content": "<|picture|>"})
    (tmp_path / "files/tokenizer.json").write_text(json.dumps(content))
    seeing = base_model(tmp_path / "model", tmp_path / "files")
    assert "<|picture|>" in load_tokenizer(seeing).get_vocab()
    assert shared_ids(seeing, seeing, []) == list(range(71))


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_the_likeliest_tokens_are_those_of_each_row_alone(
    models: Path, monkeypatch: pytest.MonkeyPatch, temperature: float
) -> None:
    ids = [i for i in range(71) if i % 3]  # a third of the tokens is the teacher's own
    network = load_model(models / "teacher-long").eval()
    expected = []
    for tokens, counts in ROWS:
        with torch.inference_mode():
            logits = network(torch.tensor([tokens])).logits[0, :-1][:, ids].double() / temperature
        likeliest = logits[np.array(counts[1:], bool)].log_softmax(-1).topk(6)
        expected.append((np.array(ids)[likeliest.indices], likeliest.values.numpy()))
    teacher = TeacherModel(models / "teacher-long", ids, 6, temperature)

    def check() -> None:
        for (own, logs), (wanted, values) in zip(teacher.logprobs(ROWS), expected, strict=True):
            assert (own.shape, own.dtype, logs.dtype) == (wanted.shape, np.int32, np.float32)
            assert np.allclose(logs, values, atol=1e-3)
            assert (own != wanted).sum() <= own.size / 100  # ties

    check()
    monkeypatch.setattr(loglikelihood, "WINDOW", 16)
    monkeypatch.setattr(loglikelihood, "STEP_TOKENS", 64)
    check()


def program(folder: Path, models: Path, rows: list[dict], **keys: Any) -> Path:
    """Run the program on rows of tokens; return the table."""
    filled = [{"teacher": "t", "length": len(r["input_ids"]), **r} for r in rows]
    tables.write(folder / "rendered.parquet", tables.build(filled, tables.RENDERED), tables.RENDERED)
    output = folder / "out/teacher_logprobs.parquet"
    compute_teacher_logprobs.main(["--rendered", str(folder / "rendered.parquet"), "--output", str(output),
                                   "--teacher", str(models / "teacher-long"), "--student", str(models / "base-xs"),
                                   "--recipe", recipe(**keys)])  # fmt: skip
    return output


def row(number: int, length: int = 9) -> dict:
    return {"problem_id": f"{number:04d}", "input_ids": [5 + (number + j) % 50 for j in range(length)],
            "loss_mask": [0, 0] + [1] * (length - 2)}  # fmt: skip


def test_many_rows_are_written_in_their_order_and_in_small_pieces(models: Path, tmp_path: Path) -> None:
    output = program(tmp_path, models, [row(i, 4 + i % 9) for i in range(150)], top_k=3)
    found = tables.read(output, tables.TEACHER_LOGPROBS).to_pylist()
    assert [r["problem_id"] for r in found] == [f"{i:04d}" for i in range(150)]
    for name in ("ids", "logprobs"):
        assert [len(r[name]) for r in found] == [3 * (2 + i % 9) for i in range(150)]
    assert tables.footer(output).num_row_groups == 3
    facts = manifest(output)
    assert (facts["rows"], facts["tokens"]) == (150, sum(2 + i % 9 for i in range(150)))
    assert 0 < facts["held"] < 1
    assert facts["teacher"] == manifest(models / "teacher-long/x")["digest"]


def test_what_cannot_be_read_is_one_line_and_leaves_nothing(models: Path, tmp_path: Path) -> None:
    for rows, keys, words in (
        ([row(0)], {"top_k": 72}, "`top_k` 72 is above the"),
        ([row(0, 513)], {}, "a row has 513 tokens, and .* reads 512; lower the `cutoff`"),
        ([{**row(0), "input_ids": [5] * 8 + [500]}], {}, "token 500, None in .*, is in the rows"),
    ):
        with pytest.raises(InputError, match=words) as caught:
            program(tmp_path, models, rows, **keys)
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "out/teacher_logprobs.parquet").exists()
