"""Changed answers: which problems an arm gets right that another does not, and the other way round."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from distill.analyses.section import Block, Inputs, Row, Section, Table
from distill.config.labels import UNTOUCHED
from distill.config.lineage import BASE
from distill.scores.arms import Score, read_scores
from distill.scores.csvs import read_csv
from distill.scores.measures import ACCURACY
from distill.scores.readings import p_text
from distill.training.parity import NOT_COMPARABLE

NEEDS = ("scores", "gaps")
ORDER = 31
MOST = 200  # rows of a table of the page; where there are more it adds the benchmarks up
COUNTS = ("problems", "turned right", "turned wrong", "both right", "neither")
TEXT = (
    "Of two arms on the same problems, the first of each pair against the second: problems that it gets right and the "
    "other does not (turned right), and that it gets wrong and the other does not (turned wrong). A problem is right "
    "where more than half of its samples are. p is McNemar's exact one, two-sided, of the problems that turned; it is "
    "about these two models alone, and corrected for nothing: readings stand with the students. Seeds are compared "
    "with the same seed of the other arm; arms without parity are left out.",
)
SUMMED = "Here is the first seed, its benchmarks added up; table.csv of this analysis has each seed and benchmark."
Seeds = Mapping[int, Score]


def analyse(inputs: Inputs) -> Section:
    """Return the section on changed answers, from gaps.csv and the items of the scores."""
    found = list(compared(read_csv(*inputs["gaps"]), inputs))
    rows = [row for row, _ in found]
    is_short = len(rows) <= MOST
    shown = [{**row, **link} for row, link in found] if is_short else added_up(rows)
    text = (*TEXT, *([] if is_short else [SUMMED]))
    titles = {"Against the untouched student": True, "Between arms": False}
    parts = {title: [row for row in shown if (row["against"] == UNTOUCHED) == wanted]
             for title, wanted in titles.items()}  # fmt: skip
    columns = [name for name in rows[0] if name != "study" or len({row["study"] for row in rows}) > 1] if rows else []
    blocks = tuple(Block(title, tables=(Table(title, own, columns),), open=True) for title, own in parts.items() if own)
    return Section("Changed answers", text, rows, blocks=blocks)


def compared(gaps: Sequence[Mapping[str, Any]], inputs: Inputs) -> Iterator[tuple[Row, Row]]:
    """Yield a row for each pair of arms, seed and benchmark, and what its links need; each pair once in a study."""
    arms: dict[tuple[str, ...], dict[int, Score]] = defaultdict(dict)
    for score in read_scores(inputs["scores"]).values():
        arm = score.arm
        arms[arm.student, arm.dataset, arm.training, score.benchmark, score.decoding][arm.seed] = score
    places = sorted({key[3:] for key in arms})
    seen = set()
    for gap in gaps:
        is_fair = not gap["parity"].startswith(NOT_COMPARABLE)
        if gap["measure"] != ACCURACY.name or not is_fair or gap["estimate"] is None or not gap["minus"]:
            continue
        for place in (place for place in places if place[0] == gap["benchmark"]):
            sides = [arms.get((gap["student"], *_arm(gap, side), *place), {}) for side in ("plus", "minus")]
            for own, other in _same_seeds(*sides):
                if (key := (gap["study"], own.arm, other.arm, place)) not in seen:
                    seen.add(key)
                    yield _row(gap, own, other), _linked(own, other)


def _arm(gap: Mapping[str, Any], side: str) -> tuple[str, str]:
    """Return dataset and training of a side, which is called by its dataset, or by both: `dataset (training)`."""
    dataset, _, training = str(gap[side]).partition(" (")
    return (BASE, BASE) if dataset == BASE else (dataset, training.removesuffix(")") or gap["training"])


def _same_seeds(plus: Seeds, minus: Seeds) -> Iterator[tuple[Score, Score]]:
    """Yield the scores of the same seed; the untouched student has one, which is compared with all."""
    for seed in sorted(plus):
        other = next(iter(minus.values()), None) if _is_base(minus) else minus.get(seed)
        if other is not None:
            yield plus[seed], other


def _is_base(seeds: Seeds) -> bool:
    return any(not score.arm.is_trained for score in seeds.values())


def _row(gap: Mapping[str, Any], own: Score, other: Score) -> Row:
    right, before = (dict(zip(score.problem_ids, (score.means > 0.5).tolist(), strict=True)) for score in (own, other))
    pairs = [(right[problem], before[problem]) for problem in right.keys() & before.keys()]
    both, gained, lost, neither = (pairs.count(pair) for pair in product((True, False), repeat=2))
    against = UNTOUCHED if not other.arm.is_trained else gap["minus"]
    return {"study": gap["study"], "student": own.arm.student, "trained on": gap["plus"], "against": against,
            "seed": own.arm.seed, "benchmark": own.benchmark,
            **dict(zip(COUNTS, (len(pairs), gained, lost, both, neither), strict=True)),
            "p": p_text(mcnemar(gained, lost))}  # fmt: skip


def _linked(own: Score, other: Score) -> Row:
    """Return what the links of a row need. The browser pairs draws, which of several samples are no problems."""
    if own.facts["n_samples"] > 1 or other.facts["n_samples"] > 1:
        return {}
    pairs = {"turned right": "first", "turned wrong": "second", "both right": "both", "neither": "neither"}
    return {"arm": own.arm.path, "other": other.arm.path, "decoding": own.decoding, "pairs": pairs}


def mcnemar(gained: int, lost: int) -> float:
    """Return McNemar's exact two-sided p of so many pairs that turned each way; 1 where none did."""
    from scipy.stats import binomtest

    return float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0


def added_up(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of the first seed of each pair of arms, added up over benchmarks."""
    found: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        found[row["study"], row["student"], row["trained on"], row["against"]].append(row)
    summed = []
    for own in found.values():
        first = [row for row in own if row["seed"] == own[0]["seed"]]
        counts = {name: sum(row[name] for row in first) for name in COUNTS}
        p = p_text(mcnemar(counts["turned right"], counts["turned wrong"]))
        summed.append({**first[0], **counts, "benchmark": f"all {len(first)}", "p": p})
    return summed
