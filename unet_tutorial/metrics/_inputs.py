"""What a metric accepts: probabilities, labels and ids of one slice or of many, thresholds, and the right polarity."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._shared.checks import as_array, as_cells, as_label, warn, within_one

THRESHOLDS = tuple(k / 10 for k in range(11))
TWO_CLASSES = ", (H, W) or (N, H, W); of a two-class output take the channel of cell, output[..., 1]"

Stack = ArrayLike | Sequence[ArrayLike]  # (H, W) or (N, H, W), or a list of N slices of any sizes


def as_probability(prediction, name="prediction"):
    """Return a prediction as (H, W) or (N, H, W) floats (a label of 0 and 1 too), or raise ValueError."""
    prediction = as_array(prediction, name)
    if prediction.dtype.kind in "biu":
        prediction = prediction.astype(np.float32)
    if prediction.dtype.kind != "f":
        raise ValueError(
            f"{name} of dtype {prediction.dtype}: must be the probability of cell, float in 0..1, or a label of 0 and 1"
        )
    if prediction.ndim not in (2, 3) or prediction.size == 0:
        raise ValueError(f"{name} of shape {prediction.shape}: must be (H, W) or (N, H, W), and not empty")
    if not np.isfinite(prediction).all():
        raise ValueError(f"{name}: holds {int((~np.isfinite(prediction)).sum())} values that are NaN or infinite")
    return within_one(
        prediction,
        name,
        "must be the probability of cell, in 0..1",
        "take the soft-max of logits, grey values / 255, ids > 0",
    )


def as_slice(prediction):
    """Return a prediction as an array that is no stack, or raise ValueError; `as_probability` has the other rules."""
    prediction = as_array(prediction, "prediction")
    if prediction.ndim == 3:
        raise ValueError(f"prediction of shape {prediction.shape}: must be (H, W); take one slice at a time")
    return prediction


def as_stacks(prediction, truth, name="prediction"):
    """Return prediction and truth as (N, H, W) arrays of probabilities and of 0 and 1, or raise ValueError.

    Each is an array (H, W) or (N, H, W), or a list of N slices. Slices of different sizes are returned as lists.
    """
    prediction, truth = gather(prediction, name), gather(truth, "truth")
    if isinstance(prediction, list):
        prediction = [as_probability(*one) for one in named(prediction, name)]
    else:
        prediction = as_probability(prediction, name)
    same_shapes(prediction, truth, name, TWO_CLASSES)
    if np.ndim(prediction[0]) == 1:
        prediction, truth = prediction[None], truth[None]
    labels = [as_label(*one) for one in named(truth, "truth")]
    return prediction, labels if isinstance(truth, list) else np.stack(labels)


def as_ids(ids: ArrayLike, name: str, unlabelled: bool = False) -> NDArray[np.integer]:
    """Return an (H, W) map of instance ids that are at most as many as its pixels, or raise ValueError.

    With `unlabelled`, pixels may be UNLABELLED too.
    """
    ids = as_cells(ids, name, unlabelled)
    if ids.max() > ids.size:
        raise ValueError(f"{name}: holds the id {int(ids.max())} on {ids.size} pixels; renumber the ids 1, 2, ...")
    return ids


def as_pairs(prediction, truth, check, names=("prediction", "truth")):
    """Return predictions and truths of whole numbers as a list of one (prediction, truth) a slice, or raise ValueError.

    Each is an array (H, W) or (N, H, W), or a list of N slices; `check(slice, name)` returns a slice that it accepts.
    """
    stacks = [gather(stack, name) for stack, name in zip((prediction, truth), names)]
    same_shapes(*stacks, names[0])
    if not isinstance(stacks[0], list) and stacks[0].ndim < 3:
        stacks = [stack[None] for stack in stacks]
    if len(stacks[1]) == 0:
        raise ValueError(f"{names[1]} of shape {stacks[1].shape}: holds no slice")
    return [(check(*one), check(*other)) for one, other in zip(*map(named, stacks, names))]


def same_shapes(prediction, truth, name, cure=""):
    """Raise ValueError unless both have the same shape, slice by slice."""
    both = shapes(prediction), shapes(truth)
    if both[0] != both[1]:
        raise ValueError(f"{name} of shape {both[0]} and truth of shape {both[1]}: must be equal{cure}")


def gather(stack, name):
    """Return a stack as an array, or as a list if it is a list of (H, W) arrays of different sizes."""
    if isinstance(stack, (list, tuple)) and len({np.shape(one) for one in stack}) > 1:
        slices = [as_array(*one) for one in named(stack, name)]
        if all(one.ndim == 2 for one in slices):
            return slices
    return as_array(stack, name)


def named(stack, name):
    """Each slice of a stack with what to call it in a message: with its number, if it is not the only one."""
    return [(one, f"{name}[{index}]" if len(stack) > 1 else name) for index, one in enumerate(stack)]


def shapes(stack):
    """Shape of an array, or the shapes of the arrays in a list."""
    return [one.shape for one in stack] if isinstance(stack, list) else stack.shape


def warn_if_reversed(prediction, truth, thresholds):
    """Warn where the reversed prediction, 1 - p, agrees with the truth in more pixels, and not by chance.

    Parameters
    ----------
    prediction, truth
        From `as_stacks`.
    thresholds : float or sequence of float
        Of a sequence, the one counts at which most pixels agree, for each of the two polarities.

    Warns
    -----
    UserWarning
        If besides that the correlation of prediction and truth, over the n pixels of all slices, is -0.3 or less, and
        -4 / sqrt(n) or less. A blank prediction has none, that of a random one stays above: both say nothing.
    """
    p, label = (np.concatenate([one.ravel() for one in slices]) for slices in (prediction, truth))
    cell = label == 1
    if cell.all() or not cell.any() or p[cell].mean(dtype=float) >= p[~cell].mean(dtype=float):
        return
    if np.corrcoef(p, cell)[0, 1] > -max(0.3, 4 / p.size**0.5):
        return
    thetas = as_thresholds(thresholds)
    right, reversed_right = (max(np.mean((one > theta) == cell) for theta in thetas) for one in (p, 1 - p))
    if reversed_right > right:
        warn(
            f"prediction: agrees with the truth in {right:.0%} of the pixels, reversed in {reversed_right:.0%}; must "
            "be the probability of cell, and the truth 1 in cells and 0 on membranes: take 1 - prediction, or reverse "
            "the truth"
        )


def as_thresholds(threshold: ArrayLike) -> list[float]:
    """Return a threshold, or a sequence of thresholds, as a list of floats in 0..1, or raise ValueError."""
    values = np.atleast_1d(np.asarray(threshold))
    fits = values.ndim == 1 and values.size and values.dtype.kind in "fiu" and ((values >= 0) & (values <= 1)).all()
    if not fits:
        raise ValueError(f"threshold {threshold!r}: must be a number in 0..1, or a sequence of such numbers")
    return values.astype(float).tolist()


def as_threshold(threshold: ArrayLike) -> float:
    """Return one threshold as a float in 0..1, or raise ValueError."""
    if np.ndim(threshold) != 0:
        raise ValueError(f"threshold {threshold!r}: must be one number in 0..1, not a sequence")
    return as_thresholds(threshold)[0]
