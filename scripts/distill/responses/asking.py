"""What is missing of a shard is asked: who answers, how a row is kept, and what was paid for before is taken over."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill import tables
from distill.config.recipes import GenerateJob, needed_gpus
from distill.models.prompts import Prompt
from distill.models.templates import Message
from distill.models.trial import check_prompt
from distill.responses.engines import Completion, Engine, Request, load_engine
from distill.responses.kept import Question, find_rows, question, row_seed, shard_seed
from distill.responses.refusals import FirstRefusals
from distill.runtime import busy
from distill.runtime.devices import take
from distill.runtime.errors import InputError
from distill.runtime.journal import Journal, Key
from distill.runtime.progress import Progress
from distill.tables.words import FinishReason

Row = dict[str, Any]
Errors = dict[str, Row]  # problem_id -> row; never kept, so that the next start asks again


@dataclass
class Answerer:
    """A model, and the prompt and recipe that it is asked with; it is loaded with the first question, on `gpus`."""

    model: Path
    prompt: Prompt
    recipe: GenerateJob
    gpus: int = 0
    engine: Engine | None = None

    def start(self, seed: int) -> Engine:
        """Return the loaded model; `seed` is for engines that have one for all rows.

        Raises InputError where its chat template leaves out what the prompt or the system says.
        """
        if self.engine is None:
            take(self.gpus, least=needed_gpus(self.recipe))
            self.engine = load_engine(self.model, self.recipe, seed)
            if self.engine.template is not None:
                check_prompt(self.engine.template, self.prompt)
            busy.note("ready")
        return self.engine

    def seeds_rows(self, engine: Engine) -> bool:
        """Whether a row is the same whatever else is asked; greedy rows are, whatever the seed."""
        return engine.seeds == "row" or not self.recipe.decoding.temperature


@dataclass
class Task:
    """One draw of one shard, and who answers it."""

    answerer: Answerer
    draw: int
    shard: str

    def questions(self, problems: Mapping[str, str]) -> dict[str, Question]:
        """Return problem_id -> question, which holds all that decides its row."""
        recipe, prompt = self.answerer.recipe, self.answerer.prompt
        place = self.draw, self.shard
        return {i: question(recipe, prompt.messages(text), i, *place) for i, text in problems.items()}

    def key(self, problem_id: str, questions: Mapping[str, Question]) -> Key:
        """Return the key of a problem's row in the journal."""
        return problem_id, self.draw, questions[problem_id].digest

    def answer(
        self, ids: Sequence[str], questions: Mapping[str, Question], journal: Journal, progress: Progress
    ) -> Errors:
        """Ask the questions of some problems; keep responses in the journal, or return rows where they are errors."""
        if not ids:
            return {}
        recipe = self.answerer.recipe
        common_seed = shard_seed(recipe.decoding.seed, self.shard, self.draw)
        engine = self.answerer.start(common_seed)
        by_row = self.answerer.seeds_rows(engine)
        seeds = {i: row_seed(recipe.decoding.seed, i, self.draw) if by_row else common_seed for i in ids}
        marked = {i: said for i in ids if (said := _mark_in(engine, questions[i].messages))}
        errors = {i: _row(Completion("", FinishReason.ERROR, None, None, said), seeds[i], engine.version)
                  for i, said in marked.items()}  # fmt: skip
        progress.update(len(errors))
        ids = [i for i in ids if i not in errors]
        requests = [Request(questions[i].messages, seeds[i]) for i in ids]
        refusals = FirstRefusals()
        for index, completion in engine.generate(requests):
            row = _row(completion, seeds[ids[index]], engine.version)
            if completion.finish_reason == FinishReason.ERROR:
                errors[ids[index]] = row
            else:
                journal.add(self.key(ids[index], questions), row, completion.cost)
            progress.update(1, completion.response_tokens or 0, completion.cost)
            refusals.add(completion)
            if refusals.message and len(errors) > recipe.max_errors * len(questions):
                raise InputError(refusals.message)
        return errors


def _mark_in(engine: Engine, messages: Sequence[Message]) -> str:
    """Return what is wrong with a conversation where a text spells a mark of turns: its turn would end there; or ''."""
    marks = engine.template.marks if engine.template else None
    found = ((marks.first(message["content"]), message["role"]) for message in messages if marks)
    return next(
        (f"the {role} text spells {mark}, a mark of turns; clean the problem" for mark, role in found if mark), ""
    )


def drop_unfit(journal: Journal, path: Path, keys: Iterable[Key]) -> None:
    """Drop kept rows that the responses table cannot hold, each with a line: they are asked again."""
    for key in keys:
        if key not in journal:
            continue
        try:
            row, place = journal[key], {"problem_id": key[0], "draw": key[1]}
            tables.check_row({**row, **place} if isinstance(row, dict) else row, tables.RESPONSES, path)
        except InputError as error:
            logging.info("%s: the kept row does not fit the table and is asked again (%s)", key[0], error)
            journal.drop(key)


def take_over(folder: Path, key: str, task: Task, questions: Mapping[str, Question], journal: Journal) -> int:
    """Put the rows of earlier generations for the same questions into the journal; return their number."""
    missing = {i: questions[i] for i in questions if task.key(i, questions) not in journal}
    rows = 0
    for problem_id, row in find_rows(folder, key, task.draw, missing):
        journal.add(task.key(problem_id, questions), row)
        rows += 1
    return rows


def _row(completion: Completion, seed: int, engine: str) -> Row:
    """Return a row of the responses table without its key."""
    return {
        "response": completion.text,
        "finish_reason": completion.finish_reason,
        "prompt_tokens": completion.prompt_tokens,
        "response_tokens": completion.response_tokens,
        "seed": seed,
        "engine": engine,
        "error": completion.error,
    }


@dataclass
class Asked:
    """A shard whose missing rows were asked for: they stand in the journal, or are errors.

    facts: for the provenance, how many rows were resumed, reused and asked, and their cost in US dollars.
    """

    questions: dict[str, Question]
    journal: Journal
    errors: Errors
    facts: Row


def ask(folder: Path, task: Task, questions: dict[str, Question], key: str) -> Asked:
    """Take over and ask for what is missing of a shard; `folder` is its own, `key` that of all its rows."""
    state = folder / "state"
    journal = Journal(kept := state / f"{key}.jsonl")
    drop_unfit(journal, kept, [task.key(i, questions) for i in questions])
    resumed = sum(task.key(i, questions) in journal for i in questions)
    reused = take_over(folder, key, task, questions, journal)
    missing = [i for i in questions if task.key(i, questions) not in journal]
    begun = {"done": len(questions) - len(missing), "cost": journal.cost, "file": state / "progress.json"}
    with Progress(len(questions), desc="generate", **begun) as progress:
        errors = task.answer(missing, questions, journal, progress)
    facts = {"resumed": resumed, "reused": reused, "asked": len(missing), "cost": round(progress.cost, 6)}
    return Asked(questions, journal, errors, facts)
