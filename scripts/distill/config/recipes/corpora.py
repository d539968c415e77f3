"""Where rows from outside come from, and the recipe of a corpus."""

import math
import re
from datetime import date
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr, field_validator, model_validator

from distill.config.recipes.base import EXECUTION, HubId, Name, Once, Positive, Recipe, Revision, Share, namable

Text = Annotated[str, Field(min_length=1)]
Value = StrictBool | StrictInt | StrictFloat | StrictStr | None
PaperTask = Literal["math", "amc", "aime", "gsm8k"]
_PATTERN = re.compile(r"[*?\[]")


class Rewrite(Recipe):
    """A regular-expression substitution on published responses, or on statements."""

    pattern: str = Field(..., description="Python regular expression (multi-line mode).")
    replacement: str = Field(..., description="What takes its place; `\\1` is the first group.")

    def apply(self, text: str) -> str:
        """Return the text with each match replaced."""
        return re.sub(self.pattern, self.replacement, text, flags=re.MULTILINE)

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return pattern

    @field_validator("replacement")
    @classmethod
    def _is_no_control_sign(cls, replacement: str) -> str:
        # `\b` of an unescaped `\boxed` is a backspace here, and would be written into every response.
        if match := re.search(r"(?<!\\)(?:\\\\)*\\([a-fh-mo-su-zA-Z])", replacement):
            raise ValueError(f"`\\{match[1]}` has no meaning in a replacement; a backslash is written `\\\\`")
        return replacement

    @model_validator(mode="after")
    def _names_groups_that_are_there(self) -> "Rewrite":
        try:
            re.sub(self.pattern, self.replacement, "")
        except (re.error, IndexError) as error:
            raise ValueError(f"`replacement` does not fit `pattern`: {error}") from None
        return self


def template_columns(template: str) -> list[str]:
    """Return the columns that a template names between braces. Raises ValueError for what is no such text."""
    return [name for _, name, _, _ in Formatter().parse(template) if name]


def named_columns(template: str) -> str:
    """Return a template. Raises ValueError for one that names no column, or says more than a name between braces."""
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"not a template: {error}; a brace of the text is doubled") from None
    if any(spec or conversion or name == "" for _, name, spec, conversion in parts):
        raise ValueError("not a template: between braces stands the name of a column, and nothing else")
    if not template_columns(template):
        raise ValueError("the template names no column; put one between braces")
    return template


class Rows(Recipe):
    """Where rows come from: local files (Parquet, JSON lines, JSON, CSV), or a dataset on the Hugging Face hub.

    A column may be a path into a nested cell: `conversations.1.value`, `reward_model.ground_truth`, or by the role of a
    message: `messages[assistant].content`; `outputs.*.text` is the list of a part of each element. Where it leads into
    text, the text is read as JSON.
    """

    path: Text | Annotated[tuple[Text, ...], Field(min_length=1)] | None = Field(
        None,
        description="A .parquet, .jsonl, .json or .csv file (the last three also with .gz), relative to the folder you "
        "run in; or a list of files, or a pattern such as `data/*.parquet` (in the order of their names).",
    )
    hub: HubId = Field(None, description="A hub dataset id such as `openai/gsm8k` (instead of `path`).")
    revision: Revision = Field(None, description="The commit of the hub dataset; required with `hub`.")
    subset: str | None = Field(None, description="The hub dataset's configuration, where it has several.")
    split: str = Field("train", description="The split of the hub dataset.")
    files: tuple[str, ...] = Field((), description="Patterns of the hub files to download; all when absent.")
    where: dict[str, Value | tuple[Value, ...]] = Field(
        {},
        description="Keep only rows whose column is the value, or one of several: text, a number, true, null. A "
        "missing value (null, NaN) is only null.",
    )

    @field_validator("where", mode="before")
    @classmethod
    def _holds_values(cls, where: Any) -> Any:
        for name, value in where.items() if isinstance(where, dict) else ():
            if value in ([], ()):
                raise ValueError(f"{name!r} is one of no values, which no row is; give one")
            for one in value if isinstance(value, (list, tuple)) else [value]:
                if isinstance(one, date):
                    raise ValueError(f"{name!r} is compared with a day; put {one} in quotes, for columns hold text")
                if isinstance(one, float) and not math.isfinite(one):
                    raise ValueError(f"{name!r} is compared with {one}, which is no value; a missing one is null")
                if one is not None and not isinstance(one, (bool, int, float, str)):
                    raise ValueError(f"{name!r} is compared with text, a number, true, false, null, or a list of them")
        return where

    @field_validator("path")
    @classmethod
    def _is_a_pattern(cls, path: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        for one in (path,) if isinstance(path, str) else path or ():
            namable(one)
            try:
                next(Path("/nowhere").glob(one.lstrip("/")), None) if _PATTERN.search(one) else None
            except (ValueError, NotImplementedError) as error:
                raise ValueError(f"not a pattern of files: {error}") from None
        return path

    @model_validator(mode="after")
    def _one_origin(self) -> "Rows":
        if (self.path is None) == (self.hub is None):
            raise ValueError("give either `path` (a local file) or `hub` (a dataset id)")
        if self.hub is not None and self.revision is None:
            raise ValueError("`hub` needs `revision` (a commit), so that the rows cannot change under you")
        of_the_hub = ("revision", "subset", "split", "files")
        if self.hub is None and (
            idle := [n for n in of_the_hub if getattr(self, n) != type(self).model_fields[n].default]
        ):
            raise ValueError(f"`{idle[0]}` goes with `hub`, and has no effect on a file")
        return self

    def paths(self) -> tuple[str, ...]:
        """Return the local files and patterns as they stand in the recipe; none for a hub dataset."""
        if self.path is None:
            return ()
        return (self.path,) if isinstance(self.path, str) else self.path

    @staticmethod
    def files_of(path: str) -> list[Path]:
        """Return the files that a path means, those of a pattern sorted; a file that is not there counts."""
        if Path(path).exists() or not _PATTERN.search(path):
            return [Path(path)]
        root = Path(path).anchor
        return sorted(p for p in Path(root or ".").glob(path.removeprefix(root)) if p.is_file())

    def local_files(self) -> list[Path]:
        """Return all local files, in the order in which they are read."""
        return [file for path in self.paths() for file in self.files_of(path)]


class CorpusColumns(Recipe):
    """Which column of the source holds what; a column may be a path (see Rows)."""

    problem: str = Field("problem", description="The statement.")
    problem_template: str | None = Field(
        None,
        description="In place of `problem`: a text with columns in braces, such as `{Body} {Question}`; a brace of the "
        "text is doubled.",
    )
    answer: str | None = Field(
        "answer",
        description="The gold answer; `null` for a corpus without: unfiltered datasets can use it, others need an "
        "`agreement` or a judge.",
    )
    wrong_answers: tuple[Text, ...] = Field(
        (),
        description="Of a choice question the columns of the wrong answers: the statement then ends with all answers, "
        "as (A), (B), ..., in an order by a hash of the statement, and the gold answer is the letter of `answer`.",
    )
    problem_id: str | None = Field(None, description="A unique id; without it the id is a hash of the statement.")
    solution: str | None = Field(None, description="The reference solution.")
    tolerance: str | None = Field(
        None,
        description="The absolute error that a number may have and still be right, of each problem; none where it is "
        "empty.",
    )
    subject: str | None = Field(None, description="The subject.")
    level: str | None = Field(None, description="The difficulty.")

    @field_validator("problem_template")
    @classmethod
    def _template_names_columns(cls, template: str | None) -> str | None:
        return None if template is None else named_columns(template)

    @model_validator(mode="after")
    def _has_a_right_answer(self) -> "CorpusColumns":
        if self.wrong_answers and self.answer is None:
            raise ValueError("`wrong_answers` goes with `answer`, the column of the right one")
        if self.problem_template is not None and self.problem != "problem":
            raise ValueError("give either `problem` or `problem_template`")
        return self

    def problem_columns(self) -> list[str]:
        """Return the columns that a statement is made of."""
        return [self.problem] if self.problem_template is None else template_columns(self.problem_template)

    def names(self) -> list[str]:
        """Return all columns that are read."""
        others = (self.answer, *self.wrong_answers, self.problem_id, self.solution, self.subject, self.level,
                  self.tolerance)  # fmt: skip
        return list(dict.fromkeys([*self.problem_columns(), *(name for name in others if name)]))


class AgreementRecipe(Recipe):
    """Gold answers of a corpus without: what most responses of some teachers agree on. Each draw has one vote.

    These golds are no truth. A teacher that is named here is later graded against its own votes.
    """

    teachers: Annotated[tuple[Name, ...], Once] = Field(
        ..., min_length=1, description="Who votes; of one teacher its draws agree with each other."
    )
    at_least: Annotated[int, Field(ge=2, lt=2**31)] = Field(
        2, description="Least votes for the same answer; problems with fewer have no gold answer."
    )
    share: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.5, description="The answer must have more than this share of the problem's votes."
    )

    @field_validator("teachers")
    @classmethod
    def _in_one_order(cls, teachers: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted(teachers))


class CorpusRecipe(Rows):
    """A named set of problems, with gold answers or without."""

    columns: CorpusColumns = Field(CorpusColumns(), description="Column mapping.")
    answer_format: Literal["bare", "boxed", "hashes"] = Field(
        "bare",
        description="How the answer column holds the gold: as it is, in the last `\\boxed{}`, or after `####`.",
    )
    answer_rewrites: tuple[Rewrite, ...] = Field(
        (), description="Applied to each bare gold answer in this order, such as leading zeros or a unit taken away."
    )
    several_answers: Literal["refused", "joined", "first"] = Field(
        "refused",
        description="What a list of more than one gold answer becomes: an error, all with commas between them, or the "
        "first alone.",
    )
    no_answer: tuple[Text, ...] = Field(
        (), description="Words in the answer column that mean that there is none, such as `proof`: ledger entries."
    )
    tolerance: Share = Field(
        0.0,
        description="The relative error that a number may have and still be right, as the source of a benchmark states "
        "it; verdicts alone read it.",
    )
    agreement: AgreementRecipe | None = Field(
        None, description="Where `columns.answer` is `null`: teachers whose agreement stands for the gold answers."
    )
    solutions_from: Name | None = Field(
        None,
        description="Of a benchmark without `columns.solution`: the teacher of published responses whose first correct "
        "one stands for a problem's solution, where a study asks for `likelihoods`.",
    )
    rewrites: tuple[Rewrite, ...] = Field((), description="Applied to each statement in this order.")
    start: int = Field(0, ge=0, lt=2**31, description="First row of the source to take.")
    stop: Positive | None = Field(None, description="Row of the source to stop before; all when absent.")
    size: Positive | None = Field(
        None,
        description="So many rows are expected (after `where`, `start` and `stop`); another number ends the fetch.",
    )
    max_unusable: Share = Field(
        0.01,
        description="Share of rows that may lack a usable answer (they become ledger entries); more fail.",
    )
    benchmark: bool = Field(
        False,
        description="Never trained on: studies measure on it, datasets can be decontaminated against it.",
        json_schema_extra=EXECUTION,
    )
    always_compared: bool = Field(
        True,
        description="Of a benchmark: datasets that are decontaminated are compared with it in every study; with false "
        "only in studies that measure on it, so that no other needs its files.",
        json_schema_extra=EXECUTION,
    )
    paper_task: PaperTask = Field(
        "math",
        description="Which of the paper's tasks it is, for `policy: paper_scoring` alone.",
    )
    shards: Annotated[int, Field(ge=1, le=1000)] = Field(
        1, description="Jobs that share the corpus, by a hash of problem_id.", json_schema_extra=EXECUTION
    )

    def means_none(self, gold: str) -> bool:
        """Whether `no_answer` names a gold answer, in small or capital letters."""
        return gold.casefold() in {word.casefold() for word in self.no_answer}

    @property
    def is_without_golds(self) -> bool:
        """Whether there is nothing to grade against: neither gold answers nor an agreement on some."""
        return self.columns.answer is None and self.agreement is None

    @model_validator(mode="after")
    def _has_golds_or_needs_none(self) -> "CorpusRecipe":
        golds = self.no_answer or self.answer_format != "bare" or self.answer_rewrites
        if self.columns.answer is None and (golds or self.several_answers != "refused"):
            raise ValueError(
                "`columns.answer: null` is a corpus without gold answers: no `no_answer`, `answer_format`, "
                "`answer_rewrites`, `several_answers`"
            )
        if self.columns.answer is None and (self.tolerance or self.columns.tolerance):
            raise ValueError("`columns.answer: null` is a corpus without gold answers: no `tolerance`")
        if not self.always_compared and not self.benchmark:
            raise ValueError("`always_compared` goes with `benchmark: true`")
        if self.is_without_golds and self.benchmark:
            raise ValueError("`columns.answer: null` is a corpus without gold answers: a `benchmark` needs `agreement`")
        if self.columns.answer is not None and self.agreement:
            raise ValueError("`agreement` is for a corpus without gold answers, which says `columns: {answer: null}`")
        if self.solutions_from is not None and (self.columns.solution is not None or not self.benchmark):
            raise ValueError("`solutions_from` is for a `benchmark` that has no `columns.solution`")
        if self.stop is not None and self.start >= self.stop:
            raise ValueError(f"`start: {self.start}` is not below `stop: {self.stop}`")
        return self
