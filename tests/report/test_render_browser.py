"""render_browser.py: every value that the page can show is that of the raw tables, read once more without our code."""

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from analyses import hand_made
from helpers import manifest
from report import browsed

from distill import tables
from distill.config import lineage
from distill.report import browsing
from distill.runtime.errors import InputError
from distill.tables.words import FinishReason, Judgement, Verdict

ARM = hand_made.ARMS[0]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    browsed.write_tables(tmp_path)
    return tmp_path


def groups(page: Path) -> Iterator[tuple[lineage.Arm, int, dict[str, Any], dict[str, Any]]]:
    """Yield arm, number, what the index says, and the rows of each group."""
    index = browsed.data(page, "index")
    for number, group in enumerate(index["groups"]):
        told = {key: index["arms"][group["arm"]][key] for key in ("student", "training", "dataset", "seed")}
        yield lineage.Arm(**told), number, group, browsed.data(page, f"rows-{number}")


def texts(page: Path, number: int, rows: dict[str, Any]) -> list[str]:
    """Return all texts of a group, page after page; each page begins where the rows say."""
    found: list[str] = []
    for place, start in enumerate(rows["pages"]):
        assert start == len(found)
        content = browsed.data(page, f"texts-{number}-{place}")
        assert content["page"] == place
        found += content["texts"]
    return found


@pytest.mark.parametrize("policy", ["rule", "rule+judge"])
def test_every_value_is_that_of_the_raw_tables(root: Path, policy: str) -> None:
    page = browsed.browser(policy=policy)
    ids = browsed.data(page, "problems-0")["ids"]
    verdicts, finishes, judgements = list(Verdict), list(FinishReason), list(Judgement)
    met = set()
    for arm, number, group, rows in groups(page):
        met.add(arm)
        columns = rows["columns"]
        wanted = browsed.raw(root, arm)
        assert group["rows"] == len(wanted) == browsed.PROBLEMS * browsed.DRAWS
        assert [ids[place] for place in columns["problem"]] == [row["problem_id"] for row in wanted]
        for name in ("draw", "prompt_tokens", "response_tokens", "extracted", "method"):
            assert columns[name] == [row[name] for row in wanted], name
        for name in ("verdict", "matcher", "lenient"):
            assert [verdicts[place] for place in columns[name]] == [row[name] for row in wanted], name
        assert [finishes[place] for place in columns["finish"]] == [row["finish_reason"] for row in wanted]
        said = [None if place is None else judgements[place] for place in columns["judgement"]]
        assert said == [row["judgement"] for row in wanted]
        assert columns["seed"] == [str(row["seed"]) for row in wanted]
        assert [rows["engines"][place] for place in columns["engine"]] == [row["engine"] for row in wanted]
        assert rows["errors"] == {str(i): row["error"] for i, row in enumerate(wanted) if row["error"]}
        assert texts(page, number, rows) == [row["response"] for row in wanted]
        bits = [{name for bit, name in enumerate(browsing.COUNTED) if value >> bit & 1} for value in columns["counted"]]
        assert bits == [browsed.counts(row, policy) for row in wanted]
        starts = {file: next(i for i, row in enumerate(wanted) if row["file"] == file) for file, *_ in group["files"]}
        assert starts == {file: start for file, start, *_ in group["files"]}
        assert {row["file"] for row in wanted} == starts.keys()
    assert met == set(hand_made.ARMS)
    assert browsed.data(page, "index")["policy"] == policy


def test_what_is_counted_is_what_the_scores_count(root: Path) -> None:
    for arm, _, _, rows in groups(browsed.browser()):
        facts = json.loads(browsed.scored(root, arm).read_text())
        whole = len(rows["columns"]["counted"])
        for bit, name in enumerate(browsing.COUNTED):
            share = sum(value >> bit & 1 for value in rows["columns"]["counted"]) / whole
            assert facts["accuracy" if name == "correct" else name] == pytest.approx(share, abs=1e-6), name


@pytest.mark.usefixtures("root")
def test_problems_are_those_of_the_table() -> None:
    problems = browsed.data(browsed.browser(), "problems-0")
    wanted = browsed.problem_rows()
    for name, column in (
        ("ids", "problem_id"),
        ("problem",) * 2,
        ("golds", "answer"),
        ("level",) * 2,
        ("subject",) * 2,
    ):
        assert problems[name] == [row[column] for row in wanted], name
    assert (problems["name"], problems["gold"]) == (browsed.BENCHMARK, "given")


def test_gold_answers_of_an_agreement_stand_for_those_that_lack(root: Path) -> None:
    rows = [{**row, "answer": ""} for row in browsed.problem_rows()]
    path = root / lineage.Problems(browsed.BENCHMARK).file("problems.parquet")
    tables.write(path, tables.build(rows, tables.PROBLEMS), tables.PROBLEMS)
    agreed = root / lineage.Agreement(browsed.BENCHMARK).file("agreement.parquet")
    votes = [{"problem_id": row["problem_id"], "answer": None if i == 2 else f"a{i}", "votes": 2, "voters": 2,
              "classes": 1, "reason": "tie" if i == 2 else None} for i, row in enumerate(rows)]  # fmt: skip
    tables.write(agreed, tables.build(votes, tables.AGREEMENT), tables.AGREEMENT)
    terms = {"teachers": ["x", "y"], "at_least": 2, "share": 0.5, "problems": 40, "agreed": 39}
    agreed.with_name("manifest.json").write_text(json.dumps(terms))
    problems = browsed.data(browsed.browser(agreed=[browsed.BENCHMARK]), "problems-0")
    assert problems["golds"] == ["" if i == 2 else f"a{i}" for i in range(browsed.PROBLEMS)]
    assert problems["gold"] == "agreement of x, y on 39 of 40 problems"
    assert browsed.data(browsed.browser(), "problems-0")["gold"] == "none"


@pytest.mark.usefixtures("root")
def test_how_each_response_was_made_stands_in_the_index() -> None:
    page = browsed.browser()
    index = browsed.data(page, "index")
    by_program: dict[str, list[dict[str, Any]]] = {}
    for facts in index["made"]:
        by_program.setdefault(facts["program"], []).append(facts)
        assert set(facts) == {"program", "code", "recipe", "versions"}  # times differ from run to run
    assert {name: len(facts) for name, facts in by_program.items()} == {"generate.py": 2, "verify.py": 2, "train.py": 1}
    for group in index["groups"]:
        arm = index["arms"][group["arm"]]
        assert index["made"][arm["made"]]["recipe"]["lr"] == 0.125
        for path, _, answered, graded in group["files"]:
            draw = int(path.split("draw-")[1][0])
            assert [index["made"][answered][key] for key in ("program", "code")] == ["generate.py", "c0de"]
            assert index["made"][answered]["recipe"]["draw"] == index["made"][graded]["recipe"]["draw"] == draw
            assert index["made"][graded]["program"] == "verify.py"
            assert arm["path"] in path
    gaps = {(gap["gap"], *(tuple(index["arms"][arm]["path"] for arm in group) for group in gap["groups"]))
            for gap in index["gaps"]}  # fmt: skip
    seeds = {name: tuple(f"s/t/{name}/seed-{seed}" for seed in (1, 2)) for name in hand_made.DATASETS}
    assert "s/untouched student" in {arm["label"] for arm in index["arms"]}
    assert gaps == {("hard_gap", seeds["hard"], seeds["easy"]), ("gain", seeds["hard"], ("s/base",)),
                    ("mix_gain", seeds["mixed"], seeds["hard"], seeds["easy"])}  # fmt: skip


@pytest.mark.usefixtures("root")
def test_scripts_are_ascii_of_one_line_and_hold_no_tag() -> None:
    page = browsed.browser()
    scripts = list((page.parent / "data").iterdir())
    assert len(scripts) > 2 * len(hand_made.ARMS) + 2
    for path in scripts:
        content = path.read_bytes()
        assert max(content) < 128
        assert content.count(b"\n") == 1
        assert b"<" not in content
    content = {"</script>\u2028\u2029": "\x00'\"\\`<!--"}
    text = browsing.script("rows", 3, content)
    assert text == 'browse.add("rows",3,{"\\u003c/script>\\u2028\\u2029":"\\u0000\'\\"\\\\`\\u003c!--"});\n'
    assert json.loads(text.removeprefix('browse.add("rows",3,').removesuffix(");\n")) == content


def test_a_page_ends_before_it_is_too_long(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = browsing.Pages(root, 5)
    monkeypatch.setattr(browsing, "PAGE_CHARACTERS", 6)
    for row, text in enumerate(("abc", "def", "g", "hijklmnop", "q", "", "rstuv", "w")):
        pages.add(row, text)
    pages.close()
    pages.close()
    held = [json.loads((root / f"texts-5-{page}.js").read_text().split(",", 2)[2].removesuffix(");\n"))["texts"]
            for page in range(len(pages.starts))]  # fmt: skip
    assert held == [["abc", "def"], ["g"], ["hijklmnop"], ["q", "", "rstuv"], ["w"]]
    assert pages.starts == [0, 2, 3, 4, 7]
    assert len(list(root.glob("texts-5-*"))) == 5


def test_the_same_inputs_give_the_same_bytes_and_old_data_goes(root: Path) -> None:
    page = browsed.browser()
    before = {path.name: path.read_bytes() for path in page.parent.rglob("*") if path.is_file()}
    (page.parent / "data/texts-99-0.js").write_text("old")
    for facts in root.rglob("provenance.json"):  # how long things took
        told = json.loads(facts.read_text())
        facts.write_text(json.dumps({**told, "seconds": 99}))
    browsed.browser()
    after = {path.name: path.read_bytes() for path in page.parent.rglob("*") if path.is_file()}
    assert before.pop("provenance.json") != after.pop("provenance.json")
    assert before == after
    assert manifest(page)["rows"] == len(hand_made.ARMS) * browsed.PROBLEMS * browsed.DRAWS
    assert set(browsed.render_browser.ASSETS) | {"data"} <= {path.name for path in page.parent.iterdir()}


def test_a_changed_row_changes_the_digest(root: Path) -> None:
    before = manifest(browsed.browser())["digest"]
    path = root / lineage.Responses(browsed.BENCHMARK, ARM.model_path, "greedy", 0, "00-of-02").file(
        "responses.parquet"
    )
    rows = tables.read(path, tables.RESPONSES).to_pylist()
    rows[0]["response"] += "."
    tables.write(path, tables.build(rows, tables.RESPONSES), tables.RESPONSES)
    assert manifest(browsed.browser())["digest"] != before


def test_what_does_not_belong_together_is_refused(root: Path) -> None:
    names = browsed.BENCHMARK, ARM.model_path, browsed.DECODING
    first, second = (
        root / lineage.Verdicts(*names, 0, shard).file("verdicts.parquet") for shard in ("00-of-02", "01-of-02")
    )
    kept = second.read_bytes()
    second.write_bytes(first.read_bytes())
    with pytest.raises(InputError, match="not the verdicts of"):
        browsed.browser()
    second.write_bytes(kept)
    with pytest.raises(InputError, match="no such file"):
        browsed.browser(draws={browsed.DECODING: 3})
    rows = [row for row in browsed.problem_rows() if row["problem_id"] != "p07"]
    path = root / lineage.Problems(browsed.BENCHMARK).file("problems.parquet")
    tables.write(path, tables.build(rows, tables.PROBLEMS), tables.PROBLEMS)
    with pytest.raises(InputError, match=r"p07 \(draw 0\).* are not among the problems"):
        browsed.browser()
    assert not (root / lineage.Browser().file("manifest.json")).exists()
    assert not (root / lineage.Browser().file("data")).exists()


def test_memory_does_not_grow_with_the_texts(tmp_path: Path) -> None:
    peaks = []
    for rows in (4000, 8000):
        ids = [f"p{i:05d}" for i in range(rows)]
        own = [{"problem_id": i, "draw": 0, "response": "x" * 2000, "finish_reason": "stop", "verdict": "wrong",
                "method": "text", "matcher": "wrong", "lenient": "wrong"} for i in ids]  # fmt: skip
        files = []
        for name, contract in (("responses", tables.RESPONSES), ("verdicts", tables.VERDICTS)):
            files.append(tmp_path / f"{name}-{rows}.parquet")
            tables.write(files[-1], tables.build(own, contract), contract)
        tracemalloc.start()
        answered = browsing.Answered(files[:1], files[1:])
        told = browsing.write_group(tmp_path / str(rows), 0, answered, {i: n for n, i in enumerate(ids)}, "rule")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert told["rows"] == rows
    assert peaks[1] - peaks[0] < 4000 * 2000 / 2  # the texts of the further rows are twice that


def test_a_shard_may_be_empty(root: Path) -> None:
    rows = [row for row in browsed.answers(ARM) if row["problem_id"] == "p00"]
    for name, contract in (("responses", tables.RESPONSES), ("verdicts", tables.VERDICTS)):
        for draw in (0, 1):
            own = [row for row in rows if row["draw"] == draw]
            tables.write(root / f"{name}-{draw}", tables.build(own, contract), contract)
        tables.write(root / f"{name}-none", tables.build([], contract), contract)
    files = [[root / f"{name}-{part}" for part in ("0", "none", "1")] for name in ("responses", "verdicts")]
    told = browsing.write_group(root / "out", 0, browsing.Answered(*files), {"p00": 0}, "rule")
    assert told == {"rows": 2, "files": {files[0][0]: 0, files[0][2]: 1}}
