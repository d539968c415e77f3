"""The tables of one student: its arms before and after training, its contrasts, benchmarks, seeds, and levels."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from distill.analyses import contrast_rows
from distill.analyses.arm_names import arm_names
from distill.analyses.levels import GROUPS, MOST, natural
from distill.analyses.section import Row, Table
from distill.config.labels import Labels
from distill.config.lineage import BASE
from distill.scores.numbers import interval, points
from distill.scores.readings import amount, is_declared, parity

GAINED = ("gain", "95 % of the gain", "reading", "p (Holm)", "seeds (SD)", "parity")
ARMS = ("trained on", "accuracy", "95 % interval", *GAINED)
Facts = Mapping[str, Any]


def primary(means: Iterable[Facts]) -> str:
    """Return the name of the benchmark, or of the mean over all, that stands for the arms of rows of means.csv."""
    return max(means, key=lambda row: row["n_benchmarks"])["benchmark"]


@dataclass(frozen=True)
class Student:
    """The rows of means.csv, gaps.csv, scores.csv and breakdowns.csv that are of one student of one study."""

    means: Sequence[Facts]
    gaps: Sequence[Facts]
    scores: Sequence[Facts]
    parts: Sequence[Facts]

    @classmethod
    def of(cls, means: Sequence[Facts], gaps: Sequence[Facts], *others: Sequence[Facts]) -> "Student":
        """Return a student; the `others`, which are sorted by name, get the order of the means, that of the study."""
        places = {pair: place for place, pair in enumerate((row["dataset"], row["training"]) for row in means)}
        scores, parts = (sorted(rows, key=lambda row: places[row["dataset"], row["training"]]) for rows in others)
        return cls(means, gaps, scores, parts)

    @cached_property
    def names(self) -> dict[tuple[str, str], str]:
        """Return (dataset, training) -> what the arm is called."""
        return arm_names((row["dataset"], row["training"]) for row in self.means)

    @cached_property
    def primary(self) -> str:
        """Return the name of the benchmark, or of the mean over all, that stands for an arm."""
        return primary(self.means)

    def gain(self, mean: Facts) -> Facts | None:
        """Return the row of gaps.csv that compares an arm with the untouched student; None of that student itself."""
        wanted = mean["training"], mean["dataset"], mean["benchmark"]
        for gap in self.gaps:
            plus = gap["plus"].removesuffix(f" ({gap['training']})")
            if gap["minus"] == BASE and (gap["training"], plus, gap["benchmark"]) == wanted:
                return gap
        return None

    def contrasts(self, primary: bool) -> list[Facts]:
        """Return the declared contrasts, those that stand for themselves or those of single benchmarks."""
        return [gap for gap in self.gaps if is_declared(gap) and (gap["primary"] == "yes") == primary]


def arms_table(title: str, student: Student, means: Sequence[Facts], *further: str) -> Table:
    """Return rows of means.csv, each with what its training gained; `further` columns stand before the figures."""
    columns = (ARMS[0], *further, *ARMS[1:])
    gains = [student.gain(mean) for mean in means]
    marks = tuple("" if gain is None else contrast_rows.marks([gain])[0] for gain in gains)
    rows = [_arm(student, mean, gain) for mean, gain in zip(means, gains, strict=True)]
    return Table(title, rows, columns, "gain", marks)


def _arm(student: Student, mean: Facts, gain: Facts | None) -> Row:
    gained = dict.fromkeys(GAINED)
    if gain is not None:
        shown = contrast_rows.row(gain)
        values = (
            amount(gain),
            shown["95 % interval"],
            shown["reading"],
            shown["p (Holm)"],
            shown["seeds (SD)"],
            parity(gain),
        )
        gained = dict(zip(GAINED, values, strict=True))
    return {
        "trained on": student.names[mean["dataset"], mean["training"]],
        "benchmark": mean["benchmark"],
        "problems": mean["n_problems"],
        "accuracy": points(mean["accuracy"]),
        "95 % interval": interval(mean),
        **gained,
        **_linked(mean, student.scores, gain),
    }


def _linked(mean: Facts, scores: Iterable[Facts], gain: Facts | None) -> Row:
    """Return what the links of a row need. The mean of several seeds has no responses of one arm behind it."""
    names = ("dataset", "training", "benchmark")
    seeds = [row["seed"] for row in scores if all(row[name] == mean[name] for name in names)]
    told: Row = {"student": mean["student"], "training": mean["training"]}
    if len(seeds) == 1:
        told |= {"dataset": mean["dataset"], "seed": seeds[0]}
    return told | ({} if gain is None else {"versus": f"{gain['plus']} - {gain['minus']}"})


def seeds_table(student: Student) -> Table:
    """Return the rows of scores.csv: every seed on every benchmark, with the shares of what is not correct."""
    sampled = any(row["pass_at_n"] is not None for row in student.scores)
    agreed = any(row["golds"] != "given" for row in student.scores)
    rows = [_seed(row, student.names[row["dataset"], row["training"]]) for row in student.scores]
    unseen = {"student", "training", "dataset"}
    unseen |= set() if sampled else {"pass@n", "maj@n"}
    unseen |= set() if agreed else {"golds"}
    return Table("Every seed", rows, [name for name in rows[0] if name not in unseen])


def _seed(row: Facts, name: str) -> Row:
    shares = {name.replace("_", " "): points(row[name]) for name in
              ("no_answer", "cut_off", "loops", "errors", "lenient", "ungraded")}  # fmt: skip
    return {
        **{hidden: row[hidden] for hidden in ("student", "training", "dataset")},
        "trained on": name,
        "seed": row["seed"],
        "benchmark": row["benchmark"],
        "problems": row["n_problems"],
        "samples": row["n_samples"],
        "accuracy": points(row["accuracy"]),
        "95 % interval": interval(row),
        "pass@n": points(row["pass_at_n"]),
        "maj@n": points(row["maj_at_n"]),
        **shares,
        "tokens": None if row["mean_tokens"] is None else round(row["mean_tokens"]),
        "golds": row["golds"],
    }


def levels_tables(student: Student, labels: Labels) -> Iterator[Table]:
    """Yield a table per benchmark and grouping (level, subject): a row per arm and seed, a column per group."""
    for measure in GROUPS:
        found: dict[str, list[Facts]] = {}
        for part in student.parts:
            if part["measure"] == measure:
                found.setdefault(part["benchmark"], []).append(part)
        for benchmark, parts in found.items():
            if len(groups := sorted({str(part["part"]) for part in parts}, key=natural)) <= MOST:
                yield _levels(f"{labels.said('corpora', benchmark)} by {measure}", student, parts, groups)


def _levels(title: str, student: Student, parts: Sequence[Facts], groups: Sequence[str]) -> Table:
    heads = {group: f"{parts[0]['measure']} {group}" if group.isdigit() else group for group in groups}
    rows: dict[tuple[Any, ...], Row] = {}
    for part in parts:
        arm = part["dataset"], part["training"]
        row = rows.setdefault((*arm, part["seed"]), {
            "trained on": student.names[arm], "seed": part["seed"], "benchmark": part["benchmark"],
            "student": part["student"], "training": part["training"], "dataset": part["dataset"],
            **({"levels": {head: group for group, head in heads.items()}} if part["measure"] == "level" else {}),
        })  # fmt: skip
        row[heads[str(part["part"])]] = f"{points(part['accuracy'])} ({interval(part)})"
    whole = [{**dict.fromkeys(heads.values()), **row} for row in rows.values()]
    return Table(title, whole, ("trained on", "seed", *heads.values()))
