"""Two runs side by side as text for a terminal."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from distill.audit.runs import CAUSES, Artefact, Pair, Runs, keys_changed, scored
from distill.config.lineage import Contrasts
from distill.scores.csvs import aligned, read_csv
from distill.scores.numbers import points

MOST = 40  # lines of a table; the rest is counted
CONTRAST = ("study", "gap", "student", "training", "benchmark", "measure", "plus", "minus", "family")
LEGEND = (
    "An artefact is compared with that of the same name. Other inputs: what it read came out otherwise, look there. No "
    "recorded reason: same recipe, code, inputs and versions, other bytes; other hardware or libraries beside the "
    "recorded ones may be it. Turned: problems that an arm got right more often, less often.",
)


def compared(found: Runs) -> str:
    """Return all that two runs differ in; what is equal is counted."""
    sections = {
        "Artefacts": _stages(found),
        "Keys of recipes": _recipes(found.pairs),
        "Code": _code(found.pairs),
        "Versions and hardware": _libraries(found.pairs),
        "Other bytes for no recorded reason": [p.before.folder for p in found.pairs if p.is_unexplained],
        "Scores that differ": _scores(found.pairs) or ["none"],
        "Contrasts that differ": _contrasts(found.pairs),
    }
    lines: list[str] = []
    for title, own in sections.items():
        if own:
            lines += [title, *(f"  {line}" for line in _short(own)), ""]
    return "\n".join([*lines, *LEGEND])


def _short(lines: Sequence[str]) -> list[str]:
    return [*lines[:MOST], *([f"and {len(lines) - MOST} more"] if len(lines) > MOST else [])]


def _stages(found: Runs) -> list[str]:
    """Return the table of stages: how many artefacts, and of those of both runs what differs."""
    rows = [["stage", "only before", "only after", "both", "same bytes", *(f"other {cause}" for cause in CAUSES)]]
    alone = [Counter(each.kind for each in own) for own in (found.before, found.after)]
    pairs: dict[str, list[Pair]] = defaultdict(list)
    for pair in found.pairs:
        pairs[pair.before.kind].append(pair)
    for kind in sorted({*alone[0], *alone[1], *pairs}):
        own = pairs[kind]
        causes = [sum(cause in pair.causes for pair in own) for cause in CAUSES]
        counts = [alone[0][kind], alone[1][kind], len(own), sum(pair.is_same for pair in own), *causes]
        rows.append([kind, *(str(count or "") for count in counts)])
    return aligned(rows)


def _programs(pairs: Iterable[Pair]) -> Iterator[tuple[str, Pair]]:
    for pair in pairs:
        yield str(pair.after.provenance.get("program", "")), pair


def _recipes(pairs: Sequence[Pair]) -> list[str]:
    changes: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for program, pair in _programs(pairs):
        for change in keys_changed(pair.before.provenance.get("recipe"), pair.after.provenance.get("recipe")):
            changes[program, *change].append(pair.before.folder)
    return [
        f"{program} {key}: {_cut(one)} -> {_cut(other)} ({_count(folders)})"
        for (program, key, one, other), folders in changes.items()
    ]


def _cut(text: str, most: int = 80) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _count(folders: Sequence[str]) -> str:
    return folders[0] if len(folders) == 1 else f"{len(folders)} artefacts, such as {folders[0]}"


def _code(pairs: Sequence[Pair]) -> list[str]:
    changes: dict[tuple[str, str, str], int] = Counter()
    for program, pair in _programs(pairs):
        one, other = (str(each.provenance.get("code")) for each in (pair.before, pair.after))
        if one != other:
            changes[program, one, other] += 1
    return [f"{program} {one} -> {other} ({count})" for (program, one, other), count in changes.items()]


def _libraries(pairs: Sequence[Pair]) -> list[str]:
    def found(artefacts: Iterable[Artefact]) -> dict[str, set[str]]:
        values: dict[str, set[str]] = defaultdict(set)
        for each in artefacts:
            for key in ("versions", "hardware"):
                for name, value in each.provenance.get(key, {}).items():
                    values[name].add(", ".join(map(str, value)) if isinstance(value, list) else str(value))
        return values

    one, other = found(pair.before for pair in pairs), found(pair.after for pair in pairs)
    differing = [name for name in sorted(one.keys() | other.keys()) if one.get(name) != other.get(name)]
    return [f"{name} {_values(one, name)} -> {_values(other, name)}" for name in differing]


def _values(found: Mapping[str, set[str]], name: str) -> str:
    return " / ".join(sorted(found.get(name, ()))) or "-"


def _scores(pairs: Sequence[Pair]) -> list[str]:
    rows = [["arm", "benchmark", "decoding", "before", "after", "difference", "turned"]]
    for each in scored(pairs):
        one, other = each.accuracies
        if one != other or each.turned not in (None, (0, 0)):
            turned = "other problems or samples" if each.turned is None else f"{each.turned[0]}, {each.turned[1]}"
            rows.append([each.place.model_path, each.place.corpus, each.place.decoding, points(one), points(other),
                         f"{100 * (other - one):+.1f}", turned])  # fmt: skip
    return aligned(rows) if len(rows) > 1 else []


def _contrasts(pairs: Sequence[Pair]) -> list[str]:
    (pair,) = [p for p in pairs if p.before.folder == Contrasts().folder.split("/", 1)[1]] or (None,)
    if pair is None:
        return []
    one, other = (_gaps(each.path / "gaps.csv") for each in (pair.before, pair.after))
    rows = [["study", "contrast", "student", "training", "benchmark", "plus", "minus", "before", "after"]]
    for key in dict.fromkeys([*one, *other]):
        told = [_told(gaps.get(key)) for gaps in (one, other)]
        if told[0] != told[1]:
            named = dict(zip(CONTRAST, key, strict=True))
            names = ("study", "gap", "student", "training", "benchmark", "plus", "minus")
            rows.append([*(str(named[name] or "") for name in names), *told])
    return aligned(rows) if len(rows) > 1 else []


def _gaps(path: Path) -> dict[tuple[Any, ...], Mapping[str, Any]]:
    return {tuple(row[name] for name in CONTRAST): row for row in read_csv(path)} if path.is_file() else {}


def _told(row: Mapping[str, Any] | None) -> str:
    """Return a contrast in words: estimate, interval and reading."""
    if row is None:
        return "-"
    scale = 100 if row["measure"] == "accuracy" else 1
    estimate = "" if row["estimate"] is None else f"{scale * row['estimate']:+.3g} "
    return f"{estimate}({scale * row['ci_low']:.3g} to {scale * row['ci_high']:.3g}) {row['reading'] or ''}".strip()
