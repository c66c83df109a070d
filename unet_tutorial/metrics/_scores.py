"""How far a prediction is from the truth, by pixels and by pairs of pixels."""

from typing import NamedTuple

import numpy as np
from scipy import ndimage
from scipy.special import entr

from .._shared.checks import trusted
from ._matching import contingency
from ._segments import THRESHOLDS, as_stacks, as_thresholds, segments, thin_borders, warn_if_reversed
from ._warping import warping_errors


class Scores(NamedTuple):
    """Split score (low where true cells are split), merge score (low where they are merged), and `f`, the two in one.

    All in 0..1, 1 is perfect.
    """

    split: float
    merge: float
    f: float


def pixel_error(prediction, truth, threshold=0.5):
    """1 - F1 of the pixels, cell positive. (Not the fraction of wrong pixels.)

    Parameters
    ----------
    prediction : (H, W) or (N, H, W) float, int or bool array
        Probability of cell in 0..1, or a label of 0 and 1.
    truth : (H, W) or (N, H, W) int or bool array
        Label of the same shape, 1 = cell, 0 = membrane or background.
    threshold : float or sequence of float
        In 0..1; cell is where the prediction is greater. Of a sequence, the best threshold counts.

    Returns
    -------
    float
        In 0..1. Pixels are counted over all slices together; 0 if neither holds a cell pixel.

    Raises
    ------
    ValueError
        Shapes differ, a label is not 0 or 1, a prediction is no probability, or a threshold is not in 0..1.

    Warns
    -----
    UserWarning
        1 - prediction agrees with the truth in more pixels (at the best of the thresholds), and the correlation of
        prediction and truth is at most -0.3, and at most -4 / sqrt(n) with n pixels. A blank prediction has none and
        that of a random one is smaller, so neither warns.

    References
    ----------
    Ronneberger et al. 2015, table 1.
    """
    return min(1 - _ratio(2 * both, found + true) for both, found, true in _pixels(prediction, truth, threshold))


def iou(prediction, truth, threshold=0.5):
    """Intersection over union of the cell pixels of all slices together; 1 if neither holds one.

    Parameters, errors and warnings are those of `pixel_error`. Of a sequence of thresholds, the best (largest) value
    counts.
    For the measure of the cell tracking challenge, cell by cell, see `seg_score`.
    """
    return max(_ratio(both, found + true - both) for both, found, true in _pixels(prediction, truth, threshold))


def rand_error(prediction, truth, threshold=0.5, thin=False):
    """1 - F of the pairs of pixels: one pair is right if prediction and truth agree whether it lies in one cell.

    Only pixels that are cell in the truth count. One that lies in no predicted segment is a segment of its own.

    Parameters
    ----------
    prediction, truth, threshold
        As for `pixel_error`. Cells are the 4-connected components.
    thin : bool
        Thin the predicted borders first (`thin_borders`). The challenge of 2015 did not.

    Returns
    -------
    float
        In 0..1. Pairs are counted slice by slice and added over the slices before F is taken. For a single slice this
        is 1 - `v_rand`.

    Raises
    ------
    ValueError
        As for `pixel_error`, or a slice of the truth holds no cell.

    Warns
    -----
    UserWarning
        As `pixel_error`.

    References
    ----------
    Ronneberger et al. 2015, table 1; Arganda-Carreras et al. 2015.
    """
    errors = []
    for tables in _tables(prediction, truth, threshold, thin):
        joint, found, true = np.sum([_pairs(table) for table in tables], axis=0)
        errors.append(float(1 - 2 * joint / (found + true)))
    return min(errors)


def warping_error(prediction, truth, threshold=0.5, thin=False):
    """Share of all pixels that split or merge cells after the truth is warped onto the prediction (`warping_errors`).

    Parameters
    ----------
    prediction, truth, threshold, thin
        As for `rand_error`, with thresholds below 1: the challenge's are `THRESHOLDS[:-1]`.

    Returns
    -------
    float
        In 0..1. Missing cells cost nothing, so a blank prediction scores 0: never the only metric to look at, and of
        several thresholds keep to those that leave segments.

    Raises
    ------
    ValueError
        As for `pixel_error`, or a threshold is 1.

    Warns
    -----
    UserWarning
        As `pixel_error`.

    References
    ----------
    Ronneberger et al. 2015, table 1; Jain et al. 2010.
    """
    prediction, truth = _polarized(prediction, truth, threshold)
    errors = []
    for theta in as_thresholds(threshold):
        with trusted():
            masks = zip(*warping_errors(prediction, truth, theta, thin))
        errors.append(float(np.mean(np.concatenate([np.logical_or(*pair).ravel() for pair in masks]))))
    return min(errors)


def v_rand(prediction, truth, threshold=0.5, thin=False):
    """Foreground-restricted Rand score, the `f` of `rand_scores`: 1 is perfect. The challenge reports it thinned."""
    return rand_scores(prediction, truth, threshold, thin).f


def v_info(prediction, truth, threshold=0.5, thin=False):
    """Foreground-restricted information score, the `f` of `info_scores`: 1 is perfect."""
    return info_scores(prediction, truth, threshold, thin).f


def rand_scores(prediction, truth, threshold=0.5, thin=False):
    """V_Rand with its two parts, from the squared entries p, row sums s and column sums t of `contingency` / n.

    Parameters, errors and warnings are those of `rand_error`.

    Returns
    -------
    Scores
        split = sum p^2 / sum t^2, merge = sum p^2 / sum s^2, f = 2 sum p^2 / (sum s^2 + sum t^2), each the mean over
        the slices, at the threshold of the largest mean f.

    References
    ----------
    Arganda-Carreras et al. 2015.
    """
    return _best_scores(_rand, _tables(prediction, truth, threshold, thin))


def info_scores(prediction, truth, threshold=0.5, thin=False):
    """V_Info with its two parts, from the mutual information I(S;T) of segments S and cells T and their entropies H.

    Parameters, errors and warnings are those of `rand_error`.

    Returns
    -------
    Scores
        split = I(S;T) / H(S), merge = I(S;T) / H(T), f = 2 I(S;T) / (H(S) + H(T)), each the mean over the slices, at
        the threshold of the largest mean f. A slice where either entropy is 0 (one single segment, or one single cell)
        counts 0 in all three, even if prediction and truth agree.

    References
    ----------
    Arganda-Carreras et al. 2015.
    """
    return _best_scores(_info, _tables(prediction, truth, threshold, thin))


def best_threshold(metric, prediction, truth, thresholds=None, **options):
    """The first threshold at which a metric is best, and the metric there.

    Parameters
    ----------
    metric : function
        `pixel_error`, `rand_error`, `warping_error` (smallest is best), `v_rand`, `v_info` or `iou` (largest is best).
    prediction, truth
        As for the metric.
    thresholds : sequence of float, optional
        The challenge's 0, 0.1, ... 1 by default; for the warping error 0 ... 0.9.
    **options
        Further keywords of the metric: `thin`.

    Returns
    -------
    threshold, value : float
    """
    if metric not in _BEST:
        names = ", ".join(known.__name__ for known in _BEST)
        raise ValueError(f"metric {metric!r}: has no threshold to choose; must be one of {names}")
    if thresholds is None:
        thresholds = THRESHOLDS[:-1] if metric is warping_error else THRESHOLDS
    thresholds = as_thresholds(thresholds)
    prediction, truth = _polarized(prediction, truth, thresholds)
    with trusted():
        values = [metric(prediction, truth, threshold=theta, **options) for theta in thresholds]
    value = _BEST[metric](values)
    return thresholds[values.index(value)], value


_BEST = {pixel_error: min, rand_error: min, warping_error: min, v_rand: max, v_info: max, iou: max}


def _pixels(prediction, truth, threshold):
    """Yield for each threshold the numbers of pixels that are cell in both, in the prediction, in the truth."""
    prediction, truth = _polarized(prediction, truth, threshold)
    for theta in as_thresholds(threshold):
        cells = [one > theta for one in prediction]
        yield tuple(
            sum(map(np.count_nonzero, masks))
            for masks in ([cell & (label == 1) for cell, label in zip(cells, truth)], cells, truth)
        )


def _polarized(prediction, truth, threshold):
    """Both as `as_stacks` returns them, with a warning if the polarity of the prediction is probably reversed."""
    prediction, truth = as_stacks(prediction, truth)
    warn_if_reversed(prediction, truth, threshold)
    return prediction, truth


def _ratio(part, whole):
    return float(part / whole) if whole else 1.0


def _tables(prediction, truth, threshold, thin):
    """Yield for each threshold the list of the slices' contingency tables."""
    prediction, truth = _polarized(prediction, truth, threshold)
    for index, label in enumerate(truth):
        if not label.any():
            place = f"[{index}]" if len(truth) > 1 else ""
            raise ValueError(
                f"truth{place}: holds no cell; only pixels that are cell in the truth are compared: leave "
                "such a slice out"
            )
    cells = [ndimage.label(label)[0] for label in truth]
    for theta in as_thresholds(threshold):
        found = [segments(probability, theta) for probability in prediction]
        yield [contingency(thin_borders(one) if thin else one, label) for one, label in zip(found, cells)]


def _pairs(table):
    """Numbers of ordered pairs of pixels that lie together in both, in one segment, in one cell."""
    counts = table.data, table.sum(axis=1), table.sum(axis=0)
    return [float(np.square(one, dtype=float).sum()) for one in counts]


def _rand(table):
    joint, found, true = _pairs(table)
    return Scores(split=joint / true, merge=joint / found, f=2 * joint / (found + true))


def _info(table):
    n = table.sum()
    both, found, true = (entr(counts / n).sum() for counts in (table.data, table.sum(axis=1), table.sum(axis=0)))
    if found == 0 or true == 0:
        return Scores(0.0, 0.0, 0.0)
    shared = max(found + true - both, 0.0)
    return Scores(split=shared / found, merge=shared / true, f=2 * shared / (found + true))


def _best_scores(score, tables_of_thresholds):
    means = [Scores(*np.mean([score(table) for table in tables], axis=0).tolist()) for tables in tables_of_thresholds]
    return max(means, key=lambda scores: scores.f)
