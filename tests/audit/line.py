"""A line of artefacts made by the programs themselves, up to adapters, in a folder with a configuration of its own."""

import importlib
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import yaml
from helpers import REPOSITORY, TOY, jsonl

from distill.audit.findings import Audit, Finding
from distill.config import jobs
from distill.config.lineage import (
    BaseModel,
    Contamination,
    Dataset,
    Duplicates,
    Golds,
    Place,
    Problems,
    Rendered,
    Repeats,
    Responses,
    Statements,
    TrainedModel,
    Verdicts,
)
from distill.config.load import load
from distill.config.plan import Plan
from distill.config.recipes import canonical_json
from tools.toy import problems as toy

SCRIPTS = REPOSITORY / "scripts"
LORA = {"lr": 1e-3, "max_updates": 1, "global_batch": 2, "micro_batch": 2, "cutoff": 640}
CATALOGUE = {
    "corpora": {
        "own": {"path": "rows/*.jsonl", "columns": {"problem_id": "id"}, "shards": 2},
        "test": {"path": "test.jsonl", "columns": {"problem_id": "id"}, "benchmark": True},
        "more": {"path": "test.jsonl", "columns": {"problem_id": "id"}},
    },
    "teachers": {name: {"published": {"path": "published/*.jsonl",
                                      "columns": {"problem_id": "id", "response": name}}} for name in ("one", "two")},
    "students": {"tiny": {"model": {"path": "base"}, "prompt": "plain"},
                 "blank": {"model": {"scratch": {"tokenizer_corpora": ["own"]}}, "prompt": "plain"}},
    "decodings": {"greedy": {"max_new_tokens": 8}},
    "datasets": {"mixed": {"corpus": "own", "teachers": ["one", "two"], "alpha": 0.5,
                           "curation": {"decontaminate": True, "deduplicate": True}}},
    "trainings": {"full": LORA, "adapter": {**LORA, "lora": {"rank": 2, "alpha": 4}}},
}  # fmt: skip
ARMS = [{"students": ["tiny"], "datasets": ["mixed"], "training": "full"},
        {"students": ["tiny", "blank"], "datasets": ["mixed"], "training": "adapter"}]  # fmt: skip
STUDY = {"title": "A line", "arms": ARMS, "benchmarks": ["test"], "decoding": "greedy"}


def configure(catalogue: dict = CATALOGUE, study: dict = STUDY) -> None:
    """Write a configuration in the working folder."""
    for name, entries in catalogue.items():
        write_yaml(Path("config/catalogue", f"{name}.yaml"), entries)
    write_yaml(Path("config/studies/line.yaml"), study)


def write_yaml(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content))


def edit(file: str, change: Callable[[dict], None]) -> None:
    """Change a file of the catalogue."""
    path = Path("config/catalogue", f"{file}.yaml")
    content = yaml.safe_load(path.read_text())
    change(content)
    write_yaml(path, content)


def plan() -> Plan:
    return Plan(load(Path("config"), {"studies": ["line"]}))


def audit() -> Audit:
    return Audit(plan(), SCRIPTS)


def told(*places: Place) -> list[Finding]:
    """Return what is wrong with these places, or with all that the line has made."""
    one = audit()
    return [finding for place in places or MADE for finding in one.of(place)]


SHARDS, TEACHERS = ("00-of-02", "01-of-02"), ("one", "two")
ANSWERS = [("own", f"teachers/{t}", "published", 0, s) for t in TEACHERS for s in SHARDS]
ADAPTER, FULL = (TrainedModel("tiny", training, "mixed", 1) for training in ("adapter", "full"))
BLANK = TrainedModel("blank", "adapter", "mixed", 1)
MADE: list[Place] = [
    Problems("own"), Problems("test"), *(Statements("own", s) for s in SHARDS), Statements("test", "00-of-01"),
    *(Responses(*a) for a in ANSWERS), *(Verdicts(*a) for a in ANSWERS), Golds("own"),
    *(Repeats("own", f"teachers/{t}", "published") for t in TEACHERS), Contamination("own"), Duplicates("own"),
    Dataset("mixed"), BaseModel("tiny"), BaseModel("blank"), Rendered("tiny", "full", "mixed"),
    Rendered("tiny", "adapter", "mixed"), Rendered("blank", "adapter", "mixed"), FULL, ADAPTER, BLANK,
]  # fmt: skip


def options(place: Place) -> list[str]:
    """Return what the rule of a place gives its program, but recipe and output."""
    own = ["--statements", *(Statements("own", shard).file("statements.parquet") for shard in SHARDS)]
    problems = ["--problems", Problems("own").file("problems.parquet")]
    match place:
        case Statements():
            return ["--shard", place.shard]
        case Responses():
            return [*own, "--draw", "0", "--shard", place.shard]
        case Verdicts():
            return [*problems, "--responses", Responses(**vars(place)).file("responses.parquet")]
        case Golds() | BaseModel("blank"):
            return problems
        case Repeats():
            return [
                "--responses",
                *(Responses(*a).file("responses.parquet") for a in ANSWERS if a[1] == place.model_path),
            ]
        case Contamination():
            tables = {"test": [Statements("test", "00-of-01").file("statements.parquet")]}
            return [*own, "--inputs", canonical_json({"benchmarks": tables})]
        case Duplicates():
            return own
        case Dataset():
            return [*problems, "--inputs", canonical_json(plan().dataset_files(place.dataset))]
        case Rendered():
            names = ["--model", BaseModel(place.student).folder, "--prompt", "config/prompts/plain.jinja"]
            return ["--dataset", Dataset(place.dataset).file("train.parquet"), *names]
        case TrainedModel():
            rendered = Rendered(place.student, place.training, place.dataset).file("rendered.parquet")
            return ["--rendered", rendered, "--model", BaseModel(place.student).folder, "--seed", str(place.seed)]
    return []


def make(place: Place) -> None:
    """Run the program of a place."""
    planned = plan()
    job = jobs.job_of(planned.catalogue, place)
    recipe = [] if isinstance(place, Repeats) else ["--recipe", job.recipe]
    output = planned.main_file(place) or place.manifest
    importlib.import_module(job.program).main([*options(place), *recipe, "--output", output])


def prepare() -> None:
    """Write configuration, problems, published responses and a base in the working folder."""
    configure()
    shutil.copytree(REPOSITORY / "config/prompts", "config/prompts")
    shutil.copytree(TOY / "base-xs", "base")
    for folder in ("rows", "published"):
        Path(folder).mkdir()
    rng, problems = random.Random(0), toy.corpus(5, 12)
    rows = [{"id": f"p{i}", "problem": p.text, "answer": str(p.answer)} for i, p in enumerate(problems)]
    jsonl(Path("rows/all.jsonl"), rows)
    jsonl(Path("test.jsonl"), [{"id": "t0", "problem": "Name the smallest prime number.", "answer": "2"}])
    kinds = zip(TEACHERS, ("long", "short"), strict=True)
    said = {teacher: [toy.trace(p, kind, rng) for p in problems] for teacher, kind in kinds}
    jsonl(Path("published/all.jsonl"), [{"id": r["id"], **{t: said[t][i] for t in said}} for i, r in enumerate(rows)])
