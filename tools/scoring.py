"""Runs the test files of an assignment against the functions of a submission."""

import inspect
from pathlib import Path
from typing import NamedTuple


class Question(NamedTuple):
    """Points of one question, and the text of each test that failed (`hidden` ones too)."""

    name: str
    points: float
    possible: float
    faults: tuple


def score(tests, answers):
    """Score a submission.

    Parameters
    ----------
    tests : str or Path
        Folder of Otter's test files, one a question.
    answers : dict
        The names that a submission defined, and their values.

    Returns
    -------
    list of Question
        In the order of the questions' names. An exception costs the points of the test that it ends, nothing else.
    """
    return [question(path, answers) for path in sorted(Path(tests).glob("*.py"))]


def question(path, answers):
    """Score one question, of which `path` is Otter's test file. Parameters and rule are those of `score`."""
    from otter.test_files.exception_test import ExceptionTestFile

    points = possible = 0
    faults = []
    file = ExceptionTestFile.from_file(str(path))
    for case in file.test_cases:
        possible += case.points
        try:
            case.body.call_func(answers)
            points += case.points
        except Exception as error:
            text = str(error) if type(error).__name__ == "Wrong" else f"{type(error).__name__}: {error}"
            faults.append(text)
    return Question(file.name, points, possible, tuple(faults))


def takes(path):
    """Names of the answers that the tests of a question take."""
    from otter.test_files.exception_test import ExceptionTestFile

    return {
        name
        for case in ExceptionTestFile.from_file(str(path)).test_cases
        for name in inspect.signature(case.body.test_func).parameters
    }
