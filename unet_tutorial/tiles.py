"""Tiles by number: cut, deformed and weighted as section 3 describes. NumPy and SciPy only."""

import contextlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from . import augmentation
from ._shared.checks import (
    UNLABELLED,
    as_cells,
    as_grey_values,
    as_size,
    as_slices,
    one_id_for_all,
    same_shape,
    trusted,
    warn,
)


class Tiles:
    """Random tiles of annotated slices; tile k depends on the seed and on k, and on nothing else.

    So tiles can be drawn in any order, by several processes and ahead of time. Place, deformation, flips, turns and
    grey values have a random stream each: a run without one of them differs from a run with it in this one thing.

    Parameters
    ----------
    images, cells, seed, augment, weigh
        As for `training.TileBatches`; `cells` may be -1 where nothing is labelled. There the label is 0 and the weight
        0, so that no gradient comes from it, whatever `weigh` says.
    tile, out : int
        Sides of the input tile and of the network's output, in pixels; their difference is even.

    Examples
    --------
    >>> grey, ids = np.random.default_rng(0).random((1, 40, 40), np.float32), np.ones((1, 40, 40), int)
    >>> tiles = Tiles(grey, ids, tile=28, out=20)
    >>> image, label, weights = tiles.draw(7)
    >>> image.shape, label.shape, bool((tiles.draw(7)[0] == image).all())
    ((28, 28), (20, 20), True)
    """

    def __init__(
        self,
        images: ArrayLike | Sequence[ArrayLike],
        cells: ArrayLike | Sequence[ArrayLike],
        tile: int,
        out: int,
        seed: int = 0,
        augment: Mapping[str, Any] | None = None,
        weigh: Callable[[np.ndarray], ArrayLike] | None = None,
    ) -> None:
        pictures, maps = as_slices(images, "images"), as_slices(cells, "cells")
        if len(pictures) != len(maps):
            raise ValueError(f"{len(pictures)} images and {len(maps)} maps of cells: one map for each image")
        self.tile, self.out, self.margin = tile, out, (tile - out) // 2
        self.augment, self.weigh, self.seed = augment, weigh, as_size(seed, "seed", minimum=0)
        self._pairs = []
        for index, (image, ids) in enumerate(zip(pictures, maps)):
            names = f"images[{index}]", f"cells[{index}]"
            image, ids = as_grey_values(image, names[0], grey=True), as_cells(ids, names[1], unlabelled=True)
            same_shape(image, ids, names)
            missing = [max(0, self.out - side) for side in image.shape]
            padding = tuple((self.margin + m // 2, self.margin + m - m // 2) for m in missing)
            self._pairs.append((np.pad(image, padding, "reflect"), np.pad(ids, padding, "reflect")))
            if weigh and one_id_for_all(ids) and self._would_tell_apart(self._pairs[-1][1]):
                warn(
                    f"{names[1]}: holds one id for several pieces, which `weigh` would tell apart by their ids; it is "
                    "probably a label, and the border term is then 0 everywhere: number the cells with "
                    f"scipy.ndimage.label({names[1]})[0]"
                )

    def draw(self, number: int) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.float32]]:
        """Tile `number`: image (tile, tile) float32, label (out, out) int32 and weights (out, out) float32."""
        place, change = (np.random.default_rng([self.seed, number, kind]) for kind in (0, 1))
        image, ids = self._pairs[place.integers(len(self._pairs))]
        top, left = (place.integers(side - self.tile + 1) for side in image.shape)
        window = np.s_[top : top + self.tile, left : left + self.tile]
        image, ids = image[window], ids[window]
        with trusted():
            if self.augment is not None:
                image, ids = augmentation.augment(image, ids, change, **self.augment)
            inner = np.s_[self.margin : self.margin + self.out, self.margin : self.margin + self.out]
            ids = ids[inner]
            return image, (ids > 0).astype(np.int32), self._weights(ids)

    def _weights(self, ids):
        if self.weigh is None:
            return (ids != UNLABELLED).astype(np.float32)
        weights = np.asarray(self.weigh(ids)).astype(np.float32)
        if weights.shape != ids.shape:
            raise ValueError(
                f"weigh: gave weights of shape {weights.shape} for ids of shape {ids.shape}; must be one for each pixel"
            )
        wrong = ~(np.isfinite(weights) & (weights >= 0))
        if wrong.any():
            raise ValueError(
                f"weigh: gave {int(wrong.sum())} weights that are negative, NaN or infinite, first "
                f"{weights[wrong][0]}; must be finite and >= 0"
            )
        return np.where(ids == UNLABELLED, np.float32(0), weights)

    def _would_tell_apart(self, ids):
        """Whether `weigh` gives some tile of a map other weights once each piece has an id of its own."""
        ids = ids[tuple(slice(self.margin, side - self.margin) for side in ids.shape)]
        pieces = ndimage.label(ids > 0, np.ones((3, 3)))[0]
        places = ([*range(0, side - self.out, self.out), side - self.out] for side in ids.shape)
        with trusted(), contextlib.suppress(Exception):  # what takes labels only refuses the pieces
            for row, column in itertools.product(*places):
                window = np.s_[row : row + self.out, column : column + self.out]
                if not np.allclose(self.weigh(ids[window]), self.weigh(pieces[window]), equal_nan=True):
                    return True
        return False
