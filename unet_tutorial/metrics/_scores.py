"""How far a prediction is from the truth, by pixels, by pairs of pixels and by topology; at the best threshold."""

import inspect
from collections.abc import Callable

from numpy.typing import ArrayLike

from ._comparison import comparisons
from ._inputs import THRESHOLDS, Stack, as_thresholds
from ._rules import RULES, Scores, mean


def pixel_error(prediction: Stack, truth: Stack, threshold: ArrayLike = 0.5) -> float:
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

    Examples
    --------
    >>> prediction, truth = [[0.9, 0.4, 0.2, 0.1]], [[1, 1, 0, 0]]
    >>> round(pixel_error(prediction, truth), 2)  # one of four pixels is wrong: F1 = 2 * 1 / (1 + 2)
    0.33
    >>> pixel_error(prediction, truth, threshold=[0.3, 0.5])  # at 0.3 all are right
    0.0
    """
    return _best("pixel_error", prediction, truth, threshold)


def iou(prediction: Stack, truth: Stack, threshold: ArrayLike = 0.5) -> float:
    """Intersection over union of the cell pixels of all slices together; 1 if neither holds one.

    Parameters, errors and warnings are those of `pixel_error`. Of a sequence of thresholds, the best (largest) value
    counts.
    For the measure of the cell tracking challenge, cell by cell, see `seg_score`.

    Examples
    --------
    >>> iou([[1, 1, 1, 1, 1]], [[1, 1, 0, 1, 1]])  # 4 of 5 pixels, though the two cells are merged
    0.8
    """
    return _best("iou", prediction, truth, threshold)


def rand_error(prediction: Stack, truth: Stack, threshold: ArrayLike = 0.5, thin: bool = False) -> float:
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

    Examples
    --------
    >>> truth = [[1, 1, 0, 1, 1]]  # two cells
    >>> round(rand_error([[1, 1, 1, 1, 1]], truth), 2)  # one wrong pixel merges them
    0.33
    >>> round(rand_error([[1, 0, 0, 1, 1]], truth), 2)  # one wrong pixel makes a cell smaller
    0.14
    """
    return _best("rand_error", prediction, truth, threshold, thin)


def warping_error(prediction: Stack, truth: Stack, threshold: ArrayLike = 0.5, thin: bool = False) -> float:
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

    Examples
    --------
    >>> truth = [[1, 1, 0, 1, 1]]  # two cells
    >>> warping_error([[1, 1, 1, 1, 1]], truth)  # one of five pixels merges them
    0.2
    >>> warping_error([[1, 0, 0, 1, 1]], truth)  # a border that is only too wide costs nothing
    0.0
    """
    return _best("warping_error", prediction, truth, threshold, thin)


def v_rand(prediction: Stack, truth: Stack, threshold: ArrayLike = 0.5, thin: bool = False) -> float:
    """Foreground-restricted Rand score, the `f` of `rand_scores`: 1 is perfect. The challenge reports it thinned.

    Examples
    --------
    >>> truth, wide = [[1, 1, 0, 1, 1]], [[1, 0, 0, 1, 1]]  # a border of one pixel, predicted two wide
    >>> round(v_rand(wide, truth), 2), v_rand(wide, truth, thin=True)
    (0.86, 1.0)
    """
    return rand_scores(prediction, truth, threshold, thin).f


def v_info(prediction: Stack, truth: Stack, threshold: ArrayLike = 0.5, thin: bool = False) -> float:
    """Foreground-restricted information score, the `f` of `info_scores`: 1 is perfect.

    Examples
    --------
    >>> truth = [[1, 0, 1, 0, 1]]  # three cells
    >>> round(v_info([[1, 1, 1, 0, 1]], truth), 2)  # two of them are merged
    0.73
    >>> v_info([[1, 1, 1, 1, 1]], truth)  # one single segment tells nothing about the cells
    0.0
    """
    return info_scores(prediction, truth, threshold, thin).f


def rand_scores(prediction: Stack, truth: Stack, threshold: ArrayLike = 0.5, thin: bool = False) -> Scores:
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

    Examples
    --------
    >>> merged = rand_scores([[1, 1, 1, 1, 1]], [[1, 1, 0, 1, 1]])  # two cells become one
    >>> merged.split, merged.merge, round(merged.f, 2)
    (1.0, 0.5, 0.67)
    """
    return _best_scores("rand", prediction, truth, threshold, thin)


def info_scores(prediction: Stack, truth: Stack, threshold: ArrayLike = 0.5, thin: bool = False) -> Scores:
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

    Examples
    --------
    >>> merged = info_scores([[1, 1, 1, 0, 1]], [[1, 0, 1, 0, 1]])  # two of three cells become one
    >>> round(merged.split, 2), round(merged.merge, 2), round(merged.f, 2)
    (1.0, 0.58, 0.73)
    """
    return _best_scores("info", prediction, truth, threshold, thin)


def best_threshold(
    metric: Callable[..., float], prediction: Stack, truth: Stack, thresholds: ArrayLike | None = None, **options: bool
) -> tuple[float, float]:
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

    Examples
    --------
    >>> prediction, truth = [[0.9, 0.8, 0.55, 0.7, 0.9]], [[1, 1, 0, 1, 1]]
    >>> best_threshold(rand_error, prediction, truth)  # at 0.5 the two cells are still merged
    (0.6, 0.0)
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
