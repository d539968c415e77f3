"""A client for OpenAI-compatible servers: many conversations at a time, each answered once or refused with a reason.

Follows the `/chat/completions` and `/models` requests of the OpenAI API as vLLM, SGLang, llama.cpp and hosted services
answer them. httpx2 carries the requests, tenacity repeats what may go better later.
"""

import asyncio
import json
import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from distill.responses.api_keys import masked, read_key
from distill.responses.replies import NotAReplyError, PassingError, Reply, UnfitReplyError
from distill.runtime import busy
from distill.runtime.errors import InputError

if TYPE_CHECKING:
    import httpx2
    import tenacity

LATER = (408, 409, 425, 429)  # and every 5xx: the same request may go well later
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0
LONGEST_RETRY_AFTER_SECONDS = 3600.0  # a Retry-After above it is not believed
CONNECT_SECONDS = 30.0
# So many conversations are under way until a first one is answered, or so long: what refuses one may refuse all.
PROBES, PROBE_SECONDS = 8, 5.0

Body = dict[str, Any]


@dataclass(frozen=True)
class Refusal:
    """Why one conversation has no answer."""

    reason: str


@dataclass(frozen=True)
class Limits:
    """How a server is asked: requests at a time, seconds per request, tries per conversation, the key's variable."""

    concurrency: int
    timeout_seconds: float
    attempts: int
    key_variable: str


class Endpoint:
    """The server at a base URL (`http://localhost:8000/v1`).

    `read` turns the JSON of a reply into its checked form, or raises what `distill.responses.replies` names; `extra`
    are the keys of bodies that not every server knows. The key stands in no message. Raises InputError for a key that
    cannot be sent.
    """

    def __init__(self, url: str, limits: Limits, read: Callable[[Any], Reply], extra: Collection[str] = ()):
        self._url, self._execution, self._read_reply, self._extra = url.rstrip("/"), limits, read, extra
        self._key = read_key(limits.key_variable)
        self._stopping, self._proven, self._begun = asyncio.Event(), asyncio.Event(), 0
        self._not_before = 0.0  # a server that asks for a pause gets it from all workers
        logging.getLogger("httpx2").setLevel(logging.WARNING)  # it logs each request

    @property
    def url(self) -> str:
        """Return the base URL."""
        return self._url

    def models(self) -> dict[str, str]:
        """Return the names of the server's models and who owns each (a program's name); empty where it has no list.

        Raises InputError when nothing answers at the URL, or the key is refused.
        """
        import httpx2

        try:
            response = httpx2.get(f"{self._url}/models", headers=self._headers(), timeout=CONNECT_SECONDS)
        except (httpx2.RequestError, httpx2.InvalidURL) as error:
            raise self._down(error) from None
        if response.status_code in (401, 403):
            raise self._fatal(response)
        with suppress(ValueError, LookupError, TypeError, AttributeError, RecursionError):
            models = {m["id"]: m.get("owned_by", "") for m in response.json()["data"]}
            return {n: self._told(owner) for n, owner in models.items() if isinstance(n, str) and n.isprintable()}
        return {}

    def version(self) -> str:
        """Return the version that the server gives at `/version` beside its base URL, as vLLM does, or nothing."""
        import httpx2

        root = self._url.removesuffix("/v1")
        with suppress(httpx2.RequestError, ValueError, LookupError, TypeError, RecursionError):
            return self._told(httpx2.get(f"{root}/version", headers=self._headers(), timeout=5).json()["version"])
        return ""

    def _told(self, text: Any) -> str:
        """Return what a server says of itself, for a column and the provenance; '' where it is no text."""
        return masked(_shown(text), self._key) if isinstance(text, str) else ""

    def ask_all(self, bodies: Sequence[Body]) -> Iterator[tuple[int, Reply | Refusal]]:
        """Yield (index, reply or refusal) as answers come, each body once.

        Raises InputError for what would fail every request (wrong key, unknown model, server gone): after no further
        request was started, and the answers to those under way were yielded.
        """
        with asyncio.Runner() as runner:
            answers = self._answers(bodies)
            try:
                while (answer := runner.run(_next(answers))) is not None:
                    yield answer
            finally:
                runner.run(answers.aclose())

    def stop(self) -> None:
        """Start no further request; `ask_all` goes on with the answers to those under way, and ends."""
        self._stopping.set()
        self._proven.set()

    async def _answers(self, bodies: Sequence[Body]) -> AsyncIterator[tuple[int, Reply | Refusal]]:
        import httpx2

        limit = min(self._execution.concurrency, len(bodies))
        pool = httpx2.Limits(max_connections=limit, max_keepalive_connections=limit)
        timeout = httpx2.Timeout(None, connect=CONNECT_SECONDS)  # the whole request has its own limit
        todo, done = iter(enumerate(bodies)), asyncio.Queue[Any]()
        self._stopping, self._proven, self._begun = asyncio.Event(), asyncio.Event(), 0  # an event belongs to one loop
        async with httpx2.AsyncClient(headers=self._headers(), timeout=timeout, limits=pool) as client:
            workers = [asyncio.create_task(self._work(client, todo, done)) for _ in range(limit)]
            try:
                error, left = None, len(workers)
                while left:
                    item = await done.get()
                    if item is None:
                        left -= 1
                    elif isinstance(item, Exception):
                        error = error or item
                    else:
                        yield item
                if error is not None:
                    raise error
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)

    async def _work(
        self, client: "httpx2.AsyncClient", todo: Iterator[tuple[int, Body]], done: "asyncio.Queue[Any]"
    ) -> None:
        """Answer one conversation after the other; put None at the end."""
        try:
            for index, body in todo:
                await self._probe()
                answer = await self._ask(client, body)
                if isinstance(answer, Reply):
                    self._proven.set()
                done.put_nowait((index, answer))
        except _StoppedError:
            pass
        except Exception as error:
            self.stop()
            done.put_nowait(error)
        finally:
            done.put_nowait(None)

    async def _probe(self) -> None:
        """Let the first conversations through; hold the others until one is answered, or the time for that is over."""
        self._begun += 1
        if self._begun > PROBES and not self._proven.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._proven.wait(), PROBE_SECONDS)
            self._proven.set()

    async def _ask(self, client: "httpx2.AsyncClient", body: Body) -> Reply | Refusal:
        """Send one conversation until it is answered, refused, or its attempts are over."""
        import tenacity

        tries = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(self._execution.attempts),
            wait=self._pause,
            sleep=self._sleep,
            retry=tenacity.retry_if_exception_type(_LaterError),
            reraise=True,
        )
        try:
            return await tries(self._post, client, body)
        except _UnreachableError as error:
            raise self._down(error) from None
        except _LaterError as error:
            return Refusal(masked(f"{error} ({self._execution.attempts} attempts)", self._key))
        except _RefusedError as error:
            return Refusal(masked(str(error), self._key))

    async def _post(self, client: "httpx2.AsyncClient", body: Body) -> Reply:
        import httpx2

        await self._sleep(self._not_before - time.monotonic())
        if self._stopping.is_set():
            raise _StoppedError
        try:
            async with asyncio.timeout(self._execution.timeout_seconds):
                response = await client.post(f"{self._url}/chat/completions", content=json.dumps(body).encode())
        except TimeoutError:
            raise _LaterError(f"no answer within {self._execution.timeout_seconds} s") from None
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise _UnreachableError(str(error) or type(error).__name__) from None
        except httpx2.RequestError as error:
            raise BrokenError(f"{type(error).__name__}: {error}") from None
        busy.note("reply", body.get("model", ""), response.text if response.status_code == 200 else "")
        return self._read(response)

    def _read(self, response: "httpx2.Response") -> Reply:
        code = response.status_code
        told = _message(response) + self._blame(response.text) if code >= 400 else ""
        if code >= 500 or (code in LATER and "insufficient_quota" not in response.text):
            raise _LaterError(told, self._retry_after(response))
        if code in (401, 402, 403, 404, 429) or response.is_redirect:
            raise self._fatal(response)
        if code >= 400:
            raise _RefusedError(told)
        try:
            return self._read_reply(response.json())
        except UnfitReplyError as error:
            raise _RefusedError(str(error)) from None
        except PassingError as error:
            raise _LaterError(str(error)) from None
        except (NotAReplyError, ValueError, RecursionError):
            raise _LaterError(f"not a chat completion: {response.text[:200]!r}") from None

    def _blame(self, text: str) -> str:
        """Return which of the extra keys an error speaks of: its message may not name them, as other parts of it do."""
        named = [key for key in self._extra if re.search(rf"(?<!\w){re.escape(key)}(?!\w)", text)]
        remedy = f"it names {', '.join(named)} of `server.extra_body`; take out what this server does not know"
        return f" ({remedy})" if named else ""

    def _retry_after(self, response: "httpx2.Response") -> float:
        """Return the seconds of Retry-After (a number or a date) and let all workers wait for them."""
        header, seconds = response.headers.get("Retry-After"), 0.0
        if header is not None:
            try:
                seconds = float(header)
            except ValueError:
                with suppress(ValueError, OverflowError, OSError):  # of a year that no clock has
                    seconds = parsedate_to_datetime(header).timestamp() - time.time()
        seconds = min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)
        self._not_before = max(self._not_before, time.monotonic() + seconds)
        return seconds

    def _pause(self, state: "tenacity.RetryCallState") -> float:
        from tenacity import wait_exponential_jitter

        backoff = wait_exponential_jitter(
            multiplier=FIRST_PAUSE_SECONDS, max=LONGEST_PAUSE_SECONDS, jitter=FIRST_PAUSE_SECONDS
        )
        error = state.outcome.exception() if state.outcome else None
        return max(backoff(state), error.pause if isinstance(error, _LaterError) else 0.0)

    async def _sleep(self, seconds: float) -> None:
        """Sleep, but not longer than until a failure of another conversation ends the job."""
        if seconds > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)

    def _headers(self) -> dict[str, str]:
        authorization = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        return {"Content-Type": "application/json"} | authorization

    def _down(self, error: Exception) -> InputError:
        reason = masked(str(error), self._key)
        return InputError(f"no server answers at {self._url} ({reason}); start it, or correct the URL")

    def _fatal(self, response: "httpx2.Response") -> InputError:
        """Return the error for a status that every request would get."""
        variable, code = self._execution.key_variable, response.status_code
        held = "refused" if self._key else "not set"
        advice = {
            401: f"the key in ${variable} is {held}",
            403: f"the key in ${variable} is {held}, or has no right to this model",
            402: "the account has no credit",
            404: "is the model's name one of the server's, and does the URL end as its documentation says (`/v1`)?",
            429: "the account has no credit",
        }.get(code, f"it sends elsewhere ({_shown(response.headers.get('Location', 'nowhere'))}); give the final URL")
        return InputError(masked(f"{self._url}: {_message(response)}; {advice}", self._key))


async def _next(items: AsyncIterator[Any]) -> Any:
    return await anext(items, None)


def _message(response: "httpx2.Response") -> str:
    """Return status and message of an error response on one line."""
    text = response.text
    with suppress(ValueError, LookupError, TypeError, RecursionError):
        data = response.json()
        text = data["error"]["message"] if isinstance(data["error"], dict) else data.get("message") or data["error"]
    return f"HTTP {response.status_code} {_shown(str(text))}".strip()


def _shown(text: str) -> str:
    """Return a server's text as one line is shown of it: a terminal obeys control signs."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:300]


class _LaterError(Exception):
    """The same request may go well later, not before `pause` seconds."""

    def __init__(self, message: str, pause: float = 0.0):
        super().__init__(message)
        self.pause = pause


class BrokenError(_LaterError):
    """The connection ended before the answer did."""


class _UnreachableError(BrokenError):
    """Nothing accepts a connection."""


class _RefusedError(Exception):
    """The server refuses this conversation, and would again."""


class _StoppedError(Exception):
    """Not asked, for another conversation failed in a way that all would."""
