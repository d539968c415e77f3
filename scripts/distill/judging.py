"""A language model as judge: is the answer that the rule rejected the same as the gold answer after all?

The judge sees problem, gold answer and the text of the last box, never the solution, and says True or False (the
paper's third step, section A.3 and its released scorer). It can only turn a rejected response into a correct one.
Replies are kept in a journal as they come, so a job that fails or is killed asks no question twice.
"""

import json
import logging
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

from distill.errors import InputError
from distill.journal import Journal
from distill.recipes import JudgeRecipe

# What the rule can be wrong about. A response without an answer, or cut off before it, is not judged.
JUDGED = ("wrong", "unverifiable", "timeout", "error")
RETRIED = (408, 409, 425, 429, 500, 502, 503, 504)
PAUSE_SECONDS = 1.0


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
    """Asks an OpenAI-compatible endpoint (`/chat/completions`), greedily."""

    def __init__(self, recipe: JudgeRecipe, template: Path):
        import jinja2

        self._recipe = recipe
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

        Raises InputError when the endpoint cannot be reached or answers something else than the protocol says; the
        replies that came before stay in the journal.
        """
        todo = [q for q in dict.fromkeys(questions) if q not in journal]
        with ThreadPoolExecutor(self._recipe.concurrency) as pool:
            futures = {pool.submit(self._keep, question, journal): question for question in todo}
            try:
                for future in as_completed(futures):
                    future.result()
                    yield futures[future]
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _keep(self, question: Question, journal: Journal) -> None:
        # In the asking thread, so that a reply that comes while another question fails is kept as well.
        journal.add(question, self._ask(question))

    def _ask(self, question: Question) -> str:
        text = self._template.render(problem=question.problem, gold=question.gold, answer=question.answer)
        body = {"model": self._recipe.model, "messages": [{"role": "user", "content": text}], "temperature": 0,
                "max_tokens": self._recipe.max_tokens}  # fmt: skip
        for attempt in range(self._recipe.attempts):
            try:
                return self._post(body)
            except _LaterError as error:
                problem = error
                if attempt + 1 < self._recipe.attempts:
                    time.sleep(PAUSE_SECONDS * 2**attempt)
        raise InputError(f"judge at {self._recipe.url}: {problem} ({self._recipe.attempts} attempts); replies are kept")

    def _post(self, body: dict[str, object]) -> str:
        url = self._recipe.url.rstrip("/") + "/chat/completions"
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get(self._recipe.key_variable):
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(url, json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=self._recipe.timeout_seconds) as response:
                data = response.read()
        except urllib.error.HTTPError as error:
            said = error.read(300).decode(errors="replace").strip()
            if error.code in RETRIED:
                raise _LaterError(f"HTTP {error.code} {said}") from None
            raise InputError(f"judge at {url}: HTTP {error.code} {said}; replies are kept") from None
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            raise _LaterError(str(getattr(error, "reason", error))) from None
        try:
            reply = json.loads(data)["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError):
            shown = data[:200].decode(errors="replace")
            raise InputError(f"judge at {url}: not a chat completion: {shown!r}; replies are kept") from None
        return reply if isinstance(reply, str) else ""


class _LaterError(Exception):
    """The endpoint may answer later."""


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
