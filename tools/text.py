"""What differs between a stored notebook, read in Colab as plain Markdown, and the same notebook as a page."""

import re

import yaml

from . import stills
from .notebooks import ROOT

CAPTION = "**Figure.** "
EXPLORABLE = "data-explorable="
LOADS = (
    '<link rel="stylesheet" href="../explorables/style.css">\n'
    '<script type="module" src="../explorables/start.js"></script>'
)

STILL = "A still picture. With scripts switched on, it answers to mouse, finger and keys."


def site(root=ROOT):
    """Address of the published book, without a closing slash."""
    return yaml.safe_load((root / "_config.yml").read_text())["sphinx"]["config"]["ogp_site_url"].rstrip("/")


def absolute_links(notebook):
    """Links between pages point to the published book: a relative one leads nowhere in Colab."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(
                r"\]\((\w+)\.(?:ipynb|md)(#[\w-]+)?\)",
                lambda link: f"]({site()}/book/{link[1]}.html{link[2] or ''})",
                cell.source,
            )


def relative_links(notebook, names, up=""):
    """The reverse: links between pages are Sphinx's own again, so that it finds the dead ones.

    `names` maps the name of each page to its file, both below the folder of the book. `up` leads to that folder.
    """
    pattern = re.escape(site()) + r"/book/((?:\w+/)?\w+)\.html(#[\w-]+)?\)"
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(
                pattern, lambda link: f"{up}{names.get(link[1], link[1] + '.md')}{link[2] or ''})", cell.source
            )


def captions(notebook):
    """The paragraph "**Figure.** ..." below a figure becomes its caption."""
    for cell, below in zip(notebook.cells, notebook.cells[1:]):
        if cell.cell_type != "code" or below.cell_type != "markdown" or not below.source.startswith(CAPTION):
            continue
        caption, _, rest = below.source.removeprefix(CAPTION).partition("\n\n")
        below.source = rest
        cell.metadata.setdefault("mystnb", {})["figure"] = {"caption": " ".join(caption.split())}


def explorables(notebook):
    """A page with an explorable loads its scripts and its style, and holds its still picture where there are none.

    Cells with the tag "notebook-only" say what to do where nothing moves; a page has none of them.
    """
    from nbformat.v4 import new_markdown_cell

    notebook.cells = [cell for cell in notebook.cells if "notebook-only" not in cell.metadata.get("tags", [])]
    cells = [cell for cell in notebook.cells if cell.cell_type == "markdown" and EXPLORABLE in cell.source]
    for cell in cells:
        cell.source = re.sub(
            r'(<div [^>]*data-explorable="(\w+)"(?: data-mode="([\w-]+)")?>)(?=</div>)', with_still, cell.source
        )
    if cells:
        notebook.cells.append(new_markdown_cell(LOADS, id="explorables"))


def with_still(opening):
    """The opening tag of an explorable and its still picture, which a browser loads only where scripts are off."""
    name = stills.name_of(opening[2], opening[3])
    return (
        f'{opening[1]}<noscript><figure><img src="../explorables/stills/{name}.webp" alt="{stills.CAPTIONS[name]}">'
        f"<figcaption>{STILL}</figcaption></figure></noscript>"
    )
