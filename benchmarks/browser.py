"""How fast the response browser answers with 20,000 responses, in Chromium, and what its data weigh.

Ten arms answer `--problems` problems with texts of `--characters`; `render_browser.py` makes the page of these tables.
A filter is timed in the page, from the change of its address until the rows stand there: of all arms at once, for each
of `FILTERS`, the median and the slowest of `--repeats`. The first view (all columns are loaded) and the search in all
texts are told beside it and have no goal.

Run as: python benchmarks/browser.py [--problems 2000] [--characters 2000] [--repeats 5] [--check]
"""

import argparse
import json
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from goals import Goal, add_check, report

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
GOAL_MILLISECONDS = 200
FILTERS = ("counted=correct", "counted=not_correct", "verdict=wrong", "level=3", "min=1000&max=3000", "search=p0199",
           "counted=correct&level=2&search=5")  # fmt: skip
# Resolves with the milliseconds from the change of the address until the page says that it shows it.
TIMED = """(address) => new Promise((resolve) => { const began = performance.now();
new MutationObserver((_, self) => { self.disconnect(); document.body.offsetHeight;
resolve(performance.now() - began); })
.observe(document.documentElement, { attributes: true, attributeFilter: ["data-shown"] });
location.hash = address; })"""


def study(arms: int) -> dict[str, Any]:
    """Return the recipe of the page."""
    datasets = [f"arm-{number}" for number in range(arms - 1)]
    blocks = [{"students": ["student"], "datasets": datasets, "training": "sft", "seeds": [1]}]
    studies = {"big": {"title": "Big", "arms": blocks, "benchmarks": ["maths"], "decoding": "greedy", "gaps": {}}}
    return {"studies": studies, "draws": {"greedy": 1}, "shards": {"maths": 1}, "agreed": [], "judged": False,
            "policy": "rule"}  # fmt: skip


def write_tables(recipe: dict[str, Any], problems: int, characters: int) -> None:
    """Write problems, responses, verdicts and provenances of all arms below the current folder."""
    from distill import tables
    from distill.config.lineage import Problems, model_place
    from distill.report.groups import group_places

    dice = random.Random(0)
    ids = [f"p{number:05d}" for number in range(problems)]
    rows = [{"problem_id": i, "problem": f"What is {i}?", "answer": i, "origin": "made", "level": str(1 + n % 5)}
            for n, i in enumerate(ids)]  # fmt: skip
    tables.write(Path(Problems("maths").file("problems.parquet")), tables.build(rows, tables.PROBLEMS), tables.PROBLEMS)
    for group in group_places(recipe):
        answers, verdicts = [], []
        for i in ids:
            text = " ".join(str(dice.randrange(1000)) for _ in range(characters // 4))
            answers.append({"problem_id": i, "draw": 0, "response": text, "finish_reason": "stop", "prompt_tokens": 9,
                            "response_tokens": dice.randrange(4000), "seed": dice.getrandbits(63),
                            "engine": "made"})  # fmt: skip
            word = dice.choice(["correct", "wrong"])
            verdicts.append({"problem_id": i, "draw": 0, "verdict": word, "extracted": dice.choice([i, "x"]),
                             "method": "text", "matcher": word, "lenient": word})  # fmt: skip
        for place, own, contract in ((group.responses[0], answers, tables.RESPONSES),
                                     (group.verdicts[0], verdicts, tables.VERDICTS)):  # fmt: skip
            tables.write(Path(place.file(f"{place.KIND}.parquet")), tables.build(own, contract), contract)
        for place in (group.responses[0], group.verdicts[0], model_place(group.arm.model_path)):
            path = Path(place.file("provenance.json"))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"program": "made", "code": "", "recipe": {}, "versions": {}}), encoding="utf-8")


def timed(page: Path, repeats: int) -> dict[str, list[float]]:
    """Return what was done -> its times in milliseconds."""
    from playwright.sync_api import sync_playwright

    found: dict[str, list[float]] = {}
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = chromium.new_page()
        tab.set_default_timeout(300_000)
        began = time.perf_counter()
        tab.goto(f"{page.as_uri()}#arm=all")
        tab.wait_for_function("document.documentElement.dataset.shown")
        found["first view"] = [1000 * (time.perf_counter() - began)]
        for repeat in range(repeats):
            for state in FILTERS:
                found.setdefault(state, []).append(tab.evaluate(TIMED, f"#arm=all&{state}"))
                tab.evaluate(TIMED, f"#arm=all&page={repeat + 2}")
        found["search in all texts"] = [tab.evaluate(TIMED, "#arm=all&search=999+999&texts=1")]
        chromium.close()
    return found


def main() -> None:
    """Make the page, time it, print a table and the goals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=int, default=2000)
    parser.add_argument("--arms", type=int, default=10)
    parser.add_argument("--characters", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=5)
    add_check(parser)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        import render_browser

        recipe = study(args.arms)
        write_tables(recipe, args.problems, args.characters)
        page = Path("results/report/browser/index.html").absolute()
        began = time.process_time()
        render_browser.main(["--assets", str(ROOT / "scripts/distill/report/browser"), "--recipe", json.dumps(recipe),
                             "--output", str(page)])  # fmt: skip
        seconds = time.process_time() - began
        sizes = {name: sum(p.stat().st_size for p in page.parent.glob(f"data/{name}*")) / 1e6
                 for name in ("index", "problems", "rows", "texts")}  # fmt: skip
        times = timed(page, args.repeats)
        os.chdir(ROOT)
    print(f"{args.arms * args.problems} responses of {args.characters} characters; made in {seconds:.1f} CPU seconds")
    print("megabytes: " + ", ".join(f"{name} {size:.1f}" for name, size in sizes.items()))
    print("| what | median, ms | slowest, ms |\n|---|---|---|")
    for name, values in times.items():
        print(f"| {name} | {statistics.median(values):.0f} | {max(values):.0f} |")
    slowest = max(statistics.median(times[state]) for state in FILTERS)
    met = slowest < GOAL_MILLISECONDS
    report([Goal("a filter's median", f"{slowest:.0f} ms", f"< {GOAL_MILLISECONDS} ms", met)], args.check)


if __name__ == "__main__":
    main()
