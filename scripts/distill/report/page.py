"""The page: sections one after the other, as HTML that needs nothing from the network. It knows no analysis by name."""

import re
from collections.abc import Mapping, Sequence
from typing import Any


def inline(name: str, svg: str) -> str:
    """Return an SVG's element for a page; its ids get the picture's name, as several stand in one page."""
    return re.sub(r'(id="|href="#|url\(#)', rf"\1{name}-", svg[svg.index("<svg") :])


def render(
    title: str, studies: Sequence[str], sections: Mapping[str, Mapping[str, Any]], template: str,
    asked: Sequence[str] = (),
) -> str:  # fmt: skip
    """Return the page; `sections` maps an analysis to its section (see `analyses.section`), in the page's order.

    `studies` and `asked` are lines: the names of the studies, and what they ask and expect.
    """
    import jinja2

    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=True, trim_blocks=True)
    pictures = {
        name: inline(section["picture"]["name"], section["picture"]["svg"])
        for name, section in sections.items()
        if section["picture"]
    }
    ordered = {
        name: {**section, "rows": [{column: row[column] for column in section["columns"]} for row in section["rows"]]}
        for name, section in sections.items()
    }
    page = environment.from_string(template).render(
        title=title, studies=studies, asked=asked, sections=ordered, pictures=pictures
    )
    return page + "\n"
