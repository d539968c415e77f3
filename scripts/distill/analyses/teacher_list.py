"""Teachers: who wrote the responses that students are trained on, how long these are, and how many of them are left."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from distill.analyses.section import Block, Inputs, Row, Section, Table
from distill.analyses.teachers import summed
from distill.config.labels import Labels
from distill.runtime.files import read_json
from distill.scores.numbers import parameters_text, percent

NEEDS = ("responses", "verdicts", "datasets")
ORDER = 12
LABELLED = True
TEXT = (
    "Who wrote the responses that the students are trained on. Tokens are those of a response in the teacher's own "
    "tokens, the mean over all draws; right is the percent of its responses that the grader found correct. Left are "
    "the problems of the corpus from which a dataset may take its rows: with a right response, and right from the "
    "other teachers of a comparison, too, where the dataset asks for that. Rows are those of the datasets.",
)
Key = tuple[str, str]  # corpus, teacher


def analyse(inputs: Inputs, labels: Labels) -> Section:
    """Return the section on teachers, from the manifests of responses, verdicts and datasets."""
    counts = _responses(map(read_json, inputs["responses"]))
    verdicts = summed(inputs["verdicts"], lambda manifest: {"": manifest["verdicts"]})
    datasets = [read_json(path) for path in inputs["datasets"]]
    rows = [_row(key, counts[key], verdicts.get((*key, ""), Counter()), datasets, labels) for key in sorted(counts)]
    shown = [{**row, "rows": _used(row["teacher"], datasets, labels)} for row in rows]
    table = Table("Teachers", shown, list(shown[0]) if shown else ())
    text = (*TEXT, *_compared(rows, datasets, labels))
    return Section("Teachers", text, rows, blocks=(Block("", tables=(table,)),))


def _responses(manifests: Iterable[Mapping[str, Any]]) -> dict[Key, Counter[str]]:
    """Return (corpus, teacher) -> its responses and their tokens, over draws and shards; no tokens where unknown."""
    found: dict[Key, Counter[str]] = {}
    for facts in manifests:
        who = facts["identity"]
        own = found.setdefault((who["corpus"], who["model_path"].removeprefix("teachers/")), Counter())
        own.update(responses=facts["rows"], tokens=facts["response_tokens"] or 0)
    return found


def _row(key: Key, counts: Counter[str], verdicts: Counter[str], datasets: Iterable[Any], labels: Labels) -> Row:
    corpus, teacher = key
    steps = [facts["funnel"][teacher] for facts in datasets if facts["funnel"].get(teacher)]
    left = sorted({percent(own["paired"], own["problems"]) for own in steps}, key=lambda text: float(text.split()[0]))
    return {
        "teacher": teacher,
        "size": parameters_text(labels.teachers.get(teacher)) or None,
        "corpus": corpus,
        "responses": counts["responses"],
        "tokens": f"{counts['tokens'] / counts['responses']:.1f}" if counts["tokens"] else None,
        "right": percent(verdicts["correct"], verdicts.total()) or None,
        "left": " to ".join(dict.fromkeys((left[0], left[-1]))) if left else None,
        "rows": sum(facts["teachers"].get(teacher, 0) for facts in datasets),
    }


def _used(teacher: str, datasets: Iterable[Any], labels: Labels) -> str:
    """Return the datasets that have rows of a teacher, and how many."""
    found = {facts["identity"]["dataset"]: facts["teachers"].get(teacher, 0) for facts in datasets}
    return ", ".join(f"{labels.said('datasets', name)} {rows:,}" for name, rows in found.items() if rows)


def _compared(rows: Iterable[Row], datasets: Iterable[Any], labels: Labels) -> list[str]:
    """Return a sentence for each pair of teachers of a dataset: how much longer the responses of one of them are."""
    tokens = {row["teacher"]: float(row["tokens"]) for row in rows if row["tokens"]}
    pairs = {tuple(sorted(own & tokens.keys(), key=lambda name: (-tokens[name], name)))
             for own in (facts["funnel"].keys() for facts in datasets)}  # fmt: skip
    return [
        f"{labels.said('teachers', more)} writes {tokens[more]:.1f} tokens in a response, "
        f"{labels.said('teachers', less)} {tokens[less]:.1f}: {tokens[more] / tokens[less]:.2f} times as many."
        for more, less in sorted(pair for pair in pairs if len(pair) == 2)
    ]
