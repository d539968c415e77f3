"""What arms are compared by: their accuracy, and how likely they find the solutions of problems and the gold answers.

Of each measure more is better: of likelihoods the logarithm counts, so a gain means that the plus arm finds the texts
likelier. The mean log-likelihood per token is the cross-entropy per token with the other sign.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """A measure: its name and title, the unit that it is written in, and how far two arms can lie apart on a problem.

    scale: what a figure is multiplied by where a person reads it, in `shown` units with so many `decimals`.
    span: None without a bound.
    """

    name: str
    title: str
    unit: str
    shown: str
    scale: float
    decimals: int
    span: float | None

    @property
    def said(self) -> str:
        """Return the unit as a sentence needs it: of likelihoods what they are of, and that more is likelier."""
        if self.span is not None:
            return self.shown
        return f"nats of log-likelihood per token of {self.title.removeprefix('likelihood of ')}"

    def family(self, name: str) -> str:
        """Return the family of contrasts by this measure: its p-values are corrected for themselves."""
        return name if self is ACCURACY else f"{name}, {self.title}"


NATS = ("nats per token", "nats per token", 1.0, 3, None)
ACCURACY = Measure("accuracy", "accuracy", "share correct", "points", 100.0, 1, 1.0)
MEASURES = {
    measure.name: measure
    for measure in (
        ACCURACY,
        Measure("solution", "likelihood of the solutions", *NATS),
        Measure("answer", "likelihood of the answers", *NATS),
    )
}
