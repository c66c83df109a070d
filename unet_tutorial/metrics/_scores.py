"""How far a prediction is from the truth, by pixels, by pairs of pixels and by topology; at the best threshold."""

import inspect

from ._comparison import comparisons
from ._inputs import THRESHOLDS, as_thresholds
from ._rules import RULES, mean


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
    return _best("pixel_error", prediction, truth, threshold)


def iou(prediction, truth, threshold=0.5):
    """Intersection over union of the cell pixels of all slices together; 1 if neither holds one.

    Parameters, errors and warnings are those of `pixel_error`. Of a sequence of thresholds, the best (largest) value
    counts.
    For the measure of the cell tracking challenge, cell by cell, see `seg_score`.
    """
    return _best("iou", prediction, truth, threshold)


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
    return _best("rand_error", prediction, truth, threshold, thin)


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
    return _best("warping_error", prediction, truth, threshold, thin)


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
    return _best_scores("rand", prediction, truth, threshold, thin)


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
    return _best_scores("info", prediction, truth, threshold, thin)


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
    if metric not in _METRICS:
        names = ", ".join(known.__name__ for known in _METRICS)
        raise ValueError(f"metric {metric!r}: has no threshold to choose; must be one of {names}")
    inspect.signature(metric).bind(prediction, truth, **options)
    name = metric.__name__
    if thresholds is None:  # at 1 nothing is cell, and a score that needs a guide is best where nothing is
        thresholds = THRESHOLDS[:-1] if RULES[name].guide else THRESHOLDS
    thresholds = as_thresholds(thresholds)
    values = _values(name, prediction, truth, thresholds, **options)
    value = RULES[name].best(values)
    return thresholds[values.index(value)], value


_METRICS = (pixel_error, rand_error, warping_error, v_rand, v_info, iou)


def _values(name, prediction, truth, thresholds, thin=False):
    """A score at each threshold, over all slices together."""
    return list(map(RULES[name].of, comparisons(prediction, truth, thresholds, thin)))


def _best(name, *arguments):
    return RULES[name].best(_values(name, *arguments))


def _best_scores(part, *arguments):
    means = [mean([getattr(one, part) for one in stack]) for stack in comparisons(*arguments)]
    return max(means, key=lambda scores: scores.f)
