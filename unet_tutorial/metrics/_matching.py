"""Which segment shares how many pixels with which true cell, and the measures that are read off such a table."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from ._comparison import Comparison, overlaps
from ._inputs import Stack, as_ids, as_pairs, same_shapes
from ._rules import RULES


def contingency(segmentation: ArrayLike, truth: ArrayLike) -> sparse.csr_array:
    """Table of how many cell pixels each pair of a segment and a true cell shares.

    Parameters
    ----------
    segmentation, truth : (H, W) int arrays
        Ids of segments and of true cells, 0 between them.

    Returns
    -------
    (segments, cells) sparse int array
        Only pixels that are cell in the truth are counted. Row i is segment i + 1, column j is cell j + 1; after the
        rows of the segments comes one row for each counted pixel that lies in no segment, in raster order.
        `.toarray()` shows a small one.

    Raises
    ------
    ValueError
        Not ids, shapes differ, an id is greater than the number of pixels, or the truth holds no cell.

    Warns
    -----
    UserWarning
        A map of ids is probably a mask: uint8 with 255 and grey edges.

    Examples
    --------
    >>> table = contingency([[1, 1, 1, 1, 0]], [[1, 1, 0, 2, 2]])
    >>> table.toarray().tolist()  # the one segment, then the last pixel, which lies in none
    [[2, 1], [0, 1]]
    """
    segmentation, truth = as_ids(segmentation, "segmentation"), as_ids(truth, "truth")
    same_shapes(segmentation, truth, "segmentation")
    alone = truth[(segmentation == 0) & (truth > 0)].astype(np.int64) - 1
    if not truth.any():
        raise ValueError("truth: holds no cell; only pixels that are cell in the truth are compared")
    shared = overlaps(segmentation, truth)[1:, 1:]
    loners = sparse.coo_array((np.ones_like(alone), (np.arange(alone.size), alone)), (alone.size, shared.shape[1]))
    return sparse.vstack([shared, loners], format="csr")


def seg_score(prediction_ids: Stack, truth_ids: Stack) -> float:
    """SEG of the cell tracking challenge: mean Jaccard index of the true cells.

    A true cell is matched by the segment that covers more than half of its pixels; an unmatched one counts 0. Segments
    that match no cell cost nothing.

    Parameters
    ----------
    prediction_ids, truth_ids : (H, W) or (N, H, W) int arrays, or lists of N (H, W) int arrays
        Instance ids, 0 = background. The truth may be -1 where nothing is labelled; these pixels count for nothing. In
        a stack the ids of each slice stand for themselves. Slices in a list may differ in size.

    Returns
    -------
    float
        In 0..1, the mean over all true cells of all slices.

    Raises
    ------
    ValueError
        Not ids, shapes differ, an id is greater than the number of pixels of a slice, or the truth holds no cell.

    Warns
    -----
    UserWarning
        As `contingency`.

    References
    ----------
    Ronneberger et al. 2015, table 2 (which calls its measure IOU).

    Examples
    --------
    >>> cells = [[1, 1, 0, 2, 2]]
    >>> seg_score([[1, 1, 1, 1, 1]], cells)  # one segment merges both: 2 of its 5 pixels belong to each
    0.4
    >>> seg_score([[1, 1, 0, 2, 0]], cells)  # half of the second cell is not more than half: no match
    0.5
    """
    seg = RULES["seg"].of(_compared(prediction_ids, truth_ids))
    if seg is None:
        raise ValueError("truth_ids: hold no cell; SEG is a mean over true cells")
    return seg


def merged_cells(prediction_ids: Stack, truth_ids: Stack) -> int:
    """Number of true cells that share their segment with another true cell.

    The segment of a true cell is the one that covers more than half of its pixels; a cell without one is not merged. A
    segment that swallows three cells counts 3. Parameters, errors and warnings are those of `seg_score`, but a truth
    without cells has 0 merged ones.

    Examples
    --------
    >>> cells = [[1, 1, 0, 2, 2, 0, 3, 3]]
    >>> merged_cells([[1, 1, 1, 1, 1, 0, 2, 2]], cells)  # the first two lie in one segment
    2
    """
    return RULES["merged_cells"].of(_compared(prediction_ids, truth_ids))


def _compared(prediction_ids, truth_ids):
    def check(ids, name):
        return as_ids(ids, name, unlabelled=name.startswith("truth"))

    pairs = as_pairs(prediction_ids, truth_ids, check, ("prediction_ids", "truth_ids"))
    return [Comparison.of_ids(found, cells) for found, cells in pairs]
