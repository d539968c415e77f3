"""The response browser's data: what every arm answered and what the graders said, as scripts that a page loads.

A page that is opened as a file may load scripts and nothing else, so each file of data calls `browse.add(kind, number,
content)`. `index` names benchmarks, arms and groups (the answers of one arm to one benchmark); `problems` and `rows`
hold what a list shows and a filter asks, column by column; `texts` hold the responses themselves, page by page, and
are loaded for what is looked at. Texts pass through one at a time, so memory does not grow with them.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from distill import tables
from distill.runtime.files import write_text
from distill.tables import graded
from distill.tables.graded import GradedResponse, final_verdict, is_correct
from distill.tables.schemas import Contract
from distill.tables.words import UNANSWERED, UNGRADED, FinishReason, Judgement, Verdict

PAGE_CHARACTERS = 1 << 18
WORDS = {"verdict": list(Verdict), "finish": list(FinishReason), "judgement": list(Judgement)}
# As in scores.csv; `correct` is the accuracy. A row's `counted` is a number with bit i for the word i.
COUNTED = ("correct", "no_answer", "cut_off", "errors", "ungraded", "lenient")
SHOWN_OF_RESPONSES = ("prompt_tokens", "seed", "engine", "error")
SHOWN_OF_VERDICTS = ("extracted", "method")

Row = dict[str, Any]


@dataclass(frozen=True)
class Answered:
    """The files of one group, in one order: a file per draw and shard; judgements only where there is a judge."""

    responses: Sequence[Path]
    verdicts: Sequence[Path]
    judgements: Sequence[Path] = ()


def script(kind: str, number: int, content: Any) -> str:
    """Return content as a script of ASCII alone, in which no text can end a line, a string or a `<script>`."""
    text = json.dumps(content, ensure_ascii=True, allow_nan=False, sort_keys=True, separators=(",", ":"))
    return f'browse.add("{kind}",{number},{text.replace("<", chr(92) + "u003c")});\n'


def counted(row: GradedResponse, policy: str) -> int:
    """Return the shares of scores.csv that a response counts in, as bits in the order of `COUNTED`."""
    verdict = final_verdict(row.verdict, row.judgement if policy == "rule+judge" else None)
    flags = (
        is_correct(row.finish_reason, verdict),
        verdict in UNANSWERED,
        row.finish_reason == FinishReason.LENGTH,
        row.finish_reason == FinishReason.ERROR,
        verdict in UNGRADED and row.finish_reason != FinishReason.ERROR,
        any(is_correct(row.finish_reason, each) for each in (verdict, row.lenient)),
    )
    return sum(1 << bit for bit, flag in enumerate(flags) if flag)


def joined(files: Answered) -> Iterator[tuple[GradedResponse, Row]]:
    """Yield each response as graded, and what else the browser shows of it. Raises InputError as `graded.join`."""
    rows = graded.join(files.responses, files.verdicts, files.judgements, columns=["response_tokens", "response"])
    told = _rows(files.responses, tables.RESPONSES, SHOWN_OF_RESPONSES)
    answers = _rows(files.verdicts, tables.VERDICTS, SHOWN_OF_VERDICTS)
    for row, of_response, of_verdict in zip(rows, told, answers, strict=True):
        yield row, {**of_response, **of_verdict}


def _rows(paths: Iterable[Path], contract: Contract, columns: Sequence[str]) -> Iterator[Row]:
    batches = (batch for path in paths for batch in tables.stream(path, contract, columns))
    return chain.from_iterable(batch.to_pylist() for batch in batches)


class Pages:
    """Writes the texts of a group in pages of about `PAGE_CHARACTERS`; a longer text has a page to itself."""

    def __init__(self, folder: Path, group: int):
        self._folder, self._group = folder, group
        self.starts: list[int] = []  # the first row of each page
        self._texts: list[str] = []
        self._characters = 0

    def add(self, row: int, text: str) -> None:
        """Add the text of a row; rows come one after the other."""
        if self._texts and self._characters + len(text) > PAGE_CHARACTERS:
            self.close()
        if not self._texts:
            self.starts.append(row)
        self._texts.append(text)
        self._characters += len(text)

    def close(self) -> None:
        """Write the texts that wait, if any."""
        if self._texts:
            page = len(self.starts) - 1
            content = script("texts", self._group, {"page": page, "texts": self._texts})
            write_text(self._folder / f"texts-{self._group}-{page}.js", content)
            self._texts, self._characters = [], 0


def write_group(folder: Path, number: int, files: Answered, problems: dict[str, int], policy: str) -> Row:
    """Write the rows and texts of a group; return its number of rows, and the row that each file begins with.

    `problems` is problem_id -> its place in the benchmark's list. Raises InputError as `graded.join`, and where a
    problem lacks a draw or is unknown.
    """
    pages = Pages(folder, number)
    columns: dict[str, list[Any]] = {}
    errors: dict[int, str] = {}
    files_of: dict[Path, int] = {}
    keys = []
    for row, (response, told) in enumerate(joined(files)):
        keys.append((response.problem_id, response.draw))
        files_of.setdefault(response.file, row)
        for name, value in _shown(response, told, problems, policy).items():
            columns.setdefault(name, []).append(value)
        if told["error"] is not None:
            errors[row] = told["error"]
        pages.add(row, response.response or "")
    graded.check_whole(problems, keys, files.responses[0])
    pages.close()
    engines = sorted({engine or "" for engine in columns.get("engine", ())})
    columns["engine"] = [engines.index(engine or "") for engine in columns.get("engine", ())]
    content = {"columns": columns, "engines": engines, "errors": errors, "pages": pages.starts}
    write_text(folder / f"rows-{number}.js", script("rows", number, content))
    return {"rows": len(keys), "files": files_of}


def _shown(row: GradedResponse, told: Row, problems: dict[str, int], policy: str) -> Row:
    """Return a row's values; words as their places in `WORDS`."""
    return {
        "problem": problems.get(row.problem_id),
        "draw": row.draw,
        **{name: WORDS["verdict"].index(getattr(row, name)) for name in ("verdict", "matcher", "lenient")},
        "judgement": None if row.judgement is None else WORDS["judgement"].index(row.judgement),
        "finish": WORDS["finish"].index(row.finish_reason),
        "counted": counted(row, policy),
        "prompt_tokens": told["prompt_tokens"],
        "response_tokens": row.response_tokens,
        "seed": None if told["seed"] is None else str(told["seed"]),  # of 63 bits; a number of JavaScript has 53
        "engine": told["engine"],
        "extracted": told["extracted"],
        "method": told["method"],
    }
