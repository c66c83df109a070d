"""Files of weights, by the names of their layers."""

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._shared.files import whole

if TYPE_CHECKING:
    from ..model import keras


def save_weights(model: "keras.Model", path: str | Path) -> None:
    """Save the weights in an .npz file under the names of their layers, as a whole or not at all.

    Examples
    --------
    >>> import tempfile
    >>> from unet_tutorial.model import build_unet
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_weights(build_unet(base_filters=2, depth=1), f"{folder}/net.npz")
    ...     np.load(f"{folder}/net.npz").files[:2]
    ['contract1_conv1/kernel', 'contract1_conv1/bias']
    """
    with whole(path, "wb") as file:
        np.savez(file, **_arrays(model))


def load_weights(model: "keras.Model", path: str | Path) -> None:
    """Take the weights of an .npz file, by the names of their layers.

    Parameters
    ----------
    model : keras.Model
        Its weights are set in place.
    path : str or Path
        Of a file of weights, or of a checkpoint of `training.train`. Of a checkpoint the weights alone are taken, by
        their order, to predict with; to go on training, hand the checkpoint to `train`.

    Raises
    ------
    ValueError
        The file does not hold exactly the weights of this model.

    Examples
    --------
    >>> import tempfile
    >>> from unet_tutorial.model import build_unet
    >>> first, second = (build_unet(base_filters=2, depth=1) for _ in range(2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_weights(first, f"{folder}/net.npz")
    ...     load_weights(second, f"{folder}/net.npz")
    >>> digest(first) == digest(second)
    True
    """
    with np.load(os.path.expanduser(path), allow_pickle=False) as saved:
        arrays = {name: saved[name] for name in saved.files}
    if "story" in arrays:
        arrays = _of_checkpoint(arrays, model)
    wanted = {weight.path: tuple(weight.shape) for weight in model.weights}
    found = {name: array.shape for name, array in arrays.items()}
    if wanted != found:
        names = sorted(name for name in {*wanted, *found} if wanted.get(name) != found.get(name))
        raise ValueError(
            f"weights {path}: do not fit this model, first at {names[0]}: {found.get(names[0])} in the "
            f"file, {wanted.get(names[0])} in the model"
        )
    for weight in model.weights:
        weight.assign(arrays[weight.path])


def _of_checkpoint(arrays, model):
    """The weights in a training checkpoint, under the names that the model has for them."""
    states = sorted((name for name in arrays if name.startswith("model/")), key=lambda name: int(name.split("/")[1]))
    weights = [arrays[name] for name in states if arrays[name].dtype.kind == "f"]  # not the counters of drop-out
    names = [weight.path for weight in model.weights]
    more = [f"weight {index}" for index in range(len(names), len(weights))]
    return dict(zip(names + more, weights))


def digest(model: "keras.Model | dict[str, Any]") -> str:
    """SHA-256 over all weights, by which a file of weights and a record know each other.

    Takes a model, or a dict of named arrays; they count in the order of their names.

    Examples
    --------
    >>> import numpy as np
    >>> weights = {"kernel": np.float32([1, 2]), "bias": np.float32([3])}
    >>> digest(weights)[:8], digest(dict(reversed(weights.items())))[:8]
    ('0d082ba6', '0d082ba6')
    """
    arrays = model if isinstance(model, dict) else _arrays(model)
    total = hashlib.sha256()
    for name in sorted(arrays):
        total.update(name.encode() + np.ascontiguousarray(arrays[name]).tobytes())
    return total.hexdigest()


def _arrays(model):
    return {weight.path: np.asarray(weight) for weight in model.weights}
