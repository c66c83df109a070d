"""How near the borders of the found segments are to those of the true cells."""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from .._shared.checks import as_array, as_cells, as_positive
from ._inputs import Stack, as_pairs


class BoundaryScores(NamedTuple):
    """Share of predicted boundary pixels that are right, share of the true ones that are found, and their F1."""

    precision: float
    recall: float
    f: float


def boundary_scores(prediction: Stack, truth: Stack, tolerance: float) -> BoundaryScores:
    """Precision and recall of boundary pixels within a tolerance, and their F1.

    A pixel is boundary if it lies in a segment or a cell and one of its four neighbours inside the slice does not lie
    in the same one: it is the outermost ring of each region, also where two of them touch. Pixels of value 0 are never
    boundary, and the edge of the slice makes none.

    Parameters
    ----------
    prediction, truth : (H, W) or (N, H, W) int or bool arrays, or lists of N (H, W) arrays
        Labels of 0 and 1, or ids of segments and of cells, 0 between them. Probabilities need a threshold first:
        `segments`.
    tolerance : float
        In pixels, at least 0: how far apart two boundary pixels may be, centre to centre.

    Returns
    -------
    BoundaryScores
        `precision`: of the predicted boundary pixels, the share that has a true one at a Euclidean distance of at most
        `tolerance`; `recall`: of the true ones, the share that has a predicted one as near; `f` =
        2 precision recall / (precision + recall), 0 where both are 0. Each in 0..1, 1 is perfect, over the boundary
        pixels of all slices together. One pixel may serve several. A share of no pixels at all is 1: two blank maps
        score 1 in all three, and if only one is blank, `f` is 0.

    Raises
    ------
    ValueError
        Not labels or ids, shapes differ, or `tolerance` is negative or not finite.

    Warns
    -----
    UserWarning
        A map of ids is probably a mask: uint8 with 255 and grey edges.

    References
    ----------
    Martin et al. 2004, "Learning to detect natural image boundaries", which matches pixels one to one; Csurka et al.
    2013, "What is a good evaluation measure for semantic segmentation?", which matches as here.

    Examples
    --------
    >>> truth = np.array([[1, 1, 1, 0, 2, 2, 2]])  # boundary: columns 2 and 4
    >>> boundary_scores(np.array([[1, 1, 0, 2, 2, 2, 2]]), truth, tolerance=0)  # boundary: columns 1 and 3
    BoundaryScores(precision=0.0, recall=0.0, f=0.0)
    >>> boundary_scores(np.array([[1, 1, 0, 2, 2, 2, 2]]), truth, tolerance=1)
    BoundaryScores(precision=1.0, recall=1.0, f=1.0)
    """
    tolerance = as_positive(tolerance, "tolerance")
    counts = []
    for pair in as_pairs(prediction, truth, _as_regions):
        found, true = map(boundary, pair)
        near = found & _within(true, tolerance), found, true & _within(found, tolerance), true
        counts.append([np.count_nonzero(pixels) for pixels in near])
    right, found, met, true = np.sum(counts, axis=0).tolist()
    precision, recall = (part / whole if whole else 1.0 for part, whole in ((right, found), (met, true)))
    return BoundaryScores(precision, recall, 2 * precision * recall / (precision + recall or 1))


def boundary_f1(prediction: Stack, truth: Stack, tolerance: float) -> float:
    """F1 of boundary pixels within a tolerance, the `f` of `boundary_scores`: 1 is perfect.

    Parameters, errors and warnings are those of `boundary_scores`.

    Examples
    --------
    >>> truth = np.array([[1, 1, 1, 0, 2, 2, 2]])
    >>> boundary_f1(np.array([[1, 1, 1, 1, 1, 1, 1]]), truth, tolerance=2)  # one segment: no boundary at all
    0.0
    """
    return boundary_scores(prediction, truth, tolerance).f


def boundary(ids):
    """(H, W) bool array: pixels of a region that have a neighbour, of four, outside it."""
    edge = np.zeros(ids.shape, bool)
    down, right = ids[1:] != ids[:-1], ids[:, 1:] != ids[:, :-1]
    for part, other in ((edge[1:], down), (edge[:-1], down), (edge[:, 1:], right), (edge[:, :-1], right)):
        part |= other
    return edge & (ids > 0)


def _within(edge, tolerance):
    """Where a pixel of an edge lies at most so far away; nowhere, if it has none."""
    return ndimage.distance_transform_edt(~edge) <= tolerance if edge.any() else edge


def _as_regions(ids, name):
    ids = as_array(ids, name)
    if ids.dtype.kind == "f":
        raise ValueError(
            f"{name} of dtype {ids.dtype}: must be a label of 0 and 1, or ids; of probabilities take the segments at a "
            "threshold, metrics.segments(p, threshold)"
        )
    return as_cells(ids.astype(np.uint8) if ids.dtype == bool else ids, name)
