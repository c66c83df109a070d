"""The warping error: bend the true borders onto the proposed ones and show where their topology does not fit."""

import numpy as np
from numpy.typing import NDArray

from ._comparison import comparisons
from ._inputs import Stack, as_threshold


def warp_label(
    prediction: Stack, truth: Stack, threshold: float = 0.5, thin: bool = False
) -> NDArray[np.uint8] | list[NDArray[np.uint8]]:
    """Bend the true label towards the proposal as far as its topology allows.

    One simple pixel after the other is flipped where the label differs from the proposal, the most certain pixel (the
    largest distance of the probability from the threshold) first, equal ones column by column; then again, until
    no flip is left.

    Parameters
    ----------
    prediction : (H, W) or (N, H, W) float, int or bool array
        Probability of cell in 0..1, or a label of 0 and 1.
    truth : (H, W) or (N, H, W) int or bool array
        Label of the same shape, 1 = cell (4-connected), 0 = membrane or background (8-connected). Outside the slice is
        background.
    threshold : float
        In 0 <= threshold < 1. The proposal is cell where the prediction is greater.
    thin : bool
        Thin the proposal's borders first (`thin_borders`).

    Returns
    -------
    uint8 array of the shape of `truth`
        The warped label: as many cells, connected in the same way, as the truth. A list if the slices differ in size.

    Raises
    ------
    ValueError
        Shapes differ, a label is not 0 or 1, a prediction is no probability, or the threshold is out of range.

    Warns
    -----
    UserWarning
        As `metrics.pixel_error`: the polarity of the prediction is probably reversed.

    References
    ----------
    Jain et al. 2010 (the measure); Ronneberger et al. 2015, table 1 (its use).

    Examples
    --------
    >>> truth = [[1, 1, 0, 1, 1]]  # two cells
    >>> warp_label([[1, 0, 0, 1, 1]], truth).tolist()  # the first can shrink
    [[1, 0, 0, 1, 1]]
    >>> warp_label([[1, 1, 1, 1, 1]], truth).tolist()  # but they cannot become one
    [[1, 1, 0, 1, 1]]
    """
    stack = next(comparisons(prediction, truth, as_threshold(threshold), thin))
    return _joined([one.warped for one in stack], truth)


def warping_errors(
    prediction: Stack, truth: Stack, threshold: float = 0.5, thin: bool = False
) -> tuple[NDArray[np.bool_] | list[NDArray[np.bool_]], NDArray[np.bool_] | list[NDArray[np.bool_]]]:
    """Pixels where the proposal splits or merges cells, after the truth has been warped onto it.

    Parameters, errors and warnings are those of `warp_label`. A pixel where warped label and proposal still differ is
    judged by the 4-connected cells of the warped label among its eight neighbours. It merges if it is background and
    its neighbours hold three or more labels (background counts as one), and splits if it is cell and they hold three or
    more; also if they hold two but would hold more in a window of 41 x 41 pixels once the pixel is set to 0.
    Everything else is ignored: holes, and cells that are missing or invented.

    Returns
    -------
    split, merge : two bool arrays of the shape of `truth`
        True on the pixels that split a true cell, and on those that merge true cells. Lists if the slices differ in
        size.

    Examples
    --------
    >>> split, merge = warping_errors([[1, 0, 1, 1, 1]], [[1, 1, 1, 0, 1]])  # the gap is in the wrong cell
    >>> split.astype(int).tolist(), merge.astype(int).tolist()
    ([[0, 1, 0, 0, 0]], [[0, 0, 0, 1, 0]])
    """
    stack = next(comparisons(prediction, truth, as_threshold(threshold), thin))
    return tuple(_joined(masks, truth) for masks in zip(*(one.faults for one in stack)))


def _joined(slices, truth):
    return list(slices) if len({one.shape for one in slices}) > 1 else np.stack(slices).reshape(np.shape(truth))
