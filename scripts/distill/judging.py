"""A language model as judge: is the answer that the rule rejected the same as the gold answer after all?

The judge sees problem, gold answer and the text of the last box, never the solution, and says True or False (the
paper's third step, section A.3 and its released scorer). It can only turn a rejected response into a correct one.
Replies are kept in a journal as they come, so a job that fails or is killed asks no question twice.
"""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from distill.endpoint import Endpoint, Limits, Refusal
from distill.errors import InputError
from distill.journal import Journal
from distill.recipes import JudgeRecipe

# What the rule can be wrong about. A response without an answer, or cut off before it, is not judged.
JUDGED = ("wrong", "unverifiable", "timeout", "error")


class Question(NamedTuple):
    """One question to the judge; equal questions are asked once. It is the key of its reply in the journal."""

    problem: str
    gold: str
    answer: str


def judgement(reply: str) -> str:
    """Return `equal`, `different` or `unclear` for a reply: whichever of True and False it holds, if only one."""
    words = {w.strip(".,!*\"'`:;()[]").lower() for w in reply.split()}
    said = words & {"true", "false"}
    return {frozenset({"true"}): "equal", frozenset({"false"}): "different"}.get(frozenset(said), "unclear")


def effective(verdict: str, judged: str | None) -> str:
    """Return the verdict under the policy `rule+judge`: a rejected answer that the judge calls equal is correct."""
    return "correct" if verdict in JUDGED and judged == "equal" else verdict


class Judge:
    """Asks an OpenAI-compatible endpoint, greedily."""

    def __init__(self, recipe: JudgeRecipe, template: Path):
        import jinja2

        self._recipe = recipe
        limits = Limits(recipe.concurrency, recipe.timeout_seconds, recipe.attempts, recipe.key_variable)
        self._endpoint = Endpoint(recipe.url, limits)
        try:
            environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
            self._template = environment.from_string(template.read_text())
            self._template.render(problem="1 + 1?", gold="2", answer="two")
        except FileNotFoundError:
            raise InputError(f"{template}: no such judge prompt") from None
        except jinja2.TemplateError as error:
            raise InputError(f"{template}: {error}; a judge prompt knows `problem`, `gold` and `answer`") from None

    def ask_all(self, questions: Iterable[Question], journal: Journal) -> Iterator[Question]:
        """Ask what the journal does not hold yet, several at a time; yield each question when its reply is kept.

        Raises InputError when the endpoint cannot be reached or does not answer a question; the replies that came
        before, and those under way, stay in the journal.
        """
        todo = [q for q in dict.fromkeys(questions) if q not in journal]
        refusal: Refusal | None = None
        try:
            for index, answer in self._endpoint.ask_all([self._body(q) for q in todo]):
                if isinstance(answer, Refusal):
                    refusal = refusal or answer
                    self._endpoint.stop()
                    continue
                reply = answer["choices"][0]["message"].get("content")
                journal.add(todo[index], reply if isinstance(reply, str) else "")
                yield todo[index]
        except InputError as error:
            raise InputError(f"judge: {error}; replies are kept") from None
        if refusal is not None:
            raise InputError(f"judge at {self._recipe.url}: {refusal.reason}; replies are kept")

    def _body(self, question: Question) -> dict[str, object]:
        text = self._template.render(problem=question.problem, gold=question.gold, answer=question.answer)
        messages = [{"role": "user", "content": text}]
        return {"model": self._recipe.model, "messages": messages, "temperature": 0,
                "max_tokens": self._recipe.max_tokens}  # fmt: skip


def check_clear(replies: Iterable[str], recipe: JudgeRecipe) -> None:
    """Raise InputError when more replies than the recipe allows are neither True nor False."""
    replies = list(replies)
    unclear = [r for r in replies if judgement(r) == "unclear"]
    if len(unclear) > recipe.max_unclear * len(replies):
        logging.info("unclear replies: %s", [r[:80] for r in unclear[:5]])
        raise InputError(
            f"judge {recipe.model}: {len(unclear)} of {len(replies)} replies are neither True nor False, more than "
            f"max_unclear {recipe.max_unclear} allows; the first is {unclear[0][:80]!r}"
        )
