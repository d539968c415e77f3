"""Responses joined with their verdicts, and where given with judgements and log-likelihoods.

The files of each table stand in one order, a file per shard and draw. They are read side by side, some thousand rows at
a time, so memory does not grow with the texts, and a response's text is read only where it is asked for.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from distill import tables
from distill.runtime.errors import InputError
from distill.tables.schemas import Contract
from distill.tables.words import REJECTED, UNANSWERED, FinishReason, Judgement, Outcome, Verdict

Key = tuple[str, int]
Row = dict[str, Any]
KEY = ("problem_id", "draw")


class GradedResponse(NamedTuple):
    """One response with its verdicts, judgement and log-likelihood.

    verdict: the rule's; matcher: the string matcher's; lenient: the rule's where an answer needs no box; judgement: the
    judge's, None without one; loglikelihood: under a student, in nats, None where unknown, over loglikelihood_tokens;
    response_tokens, response: None unless asked for; file: the responses table it stands in.
    """

    file: Path
    problem_id: str
    draw: int
    finish_reason: str
    verdict: str
    matcher: str
    lenient: str
    judgement: str | None = None
    loglikelihood: float | None = None
    loglikelihood_tokens: int | None = None
    response_tokens: int | None = None
    response: str | None = None

    @property
    def final_verdict(self) -> str:
        """Return the verdict under the policy `rule+judge`; without a judgement it is the rule's."""
        return final_verdict(self.verdict, self.judgement)

    @property
    def outcome(self) -> Outcome:
        """Return how far the response came, by its final verdict."""
        return outcome(self.finish_reason, self.final_verdict)


def final_verdict(verdict: str, judgement: str | None) -> str:
    """Return the verdict under the policy `rule+judge`: a rejected answer that the judge calls equal is correct."""
    return Verdict.CORRECT if verdict in REJECTED and judgement == Judgement.EQUAL else verdict


def outcome(finish_reason: str, verdict: str) -> Outcome:
    """Return how far a response came. A cut-off one is never `correct`: its answer may be a fluke."""
    if finish_reason == FinishReason.ERROR:
        return Outcome.NOT_GENERATED
    if finish_reason != FinishReason.STOP:
        return Outcome.NOT_STOPPED
    if verdict in UNANSWERED:
        return Outcome.NOT_ANSWERED
    return Outcome.CORRECT if verdict == Verdict.CORRECT else Outcome.NOT_CORRECT


def is_correct(finish_reason: str, verdict: str) -> bool:
    """Whether a response counts as correct, for datasets as for scores: it ended by itself, and its answer is right."""
    return outcome(finish_reason, verdict) is Outcome.CORRECT


def join(
    responses: Sequence[Path],
    verdicts: Sequence[Path],
    judgements: Sequence[Path] = (),
    loglikelihoods: Sequence[Path] = (),
    columns: Sequence[str] = (),
    name: str = "responses",
) -> Iterator[GradedResponse]:
    """Yield every response with its verdicts, judgement and log-likelihood, file by file, in the order of the rows.

    `columns` are further columns of the responses (response_tokens, response); `name` is what errors call the
    responses. There are as many files of judgements and of log-likelihoods as of responses, or none.

    Raises InputError when the numbers of files differ, a file of verdicts has not the rows of its responses in their
    order, a draw of a problem comes twice, a judgement is of no rejected answer, or a log-likelihood of no response.
    """
    for kind, files in (("verdicts", verdicts), ("judgements", judgements), ("log-likelihoods", loglikelihoods)):
        if len(files) != len(responses) and (files or kind == "verdicts"):
            raise InputError(f"{len(responses)} files of {name}, {len(files)} of their {kind}; give one for each")
    seen: set[Key] = set()
    optional = (files or [None] * len(responses) for files in (judgements, loglikelihoods))
    for files in zip(responses, verdicts, *optional, strict=True):
        for row in _join_files(*files, columns):
            key = row.problem_id, row.draw
            if key in seen:
                raise InputError(
                    f"{row.file}: several {name} for {shown([key])}; each draw of a problem must be given once"
                )
            seen.add(key)
            yield row


def solved(responses: Sequence[Path], verdicts: Sequence[Path]) -> set[str]:
    """Return the problems with a usable response in some earlier draw: correct by the rule, and not cut off.

    Raises InputError as `join`.
    """
    rows = join(responses, verdicts, name="earlier responses")
    return {row.problem_id for row in rows if row.outcome is Outcome.CORRECT}


def check_whole(problem_ids: Iterable[str], keys: Iterable[Key], where: Path) -> None:
    """Raise InputError unless every problem has a response in every draw, and no other problem has one."""
    known, keys = set(problem_ids), set(keys)
    if unknown := sorted(key for key in keys if key[0] not in known):
        raise InputError(f"{where}: {shown(unknown)} are not among the problems; give the corpus that was answered")
    draws = {draw for _, draw in keys} or {0}
    if missing := sorted({(problem_id, draw) for problem_id in known for draw in draws} - keys):
        raise InputError(f"{where}: no response for {shown(missing)}; give all shards of all draws")


def rows_by_key(path: Path, contract: Contract, columns: Sequence[str]) -> dict[Key, Row]:
    """Return (problem_id, draw) -> the other `columns` of a table. Raises InputError when a key comes twice."""
    rows: dict[Key, Row] = {}
    for row in tables.read(path, contract, [*KEY, *columns]).to_pylist():
        key = row.pop("problem_id"), row.pop("draw")
        if key in rows:
            raise InputError(f"{path}: several {contract.name} for {shown([key])}; make this file again")
        rows[key] = row
    return rows


def shown(keys: Sequence[Key]) -> str:
    """Return the first keys as words for an error, and how many more there are."""
    more = f" and {len(keys) - 5} more" if len(keys) > 5 else ""
    return ", ".join(f"{problem_id} (draw {draw})" for problem_id, draw in keys[:5]) + more


def _join_files(
    responses: Path, verdicts: Path, judgements: Path | None, loglikelihoods: Path | None, columns: Sequence[str]
) -> Iterator[GradedResponse]:
    """Join one file of each table. Each judgement and log-likelihood is used up by its response; none may be left."""
    judged = rows_by_key(judgements, tables.JUDGEMENTS, ["judgement"]) if judgements else {}
    values = ["loglikelihood", "tokens"]
    likely = rows_by_key(loglikelihoods, tables.LOGLIKELIHOODS, values) if loglikelihoods else {}
    for row, verdict in _side_by_side(responses, verdicts, columns):
        key = row["problem_id"], row["draw"]
        judgement = judged.pop(key, {}) if verdict["verdict"] in REJECTED else {}
        likelihood = likely.pop(key, {})
        yield GradedResponse(
            responses,
            **row,
            verdict=verdict["verdict"],
            matcher=verdict["matcher"],
            lenient=verdict["lenient"],
            judgement=judgement.get("judgement"),
            loglikelihood=likelihood.get("loglikelihood"),
            loglikelihood_tokens=likelihood.get("tokens"),
        )
    if judged:
        raise InputError(
            f"{judgements}: judgements of {shown(sorted(judged))}, which the rule did not reject in {verdicts}; "
            "judge again"
        )
    if likely:
        raise InputError(
            f"{loglikelihoods}: log-likelihoods of {shown(sorted(likely))}, which are not in {responses}; "
            "compute them again"
        )


def _side_by_side(responses: Path, verdicts: Path, columns: Sequence[str]) -> Iterator[tuple[Row, Row]]:
    """Yield the rows of two files with the same keys in the same order. Raises InputError when they have not."""
    rows = [tables.footer(path).num_rows for path in (responses, verdicts)]
    if rows[0] != rows[1]:
        raise InputError(
            f"{verdicts}: not the verdicts of {responses}; verify these responses first "
            f"({rows[1]} verdicts, {rows[0]} responses)"
        )
    answered = _rows(responses, tables.RESPONSES, [*KEY, "finish_reason", *columns])
    graded = _rows(verdicts, tables.VERDICTS, [*KEY, "verdict", "matcher", "lenient"])
    for row, verdict in zip(answered, graded, strict=True):
        keys = [(each["problem_id"], each["draw"]) for each in (row, verdict)]
        if keys[0] != keys[1]:
            raise InputError(
                f"{verdicts}: not the verdicts of {responses}; verify these responses first "
                f"({shown(keys[1:])} stands where {shown(keys[:1])} should)"
            )
        yield row, verdict


def _rows(path: Path, contract: Contract, columns: Sequence[str]) -> Iterator[Row]:
    return chain.from_iterable(batch.to_pylist() for batch in tables.stream(path, contract, columns))
