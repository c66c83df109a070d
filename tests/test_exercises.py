"""Laws of the checks: a right answer passes, a wrong one is told what came, and a cause is named only where it fits."""

import importlib

import numpy as np
import pytest

from unet_tutorial import exercises, tiling
from unet_tutorial.exercises import (
    Mistake,
    Wrong,
    borrowed,
    check,
    tiling_and_metrics,
)

CASES = [(np.array([1.0, -2.0, 3.0]),), (np.array([[0.5, 4.0]]),)]


def twice(x):
    return 2 * x


MISTAKES = (
    Mistake("it is squared.", lambda x: x**2),
    Mistake("the sign is lost.", lambda x: abs(2 * x)),
    Mistake("it is transposed.", lambda x: (2 * x).T),
)


def told(function, truth=twice, cases=CASES, mistakes=MISTAKES, **options):
    with pytest.raises(Wrong) as caught:
        check(function, truth, cases, mistakes, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    "right",
    [
        lambda x: x + x,
        lambda x: (x + x).tolist(),
        lambda x: np.float32(2) * x.astype(np.float32),
        lambda x: 2 * x + 1e-6,
        lambda x: [list(row) for row in 2 * x] if x.ndim > 1 else tuple(2 * x),
    ],
)
def test_every_way_to_the_same_numbers_is_right(right, capsys):
    check(right, twice, CASES, MISTAKES)
    assert "twice: right on 2 inputs" in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrong, words",
    [
        (lambda x: 2 * x[:-1], "expected 3 numbers (2, -4, 6), came 2 numbers (2, -4)"),
        (lambda x: 2 * x + (x > 2), "at [2] expected 6, came 7"),
        (lambda x: None, "still unsolved"),
        (lambda x: x * np.nan, "came nan"),
        (lambda x: {}["a"], "raised KeyError"),
        (lambda: 0, "raised TypeError"),
        (lambda x: "text", "came 'text'"),
        (lambda x: (2 * x, 2 * x), "expected 3 numbers"),
        (lambda x: object(), "came a value of type object, where real numbers are asked for"),
        (lambda x: (2 * x).astype(str), "came an array of <U"),
        (lambda x: (one for one in x), "came a value of type generator"),
        (lambda x: x.sort() or 2 * x, "changes its input"),
    ],
)
def test_a_wrong_answer_is_told_what_came(wrong, words):
    text = told(wrong)
    assert words in text and "twice(" in text and "Likely" not in text


def test_a_single_number_is_compared_too(capsys):
    check(lambda x: float(x.sum()), total, CASES)
    assert "came 3" in told(lambda x: x.sum() + 1, total) and "expected the number 2" in told(lambda x: x, total)


def total(x):
    return x.sum()


def test_a_cause_is_named_where_the_mistake_gives_what_came_on_every_input():
    assert "Likely cause: it is squared." in told(lambda x: x * x)
    assert "Likely cause: it is transposed." in told(lambda x: x.T * 2)


def test_no_cause_is_named_where_the_mistake_fits_some_inputs_only():
    assert "Likely" not in told(lambda x: x * x if x.ndim == 1 else 3 * x)
    assert "Likely" not in told(lambda x: x * x + 0.1)


def test_a_mistake_that_gives_nan_explains_a_function_that_gives_nan():
    assert "Likely cause: 0/0." in told(
        lambda x: x * np.nan, mistakes=[Mistake("0/0.", lambda x: np.full(x.shape, np.nan))]
    )


def test_a_mistake_that_raises_explains_a_function_that_raises_the_same():
    def stops(x):
        raise IndexError("here")

    def stops_too(x):
        raise IndexError("there")

    assert "Likely cause: it stops." in told(stops, mistakes=[Mistake("it stops.", stops_too)])
    assert "Likely" not in told(stops, mistakes=[Mistake("it stops.", lambda x: {}[0])])


def test_a_function_that_should_raise_is_held_to_it():
    def refusing(x):
        raise ValueError("no")

    exercises.refuses(refusing, "f", CASES, "it is odd")
    with pytest.raises(Wrong, match="expected a ValueError, because it is odd; came 3 numbers"):
        exercises.refuses(twice_again, "f", CASES, "it is odd")
    with pytest.raises(Wrong, match="came KeyError"):
        exercises.refuses(lambda x: {}["no"], "f", CASES, "it is odd")


def twice_again(x):
    return x + x


def notebook(source):
    """The names that cells define, in a namespace of their own."""
    names = {"__name__": "__main__", "np": np}
    exec(source, names)
    return names


@pytest.mark.parametrize(
    "source",
    [
        "from unet_tutorial.tiling import mirror_pad as answer",
        "import unet_tutorial.tiling as t\ndef answer(x, m):\n    return t.mirror_pad(x, m)",
        "def answer(x, m):\n    import unet_tutorial.tiling\n    return unet_tutorial.tiling.mirror_pad(x, m)",
        "def answer(x, m):\n    from unet_tutorial.tiling import mirror_pad\n    return mirror_pad(x, m)",
        "def answer(x, m):\n    import importlib\n"
        "    return importlib.import_module('unet_tutorial.tiling').mirror_pad(x, m)",
        "from unet_tutorial import tiling\ndef inner(x, m):\n    return tiling.mirror_pad(x, m)\n"
        "def answer(x, m):\n    return inner(x, m)",
        "from unet_tutorial import tiling\nanswer = lambda x, m: [tiling.mirror_pad(x, m) for _ in '1'][0]",
        "from unet_tutorial.tiling import mirror_pad\nimport functools\nanswer = functools.partial(mirror_pad)",
        "from unet_tutorial.tiling import mirror_pad\n"
        "def make(f):\n    def answer(x, m):\n        return f(x, m)\n    return answer\nanswer = make(mirror_pad)",
        "from unet_tutorial import tiling\n"
        "class Answer:\n    def __call__(self, x, m):\n        return tiling.mirror_pad(x, m)\nanswer = Answer()",
        "from unet_tutorial.exercises import contracting_path as check\n"
        "def answer(x, m):\n    return check._convolve(x, m)",
    ],
)
def test_the_package_s_own_function_is_no_answer_however_it_is_wrapped(source):
    answer = notebook(source)["answer"]
    assert borrowed(answer)
    assert "write it yourself" in told(answer, tiling.mirror_pad, [(np.eye(4), 1)], ())


@pytest.mark.parametrize(
    "source",
    [
        "def answer(x, m):\n    return np.pad(x, m, mode='reflect')",
        "answer = lambda x, m: np.pad(x, m, mode='reflect')",
        "def inner(x):\n    return x\ndef answer(x, m):\n    return np.pad(inner(x), m, 'reflect')",
        "from unet_tutorial.exercises import contracting_path as check\n"
        "def answer(x, m):\n    return np.pad(x, m, 'reflect')",
        "def answer(x, m, depth=0):\n    return answer(x, m, 1) if depth == 0 else np.pad(x, m, 'reflect')",
    ],
)
def test_an_answer_of_one_s_own_is_not_taken_for_the_package_s(source):
    assert borrowed(notebook(source)["answer"]) is None


def test_a_class_s_number_changes_the_inputs_and_nothing_else_does(monkeypatch):
    draws = {}
    for number in ("0", "7"):
        monkeypatch.setenv("UNET_TUTORIAL_CLASS", number)
        draws[number] = [np.random.default_rng(exercises.class_seed(3)).random() for _ in range(2)]
        assert draws[number][0] == draws[number][1]
    assert draws["0"] != draws["7"]


def test_a_notebook_shows_the_text_alone():
    assert Wrong("expected 1, came 2")._render_traceback_() == ["Not yet. expected 1, came 2"]


FUNCTIONS = {  # of every assignment in NumPy, with the options under which its smallest mistakes show
    "contracting_path.convolve": [{}, {"whole": True}],
    "contracting_path.max_pool": [{}],
    "expanding_path.up_convolve": [{}],
    "expanding_path.centre_crop": [{}],
    "tiling_and_metrics.mirror_pad": [{}, {"cases": tiling_and_metrics.FAR}],
    "tiling_and_metrics.predict_tiled": [{}],
    "tiling_and_metrics.contingency": [{}],
    "tiling_and_metrics.rand_error": [{}, {"special": True}],
    "tiling_and_metrics.pixel_error": [{}, {"cases": tiling_and_metrics.BLANK}],
    "elastic_deformation.warp": [{}, {"reach": 1}],
    "elastic_deformation.warp_label": [{}, {"reach": 1, "largest": 2**31}, {"shapes": ((300, 4),), "dtype": "uint8"}],
    "weighted_loss.soft_max": [{}, {"large": True, "mixed": True}],
    "weighted_loss.cross_entropy": [{}, {"shapes": ((4, 7, 2),), "large": True, "mixed": True}],
    "weighted_loss.class_weights": [{}],
    "weighted_loss.nearest_distances": [{}, {"touching": True}],
    "weighted_loss.border_weights": [{}],
}


@pytest.mark.rounding
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_mistake_is_refused_by_ten_tolerances_or_not_seen_at_all(monkeypatch, name):
    module, function = name.split(".")
    module, refused, near = importlib.import_module(f"{exercises.__name__}.{module}"), [], []

    def spy(function, truth, cases, mistakes, run=exercises.call, tolerance=exercises.TOLERANCE, names=None):
        rights = [run(truth, *case) for case in cases]
        for mistake in mistakes:
            wrongs = [run(mistake.wrong, *case) for case in cases]
            once, tenfold = (
                any(exercises.fault(right, wrong, room * tolerance) for right, wrong in zip(rights, wrongs))
                for room in (1, 10)
            )
            refused.append(once)
            near.extend([mistake.hint] * (once != tenfold))

    monkeypatch.setattr(module, "quietly" if hasattr(module, "quietly") else "check", np.errstate(all="ignore")(spy))
    for options in FUNCTIONS[name]:
        getattr(module, function)(None, **{"seed": 0} | options)
    assert sum(refused) > 3 and not near
