"""Links from a number of the report to the responses behind it, as addresses of the response browser."""

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from distill.config.labels import GAIN
from distill.config.lineage import Arm

BROWSER = "browser/index.html"
# Column -> the responses that it counts, by the browser's words; the others are about all responses of the row.
COUNTED = {"accuracy": "correct", "rule": "correct", "lenient": "lenient", "no_answer": "no_answer",
           "cut_off": "cut_off", "errors": "errors", "ungraded": "ungraded"}  # fmt: skip
WHOLE = ("mean_tokens", "tokens", "difference", "points", "estimate")
PASSED_ON = ("gap", "student", "training", "dataset", "seed", "arm", "arms", "plus", "minus", "level", "decoding")


def link(row: Mapping[str, Any], column: str, benchmarks: Collection[str]) -> str | None:
    """Return the address of the responses behind a row's number; None where no arm and benchmark are named.

    `row` maps columns to values, those that are not shown too. The browser finds the arms by their names, so any
    section's rows may have links. `levels` of a row are the columns that stand for levels: each is an accuracy. `pairs`
    are those that count what two arms, `arm` and `other`, make of the same problems, by the browser's words.
    """
    shown = column.replace(" ", "_")
    if row.get(column) in (None, "") or row.get("benchmark") not in benchmarks:
        return None
    told = {name: row[name] for name in PASSED_ON if row.get(name) is not None}
    if column in row.get("pairs", {}):
        told = {name: row[name] for name in ("benchmark", "decoding", "arm", "other")}
        return _address({**told, "pair": row["pairs"][column]})
    name, _, arms = str(row.get("contrast", "")).partition(": ")
    if column in row.get("levels", {}):
        told, shown = {**told, "level": row["levels"][column]}, "accuracy"
    elif shown == GAIN and "versus" in row:  # which names both arms
        told = {"student": row["student"], "training": row["training"], "arms": row["versus"]}
    elif shown not in COUNTED and shown not in WHOLE:
        return None
    elif " - " in arms:
        told |= {"gap": name, "arms": arms}
    if not ("arm" in told or ("student" in told and told.keys() & {"dataset", "arms", "plus", "gap"})):
        return None
    if {"student", "training", "dataset", "seed"} <= told.keys():  # shorter
        told = {"arm": Arm(*(told.pop(name) for name in ("student", "training", "dataset", "seed"))).path, **told}
    counted = {"counted": COUNTED[shown]} if shown in COUNTED else {}
    return _address({"benchmark": row["benchmark"], **told, **counted})


def _address(told: Mapping[str, Any]) -> str:
    return f"{BROWSER}#{urlencode(told, safe='/', quote_via=quote)}"
