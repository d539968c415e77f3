"""Cost: what teachers, trainings and answers took, how long each program ran, and with which libraries."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from distill.analyses.section import Block, Inputs, Row, Section, Table
from distill.config.lineage import identity
from distill.runtime.files import read_json
from distill.scores.numbers import percent

NEEDS = ("scores", "models", "provenance")  # made again when there are others
ORDER = 7
# Programs that load a model. Their time is that of a GPU, where there is one.
MODELS = ("generate", "judge", "compute_loglikelihood", "compute_suitability", "compute_token_shift",
          "compute_teacher_logprobs", "train", "train_on_policy")  # fmt: skip
ALL = "all"
# What a model's time was for; the rest are likelihoods, log-probabilities and a judge's replies.
PURPOSES = ("teachers' responses", "trainings", "students' answers", "other readings")


def analyse(inputs: Inputs) -> Section:
    """Return the section on cost, from the provenance of all artefacts."""
    programs: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    versions: dict[str, set[str]] = defaultdict(set)
    spent: dict[str, list[Row]] = {who: [] for who in PURPOSES}
    for path in inputs["provenance"]:
        facts = read_json(path)
        name = facts["program"].removesuffix(".py")
        if name in MODELS:
            spent[_purpose(name, path)].append(facts)
        programs[name][_model(path) if name in MODELS else ALL].append(facts)
        for library, version in facts["versions"].items():
            versions[library].add(version)
    used = ", ".join(f"{name} {' / '.join(sorted(numbers))}" for name, numbers in sorted(versions.items()))
    measured = [facts for name in MODELS for some in programs.get(name, {}).values() for facts in some]
    said = [text for text in (f"Made with {used}.", _share_text(measured), _steps_text(measured)) if text]
    rows = [row for name, models in programs.items() for row in _rows(name, models)]
    block = Block("Programs, seconds and versions", text=tuple(said),
                  tables=(Table("Programs", rows, list(rows[0]) if rows else (), dense=False),))  # fmt: skip
    return Section("Cost", (_spent(spent),), rows, blocks=(block,), open=True)


def hours(facts: Row) -> tuple[float, int]:
    """Return the hours that a job took, and its GPUs; a job on several counts its hours for each of them."""
    gpus = len(facts.get("hardware", {}).get("gpus", ()))
    return facts["seconds"] * max(gpus, 1) / 3600, gpus


def _spent(spent: Mapping[str, Iterable[Row]]) -> str:
    """Return a sentence on what the models took: hours of GPUs, and of processors for jobs that had none."""
    parts = []
    for who, jobs in spent.items():
        took: dict[str, float] = defaultdict(float)
        for each, gpus in map(hours, jobs):
            took["GPU" if gpus else "processor"] += each
        if took:
            parts.append(f"{who} {' and '.join(f'{_amount(each)} of {kind}' for kind, each in sorted(took.items()))}")
    if not parts:
        return "Nothing here was made by a model that ran here."
    return (
        f"Time that jobs with models took: {_listed(parts)}. A model behind a server counts as long as its answers "
        "were waited for."
    )


def _amount(hours: float) -> str:
    return f"{hours:.1f} hours" if hours >= 1 else f"{60 * hours:.1f} minutes" if hours >= 1 / 60 else (
        f"{3600 * hours:.0f} seconds")  # fmt: skip


def _listed(parts: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))


def _purpose(program: str, path: Path) -> str:
    """Return which of PURPOSES a program served."""
    if program in ("train", "train_on_policy"):
        return PURPOSES[1]
    if program != "generate":
        return PURPOSES[3]
    return PURPOSES[0] if str(identity(path.parent).get("model_path", "")).startswith("teachers/") else PURPOSES[2]


def busy_share(facts: Iterable[Row]) -> tuple[float, float] | None:
    """Return the seconds that models were at work, and those that their programs were alive; None if none is known.

    Left out are those that ask a server, which works elsewhere, and trainings in several processes, which do not say.
    """
    known = [(f["busy_seconds"], f["alive_seconds"]) for f in facts if "busy_seconds" in f and not _served(f)]
    return (sum(busy for busy, _ in known), sum(alive for _, alive in known)) if known else None


def _served(facts: Row) -> bool:
    recipe: Any = facts.get("recipe") or {}
    return (recipe.get("engine") or recipe.get("generation", {}).get("engine")) == "openai"


def _share_text(facts: list[Row]) -> str:
    shares = busy_share(facts)
    if shares is None:
        return ""
    busy, alive = shares
    return (
        f"Models were at work for {percent(busy, alive)} of the {alive:.0f} s that their programs ran; the rest is "
        "imports, loading and writing: on a GPU its idle time. What a scheduler adds before a start comes on top. Busy "
        "shares are of this time, which begins before the seconds of a job do."
    )


def _steps_text(facts: list[Row]) -> str:
    """Return how much the trainings took at once, and how many had to take less than they began with."""
    laid_out = [each["execution"] for each in facts if "execution" in each]
    units = {"step_tokens": ("Trainings", "tokens"), "rows_per_step": ("On-policy trainings", "responses")}
    sentences = []
    for fact, (who, unit) in units.items():
        if known := [each for each in laid_out if fact in each]:
            most = " or ".join(map(str, sorted({each[fact] for each in known})))
            halved = sum(each.get("halved", 0) > 0 for each in known)
            less = f"; for want of memory {halved} of {len(known)} had halved them" if halved else ""
            sentences.append(f"{who} took {most} {unit} at once{less}.")
    return " ".join(sentences)


def _rows(name: str, models: dict[str, list[Row]]) -> list[Row]:
    """Return the row of a program, and one for each model where it has several."""
    whole = [facts for some in models.values() for facts in some]
    split = [(model, models[model]) for model in sorted(models)] if len(models) > 1 else []
    return [_row(name, model, some) for model, some in [(ALL if name in MODELS else "", whole), *split]]


def _row(name: str, model: str, facts: list[Row]) -> Row:
    shares = busy_share(facts) if name in MODELS else None
    busy, alive = shares or (None, None)
    return {
        "program": name,
        "model": model,
        "jobs": len(facts),
        "seconds": round(sum(f["seconds"] for f in facts)),
        "busy seconds": None if busy is None else round(busy),
        "busy share": percent(busy, alive) if busy is not None and alive else None,
    }


def _model(path: Path) -> str:
    """Return the model of an artefact as it stands in paths; of trainings it is the student."""
    names = identity(path.parent)
    return str(names.get("student") or names.get("teacher") or names.get("model") or names.get("model_path") or ALL)
