"""A server of the built book, headless Chromium, and pages that may not ask anything of the outside."""

from pathlib import Path

import pytest
from listening import settle
from playwright.sync_api import sync_playwright

from tools.browser import FLAGS, chromium, serving

HTML = Path(__file__).resolve().parents[2] / "_build" / "html"
PATIENCE = 120_000  # ms that a wait may take: a busy machine is slow, and a broken page fails all the same


@pytest.fixture(scope="session")
def site():
    assert (HTML / "book").is_dir(), "no pages: run make book first"
    with serving(HTML) as address:
        yield address


@pytest.fixture(scope="session")
def browser():
    assert chromium(), "Chromium is needed: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(site, browser):
    """Open a page at a width and wait until it is settled; what went wrong meanwhile is listed in `page.complaints`."""
    opened = []

    def open_at(name, width=1280):
        page = browser.new_page(viewport={"width": width, "height": 900})
        opened.append(page)
        page.set_default_timeout(PATIENCE)
        page.complaints = []
        page.route(
            "**/*",
            lambda route: (
                route.continue_()
                if route.request.url.startswith((site, "data:", "blob:"))
                else (page.complaints.append(f"asks {route.request.url}"), route.abort())
            ),
        )
        page.on("console", lambda message: page.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on(
            "response",
            lambda answer: page.complaints.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None,
        )
        page.goto(f"{site}/{name}", wait_until="networkidle")
        settle(page)
        return page

    yield open_at
    for page in opened:
        page.close()
