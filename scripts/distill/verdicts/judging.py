"""A language model as judge: is the answer that the rule rejected the same as the gold answer after all?

The judge sees problem, gold answer and the text of the last box, never the solution, and says True or False (the
paper's third step, section A.3 and its released scorer). It can only turn a rejected response into a correct one.
Of a corpus without gold answers it sees problem and answer, and says whether the answer is correct.
Replies are kept in a journal as they come, so a job that fails or is killed asks no question twice.
"""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from distill.models.prompts import PromptTemplate
from distill.models.thinking import after_think
from distill.responses.engines import Engine, Request
from distill.responses.refusals import FirstRefusals
from distill.runtime.errors import InputError
from distill.runtime.journal import Journal
from distill.tables.words import FinishReason, Judgement


class Question(NamedTuple):
    """One question to the judge; equal questions are asked once. It is the key of its reply in the journal.

    gold: None of a corpus without gold answers.
    """

    problem: str
    gold: str | None
    answer: str


def judgement(reply: str) -> Judgement:
    """Return what a reply says: `equal` if it holds True, `different` if False, `unclear` if both or neither."""
    words = {w.strip(".,!*\"'`:;()[]").lower() for w in reply.split()}
    holds_true, holds_false = "true" in words, "false" in words
    if holds_true == holds_false:
        return Judgement.UNCLEAR
    return Judgement.EQUAL if holds_true else Judgement.DIFFERENT


class Judge:
    """Puts questions to an engine, each as one conversation; all have a gold answer, or none has."""

    def __init__(self, engine: Engine, template: Path, with_gold: bool = True):
        self._engine = engine
        self._fields = [name for name in Question._fields if with_gold or name != "gold"]
        self._template = PromptTemplate(template, self._fields)

    def ask_all(self, questions: Iterable[Question], journal: Journal) -> Iterator[Question]:
        """Ask what the journal does not hold yet; yield each question when its reply is kept.

        Raises InputError when the engine cannot go on, or after the others when a question got no reply; the replies
        stay in the journal.
        """
        missing = [q for q in dict.fromkeys(questions) if q not in journal]
        failed: list[str] = []
        refusals = FirstRefusals()
        try:
            for index, completion in self._engine.generate([self._request(q) for q in missing]):
                refusals.add(completion)
                if refusals.message:
                    raise InputError(refusals.message)
                if completion.finish_reason == FinishReason.ERROR:
                    failed.append(str(completion.error))
                    continue
                journal.add(missing[index], after_think(completion.text) or "", completion.cost)
                yield missing[index]
        except InputError as error:
            raise InputError(f"judge: {error}; replies are kept") from None
        if failed:
            raise InputError(
                f"judge: {len(failed)} of {len(missing)} questions got no reply; replies are kept: {failed[0]}"
            )

    def _request(self, question: Question) -> Request:
        text = self._template.render({name: getattr(question, name) for name in self._fields})
        return Request([{"role": "user", "content": text}], 0)


def check_clear(replies: Iterable[str], most: float) -> None:
    """Raise InputError when more than the share `most` of the replies are neither True nor False."""
    replies = list(replies)
    unclear = [r for r in replies if judgement(r) is Judgement.UNCLEAR]
    if len(unclear) > most * len(replies):
        logging.info("unclear replies: %s", [r[:80] for r in unclear[:5]])
        raise InputError(
            f"judge: {len(unclear)} of {len(replies)} replies are neither True nor False, more than "
            f"max_unclear {most} allows; the first is {unclear[0][:80]!r}"
        )
