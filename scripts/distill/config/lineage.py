"""Arms and model_paths: who answered, as a path of catalogue names."""

import re
from dataclasses import dataclass
from pathlib import PurePath

BASE = "base"


@dataclass(frozen=True, order=True)
class Arm:
    """One student after one training on one dataset with one seed; dataset `base` is the base student."""

    student: str
    training: str
    dataset: str
    seed: int

    @classmethod
    def base(cls, student: str) -> "Arm":
        """Return the arm of a student that was not trained."""
        return cls(student, BASE, BASE, 0)

    @property
    def is_trained(self) -> bool:
        """Whether a training stands behind this arm."""
        return self.dataset != BASE

    @property
    def path(self) -> str:
        """Return `student/base`, or `student/training/dataset/seed-1`."""
        if not self.is_trained:
            return f"{self.student}/{BASE}"
        return f"{self.student}/{self.training}/{self.dataset}/seed-{self.seed}"

    @property
    def model_path(self) -> str:
        """Return the arm as one who answers problems: `students/` and its path."""
        return f"students/{self.path}"

    @classmethod
    def parse(cls, path: str | PurePath) -> "Arm":
        """Read the arm back from any path that holds `students/...` or ends in `student/training/dataset/seed-1`.

        Raises ValueError when the path names no arm.
        """
        text = str(path)
        if match := re.search(r"([^/]+)/([^/]+)/([^/]+)/seed-(\d+)(?:/|$)", text):
            return cls(match[1], match[2], match[3], int(match[4]))
        if match := re.search(rf"students/([^/]+)/{BASE}(?:/|$)", text):
            return cls.base(match[1])
        raise ValueError(f"{text} names no arm")
