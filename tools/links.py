"""Finds the links of the built pages that lead nowhere."""

import sys
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup


@cache
def _page(path):
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@cache
def _anchors(path):
    return {tag.get("id") for tag in _page(path).find_all(id=True)} | {
        tag.get("name") for tag in _page(path).find_all("a", attrs={"name": True})
    }


def dead_links(folder):
    """A line for each href or src of the pages below `folder` whose file or anchor does not exist.

    Links to other hosts are not followed; templates that the theme leaves in `_static` are not pages.
    """
    folder = Path(folder).resolve()
    _page.cache_clear()
    _anchors.cache_clear()
    dead = []
    for page in sorted(set(folder.rglob("*.html")) - set(folder.glob("_static/**/*.html"))):
        for tag in _page(page).find_all(True):
            for attribute in ("href", "src"):
                link = tag.get(attribute)
                if not link:
                    continue
                parts = urlsplit(link)
                if parts.scheme or parts.netloc:
                    continue
                target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
                if target.is_dir():
                    target /= "index.html"
                where = f"{page.relative_to(folder)}: {link}"
                if not target.exists():
                    dead.append(f"{where} (no such file)")
                elif parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in _anchors(target):
                    dead.append(f"{where} (no such anchor)")
    return sorted(set(dead))


if __name__ == "__main__":
    found = dead_links(sys.argv[1])
    print("\n".join(found) or "no dead link")
    sys.exit(bool(found))
