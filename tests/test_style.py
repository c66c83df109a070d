"""How the chapters read: numbers where one wants numbers, predictions answered in words."""

import re

import pytest

from tools import notebooks
from tools.book import Book

BOOK = Book()
CHAPTERS = BOOK.chapters()
each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)

BOOLS = 6  # outputs of the whole book that may be only True or False: a reader wants the numbers that were compared
# What is left, at most; in all other chapters nothing.
UNANSWERED = {"results": 1, "ablations": 3}  # predictions without an answer in words


def code_cells(path):
    return [cell for cell in notebooks.read(path).cells if cell.cell_type == "code"]


def tags(cell):
    return cell.metadata.get("tags", [])


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
    assert len(unanswered) <= UNANSWERED.get(path.stem, 0), unanswered
