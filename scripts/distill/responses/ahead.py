"""A model that is loaded answers ahead: its other draws, shards and corpora, before their own jobs begin.

Loading takes longer than many a shard. Each shard is asked in a call of its own, as its own job would, so its rows are
the same; they stand in its `state/`, where its own job finds them and loads nothing.
"""

import logging
import time
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from distill.config.lineage import Responses, Statements, identity
from distill.config.shards import shard_names
from distill.responses.asking import Answerer, Task, ask
from distill.responses.kept import find_rows
from distill.runtime.errors import InputError
from distill.runtime.files import tried_lock
from distill.tables.statements import statements_of_shard


class Corpus(BaseModel):
    """How often a corpus is asked, and in how many shards."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    draws: int
    shards: int


class Ahead(BaseModel):
    """What else a model is asked: corpora by name; no shard is begun after so many hours."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hours: float = 0
    corpora: dict[str, Corpus] = {}

    def others(self, own: Responses) -> Iterator[Responses]:
        """Yield the other places, beginning with the corpus of the own one."""
        for corpus in sorted(self.corpora, key=lambda name: (name != own.corpus, name)):
            for draw in range(self.corpora[corpus].draws):
                for shard in shard_names(self.corpora[corpus].shards):
                    place = Responses(corpus, own.model_path, own.decoding, draw, shard)
                    if place != own:
                        yield place


def answer_ahead(folder: Path, answerer: Answerer, ahead: Ahead, key: str, begun: float) -> int:
    """Answer other shards with a model that is loaded; return how many rows were asked.

    `folder` is that of the own shard, `begun` when the program began (monotonic seconds). One whose problems are not
    there, or that another program is at, is passed over. The first complaint ends it: it is for the shard's own job.
    """
    names = identity(folder)
    if answerer.engine is None or not names or not answerer.seeds_rows(answerer.engine):
        return 0
    own = Responses.named(names)
    root, rows = Path(str(folder.absolute()).removesuffix(own.folder)), 0
    for place in ahead.others(own):
        table = root / Statements(place.corpus, place.shard).file("statements.parquet")
        if time.monotonic() - begun > 3600 * ahead.hours:
            break
        try:
            with tried_lock(root / place.folder) as mine:
                if mine and table.is_file():
                    rows += _ask_rest(root / place.folder, Task(answerer, place.draw, place.shard), table, key)
        except InputError as error:
            logging.info("%s: left to its own job (%s)", place.folder, error)
            break
    return rows


def _ask_rest(folder: Path, task: Task, statements: Path, key: str) -> int:
    """Ask what no generation has answered of a shard; return how many rows were asked."""
    questions = task.questions(statements_of_shard(statements, task.shard))
    if {problem_id for problem_id, _ in find_rows(folder, key, task.draw, questions)} == questions.keys():
        return 0
    asked = ask(folder, task, questions, key)
    asked.journal.close()
    return asked.facts["asked"]
