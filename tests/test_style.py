"""How the chapters read: numbers where one wants numbers, folded machinery, code that fits the page, plain words."""

import ast
import re

import pytest

from tools import ledger, notebooks
from tools.book import Book

BOOK = Book()
CHAPTERS = BOOK.chapters()
each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)

BOOLS = 5  # outputs of the whole book that may be only True or False: a reader wants the numbers that were compared
WIDTH = 84  # columns of code that fit into the page
PHRASES = ("but for", "no fewer", "for want of", "in earnest", "its own affair", "hardly tell")
ONE_WORD = "%pip install"  # an address cannot be broken


def code_cells(path):
    return [cell for cell in notebooks.read(path).cells if cell.cell_type == "code"]


def tags(cell):
    return cell.metadata.get("tags", [])


def draws(cell):
    return any(kind.startswith("image/") for output in cell.outputs for kind in output.get("data", {}))


def outputs(cell):
    """Texts that a cell printed or showed, each output by itself; of a figure there is none."""
    for output in cell.outputs:
        data = output.get("data", {})
        if not any(kind.startswith("image/") for kind in data):
            yield output.get("text", "") or data.get("text/plain", "")


def says_only_true_or_false(text):
    """Does every line end in True or False, alone or as the last of several?"""
    lines = [line for line in text.splitlines() if line.strip()]
    return bool(lines) and all(re.search(r"\b(True|False)[\])]*$", line.rstrip()) for line in lines)


def test_what_says_only_true_or_false_is_seen():
    for text in ("True", "equal: True\n", "a: True False", "all of 23: True\nsum = model: False\n\n", "[True, False]"):
        assert says_only_true_or_false(text), text
    for text in ("", "\n", "equal: True\nby 0.3\n", "True: 3", "Untrue", "dot at (0, 1): 1.0"):
        assert not says_only_true_or_false(text), text


def test_hardly_an_output_is_only_true_or_false():
    found = [
        (path.stem, text)
        for path in CHAPTERS
        for cell in code_cells(path)
        for text in outputs(cell)
        if says_only_true_or_false(text)
    ]
    assert len(found) <= BOOLS, found


@each_chapter
def test_a_prediction_is_answered_in_words(path):
    """The first text below a Predict, where code and captions are left out, goes on without a new heading."""
    cells, unanswered = notebooks.read(path).cells, []
    for index, cell in enumerate(cells):
        if cell.cell_type != "markdown" or "**Predict.**" not in cell.source:
            continue
        below = next(
            one.source for one in cells[index + 1 :] if one.cell_type == "markdown" and "notebook-only" not in tags(one)
        )
        answer = [part for part in below.split("\n\n") if not part.startswith("**Figure.**")]
        if not answer or answer[0].startswith(("#", "**Predict.**", ":::")):
            unanswered.append(cell.source)
    assert unanswered == []


@each_chapter
def test_code_fits_the_page(path):
    wide = [
        line
        for cell in code_cells(path)
        for line in cell.source.splitlines()
        if len(line) > WIDTH and ONE_WORD not in line
    ]
    assert wide == []


def machinery(cell):
    """What a cell does that is not the chapter's idea: install, import, draw, assert; or None."""
    if ONE_WORD in cell.source:
        return "install"
    if draws(cell) and not any(outputs(cell)):
        return "draw"
    body = ast.parse(cell.source).body
    if body and all(isinstance(one, ast.Assert) for one in body):
        return "assert"
    defines = any(isinstance(one, ast.FunctionDef | ast.ClassDef | ast.For) for one in body)
    if body and isinstance(body[0], ast.Import | ast.ImportFrom) and not cell.outputs and not defines:
        return "import"
    return None


@each_chapter
def test_machinery_is_folded_on_the_page_and_what_installs_or_draws_in_colab_too(path):
    for cell in code_cells(path):
        kind, folded = machinery(cell), {"hide-input", "hide-cell"} & {*tags(cell)}
        assert bool(kind) == ("hide-input" in tags(cell)) or "hide-cell" in tags(cell), cell.source
        if kind:
            assert folded and (kind not in ("install", "draw") or cell.metadata.get("cellView") == "form"), cell.source


@pytest.mark.parametrize("path", BOOK.pages(), ids=lambda path: path.stem)
def test_no_page_has_a_phrase_that_a_dictionary_does_not_translate(path):
    if path.suffix == ".ipynb":
        text = " ".join(cell.source for cell in notebooks.read(path).cells if cell.cell_type == "markdown")
    else:
        text = path.read_text("utf-8")
    words = " ".join(text.lower().split())
    assert [phrase for phrase in PHRASES if re.search(rf"\b{phrase}\b", words)] == []


@each_chapter
def test_the_table_of_claims_is_folded(path):
    claims = next(cell.source for cell in notebooks.read(path).cells if cell.source.startswith(ledger.HEADING))
    table = [line for line in claims.splitlines() if line.startswith("|")]
    assert re.search(r"<details><summary>.+</summary>\n\n" + re.escape("\n".join(table)) + "\n\n</details>", claims)
