"""The page: sections one after the other, as HTML that needs nothing from the network. It knows no analysis by name."""

import html
import re
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

from distill.report.links import BROWSER, link
from distill.report.widths import shown, width_of


def inline(name: str, svg: str, title: str) -> str:
    """Return an SVG's element for a page, with a text for who cannot see it.

    Its ids get the picture's name, as several stand in one page.
    """
    own = re.sub(r'(id="|href="#|url\(#)', rf"\1{name}-", svg[svg.index("<svg") :])
    said = html.escape(f"{title}: {name.replace('_', ' ')}; the table above holds the numbers")
    return f'<svg role="img" aria-label="{said}"{own.removeprefix("<svg")}'


def broken(text: str) -> Any:
    """Return a text as HTML that may be broken behind `/` and `_`, too, as the widths of tables expect."""
    import markupsafe

    return markupsafe.Markup("<wbr>".join(map(str, map(markupsafe.escape, re.split(r"(?<=[/_])", text)))))


def render(
    title: str, studies: Sequence[str], sections: Mapping[str, Mapping[str, Any]], template: str,
    asked: Sequence[str] = (), benchmarks: Collection[str] = (),
) -> str:  # fmt: skip
    """Return the page; `sections` maps an analysis to its section (see `analyses.section`), in the page's order.

    `studies` and `asked` are lines: the names of the studies, and what they ask and expect. `benchmarks` are those
    whose responses the response browser shows.
    """
    import jinja2

    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=True, trim_blocks=True)
    environment.filters |= {"shown": shown, "broken": broken}
    environment.globals |= {"link": partial(link, benchmarks=benchmarks), "browser": BROWSER}
    pictures = {
        name: inline(section["picture"]["name"], section["picture"]["svg"], section["title"])
        for name, section in sections.items()
        if section["picture"]
    }
    ordered = {
        name: {**section, "rows": [{column: row[column] for column in section["columns"]} for row in section["rows"]]}
        for name, section in sections.items()
    }
    widths = {name: width_of(section["rows"], section["dense"]) for name, section in ordered.items()}
    page = environment.from_string(template).render(
        title=title, studies=studies, asked=asked, sections=ordered, pictures=pictures, widths=widths
    )
    return page + "\n"
