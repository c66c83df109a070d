"""What every chapter promises its readers, checked on the stored notebooks."""

import importlib
import re

import pytest

from tools import ledger, notebooks, text, times
from tools.book import Book
from unet_tutorial.experiments import plan, recipes

BOOK = Book()
CHAPTERS = BOOK.chapters()
SETUP_LINES = 9
each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell):
    return cell.metadata.get("tags", [])


def images(cell):
    return [
        output
        for output in cell.get("outputs", [])
        if any(kind.startswith("image/") for kind in output.get("data", {}))
    ]


def only_draws(cell):
    return bool(images(cell)) and len(images(cell)) == len(cell.outputs)


def section(notebook, heading):
    """Sources of the Markdown cells from the one that begins with `heading` to the next of that rank."""
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    start = next(
        (index for index, source in enumerate(cells) if source.startswith(heading + "\n") or source == heading), None
    )
    assert start is not None, f"no cell begins with '{heading}'"
    end = next((index for index in range(start + 1, len(cells)) if cells[index].startswith("## ")), len(cells))
    return "\n\n".join(cells[start:end])


def test_the_book_begins_with_a_success_and_the_review_has_its_chapters_in_order():
    assert [path.stem for path in BOOK.pages()][1:3] == ["first_segmentation", "live"]
    assert [path.stem for path in CHAPTERS][:11] == [
        "first_segmentation",
        "introduction",
        "architecture",
        "contracting_path",
        "expanding_path",
        "overlap_tile",
        "training",
        "augmentation",
        "results",
        "ablations",
        "why_unet",
    ]
    assert {path.name for path in BOOK.root.glob("book/*.ipynb")} == {path.name for path in CHAPTERS}


@each_chapter
def test_a_chapter_opens_with_its_title_its_running_time_and_the_common_setup(path):
    notebook = notebooks.read(path)
    head, setup = notebook.cells[:2]
    assert head.cell_type == "markdown" and head.source.startswith("# ")
    told = times.SENTENCE.findall(head.source)
    assert len(told) == 1 and told[0] in times.CLASSES.values(), "make notebooks writes one of three classes here"
    first = notebooks.read(CHAPTERS[0]).cells[1].source
    assert setup.source == first and "%pip install -q" in setup.source and len(first.splitlines()) <= SETUP_LINES


@each_chapter
def test_a_chapter_has_the_sections_of_the_pattern(path):
    notebook = notebooks.read(path)
    for heading in ("## Where code and paper part", "## Exercises", "## Check yourself", ledger.HEADING):
        assert section(notebook, heading)
    sources = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert "**Predict.**" in sources
    assert len(re.findall("^# ", sources, re.M)) == 1


@each_chapter
def test_a_cell_is_short_and_was_run(path):
    notebook = notebooks.read(path)
    for index, cell in enumerate(code_cells(notebook), start=1):
        lines = [line for line in cell.source.splitlines() if not line.startswith("# @title")]  # Colab's form
        assert len(lines) <= 15, cell.source
        assert cell.execution_count == index
        assert not any(output.output_type == "error" for output in cell.outputs)
        for output in cell.outputs:
            shown = output.get("text", "") + output.get("data", {}).get("text/plain", "")
            assert not re.search(r"0x[0-9a-f]{6,}", shown), "a memory address changes from run to run"
            assert len(shown.splitlines()) <= 40, "an output must fit a screen"
            assert output.get("name") != "stderr", shown


@each_chapter
def test_at_most_one_cell_in_ten_is_not_compared_and_each_of_those_asserts(path):
    compared = [cell for cell in code_cells(notebooks.read(path)) if not only_draws(cell)]
    ignored = [cell for cell in code_cells(notebooks.read(path)) if "nbval-ignore-output" in tags(cell)]
    assert len(ignored) * 10 <= len(compared)
    assert all("assert " in cell.source for cell in ignored)
    assert not any(
        tag in tags(cell)
        for cell in code_cells(notebooks.read(path))
        for tag in ("nbval-skip", "skip-execution", "raises-exception", "nbval-raises-exception")
    )


@each_chapter
def test_every_figure_has_a_caption_and_an_alternative_text(path):
    cells = notebooks.read(path).cells
    drawing = [index for index, cell in enumerate(cells) if images(cell)]
    assert drawing
    for index in drawing:
        if "hide-cell" in tags(cells[index]):
            continue
        assert len(images(cells[index])) == 1, cells[index].source
        assert len(cells[index].metadata.get("mystnb", {}).get("image", {}).get("alt", "")) >= 30, cells[index].source
        assert cells[index + 1].source.startswith(text.CAPTION), cells[index].source


@each_chapter
def test_each_exercise_has_a_folded_solution_that_asserts(path):
    cells = notebooks.read(path).cells
    exercises = [index for index, cell in enumerate(cells) if cell.source.startswith(":::{exercise}")]
    assert 2 <= len(exercises) <= 4
    for number, index in enumerate(exercises, start=1):
        solution = cells[index + 1]
        assert "hide-cell" in tags(solution) and solution.metadata.get("cellView") == "form"
        assert solution.source.startswith(f"# @title Solution {number}")
        assert re.search(r"\bassert(_agree\(| )", solution.source), solution.source


@each_chapter
def test_each_self_check_has_one_right_answer_and_feedback_for_all(path):
    quiz = section(notebooks.read(path), "## Check yourself")
    questions = [part for part in re.split(r"(?m)^(?=\**\d\.)", quiz)[1:]]
    assert 3 <= len(questions) <= 5
    letters = set()
    for question in questions:
        answers = re.findall(r"<details>\s*<summary>([A-D])\. .+?</summary>\n\n(.+?)\n\n</details>", question, re.S)
        assert len(answers) >= 3, question
        right = [letter for letter, feedback in answers if feedback.startswith("Right")]
        assert len(right) == 1, question
        letters.update(right)
    assert len(letters) > 1


@each_chapter
def test_each_claim_names_code_and_tests_that_exist(path):
    for row in ledger.rows(path):
        assert row.code and row.tests, row
        for name in row.code:
            module, _, attribute = name.rpartition(".")
            assert hasattr(importlib.import_module(f"unet_tutorial.{module}"), attribute), name
        for name in row.tests:
            file, _, function = name.partition("::")
            assert f"def {function}(" in (BOOK.root / "tests" / file).read_text(), name
        assert set(row.records) <= {*recipes.EXPERIMENTS, *plan.TRIALS}, row


@each_chapter
def test_a_notebook_is_stored_as_the_build_would_store_it(path):
    stored = path.read_text()
    assert stored == notebooks.dump(notebooks.normalize(notebooks.read(path)))
    assert len(stored) <= 1_000_000
    assert "```{" not in stored, "backtick fences do not read as Markdown in Colab"
    assert "synthetic specimen" in stored or "specimen" not in stored
    assert not re.search(
        r"\]\((?!https?:|#)[^)]*\)", "".join(c.source for c in notebooks.read(path).cells if c.cell_type == "markdown")
    ), "a relative link"
