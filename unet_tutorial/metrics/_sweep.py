"""Every score of a prediction at every threshold, slice by slice: what a record keeps and the results chapter reads."""

import numpy as np

from .._shared.checks import as_cells, trusted
from ._matching import merged_cells, seg_score
from ._scores import iou, pixel_error, rand_error, rand_scores, v_info, warping_error
from ._segments import THRESHOLDS, as_stacks, segments, thin_borders, warn_if_reversed

LEVELS = THRESHOLDS[:-1]  # ten: at a threshold of 1 nothing is cell
SMALLEST_IS_BEST = ("pixel_error", "rand_error", "warping_error", "merged_cells")
GUIDES = {"warping_error": "v_rand_thinned", "merged_cells": "seg"}  # a blank prediction would win these


def score_tissue(probabilities, labels, names, thresholds=LEVELS):
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
    """
    _same_number(probabilities, labels, names)
    _check_polarity(probabilities, labels, thresholds)
    with trusted():
        slices = {
            str(name): _named(name, _tissue, probability, label, thresholds)
            for name, probability, label in zip(names, probabilities, labels)
        }
        mean = {
            score: np.mean([one[score] for one in slices.values()], axis=0).tolist()
            for score in next(iter(slices.values()))
        }
        pooled = {
            metric.__name__: [metric(probabilities, labels, theta) for theta in thresholds]
            for metric in (pixel_error, rand_error)
        }
    return _rounded({"thresholds": list(thresholds), "slices": slices, "all": mean | pooled})


def score_cells(probabilities, cells, names, thresholds=LEVELS):
    """Score the probability of cell in frames of single cells, some of which touch.

    Parameters
    ----------
    probabilities : (N, H, W) float array, or a list of N (H, W) float arrays
    cells : (N, H, W) int array, or a list of N (H, W) int arrays
        Instance ids; 0 is background. Frames in a list may differ in size.
    names, thresholds
        As for `score_tissue`.

    Returns
    -------
    dict
        As for `score_tissue`, with the scores seg (the challenge's, mean over all cells), iou (of the cell pixels) and
        merged_cells (their number; under "all" the sum over the frames). A frame without cells has no SEG of its own:
        there it is None, and under "all" the frame adds no cell to the mean.

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
    """
    _same_number(probabilities, cells, names)
    cells = [_named(name, as_cells, ids) for name, ids in zip(names, cells)]
    if not any(ids.any() for ids in cells):
        raise ValueError(f"cells of {', '.join(map(str, names))}: no frame holds a cell; SEG is a mean over true cells")
    _check_polarity(probabilities, [ids > 0 for ids in cells], thresholds)
    with trusted():
        frames = {
            str(name): _named(name, _frames, [probability], [ids], thresholds)
            for name, probability, ids in zip(names, probabilities, cells)
        }
        together = _frames(probabilities, cells, thresholds)
    return _rounded({"thresholds": list(thresholds), "slices": frames, "all": together})


def best_level(scores, score):
    """Position of the best threshold of a score over all slices together; the first, if several are as good.

    A blank prediction splits and merges nothing, so the warping error and the merged cells are taken where V_Rand after
    thinning, and SEG, are best.
    """
    score = GUIDES.get(score, score)
    if score not in scores["all"]:
        raise ValueError(f"score {score!r}: is not in the record; it holds {', '.join(scores['all'])}")
    values = scores["all"][score]
    return values.index(min(values) if score in SMALLEST_IS_BEST else max(values))


def _tissue(probability, label, thresholds):
    return _join(_tissue_at(probability, label, theta) for theta in thresholds)


def _tissue_at(probability, label, theta):
    found = segments(probability, theta)
    thinned = (thin_borders(found) > 0).astype(np.uint8)
    plain, thin = rand_scores(probability, label, theta), rand_scores(thinned, label)
    return {
        "pixel_error": pixel_error(probability, label, theta),
        "rand_error": 1 - plain.f,
        "warping_error": warping_error(probability, label, theta),
        "v_rand": plain.f,
        "v_info": v_info(probability, label, theta),
        "v_rand_thinned": thin.f,
        "v_rand_thinned_split": thin.split,
        "v_rand_thinned_merge": thin.merge,
        "v_info_thinned": v_info(thinned, label),
    }


def _frames(probabilities, cells, thresholds):
    return _join(_frames_at(list(probabilities), cells, theta) for theta in thresholds)


def _frames_at(probabilities, cells, theta):
    found = [segments(probability, theta) for probability in probabilities]
    return {
        "seg": seg_score(found, cells) if any(ids.any() for ids in cells) else None,
        "iou": iou(probabilities, [ids > 0 for ids in cells], theta),
        "merged_cells": merged_cells(found, cells),
    }


def _join(rows):
    rows = list(rows)
    return {score: [row[score] for row in rows] for score in rows[0]}


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


def _check_polarity(probabilities, labels, thresholds):
    warn_if_reversed(*as_stacks(probabilities, labels), thresholds)


def _same_number(probabilities, truths, names):
    if not len(probabilities) == len(truths) == len(names):
        raise ValueError(
            f"{len(probabilities)} predictions and {len(names)} names, {len(truths)} slices of truth: one "
            "of each for each slice"
        )
