"""A dataset, and an arm trained on it, has one colour and marker in every picture of a page."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from analyses import hand_made
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from report import made_up

from distill import analyses
from distill.analyses.arm_names import UNTOUCHED
from distill.analyses.looks import BLACK, COLOURS

STUDENTS, DATASETS = 2, 6
STUDY = made_up.study(STUDENTS, DATASETS, 2, 2)
NAMES = STUDY["arms"][0]["datasets"]
STUDY["arms"].append({**STUDY["arms"][0], "datasets": NAMES[:2], "training": "tokens"})
# The order of the study is not that of the names: a picture that counts its own arms would have other colours.
ARMS = [[name, "sft"] for name in reversed(NAMES)] + [[name, "tokens"] for name in NAMES[:2]]
Look = tuple[str, str]


class Drawn:
    """Records what legends and notes call the things that are drawn, and how these look: name -> picture -> looks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.picture = ""
        self.looks: dict[str, dict[str, set[Look]]] = defaultdict(lambda: defaultdict(set))
        self.colours: dict[str, set[str]] = defaultdict(set)
        self._marks: dict[tuple[float, float], Look] = {}
        legend, annotate, plot = Axes.legend, Axes.annotate, Axes.plot

        def with_legend(axis: Any, *args: Any, **keys: Any) -> Any:
            for line, name in zip(*map(list, args), strict=True) if args else ():
                self.looks[name][self.picture].add(look_of(line))
            return legend(axis, *args, **keys)

        def with_plot(axis: Any, x: Any, y: Any, *args: Any, **keys: Any) -> Any:
            lines = plot(axis, x, y, *args, **keys)
            self.colours[self.picture].add(look_of(lines[0])[0])
            if len(x) == 1:
                self._marks[x[0], y[0]] = look_of(lines[0])
            return lines

        def with_note(axis: Any, name: str, xy: Any, *args: Any, **keys: Any) -> Any:
            self.looks[name][self.picture].add(self._marks[tuple(xy)])
            return annotate(axis, name, xy, *args, **keys)

        for name, function in (("legend", with_legend), ("plot", with_plot), ("annotate", with_note)):
            monkeypatch.setattr(Axes, name, function)


def look_of(artist: Any) -> Look:
    is_line = hasattr(artist, "get_marker")
    return (to_hex(artist.get_color()).upper(), artist.get_marker()) if is_line else ("bar", "")


def test_an_arm_looks_the_same_in_all_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = made_up.results(tmp_path, STUDY, [60, 30], 2, updates=12)
    files |= hand_made.csvs(hand_made.tabulated(tmp_path, files, {}, **STUDY))
    drawn = Drawn(monkeypatch)
    for drawn.picture in analyses.names():
        needed = {kind: files[kind] for kind in analyses.load(drawn.picture).NEEDS}
        hand_made.section(tmp_path, drawn.picture, needed, arms=ARMS)

    arms = {f"{name} ({training})": (name, training) for name in NAMES[:2] for training in ("sft", "tokens")}
    arms |= {name: (name, "sft") for name in NAMES}
    found: dict[tuple[str, str], set[Look]] = defaultdict(set)
    seen: dict[tuple[str, str], set[str]] = defaultdict(set)
    for name, arm in arms.items():
        for picture, looks in drawn.looks.get(name, {}).items():
            is_second = name in NAMES and picture == "suitability"  # which stands for each training in its own panel
            found[arm] |= {look for look in looks if not is_second or look[1] == "o"}
            seen[arm].add(picture)
    assert all(len(looks) == 1 for looks in found.values()), dict(found)
    assert len({look for (look,) in found.values()}) == len(ARMS)
    assert all({"students", "levels", "curves"} <= pictures for pictures in seen.values())
    assert {"shares", "suitability", "token_curve"} <= set.union(*seen.values())
    # Arms of one dataset share its colour; it is that of the lines from its box, too.
    colours = {name: {look[0] for arm, (look,) in found.items() if arm[0] == name} for name in NAMES}
    assert all(len(own) == 1 for own in colours.values())
    assert set.union(*colours.values()) <= drawn.colours["graph"]
    for picture, looks in drawn.looks[UNTOUCHED].items():
        assert {colour for colour, _ in looks} == {BLACK}, picture
    for picture in ("answers", "lengths"):  # readings and kinds of responses are no arms
        assert drawn.colours[picture].isdisjoint({each.upper() for each in (*COLOURS, BLACK)}), picture
    assert not {name for name in drawn.looks if name == "base"}
