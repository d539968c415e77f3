"""Speeds: how quick a model is where nothing was measured here: the one place for the limits of jobs and for the plan.

Limits (`demands`) take a rule of thumb on the safe side; the plan (`distill.forecast`) takes
`resources/speeds.csv`, published and own measurements with their sources. A table's figure is of another workload,
version or machine than that of a study, so each end of a range lies a factor of `MARGIN` beyond it.
"""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from distill.config.ranges import Range
from distill.runtime.errors import InputError

WRITTEN = 2_000  # tokens per second that a GPU writes of a model of one billion parameters: a limit's, on the safe side
READ_FLOPS = {"float32": 2e13, "bfloat16": 1e14}  # that a GPU computes per second; the same
TABLE = Path(__file__).resolve().parents[3] / "resources/speeds.csv"
MARGIN = 1.5
SAME_SIZE = 1.25  # models whose sizes differ by less are of one size
OTHER_ENGINE = 0.1  # of vLLM's speed, at the least, where the table has none of an engine on a GPU
READ_PER_TRAINED = 3  # tokens read for one trained on: a third of the operations (Kaplan et al. 2020, 2001.08361, 2.1)
Device = Literal["gpu", "cpu"]
COLUMNS = ("work", "engine", "device", "parameters", "low", "high", "unit", "source")


@dataclass(frozen=True)
class Speed:
    """A row of the table: what an engine does on a device with a model of so many parameters, in its unit."""

    work: str
    engine: str
    device: str
    parameters: float
    figures: Range
    source: str


@cache
def rows(path: Path = TABLE) -> tuple[Speed, ...]:
    """Return the rows of the table. Raises InputError for a file that is not there, or is no such table."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return tuple(_row(row) for row in csv.DictReader(file))
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise InputError(f"{path}: no table of speeds with the columns {', '.join(COLUMNS)} ({error})") from None


def _row(row: dict[str, str]) -> Speed:
    device = "cpu" if row["device"] == "cpu" else "gpu"
    figures = Range(float(row["low"]), float(row["high"]))
    return Speed(row["work"], row["engine"], device, float(row["parameters"]), figures, row["source"])


def writing(engine: str, device: Device, parameters: float) -> Range:
    """Return the tokens per second that an engine writes, on each GPU; those of a server are a vLLM's on a GPU."""
    if device == "gpu" and engine != "vllm":
        known = _found("write", "vllm", device, parameters)
        return Range(OTHER_ENGINE * known.low, known.high)
    return _found("write", "vllm" if engine == "openai" else engine, device, parameters)


def training(device: Device, parameters: float) -> Range:
    """Return the tokens per second that a training reads and learns from, on each GPU."""
    return _found("train", "trainer", device, parameters)


def reading(device: Device, parameters: float) -> Range:
    """Return the tokens per second that a model reads, on each GPU."""
    if device == "cpu":
        return READ_PER_TRAINED * training(device, parameters)
    return _found("read", "reader", device, parameters)


def start(engine: str, device: Device, parameters: float) -> Range:
    """Return the seconds from the start of a program to its model at work."""
    if device == "gpu":
        return _widest([row for row in rows() if row.work == "start" and row.device == "gpu"])
    own = [row for row in rows() if (row.work, row.engine, row.device) == ("start", engine, device)]
    return _widest(_nearest(own, parameters)[:1])


def job(program: str, items: float) -> Range:
    """Return the seconds of a program without a model, for so many rows."""
    own = [row for row in rows() if row.work == "row" and row.engine in (program, "any")]
    return _widest([row for row in rows() if row.work == "job"]) + items * _widest(own[:1])


def overhead(on_cluster: bool) -> Range:
    """Return the seconds that Snakemake adds to each job; what a scheduler adds is not in it."""
    place = "cluster" if on_cluster else "local"
    return _widest([row for row in rows() if (row.work, row.engine) == ("overhead", place)]).widened(MARGIN)


def _found(work: str, engine: str, device: Device, parameters: float) -> Range:
    """Return the figures of the two nearest sizes, as if speed went with the inverse of size; of its own, if there.

    A model smaller than all is as quick as the smallest.
    """
    own = [row for row in rows() if (row.work, row.engine, row.device) == (work, engine, device)]
    size = max(parameters, min((row.parameters for row in own), default=parameters))
    near = _nearest(own, size)
    used = [row for row in near if 1 / SAME_SIZE < row.parameters / size < SAME_SIZE] or near[:2]
    figures = [(row.parameters / size) * row.figures for row in used]
    return Range(min(f.low for f in figures), max(f.high for f in figures)).widened(MARGIN)


def _nearest(found: list[Speed], parameters: float) -> list[Speed]:
    if not found:
        raise InputError(f"{TABLE}: a row is missing that the plan needs")
    return sorted(found, key=lambda r: max(r.parameters / parameters, parameters / r.parameters))


def _widest(found: list[Speed]) -> Range:
    return Range(min(r.figures.low for r in found), max(r.figures.high for r in found))
