"""Laws of the grader: each wrong submission loses the points of its mistake and is told so, each right one loses none.

The submissions lie in `tests/submissions/<assignment>/`, as patches on the solution: the cells of wrong.py and right.py.
A cell of wrong.py begins with `# %% what | q1 -5, q3 -2 | words of the hint`.
"""

import contextlib
import functools
import io
import re
from pathlib import Path

import nbformat
import pytest

from tools import assignments, scoring

SUBMISSIONS = Path(__file__).parent / "submissions"
MASTERS = {path.stem: path for path in assignments.masters()}


def cells(path):
    """Title line and code of every cell of a file of patches."""
    parts = re.split(r"^# %% ", path.read_text(), flags=re.M)[1:]
    return [part.split("\n", 1) for part in parts]


def submissions(kind):
    return [pytest.param(name, title, code, id=f"{name}: {title.split(' | ')[0]}")
            for name in MASTERS for title, code in cells(SUBMISSIONS / name / f"{kind}.py")]


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    return functools.cache(lambda name: assignments.build(MASTERS[name], folder / "students", folder / "dist"))


@pytest.fixture(scope="session")
def solution(built):
    """Of an assignment: its tests, and the names that its solution defines."""
    @functools.cache
    def of(name):
        notebook = nbformat.read(built(name) / "solution.ipynb", 4)
        names = {"__name__": "__main__"}
        for cell in notebook.cells:
            if cell.cell_type == "code" and not cell.source.lstrip().startswith(("check.", "%", "try:")):
                exec(cell.source, names)
        return built(name) / "tests", names
    return of


def graded(solution, name, patch):
    tests, names = solution(name)
    names = dict(names)
    exec(patch, names)
    with contextlib.redirect_stdout(io.StringIO()):
        return scoring.score(tests, names)


@pytest.mark.parametrize("name, title, patch", submissions("wrong"))
def test_a_wrong_submission_loses_the_points_of_its_mistake_and_is_told_which(solution, name, title, patch):
    _, expected, hint = title.split(" | ")
    expected = {question: float(points) for question, points in
                (part.split(" -") for part in expected.split(", "))}
    questions = graded(solution, name, patch)
    faults = [fault for question in questions for fault in question.faults]
    lost = {question.name: question.possible - question.points for question in questions
            if question.points < question.possible}
    assert lost == pytest.approx(expected), "\n".join(faults)
    assert any(hint in fault for fault in faults), "\n".join(faults)


@pytest.mark.parametrize("name, title, patch", submissions("right"))
def test_a_right_submission_gets_full_marks_however_it_is_written(solution, name, title, patch):
    for question in graded(solution, name, patch):
        assert question.points == question.possible, question.faults


@pytest.mark.parametrize("name", MASTERS)
def test_there_are_enough_submissions_of_both_kinds(name):
    assert len(cells(SUBMISSIONS / name / "wrong.py")) >= 12 and len(cells(SUBMISSIONS / name / "right.py")) >= 5


@pytest.mark.parametrize("name", MASTERS)
def test_an_unsolved_notebook_gets_no_points(solution, name):
    for question in scoring.score(solution(name)[0], {}):
        assert question.points == 0 and question.possible > 0
