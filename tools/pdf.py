"""The whole book as one PDF: the built pages, one after the other, printed by headless Chromium.

make book && make pdf               writes _build/unet-by-running-it.pdf
python -m tools.pdf book.pdf        writes another file
"""

import html as markup
import posixpath
import sys
from pathlib import Path
from urllib.parse import urldefrag

import pypdf
from bs4 import BeautifulSoup
from pypdf.generic import NameObject, TextStringObject

from . import browser, text
from .book import Book
from .notebooks import ROOT

PDF = Path("_build/unet-by-running-it.pdf")
FRAME = """<!DOCTYPE html>
<html lang="en" data-theme="light" data-mode="light"><head><meta charset="utf-8"><title>{title}</title>
{head}<link rel="stylesheet" href="/_static/print.css"></head>
<body><main class="bd-article">{front}{body}</main></body></html>"""
FOOTER = (
    '<div style="width: 100%; font: 8px DejaVu Sans, sans-serif; color: #555; text-align: center">'
    '<span class="pageNumber"></span></div>'
)


def whole(book):
    """The pages of a built book as one HTML document, every link inside it or to the published book."""
    names = [path.relative_to(book.root).with_suffix("").as_posix() for path in book.pages()]
    head, parts = "", []
    for name in names:
        page = BeautifulSoup((book.html / f"{name}.html").read_text(), "html.parser")
        head = head or head_of(page, f"{name}.html")
        parts.append(part(page.select_one("article.bd-article"), name, names))
    title = page.title.get_text().rpartition("— ")[2]
    return FRAME.format(title=markup.escape(title), head=head, front=front(book, title), body="\n".join(parts))


def head_of(page, place):
    """Style sheets and MathJax of a page, as addresses from the root."""
    for node in page.head.select("link[href], script[src]"):
        key = "href" if node.name == "link" else "src"
        node[key] = absolute(node[key], place)
    kept = [
        *page.head.select("link[rel=stylesheet]"),
        *(node for node in page.select("script") if "mathjax" in str(node).lower()),
    ]
    return "\n".join(map(str, kept)) + "\n"


def absolute(address, place):
    return posixpath.normpath(posixpath.join("/", posixpath.dirname(place), address))


def anchor(name, fragment=""):
    return f"{name.removeprefix('book/').replace('/', '-')}{'.' if fragment else ''}{fragment}"


def part(article, name, names):
    """A page's text as a part of the whole."""
    for node in article.select("button.term"):
        node.unwrap()
    for node in article.select("script, button, a.headerlink, .toctree-wrapper, .meaning"):
        node.decompose()
    for node in article.find_all(id=True):
        node["id"] = anchor(name, node["id"])
    for node in article.select("details.hide"):  # code of a solution: nothing to open on paper
        node.summary.decompose()
        node.name = "div"
    for node in article.select("details"):
        node["open"] = ""
    for node in article.select("img[src]"):
        node["src"] = absolute(node["src"], f"{name}.html")
    for node in article.select("a[href]"):
        node["href"] = target(node["href"], name, names)
    for root in article.select("[data-explorable]"):
        for still in root.select("noscript"):
            still.unwrap()
        root.figcaption.clear()
        link = BeautifulSoup(
            f'A still picture. <a href="{text.site()}/{name}.html">The page of the book</a> lets you change it.',
            "html.parser",
        )
        root.figcaption.append(link)
    return f'<section class="page" id="{anchor(name)}">{article.decode_contents()}</section>'


def target(address, name, names):
    """Where a link of a page leads in the whole: a place in it, or the published book for what is not in it."""
    if ":" in address.partition("/")[0]:
        return address
    path, fragment = urldefrag(address)
    page = absolute(path, f"{name}.html").removeprefix("/") if path else f"{name}.html"
    if page.removesuffix(".html") in names:
        return f"#{anchor(page.removesuffix('.html'), fragment)}"
    return f"{text.site()}/{page}{'#' if fragment else ''}{fragment}"


def front(book, title):
    """The cover, and the contents with links."""
    lines = []
    for group in [{"chapters": [{"file": book.contents["root"]}]}, *book.contents["parts"]]:
        if "caption" in group:
            lines.append(f"<h2>{group['caption']}</h2>")
        rows = []
        for chapter in group["chapters"]:
            page = BeautifulSoup((book.html / f"{chapter['file']}.html").read_text(), "html.parser")
            heading = page.select_one("article h1")
            for node in heading.select("a.headerlink"):
                node.decompose()
            rows.append(f'<li><a href="#{anchor(chapter["file"])}">{heading.decode_contents()}</a></li>')
        lines.append(f"<ul>{''.join(rows)}</ul>")
    address = text.site()
    return (
        f'<section class="cover"><img src="/_static/cover.png" alt="">'
        f'<p>The book runs at <a href="{address}">{address.removeprefix("https://")}</a></p></section>'
        f'<nav class="contents">{"".join(lines)}</nav>'
    )


def write(book, path):
    """Print the whole book. Raises SystemExit where Chromium or the pages are missing."""
    with browser.pages(book.html) as (page, site):
        content = whole(book)
        page.route(
            f"{site}/book/whole.html",
            lambda route: route.fulfill(body=content, content_type="text/html; charset=utf-8"),
        )
        page.goto(f"{site}/book/whole.html", wait_until="load", timeout=120_000)
        page.evaluate("() => MathJax.startup.promise")
        page.wait_for_function(
            "() => [...document.images].every(image => image.complete && image.naturalWidth)", timeout=60_000
        )
        partial = path.with_suffix(".partial")
        page.pdf(
            path=partial,
            format="A4",
            margin={"top": "16mm", "bottom": "18mm", "left": "16mm", "right": "16mm"},
            print_background=True,
            display_header_footer=True,
            header_template="<span></span>",
            footer_template=FOOTER,
            outline=True,
            tagged=True,
        )
    tidy(partial, content)
    partial.rename(path)


def tidy(path, content):
    """Give the outline the words of the headings: Chromium writes those twice that it moved to the next page."""
    document = pypdf.PdfWriter(clone_from=path)
    page = BeautifulSoup(content, "html.parser")
    headings = iter(page.find_all(["h1", "h2", "h3", "h4", "h5", "h6"]))

    def rename(entry):
        while entry is not None:
            entry = entry.get_object()
            words = " ".join(next(headings).get_text().split())
            entry[NameObject("/Title")] = TextStringObject(words)
            rename(entry.get("/First"))
            entry = entry.get("/Next")

    rename(document.root_object["/Outlines"].get("/First"))
    document.add_metadata({"/Title": page.title.get_text()})
    document.write(path)


if __name__ == "__main__":
    target_path = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / PDF
    write(Book(), target_path)
    print(f"{target_path}: {target_path.stat().st_size / 1e6:.1f} MB")
