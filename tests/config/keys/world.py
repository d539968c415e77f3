"""Small files that recipes of the tests name: corpora, published responses, models, a hub, a study."""

import json
import shutil
from collections.abc import Sequence
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import yaml
from helpers import PROMPTS, REPOSITORY, TOY, base_model, jsonl, problems_table, responses_table, verdicts_table

from distill import tables
from distill.runtime.errors import InputError

# The toy models' own template knows no system message.
TEMPLATE = (
    "{% for m in messages %}{% if m['role'] == 'assistant' %}<|assistant|>{{ m['content'] }}<|end|>"
    "{% else %}<|user|>{{ m['content'] }}{% endif %}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SAYINGS = [{"problem_id": f"s{i}", "problem": f"Say {i}.", "answer": str(i)} for i in range(4)]
MIXED = [f"m{i}" for i in range(8)]
LOOP = "so we add one and two and then we go on as we did before until it is all done again " * 12
# teacher -> draw -> problems that are not correct
WRONG = {"a": ({"m0", "m1"}, {"m0"}), "b": ({"m2"}, {"m2"}), "c": ({"m3", "m4", "m5"}, {"m4", "m5", "m6"})}


def scratch() -> Path:
    """Return a new folder in the world."""
    return Path(mkdtemp(dir=".")).resolve()


def ran(main: Any, *options: Any) -> str:
    """Run a program; return the error that it ends with, or nothing."""
    with redirect_stderr(StringIO()):
        try:
            main([str(option) for option in options])
        except InputError as error:
            return str(error)
    return ""


def read(path: Path, contract: tables.Contract, *without: str) -> list[dict[str, Any]]:
    """Return the rows of a table that was written, else none."""
    rows = tables.read(path, contract).to_pylist() if path.exists() else []
    return [{k: v for k, v in row.items() if k not in without} for row in rows]


def build(folder: Path) -> None:
    """Write all of it."""
    _corpora(folder)
    _published(folder)
    _mixed(folder / "mixed")
    (folder / "template.jinja").write_text(TEMPLATE)
    (folder / "short.jinja").write_text("{% for m in messages %}{{ m['content'] }}{% endfor %}")
    base_model(folder / "models/any", chat_template=str(folder / "template.jinja"))
    for name in ("base-xs", "base-m"):
        base_model(folder / "models" / name, TOY / name)
        for place in {"base-xs": ("one/r1",), "base-m": ("one/r2", "two/r1")}[name]:
            _linked(folder / "hub/model" / place, TOY / name)
    tables.write(folder / "say.parquet", tables.build([{**r, "origin": "test"} for r in SAYINGS], tables.PROBLEMS),
                 tables.PROBLEMS)  # fmt: skip
    shutil.copytree(PROMPTS, folder / "prompts")
    _study(folder)


def _linked(place: Path, target: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)


def _corpora(folder: Path) -> None:
    rows = [
        {"id": f"p{i}", "problem": f"What is {i} and {i + 1} together?", "question": f"Compute {i}.", "answer": str(i),
         "gold": rf"It is \boxed{{{i}}}. #### {i * 3}", "proof": f"See {i}.", "topic": "sums", "grade": f"Level {i}",
         "answers": [str(i), f"x{i}"]}
        for i in range(10)
    ]  # fmt: skip
    jsonl(folder / "rows.jsonl", rows)
    jsonl(folder / "fewer.jsonl", rows[:5])
    jsonl(folder / "lacking.jsonl", [*rows[:9], {**rows[9], "answer": ""}])
    for place, own in {"data/r1": rows[:2], "data/r2": rows[2:4], "other/r1": rows[4:6]}.items():
        home = folder / "hub/dataset" / place
        home.mkdir(parents=True)
        jsonl(home / "train.jsonl", own)
        jsonl(home / "test.jsonl", own[:1])
        jsonl(home / "extra.jsonl", rows[6:])
        files = [{"split": name, "path": f"{name}.jsonl"} for name in ("train", "test")]
        more = [{"split": "train", "path": "extra.jsonl"}]
        configs = [{"config_name": "main", "data_files": files}, {"config_name": "more", "data_files": more}]
        (home / "README.md").write_text(f"---\n{yaml.safe_dump({'configs': configs})}---\n")
    parts = folder / "hub/dataset/parts/r1"
    parts.mkdir(parents=True)
    for part in (0, 1):
        jsonl(parts / f"train-{part}.jsonl", rows[part : part + 1])

    texts = [{**json.loads(line), "origin": "toy"} for line in (TOY / "train.jsonl").read_text().splitlines()[:40]]
    problems_table(folder / "toy.parquet", [{"problem_id": r["id"], **r} for r in texts])


def _published(folder: Path) -> None:
    rows = [
        {"key": f"big:{i % 4}", "id": f"s{i % 4}", "text": f"Say {i % 4}.", "response": f"A: {i}", "draft": f"B: {i}",
         "end": "length" if i == 1 else "stop", "right": i != 2, "kind": "long" if i < 3 else "short"}
        for i in range(8)
    ]  # fmt: skip
    rows = [{**r, "why": f"Since {i}.", "drafts": [f"D: {i}", f"E: {i}"], "lost": "ran out" if i == 1 else None,
             "asked": f"Please say {i % 4}."} for i, r in enumerate(rows)]  # fmt: skip
    jsonl(folder / "published.jsonl", rows)
    jsonl(folder / "republished.jsonl", rows[4:])
    statements = [{k: r[k] for k in ("problem_id", "problem")} for r in SAYINGS]
    tables.write(folder / "statements.parquet", tables.build(statements, tables.STATEMENTS), tables.STATEMENTS)


def _mixed(folder: Path) -> None:
    """Three teachers with two draws each of eight problems; a's draws differ in length, one is a loop."""
    problems_table(
        folder / "problems.parquet",
        [{"problem_id": i, "answer": "1", "level": f"Level {n}"} for n, i in enumerate(MIXED)],
    )
    for teacher, wrong in WRONG.items():
        for draw, lost in enumerate(wrong):
            rows = [
                {"problem_id": i, "draw": draw, "response_tokens": 10 * (draw + 1) + n,
                 "response": f"{teacher} {i} {draw}" + (LOOP if (i, draw) == ("m5", 0) else " ok" * (9 - 8 * draw))}
                for n, i in enumerate(MIXED)
            ]  # fmt: skip
            words = {i: "wrong" if i in lost else "correct" for i in MIXED}
            responses_table(folder / teacher / f"r{draw}.parquet", rows)
            verdicts_table(folder / teacher / f"v{draw}.parquet", words, draw)
            likely = [{"problem_id": i, "draw": draw, "loglikelihood": draw - 9.0, "tokens": 10} for i in MIXED]
            table = tables.build(likely, tables.LOGLIKELIHOODS)
            tables.write(folder / teacher / f"l{draw}.parquet", table, tables.LOGLIKELIHOODS)
    repeat = {"problem_id": "m3", "benchmark": "b", "benchmark_problem_id": "x", "exact": True, "overlap": 1.0}
    twin = {"problem_id": "m4", "duplicate_of": "m3", "similarity": 0.9}
    for name, contract, row in (
        ("contamination", tables.CONTAMINATION, repeat),
        ("duplicates", tables.DUPLICATES, twin),
    ):
        tables.write(folder / f"{name}.parquet", tables.build([row], contract), contract)


def _study(folder: Path) -> None:
    """Lay out the shipped configuration with a judge's teacher, a student from scratch, and curation that asks."""
    shutil.copytree(REPOSITORY / "config", folder / "config")
    _linked(folder / "resources", REPOSITORY / "resources")
    scratch_student = {"model": {"scratch": {"tokenizer_corpora": ["toy-train"]}}, "prompt": "plain"}
    edit(folder / "config/catalogue/students.yaml", {"scratched": scratch_student})
    (folder / "config/prompts/judges/other.jinja").write_text("{{ problem }} {{ gold }} {{ answer }}")
    edit(folder / "config/catalogue/corpora.yaml", {"gsm8k-benchmark": {"path": "resources/toy/test.jsonl"}})
    edit(folder / "config/catalogue/datasets.yaml",
         {"toy-long-arm": {"curation": {"decontaminate": True, "deduplicate": True}}})  # fmt: skip
    study = yaml.safe_load((folder / "config/studies/toy.yaml").read_text())
    study["arms"][0]["students"].append("scratched")
    (folder / "config/studies/toy.yaml").write_text(yaml.safe_dump(study))


def edit(path: Path, entries: dict[str, dict[str, Any]]) -> None:
    """Change keys of entries of a catalogue file."""
    content = yaml.safe_load(path.read_text())
    for name, keys in entries.items():
        content.setdefault(name, {}).update(keys)
    path.write_text(yaml.safe_dump(content))


def download(
    name: str, *, revision: str, repo_type: str = "model", allow_patterns: Sequence[str] | None = None, **_: Any
) -> str:
    """Stand in for `huggingface_hub.snapshot_download`: the hub is a folder of the world."""
    from huggingface_hub.utils import filter_repo_objects

    source, folder = Path("hub", repo_type, name, revision), scratch()
    names = [path.name for path in source.iterdir()]
    for file in filter_repo_objects(names, allow_patterns=allow_patterns):
        (folder / file).symlink_to((source / file).resolve())
    return str(folder)
