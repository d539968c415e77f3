"""What arms are called where a student is already named."""

from collections import Counter
from collections.abc import Iterable


def arm_names(pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return (dataset, training) -> its name: the dataset, and the training where a dataset has several of them."""
    unique = list(dict.fromkeys(pairs))
    trainings = Counter(dataset for dataset, _ in unique)
    return {(dataset, training): f"{dataset} ({training})" if trainings[dataset] > 1 else dataset
            for dataset, training in unique}  # fmt: skip
