"""What scores and contrasts cost: `--arms` arms answer `--problems` problems `--samples` times each.

Arms are made up: a problem's difficulty is uniform, an arm's shift normal, and a wrong answer one of six per problem;
those of three problems in ten are no plain numbers, about as in MATH. MADE arms are written, and scored in turn as if
there were more, each by a process of its own, two at a time, as the workflow does; then one process tabulates scores,
means, breakdowns and gaps. CPU seconds are those of all processes; a machine of two cores needs half of them. Memory is
the peak of one process, doubled for the two. Writing the files is not counted.

Run as: python benchmarks/scores.py [--arms 40] [--problems 5000] [--samples 16] [--check]
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

from goals import Goal, add_check, report

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
MADE = 4
GOAL_SECONDS, GOAL_MEGABYTES, CORES = 180, 2048, 2
SEEDS = 3


def spelled(number: int, right: bool, rng: random.Random) -> str:
    """Return the right answer of a problem in one of two spellings, or one of six wrong ones.

    Those of three problems in ten are no plain numbers: roots, of which two are equal, and a term.
    """
    wrong = 0 if right else 1 + rng.randrange(6)
    if number % 10 < 3:
        roots = [rf"{number}\sqrt{{2}}", rf"{number}\sqrt{{3}}", rf"\sqrt{{3}}\cdot {number}", rf"{number}+x",
                 f"{number}", rf"\frac{{{number}\sqrt{{2}}}}{{5}}", "0"]  # fmt: skip
        return roots[wrong] if wrong or rng.random() < 0.7 else rf"\sqrt{{2}}\cdot {number}"
    numbers = [rf"\frac{{{number}}}{{7}}", str(number), str(number + 3), rf"\frac{{{number}}}{{5}}", f"{number}.5",
               str(7 * number), "0"]  # fmt: skip
    return numbers[wrong] if wrong or rng.random() < 0.7 else f"{number}/7"


def write_arm(folder: Path, problems: int, samples: int, seed: int) -> dict[str, list[str]]:
    """Write the responses and verdicts of an arm, a file per draw; return their paths."""
    from distill import tables

    rng, files = random.Random(seed), {"responses": [], "verdicts": []}
    shift, text = rng.gauss(0, 0.1), "So we add the two numbers and find what is left of them. " * 8
    skills = [random.Random(number).random() + shift for number in range(problems)]
    for draw in range(samples):
        responses, verdicts = [], []
        for number, skill in enumerate(skills):
            right, key = rng.random() < skill, {"problem_id": f"p{number:05d}", "draw": draw}
            answer, tokens = spelled(number, right, rng), int(rng.lognormvariate(6, 1))
            reason, word = ("length", "cut_off") if tokens > 8000 else ("stop", "correct" if right else "wrong")
            responses.append({**key, "response": rf"{text}\boxed{{{answer}}}", "finish_reason": reason,
                              "response_tokens": tokens})  # fmt: skip
            verdicts.append({**key, "verdict": word, "method": "value", "matcher": word, "lenient": word,
                             "extracted": None if reason == "length" else answer})  # fmt: skip
        for kind, rows, contract in (
            ("responses", responses, tables.RESPONSES),
            ("verdicts", verdicts, tables.VERDICTS),
        ):
            path = folder / f"{kind}-{draw}.parquet"
            tables.write(path, tables.build(rows, contract), contract)
            files[kind].append(str(path))
    return files


def write_problems(path: Path, problems: int) -> None:
    """Write the problems, with five levels and seven subjects."""
    from distill import tables

    rows = [{"problem_id": f"p{n:05d}", "problem": f"Say {n}/7.", "answer": rf"\frac{{{n}}}{{7}}", "origin": "made",
             "level": f"Level {n % 5}", "subject": f"Subject {n % 7}"} for n in range(problems)]  # fmt: skip
    tables.write(path, tables.build(rows, tables.PROBLEMS), tables.PROBLEMS)


def run(program: str, *options: str) -> None:
    """Run a program of the workflow to its end."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, str(ROOT / f"scripts/{program}.py"), *options], check=True, env=environment)


def study(arms: int) -> dict[str, Any]:
    """Return a study of so many arms, three seeds each and the base, with a gap between neighbours."""
    datasets = [f"d{number:02d}" for number in range((arms - 1) // SEEDS)]
    gaps = {f"gap-{one}": {"plus": one, "minus": [other]} for one, other in pairwise(datasets)}
    block = {"students": ["s"], "datasets": datasets, "training": "t", "seeds": list(range(1, SEEDS + 1))}
    return {"title": "Made up", "arms": [block], "benchmarks": ["b"], "decoding": "d", "gaps": gaps}


def trained(folder: Path, arm: Any) -> tuple[Path, Path]:
    """Write what contrasts read of a trained arm; return both manifests."""
    from distill.config.lineage import Rendered, TrainedModel
    from distill.runtime.files import write_json

    model = TrainedModel(arm.student, arm.training, arm.dataset, arm.seed)
    rows = Rendered(arm.student, arm.training, arm.dataset)
    shared = {"recipe": {"lr": 0.1, "global_batch": 4, "packing": False}, "base_digest": "b" * 64, "code": "c"}
    counts = {"updates": 10, "epochs": 1.0, "rows": 8, "tokens": 80, "loss_tokens": 40, "final_loss": 0.5}
    write_json(folder / model.manifest, {**shared, **counts, "identity": model.identity})
    write_json(
        folder / rows.manifest, {"rows": 2, "cutoff": 64, "truncated": 0, "prompt": "p", "identity": rows.identity}
    )
    return folder / model.manifest, folder / rows.manifest


def spent() -> float:
    """Return the CPU seconds of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Write, score, tabulate; print the figures and the goals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arms", type=int, default=40)
    parser.add_argument("--problems", type=int, default=5000)
    parser.add_argument("--samples", type=int, default=16)
    add_check(parser)
    args = parser.parse_args()
    from distill.config.catalogue import arms_of
    from distill.config.lineage import Score
    from distill.config.recipes import StudyRecipe

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_problems(folder / "problems.parquet", args.problems)
        made = [write_arm(folder / f"arm-{n}", args.problems, args.samples, n) for n in range(MADE)]
        recipe = study(args.arms)
        arms = arms_of(StudyRecipe.model_validate(recipe))
        places = [folder / Score("b", arm.model_path, "d").file("items.parquet") for arm in arms]
        manifests = [pair for arm in arms if arm.is_trained for pair in [trained(folder, arm)]]

        def scored(number: int) -> None:
            run("score", "--problems", str(folder / "problems.parquet"), "--inputs", json.dumps(made[number % MADE]),
                "--recipe", '{"policy":"rule"}', "--output", str(places[number]))  # fmt: skip

        with ThreadPoolExecutor(CORES) as pool:
            list(pool.map(scored, range(len(arms))))
        scoring = spent()
        inputs = {"scores": [str(path.with_name("manifest.json")) for path in places],
                  "models": [str(model) for model, _ in manifests],
                  "rendered": sorted({str(rows) for _, rows in manifests})}  # fmt: skip
        run("contrast", "--inputs", json.dumps(inputs), "--recipe", json.dumps({"studies": {"study": recipe}}),
            "--output", str(folder / "results/contrasts/scores.csv"))  # fmt: skip
    whole, peak = spent(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    rows = len(arms) * args.problems * args.samples
    print(f"{len(arms)} arms, {rows:,} verdict rows: {scoring:.0f} CPU s in scores, {whole - scoring:.0f} in contrasts")
    print(f"peak of one process: {peak:.0f} MB")
    seconds, memory = whole / CORES, CORES * peak
    goals = [
        Goal("seconds on two cores", f"{seconds:.0f} s", f"<= {GOAL_SECONDS} s", seconds <= GOAL_SECONDS),
        Goal("memory of two processes", f"{memory:.0f} MB", f"<= {GOAL_MEGABYTES} MB", memory <= GOAL_MEGABYTES),
    ]
    report(goals, args.check)


if __name__ == "__main__":
    main()
