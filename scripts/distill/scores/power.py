"""Power: how large a contrast must be for a study's design to see it, and what it would take to see a smaller one.

The smallest detectable difference is the one that a test at 5 % finds in 80 % of studies, by the noncentral t with the
standard error and the degrees of freedom that the contrast will have (Miller 2024, arXiv 2411.00640, section 5; Card
et al. 2020, EMNLP, doi 10.18653/v1/2020.emnlp-main.745). The error has the two parts of `contrasts`: over problems,
and over trainings.

Before a run the first is assumed to be p (1 - p) (1 - correlation) over problems, seeds and samples, for each squared
weight. That takes the arms to find the same problems hard, so with several seeds or samples it is a lower bound. After
a run both parts are those that were seen.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scipy.special import nctdtrinc, stdtrit

from distill.config.catalogue import Catalogue, arms_of
from distill.config.contrasts import DECLARED, Contrast, contrasts
from distill.config.lineage import Problems
from distill.config.recipes import PowerRecipe, StudyRecipe
from distill.problems.mapping import read_corpus
from distill.runtime.errors import InputError
from distill.runtime.files import read_json
from distill.scores.contrasts import TAIL, shares_of
from distill.scores.csvs import aligned
from distill.scores.measures import ACCURACY

POWER = 0.8
MOST_SEEDS, MOST_SAMPLES, MOST_BENCHMARKS = 100, 1000, 100


@dataclass(frozen=True)
class Design:
    """What decides how sure a contrast will be.

    problem_variance: of the contrast with one seed and one sample, over these problems; n_problems: of all benchmarks;
    seed_variance: of one training; answers: what the noise of its answers adds to that of one training, with one
    sample; seeds, weights: of each group of arms, 0 seeds for the untouched student;
    replicated: degrees of freedom of the trainings' noise, 0 where it cannot be told; seen: whether the two variances
    were measured.
    """

    problem_variance: float
    n_problems: int
    seed_variance: float
    answers: float
    seeds: tuple[int, ...]
    weights: tuple[float, ...]
    samples: int = 1
    benchmarks: int = 1
    replicated: int = 0
    seen: bool = False

    @property
    def share(self) -> float:
        """Return the sum of squared weights over seeds of the trained groups."""
        return sum(w**2 / seeds for w, seeds in zip(self.weights, self.seeds, strict=True) if seeds)

    @property
    def variances(self) -> tuple[float, float]:
        """Return the variance of the contrast over problems, and over trainings."""
        groups = list(zip(self.weights, self.seeds, strict=True))
        share = sum(w**2 / max(seeds, 1) for w, seeds in groups) / sum(w**2 for w in self.weights)
        return self.problem_variance * share / (self.samples * self.benchmarks), self.share * self.seed_variance

    def detectable(self) -> float:
        """Return the smallest detectable difference, in shares."""
        of_problems, of_seeds = self.variances
        total = of_problems + of_seeds
        divisor = of_problems**2 / (self.n_problems * self.benchmarks + 1)
        if self.replicated:  # what seeds differ by is estimated with the noise of their answers in it
            answers = self.answers / (self.samples * self.benchmarks)
            divisor += (self.share * (self.seed_variance + answers)) ** 2 / self.replicated
        df = total**2 / divisor
        return float(nctdtrinc(df, 1 - POWER, stdtrit(df, 1 - TAIL)) * total**0.5)

    def with_seeds(self, count: int) -> "Design":
        """Return the design with so many seeds in every trained group."""
        trained = sum(1 for seeds in self.seeds if seeds)
        seeds = tuple(count if seeds else 0 for seeds in self.seeds)
        return replace(self, seeds=seeds, replicated=max(self.replicated, trained * (count - 1)))

    def takes(self, smallest: float) -> dict[str, int | None]:
        """Return what would do by itself to detect `smallest`: seeds, samples, benchmarks like these; None for nothing.

        Each is sought alone, up to 100 seeds, 1,000 samples and 100 times the benchmarks.
        """

        def least(most: int, design: Callable[[int], Design], start: int) -> int | None:
            return next((n for n in range(start, most + 1) if design(n).detectable() <= smallest), None)

        return {
            "seeds": least(MOST_SEEDS, self.with_seeds, max(*self.seeds, 1)),
            "samples": least(MOST_SAMPLES, lambda n: replace(self, samples=n), self.samples),
            "benchmarks": least(MOST_BENCHMARKS, lambda n: replace(self, benchmarks=n), 1),
        }


def assumed(study: StudyRecipe, contrast: Contrast, problems: Mapping[str, int], samples: int) -> Design:
    """Return the design of a contrast that has weights before anything of it was measured, from the study's `power`."""
    power: PowerRecipe = study.power
    variance, shares = 0.0, shares_of(study.weights, [problems[name] for name in study.benchmarks])
    for name, share in zip(study.benchmarks, shares, strict=True):
        accuracy = power.accuracy.get(name, 0.5)
        variance += share**2 * accuracy * (1 - accuracy) * (1 - power.correlation) / problems[name]
    squares = sum(w**2 for w in contrast.weights)
    pools = {(arm.student, arm.training) for arm in contrast.arms if arm.is_trained}
    return Design(
        problem_variance=variance * squares,
        answers=variance,
        n_problems=sum(problems[name] for name in study.benchmarks), seed_variance=power.seed_sd**2,
        seeds=tuple(len(group) if group[0].is_trained else 0 for group in contrast.groups),
        weights=contrast.weights, samples=samples, replicated=replicates(study, pools),
    )  # fmt: skip


def replicates(study: StudyRecipe, pools: set[tuple[str, str]]) -> int:
    """Return the degrees of freedom of the noise between trainings; 0 where one of the pools has no second seed.

    `pools` are pairs of student and training.
    """
    freedoms = []
    for pool in pools:
        arms = [arm for arm in arms_of(study) if arm.is_trained and (arm.student, arm.training) == pool]
        freedoms.append(len(arms) - len({arm.dataset for arm in arms}))
    return sum(freedoms) if all(freedoms) else 0


def seen(design: Design, row: Mapping[str, Any]) -> Design:
    """Return the design with the figures that were measured; `row` is that of gaps.csv.

    The noise of trainings that was not seen stays what is assumed. That of answers is what gives the row's `df`.
    """
    assumed_variance, _ = design.variances
    of_problems = row["problem_se"] ** 2
    found = replace(design, problem_variance=design.problem_variance * of_problems / assumed_variance, seen=True)
    if row["seed_sd"] is None or not design.replicated:
        return found
    total = of_problems + design.share * row["seed_sd"] ** 2
    divisor = max(total**2 / row["df"] - of_problems**2 / (row["n_problems"] + 1), 0)
    mean_square = (divisor * design.replicated) ** 0.5 / design.share
    answers = max(mean_square - row["seed_sd"] ** 2, 0) * design.samples
    return replace(found, seed_variance=row["seed_sd"] ** 2, answers=answers)


@dataclass(frozen=True)
class Outlook:
    """What a design can see of a contrast; correlation of its arms over problems where it was measured."""

    study: str
    contrast: Contrast
    design: Design
    smallest: float | None
    correlation: float | None = None

    @property
    def is_blind(self) -> bool:
        """Whether the design cannot see what the study asks for."""
        return self.smallest is not None and self.design.detectable() > self.smallest

    @property
    def has_words(self) -> bool:
        """Whether the noise between trainings can be told from several seeds."""
        return self.design.replicated > 0


def outlooks(
    name: str, study: StudyRecipe, problems: Mapping[str, int], samples: int, rows: Sequence[Mapping[str, Any]] = ()
) -> list[Outlook]:
    """Return what a study can see of its declared contrasts, of the gains over base where it declares none.

    problems: benchmark -> its number; rows: those of gaps.csv, if there are any; samples: per problem. Of an arm
    against several there is one outlook per arm that it is compared with.
    """
    own = [contrast for contrast in contrasts(study) if not contrast.parts]
    declared = [contrast for contrast in own if contrast.family == DECLARED]
    primary = {_key(row): row for row in rows if row["study"] == name and _is_of_accuracy(row)}
    found = []
    for contrast in declared or own:
        design, row = assumed(study, contrast, problems, samples), primary.get(_key_of(contrast))
        if row is not None and row["n_problems"] == design.n_problems:
            found.append(Outlook(name, contrast, seen(design, row), study.smallest_gap, row["correlation"]))
        else:
            found.append(Outlook(name, contrast, design, study.smallest_gap))
    return found


def _is_of_accuracy(row: Mapping[str, Any]) -> bool:
    return row.get("primary") == "yes" and row.get("measure", ACCURACY.name) == ACCURACY.name


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["gap"], row["student"], row["training"], row["plus"], row["minus"] or ""


def _key_of(contrast: Contrast) -> tuple[Any, ...]:
    return contrast.name, contrast.student, contrast.training, contrast.plus, contrast.minus


def studies_outlooks(catalogue: Catalogue, rows: Sequence[Mapping[str, Any]] = ()) -> list[Outlook]:
    """Return the outlooks of all studies. Raises InputError where the problems of a benchmark cannot be counted."""
    return [
        outlook
        for name, study in catalogue.studies.items()
        for outlook in outlooks(
            name, study, problem_counts(catalogue, study), catalogue.decodings[study.decoding].draws, rows
        )
    ]


def problem_counts(catalogue: Catalogue, study: StudyRecipe) -> dict[str, int]:
    """Return benchmark -> number of problems: as the study states it, as it was made, or as its local files have it.

    Of a hub dataset that is not there yet it is the `size` of its recipe; without one InputError is raised.
    """
    counts = {}
    for name in study.benchmarks:
        made, recipe = Path(Problems(name).manifest), catalogue.corpora[name]
        if name in study.power.problems:
            counts[name] = study.power.problems[name]
        elif made.is_file():
            counts[name] = read_json(made)["rows"]
        elif recipe.hub is not None and recipe.size is not None:
            counts[name] = recipe.size
        elif recipe.hub is not None:
            raise InputError(
                f"{name}: its problems cannot be counted before the run; say how many under `power.problems`"
            )
        else:
            counts[name] = len(read_corpus(recipe).rows)
    return counts


def outlook_text(found: Sequence[Outlook]) -> str:
    """Return a table for a terminal: what each contrast can be seen from, and what it would take to see less."""
    header = ["study", "contrast", "student", "arms", "seeds", "samples", "problems", "figures", "seen from",
              "smallest gap", "it would take"]  # fmt: skip
    table = [header]
    for each in found:
        contrast, design = each.contrast, each.design
        arms = f"{contrast.plus} - {contrast.minus}" if contrast.minus else contrast.plus
        figures = (
            "assumed"
            if not design.seen
            else "seen" + ("" if each.correlation is None else f" (correlation {each.correlation:.2f})")
        )
        table.append([each.study, contrast.name, contrast.student, arms, str(contrast.n_seeds), str(design.samples),
                      str(design.n_problems), f"{figures}, SD {100 * design.seed_variance**0.5:.1f}",
                      f"{100 * design.detectable():.1f} points",
                      "" if each.smallest is None else f"{100 * each.smallest:.1f}", wanted(each)])  # fmt: skip
    return "\n".join(aligned(table))


def wanted(outlook: Outlook) -> str:
    """Return what would do, each by itself, to see the smallest gap that matters; nothing where the design does."""
    if outlook.smallest is None:
        return ""
    words = [] if outlook.has_words else ["a second seed for any word"]
    if outlook.is_blind:
        takes = outlook.design.takes(outlook.smallest)
        ways = [f"{takes['seeds']} seeds"] * bool(takes["seeds"]) + [f"{takes['samples']} samples"] * bool(
            takes["samples"]
        )
        ways += [f"{takes['benchmarks']} times the benchmarks"] * bool(takes["benchmarks"])
        words.append(" or ".join(ways) or "more than seeds, samples or benchmarks alone")
    return "; ".join(words)


def warnings(found: Sequence[Outlook]) -> list[str]:
    """Return a line for each study whose design cannot see the smallest gap that it asks for."""
    lines = []
    for study in dict.fromkeys(each.study for each in found):
        own = [each for each in found if each.study == study]
        blind = [each for each in own if each.is_blind]
        mute = [each for each in own if each.smallest is not None and not each.has_words]
        if blind:
            worst = max(blind, key=lambda each: each.design.detectable())
            mutes = f", and {len(mute)} have one seed and no word at all" if mute else ""
            lines.append(
                f"study {study}: its design cannot see {100 * worst.smallest:.1f} points in {len(blind)} of {len(own)} "
                f"contrasts ({worst.contrast.name} of {worst.contrast.student} only from "
                f"{100 * worst.design.detectable():.1f} points on){mutes}; `snakemake power` says what it would take"
            )
    return lines
