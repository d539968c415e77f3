"""Which arms a gap compares: of each student, group by group."""

from collections.abc import Iterator
from dataclasses import dataclass

from distill.config.catalogue import arms_of
from distill.config.lineage import BASE, Arm
from distill.config.recipes import GapArm, GapRecipe, StudyRecipe


@dataclass(frozen=True)
class Comparison:
    """The arms of a gap of one student. The first group is its plus, each other one a minus; a group differs in seeds.

    training: the one that the arms share, or that of the plus.
    """

    student: str
    training: str
    groups: tuple[tuple[Arm, ...], ...]

    @property
    def arms(self) -> list[Arm]:
        """Return all arms."""
        return [arm for group in self.groups for arm in group]


def shown(side: str | GapArm) -> str:
    """Return a side of a gap in words: `toy-long-arm`, or `toy-long-arm (slow)`."""
    return side if isinstance(side, str) else f"{side.dataset} ({side.training})"


def dataset_of(side: str | GapArm) -> str:
    """Return the dataset of a side of a gap."""
    return side if isinstance(side, str) else side.dataset


def comparisons(study: StudyRecipe, gap: GapRecipe) -> list[Comparison]:
    """Return what a gap compares, for each student and each training that has all its arms.

    A side without a training takes each training that all such sides have; the blocks of arms they stand in do not
    count. Where two sides are one arm, there is nothing to compare.
    """
    arms = arms_of(study)
    students = dict.fromkeys(student for block in study.arms for student in block.students)
    found = [
        Comparison(student, training, groups)
        for student in students
        for training in _trainings(study, gap)
        if all(groups := tuple(group_of(arms, student, side, training) for side in (gap.plus, *gap.minus)))
        and len(set(groups)) == len(groups)
    ]
    return list(dict.fromkeys(found))


def _trainings(study: StudyRecipe, gap: GapRecipe) -> Iterator[str]:
    """Yield the trainings of the sides that name none; where all name theirs, that of the plus."""
    sides = (gap.plus, *gap.minus)
    if isinstance(gap.plus, GapArm) and not any(isinstance(side, str) and side != BASE for side in sides):
        yield gap.plus.training
        return
    yield from dict.fromkeys(block.training for block in study.arms)


def group_of(arms: list[Arm], student: str, side: str | GapArm, training: str) -> tuple[Arm, ...]:
    """Return the arms of a side, which differ in their seeds; none where the study has none."""
    dataset = dataset_of(side)
    if dataset == BASE:
        return (Arm.base(student),)
    own = training if isinstance(side, str) else side.training
    return tuple(arm for arm in arms if (arm.student, arm.training, arm.dataset) == (student, own, dataset))
