"""A chat template tried before its model is used: it writes what it is told, unchanged and the same at each start."""

import json
from pathlib import Path
from typing import Any

import pytest
from helpers import PROMPTS, REPOSITORY

from distill.models.prompts import Prompt
from distill.models.templates import ChatTemplate
from distill.models.trial import check_prompt, check_template
from distill.runtime.errors import InputError

WHOLE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
CHANGED = {
    "capitals": (WHOLE.replace("m.content", "m.content|upper"), "changes what the user says"),
    "cut": (WHOLE.replace("m.content", "m.content[:4000]"), "changes what the user says"),
    "escaped": (WHOLE.replace("m.content", "m.content|e"), "changes what the user says"),
    "stars": (WHOLE.replace("m.content", "m.content|replace('**', '')"), "changes what the user says"),
    "one space": (WHOLE.replace("m.content", "m.content.split()|join(' ')"), "changes what the user says"),
    "a function": ("{{ messages[0].items }}" + WHOLE, "writes <built-in method items"),
    "a generator": ("{{ messages|map(attribute='role') }}" + WHOLE, "writes <generator object"),
    "a byte order mark": ("\ufeff" + WHOLE, "writes a byte order mark"),
    "half a character": ('{{ "\\ud800" }}' + WHOLE, "half of a character"),
}
# What fails or leaves all out is told by who runs it, with the arguments of its recipe.
TAKEN = {
    "whole": WHOLE,
    "trimmed": WHOLE.replace("m.content", "m.content|trim"),
    "a list of parts": WHOLE.replace("m.content", "m.content[0].text"),
    "a date": "{{ strftime_now('%Y') }}" + WHOLE,
    "a system wanted": "{% if messages[0].role != 'system' %}{{ raise_exception('no') }}{% endif %}" + WHOLE,
    "no template": "{% for %}",
    "twice": WHOLE.replace("{{ m.content }}", "{{ m.content }} {{ m.content }}"),
}


def folder(path: Path, **config: Any) -> Path:
    (path / "tokenizer_config.json").write_text(json.dumps({"eos_token": {"content": "<|end|>"}, **config}))
    return path


@pytest.mark.parametrize(("source", "message"), CHANGED.values(), ids=CHANGED)
def test_a_template_that_changes_a_problem_is_refused(tmp_path: Path, source: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        check_template(folder(tmp_path), source)
    assert str(caught.value).startswith(f"{tmp_path}: the chat template ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("source", TAKEN.values(), ids=TAKEN)
def test_a_template_that_may_be_right_is_taken(tmp_path: Path, source: str) -> None:
    check_template(folder(tmp_path), source)


def test_the_template_of_the_folder_is_tried(tmp_path: Path) -> None:
    upper = WHOLE.replace("m.content", "m.content|upper")
    for template in (upper, [{"name": "tool", "template": WHOLE}, {"name": "default", "template": upper}]):
        with pytest.raises(InputError, match="changes what the user says"):
            check_template(folder(tmp_path, chat_template=template), None)
    check_template(folder(tmp_path, chat_template=upper), WHOLE)
    check_template(folder(tmp_path), None)
    (tmp_path / "chat_template.jinja").write_text(upper)
    with pytest.raises(InputError, match="changes what the user says"):
        check_template(tmp_path, None)


@pytest.mark.parametrize("name", ["qwen-base", "llama-base"])
def test_the_shipped_templates_are_whole(tmp_path: Path, name: str) -> None:
    check_template(folder(tmp_path), (REPOSITORY / f"config/templates/{name}.jinja").read_text())


def test_a_system_text_that_the_template_leaves_out_is_refused() -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(REPOSITORY / "resources/toy/base-xs")
    silent = WHOLE.replace("<|{{ m.role }}|>{{ m.content }}", "{% if m.role != 'system' %}{{ m.content }}{% endif %}")
    for source, system in ((WHOLE, "Be brief."), (silent, None), (silent, "Be brief.")):
        tokenizer.chat_template = source
        template, prompt = ChatTemplate(tokenizer), Prompt(PROMPTS / "plain.jinja", system)
        if source == silent and system:
            with pytest.raises(InputError, match="leaves out or changes what the system says"):
                check_prompt(template, prompt)
        else:
            check_prompt(template, prompt)


def tokenizer(source: str) -> Any:
    from transformers import AutoTokenizer

    found = AutoTokenizer.from_pretrained(REPOSITORY / "resources/toy/base-xs")
    found.chat_template = source
    return found


SWITCHED = (
    "{% set ns = namespace(quiet=false) %}{% for m in messages %}{% if '/no_think' in m.content %}"
    "{% set ns.quiet = true %}{% endif %}{% endfor %}"
    + WHOLE.replace("<|assistant|>", "<|assistant|>{{ '' if ns.quiet else '<think>\n' }}")
)


def test_what_the_system_says_decides_whether_a_think_is_opened(tmp_path: Path) -> None:
    for system, opened in ((None, "<think>\n"), ("/no_think", ""), ("Be brief.", "<think>\n")):
        template = ChatTemplate(tokenizer(SWITCHED), system=system)
        assert template.opened == opened
        check_prompt(template, Prompt(PROMPTS / "plain.jinja", system))
    (tmp_path / "quiet.jinja").write_text("{{ problem }} /no_think")
    with pytest.raises(InputError, match=r"begins a response with '' after this prompt, and with '<think>.n' after"):
        check_prompt(ChatTemplate(tokenizer(SWITCHED)), Prompt(tmp_path / "quiet.jinja"))


def test_a_template_that_wants_a_system_text_is_tried_with_the_recipe_s() -> None:
    wanting = "{% if messages[0].role != 'system' %}{{ raise_exception('say who it is') }}{% endif %}" + WHOLE
    assert ChatTemplate(tokenizer(wanting), system="Be brief.").opened == ""
    with pytest.raises(InputError, match="say who it is"):
        ChatTemplate(tokenizer(wanting))
