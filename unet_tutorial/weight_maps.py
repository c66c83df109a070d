"""How much each pixel counts: the balance of the classes, and the weight of the borders between cells."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from ._shared.checks import (
    UNLABELLED,
    as_array,
    as_cells,
    as_classes,
    as_label,
    as_positive,
    as_size,
    one_id_for_all,
    same_shape,
    warn,
)

FAR = 2**15  # pixels, further than any distance that counts; its square leaves room in 32 bits
STRIP = 32  # rows searched at a time: each strip stops as early as it can, and stays in the processor's cache


def class_balance(labels: ArrayLike, classes: int = 2) -> NDArray[np.float32]:
    """Weight w_c that gives all classes the same say, however rare one of them is.

    Parameters
    ----------
    labels : (H, W) or (N, H, W) uint8 array
        1 = cell, 0 = membrane or background, -1 = not labelled (then of a signed dtype); or 0 to K - 1. Pixels of a
        stack are counted together, so that every slice of a training set gets the same weights.
    classes : int
        K, at least 2.

    Returns
    -------
    float32 array, shape of `labels`
        Without unit. A class with n of all N labelled pixels weighs N / (P n) a pixel, where P classes are present:
        each of them sums to the same and the mean over the labelled pixels is 1. All ones if there is one class only. 0
        where nothing is labelled.

    Raises
    ------
    ValueError
        `labels` is not an integer array of such classes with two or three axes, or holds no labelled pixel.

    References
    ----------
    Ronneberger et al. 2015, section 3, equation 2.

    Examples
    --------
    >>> class_balance([[0, 1, 1, 1, 1]]).tolist()  # the lone 0 weighs as much as the four ones together
    [[2.5, 0.625, 0.625, 0.625, 0.625]]
    """
    return _of_each(class_weights(labels, classes), np.asarray(labels))


def class_weights(labels: ArrayLike, classes: int = 2) -> tuple[float, ...]:
    """The weights of `class_balance`: of a pixel of membrane or background, of a pixel of a cell, of further classes.

    Those of a whole training set, for the maps of its tiles (`balance` in `weight_map`): the paper balances the classes
    "in the training data set".

    Parameters
    ----------
    labels, classes
        As for `class_balance`.

    Returns
    -------
    tuple of K floats
        All 1 if there is one class only; 1 for a class without a pixel.

    Raises
    ------
    ValueError
        As `class_balance`.

    References
    ----------
    Ronneberger et al. 2015, section 3.

    Examples
    --------
    >>> class_weights([[0, 1, 1, 1, 1]])
    (2.5, 0.625)
    """
    labels = as_array(labels, "labels")
    if labels.ndim not in (2, 3):
        raise ValueError(f"labels of shape {labels.shape}: must be (H, W), or (N, H, W) for a stack")
    classes = as_size(classes, "classes", 2)
    flat = labels[labels != UNLABELLED].reshape(1, -1)
    flat = as_label(flat, "labels") if classes == 2 else as_classes(flat, "labels", classes)
    counts = np.bincount(flat.ravel(), minlength=classes)
    present = int(np.count_nonzero(counts))
    return tuple(flat.size / (present * count) if count else 1.0 for count in counts.tolist())


def border_weight_map(cells: ArrayLike, w0: float = 10.0, sigma: float = 5.0) -> NDArray[np.float32]:
    """Weight that forces the borders between touching cells to be learnt.

    Exactly the definition, in a time that hardly depends on the number of cells.

    Parameters
    ----------
    cells : (H, W) int array
        Instance ids; 0 is background, -1 not labelled. Several pieces of one id are one cell.
    w0, sigma : float
        Height (without unit) and width (pixels) of the border term. Equation 2 uses 10 and about 5.

    Returns
    -------
    (H, W) float32 array
        w0 * exp(-(d1 + d2)^2 / (2 sigma^2)) on background pixels, 0 on cells and where fewer than two cells exist.
        d1 and d2 are the Euclidean distances, in pixels, to the nearest pixel of the nearest and of the second nearest
        cell. 0 as well where they sum to more than 10 sigma: there the term is below 2e-22 w0; and where nothing is
        labelled.

    Raises
    ------
    ValueError
        `cells` is not a two-dimensional array of integers, is empty, or holds ids below -1; `w0` is negative, `sigma`
        not above 0, or one of them not finite.

    Warns
    -----
    UserWarning
        `cells` is probably a mask: uint8 with 255 and grey edges, or the id 1 (or 255) alone on several pieces.

    References
    ----------
    Ronneberger et al. 2015, section 3, equation 2. The paper does not restrict the term to background.

    Examples
    --------
    >>> print(border_weight_map([[1, 0, 2, 2, 0, 0, 0, 0, 3]]).round(1))  # a narrow gap weighs more than a wide one
    [[0.  9.2 0.  0.  6.1 6.1 6.1 6.1 0. ]]
    """
    given = as_cells(cells, unlabelled=True)
    ids = np.maximum(given, 0)
    w0, sigma = as_positive(w0, "w0"), as_positive(sigma, "sigma", zero=False)
    weights = np.zeros(given.shape, np.float32)
    background = ids == 0
    present = ids[~background]
    if present.size == 0 or (present == present[0]).all():
        if one_id_for_all(ids):
            warn(
                f"cells: hold the id {present[0]} alone, on several pieces, so the border term is 0 everywhere; if "
                "this is a label, number its cells with scipy.ndimage.label(label)[0]"
            )
        return weights
    d1, pixel = ndimage.distance_transform_edt(background, return_indices=True)
    reach = np.where(background & (2 * d1 <= 10 * sigma), 10 * sigma - d1, 0)  # d2 is at least d1
    d2 = np.sqrt(_squared_distance_to_another(ids, ids[tuple(pixel)], reach)[background])
    distance = (d1[background] + d2) / sigma
    weights[background] = np.where(distance <= 10, w0 * np.exp(-0.5 * distance**2), 0)
    weights[given == UNLABELLED] = 0
    return weights


def separate_touching(cells: ArrayLike) -> np.ndarray:
    """Open a border of background between cells that touch, so that every cell is a component of its own.

    A pixel becomes background if its 3x3 neighbourhood holds another cell. A cell of which nothing would be left (one
    or two pixels wide, and hemmed in) keeps the pixels that touch no other cell of the result, smallest cells first. It
    vanishes only where each of its pixels touches a tiny cell that was kept.

    Parameters
    ----------
    cells : (H, W) int array
        Instance ids; 0 is background, -1 not labelled.

    Returns
    -------
    (H, W) array of the same dtype
        Instance ids, of which no two touch, not even by a corner. What was background or not labelled stays so.

    Raises
    ------
    ValueError
        `cells` is not a two-dimensional array of integers, is empty, or holds ids below -1.

    Warns
    -----
    UserWarning
        `cells` is probably a mask: uint8 with 255 and grey edges.

    References
    ----------
    Ronneberger et al. 2015, section 3: the separation border is computed by morphological operations.

    Examples
    --------
    >>> separate_touching([[1, 1, 1, 2, 2, 0, 3, 3]]).tolist()  # 2 and 3 did not touch
    [[1, 1, 0, 0, 2, 0, 3, 3]]
    """
    cells = as_cells(cells, unlabelled=True)
    separated = np.where(_touches_another(cells) & (cells > 0), 0, cells)
    ids, sizes = np.unique(cells, return_counts=True)
    smallest_first = ids[np.argsort(sizes, kind="stable")]
    for cell in smallest_first[~np.isin(smallest_first, separated)]:
        restored = np.where(cells == cell, cell, separated)
        separated[(restored == cell) & ~_touches_another(restored)] = cell
    return separated


def weight_map(
    cells: ArrayLike,
    w0: float = 10.0,
    sigma: float = 5.0,
    balance: Sequence[float] | None = None,
    labels: ArrayLike | None = None,
) -> NDArray[np.float32]:
    """Weight of every pixel, equation 2 entire: class balance plus the border term.

    Parameters
    ----------
    cells : (H, W) int array
        Instance ids; 0 is background, -1 not labelled.
    w0, sigma : float
        Height (without unit) and width (pixels) of the border term.
    balance : sequence of K floats, optional
        Weights of background and of cells, from `class_weights` of a training set; those of this map unless given.
    labels : (H, W) int array, optional
        Class of each pixel, 0 to K - 1, -1 = not labelled, where these are not `cells > 0`: they are balanced, and the
        border term is that of the cells.

    Returns
    -------
    (H, W) float32 array
        `class_balance(cells > 0) + border_weight_map(cells, w0, sigma)`, or with the balance or the labels that are
        given. 0 where nothing is labelled, in one map or the other.

    Raises
    ------
    ValueError
        As `border_weight_map`; a weight of `balance` is negative or not finite; or `labels` have another shape than
        `cells`, or hold what is no class or a class that has no weight.

    Warns
    -----
    UserWarning
        As `border_weight_map`.

    References
    ----------
    Ronneberger et al. 2015, section 3, equation 2.

    Examples
    --------
    >>> cells = [[1, 1, 0, 2, 2]]
    >>> print(weight_map(cells).round(1))
    [[ 0.6  0.6 11.7  0.6  0.6]]
    >>> print(weight_map(cells, w0=0).round(1))  # the balance of the classes alone
    [[0.6 0.6 2.5 0.6 0.6]]
    >>> print(weight_map(cells, w0=0, labels=[[1, 2, 0, -1, 1]]).round(2))  # three classes; one pixel is not labelled
    [[0.67 1.33 1.33 0.   0.67]]
    """
    border = border_weight_map(cells, w0, sigma)
    ids = np.asarray(cells).astype(np.int64)
    if labels is None:
        classes, label = 2, np.sign(ids)
    else:
        found = int(np.max(as_array(labels, "labels"), initial=1)) + 1
        classes = found if balance is None else len(balance)
        label = as_classes(labels, "labels", classes, unlabelled=True)
        same_shape(label, ids, ("labels", "cells"))
        label = np.where(ids == UNLABELLED, UNLABELLED, label)
        border[label == UNLABELLED] = 0
    if balance is None:
        return border + class_balance(label, classes)
    return border + _of_each([as_positive(weight, "balance") for weight in balance], label)


def _of_each(weights, labels):
    """The weight of each pixel's class, 0 where nothing is labelled."""
    return np.array([*weights, 0], np.float32)[labels.astype(np.intp)]  # the last: UNLABELLED


def _squared_distance_to_another(cells, nearest_cell, reach):
    """Squared distance of each pixel to the nearest cell other than its `nearest_cell`, exact up to its `reach`.

    Whichever cell a pixel asks about, only the nearest cell of each column and the nearest other one can matter to it.
    So columns are searched first. Then each pixel looks at columns ever further left and right, a strip of rows at a
    time, until none can be nearer.
    """
    first_cell, first, other = _two_nearest_in_column(cells)
    limit = np.minimum(reach, FAR).astype(np.int32) ** 2
    squared = np.where(first_cell == nearest_cell, other, first)
    for top in range(0, len(cells), STRIP):
        strip = slice(top, top + STRIP)
        for step in range(1, cells.shape[1]):
            if np.minimum(squared[strip], limit[strip]).max() < step**2:
                break
            left, right = (strip, slice(None, -step)), (strip, slice(step, None))
            for here, there in ((left, right), (right, left)):
                found = np.where(first_cell[there] == nearest_cell[here], other[there], first[there])
                found += step**2
                np.minimum(squared[here], found, out=squared[here])
    return squared


def _two_nearest_in_column(cells):
    """Id of the nearest cell in each pixel's column, and squared distances to it and to the nearest other cell."""
    above, below = _two_nearest_above(cells), [part[::-1] for part in _two_nearest_above(cells[::-1])]
    first_cell = np.where(above[0] <= below[0], above[1], below[1])
    others = [np.where(cell == first_cell, other, first) for first, cell, other in (above, below)]
    return first_cell, np.minimum(above[0], below[0]) ** 2, np.minimum(*others) ** 2


def _two_nearest_above(cells):
    """Distance to the nearest cell pixel at or above each pixel, its id, and the distance to one of another id."""
    rows = np.arange(len(cells), dtype=np.int32)[:, None]
    last = np.maximum.accumulate(np.where(cells > 0, rows, -FAR), axis=0)
    ids = np.take_along_axis(cells, np.maximum(last, 0), axis=0)
    changes = (cells[1:] > 0) & (cells[1:] != ids[:-1])
    other = np.full_like(last, -FAR)
    other[1:] = np.maximum.accumulate(np.where(changes, last[:-1], -FAR), axis=0)
    return np.minimum(rows - last, FAR), ids, np.minimum(rows - other, FAR)


def _touches_another(cells):
    height, width = cells.shape
    padded = np.pad(cells, 1)
    touches = np.zeros(cells.shape, bool)
    for row in range(3):
        for column in range(3):
            neighbour = padded[row : row + height, column : column + width]
            touches |= (neighbour != cells) & (neighbour > 0)
    return touches
