"""A training run on disk: weights, optimizer, history and the state of the callbacks in one file."""

import copy
import dataclasses
import json
import os
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from .._backend import keras
from .._shared.checks import as_positive, spelled
from .._shared.files import whole
from ._callbacks import Budget
from ._history import History


class Checkpoint(keras.callbacks.Callback):
    """Keep a run in a file, and go on from it where there is one.

    Resuming gives the numbers of a run that never stopped, bit for bit, if the batches have numbers. Kept are weights,
    optimizer, history and, of every other callback, whatever changed since training began and is made of numbers, text
    and arrays: how long `EarlyStopping` has waited, for example. The learning rate is the one that the run began with:
    hand in an optimizer with that rate. A rate that was lowered meanwhile goes on lowered; one that is computed from
    the step is the optimizer's own.

    Parameters
    ----------
    path : str or Path
        An .npz file, replaced as a whole.
    seconds : float
        Between two writings, so that a killed run loses no more. What is due is written between two steps, and at the
        end. With a strategy all machines must see the file; the first one writes it.
    identity : optional
        What the run is, in numbers, strings, or lists or dicts of them. A file of another identity is refused.

    Raises
    ------
    ValueError
        When training begins: the file cannot be read, is of an earlier version, or is not one of this model, optimizer
        and identity; its run began with another learning rate, or had a callback with a state that is not given now.

    Examples
    --------
    >>> from unet_tutorial.training import train
    >>> history = train(model, batches, 2_000, callbacks=[Checkpoint("run.npz")])  # doctest: +SKIP
    >>> train(model, batches, 4_000, callbacks=[Checkpoint("run.npz")]).steps  # 2,000 more  # doctest: +SKIP
    4000
    """

    def __init__(self, path: str | Path, seconds: float = 60.0, identity: Any = None) -> None:
        super().__init__()
        self.path, self.identity = Path(os.path.expanduser(path)), identity
        self.seconds = as_positive(seconds, "seconds")

    def read(self, model, optimizer, writes):
        """The history in the file, an empty one without a file. Nothing is changed yet: `restore` does that."""
        self.writes, self.optimizer = writes, optimizer
        self.rate, self.kept = first_rate(optimizer), None
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if not self.path.exists():
            return History()
        story, arrays = _read(self.path)
        _check(self.path, story, arrays, self.identity, _variables(model, optimizer), optimizer)
        self.rate, self.kept = story["learning_rate"], (story, arrays)
        return History(story["losses"], [tuple(entry) for entry in story["epochs"]], story["seconds"])

    def restore(self, callbacks):
        """Set weights, optimizer and callbacks as they were; every callback has begun."""
        self.budgets = [callback for callback in callbacks if isinstance(callback, Budget)]  # of this call alone
        self.others = dict(_named(callback for callback in callbacks if callback not in self.budgets))
        self.start = {name: copy.deepcopy(_plain(callback)) for name, callback in self.others.items()}
        self.last = time.monotonic()
        if self.kept is None:
            return
        (story, arrays), self.kept = self.kept, None
        missing = [name for name in story["callbacks"] if name not in self.others]
        if missing:
            raise ValueError(
                f"checkpoint {self.path}: its run had the callback {missing[0]}; give it again, or name another file"
            )
        for name, variable in _variables(self.model, self.optimizer).items():
            variable.assign(arrays[name])
        for name, state in story["callbacks"].items():
            vars(self.others[name]).update(_unpacked(state, arrays))
        self.model.stop_training = story["stopped"]

    def on_epoch_begin(self, epoch, logs=None):
        self._write_if_due()

    def on_train_batch_begin(self, batch, logs=None):
        if batch:  # the first of an epoch comes after `on_epoch_begin` of all callbacks
            self._write_if_due()

    def on_train_end(self, logs=None):
        self.write()

    def _write_if_due(self):
        if time.monotonic() - self.last > self.seconds:
            self.write()

    def write(self):
        """Replace the file."""
        if not self.writes:
            return
        arrays = {name: np.asarray(variable) for name, variable in _variables(self.model, self.optimizer).items()}
        states = {}
        for name, callback in self.others.items():
            now, start = _plain(callback), self.start[name]
            changed = {key: value for key, value in now.items() if key not in start or not _same(value, start[key])}
            if changed:
                states[name] = _packed(changed, arrays)
        paused = any(budget.spent for budget in self.budgets)
        story = dataclasses.asdict(self.params["history"]) | {
            "identity": self.identity,
            "learning_rate": self.rate,
            "callbacks": states,
            "stopped": bool(self.model.stop_training) and not paused,
        }
        text = json.dumps(story, default=lambda value: np.asarray(value).tolist())
        with whole(self.path, "wb") as file:
            np.savez(file, story=np.array(text), **arrays)
        self.last = time.monotonic()


def first_rate(optimizer):
    """The learning rate of the first step, in float32."""
    rate = getattr(optimizer, "_learning_rate", None)
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        return float(rate(0))
    return float(np.asarray(optimizer.learning_rate))  # under a strategy a variable is no number, but an array


def _variables(model, optimizer):
    return {
        f"{kind}/{index}": variable
        for kind, owner in (("model", model), ("optimizer", optimizer))
        for index, variable in enumerate(owner.variables)
    }


def _named(callbacks):
    """Each callback with its class and how many of that class came before."""
    seen = {}
    for callback in callbacks:
        kind = type(callback).__name__
        seen[kind] = seen.get(kind, -1) + 1
        yield f"{kind} {seen[kind]}" if seen[kind] else kind, callback


def _plain(callback):
    """What a callback holds that a file can hold."""
    return {key: value for key, value in vars(callback).items() if key not in ("_model", "params") and _is_plain(value)}


def _is_plain(value):
    if isinstance(value, dict):
        return all(isinstance(key, str) for key in value) and all(map(_is_plain, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, str, np.generic, np.ndarray))


def _same(one, other):
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and np.array_equal(one, other)


def _packed(value, arrays):
    """A plain value for JSON, its arrays put beside it under numbers."""
    if isinstance(value, np.ndarray):
        name = f"array/{len(arrays)}"
        arrays[name] = value
        return {"array": name}
    if isinstance(value, dict):
        return {"dict": {key: _packed(inner, arrays) for key, inner in value.items()}}
    return [_packed(inner, arrays) for inner in value] if isinstance(value, (list, tuple)) else value


def _unpacked(value, arrays):
    if isinstance(value, dict):
        ((kind, inner),) = value.items()
        if kind == "array":
            return arrays[inner]
        return {key: _unpacked(one, arrays) for key, one in inner.items()}
    return [_unpacked(one, arrays) for one in value] if isinstance(value, list) else value


def _read(path):
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as saved:
            arrays = dict(saved)
        story = json.loads(str(arrays.pop("story")))
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"checkpoint {path}: cannot be read ({error}); delete it or name another file") from error
    if "callbacks" not in story:
        raise ValueError(
            f"checkpoint {path}: was made by an earlier version, whose runs cannot go on; begin a new run "
            "(pretrained.load_weights takes the weights of this one)"
        )
    return story, arrays


def _check(path, story, arrays, identity, variables, optimizer):
    """Refuse a file of another run."""
    if story["identity"] != json.loads(json.dumps(identity)):
        raise ValueError(
            f"checkpoint {path}: belongs to {story['identity']}, not to {identity}; delete it or name another file"
        )
    shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
    if shapes != {name: array.shape for name, array in arrays.items() if not name.startswith("array/")}:
        raise ValueError(f"checkpoint {path}: saved from another model or optimizer; delete it or name another file")
    kept = (float(arrays[name]) for name, variable in variables.items() if variable is optimizer.learning_rate)
    first, given = story["learning_rate"], first_rate(optimizer)
    if given not in (first, next(kept, None)):
        texts = [spelled(np.float32(rate)) for rate in (first, given)]
        raise ValueError(
            f"checkpoint {path}: its run began with the learning rate {texts[0]}, the optimizer has "
            f"{texts[1]}; make the optimizer with {texts[0]}, or name another file "
            "(pretrained.load_weights takes the weights of this one)"
        )
