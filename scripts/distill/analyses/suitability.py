"""Suitability: how well each dataset suits a student before training, the order that signals give, and the gains."""

from dataclasses import replace
from typing import TYPE_CHECKING

from distill.analyses.looks import Looks
from distill.analyses.section import Block, Inputs, Picture, Row, Section, Table
from distill.config.labels import Labels
from distill.scores.csvs import read_csv

if TYPE_CHECKING:
    from distill.analyses.suitability_tables import Rated

NEEDS = ("suitability", "suitability_tables", "datasets", "dataset_recipes", "train_rows", "rendered", "unrendered",
         "gaps")  # fmt: skip
ORDER = 36
LABELLED = True
TEXT = (
    "How well the rows of each dataset suit a student before any training, of the tokens that the training teaches. "
    "Less is better: perplexity; the ratio of a token's mean rank, at most 100, to its mean surprisal in nats (arXiv "
    "2601.14249). More is better: local naturalness, the mean log-likelihood per token of each sentence or line, seen "
    "with the prompt and the four before it alone (after arXiv 2510.03988); overlap, the percent of tokens that are "
    "the student's likeliest, or among its ten likeliest. Intervals (95 %) over problems; every row counts alike. A "
    "row that its training cuts at the cutoff is rated whole.",
    "After the trainings: does the order that a signal gives go with the gains over the untouched student? Spearman's "
    "rank correlation over the datasets of one student and training, positive where what suits better gained more, "
    "with the p of all orders of the gains. Datasets that share rows or teachers are no independent cases, gains have "
    "chance of their own, and p is not corrected for the several signals and gains.",
)


def analyse(inputs: Inputs, labels: Labels) -> Section:
    """Return the section on suitability; nothing where no study or dataset asks for it."""
    if not inputs["suitability"]:
        return Section("Suitability", ("The studies ask for no suitability.",), [])
    from distill.analyses import suitability_plots
    from distill.analyses import suitability_tables as made

    found, gained = labels.by_size(made.rated(inputs), lambda each: each.student), made.gains(read_csv(*inputs["gaps"]))
    correlated = made.correlations(found, gained)
    blocks = [
        Block(
            "Does what suits better gain more?",
            text=tuple(made.said(correlated)),
            tables=_tables(correlated),
            open=True,
        ),
        Block("Signals before training", tables=_tables(made.signal_rows(found)), open=True),
        Block("The order of each signal, and the gains", tables=_tables(made.order_rows(found, gained)), open=True),
    ]
    pairs = [(_named(each, labels), gain) for each in found for gain in gained.get((*each.group, each.dataset), ())]
    picture = Picture("suitability", *suitability_plots.suitability(pairs, Looks.of(labels)))
    return Section("Suitability", TEXT, made.long_rows(found), picture, blocks=tuple(blocks))


def _named(each: "Rated", labels: Labels) -> "Rated":
    said = labels.said
    return replace(each, student=said("students", each.student), training=said("trainings", each.training),
                   dataset=said("datasets", each.dataset))  # fmt: skip


def _tables(rows: list[Row]) -> tuple[Table, ...]:
    return (Table("", rows, list(rows[0]), dense=True),) if rows else ()
