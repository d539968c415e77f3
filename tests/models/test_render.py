"""render.py: tokens and mask by hand, the cutoff, and chat templates that would train on the wrong thing."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import render
from helpers import PROMPTS, REPOSITORY, TOY, base_model, manifest, recipe

from distill import tables
from distill.models.escapes import LOST_BACKSLASH
from distill.models.folders import load_model, load_tokenizer
from distill.runtime.errors import InputError

QUESTION = "Ana sets the dial to 3. Go up 4. Where is it?"
ANSWERS = {"a": "3 up 4 = 7.\n\\boxed{7}", "b": "Let me think. 3 up 4 = 7. Right.\n\\boxed{7}"}


def run(folder: Path, template: str | None = None, prompt: Path = PROMPTS / "plain.jinja", **keys: Any) -> Path:
    output, arguments = prepared(folder, template, prompt, **keys)
    render.main(arguments)
    return output


def prepared(
    folder: Path, template: str | None = None, prompt: Path = PROMPTS / "plain.jinja", **keys: Any
) -> tuple[Path, list[str]]:
    """Write what the program reads; return its output and its arguments."""
    rows = [
        {"problem_id": i, "source": "s", "teacher": "t", "draw": 0, "messages": [
            {"role": "user", "content": QUESTION}, {"role": "assistant", "content": text}]}
        for i, text in ANSWERS.items()
    ]  # fmt: skip
    tables.write(folder / "train.parquet", tables.build(rows, tables.TRAIN), tables.TRAIN)
    more = {}
    if template is not None:
        (folder / "template.jinja").write_text(template)
        more["chat_template"] = str(folder / "template.jinja")
    model = base_model(folder / "base", **more)
    output = folder / "r/rendered.parquet"
    options = ["--model", str(model), "--prompt", str(prompt), "--output", str(output)]
    keys = {"system": None, "cutoff": 60, "over_cutoff": "drop", **keys}
    return output, ["--dataset", str(folder / "train.parquet"), *options, "--recipe", recipe(**keys)]


def test_the_mask_is_the_response_with_its_stop_token(tmp_path: Path) -> None:
    output = run(tmp_path)
    first = tables.read(output, tables.RENDERED).to_pylist()[0]
    tokenizer = load_tokenizer(tmp_path / "base")
    split = first["loss_mask"].index(1)
    assert first["loss_mask"] == [0] * split + [1] * (first["length"] - split)
    assert tokenizer.decode(first["input_ids"][:split]) == f"<|user|> {QUESTION} <|assistant|>"
    assert tokenizer.decode(first["input_ids"][split:-1]) == ANSWERS["a"]
    assert first["input_ids"][-1] == tokenizer.eos_token_id
    # What the student is asked at evaluation is what it was trained on, token for token.
    message = [{"role": "user", "content": QUESTION}]
    asked = tokenizer.apply_chat_template(message, add_generation_prompt=True, tokenize=True, return_dict=False)
    assert asked == first["input_ids"][:split]
    facts = manifest(output)
    assert facts["loss_tokens"] == sum(sum(r["loss_mask"]) for r in tables.read(output, tables.RENDERED).to_pylist())


def test_the_program_renders_without_torch(tmp_path: Path) -> None:
    expected = run(tmp_path / "here")
    output, arguments = prepared(tmp_path / "there")
    program = [sys.executable, "-X", "importtime", str(REPOSITORY / "scripts/render.py"), *arguments]
    ended = subprocess.run(program, check=True, capture_output=True, text=True, timeout=300)
    lines = ended.stderr.splitlines()
    imported = {line.rsplit("|", 1)[1].strip() for line in lines if line.startswith("import time:")}
    assert "transformers.tokenization_utils_base" in imported
    assert "torch" not in imported
    assert [line for line in lines if not line.startswith("import time:")] == []
    assert output.read_bytes() == expected.read_bytes()


def test_rows_over_the_cutoff_are_dropped_or_cut_and_counted(tmp_path: Path) -> None:
    lengths = [r["length"] for r in tables.read(run(tmp_path), tables.RENDERED).to_pylist()]
    cutoff = lengths[0]
    output = run(tmp_path, cutoff=cutoff)
    assert [r["problem_id"] for r in tables.read(output, tables.RENDERED).to_pylist()] == ["a"]
    assert manifest(output)["ledger"] == {"rows_in": 2, "rows_out": 1, "lost": {"over_cutoff": 1}}
    lost = tables.read(output.with_name("ledger.parquet"), tables.LEDGER).to_pylist()
    assert lost == [{"teacher": "t", "problem_id": "b", "reason": "over_cutoff"}]
    kept = run(tmp_path, cutoff=cutoff, over_cutoff="keep")
    assert [r["length"] for r in tables.read(kept, tables.RENDERED).to_pylist()] == [cutoff, cutoff]
    assert manifest(kept)["over_cutoff"] == 1


def test_a_response_that_spells_a_special_token_is_a_ledger_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ANSWERS, "b", "3 up 4 = 7. <|end|> <|user|> Go up 1.")
    output = run(tmp_path, max_unrenderable=0.5)
    assert manifest(output)["ledger"] == {"rows_in": 2, "rows_out": 1, "lost": {"special_token": 1}}
    with pytest.raises(InputError, match=r"cannot carry 1 of 2 rows, more than `max_unrenderable` 0\.49; 1 of"):
        run(tmp_path, max_unrenderable=0.49)


def test_a_problem_that_spells_a_special_token_is_a_ledger_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("test_render.QUESTION", "What is <|user|>?")
    with pytest.raises(InputError, match=r"2 of them: special_token_in_problem \(problem a: <\|user\|>\); clean the"):
        run(tmp_path, max_unrenderable=0.5)


def test_a_system_text_that_spells_a_special_token_is_refused(tmp_path: Path) -> None:
    template = TURNS + END + OPEN
    with pytest.raises(InputError, match=r"the system text of the prompt spells <\|end\|>, a token of turns"):
        run(tmp_path, template, system="Say <|end|>.")


def test_a_word_that_the_tokenizer_does_not_have_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ANSWERS, "b", "3 up 4 = 7 \u65e5\u672c.")
    output = run(tmp_path, max_unrenderable=0.5)
    assert manifest(output)["ledger"]["lost"] == {"lost_by_tokenizer": 1}


@pytest.mark.parametrize("lost", ["\x0crac{1}{2}", "3\times 2", "\\left(1\right)", "\text{one}"])
def test_latex_without_its_backslash_is_a_ledger_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    monkeypatch.setitem(ANSWERS, "b", f"3 up 4 = {lost}.")
    assert manifest(run(tmp_path, max_unrenderable=0.5))["ledger"]["lost"] == {"lost_backslash": 1}


@pytest.mark.parametrize("text", ["a\ttime", "\text", "x\timex", "a\x0cB", "\rright", "a\n\\frac{1}{2}", "\x08 "])
def test_tabs_and_page_breaks_are_text(text: str) -> None:
    assert LOST_BACKSLASH.search(text) is None


def test_an_empty_response_is_a_ledger_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ANSWERS, "b", " \n")
    assert manifest(run(tmp_path, max_unrenderable=0.5))["ledger"]["lost"] == {"empty_response": 1}


def test_what_the_template_adds_is_in_the_manifest(tmp_path: Path) -> None:
    assert manifest(run(tmp_path))["added_by_template"] == {"min": 0, "max": 0, "total": 0, "texts": {}}
    template = TURNS.replace("{{ m['content'] }}", "{% if m['role'] == 'assistant' %}Go. {% endif %}{{ m['content'] }}")
    output = run(tmp_path, template + END + OPEN)
    assert manifest(output)["added_by_template"] == {"min": 2, "max": 2, "total": 4, "texts": {"Go. ": 2}}
    row = tables.read(output, tables.RENDERED).to_pylist()[0]
    taught = row["input_ids"][row["loss_mask"].index(1) : -1]
    assert load_tokenizer(tmp_path / "base").decode(taught) == "Go. " + ANSWERS["a"]


TURNS = "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}"
END = "{% if m['role'] == 'assistant' %}<|end|>{% endif %}{% endfor %}"
OPEN = "{% if add_generation_prompt %}<|assistant|>{% endif %}"


def test_a_newline_after_the_stop_token_is_left_out(tmp_path: Path) -> None:
    plain = tables.read(run(tmp_path, TURNS + END + OPEN), tables.RENDERED).to_pylist()
    newline = "{% if m['role'] == 'assistant' %}<|end|>\n{% endif %}{% endfor %}"
    assert tables.read(run(tmp_path, TURNS + newline + OPEN), tables.RENDERED).to_pylist() == plain


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (TURNS + "{% endfor %}" + OPEN, r"2 of them: no_stop_token \(problem a: the conversation ends"),
        (TURNS + END, r"2 of them: turn_in_response \(problem a: <\|assistant\|> beside the response\)"),
        (TURNS + END + "{% if add_generation_prompt %}<|assistant|>Let me think.{% endif %}",
         r"1 of them: other_prompt \(problem a: .*; name a template under `model.chat_template` whose generation"),
        (TURNS.replace("m['content']", "m['content'].split('think.')[-1]") + END + OPEN,
         r"1 of them: changed_by_template \(problem b: ' 3 up 4 .* instead of 'Let me think"),
        ("{{ raise_exception('only system') }}", "the chat template fails on a conversation of .*only system"),
        ("{% for m in %}", "chat template fails: Expected an expression"),
    ],
)  # fmt: skip
def test_broken_templates_stop_here(tmp_path: Path, template: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(tmp_path, template)
    assert not (tmp_path / "r/rendered.parquet").exists()


def test_a_cutoff_below_the_prompt(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none of 2 rows is left; 2 are longer than the `cutoff` of 10 tokens"):
        run(tmp_path, cutoff=10)


def test_a_cutoff_that_leaves_no_row(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none of 2 rows is left; 2 are longer than the `cutoff` of 21 tokens"):
        run(tmp_path, cutoff=21)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ question }}", "which knows `problem`, fails: 'question' is undefined"),
        ("{{", "prompt"),
    ],
)
def test_bad_prompt_templates(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "bad.jinja").write_text(text)
    with pytest.raises(InputError, match=message):
        run(tmp_path, prompt=tmp_path / "bad.jinja")
    with pytest.raises(InputError, match="no such"):
        run(tmp_path, prompt=tmp_path / "none.jinja")


def test_a_multimodal_model_is_refused_with_a_remedy(tmp_path: Path) -> None:
    shutil.copytree(TOY / "base-xs", tmp_path / "seeing")
    path = tmp_path / "seeing/config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "vision_config": {"hidden_size": 8}}))
    folder = base_model(tmp_path / "base", tmp_path / "seeing")
    with pytest.raises(InputError, match=r"`vision_config`, a multimodal model.*save its language model"):
        load_model(folder)
