"""One prediction against the truth of one slice: what every score is read from, each part made once."""

from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage, sparse
from scipy.special import entr

from .._shared.checks import UNLABELLED
from ._bending import bend, judge
from ._inputs import as_slice, as_stacks, as_threshold, as_thresholds, named, warn_if_reversed
from ._rules import RULES, Scores
from ._segments import flood


class Truth:
    """The truth of a slice, shared by its comparisons at all thresholds.

    Attributes
    ----------
    label : (H, W) uint8 array
        1 = cell, 0 = membrane or background.
    cells : (H, W) int array
        Ids of the cells: those given, or the 4-connected components of the label. 0 where nothing is labelled.
    known : (H, W) bool array, or None
        Where something is labelled; None where all is. Other pixels count for no score of cells.
    name : str
        What to call it in a message.
    """

    def __init__(self, label, cells=None, name="truth"):
        self.label, self.name = label, name
        self.known = None
        if cells is not None:
            self.cells = cells
            if cells.min() == UNLABELLED:
                self.known, self.cells = cells != UNLABELLED, np.maximum(cells, 0)

    cells = cached_property(lambda self: ndimage.label(self.label)[0])

    @cached_property
    def touching(self):
        """Of each cell, in the order of the ids, whether another one is at most one pixel of background away."""
        ids = self.cells
        nearest = np.where(ids > 0, ids, np.iinfo(ids.dtype).max)
        high, low = ndimage.maximum_filter(ids, 5), ndimage.minimum_filter(nearest, 5)
        counts = np.bincount(ids.ravel())
        touches = np.bincount(ids[(ids > 0) & ((high != ids) | (low != ids))], minlength=counts.size)
        return touches[1:][counts[1:] > 0] > 0


class Comparison:
    """A prediction at one threshold against the truth of one slice, from `compare`; of ids, `Comparison.of_ids`.

    Each attribute is made when it is first asked for, and kept.

    Attributes
    ----------
    proposal : (H, W) bool array
        Where the prediction is cell.
    found : (H, W) int array
        Ids of the segments, 0 between them and where the truth is not labelled. A segment that crosses such a place
        stays one.
    truth : Truth
        `truth.label` and `truth.cells`, the ids of the true cells.
    thinned : Comparison
        The same with thinned borders (`thin_borders`).
    table : (segments + 1, cells + 1) sparse int64 array
        Pixels that each segment shares with each cell. Row 0 and column 0 stand for no segment and no cell.
    pixels : tuple of int
        Numbers of pixels that are cell in both, in the prediction, in the truth.
    pairs : list of float
        Numbers of ordered pairs of pixels that lie together in both, in one segment, in one true cell. Only pixels
        that are cell in the truth count, and one in no segment is a segment of its own.
    rand, info : Scores
        V_Rand and V_Info, each with its two parts.
    jaccards : float array
        Jaccard index of each true cell and the segment that covers more than half of it, 0 where there is none.
    merged : int
        Number of true cells that share such a segment with another one.
    warped : (H, W) uint8 array
        The true label, warped onto the proposal (`warp_label`).
    faults : (2, H, W) bool array
        Pixels that split true cells, and pixels that merge them (`warping_errors`).
    warping : tuple of int
        Numbers of pixels that do either, and of all.
    """

    def __init__(self, probability, truth, threshold=0.5, found=None):
        self.probability, self.truth, self.threshold = probability, truth, threshold
        if found is not None:
            self.found, self.proposal = self._labelled(found), found > 0

    @classmethod
    def of_ids(cls, found: NDArray[np.integer], cells: NDArray[np.integer]) -> Self:
        """Compare segments with true cells, two (H, W) maps of ids as `seg_score` takes them, not checked again."""
        return cls(found > 0, Truth((cells > 0).astype(np.uint8), cells), found=found)

    def score(self, name: str) -> float:
        """One score of this slice by its name, as a float: a key of `RULES`.

        Raises
        ------
        ValueError
            The name is not known, or the score is not defined, as that of the metric.
        """
        if name not in RULES:
            raise ValueError(f"score {name!r}: is not known; must be one of {', '.join(RULES)}")
        return RULES[name].of([self])

    proposal = cached_property(lambda self: self.probability > self.threshold)
    found = cached_property(lambda self: self._labelled(ndimage.label(self.proposal)[0]))
    thinned = cached_property(lambda self: Comparison(self.probability, self.truth, self.threshold, flood(self.found)))
    table = cached_property(lambda self: overlaps(self.found, self.truth.cells))
    pairs = cached_property(lambda self: [float(np.square(sizes, dtype=float).sum()) for sizes in self._sizes])
    warped = cached_property(lambda self: np.where(self._left, self.truth.label, self.proposal).astype(np.uint8))
    faults = cached_property(lambda self: judge(self.warped, self._left))
    warping = cached_property(lambda self: (int(self.faults.any(axis=0).sum()), self.proposal.size))

    @cached_property
    def pixels(self):
        label, proposal = self.truth.label, self._labelled(self.proposal)
        return tuple(int(np.count_nonzero(one)) for one in (proposal & (label == 1), proposal, label))

    def _labelled(self, values):
        """Values, 0 where the truth is not labelled."""
        return values if self.truth.known is None else np.where(self.truth.known, values, values.dtype.type(0))

    @cached_property
    def _sizes(self):
        """Pixels of all pieces in one segment and one cell, of segments, of cells; only where the truth is cell."""
        counted = self.table[:, 1:]
        if not counted.nnz:
            raise ValueError(
                f"{self.truth.name}: holds no cell; only pixels that are cell in the truth are compared: leave "
                "such a slice out"
            )
        segments = counted.sum(axis=1)
        alone = np.ones(segments[0], np.int64)
        return np.append(counted[1:].data, alone), np.append(segments[1:], alone), counted.sum(axis=0)

    @cached_property
    def rand(self):
        joint, found, true = self.pairs
        return Scores(split=joint / true, merge=joint / found, f=2 * joint / (found + true))

    @cached_property
    def info(self):
        both, found, true = (float(entr(sizes / sizes.sum()).sum()) for sizes in self._sizes)
        if found == 0 or true == 0:
            return Scores(0.0, 0.0, 0.0)
        shared = max(found + true - both, 0.0)
        return Scores(split=shared / found, merge=shared / true, f=2 * shared / (found + true))

    @cached_property
    def _matches(self):
        """Ids of the segments that cover more than half of a true cell, of these cells, and the pixels they share."""
        (segments, cells), shared = self.table.nonzero(), self.table.data
        held = (segments > 0) & (cells > 0) & (2 * shared > self.table.sum(axis=0)[cells])
        return segments[held], cells[held], shared[held]

    @cached_property
    def jaccards(self):
        (segments, cells, shared), found, true = self._matches, self.table.sum(axis=1), self.table.sum(axis=0)
        indices = np.zeros(true.size)
        indices[cells] = shared / (found[segments] + true[cells] - shared)
        return indices[1:][true[1:] > 0]

    @cached_property
    def merged(self):
        held = np.bincount(self._matches[0])
        return int(held[held > 1].sum())

    @cached_property
    def _left(self):
        """Where warped label and proposal still differ."""
        if self.threshold == 1:
            raise ValueError(
                "threshold 1.0: leaves a blank proposal, which has no warping error; must be below 1, the "
                "challenge stops at 0.9 (THRESHOLDS[:-1])"
            )
        return bend(self.truth.label, self.proposal, self.probability, self.threshold)


def overlaps(found, cells):
    """Sparse table of the pixels that each segment shares with each cell, ids from 0: its rows and columns are the ids.

    Along a row of pixels one pair of ids follows itself for long: such runs are counted first.
    """
    shape = int(found.max()) + 1, int(cells.max()) + 1
    found, cells = found.ravel(), cells.ravel()
    starts = np.append(0, 1 + np.flatnonzero((found[1:] != found[:-1]) | (cells[1:] != cells[:-1])))
    pairs = found[starts].astype(np.int64), cells[starts].astype(np.int64)
    return sparse.coo_array((np.diff(starts, append=found.size), pairs), shape).tocsr()


def compare(prediction: ArrayLike, truth: ArrayLike, threshold: float = 0.5, thin: bool = False) -> Comparison:
    """Compare a prediction with the truth of one slice; every score is read from the result.

    Parameters
    ----------
    prediction : (H, W) float, int or bool array
        Probability of cell in 0..1, or a label of 0 and 1.
    truth : (H, W) int or bool array
        Label of the same shape, 1 = cell, 0 = membrane or background. Its cells are the 4-connected components. For
        instance ids see `Comparison.of_ids`.
    threshold : float
        In 0..1; cell is where the prediction is greater.
    thin : bool
        Thin the predicted borders first (`thin_borders`). All that depends on the threshold is then of the thinned map.

    Returns
    -------
    Comparison
        Of a stack make a list of comparisons, one a slice: `RULES[name].of(list)` is the score of all together.

    Raises
    ------
    ValueError
        A map is not (H, W), shapes differ, a label is not 0 or 1, a prediction is no probability, or the threshold is
        not in 0..1.

    Warns
    -----
    UserWarning
        As `pixel_error`: the polarity of the prediction is probably reversed.

    Examples
    --------
    >>> one = compare([[0.9, 0.2, 0.8, 0.7, 0.6]], np.array([[1, 1, 0, 1, 1]]))
    >>> one.pixels, one.found.tolist()
    ((3, 4, 4), [[1, 0, 2, 2, 2]])
    >>> round(one.score("pixel_error"), 3), round(one.rand.split, 3)
    (0.25, 0.75)
    """
    return next(comparisons(as_slice(prediction), truth, as_threshold(threshold), thin))[0]


def comparisons(prediction, truth, thresholds, thin=False):
    """Yield for each threshold the list of the slices' comparisons, after the checks of `pixel_error`."""
    prediction, truth = as_stacks(prediction, truth)
    warn_if_reversed(prediction, truth, thresholds)
    truth = [Truth(label, name=name) for label, name in named(truth, "truth")]
    for theta in as_thresholds(thresholds):
        stack = [Comparison(probability, label, theta) for probability, label in zip(prediction, truth)]
        yield [one.thinned for one in stack] if thin else stack
