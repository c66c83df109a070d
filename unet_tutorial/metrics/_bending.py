"""Bend a true label onto a proposed one as far as its topology allows, and judge the pixels that still differ."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy import ndimage

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


def bend(label, proposal, probability, threshold):
    """Mask of the pixels that no sequence of simple flips, most certain first, turns from label into proposal."""
    padded = np.pad(label, 1)  # around it nobody asks for a code
    codes = bytearray(sum(np.roll(padded, (-dy, -dx), (0, 1)) << k for k, (dy, dx) in enumerate(NEIGHBOURS)))
    stride = padded.shape[1]
    seen_by = [(dy * stride + dx, 1 << (k + 4) % 8) for k, (dy, dx) in enumerate(NEIGHBOURS)]

    columns, rows = np.divmod(np.flatnonzero((label != proposal).T), label.shape[0])
    order = np.argsort(-np.abs(probability[rows, columns].astype(float) - threshold), kind="stable")
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
    mask = np.zeros(padded.shape, bool)
    mask.flat[left] = True
    return mask[1:-1, 1:-1]


def judge(warped, left):
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
    masks[:, rows, columns] = splits, ~inside & (labels > 2)
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
