"""Keys of grading and judging: the limits in a worker, the judge's questions, what counts as correct."""

import json
import resource
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import check_golds
import find_agreement
import judge
import pyarrow as pa
import pytest
import score
import verify
from asking import HERE, _without
from chat_server import MODEL, running
from helpers import problems_table, recipe, responses_table, verdicts_table
from keys import Keys, key
from planned import JUDGE, commands, option
from world import ran, read, scratch

from distill import tables
from distill.config import jobs
from distill.config.catalogue import Catalogue
from distill.config.recipes import (
    AgreementJob,
    AgreementRecipe,
    CorpusRecipe,
    GradingRecipe,
    JudgeJob,
    JudgeRecipe,
    ScoreJob,
    Settings,
    TeacherRecipe,
    VerifyJob,
    canonical_json,
)
from distill.scores import samples
from distill.verdicts.grading import Comparison
from distill.verdicts.workers import grade_all

SERVED = {"engine": "openai", "server": {"url": HERE}}
PAIR = ("x+1", r"\boxed{1+x+0}")


def limits_of(_gold: str, _answer: str, timeout: int) -> Comparison:
    """Say what limits a comparison is under, in the worker."""
    return Comparison("wrong", f"{timeout} s, {resource.getrlimit(resource.RLIMIT_AS)[0]} bytes")


def linger(_gold: str, _answer: str, _timeout: int) -> Comparison:
    """Take longer than the least deadline."""
    time.sleep(3)
    return Comparison("wrong", "lingered")


def _verified(grading: GradingRecipe, compare: Any) -> list[tuple[str, str]]:
    """Grade and method of verify.py's rows where workers compare by `compare`."""
    row = {"problem_id": "p", "draw": 0, "response": PAIR[1], "finish_reason": "stop"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify, "grade_all", partial(grade_all, compare_pair=compare))
        job = VerifyJob.model_validate(grading.model_dump())
        rows = list(verify.verdict_rows([pa.RecordBatch.from_pylist([row])], {"p": PAIR[0]}, job, 1, {}))
    return [(r["verdict"], r["method"]) for r in rows]


def tolerated(job: VerifyJob) -> Any:
    """The verdict on 5 where 4 is right."""
    row = {"problem_id": "p", "draw": 0, "response": r"\boxed{5}", "finish_reason": "stop"}
    return [r["verdict"] for r in verify.verdict_rows([pa.RecordBatch.from_pylist([row])], {"p": "4"}, job, 1, {})]


def limits(grading: GradingRecipe) -> Any:
    return _verified(grading, limits_of)


def deadline(grading: GradingRecipe) -> Any:
    return _verified(grading, linger)


def golds(grading: GradingRecipe) -> Any:
    """The limits that check_golds.py hands on."""
    seen: list[dict[str, Any]] = []

    def checked(answers: Any, **keys: Any) -> dict[str, bool]:
        seen.append(keys)
        return dict.fromkeys(answers, True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(check_golds, "check_golds", checked)
        output = scratch() / "golds.parquet"
        options = ("--problems", "say.parquet", "--recipe", grading.canonical(), "--output", output)
        assert not ran(check_golds.main, *options)
    return seen


def judge_job(recipe: JudgeRecipe) -> Any:
    served = {"model": {"served": "x"}, "decoding": "d", "engine": "openai"}
    teachers = {name: TeacherRecipe(**served, server={"url": f"http://{name}/v1", "extra_body": {"name": name}})
                for name in ("toy-large", "toy-small")}  # fmt: skip
    job = jobs.judge_job(Catalogue(Settings(studies=("toy",), judge=recipe), teachers=teachers))
    return job.canonical(), job.execution()


def judge_execution(recipe: JudgeRecipe) -> Any:
    return judge_job(recipe)[1]


def judge_content(recipe: JudgeRecipe) -> Any:
    return judge_job(recipe)[0]


def judge_command(recipe: JudgeRecipe) -> Any:
    """The model and the prompt that the rule gives judge.py."""
    return _judge_words(Settings(studies=("toy",), judge=recipe))


def _judge_words(settings: Settings) -> Any:
    given = settings.judge.model_dump(exclude_defaults=True)
    names = ("--prompt", "--model", "--recipe", "--execution")
    shown = {tuple(option(words, name).rpartition("prompts/")[2] for name in names)
             for words in commands("judge", settings={"judge": given})}  # fmt: skip
    assert shown
    return shown


def _judged(job: JudgeJob, reply: str) -> tuple[str, list[dict[str, Any]]]:
    """Return the error of judge.py, and what a server was asked that answers with `reply`."""
    import fetch_model

    home = scratch()
    known = problems_table(home / "p.parquet", [{"problem_id": "a", "answer": "1"}])
    rows = [{"problem_id": "a", "draw": 0, "verdict": "wrong", "extracted": "one", "method": "text",
             "matcher": "wrong", "lenient": "wrong"}]  # fmt: skip
    tables.write(home / "v.parquet", tables.build(rows, tables.VERDICTS), tables.VERDICTS)
    responses_table(home / "r.parquet", [{"problem_id": "a"}])
    fetch_model.main(["--recipe", recipe(served=MODEL), "--output", str(home / "model/manifest.json")])
    with running() as server:
        server.message = {"content": reply}
        generation = job.generation.server.model_copy(update={"url": server.url})
        real = job.model_copy(update={"generation": job.generation.model_copy(update={"server": generation})})
        options = ("--problems", known, "--responses", home / "r.parquet", "--verdicts", home / "v.parquet",
                   "--model", home / "model", "--prompt", "prompts/judges/equal.jinja",
                   "--execution", json.dumps(real.execution()))  # fmt: skip
        error = ran(judge.main, *options, "--recipe", real.canonical(), "--output", home / "out/j.parquet")
        return _without(error, server.url), server.bodies


def unclear(job: JudgeJob) -> Any:
    return _judged(job, "perhaps")[0]


def clear(job: JudgeJob) -> Any:
    return _judged(job, "True")


def questions(job: JudgeJob) -> Any:
    return _judged(job, "True")[1]


def scored(job: ScoreJob) -> Any:
    """The items that score.py counts where a judge calls a rejected answer equal."""
    home = scratch()
    known = problems_table(home / "p.parquet", [{"problem_id": i, "answer": "1"} for i in "ab"])
    responses = responses_table(home / "r.parquet", [{"problem_id": i, "response": r"\boxed{1} or 2"} for i in "ab"])
    verdicts = verdicts_table(home / "v.parquet", {"a": "correct", "b": "wrong"})
    judged = [{"problem_id": "b", "draw": 0, "judgement": "equal", "reply": "True"}]
    tables.write(home / "j.parquet", tables.build(judged, tables.JUDGEMENTS), tables.JUDGEMENTS)
    files = {"responses": [responses], "verdicts": [verdicts], "judgements": [home / "j.parquet"]}
    given = canonical_json({kind: [str(path) for path in paths] for kind, paths in files.items()})
    options = ("--problems", known, "--inputs", given, "--recipe", job.canonical())
    options += ("--output", home / "out/items.parquet")
    assert not ran(score.main, *options)
    return read(home / "out/items.parquet", tables.ITEMS), read_accuracy(home / "out")


def read_accuracy(folder: Path) -> float:
    return json.loads((folder / "manifest.json").read_text())["accuracy"]


def limits_of_votes(job: AgreementJob) -> Any:
    """The limits that find_agreement.py compares under."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(find_agreement, "grade_all", partial(grade_all, compare_pair=limits_of))
        seen: list[Any] = []
        patch.setattr(find_agreement, "agree", lambda _, __, grade: seen.extend(grade([(*PAIR, "stop")])) or [])
        with pytest.raises(ValueError, match="shorter"):  # no agreement comes of it
            find_agreement.find({"p": Counter()}, job, 1)
    return [(grade.verdict, grade.method) for grade in seen]


def limits_of_ballots(job: ScoreJob) -> Any:
    """The limits that score.py compares the answers of several samples under."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(score, "grade_all", partial(grade_all, compare_pair=limits_of))
        seen: list[Any] = []
        patch.setattr(score, "ballots", lambda _, grade: seen.extend(grade([(*PAIR, "stop")])) or [])
        sample = samples.Sample("p", 0, "stop", "wrong", False, False, (), "1", 5, False)
        score.read_ballots(["p"], {"p": [sample, sample]}, job, 1)
    return [(grade.verdict, grade.method) for grade in seen]


def votes(agreement: AgreementRecipe) -> Any:
    return agreed(AgreementJob(agreement=agreement, grading={}))


def agreed(job: AgreementJob) -> Any:
    """The table and what the manifest states, where of 10 votes 4 and 3 are alike."""
    home = scratch()
    known = problems_table(home / "p.parquet", [{"problem_id": "p", "answer": ""}])
    said = {"a": "7777889", "b": "889", "c": "456"}
    files = {}
    for teacher in job.agreement.teachers:
        rows = [{"problem_id": "p", "draw": i, "response": rf"\boxed{{{x}}}"} for i, x in enumerate(said[teacher])]
        files[teacher] = [str(responses_table(home / f"{teacher}.parquet", rows))]
    given = canonical_json({"responses": files})
    output = home / "out/agreement.parquet"
    options = ("--problems", known, "--inputs", given, "--recipe", job.canonical(), "--output", output)
    assert not ran(find_agreement.main, *options)
    facts = json.loads(output.with_name("manifest.json").read_text())
    return read(output, tables.AGREEMENT), {name: facts[name] for name in ("teachers", "at_least", "share")}


def judge_without_golds(recipe: JudgeRecipe) -> Any:
    """The prompt of the judge for a corpus without gold answers, and for one with them."""
    corpora = {"a": CorpusRecipe(path="x", columns={"answer": None}), "b": CorpusRecipe(path="x")}
    catalogue = Catalogue(Settings(studies=("toy",), judge=recipe), corpora=corpora)
    assert jobs.judge_prompt(catalogue, "b") == recipe.prompt
    return recipe.prompt_without_gold and jobs.judge_prompt(catalogue, "a")


GENERATION = {**SERVED, "decoding": {"max_new_tokens": 8}}

KEYS = {
    AgreementRecipe: Keys({"teachers": ("a", "b")}, {
        "teachers": key(("a", "c"), votes),
        "at_least": key(5, votes),
        "share": key(0.3, votes),
    }),
    AgreementJob: Keys({"agreement": {"teachers": ("a", "b")}, "grading": {}}, {
        "agreement": key({"teachers": ("a",)}, agreed),
        "grading": key({"timeout_seconds": 7, "memory_mb": 2048}, limits_of_votes),
    }),
    VerifyJob: Keys({}, {
        "timeout_seconds": key(7, limits),
        "deadline_seconds": key(2, deadline),
        "memory_mb": key(2048, limits),
        "tolerance": key(0.5, tolerated),
    }),
    GradingRecipe: Keys({}, {
        "timeout_seconds": key(7, limits, golds),
        "deadline_seconds": key(2, deadline, golds),
        "memory_mb": key(2048, limits, golds),
    }),
    JudgeRecipe: Keys(JUDGE, {
        "teacher": key("toy-small", judge_content, judge_command),
        "prompt": key("other", judge_command),
        "prompt_without_gold": key("correct", judge_without_golds),
        "max_tokens": key(9, judge_content, judge_command),
        "max_unclear": key(0.5, judge_execution, judge_command, same=judge_content),
    }),
    JudgeJob: Keys({"generation": GENERATION}, {
        "max_unclear": key(1.0, unclear, same=clear),
        "generation": key({**SERVED, "decoding": {"max_new_tokens": 9}}, questions),
    }),
    ScoreJob: Keys({"policy": "rule"}, {
        "policy": key("rule+judge", scored),
        "paper_task": key("gsm8k", scored, policy="paper_scoring"),
        "grading": key({"timeout_seconds": 7, "memory_mb": 2048}, limits_of_ballots),
    }),
}  # fmt: skip
