"""Wall time: how long jobs take that run side by side under the caps of a profile.

Low: the most of what each kind of job takes when no core or GPU is ever idle, and of the longest job of each stage, one
after the other. High: the stages one after the other, each as a list schedule takes at most (Graham 1969, doi
10.1137/0117039): its jobs shared out evenly, and the longest of them at the end.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from distill.config import speeds
from distill.config.ranges import Range, total
from distill.forecast.estimates import Estimate

# Programs in the order of the data flow; those of one stage do not wait for each other. What answers as a student comes
# after the trainings.
STAGES = (
    ("fetch_problems", "fetch_statements", "fetch_model"), ("initialise",), ("fetch_responses", "generate"),
    ("find_agreement",), ("verify", "check_golds", "count_repeats", "find_contamination", "find_duplicates"),
    ("judge", "compute_loglikelihood", "compute_suitability", "compute_token_shift"),
    ("mix", "mix_suited"), ("render",),
    ("compare_plans", "compute_teacher_logprobs"),
    ("train",), ("train_on_policy",), ("students generate", "students compute_loglikelihood"),
    ("students compute_token_shift",),
    ("students verify", "write_solutions"), ("students judge",), ("score", "students count_repeats"), ("contrast",),
    ("analyse",),
    ("render_page", "render_browser"),
)  # fmt: skip


@dataclass(frozen=True)
class Site:
    """Where it will run: cores and GPUs at once on this machine, or (jobs) so many jobs at once on a cluster.

    gpu_hour: US dollars.
    """

    cores: int = 1
    gpus: int | None = None
    jobs: int | None = None
    gpu_hour: float | None = None

    @classmethod
    def of(cls, gpu_hour: float | None, cores: int, gpus: int = 0, jobs: int = 0) -> "Site":
        """Return a site of which 0 GPUs or jobs mean that there are none."""
        return cls(cores, gpus or None, jobs or None, gpu_hour)

    @property
    def device(self) -> speeds.Device:
        """Return what models run on: a cluster is taken to have GPUs."""
        return "gpu" if self.gpus or self.jobs else "cpu"

    def slots(self, gpus: int) -> int:
        """Return how many jobs with so many GPUs run at once."""
        most = self.jobs or self.cores
        if not gpus:
            return max(most, 1)
        return max(min(self.jobs or self.gpus or 1, (self.gpus or most * gpus) // gpus), 1)

    def told(self) -> str:
        """Return the caps in words."""
        if self.jobs:
            return f"{self.jobs} jobs at once"
        gpus = f" and {self.gpus} GPU{'s' * (self.gpus > 1)}" if self.gpus else ""
        return f"{self.cores} core{'s' * (self.cores > 1)}{gpus}"


def wall(estimates: Iterable[Estimate], site: Site) -> Range:
    """Return the seconds that jobs take under the caps of a site, with what Snakemake adds to each."""
    stages: dict[int, list[Estimate]] = {}
    for each in estimates:
        stages.setdefault(_stage(each), []).append(each)
    added = speeds.overhead(bool(site.jobs))
    every = [each for own in stages.values() for each in own]
    chain = sum(max(each.seconds.low + added.low for each in own) for own in stages.values())
    busy = [_shared(own, site, added).low for own in _kinds(every)]
    high = sum(_bound(own, site, added) for stage in stages.values() for own in _kinds(stage))
    low = max([chain, *busy])
    return Range(min(low, high), high)


def _stage(each: Estimate) -> int:
    path = str(getattr(each.place, "model_path", ""))
    name = f"students {each.rule}" if path.startswith("students/") and each.rule != "score" else each.rule
    return next(i for i, names in enumerate(STAGES) if name in names)


def _kinds(estimates: Sequence[Estimate]) -> list[list[Estimate]]:
    """Return the jobs with GPUs and those without, which do not take room from each other."""
    return [own for own in ([e for e in estimates if e.gpus], [e for e in estimates if not e.gpus]) if own]


def _shared(own: Sequence[Estimate], site: Site, added: Range) -> Range:
    """Return the seconds of jobs that are shared out evenly."""
    return total((each.seconds + added) / site.slots(each.gpus) for each in own)


def _bound(own: Sequence[Estimate], site: Site, added: Range) -> float:
    """Return the most seconds that a list schedule of jobs takes."""
    longest = max(each.seconds.high + added.high for each in own)
    slots = min(site.slots(each.gpus) for each in own)
    return min(_shared(own, site, added).high + longest * (1 - 1 / slots), total(e.seconds + added for e in own).high)
