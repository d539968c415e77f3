"""Keys of corpora and of published responses."""

from typing import Any

import fetch_problems
import fetch_responses
from keys import Keys, key
from world import ran, read, scratch

from distill import tables
from distill.config import jobs
from distill.config.catalogue import Catalogue
from distill.config.lineage import Golds, Verdicts
from distill.config.plan import Plan
from distill.config.recipes import (
    CorpusColumns,
    CorpusRecipe,
    PublishedColumns,
    PublishedRecipe,
    Rewrite,
    Rows,
    Settings,
    TeacherRecipe,
)
from distill.problems.readers import read_rows
from distill.tables.golds import read_tolerances

HUB = {"path": None, "hub": "data", "revision": "r1", "subset": "main"}


def problems(recipe: CorpusRecipe) -> Any:
    """The problems table and its ledger; where a row comes from says only the file's name, so it is left out."""
    output = scratch() / "problems.parquet"
    error = ran(fetch_problems.main, "--recipe", recipe.canonical(), "--output", output)
    ledger = read(output.with_name("ledger.parquet"), tables.PROBLEMS_LEDGER)
    return error, ledger, read(output, tables.PROBLEMS, "origin")


def rows(recipe: Rows) -> Any:
    return read_rows(recipe, ["problem"])


def mapped(recipe: CorpusColumns) -> Any:
    return problems(CorpusRecipe(path="rows.jsonl", columns=recipe))


def benchmarks(recipe: CorpusRecipe) -> Any:
    return Catalogue(Settings(studies=("toy",)), corpora={"c": recipe}).benchmarks()


def agreement(recipe: CorpusRecipe) -> Any:
    """Who agrees on the golds of a corpus, as the rules see it; its problems are the same."""
    catalogue = Catalogue(Settings(studies=("toy",)), corpora={"c": recipe})
    assert jobs.problems_job(catalogue, "c").canonical() == recipe.model_copy(update={"agreement": None}).canonical()
    return Plan(catalogue).agreement("c"), recipe.is_without_golds


def solved(recipe: CorpusRecipe) -> Any:
    """Whose responses stand for solutions, as the rules see it; the problems are the same."""
    teachers = {"x": TeacherRecipe(published={"path": "published.jsonl", "columns": BY_ID})}
    catalogue = Catalogue(Settings(studies=("toy",)), corpora={"c": recipe}, teachers=teachers)
    assert jobs.problems_job(catalogue, "c").solutions_from is None
    return Plan(catalogue).solvers(Verdicts, "c")


def tolerated(recipe: CorpusRecipe) -> Any:
    """What the verdicts on a corpus read; its problems and the check of its golds are the same."""
    catalogue = Catalogue(Settings(studies=("toy",)), corpora={"c": recipe})
    assert jobs.problems_job(catalogue, "c").tolerance == 0
    assert "tolerance" not in jobs.job_of(catalogue, Golds("c")).recipe
    return jobs.job_of(catalogue, Verdicts("c", "teachers/x", "d", 0, "00-of-01")).recipe


def errors(recipe: CorpusColumns) -> Any:
    """The errors that answers may have, as a grading reads them."""
    output = scratch() / "problems.parquet"
    given = CorpusRecipe(path="rows.jsonl", columns=recipe)
    return ran(fetch_problems.main, "--recipe", given.canonical(), "--output", output), read_tolerances(output)


def scored(recipe: CorpusRecipe) -> Any:
    """What a score on a corpus reads under the paper's policy; its problems are the same, and so are other scores."""
    given = [Settings(studies=("toy",), policy=policy) for policy in ("paper_scoring", "rule")]
    paper, rule = (jobs.score_job(Catalogue(settings, corpora={"c": recipe}), "c") for settings in given)
    assert rule.paper_task == "math"
    assert jobs.problems_job(Catalogue(given[0], corpora={"c": recipe}), "c").paper_task == "math"
    return paper.canonical()


def shards(recipe: CorpusRecipe) -> Any:
    return Plan(Catalogue(Settings(studies=("toy",)), corpora={"c": recipe})).shards("c")


def published(recipe: PublishedRecipe) -> Any:
    output = scratch() / "responses.parquet"
    options = ("--statements", "statements.parquet", "--draw", 0, "--shard", "00-of-01")
    error = ran(fetch_responses.main, *options, "--recipe", recipe.canonical(), "--output", output)
    found = tables.read(output, tables.RESPONSES).to_pylist() if output.exists() else []
    labels = _labels(output)
    return error, found, labels


def _labels(path: Any) -> list[Any]:
    import pyarrow.parquet as pq

    table = pq.read_table(path, partitioning=None) if path.exists() else None
    return table["label"].to_pylist() if table is not None and "label" in table.column_names else []


def published_draws(recipe: PublishedRecipe) -> Any:
    from distill.config.recipes import TeacherRecipe

    catalogue = Catalogue(Settings(studies=("toy",)), teachers={"t": TeacherRecipe(published=recipe)})
    return catalogue.draws("teachers/t", "published")


def told(recipe: PublishedColumns) -> Any:
    return published(PublishedRecipe(path="published.jsonl", columns=recipe))


def rewritten(recipe: Rewrite) -> Any:
    return published(PublishedRecipe(path="published.jsonl", columns={"problem_id": "id"}, rewrites=(recipe,)))


def _rows(probe: Any, other: str, **base: Any) -> dict[str, Any]:
    """Return the keys that say where rows come from."""
    return {
        "path": key(other, probe),
        "where": key({"problem": ["What is 1 and 2 together?", "Say 1."]}, probe, **(base or {})),
        "hub": key("other", probe, **base, **HUB),
        "revision": key("r2", probe, **base, **HUB),
        "subset": key("more", probe, **base, **HUB),
        "split": key("test", probe, **base, **HUB),
        "files": key(("train-1*",), probe, **base, **{**HUB, "hub": "parts", "subset": None}),
    }


BY_ID = {"problem_id": "id"}
HUB_COLUMNS = {"columns": {"problem_id": "id", "response": "problem"}}
PUBLISHED = {"columns": BY_ID}

KEYS = {
    Rows: Keys({"path": "rows.jsonl"}, _rows(rows, "fewer.jsonl")),
    CorpusColumns: Keys({}, {
        "problem": key("question", mapped),
        "problem_template": key("{question} Of {topic}.", mapped),
        "answer": key("gold", mapped),
        "wrong_answers": key(("gold", "proof"), mapped),
        "problem_id": key("id", mapped),
        "solution": key("proof", mapped),
        "tolerance": key("answer", errors),
        "subject": key("topic", mapped),
        "level": key("grade", mapped),
    }),
    CorpusRecipe: Keys({"path": "rows.jsonl"}, {
        **_rows(problems, "fewer.jsonl"),
        "columns": key({"problem": "question"}, problems),
        "answer_format": key("boxed", problems, columns={"answer": "gold"}),
        "answer_rewrites": key([{"pattern": "^", "replacement": "0"}], problems),
        "several_answers": key("joined", problems, columns={"answer": "answers"}),
        "no_answer": key(["3"], problems),
        "rewrites": key([{"pattern": "What is", "replacement": "Compute"}], problems),
        "agreement": key({"teachers": ("a", "b")}, agreement, columns={"answer": None}),
        "tolerance": key(0.05, tolerated),
        "solutions_from": key("x", solved, benchmark=True),
        "start": key(3, problems),
        "stop": key(3, problems),
        "size": key(3, problems),
        "max_unusable": key(0.5, problems, path="lacking.jsonl"),
        "benchmark": key(True, benchmarks, same=problems),
        "always_compared": key(False, benchmarks, same=problems, benchmark=True),
        "paper_task": key("gsm8k", scored),
        "shards": key(3, shards, same=problems),
    }),
    PublishedColumns: Keys(BY_ID, {
        "response": key("draft", told),
        "response_template": key("{why} So {draft}", told),
        "problem_id": key("key", told),
        "problem": key("response", told, problem_id=None, problem="text"),
        "finish_reason": key("end", told),
        "label": key("right", told),
    }),
    PublishedRecipe: Keys({"path": "published.jsonl", **PUBLISHED}, {
        **_rows(published, "republished.jsonl", columns={"problem": "problem", "response": "answer"}),
        "columns": key({"problem_id": "id", "response": "draft"}, published),
        "where": key({"kind": "short"}, published),
        "think_tags": key(("A:", "Z:"), published),
        "draws_in_lists": key(True, published, columns={"problem_id": "id", "response": "drafts"}),
        "finish_reasons": key({"ran out": "length"}, published, columns={"problem_id": "id", "finish_reason": "lost"}),
        "problem_rewrites": key([{"pattern": "Please s", "replacement": "S"}], published,
                                columns={"problem": "asked"}),
        "id_pattern": key(r"^s[01]$", published),
        "id_template": key(r"s\1", published, columns={"problem_id": "key"}, id_pattern=r"^big:(\d)$"),
        "rewrites": key([{"pattern": "A", "replacement": "C"}], published),
        "draws": key(2, published_draws, same=published),
    }),
    Rewrite: Keys({"pattern": "A", "replacement": "C"}, {
        "pattern": key(r"\d", rewritten),
        "replacement": key("D", rewritten),
    }),
}  # fmt: skip
