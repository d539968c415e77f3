"""render_page.py on the sections of a hand-made study: one page that works offline, tables and pictures beside it."""

import csv
import html
import math
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pyarrow.parquet as pq
import pytest
import render_page
from analyses import hand_made
from helpers import REPOSITORY, manifest, recipe

from distill import analyses
from distill.config import lineage
from distill.config.labels import Labels
from distill.report.links import link
from distill.report.page import quoted
from distill.report.widths import width_of
from distill.runtime.errors import InputError
from distill.runtime.files import read_json, write_json

TEMPLATE = REPOSITORY / "scripts/distill/report/templates/report.html.j2"
SECTION = {"title": "A title", "text": ["Some text."], "rows": [{"b": "two", "a": 1}], "picture": None,
           "marked": None, "marks": [], "dense": False, "blocks": [], "open": True, "order": 10}  # fmt: skip
PICTURE = {"name": "p", "svg": "<svg></svg>", "caption": "How it is read.", "alt": "What it shows"}
BLOCK = {"title": "Part", "lead": "", "text": [], "tables": [], "blocks": [], "open": False}
TABLE = {"title": "Table", "rows": [{"a": 1, "hidden": 2}], "columns": ["a"], "marked": None, "marks": [],
         "dense": False}  # fmt: skip


def cells(rows: list[dict[str, Any]]) -> set[str]:
    """Return the values of rows as a page shows them."""
    values = [value for row in rows for value in row.values() if value is not None]
    return {f"{v:.4g}" if isinstance(v, float) else str(v) for v in values}


def shown_rows(part: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows that a page shows of a section or block: those of its blocks in place of its own."""
    own = part.get("rows", []) if not part["blocks"] else []
    of_tables = [{column: row[column] for column in table["columns"]} for table in part.get("tables", ())
                 for row in table["rows"]]  # fmt: skip
    return [*own, *of_tables, *(row for block in part["blocks"] for row in shown_rows(block))]


def rendered(root: Path, sections: list[Path], template: Path = TEMPLATE, **shown: Any) -> str:
    output = root / lineage.Report().file("index.html")
    options = ["--contrasts", str(root / lineage.Contrasts().folder), "--template", str(template)]
    studies = recipe(studies={shown.pop("study", "y"): hand_made.STUDY}, **shown)
    render_page.main(["--sections", *map(str, sections), "--recipe", studies, *options, "--output", str(output)])
    return output.read_text()


def section(root: Path, name: str, **changes: Any) -> Path:
    path = root / lineage.Analysis(name).file("section.json")
    content = {**SECTION, **changes}
    write_json(path, {**content, "columns": list(content["rows"][0]) if content["rows"] else []})
    return path


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """Return a root whose contrasts have tables of a word each."""
    folder = tmp_path / lineage.Contrasts().folder
    folder.mkdir(parents=True)
    for name in render_page.TABLES:
        (folder / name).write_text(f"{name}!\n")  # of a CSV file the name of a column, and no row
    return tmp_path


def test_the_page_of_a_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = hand_made.results(tmp_path)
    added = {"min": 1, "max": 1, "total": 2, "texts": {"<think>": 2}}
    hand_made.change(files["rendered"][0], added_by_template=added)
    contrasts = hand_made.tabulated(tmp_path, files)
    files |= hand_made.csvs(contrasts)
    made = {name: hand_made.section(tmp_path, name, {kind: files[kind] for kind in analyses.load(name).NEEDS})
            for name in analyses.names()}  # fmt: skip
    paths = [tmp_path / lineage.Analysis(name).file("section.json") for name in reversed(analyses.names())]
    page = rendered(tmp_path, paths)

    assert not re.search(r"""(?:src|href)=["'](?!#|browser/index\.html|\w+\.(?:csv|parquet|txt|tex)")""", page)
    assert not re.search(r"@import|url\((?!#)", page)
    shown = {html.unescape(re.sub("<.*?>", "", cell)) for cell in re.findall(r"<td[^>]*>(.*?)</td>", page)}
    assert {cell for found in made.values() for cell in cells(Labels().rows(shown_rows(found)))} <= shown
    assert '"<think>"' in shown  # what a chat template added
    words = re.sub("(?s)<style>.*?</style>|<[^>]*>", " ", page)
    text = "".join((contrasts / name).read_text() for name in ("gaps.txt", "tables.tex"))
    assert not re.search(r"\bbase\b|gain.over.base", words + text)  # people read `untouched student`
    assert "hard - untouched student" in words
    assert "hard - untouched student" in text
    pictures = [found["picture"]["name"] for found in made.values() if found["picture"]]
    assert len(pictures) == 10
    # Sections without a row and a picture are said in a line, and neither in the contents nor folded.
    empty = ["likelihoods", "references", "token_curve"]
    shown_ones = [name for name in analyses.names() if name not in empty]
    assert page.count("<svg") == len(pictures) - 1
    assert re.findall(r'<(?:h2|div) id="(\w+)">', page) == re.findall(r'<a href="#(\w+)">', page) == shown_ones
    titles = ", ".join(made[name]["title"] for name in empty)
    assert f'<p class="soft" id="nothing">Nothing to show in this study: {titles}.</p>' in page
    assert re.findall(r'<h2 id="(\w+)">', page) == ["answers", "cost", "students"]  # the others are folded
    folder = tmp_path / lineage.Report().folder
    assert {path.stem for path in folder.glob("*.svg")} == set(pictures)
    for name in render_page.TABLES:
        assert (folder / name).read_bytes() == (contrasts / name).read_bytes()
        assert f'<a href="{name}">{name}</a>' in page
        if name.endswith(".csv"):
            found = pq.read_table((folder / name).with_suffix(".parquet"))
            assert f'<a href="{name[:-4]}.parquet" aria-label="{name[:-4]}.parquet">' in page
            cells_ = [["" if v is None else f"{v:.6f}" if isinstance(v, float) else str(v) for v in row.values()]
                      for row in found.to_pylist()]  # fmt: skip
            with open(contrasts / name, newline="") as file:
                assert [found.column_names, *cells_] == list(csv.reader(file))
            numbers = {field.name for field in found.schema if field.type != "string"}
            texts = [column for column in found.column_names if column not in numbers]
            assert not any(re.fullmatch(r"-?\d+\.\d{6}", v or "") for each in texts for v in found[each].to_pylist())
    assert capsys.readouterr().out == (contrasts / "gaps.txt").read_text()
    assert manifest(folder / "index.html")["sections"] == analyses.names()
    assert "study y: 1 benchmark<" in page


def panel_width(svg: str) -> float:
    """Return the width of the first panel of a picture; 1 where its panels have no axes."""
    return float((re.findall(r'<clipPath[^>]*><rect[^>]*? width="([\d.]+)"', svg) or [1])[0])


LABELS = {
    "students": {"s": "<b>S</b> & $x_1$"},
    "datasets": {"hard": "Chain of thought", "easy": "\u05e7\u05dc", "mixed": "M" * 40},
    "trainings": {"t": 'Full "fine" tuning'},
    "corpora": {"b": "A {{ bench }}"},
    "teachers": {"teacher": "{T}"},
}
DRAWN = ("answers", "students", "levels", "lengths", "curves", "graph", "funnel", "shares", "token_curve")


def test_labels_stand_for_names_wherever_people_read(tmp_path: Path) -> None:
    files = hand_made.results(tmp_path)
    contrasts = hand_made.tabulated(tmp_path, files)
    files |= hand_made.csvs(contrasts)
    plain, made = ({name: hand_made.section(tmp_path, name, {kind: files[kind] for kind in analyses.load(name).NEEDS},
                                            labels=labels) for name in DRAWN} for labels in ({}, LABELS))  # fmt: skip
    paths = [tmp_path / lineage.Analysis(name).file("section.json") for name in DRAWN]
    page = rendered(tmp_path, paths, study="study", labels=LABELS)
    folder = tmp_path / lineage.Report().folder

    assert "<b>" not in page
    assert "<h3>&lt;b&gt;S&lt;/b&gt; &amp; $x_1$</h3>" in page  # the block of a student
    assert '<td role="cell" title="hard">Chain of thought</td>' in page
    assert 'title="hard_gap: hard - easy"' in page
    isolated = "\u2068\u05e7\u05dc\u2069"  # right to left, apart from what stands beside it
    sentences = [row["answer"] for row in made["answers"]["rows"]]
    # No gap between gaps, which a sentence would tell by an ` of `.
    assert sentences[0].startswith("whether <b>S</b> & $x_1$ does better on Chain of thought than the untouched")
    assert sentences[1].startswith(f"whether <b>S</b> & $x_1$ does better on Chain of thought than on {isolated} is")
    for name, section_ in made.items():
        svg = section_["picture"]["svg"]
        wide, before = (panel_width(each["picture"]["svg"]) for each in (section_, plain[name]))
        assert wide > 0.45 * before, name  # long labels leave room for what is drawn
        texts_ = {html.unescape(text) for text in re.findall(r"<text[^>]*>(.*?)</text>", svg)}
        assert not texts_ & {"s", "hard", "easy", "mixed", "t", "teacher"}, name
        rows = zip(section_["rows"], plain[name]["rows"], strict=True)
        assert all({**row, "answer": ""} == {**other, "answer": ""} for row, other in rows)  # names are the keys
    assert re.search(r">&lt;b&gt;S&lt;/b&gt; &amp; \$x_1\$<", made["curves"]["picture"]["svg"])
    assert '<td role="cell">{T}</td><td role="cell">teacher</td><td role="cell">teacher</td>' in page  # whose it is

    for name in ("scores.csv", "means.csv", "breakdowns.csv", "gaps.csv"):
        assert (folder / name).read_bytes() == (contrasts / name).read_bytes()
    text, latex = ((folder / name).read_text() for name in ("gaps.txt", "tables.tex"))
    assert "  Chain of thought = dataset hard\n" in text
    assert f"Chain of thought - {isolated}" in text
    assert r"<b>S</b>" not in latex
    assert r"\textless{}b\textgreater{}S\textless{}/b\textgreater{} \& \$x\_1\$ & Chain of thought" in latex
    numbers = re.compile(r"[+-]?\d+\.\d")
    assert numbers.findall(text) == numbers.findall((contrasts / "gaps.txt").read_text())


def test_ids_of_two_pictures_do_not_meet(empty: Path) -> None:
    svg = '<?xml version="1.0"?>\n<svg><path id="p"/><use href="#p" clip-path="url(#p)"/></svg>'
    both = [section(empty, name, picture={**PICTURE, "name": name, "svg": svg}) for name in ("one", "two")]
    page = rendered(empty, both)
    for place in range(2):
        own = f'<path id="p{place}-p"/><use href="#p{place}-p" clip-path="url(#p{place}-p)"/></svg>'
        assert f'<svg role="img" aria-label="What it shows">{own}' in page
    assert page.count("<figcaption>How it is read.</figcaption>") == 2
    assert (empty / lineage.Report().file("two.svg")).read_text() == svg


def test_a_section_that_no_code_knows_appears_at_its_place(empty: Path) -> None:
    paths = [section(empty, "alate", order=20), section(empty, "zebra", order=15, title="Stripes"),
             section(empty, "early", order=10)]  # fmt: skip
    found = re.findall(r'<h2 id="(\w+)">(.*?)<', page := rendered(empty, paths))
    assert found == [("early", "A title"), ("zebra", "Stripes"), ("alate", "A title")]
    assert '<a href="#zebra">Stripes</a>' in page


def test_html_in_a_section_is_text(empty: Path) -> None:
    odd = "<script>x & y</script>"
    said = {"picture": {**PICTURE, "caption": odd, "alt": odd}, "title": odd, "text": [odd]}
    page = rendered(empty, [section(empty, "odd", rows=[{odd: odd}], **said)])
    assert "<script" not in page
    # Link, title, paragraph, caption, column, cell, and of the picture what is said of it, what it shows and how it is
    # read.
    assert page.replace("<wbr>", "").count("&lt;script&gt;x &amp; y&lt;/script&gt;") == 9
    table = {**TABLE, "title": odd, "rows": [{odd: odd}], "columns": [odd]}
    block = {**BLOCK, "title": odd, "lead": odd, "text": [odd], "tables": [table, table]}
    page = rendered(empty, [section(empty, "odd", blocks=[block])])
    assert "<script" not in page
    # Title, lead, text; of each table heading, caption, column, cell.
    assert page.replace("<wbr>", "").count("&lt;script&gt;x &amp; y&lt;/script&gt;") == 3 + 2 * 4


def test_columns_numbers_marks_and_empty_cells(empty: Path) -> None:
    rows = [{"name": "a", "gain": "+1", "n": 0.123456}, {"name": None, "gain": "-1", "n": 7}]
    page = rendered(empty, [section(empty, "one", rows=rows, marked="gain", marks=["up", ""], dense=True)])
    plain = re.sub(r' (?:role|scope)="\w+"', "", page)
    assert '<tr><th>name</th><th class="n">gain</th><th class="n">n</th></tr>' in plain
    assert '<tr><td>a</td><td class="n up">+1</td><td class="n">0.1235</td></tr>' in plain
    assert '<tr><td></td><td class="n">-1</td><td class="n">7</td></tr>' in plain
    assert '.c0 td:nth-child(2) { --head: "gain"; }' in page  # a card names its cells
    assert re.search('<table class="w\\d+ c0 dense">', plain)


LINKED = [
    ({"student": "s", "training": "t", "dataset": "d", "seed": 2, "benchmark": "b", "no_answer": 0.25}, "no_answer",
     {"arm": "s/t/d/seed-2", "benchmark": "b", "counted": "no_answer"}),
    ({"student": "s", "training": "base", "dataset": "base", "seed": 0, "benchmark": "b", "tokens": 9}, "tokens",
     {"arm": "s/base", "benchmark": "b"}),
    ({"arm": "s/base", "benchmark": "b", "level": "1", "accuracy": 0.5}, "accuracy",
     {"arm": "s/base", "benchmark": "b", "level": "1", "counted": "correct"}),
    ({"student": "s", "dataset": "d", "benchmark": "b", "levels": {"level 2": "2"}, "level 2": "50.0"}, "level 2",
     {"student": "s", "dataset": "d", "benchmark": "b", "level": "2", "counted": "correct"}),
    ({"student": "s", "training": "t", "benchmark": "b", "versus": "d - base", "gain": "+1"}, "gain",
     {"student": "s", "training": "t", "benchmark": "b", "arms": "d - base"}),
    ({"gap": "g", "student": "s", "benchmark": "b", "arms": "d \u2212 e", "difference": "+0.1"}, "difference",
     {"gap": "g", "student": "s", "benchmark": "b", "arms": "d \u2212 e"}),
    ({"contrast": "g: d - e", "student": "s", "benchmark": "b", "points": "+1"}, "points",
     {"gap": "g", "student": "s", "benchmark": "b", "arms": "d - e"}),
    ({"student": "s", "benchmark": "b", "arm": "s/t/d/seed-1", "other": "s/base", "decoding": "greedy", "lost": 0,
      "pairs": {"lost": "second"}}, "lost",
     {"benchmark": "b", "decoding": "greedy", "arm": "s/t/d/seed-1", "other": "s/base", "pair": "second"}),
]  # fmt: skip


@pytest.mark.parametrize(("row", "column", "told"), LINKED, ids=lambda value: value if isinstance(value, str) else "")
def test_a_number_leads_to_the_responses_behind_it(row: dict[str, Any], column: str, told: dict[str, str]) -> None:
    page, _, query = (link(row, column, {"b"}) or "").partition("#")
    assert page == "browser/index.html"
    assert dict(parse_qsl(query)) == told
    assert link({**row, "benchmark": "average"}, column, {"b"}) is None
    assert link({**row, column: None}, column, {"b"}) is None
    assert link({**row, column: ""}, column, {"b"}) is None
    assert [name for name in row if link(row, name, {"b"})] == [column]


def test_the_page_links_numbers_of_its_benchmarks(empty: Path) -> None:
    row = {"arm": "s/base", "benchmark": "b", "accuracy": 0.5}
    page = rendered(empty, [section(empty, "one", rows=[row, {**row, "benchmark": "other"}])])
    address = "browser/index.html#benchmark=b&amp;arm=s/base&amp;counted=correct"
    assert f'<a href="{address}">0.5</a></td>' in page
    assert page.count("browser/index.html#") == 1


def test_a_table_is_a_row_of_cards_below_the_width_that_its_columns_need(empty: Path) -> None:
    number = -1.2345e-07  # shown with ten signs, and not broken at its hyphens
    rows = [{"first_column": "a-word/another", "a": number, "b": number, "c": number}]
    letters = (7 + 3 * 10) * 0.62 + 4 * 0.82  # `another`, which is more than `column` in bold, and the numbers
    assert width_of(rows, False).rem == 4 * math.ceil(letters * 0.88 / 4) == 24
    wide = [{f"column{i}": "x" * 20 for i in range(7)}]
    assert (width_of(wide, False).dense, width_of(wide, False).rem) == (True, 72)
    assert (width_of(wide[:0], True).rem, width_of([{"a": None}], False).rem) == (0, 4)
    page = rendered(empty, [section(empty, "one", rows=rows), section(empty, "two", rows=wide)])
    assert re.findall(r"@container \(max-width: (\d+)rem\)", page) == ["24", "72"]
    assert re.findall(r'<table role="table" class="(.*?)">', page) == ["w24 c0", "w72 c1 dense"]


def test_the_name_of_a_column_stays_a_string_of_the_style_sheet() -> None:
    assert quoted("95 % of the gain") == '"95 % of the gain"'
    assert quoted('a"; } </style>\n\\') == '"a\\22 \\3b  \\7d  \\3c /style\\3e \\a \\5c "'


def test_a_section_without_rows_says_so(empty: Path) -> None:
    assert "Nothing to show." in rendered(empty, [section(empty, "one", rows=[])])
    for changes in ({}, {"rows": [], "picture": PICTURE}, {"rows": [], "blocks": [BLOCK]}):
        assert "Nothing to show." not in rendered(empty, [section(empty, "one", **changes)])


def test_a_section_is_folded_unless_it_is_open(empty: Path) -> None:
    page = rendered(empty, [section(empty, "one", open=True), section(empty, "two", open=False, title="Folded")])
    assert '<h2 id="one">A title</h2>' in page
    # The name stands inside, so that a link to it unfolds the section.
    assert re.search(r'<details class="section"><summary><h2>Folded</h2></summary>\s*<div id="two">', page)
    assert '<a href="#two">Folded</a>' in page


def test_blocks_stand_in_place_of_the_rows_and_fold(empty: Path) -> None:
    inner = {**BLOCK, "title": "Inner", "tables": [TABLE]}
    outer = {**BLOCK, "title": "Outer", "lead": "In short", "open": True, "text": ["Words."], "blocks": [inner]}
    page = rendered(empty, [section(empty, "one", blocks=[{**BLOCK, "title": "", "tables": [TABLE]}, outer])])
    assert "two" not in re.findall(r"<td.*?>(.*?)</td>", page)  # the section's own row
    assert page.count("<table") == 2
    assert "hidden<" not in page  # a column for links alone
    assert re.search(r'<details class="block" open>\s*<summary><h3>Outer</h3> <span class="lead">In short</span>', page)
    assert re.search(r'<details class="block">\s*<summary><h4>Inner</h4></summary>', page)
    assert page.index("<table") < page.index("Outer") < page.index("Words.") < page.index("Inner")


def test_the_template_is_the_one_given(empty: Path) -> None:
    template = empty / "own.j2"
    template.write_text("{{ title }}: {{ sections | join(', ') }}")
    assert rendered(empty, [section(empty, "one")], template) == "Two arms: one\n"
    facts = read_json(empty / lineage.Report().file("provenance.json"))
    assert str(template) in facts["inputs"]


def test_an_analysis_given_twice_is_refused(empty: Path) -> None:
    path = section(empty, "one")
    with pytest.raises(InputError, match=r"--sections: an analysis is given twice"):
        rendered(empty, [path, path])
    assert not (empty / lineage.Report().file("index.html")).exists()
