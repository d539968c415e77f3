"""Prompts as files: what is wrong with one is told when the configuration is read, and nothing of it is run."""

import shutil
from pathlib import Path

import pytest
from helpers import PROMPTS, REPOSITORY

from distill.config.load import load
from distill.config.prompt_files import prompt_mistakes
from distill.runtime.errors import InputError

WRONG = {
    "{{ problem.strip }}{{ problem }}": "`problem.strip`, a function that is not called, is no text",
    "{{ [problem.upper, 1] }}{{ problem }}": "`problem.upper`",
    "{{ problem ~ problem.title }}": "`problem.title`",
    "{{ self }}{{ problem }}": "`self` is no text",
    "{{ range }}{{ problem }}": "`range` is no text",
    "{{ joiner() }}{{ problem }}": "`joiner()` is no text",
    "{{ namespace(a=1) }}{{ problem }}": "`namespace()` is no text",
    "{% for i in [1] %}{{ loop }}{% endfor %}{{ problem }}": "`loop` is no text",
    "{% macro m() %}{% endmacro %}{{ m }}{{ problem }}": "`m` is no text",
    "{{ problem }}\n\n{{ [1]|map('string') }}": "line 3: `|map` without `|list` is no text",
    "{{ 'abc'|batch(2) }}{{ problem }}": "`|batch` without",
    "\ufeff{{ problem }}": "line 1: a byte order mark would stand in every prompt",
    "a\n\x1b[31m{{ problem }}": "line 2: a sign that is not seen (U+001B)",
    "\u202e{{ problem }}": "(U+202E)",
    "\0{{ problem }}": "(U+0000)",
    "{{ problem": "no Jinja template",
    "a\n{% for %}{{ problem }}": "line 2: no Jinja template",
    "{{ problem|nope": "no Jinja template",
    "{{ question }}\n{{ problem }}": "line 1: 'question' is not known; a prompt is given 'problem'",
    "{{ problem }}{{ gold }}": "'gold' is not known",
    "{{ " + "-" * 3000 + "1 }}{{ problem }}": "nested too deep",
    "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}{{ problem }}": "nested too deep",
}


@pytest.mark.parametrize(("text", "message"), WRONG.items(), ids=[text[:40] for text in WRONG])
def test_a_prompt_that_is_none_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "bad.jinja").write_text(text)
    (line,) = prompt_mistakes(tmp_path / "bad.jinja", ["problem"])
    assert line.startswith(f"{tmp_path / 'bad.jinja'}: ")
    assert message in line
    assert "\n" not in line


@pytest.mark.parametrize(
    "text",
    ["{{ problem }}", "{{ problem.strip() }}", "{{ [1]|map('string')|list }}{{ problem }}", "{{ problem\u00a0}}",
     "{% set ns = namespace(x=1) %}{% set ns.x = problem %}{{ ns.x }}",
     "{% for i in range(3) %}{{ loop.index }}{% endfor %}{{ problem }}",
     "{% macro m() %}{{ caller() }}{{ varargs }}{% endmacro %}{% call m() %}{{ problem }}{% endcall %}",
     "{% block a %}{{ problem }}{% endblock %}",
     "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(problem) }}", "{{ hint|default('') }}{{ problem }}",
     "{% if hint is defined %}{{ hint }}{% endif %}{{ problem }}", "e\u200dx\t{{ problem }}\r\n"],
)  # fmt: skip
def test_a_prompt_that_may_be_right_is_taken(tmp_path: Path, text: str) -> None:
    (tmp_path / "good.jinja").write_text(text, newline="")
    assert list(prompt_mistakes(tmp_path / "good.jinja", ["problem"])) == []


@pytest.mark.parametrize(
    "text", ["{{ 'x'|center(10**11) }}", "{{ 10**10**8 }}", "{{ '%1000000000d'|format(1) }}", "{{ 'x' * 10**11 }}"]
)
def test_nothing_of_a_prompt_is_worked_out(tmp_path: Path, text: str) -> None:
    (tmp_path / "huge.jinja").write_text(text + "{{ problem }}")
    assert list(prompt_mistakes(tmp_path / "huge.jinja", ["problem"])) == []


def test_the_shipped_prompts_are_right() -> None:
    for path in PROMPTS.rglob("*.jinja"):
        known = ["problem", "answer", "gold"] if path.parent.name == "judges" else ["problem"]
        assert list(prompt_mistakes(path, known)) == []


def test_the_configuration_tells_it_once(tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    with open(tmp_path / "config/prompts/plain.jinja", "a") as file:
        file.write("{{ problem.strip }}")
    (tmp_path / "config/prompts/judges/equal.jinja").write_text("{{ problem }} {{ answer }} {{ gold")
    (tmp_path / "config/prompts/judges/correct.jinja").write_text("{{ problem }} {{ answer }} {{ 'x' * 10**11 }}")
    judge = {"teacher": "toy-long", "prompt_without_gold": "correct"}
    with pytest.raises(InputError) as caught:
        load(tmp_path / "config", {"studies": ["toy"], "judge": judge})
    lines = str(caught.value).splitlines()
    assert [line.split(": ")[0].rsplit("/", 1)[1] for line in lines] == ["plain.jinja", "equal.jinja"]
