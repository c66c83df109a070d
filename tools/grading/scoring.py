"""Runs the test files of an assignment against the functions of a submission."""

import builtins
import inspect
import re
from dataclasses import dataclass, field
from pathlib import Path

from unet_tutorial.exercises import Raised, Wrong

from .submission import Lost, Ungraded

LONGEST = 700  # characters of what a test says
KNOWN = {name for name in dir(builtins) if isinstance(getattr(builtins, name), type)} | {"LinAlgError"}


@dataclass
class Fault:
    """What a failed test said: to the instructor, and to the student, who must not learn the inputs of a hidden one."""

    test: str
    hidden: bool
    text: str
    told: str


@dataclass
class Question:
    """Points of one question, and what each test that failed said (`hidden` ones too)."""

    name: str
    points: float
    possible: float
    faults: list = field(default_factory=list)


class Misjudged(Exception):
    """A test has failed for a reason that is no judgement: a fault of the test."""


def score(tests, answers, begin=lambda: None, missing=lambda name: f"no function or value named `{name}`"):
    """Score a submission.

    Parameters
    ----------
    tests : str or Path
        Folder of Otter's test files, one a question.
    answers : dict
        The names that a submission defined, and their values.
    begin : callable
        Called before each question.
    missing : callable
        Says, of a name that is not in `answers`, why it is missing.

    Returns
    -------
    list of Question
        In the order of the questions' names. An error of an answer costs the points of the test that it ends, nothing
        else.

    Raises
    ------
    Misjudged
        A test has failed with an error that is neither its judgement nor the answer's.
    """
    return [question(path, answers, begin, missing) for path in sorted(Path(tests).glob("*.py"))]


def question(path, answers, begin=lambda: None, missing=lambda name: f"no function or value named `{name}`"):
    """Score one question, of which `path` is Otter's test file. Parameters and rule are those of `score`."""
    begin()
    file = _file(path)
    result = Question(file.name, 0, 0)
    for case in file.test_cases:
        result.possible += case.points
        test = getattr(case.body.test_func, "__name__", case.name)
        lacking = [name for name in inspect.signature(case.body.test_func).parameters if name not in answers]
        text, told = None, None
        try:
            if lacking and "env" not in lacking:
                text = told = missing(lacking[0])
            else:
                case.body.call_func(answers)
        except Wrong as error:
            text, told = str(error), _told(str(error), error.hint)
        except (Lost, Raised, AssertionError) as error:
            text = told = f"{error}" if not isinstance(error, Raised) else f"raised {error.names[0]}: {error}"
            told = told if isinstance(error, Lost) else _told(text, None)
        except Ungraded:
            raise
        except Exception as error:
            raise Misjudged(f"{test}: {type(error).__name__}: {str(error)[:300]}") from error
        if text is None:
            result.points += case.points
        else:
            result.faults.append(Fault(test, bool(case.hidden), _short(text), _short(told if case.hidden else text)))
    return result


def _told(text, hint):
    """Of a hidden test's judgement, what gives away no input and no expected value."""
    if hint:
        return f"This is wrong for some inputs that the text names or allows.\nLikely cause: {hint}"
    raised = re.search(r"raised (\w+)", text)
    if raised and raised[1] in KNOWN:
        return f"Some inputs that the text names or allows end in a {raised[1]}."
    if "calls unet_tutorial" in text:
        return "This answer calls a function of the package; the task is to write it yourself."
    if "changes its" in text:
        return "The function changes an array that it was given; work on a copy."
    return "This is wrong for some inputs that the text names or allows. Read it to its end, and try such inputs."


def _short(text):
    return text if len(text) <= LONGEST else text[: LONGEST - 4] + " ..."


def _file(path):
    from otter.test_files.exception_test import ExceptionTestFile

    return ExceptionTestFile.from_file(str(path))


def question_points(path):
    """Name and points of the question of a test file."""
    file = _file(path)
    return file.name, sum(case.points for case in file.test_cases)


def takes(path):
    """Names of the answers that the tests of a question take."""
    return {name for case in _file(path).test_cases for name in inspect.signature(case.body.test_func).parameters}
