"""Grades one notebook: runs it, lets the tests judge its answers, and notes what went wrong on the way."""

import contextlib
import os
import re
import time
from pathlib import Path

import numpy as np

from . import scoring
from .answers import Answer
from .cells import called, code_cells, spying
from .inside import wire
from .results import Result
from .submission import Lost, Submission, Ungraded


def grade(path, assignment, walled=True, weights=None):
    """Grade one notebook. Whatever it does, a Result comes back.

    A file of the same name that ends in .npz, or `weights`, is laid beside the notebook as weights.npz.
    """
    started, path = time.monotonic(), Path(path)
    result, submission = Result(shown(path.stem)), None
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
        result.notes.append(f"{shown(path.name)} {error}")
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


def shown(name):
    """A file's name as it may be written: without what is no letter, and not too long."""
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
