"""Corpora without gold answers in the configuration: what may use them, and what is refused in one line."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers import REPOSITORY

from distill.config import jobs
from distill.config.catalogue import Catalogue
from distill.config.lineage import Agreement, Golds, Judgements, Responses, Verdicts
from distill.config.load import load
from distill.config.origins import unusable_files
from distill.config.plan import Plan
from distill.runtime.errors import InputError

CORPUS = {"path": "resources/toy/train.jsonl", "columns": {"problem_id": "id", "answer": None}, "stop": 40}
AGREED = {**CORPUS, "agreement": {"teachers": ["toy-short", "toy-small"]}}
DATASET = {"corpus": "open", "teachers": ["toy-long", "toy-short"], "alpha": 0.5}
UNTIL = {"temperature": 0.7, "max_new_tokens": 9, "draws": 2, "until_correct": True}
JUDGE = {"teacher": "toy-small"}
FOLLOWED = {"policy": "rule+judge", "judge": JUDGE}
Loaded = Callable[..., Catalogue]


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loaded:
    """Return a function that loads the shipped configuration with more entries: kind=entries, and settings."""
    root = tmp_path / "config"
    shutil.copytree(REPOSITORY / "config", root)
    monkeypatch.chdir(REPOSITORY)

    def read(settings: dict[str, Any] | None = None, **kinds: dict[str, Any]) -> Catalogue:
        for kind, entries in kinds.items():
            path = root / f"catalogue/{kind}.yaml"
            content = yaml.safe_load(path.read_text())
            for name, keys in entries.items():
                content.setdefault(name, {}).update(keys)
            path.write_text(yaml.safe_dump(content))
        study = yaml.safe_load((root / "studies/toy.yaml").read_text())
        known = {dataset for block in study["arms"] for dataset in block["datasets"]}
        datasets = [name for name in kinds.get("datasets", {}) if name not in known]
        if datasets:
            study["arms"].append({**study["arms"][0], "datasets": datasets})
        study["benchmarks"] += [n for n, c in kinds.get("corpora", {}).items() if c.get("benchmark")]
        (root / "studies/toy.yaml").write_text(yaml.safe_dump(study))
        return load(root, {"studies": ["toy"], **(settings or {})})

    return read


def refused(loaded: Loaded, *settings: dict[str, Any], **kinds: dict[str, Any]) -> str:
    with pytest.raises(InputError) as error:
        loaded(*settings, **kinds)
    (line,) = str(error.value).splitlines()
    return line


def agreed(**terms: Any) -> dict[str, Any]:
    return {"corpora": {"open": {**CORPUS, "agreement": {"teachers": ["toy-short", "toy-small"], **terms}}}}


# Agreement


def test_what_golds_are_agreed_on_may_be_paired_and_measured(loaded: Loaded) -> None:
    bench = {**AGREED, "path": "resources/toy/test.jsonl", "benchmark": True}
    rated = {**DATASET, "curation": {"pass_rate": {"teacher": "toy-long", "at_least": 0.5}}}
    plan = Plan(loaded(corpora={"open": AGREED, "bench": bench}, datasets={"paired": rated}))
    assert sorted(place.corpus for place in plan.agreements()) == ["bench", "open"]
    assert plan.agreement("toy-train") == []
    assert {place.corpus for place in plan.golds()} >= {"bench", "open"}
    assert {name: len(places) for name, places in plan.voters(Agreement("open")).items()} == {
        "toy-short": 2, "toy-small": 2,
    }  # fmt: skip
    # Who votes is asked, and graded only where it is trained on.
    asked, graded = plan.teacher_answers(Responses), plan.teacher_answers(Verdicts)
    votes = Responses("open", "teachers/toy-small", "toy-sampled", 1, "00-of-01")
    assert votes in asked
    assert votes in plan.all_answers(Responses)
    assert Responses("bench", "teachers/toy-short", "toy-sampled", 0, "00-of-01") in asked
    assert {p.model_path for p in graded if p.corpus == "open"} == {"teachers/toy-long", "teachers/toy-short"}
    assert plan.dataset_files("paired")["agreement"] == "results/verdicts/open/agreement/manifest.json"
    assert "agreement" not in plan.dataset_files("toy-long-arm")


def test_who_votes_must_be_there_too(loaded: Loaded) -> None:
    lost = {"toy-lost": {"model": {"path": "nowhere"}, "decoding": "toy-sampled"}}
    corpus = {**CORPUS, "agreement": {"teachers": ["toy-lost", "toy-small"]}}
    plan = Plan(loaded(corpora={"open": corpus}, datasets={"paired": DATASET}, teachers=lost))
    assert [line.split(": ", 1)[1] for line in unusable_files(plan)] == ["toy-lost: nowhere is not there"]


def test_the_order_of_teachers_and_the_agreement_change_no_problem(loaded: Loaded) -> None:
    one = loaded(corpora={"open": AGREED})
    other = loaded(**agreed(teachers=["toy-small", "toy-short"]))
    stricter = loaded(**agreed(at_least=3))
    assert jobs.agreement_job(one, "open").canonical() == jobs.agreement_job(other, "open").canonical()
    assert jobs.agreement_job(one, "open").canonical() != jobs.agreement_job(stricter, "open").canonical()
    texts = {jobs.problems_job(each, "open").canonical() for each in (one, other, stricter)}
    assert len(texts) == 1
    with pytest.raises(ValueError, match="toy-train names no `agreement`"):
        jobs.agreement_job(one, "toy-train")


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        (agreed(teachers=["toy-shrot", "toy-small"]),
         "corpora.yaml: open.agreement.teachers: 'toy-shrot' is no known teacher; did you mean 'toy-short'?"),
        (agreed(teachers=["toy-small", "toy-small"]), "open.agreement.teachers: 'toy-small' stands twice"),
        (agreed(at_least=5), "corpora.yaml: open.agreement.at_least: 5 is out of reach: its teachers have 4 draws in"),
        (agreed(at_leats=2), "open.agreement.at_leats: 'at_leats' is no known key; did you mean 'at_least'?"),
        ({"corpora": {"open": {**AGREED, "columns": {"answer": "answer"}}}},
         "corpora.yaml: open: `agreement` is for a corpus without gold answers, which says `columns: {answer: null}`"),
        ({**agreed(), "decodings": {"again": UNTIL}, "teachers": {"toy-small": {"decoding": "again"}}},
         "corpora.yaml: open.agreement.teachers: 'toy-small' draws `until_correct`: its later draws wait for verdicts"),
        ({"corpora": {"bench": {**CORPUS, "benchmark": True}}}, "a `benchmark` needs `agreement`"),
        ({"corpora": {"agreement": CORPUS}}, "'agreement' is reserved"),
    ],
)  # fmt: skip
def test_an_agreement_that_cannot_be_is_one_line(loaded: Loaded, kinds: dict[str, Any], message: str) -> None:
    assert message in refused(loaded, **kinds)


def test_others_may_draw_until_correct_by_an_agreement(loaded: Loaded) -> None:
    kinds = {"decodings": {"again": UNTIL}, "teachers": {"toy-long": {"decoding": "again"}}}
    plan = Plan(loaded(corpora={"open": AGREED}, datasets={"paired": DATASET}, **kinds))
    assert [p.draw for p in plan.earlier(Responses("open", "teachers/toy-long", "again", 1, "00-of-01"))] == [0]


# A judge without golds


def test_without_golds_a_dataset_is_unfiltered_or_judged(loaded: Loaded) -> None:
    unfiltered = {**DATASET, "pairing": "unfiltered"}
    assert Plan(loaded(corpora={"open": CORPUS}, datasets={"all": unfiltered})).teacher_answers(Judgements) == []
    line = refused(loaded, datasets={"paired": DATASET})
    assert "datasets.yaml: paired.pairing: 'open' has no gold answers; only `pairing: unfiltered` can use it" in line
    followed = {"policy": "rule+judge", "judge": {**JUDGE, "prompt_without_gold": "correct"}}
    assert "paired.pairing: 'open' has no gold answers" in refused(loaded, {**followed, "policy": "rule"})
    catalogue = loaded(followed)
    judged = [p.corpus for p in Plan(catalogue).teacher_answers(Judgements)]
    assert judged.count("open") == 4
    assert jobs.judge_prompt(catalogue, "open") == "correct"
    assert jobs.judge_prompt(catalogue, "toy-train") == "equal"
    assert Golds("open") in Plan(catalogue).golds()


def test_a_judge_follows_an_agreement_where_there_is_one(loaded: Loaded) -> None:
    catalogue = loaded(FOLLOWED, corpora={"open": AGREED}, datasets={"paired": DATASET})
    assert jobs.judge_prompt(catalogue, "open") == "equal"


@pytest.mark.parametrize("pairing", ["both_correct", "unfiltered"])
def test_a_prompt_that_needs_a_gold_is_refused_where_there_is_none(loaded: Loaded, pairing: str) -> None:
    kinds = {"corpora": {"open": CORPUS}, "datasets": {"some": {**DATASET, "pairing": pairing}}}
    line = refused(loaded, FOLLOWED, **kinds)
    assert "config.yaml: judge.prompt_without_gold: 'open' has no gold answers, which `judge.prompt` needs" in line
    wrong = {"policy": "rule+judge", "judge": {**JUDGE, "prompt_without_gold": "equal"}}
    line = refused(loaded, wrong, **kinds)
    assert "config.yaml: judge.prompt_without_gold: 'equal' shows a `gold`, and 'open' has no gold answers" in line
    unknown = {"policy": "rule+judge", "judge": {**JUDGE, "prompt_without_gold": "corect"}}
    line = refused(loaded, unknown, **kinds)
    assert "config.yaml: judge.prompt_without_gold: 'corect' is no known prompt; did you mean 'correct'?" in line


def test_without_a_judge_nothing_passes_and_with_one_only_the_rule_draws_no_more(loaded: Loaded) -> None:
    rated = {**DATASET, "pairing": "unfiltered", "curation": {"pass_rate": {"teacher": "toy-long"}}}
    kinds = {"corpora": {"open": CORPUS}, "datasets": {"rated": rated}}
    assert "rated.curation.pass_rate: 'open' has no gold answers to pass by" in refused(loaded, **kinds)
    followed = {"policy": "rule+judge", "judge": {**JUDGE, "prompt_without_gold": "correct"}}
    loaded(followed)
    again = {"decodings": {"again": UNTIL}, "teachers": {"toy-long": {"decoding": "again"}}}
    with pytest.raises(InputError, match="'toy-long' draws `until_correct`, and 'open' has no gold answers"):
        loaded(followed, **again)
