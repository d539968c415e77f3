"""Rows that were paid for: a generation takes over what an earlier one was given to the same question.

A finished generation leaves a hard link of its table in `kept/` beside it, which Snakemake does not know and so does
not delete, with the digest of each question. A row is the same if its key is: the recipe with the engine, the weights
and the code (one digest for all rows), the problem, the draw, the question as the model sees it, and the seed. The next
generation looks in its own `kept/` and in those of the other shards of its draw, so neither one more problem nor
another number of shards asks a question twice. Who removes a shard's folder asks again.
"""

import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill import tables
from distill.config.recipes import GenerateJob, canonical_json
from distill.config.shards import stable_hash
from distill.models.prompts import Message
from distill.runtime.errors import InputError
from distill.runtime.files import file_digest, link, read_json, text_digest, write_json
from distill.tables.words import FinishReason

FOLDER = "kept"
KEYS = 3  # so many keys are kept per folder, the latest: a recipe may be changed and changed back

Row = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """What a row asks, and its part of the row's key: the digest of the messages (16 hex digits), and the seeds.

    A row has a seed of its own, or that of its shard where the engine has one for all; greedy rows may have any (None).
    """

    messages: list[Message]
    digest: str
    seeds: frozenset[int] | None


def common_key(recipe: GenerateJob, model_digest: str, code: str) -> str:
    """Return the part of a row's key that all rows of a generation share, as 16 hex digits."""
    return text_digest(canonical_json([recipe.canonical(), model_digest, code]))[:16]


def row_seed(decoding_seed: int, problem_id: str, draw: int) -> int:
    """Return the seed of one response: it follows from the recipe's seed, the problem and the draw alone."""
    return stable_hash("row", decoding_seed, problem_id, draw)


def shard_seed(decoding_seed: int, shard: str, draw: int) -> int:
    """Return the seed of an engine that has one for all its rows."""
    return stable_hash("shard", decoding_seed, shard, draw)


def question(recipe: GenerateJob, messages: list[Message], problem_id: str, draw: int, shard: str) -> Question:
    """Return the question of a problem in a draw."""
    decoding = recipe.decoding
    seeds = frozenset((row_seed(decoding.seed, problem_id, draw), shard_seed(decoding.seed, shard, draw)))
    return Question(messages, text_digest(canonical_json(messages))[:16], seeds if decoding.temperature else None)


def find_rows(folder: Path, key: str, draw: int, questions: Mapping[str, Question]) -> Iterator[tuple[str, Row]]:
    """Yield (problem_id, row without its key) of each of the questions that an earlier generation has answered.

    `folder` is that of a shard of a draw. Errors are no answers. A file that cannot be read is passed over with a line.
    """
    left = dict(questions)
    for entry in _entries([folder, *sorted(folder.parent.glob("*-of-*"))], key):
        if not left:
            return
        try:
            answered = _questions(entry)
            same = {i for i in left if answered.get(i) == left[i].digest}
            for row in _rows(_whole(entry), same) if same else ():
                problem_id = row.pop("problem_id")
                seeds = left[problem_id].seeds
                if row.pop("draw") == draw and (seeds is None or row["seed"] in seeds):
                    del left[problem_id]
                    yield problem_id, row
        except InputError as error:
            logging.info("%s: kept rows are passed over (%s)", entry, error)


def keep(table: Path, digest: str, key: str, questions: Mapping[str, Question]) -> None:
    """Keep a finished table with the digest `digest` of its rows; delete kept tables whose questions it answers, too.

    Older tables of the same key stay if they answer a question that it does not; of other keys the latest stay.
    """
    folder = table.parent / FOLDER
    name = f"{key}-{digest[:16]}"
    answered = {row["problem_id"] for row in _rows(table, questions.keys(), texts=False)}
    mine = {problem_id: questions[problem_id].digest for problem_id in sorted(answered)}
    link(table, folder / f"{name}.parquet")
    # A table without this file does not count.
    write_json(folder / f"{name}.json", {"questions": mine, "sha256": file_digest(table)})
    for entry in _entries([table.parent], key):
        if entry.stem != name and _questions(entry).items() <= mine.items():
            _forget(entry)
    latest = {entry.stem.split("-")[0]: None for entry in _entries([table.parent])}
    for old in list(latest)[KEYS:]:
        for entry in _entries([table.parent], old):
            _forget(entry)


def _entries(folders: Collection[Path], key: str = "*") -> list[Path]:
    """Return the lists of questions kept in shards' folders, each once, the latest of the first folder first."""
    entries: dict[Path, None] = {}
    for folder in folders:
        dated = []
        for entry in (folder / FOLDER).glob(f"{key}-*.json"):
            try:
                dated.append((-entry.stat().st_mtime_ns, entry))
            except FileNotFoundError:  # another shard has just replaced it
                continue
        entries |= dict.fromkeys(entry for _, entry in sorted(dated))
    return list(entries)


def _questions(entry: Path) -> dict[str, str]:
    """Return problem_id -> digest of the question; none of a list that is torn or gone."""
    try:
        digests = read_json(entry)["questions"]
    except (InputError, KeyError, TypeError):
        return {}
    return digests if isinstance(digests, dict) else {}


def _whole(entry: Path) -> Path:
    """Return the table that a list of questions belongs to. Raises InputError when its bytes are not what they were."""
    table = entry.with_suffix(".parquet")
    if file_digest(table) != read_json(entry).get("sha256"):
        raise InputError(f"{table}: not the bytes that were kept")
    return table


def _rows(table: Path, wanted: Collection[str], texts: bool = True) -> Iterator[Row]:
    """Yield the wanted rows of a table that are no errors; without `texts` only their ids."""
    columns = tables.RESPONSES.schema.names if texts else ["problem_id", "finish_reason"]
    for batch in tables.stream(table, tables.RESPONSES, columns):
        reasons, ids = batch["finish_reason"].to_pylist(), batch["problem_id"].to_pylist()
        places = [n for n, i in enumerate(ids) if i in wanted and reasons[n] != FinishReason.ERROR]
        yield from batch.take(places).to_pylist() if places else ()


def _forget(entry: Path) -> None:
    entry.unlink(missing_ok=True)
    entry.with_suffix(".parquet").unlink(missing_ok=True)
