"""The facts of the report's page: what each section's table shows, read from manifests and provenance."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from distill.config.lineage import Arm
from distill.runtime.files import read_json
from distill.training.parity import PARITY

Row = dict[str, Any]
FUNNEL = ("problems", "generated", "stopped", "answered", "correct", "curated", "paired")
TEMPLATE = Path(__file__).resolve().parent / "templates" / "report.html.j2"


def funnel_rows(datasets: Iterable[Path], rendered: Iterable[Path], models: Iterable[Path]) -> list[Row]:
    """Return, per arm and teacher, how many problems reached each station, down to the rows that updates have seen."""
    mixed = {path.parts[-2]: read_json(path) for path in datasets}
    within = {path.parts[-4:-1]: read_json(path)["teachers"] for path in rendered}
    rows = []
    for path in sorted(models):
        arm, seen = Arm.parse(path), read_json(path)["trained_on"]
        manifest = mixed[arm.dataset]
        for teacher, stations in manifest["funnel"].items():
            row: Row = {"arm": arm.path, "teacher": teacher, **{s: stations[s] for s in FUNNEL}}
            row["in dataset"] = manifest["teachers"][teacher]
            row["within cutoff"] = within[arm.student, arm.training, arm.dataset].get(teacher, 0)
            row["trained on"] = None if seen is None else seen.get(teacher, 0)
            rows.append(row)
    return rows


def ledger_rows(manifests: Iterable[Path]) -> list[Row]:
    """Return every ledger that lost a row: where, rows in and out, and the reasons."""
    rows = []
    for path in manifests:
        ledger = read_json(path).get("ledger")
        if ledger and ledger["lost"]:
            lost = ", ".join(f"{reason} {n}" for reason, n in ledger["lost"].items())
            where = "/".join(
                path.parts[path.parts.index("results") + 1 : -1] if "results" in path.parts else path.parts[:-1]
            )
            rows.append({"artefact": where, "in": ledger["rows_in"], "out": ledger["rows_out"], "lost": lost})
    return rows


def verdict_rows(verdicts: Iterable[Path]) -> list[Row]:
    """Return, per corpus and teacher, how its responses were graded."""
    words = _summed(verdicts, lambda manifest: {"": manifest["verdicts"]})
    return [
        {
            "corpus": corpus,
            "teacher": teacher,
            "responses": counts.total(),
            "correct": counts["correct"],
            "wrong": counts["wrong"],
            "no answer": counts["no_answer"] + counts["cut_off"],
            "other": counts.total() - sum(counts[w] for w in ("correct", "wrong", "no_answer", "cut_off")),
        }
        for (corpus, teacher, _), counts in sorted(words.items())
    ]


def agreement_rows(verdicts: Iterable[Path]) -> list[Row]:
    """Return, per corpus, teacher and pair of graders, on how many responses they agree, or only one says correct."""
    rows = []
    for (corpus, teacher, pair), counts in sorted(_summed(verdicts, lambda manifest: manifest["agreement"]).items()):
        one, other = pair.split(", ")
        rows.append({"corpus": corpus, "teacher": teacher, "graders": pair,
                     "agree": f"{counts['agree']} of {counts['rows']}", "only the first": counts[f"{one}_only"],
                     "only the second": counts[f"{other}_only"]})  # fmt: skip
    return rows


def _summed(
    verdicts: Iterable[Path], counts: Callable[[Row], Mapping[str, Mapping[str, int]]]
) -> dict[tuple[str, str, str], Counter[str]]:
    """Add up what manifests count, per corpus, teacher and name of the count."""
    total: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for path in verdicts:
        place = path.parts.index("teachers")
        for name, found in counts(read_json(path)).items():
            total[path.parts[place - 1], path.parts[place + 1], name].update(found)
    return total


def signal_rows(signals: Iterable[Path]) -> list[Row]:
    """Return, per corpus, how many problems repeat others, and how likely a teacher's responses are to a student."""
    rows: list[Row] = []
    rated: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for path in signals:
        manifest, parts = read_json(path), path.parts
        corpus = parts[parts.index("signals") + 1]
        if manifest["kind"] == "contamination":
            for name, found in manifest["benchmarks"].items():
                said = f"{found['exact']} word for word, {found['overlap']} in their n-grams"
                rows.append({"corpus": corpus, "what": f"repeats a problem of {name}", "found": said})
        elif manifest["kind"] == "duplicates":
            said = f"{manifest['rows']} of {manifest['problems']} problems"
            rows.append({"corpus": corpus, "what": "nearly the same as an earlier problem", "found": said})
        elif manifest["tokens"]:
            nats = math.log(manifest["perplexity"]) * manifest["tokens"]
            rated[corpus, parts[parts.index("teachers") + 1], parts[-2]].update(tokens=manifest["tokens"], nats=nats)
    for (corpus, teacher, student), sums in sorted(rated.items()):
        said = f"perplexity {math.exp(sums['nats'] / sums['tokens']):.3g} to {student}"
        rows.append({"corpus": corpus, "what": f"responses of {teacher}", "found": said})
    return rows


def draw_rows(responses: Iterable[Path], datasets: Iterable[Path], scores: Iterable[Path]) -> list[Row]:
    """Return, per teacher and arm of several draws, its responses, what `until_correct` spared, and identical ones."""
    samples: dict[str, Row] = {}
    for path in datasets:
        samples |= {f"teachers/{name}": found for name, found in read_json(path)["repeated_samples"].items()}
    for path in scores:
        samples[Arm.parse(path).model_path] = read_json(path)["repeated_samples"]
    spared: Counter[str] = Counter()
    for path in responses:
        spared["/".join(path.parts[path.parts.index("teachers") :][:2])] += read_json(path).get("saved", 0)
    rows = []
    for model_path, found in sorted(samples.items()):
        if found["pairs"]:
            draws = {draw for pair in found["pairs"] for draw in pair.split(", ")}
            rows.append({"who": model_path, "draws": len(draws), "responses": found["rows"],
                         "spared by until_correct": spared[model_path],
                         "the same as in an earlier draw": found["repeated"]})  # fmt: skip
    return rows


def gold_rows(golds: Iterable[Path]) -> list[Row]:
    """Return, per corpus with unverifiable gold answers, how many there are, and the first of them."""
    rows = []
    for path in golds:
        manifest = read_json(path)
        if manifest["unverifiable"]:
            shown = "; ".join(f"{i}: {answer}" for i, answer in list(manifest["examples"].items())[:3])
            rows.append({"corpus": path.parts[-3], "problems": manifest["rows"],
                         "unverifiable": manifest["unverifiable"], "for example": shown})  # fmt: skip
    return rows


def grader_rows(scores: Iterable[Path]) -> list[Row]:
    """Return, per arm and benchmark, the accuracy under each grader, and what each costs or gives in points."""
    rows = []
    for path in scores:
        manifest, arm = read_json(path), Arm.parse(path)
        shares = manifest["by_grader"]
        row: Row = {"arm": arm.path, "benchmark": path.parts[path.parts.index("students") - 1], "rule": shares["rule"]}
        for name, share in shares.items():
            if name != "rule":
                row |= {name: share, f"{name} against rule": f"{100 * (share - shares['rule']):+.1f} points"}
        rows.append(row)
    return rows


def parity_rows(facts: Mapping[Arm, Mapping[str, Any]]) -> list[Row]:
    """Return, per trained arm, what a fair comparison must share, and what it saw."""
    shown = (*PARITY, "tokens", "loss_tokens", "final_loss")
    return [{"arm": arm.path, **{name: facts[arm].get(name) for name in shown}} for arm in sorted(facts)]


def cost_rows(stages: Mapping[str, Sequence[Path]]) -> list[Row]:
    """Return, per stage, its artefacts and the seconds its programs ran, from their provenance."""
    rows = []
    for stage, manifests in stages.items():
        seconds = [read_json(p.with_name("provenance.json"))["seconds"] for p in manifests]
        if seconds:
            rows.append({"stage": stage, "jobs": len(seconds), "seconds": round(sum(seconds))})
    return rows


def versions(manifests: Sequence[Path]) -> Row:
    """Return the library versions in the provenance of a stage's artefacts, joined where they differ."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in manifests:
        for name, version in read_json(path.with_name("provenance.json"))["versions"].items():
            found[name].add(version)
    return {name: " / ".join(sorted(v)) for name, v in sorted(found.items())}


def render(facts: Mapping[str, Any]) -> str:
    """Return the page as HTML that needs nothing from the network."""
    import jinja2

    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=True, trim_blocks=True)
    return environment.from_string(TEMPLATE.read_text()).render(**facts) + "\n"
