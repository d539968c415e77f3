"""Report and response browser in Chromium: nothing cut off on wide and narrow screens, in light, dark and print."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from analyses import hand_made
from browser.conftest import AXE, SHOTS
from browser.looking import figures, open_at
from report import browsed

from distill.config.lineage import Arm
from distill.report.page import render
from distill.scores.csvs import read_csv

WIDTHS = (1200, 420)
MILLIMETRE = 96 / 25.4  # pixels
MEDIA = ({"color_scheme": "light"}, {"color_scheme": "dark"}, {"media": "print"})
ARM, OTHER = (next(arm for arm in hand_made.ARMS if arm.dataset == name) for name in ("hard", "easy"))
# What stands out of the window, or is shown in part only.
CUT_OFF = """() => [...document.querySelectorAll('td, th, p, h1, h2, h3, h4, dd, summary, label, nav a, .box, .text')]
.filter((e) => e.checkVisibility() && !e.closest('thead') && !e.closest('.hidden')).filter((e) => {
const box = e.getBoundingClientRect();
return box.right > window.innerWidth + 1 || box.left < -1 || (e.localName === 'td' && (e.scrollWidth > e.clientWidth + 1
|| (e.textContent && box.height < 8))); }).map((e) => e.localName + ': ' + e.textContent.slice(0, 60))"""


def looked_at(page: Any, name: str, width: int, media: dict[str, str]) -> None:
    """Check that nothing is cut off, and keep a picture."""
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(**media)
    assert page.evaluate(CUT_OFF) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}-{width}-{next(iter(media.values()))}.png", full_page=True)


def unfold(page: Any) -> None:
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")


@pytest.mark.parametrize("media", MEDIA, ids=lambda media: next(iter(media.values())))
@pytest.mark.parametrize("width", WIDTHS)
def test_the_report_cuts_nothing_off(page: Any, site: Path, width: int, media: dict[str, str]) -> None:
    page.goto((site / "index.html").as_uri())
    looked_at(page, "report", width, media)
    unfold(page)
    looked_at(page, "unfolded", width, media)
    heads = page.evaluate("""[...document.querySelectorAll('td')].map((e) =>
        [getComputedStyle(e).getPropertyValue('--head'), e.closest('table').tHead.rows[0].cells[e.cellIndex]])
        .map(([name, head]) => [name, head.textContent])""")
    assert len(heads) > 100
    # What a card calls its cells is what stands above them, as a string of CSS.
    assert [re.sub(r"\\([0-9a-f]+) ", lambda sign: chr(int(sign[1], 16)), name) for name, _ in heads] == [
        f'"{head}"' for _, head in heads
    ]


@pytest.mark.parametrize("media", MEDIA, ids=lambda media: next(iter(media.values())))
@pytest.mark.parametrize("width", WIDTHS)
def test_the_browser_cuts_nothing_off(page: Any, site: Path, width: int, media: dict[str, str]) -> None:
    open_at(page, site, arm=ARM.path, other=OTHER.path, problem="p09", draw="0")
    page.locator(".side math").first.wait_for(state="attached")
    page.locator("summary", has_text="All arms").click()
    page.locator("#problem table").wait_for()
    looked_at(page, "browser", width, media)
    if media.get("media") != "print":
        page.locator("#filters").wait_for()
        assert page.locator("#rows td").first.is_visible()


NAME = "a-rather-long-name-of-a-student-2-5-7b"
SHARES = ("accuracy", "ci_low", "ci_high", "lenient", "no_answer", "cut_off", "errors", "ungraded")
SCORES = {"student": NAME, "training": f"{NAME}-lora", "dataset": f"{NAME}-mix-long", "seed": 1, "benchmark": "b",
          **dict.fromkeys(SHARES, 0.123456), "n_problems": 5000, "n_samples": 64, "mean_tokens": 12345.678,
          "decoding": "a-decoding", "golds": "agreement of one, two, three on 123 of 456 problems"}  # fmt: skip
GAPS = {"gap": "long_cot_gap_over_short_ones", "student": NAME, "benchmark": "olympiad-bench-maths",
        "arms": f"{NAME}-mix-long (paper-as-released) \u2212 {NAME}-short (paper-as-released)", "difference": "-0.123",
        "parity": "as declared: epochs 0.921348 vs 3.987952", "loss tokens": "12.34 : 1", "95 % interval":
        "-0.123 to +0.123", "p": "<0.001", "reading": "includes zero", "problems": 5000, "seeds": 3}  # fmt: skip


@pytest.mark.parametrize("width", [*WIDTHS, 320, 768, 1920])
def test_long_names_cut_nothing_off(page: Any, tmp_path: Path, width: int) -> None:
    shared = {"text": ["Text."], "picture": None, "marked": "difference", "marks": [], "dense": False, "blocks": [],
              "open": True}  # fmt: skip
    sections = {name: {**shared, "title": name, "rows": [row] * 3, "columns": list(row)}
                for name, row in (("scores", SCORES), ("gaps", GAPS))}  # fmt: skip
    path = tmp_path / "page.html"
    path.write_text(render("Title", ["study"], sections, browsed.TEMPLATE.read_text(), {"b"}))
    page.goto(path.as_uri())
    looked_at(page, "long", width, {"color_scheme": "light"})
    shown = page.locator("tbody").first.inner_text()
    assert all(text in shown for text in ("0.1235", "1.235e+04", "5000", "64"))
    shown = [page.locator("tbody tr").nth(row).evaluate("(e) => getComputedStyle(e).display") for row in (0, 3)]
    # The table of scores has a column more here than a study with gold answers, and needs more than 1200 pixels.
    assert shown == {1200: ["grid", "table-row"], 1920: ["table-row"] * 2}.get(width, ["grid"] * 2)


def test_a_number_of_the_report_is_that_of_the_responses_behind_it(page: Any, site: Path) -> None:
    scores = read_csv(site / "scores.csv")
    page.goto((site / "index.html").as_uri())
    links = page.evaluate("document.querySelectorAll('#students ~ * td a[href*=no_answer]').length")
    assert links == len(scores)
    share = {"correct": "accuracy"}
    followed = 0
    for row in scores:
        for counted in ("correct", "no_answer", "cut_off", "errors", "ungraded", "lenient"):
            arm = Arm(*(row[name] for name in ("student", "training", "dataset", "seed")))
            told = {"arm": arm.path, "counted": counted}
            address = next(href for href in addresses(page) if all(f"{k}={v}" in href for k, v in told.items()))
            open_at(page, site, **dict(pair.split("=", 1) for pair in unquote(address).split("#")[1].split("&")))
            rows, whole, _, _ = figures(page)
            assert rows / whole == pytest.approx(row[share.get(counted, counted)], abs=1e-6), told
            followed += 1
            page.goto((site / "index.html").as_uri())
            if row is not scores[0] and counted == "no_answer":
                break  # the others follow the same way
    assert followed >= 6 + 2 * (len(scores) - 1)


def addresses(page: Any) -> list[str]:
    hrefs = page.evaluate("[...document.querySelectorAll('td a')].map((a) => a.href)")
    return [unquote(href) for href in hrefs]


def test_a_gap_of_the_report_leads_to_its_two_arms(page: Any, site: Path) -> None:
    page.goto((site / "index.html").as_uri())
    gap = page.locator("td a[href*='gap=hard_gap']").first
    assert gap.is_visible()
    difference = gap.inner_text()
    gap.click()
    page.locator("#rows table").wait_for()
    first, second = page.evaluate("[...document.querySelectorAll('[name=arm], [name=other]')].map((e) => e.value)")
    assert (first, second) == ("s/t/hard/seed-1", "s/t/easy/seed-1")
    assert difference[0] in "+-\u2212"
    page.get_by_role("link", name="Back to the report").click()
    assert page.url == (site / "index.html").as_uri()


@pytest.mark.skipif(not AXE.exists(), reason="no axe-core here; `make test-browser` fetches it from npm")
@pytest.mark.parametrize("media", MEDIA[:2], ids=lambda media: media["color_scheme"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["report", "unfolded", "browser"])
def test_axe_finds_nothing(page: Any, site: Path, name: str, width: int, media: dict[str, str]) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(**media)
    if name != "browser":
        page.goto((site / "index.html").as_uri())
        if name == "unfolded":
            unfold(page)
    else:
        open_at(page, site, arm=ARM.path, other=OTHER.path, problem="p09", draw="0")
        page.locator(".side .text math").first.wait_for(state="attached")
        for summary in page.locator("#problem summary").all():
            if summary.locator("..").get_attribute("open") is None and summary.is_visible():
                summary.click()
    page.evaluate(AXE.read_text())
    # Else axe asks for style sheets once more, which the page's policy forbids.
    found = page.evaluate("async () => await axe.run(document, { preload: false })")
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found["violations"]] == []
    assert len(found["passes"]) > 20


def test_a_link_to_a_folded_section_unfolds_it(page: Any, site: Path) -> None:
    page.goto((site / "index.html").as_uri())
    assert not page.locator("#parity td").first.is_visible()
    page.get_by_role("link", name="Parity").click()
    page.locator("#parity td").first.wait_for()
    page.emulate_media(media="print")  # on paper nothing can be unfolded, so all is shown
    assert page.locator("#ledger td").first.evaluate("(e) => e.getBoundingClientRect().height") > 8


def test_a_picture_is_whole_on_a_sheet_of_paper(page: Any, site: Path) -> None:
    page.set_viewport_size({"width": round(273 * MILLIMETRE), "height": 900})
    page.emulate_media(media="print")
    page.goto((site / "index.html").as_uri())
    page.locator("figure svg").first.evaluate("(e) => { e.setAttribute('height', 4 * e.clientWidth);"
                                              "e.setAttribute('viewBox', '0 0 100 400'); }")  # fmt: skip
    heights = page.locator("figure").evaluate_all("(all) => all.map((e) => e.getBoundingClientRect().height)")
    assert 145 * MILLIMETRE < max(heights) < 186 * MILLIMETRE


def test_keys_alone_unfold(page: Any, site: Path) -> None:
    page.goto((site / "index.html").as_uri())
    page.locator("summary", has_text="Every seed").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("td a[href*=no_answer]").first.is_visible()


def test_who_wants_less_motion_gets_none(page: Any, site: Path) -> None:
    for motion, behaviour in (("reduce", "auto"), ("no-preference", "smooth")):
        page.emulate_media(reduced_motion=motion)
        page.goto((site / "index.html").as_uri())
        assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == behaviour


def test_the_report_is_read_with_keys_and_has_words_for_pictures(page: Any, site: Path) -> None:
    page.goto((site / "index.html").as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == f"#{page.evaluate('document.querySelector(`h2`).id')}"
    said = page.evaluate("[...document.querySelectorAll('figure svg')].map((e) => e.getAttribute('aria-label'))")
    assert len(said) == len(set(said)) > 0
    assert all(said)
    page.set_viewport_size({"width": 420, "height": 900})
    roles = page.evaluate(
        "[...document.querySelectorAll('tbody *')].map((e) => e.getAttribute('role')).filter(Boolean)"
    )
    assert set(roles) == {"row", "cell"}  # cards keep the meaning of a table


def test_a_picture_that_scrolls_sideways_says_so(page: Any, site: Path) -> None:
    page.goto((site / "index.html").as_uri())
    unfold(page)
    for width in (320, 420, 590, 610, 1200):
        page.set_viewport_size({"width": width, "height": 900})
        found = page.evaluate("""[...document.querySelectorAll('.picture')].map((e) => [
            e.scrollWidth > e.clientWidth + 1, getComputedStyle(e.nextElementSibling, '::before').content,
            e.tabIndex, e.ariaLabel])""")
        assert found
        for scrolls, hint, place, label in found:
            assert scrolls == ("scrolls sideways" in hint), (width, label)
            assert place == 0  # the arrow keys scroll what has the focus
            assert label
