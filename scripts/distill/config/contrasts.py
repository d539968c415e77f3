"""All contrasts of a study: those that it declares (gaps, gaps between gaps, slopes), and each arm's gain over base."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from distill.config.catalogue import arms_of
from distill.config.gaps import Comparison, comparisons, group_of, shown
from distill.config.lineage import BASE, Arm
from distill.config.recipes import ContrastRecipe, GapRecipe, StudyRecipe

DECLARED, GAINS = "declared", "gains over base"  # families: in each, p-values are corrected together
GAIN_OVER_BASE = "gain_over_base"
BEST_OF = "the best of "  # how the minus of a contrast with several begins
Groups = tuple[tuple[Arm, ...], ...]


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of arms of one study; a row of gaps.csv per benchmark, and one for their average.

    groups: arms that differ in seeds only, each with its `weights`; they sum to 0. student: in words. alike: sets of
    groups, all of which must share what is not the data. parts: of an arm against the best of several, the contrast
    with each of these; it has no weights itself.
    """

    name: str
    student: str
    training: str
    plus: str
    minus: str
    groups: Groups
    weights: tuple[float, ...]
    alike: tuple[Groups, ...]
    differs: tuple[str, ...] = ()
    family: str = DECLARED
    expected: str | None = None
    parts: tuple["Contrast", ...] = ()

    @property
    def arms(self) -> list[Arm]:
        """Return all arms."""
        return [arm for group in self.groups for arm in group]

    @property
    def n_seeds(self) -> int:
        """Return the seeds of the trained group that has the fewest."""
        return min(len(group) for group in self.groups if group[0].is_trained)


def contrasts(study: StudyRecipe) -> list[Contrast]:
    """Return the contrasts of a study: as it declares them, in its order, then the gains over base."""
    gaps = [c for name, gap in study.gaps.items() for c in gap_contrasts(study, name, gap)]
    others = [c for name, recipe in study.contrasts.items() for c in _others(study, name, recipe)]
    declared = [*gaps, *others]
    return [*declared, *_gains(study, {c.groups for c in declared})]


def gap_contrasts(study: StudyRecipe, name: str, gap: GapRecipe) -> Iterator[Contrast]:
    """Yield the contrasts of a gap: of each student and training one per minus arm, and one with all of several."""
    for compared in comparisons(study, gap):
        parts = tuple(_difference(compared, name, gap, 1 + i) for i in range(len(gap.minus)))
        yield from parts
        if len(parts) > 1:
            yield Contrast(
                name, compared.student, compared.training, shown(gap.plus), _best_of(gap), compared.groups, (),
                (compared.groups,), gap.differs, expected=gap.expected, parts=parts,
            )  # fmt: skip


def _best_of(gap: GapRecipe) -> str:
    return f"{BEST_OF}{', '.join(map(shown, gap.minus))}"


def _difference(compared: Comparison, name: str, gap: GapRecipe, minus: int) -> Contrast:
    """Return the contrast of the plus of a gap with one of its minus arms, counted from 1."""
    groups = (compared.groups[0], compared.groups[minus])
    return Contrast(
        name, compared.student, compared.training, shown(gap.plus), shown(gap.minus[minus - 1]), groups, (1.0, -1.0),
        (groups,), gap.differs, expected=gap.expected,
    )  # fmt: skip


def _others(study: StudyRecipe, name: str, recipe: ContrastRecipe) -> Iterator[Contrast]:
    if recipe.gap is None:
        yield from _slopes(study, name, recipe)
        return
    gap = study.gaps.get(recipe.gap)
    if gap is None or len(gap.minus) > 1:
        return
    found = {(c.student, c.training): c.groups for c in comparisons(study, gap)}
    one, other = recipe.students
    for training in dict.fromkeys(training for _, training in found):
        if (one, training) in found and (other, training) in found:
            both = found[one, training], found[other, training]
            words = [f"{recipe.gap} of {student}" for student in (one, other)]
            weights = (1.0, -1.0, -1.0, 1.0)
            yield Contrast(name, f"{one} - {other}", training, *words, (*both[0], *both[1]), weights, both,
                           gap.differs, expected=recipe.expected)  # fmt: skip


def _slopes(study: StudyRecipe, name: str, recipe: ContrastRecipe) -> Iterator[Contrast]:
    """Yield a slope of each student and training: the least-squares line through the arms' scores, by its weights."""
    arms, by_place = arms_of(study), dict(sorted(recipe.slope.items(), key=lambda item: item[1]))
    places = list(by_place.values())
    centre = sum(places) / len(places)
    spread = sum((x - centre) ** 2 for x in places)
    weights = tuple((x - centre) / spread for x in places)
    for student in dict.fromkeys(s for block in study.arms for s in block.students):
        for training in dict.fromkeys(block.training for block in study.arms):
            groups = tuple(group_of(arms, student, dataset, training) for dataset in by_place)
            if all(groups):
                line = ", ".join(f"{dataset} at {x:g}" for dataset, x in by_place.items())
                yield Contrast(name, student, training, f"slope over {line}", "", groups, weights,
                               (groups,), recipe.differs, expected=recipe.expected)  # fmt: skip


def _gains(study: StudyRecipe, declared: Iterable[Groups]) -> Iterator[Contrast]:
    """Yield each trained arm's gain over the student before training, but those that a gap declares."""
    groups: dict[tuple[str, str, str], list[Arm]] = {}
    for arm in arms_of(study):
        if arm.is_trained:
            groups.setdefault((arm.student, arm.training, arm.dataset), []).append(arm)
    known = set(declared)
    students = list(dict.fromkeys(s for block in study.arms for s in block.students))
    for (student, training, dataset), arms in sorted(groups.items(), key=lambda item: students.index(item[0][0])):
        both = (tuple(arms), (Arm.base(student),))
        if both not in known:
            several = len({t for s, t, d in groups if (s, d) == (student, dataset)}) > 1
            plus = f"{dataset} ({training})" if several else dataset
            yield Contrast(GAIN_OVER_BASE, student, training, plus, BASE, both, (1.0, -1.0), (both,), family=GAINS)


def slopes(study: StudyRecipe) -> list[Contrast]:
    """Return the slopes of a study."""
    return [c for name, recipe in study.contrasts.items() if recipe.slope for c in _slopes(study, name, recipe)]


def mistakes(study: StudyRecipe, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield (key, message) for what would give no number; `names` are the datasets of the study."""
    yield from _twice(study)
    for name, gap in study.gaps.items():
        sides = [side if isinstance(side, str) else side.dataset for side in (gap.plus, *gap.minus)]
        if set(sides) <= set(names) and not comparisons(study, gap):
            yield f"gaps.{name}", "no student and training has all its arms, or two of its sides are one arm"
    if GAIN_OVER_BASE in {*study.gaps, *study.contrasts}:
        yield "gaps", f"{GAIN_OVER_BASE!r} is reported of every arm without being named"
    for name in study.gaps.keys() & study.contrasts.keys():
        yield f"contrasts.{name}", "a gap has this name, too"
    for name, recipe in study.contrasts.items():
        if message := _contrast_mistake(study, recipe, names) or (
            None if list(_others(study, name, recipe)) else "no student and training has all its arms"
        ):
            yield f"contrasts.{name}", message


def _contrast_mistake(study: StudyRecipe, recipe: ContrastRecipe, names: Sequence[str]) -> str | None:
    """Return what is wrong with a contrast, None where nothing is found."""
    if strangers := [dataset for dataset in recipe.slope if dataset not in names]:
        return f"{strangers[0]!r} is no dataset of this study"
    if recipe.gap is None:
        return None
    if recipe.gap not in study.gaps:
        return f"{recipe.gap!r} is no gap of this study; known are {', '.join(study.gaps) or 'none'}"
    gap = study.gaps[recipe.gap]
    if len(gap.minus) > 1:
        return f"{recipe.gap!r} has several `minus`; name a gap with one"
    with_all = {c.student for c in comparisons(study, gap)}
    without = [student for student in recipe.students if student not in with_all]
    return f"{without[0]!r} lacks an arm of {recipe.gap!r}" if without else None


def _twice(study: StudyRecipe) -> Iterator[tuple[str, str]]:
    seen: set[Arm] = set()
    for i, block in enumerate(study.arms):
        trained = (d for d in block.datasets if d != BASE)
        own = {Arm(s, block.training, d, seed) for d in trained for s in block.students for seed in block.seeds}
        if both := sorted(own & seen):
            yield f"arms.{i}", f"{both[0].path} stands in an earlier block, too"
        seen |= own
