"""Scores of single pixels: how likely the truth was, how honest the probabilities are, how well classes overlap."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._shared.checks import UNLABELLED, as_classes, as_size
from ._inputs import Stack, as_pairs, as_stacks, gather, same_shapes

CERTAIN = 1e-7  # no probability counts as nearer to 0 or 1


class ClassScores(NamedTuple):
    """Intersection over union and Dice coefficient of each class, two float arrays of shape (classes,)."""

    iou: np.ndarray
    dice: np.ndarray


def log_loss(probability: Stack, truth: Stack, weights: Stack | None = None) -> float:
    """Mean negative log-likelihood of a pixel: -log of the probability that its true class was given.

    Parameters
    ----------
    probability : (H, W) or (N, H, W) float, int or bool array, or a list of N (H, W) arrays
        Probability of cell in 0..1. Nearer than 1e-7 to 0 or 1 it counts as 1e-7 away: a pixel that is certain and
        wrong costs 16.1, not infinity.
    truth : (H, W) or (N, H, W) int or bool array, or a list
        Label of the same shape, 1 = cell, 0 = membrane or background.
    weights : float array of the same shape, or a list, optional
        How much each pixel counts, at least 0 and not all 0: the mean is that of the weighted pixels. All count the
        same unless given.

    Returns
    -------
    float
        In nats, over the pixels of all slices together; 0 is perfect, and log 2 is what 0.5 everywhere costs.

    Raises
    ------
    ValueError
        Shapes differ, a label is not 0 or 1, a prediction is no probability, or weights are negative, not finite or
        all 0.

    References
    ----------
    Ronneberger et al. 2015, equation 1, with the weighted sum divided by the sum of the weights.

    Examples
    --------
    >>> round(log_loss(np.array([[0.5, 0.75]]), np.array([[1, 0]])), 4)  # (log 2 + log 4) / 2
    1.0397
    """
    probabilities, labels = as_stacks(probability, truth, "probability")
    parts = [losses(*one) for one in zip(probabilities, labels, _as_weights(weights, labels))]
    loss, weight = np.sum(parts, axis=0)
    return float(loss / weight)


def calibration_error(probability: Stack, truth: Stack, bins: int = 10) -> float:
    """Expected calibration error: how far, in the mean, the probability of cell is from the share that is cell.

    Pixels are sorted into bins of equal width by their probability. Bin k of B holds k / B <= p < (k + 1) / B, the last
    one p = 1 as well. In each the mean probability is compared with the share of pixels that are cell.

    Parameters
    ----------
    probability, truth
        As for `log_loss`.
    bins : int
        B, at least 1.

    Returns
    -------
    float
        In 0..1, 0 is perfect: the sum over the bins of the distance between mean probability and share of cell, each
        times the share of all pixels that lie in the bin. Pixels of all slices are taken together; an empty bin adds
        nothing.

    Raises
    ------
    ValueError
        As for `log_loss`, or `bins` is no whole number of at least 1.

    Notes
    -----
    Of the two classes only cell is looked at, over 0..1; not the confidence in the likelier class, over 0.5..1.

    References
    ----------
    Naeini et al. 2015, "Obtaining well calibrated probabilities using Bayesian binning".

    Examples
    --------
    >>> label = np.array([[1, 1, 1, 0]])  # three in four are cell
    >>> calibration_error(np.full((1, 4), 0.75), label), calibration_error(np.full((1, 4), 0.25), label)
    (0.0, 0.5)
    """
    bins = as_size(bins, "bins")
    probabilities, labels = as_stacks(probability, truth, "probability")
    return calibration_gap([bin_sums(p, label, bins) for p, label in zip(probabilities, labels)])


def confusion(prediction: Stack, truth: Stack, classes: int) -> NDArray[np.int64]:
    """How many pixels of each class were given to each class.

    Parameters
    ----------
    prediction, truth : (H, W) or (N, H, W) int arrays, or lists of N (H, W) int arrays
        Class of each pixel, 0..C - 1. The truth may be -1 where nothing is labelled; these pixels are not counted.
    classes : int
        C, at least 1.

    Returns
    -------
    (C, C) int64 array
        Row: the true class; column: the predicted one. Pixels of all slices together; the diagonal is right.

    Raises
    ------
    ValueError
        Not whole numbers, a class is not in 0..C - 1, shapes differ, or `classes` is no whole number of at least 1.

    Examples
    --------
    >>> confusion(np.array([[0, 2, 1, 1]]), np.array([[0, 1, 1, -1]]), classes=3).tolist()
    [[1, 0, 0], [0, 1, 1], [0, 0, 0]]
    """
    classes = as_size(classes, "classes")
    counts = np.zeros(classes * classes, np.int64)

    def check(values, name):
        return as_classes(values, name, classes, unlabelled=name.startswith("truth")).astype(np.int64)

    for found, true in as_pairs(prediction, truth, check):
        known = true != UNLABELLED
        counts += np.bincount(true[known] * classes + found[known], minlength=counts.size)
    return counts.reshape(classes, classes)


def class_scores(prediction: Stack, truth: Stack, classes: int) -> ClassScores:
    """Intersection over union and Dice coefficient of each class.

    Parameters
    ----------
    prediction, truth, classes
        As for `confusion`.

    Returns
    -------
    ClassScores
        `iou` and `dice`, each a (C,) float array in 0..1, 1 is perfect: I / U and 2 I / (P + T), with the pixels P of
        the class in the prediction, T in the truth, I in both and U in either, over all slices together. A class that
        neither holds is nan: `np.nanmean` leaves it out of a mean. One that only one of them holds is 0.

    Raises
    ------
    ValueError
        As `confusion`.

    Examples
    --------
    >>> scores = class_scores(np.array([[0, 0, 1, 1]]), np.array([[0, 1, 1, 1]]), classes=3)
    >>> scores.iou.round(3).tolist(), scores.dice.round(3).tolist()
    ([0.5, 0.667, nan], [0.667, 0.8, nan])
    """
    table = confusion(prediction, truth, classes)
    both, either = table.diagonal(), table.sum(axis=0) + table.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return ClassScores(iou=both / (either - both), dice=2 * both / either)


def losses(probability, label, weight=1.0):
    """Of one slice the weighted sum of the losses of its pixels, and the sum of their weights."""
    p = probability.astype(float).clip(CERTAIN, 1 - CERTAIN)
    weight = np.broadcast_to(weight, p.shape)
    return -(weight * np.where(label == 1, np.log(p), np.log1p(-p))).sum(), weight.sum()


def bin_sums(probability, label, bins=10):
    """(3, bins) float array: of the pixels in each bin of probability their number, sum of probabilities, of labels."""
    p = probability.astype(float).ravel()
    place = np.digitize(p, np.arange(1, bins) / bins)
    return np.stack([np.bincount(place, values, bins) for values in (np.ones(p.size), p, label.ravel())])


def calibration_gap(sums):
    """Expected calibration error from the `bin_sums` of all slices."""
    pixels, expected, true = np.sum(sums, axis=0)
    return float(np.abs(expected - true).sum() / pixels.sum())


def _as_weights(weights, truth):
    if weights is None:
        return [1.0] * len(truth)
    weights = gather(weights, "weights")
    if not isinstance(weights, list) and weights.ndim == 2:
        weights = weights[None]
    same_shapes(weights, truth, "weights")
    if not all(one.dtype.kind in "biuf" and np.isfinite(one).all() and (one >= 0).all() for one in weights):
        raise ValueError("weights: hold a value that is negative, infinite or no number; clip them or set them to 0")
    if not any(one.any() for one in weights):
        raise ValueError("weights: are all 0; at least one pixel must count, leave weights out to count all")
    return weights
