"""The PDF of the whole book: pages in order, figures whole, links that lead somewhere, a still for each explorable."""

import subprocess
import sys
import unicodedata
from urllib.parse import urldefrag

import pypdf
import pytest
from bs4 import BeautifulSoup

from tools import pdf, text
from tools.book import Book

PAPER = 673, 994  # px between the margins


@pytest.fixture(scope="module")
def book():
    return Book()


@pytest.fixture(scope="module")
def whole(book):
    return pdf.whole(book)


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    path = tmp_path_factory.mktemp("pdf") / "book.pdf"
    subprocess.run([sys.executable, "-m", "tools.pdf", path], check=True, timeout=300)
    return pypdf.PdfReader(path)


def test_every_link_leads_to_a_place_in_it_or_to_a_page_that_exists(book, whole):
    page = BeautifulSoup(whole, "html.parser")
    ids = [node["id"] for node in page.find_all(id=True)]
    assert not [link for link in page.select("a[href^='#']") if ids.count(link["href"][1:]) > 1]
    for link in page.select("a[href]"):
        address = link["href"]
        if address.startswith("#"):
            assert address[1:] in ids
        else:
            assert address.startswith(("https://", "http://")), address
            if address.startswith(f"{text.site()}/") and not address.endswith(
                pdf.PDF.name
            ):  # published beside the pages
                assert (book.html / urldefrag(address.removeprefix(f"{text.site()}/"))[0]).exists(), address


def test_every_picture_fits_on_a_sheet_and_every_explorable_is_a_still_with_a_link(book, whole, site, browser):
    page = browser.new_page(viewport={"width": PAPER[0], "height": PAPER[1]})
    page.emulate_media(media="print")
    page.route(
        f"{site}/book/whole.html", lambda route: route.fulfill(body=whole, content_type="text/html; charset=utf-8")
    )
    page.goto(f"{site}/book/whole.html", wait_until="load")
    page.wait_for_function("() => [...document.images].every(image => image.complete)")
    sizes = page.evaluate("""() => [...document.querySelectorAll("img, .explorable")].map(node => {
        const { width, height } = node.getBoundingClientRect();
        return [width, height, node.naturalWidth, node.className]; })""")
    assert len(sizes) > 70
    assert [one for one in sizes if not (0 < one[0] <= PAPER[0] + 1 and 0 < one[1] <= PAPER[1]) or one[2] == 0] == []
    marked = sum(path.read_text().count("data-explorable") for path in book.html.glob("book/*.html"))
    stills = page.locator(".explorable:has(img):has(figcaption a[href^='https://'])")
    assert stills.count() == page.locator(".explorable").count() == marked > 7
    page.close()


def test_the_outline_names_every_page_in_order(book, printed):
    titles = []
    for path in book.pages():
        page = BeautifulSoup((book.html / path.relative_to(book.root)).with_suffix(".html").read_text(), "html.parser")
        titles.append(" ".join(page.select_one("article h1").get_text().removesuffix("#").split()))
    outline = [
        (entry.title, printed.get_destination_page_number(entry))
        for entry in printed.outline
        if not isinstance(entry, list)
    ]
    chapters = outline[-len(titles) :]
    assert [title for title, _ in chapters] == titles
    numbers = [number for _, number in chapters]
    assert numbers == sorted(set(numbers)) and numbers[-1] < len(printed.pages)
    pages = (unicodedata.normalize("NFKC", printed.pages[number].extract_text()) for number in range(1, numbers[0]))
    contents = [" ".join(text.split()) for text in pages]  # NFKC: the printed "fi" is one character
    assert titles[1] in contents[0] and titles[-1] in contents[-1]  # no empty page between contents and first chapter


def test_links_are_live_and_no_tex_is_raw(printed):
    links = [note.get_object() for page in printed.pages for note in page.get("/Annots", ()) or ()]
    inside = [link for link in links if "/Dest" in link or link.get("/A", {}).get("/S") == "/GoTo"]
    outside = [link["/A"]["/URI"] for link in links if link.get("/A", {}).get("/S") == "/URI"]
    assert len(inside) > 200 and len(outside) > 50
    assert not [address for address in outside if "127.0.0.1" in address or "localhost" in address]
    known = printed.named_destinations
    names = [link["/Dest"] for link in inside if "/Dest" in link]
    assert not [
        name for name in names if isinstance(name, str) and name.lstrip("/") not in {one.lstrip("/") for one in known}
    ]
    words = "".join(page.extract_text() for page in printed.pages[4:200])
    assert "\\(" not in words and "\\frac" not in words
