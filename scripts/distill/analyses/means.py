"""Means: the accuracy of every arm over its seeds, and over benchmarks."""

from distill.analyses.section import Inputs, Section
from distill.scores.csvs import read_csv
from distill.scores.numbers import interval, points

NEEDS = ("means",)
ORDER = 22
TEXT = (
    "Means over the seeds of an arm, and over benchmarks, which all weigh the same whatever their size (the paper's "
    "P), or, where it says so, each by its problems; average-large leaves out benchmarks of fewer than 100 problems, "
    "on which one problem moves the mean by a third of a point and more. SD of seeds: of this arm's seeds. The "
    "interval knows the noise of problems and samples, and that of trainings where some arm of the student and "
    "training has several seeds (SD of trainings, pooled over these).",
)


def analyse(inputs: Inputs) -> Section:
    """Return the section on means, from means.csv; nothing where each arm has one seed and one benchmark."""
    means = read_csv(*inputs["means"])
    if not any(row["n_seeds"] > 1 or row["n_benchmarks"] > 1 for row in means):
        return Section("Means", (*TEXT, "Every arm here has one seed and one benchmark."), [])
    rows = [
        {
            **{name: row[name] for name in ("student", "training", "dataset", "benchmark")},
            "benchmarks": row["n_benchmarks"],
            "seeds": row["n_seeds"],
            "accuracy": points(row["accuracy"]),
            "95 % interval": interval(row),
            "SD of seeds": points(row["seed_sd"]),
            "SD of trainings": points(row["training_sd"]),
        }
        for row in means
    ]
    return Section("Means", TEXT, rows)
