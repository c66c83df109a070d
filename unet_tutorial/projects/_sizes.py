"""Images made smaller before a network sees them, and its probabilities made large again."""

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ._pairs import Pair


def smaller(grey: np.ndarray, shrink: int) -> NDArray[np.float32]:
    """Every `shrink`-th pixel of an image, as a mean of the pixels around it.

    The weights fall linearly to 0 at the next pixel that is kept, so none is left out and none moves: pixel k of the
    result lies at pixel k * `shrink` of the image, as `ids[::shrink, ::shrink]` does.

    Examples
    --------
    >>> smaller(np.float32([[0, 0, 1, 0, 0]]), 2).tolist()
    [[0.0, 0.5, 0.0]]
    """
    grey = np.asarray(grey, np.float32)
    if shrink == 1:
        return grey
    weights = 1 - np.abs(np.arange(1 - shrink, shrink)) / shrink
    for axis in (0, 1):
        grey = ndimage.correlate1d(grey, weights / weights.sum(), axis=axis, mode="nearest")
    return np.clip(grey[::shrink, ::shrink], 0, 1)  # rounding leaves 0..1 by a trace


def larger(probability: np.ndarray, shrink: int, shape: tuple[int, int]) -> NDArray[np.float32]:
    """The way back, to an array of `shape`: linear between the pixels, and constant beyond the last one.

    Examples
    --------
    >>> larger(np.float32([[0, 1]]), 2, (1, 4)).tolist()
    [[0.0, 0.5, 1.0, 1.0]]
    """
    if shrink == 1:
        return np.asarray(probability, np.float32)
    places = np.meshgrid(*(np.arange(side) / shrink for side in shape), indexing="ij")
    return ndimage.map_coordinates(np.asarray(probability, np.float32), places, order=1, mode="nearest")


def smaller_pair(pair: Pair, grey: np.ndarray, shrink: int) -> Pair:
    """A pair with the grey values in 0..1 in place of the image, made smaller together with its ids."""
    assert pair.ids is not None and pair.ignored is not None
    every = np.s_[::shrink, ::shrink]
    return dataclasses.replace(
        pair, image=smaller(grey, shrink), ids=pair.ids[every].copy(), ignored=pair.ignored[every].copy()
    )
