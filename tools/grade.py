"""Grades notebooks of one assignment, each in processes of its own, and writes scores, feedback and a summary.

python -m tools.grade NAME IN OUT          grade every notebook in IN: a folder, or a .zip as a system exports it
python -m tools.grade NAME --json FILE     grade one notebook, print the result

The same command goes on where it was stopped.
"""

import argparse
import contextlib
import hashlib
import json
import os
import re
import secrets
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import nbformat
import numpy as np

from . import assignments
from .grading import crew, inbox, report, sandbox, scoring
from .grading.inside import wire
from .grading.submission import (
    Answer,
    Limits,
    Lost,
    Submission,
    Ungraded,
    bare,
    called,
    code_cells,
    lay_inside,
    limits_of,
    spying,
)

FORMAT = 1  # of what is kept in OUT to go on from


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


@dataclass
class Result:
    """What a submission got: a `scoring.Question` for each question, and what went wrong on the way.

    `notes` are for the instructor, `told` for the student. Where it is not `graded`, no points count.
    """

    student: str
    id: str = ""
    system: str = ""
    file: str = ""
    late: bool = False
    questions: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    told: list = field(default_factory=list)
    graded: bool = True
    seconds: float = 0.0

    @property
    def points(self):
        return sum(question.points for question in self.questions)

    @property
    def possible(self):
        return sum(question.possible for question in self.questions)

    def fail(self, why):
        """Say that this notebook is not graded, and why."""
        self.graded = False
        self.notes.insert(0, f"NOT GRADED: {wire.clean(why, 400)}")


def result_of(entry):
    """A Result from what `asdict` made of it."""
    questions = [
        scoring.Question(**one | {"faults": [scoring.Fault(**fault) for fault in one["faults"]]})
        for one in entry["questions"]
    ]
    return Result(**entry | {"questions": questions})


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


def grade(path, assignment, walled=True, weights=None):
    """Grade one notebook. Whatever it does, a Result comes back.

    A file of the same name that ends in .npz, or `weights`, is laid beside the notebook as weights.npz.
    """
    started, path = time.monotonic(), Path(path)
    result, submission = Result(_shown(path.stem)), None
    try:
        cells = code_cells(path)
        stranger = _another(cells, assignment)
        if stranger:
            result.fail(f"this is the notebook of {stranger}")
            return result
        submission = Submission(
            cells,
            _files(path, weights, assignment.limits),
            assignment.limits,
            walled,
            assignment.inside,
            assignment.given,
        )
        _judge(submission, assignment, result)
        if submission.ungraded and result.points < result.possible:
            result.fail("; ".join(submission.ungraded))
        result.notes += spying(cells)
    except ValueError as error:
        result.notes.append(f"{_shown(path.name)} {error}")
        result.told.append(f"The file {error}.")
        result.questions = scoring.score(assignment.tests, {})
    except Ungraded as error:
        result.fail(str(error))
    except scoring.Misjudged as error:
        result.fail(f"a test failed by itself: {error}")
    finally:
        if submission:
            submission.close()
        result.seconds = round(time.monotonic() - started, 1)
    return result


def _judge(submission, assignment, result):
    """Run a submission and score it, with notes on what went wrong."""

    def begin():
        submission.strikes = 0

    def missing(name):
        lost = [
            f"{called(submission.cells[place][0], place)} failed: {text}"
            for place, (_, text) in sorted(submission.failed.items())
            if re.search(rf"\b{name}\b", submission.cells[place][1])
        ]
        return f"There is no `{name}`: " + (lost[0] if lost else "no cell defines it. Is the name right?")

    answers = {}
    try:
        submission.start()
        answers = submission.values | {name: Answer(submission, name) for name in submission.functions}
    except Lost as error:
        result.notes.append(str(error))
        result.told.append(f"{error}.")
    with open(os.devnull, "w") as sink, contextlib.redirect_stdout(sink):  # a check says what is right
        result.questions = scoring.score(assignment.tests, answers, begin, missing)
    for place, (kind, text) in sorted(submission.failed.items()):
        if kind != "Wrong":
            note = f"{called(submission.cells[place][0], place)} failed: {text}"
            result.notes.append(note)
            result.told.append(note)
    result.notes += [f"calls {name}, which is an answer" for name in sorted(submission.borrowed)]


def _shown(name):
    return wire.clean(os.fsencode(name).decode("utf-8", "replace"), 200)


def _files(path, weights, limits):
    """What is laid beside the notebook."""
    weights = Path(weights) if weights else path.with_suffix(".npz")
    if (
        weights.is_file()
        and not weights.is_symlink()
        and weights.stat().st_size <= min(limits.file_bytes, wire.ARRAYS // 2)
    ):
        return {"weights.npz": np.frombuffer(weights.read_bytes(), np.uint8)}
    return {}


def _another(cells, assignment):
    """The name of the assignment that a notebook belongs to, where it is another one."""
    named = {name for _, source in cells for name in re.findall(r"unet_tutorial\.exercises import (\w+)", source)}
    return None if assignment.name in named else next(iter(sorted(named & {*assignment.others})), None)


def solve(assignment, walled):
    """Grade the assignment's own solution. Raises ValueError unless it gets all points: the fault is the master's."""
    result = grade(assignment.solution, assignment, walled, assignment.weights)
    faults = [f"{one.name}, {fault.test}: {fault.text}" for one in result.questions for fault in one.faults]
    if not result.graded or result.points < result.possible or not result.possible:
        raise ValueError(
            f"assignment {assignment.name}: its own solution gets {result.points:g} of {result.possible:g} points, so "
            "nothing was graded; mend the master. " + " | ".join([*faults[:3], *result.notes[:3]])
        )


class Job:
    """Grades one submission of the inbox, in a worker. An error of the grader's own becomes a note."""

    def __init__(self, assignment, group, walled):
        self.assignment, self.group, self.walled = assignment, group, walled

    def __call__(self, handed):
        os.environ["UNET_TUTORIAL_CLASS"] = str(self.group)
        try:
            result = grade(handed.path, self.assignment, self.walled, handed.weights)
        except Exception as error:
            result = Result(handed.student)
            result.fail(f"the grader failed: {type(error).__name__}: {_without_paths(error)}")
        return result


def _without_paths(error):
    return re.sub(r"(?:/[\w.~-]+){2,}", "...", wire.clean(str(error), 300))


class Ledger:
    """What is graded, kept in OUT line by line, so that nothing is lost and the same command goes on."""

    def __init__(self, target, settings):
        self.path, self.kept = target / "results.jsonl", {}
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.is_file() else []
        if lines:
            before = json.loads(lines[0])
            settings = settings | {"class": before.get("class") if settings["class"] is None else settings["class"]}
            if before != settings:
                raise ValueError(
                    f"OUT {target}: holds another grading, of {before.get('name')} with CLASS={before.get('class')}, "
                    "or the master has changed since; give another folder"
                )
            for line in lines[1:]:
                with contextlib.suppress(ValueError, KeyError, TypeError):  # the last line may be cut off
                    entry = json.loads(line)
                    if entry["result"]["graded"]:
                        self.kept[entry["key"]] = result_of(entry["result"])
        self.settings = settings | {
            "class": settings["class"] if settings["class"] is not None else secrets.randbelow(10**9)
        }
        self.fresh = not lines

    def open(self):
        """Begin to write; the first line says what is graded."""
        self.file = open(self.path, "a", encoding="utf-8")
        if self.fresh:
            self.file.write(json.dumps(self.settings) + "\n")
            self.file.flush()

    def add(self, key, result):
        """Keep one more."""
        self.file.write(json.dumps({"key": key, "result": asdict(result)}) + "\n")
        self.file.flush()


def grade_folder(name, source, target, group=None, masters=assignments.MASTERS, jobs=None, walled=True, **given):
    """Grade every notebook of an inbox; write tables, feedback and a picture into `target`, as they come.

    Parameters
    ----------
    name : str
    source, target : str or Path
        Inbox (see `tools.grading.inbox`) and folder for what is written.
    group : int, optional
        Number of the class. Drawn at random unless given, and kept in `target`.
    masters : str or Path
    jobs : int, optional
        Notebooks at once; one a core.
    walled : bool
    **given
        Limits in place of the assignment's own.

    Returns
    -------
    list of Result
        In the order of the students' names.

    Raises
    ------
    ValueError
        The assignment is not known or its own solution gets less than all points, there is no notebook, one folder
        lies in the other, `target` cannot be written or holds another grading.
    """
    source, target = Path(source), Path(target)
    assignments.named(name, masters)
    if target.resolve() == source.resolve() or source.resolve() in target.resolve().parents:
        raise ValueError(f"OUT {target}: lies in the folder of the submissions; give another one")
    with tempfile.TemporaryDirectory() as folder:
        handed, left_out = inbox.read(source, name, Path(folder) / "inbox")
        assignment = prepare(name, Path(folder) / "built", masters, **given)
        try:
            (target / "feedback").mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=target):
                pass
        except OSError as error:
            raise ValueError(f"OUT {target}: cannot be written: {error.strerror}") from error
        ledger = Ledger(target, {"format": FORMAT, "name": name, "tests": _digest_of(assignment), "class": group})
        group = os.environ["UNET_TUTORIAL_CLASS"] = str(ledger.settings["class"])
        if ledger.fresh:
            _say(f"{name}: class number {group}; its own solution is graded first")
            solve(assignment, walled)
        ledger.open()
        with report.whole(target / "left_out.txt") as file:
            file.writelines(f"{line}\n" for line in left_out)
        return _grade_all(handed, assignment, ledger, target, jobs or os.cpu_count(), walled)


def _grade_all(handed, assignment, ledger, target, jobs, walled):
    keys = {
        id(one): f"{one.student}|{one.id}|{_digest(one.path)}|{one.weights and _digest(one.weights)}" for one in handed
    }
    results, todo = [], []
    for one in handed:
        kept = ledger.kept.get(keys[id(one)])
        (results if kept else todo).append(kept or one)
    written, by_student = time.monotonic(), {one.student: one for one in handed}
    try:
        for job, result in crew.work(todo, Job(assignment, ledger.settings["class"], walled), jobs):
            one = by_student[job.student]
            if result is None:
                result = Result(one.student)
                result.fail("the process that graded it was lost (out of memory, or killed)")
            result.student, result.id, result.system, result.late = one.student, one.id, one.system, one.late
            result.file = _shown(one.path.name)
            ledger.add(keys[id(one)], result)
            results.append(result)
            with contextlib.suppress(OSError):
                report.write_feedback(result, assignment.name, assignment.titles, target / "feedback")
            if time.monotonic() - written > 1:
                report.write_tables(results, assignment, target)
                written = time.monotonic()
            came = f"{result.points:g} of {result.possible:g}" if result.graded else result.notes[0]
            _say(f"[{len(results)}/{len(handed)}] {result.student}: {came}")
    finally:
        results.sort(key=lambda one: one.student)
        report.write_tables(results, assignment, target)
        _feedback_of_those_alone(results, assignment, target / "feedback", whole=len(results) == len(handed))
    report.draw(results, assignment, target / "summary.png")
    return results


def _feedback_of_those_alone(results, assignment, folder, whole):
    """All feedback is there, and, at the end of it, none of students who are no longer in the inbox."""
    kept = set()
    for result in results:
        path = folder / f"{result.student.replace('/', ' ')}.md"
        kept.add(path.name)
        if not path.is_file():
            report.write_feedback(result, assignment.name, assignment.titles, folder)
    for path in folder.glob("*.md") if whole else ():
        if path.name not in kept:
            path.unlink()


def _say(text):
    print(text, file=sys.stderr, flush=True)


def _digest(path):
    if not Path(path).is_file() or Path(path).is_symlink():
        return "-"
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest_of(assignment):
    """Of tests and limits: what the points hang on."""
    parts = [path.read_bytes() for path in sorted(assignment.tests.glob("*.py"))]
    return hashlib.sha256(b"".join([*parts, json.dumps(asdict(assignment.limits)).encode()])).hexdigest()


def _class_number(text):
    number = int(text)
    if not 0 <= number < 2**31:
        raise argparse.ArgumentTypeError(f"{text}: the number of a class is 0 or more, and below 2147483648")
    return number


_class_number.__name__ = "class number"  # argparse says: invalid class number value


def main(arguments=None):
    """The command line. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.grade", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("source", nargs="?", metavar="IN", help="folder or .zip of notebooks")
    parser.add_argument("target", nargs="?", metavar="OUT", help="folder for what is written")
    parser.add_argument("--json", metavar="FILE", help="grade one notebook and print the result")
    parser.add_argument("--masters", default=assignments.MASTERS, help="a class's own folder in place of assignments/")
    parser.add_argument(
        "--class",
        dest="group",
        type=_class_number,
        help="number of the class: its inputs; drawn at random unless given",
    )
    parser.add_argument("--jobs", type=int, help="notebooks at once; one a core unless given")
    parser.add_argument("--memory", type=float, help=f"GiB that a notebook may use ({Limits.memory / 2**30:g})")
    parsed = parser.parse_args(arguments)
    walled = sandbox.available()
    if not walled:
        _say(
            "bubblewrap is not here, or may not start processes: the notebooks run with limits of time, memory and "
            "processes, but could read and write your files"
        )
    given = {"memory": parsed.memory and int(parsed.memory * 2**30)}
    try:
        if parsed.json:
            print(json.dumps(grade_one(parsed, walled, given), indent=1))
            return 0
        if not (parsed.source and parsed.target):
            raise ValueError("give a folder of notebooks and a folder for the results, or --json FILE")
        results = grade_folder(
            parsed.name, parsed.source, parsed.target, parsed.group, parsed.masters, parsed.jobs, walled, **given
        )
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        _say(f"stopped: what is graded stands in {parsed.target}; the same command goes on")
        return 130
    ungraded = [result.student for result in results if not result.graded]
    left_out = len((Path(parsed.target) / "left_out.txt").read_text(encoding="utf-8").splitlines())
    print(
        f"{len(results)} notebooks: {parsed.target}/grades.csv, feedback/, summary.png"
        + (f"; {left_out} files left out, see left_out.txt" if left_out else "")
        + (f"; NOT graded: {', '.join(ungraded)}" if ungraded else "")
    )
    return 1 if ungraded else 0


def grade_one(parsed, walled, given):
    """The result of one notebook, to be printed."""
    os.environ["UNET_TUTORIAL_CLASS"] = str(secrets.randbelow(10**9) if parsed.group is None else parsed.group)
    sandbox.adopt_orphans()
    with tempfile.TemporaryDirectory() as folder:
        result = grade(parsed.json, prepare(parsed.name, folder, parsed.masters, **given), walled)
    return {
        "student": result.student,
        "points": result.points,
        "possible": result.possible,
        "graded": result.graded,
        "questions": [asdict(question) for question in result.questions],
        "went wrong": result.notes,
        "seconds": result.seconds,
    }


if __name__ == "__main__":
    sys.exit(main())
