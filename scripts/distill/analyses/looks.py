"""What has which colour and shape in the pictures of a page: a dataset, and an arm trained on it, the same in all.

Colours are those of datasets, black is the untouched student's, greys are of teachers, and what is no arm (readings,
kinds of responses and tokens) has two darker colours and a grey of its own. Shapes tell them apart, too.
"""

from collections.abc import Iterable
from typing import Any

from distill.config.labels import Labels, is_untouched

# Okabe and Ito's palette, told apart by colour-blind readers too, and wine in place of its light yellow.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255")
MARKERS = "osD^vP*X"
BLACK, GREY = "#000000", "#666666"
UNTOUCHED_ARM = {"color": BLACK, "marker": "o", "linestyle": "--"}
UNTOUCHED_LINE = {"color": BLACK, "linestyle": "--", "linewidth": 1}  # its accuracy across a panel
KINDS = (("#332288", "o"), ("#7A4A12", "s"), (GREY, "D"))
TEACHERS = (("#5A5A5A", ""), ("#A6A6A6", "///"), ("#7C7C7C", "..."), ("#C4C4C4", "xxx"))  # a grey, and a hatch
FEW = 3  # trainings of a dataset whose arms shapes tell apart; with more each arm has a colour


class Looks:
    """The colour and marker of each arm (dataset, training), given in the order of the studies.

    Arms of a dataset share its colour, a further training has another marker. Where that gives too few, as of many
    trainings of one dataset, each arm has a colour and its dataset that of its first arm.
    """

    def __init__(self, arms: Iterable[tuple[str, str]]):
        self._places: dict[tuple[str, str], int] = {}
        self._first: dict[str, tuple[str, str]] = {}
        pairs = [pair for pair in dict.fromkeys(arms) if not is_untouched(pair[0])]
        datasets = list(dict.fromkeys(dataset for dataset, _ in pairs))
        trainings = {name: [pair for pair in pairs if pair[0] == name] for name in datasets}
        most, rounds = max(map(len, trainings.values()), default=0), -(-len(datasets) // len(COLOURS))
        shares_colours = most <= FEW and most * rounds <= len(MARKERS)
        for turn in range(most):
            for place, own in enumerate(trainings.values()):
                if turn < len(own):
                    start = turn * rounds * len(COLOURS)
                    self._places[own[turn]] = start + place if shares_colours else len(self._places)
        for pair in self._places:
            self._first.setdefault(pair[0], pair)

    @classmethod
    def of(cls, labels: Labels) -> "Looks":
        """Return the looks of a page's arms, which are called by their labels."""
        return cls(labels.arms)

    def arm(self, dataset: str, training: str) -> dict[str, Any]:
        """Return colour and marker of an arm; an unknown one gets the next."""
        pair = dataset, training
        if is_untouched(dataset):
            return UNTOUCHED_ARM
        if pair not in self._places:
            self._places[pair] = 1 + max(self._places.values(), default=-1)
            self._first.setdefault(dataset, pair)
        return look(self._places[pair])

    def dataset(self, dataset: str) -> dict[str, Any]:
        """Return colour and marker of a dataset: those of its first arm."""
        return self.arm(*self._first.get(dataset, (dataset, "")))


def teachers(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return teacher -> its grey and its hatch, by name, so that pictures of the same teachers agree."""
    return {name: TEACHERS[place % len(TEACHERS)] for place, name in enumerate(sorted(set(names)))}


def look(place: int) -> dict[str, Any]:
    """Return the colour and the marker at a place: all colours with the first marker, then with the next."""
    return {"color": COLOURS[place % len(COLOURS)], "marker": MARKERS[place // len(COLOURS) % len(MARKERS)]}
