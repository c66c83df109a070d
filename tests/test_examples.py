"""Each public name has types and an example, and each example is true."""

import doctest
import importlib
import inspect

import pytest

from tools import imports, notebooks

FACES = (
    "augmentation datasets geometry losses metrics model plotting pretrained projects rounding tiling training "
    "weight_maps"
)
BESIDE = {  # what chapters and outsiders use of rooms that have no face
    "experiments.examination": ("read",),
    "experiments.recipes": ("runs_of",),
    "experiments.records": ("configuration", "faults", "path_of", "read", "score", "scores"),
    "experiments.runs": ("rerun", "run"),
    "experiments.separation": ("read", "shown"),
    "experiments.timing": ("local_workers", "noise"),
}
MODULES = sorted(imports.modules(notebooks.ROOT, notebooks.PACKAGE))
RUN_ELSEWHERE = ("__main__", "exercises", "_jax")  # a command line; the grader's own; `make test-jax`


def public():
    """Room and name of every function that a face offers or a chapter uses, and of the classes of training."""
    yield from (f"training.{name}" for name in ("Budget", "Checkpoint", "ProgressBar", "TileBatches"))
    yield from (f"{room}.{name}" for room, names in BESIDE.items() for name in names)
    for room in FACES.split():
        module = importlib.import_module(f"unet_tutorial.{room}")
        for name in getattr(module, "__all__", vars(module)):
            found = getattr(module, name)
            own = (
                hasattr(module, "__all__") or found.__module__ == module.__name__
                if inspect.isfunction(found)
                else False
            )
            if own and not name.startswith("_"):
                yield f"{room}.{name}"


def named(name):
    room, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(f"unet_tutorial.{room}"), attribute)


PUBLIC = tuple(public())


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_has_types(name):
    found = named(name)
    signature = inspect.signature(found)
    untyped = [
        parameter.name
        for parameter in signature.parameters.values()
        if parameter.annotation is parameter.empty and parameter.name != "self"
    ]
    assert untyped == []
    assert inspect.isclass(named(name)) or signature.return_annotation is not signature.empty


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_function_has_an_example(name):
    assert ">>> " in inspect.getdoc(named(name)), "an example in the docstring, as users would type it"


@pytest.mark.parametrize("module", [name for name in MODULES if not any(part in name for part in RUN_ELSEWHERE)])
def test_examples_are_true(module):
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    assert doctest.testmod(importlib.import_module(module), optionflags=flags).failed == 0
