"""What arms are called where a student is already named."""

from collections import Counter
from collections.abc import Iterable

from distill.config.labels import UNTOUCHED, is_untouched


def arm_names(pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return (dataset, training) -> its name: the dataset, and the training where a dataset has several of them."""
    unique = list(dict.fromkeys(pairs))
    trainings = Counter(dataset for dataset, _ in unique)
    named = {pair: f"{pair[0]} ({pair[1]})" if trainings[pair[0]] > 1 else pair[0] for pair in unique}
    return {pair: UNTOUCHED if is_untouched(pair[0]) else name for pair, name in named.items()}
