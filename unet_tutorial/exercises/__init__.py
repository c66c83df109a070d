"""Checks of the assignments: each says what was expected, what came, and for the usual mistakes the likely cause.

A check calls the student's function on fresh random inputs and compares with a tolerance. A cause is named only where
the mistake gives, on every input, exactly what came. There is one module for each assignment.
"""

import copy
import functools
import inspect
import os
import re
import types
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..rounding import rounding_bound
from ._probes import NoNumbers, plain

PACKAGE = __name__.split(".", maxsplit=1)[0]
TOLERANCE = rounding_bound(terms=10**6)  # 0.001: float32, and many more terms than a check adds up, for other formulas
FINE = rounding_bound(terms=1000)  # a few operations in 32 bits, one of them a power or a long sum, but not in 16 bits


class Wrong(AssertionError):
    """The answer is wrong; the text says how. A notebook shows the text alone, without the way through the check.

    `hint` is the likely cause alone: it names neither an input nor what was expected.
    """

    def __init__(self, text, hint=None):
        super().__init__(text + (f"\nLikely cause: {hint}" if hint else ""))
        self.hint = hint

    def _render_traceback_(self):
        return [f"Not yet. {self}"]


class Changed(Exception):
    """A student's function has changed an array that it was given."""


class Raised(Exception):
    """A student's function, in a process of its own, has raised an error: the names of its classes, and its text."""

    def __init__(self, names, text):
        super().__init__(text)
        self.names = names


class Mistake(NamedTuple):
    """A usual mistake: a hint for the student, and a function that makes it."""

    hint: str
    wrong: Callable


def check(function, truth, cases, mistakes=(), run=None, tolerance=TOLERANCE, names=None, whole=False):
    """Compare a student's function with the truth on every case.

    Parameters
    ----------
    function, truth : callable
        Both take the arguments of a case. Messages call them by the name of `truth`, without its underscore.
    cases : list of tuple
    mistakes : sequence of Mistake
        Named as the likely cause where one of them gives what `function` gives, in every case.
    run : callable, optional
        Calls a function with a case and returns what `capture` returns; `call` unless given.
    tolerance : float
        Largest difference, absolute up to 1 and relative above.
    names : sequence of str, optional
        Of the arguments, for the message; those of `truth` unless given. Arguments without a name are left out.
    whole : bool
        The result must be whole numbers by their type.

    Raises
    ------
    Wrong
        Names the inputs, what was expected, what came, and the likely cause where one fits.
    """
    refuse_borrowed(function)
    run, name = run or call, truth.__name__.removeprefix("_")
    came = [run(function, *case) for case in cases]
    expected = [run(truth, *case) for case in cases]
    faults = [fault(want, got, tolerance) for want, got in zip(expected, came)]
    first = next((index for index, text in enumerate(faults) if text), None)
    if first is None:
        kind = next((got["value"].dtype for got in came if whole and getattr(got["value"], "dtype", "i") != "i"), None)
        law(
            kind is None or kind.kind in "iu",
            f"{name}: the numbers are right, but their type is {kind}",
            "they are floats; whole numbers are asked for, as `//` and `int` give them.",
        )
        print(f"{name}: right on {len(cases)} inputs")
        return
    raise Wrong(
        f"{name}({describe(names or truth, cases[first])}): {faults[first]}",
        cause(mistakes, cases, came, run, tolerance),
    )


def cause(mistakes, cases, came, run, tolerance=TOLERANCE):
    """The hint of the mistake that gives what came in every case, or None."""
    for mistake in mistakes:
        if all(fault(run(mistake.wrong, *case), got, tolerance) is None for case, got in zip(cases, came)):
            return mistake.hint
    return None


def again(draws):
    """The same sizes, and the first of them once more: no input is told by its size from one that came before."""
    draws = list(draws)
    return [*draws, draws[0]]


def refuses(function, name, cases, rule, error=ValueError, told=None):
    """Check that a function raises an error in each case. `rule` says why it should, in the words of the task.

    `told` gives the numbers of a case of which the error's message must name one.
    """
    refuse_borrowed(function)
    for case in cases:
        got = call(function, *case)
        if "raised" not in got:
            raise Wrong(
                f"{name}({describe(None, case)}): expected a {error.__name__}, because {rule}; came "
                f"{show(got['value'])} instead."
            )
        if error.__name__ not in got["raised"]:
            raise Wrong(
                f"{name}({describe(None, case)}): expected a {error.__name__}, because {rule}; came "
                f"{got['raised'][0]}: {got['text']}"
            )
        numbers = told(*case) if told else ()
        law(
            not numbers or {*re.findall(r"\d+", got["text"])} & {*map(str, numbers)},
            f"{name}({describe(None, case)}): refuses rightly, but the message {got['text']!r} does not name what is "
            f"wrong, {' or '.join(map(str, numbers))}",
        )
    print(f"{name}: rightly refuses {len(cases)} inputs")


def law(holds, text, hint=None):
    """Raise `Wrong` with the text, and the likely cause, unless the law holds."""
    if not holds:
        raise Wrong(text, hint)


_PLACES = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh")


def call(function, *case):
    """Call a function with copies of a case; see `capture`."""
    copies = copy.deepcopy(case)

    def whole():
        value = function(*copies)
        for place, (before, after) in enumerate(zip(case, copies)):
            if isinstance(before, np.ndarray) and not np.array_equal(before, after, equal_nan=before.dtype.kind == "f"):
                raise Changed(f"the function changes its input, the {_PLACES[place]} argument; work on a copy")
        return value

    return capture(whole)


def value_of(function, *case):
    """The value of a student's function as arrays, or `Wrong`."""
    got = call(function, *case)
    name = getattr(function, "__name__", "the function")
    where = f"{name}({describe(None, case)})"
    if "raised" in got:
        raise Wrong(f"{where}: {_raised(got)}")
    law(got["value"] is not None, f"{where}: came None: {UNSOLVED}")
    return got["value"]


def capture(compute):
    """Return {"value": arrays and numbers} or {"raised": names of the error's classes, "text": its message}."""
    try:
        return {"value": plain(compute())}
    except Raised as error:
        return {"raised": error.names, "text": str(error)}
    except Exception as error:  # whatever a student's code raises
        names = [kind.__name__ for kind in type(error).__mro__]
        return {"raised": names, "text": str(error)[:500]}


UNSOLVED = "is the task still unsolved, or does the function end without `return`?"


def fault(expected, came, tolerance=TOLERANCE):
    """What is wrong with the outcome of a call, as a sentence; None if nothing is."""
    if "raised" in came:
        return None if "raised" in expected and expected["raised"][0] == came["raised"][0] else _raised(came)
    if "raised" in expected:
        return f"expected a {expected['raised'][0]}, came {show(came['value'])}."
    return _difference(expected["value"], came["value"], tolerance)


def _raised(came):
    kind, text = came["raised"][0], came["text"]
    if kind == "Borrowed":
        return f"this answer calls {text}; the task is to write it yourself."
    return f"{text}." if kind in (Changed.__name__, NoNumbers.__name__) else f"raised {kind}: {text}"


def _difference(expected, came, tolerance, part=""):
    if came is None and expected is not None:
        return f"{part}came None: {UNSOLVED}"
    if isinstance(expected, dict):
        if not isinstance(came, dict):
            return f"{part}expected {', '.join(expected)}, came {show(came)}."
        return next(
            filter(None, (_difference(expected[key], came.get(key), tolerance, f"{key}: ") for key in expected)), None
        )
    if isinstance(expected, tuple):
        if not isinstance(came, (tuple, np.ndarray)) or len(came) != len(expected):
            return f"{part}expected {len(expected)} values, came {show(came)}."
        return next(
            filter(
                None,
                (
                    _difference(want, got, tolerance, f"{part}value {number} of {len(expected)}: ")
                    for number, (want, got) in enumerate(zip(expected, came), 1)
                ),
            ),
            None,
        )
    if isinstance(expected, str) or expected is None:
        return None if came == expected else f"{part}expected {expected}, came {show(came)}."
    try:
        want, got = np.array(expected, np.float64), np.array(_numbers(came), np.float64)
    except (TypeError, ValueError, OverflowError):
        return f"{part}expected {show(expected)}, came {show(came)}."
    if want.shape != got.shape:
        return f"{part}expected {_shape(want)}, came {_shape(got)}{_odd_ones(want, got)}."
    if not want.size:
        return None
    with np.errstate(invalid="ignore", over="ignore"):
        off = np.asarray(np.abs(got - want) / np.maximum(1, np.abs(want)))
    off[np.isnan(off)] = np.inf
    off[(want == got) | (np.isnan(want) & np.isnan(got))] = 0
    if off.max() <= tolerance:
        return None
    place = np.unravel_index(np.argmax(off > tolerance), off.shape)
    where = f"at [{', '.join(map(str, place))}] " if want.ndim else ""
    return f"{part}{where}expected {_number(want[place])}, came {_number(got[place])}."


def _numbers(value):
    """The value, or a TypeError where it holds anything but numbers: the text "1" is none."""
    if isinstance(value, (tuple, list)):
        return [_numbers(one) for one in value]
    if isinstance(value, (bool, int, float, np.ndarray)):
        return value
    raise TypeError(f"a {type(value).__name__} is no number")


def _number(value):
    return f"{value:.0f}" if abs(value) < 1e12 and value == int(value) else f"{value:.6g}"


def _odd_ones(want, got):
    """Of two long lists, the first number that only one of them holds, in words."""
    if want.ndim != 1 or got.ndim != 1 or len(want) <= 8:
        return ""
    missing, surplus = np.setdiff1d(want, got), np.setdiff1d(got, want)
    return f"; {missing[0]:g} is missing" if len(missing) else f"; {surplus[0]:g} is too many" if len(surplus) else ""


def _shape(array):
    if array.ndim == 1 and len(array) == 1:
        return f"an array of one number ({array[0]:g})"
    if array.ndim == 1:
        return f"{len(array)} numbers" + (f" ({', '.join(f'{one:g}' for one in array[:8])})" if len(array) <= 8 else "")
    return f"shape {array.shape}" if array.ndim else f"the number {float(array):.6g}"


def show(value):
    """A value in a few words."""
    if isinstance(value, np.ndarray):
        return _shape(value) if value.ndim else f"{value}"
    if isinstance(value, (tuple, dict)):
        return f"{len(value)} values"
    return repr(value) if isinstance(value, str) else f"{value}"


def describe(function, case):
    """The arguments of a call in a few words."""
    names = list(inspect.signature(function).parameters) if callable(function) else function or [None] * len(case)
    words = []
    for name, value in zip(names, case):
        if isinstance(value, np.ndarray) and value.ndim:
            text = f"shape {value.shape}"
        else:
            text = getattr(value, "__name__", "").removeprefix("_") or (
                "rng" if isinstance(value, np.random.Generator) else f"{value}"
            )
        words.append(f"{name}: {text}" if name and name != text else text)
    return ", ".join(words)


def refuse_borrowed(function):
    """Raise `Wrong` where the answer is the package's own function, or calls one.

    This reminds an honest student. In the grader the package's answers are not there at all.
    """
    law(callable(function), f"expected a function, came {type(function).__name__}: {UNSOLVED}")
    name = None if hasattr(function, "submission") else borrowed(function)
    law(not name, f"this answer is, or calls, {name} of the package; the task is to write it yourself")


def borrowed(function):
    """Name of whatever in this package a function is or calls, directly or through other functions; None if nothing."""
    waiting, seen = [function], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, functools.partial):
            waiting += [one.func, *one.args, *one.keywords.values()]
        origin = one.__name__ if isinstance(one, types.ModuleType) else getattr(one, "__module__", None)
        if isinstance(origin, str) and origin.split(".")[0] == PACKAGE:
            return origin if isinstance(one, types.ModuleType) else f"{origin}.{getattr(one, '__qualname__', one)}"
        one = getattr(one, "__wrapped__", getattr(one, "__func__", one))
        if isinstance(one, type):
            waiting += [part for part in vars(one).values() if callable(part)]
        elif not isinstance(one, (types.FunctionType, type(len), types.ModuleType)) and callable(one):
            waiting.append(type(one).__call__)
        if not isinstance(one, types.FunctionType):
            continue
        waiting += [cell.cell_contents for cell in one.__closure__ or () if cell.cell_contents is not None]
        for code in codes(one.__code__):
            by_string = {"import_module", "__import__"} & {*code.co_names}  # else a text is but a text
            words = [*code.co_names, *(text for text in code.co_consts if by_string and isinstance(text, str))]
            if any(word.split(".")[0] == PACKAGE for word in words):
                return PACKAGE
            waiting += [one.__globals__[name] for name in code.co_names if _leads_on(one.__globals__.get(name))]
    return None


def _leads_on(value):
    """Whether a global name may lead to the package: a function or class of the notebook, anything of the package."""
    if isinstance(value, types.ModuleType):
        return value.__name__.split(".")[0] == PACKAGE
    origin = getattr(value, "__module__", None)
    return (
        callable(value)
        and isinstance(origin, str)
        and origin.split(".")[0] in (PACKAGE, "__main__", "builtins")
        and (not isinstance(value, type(len)))
    )


def codes(code):
    """A piece of compiled code and all those inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes(constant)


def class_seed(number):
    """Seed of the fresh inputs of a hidden test: other ones where UNET_TUTORIAL_CLASS holds the number of a class."""
    return [number, int(os.environ.get("UNET_TUTORIAL_CLASS", "0"))]


def random_weights(weights, rng):
    """Random values for the weights of a Keras model, given as pairs of path and shape; variances are positive."""
    values = [rng.normal(0, 0.5, shape) for _, shape in weights]
    return [np.abs(value) if "variance" in path else value for value, (path, _) in zip(values, weights)]
