"""Grades an inbox, several notebooks at once, and writes what comes as it comes."""

import contextlib
import hashlib
import json
import os
import re
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from .. import assignments
from . import crew, inbox, report
from .inside import wire
from .judging import grade, shown, solve
from .prepared import prepare
from .results import Ledger, Result

FORMAT = 1  # of what is kept in OUT to go on from


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
            say(f"{name}: class number {group}; its own solution is graded first")
            solve(assignment, walled)
        with report.whole(target / "left_out.txt") as file:
            file.writelines(f"{line}\n" for line in left_out)
        with ledger.open():
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
            result.file = shown(one.path.name)
            ledger.add(keys[id(one)], result)
            results.append(result)
            with contextlib.suppress(OSError):
                report.write_feedback(result, assignment.name, assignment.titles, target / "feedback")
            if time.monotonic() - written > 1:
                report.write_tables(results, assignment, target)
                written = time.monotonic()
            came = f"{result.points:g} of {result.possible:g}" if result.graded else result.notes[0]
            say(f"[{len(results)}/{len(handed)}] {result.student}: {came}")
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


def say(text):
    """Tell whoever waits for it."""
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
