"""What the tests do with a page of the response browser: open an address, read what stands there."""

import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from distill.config.lineage import Arm

Row = dict[str, Any]


def open_at(page: Any, site: Path, /, **state: Any) -> None:
    """Open the browser at a state and wait until it is shown."""
    page.goto("about:blank")
    page.goto(f"{(site / 'browser/index.html').as_uri()}#{urlencode(state)}")
    settled(page)


def settled(page: Any) -> None:
    """Wait until the page shows what its address asks for."""
    until(page, "document.documentElement.dataset.shown === location.hash")


def until(page: Any, condition: str) -> None:
    """Wait until a condition holds; asked from outside, as the page's policy forbids a waiting script of its own."""
    deadline = time.monotonic() + 60
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        page.wait_for_timeout(20)


def figures(page: Any) -> tuple[int, int, int, float | None]:
    """Return the figures of the summary: rows, of how many, correct ones, tokens on average."""
    text = page.locator("#count").inner_text()
    found = re.fullmatch(
        r"(\d+) of (\d+) responses \((.*)\), (\d+) of them correct \((.*?)\)(?:; (.*) tokens on average)?\.", text
    )
    assert found, text
    rows, whole, share, correct, accuracy, tokens = found.groups()
    check_percent(share, int(rows), int(whole))
    check_percent(accuracy, int(correct), int(rows))
    return int(rows), int(whole), int(correct), None if tokens is None else float(tokens)


def check_percent(text: str, part: int, whole: int) -> None:
    """Compare a share as it is shown, with one digit behind the point, with its counts."""
    assert re.fullmatch(r"\d+\.\d %", text) if whole else text == "none"
    assert not whole or abs(float(text.removesuffix(" %")) - 100 * part / whole) <= 0.0501


def table(page: Any, selector: str = "#rows table") -> list[Row]:
    """Return the rows of a table as head -> text."""
    return page.evaluate(
        """(selector) => [...document.querySelectorAll(selector + ' tbody tr')].map((row) => Object.fromEntries(
        [...row.cells].map((cell, place) => [row.closest('table').tHead.rows[0].cells[place].textContent,
        cell.textContent])))""",
        selector,
    )


def whole_table(page: Any) -> list[Row]:
    """Return the rows of all pages of the list."""
    rows = table(page)
    while page.locator("#pages").is_visible() and page.locator("#pages a", has_text="next").count():
        page.locator("#pages a", has_text="next").click()
        settled(page)
        rows += table(page)
    return rows


def said(value: Any) -> str:
    """Return how a value is shown."""
    return "none" if value in (None, "") else str(value)


def named(arm: Arm) -> str:
    """Return what people read for an arm."""
    return arm.path if arm.is_trained else f"{arm.student}/untouched student"


def words(word: str) -> str:
    return word.replace("_", " ")
