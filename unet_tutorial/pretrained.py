"""The small network that comes with the package: trained on real slices by the experiment `small`."""

import hashlib
import os
from pathlib import Path

import numpy as np

from .model import build_unet

FOLDER = Path(__file__).parent / "pretrained"
SMALL = FOLDER / "small.npz"
CARD = FOLDER / "small.md"


def small_unet(input_shape=(None, None, 1)):
    """The small network, trained: 8 filters, depth 3, 120,690 weights.

    Trained on 22 of the thirty ISBI 2012 slices, whose terms allow non-commercial use only; so do these weights. Its
    record is `records.read("small")`, its model card `pretrained.CARD`.

    Parameters
    ----------
    input_shape : tuple of (int or None, int or None, int)
        As for `build_unet`. None leaves a side open.

    Returns
    -------
    keras.Model
        Maps (N, H, W, 1) grey values in 0..1 to (N, H - 88, W - 88, 2) logits, for legal sides. Called directly, it
        checks nothing; `tiling.predict_tiled` refuses other grey values.
    """
    model = build_unet(input_shape, base_filters=8, depth=3)
    load_weights(model, SMALL)
    return model


def load_weights(model, path):
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


def digest(arrays):
    """SHA-256 over named arrays, in the order of their names."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        total.update(name.encode() + np.ascontiguousarray(arrays[name]).tobytes())
    return total.hexdigest()
