"""The response browser in Chromium: every number, filter and text is that of the raw tables."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from analyses import hand_made
from browser.looking import figures, named, open_at, said, settled, table, until, whole_table, words
from report import browsed

from distill.config import lineage

Row = dict[str, Any]
ARMS = sorted(hand_made.ARMS)
OTHER, ARM = (arm for arm in ARMS if arm.seed == 1 and arm.dataset in ("hard", "easy"))
PROBLEMS = {row["problem_id"]: row for row in browsed.problem_rows()}


def root_of(site: Path) -> Path:
    return site.parents[1]


def level_of(row: Row) -> str:
    return PROBLEMS[row["problem_id"]]["level"] or "none given"


def found(row: Row, sought: str) -> bool:
    problem = PROBLEMS[row["problem_id"]]
    fields = (row["problem_id"], problem["problem"], problem["answer"], row["extracted"] or "")
    return any(sought.lower() in field.lower() for field in fields)


FILTERS: list[tuple[Row, Callable[[Row], bool]]] = [
    ({}, lambda _: True),
    *(({"counted": name}, lambda row, name=name: name in browsed.counts(row))
      for name in ("correct", "no_answer", "cut_off", "errors", "ungraded", "lenient")),
    *(({"counted": f"not_{name}"}, lambda row, name=name: name not in browsed.counts(row))
      for name in ("correct", "lenient")),
    *(({"verdict": name}, lambda row, name=name: row["verdict"] == name)
      for name in ("correct", "wrong", "no_answer", "cut_off", "timeout", "error", "unverifiable")),
    *(({"level": name}, lambda row, name=name: level_of(row) == name) for name in ("2", "10", "x<y", "none given")),
    ({"min": "3000"}, lambda row: row["response_tokens"] >= 3000),
    ({"max": "3000"}, lambda row: row["response_tokens"] <= 3000),
    ({"search": "P07"}, lambda row: row["problem_id"] == "p07"),
    ({"search": "problem 1"}, lambda row: found(row, "problem 1")),
    ({"search": "<B>7"}, lambda row: found(row, "<b>7")),
    ({"search": r"\frac{9}"}, lambda row: found(row, r"\frac{9}")),
    ({"search": "separators", "texts": "1"},
     lambda row: found(row, "separators") or "separators" in row["response"].lower()),
    ({"search": "nothing like it", "texts": "1"}, lambda _: False),
    ({"level": "2", "counted": "correct", "min": "100", "max": "9000", "search": "p"},
     lambda row: level_of(row) == "2" and "correct" in browsed.counts(row) and 100 <= row["response_tokens"] <= 9000),
]  # fmt: skip


@pytest.mark.parametrize(("state", "passes"), FILTERS, ids=lambda value: str(value) if isinstance(value, dict) else "")
def test_a_filter_shows_the_rows_that_pass_it(page: Any, site: Path, state: Row, passes: Callable[[Row], bool]) -> None:
    rows = browsed.raw(root_of(site), ARM)
    wanted = [row for row in rows if passes(row)]
    open_at(page, site, arm=ARM.path, **state)
    tokens = [row["response_tokens"] for row in wanted]
    correct = sum("correct" in browsed.counts(row) for row in wanted)
    mean = pytest.approx(sum(tokens) / len(tokens), abs=0.051) if tokens else None
    assert figures(page) == (len(wanted), len(rows), correct, mean)
    assert whole_table(page) == [
        {
            "problem": row["problem_id"],
            "level": said(PROBLEMS[row["problem_id"]]["level"]),
            "draw": str(row["draw"]),
            "gold": PROBLEMS[row["problem_id"]]["answer"],
            "verdict": words(row["verdict"]),
            "extracted": said(row["extracted"]),
            "tokens": str(row["response_tokens"]),
        }
        for row in wanted
    ]


@pytest.mark.parametrize("arm", hand_made.ARMS, ids=lambda arm: arm.path)
def test_the_figures_of_every_arm(page: Any, site: Path, arm: lineage.Arm) -> None:
    rows = browsed.raw(root_of(site), arm)
    open_at(page, site, arm=arm.path)
    tokens = sum(row["response_tokens"] for row in rows) / len(rows)
    correct = sum("correct" in browsed.counts(row) for row in rows)
    assert figures(page) == (len(rows), len(rows), correct, pytest.approx(tokens, abs=0.051))


def test_all_arms_at_once(page: Any, site: Path) -> None:
    open_at(page, site, arm="all", counted="correct", level="10")
    wanted = [(row, arm) for arm in ARMS for row in browsed.raw(root_of(site), arm)]
    kept = [(row, arm) for row, arm in wanted if level_of(row) == "10" and "correct" in browsed.counts(row)]
    assert figures(page)[:3] == (len(kept), len(wanted), len(kept))
    shown = [(row["arm"], row["problem"], row["draw"]) for row in whole_table(page)]
    assert shown == [(named(arm), row["problem_id"], str(row["draw"])) for row, arm in kept]


PAIRS = {"both": (True, True), "first": (True, False), "second": (False, True), "neither": (False, False)}


@pytest.mark.parametrize("pair", [None, *PAIRS])
def test_two_arms_side_by_side(page: Any, site: Path, pair: str | None) -> None:
    first, second = (browsed.raw(root_of(site), arm) for arm in (ARM, OTHER))
    partner = {(row["problem_id"], row["draw"]): row for row in second}
    both = [(row, partner[row["problem_id"], row["draw"]]) for row in first]
    is_correct = [tuple("correct" in browsed.counts(row) for row in rows) for rows in both]
    open_at(page, site, arm=ARM.path, other=OTHER.path, **({"pair": pair} if pair else {}))
    texts = {"both": "both correct", "first": "only the first correct", "second": "only the second correct",
             "neither": "neither correct"}  # fmt: skip
    counts = ", ".join(f"{is_correct.count(PAIRS[name])} {text}" for name, text in texts.items())
    assert page.locator("#pairs").inner_text() == f"{ARM.path} first, {OTHER.path} second: {counts}."
    kept = [rows for rows, each in zip(both, is_correct, strict=True) if pair is None or each == PAIRS[pair]]
    assert len(kept) > 0
    names = ("verdict", "extracted", "tokens")
    shown = [[row[f"{side}{name}"] for side in ("", "second ") for name in names] for row in whole_table(page)]
    assert shown == [
        [text for row in rows for text in (words(row["verdict"]), said(row["extracted"]), str(row["response_tokens"]))]
        for rows in kept
    ]


def test_one_problem_with_all_draws_of_both_arms(page: Any, site: Path) -> None:
    for problem_id in ("p03", "p08", "p15"):
        open_at(page, site, arm=ARM.path, other=OTHER.path, problem=problem_id, draw="1")
        assert page.locator("#problem h2").inner_text() == f"Problem {problem_id}"
        assert page.evaluate("document.activeElement.textContent") == f"Problem {problem_id}"
        for place, arm in enumerate((ARM, OTHER)):
            side = page.locator(".side").nth(place)
            rows = [row for row in browsed.raw(root_of(site), arm) if row["problem_id"] == problem_id]
            correct = sum("correct" in browsed.counts(row) for row in rows)
            assert side.locator("h3").inner_text() == arm.path
            assert side.locator("> p").inner_text() == f"{correct} of {len(rows)} correct"
            draws = side.locator("> details")
            assert draws.count() == len(rows) == browsed.DRAWS
            assert [draws.nth(n).get_attribute("open") is not None for n in range(2)] == [False, True]
            draws.nth(0).locator("> summary").click()
            for number, row in enumerate(rows):
                check_draw(draws.nth(number), row)


def test_the_first_and_the_last_text_of_every_page(page: Any, site: Path) -> None:
    index = browsed.data(site / "browser/index.html", "index")
    group = next(n for n, each in enumerate(index["groups"]) if index["arms"][each["arm"]]["path"] == ARM.path)
    starts = browsed.data(site / "browser/index.html", f"rows-{group}")["pages"][1:]
    assert len(starts) >= 3
    rows = browsed.raw(root_of(site), ARM)
    open_at(page, site, arm=ARM.path)
    for number in sorted({0, len(rows) - 1, *starts, *(start - 1 for start in starts)}):
        assert page.evaluate(f"browse.text({group}, {number})") == rows[number]["response"], number


def check_draw(draw: Any, row: Row) -> None:
    """Compare one draw as it is shown with its row."""
    draw.locator(".text").wait_for(state="attached")
    title = f"Draw {row['draw']}: {words(row['verdict'])}, {row['response_tokens']} tokens"
    assert draw.locator("> summary").inner_text() == title
    told = dict(zip(*(draw.locator(f"> dl > {tag}").all_inner_texts() for tag in ("dt", "dd")), strict=True))
    assert told.pop("extracted") is not None  # mathematics; the list shows its source
    wanted = {
        "rule": words(row["verdict"]), "matcher": words(row["matcher"]), "lenient": words(row["lenient"]),
        "judge": row["judgement"] or "not asked", "method": row["method"], "ended by": row["finish_reason"],
        "tokens": f"{row['response_tokens']} after {said(row['prompt_tokens'])} of the prompt",
        "seed": str(row["seed"]), "engine": row["engine"],
        **({"error": row["error"]} if row["error"] else {}),
    }  # fmt: skip
    assert told == wanted
    draw.locator("input[type=checkbox]").first.check()
    assert draw.locator(".text").evaluate("(element) => element.textContent") == row["response"]


def test_file_row_recipe_versions_and_seed_are_two_clicks_away(page: Any, site: Path) -> None:
    open_at(page, site, arm=ARM.path, search="p11")
    (row, *_) = (row for row in browsed.raw(root_of(site), ARM) if row["problem_id"] == "p11")
    page.locator("#rows a").first.click()
    page.locator("details", has_text=f"Draw {row['draw']}").locator("summary", has_text="How it was made").first.click()
    made = page.locator(".side details details").first
    made.locator("dl").first.wait_for()
    text = made.inner_text()
    assert row["file"] in text
    assert f"row\n{row['number']}\n" in text
    for part in ("generate.py", "verify.py", "train.py", "c0de", "python 3.11.7, torch 2.13.0", '"lr": 0.125'):
        assert part in text
    assert str(row["seed"]) in page.locator(".side").first.inner_text()
    links = [made.locator("a").nth(n).evaluate("(a) => a.href") for n in range(3)]
    places = [row["file"].rsplit("/", 1)[0], row["file"].rsplit("/", 1)[0].replace("responses", "verdicts", 1),
              lineage.model_place(ARM.model_path).folder]  # fmt: skip
    assert links == [(root_of(site) / place / "provenance.json").as_uri() for place in places]
    assert all((root_of(site) / place / "provenance.json").exists() for place in places)


def test_all_arms_on_one_problem(page: Any, site: Path) -> None:
    open_at(page, site, arm=ARM.path, problem="p05", draw="0")
    page.locator("summary", has_text="All arms on this problem").click()
    page.locator("#problem table").wait_for()
    shown = table(page, "#problem table")
    assert [row["arm"] for row in shown] == [named(arm) for arm in ARMS]
    for row, arm in zip(shown, ARMS, strict=True):
        own = [each for each in browsed.raw(root_of(site), arm) if each["problem_id"] == "p05"]
        assert row["correct"] == f"{sum('correct' in browsed.counts(each) for each in own)} of {len(own)}"
        assert row["extracted"].split("; ") == list(dict.fromkeys(said(each["extracted"]) for each in own))
    page.locator("#problem table a", has_text=OTHER.path).click()
    settled(page)
    assert page.locator(".side h3").all_inner_texts() == [ARM.path, OTHER.path]


# The elements of texts and answers, and those of their attributes that could do something; a title is shown only.
INSIDE = """(() => { const inside = [...document.querySelectorAll('.text *, .answer, .answer *')];
return [inside.map((e) => e.localName), inside.flatMap((e) => [...e.attributes]).filter((a) => a.name !== 'title'
&& (/^on|^href$|^src$|^id$/.test(a.name) || /url\\(|javascript:/.test(a.value))).map((a) => a.name)]; })()"""


def test_what_a_model_writes_is_text(page: Any, site: Path) -> None:
    for number in range(len(browsed.ODD)):
        problem_id = f"p{number:02d}"
        open_at(page, site, arm=ARM.path, problem=problem_id, draw="0")
        page.locator(".side .text").first.wait_for(state="attached")
        until(page, "document.querySelector('.side .text').textContent.length > 0")
        tags, marked = page.evaluate(INSIDE)
        assert not {"script", "img", "svg", "a", "iframe", "style", "link", "b", "i", "object", "embed"} & set(tags)
        assert marked == []
        assert page.evaluate("window.owned") is None
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert page.locator("#count").count() == 1


def test_the_policy_of_the_page_forbids_scripts_of_its_own(page: Any, site: Path) -> None:
    open_at(page, site)
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: 'window.owned = 1'}))")
    page.evaluate("document.body.append(Object.assign(document.createElement('img'), {src: 'https://example.org/x'}))")
    page.wait_for_timeout(100)
    assert page.evaluate("window.owned") is None
    assert len(page.said) == 2
    assert all("Content Security Policy" in text for text in page.said)
    page.said.clear()
    page.asked.clear()  # asked for, and refused


def test_mathematics_is_rendered_and_prices_are_not(page: Any, site: Path) -> None:
    open_at(page, site, arm=ARM.path, problem="p09", draw="0")
    text = page.locator(".side .text").first
    text.locator("math").first.wait_for(state="attached")
    assert text.locator("math").count() == 5
    assert [text.locator(tag).count() for tag in ("msup", "mfrac", "msqrt", "munderover, msubsup")] == [1, 2, 1, 1]
    assert "Prices: $5 and $6, then " in text.inner_text()
    assert page.locator("#problem dl .answer mfrac").first.is_visible()  # the gold answer
    titles = page.evaluate("[...document.querySelectorAll('.side .text .math')].map((e) => e.title)")
    assert titles == ["$x^2$", r"\(\frac{1}{2}\)", r"\[\sqrt{2}\]", r"$$\sum_{i=1}^n i$$", r"\boxed{\frac{3}{4}}"]


def test_the_form_and_the_address_say_the_same(page: Any, site: Path) -> None:
    open_at(page, site)
    page.locator("[name=arm]").select_option(ARM.path)
    page.wait_for_url(f"**arm={ARM.path.replace('/', '%2F')}*")
    page.locator("[name=counted]").select_option("correct")
    page.wait_for_url("**counted=correct*")
    page.locator("[name=min]").fill("3000")
    page.keyboard.press("Tab")
    page.wait_for_url("**min=3000*")
    page.locator("[name=search]").fill("p1")
    page.wait_for_url("**search=p1*")
    settled(page)
    rows = [row for row in browsed.raw(root_of(site), ARM) if "correct" in browsed.counts(row)]
    rows = [row for row in rows if row["response_tokens"] >= 3000 and found(row, "p1")]
    assert figures(page)[0] == len(rows)
    page.go_back()
    until(page, "!location.hash.includes('search')")
    settled(page)
    assert page.locator("[name=search]").input_value() == ""
    assert page.locator("[name=min]").input_value() == "3000"
    page.get_by_role("button", name="Show all").click()
    until(page, "!location.hash.includes('counted')")
    settled(page)
    assert figures(page)[0] == browsed.PROBLEMS * browsed.DRAWS
    assert page.locator("[name=arm]").input_value() == ARM.path


def test_an_address_of_what_is_not_there_shows_what_is(page: Any, site: Path) -> None:
    open_at(page, site, arm="nobody/at/all", other=OTHER.path, benchmark="x", counted="x", verdict="x", problem="p99",
            page="99", draw="7")  # fmt: skip
    assert figures(page)[:2] == (browsed.PROBLEMS * browsed.DRAWS,) * 2
    assert len(table(page)) == browsed.PROBLEMS * browsed.DRAWS - 50  # the last page
    assert page.locator("#problem").is_hidden()


def test_data_that_lacks_is_told_in_a_line(page: Any, site: Path) -> None:
    path = site / "browser/data/rows-3.js"
    away = path.rename(path.with_suffix(".away"))
    try:
        page.goto(f"{(site / 'browser/index.html').as_uri()}#arm=all")
        until(page, "document.getElementById('count').textContent.includes('cannot be read')")
        assert page.locator("#count").inner_text() == (
            "data/rows-3.js cannot be read; make the page again: snakemake report"
        )
    finally:
        away.rename(path)
    page.said.clear()  # Chromium complains of the file, too


def test_keys_alone_lead_to_a_response(page: Any, site: Path) -> None:
    open_at(page, site, arm=ARM.path)
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('#rows') !== null"):
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    first = page.evaluate("document.activeElement.textContent")
    page.keyboard.press("Enter")
    until(page, "document.activeElement.id === 'of-problem'")
    assert page.evaluate("document.activeElement.textContent") == f"Problem {first}"


def test_pages_of_rows_neither_miss_nor_repeat_one(page: Any, site: Path) -> None:
    open_at(page, site, arm=ARM.path)
    whole = browsed.PROBLEMS * browsed.DRAWS
    assert page.locator("#pages span", has_text="rows").inner_text() == f"rows 1 to 50 of {whole}"
    assert len(table(page)) == 50
    page.locator("#pages a", has_text="last").click()
    settled(page)
    assert page.locator("#pages span", has_text="rows").inner_text() == f"rows 51 to {whole} of {whole}"
    open_at(page, site, arm="all", page=str(random.Random(1).randrange(3, 8)))
    wanted = [(named(arm), row["problem_id"]) for arm in ARMS for row in browsed.raw(root_of(site), arm)]
    start = int(page.locator("#pages span", has_text="rows").inner_text().split()[1]) - 1
    assert [(row["arm"], row["problem"]) for row in table(page)] == wanted[start : start + 50]
