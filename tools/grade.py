"""Grades notebooks of one assignment, each in processes of its own, and writes scores, feedback and a summary.

python -m tools.grade NAME IN OUT          grade every .ipynb in the folder IN
python -m tools.grade NAME --json FILE     grade one notebook, print the result
"""

import argparse
import csv
import functools
import json
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path

import nbformat
import numpy as np
from tqdm import tqdm

from unet_tutorial._shared.files import whole

from . import assignments, sandbox, scoring, wire

LARGEST = 20 * 2**20  # bytes of a notebook
FRESH_STARTS = 4  # after a cell or a call that ended the student's process


@dataclass
class Limits:
    """What a submission may use. Seconds: in all, a cell, a call of a function. Bytes: of memory, of one file."""

    seconds: float = 300.0
    cell_seconds: float = 60.0
    call_seconds: float = 20.0
    memory: int = 4 * 2**30
    file_bytes: int = 100 * 2**20


def limits_of(master, **given):
    """The limits of an assignment: limits.json beside its master, where there is one, and what the command line says.

    Raises ValueError where that file names something else.
    """
    path = Path(master).with_name("limits.json")
    own = json.loads(path.read_text()) if path.is_file() else {}
    try:
        return Limits(**own | {name: value for name, value in given.items() if value is not None})
    except TypeError as error:
        raise ValueError(f"{path}: {error}; it may hold {', '.join(asdict(Limits()))}") from error


@dataclass
class Result:
    """What a submission got: a `scoring.Question` for each question, and what went wrong on the way."""

    student: str
    questions: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    seconds: float = 0.0

    @property
    def points(self):
        return sum(question.points for question in self.questions)

    @property
    def possible(self):
        return sum(question.possible for question in self.questions)


class Lost(Exception):
    """The student's process has ended, or what it sent is no answer."""


class Answer:
    """A function of the student's, called in the student's process."""

    def __init__(self, submission, name):
        self.submission, self.__name__ = submission, name

    def at_home(self, run, *arguments):
        """Call `run` where the function lives; see `unet_tutorial.exercises.at_home`."""
        return self.submission.ask(run, arguments)

    def __call__(self, *arguments):
        raise TypeError(
            f"{self.__name__} lives in another process: a test must call it through unet_tutorial.exercises"
        )


class Submission:
    """A student's notebook, run in a process that is started again where a cell or a call ends it."""

    def __init__(self, cells, files, limits, walled):
        self.cells, self.files, self.limits, self.walled = cells, files, limits, walled
        self.skip, self.failed, self.functions, self.values = set(), {}, [], {}
        self.process, self.starts = None, 0
        self.deadline = time.monotonic() + limits.seconds

    def start(self):
        """Run the cells, without those that ended the process before. Raises Lost where that cannot be done."""
        while True:
            self.close()
            left = self.deadline - time.monotonic()
            if self.starts > FRESH_STARTS or left <= 0:
                raise Lost(
                    f"the notebook took more than {self.limits.seconds:g} s"
                    if left <= 0
                    else f"the notebook ended its process {self.starts} times"
                )
            self.starts += 1
            self.process = sandbox.Process("tools.submission", left, self.limits.memory, walled=self.walled)
            cell = None
            try:
                wire.send(
                    self.process.stdin,
                    {
                        "cells": self.cells,
                        "files": self.files,
                        "skip": sorted(self.skip),
                        "limits": asdict(self.limits),
                    },
                )
                while "functions" not in (message := self._receive()):
                    cell = int(message["cell"])
                    self._grant(self.limits.cell_seconds)
                self.process.deadline = self.deadline
                self.failed |= {int(key): str(text) for key, text in message["failed"].items()}
                self.functions = [str(name) for name in message["functions"]]
                self.values = {
                    name: value for name, value in message["values"].items() if isinstance(value, (int, float))
                }
                return
            except (Lost, OSError, KeyError, TypeError, ValueError, AttributeError) as error:
                if cell is None or cell in self.skip:
                    raise Lost(f"the notebook could not be run ({error})") from error
                self.skip.add(cell)
                self.failed[cell] = self.process.why or "ended the process"

    def _grant(self, seconds):
        """Leave the process a little more than its own limit: that one stops Python, this one what does not listen."""
        self.process.deadline = min(self.deadline, time.monotonic() + seconds + 3)

    def _receive(self):
        try:
            message = wire.receive(self.process.stdout)
        except wire.Malformed as error:
            raise Lost(f"its process sent no answer: {error}") from error
        if not isinstance(message, dict):
            self.process.process.wait(5)
            raise Lost(self.process.why or "its process ended")
        return message

    def ask(self, run, arguments):
        """Call a function there. An error there comes back as an AssertionError here, a lost process as Lost."""
        if self.process is None:
            self.start()
        self._grant(self.limits.call_seconds)
        try:
            wire.send(self.process.stdin, {"run": run, "arguments": list(arguments)})
            message = self._receive()
        except (Lost, OSError) as error:
            why = self.process.why or str(error)
            self.close()
            raise Lost(f"the call ended the notebook's process: it {why}") from error
        self.process.deadline = self.deadline
        if "answer" not in message:
            raise AssertionError(str(message.get("error")))
        return message["answer"]

    def close(self):
        if self.process:
            self.process.close()
        self.process = None


def code_cells(path):
    """Sources of the code cells. Raises ValueError where the file is no notebook."""
    path = Path(path)
    if path.is_symlink() or not path.is_file():
        raise ValueError("is not a file")
    if path.stat().st_size > LARGEST:
        raise ValueError(f"is larger than {LARGEST >> 20} MiB")
    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        return [str(cell.source) for cell in notebook.cells if cell.cell_type == "code"]
    except Exception as error:  # nbformat raises whatever the damage leads to
        raise ValueError(f"is not a notebook: {str(error).splitlines()[0][:100] if str(error) else error!r}") from error


def grade(path, tests, limits=None, walled=True):
    """Grade one notebook. Whatever it does, a Result comes back.

    A file of the same name that ends in .npz is laid beside the notebook as weights.npz.
    """
    limits, started = limits or Limits(), time.monotonic()
    result = Result(Path(path).stem)
    answers, submission = {}, None
    try:
        cells = code_cells(path)
        weights = Path(path).with_suffix(".npz")
        files = {}
        if weights.is_file() and not weights.is_symlink() and weights.stat().st_size <= limits.file_bytes:
            files["weights.npz"] = np.frombuffer(weights.read_bytes(), np.uint8)
        submission = Submission(cells, files, limits, walled)
        submission.start()
        answers = submission.values | {name: Answer(submission, name) for name in submission.functions}
    except ValueError as error:
        result.notes.append(f"{Path(path).name} {error}")
    except Lost as error:
        result.notes.append(str(error))
    try:
        with _quiet():
            result.questions = scoring.score(tests, answers)
    finally:
        if submission:
            result.notes += [
                f"cell {number + 1}: {text}"
                for number, text in sorted(submission.failed.items())
                if not text.startswith(("Wrong:", "NameError: name 'check'"))
            ]
            submission.close()
    result.seconds = round(time.monotonic() - started, 1)
    return result


def grade_safely(path, tests, limits, walled):
    """As `grade`; an error of the grader's own becomes a note, so that the others are graded."""
    try:
        return grade(path, tests, limits, walled)
    except Exception as error:
        return Result(Path(path).stem, notes=[f"NOT GRADED, the grader failed: {type(error).__name__}: {error}"])


class _quiet:
    def __enter__(self):
        self.kept, sys.stdout = sys.stdout, open(os.devnull, "w")

    def __exit__(self, *details):
        sys.stdout.close()
        sys.stdout = self.kept


def grade_folder(name, source, target, limits=None, masters=assignments.MASTERS, jobs=None, walled=True):
    """Grade every notebook in a folder; write grades.csv, feedback/<student>.md and summary.png into `target`.

    Returns
    -------
    list of Result
        In the order of the students' names.

    Raises
    ------
    ValueError
        The assignment is not known, there is no notebook, or one folder lies in the other.
    """
    source, target = Path(source), Path(target)
    master = assignments.named(name, masters)
    if not source.is_dir():
        raise ValueError(f"IN {source}: is not a folder; give the one that holds the students' notebooks")
    if target.resolve() == source.resolve() or source.resolve() in target.resolve().parents:
        raise ValueError(f"OUT {target}: lies in the folder of the submissions; give another one")
    paths = sorted(path for path in source.iterdir() if path.suffix == ".ipynb")
    if not paths:
        raise ValueError(f"IN {source}: holds no .ipynb")
    with tempfile.TemporaryDirectory() as folder:
        tests = build(master, folder) / "tests"
        work = functools.partial(grade_safely, tests=tests, limits=limits or Limits(), walled=walled)
        with ProcessPoolExecutor(jobs or os.cpu_count()) as pool:
            waiting = {pool.submit(work, path): path for path in paths}
            results = []
            for future in tqdm(as_completed(waiting), total=len(paths), unit="notebook"):
                try:
                    results.append(future.result())
                except Exception as error:  # a worker was killed
                    results.append(Result(waiting[future].stem, notes=[f"NOT GRADED, the grader failed: {error!r}"]))
    results.sort(key=lambda result: result.student)
    write(results, name, target)
    return results


def build(master, folder):
    """Build one assignment into a folder; the path of its solution and tests."""
    return assignments.build(master, Path(folder) / "students", Path(folder) / "dist")


def write(results, name, target):
    """Write the scores, the feedback and the summary; a file is replaced as a whole."""
    names = sorted({question.name: question.possible for result in results for question in result.questions}.items())
    (target / "feedback").mkdir(parents=True, exist_ok=True)
    with whole(target / "grades.csv") as file:
        rows = csv.writer(file)
        rows.writerow(["student", *(question for question, _ in names), "total", "possible", "seconds", "went wrong"])
        for result in results:
            points = {question.name: question.points for question in result.questions}
            rows.writerow(
                [
                    _cell(result.student),
                    *(points.get(question, 0) for question, _ in names),
                    result.points,
                    sum(most for _, most in names),
                    result.seconds,
                    _cell("; ".join(result.notes)),
                ]
            )
    for result in results:
        (target / "feedback" / f"{result.student}.md").write_text(feedback(result, name))
    draw(results, names, name, target / "summary.png")


def _cell(text):
    """Text that a spreadsheet does not take for a formula, on one line."""
    text = " ".join(text.split())
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def feedback(result, name):
    """What a student reads: points a question, and what each failed test said."""
    lines = [f"# {name}: {result.points:g} of {result.possible:g} points", ""]
    lines += [f"- Went wrong: {note}" for note in result.notes] + [""] * bool(result.notes)
    for question in result.questions:
        lines += [f"## {question.name}: {question.points:g} of {question.possible:g}", ""]
        lines += [f"```\n{fault[:2000]}\n```\n" for fault in question.faults] or ["Right.", ""]
    return "\n".join(lines)


def draw(results, names, name, path):
    """A row of dots for each question: one dot a student, the mean as a line."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from unet_tutorial.plotting import _style

    _style.use_style()
    fig, ax = plt.subplots(figsize=(6.5, 0.9 + 0.55 * len(names)))
    for row, (question, most) in enumerate(names):
        shares = np.array(
            [next((one.points for one in result.questions if one.name == question), 0) / most for result in results]
        )
        values, counts = np.unique(np.round(shares, 3), return_counts=True)
        ax.scatter(
            values,
            np.full(len(values), row),
            s=30 + 500 * counts / len(results),
            color=_style.COLOURS["conv"],
            alpha=0.75,
            lw=0,
        )
        for value, count in zip(values, counts):
            ax.annotate(f"{count}", (value, row), ha="center", va="center", color="white", size=8)
        ax.plot([shares.mean()] * 2, [row - 0.35, row + 0.35], color=_style.COLOURS["accent"])
    ax.set_yticks(range(len(names)), [f"{question} ({most:g})" for question, most in names])
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlim(-0.08, 1.08)
    ax.set_xlabel("share of the points; numbers count students, lines are means")
    ax.set_title(f"{name}: {len(results)} notebooks")
    fig.savefig(path)
    plt.close(fig)


def main(arguments=None):
    """The command line. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.grade", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("source", nargs="?", metavar="IN", help="folder of notebooks")
    parser.add_argument("target", nargs="?", metavar="OUT", help="folder for what is written")
    parser.add_argument("--json", metavar="FILE", help="grade one notebook and print the result")
    parser.add_argument("--masters", default=assignments.MASTERS, help="a class's own folder in place of assignments/")
    parser.add_argument("--class", dest="group", default="0", help="number of the class: other fresh inputs")
    parser.add_argument("--jobs", type=int, help="notebooks at once; one a core unless given")
    parser.add_argument(
        "--seconds", type=float, help=f"a notebook may take ({Limits.seconds:g}, or its own limits.json)"
    )
    parser.add_argument("--memory", type=float, help=f"GiB it may use ({Limits.memory / 2**30:g})")
    parsed = parser.parse_args(arguments)
    os.environ["UNET_TUTORIAL_CLASS"] = parsed.group
    walled = sandbox.available()
    if not walled:
        print(
            "bubblewrap is not here, or may not start processes: the notebooks run with limits of time, memory and "
            "processes, but could read and write your files",
            file=sys.stderr,
        )
    try:
        master = assignments.named(parsed.name, parsed.masters)
        limits = limits_of(master, seconds=parsed.seconds, memory=parsed.memory and int(parsed.memory * 2**30))
        if parsed.json:
            with tempfile.TemporaryDirectory() as folder:
                tests = build(master, folder) / "tests"
                result = grade(parsed.json, tests, limits, walled)
            print(
                json.dumps(
                    {
                        "student": result.student,
                        "points": result.points,
                        "possible": result.possible,
                        "questions": [question._asdict() for question in result.questions],
                        "went wrong": result.notes,
                        "seconds": result.seconds,
                    },
                    indent=1,
                )
            )
            return 0
        if not (parsed.source and parsed.target):
            raise ValueError("give a folder of notebooks and a folder for the results, or --json FILE")
        results = grade_folder(parsed.name, parsed.source, parsed.target, limits, parsed.masters, parsed.jobs, walled)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    ungraded = [result.student for result in results if any(note.startswith("NOT GRADED") for note in result.notes)]
    print(
        f"{len(results)} notebooks: {parsed.target}/grades.csv, feedback/, summary.png"
        + (f"; NOT graded: {', '.join(ungraded)}" if ungraded else "")
    )
    return 1 if ungraded else 0


if __name__ == "__main__":
    sys.exit(main())
