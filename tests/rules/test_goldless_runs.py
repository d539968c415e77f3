"""A corpus without gold answers through the whole line: by an agreement of teachers, unfiltered, and by a judge."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import check
import pytest
import yaml
from analyses.hand_made import rows_of
from chat_server import MODEL, Fault, body, running
from helpers import TOY
from study import CATALOGUE, Study
from test_project import follow

from distill import tables
from distill.audit.findings import Audit
from distill.config.load import load
from distill.config.plan import Plan

GIVEN = {json.loads(line)["id"]: json.loads(line)["answer"]
         for name in ("train", "test") for line in (TOY / f"{name}.jsonl").read_text().splitlines()}  # fmt: skip
COLUMNS = {"problem_id": "id", "level": "level", "answer": None}
TRAIN = {"path": "resources/toy/train.jsonl", "columns": COLUMNS, "stop": 60}
AGREEMENT = {"teachers": ["toy-small", "toy-short"]}
CORPORA = {
    "open-train": TRAIN,
    "agreed-train": {**TRAIN, "agreement": AGREEMENT},
    "agreed-test": {**TRAIN, "path": "resources/toy/test.jsonl", "stop": 40, "agreement": AGREEMENT, "benchmark": True},
    "toy-test": {"stop": 40},
}
DATASETS = {
    "agreed": {"corpus": "agreed-train", "teachers": ["toy-long", "toy-short"], "alpha": 0.5},
    "all": {"corpus": "open-train", "teachers": ["toy-long", "toy-short"], "alpha": 0.5, "pairing": "unfiltered"},
}
STUDY = {
    "title": "Without golds",
    "arms": [{"students": ["toy-xs"], "datasets": ["agreed", "all"], "training": "few"}],
    "benchmarks": ["toy-test", "agreed-test"],
    "decoding": "toy-greedy",
    # The agreement leaves fewer problems, and both take three updates.
    "gaps": {"agreed_gap": {"plus": "agreed", "minus": ["all"], "differs": ["epochs", "rows", "problems"]}},
}
ARMS = ("few/agreed/seed-1", "few/all/seed-1", "base")


@pytest.fixture(scope="module")
def goldless(tmp_path_factory: pytest.TempPathFactory) -> Study:
    study = Study.whole(tmp_path_factory.mktemp("goldless") / "study")
    study.edit(CATALOGUE + "corpora.yaml", **CORPORA)
    study.edit(CATALOGUE + "datasets.yaml", **DATASETS)
    few = {"lr": 1e-3, "max_updates": 3, "global_batch": 8, "micro_batch": 8, "cutoff": 320}
    study.edit(CATALOGUE + "trainings.yaml", few=few)
    (study.folder / "config/studies/toy.yaml").write_text(yaml.safe_dump(STUDY))
    study.run()
    return study


@pytest.fixture
def study(goldless: Study, tmp_path: Path) -> Study:
    return goldless.copy(tmp_path / "study")


def facts(study: Study, place: str) -> dict[str, Any]:
    return json.loads((study.folder / "results" / place / "manifest.json").read_text())


def lines(study: Study, analysis: str) -> list[str]:
    return json.loads((study.folder / f"results/analyses/{analysis}/section.json").read_text())["text"]


def of_teachers(study: Study, kind: str, corpus: str) -> list[Path]:
    return sorted((study.folder / f"results/{kind}/{corpus}/teachers").rglob(f"{kind}.parquet"))


# Agreement


def test_the_agreement_is_nearly_always_the_answer_that_was_kept_from_it(goldless: Study) -> None:
    for corpus, count in (("agreed-train", 60), ("agreed-test", 40)):
        path = goldless.folder / f"results/verdicts/{corpus}/agreement/agreement.parquet"
        rows = tables.read(path, tables.AGREEMENT).to_pylist()
        assert len(rows) == count
        golds = {row["problem_id"]: row["answer"] for row in rows if row["answer"]}
        right = sum(GIVEN[problem_id] == gold for problem_id, gold in golds.items())
        assert count * 0.6 < len(golds) < count
        assert right >= 0.95 * len(golds)
        assert all(row["votes"] >= 2 and row["votes"] > row["voters"] / 2 for row in rows if row["answer"])
        stated = facts(goldless, f"verdicts/{corpus}/agreement")
        assert stated["agreed"] == len(golds)
        assert stated["ledger_by_teacher"]["toy-short"]["rows_in"] == 2 * count  # both draws


def test_teachers_and_students_are_graded_against_it_and_every_manifest_says_so(goldless: Study) -> None:
    for corpus in ("agreed-train", "agreed-test"):
        terms = facts(goldless, f"verdicts/{corpus}/agreement")
        stated = {"origin": "agreement", "teachers": ["toy-short", "toy-small"], "at_least": 2, "share": 0.5,
                  "problems": terms["problems"], "agreed": terms["agreed"]}  # fmt: skip
        path = goldless.folder / f"results/verdicts/{corpus}/agreement/agreement.parquet"
        golds = {row["problem_id"]: row["answer"] for row in tables.read(path, tables.AGREEMENT).to_pylist()}
        made = sorted((goldless.folder / f"results/verdicts/{corpus}").rglob("verdicts.parquet"))
        assert len(made) == (4 if corpus == "agreed-train" else 3)  # two teachers, two draws; three arms
        for verdicts in made:
            assert json.loads(verdicts.with_name("manifest.json").read_text())["golds"] == stated
            for row in tables.read(verdicts, tables.VERDICTS).to_pylist():
                gold, answer, word = golds[row["problem_id"]], row["extracted"], row["verdict"]
                assert (word == "unverifiable") == (gold is None and answer is not None)
                assert (word == "correct") == (gold is not None and answer == gold)  # the toy's answers are digits
        assert facts(goldless, f"verdicts/{corpus}/golds")["golds"] == stated
    assert facts(goldless, "datasets/agreed")["golds"] == facts(goldless, "verdicts/agreed-train/golds")["golds"]
    for arm in ARMS:
        place = f"scores/agreed-test/students/toy-xs/{arm}/toy-greedy"
        assert facts(goldless, place)["golds"] == facts(goldless, "verdicts/agreed-test/golds")["golds"]
        assert "golds" not in facts(goldless, place.replace("agreed-test", "toy-test"))


def test_a_pair_is_trained_on_where_both_say_what_was_agreed(goldless: Study) -> None:
    path = goldless.folder / "results/datasets/agreed/train.parquet"
    rows = tables.read(path, tables.TRAIN).to_pylist()
    table = goldless.folder / "results/verdicts/agreed-train/agreement/agreement.parquet"
    golds = {row["problem_id"]: row["answer"] for row in tables.read(table, tables.AGREEMENT).to_pylist()}
    assert len(rows) > 10
    assert {row["teacher"] for row in rows} == {"toy-long", "toy-short"}
    assert all(row["messages"][1]["content"].endswith(rf"\boxed{{{golds[row['problem_id']]}}}") for row in rows)
    for arm in ARMS[:2]:
        assert facts(goldless, f"models/toy-xs/{arm}")["updates"] == 3


def test_the_page_and_the_scores_say_what_golds_they_follow(goldless: Study) -> None:
    agreed = {c: facts(goldless, f"verdicts/{c}/agreement")["agreed"] for c in ("agreed-train", "agreed-test")}
    words = {"agreed-train": f"agreement of toy-short, toy-small on {agreed['agreed-train']} of 60 problems",
             "agreed-test": f"agreement of toy-short, toy-small on {agreed['agreed-test']} of 40 problems"}  # fmt: skip
    rows = rows_of(goldless.folder / "results/report/scores.csv")
    assert {(row["benchmark"], row["golds"]) for row in rows} == {
        ("toy-test", "given"), ("agreed-test", words["agreed-test"]),
    }  # fmt: skip
    page = (goldless.folder / "results/report/index.html").read_text()
    for analysis in ("students", "levels", "graders"):
        said = [line for line in lines(goldless, analysis) if line.startswith("Corpus")]
        assert len(said) == 1
        assert said[0].startswith(
            f"Corpus agreed-test: the gold answers are no given ones but the {words['agreed-test']}"
        )
        assert said[0][:60] in page
    funnel = [line for line in lines(goldless, "funnel") if line.startswith("Dataset")]
    assert [line[: line.index(":")] for line in funnel] == ["Dataset agreed", "Dataset all"]
    assert words["agreed-train"] in funnel[0]
    assert "no gold answers; no response counts as correct or wrong" in funnel[1]
    assert len([line for line in lines(goldless, "golds") if line.startswith("Corpus")]) == 3
    assert len([line for line in lines(goldless, "verdicts") if line.startswith("Corpus")]) == 2


def test_unfiltered_takes_all_that_is_there_and_calls_nothing_correct(goldless: Study) -> None:
    made = facts(goldless, "datasets/all")
    assert (made["rows"], made["golds"]) == (60, {"origin": "none"})
    assert {steps["correct"] for steps in made["funnel"].values()} == {0}
    for verdicts in of_teachers(goldless, "verdicts", "open-train"):
        assert json.loads(verdicts.with_name("manifest.json").read_text())["golds"] == {"origin": "none"}


# What a change re-makes


def below_the_agreement() -> set[str]:
    """What follows from another agreement on agreed-train: no response of a teacher."""
    decoding, arm = "toy-sampled", "few/agreed/seed-1"
    places = [f"agreed-train/teachers/{t}/{decoding}/draw-{d}/00-of-01" for t in ("toy-long", "toy-short")
              for d in (0, 1)]  # fmt: skip
    graded = {f"verify/{place}" for place in places} | {"find_agreement/agreed-train", "check_golds/agreed-train"}
    trained = {"mix/agreed", "render/toy-xs/few/agreed", "compare_plans/toy-xs", f"train/toy-xs/{arm}", "contrast",
               "render_page", "render_browser"}  # fmt: skip
    answers = {f"{rule}/{benchmark}/students/toy-xs/{arm}/toy-greedy{rest}" for benchmark in ("toy-test", "agreed-test")
               for rule, rest in (("generate", "/draw-0/00-of-01"), ("verify", "/draw-0/00-of-01"), ("score", ""),
                                  ("count_repeats", ""))}  # fmt: skip
    analyses = ("answers", "students", "references", "changes", "budgets", "shares", "suitability", "lengths", "levels",
                "graders", "cost", "curves", "graph", "parity", "funnel", "ledger", "verdicts", "agreement", "draws",
                "golds", "likelihoods", "token_curve", "teacher_list")  # fmt: skip
    return graded | trained | answers | {f"analyse/{name}" for name in analyses}


CHANGES: list[Callable[[dict[str, Any]], Any]] = [
    lambda agreement: agreement.update(at_least=3),
    lambda agreement: agreement.update(share=0.75),
]


@pytest.mark.parametrize("change", CHANGES, ids=["at_least", "share"])
def test_other_terms_make_the_agreement_again_and_ask_no_teacher(study: Study, change: Callable[[dict], Any]) -> None:
    assert study.planned() == set()
    agreement = dict(AGREEMENT)
    change(agreement)
    study.edit(CATALOGUE + "corpora.yaml", **{"agreed-train": {"agreement": agreement}})
    planned, expected = study.planned(), below_the_agreement()
    assert planned == expected, {"missing": sorted(expected - planned), "surplus": sorted(planned - expected)}
    study.edit(CATALOGUE + "corpora.yaml", **{"agreed-train": {"agreement": {"teachers": AGREEMENT["teachers"][::-1]}}})
    assert study.planned() == set()


def test_one_more_teacher_that_votes_is_all_that_is_asked(study: Study) -> None:
    more = {"teachers": [*AGREEMENT["teachers"], "toy-long"]}  # it has answered already
    study.edit(CATALOGUE + "corpora.yaml", **{"agreed-train": {"agreement": more}})
    assert study.planned() == below_the_agreement()
    more = {"teachers": [*AGREEMENT["teachers"], "toy-large"]}
    study.edit(CATALOGUE + "corpora.yaml", **{"agreed-train": {"agreement": more}})
    asked = {job for job in study.planned() if job.startswith("generate") and "/teachers/" in job}
    assert asked == {f"generate/agreed-train/teachers/toy-large/toy-sampled/draw-{d}/00-of-01" for d in (0, 1)}


def findings() -> list[tuple[str, str]]:
    settings = yaml.safe_load(Path("config/config.yaml").read_text())
    audit = Audit(Plan(load(Path("config"), settings)), Path("scripts").resolve())
    assert audit.orphans() == []
    return [(finding.folder, finding.detail) for finding in audit.findings(2)]


def test_check_knows_the_agreement(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check.Audit is Audit
    monkeypatch.chdir(study.folder)
    assert findings() == []
    study.edit(CATALOGUE + "corpora.yaml", **{"agreed-train": {"agreement": {**AGREEMENT, "at_least": 3}}})
    ((folder, detail),) = findings()
    assert folder == "results/verdicts/agreed-train/agreement"
    assert "at_least" in detail
    study.edit(CATALOGUE + "corpora.yaml", **{"agreed-train": {"agreement": AGREEMENT},
                                              "open-train": {"agreement": AGREEMENT}})  # fmt: skip
    late = {folder for folder, detail in findings() if "results/verdicts/open-train/agreement" in folder + detail}
    assert {"results/datasets/all", "results/verdicts/open-train/golds", "results/verdicts/open-train/agreement",
            "results/verdicts/open-train/teachers/toy-long/toy-sampled/draw-0/00-of-01"} <= late  # fmt: skip


# A judge without golds


class Arbiter(dict[str, list[Fault]]):
    """The plan of a server that works each dial problem out, and says whether the given answer is right."""

    def __getitem__(self, text: str) -> list[Fault]:
        problem, answer = re.search(r"Problem: (.*)\n\nGiven answer: (.*)", text).groups()
        choice = {"message": {"role": "assistant", "content": str(str(follow(problem)) == answer)}}
        return [body(json.dumps({"choices": [{**choice, "index": 0, "finish_reason": "stop"}]}))]


def test_a_judge_makes_a_dataset_without_golds(study: Study) -> None:
    judged = {**DATASETS["all"], "pairing": "both_correct"}
    study.edit(CATALOGUE + "datasets.yaml", judged=judged)
    # Only what has no gold answers at all is left to the judge here.
    content = {**STUDY, "benchmarks": ["toy-test"], "gaps": {}}
    content["arms"] = [{"students": ["toy-xs"], "datasets": ["judged"], "training": "few"}]
    (study.folder / "config/studies/toy.yaml").write_text(yaml.safe_dump(content))
    with running() as server:
        server.plan = Arbiter()
        served = {"model": {"served": MODEL}, "engine": "openai", "server": {"url": server.url}}
        study.edit(CATALOGUE + "teachers.yaml", arbiter={**served, "prompt": "plain", "decoding": "toy-greedy"})
        settings = "judge: {teacher: arbiter, prompt: without, prompt_without_gold: correct}\npolicy: rule+judge\n"
        study.replace("config/config.yaml", "studies:", f"{settings}studies:")
        # The judge of the benchmark's rejected answers is shown the gold, in the same form.
        text = "{{ gold }}\nProblem: {{ problem }}\n\nGiven answer: {{ answer }}"
        (study.folder / "config/prompts/judges/without.jinja").write_text(text)
        study.run()
        asked = [text for text in server.asked if text.startswith("You check the final answer")]
    responses = [row for path in of_teachers(study, "responses", "open-train")
                 for row in tables.read(path, tables.RESPONSES).to_pylist()]  # fmt: skip
    usable = {(row["problem_id"], boxed[-1]) for row in responses if row["finish_reason"] == "stop"
              if (boxed := re.findall(r"\\boxed\{(.*?)\}", row["response"]))}  # fmt: skip
    assert len(asked) == len(usable)  # each answer of each problem once
    assert not any("Reference" in text for text in asked)
    made = facts(study, "datasets/judged")
    assert made["golds"] == {"origin": "judge"}
    assert made["ledger"]["lost"]["not_paired"] > 0
    rows = tables.read(study.folder / "results/datasets/judged/train.parquet", tables.TRAIN).to_pylist()
    assert len(rows) > 10
    for row in rows:
        question, answer = (message["content"] for message in row["messages"])
        assert answer.endswith(rf"\boxed{{{follow(question)}}}")
    assert facts(study, "models/toy-xs/few/judged/seed-1")["updates"] == 3
    assert "Dataset judged: no gold answers; what is correct is what the judge says." in lines(study, "funnel")
    assert (
        "Dataset judged: no gold answers; what is correct" in (study.folder / "results/report/index.html").read_text()
    )


def test_a_judge_that_needs_a_gold_ends_before_the_graph(study: Study) -> None:
    study.replace("config/config.yaml", "studies:", "judge: {teacher: toy-small}\npolicy: rule+judge\nstudies:")
    done = study.snakemake("--dry-run")
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "config/config.yaml: judge.prompt_without_gold: 'open-train' has no gold answers, which" in said
    assert "Traceback" not in said
