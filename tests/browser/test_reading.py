"""What a reader does with a page: switch themes, copy code, turn pages, launch notebooks; and what it costs to load."""

import gzip
import re
from pathlib import Path
from urllib.parse import urlparse

import pytest
from bs4 import BeautifulSoup
from listening import painted, settle

from unet_tutorial import __version__

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"
PAGES = sorted(path.relative_to(HTML).as_posix() for path in (HTML / "book").rglob("*.html"))
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
each_page = pytest.mark.parametrize("name", PAGES)


@pytest.mark.skipif(not AXE.exists(), reason="axe-core comes with npm, which make book did not find")
@pytest.mark.parametrize("theme", ("light", "dark"))
@each_page
def test_axe_finds_no_violation(open_page, name, theme):
    page = open_page(name)
    page.add_style_tag(content="* { transition: none !important; }")
    page.evaluate(f"document.documentElement.dataset.theme = {theme!r}")
    page.add_script_tag(path=AXE)
    found = page.evaluate("""async () => (await axe.run({ resultTypes: ["violations"] })).violations.map(
        ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(" | ")}`)""")
    assert found == []


def soup(name):
    return BeautifulSoup((HTML / name).read_text(), "html.parser")


def compressed(path):
    content = path.read_bytes()
    return min(len(content), len(gzip.compress(content, 6)))


@pytest.fixture(scope="module")
def weight(site, browser):
    """Bytes of each file that a page asks for, compressed where that is less, read down to its end."""

    def of(name):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        asked = set()
        page.on(
            "request", lambda request: asked.add(urlparse(request.url).path) if request.url.startswith(site) else None
        )
        page.goto(f"{site}/{name}", wait_until="networkidle")
        settle(page)
        for height in range(0, page.evaluate("document.documentElement.scrollHeight"), 800):
            page.evaluate(f"window.scrollTo(0, {height})")
            painted(page)  # a picture is asked for when it comes near
        page.wait_for_function("[...document.images].every((one) => one.complete || !one.getClientRects().length)")
        page.close()
        return {path: compressed(HTML / path.lstrip("/")) for path in asked}

    return of


@pytest.fixture(scope="module")
def shared(weight):
    """What a reader has after two chapters."""
    return {*weight("book/architecture.html"), *weight("book/training.html")}


@pytest.mark.parametrize("name", [name for name in PAGES if name != "book/live.html"])
def test_a_first_page_weighs_at_most_a_megabyte_and_a_further_one_400_kilobytes(weight, shared, name):
    files = weight(name)
    assert sum(files.values()) <= 1_000_000, files
    own = {path: size for path, size in files.items() if path not in shared}
    assert sum(own.values()) <= 400_000, own


@each_page
def test_every_picture_says_what_it_shows_and_none_is_a_larger_format_than_need_be(name):
    page = soup(name)
    for image in page.select(".bd-article img"):
        assert len(image.get("alt", "")) >= 30 or "colab" in image["src"] or "badge" in image["src"], image
        assert image["src"].endswith((".webp", ".svg")) or "explorables" in image["src"], image["src"]


@each_page
def test_a_page_describes_itself_and_says_its_language(name):
    page = soup(name)
    assert page.html["lang"] == "en"
    assert len(page.find("meta", attrs={"name": "description"})["content"]) >= 50
    assert page.find("meta", property="og:image")["content"].endswith("cover.png")
    assert page.title.text.strip()
    assert len(page.select(".bd-article h1")) == 1  # beside the one that is printed


def test_the_theme_switches_and_stays(open_page):
    page = open_page("book/architecture.html")
    seen = set()
    for _ in range(3):
        page.locator(".theme-switch-button:visible").first.click()
        seen.add(page.evaluate("document.documentElement.dataset.theme"))
    assert seen == {"light", "dark"}
    mode = page.evaluate("document.documentElement.dataset.mode")
    page.reload()
    assert page.evaluate("document.documentElement.dataset.mode") == mode


def test_a_code_cell_is_copied(open_page):
    page = open_page("book/architecture.html")
    page.evaluate("""() => { window.copied = null;
        document.addEventListener("copy", () => {
            window.copied = document.getSelection().toString() || document.activeElement.value; }); }""")
    cell = page.locator("div.cell_input:not(details *) div.highlight").first
    cell.hover()
    cell.locator("button.copybtn").click()
    assert page.wait_for_function("window.copied").json_value().strip() == cell.locator("pre").text_content().strip()


def test_previous_and_next_lead_through_the_whole_book(open_page):
    page = open_page("book/index.html")
    seen = ["book/index.html"]
    while page.locator("a.right-next").count():
        path = urlparse(page.locator("a.right-next").evaluate("node => node.href")).path.lstrip("/")
        page.goto(page.locator("a.right-next").evaluate("node => node.href"), wait_until="domcontentloaded")
        before = urlparse(page.locator("a.left-prev").evaluate("node => node.href")).path.lstrip("/")
        assert before == seen[-1]
        seen.append(path)
    assert sorted(seen) == PAGES


@each_page
def test_launch_links_name_notebooks_that_exist(name):
    links = re.findall(r'href="(https://(?:colab|mybinder)[^"]+)"', (HTML / name).read_text())
    source = Path(name).with_suffix(".ipynb")
    for link in links:
        assert re.search(rf"/v{__version__}(?:/|\?urlpath=[^\"]*?)book/[\w/]+\.ipynb$", link), link
        assert (ROOT / re.search(r"book/[\w/]+\.ipynb", link)[0]).is_file(), link
    assert bool(links) == (ROOT / source).is_file() or name == "book/index.html"


@each_page
def test_every_anchor_of_a_page_resolves(name):
    page = soup(name)
    names = {node["id"] for node in page.select("[id]")} | {"", "top"}
    assert not [link["href"] for link in page.select("a[href^='#']") if link["href"][1:] not in names]


def test_words_of_the_glossary_open_their_meaning_and_lead_to_their_rows_once_a_page():
    rows = {node["id"] for node in soup("book/glossary.html").select("tr[id]")}
    opened = 0
    for name in PAGES:
        words = soup(name).select("button.term")
        notes = [word.find_next_sibling("span", id=word["popovertarget"]) for word in words]
        places = [note.a["href"].partition("#")[2] for note in notes]
        assert len(places) == len(set(places)) and set(places) <= rows, name
        assert not [word for word in words if word.find_parent(["a", "code", "h1", "h2", "h3"])]
        assert all(re.search("[가-힣]", note.get_text()) for note in notes)
        opened += len(words)
    assert opened > 100


@pytest.mark.parametrize("way", ("tap", "Enter", "Space"))
def test_a_word_of_the_glossary_opens_by_tap_and_by_key_and_closes(open_page, way):
    page = open_page("book/introduction.html")
    word = page.locator("button.term").first
    note = page.locator(f"#{word.get_attribute('popovertarget')}")
    word.scroll_into_view_if_needed()
    assert not note.is_visible()
    word.click() if way == "tap" else word.press(way)
    assert note.is_visible()
    place, (width, height) = note.bounding_box(), page.viewport_size.values()
    assert 0 <= place["x"] <= place["x"] + place["width"] <= width
    assert 0 <= place["y"] <= place["y"] + place["height"] <= height
    page.keyboard.press("Escape")
    assert not note.is_visible()


def test_exercises_count_within_their_chapter():
    for name in PAGES:
        numbers = [" ".join(node.get_text().split()) for node in soup(name).select(".exercise .caption-number")]
        assert numbers == [f"Exercise {number}" for number in range(1, len(numbers) + 1)]
