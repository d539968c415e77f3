"""A report of odd responses, made once, and real Chromium, in which nothing may be complained of."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import REPOSITORY
from report import browsed

CHROMIUM = shutil.which("chromium")
AXE = REPOSITORY / ".chromium/axe/axe.min.js"
SHOTS = REPOSITORY / ".chromium/shots"  # to be looked at


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a report with its response browser."""
    root = tmp_path_factory.mktemp("site")
    here = Path.cwd()
    os.chdir(root)
    try:
        page = browsed.report(root)
        browsed.browser()
    finally:
        os.chdir(here)
    return page.parent


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    if CHROMIUM is None:
        pytest.skip("no Chromium here; `make test-browser` installs Debian's where it may")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: object) -> Iterator[object]:
    """Yield a page; at its end no error may stand in the console, and nothing may have been asked of a network."""
    context = chromium.new_context(viewport={"width": 1200, "height": 900})  # type: ignore[attr-defined]
    page = context.new_page()
    page.set_default_timeout(120_000)  # against a hang, however busy the machine is
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.said, page.asked = said, asked
    yield page
    assert said == []
    assert [url for url in asked if not url.startswith("file://")] == []
    context.close()
