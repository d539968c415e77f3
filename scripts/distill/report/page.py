"""The page: sections one after the other, as HTML that needs nothing from the network. It knows no analysis by name."""

import html
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from distill.analyses.section import NOTHING
from distill.config.labels import NO_LABELS, Labels
from distill.report.links import BROWSER, link
from distill.report.widths import shown, width_of


def inline(picture: Mapping[str, str], place: int) -> str:
    """Return a picture's SVG as an element of a page, with a text for who cannot see it.

    Its ids get the picture's place among the page's, as several stand in it.
    """
    svg = picture["svg"]
    own = re.sub(r'(id="|href="#|url\(#)', rf"\1p{place}-", svg[svg.index("<svg") :])
    return f'<svg role="img" aria-label="{html.escape(picture["alt"])}"{own.removeprefix("<svg")}'


def broken(text: str) -> Any:
    """Return a text as HTML that may be broken behind `/` and `_`, too, as the widths of tables expect."""
    import markupsafe

    return markupsafe.Markup("<wbr>".join(map(str, map(markupsafe.escape, re.split(r"(?<=[/_])", text)))))


def tables_of(section: Mapping[str, Any], labels: Labels) -> Iterator[dict[str, Any]]:
    """Yield the tables of a section or block, each with the width that it needs; where it has blocks, theirs."""
    if section.get("rows") and not section["blocks"]:
        names = ("title", "rows", "columns", "marked", "marks", "dense")
        yield measured({name: section[name] for name in names}, labels)
    for table in section.get("tables", ()):
        yield measured(table, labels)


def measured(table: Mapping[str, Any], labels: Labels) -> dict[str, Any]:
    """Return a table with what its cells show, and its width: `rem`, and whether it is `dense`.

    `shown` are rows of `columns`, with labels for names; `rows` have the names, and may hold more, for links.
    """
    shown = [labels.row({column: row[column] for column in table["columns"]}) for row in table["rows"]]
    width = width_of(shown, table["dense"])
    return {**table, "columns": tuple(table["columns"]), "shown": shown, "rem": width.rem, "dense": width.dense}


def laid_out(section: Mapping[str, Any], labels: Labels) -> dict[str, Any]:
    """Return a section or block with its tables and blocks as the template takes them."""
    blocks = [laid_out(block, labels) for block in section["blocks"]]
    return {**section, "tables": list(tables_of(section, labels)), "blocks": blocks}


def has_rows(part: Mapping[str, Any]) -> bool:
    """Whether a section or block that is laid out has a table with rows, or a block that has."""
    return any(table["rows"] for table in part["tables"]) or any(map(has_rows, part["blocks"]))


def is_empty(section: Mapping[str, Any]) -> bool:
    """Whether a section that is laid out has nothing to unfold: no rows, and no picture of something."""
    has_picture = section["picture"] and NOTHING not in section["picture"]["svg"]
    return not (section["open"] or has_picture or has_rows(section))


def quoted(text: str) -> Any:
    """Return a text as a string of CSS, in which nothing can end the string or the style sheet."""
    import markupsafe

    return markupsafe.Markup('"' + re.sub(r"[^ \w%.,()/+-]", lambda sign: f"\\{ord(sign[0]):x} ", text) + '"')


def heads(parts: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    """Yield the columns of all tables. Tables of the same columns share the names that their cards show."""
    for part in parts:
        yield from (table["columns"] for table in part["tables"])
        yield from heads(part["blocks"])


def widths(parts: Iterable[Mapping[str, Any]]) -> set[int]:
    """Return the widths of all tables, in rem."""
    return {table["rem"] for part in parts for table in part["tables"]}.union(*(widths(p["blocks"]) for p in parts))


def render(
    title: str, studies: Sequence[str], sections: Mapping[str, Mapping[str, Any]], template: str,
    asked: Sequence[str] = (), benchmarks: Collection[str] = (), files: Sequence[str] = (), labels: Labels = NO_LABELS,
) -> str:  # fmt: skip
    """Return the page; `sections` maps an analysis to its section (see `analyses.section`), in the page's order.

    `studies` and `asked` are lines: the names of the studies, and what they ask and expect. `benchmarks` are those
    whose responses the response browser shows; `files` lie beside the page; `labels` stand for names in tables.
    """
    import jinja2

    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"shown": shown, "broken": broken, "quoted": quoted}
    environment.globals |= {"link": partial(link, benchmarks=benchmarks), "browser": BROWSER}
    every = {name: laid_out(section, labels) for name, section in sections.items()}
    ordered = {name: section for name, section in every.items() if not is_empty(section)}
    drawn = {name: section["picture"] for name, section in ordered.items() if section["picture"]}
    pictures = {name: inline(picture, place) for place, (name, picture) in enumerate(drawn.items())}
    empty = [section["title"] for name, section in every.items() if name not in ordered]
    page = environment.from_string(template).render(
        title=title, studies=studies, asked=asked, sections=ordered, empty=empty, pictures=pictures, files=files,
        widths=sorted(widths(list(ordered.values())) - {0}), heads=list(dict.fromkeys(heads(ordered.values()))),
    )  # fmt: skip
    return page + "\n"
