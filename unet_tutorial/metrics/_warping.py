"""The warping error: bend the true borders onto the proposed ones and count where their topology does not fit."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy import ndimage

from ._segments import as_stacks, as_threshold, segments, thin_borders, warn_if_reversed

# The eight neighbours of a pixel, counter-clockwise from the east: (row, column) steps. Neighbour k is bit k of a code.
NEIGHBOURS = ((0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1))
WINDOW_RADIUS = 20


def is_simple(neighbours):
    """Whether a pixel can change between cell and background without changing the topology.

    Parameters
    ----------
    neighbours : sequence of 8 ints
        Labels of the eight neighbours, 0 or 1, counter-clockwise from the east (the order of `NEIGHBOURS`).

    Returns
    -------
    bool
        True if the Yokoi number for 4-connected cells, the sum of x_k - x_k x_(k+1) x_(k+2) over the neighbours k to
        the east, north, west and south, is 1. Then a flip of the pixel makes, joins, parts and removes no 4-connected
        cell and no 8-connected piece of background. The pixel's own value plays no part.
    """
    x = [*neighbours, neighbours[0]]
    return sum(x[k] - x[k] * x[k + 1] * x[k + 2] for k in (0, 2, 4, 6)) == 1


_SIMPLE = bytes(is_simple([code >> k & 1 for k in range(8)]) for code in range(256))


def warp_label(prediction, truth, threshold=0.5, thin=False):
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
    """
    return _joined([warped for warped, _ in _descents(prediction, truth, threshold, thin)], truth)


def warping_errors(prediction, truth, threshold=0.5, thin=False):
    """Pixels where the proposal splits or merges cells, after the truth has been warped onto it.

    Parameters, errors and warnings are those of `warp_label`. A pixel where warped label and proposal still differ is
    judged by the 4-connected cells of the warped label among its eight neighbours. It merges if it is background and its
    neighbours hold three or more labels (background counts as one), and splits if it is cell and they hold three or
    more; also if they hold two but would hold more in a window of 41 x 41 pixels once the pixel is set to 0.
    Everything else is ignored: holes, and cells that are missing or invented.

    Returns
    -------
    split, merge : two bool arrays of the shape of `truth`
        True on the pixels that split a true cell, and on those that merge true cells. Lists if the slices differ in
        size.
    """
    masks = [_judge(warped, left) for warped, left in _descents(prediction, truth, threshold, thin)]
    split, merge = (_joined(list(kind), truth) for kind in zip(*masks))
    return split, merge


def _joined(slices, truth):
    return slices if len({one.shape for one in slices}) > 1 else np.stack(slices).reshape(np.shape(truth))


def _descents(prediction, truth, threshold, thin):
    """Yield for each slice the warped label and the mask of the pixels where it still differs from the proposal."""
    theta = as_threshold(threshold)
    if theta == 1:
        raise ValueError(
            "threshold 1.0: leaves a blank proposal, which has no warping error; must be below 1, the "
            "challenge stops at 0.9 (THRESHOLDS[:-1])"
        )
    prediction, truth = as_stacks(prediction, truth)
    warn_if_reversed(prediction, truth, theta)
    for probability, label in zip(prediction, truth):
        found = segments(probability, theta)
        proposal = (thin_borders(found) if thin else found) > 0
        left = _descend(label, proposal, np.abs(probability.astype(float) - theta))
        yield np.where(left, label, proposal).astype(np.uint8), left


def _descend(label, proposal, certainty):
    """Mask of the pixels that no sequence of simple flips, most certain first, turns from label into proposal."""
    height, width = label.shape
    padded = np.pad(label, 2)
    codes = sum(padded[1 + dy : height + 3 + dy, 1 + dx : width + 3 + dx] << k for k, (dy, dx) in enumerate(NEIGHBOURS))
    stride = width + 2
    codes = bytearray(codes)
    seen_by = [(dy * stride + dx, 1 << (k + 4) % 8) for k, (dy, dx) in enumerate(NEIGHBOURS)]

    columns, rows = np.nonzero((label != proposal).T)
    order = np.argsort(-certainty[rows, columns], kind="stable")
    left = ((rows[order] + 1) * stride + columns[order] + 1).tolist()
    before = None
    while len(left) != before:
        before, waiting = len(left), []
        for pixel in left:
            if _SIMPLE[codes[pixel]]:
                for step, bit in seen_by:
                    codes[pixel + step] ^= bit
            else:
                waiting.append(pixel)
        left = waiting
    mask = np.zeros((height + 2, stride), bool)
    mask.flat[left] = True
    return mask[1:-1, 1:-1]


def _judge(warped, left):
    """Masks of the pixels among those left that split and that merge cells of the warped label."""
    rows, columns = np.nonzero(left)
    cells = np.pad(ndimage.label(warped)[0], 1)
    labels = _distinct([cells[1 + rows + dy, 1 + columns + dx] for dy, dx in NEIGHBOURS])
    inside = warped[rows, columns] == 1
    splits = inside & (labels > 2)
    unsure = np.flatnonzero(inside & (labels == 2))
    padded = np.pad(warped, WINDOW_RADIUS)
    for some in np.array_split(unsure, 1 + unsure.size // 500):
        splits[some] = _labels_once_cut(padded, rows[some], columns[some]) > 2
    masks = np.zeros((2, *warped.shape), bool)
    masks[0, rows, columns] = splits
    masks[1, rows, columns] = ~inside & (labels > 2)
    return masks


def _labels_once_cut(padded, rows, columns):
    """How many labels surround each pixel once it is background, seen in its window."""
    size = 2 * WINDOW_RADIUS + 1
    windows = sliding_window_view(padded, (size, size))[rows, columns]
    windows[:, WINDOW_RADIUS, WINDOW_RADIUS] = 0
    cells = ndimage.label(windows, [np.zeros((3, 3)), ndimage.generate_binary_structure(2, 1), np.zeros((3, 3))])[0]
    return _distinct([cells[:, WINDOW_RADIUS + dy, WINDOW_RADIUS + dx] for dy, dx in NEIGHBOURS])


def _distinct(around):
    """Number of different values among the eight neighbours, for each pixel: (8, n) -> (n,)."""
    return 1 + np.count_nonzero(np.diff(np.sort(around, axis=0), axis=0), axis=0)
