"""Suitability of the datasets of a study: what was rated, the tables of it, and how it goes with the gains."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill.analyses.section import Inputs, Row
from distill.analyses.shares import recipes
from distill.config.lineage import BASE
from distill.datasets.suitability import COLUMNS, SIGNALS
from distill.runtime.files import read_json
from distill.scores.measures import MEASURES
from distill.scores.numbers import points

if TYPE_CHECKING:
    from distill.scores.accuracy import Interval

TITLES = {
    "perplexity": "perplexity", "rank_surprisal": "rank-surprisal ratio", "local_naturalness": "local naturalness",
    "overlap_1": "overlap, first", "overlap_10": "overlap, first ten",
}  # fmt: skip
Keyed = dict[tuple[str, str, str], dict[tuple[str, int], Mapping[str, Any]]]  # student, corpus, teacher -> rows


@dataclass(frozen=True)
class Rated:
    """The rows of a dataset as a student is taught them by a training, and what the signals say of them."""

    student: str
    training: str
    dataset: str
    rows: int
    figures: Mapping[str, "Interval"]

    @property
    def group(self) -> tuple[str, str]:
        """Return who is compared with each other: datasets of one student and training."""
        return self.student, self.training


@dataclass(frozen=True)
class Gain:
    """What an arm gained over the untouched student by one measure: a row of gaps.csv."""

    study: str
    measure: str
    row: Mapping[str, Any]


Gains = dict[tuple[str, str, str], list[Gain]]  # student, training, dataset


def rated(inputs: Inputs) -> list[Rated]:
    """Return every rendered dataset whose rows were rated by its student, by student and training."""
    from distill.scores.suitability import figures

    keyed, made = read_rated(inputs["suitability_tables"], inputs["suitability"]), recipes(inputs["dataset_recipes"])
    train = {path.parent.name: path for path in inputs["train_rows"]}
    lost = {path.parent: path for path in inputs["unrendered"]}
    found = []
    for manifest in inputs["rendered"]:
        who = read_json(manifest)["identity"]
        student, dataset = who["student"], who["dataset"]
        gone = _lost(lost[manifest.parent])
        rows = [row for row in _taught(keyed, student, made[dataset]["corpus"], train[dataset], gone)
                if row["tokens"] is not None]  # fmt: skip
        if rows:
            found.append(Rated(student, who["training"], dataset, len(rows), figures(rows)))
    return sorted(found, key=lambda each: (*each.group, each.dataset))


def read_rated(paths: Sequence[Path], manifests: Sequence[Path]) -> Keyed:
    """Return the rows of all tables of suitability, by student, corpus and teacher, then by problem and draw."""
    from distill import tables
    from distill.tables import graded

    keyed: Keyed = defaultdict(dict)
    for path, manifest in zip(paths, manifests, strict=True):
        who = read_json(manifest)["identity"]
        teacher = who["model_path"].removeprefix("teachers/")
        rows = graded.rows_by_key(path, tables.SUITABILITY, COLUMNS)
        keyed[who["student"], who["corpus"], teacher] |= rows
    return dict(keyed)


def _lost(ledger: Path) -> set[str]:
    """Return the problems whose row was not rendered."""
    from distill import tables

    return set(tables.read(ledger, tables.LEDGER, ["problem_id"])["problem_id"].to_pylist())


def _taught(keyed: Keyed, student: str, corpus: str, train: Path, lost: set[str]) -> Iterable[Mapping[str, Any]]:
    """Yield the rated rows of a dataset but those that were not rendered; none of a teacher that was not rated."""
    from distill import tables

    for row in tables.read(train, tables.TRAIN, ["problem_id", "teacher", "draw"]).to_pylist():
        own = keyed.get((student, corpus, row["teacher"]), {})
        key = row["problem_id"], row["draw"]
        if row["problem_id"] not in lost and key in own:
            yield own[key]


def gains(gaps: Sequence[Mapping[str, Any]]) -> Gains:
    """Return what the arms gained over the untouched student, over all benchmarks of their study."""
    found: Gains = defaultdict(list)
    seen = set()
    for row in gaps:
        if row["minus"] == BASE and row["primary"] == "yes" and row["estimate"] is not None:
            dataset = row["plus"].removesuffix(f" ({row['training']})")
            key = row["study"], row["student"], row["training"], dataset, row["measure"]
            if key not in seen:
                found[row["student"], row["training"], dataset].append(Gain(row["study"], row["measure"], row))
            seen.add(key)
    return dict(found)


def orders(own: Sequence[Rated], signal: str) -> dict[str, int]:
    """Return dataset -> its place by a signal, 1 for what suits best; equal ones share the better place."""
    better = {each.dataset: SIGNALS[signal].better * each.figures[signal].estimate for each in own}
    return {name: 1 + sum(other > value for other in better.values()) for name, value in better.items()}


def _groups(found: Iterable[Rated]) -> dict[tuple[str, str], list[Rated]]:
    groups: dict[tuple[str, str], list[Rated]] = defaultdict(list)
    for each in found:
        groups[each.group].append(each)
    return groups


def correlations(found: Sequence[Rated], gained: Gains) -> list[Row]:
    """Return a row for each student, training, measure and signal with enough datasets that have a gain."""
    from distill.scores.suitability import spearman

    rows = []
    for (student, training), own in _groups(found).items():
        pairs: dict[tuple[str, str], list[tuple[Rated, float]]] = defaultdict(list)
        for each in own:
            for gain in gained.get((*each.group, each.dataset), ()):
                pairs[gain.study, gain.measure].append((each, gain.row["estimate"]))
        for (study, measure), known in pairs.items():
            for signal, (_, better) in SIGNALS.items():
                values = [better * each.figures[signal].estimate for each, _ in known]
                if found_ := spearman(values, [gain for _, gain in known]):
                    rows.append({"study": study, "student": student, "training": training, "datasets": found_.count,
                                 "gain in": MEASURES[measure].title, "signal": TITLES[signal],
                                 "Spearman": f"{found_.rho:+.2f}", "p": f"{found_.p_value:.3f}",
                                 "orders": "all" if found_.exact else "sampled"})  # fmt: skip
    return rows


def said(correlated: Sequence[Row]) -> list[str]:
    """Return in words how little so few datasets can show."""
    from distill.scores.suitability import LEAST, least_p

    if not correlated:
        return [f"No student and training has gains of {LEAST} datasets that were rated: no order can be judged."]
    counts = sorted({row["datasets"] for row in correlated})
    most = counts[-1]
    least = f"{least_p(most):.1g}" if most > 5 else f"{least_p(most):.2f}"
    number = str(most) if len(counts) == 1 else f"{counts[0]} to {most}"
    small = sum(float(row["p"]) <= 0.05 for row in correlated)
    return [
        f"Few datasets: {number} of a student and training. The least p that {most} can give is {least}; a correlation "
        f"of so few is uncertain, and one in twenty reaches 0.05 by chance. Of these {len(correlated)} correlations "
        f"{small} {'has' if small == 1 else 'have'} a p of at most 0.05."
    ]


def _figure(figure: "Interval", signal: str) -> str:
    """Return a figure with its interval, `1.234 (1.2 to 1.3)`; an overlap in percent with one decimal."""
    how = ("", 100.0, 1) if signal.startswith("overlap") else ("", 1.0, 3)
    text, low, high = (points(end, *how) for end in (figure.estimate, figure.low, figure.high))
    return f"{text}" if math.isnan(figure.low) else f"{text} ({low} to {high})"


def signal_rows(found: Sequence[Rated]) -> list[Row]:
    """Return a row per student, training and dataset with every signal."""
    return [{"student": each.student, "training": each.training, "dataset": each.dataset, "rows": each.rows,
             **{TITLES[signal]: _figure(each.figures[signal], signal) for signal in SIGNALS}}
            for each in found]  # fmt: skip


def order_rows(found: Sequence[Rated], gained: Gains) -> list[Row]:
    """Return a row per student, training and dataset with its place by each signal, and its gains."""
    measures = [name for name in MEASURES if any(gain.measure == name for own in gained.values() for gain in own)]
    rows = []
    for own in _groups(found).values():
        places = {signal: orders(own, signal) for signal in SIGNALS}
        for each in own:
            row: Row = {"student": each.student, "training": each.training, "dataset": each.dataset}
            row |= {TITLES[signal]: places[signal][each.dataset] for signal in SIGNALS}
            known = {gain.measure: gain.row for gain in gained.get((*each.group, each.dataset), ())}
            rows.append(row | {f"gain, {MEASURES[name].title}": gain_text(name, known.get(name)) for name in measures})
    return rows


def gain_text(measure: str, row: Mapping[str, Any] | None) -> str | None:
    """Return a gain with its interval in the unit of its measure."""
    if row is None:
        return None
    how = MEASURES[measure].scale, MEASURES[measure].decimals
    low, high = (points(row[end], "+", *how) for end in ("ci_low", "ci_high"))
    return f"{points(row['estimate'], '+', *how)} ({low} to {high})"


def long_rows(found: Sequence[Rated]) -> list[Row]:
    """Return a row per dataset and signal, with its place, as the table beside the section has them."""
    rows = []
    for own in _groups(found).values():
        for signal in SIGNALS:
            places = orders(own, signal)
            for each in own:
                figure = each.figures[signal]
                rows.append({"student": each.student, "training": each.training, "dataset": each.dataset,
                             "rows": each.rows, "signal": signal, "value": figure.estimate,
                             "ci_low": _known(figure.low), "ci_high": _known(figure.high),
                             "place": places[each.dataset]})  # fmt: skip
    return rows


def _known(end: float) -> float | None:
    return None if math.isnan(end) else end
