"""What the report costs and how long its page is, of a made-up study of 10 students x 7 datasets x 3 seeds.

Items and manifests of 5 benchmarks (of 30 to 1,319 problems) with 4 samples are written as the scores would be; then
the programs that come after the scores run one after the other, as the workflow starts them: contrasts, every analysis,
the page. CPU seconds are theirs together, so a workflow on two cores waits less; memory is the peak of one process. The
page's height is that in Chromium before anything is unfolded. Scores are measured by benchmarks/scores.py, the response
browser by benchmarks/browser.py.

Run as: python benchmarks/page.py [--students 10] [--datasets 7] [--seeds 3] [--keep FOLDER] [--check]
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from goals import Goal, add_check, report

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]
SIZES, SAMPLES = (500, 40, 1319, 675, 30), 4
GOAL_SECONDS, GOAL_MEGABYTES, GOAL_PAGE, GOAL_PIXELS = 180, 2048, 5.0, 6000
WIDTHS = (1200, 420)
Files = Mapping[str, Sequence[Path]]


def run(folder: Path, program: str, *options: str, inputs: str | None = None) -> None:
    """Run a program of the workflow in a folder, to its end; `inputs` go to its standard input, as in the rules."""
    options = options if inputs is None else ("--inputs", "-", *options)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(ROOT / f"scripts/{program}.py"), *options]
    quiet = {"stdout": subprocess.DEVNULL, "text": True}
    subprocess.run(command, check=True, env=environment, cwd=folder, input=inputs, **quiet)


def as_json(files: Files, kinds: Sequence[str]) -> str:
    """Return files of some kinds as the option --inputs."""
    return json.dumps({kind: list(map(str, files[kind])) for kind in kinds})


def make_report(folder: Path, study: Mapping[str, Any], files: Files, students: Sequence[str]) -> Path:
    """Make contrasts, analyses and page; return the page."""
    from analyses import hand_made

    from distill import analyses
    from distill.config import lineage
    from distill.config.analysed import CONTRASTED

    contrasts = folder / lineage.Contrasts().folder
    parameters = {name: round(1e8 * 2 ** (n / 2)) for n, name in enumerate(students)}
    recipe = json.dumps({"studies": {"made-up": study}, "parameters": parameters})
    output = contrasts / "scores.csv"
    run(folder, "contrast", "--recipe", recipe, "--output", str(output), inputs=as_json(files, CONTRASTED))
    files = {**files, **hand_made.csvs(contrasts)}
    sections = [folder / lineage.Analysis(name).file("section.json") for name in analyses.names()]
    for name, section in zip(analyses.names(), sections, strict=True):
        inputs = as_json(files, analyses.load(name).NEEDS)
        run(folder, "analyse", "--analysis", name, "--output", str(section), inputs=inputs)
    page = folder / lineage.Report().file("index.html")
    template = ROOT / "scripts/distill/report/templates/report.html.j2"
    run(folder, "render_page", "--sections", *map(str, sections), "--contrasts", str(contrasts), "--template",
        str(template), "--recipe", json.dumps({"studies": {"made-up": study}}), "--output", str(page))  # fmt: skip
    return page


def heights(page: Path) -> dict[int, int]:
    """Return width -> height of the page in Chromium, in pixels; nothing where there is no Chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        return {}
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        found = {}
        for width in WIDTHS:
            shown = browser.new_page(viewport={"width": width, "height": 900})
            shown.goto(page.as_uri())
            found[width] = shown.evaluate("document.documentElement.scrollHeight")
        browser.close()
    return found


def main() -> None:
    """Write a study, make its report, print the figures and the goals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("students", 10), ("datasets", 7), ("seeds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--keep", type=Path, help="an empty folder for the results, which stay")
    add_check(parser)
    args = parser.parse_args()
    from report import made_up

    study = made_up.study(args.students, args.datasets, args.seeds, len(SIZES))
    with tempfile.TemporaryDirectory() as name:
        folder = (args.keep or Path(name)).absolute()
        files = made_up.results(folder, study, list(SIZES), SAMPLES)
        page = make_report(folder, study, files, study["arms"][0]["students"])
        size, tall = page.stat().st_size / 1e6, heights(page)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds, memory = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
    print(f"{len(files['scores'])} scores of {args.students} students; heights by width: {tall}")
    goals = [
        Goal("CPU seconds", f"{seconds:.0f} s", f"< {GOAL_SECONDS} s", seconds < GOAL_SECONDS),
        Goal("memory of one process", f"{memory:.0f} MB", f"< {GOAL_MEGABYTES} MB", memory < GOAL_MEGABYTES),
        Goal("size of the page", f"{size:.1f} MB", f"< {GOAL_PAGE:.0f} MB", size < GOAL_PAGE),
    ]
    if tall:
        high = tall[WIDTHS[0]]
        goals.append(Goal("height at 1200", f"{high} pixels", f"< {GOAL_PIXELS} pixels", high < GOAL_PIXELS))
    report(goals, args.check)


if __name__ == "__main__":
    main()
