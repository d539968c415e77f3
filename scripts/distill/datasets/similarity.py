"""Which problems say the same: near duplicates within a corpus, and repeats of a benchmark's problems. No models.

Texts are compared as words: lower case, letters and digits only, so spacing, punctuation and LaTeX braces do not count.
Numbers do count, but a problem that differs in one number only is nearly the same text all the same.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

SHINGLE = 3  # words; a longer one makes a single edit of a short problem look like another problem
PERMUTATIONS = 128
RECALL = 0.999  # chance that two problems just at the threshold are compared at all

_WORD = re.compile(r"[^\W_]+")

Words = tuple[str, ...]


class Repeat(NamedTuple):
    """A problem that repeats a benchmark's: word for word (`exact`), or in a share of its n-grams (`overlap`, 0..1)."""

    problem_id: str
    benchmark: str
    benchmark_problem_id: str
    exact: bool
    overlap: float


class Duplicate(NamedTuple):
    """A problem nearly the same as another one that stays; `similarity` is the Jaccard index of their word triples."""

    problem_id: str
    duplicate_of: str
    similarity: float


def tokenize_words(text: str) -> Words:
    """Return the words of a text: runs of letters and digits, in lower case and one Unicode spelling."""
    return tuple(_WORD.findall(unicodedata.normalize("NFKC", text).lower()))


def ngrams(text: Words, n: int) -> set[Words]:
    """Return all runs of n words; of a shorter text the one run it is, so that short problems can be found as well."""
    return {text[i : i + n] for i in range(max(1, len(text) - n + 1))}


def repeats(
    problems: Mapping[str, str], benchmarks: Mapping[str, Mapping[str, str]], ngram: int, overlap: float
) -> Iterator[Repeat]:
    """Yield, per problem and benchmark, the benchmark's problem it repeats most, if any.

    A repeat is exact when both have the same letters and digits in the same order. Else at least the share `overlap` of
    the problem's runs of `ngram` words must stand in one problem of the benchmark. (Whole-corpus overlap, as it is
    often measured, adds up phrases of unrelated problems.)
    """
    texts = {problem_id: tokenize_words(text) for problem_id, text in problems.items()}
    for benchmark, statements in benchmarks.items():
        spelled: dict[str, str] = {}
        holders: dict[Words, list[str]] = defaultdict(list)
        for problem_id, text in statements.items():
            tokens = tokenize_words(text)
            spelled.setdefault("".join(tokens), problem_id)
            for run in ngrams(tokens, ngram):
                holders[run].append(problem_id)
        for problem_id, text in texts.items():
            runs = ngrams(text, ngram)
            shared = Counter(holder for run in runs for holder in holders.get(run, ()))
            most = min(shared.items(), key=lambda pair: (-pair[1], pair[0]), default=("", 0))
            share = round(most[1] / len(runs), 6)
            if (same := spelled.get("".join(text))) is not None:
                yield Repeat(problem_id, benchmark, same, True, 1.0)
            elif share >= overlap:
                yield Repeat(problem_id, benchmark, most[0], False, share)


def near_duplicates(
    problems: Mapping[str, str], threshold: float, on_problem: Callable[[], None] = lambda: None
) -> Iterator[Duplicate]:
    """Yield each problem that is nearly the same as an earlier one (in the order of ids) that stays itself.

    `on_problem` is called after each problem.

    Candidates come from MinHash with banding (`datasketch`; Broder 1997, Leskovec et al., Mining of Massive Datasets,
    ch. 3); a candidate counts only if the exact Jaccard index of the word triples reaches `threshold`. So there are no
    false hits, and of pairs at the threshold one in a thousand is missed.
    """
    from datasketch import MinHash, MinHashLSH

    bands, rows = banding(threshold)
    index = MinHashLSH(num_perm=PERMUTATIONS, params=(bands, rows))
    kept: dict[str, set[Words]] = {}
    for problem_id, text in sorted(problems.items()):
        shingles = ngrams(tokenize_words(text), SHINGLE)
        sketch = MinHash(PERMUTATIONS)
        sketch.update_batch([" ".join(shingle).encode() for shingle in sorted(shingles)])
        alike = [(_jaccard(shingles, kept[other]), other) for other in index.query(sketch)]
        likest = min(alike, key=lambda pair: (-pair[0], pair[1]), default=(0.0, ""))
        if likest[0] >= threshold:
            yield Duplicate(problem_id, likest[1], round(likest[0], 6))
        else:
            kept[problem_id] = shingles
            index.insert(problem_id, sketch)
        on_problem()


def banding(threshold: float) -> tuple[int, int]:
    """Return the bands and the rows per band of PERMUTATIONS hashes that find a pair at the threshold with RECALL.

    Two sets of Jaccard index s share a band with probability 1 - (1 - s^rows)^bands. As many rows as that allows keep
    the candidates few.
    """
    for rows in range(PERMUTATIONS // 2, 1, -1):  # the library wants two bands
        bands = PERMUTATIONS // rows
        if 1 - (1 - threshold**rows) ** bands >= RECALL:
            return bands, rows
    return PERMUTATIONS, 1


def _jaccard(one: set[Words], other: set[Words]) -> float:
    return len(one & other) / len(one | other)
