"""An assignment, made ready for grading: its tests, its limits, and what a student's process may read."""

import json
import re
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import nbformat

from .. import assignments
from ..notebooks import ROOT
from . import scoring
from .cells import bare, code_cells

ROOMS = ("__init__.py", "rounding.py", "paper.py", "_shared", "datasets")  # of the package, that hold no answers
HELD = ("pretrained", "experiments", "exercises")  # never there: trained weights, and the checks


@dataclass
class Limits:
    """What a submission may use. CPU seconds: a cell, a call of a function. Bytes: of memory, of one file.

    With `package`, all of the package is there but its trained network; without it, the data sets alone.
    """

    cell_seconds: float = 60.0
    call_seconds: float = 20.0
    memory: int = 4 * 2**30
    file_bytes: int = 100 * 2**20
    package: bool = False


@dataclass
class Assignment:
    """All that grading needs to know of an assignment; see `prepare`."""

    name: str
    tests: Path
    inside: Path
    solution: Path
    given: set
    limits: Limits
    titles: dict  # of the questions: q1 to "Question 1: mirror padding"
    points: dict
    written: list  # titles and points of the answers that a person grades
    others: list  # names of the other assignments
    weights: Path | None = None  # beside the solution


def prepare(name, folder, masters=assignments.MASTERS, **given):
    """Build an assignment into a folder, with what students' processes may read. `given`: limits that are not its own.

    Raises ValueError where the assignment is not known, or its limits are no limits.
    """
    master, folder = assignments.named(name, masters), Path(folder)
    limits = limits_of(master, **given)
    target = assignments.build(master, folder / "students", folder / "dist")
    titles, written = questions_of(master)
    files = [scoring.question_points(path) for path in sorted((target / "tests").glob("*.py"))]
    weights = Path(master).with_suffix(".npz")
    if not weights.is_file() and limits.package and Path(master).parent.parent == assignments.MASTERS:
        weights = assignments.shuffled_weights(folder / "weights.npz")
    return Assignment(
        name,
        target / "tests",
        lay_inside(folder / "inside", name, limits),
        target / "solution.ipynb",
        {bare(source) for _, source in code_cells(folder / "students" / f"{name}.ipynb")},
        limits,
        titles,
        dict(files),
        written,
        [path.stem for path in assignments.masters(masters) if path.stem != name],
        weights if weights.is_file() else None,
    )


def questions_of(master):
    """Of a master: titles of the questions by their names, and titles and points of those that a person grades."""
    titles, written, entry = {}, [], None
    for cell in nbformat.read(master, as_version=4).cells:
        if cell.cell_type == "raw" and cell.source.startswith("# BEGIN QUESTION"):
            entry = dict(re.findall(r"^(\w+): *(.+?) *$", cell.source, re.M))
        heading = cell.cell_type == "markdown" and re.search(r"^#+ (.+?)(?: \([\d.]+ points?\))?$", cell.source, re.M)
        if entry and heading:
            titles[entry.get("name", "")] = heading[1]
            if entry.get("manual") == "true":
                written.append((heading[1], float(entry.get("points", 0))))
            entry = None
    return titles, written


def limits_of(master, **given):
    """The limits of an assignment: limits.json beside its master, where there is one, and what the command line says.

    Raises ValueError where that file names something else.
    """
    path = Path(master).with_name("limits.json")
    own = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    try:
        return Limits(**own | {name: value for name, value in given.items() if value is not None})
    except TypeError as error:
        raise ValueError(f"{path}: {error}; it may hold {', '.join(asdict(Limits()))}") from error


def lay_inside(folder, name, limits):
    """Copy what a student's process may read into a folder: no truth, no test, no class, no trained network."""
    folder = Path(folder)
    package, out = ROOT / "unet_tutorial", folder / "unet_tutorial"
    shutil.copytree(Path(__file__).parent / "inside", folder / "grader", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(package / "exercises" / "_probes.py", folder / "grader" / "probes.py")
    for path in package.iterdir():
        if path.name in HELD or path.name == "__pycache__" or not (limits.package or path.name in ROOMS):
            continue
        if path.is_dir():
            shutil.copytree(path, out / path.name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            out.mkdir(exist_ok=True)
            shutil.copy(path, out / path.name)
    if limits.package and (package / "exercises" / f"{name}.py").is_file():
        (out / "exercises").mkdir()
        for own in ("__init__.py", "_probes.py", f"{name}.py"):
            shutil.copy(package / "exercises" / own, out / "exercises" / own)
    return folder
