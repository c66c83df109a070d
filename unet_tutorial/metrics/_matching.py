"""Which segment shares how many pixels with which true cell, and the measures that are read off such a table."""

import numpy as np
from scipy import sparse

from .._shared.checks import as_cells
from ._segments import gather, shapes


def contingency(segmentation, truth):
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
    """
    segmentation, truth = _as_ids(segmentation, "segmentation"), _as_ids(truth, "truth")
    _same_id_shape(segmentation, truth, "segmentation")
    counted = truth > 0
    if not counted.any():
        raise ValueError("truth: holds no cell; only pixels that are cell in the truth are compared")
    rows, columns = segmentation[counted].astype(np.int64), truth[counted].astype(np.int64)
    alone = np.flatnonzero(rows == 0)
    last = int(segmentation.max())
    rows[alone] = last + 1 + np.arange(alone.size)
    return _table(rows - 1, columns - 1, (last + alone.size, int(truth.max())))


def seg_score(prediction_ids, truth_ids):
    """SEG of the cell tracking challenge: mean Jaccard index of the true cells.

    A true cell is matched by the segment that covers more than half of its pixels; an unmatched one counts 0. Segments
    that match no cell cost nothing.

    Parameters
    ----------
    prediction_ids, truth_ids : (H, W) or (N, H, W) int arrays, or lists of N (H, W) int arrays
        Instance ids, 0 = background. In a stack the ids of each slice stand for themselves. Slices in a list may differ
        in size.

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
    """
    scores = []
    for _, shared, found, true in _matches(prediction_ids, truth_ids):
        scores.append(shared / (found + true - shared))
    scores = np.concatenate(scores)
    if scores.size == 0:
        raise ValueError("truth_ids: hold no cell; SEG is a mean over true cells")
    return float(scores.mean())


def merged_cells(prediction_ids, truth_ids):
    """Number of true cells that share their segment with another true cell.

    The segment of a true cell is the one that covers more than half of its pixels; a cell without one is not merged. A
    segment that swallows three cells counts 3. Parameters, errors and warnings are those of `seg_score`, but a truth
    without cells has 0 merged ones.
    """
    merged = 0
    for match, *_ in _matches(prediction_ids, truth_ids):
        held = np.bincount(match)[1:]
        merged += int(held[held > 1].sum())
    return merged


def _matches(prediction_ids, truth_ids):
    """Yield for each slice four arrays over its true cells.

    The id of the segment that covers more than half of the cell, the pixels they share (0 and 0 if there is no such
    segment), and the sizes of both.
    """
    prediction_ids, truth_ids = gather(prediction_ids, "prediction_ids"), gather(truth_ids, "truth_ids")
    _same_id_shape(prediction_ids, truth_ids, "prediction_ids")
    if not isinstance(truth_ids, list) and truth_ids.ndim < 3:
        prediction_ids, truth_ids = prediction_ids[None], truth_ids[None]
    if len(truth_ids) == 0:
        raise ValueError(f"truth_ids of shape {truth_ids.shape}: holds no slice")
    for index, (found, cells) in enumerate(zip(prediction_ids, truth_ids)):
        place = f"[{index}]" if len(truth_ids) > 1 else ""
        found, cells = _as_ids(found, f"prediction_ids{place}"), _as_ids(cells, f"truth_ids{place}")
        table = _table(found.ravel(), cells.ravel(), (int(found.max()) + 1, int(cells.max()) + 1))
        sizes_found, sizes_true = table.sum(axis=1), table.sum(axis=0)
        pairs = table.tocoo()
        covers = (pairs.row > 0) & (2 * pairs.data > sizes_true[pairs.col])
        match, shared = np.zeros_like(sizes_true), np.zeros_like(sizes_true)
        match[pairs.col[covers]] = pairs.row[covers]
        shared[pairs.col[covers]] = pairs.data[covers]
        present = np.flatnonzero(sizes_true[1:]) + 1
        yield match[present], shared[present], sizes_found[match[present]], sizes_true[present]


def _table(rows, columns, shape):
    return sparse.coo_array((np.ones(rows.size, np.int64), (rows, columns)), shape).tocsr()


def _as_ids(ids, name):
    ids = as_cells(ids, name)
    if ids.max() > ids.size:
        raise ValueError(f"{name}: holds the id {int(ids.max())} on {ids.size} pixels; renumber the ids 1, 2, ...")
    return ids


def _same_id_shape(prediction, truth, name):
    if shapes(prediction) != shapes(truth):
        raise ValueError(f"{name} of shape {shapes(prediction)} and truth of shape {shapes(truth)}: must be equal")
