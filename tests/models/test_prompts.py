"""Prompts are programs: they run in a sandbox, and what they are given stands in what they write."""

from pathlib import Path

import pytest
from helpers import PROMPTS

from distill.models.prompts import Prompt, PromptTemplate
from distill.runtime.errors import InputError


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Solve it.", "leaves out or changes `problem`"),
        ("", "leaves out"),
        ("{# {{ problem }} #}", "leaves out"),
        ("{% if false %}{{ problem }}{% endif %}", "leaves out"),
        ("{% set x = problem %}Solve it.", "leaves out"),
        ("{{ problem|length }}", "leaves out"),
        ("{{ problem|upper }}", "changes"),
        ("{{ problem|lower }}", "changes"),
        ("{{ problem|title }}", "changes"),
        ("{{ problem|e }}", "changes"),
        ("{{ problem|truncate(2000) }}", "changes"),
        ("{{ problem[:9000] }}", "changes"),
        ("{{ problem|striptags }}", "changes"),
        ("{{ problem|wordwrap }}", "changes"),
        ("{{ problem.splitlines()[:2000]|join('\n') }}", "changes"),
        ("{{ problem|replace('\n\n', '\n') }}", "changes"),
        ("{{ problem|replace('$', '') }}", "changes"),
        ("{{ problem|tojson }}", "changes"),
        ("{{ problem|urlencode }}", "changes"),
        ("{{ problem|reverse }}", "changes"),
        ("{{ problem.split()|join(' ') }}", "changes"),
        ("{{ question }} {{ problem }}", "'question' is undefined"),
        ("{{ problem }} {{ gold }}", "'gold' is undefined"),
        ("{% include 'other.jinja' %}{{ problem }}", "loader"),
        ("{{ cycler.__init__.__globals__.os.popen('id').read() }}{{ problem }}", "unsafe"),
        ("{{ self.__init__.__globals__ }}{{ problem }}", "unsafe"),
        ("{{ ''.__class__.__base__.__subclasses__() }}{{ problem }}", "unsafe"),
        ("{{ ''['__class__'] }}{{ problem }}", "unsafe"),
        ("{{ (''|attr('__class__')).x }}{{ problem }}", "unsafe"),
        ("{{ problem }}{{ 'x' * 10**10 }}", "memory"),
        ("{{ problem }}{{ [1]|random }}", "random"),
        ("{{ problem", "unexpected|expected"),
        ("{% for %}{{ problem }}", "Expected"),
        (
            "{% set c = cycler(1, 2) %}{{ c }}{{ problem }}",
            "writes <jinja2.utils.Cycler object at .*call it",
        ),
        ("{% set f = problem.upper %}{{ f }}{{ problem }}", "writes <built-in method upper"),
        ("{% set g = problem|map('upper') %}{{ problem }}{{ g }}", "writes <generator object"),
    ],
)
def test_a_bad_prompt_costs_one_line(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "bad.jinja"
    path.write_text(text)
    with pytest.raises(InputError, match=fault) as raised:
        Prompt(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)


def test_a_problem_may_speak_of_an_object_s_address(tmp_path: Path) -> None:
    (tmp_path / "own.jinja").write_text("{{ problem }}")
    problem = "What does <function f at 0x7f936fe87850> stand for?"
    assert Prompt(tmp_path / "own.jinja").messages(problem)[0]["content"] == problem


def test_files_that_are_no_prompt(tmp_path: Path) -> None:
    (tmp_path / "latin.jinja").write_bytes("é {{ problem }}".encode("latin-1"))
    (tmp_path / "folder.jinja").mkdir()
    for name, fault in (("latin", "not UTF-8"), ("folder", "cannot be read"), ("none", "no such")):
        with pytest.raises(InputError, match=fault):
            Prompt(tmp_path / f"{name}.jinja")


def test_a_problem_that_a_prompt_changes_is_seen_when_it_comes(tmp_path: Path) -> None:
    path = tmp_path / "sly.jinja"
    path.write_text("{% if 'rabbit' in problem %}Say so.{% else %}{{ problem }}{% endif %}")
    prompt = Prompt(path, "Be brief.")
    assert [m["content"] for m in prompt.messages(" {{ 1 }}\n")] == ["Be brief.", " {{ 1 }}\n"]
    with pytest.raises(InputError, match="leaves out or changes `problem`"):
        prompt.messages("Two rabbits")


def test_a_judge_s_prompt_needs_all_it_is_given(tmp_path: Path) -> None:
    names = ("problem", "gold", "answer")
    assert "x^2" in PromptTemplate(PROMPTS / "judges/equal.jinja", names).render(
        {"problem": "p", "gold": "x^2", "answer": "y"}
    )
    (tmp_path / "bad.jinja").write_text("{{ problem }} {{ gold }}")
    with pytest.raises(InputError, match="leaves out or changes `answer`"):
        PromptTemplate(tmp_path / "bad.jinja", names)
