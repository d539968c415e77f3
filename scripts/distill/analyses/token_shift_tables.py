"""Tables of token shift: of arms over all benchmarks and seeds, of teachers, and the tokens that are shifted most."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill.analyses.arm_names import arm_names
from distill.analyses.section import Row
from distill.config.labels import JOINT, UNTOUCHED
from distill.config.lineage import BASE
from distill.models.token_shift import TokenKind
from distill.runtime.files import read_json

if TYPE_CHECKING:
    import pyarrow as pa

KINDS = tuple(kind.value for kind in TokenKind)
SHOWN = 8  # tokens of an arm and sort
LEAST = 3  # times that a token must be shifted to be shown
SUMS = ("tokens", "marginal", "shifted", "loglikelihood")
COUNTS = ("count", "marginal", "shifted", "ranks")
SHARE = 0.1  # of its uses
OFTEN = (
    f"Up to {SHOWN} tokens of each kind, those shifted most often first: each in quotes, how often it was shifted and "
    "how often written, and its mean rank over all that was written (above 100 counts as 100). Left out is what was "
    f"shifted less than {LEAST} times, or in less than {SHARE:.0%} of its uses."
)


@dataclass(frozen=True)
class File:
    """One table of token shift: its manifest's facts, and the responses that could be read as sums per problem."""

    facts: Mapping[str, Any]
    path: Path

    @property
    def who(self) -> Mapping[str, Any]:
        """Return the names that the table was made from."""
        return self.facts["identity"]

    @property
    def is_teachers(self) -> bool:
        """Whether a teacher wrote the responses."""
        return self.who["model_path"].startswith("teachers/")

    @cached_property
    def table(self) -> "pa.Table":
        """Return the rows that could be read."""
        import pyarrow.compute as pc

        from distill import tables

        table = tables.read(self.path, tables.TOKEN_SHIFT)
        return table.filter(pc.greater(pc.fill_null(table["tokens"], 0), 0))

    @cached_property
    def types(self) -> "pa.Table":
        """Return the tokens of these rows by text and kind: COUNTS of each, summed."""
        import pyarrow as pa

        return _summed(pa.Table.from_struct_array(self.table["types"].combine_chunks().flatten()))


@dataclass(frozen=True)
class Shift:
    """What some tables say together. name: the arm's or the teacher's as columns; problems: SUMS of each problem."""

    student: str
    name: Row
    responses: int
    problems: "pa.Table"
    types: "pa.Table"


def read(manifests: Iterable[Path]) -> list[File]:
    """Return the tables whose manifests are given."""
    return [File(read_json(path), path.with_name("token_shift.parquet")) for path in manifests]


def unread(files: Sequence[File]) -> list[str]:
    """Return in words how many responses could not be read, none where all were."""
    rows, known = (sum(file.facts[name] for file in files) for name in ("rows", "read"))
    if rows == known:
        return []
    why = "failed requests, texts that the chat template cannot carry, and longer ones than the context"
    return [f"{rows - known} of {rows} responses could not be read and do not count: {why}."]


def of_arms(files: Iterable[File]) -> list[Shift]:
    """Return the shift of each arm that could be read, seeds and benchmarks together, the untouched student first."""
    groups: dict[tuple[str, ...], list[File]] = {}
    for file in files:
        if not file.is_teachers:
            key = tuple(file.who[name] for name in ("student", "dataset", "training"))
            groups.setdefault(key, []).append(file)
    names = arm_names((dataset, training) for _, dataset, training in groups)
    found = []
    for student, dataset, training in sorted(groups, key=lambda key: (key[0], key[1] != BASE, *key[1:])):
        found.append(_together(groups[student, dataset, training], student, {"trained on": names[dataset, training]}))
    return [each for each in found if each.responses]


def of_teachers(files: Iterable[File]) -> list[Shift]:
    """Return the shift of what each teacher wrote, under each student."""
    groups: dict[tuple[str, str, str], list[File]] = {}
    for file in files:
        if file.is_teachers:
            teacher = file.who["model_path"].removeprefix("teachers/")
            groups.setdefault((file.who["student"], file.who["corpus"], teacher), []).append(file)
    found = [_together(own, student, {"corpus": corpus, "teacher": teacher})
             for (student, corpus, teacher), own in sorted(groups.items())]  # fmt: skip
    return [each for each in found if each.responses]


def _together(files: Sequence[File], student: str, name: Row) -> Shift:
    import pyarrow as pa

    parts = []
    for file in files:
        own = file.table.select(["problem_id", *SUMS])
        parts.append(own.append_column("corpus", pa.array([file.who["corpus"]] * own.num_rows, pa.string())))
    rows = pa.concat_tables(parts)
    problems = rows.group_by(["corpus", "problem_id"], use_threads=False).aggregate([(sums, "sum") for sums in SUMS])
    return Shift(student, name, rows.num_rows, problems, types_of(files))


def types_of(files: Iterable[File]) -> "pa.Table":
    """Return the tokens of tables by text and kind: COUNTS of each, summed."""
    import pyarrow as pa

    return _summed(pa.concat_tables([file.types for file in files]))


def _summed(rows: "pa.Table") -> "pa.Table":
    summed = rows.group_by(["token", "kind"], use_threads=False).aggregate([(count, "sum") for count in COUNTS])
    return summed.rename_columns(["token", "kind", *COUNTS]).select(["token", "kind", *COUNTS])


def of_kinds(types: "pa.Table") -> dict[str, tuple[int, int]]:
    """Return kind -> its tokens, and how many of them are shifted."""
    import pyarrow.compute as pc

    found = {}
    for kind in KINDS:
        own = types.filter(pc.equal(types["kind"], kind))
        found[kind] = (pc.sum(own["count"]).as_py() or 0, pc.sum(own["shifted"]).as_py() or 0)
    return found


def share_rows(shifts: Iterable[Shift]) -> list[Row]:
    """Return a row per arm or teacher: shares in percent."""
    from distill.scores.suitability import ratio_interval

    rows = []
    for each in shifts:
        tokens, marginal, shifted, nats = (each.problems[f"{name}_sum"].to_numpy() for name in SUMS)
        total, figure = int(tokens.sum()), ratio_interval(shifted, tokens)
        row: Row = {"student": each.student, **each.name, "responses": each.responses, "tokens": total}
        row["unshifted"] = _percent(total - marginal.sum() - shifted.sum(), total)
        row["marginal"] = _percent(marginal.sum(), total)
        low, high = 100 * max(0.0, figure.low), 100 * min(1.0, figure.high)
        row["shifted"] = _percent(shifted.sum(), total)
        row["shifted"] += f" ({low:.1f} to {high:.1f})" if len(tokens) > 1 else ""
        row["nats"] = f"{-nats.sum() / total:.3f}"
        kinds = of_kinds(each.types)
        row |= {f"of {kind}": f"{_percent(part, of)} of {of}" if of else None for kind, (of, part) in kinds.items()}
        rows.append(row)
    return rows


def said(arms: Sequence[Shift]) -> list[str]:
    """Return a sentence per student: between which arms the share of shifted tokens lies."""
    sentences = []
    for student in dict.fromkeys(each.student for each in arms):
        shares = {}
        for each in arms:
            if each.student == student:
                tokens, _, shifted, _ = (each.problems[f"{name}_sum"].to_numpy().sum() for name in SUMS)
                shares[each.name["trained on"]] = 100 * shifted / tokens
        before = shares.pop(UNTOUCHED, None)
        if shares:
            least, most = min(shares, key=shares.__getitem__), max(shares, key=shares.__getitem__)
            itself = "" if before is None else f", and {before:.1f} % before any training"
            between = f"{shares[most]:.1f} % after {most}"
            between += f", {shares[least]:.1f} % after {least}" if least != most else ""
            sentences.append(f"Of what {student} writes, {between} is shifted{itself}.")
    return sentences


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f}"


def token_rows(shifts: Iterable[Shift]) -> list[Row]:
    """Return a row per arm with the tokens of each kind that were shifted most often; none where there are no such."""
    rows = []
    for each in shifts:
        row: Row = {"student": each.student, **each.name}
        most = {kind: _most(each.types, kind) for kind in KINDS}
        if any(most.values()):
            rows.append(row | most)
    return rows


def _most(types: "pa.Table", kind: str) -> str:
    """Return in words the tokens of a kind that are shifted most often."""
    import pyarrow.compute as pc

    shares = pc.divide(pc.cast(types["shifted"], "float64"), types["count"])
    often = pc.and_(pc.greater_equal(types["shifted"], LEAST), pc.greater_equal(shares, SHARE))
    order = [("shifted", "descending"), ("count", "ascending"), ("token", "ascending")]
    listed = types.filter(pc.and_(pc.equal(types["kind"], kind), often)).sort_by(order).slice(0, SHOWN).to_pylist()
    shown = (
        f"\u201c{_shown(row['token'])}\u201d {row['shifted']} of {row['count']}, rank {row['ranks'] / row['count']:.1f}"
        for row in listed
    )
    return "; ".join(each.replace(" ", JOINT) for each in shown)


def _shown(token: str) -> str:
    """Return a token such that it can be seen."""
    return token if token.isprintable() and token.strip() else repr(token)[1:-1]


def long_rows(files: Iterable[File]) -> list[Row]:
    """Return a row per arm or teacher and corpus, shards together, as the table beside the page has them."""
    groups: dict[tuple[str, str, str], list[File]] = {}
    for file in files:
        groups.setdefault((file.who["student"], file.who["model_path"], file.who["corpus"]), []).append(file)
    rows = []
    for (student, _, corpus), own in sorted(groups.items()):
        who = own[0].who
        teacher = who["model_path"].removeprefix("teachers/") if own[0].is_teachers else None
        arm = {name: None if own[0].is_teachers else who[name] for name in ("training", "dataset", "seed")}
        sums = {name: sum(file.facts[name] for file in own) for name in ("rows", "read", *SUMS[:-1])}
        kinds = of_kinds(types_of(own))
        row: Row = {"student": student, **arm, "teacher": teacher, "corpus": corpus, **sums}
        for kind in KINDS:
            row[f"{kind}_tokens"], row[f"{kind}_shifted"] = kinds[kind]
        rows.append(row)
    return rows
