"""Every score of a prediction at every threshold, slice by slice: what a record keeps and the results chapter reads."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ._comparison import Comparison, Truth
from ._inputs import THRESHOLDS, as_ids, as_stacks, as_thresholds, warn_if_reversed
from ._rules import CELLS, RULES, TISSUE

LEVELS = THRESHOLDS[:-1]  # ten: at a threshold of 1 nothing is cell


def score_tissue(
    probabilities: np.ndarray | Sequence[ArrayLike],
    labels: np.ndarray | Sequence[ArrayLike],
    names: Sequence[str | int],
    thresholds: Sequence[float] = LEVELS,
) -> dict[str, Any]:
    """Score the probability of cell in slices of tissue.

    Parameters
    ----------
    probabilities : (N, H, W) float array, or a list of N (H, W) float arrays
    labels : (N, H, W) array, or a list of N (H, W) arrays
        1 = cell, 0 = membrane. Slices in a list may differ in size.
    names : sequence of N
        Of the slices, for example their numbers.
    thresholds : sequence of float
        Below 1.

    Returns
    -------
    dict
        "thresholds"; "slices": slice name to score name to a list, one value a threshold; "all": score name to a list,
        by the challenge's rule for several slices (pixel and Rand error pooled, the others means over the slices).
        Scores: pixel_error, rand_error, warping_error, v_rand, v_info, and the last two after thinning, v_rand_thinned
        with its parts v_rand_thinned_split and v_rand_thinned_merge, v_info_thinned.

    Raises
    ------
    ValueError
        As the metrics, with the name of the slice; or the numbers of slices and of names differ.

    Warns
    -----
    UserWarning
        As the metrics, once: the polarity of the predictions is probably reversed.

    References
    ----------
    Ronneberger et al. 2015, table 1; Arganda-Carreras et al. 2015.

    Examples
    --------
    >>> probabilities, labels = [[[0.9, 0.6, 0.8]]], [[[1, 0, 1]]]  # one slice; at 0.5 its two cells are merged
    >>> record = score_tissue(probabilities, labels, names=["first"], thresholds=[0.5, 0.7])
    >>> record["slices"]["first"]["pixel_error"], record["all"]["v_rand"]
    ([0.2, 0.0], [0.6666667, 1.0])
    """
    _same_number(probabilities, labels, names)
    record = _scored(TISSUE, probabilities, labels, [None] * len(labels), names, thresholds)
    values = [one["warping_error"] for one in record["slices"].values()]
    record["all"]["warping_error"] = np.mean(values, axis=0).tolist()  # not pooled, where slices differ in size
    return _rounded(record)


def score_cells(
    probabilities: np.ndarray | Sequence[ArrayLike],
    cells: np.ndarray | Sequence[ArrayLike],
    names: Sequence[str | int],
    thresholds: Sequence[float] = LEVELS,
) -> dict[str, Any]:
    """Score the probability of cell in frames of single cells, some of which touch.

    Parameters
    ----------
    probabilities : (N, H, W) float array, or a list of N (H, W) float arrays
    cells : (N, H, W) int array, or a list of N (H, W) int arrays
        Instance ids; 0 is background, -1 not labelled: such pixels count for no score. Frames in a list may differ in
        size.
    names, thresholds
        As for `score_tissue`.

    Returns
    -------
    dict
        As for `score_tissue`, with the scores seg (the challenge's, mean over all cells), seg_touching (over those that
        at most one pixel of background parts from another one), iou (of the cell pixels) and merged_cells (their
        number; under "all" the sum over the frames). A frame without cells has no SEG of its own, and one where none
        touch no SEG of touching ones: there it is None, and under "all" the frame adds no cell to the mean.

    Raises
    ------
    ValueError
        As the metrics, with the name of the frame; or the numbers of frames and of names differ, or no frame holds a
        cell.

    Warns
    -----
    UserWarning
        As `score_tissue`; or a map of ids is probably a mask with grey edges.

    References
    ----------
    Ronneberger et al. 2015, table 2.

    Examples
    --------
    >>> probabilities, cells = [[[0.9, 0.6, 0.8]]], [[[1, 0, 2]]]  # one frame; at 0.5 its two cells are merged
    >>> record = score_cells(probabilities, cells, names=["first"], thresholds=[0.5, 0.7])
    >>> record["all"]["merged_cells"], record["all"]["seg"]
    ([2, 0], [0.3333333, 1.0])
    """
    _same_number(probabilities, cells, names)
    maps = [_named(name, as_ids, ids, "cells", True) for name, ids in zip(names, cells)]
    if not any((ids > 0).any() for ids in maps):
        raise ValueError(f"cells of {', '.join(map(str, names))}: no frame holds a cell; SEG is a mean over true cells")
    return _rounded(_scored(CELLS, probabilities, [ids > 0 for ids in maps], maps, names, thresholds))


def best_level(scores: Mapping[str, Any], score: str) -> int:
    """Position of the best threshold of a score over all slices together; the first, if several are as good.

    A blank prediction splits and merges nothing, so the warping error and the merged cells are taken where V_Rand after
    thinning, and SEG, are best.

    Examples
    --------
    >>> scores = {"all": {"seg": [0.4, 0.9, 0.0], "merged_cells": [2, 1, 0]}}  # at the third, nothing is cell
    >>> best_level(scores, "seg"), best_level(scores, "merged_cells")
    (1, 1)
    """
    rule = RULES.get(score)
    if rule and rule.guide:
        return best_level(scores, rule.guide)
    if score not in scores["all"]:
        raise ValueError(f"score {score!r}: is not in the record; it holds {', '.join(scores['all'])}")
    values = scores["all"][score]
    return values.index(rule.best(values) if rule else max(values))


def _scored(rules, probabilities, labels, cells, names, thresholds):
    """The scores of each slice and of all together, by their rules, at each threshold."""
    probabilities, labels = as_stacks(probabilities, labels)
    warn_if_reversed(probabilities, labels, thresholds)
    thetas = as_thresholds(thresholds)
    slices = zip(names, probabilities, map(Truth, labels, cells))
    parts = {str(name): _named(name, _read, rules, probability, truth, thetas) for name, probability, truth in slices}
    alone = {name: _whole(rules, [one]) for name, one in parts.items()}
    return {"thresholds": list(thresholds), "slices": alone, "all": _whole(rules, parts.values())}


def _read(rules, probability, truth, thetas):
    """For each rule its parts at all thresholds; the comparisons themselves are too large to be kept."""
    stack = (Comparison(probability, truth, theta) for theta in thetas)
    rows = [[rule.part(one) for rule in rules.values()] for one in stack]
    return dict(zip(rules, zip(*rows)))


def _whole(rules, slices):
    by_threshold = {score: zip(*(parts[score] for parts in slices)) for score in rules}
    return {score: [rule.whole(one) for one in by_threshold[score]] for score, rule in rules.items()}


def _rounded(value):
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return None if value is None else round(value, 7)


def _named(name, function, *arguments):
    """Call a function; an error of it names the slice."""
    try:
        return function(*arguments)
    except ValueError as error:
        raise ValueError(f"slice {name!r}: {error}") from error


def _same_number(probabilities, truths, names):
    if not len(probabilities) == len(truths) == len(names):
        raise ValueError(
            f"{len(probabilities)} predictions and {len(names)} names, {len(truths)} slices of truth: one "
            "of each for each slice"
        )
