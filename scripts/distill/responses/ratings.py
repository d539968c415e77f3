"""What a model makes of texts that it did not write: rated row by row, and kept.

A finished job leaves a hard link of its table in `kept/` beside it, which Snakemake does not know and so does not
delete, with a digest of all that each row was made from. The next job of the same weights, prompt, recipe and code
takes such rows over: those of its own folder and of the other shards of its draw. So neither one more problem nor a
corrected gold has a text read again, and a job that finds all its rows loads no model. Who removes the folder reads
again.
"""

import argparse
import json
import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill import tables
from distill.config.lineage import found_identity
from distill.config.recipes import LoglikelihoodJob
from distill.models.finite import check_read
from distill.models.folders import load_generation_config, load_tokenizer, model_digest, stop_ids
from distill.models.prompts import Prompt
from distill.models.rendering import RenderedRow, Renderer
from distill.models.templates import ChatTemplate
from distill.runtime.devices import take
from distill.runtime.errors import InputError
from distill.runtime.files import file_digest, link, read_json, text_digest, write_json
from distill.runtime.progress import Progress
from distill.runtime.record import Record
from distill.tables.statements import statements
from distill.tables.words import FinishReason

FOLDER = "kept"
KEYS = 3  # tables are kept of so many keys per folder, the latest: a recipe may be changed and changed back
PIECE = 1024  # texts that are sorted by length and read together

Row = dict[str, Any]


class Rating(ABC):
    """What a program says of its rows, each with the columns of the contract's key; the others stay null if absent."""

    contract: tables.Contract
    rows: list[Row]

    @abstractmethod
    def source(self, row: Row) -> list[Any]:
        """Return all of a row that its rating depends on."""

    @abstractmethod
    def rate(self, rows: Sequence[Row], renderer: Renderer, model: Any) -> list[Row]:
        """Return a rating per row, without the columns of the key."""

    @abstractmethod
    def summary(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Return what the manifest says of the rows of the table. Raises InputError where they are of no use."""


class OfResponses(Rating):
    """Base of ratings of responses to the problems of a corpus.

    Raises InputError for a response to a problem that is not among the statements.
    """

    def __init__(self, problems: Path, responses: Path):
        self._problems = statements(problems)
        table = tables.read(responses, tables.RESPONSES, ["problem_id", "draw", "response", "finish_reason"])
        if unknown := set(table["problem_id"].to_pylist()) - self._problems.keys():
            raise InputError(f"{responses}: problem {min(unknown)!r} is not in {problems}")
        self.rows: list[Row] = table.to_pylist()

    def source(self, row: Row) -> list[Any]:
        """Return problem, response and how it ended."""
        return [self._problems[row["problem_id"]], row["response"], row["finish_reason"]]

    def readable(self, rows: Sequence[Row], renderer: Renderer, context: int) -> Iterator[tuple[int, RenderedRow]]:
        """Yield place and tokens of each response that is no error, and that template and context can hold."""
        for place, row in enumerate(rows):
            if row["finish_reason"] == FinishReason.ERROR:
                continue
            rendered = renderer.render(self._problems[row["problem_id"]], row["response"])
            if isinstance(rendered, RenderedRow) and len(rendered.ids) <= context:
                yield place, rendered


@dataclass(frozen=True)
class Kept:
    """The tables that were kept in a folder and in those of the other shards, of one key."""

    folder: Path
    contract: tables.Contract
    key: str

    def find(self, sources: Collection[str]) -> dict[str, Row]:
        """Return source -> rating of those that were kept. A table that cannot be read is passed over with a line."""
        found: dict[str, Row] = {}
        for entry in self._entries():
            try:
                found |= self._read(entry, set(sources) - found.keys())
            except InputError as error:
                logging.info("%s: kept rows are passed over (%s)", entry, error)
        return found

    def keep(self, table: Path, sources: Sequence[str]) -> None:
        """Keep a finished table, whose rows have these sources in their order; delete those of older keys."""
        folder = self.folder / FOLDER
        link(table, folder / f"{self.key}.parquet")
        # A table without this file does not count.
        write_json(folder / f"{self.key}.json", {"sources": sources, "sha256": file_digest(table)})
        entries = sorted(folder.glob("*.json"), key=lambda path: (path.stem == self.key, path.stat().st_mtime_ns))
        for old in entries[:-KEYS]:
            old.unlink()
            old.with_suffix(".parquet").unlink(missing_ok=True)

    def _entries(self) -> list[Path]:
        """Return the lists of sources, that of the folder first."""
        draw, shard, own = self.folder.parent.parent, self.folder.parent.name, f"{FOLDER}/{self.key}.json"
        others = draw.glob(f"*-of-*/{self.folder.name}/{own}") if re.fullmatch(r"\d+-of-\d+", shard) else ()
        return [path for path in dict.fromkeys([self.folder / own, *sorted(others)]) if path.is_file()]

    def _read(self, entry: Path, wanted: Collection[str]) -> dict[str, Row]:
        """Return source -> rating of the wanted rows of a kept table. Raises InputError where it is not as it was."""
        table, facts = entry.with_suffix(".parquet"), read_json(entry)
        if not isinstance(facts, dict) or not isinstance(sources := facts.get("sources"), list):
            raise InputError("not a list of sources")
        if wanted.isdisjoint(map(str, sources)):
            return {}
        if file_digest(table) != facts.get("sha256"):
            raise InputError("not the bytes that were kept")
        rows = tables.read(table, self.contract).to_pylist()
        values = ({n: v for n, v in row.items() if n not in self.contract.key and v is not None} for row in rows)
        return {source: own for source, own in zip(sources, values, strict=True) if source in wanted}


def arguments(doc: str, argv: list[str] | None, extra: Sequence[str] = (), required: bool = True) -> argparse.Namespace:
    """Return the options of a program that rates: tables, model, prompt, recipe, output; `extra` names further tables.

    Where there are such, statements and responses need not be given (`required` false).
    """
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--statements", type=Path, required=required, help="of the problems that the responses answer")
    parser.add_argument("--responses", type=Path, required=required)
    for name in extra:
        parser.add_argument(f"--{name}", type=Path, help="in place of statements and responses")
    parser.add_argument("--prompt", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="model folder with a manifest.json")
    parser.add_argument("--recipe", required=True)
    parser.add_argument(
        "--gpus", type=int, default=0, help="GPUs to take for this program alone; 0 leaves things as they are"
    )
    parser.add_argument("--output", type=Path, required=True)
    return parser.parse_args(argv)


def open_renderer(model: Path, prompt: Path, recipe: LoglikelihoodJob) -> Renderer:
    """Return how a model's template writes rows. Raises InputError where it or the prompt can carry none."""
    tokenizer = load_tokenizer(model)
    template = ChatTemplate(tokenizer, recipe.template_args, recipe.date, recipe.think_tags, recipe.system)
    renderer = Renderer(template, stop_ids(tokenizer, load_generation_config(model)), Prompt(prompt, recipe.system))
    renderer.check()
    return renderer


def digest(source: Sequence[Any]) -> str:
    """Return the digest of what a row is made from, as 16 hex digits."""
    return text_digest(json.dumps(source))[:16]


def make(
    args: argparse.Namespace, rating: Rating, model: Callable[[Path], Any], code: str, program: str
) -> tuple[Row, int]:
    """Write the table of a rating and keep it; return the manifest's facts, and how many rows were taken over.

    `args` are `arguments`, `model` loads the model of a folder, which is not done where every row was kept. Raises
    InputError that names the row where the model's numbers for it are not finite.
    """
    recipe = LoglikelihoodJob.model_validate_json(args.recipe)
    sources = [text_digest(json.dumps(rating.source(row)))[:16] for row in rating.rows]
    parts = [recipe.canonical(), model_digest(args.model), file_digest(args.prompt), code]
    kept = Kept(args.output.parent, rating.contract, text_digest(json.dumps(parts))[:16])
    known = kept.find(sources)
    missing = [row for row, source in zip(rating.rows, sources, strict=True) if source not in known]
    made: list[Row] = []
    with Progress(len(sources), desc=program, done=len(sources) - len(missing)) as progress:
        if missing:
            take(args.gpus)
            reader = open_renderer(args.model, args.prompt, recipe), model(args.model)
        for start in range(0, len(missing), PIECE):
            some = rating.rate(missing[start : start + PIECE], *reader)
            for row, own in zip(missing[start:], some, strict=False):
                draw = f"draw {row['draw']} of " if "draw" in row else ""
                values = (value for value in own.values() if isinstance(value, float))
                check_read(values, args.model, f"{draw}problem {row['problem_id']!r}")
            made += some
            tokens = sum(value for row in some for name, value in row.items() if name.endswith("tokens"))
            progress.update(len(some), tokens=tokens)
    new, keys = iter(made), rating.contract.key
    rows = [
        {**{name: row[name] for name in keys}, **(known[source] if source in known else next(new))}
        for row, source in zip(rating.rows, sources, strict=True)
    ]
    facts = rating.summary(rows)
    digest = tables.write(args.output, tables.build(rows, rating.contract), rating.contract)
    kept.keep(args.output, sources)
    return {"digest": digest, **facts}, len(sources) - len(missing)


def rate_responses(
    script: str, doc: str, argv: list[str] | None, rating: type[OfResponses], model: Callable[[Path], Any]
) -> None:
    """Run a program that rates responses: read the command line, rate what is not kept, write table and manifest.

    `script` and `doc` are the program's file and text.
    """
    args = arguments(doc, argv)
    inputs = {"statements": args.statements, "responses": args.responses, "prompt": args.prompt}
    inputs["model"] = args.model / "manifest.json"
    record = Record(script, args.recipe, inputs, args.output.parent, found_identity(args.output.parent))
    rated = rating(args.statements, args.responses)
    facts, reused = make(args, rated, model, record.code, Path(script).stem)
    record.write(facts, reused=reused)
