"""Published traces: rows of any shape as responses, one for each draw of a problem."""

from collections.abc import Iterator
from dataclasses import dataclass
from string import Formatter

from distill.config.recipes import PublishedRecipe
from distill.models.thinking import canonical_think
from distill.problems.cells import Row, cell_truth, cell_word, check_no_list, check_signs, is_missing
from distill.problems.patterns import expanded, rewritten
from distill.problems.readers import origin_name, read_rows
from distill.runtime.errors import InputError
from distill.tables.words import FinishReason, finish_reason_of


@dataclass(frozen=True)
class Trace:
    """One published response: the key of its problem (an id or a statement), why it ended, the publisher's label."""

    key: str
    response: str
    finish_reason: FinishReason
    label: bool | None


@dataclass
class Traces:
    """The traces of a teacher in the order of the file, and how many of its responses are null, blank or `nan`."""

    traces: list[Trace]
    empty: int = 0


def read_traces(recipe: PublishedRecipe) -> Traces:
    """Read the traces of a teacher.

    Raises InputError when no row is of this teacher, or a cell is not what its column should hold.
    """
    rows = read_rows(recipe, recipe.columns.names())
    id_column = recipe.columns.problem_id
    if recipe.id_pattern and id_column:
        rows = [row for row in rows if _expanded_id(row, recipe) is not None]
    if not rows:
        raise InputError(f"{origin_name(recipe)}: no row matches where={recipe.where} id_pattern={recipe.id_pattern!r}")
    whole = Traces([])
    for row in rows:
        for trace in _traces(row, recipe):
            is_there = trace.response.strip() and not is_missing(trace.response)
            if is_there or trace.finish_reason is FinishReason.ERROR:
                whole.traces.append(trace)
            else:
                whole.empty += 1
    _check_no_lists(whole.traces, recipe)
    return whole


def _check_no_lists(traces: list[Trace], recipe: PublishedRecipe) -> None:
    """Raise InputError where most responses are lists spelled as text; a model may have answered one with a list."""
    name, lists = recipe.columns.response_columns()[0], []
    for trace in traces:
        try:
            check_no_list(trace.response, f"{origin_name(recipe)}, column {name!r}", name)
        except InputError as error:
            lists.append(error)
    if lists and recipe.columns.response_template is None and 2 * len(lists) > len(traces):
        raise lists[0]


def normal_text(statement: str) -> str:
    """Return a statement with its white space made uniform: published sets differ in line ends and margins."""
    return " ".join(statement.split())


def join(traces: list[Trace], problems: dict[str, str], recipe: PublishedRecipe) -> tuple[dict[str, list[Trace]], int]:
    """Return problem_id -> its traces in their order, and the number of traces of unknown problems.

    Problems of one statement share its traces. Raises InputError when no trace belongs to a problem.
    """
    ids: dict[str, list[str]] = {}
    for problem_id, statement in sorted(problems.items()):
        ids.setdefault(normal_text(statement) if recipe.columns.problem else problem_id, []).append(problem_id)
    joined: dict[str, list[Trace]] = {}
    unknown = 0
    for trace in traces:
        unknown += trace.key not in ids
        for problem_id in ids.get(trace.key, ()):
            joined.setdefault(problem_id, []).append(trace)
    if traces and not joined:
        raise InputError(
            f"{origin_name(recipe)}: none of {len(traces)} rows belongs to a problem of the corpus; the first key is "
            f"{traces[0].key[:80]!r}, the corpus has e.g. {next(iter(ids), '')[:80]!r}"
        )
    return joined, unknown


def _traces(row: Row, recipe: PublishedRecipe) -> Iterator[Trace]:
    """Yield the trace of a row, or one per draw where the recipe says that they stand in lists."""
    columns, key = recipe.columns, _key(row, recipe)
    if not recipe.draws_in_lists:
        reason = _finish_reason(row.word(columns.finish_reason), row.place, recipe)
        label = row.truth(columns.label) if columns.label else None
        for response in _responses(row, recipe):
            yield Trace(key, response, reason, label)
        return
    (name,) = columns.response_columns()
    responses = row.parts(name)
    reasons = _beside(row, columns.finish_reason, len(responses))
    labels = _beside(row, columns.label, len(responses))
    for number, (response, reason, label) in enumerate(zip(responses, reasons, labels, strict=True)):
        at = f"{row.place}, draw {number} of column"
        text = cell_word(response, f"{at} {name!r}", f"{name}.{number}")
        word = cell_word(reason, f"{at} {columns.finish_reason!r}", str(columns.finish_reason))
        truth = cell_truth(label, f"{at} {columns.label!r}", str(columns.label))
        yield Trace(key, _rewritten(text, row, recipe), _finish_reason(word, row.place, recipe), truth)


def _beside(row: Row, name: str | None, count: int) -> list[object]:
    """Return the entries of a column beside a list of responses; one that holds no list counts for all."""
    if name is None or not isinstance(row.cells[name], (list, tuple)):
        return [row.cells[name] if name else None] * count
    parts = row.parts(name)
    if len(parts) != count:
        raise InputError(f"{row.place}: column {name!r} has {len(parts)} entries for {count} responses")
    return parts


def _key(row: Row, recipe: PublishedRecipe) -> str:
    columns = recipe.columns
    if columns.problem:
        statement = row.text(columns.problem)
        return normal_text(rewritten(statement, recipe.problem_rewrites, row.place, "problem_rewrites"))
    made = _expanded_id(row, recipe)
    return row.text(str(columns.problem_id)) if made is None else made


def _expanded_id(row: Row, recipe: PublishedRecipe) -> str | None:
    """Return the id that a recipe's pattern makes of a row's; None where it does not match, or there is no pattern."""
    if recipe.id_pattern is None:
        return None
    text = row.text(str(recipe.columns.problem_id))
    return expanded(recipe.id_pattern, recipe.id_template, text, row.place, "id_pattern")


def _responses(row: Row, recipe: PublishedRecipe) -> list[str]:
    """Return a row's responses, one per column, or the one that its template makes; '' where a part of it is empty."""
    columns = recipe.columns
    parts = {name: row.word(name) for name in columns.response_columns()}
    if columns.response_template is None:
        return [_rewritten(part, row, recipe) for part in parts.values()]
    if not all(part.strip() and not is_missing(part) for part in parts.values()):
        return [""]
    pieces = Formatter().parse(columns.response_template)
    return [_rewritten("".join(text + (parts[name] if name else "") for text, name, _, _ in pieces), row, recipe)]


def _rewritten(response: str, row: Row, recipe: PublishedRecipe) -> str:
    response = rewritten(response, recipe.rewrites, row.place, "rewrites")
    check_signs(response, f"{row.place}, column {recipe.columns.response_columns()[0]!r}", "rewrites", latex=False)
    return canonical_think(response, recipe.think_tags)


def _finish_reason(word: str, place: str, recipe: PublishedRecipe) -> FinishReason:
    """Return what a word means; a response of which nothing is said counts as whole."""
    if not word.strip():
        return FinishReason.STOP
    reason = finish_reason_of(word, recipe.finish_reasons)
    if reason is None:
        raise InputError(f"{place}: finish_reason {word[:80]!r} is not known; say what it means under `finish_reasons`")
    return reason
