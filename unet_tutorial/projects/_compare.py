"""Objects found against objects drawn: SEG, F1, merged and split cells, IoU and Dice, for one image or many."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..metrics import Comparison

HALF = 0.5


class Counts(NamedTuple):
    """What the scores of an image are made of; counts of several images add up.

    `jaccards` is the sum over the `cells` drawn; `hits` of the `found` objects have an IoU above 0.5 with one drawn;
    `both`, `either` and `sum` are pixels of the foreground in both maps, in either, and in each of them together.
    """

    jaccards: float
    cells: int
    found: int
    hits: int
    merged: int
    split: int
    both: int
    either: int
    sum: int

    @property
    def scores(self) -> dict[str, float | int]:
        """The scores by their names; NaN where nothing was drawn or found."""
        return {
            "seg": self.jaccards / self.cells if self.cells else float("nan"),
            "f1": 2 * self.hits / (self.cells + self.found) if self.cells + self.found else float("nan"),
            "merged": self.merged,
            "split": self.split,
            "iou": self.both / self.either if self.either else float("nan"),
            "dice": 2 * self.both / self.sum if self.sum else float("nan"),
        }


def count(found: np.ndarray, truth: np.ndarray, ignored: np.ndarray | None = None) -> Counts:
    """Compare the objects of one image, both (H, W) int arrays of ids.

    A cell is merged if its segment (`metrics.seg_score`) is that of another one too, and split if two segments or
    more lie in it for the most part. Where `ignored` is True, nothing was drawn: a segment that lies there for the most
    part does not count, and no pixel of the foreground does.

    Examples
    --------
    >>> count(np.array([[1, 1, 1, 1, 0, 2]]), np.array([[1, 1, 2, 2, 0, 0]])).scores["merged"]
    2
    """
    if ignored is not None and ignored.any():
        inside = np.bincount(found.ravel(), ignored.ravel(), found.max() + 1)
        out = 2 * inside > np.bincount(found.ravel())
        found = np.where(out[found] | ignored, 0, found)
    one = Comparison.of_ids(found, truth)
    table = one.table.toarray()
    sizes = table.sum(axis=1), table.sum(axis=0)
    inner = table[1:, 1:]
    union = sizes[0][1:, None] + sizes[1][None, 1:] - inner
    within = 2 * inner > sizes[0][1:, None]
    both, one_side, other = one.pixels
    return Counts(
        float(one.jaccards.sum()),
        int((sizes[1][1:] > 0).sum()),
        int((sizes[0][1:] > 0).sum()),
        int((inner > HALF * union).sum()),
        one.merged,
        int((within.sum(axis=0) > 1).sum()),
        both,
        one_side + other - both,
        one_side + other,
    )


def total(counts: Sequence[Counts]) -> Counts:
    """The counts of several images together."""
    return Counts(*(sum(values) for values in zip(*counts)))


def seg(found: Sequence[np.ndarray], truths: Sequence[np.ndarray]) -> float:
    """SEG over all cells of several images."""
    values = np.concatenate([Comparison.of_ids(ids, truth).jaccards for ids, truth in zip(found, truths)])
    return float(values.mean()) if values.size else 0.0


def f1(found: Sequence[np.ndarray], truths: Sequence[np.ndarray], ignored: Sequence[np.ndarray]) -> float:
    """F1 at an IoU of 0.5 over all objects of several images."""
    score = total([count(*three) for three in zip(found, truths, ignored)]).scores["f1"]
    return 0.0 if np.isnan(score) else float(score)
