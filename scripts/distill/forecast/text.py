"""The forecast as text for a terminal: what is missing, per rule; planned against taken; contrasts and a budget."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from distill.config.ranges import Range, exactly, total
from distill.forecast.budget import Offer
from distill.forecast.estimates import Estimate
from distill.forecast.forecast import Forecast
from distill.forecast.measured import took
from distill.forecast.missing import State
from distill.forecast.used import Use
from distill.scores.csvs import aligned

TIMES = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))
COUNTS = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
BYTES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))
LEGEND = (
    "A range goes from low to high. Ground: `measured` from so many finished jobs of this folder, or the `table` of "
    "resources/speeds.csv, its ends a factor of 1.5 further out. To make again: it stands, and reads what is "
    "missing.",
    "Not in it: waiting in a queue, downloads, failed attempts, and whether kept rows fit: jobs that have some count "
    "from nothing to all.",
)


def shown(range_: Range, units: Sequence[tuple[float, str]]) -> str:
    """Return a range, each end in its unit, such as `6 to 14 min` or `40 min to 3.2 h`; nothing for nothing."""
    if range_.high == 0:
        return ""
    (low, small), (high, large) = (_scaled(value, units) for value in (range_.low or range_.high, range_.high))
    if range_.low == 0:
        low, small = "0", large
    ends = [f"{high} {large}"] if (low, small) == (high, large) else [low, f"{high} {large}"]
    if small != large:
        ends[0] = f"{low} {small}"
    return " to ".join(end.strip() for end in ends)


def _scaled(value: float, units: Sequence[tuple[float, str]]) -> tuple[str, str]:
    """Return a figure in its own unit, and the unit."""
    size, unit = next(((s, u) for s, u in units if value >= s), units[-1])
    return _digits(value / size), unit


def _digits(value: float) -> str:
    """Return a number with two significant digits, a whole one from 10 on."""
    return f"{value:,.0f}" if value >= 10 or value == 0 else f"{value:.2g}"


def plan_text(forecast: Forecast) -> str:
    """Return the table of what is missing per rule, with the total and the wall time."""
    if not forecast.missing:
        return "Nothing is missing."
    header = ["rule", "jobs", "to make again", "engine starts", "time of all", "GPU hours", "tokens", "disk", "price",
              "ground"]  # fmt: skip
    rules = dict.fromkeys(each.rule for each in forecast.missing)
    groups = [(rule, [e for e in forecast.missing if e.rule == rule]) for rule in rules]
    rows = [header, *(_row(forecast, name, own) for name, own in [*groups, ("all", forecast.missing)])]
    kept = [i for i in range(len(header)) if i < 2 or any(row[i] for row in rows[1:])]
    lines = aligned([[row[i] for i in kept] for row in rows])
    lines.append(f"Wall time: {shown(forecast.wall, TIMES)} with {forecast.site.told()}.")
    if names := forecast.uncounted():
        lines.append(
            f"Nobody has counted the problems of {', '.join(names)}: `snakemake problems` does, and asks no model."
        )
    return "\n".join(lines)


def _row(forecast: Forecast, name: str, own: Sequence[Estimate]) -> list[str]:
    def summed(of: Callable[[Estimate], Range]) -> Range:
        return total(of(each) for each in own)

    again = sum(1 for each in own if forecast.stands[each.place].state is State.AGAIN)
    hours = shown(summed(lambda e: e.gpu_hours), COUNTS)
    price = shown(summed(lambda e: _dollars(forecast, e)), COUNTS)
    return [name, str(len(own)), str(again or ""), shown(summed(lambda e: e.starts), COUNTS),
            shown(summed(lambda e: e.seconds), TIMES), hours, shown(summed(lambda e: e.tokens), COUNTS),
            shown(summed(lambda e: e.disk), BYTES), price and f"{price} $", _grounds(own)]  # fmt: skip


def _dollars(forecast: Forecast, each: Estimate) -> Range:
    return each.gpu_hours * (forecast.site.gpu_hour or 0) + each.dollars


def _grounds(own: Iterable[Estimate]) -> str:
    """Return the grounds of estimates, the most frequent first."""
    counts: dict[str, int] = {}
    for each in own:
        word = each.ground.split(" ")[0]
        counts[word] = counts.get(word, 0) + 1
    ordered = sorted(counts, key=lambda word: -counts[word])
    return ordered[0] if len(ordered) == 1 else ", ".join(f"{word} {counts[word]}" for word in ordered)


def summary(forecast: Forecast) -> str:
    """Return the plan in a line for a dry run."""
    if not forecast.missing:
        return "plan: nothing is missing"
    hours, site = total(each.gpu_hours for each in forecast.missing), forecast.site
    price = total(_dollars(forecast, each) for each in forecast.missing)
    tokens = total(each.tokens for each in forecast.missing)
    amounts = ((hours, "GPU hours"), (price, "$"), (tokens, "tokens"))
    parts = [f"{shown(forecast.wall, TIMES)} with {site.told()}"]
    parts += [f"{shown(amount, COUNTS)} {unit}" for amount, unit in amounts if amount.high]
    return f"plan: {len(forecast.missing)} artefacts are missing: {', '.join(parts)}; `snakemake plan` says of what"


def taken_text(forecast: Forecast) -> str:
    """Return planned against taken for the finished jobs, per rule; nothing where there is none."""
    done = forecast.done()
    rules = dict.fromkeys(each.rule for each in done)
    rows = [["rule", "finished jobs", "the table says", "took", "middle of the range"]]
    for name, own in [*((rule, [e for e in done if e.rule == rule]) for rule in rules), ("all", done)]:
        said, real = total(each.seconds for each in own), sum(took(forecast.stands[e.place].provenance) for e in own)
        factor = said.middle / real if real else 0
        word = f"{factor:.1f} times of it" if factor else ""
        inside = "" if said.low <= real <= said.high else ", outside"
        rows.append([name, str(len(own)), shown(said, TIMES), shown(exactly(real), TIMES), word + inside])
    return "\n".join(aligned(rows)) if done else ""


def used_text(uses: Mapping[str, Use]) -> str:
    """Return asked against used of jobs with a model, per rule; nothing where there is none."""
    rows = [["rule", "jobs", "memory asked", "used at most", "time asked", "taken at most", "model at work"]]
    rows += [
        [rule, str(use.jobs), shown(exactly(1e6 * use.asked_mb), BYTES), shown(exactly(1e6 * use.used_mb), BYTES),
         shown(exactly(60 * use.asked_minutes), TIMES), shown(exactly(60 * use.used_minutes), TIMES),
         f"{use.busy / use.alive:.0%}" if use.alive else ""]
        for rule, use in uses.items()
    ]  # fmt: skip
    return "\n".join(aligned(rows)) if uses else ""


def offers_text(offers: Sequence[Offer], unit: str, budget: float | None) -> str:
    """Return the contrasts in the order of what they can show, with what each adds, and whether it fits the budget."""
    fits = [] if budget is None else [f"budget {budget:g}"]
    rows = [["study", "contrast", "student", "arms", "seen from", "smallest gap", f"adds, {unit}", "together", *fits,
             f"to see it, {unit} more"]]  # fmt: skip
    for each in offers:
        contrast, smallest = each.outlook.contrast, each.outlook.smallest
        arms = f"{contrast.plus} - {contrast.minus}" if contrast.minus else contrast.plus
        ways = " or ".join(f"{way}: {shown(cost, COUNTS) or '0'}" for way, cost in each.ways.items())
        rows.append([each.outlook.study, contrast.name, contrast.student, arms,
                     f"{100 * each.outlook.design.detectable():.1f} points",
                     "" if smallest is None else f"{100 * smallest:.1f}", shown(each.adds, COUNTS) or "0",
                     shown(each.together, COUNTS) or "0", *([each.fits] if fits else []), ways])  # fmt: skip
    return "\n".join(aligned(rows)) if offers else ""
