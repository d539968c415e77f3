"""A hand-made `results/` of one small study, whose scores, gaps and sections can be checked by hand."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import analyse
import contrast
from helpers import recipe

from distill import tables
from distill.config import lineage
from distill.config.analysed import BESIDE
from distill.runtime.files import read_json, write_json

DATASETS = ("hard", "easy", "mixed")
SHARES = {"hard": [1.0, 0.0], "easy": [0.0, 1.0], "mixed": [0.25, 0.75]}  # of two teachers
ARMS = [lineage.Arm.base("s"), *(lineage.Arm("s", "t", d, seed) for d in DATASETS for seed in (1, 2))]
STUDY = {
    "title": "Two arms",
    "arms": [{"students": ["s"], "datasets": list(DATASETS), "training": "t", "seeds": [1, 2]}],
    "benchmarks": ["b"],
    "decoding": "greedy",
    "gaps": {
        "hard_gap": {"plus": "hard", "minus": ["easy"]},
        "mix_gain": {"plus": "mixed", "minus": ["hard", "easy"]},
        "gain": {"plus": "hard", "minus": ["base"]},
    },
}
CORRECT = {
    "b": {"hard": [1, 1, 1, 0], "easy": [1, 0, 0, 0], "mixed": [1, 1, 0, 0], "base": [0, 0, 0, 0]},
    "c": {"hard": [1, 1], "easy": [0, 0], "mixed": [1, 0], "base": [0, 0]},
}
FUNNEL = {"problems": 9, "generated": 8, "stopped": 7, "answered": 6, "correct": 5, "curated": 4, "paired": 3}
SHARD = "00-of-01"
Files = dict[str, list[Path]]


def put(root: Path, place: lineage.Place, program: str, seconds: float = 0.0, **facts: Any) -> Path:
    """Write a place's manifest and provenance below `root`; return the manifest's path."""
    path = root / place.manifest
    write_json(path.with_name("provenance.json"),
               {"program": f"{program}.py", "seconds": seconds, "versions": {"python": "3.11"}})  # fmt: skip
    write_json(path, {**facts, "identity": place.identity})
    return path


def change(path: Path, **facts: Any) -> None:
    """Replace facts of a JSON file."""
    write_json(path, {**read_json(path), **facts})


def score(root: Path, benchmark: str, arm: lineage.Arm) -> Path:
    """Write the score of an arm and its items."""
    correct = CORRECT[benchmark][arm.dataset]
    share = sum(correct) / len(correct)
    facts = {"n_problems": len(correct), "n_samples": 1, "accuracy": share, "ci_low": 0.0, "ci_high": 1.0,
             "no_answer": 0.25, "cut_off": 0.125, "errors": 0.0, "lenient": share, "ungraded": 0.0,
             "mean_tokens": 9.5, "policy": "rule",
             "by_grader": {"rule": share, "matcher": 0.125},
             "by_level": {"1": {"n_problems": len(correct), "accuracy": share, "ci_low": 0.0, "ci_high": 1.0}},
             "by_subject": {}, "pass_at_k": {}, "maj_at_k": {}, "loops": 0.0,
             "by_budget": {"32": {"accuracy": share, "ci_low": 0.0, "ci_high": 1.0}}}  # fmt: skip
    path = put(root, lineage.Score(benchmark, arm.model_path, "greedy"), "score", 0.25, **facts)
    items(path, [str(i) for i in range(len(correct))], correct)
    return path


# Nats per token that an arm takes more than another, for each solution; for each answer as many less.
NATS = {"hard": 0.0, "easy": 0.25, "mixed": 0.125, "base": 0.5}


def likelihood(root: Path, benchmark: str, arm: lineage.Arm, lost: int = 0) -> Path:
    """Write the likelihoods of an arm, in which it cannot read the first `lost` texts; solutions have 4 tokens each."""
    place = lineage.Likelihoods(benchmark, arm.model_path)
    more, count = NATS[arm.dataset], len(CORRECT[benchmark][arm.dataset])
    nats = [1 + i + more + (i == 3) * more for i in range(count)]
    rows = [{"problem_id": str(i)} if i < lost else
            {"problem_id": str(i), "solution_loglikelihood": -4 * nats[i], "solution_tokens": 4,
             "answer_loglikelihood": -2 * (2 + i - more), "answer_tokens": 2} for i in range(count)]  # fmt: skip
    facts = {"rows": count, "solutions": count - lost, "answers": count - lost, "solution_nats": 1 + more,
             "answer_nats": 2 - more}  # fmt: skip
    path = put(root, place, "compute_loglikelihood", 0.25, **facts)
    tables.write(path.with_name("likelihoods.parquet"), tables.build(rows, tables.LIKELIHOODS), tables.LIKELIHOODS)
    return path


def items(path: Path, ids: list[str], correct: list[int]) -> None:
    """Write the items beside the manifest of a score."""
    rows = [{"problem_id": i, "level": "1", "n_samples": 1, "n_correct": c, "n_no_answer": 0, "n_cut_off": 0,
             "n_errors": 0, "n_ungraded": 0, "n_lenient": c,
             "response_tokens": 9} for i, c in zip(ids, correct, strict=True)]  # fmt: skip
    tables.write(path.with_name("items.parquet"), tables.build(rows, tables.ITEMS), tables.ITEMS)


def model(root: Path, arm: lineage.Arm) -> Path:
    """Write the manifest of a trained arm and its log."""
    shared = {"recipe": {"global_batch": 4, "packing": False, "lr": 0.1}, "base_digest": "b" * 64, "code": "c"}
    facts = {**shared, "updates": 10, "epochs": 1.0, "rows": 8, "tokens": 80, "loss_tokens": 40, "final_loss": 0.5,
             "loss_spikes": 0, "trained_on": {"teacher": 1},
             "ledger": {"rows_in": 2, "rows_out": 1, "lost": {"not_reached": 1}}}  # fmt: skip
    place = lineage.TrainedModel(arm.student, arm.training, arm.dataset, arm.seed)
    path = put(root, place, "train", 10.2, **facts)
    rows = [{"update": i, "epoch": 0.1 * i, "loss": 1 / i, "lr": 0.1} for i in range(1, 4)]
    tables.write(path.with_name("train_log.parquet"), tables.build(rows, tables.TRAIN_LOG), tables.TRAIN_LOG)
    return path


def teachers(root: Path) -> Files:
    """Write what the teachers said of corpus `c0`, in two draws, and how it was graded."""
    who = "c0", "teachers/teacher", "greedy"
    graded = {"verdicts": {"correct": 3, "wrong": 2, "no_answer": 1, "cut_off": 1, "timeout": 1},
              "agreement": {"rule, matcher": {"rows": 4, "agree": 3, "rule_only": 1, "matcher_only": 0}}}  # fmt: skip
    pairs = {"0, 1": {"both": 3, "same": 2}}
    rated = lineage.Loglikelihoods(*who, 0, SHARD, "s")
    signals = [
        put(root, lineage.Contamination("c0"), "find_contamination", kind="contamination",
            benchmarks={"b": {"exact": 1, "overlap": 2}}),
        put(root, lineage.Duplicates("c0"), "find_duplicates", kind="duplicates", rows=2, problems=9),
        put(root, rated, "compute_loglikelihood", kind="loglikelihoods", tokens=3, perplexity=4.0),
        put(root, lineage.Loglikelihoods(*who, 1, SHARD, "s"), "compute_loglikelihood", kind="loglikelihoods",
            tokens=1, perplexity=64.0),
    ]  # fmt: skip
    kept = {"rows_in": 9, "rows_out": 9, "lost": {}}
    some = {"rows_in": 9, "rows_out": 7, "lost": {"tie": 2}}
    return {
        "agreements": [put(root, lineage.Agreement("agreed"), "find_agreement", ledger=some)],
        "problems": [put(root, lineage.Problems("c0"), "fetch_problems", ledger=kept)],
        "responses": [put(root, lineage.Responses(*who, draw, SHARD), "generate", 2.0, saved=draw, rows=4,
                          response_tokens=40 + draw) for draw in (0, 1)],
        "verdicts": [put(root, lineage.Verdicts(*who, draw, SHARD), "verify", 1.4, **graded) for draw in (0, 1)],
        "golds": [put(root, lineage.Golds("c0"), "check_golds", rows=9, unverifiable=4,
                      examples={"p3": "odd", "p4": "<b>", "p5": "even", "p6": "left out"}),
                  put(root, lineage.Golds("b"), "check_golds", rows=4, unverifiable=0, examples={})],
        "repeats": [put(root, lineage.Repeats(*who), "count_repeats", rows=7, repeated=2, pairs=pairs),
                    put(root, lineage.Repeats("b", "students/s/base", "greedy"), "count_repeats", rows=4, repeated=0,
                        pairs={})],
        "signals": signals,
    }  # fmt: skip


# Of p0, p1 and p2 in two draws: what the student makes of them. Each dataset takes these draws; p2 is not rendered.
SUITED = {
    ("p0", 0): (4, 8.0, 12, 1, 3, -2.0),
    ("p1", 0): (4, 12.0, 24, 0, 2, -4.0),
    ("p2", 0): (4, 99.0, 400, 0, 0, -9.0),
    ("p0", 1): (4, 4.0, 6, 3, 4, -1.0),
    ("p1", 1): (4, 4.0, 8, 2, 4, -1.0),
    ("p2", 1): (4, 99.0, 400, 0, 0, -9.0),
}
TAKEN = {"hard": (0, 0, 0), "easy": (1, 1, 1), "mixed": (0, 1, 1)}


def suited(root: Path) -> Files:
    """Write how well both draws suit the student, and the rows of the datasets that were made of them."""
    found: Files = {"suitability": [], "train_rows": [], "unrendered": []}
    names = ("tokens", "loglikelihood", "ranks", "top_1", "top_10", "local")
    for draw in (0, 1):
        place = lineage.Suitability("c0", "teachers/teacher", "greedy", draw, SHARD, "s")
        rows = [{"problem_id": problem, "draw": draw, "pieces": 1,
                 **dict(zip(names, (facts[0], -facts[1], *facts[2:]), strict=True))}
                for (problem, own), facts in SUITED.items() if own == draw]  # fmt: skip
        path = put(root, place, "compute_suitability", 0.5, kind="suitability", rows=3, rated=3, tokens=12,
                   surprisal=2.0 - draw, rank=3.0, overlap_1=0.25, overlap_10=0.75, local_naturalness=-1.5)  # fmt: skip
        tables.write(path.with_name("suitability.parquet"), tables.build(rows, tables.SUITABILITY), tables.SUITABILITY)
        found["suitability"].append(path)
    for dataset, draws in TAKEN.items():
        train = root / lineage.Dataset(dataset).file("train.parquet")
        rows = [{"problem_id": f"p{i}", "messages": [], "source": "x", "teacher": "teacher", "draw": draw}
                for i, draw in enumerate(draws)]  # fmt: skip
        tables.write(train, tables.build(rows, tables.TRAIN), tables.TRAIN)
        ledger = root / lineage.Rendered("s", "t", dataset).file("ledger.parquet")
        lost = [{"problem_id": "p2", "teacher": "teacher", "reason": "too_long"}]
        tables.write(ledger, tables.build(lost, tables.LEDGER), tables.LEDGER)
        found["train_rows"].append(train)
        found["unrendered"].append(ledger)
    return found | {"suitability_tables": [path.with_name("suitability.parquet") for path in found["suitability"]]}


# Of p0 and p1: token and kind -> the ranks that the untouched student gives to it. The arms trained on `hard` and the
# teacher write the same; the others write what the student would.
WROTE = {
    "p0": {("wait", "style"): [9, 200, 4], ("dial", "words"): [1, 2], ("=", "mathematics"): [1, 1, 3]},
    "p1": {("wait", "style"): [8], ("=", "mathematics"): [1], (".", "layout"): [1], ("</s>", "stop"): [5]},
}


def shifted(root: Path, benchmarks: tuple[str, ...]) -> Files:
    """Write the token shift of all arms and of the teacher; of each arm one more response could not be read."""
    places = [lineage.TokenShift(benchmark, arm.model_path, "greedy", 0, SHARD, "s")
              for benchmark in benchmarks for arm in ARMS]  # fmt: skip
    places.append(lineage.TokenShift("c0", "teachers/teacher", "greedy", 0, SHARD, "s"))
    found = []
    for place in places:
        as_before = place.model_path.startswith("students/") and "/hard/" not in place.model_path
        rows = [shift_row(problem, words, as_before) for problem, words in WROTE.items()]
        sums = {name: sum(row[name] for row in rows) for name in ("tokens", "marginal", "shifted")}
        path = put(root, place, "compute_token_shift", 0.25, kind="token_shift", rows=3, read=2, surprisal=1.0, **sums)
        contract = tables.TOKEN_SHIFT
        tables.write(path.with_name("token_shift.parquet"),
                     tables.build([*rows, {"problem_id": "p2", "draw": 0}], contract), contract)  # fmt: skip
        found.append(path)
    return {"token_shift": found, "token_shift_tables": [path.with_name("token_shift.parquet") for path in found]}


def shift_row(problem: str, words: Mapping[tuple[str, str], list[int]], as_before: bool) -> dict[str, Any]:
    """Return the row of a response; `as_before`: every token is the untouched student's likeliest."""
    types = []
    for (token, kind), known in sorted(words.items()):
        ranks = [1] * len(known) if as_before else known
        types.append({"token": token, "kind": kind, "count": len(ranks), "marginal": sum(r in (2, 3) for r in ranks),
                      "shifted": sum(r > 3 for r in ranks), "ranks": sum(min(r, 100) for r in ranks)})  # fmt: skip
    sums = {name: sum(own[name] for own in types) for name in ("marginal", "shifted")}
    tokens = sum(own["count"] for own in types)
    return {"problem_id": problem, "draw": 0, "tokens": tokens, **sums, "loglikelihood": -float(tokens), "types": types}


def results(root: Path, benchmarks: tuple[str, ...] = ("b",)) -> Files:
    """Write the whole tree below `root`; return kind -> files, without the tables of the contrasts."""
    trained = [arm for arm in ARMS if arm.is_trained]
    ledger = {"rows_in": 5, "rows_out": 3, "lost": {"not_paired": 2}}
    files = teachers(root)
    files["datasets"] = [put(root, lineage.Dataset(d), "mix", rows=3, ledger=ledger, teachers={"teacher": 3},
                             funnel={"teacher": FUNNEL}) for d in DATASETS]  # fmt: skip
    for path, dataset in zip(files["datasets"], DATASETS, strict=True):
        change(
            path.with_name("provenance.json"),
            recipe={"corpus": "c0", "teachers": ["long", "short"], "shares": SHARES[dataset]},
        )
    files["dataset_recipes"] = [path.with_name("provenance.json") for path in files["datasets"]]
    whole = {"rows_in": 3, "rows_out": 2, "lost": {"too_long": 1}}
    nothing = {"min": 0, "max": 0, "total": 0, "texts": {}}
    files["rendered"] = [put(root, lineage.Rendered("s", "t", d), "render", rows=2, cutoff=64, truncated=0,
                              prompt="p" * 64, ledger=whole,
                             teachers={"teacher": 2}, added_by_template=nothing) for d in DATASETS]  # fmt: skip
    files |= suited(root)
    files["signals"] += files["suitability"]
    files["models"] = [model(root, arm) for arm in trained]
    files["train_logs"] = [path.with_name("train_log.parquet") for path in files["models"]]
    files["scores"] = [score(root, benchmark, arm) for benchmark in benchmarks for arm in ARMS]
    files |= shifted(root, benchmarks)
    files["likelihoods"] = [likelihood(root, benchmark, arm) for benchmark in benchmarks for arm in ARMS]
    files["provenance"] = [path.with_name("provenance.json") for kind, paths in files.items()
                           if kind not in (*BESIDE, "suitability") for path in paths]  # fmt: skip
    return files


def as_json(files: Mapping[str, list[Path]]) -> str:
    """Return files as the option --inputs."""
    return json.dumps({kind: list(map(str, paths)) for kind, paths in files.items()})


def tabulated(root: Path, files: Files, sizes: Any = None, **changes: Any) -> Path:
    """Run contrast.py; return its folder. `sizes` are the students' parameters."""
    output = root / lineage.Contrasts().file("scores.csv")
    inputs = as_json({kind: files[kind] for kind in ("scores", "likelihoods", "models", "rendered")})
    study = recipe(studies={"study": {**STUDY, **changes}}, parameters=sizes or {})
    contrast.main(["--inputs", inputs, "--recipe", study, "--output", str(output)])
    return output.parent


def published(path: Path, *lines: str, columns: str = "student,dataset,benchmarks,points,source") -> Path:
    """Write a table of published numbers; return its path."""
    path.write_text("\n".join((columns, *lines)) + "\n")
    return path


def csvs(folder: Path) -> Files:
    """Return the tables in the folder of the contrasts, by the kinds that analyses need; no references."""
    names = {"scores_csv": "scores", "gaps": "gaps", "means": "means", "breakdowns": "breakdowns"}
    return {"references": []} | {kind: [folder / f"{name}.csv"] for kind, name in names.items()}


def section(root: Path, name: str, files: Mapping[str, list[Path]], **shown: Any) -> dict[str, Any]:
    """Run analyse.py; return the section. `shown` are labels, and the students by size."""
    output = root / lineage.Analysis(name).file("section.json")
    options = ["--inputs", as_json(files), "--recipe", recipe(**shown), "--output", str(output)]
    analyse.main(["--analysis", name, *options])
    return read_json(output)


def rows_of(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file as text."""
    return list(csv.DictReader(path.read_text().splitlines()))
