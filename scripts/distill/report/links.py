"""Links from a number of the report to the responses behind it, as addresses of the response browser."""

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import quote, urlencode

BROWSER = "browser/index.html"
# Column -> the responses that it counts, by the browser's words; the others are about all responses of the row.
COUNTED = {"accuracy": "correct", "rule": "correct", "lenient": "lenient", "no_answer": "no_answer",
           "cut_off": "cut_off", "errors": "errors", "ungraded": "ungraded"}  # fmt: skip
WHOLE = ("n_problems", "n_samples", "problems", "samples", "mean_tokens", "tokens", "difference", "points", "estimate")
PASSED_ON = ("gap", "student", "training", "dataset", "seed", "arm", "arms", "plus", "minus", "level", "decoding")


def link(row: Mapping[str, Any], column: str, benchmarks: Collection[str]) -> str | None:
    """Return the address of the responses behind a row's number; None where no arm and benchmark are named.

    `row` maps columns to values. The browser finds the arms by their names, so any section's rows may have links.
    """
    shown = column.replace(" ", "_")
    benchmark = str(row.get("benchmark") or row.get("benchmark (problems)") or "").split(" (")[0]
    if (shown not in COUNTED and shown not in WHOLE) or row.get(column) in (None, "") or benchmark not in benchmarks:
        return None
    told = {name: row[name] for name in PASSED_ON if row.get(name) is not None}
    if "group" in row:  # of a breakdown; the browser has levels only
        if row.get("by") != "level":
            return None
        told["level"] = row["group"]
    name, _, arms = str(row.get("contrast", "")).partition(": ")
    if " - " in arms:
        told |= {"gap": name, "arms": arms}
    if not ("arm" in told or ("student" in told and told.keys() & {"dataset", "arms", "plus", "gap"})):
        return None
    counted = {"counted": COUNTED[shown]} if shown in COUNTED else {}
    return f"{BROWSER}#{urlencode({'benchmark': benchmark, **told, **counted}, quote_via=quote)}"
