"""The rule of each score: what it reads from a comparison, how slices make one number, and which end of it is good."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ._pixels import bin_sums, calibration_gap, losses


class Scores(NamedTuple):
    """Split score (low where true cells are split), merge score (low where they are merged), and `f`, the two in one.

    All in 0..1, 1 is perfect.
    """

    split: float
    merge: float
    f: float


class Rule(NamedTuple):
    """How a score is read from comparisons, and which of two values is better.

    Parameters
    ----------
    part : function
        What it reads from the `Comparison` of a slice: an attribute, small whatever the size of the slice.
    whole : function
        From a sequence of these, one a slice, to the value for all slices together.
    best : function
        `min` or `max` of several values.
    guide : str, optional
        The score whose best threshold counts for this one too: a blank prediction would win this one.
    """

    part: Callable
    whole: Callable
    best: Callable
    guide: str | None = None

    def of(self, comparisons):
        """The value for a list of comparisons, one a slice."""
        return self.whole(list(map(self.part, comparisons)))


def mean(scores):
    """`Scores` of slices: each of the three is the mean over the slices."""
    return Scores(*np.mean(scores, axis=0).tolist())


def _mean(field):
    return lambda parts: getattr(mean(parts), field)


def _pooled(formula):
    """Counts are added over the slices before the formula is applied."""
    return lambda parts: float(formula(*np.sum(parts, axis=0)))


def _ratio(part, whole):
    return part / whole if whole else 1.0


def _over_cells(parts):
    """Mean over the cells of all slices; None if there is no cell."""
    return float(np.concatenate(parts).mean()) if any(part.size for part in parts) else None


TISSUE = {
    "pixel_error": Rule(lambda c: c.pixels, _pooled(lambda both, found, true: 1 - _ratio(2 * both, found + true)), min),
    "rand_error": Rule(lambda c: c.pairs, _pooled(lambda joint, found, true: 1 - 2 * joint / (found + true)), min),
    "warping_error": Rule(lambda c: c.warping, _pooled(lambda wrong, pixels: wrong / pixels), min, "v_rand_thinned"),
    "v_rand": Rule(lambda c: c.rand, _mean("f"), max),
    "v_info": Rule(lambda c: c.info, _mean("f"), max),
    "v_rand_thinned": Rule(lambda c: c.thinned.rand, _mean("f"), max),
    "v_rand_thinned_split": Rule(lambda c: c.thinned.rand, _mean("split"), max),
    "v_rand_thinned_merge": Rule(lambda c: c.thinned.rand, _mean("merge"), max),
    "v_info_thinned": Rule(lambda c: c.thinned.info, _mean("f"), max),
}
CELLS = {
    "seg": Rule(lambda c: c.jaccards, _over_cells, max),
    "seg_touching": Rule(lambda c: c.jaccards[c.truth.touching], _over_cells, max),
    "iou": Rule(lambda c: c.pixels, _pooled(lambda both, found, true: _ratio(both, found + true - both)), max),
    "merged_cells": Rule(lambda c: c.merged, sum, min, "seg"),
}
PROBABILITY = {
    "log_loss": Rule(lambda c: losses(c.probability, c.truth.label), _pooled(lambda loss, pixels: loss / pixels), min),
    "calibration_error": Rule(lambda c: bin_sums(c.probability, c.truth.label), calibration_gap, min),
}
RULES = TISSUE | CELLS | PROBABILITY
