"""What finished jobs took: tokens per second, seconds to start, seconds without a model, lengths of responses, bytes.

Every figure is the total over its jobs, with a range for what single jobs differ by (one standard deviation of the
logarithms, at least `LEAST`, with fewer than three jobs `FEW`): jobs that run side by side are slow together, so a sum
of many is not known better than one.
"""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distill.analyses.cost import MODELS
from distill.config.catalogue import Catalogue
from distill.config.demands import parameters
from distill.config.lineage import PUBLISHED, Answers, Arm, Place, Responses, TrainedModel
from distill.config.ranges import Range
from distill.config.speeds import Device
from distill.forecast.missing import Found

LEAST, FEW = 1.1, 1.5
Key = tuple[str, ...]


@dataclass(frozen=True)
class Figure:
    """A measured figure, and from how many finished jobs."""

    figures: Range
    jobs: int


@dataclass
class Tally:
    """Pairs of amounts: the figure is the total of the first over the total of the second."""

    pairs: list[tuple[float, float]] = field(default_factory=list)

    def add(self, amount: float, per: float) -> None:
        """Count a job, unless one of both is nothing."""
        if amount > 0 and per > 0:
            self.pairs.append((amount, per))

    def figure(self) -> Figure | None:
        """Return the figure with what single jobs differ by, None without a job."""
        if not self.pairs:
            return None
        pooled = sum(a for a, _ in self.pairs) / sum(b for _, b in self.pairs)
        logs = [math.log(a / b) for a, b in self.pairs]
        spread = max(math.exp(statistics.stdev(logs)), LEAST) if len(logs) > 2 else FEW
        return Figure(Range(pooled, pooled).widened(spread), len(logs))


@dataclass
class Measured:
    """All that was measured on one kind of device, by what it is looked up by.

    speeds: (work, engine, model); starts: (program, engine); seconds: (program,); lengths: (model path, decoding);
    sizes: (kind,) bytes per token of responses and rendered rows, (kind, student) bytes of a trained model.
    """

    device: Device
    speeds: dict[Key, Tally] = field(default_factory=lambda: defaultdict(Tally))
    starts: dict[Key, Tally] = field(default_factory=lambda: defaultdict(Tally))
    seconds: dict[Key, Tally] = field(default_factory=lambda: defaultdict(Tally))
    lengths: dict[Key, Tally] = field(default_factory=lambda: defaultdict(Tally))
    sizes: dict[Key, Tally] = field(default_factory=lambda: defaultdict(Tally))
    parameters: dict[str, float] = field(default_factory=dict)


def measured(catalogue: Catalogue, stands: Mapping[Place, Found], device: Device) -> Measured:
    """Return what was measured, also of an older recipe: times on this kind of device, lengths and bytes on any."""
    learnt = Measured(device)
    for place, found in stands.items():
        if not found.manifest or not found.provenance or not _is_known(catalogue, place):
            continue
        _add_sizes(learnt, place, found)
        if isinstance(place, Responses) and place.decoding != PUBLISHED and found.manifest.get("response_tokens"):
            tokens, rows = found.manifest["response_tokens"], found.manifest.get("rows", 0)
            learnt.lengths[place.model_path, place.decoding].add(tokens, rows)
        if _device(found.provenance) == device or program_of(found.provenance) not in MODELS:
            _add_times(learnt, catalogue, place, found)
    return learnt


def _is_known(catalogue: Catalogue, place: Place) -> bool:
    """Whether the catalogue still has the model that a job ran."""
    name = _model(place)
    return not name or name in catalogue.students or name in catalogue.teachers


def program_of(provenance: Mapping[str, Any]) -> str:
    """Return the name of the program that has made an artefact."""
    return str(provenance.get("program", "")).removesuffix(".py")


def took(provenance: Mapping[str, Any]) -> float:
    """Return the seconds from a program's start to its end."""
    return float(provenance.get("alive_seconds") or provenance.get("seconds") or 0)


def _device(provenance: Mapping[str, Any]) -> Device:
    return "gpu" if provenance.get("hardware", {}).get("gpus") else "cpu"


def _add_times(learnt: Measured, catalogue: Catalogue, place: Place, found: Found) -> None:
    facts, program = found.provenance, program_of(found.provenance)
    seconds, busy = took(facts), facts.get("busy_seconds")
    if program not in MODELS:
        learnt.seconds[program,].add(seconds, 1)
        return
    name, engine = _model(place), engine_of(place, facts.get("recipe", {}))
    tokens = _worked(place, found)
    if busy:
        learnt.starts[program, engine].add(seconds - busy, 1)
    if tokens:
        learnt.speeds[program, engine, name].add(tokens, busy or 0)
        learnt.parameters[name] = parameters(catalogue, name)
    elif busy is None or program not in ("generate", "train"):
        learnt.seconds[program,].add(seconds, 1)
    elif not busy:  # its rows were answered ahead, or taken over
        learnt.seconds["idle", program].add(seconds, 1)


def engine_of(place: Place, recipe: Mapping[str, Any]) -> str:
    """Return the engine of a job that runs a model."""
    return str(recipe.get("engine", "trainer")) if isinstance(place, Answers) else "trainer"


def _model(place: Place) -> str:
    """Return the name of the weights that a job runs, in the catalogue."""
    path = getattr(place, "model_path", None)
    return str(path.split("/")[1] if path else getattr(place, "student", ""))


def _worked(place: Place, found: Found) -> float:
    """Return the tokens that a job's busy seconds went to; 0 where it cannot be told."""
    manifest, facts = found.manifest, found.provenance
    if isinstance(place, Responses) and manifest.get("response_tokens") and manifest.get("rows"):
        return manifest["response_tokens"] / manifest["rows"] * (facts.get("asked", 0) + facts.get("ahead", 0))
    if isinstance(place, TrainedModel):
        return float(manifest.get("tokens") or 0)
    return 0.0


def _add_sizes(learnt: Measured, place: Place, found: Found) -> None:
    key = (place.KIND, place.student) if isinstance(place, TrainedModel) else (place.KIND,)
    amount = 1.0
    if not isinstance(place, TrainedModel):
        amount = float(found.manifest.get("response_tokens") or found.manifest.get("tokens") or 0)
    if amount:
        learnt.sizes[key].add(_bytes(Path(place.folder), found.provenance.get("outputs", ())), amount)


def _bytes(folder: Path, names: Iterable[str]) -> float:
    return float(sum(path.stat().st_size for name in names if (path := folder / name).is_file()))


def pooled(tallies: Iterable[Tally]) -> Figure | None:
    """Return the figure of several tallies together: from the lowest of them to the highest."""
    found = [figure for tally in tallies if (figure := tally.figure())]
    if not found:
        return None
    ends = Range(min(f.figures.low for f in found), max(f.figures.high for f in found))
    return Figure(ends, sum(f.jobs for f in found))


def arm_of(model_path: str) -> Arm | None:
    """Return the arm of a model path, None of a teacher's."""
    return Arm.parse(model_path) if model_path.startswith("students/") else None
