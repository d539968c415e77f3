"""What the first rows of a source become: shown on the terminal before anything is written."""

import sys
from collections import Counter
from collections.abc import Sequence

from distill.problems.mapping import Corpus
from distill.problems.traces import Traces

SHOWN = 300  # characters of a text


def is_preview(argv: Sequence[str] | None) -> bool:
    """Whether a command line asks for a preview; it then needs no output."""
    return any(word.split("=")[0] == "--preview" for word in (sys.argv if argv is None else argv))


def preview_corpus(corpus: Corpus, count: int) -> None:
    """Print the first problems of a corpus, and how many rows are lost and why."""
    for row in corpus.rows[:count]:
        print(f"--- {row['problem_id']}\n{_short(row['problem'])}\nanswer: {row['answer']!r:.{SHOWN}}")
        others = {name: row[name] for name in ("level", "subject", "solution") if row[name] is not None}
        for name, text in others.items():
            print(f"{name}: {_short(text)}")
    print(f"--- {len(corpus.rows)} problems of {corpus.rows_in} rows")
    for reason, number in sorted(Counter(corpus.lost.values()).items()):
        example = next(i for i, why in corpus.lost.items() if why == reason)
        print(f"lost: {number} {reason}, e.g. {example}")


def preview_traces(whole: Traces, count: int) -> None:
    """Print the first responses of a published teacher, and how many are blank; they are joined to no problems yet."""
    for trace in whole.traces[:count]:
        label = "" if trace.label is None else f", label {str(trace.label).lower()}"
        print(f"--- {_short(trace.key)}\n{_short(trace.response)}\nends: {trace.finish_reason}{label}")
    keys = len({trace.key for trace in whole.traces})
    print(f"--- {len(whole.traces)} responses to {keys} problems, {whole.empty} blank")


def _short(text: str) -> str:
    """Return the beginning and the end of a text."""
    half = SHOWN // 2
    return text if len(text) <= SHOWN else f"{text[:half]} [... {len(text) - SHOWN} characters ...] {text[-half:]}"
