"""Laws of the grader: each wrong submission loses the points of its mistake and is told so, each right one loses none.

The submissions lie in `tests/submissions/<assignment>/`, patches on the solution: the cells of wrong.py and right.py.
A cell of wrong.py begins with `# %% what | q1 -5, q3 -2 | words of the hint`.
"""

import contextlib
import functools
import io
import re
from pathlib import Path

import nbformat
import pytest

from tools import assignments
from tools.book import Book
from tools.grading import judging, prepared, sandbox, scoring

SUBMISSIONS = Path(__file__).parent / "submissions"
MASTERS = {path.stem: path for path in assignments.masters()}


def cells(path):
    """Title line and code of every cell of a file of patches."""
    parts = re.split(r"^# %% ", path.read_text(), flags=re.M)[1:]
    return [part.split("\n", 1) for part in parts]


def submissions(kind):
    return [
        pytest.param(name, title, code, id=f"{name}: {title.split(' | ')[0]}")
        for name in MASTERS
        for title, code in cells(SUBMISSIONS / name / f"{kind}.py")
    ]


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    return functools.cache(lambda name: assignments.build(MASTERS[name], folder / "students", folder / "dist"))


@pytest.fixture(scope="session")
def solution(built, tmp_path_factory):
    """Of an assignment: its tests, and the names that its solution defines."""
    folder = tmp_path_factory.mktemp("solution")
    assignments.shuffled_weights(folder / "weights.npz")

    @functools.cache
    def of(name):
        notebook = nbformat.read(built(name) / "solution.ipynb", 4)
        names = {"__name__": "__main__"}
        with contextlib.chdir(folder):
            run(notebook, names)
        return built(name) / "tests", names

    def run(notebook, names):
        for cell in notebook.cells:
            if cell.cell_type == "code" and not cell.source.lstrip().startswith(("check.", "%", "try:")):
                exec(cell.source, names)

    return of


@pytest.fixture(scope="session")
def solved(solution):
    """A question of a solution, scored once: `solved(name, path of its tests)`."""
    return functools.cache(lambda name, path: scoring.question(path, dict(solution(name)[1])))


def graded(solution, solved, name, patch):
    """Every question of a patched solution. One whose functions are all the solution's own gives what that gives."""
    tests, names = solution(name)
    patched = dict(names)
    exec(patch, patched)

    def untouched(path):  # the questions of the capstone share files and a network
        return name != "capstone" and all(patched.get(one) is names.get(one) for one in scoring.takes(path))

    with contextlib.redirect_stdout(io.StringIO()):
        return [
            solved(name, path) if untouched(path) else scoring.question(path, patched)
            for path in sorted(Path(tests).glob("*.py"))
        ]


@pytest.mark.filterwarnings("ignore")  # a mistake may overflow or be warned of; the grader goes on
@pytest.mark.parametrize("name, title, patch", submissions("wrong"))
def test_a_wrong_submission_loses_the_points_of_its_mistake_and_is_told_which(solution, solved, name, title, patch):
    _, expected, hint = title.split(" | ")
    expected = {question: float(points) for question, points in (part.split(" -") for part in expected.split(", "))}
    questions = graded(solution, solved, name, patch)
    faults = [fault.text for question in questions for fault in question.faults]
    lost = {
        question.name: question.possible - question.points
        for question in questions
        if question.points < question.possible
    }
    assert lost == pytest.approx(expected), "\n".join(faults)
    assert any(hint in fault for fault in faults), "\n".join(faults)


@pytest.mark.parametrize("name, title, patch", submissions("right"))
def test_a_right_submission_gets_full_marks_however_it_is_written(solution, solved, name, title, patch):
    for question in graded(solution, solved, name, patch):
        assert question.points == question.possible, question.faults


def test_the_capstone_is_graded_with_the_weights_that_lie_beside_it(tmp_path):
    assignment = prepared.prepare("capstone", tmp_path / "built")
    (tmp_path / "kim.ipynb").write_bytes(assignment.solution.read_bytes())
    (tmp_path / "kim.npz").write_bytes(assignment.weights.read_bytes())
    result = judging.grade(tmp_path / "kim.ipynb", assignment, sandbox.available())
    assert result.points == result.possible == 20, result


@pytest.mark.parametrize("name", MASTERS)
def test_there_are_enough_submissions_of_both_kinds(name):
    assert len(cells(SUBMISSIONS / name / "wrong.py")) >= 12 and len(cells(SUBMISSIONS / name / "right.py")) >= 5


@pytest.mark.parametrize("name", MASTERS)
def test_an_unsolved_notebook_gets_no_points(solution, name):
    for question in scoring.score(solution(name)[0], {}):
        assert question.points == 0 and question.possible > 0


@pytest.mark.parametrize("name", MASTERS)
def test_the_student_s_notebook_of_the_book_is_what_its_master_gives(built, name):
    made = (built(name).parent.parent / "students" / f"{name}.ipynb").read_text()
    assert (assignments.STUDENTS / f"{name}.ipynb").read_text() == made, "run make assignments"


@pytest.mark.parametrize("name", MASTERS)
def test_a_student_s_notebook_holds_no_solution_and_no_hidden_test(name):
    student = nbformat.read(assignments.STUDENTS / f"{name}.ipynb", 4)
    lines = {line.strip() for cell in student.cells for line in cell.source.splitlines()}
    text = "\n".join(lines)
    assert not any(cell.get("outputs") for cell in student.cells)
    assert "SOLUTION" not in text and "def test_" not in text and "class_seed" not in text and "# BEGIN" not in text
    kinds, within = {}, None
    for cell in nbformat.read(MASTERS[name], 4).cells:
        if cell.cell_type == "raw":
            within = re.sub("^# (BEGIN|END) ", "", cell.source) if cell.source.startswith("# BEGIN") else None
        elif within in ("SOLUTION", "TESTS"):
            kinds.setdefault((within, cell.cell_type), []).append(cell.source)
    solved = [
        re.search("BEGIN SOLUTION.*?\n(.*)# END SOLUTION", source, re.S)[1] for source in kinds["SOLUTION", "code"]
    ]
    secret = {
        line.strip()
        for source in [*solved, *kinds["TESTS", "code"], *kinds["SOLUTION", "markdown"]]
        for line in source.splitlines()
        if len(line.strip()) > 12
    }
    allowed = {"def segment(images):"}
    assert len(secret) > 20 and not (secret - allowed) & lines


@pytest.mark.parametrize("name", MASTERS)
def test_a_student_s_notebook_runs_to_its_first_unsolved_task(name):
    cells = [
        cell.source
        for cell in nbformat.read(assignments.STUDENTS / f"{name}.ipynb", 4).cells
        if cell.cell_type == "code"
    ]
    names = {"__name__": "__main__"}
    for source in cells:
        if source.startswith("check."):
            with pytest.raises(AssertionError, match="unsolved|expected a Keras model"):
                exec(source, names)
            return
        exec(source.replace("%pip", "pass  #"), names)
    raise AssertionError("no check is reached")


def test_the_book_shows_every_assignment_and_none_is_run():
    book = Book()
    assert [path.stem for path in book.assignments()] and {path.stem for path in book.assignments()} == set(MASTERS)
    assert not {path.parent.name for path in book.chapters()} & {"assignments"}
