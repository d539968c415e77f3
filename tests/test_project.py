"""What the project says about itself is true: configuration page, pins, links, shipped toy problems."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml
from helpers import REPOSITORY, TOY

from tools import make_toy
from tools.toy import problems as toy


def test_the_configuration_page_and_schemas_are_those_of_the_recipes() -> None:
    command = [sys.executable, "scripts/tools/document_config.py", "--check"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=1800,
                          env={**os.environ, "PYTHONPATH": "scripts"})  # fmt: skip
    assert done.returncode == 0, f"{done.stderr} (run `make config-docs`)"


# The examples are lists of entries; the template of a study names the schema from where its copy will lie.
SHIPPED = sorted(p for p in (REPOSITORY / "config").rglob("*.yaml") if not {"examples", "templates"} & {*p.parts})


def schema_of(path: Path) -> dict:
    """Return the JSON schema that a YAML file names in its first line, as an editor finds it."""
    first = path.read_text().splitlines()[0]
    named = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    return json.loads((path.parent / named[1]).read_text())


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_each_shipped_file_is_valid_by_the_schema_it_names(path: Path) -> None:
    schema = schema_of(path)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_a_schema_refuses_an_unknown_key_at_each_place(path: Path) -> None:
    check = jsonschema.Draft202012Validator(schema_of(path))
    content = yaml.safe_load(path.read_text())
    places = list(content.values()) if "catalogue" in path.parts else [content]
    for place in places:
        place["no-such-key"] = 1
        assert not check.is_valid(content)
        del place["no-such-key"]
    assert check.is_valid(content)


@pytest.mark.parametrize(
    ("kind", "change"),
    [("trainings", {"toy-sft": {"epochs": -1}}), ("datasets", {"toy-mix-long": {"alpha": 1.5}}),
     ("teachers", {"Not A Name": {}}), ("datasets", {"base": {}}), ("students", {"toy-xs": {"model": 3}})],
)  # fmt: skip
def test_a_schema_refuses_wrong_names_and_values(kind: str, change: dict) -> None:
    path = REPOSITORY / f"config/catalogue/{kind}.yaml"
    content = yaml.safe_load(path.read_text())
    some = next(iter(content.values()))
    for name, keys in change.items():
        content[name] = {**content.get(name, some), **keys}
    assert not jsonschema.Draft202012Validator(schema_of(path)).is_valid(content)


def test_links_in_the_documentation_lead_somewhere() -> None:
    for page in (REPOSITORY / "README.md", REPOSITORY / "config/README.md", TOY / "README.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert target.startswith("https://") or (page.parent / target).exists(), f"{page}: {target}"


def test_every_rule_has_its_program_and_its_stage() -> None:
    from snakemake_logger_plugin_mixdistill.board import STAGES

    rules = {}
    for path in (REPOSITORY / "workflow/rules").glob("*.smk"):
        for body in re.split(r"^rule ", path.read_text(), flags=re.MULTILINE)[1:]:
            if "shell:" in body:
                rules[body.split(":")[0]] = path.stem
    assert rules == STAGES
    shared = {"rate_solutions": "compute_loglikelihood"}  # one program rates responses and solutions
    assert all((REPOSITORY / f"scripts/{shared.get(rule, rule)}.py").is_file() for rule in rules)


@pytest.mark.parametrize("program", sorted((REPOSITORY / "scripts").glob("*.py")), ids=lambda p: p.stem)
def test_help_needs_no_gpu_stack(program: Path) -> None:
    command = [sys.executable, "-X", "importtime", str(program), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout
    imported = {line.rsplit("|", 1)[1].strip() for line in done.stderr.splitlines() if "|" in line}
    assert "argparse" in imported
    assert not imported & {"torch", "transformers", "trl", "datasets", "sympy", "snakemake"}


# The toy


def test_the_shipped_problems_are_those_of_the_recipe(tmp_path: Path) -> None:
    make_toy.write_problems(tmp_path)
    for name in ("train.jsonl", "test.jsonl"):
        assert (tmp_path / name).read_bytes() == (TOY / name).read_bytes()


def test_no_test_problem_is_trained_on_and_answers_are_right() -> None:
    keys = [{p.key for p in problems} for problems in (toy.training_problems(), toy.heldout_problems())]
    assert len(keys[0]) == toy.TRAIN_COUNT
    assert len(keys[1]) == toy.TEST_COUNT
    assert not keys[0] & keys[1]
    for line in (TOY / "test.jsonl").read_text().splitlines():
        row = json.loads(line)
        assert int(row["answer"]) == follow(row["problem"])


def follow(text: str) -> int:
    """Work a dial problem out from its words alone."""
    position = int(re.search(r"(?:to|at) (\d)\.", text)[1])
    for verb, amount in re.findall(r"(up|down|times) (\d)", text):
        move = int(amount)
        position = {"up": position + move, "down": position - move, "times": position * move}[verb] % 10
    return position


@pytest.mark.parametrize("style", toy.STYLES)
def test_gold_traces_of_every_style_end_in_the_answer(style: str) -> None:
    import random

    words = set(toy.vocabulary())
    for problem in toy.corpus(9, 40):
        trace = toy.trace(problem, style, random.Random(1))
        assert trace.endswith(f"\\boxed{{{problem.answer}}}")
        assert set(toy.split_words(problem.text + trace)) <= words
        for before, verb, amount, after, check in re.findall(r"(\d) (up|down|times) (\d) = (\d)\.( Check)?", trace):
            if not check and style == "steps":
                assert toy.apply(int(before), (verb, int(amount))) == int(after)


def test_a_toy_model_is_made_the_same_twice(tmp_path: Path) -> None:
    from tools.toy.models import Spec, build

    spec = Spec(32, 1, 1, 64, {"short": 1.0}, 160, 1e-3, seed=3)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        build(spec, tmp_path / name, set(), lambda _: None)
    one, two = ((tmp_path / n / "model.safetensors").read_bytes() for n in ("a", "b"))
    assert one == two


def test_no_program_reads_yaml() -> None:
    # These read the configuration, as Snakemake does, in Snakemake's own environment.
    own = {"check", "plan", "power", "publish"}
    names = sorted({p.stem for p in (REPOSITORY / "scripts").glob("*.py")} - own)
    code = f"import sys; sys.modules['yaml'] = None; import {', '.join(names)}"  # most stages' environments lack it
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(REPOSITORY / "scripts")})  # fmt: skip
    assert done.returncode == 0, done.stderr
