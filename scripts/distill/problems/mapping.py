"""From rows of any shape to those of a corpus: columns mapped, gold answers bare, ids stable, unusable rows named."""

import hashlib
import math
import re
from collections import Counter
from dataclasses import dataclass
from string import Formatter, ascii_uppercase
from typing import Any

from distill.config.recipes import CorpusRecipe
from distill.config.shards import stable_hash
from distill.problems.cells import Row, cell_text, check_no_list, check_signs, is_missing, is_nan
from distill.problems.patterns import rewritten
from distill.problems.readers import origin_name, read_rows
from distill.runtime.errors import InputError
from distill.verdicts.answers import last_box

# A form feed before a letter may be the `\f` of a `\frac`, which is told.
_BLANKS = "".join(sign for sign in map(chr, range(0x3001)) if sign.isspace() and sign not in "\v\f")


@dataclass(frozen=True)
class Corpus:
    """The usable rows of the problems table, problem_id -> reason of the others, and how many were read."""

    rows: list[dict[str, Any]]
    lost: dict[str, str]
    rows_in: int


def read_corpus(recipe: CorpusRecipe) -> Corpus:
    """Read and map a corpus. Raises InputError when its rows cannot be had, or too many are unusable."""
    source = read_rows(recipe, recipe.columns.names(), recipe.start, recipe.stop)
    if recipe.size is not None and len(source) != recipe.size:
        raise InputError(
            f"{origin_name(recipe)}: {len(source)} rows, and `size` says {recipe.size}; look at what has changed, then "
            "correct or remove `size`"
        )
    rows, lost = split_usable(problem_rows(source, recipe), recipe)
    return Corpus(rows, lost, len(source))


def gold_answer(text: str, answer_format: str) -> str:
    """Return the bare gold answer in a text, or '' where there is none."""
    text = text.strip(_BLANKS)
    if answer_format == "boxed":
        text = last_box(text) or ""
    elif answer_format == "hashes":
        _, marker, text = text.rpartition("####")
        text = text.replace(",", "") if marker else ""
    text = text.strip(_BLANKS)
    if len(text) > 2 and text.startswith("$") and text.endswith("$") and "$" not in text.strip("$"):
        text = text.strip("$").strip(_BLANKS)
    return text


def problem_rows(source: list[Row], recipe: CorpusRecipe) -> list[dict[str, Any]]:
    """Map source rows to rows of the problems table (answer '' where there is none), in their order.

    Raises InputError for a row without a statement, and for a cell that is no text.
    """
    columns, rows = recipe.columns, []
    for row in source:
        statement = _statement(row, recipe)
        gold = gold_of(row, recipe) if columns.answer else ""
        if columns.wrong_answers and gold and not recipe.means_none(gold):
            statement, gold = _choice(row, recipe, statement, gold)
        problem_id = row.text(columns.problem_id) if columns.problem_id else _text_id(statement)
        if not problem_id.strip():
            raise InputError(f"{row.place} has an empty {columns.problem_id!r}")
        rows.append(
            {
                "problem_id": problem_id,
                "problem": statement,
                "answer": gold,
                "origin": origin_name(recipe),
                "solution": row.word(columns.solution) or None,
                **{n: _group(row.word(getattr(columns, n))) for n in ("subject", "level")},
                **({"tolerance": _error(row, columns.tolerance)} if columns.tolerance else {}),
            }
        )
    return rows


def _group(text: str) -> str | None:
    """Return a subject or level without the space around it, which tells no two apart; None where none is said."""
    return None if is_missing(text) else text.strip() or None


def _error(row: Row, column: str) -> float | None:
    """Return the error that a row's answer may have, None where its cell is empty. Raises InputError for no number."""
    text = row.word(column).strip()
    try:
        error = float(text) if text else None
    except ValueError:
        error = -1.0
    if error is not None and not 0 <= error < math.inf:
        raise InputError(f"{row.place}, column {column!r}: {text[:40]!r} is no error of a number, such as 0.1")
    return error


def _statement(row: Row, recipe: CorpusRecipe) -> str:
    """Return the statement of a row, rewritten. Raises InputError where there is none."""
    columns = recipe.columns
    pieces = Formatter().parse(columns.problem_template or "{problem}")
    texts = {name: row.text(name) for name in columns.problem_columns()}
    named = texts if columns.problem_template else {"problem": texts[columns.problem]}
    statement = "".join(text + (named[name] if name else "") for text, name, _, _ in pieces)
    if not any(text.strip() for text in texts.values()):
        statement = ""
    statement = rewritten(statement, recipe.rewrites, row.place, "rewrites")
    at = f"{row.place}, column {next(iter(texts))!r}"
    check_signs(statement, at, "rewrites")
    if not (statement := statement.strip()):
        raise InputError(f"{row.place} has an empty {', '.join(map(repr, texts))}")
    if is_missing(statement):
        raise InputError(f"{at} holds {statement!r}, which programs write for a missing value, and no problem")
    check_no_list(statement, at, next(iter(texts)))
    return statement


def gold_of(row: Row, recipe: CorpusRecipe) -> str:
    """Return the bare gold answer of a row, rewritten; '' where there is none."""
    name, answers = str(recipe.columns.answer), row.cells[str(recipe.columns.answer)]
    if isinstance(answers, (list, tuple)) and len(answers) > 1 and recipe.several_answers != "refused":
        cells = list(answers)
    else:
        cells = [answers]
    at, golds = f"{row.place}, column {name!r}", []
    for cell in cells if recipe.several_answers == "joined" else cells[:1]:
        gold = "nan" if is_nan(cell) else gold_answer(cell_text(cell, at, name), recipe.answer_format)
        gold = rewritten(gold, recipe.answer_rewrites, row.place, "answer_rewrites")
        check_signs(gold, at, "answer_rewrites")
        check_no_list(gold, at, name, most=1)  # the grader reads a list of one
        _check_no_missing(gold.strip(), at, recipe)
        golds.append(gold.strip())
    there = [gold for gold in golds if gold and not recipe.means_none(gold)]
    return ", ".join(there or golds[:1])


def _check_no_missing(gold: str, at: str, recipe: CorpusRecipe) -> None:
    """Raise InputError for a gold answer that may be a missing value, unless the recipe says that it is none."""
    if not is_missing(gold) or recipe.means_none(gold):
        return
    pattern, kept = re.escape(gold).replace("'", "''"), gold.replace("'", "''")
    raise InputError(
        f"{at} holds {gold!r}, which programs write for a missing value; if there is no answer, say "
        f"`no_answer: [\"{gold}\"]`; if it is the answer, `answer_rewrites: [{{pattern: '^{pattern}$', replacement: "
        f"'\\\\text{{{kept}}}'}}]`"
    )


def _choice(row: Row, recipe: CorpusRecipe, statement: str, right: str) -> tuple[str, str]:
    """Return a statement with its answers to choose from, and the letter of the right one.

    Raises InputError where an answer is empty or stands twice.
    """
    answers = [right, *(row.text(name).strip() for name in recipe.columns.wrong_answers)]
    if not all(answers) or len(set(answers)) < len(answers):
        raise InputError(f"{row.place} has an empty answer to choose, or one twice")
    answers.sort(key=lambda answer: stable_hash("choices", statement, answer))
    lines = [f"({letter}) {answer}" for letter, answer in zip(ascii_uppercase, answers, strict=False)]
    return "\n\n".join([statement, "\n".join(lines)]), ascii_uppercase[answers.index(right)]


def _text_id(statement: str) -> str:
    return hashlib.sha256(statement.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def split_usable(rows: list[dict[str, Any]], recipe: CorpusRecipe) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Return the usable rows, and problem_id -> reason of the others.

    Raises InputError when ids of the source repeat, or more rows are unusable than the recipe allows.
    """
    if recipe.columns.problem_id:
        repeated = sorted(i for i, n in Counter(r["problem_id"] for r in rows).items() if n > 1)
        if repeated:
            raise InputError(
                f"{origin_name(recipe)}: {len(repeated)} ids occur more than once in column "
                f"{recipe.columns.problem_id!r}: {', '.join(repeated[:5])}"
            )
    usable: dict[str, dict[str, Any]] = {}
    lost: dict[str, str] = {}
    for number, row in enumerate(rows, recipe.start):
        if row["problem_id"] in usable:
            lost[f"{row['problem_id']} (row {number})"] = "repeated_problem"
        elif recipe.means_none(row["answer"]):
            lost[row["problem_id"]] = "said_to_have_none"
        elif not row["answer"] and recipe.columns.answer is not None:
            lost[row["problem_id"]] = "no_answer"
        else:
            usable[row["problem_id"]] = row
    empty = sorted(i for i, reason in lost.items() if reason == "no_answer")
    if len(empty) > recipe.max_unusable * len(rows):
        raise InputError(
            f"{origin_name(recipe)}: {len(empty)} of {len(rows)} problems have no usable answer in column "
            f"{recipe.columns.answer!r} (answer_format {recipe.answer_format}), more than max_unusable "
            f"{recipe.max_unusable} allows: {', '.join(empty[:5])}"
        )
    if not usable:
        where = f" that match where={recipe.where}" if recipe.where else ""
        end = "the last" if recipe.stop is None else recipe.stop
        raise InputError(f"{origin_name(recipe)}: no problems between row {recipe.start} and {end}{where}")
    return list(usable.values()), lost
