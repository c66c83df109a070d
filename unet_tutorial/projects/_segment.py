"""From probabilities to objects: a threshold, cores, what the border took, and what is too small to be one."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from . import _compare

EIGHT = np.ones((3, 3), int)
THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7)
SURE = (0.0, 0.6, 0.7, 0.8, 0.9, 0.95)
CORES = (0.0, 0.03, 0.045, 0.06, 0.09)  # of the diameter of an object
SMALLEST = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1)  # of the area of an object


class Rules(NamedTuple):
    """How objects follow from probabilities.

    `threshold`: object where the probability is larger. `sure` and `core`: each object begins as a piece of the pixels
    whose probability is above `sure`, cut at each neck whose half width is by more than `core` px less than that of
    both parts; so a neck that is unsure, or thin, divides two. `smallest`: an object of fewer pixels is none. `reach`:
    a pixel with two objects no further than so many px goes to the nearer one.
    """

    threshold: float = 0.5
    sure: float = 0.0
    core: float = 0.0
    smallest: int = 0
    reach: float = 2


def segment(probability: np.ndarray, rules: Rules) -> NDArray[np.int32]:
    """Instance ids from the probability of an object.

    Parameters
    ----------
    probability : (H, W) float array
    rules : Rules

    Returns
    -------
    (H, W) int32 array
        Numbered from 1 in the order of the rows; 0 is background. Holes are filled, and the pixels that the border
        between neighbours took are given back (`give_back`).

    Examples
    --------
    >>> probability = np.float32([[0.9, 0.9, 0.1, 0.1, 0.8, 0.8, 0.1]])
    >>> segment(probability, Rules()).tolist()
    [[1, 1, 1, 2, 2, 2, 0]]
    """
    ids = give_back(divided(probability, rules), rules.reach)
    sizes = np.bincount(ids.ravel())
    sizes[0] = 0
    firsts = np.unique(ids, return_index=True)
    order = firsts[0][np.argsort(firsts[1])]
    kept = [number for number in order.tolist() if sizes[number] >= max(rules.smallest, 1)]
    table = np.zeros(len(sizes), np.int32)
    table[kept] = np.arange(1, len(kept) + 1)
    return table[ids]


def divided(probability: np.ndarray, rules: Rules) -> NDArray[np.int32]:
    """Pieces of the foreground, one for each core: a pixel goes to the nearest core of its piece.

    A piece without a core stays as it is.

    Examples
    --------
    >>> two = np.zeros((9, 19))
    >>> two[1:8, 1:8] = two[1:8, 10:17] = two[4, 8:10] = 1  # joined by a bridge of one pixel
    >>> int(divided(two, Rules()).max()), int(divided(two, Rules(core=2)).max())
    (1, 2)
    """
    inside = ndimage.binary_fill_holes(probability > rules.threshold)
    pieces, count = ndimage.label(inside)
    if not count or (rules.sure <= rules.threshold and not rules.core):
        return pieces.astype(np.int32)
    firm = ndimage.binary_fill_holes(probability > max(rules.sure, rules.threshold))
    cores = _cut(firm, rules.core) if rules.core else ndimage.label(firm)[0]
    if not cores.any():
        return pieces.astype(np.int32)
    nearest = tuple(ndimage.distance_transform_edt(cores == 0, return_distances=False, return_indices=True))
    owner = cores[nearest]
    first = np.zeros(count + 1, np.int64)  # of each piece its first core, for pixels whose nearest core is another's
    piece_of_core, place = np.unique(pieces[cores > 0], return_index=True)
    first[piece_of_core] = cores[cores > 0][place]
    owner = np.where(pieces[nearest] == pieces, owner, first[pieces])
    bare = first[pieces] == 0
    return np.where(inside, np.where(bare, cores.max() + pieces, owner), 0).astype(np.int32)


def _cut(firm, depth):
    """Pieces of a mask, cut at thin necks.

    The mask is eroded pixel by pixel. Where a piece falls apart into two or more that can lose `depth` px more, these
    take its place.
    """
    distance = ndimage.distance_transform_edt(np.pad(firm, 1, mode="edge"))[1:-1, 1:-1]
    ids, count = ndimage.label(firm)
    for level in range(1, int(np.ceil(distance.max() - depth))):
        parts, found = ndimage.label(distance > level)
        whose = np.zeros(found + 1, int)
        whose[parts.ravel()] = ids.ravel()
        deep = np.flatnonzero(ndimage.maximum(distance, parts, np.arange(1, found + 1)) > level + depth) + 1
        apart = np.bincount(whose[deep], minlength=count + 1) > 1
        deep = deep[apart[whose[deep]]]
        renamed = np.zeros(found + 1, int)
        renamed[deep] = count + 1 + np.arange(len(deep))
        ids = np.where(apart[ids], renamed[parts], ids)
        count += len(deep)
    left = np.unique(ids[ids > 0])
    table = np.zeros(count + 1, int)
    table[left] = np.arange(1, len(left) + 1)
    return table[ids]


def give_back(ids: NDArray[np.int32], reach: float = 2) -> NDArray[np.int32]:
    """Close the borders between neighbours: a pixel that has two objects within `reach` px goes to the nearer one.

    `weight_maps.separate_touching` opens borders two pixels wide between objects that touch; a network that has learnt
    from them opens them too, and so each object lost a pixel there; more where the network saw a smaller image.

    Examples
    --------
    >>> give_back(np.int32([[1, 1, 0, 0, 2, 0, 0, 0, 0, 3]])).tolist()
    [[1, 1, 1, 2, 2, 0, 0, 0, 0, 3]]
    """
    if ids.max() < 2:
        return ids
    nothing = np.iinfo(np.int32).max
    side = np.arange(-int(reach), int(reach) + 1)
    disc = np.hypot(*np.meshgrid(side, side)) <= reach
    largest = ndimage.maximum_filter(ids, footprint=disc, mode="constant")
    least = ndimage.minimum_filter(np.where(ids > 0, ids, nothing), footprint=disc, mode="constant", cval=nothing)
    between = (ids == 0) & (largest > 0) & (largest != least)
    nearest = ndimage.distance_transform_edt(ids == 0, return_distances=False, return_indices=True)
    return np.where(between, ids[tuple(nearest)], ids)


def choose_rules(
    probabilities: Sequence[np.ndarray],
    truths: Sequence[np.ndarray],
    ignored: Sequence[np.ndarray],
    diameter: float,
    reach: float = 2,
) -> tuple[Rules, list[tuple[Rules, float]]]:
    """The rules that score best on images with known objects, and the SEG of all that were tried.

    One after the other: threshold and `sure` together, then the core, by SEG; then the smallest object by the mean of
    SEG and F1, since SEG never pays for an object too many. Of equals the first counts: the lowest threshold, the
    thinnest core, the smallest size.

    Examples
    --------
    >>> truth = np.int32([[1, 1, 1, 0, 0, 0, 2, 2, 2]])
    >>> rules, tried = choose_rules([np.where(truth > 0, 0.65, 0.35)], [truth], [truth < 0], diameter=2)
    >>> rules, max(score for _, score in tried)
    (Rules(threshold=0.4, sure=0.0, core=0.0, smallest=0, reach=2), 1.0)
    """
    tried: list[tuple[Rules, float]] = []

    def best(candidates):
        for rules in candidates:
            tried.append((rules, _compare.seg([divided(one, rules) for one in probabilities], truths)))
        return max(tried, key=lambda pair: pair[1])[0]

    pairs = itertools.product(THRESHOLDS, SURE)
    rules = best(Rules(threshold, sure, reach=reach) for threshold, sure in pairs if not sure or sure > threshold)
    cores = sorted({round(part * diameter, 1) for part in CORES} - {0.0})
    rules = best(rules._replace(core=core) for core in cores if core >= 1)
    found = [segment(one, rules) for one in probabilities]
    area = np.pi * diameter**2 / 4
    sizes = sorted({round(part * area) for part in SMALLEST})
    kept = {size: [_at_least(ids, size) for ids in found] for size in sizes}
    scored = {size: _compare.seg(ids, truths) + _compare.f1(ids, truths, ignored) for size, ids in kept.items()}
    return rules._replace(smallest=max(scored, key=lambda size: scored[size])), tried


def _at_least(ids, size):
    return np.where(np.bincount(ids.ravel())[ids] >= size, ids, 0)
