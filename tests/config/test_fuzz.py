"""Over a thousand wrong configurations: each is refused, in lines that name file and key, without a traceback."""

import contextlib
import copy
import datetime
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from helpers import REPOSITORY
from pydantic import BaseModel

from distill.config.catalogue import KINDS
from distill.config.load import load, read_yaml
from distill.config.mistakes import parse
from distill.config.recipes import CorpusRecipe, Recipe, Settings, StudyRecipe
from distill.config.recipes.base import _leaves
from distill.config.references import share_rows
from distill.runtime.errors import InputError

STUDIES = {"studies": ["toy", "published"]}
WRONG: dict[type, list[Any]] = {
    int: [True, False, -3, 1.5, float("inf"), float("nan"), "03", "three", "", [], {}, [[1]], 10**400],
    float: [True, float("inf"), -float("inf"), float("nan"), "fast", "1e400", "nan", "", [], {}, "1_0.5", "inf"],
    bool: [0, 1, 2, "yes", "on", "", [], {}, 1.0],
    str: [True, 3, 2.5, "", "  ", [[]], {}, "a\0b", {"a": "b"}],
}
# Values that a key of this kind does take, with the reason why that is no mistake.
DEBATABLE = {
    ("*", "3"): "snakemake --config gives numbers as texts, so they are taken as numbers; not tried",
    ("where", "*"): "any value may be looked for",
    ("extra_body", "*"): "a server has keys that nobody here knows",
    ("engine_args", "*"): "vLLM has keys that nobody here knows",
    ("response_prefix", ""): "the template begins nothing, said aloud",
    ("response_prefix", "  "): "a template may begin with white space",
    ("replacement", ""): "a rewrite may delete",
    ("replacement", "  "): "a rewrite may leave white space",
}
EXAMPLES: dict[str, dict[str, Any]] = {
    "corpora": {
        "path": "a.jsonl",
        "start": 1,
        "stop": 5,
        "shards": 2,
        "max_unusable": 0.1,
        "benchmark": False,
        "answer_format": "boxed",
        "no_answer": ["none"],
        "where": {"a": 1},
        "columns": {"problem": "p", "answer": "a", "problem_id": "i", "level": "l", "subject": "s"},
    },
    "teachers": {
        "model": {"path": "m", "dtype": "float32"},
        "decoding": "d",
        "prompt": "plain",
        "system": "Be brief.",
        "engine": "vllm",
        "batch_size": 3,
        "max_errors": 0.2,
        "vllm": {"max_model_len": 9, "gpu_memory_utilization": 0.5, "enforce_eager": True, "max_num_seqs": 4},
    },
    "datasets": {
        "corpus": "c",
        "teachers": ["a", "b"],
        "alpha": 0.2,
        "pairing": "own_correct",
        "rows": 9,
        "seed": 1,
        "curation": {
            "decontaminate": True,
            "max_repetition": 0.5,
            "choose": "shortest",
            "pass_rate": {"teacher": "a", "at_least": 0.1, "at_most": 0.9},
            "length": {"unit": "tokens", "at_least": 1, "at_most": 9},
        },
    },
    "students": {"model": {"hub": "a/b", "revision": "abc123"}, "prompt": "plain", "batch_size": 2},
    "trainings": {
        "lr": 0.1,
        "cutoff": 99,
        "epochs": 1.5,
        "max_updates": 3,
        "global_batch": 4,
        "micro_batch": 2,
        "schedule": "linear",
        "warmup": 0.1,
        "weight_decay": 0.1,
        "beta2": 0.9,
        "max_grad_norm": 1.0,
        "precision": "float32",
        "packing": False,
        "gradient_checkpointing": True,
        "save_every": 5,
        "over_cutoff": "keep",
        "lora": {"rank": 2, "alpha": 4, "dropout": 0.1},
    },
    "decodings": {
        "temperature": 0.7,
        "top_p": 0.9,
        "top_k": 5,
        "min_p": 0.1,
        "max_new_tokens": 9,
        "seed": 3,
        "draws": 2,
        "stop": ["x"],
        "until_correct": False,
    },
}
SERVED = {
    "model": {"served": "x"},
    "decoding": "d",
    "engine": "openai",
    "server": {
        "url": "http://h/v1",
        "concurrency": 2,
        "timeout_seconds": 3,
        "attempts": 4,
        "key_variable": "A_KEY",
        "input_price": 0.5,
        "output_price": 0.5,
        "extra_body": {"user": "x"},
    },
}
AGREED = {
    "path": "a.jsonl",
    "columns": {"answer": None},
    "benchmark": True,
    "agreement": {"teachers": ["a", "b"], "at_least": 3, "share": 0.6},
}
PUBLISHED = {
    "published": {
        "path": "t.jsonl",
        "draws": 2,
        "id_pattern": "a(b)",
        "id_template": r"\1",
        "where": {"a": "b"},
        "draws_in_lists": True,
        "rewrites": [{"pattern": "a", "replacement": "b"}],
        "columns": {"problem_id": "i", "response": "r", "label": "l", "finish_reason": "f"},
    }
}
STUDY = {
    "title": "T",
    "decoding": "d",
    "benchmarks": ["b"],
    "arms": [{"students": ["s"], "datasets": ["x", "y"], "training": "t", "seeds": [1, 2]}],
    "gaps": {"g": {"plus": "x", "minus": ["y"], "expected": "More."}},
    "contrasts": {"c": {"gap": "g", "students": ["s", "z"], "expected": "More."}},
    "question": "Which?",
    "expected": "This.",
    "smallest_gap": 0.02,
    "power": {"correlation": 0.4, "seed_sd": 0.02},
}
SETTINGS = {
    "studies": ["toy"],
    "folder": "config",
    "policy": "rule+judge",
    "grading": {"timeout_seconds": 3, "deadline_seconds": 9, "memory_mb": 600},
    "similarity": {"ngram": 8, "overlap": 0.5, "near_duplicate": 0.8},
    "judge": {"teacher": "t", "prompt": "equal", "prompt_without_gold": "correct", "max_tokens": 3, "max_unclear": 0.1},
    "prices": {"gpu_hour": 2.5},
    "budget": 200,
}
RIGHT: list[tuple[str, type[Recipe], dict[str, Any]]] = [
    *((kind, KINDS[kind], entry) for kind, entry in EXAMPLES.items()),
    ("corpora", KINDS["corpora"], AGREED),
    ("teachers", KINDS["teachers"], SERVED),
    ("teachers", KINDS["teachers"], PUBLISHED),
    ("study", StudyRecipe, STUDY),
    ("config", Settings, SETTINGS),
]


def recipe_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((inner for part in get_args(annotation) if (inner := recipe_in(part))), None)


def leaves(model: type[BaseModel], entry: dict[str, Any], path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, set[Any]]]:
    """Yield (path, plain types) of every key of an entry, also of those in recipes inside it."""
    for name, value in entry.items():
        annotation = model.model_fields[name].annotation
        inner, here = recipe_in(annotation), (*path, name)
        if inner is None or isinstance(value, str):
            yield here, set(_leaves(annotation))
            continue
        parts = (
            value.items()
            if name in ("gaps", "contrasts")
            else enumerate(value)
            if isinstance(value, list)
            else [(None, value)]
        )
        for key, part in parts:
            if isinstance(part, str):
                yield (*here, key), set(_leaves(annotation))
                continue
            yield from leaves(inner, part, here if key is None else (*here, key))


def variants() -> Iterator[tuple[str, type[Recipe], dict[str, Any], str]]:
    """Yield (kind, model, entry with one wrong value, its key)."""
    for kind, model, right in RIGHT:
        for path, types in leaves(model, right):
            wanted = types & WRONG.keys()
            for value in [v for t in wanted for v in WRONG[t]]:
                if not fits(value, types, path[-1]):
                    yield kind, model, changed(right, path, value), str(path[-1])
        for path in [(), *((name,) for name, value in right.items() if isinstance(value, dict) and name != "where")]:
            for name in ("x", "lr2", "Path", "prompts"):
                if path not in {("gaps",), ("contrasts",), ("extra_body",)}:
                    yield kind, model, changed(right, (*path, name), 1), name


def fits(value: Any, types: set[Any], name: str) -> bool:
    """Whether a value is right for one of several types of a key, or debatable."""
    if (name, "*") in DEBATABLE or (name, value if isinstance(value, str) else repr(value)) in DEBATABLE:
        return True
    kinds = {int: (int,), float: (int, float), bool: (bool,), str: (str,)}
    plain = [k for t in types & WRONG.keys() for k in kinds[t]]
    if isinstance(value, bool):
        return bool in types
    if isinstance(value, str):
        return str in types and bool(value.strip()) and "\0" not in value
    return isinstance(value, tuple(plain)) and value == value and 0 <= value < 2**31 and int not in types


def changed(entry: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    copied = copy.deepcopy(entry)
    place: Any = copied
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return copied


def test_the_right_ones_are_right() -> None:
    for kind, model, entry in RIGHT:
        mistakes: list[str] = []
        assert parse(model, entry, Path("x.yaml"), "e", mistakes) is not None, (kind, mistakes)


def test_a_thousand_wrong_values_are_refused_with_their_key() -> None:
    tried = 0
    for kind, model, entry, name in variants():
        mistakes: list[str] = []
        recipe = parse(model, entry, Path(f"{kind}.yaml"), "entry", mistakes)
        assert recipe is None, f"{kind}: {name} in {entry} was accepted"
        assert all(line.startswith(f"{kind}.yaml: entry") and "\n" not in line for line in mistakes)
        assert any(name in line for line in mistakes), (name, mistakes)
        tried += 1
    assert tried >= 1000


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    return tmp_path / "config"


def refused(project: Path) -> list[str]:
    with pytest.raises(InputError) as error:
        load(project, STUDIES)
    lines = str(error.value).splitlines()
    assert all(str(project) in line for line in lines)
    return lines


TEXTS: dict[str, tuple[str, str]] = {
    "octal": ("a: 0320", "'0320' would be read as 208"), "sexagesimal": ("a: 1:30", "'1:30' would be read as 90"),
    "sexagesimal float": ("a: 1:30.5", "would be read as 90.5"), "underscores": ("a: 1_000", "would be read as 1000"),
    "hexadecimal": ("a: 0x10", "would be read as 16"), "binary": ("a: 0b11", "would be read as 3"),
    "yes": ("a: yes", "'yes' would be read as True"), "off": ("a: [off]", "'off' would be read as False"),
    "Norway": ("a: {lang: no}", "'no' would be read as False"), "number as key": ("32: {}", "a key is a text"),
    "date as key": ("2024-01-01: {}", "a key is a text"), "null as key": ("~: {}", "a key is a text"),
    "list as key": ("? [a, b]\n: 1", "a key is a text"), "mapping as key": ("? {a: b}\n: 1", "a key is a text"),
    "boolean as key": ("yes: 1", "a key is a text"), "key twice": ("a: 1\na: 2", "key 'a' stands twice"),
    "circle": ("a: &x\n  b: *x", "holding itself"), "circle in a list": ("a: &x [1, *x]", "holding itself"),
    "aliases of aliases": ("a: &a [x]\n" + "".join(f"{name}: &{name} [{', '.join([f'*{last}'] * 9)}]\n" for last, name
                                                   in zip("abcdefghi", "bcdefghij", strict=True)), "more than 1000000"),
    "unknown alias": ("a: *x", "undefined alias"), "tab": ("a:\n\tb: 1", "cannot start any token"),
    "object": ("a: !!python/object:os.system {}", "could not determine a constructor"),
    "open": ("a: [1", "expected ',' or ']'"), "text": ("just text", "expected names and recipes"),
    "list": ("- a", "expected names and recipes"), "two documents": ("a: 1\n---\nb: 2", "but found another document"),
    "deep": ("a: " + "[" * 3000 + "]" * 3000, "nested too deeply"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), TEXTS.values(), ids=TEXTS)
def test_what_is_no_catalogue_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    path, mistakes = tmp_path / "corpora.yaml", []
    path.write_text(text)
    assert read_yaml(path, mistakes) is None
    assert len(mistakes) == 1
    assert message in mistakes[0]
    assert "\n" not in mistakes[0]


@pytest.mark.parametrize("number", ["7", "-7", "0", "0.5", ".5", "1e-5", "1.0e-5", "5.", "-.inf"])
def test_numbers_are_read_as_they_are_written(tmp_path: Path, number: str) -> None:
    (tmp_path / "a.yaml").write_text(f"a: {number}")
    data = read_yaml(tmp_path / "a.yaml", [])
    assert data is not None
    assert float(data["a"]) == float(number.replace(".inf", "inf"))


BROKEN: dict[str, Callable[[Path], Any]] = {
    "bytes": lambda path: path.write_bytes(b"a: \xff\xfe"), "folder": lambda path: (path.unlink(), path.mkdir()),
    "gone": lambda path: path.unlink(), "UTF-16": lambda path: path.write_bytes("a: {b: ä}".encode("utf-16")),
    "syntax": lambda path: path.write_text("a: ["),
}  # fmt: skip


@pytest.mark.parametrize("file", ["catalogue/teachers.yaml", "catalogue/decodings.yaml", "studies/toy.yaml"])
@pytest.mark.parametrize("breaks", BROKEN.values(), ids=BROKEN)
def test_a_file_that_cannot_be_read_is_told_once(project: Path, file: str, breaks: Callable[[Path], Any]) -> None:
    breaks(project / file)
    lines = refused(project)
    assert len(lines) == 1
    assert file.split("/")[1] in lines[0] or "'toy' is no known study" in lines[0]


def test_an_empty_catalogue_switches_no_check_off(project: Path) -> None:
    (project / "catalogue/decodings.yaml").write_text("# nothing\n")
    assert any("is no known decoding" in line for line in refused(project))


def study_with(project: Path, **keys: Any) -> None:
    study = yaml.safe_load((project / "studies/toy.yaml").read_text())
    (project / "studies/toy.yaml").write_text(yaml.safe_dump({**study, "contrasts": {}, **keys}))


BLOCK = {"students": ["toy-xs"], "datasets": ["toy-long-arm"], "training": "toy-sft", "seeds": [1]}
TOGETHER: dict[str, tuple[dict[str, Any], str]] = {
    "seed twice": ({"arms": [{**BLOCK, "seeds": [1, 1]}]}, "seeds: 1 stands twice"),
    "student twice": ({"arms": [{**BLOCK, "students": ["toy-xs", "toy-xs"]}]}, "'toy-xs' stands twice"),
    "dataset twice": ({"arms": [{**BLOCK, "datasets": ["toy-mix", "toy-mix"]}]}, "stands twice"),
    "benchmark twice": ({"benchmarks": ["toy-test", "toy-test"]}, "'toy-test' stands twice"),
    "huge seed": ({"arms": [{**BLOCK, "seeds": [2**32]}]}, "less than 4294967296"),
    "gap with itself": ({"gaps": {"g": {"plus": "toy-long-arm", "minus": ["toy-long-arm"]}}}, "compared with itself"),
    "gap over trainings": (
        {
            "arms": [BLOCK, {**BLOCK, "datasets": ["toy-short-arm"], "training": "gsm8k-few-updates"}],
            "gaps": {"g": {"plus": "toy-long-arm", "minus": ["toy-short-arm"]}},
        },
        "no student and training has all its arms",
    ),
    "arm twice": ({"arms": [{**BLOCK, "seeds": [1, 2]}, {**BLOCK, "seeds": [2, 3]}], "gaps": {}},
                  "toy-xs/toy-sft/toy-long-arm/seed-2 stands in an earlier block, too"),
    "arm under two names": ({"arms": [BLOCK], "gaps": {"g": {
        "plus": "toy-long-arm", "minus": [{"dataset": "toy-long-arm", "training": "toy-sft"}]}}},
        "gaps.g: no student and training has all its arms, or two of its sides are one arm"),
    "gain under a reserved name": ({"arms": [BLOCK], "gaps": {"gain_over_base": {
        "plus": "toy-long-arm", "minus": ["base"]}}}, "gaps: 'gain_over_base' is reported of every arm"),
    "contrast of no gap": ({"contrasts": {"c": {"gap": "long_gap", "students": ["toy-xs", "toy-m"]}}},
                           "contrasts.c: 'long_gap' is no gap of this study; known are large_teacher_gap,"),
    "contrast of a mix": ({"contrasts": {"c": {"gap": "mix_long_gain", "students": ["toy-xs", "toy-m"]}}},
                          "contrasts.c: 'mix_long_gain' has several `minus`"),
    "student without an arm": (
        {"arms": [{**BLOCK, "datasets": ["toy-long-arm", "toy-short-arm"]}, {**BLOCK, "students": ["toy-m"]}],
         "gaps": {"g": {"plus": "toy-long-arm", "minus": ["toy-short-arm"]}},
         "contrasts": {"c": {"gap": "g", "students": ["toy-xs", "toy-m"]}}},
        "contrasts.c: 'toy-m' lacks an arm of 'g'"),
    "students without a training in common": (
        {"arms": [{**BLOCK, "datasets": ["toy-long-arm", "toy-short-arm"]},
                  {**BLOCK, "datasets": ["toy-long-arm", "toy-short-arm"], "students": ["toy-m"],
                   "training": "toy-sft-tokens"}],
         "gaps": {"g": {"plus": "toy-long-arm", "minus": ["toy-short-arm"]}},
         "contrasts": {"c": {"gap": "g", "students": ["toy-xs", "toy-m"]}}},
        "contrasts.c: no student and training has all its arms"),
    "one name of two": ({"contrasts": {"long_cot_gap": {"slope": {"toy-short-arm": 0, "toy-long-arm": 1}}}},
                        "contrasts.long_cot_gap: a gap has this name, too"),
    "slope over a stranger": ({"contrasts": {"c": {"slope": {"toy-short-arm": 0, "gsm8k-large": 1}}}},
                              "contrasts.c: 'gsm8k-large' is no dataset of this study"),
    "slope at one place": ({"contrasts": {"c": {"slope": {"toy-short-arm": 1, "toy-long-arm": 1}}}},
                           "at two x or more"),
    "gap and slope": ({"contrasts": {"c": {"gap": "long_cot_gap", "slope": {"toy-short-arm": 0, "toy-long-arm": 1}}}},
                      "either `gap` and two `students`, or `slope`"),
    "control sign in a title": ({"title": "a\x1b[31mb"}, "title: holds a control sign (U+001B), which no page shows"),
    "a turned text": ({"expected": "a\n\u202ea\n"}, "expected: holds a control sign (U+202E)"),
    "power of a stranger": ({"power": {"accuracy": {"toy-tst": 0.5}}}, "power.accuracy: 'toy-tst' is no known"),
    "problems of a stranger": ({"power": {"problems": {"x": 5}}}, "power.problems: 'x' is no known benchmark of this"),
    "gap of no name": ({"gaps": {"Long gap": {"plus": "toy-long-arm", "minus": ["toy-short-arm"]}}, "contrasts": {}},
                       "gaps.Long gap: string should match pattern"),
    "gap of two lines": ({"gaps": {"a\nb": {"plus": "toy-long-arm", "minus": ["toy-short-arm"]}}, "contrasts": {}},
                         r"gaps.'a\nb': string should match pattern"),
    "gap of one student": ({"contrasts": {"c": {"gap": "long_cot_gap", "students": ["toy-xs"]}}}, "two `students`"),
    "gap of one student twice": ({"contrasts": {"c": {"gap": "long_cot_gap", "students": ["toy-xs", "toy-xs"]}}},
                                 "'toy-xs' stands twice"),
}  # fmt: skip


@pytest.mark.parametrize(("keys", "message"), TOGETHER.values(), ids=TOGETHER)
def test_studies_that_cannot_be(project: Path, keys: dict[str, Any], message: str) -> None:
    study_with(project, **keys)
    lines = refused(project)
    assert len(lines) == 1
    assert message in lines[0]


ENTRIES: list[tuple[str, str, dict[str, Any], str]] = [
    ("corpora", "students", {"path": "x"}, "is reserved"),
    ("corpora", "teachers", {"path": "x"}, "is reserved"),
    ("corpora", "golds", {"path": "x"}, "is reserved"),
    ("datasets", "seed-1", {}, "is reserved"),
    ("corpora", "draw-0", {"path": "x"}, "is reserved"),
    ("corpora", "00-of-02", {"path": "x"}, "is reserved"),
    ("students", "base", {}, "is reserved"),
    ("corpora", "a" * 65, {"path": "x"}, "longer than 64"),
    ("corpora", "A", {"path": "x"}, "is no name"),
    ("corpora", "a b", {"path": "x"}, "is no name"),
    ("corpora", "new", {"path": "x", "split": "test"}, "goes with `hub`"),
    ("corpora", "new", {"path": "x", "files": ["a"]}, "goes with `hub`"),
    ("corpora", "new", {"path": "x", "where": {"day": datetime.date(2026, 1, 2)}}, "put 2026-01-02 in quotes"),
    ("corpora", "new", {"path": "x", "where": {"day": [1, {"a": 1}]}}, "'day' is compared with text, a number"),
    ("corpora", "é数", {"path": "x"}, "is no name"),
    ("teachers", "a$(touch x)", {"published": PUBLISHED["published"]}, "is no name"),
    ("datasets", "-a", {}, "is no name"),
    ("corpora", "new", {"path": "x{y}"}, "no path that a rule can name"),
    ("corpora", "new", {"path": ["x", "\x7f"]}, "no path that a rule can name"),
    ("corpora", "new", {"path": "x", "where": {"a": "\ud800"}}, "half of a character"),
    ("teachers", "new", {"published": {**PUBLISHED["published"], "path": "{x}"}}, "no path that a rule can name"),
    ("students", "new", {"model": {"path": "{x}"}}, "no path that a rule can name"),
    ("students", "new", {"model": {"path": "x", "chat_template": "a\nb"}}, "no path that a rule can name"),
    ("students", "new", {"model": {"path": "x"}, "prompt": "{x}"}, "no path that a rule can name"),
    ("students", "new", {"model": {"path": "x"}, "prompt": "../x"}, "no known prompt"),
    ("students", "new", {"model": {"path": "x"}, "prompt": "judges/equal"}, "no known prompt"),
    ("students", "new", {"model": {"path": "x"}, "template_args": {"a": ["\ud800"]}}, "half of a character"),
    ("corpora", "new", {"hub": "a/b", "revision": "main"}, "moves; give the commit"),
    ("corpora", "new", {"hub": "a/b", "revision": "refs/pr/1"}, "moves"),
    ("corpora", "new", {"hub": "../b", "revision": "abc"}, "no id of the hub"),
    ("corpora", "new", {"hub": "a/b/c", "revision": "abc"}, "no id of the hub"),
    ("corpora", "new", {"path": "x", "shards": 20000}, "less than or equal to 1000"),
    ("decodings", "new", {"max_new_tokens": 9, "draws": 10**9, "temperature": 1}, "less than or equal to 1000"),
    ("trainings", "new", {"lr": 1e-4, "cutoff": 9, "lora": {"rank": 2, "dropout": 1}}, "takes all away"),
    ("decodings", "new", {"max_new_tokens": 9, "top_k": 5}, "no effect with temperature 0"),
    ("decodings", "new", {"max_new_tokens": 9, "top_p": 0.5}, "no effect with temperature 0"),
    ("decodings", "new", {"max_new_tokens": 9, "draws": 2, "temperature": 1, "top_k": 1}, "would repeat"),
    ("decodings", "new", {"max_new_tokens": 9, "draws": 2, "temperature": 1, "min_p": 1}, "would repeat"),
    ("decodings", "new", {"max_new_tokens": 9, "draws": 2, "temperature": 1, "top_p": 1e-9}, "would repeat"),
    ("decodings", "new", {"max_new_tokens": 9, "draws": 2, "temperature": 1e-9}, "would repeat"),
    ("teachers", "new", {"published": PUBLISHED["published"], "prompt": "plain"}, "no effect on published"),
    ("teachers", "new", {"published": PUBLISHED["published"], "batch_size": 3}, "no effect on published"),
    ("students", "new", {"model": {"path": "x", "revision": "abc"}}, "goes with `hub`"),
    ("students", "new", {"model": {"path": ""}}, "is empty"),
    ("students", "new", {"model": {"hub": "a/b", "revision": "HEAD"}}, "moves"),
    (
        "students",
        "new",
        {"model": {"path": "x"}, "engine": "vllm", "vllm": {"engine_args": {"model": "y"}}},
        "none of its",
    ),
    (
        "students",
        "new",
        {"model": {"path": "x"}, "engine": "vllm", "vllm": {"engine_args": {"trust_remote_code": True}}},
        "none of its keys",
    ),
]


@pytest.mark.parametrize(("kind", "name", "entry", "message"), ENTRIES, ids=str)
def test_entries_that_cannot_be(project: Path, kind: str, name: str, entry: dict[str, Any], message: str) -> None:
    with open(project / f"catalogue/{kind}.yaml", "a") as file:
        file.write("\n" + yaml.safe_dump({name: entry}))
    lines = refused(project)
    assert len(lines) == 1
    assert message in lines[0]
    assert f"{kind}.yaml" in lines[0]


def test_a_limit_that_only_the_killer_knows_is_refused(project: Path) -> None:
    with pytest.raises(InputError, match=r"grading\.timeout_seconds: 200 is not below `deadline_seconds: 120`"):
        load(project, {**STUDIES, "grading": {"timeout_seconds": 200}})


def test_a_benchmark_of_training_rows_is_refused(project: Path) -> None:
    corpora = project / "catalogue/corpora.yaml"
    again = {"path": "resources/toy/train.jsonl", "benchmark": True}
    data = yaml.safe_load(corpora.read_text())
    assert data["toy-train"]["path"] == again["path"]
    corpora.write_text(yaml.safe_dump({**data, "twin": again}))
    study_with(project, benchmarks=["twin"])
    (line,) = refused(project)
    assert "'twin' has rows of 'toy-train', which is trained on" in line


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ({"stop": 10}, {"start": 9}, True),
        ({"stop": 10}, {"start": 10}, False),
        ({"where": {"a": 1}}, {"where": {"a": 2}}, False),
        ({"where": {"a": 1}}, {"where": {"a": 1}}, True),
        ({}, {"path": "./r.jsonl"}, True),
        ({}, {"path": "other.jsonl"}, False),
        ({"path": None, "hub": "a/b", "revision": "c1"}, {"path": None, "hub": "a/b", "revision": "c1"}, True),
        ({"path": None, "hub": "a/b", "revision": "c1"}, {"path": None, "hub": "a/b", "revision": "c2"}, False),
    ],
)
def test_which_corpora_share_rows(one: dict[str, Any], other: dict[str, Any], shared: bool) -> None:
    corpora = [CorpusRecipe.model_validate({"path": "r.jsonl", **keys}) for keys in (one, other)]
    assert share_rows(*corpora) is share_rows(*corpora[::-1]) is shared


def test_random_edits_of_the_files_end_in_lines(project: Path) -> None:
    """Whole files with a piece deleted, doubled or replaced: a catalogue, or lines; nothing else is raised."""
    chance = random.Random(11)
    for _ in range(60):
        path = chance.choice(sorted((project / "catalogue").glob("*.yaml")))
        text = path.read_text()
        start = chance.randrange(len(text))
        end = start + chance.randrange(1, 12)
        piece = chance.choice(["", text[start:end] * 2, "{", "- ", ": ", "\t", "&a ", "*a", "'", "\x07", "!x ", "é"])
        path.write_text(text[:start] + piece + text[end:])
        with contextlib.suppress(InputError):
            load(project, STUDIES)
        path.write_text(text)
