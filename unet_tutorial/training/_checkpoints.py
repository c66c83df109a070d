"""A training run on disk: weights, optimizer and history in one file."""

import dataclasses
import json
import zipfile
from typing import Any

import numpy as np

from .._shared.checks import spelled
from .._shared.files import whole
from .._tensorflow import keras


@dataclasses.dataclass
class History:
    """What a training run leaves behind: the loss of each step, and whatever `watch` returned, with its step.

    `seconds` is the time that steps and watching took, all sittings together, without what a killed one lost.
    """

    losses: list[float] = dataclasses.field(default_factory=list)
    watched: list[tuple[int, Any]] = dataclasses.field(default_factory=list)
    seconds: float = 0.0

    @property
    def steps(self) -> int:
        return len(self.losses)


def first_rate(optimizer):
    """The learning rate of the first step, in float32."""
    rate = getattr(optimizer, "_learning_rate", None)
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        return float(rate(0))
    return float(np.asarray(optimizer.learning_rate))  # under a strategy a variable is no number, but an array


def _state(model, optimizer):
    return {
        f"{kind}/{index}": variable
        for kind, owner in (("model", model), ("optimizer", optimizer))
        for index, variable in enumerate(owner.variables)
    }


def save(path, model, optimizer, history, identity, rate):
    arrays = {name: np.asarray(variable) for name, variable in _state(model, optimizer).items()}
    story = json.dumps(
        dataclasses.asdict(history) | {"identity": identity, "learning_rate": rate},
        default=lambda value: np.asarray(value).tolist(),
    )
    with whole(path, "wb") as file:
        np.savez(file, story=np.array(story), **arrays)


def load(path, model, optimizer, identity):
    variables = _state(model, optimizer)
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as saved:
            arrays = dict(saved)
        story = json.loads(str(arrays.pop("story")))
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"checkpoint {path}: cannot be read ({error}); delete it or name another file") from error
    if "rng" in story:
        raise ValueError(
            f"checkpoint {path}: was made by an earlier version, which drew its tiles in another way, and cannot go "
            "on; begin a new run (pretrained.load_weights takes the weights of this one)"
        )
    if story["identity"] != json.loads(json.dumps(identity)):
        raise ValueError(
            f"checkpoint {path}: belongs to {story['identity']}, not to {identity}; delete it or name another file"
        )
    shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
    if shapes != {name: array.shape for name, array in arrays.items()}:
        raise ValueError(f"checkpoint {path}: saved from another model or optimizer; delete it or name another file")
    rate = story["learning_rate"]
    _check_rate(
        path,
        rate,
        first_rate(optimizer),
        next(
            (float(arrays[name]) for name, variable in variables.items() if variable is optimizer.learning_rate), None
        ),
    )
    for name, variable in variables.items():
        variable.assign(arrays[name])
    return History(story["losses"], [tuple(entry) for entry in story["watched"]], story["seconds"]), rate


def _check_rate(path, first, given, kept):
    """Refuse to resume with another first rate; `kept` is the rate in the checkpoint, None if the step gives it."""
    texts = [spelled(np.float32(rate)) for rate in (first, given)]
    if given not in (first, kept):
        raise ValueError(
            f"checkpoint {path}: its run began with the learning rate {texts[0]}, the optimizer has "
            f"{texts[1]}; make the optimizer with {texts[0]}, or name another file "
            "(pretrained.load_weights takes the weights of this one)"
        )
