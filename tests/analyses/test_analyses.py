"""Every analysis on a hand-made tree of results, its rows checked by hand."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from analyses import hand_made
from helpers import manifest

from distill import analyses, tables
from distill.config import lineage
from distill.runtime.errors import InputError

Study = tuple[Path, hand_made.Files]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Return a tree of results with the tables of its contrasts, which no test may change."""
    root = tmp_path_factory.mktemp("study")
    files = hand_made.results(root)
    contrasts = hand_made.tabulated(root, files, likelihoods=["solution", "answer"])
    published = hand_made.published(root / "published.csv", "s,easy,b,30,A paper")
    return root, {**files, **hand_made.csvs(contrasts), "references": [published]}


def section(study: Study, name: str) -> dict[str, Any]:
    root, files = study
    return hand_made.section(root, name, {kind: files[kind] for kind in analyses.load(name).NEEDS})


@pytest.mark.parametrize("name", analyses.names())
def test_every_analysis_runs_and_writes_its_table(study: Study, name: str) -> None:
    content = section(study, name)
    folder = study[0] / lineage.Analysis(name).folder
    assert content["order"] == analyses.load(name).ORDER
    assert content["rows"] or content["picture"], "the tree has something to show in every section"
    assert all(sorted(row) == sorted(content["columns"]) for row in content["rows"])
    assert (folder / "table.csv").read_text().splitlines()[0] == ",".join(content["columns"])
    assert len(hand_made.rows_of(folder / "table.csv")) == len(content["rows"])
    facts = manifest(folder / "table.csv")
    assert (facts["rows"], facts["identity"]) == (len(content["rows"]), {"kind": "analysis", "analysis": name})
    picture = content["picture"]
    assert picture is None or ("<svg" in picture["svg"] and picture["caption"].endswith(".") and picture["alt"])


@pytest.mark.parametrize(("name", "kind"), [(n, k) for n in analyses.names() for k in analyses.load(n).NEEDS])
def test_a_kind_of_files_that_is_missing_is_named(study: Study, tmp_path: Path, name: str, kind: str) -> None:
    files = {k: study[1][k] for k in analyses.load(name).NEEDS if k != kind}
    with pytest.raises(InputError, match=rf"--inputs: the analysis {name} needs files of {kind}$"):
        hand_made.section(tmp_path, name, files)


def test_the_order_of_the_page() -> None:
    orders = [analyses.load(name).ORDER for name in analyses.names()]
    assert analyses.names()[:5] == ["answers", "cost", "students", "teacher_list", "likelihoods"]
    assert len(set(orders)) == len(orders)


def test_funnel(study: Study) -> None:
    rows = section(study, "funnel")["rows"]
    trained = [arm.path for arm in sorted(hand_made.ARMS) if arm.is_trained]
    assert [row["arm"] for row in rows] == trained
    steps = {"in dataset": 3, "within cutoff": 2, "trained on": 1}
    assert rows[0] == {"arm": "s/t/easy/seed-1", "teacher": "teacher", **hand_made.FUNNEL, **steps}


def test_funnel_where_a_training_does_not_say_what_it_saw(tmp_path: Path) -> None:
    files = hand_made.results(tmp_path)
    hand_made.change(files["models"][0], trained_on=None)  # hard, seed 1
    hand_made.change(files["models"][1], trained_on={})
    rows = section((tmp_path, files), "funnel")["rows"]
    seen = {row["arm"]: row["trained on"] for row in rows}
    assert (seen["s/t/hard/seed-1"], seen["s/t/hard/seed-2"], seen["s/t/easy/seed-1"]) == (None, 0, 1)


def test_mix_shares_are_in_the_order_of_the_share(study: Study) -> None:
    rows = section(study, "shares")["rows"]
    assert [(row["share"], row["accuracy"], row["seeds"]) for row in rows] == [
        (0.0, "25.0", 2), (0.25, "50.0", 2), (1.0, "75.0", 2)]  # fmt: skip
    assert {(row["study"], row["student"], row["training"], row["mix"]) for row in rows} == {
        ("study", "s", "t", "long in short")}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [{"rows": 2}, {"corpus": "other"}, {"teachers": ["short", "long"]}, {"teachers": ["long"], "shares": [1.0]}],
)
def test_a_dataset_that_differs_in_more_is_of_no_curve(tmp_path: Path, change: dict[str, Any]) -> None:
    """Without it two shares are left, which are no curve."""
    files = hand_made.results(tmp_path)
    path = files["datasets"][2].with_name("provenance.json")
    recipe = {"teachers": ["long", "short"], "shares": hand_made.SHARES["mixed"], **change}
    hand_made.change(path, recipe=recipe)
    content = section((tmp_path, {**files, **hand_made.csvs(hand_made.tabulated(tmp_path, files))}), "shares")
    assert content["rows"] == []
    assert "nothing to show in this study" in content["picture"]["svg"]


def test_columns_keep_their_order(study: Study) -> None:
    assert section(study, "curves")["columns"] == ["arm", "updates", "first loss", "final loss", "spikes"]


def test_verdicts(study: Study) -> None:
    assert section(study, "verdicts")["rows"] == [
        {"corpus": "c0", "teacher": "teacher", "responses": 16, "correct": 6, "wrong": 4, "no answer": 4, "other": 2}
    ]


def test_agreement(study: Study) -> None:
    assert section(study, "agreement")["rows"] == [
        {"corpus": "c0", "teacher": "teacher", "graders": "rule, matcher", "responses": 8, "agree": "75.0 %",
         "only the first": 2,
         "only the second": 0}
    ]  # fmt: skip


def test_draws(study: Study) -> None:
    assert section(study, "draws")["rows"] == [
        {"corpus": "c0", "who": "teachers/teacher", "draws": 2, "responses": 7, "spared by until_correct": 1,
         "the same as in an earlier draw": 2}
    ]  # fmt: skip


def test_signals(study: Study) -> None:
    rows = [(row["corpus"], row["what"], row["found"]) for row in section(study, "signals")["rows"]]
    assert rows == [
        ("c0", "repeats a problem of b", "1 word for word, 2 in their n-grams"),
        ("c0", "nearly the same as an earlier problem", "2 of 9 problems"),
        # (4**3 * 64)**(1/4): the mean is over tokens, not over shards
        ("c0", "responses of teacher", "perplexity 8 to s"),
        # Surprisals of 2 and 1 in two shards of three responses each: the means are over responses.
        (
            "c0",
            "responses of teacher",
            "perplexity 4.48, rank-surprisal ratio 2, local naturalness -1.5, "
            "overlap 25.0 % and 75.0 % of 6 responses to s",
        ),
    ]


def test_golds(study: Study) -> None:
    assert section(study, "golds")["rows"] == [
        {"corpus": "c0", "problems": 9, "unverifiable": 4, "for example": "p3: odd; p4: <b>; p5: even"}
    ]


def test_ledger(study: Study) -> None:
    rows = section(study, "ledger")["rows"]
    assert rows[0] == {"artefact": "verdicts/agreed/agreement", "in": 9, "out": 7, "lost": "tie 2"}
    assert rows[1] == {"artefact": "datasets/hard", "in": 5, "out": 3, "lost": "not_paired 2"}
    assert {"artefact": "rendered/s/t/easy", "in": 3, "out": 2, "lost": "too_long 1"} in rows
    assert rows[-1] == {"artefact": "models/s/t/mixed/seed-2", "in": 2, "out": 1, "lost": "not_reached 1"}
    assert len(rows) == 1 + 3 + 3 + 6  # the corpus lost nothing


def test_parity(study: Study) -> None:
    content = section(study, "parity")
    rows = content["rows"]
    shown = {"updates": 10, "epochs": 1.0, "rows": 8, "tokens": 80, "loss_tokens": 40, "final_loss": 0.5}
    shared = (
        "cutoff 64, truncated 0, untouched weights bbbbbbbb, prompt pppppppp, code c, lr 0.1, global_batch 4, "
        "packing False"
    )
    assert content["text"][1] == f"In all arms: {shared}, on_policy None."
    assert rows[0]["arm"] == "s/t/easy/seed-1"
    assert {name: rows[0][name] for name in shown} == shown
    assert len(rows) == 6
    assert "commonest addition" not in rows[0]  # no template added anything


def test_what_chat_templates_added_is_shown_where_one_did(tmp_path: Path) -> None:
    files = hand_made.results(tmp_path)
    by_name = {path.parent.name: path for path in files["rendered"]}
    hand_made.change(by_name["hard"], added_by_template={"min": 2, "max": 4, "total": 6, "texts": {"a": 1, "b": 1}})
    odd = {"<think>\n": 3, "x": 2, "y" * 100: 1}
    hand_made.change(by_name["mixed"], added_by_template={"min": 0, "max": 1, "total": 3, "texts": odd})
    content = hand_made.section(tmp_path, "parity", {kind: files[kind] for kind in ("models", "rendered")})
    names = ("added by template", "added tokens", "commonest addition")
    shown = {row["arm"]: tuple(row[name] for name in names) for row in content["rows"]}
    assert shown["s/t/hard/seed-1"] == shown["s/t/hard/seed-2"] == ("2 to 4", 6, '"a"')
    assert shown["s/t/easy/seed-1"] == ("0 to 0", 0, None)
    assert shown["s/t/mixed/seed-2"] == ("0 to 1", 3, '"<think>\\n"')
    assert "no teacher wrote them" in content["text"][2]
    hand_made.change(by_name["mixed"], added_by_template={"min": 0, "max": 1, "total": 3, "texts": {"y" * 100: 1}})
    content = hand_made.section(tmp_path, "parity", {kind: files[kind] for kind in ("models", "rendered")})
    assert content["rows"][-1]["commonest addition"] == '"' + "y" * 78 + "…"


def test_graders(study: Study) -> None:
    content = section(study, "graders")
    hard = {"arm": "s/t/hard/seed-1", "benchmark": "b", "rule": 0.75, "matcher": 0.125,
            "matcher against rule": -0.625}  # fmt: skip
    assert hard in content["rows"]
    ((table,),) = [block["tables"] for block in content["blocks"]]
    assert {**hard, "rule": "75.0", "matcher": "12.5", "matcher against rule": "-62.5"} in table["rows"]
    assert table["rows"][0]["matcher against rule"] == "+12.5"  # the student before training
    assert "Policy of the scores: rule." in content["text"][0]


def test_scores_of_two_policies_are_refused(tmp_path: Path) -> None:
    files = {"scores": [hand_made.score(tmp_path, "b", arm) for arm in hand_made.ARMS[:2]]}
    hand_made.change(files["scores"][1], policy="judge")
    with pytest.raises(InputError, match=r"different policies \(judge, rule\); make them again under one"):
        hand_made.section(tmp_path, "graders", files)


def test_cost(study: Study, tmp_path: Path) -> None:
    files = dict(study[1])
    other = tmp_path / "provenance.json"
    other.write_text(json.dumps({"program": "verify.py", "seconds": 7.0, "versions": {"python": "3.12", "torch": "2"}}))
    rows = {row["program"]: (row["jobs"], row["seconds"]) for row in section((study[0], files), "cost")["rows"]}
    # Seconds are rounded once, after adding: 2 x 1.4, 6 x 10.2, 7 x 0.25.
    assert (rows["verify"], rows["train"], rows["score"]) == ((2, 3), (6, 61), (7, 2))
    assert rows["generate"] == (2, 4)
    files["provenance"] = [*files["provenance"], other]
    content = section((tmp_path, files), "cost")
    (block,) = content["blocks"]
    assert block["text"] == ["Made with python 3.11 / 3.12, torch 2."]
    assert block["tables"][0]["rows"] == content["rows"]


def test_time_on_gpus_counts_for_each_of_them(tmp_path: Path) -> None:
    path = hand_made.put(tmp_path, lineage.TrainedModel("s", "t", "d", 1), "train", 5400.0)
    hand_made.change(path.with_name("provenance.json"), hardware={"gpus": ["H100", "H100"]})
    other = hand_made.put(tmp_path, lineage.TrainedModel("s", "t", "d", 2), "train", 90.0)
    files = {"provenance": [each.with_name("provenance.json") for each in (path, other)], "scores": [], "models": []}
    (text,) = hand_made.section(tmp_path, "cost", files)["text"]
    assert text.startswith(
        "Time that jobs with models took: trainings 3.0 hours of GPU and 1.5 minutes of processor. A model"
    )


def test_how_much_trainings_took_at_once(tmp_path: Path) -> None:
    def sentences(*layouts: dict[str, Any]) -> list[str]:
        files = []
        for seed, layout in enumerate(layouts):
            path = hand_made.put(tmp_path, lineage.TrainedModel("s", "t", "d", seed), "train", 5.0)
            hand_made.change(path.with_name("provenance.json"), **layout)
            files.append(path.with_name("provenance.json"))
        content = hand_made.section(tmp_path, "cost", {"provenance": files, "scores": [], "models": []})
        return content["blocks"][0]["text"][1:]

    whole, less = ({"execution": {"step_tokens": 512, "halved": 0}}, {"execution": {"step_tokens": 128, "halved": 2}})
    assert sentences(whole, less, whole, {"execution": {"processes": 2}}, {}) == [
        "Trainings took 128 or 512 tokens at once; for want of memory 1 of 3 had halved them."
    ]
    assert sentences(whole) == ["Trainings took 512 tokens at once."]
    assert sentences({}) == []
    own, of_before = ({"execution": {"rows_per_step": 4, "halved": 1}}, {"execution": {"rows_per_step": 16}})
    assert sentences(own, of_before) == [
        "On-policy trainings took 4 or 16 responses at once; for want of memory 1 of 2 had halved them."
    ]


def test_how_long_models_were_at_work(tmp_path: Path) -> None:
    """Of each program that loads a model, of each of its models, and of the whole study."""

    def put(place: lineage.Place, program: str, **facts: Any) -> Path:
        path = hand_made.put(tmp_path, place, program, 50.0)
        hand_made.change(path.with_name("provenance.json"), **facts)
        return path.with_name("provenance.json")

    def answered(model: str, draw: int, **facts: Any) -> Path:
        return put(lineage.Responses("b", model, "d", draw, "00-of-01"), "generate", **facts)

    files = [
        answered("teachers/x", 0, busy_seconds=30.0, alive_seconds=60.0),
        answered("teachers/x", 1, busy_seconds=0.0, alive_seconds=5.0),  # the first has answered for it
        answered("students/s/base", 0, busy_seconds=90.0, alive_seconds=100.0),
        answered("teachers/y", 0, busy_seconds=9.0, alive_seconds=99.0, recipe={"engine": "openai"}),
        put(lineage.BaseModel("s"), "train", alive_seconds=99.0),  # in several processes
        put(lineage.Contrasts(), "verify", busy_seconds=7.0, alive_seconds=9.0),
    ]
    content = hand_made.section(tmp_path, "cost", {"provenance": files, "scores": [], "models": []})
    assert content["blocks"][0]["text"][1].startswith("Models were at work for 72.7 % of the 165 s")
    assert content["text"] == [
        "Time that jobs with models took: teachers' responses 2.5 minutes of processor, trainings 50 seconds of "
        "processor and students' answers 50 seconds of processor. A model behind a server counts as long as its "
        "answers were waited for."
    ]
    assert content["columns"] == ["program", "model", "jobs", "seconds", "busy seconds", "busy share"]
    assert [tuple(row[name] for name in content["columns"]) for row in content["rows"]] == [
        ("generate", "all", 4, 200, 120, "72.7 %"),
        ("generate", "s", 1, 50, 90, "90.0 %"),
        ("generate", "teachers/x", 2, 100, 30, "46.2 %"),
        ("generate", "teachers/y", 1, 50, None, None),
        ("train", "all", 1, 50, None, None),
        ("verify", "", 1, 50, None, None),
    ]


LEVEL = {"n_problems": 1, "accuracy": 0.5, "ci_low": 0.025, "ci_high": 0.975}


def level_tables(root: Path, **changes: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the section on levels, and the tables of the first student, where one score has other levels."""
    files = hand_made.results(root)
    hand_made.change(files["scores"][0], **changes)
    files |= hand_made.csvs(hand_made.tabulated(root, files))
    blocks = section((root, files), "students")["blocks"][0]["blocks"]
    return section((root, files), "levels"), [
        t for b in blocks if b["title"].startswith("By level") for t in b["tables"]
    ]


def test_levels_and_subjects_stand_with_the_student(tmp_path: Path) -> None:
    subject = {"algebra": {**LEVEL, "n_problems": 3}}
    content, (levels, subjects) = level_tables(tmp_path, by_subject=subject)
    assert (levels["title"], subjects["title"]) == ("b by level", "b by subject")
    assert levels["columns"] == ["trained on", "seed", "level 1"]
    assert [(row["trained on"], row["seed"], row["level 1"]) for row in levels["rows"]][:4] == [
        ("untouched student", 0, "0.0 (0.0 to 100.0)"), ("hard", 1, "75.0 (0.0 to 100.0)"),
        ("hard", 2, "75.0 (0.0 to 100.0)"), ("easy", 1, "25.0 (0.0 to 100.0)"),
    ]  # fmt: skip
    assert [(row["trained on"], row["algebra"]) for row in subjects["rows"]] == [
        ("untouched student", "50.0 (2.5 to 97.5)")
    ]
    assert (levels["rows"][0]["levels"], "levels" in subjects["rows"][0]) == ({"level 1": "1"}, False)  # for links
    assert len(content["text"]) == 1


@pytest.mark.parametrize(("levels", "shown"), [(40, True), (41, False)])
def test_more_than_forty_levels_are_ids(tmp_path: Path, levels: int, shown: bool) -> None:
    names = [r"$\foo$", *map(str, range(2, levels + 1))]  # the other scores have level 1
    content, found = level_tables(tmp_path, by_level=dict.fromkeys(["1", *names][:levels], LEVEL))
    assert [table["title"] for table in found] == ["b by level"] * shown
    assert (r">$\foo$</text>" in content["picture"]["svg"]) == shown
    sentence = "Not shown, because their problems have more than 40 levels: b."
    assert (sentence in content["text"]) == (not shown)


def test_more_than_forty_subjects_are_ids(tmp_path: Path) -> None:
    content, found = level_tables(tmp_path, by_subject={str(number): LEVEL for number in range(41)})
    assert [table["title"] for table in found] == ["b by level"]
    assert "Not shown, because their problems have more than 40 subjects: b." in content["text"]


def test_levels_stand_in_a_readers_order(tmp_path: Path) -> None:
    names = ["Level 10", "Level 2", "11", "9"]
    content, (table,) = level_tables(tmp_path, by_level=dict.fromkeys(names, LEVEL))
    assert table["columns"] == ["trained on", "seed", "level 1", "level 9", "level 11", "Level 2", "Level 10"]
    assert table["rows"][0]["level 1"] is None
    drawn = [name for name in re.findall(r">([^<>]*)</text>", content["picture"]["svg"]) if name in names]
    assert list(dict.fromkeys(drawn)) == ["9", "11", "Level 2", "Level 10"]


def test_curves(study: Study) -> None:
    content = section(study, "curves")
    assert content["rows"][0] == {"arm": "s/t/easy/seed-1", "updates": 10, "first loss": 1.0, "final loss": 0.5,
                                "spikes": 0}  # fmt: skip
    assert [row["arm"] for row in content["rows"]] == sorted(arm.path for arm in hand_made.ARMS if arm.is_trained)
    assert content["picture"]["name"] == "training_curves"


def test_curves_of_held_out_problems(tmp_path: Path) -> None:
    easy, hard, slow = (hand_made.model(tmp_path, lineage.Arm("s", *names, 1)) for names in
                        (("t", "easy"), ("t", "hard"), ("slow", "easy")))  # fmt: skip
    hand_made.change(easy, held_out_loss=0.75)
    log = [{"update": i, "epoch": 0.1 * i, "loss": 1 / i, "lr": 0.1, "held_out_loss": 0.75 if i == 3 else None}
           for i in range(1, 4)]  # fmt: skip
    tables.write(easy.with_name("train_log.parquet"), tables.build(log, tables.TRAIN_LOG), tables.TRAIN_LOG)
    models = [easy, hard, slow]
    logs = [path.with_name("train_log.parquet") for path in models]
    content = hand_made.section(tmp_path, "curves", {"models": models, "train_logs": logs})
    assert [(row["arm"], row["held-out loss"]) for row in content["rows"]] == [
        ("s/slow/easy/seed-1", None), ("s/t/easy/seed-1", 0.75), ("s/t/hard/seed-1", None),
    ]  # fmt: skip
    for name in ("easy (t)", "hard", "easy (slow)", "held-out problems"):
        assert content["picture"]["svg"].count(f">{name}</text>") == 1


def test_budgets(tmp_path: Path) -> None:
    files = hand_made.results(tmp_path)
    figures = {"accuracy": 0.25, "ci_low": 0.1, "ci_high": 0.9}
    long = next(path for path in files["scores"] if "/hard/seed-1/" in str(path))
    hand_made.change(long, by_budget={"32": figures, "1024": {**figures, "accuracy": 0.75}})
    hand_made.change(files["scores"][0], by_budget={})  # the base's tokens are unknown
    table = hand_made.tabulated(tmp_path, files) / "breakdowns.csv"
    content = hand_made.section(tmp_path, "budgets", {"breakdowns": [table]})
    rows = {row["arm"]: row for row in content["rows"]}
    assert rows["s/t/hard/seed-1"] == {"benchmark": "b", "arm": "s/t/hard/seed-1", "32": "25.0", "1,024": "75.0"}
    # A budget beyond the longest response of an arm changes nothing.
    assert (rows["s/t/easy/seed-1"]["32"], rows["s/t/easy/seed-1"]["1,024"]) == ("25.0", "25.0")
    assert "s/base" not in rows


# Golds that are no given ones

AGREED = {"origin": "agreement", "teachers": ["a", "b"], "at_least": 2, "share": 0.5, "problems": 9, "agreed": 7}
SAID = ("the gold answers are no given ones but the agreement of a, b on 7 of 9 problems (each draw has a vote; at "
        "least 2 votes and more than 0.5 of a problem's). The other problems count as not answered right, and these "
        "teachers are graded against their own votes.")  # fmt: skip


def test_the_sections_that_show_scores_say_what_golds_they_follow(tmp_path: Path) -> None:
    files = hand_made.results(tmp_path)
    for kind in ("scores", "verdicts", "golds", "datasets"):
        hand_made.change(files[kind][0], golds=AGREED)
    contrasts = hand_made.tabulated(tmp_path, files)
    files |= hand_made.csvs(contrasts)
    subjects = {"students": "Corpus b", "levels": "Corpus b", "graders": "Corpus b", "verdicts": "Corpus c0",
                "golds": "Corpus c0", "funnel": "Dataset hard"}  # fmt: skip
    for name, subject in subjects.items():
        lines = section((tmp_path, files), name)["text"]
        assert [line for line in lines if "agreement" in line] == [f"{subject}: {SAID}"], name
    column = [row["golds"] for row in hand_made.rows_of(contrasts / "scores.csv")]
    assert sorted(set(column)) == ["agreement of a, b on 7 of 9 problems", "given"]
    assert column.count("given") == len(column) - 1
    (seeds,) = section((tmp_path, files), "students")["blocks"][0]["blocks"][0]["tables"]
    assert [row["golds"] for row in seeds["rows"]] == column
    assert "golds" in seeds["columns"]


def test_given_golds_need_no_word(study: Study) -> None:
    for name in ("students", "levels", "graders", "verdicts", "golds", "funnel"):
        assert not [line for line in section(study, name)["text"] if line.startswith(("Corpus ", "Dataset "))]
    (seeds,) = section(study, "students")["blocks"][0]["blocks"][0]["tables"]
    assert "golds" not in seeds["columns"]


@pytest.mark.parametrize(
    ("origin", "line"),
    [("judge", "no gold answers; what is correct is what the judge says."),
     ("none", "no gold answers; no response counts as correct or wrong.")],
)  # fmt: skip
def test_a_dataset_without_golds_says_so(tmp_path: Path, origin: str, line: str) -> None:
    files = hand_made.results(tmp_path)
    hand_made.change(files["datasets"][1], golds={"origin": origin})
    assert section((tmp_path, files), "funnel")["text"][1:] == [f"Dataset easy: {line}"]


def test_the_graph_says_what_is_made_from_what(study: Study, tmp_path: Path) -> None:
    rows = section(study, "graph")["rows"]
    assert rows[0] == {"what": "teacher", "name": "teacher", "rows": 9, "used by": "hard (3), easy (3), mixed (3)"}
    assert [row["name"] for row in rows[1:]] == ["hard", "easy", "mixed"]
    assert rows[1] == {"what": "dataset", "name": "hard", "rows": 3, "used by": "s, t (2 seeds)"}
    files = hand_made.results(tmp_path)
    hand_made.change(files["datasets"][2], rows=4, teachers={"teacher": 0, "other": 4})
    facts = hand_made.read_json(files["models"][0])
    hand_made.change(files["models"][0], identity={**facts["identity"], "training": "u"})  # hard, seed 1
    rows = section((tmp_path, files), "graph")["rows"]
    assert [(row["name"], row["rows"], row["used by"]) for row in rows] == [
        ("teacher", 6, "hard (3), easy (3)"),
        ("other", 4, "mixed (4)"),
        ("hard", 3, "s, u; s, t"),
        ("easy", 3, "s, t (2 seeds)"),
        ("mixed", 4, "s, t (2 seeds)"),
    ]
