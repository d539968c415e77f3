"""A study whose responses are odd on purpose, as files of `results/`, and its page and response browser."""

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import render_browser
import render_page
import score
from analyses import hand_made
from helpers import REPOSITORY, recipe

from distill import analyses, tables
from distill.config import lineage
from distill.config.shards import in_shard, shard_names

ASSETS = REPOSITORY / "scripts/distill/report/browser"
TEMPLATE = REPOSITORY / "scripts/distill/report/templates/report.html.j2"
BENCHMARK, DECODING, DRAWS, SHARDS, PROBLEMS = "b", "greedy", 2, 2, 40
KINDS = ("responses", "verdicts", "judgements")
# What models write, and what would be set where a page takes it for its own.
ODD = [
    "<script>window.owned = 1</script>",
    "</script><script>window.owned = 1</script>",
    "<img src=x onerror='window.owned = 1'> <svg onload='window.owned = 1'></svg>",
    '<a href="javascript:window.owned = 1">here</a> [here](javascript:window.owned=1)',
    r"$\href{javascript:window.owned=1}{here}$ and \(\url{javascript:window.owned=1}\)",
    r"\(\text{<img src=x onerror=window.owned=1>}\) \[\includegraphics{https://example.org/x.png}\]",
    r"\(\style{background:url(https://example.org/x)}{x}\) \(\class{hidden}{x}\) \(\id{count}{x}\)",
    r"\(\def\x{\x\x}\x\) \(\rule{9999em}{9999em}\) \(\unknown{\) $\frac{1$ $${}$$ \(\)",
    "line\u2028separators\u2029inside, a null \x00, \u202eright to left, \ufeff, \U0001f600, \ud7ff",
    r"Prices: $5 and $6, then $x^2$ and \(\frac{1}{2}\), \[\sqrt{2}\] so $$\sum_{i=1}^n i$$ \boxed{\frac{3}{4}}",
    "\\(" * 400 + "{" * 400 + "$" * 400 + r"\boxed{" * 400,
    "",
    "word " * 30_000,
    "x\\",
    "'\"`${window.owned = 1}`",
]


def job(**changes: Any) -> dict[str, Any]:
    """Return the recipe of the browser's job."""
    studies = {"y": {key: hand_made.STUDY[key] for key in ("title", "arms", "benchmarks", "decoding", "gaps")}}
    return {"studies": studies, "draws": {DECODING: DRAWS}, "shards": {BENCHMARK: SHARDS}, "agreed": [],
            "judged": True, "policy": "rule+judge", **changes}  # fmt: skip


def problem_rows() -> list[dict[str, Any]]:
    """Return problems of three levels and none; the texts of some are odd."""
    return [
        {
            "problem_id": f"p{i:02d}",
            "problem": f"Problem {i}: {ODD[i % len(ODD)][:200]} $x_{i}$",
            "answer": rf"\frac{{{i}}}{{7}}",
            "origin": "test",
            "subject": None if i % 3 else "<b>odd</b>",
            "level": (None, "2", "10", "x<y")[i % 4],
        }
        for i in range(PROBLEMS)
    ]


def answers(arm: lineage.Arm) -> Iterator[dict[str, Any]]:
    """Yield everything of each response of an arm: made up, each arm's own."""
    dice = random.Random(arm.path)
    for draw in range(DRAWS):
        for i, problem in enumerate(problem_rows()):
            finish = dice.choice(["stop"] * 6 + ["length", "error"])
            verdict = dice.choice(["correct"] * 4 + ["wrong"] * 3 + ["no_answer", "timeout", "error", "unverifiable"])
            verdict = dice.choice(["cut_off", verdict]) if finish == "length" else verdict
            rejected = verdict in ("wrong", "unverifiable", "timeout", "error")
            extracted = [None, "", rf"\frac{{{i}}}{{7}}", "<b>7</b>", r"\href{javascript:1}{7}"]
            yield {
                "problem_id": problem["problem_id"],
                "draw": draw,
                "response": f"{arm.path} on {i}, draw {draw}. " + ODD[(i + draw) % len(ODD)],
                "finish_reason": finish,
                "prompt_tokens": None if i == 3 else 10 + i,
                "response_tokens": dice.randrange(9999),
                "seed": dice.getrandbits(63),
                "engine": f"engine {i % 2}",
                "error": "<i>late</i>" if finish == "error" else None,
                "verdict": verdict,
                "extracted": dice.choice(extracted),
                "method": dice.choice(["text", "number"]),
                "matcher": dice.choice(["correct", "wrong"]),
                "lenient": "correct" if verdict == "correct" else dice.choice(["correct", "wrong"]),
                "judgement": dice.choice(["equal", "different", "unclear"]) if rejected else None,
                "reply": "reply",
            }


def write_arm(root: Path, arm: lineage.Arm) -> None:
    """Write an arm's tables, a file per draw and shard, and a provenance beside each."""
    rows = list(answers(arm))
    contracts = {"responses": tables.RESPONSES, "verdicts": tables.VERDICTS, "judgements": tables.JUDGEMENTS}
    for (kind, place), (draw, number) in places(arm):
        own = [row for row in rows if row["draw"] == draw and in_shard(row["problem_id"], number, SHARDS)]
        own = [row for row in own if kind != "judgements" or row["judgement"]]
        path = root / place.file(f"{kind}.parquet")
        tables.write(path, tables.build(own, contracts[kind]), contracts[kind])
        made(path.parent, {"responses": "generate", "verdicts": "verify", "judgements": "judge"}[kind], draw=draw)
    made((root / lineage.model_place(arm.model_path).folder), "train", lr=0.125)


def places(arm: lineage.Arm) -> Iterator[tuple[tuple[str, Any], tuple[int, int]]]:
    """Yield (kind, place), (draw, number of the shard) of all tables of an arm."""
    for draw in range(DRAWS):
        for number, shard in enumerate(shard_names(SHARDS)):
            for kind in (lineage.Responses, lineage.Verdicts, lineage.Judgements):
                place = kind(BENCHMARK, arm.model_path, DECODING, draw, shard)
                yield (kind.KIND, place), (draw, number)


def made(folder: Path, program: str, **keys: Any) -> None:
    """Write a provenance."""
    facts = {"program": f"{program}.py", "code": "c0de", "recipe": {"key": "</script>", **keys}, "seconds": 1.5,
             "versions": {"python": "3.11.7", "torch": "2.13.0"}, "started": "now"}  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "provenance.json").write_text(json.dumps(facts))


def raw(root: Path, arm: lineage.Arm) -> list[dict[str, Any]]:
    """Return the rows of an arm's tables, read without the project's code, in their order, each with its file."""
    found = []
    for (kind, place), _ in places(arm):
        if kind != "responses":
            continue
        folder = root / place.folder
        for number, row in enumerate(pq.ParquetFile(folder / "responses.parquet").read().to_pylist()):
            found.append({**row, "file": f"{place.folder}/responses.parquet", "number": number})
        graded = {}
        for name in ("verdicts", "judgements"):
            file = Path(str(folder).replace("results/responses", f"results/{name}", 1)) / f"{name}.parquet"
            for row in pq.ParquetFile(file).read().to_pylist():
                graded.setdefault(row["problem_id"], {"judgement": None}).update(row)
        for row in found[-len(graded) :]:
            row |= graded[row["problem_id"]]
    return found


def counts(row: dict[str, Any], policy: str = "rule+judge") -> set[str]:
    """Return the shares of scores.csv that a row counts in, by their definitions in words."""
    verdict = row["verdict"]
    if policy == "rule+judge" and row["judgement"] == "equal":
        verdict = "correct"
    stopped, failed = row["finish_reason"] == "stop", row["finish_reason"] == "error"
    return {
        name
        for name, holds in {
            "correct": stopped and verdict == "correct",
            "lenient": stopped and "correct" in (verdict, row["lenient"]),
            "no_answer": verdict in ("no_answer", "cut_off"),
            "cut_off": row["finish_reason"] == "length",
            "errors": failed,
            "ungraded": not failed and verdict in ("timeout", "error", "unverifiable"),
        }.items()
        if holds
    }


def write_tables(root: Path) -> None:
    """Write problems and all arms."""
    path = root / lineage.Problems(BENCHMARK).file("problems.parquet")
    tables.write(path, tables.build(problem_rows(), tables.PROBLEMS), tables.PROBLEMS)
    for arm in hand_made.ARMS:
        write_arm(root, arm)


def browser(**changes: Any) -> Path:
    """Run render_browser.py in the current folder; return the page."""
    output = Path(lineage.Browser().file("index.html"))
    render_browser.main(["--assets", str(ASSETS), "--recipe", recipe(**job(**changes)), "--output", str(output)])
    return output.absolute()


def scored(root: Path, arm: lineage.Arm) -> Path:
    """Run score.py for an arm; return its manifest."""
    inputs: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for (kind, place), _ in places(arm):
        inputs[kind].append(str(root / place.file(f"{kind}.parquet")))
    problems = str(root / lineage.Problems(BENCHMARK).file("problems.parquet"))
    place = lineage.Score(BENCHMARK, arm.model_path, DECODING)
    score.main(["--problems", problems, "--recipe", recipe(policy="rule+judge"), "--inputs", json.dumps(inputs),
                "--output", str(root / place.file("items.parquet"))])  # fmt: skip
    return root / place.manifest


def report(root: Path) -> Path:
    """Score all arms, run every analysis and render the page, beside the browser."""
    files = hand_made.results(root)
    write_tables(root)
    for arm in hand_made.ARMS:
        scored(root, arm)
    contrasts = hand_made.tabulated(root, files)
    files |= hand_made.csvs(contrasts)
    for name in analyses.names():
        hand_made.section(root, name, {kind: files[kind] for kind in analyses.load(name).NEEDS})
    sections = [str(root / lineage.Analysis(name).file("section.json")) for name in analyses.names()]
    output = root / lineage.Report().file("index.html")
    render_page.main(["--sections", *sections, "--contrasts", str(contrasts), "--template", str(TEMPLATE), "--recipe",
                      recipe(studies={"y": hand_made.STUDY}), "--output", str(output)])  # fmt: skip
    return output


def data(page: Path, name: str) -> Any:
    """Return what a script of data gives to the page, by its name, such as `rows-3`."""
    text = (page.parent / f"data/{name}.js").read_text(encoding="ascii")
    found = re.fullmatch(r'browse\.add\("(\w+)",(\d+),(.*)\);\n', text)
    return json.loads(found[3])
