"""A study of any size whose results are made up: what contrasts, analyses and the page read, below a folder."""

import random
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from analyses import hand_made

from distill import tables
from distill.config import lineage
from distill.config.catalogue import arms_of
from distill.config.recipes import StudyRecipe
from distill.scores.accuracy import accuracy

Row = dict[str, Any]
SHARES = ("no_answer", "cut_off", "errors", "ungraded", "lenient")
UPDATES = 300
TEACHERS = ("teacher-a", "teacher-b")
CORPUS, TRAINED_ROWS, DRAWS = "c0", 80, 2


def study(students: int, datasets: int, seeds: int, benchmarks: int) -> Row:
    """Return a study: `d0` is short, `d1` long, the others are mixes; a gap, mixes against both, a gap between gaps."""
    names = [f"dataset-{n}" for n in range(datasets)]
    models = [f"student-{n}" for n in range(students)]
    mixes = {f"mix_{n}_gain": {"plus": name, "minus": names[:2]} for n, name in enumerate(names[2:5])}
    return {
        "title": "A made-up study",
        "question": "Which student gains from which data?",
        "smallest_gap": 0.02,
        "arms": [{"students": models, "datasets": names, "training": "sft", "seeds": list(range(1, seeds + 1))}],
        "benchmarks": [f"benchmark-{n}" for n in range(benchmarks)],
        "decoding": "sampled",
        "gaps": {"long_gap": {"plus": names[1], "minus": [names[0]]}, **mixes},
        "contrasts": {"learnability_gap": {"gap": "long_gap", "students": [models[-1], models[0]]}},
    }


def results(root: Path, recipe: Row, sizes: list[int], samples: int, updates: int = UPDATES) -> hand_made.Files:
    """Write the results of a study whose benchmarks have so many problems; return kind -> files.

    Every second benchmark has five levels and two subjects. A problem is as hard for all arms, an arm has a shift.
    """
    dice, arms = random.Random(7), arms_of(StudyRecipe.model_validate(recipe))
    files = hand_made.teachers(root)
    trained = [arm for arm in arms if arm.is_trained]
    names = list(dict.fromkeys(arm.dataset for arm in trained))
    ledger = {"rows_in": 900, "rows_out": 800, "lost": {"not_paired": 100}}
    files["datasets"] = [dataset(root, name, number, ledger) for number, name in enumerate(names)]
    pairs = dict.fromkeys((arm.student, arm.training, arm.dataset) for arm in trained)
    added = {"min": 0, "max": 0, "total": 0, "texts": {}}
    files["rendered"] = [hand_made.put(root, lineage.Rendered(*pair), "render", rows=800, cutoff=2048, truncated=0,
                                       prompt="p" * 64, ledger={**ledger, "lost": {"over_cutoff": 100}},
                                       teachers={name: 395 - place for place, name in enumerate(TEACHERS)},
                                       added_by_template=added) for pair in pairs]  # fmt: skip
    files["models"] = [model(root, arm, 1000 * (1 + names.index(arm.dataset)), dice, updates) for arm in trained]
    files["train_logs"] = [path.with_name("train_log.parquet") for path in files["models"]]
    skills = {name: np.random.default_rng(n).normal(0, 1.2, size) for n, (name, size) in
              enumerate(zip(recipe["benchmarks"], sizes, strict=True))}  # fmt: skip
    shifts = {arm: dice.gauss(-0.5, 0.3) for arm in arms}
    files["scores"] = [score(root, name, arm, skills[name] + shifts[arm], samples, n % 2 == 0)
                       for n, name in enumerate(skills) for arm in arms]  # fmt: skip
    files |= shifted(root, recipe, arms)
    files |= {"likelihoods": [], **suited(root, [arm.student for arm in arms], names)}
    files["unrendered"] = [unrendered(root, *pair) for pair in pairs]
    files["dataset_recipes"] = [path.with_name("provenance.json") for path in files["datasets"]]
    beside = ("dataset_recipes", "train_logs", "suitability_tables", "train_rows", "unrendered", "token_shift_tables")
    files["provenance"] = [path.with_name("provenance.json") for kind, paths in files.items() if kind not in beside
                           for path in paths]  # fmt: skip
    return files


def dataset(root: Path, name: str, number: int, ledger: Row) -> Path:
    """Write the manifest of a dataset: the first three differ in their budget, the others are mixes by their share."""
    funnel = {teacher: {step: 100 * count - 10 * number - place for step, count in hand_made.FUNNEL.items()}
              for place, teacher in enumerate(TEACHERS)}  # fmt: skip
    path = hand_made.put(root, lineage.Dataset(name), "mix", rows=800, ledger=ledger, funnel=funnel,
                         teachers=dict.fromkeys(TEACHERS, 400 - number))  # fmt: skip
    budget = {"teachers": TEACHERS[:1], "rows": 100 * (1 + number)}
    mix = {"teachers": TEACHERS, "shares": [number / 10, 1 - number / 10]}
    hand_made.change(path.with_name("provenance.json"), recipe={"corpus": CORPUS, **(budget if number < 3 else mix)})
    return path


def suited(root: Path, students: list[str], datasets: list[str]) -> hand_made.Files:
    """Write how well the teachers' responses suit each student, by chance, and which of them each dataset took."""
    found: hand_made.Files = {"suitability": [], "train_rows": []}
    problems = [f"p{n:03d}" for n in range(TRAINED_ROWS)]
    for student in dict.fromkeys(students):
        for teacher in TEACHERS:
            for draw in range(DRAWS):
                place = lineage.Suitability(CORPUS, f"teachers/{teacher}", "sampled", draw, hand_made.SHARD, student)
                dice = np.random.default_rng(crc32(place.manifest.encode()))
                rows = [suits(problem, draw, dice) for problem in problems]
                path = hand_made.put(root, place, "compute_suitability", 0.5, kind="suitability", rows=len(rows),
                                     rated=0, tokens=0)  # fmt: skip
                table = path.with_name("suitability.parquet")
                tables.write(table, tables.build(rows, tables.SUITABILITY), tables.SUITABILITY)
                found["suitability"].append(path)
    for number, name in enumerate(datasets):
        train = root / lineage.Dataset(name).file("train.parquet")
        rows = [{"problem_id": problem, "messages": [], "source": "x", "teacher": TEACHERS[(n + number) % 2],
                 "draw": (n // 2 + number) % DRAWS} for n, problem in enumerate(problems)]  # fmt: skip
        tables.write(train, tables.build(rows, tables.TRAIN), tables.TRAIN)
        found["train_rows"].append(train)
    return found | {"suitability_tables": [path.with_name("suitability.parquet") for path in found["suitability"]]}


WORDS = {
    "style": "wait but let so then hmm okay first check maybe",
    "words": "dial sum apples left many each day cost per total",
    "mathematics": r"= + 3 4 \frac { } x 12 <b>",
    "layout": ". , : ** - ( ) ; |",
    "stop": "</s>",
}


def shifted(root: Path, recipe: Row, arms: list[lineage.Arm]) -> hand_made.Files:
    """Write the token shift of every arm on every benchmark, and of the teachers under every student, by chance."""
    places = [lineage.TokenShift(benchmark, arm.model_path, "sampled", 0, hand_made.SHARD, arm.student)
              for benchmark in recipe["benchmarks"] for arm in arms]  # fmt: skip
    places += [lineage.TokenShift(CORPUS, f"teachers/{teacher}", "sampled", 0, hand_made.SHARD, student)
               for teacher in TEACHERS for student in dict.fromkeys(arm.student for arm in arms)]  # fmt: skip
    found = []
    for place in places:
        dice = np.random.default_rng(crc32(place.manifest.encode()))
        rows = [shifts(f"p{n:03d}", dice) for n in range(20)]
        sums = {name: sum(row[name] for row in rows) for name in ("tokens", "marginal", "shifted")}
        path = hand_made.put(root, place, "compute_token_shift", 0.5, kind="token_shift", rows=len(rows),
                             read=len(rows), surprisal=1.0, **sums)  # fmt: skip
        table = path.with_name("token_shift.parquet")
        tables.write(table, tables.build(rows, tables.TOKEN_SHIFT), tables.TOKEN_SHIFT)
        found.append(path)
    return {"token_shift": found, "token_shift_tables": [path.with_name("token_shift.parquet") for path in found]}


def shifts(problem: str, dice: Any) -> Row:
    """Return the row of one response in a table of token shift."""
    types = []
    for word, kind in ((word, kind) for kind, words in WORDS.items() for word in words.split()):
        count = int(dice.integers(1, 9))
        low, high = sorted(int(n) for n in dice.integers(0, count + 1, 2))
        types.append({"token": word, "kind": kind, "count": count, "marginal": high - low, "shifted": low,
                      "ranks": count + 2 * high + 9 * low})  # fmt: skip
    sums = {name: sum(each[name] for each in types) for name in ("marginal", "shifted")}
    tokens = sum(each["count"] for each in types)
    return {"problem_id": problem, "draw": 0, "tokens": tokens, **sums, "loglikelihood": -tokens * dice.uniform(0.5, 3),
            "types": types}  # fmt: skip


def suits(problem: str, draw: int, dice: Any) -> Row:
    """Return the row of one response in a table of suitability."""
    tokens = int(dice.integers(20, 200))
    ten = int(dice.binomial(tokens, 0.8))
    return {"problem_id": problem, "draw": draw, "tokens": tokens, "loglikelihood": -tokens * dice.uniform(0.5, 3),
            "ranks": int(tokens * dice.uniform(2, 30)), "top_1": int(dice.binomial(ten, 0.6)), "top_10": ten,
            "pieces": 3, "local": -float(dice.uniform(0.5, 3))}  # fmt: skip


def unrendered(root: Path, student: str, training: str, name: str) -> Path:
    """Write the ledger of rendered rows: a problem that a dataset has lost at its cutoff."""
    lost = [{"problem_id": f"p{crc32(name.encode()) % TRAINED_ROWS:03d}", "teacher": TEACHERS[0], "reason": "too_long"}]
    path = root / lineage.Rendered(student, training, name).file("ledger.parquet")
    tables.write(path, tables.build(lost, tables.LEDGER), tables.LEDGER)
    return path


def model(root: Path, arm: lineage.Arm, loss_tokens: int, dice: random.Random, updates: int) -> Path:
    """Write the manifest of a trained arm and its log; a later seed has seen some more tokens."""
    path, loss_tokens = hand_made.model(root, arm), loss_tokens * (9 + arm.seed) // 10
    seen = {name: 380 - place - arm.seed for place, name in enumerate(TEACHERS)}
    hand_made.change(path, updates=updates, loss_tokens=loss_tokens, tokens=2 * loss_tokens, rows=800, trained_on=seen)
    log = [{"update": i, "epoch": i / updates, "loss": dice.uniform(0.9, 1.1) * 2 / i**0.3, "lr": 0.1,
            "held_out_loss": 2.5 / i**0.2 if i % 50 == 0 else None} for i in range(1, updates + 1)]  # fmt: skip
    tables.write(path.with_name("train_log.parquet"), tables.build(log, tables.TRAIN_LOG), tables.TRAIN_LOG)
    return path


def score(root: Path, benchmark: str, arm: lineage.Arm, logits: Any, samples: int, has_levels: bool) -> Path:
    """Write the items of an arm on a benchmark, drawn by these log-odds, and their manifest."""
    dice = np.random.default_rng(crc32(f"{benchmark} {arm.path}".encode()))
    correct = dice.binomial(samples, 1 / (1 + np.exp(-logits)))
    left = samples - correct
    counts = {"correct": correct, "no_answer": dice.binomial(left, 0.2), "cut_off": dice.binomial(left, 0.1),
              "errors": dice.binomial(left, 0.02), "ungraded": dice.binomial(left, 0.01),
              "lenient": correct + dice.binomial(left, 0.1)}  # fmt: skip
    tokens = dice.lognormal(6, 0.5, len(correct)).astype(int)
    groups = {"level": [f"Level {n % 5 + 1}" if has_levels else None for n in range(len(correct))],
              "subject": [f"subject {n % 2}" if has_levels else None for n in range(len(correct))]}  # fmt: skip
    rows = [{"problem_id": f"p{n:05d}", "n_samples": samples, "response_tokens": int(tokens[n]),
             **{f"n_{name}": int(own[n]) for name, own in counts.items()},
             **{name: own[n] for name, own in groups.items()}} for n in range(len(correct))]  # fmt: skip
    shares = {name: float(counts[name].sum() / samples / len(correct)) for name in SHARES}
    by_group = {f"by_{name}": parts(own, correct, samples) for name, own in groups.items()}
    found = figures(correct, samples)
    several = {str(k): found for k in {1, samples}}
    facts = {"n_problems": len(correct), "n_samples": samples, **found, **shares, "loops": 0.0,
             "mean_tokens": float(tokens.mean() / samples), "policy": "rule",
             "by_grader": {"rule": found["accuracy"], "matcher": 0.5}, **by_group, "pass_at_k": several,
             "maj_at_k": several, "by_budget": {str(2**k): found for k in range(5, 13)}}  # fmt: skip
    path = hand_made.put(root, lineage.Score(benchmark, arm.model_path, "sampled"), "score", 0.25, **facts)
    tables.write(path.with_name("items.parquet"), tables.build(rows, tables.ITEMS), tables.ITEMS)
    return path


def figures(correct: Any, samples: int) -> Row:
    """Return an accuracy with its interval."""
    found = accuracy(correct, np.full(len(correct), samples))
    return {"accuracy": found.estimate, "ci_low": found.low, "ci_high": found.high}


def parts(names: list[str | None], correct: Any, samples: int) -> Row:
    """Return the accuracy of each group of problems."""
    places = {name: [n for n, own in enumerate(names) if own == name] for name in sorted({*names} - {None})}
    return {name: {"n_problems": len(own), **figures(correct[own], samples)} for name, own in places.items()}
