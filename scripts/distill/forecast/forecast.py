"""The forecast of the chosen studies: what stands, what is missing, and what each missing job will take."""

from collections.abc import Iterable
from dataclasses import dataclass

from distill.audit.expected import chosen_places
from distill.config.lineage import Place
from distill.config.plan import Plan
from distill.config.ranges import Range, total
from distill.forecast.estimates import Estimate, Estimator
from distill.forecast.measured import Measured, measured
from distill.forecast.missing import Code, Found, State, found, others
from distill.forecast.walls import Site, wall
from distill.forecast.work import Work


@dataclass(frozen=True)
class Forecast:
    """What the jobs of the chosen studies will take, and what those that are done have taken."""

    plan: Plan
    site: Site
    stands: dict[Place, Found]
    learnt: Measured
    missing: list[Estimate]

    @property
    def wall(self) -> Range:
        """Return the seconds until all is there."""
        return wall(self.missing, self.site)

    def cost(self, estimates: Iterable[Estimate]) -> Range:
        """Return what jobs cost in the unit of the budget (`unit`)."""
        return total(self._cost(each) for each in estimates)

    def _cost(self, each: Estimate) -> Range:
        if self.site.device == "cpu":
            return each.seconds / 3600
        if self.site.gpu_hour is None:
            return each.gpu_hours
        return each.gpu_hours * self.site.gpu_hour + each.dollars

    @property
    def unit(self) -> str:
        """Return what a budget counts: US dollars where a GPU hour has a price, GPU hours, or hours without GPUs."""
        if self.site.device == "cpu":
            return "hours"
        return "GPU hours" if self.site.gpu_hour is None else "dollars"

    def uncounted(self) -> list[str]:
        """Return the corpora whose problems are a guess."""
        work = Work(self.plan, self.stands, self.learnt)
        return [name for name in self.plan.corpora() if work.rows(name).low < work.rows(name).high]

    def estimator(self, running: Iterable[Place]) -> Estimator:
        """Return what estimates jobs that are to run together."""
        return Estimator(self.plan, self.stands, self.learnt, running)

    def done(self) -> list[Estimate]:
        """Return what the table alone would have said of the jobs that are done, with their lengths as they were."""
        table = Measured(self.learnt.device, lengths=self.learnt.lengths)
        places = [place for place, each in self.stands.items() if each.state is not State.MISSING]
        return [Estimator(self.plan, self.stands, table, places).of(place) for place in places]


def forecast(plan: Plan, code: Code, site: Site) -> Forecast:
    """Return the forecast of a plan's studies at a site. `code` gives the hash of a program with its modules."""
    places = chosen_places(plan)
    stands = found(plan, places, code)
    learnt = measured(plan.catalogue, {**dict(others(places)), **stands}, site.device)
    running = [place for place, each in stands.items() if each.state is not State.DONE]
    estimator = Estimator(plan, stands, learnt, running)
    return Forecast(plan, site, stands, learnt, [estimator.of(place) for place in running])
