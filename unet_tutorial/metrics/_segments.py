"""From a probability map to segments: threshold, connected components, and borders one pixel thin."""

import numpy as np
from scipy import ndimage

from .._shared.checks import as_array, as_cells, as_label, warn, within_one

THRESHOLDS = tuple(k / 10 for k in range(11))


def segments(prediction, threshold=0.5):
    """Number the segments of a prediction: the 4-connected components of the pixels above the threshold.

    Parameters
    ----------
    prediction : (H, W) float, int or bool array
        Probability of cell in 0..1, or a label of 0 and 1.
    threshold : float
        A pixel belongs to a segment where its probability is greater (not equal).

    Returns
    -------
    (H, W) int32 array
        Segment ids 1, 2, ... in raster order of their first pixels; 0 between the segments.

    Raises
    ------
    ValueError
        `prediction` is not (H, W), is empty, or holds a value that is no probability; `threshold` is not in 0..1.
    """
    prediction = as_probability(prediction)
    if prediction.ndim != 2:
        raise ValueError(f"prediction of shape {prediction.shape}: must be (H, W); take one slice at a time")
    return ndimage.label(prediction > as_threshold(threshold))[0]


def thin_borders(segmentation):
    """Grow all segments at one speed until only borders one pixel wide are left between them.

    A watershed by flooding, first come, first served: all segments grow together, one 4-connected step at a time, over
    the pixels of value 0. A pixel whose neighbours already belong to two different segments stays 0.

    Parameters
    ----------
    segmentation : (H, W) int or bool array
        Segment ids, 0 between the segments. A mask of 0 and 1 counts as its 4-connected components. Pixels of a segment
        never change: segments that touch from the beginning get no border.

    Returns
    -------
    (H, W) int array
        The grown ids, 0 on the borders; all 0 if there is no segment. Of the dtype of `segmentation`, int32 for a mask.

    Raises
    ------
    ValueError
        `segmentation` is not an (H, W) array of bools or of integers >= 0, or is empty.

    Warns
    -----
    UserWarning
        `segmentation` is probably a mask: uint8 with 255 and grey edges.

    Notes
    -----
    The challenge thins the proposal in this way, never the truth, before V_Rand and V_Info (Arganda-Carreras et al.
    2015). Where two neighbouring pixels are reached in the same step from different segments, one of the two becomes
    border, and which one is a matter of order, here raster order. Another watershed may set such a border one pixel
    beside this one. That moves V_Rand by 0.0001 or a little more on a slice of 512 x 512 pixels, and by less on the
    mean of several.
    """
    segmentation = np.asarray(segmentation)
    if segmentation.dtype == bool:
        segmentation = segmentation.astype(np.uint8)
    segmentation = as_cells(segmentation, "segmentation")
    if segmentation.max() <= 1:
        segmentation = ndimage.label(segmentation)[0]
    return flood(segmentation)


def flood(ids):
    """Grow the ids of a map over its zeros, first come, first served, from a queue that begins in raster order.

    One step of all segments at a time, so each level holds the pixels that one step reaches, in the order of the queue:
    a pixel queues its neighbours above, left, right and below. A pixel of a level takes the id that is next to it, or
    becomes border if there are two. Inside a level only neighbours that would take different ids influence each other,
    the earlier the later: these few take their turns in a loop, all others at once.
    """
    width = ids.shape[1] + 2
    steps = np.array([[-width], [-1], [1], [width]])
    dry = np.pad(ids == 0, 1).ravel()
    grown = np.pad(ids, 1).ravel()
    level = np.flatnonzero(dry)
    level = level[grown[level + steps].any(axis=0)]
    while level.size:
        dry[level] = False
        around = grown[level + steps]
        own = around.max(axis=0)
        one = ((around == 0) | (around == own)).all(axis=0)
        level, own = level[one], own[one]
        grown[level] = own
        around = grown[level + steps]
        torn = ((around != 0) & (around != own)).any(axis=0)
        grown[level[torn]] = 0
        taken = {}
        of = taken.get
        for pixel, mine in zip(level[torn].tolist(), own[torn].tolist()):
            if of(pixel - width, mine) == of(pixel - 1, mine) == of(pixel + 1, mine) == of(pixel + width, mine) == mine:
                taken[pixel] = mine
        grown[list(taken)] = list(taken.values())
        level = level[grown[level] > 0]
        reached = (level + steps).T.ravel()
        reached = reached[dry[reached]]
        level = reached[np.sort(np.unique(reached, return_index=True)[1])]
    return grown.reshape(-1, width)[1:-1, 1:-1]


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


def as_stacks(prediction, truth):
    """Return prediction and truth as (N, H, W) arrays of probabilities and of 0 and 1, or raise ValueError.

    Each is an array (H, W) or (N, H, W), or a list of N slices. Slices of different sizes are returned as lists.
    """
    prediction, truth = gather(prediction, "prediction"), gather(truth, "truth")
    if isinstance(prediction, list):
        prediction = [as_probability(one, f"prediction[{index}]") for index, one in enumerate(prediction)]
    else:
        prediction = as_probability(prediction)
    if shapes(prediction) != shapes(truth):
        raise ValueError(
            f"prediction of shape {shapes(prediction)} and truth of shape {shapes(truth)}: must be equal, "
            "(H, W) or (N, H, W); of a two-class output take the channel of cell, output[..., 1]"
        )
    if np.ndim(prediction[0]) == 1:
        prediction, truth = prediction[None], truth[None]
    labels = [as_label(one, f"truth[{index}]" if len(truth) > 1 else "truth") for index, one in enumerate(truth)]
    return prediction, labels if isinstance(truth, list) else np.stack(labels)


def gather(stack, name):
    """Return a stack as an array, or as a list if it is a list of (H, W) arrays of different sizes."""
    if isinstance(stack, (list, tuple)) and len({np.shape(one) for one in stack}) > 1:
        slices = [as_array(one, f"{name}[{index}]") for index, one in enumerate(stack)]
        if all(one.ndim == 2 for one in slices):
            return slices
    return as_array(stack, name)


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
    right, reversed_right = (
        max(np.mean((one > theta) == cell) for theta in as_thresholds(thresholds)) for one in (p, 1 - p)
    )
    if reversed_right > right:
        warn(
            f"prediction: agrees with the truth in {right:.0%} of the pixels, reversed in {reversed_right:.0%}; must "
            "be the probability of cell, and the truth 1 in cells and 0 on membranes: take 1 - prediction, or reverse "
            "the truth"
        )


def as_thresholds(threshold):
    """Return a threshold, or a sequence of thresholds, as a list of floats in 0..1, or raise ValueError."""
    values = np.atleast_1d(np.asarray(threshold))
    if (
        values.ndim != 1
        or values.size == 0
        or values.dtype.kind not in "fiu"
        or not ((values >= 0) & (values <= 1)).all()
    ):
        raise ValueError(f"threshold {threshold!r}: must be a number in 0..1, or a sequence of such numbers")
    return values.astype(float).tolist()


def as_threshold(threshold):
    """Return one threshold as a float in 0..1, or raise ValueError."""
    if np.ndim(threshold) != 0:
        raise ValueError(f"threshold {threshold!r}: must be one number in 0..1, not a sequence")
    return as_thresholds(threshold)[0]
