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
    as_classes,
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
    images, cells, seed, augment, weigh, labels
        As for `training.TileBatches`; `cells` and `labels` may be -1 where nothing is labelled. There the label is 0
        and the weight 0, so that no gradient comes from it, whatever `weigh` says.
    tile, out : int
        Sides of the input tile and of the network's output, in pixels; their difference is even.
    classes : int
        Labels are below it.
    channels : int
        Of the images: (H, W) where there is one, otherwise (H, W, channels).

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
        weigh: Callable[..., ArrayLike] | None = None,
        labels: ArrayLike | Sequence[ArrayLike] | None = None,
        classes: int = 2,
        channels: int = 1,
    ) -> None:
        pictures, maps = as_slices(images, "images", channels), as_slices(cells, "cells")
        targets = maps if labels is None else as_slices(labels, "labels")
        for name, given in (("cells", maps), ("labels", targets)):
            if len(pictures) != len(given):
                raise ValueError(f"{len(pictures)} images and {len(given)} maps of {name}: one map for each image")
        self.tile, self.out, self.margin = tile, out, (tile - out) // 2
        self.augment, self.weigh, self.seed = augment, weigh, as_size(seed, "seed", minimum=0)
        self._base = None if labels is None else classes + 1
        self._pairs = []
        for index, (image, ids, label) in enumerate(zip(pictures, maps, targets)):
            names = f"images[{index}]", f"cells[{index}]", f"labels[{index}]"
            image, ids = as_grey_values(image, names[0], grey=channels == 1), as_cells(ids, names[1], unlabelled=True)
            if image.shape[2:] not in ((), (channels,)):
                raise ValueError(f"{names[0]} of shape {image.shape}: the model takes {channels} channels")
            same_shape(image, ids, names[:2])
            if self._base:  # one map that is deformed as a whole: ids and labels stay together
                label = as_classes(label, names[2], classes, unlabelled=True)
                same_shape(ids, label, names[1:])
                ids = (ids.astype(np.int64) + 1) * self._base + label + 1
            missing = [max(0, self.out - side) for side in ids.shape]
            padding = [(self.margin + m // 2, self.margin + m - m // 2) for m in missing]
            around = [*padding, *[(0, 0)] * (image.ndim - 2)]
            self._pairs.append((np.pad(image, around, "reflect"), np.pad(ids, padding, "reflect")))
            ids = self._parts(ids)[0]
            if weigh and one_id_for_all(ids) and self._would_tell_apart(self._pairs[-1][1]):
                warn(
                    f"{names[1]}: holds one id for several pieces, which `weigh` would tell apart by their ids; it is "
                    "probably a label, and the border term is then 0 everywhere: number the cells with "
                    f"scipy.ndimage.label({names[1]})[0]"
                )

    def draw(self, number: int) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.float32]]:
        """Tile `number`: image (tile, tile) or (tile, tile, C) float32, label (out, out) int32, weights float32."""
        place, change = (np.random.default_rng([self.seed, number, kind]) for kind in (0, 1))
        image, ids = self._pairs[place.integers(len(self._pairs))]
        top, left = (place.integers(side - self.tile + 1) for side in ids.shape)
        window = np.s_[top : top + self.tile, left : left + self.tile]
        image, ids = image[window], ids[window]
        with trusted():
            if self.augment is not None:
                image, ids = augmentation.augment(image, ids, change, **self.augment)
            inner = np.s_[self.margin : self.margin + self.out, self.margin : self.margin + self.out]
            ids, labels = self._parts(ids[inner])
            label = ids > 0 if labels is None else np.maximum(labels, 0)
            return image, label.astype(np.int32), self._weights(ids, labels)

    def _parts(self, pair):
        """The ids of a map, and its labels, or None where there are none."""
        if self._base is None:
            return pair, None
        ids, labels = np.divmod(pair, self._base)
        return ids - 1, labels - 1

    def _weigh(self, ids, labels):
        return self.weigh(ids) if labels is None else self.weigh(ids, labels=labels)

    def _weights(self, ids, labels):
        known = ids != UNLABELLED
        if labels is not None:
            known &= labels != UNLABELLED
        if self.weigh is None:
            return known.astype(np.float32)
        weights = np.asarray(self._weigh(ids, labels)).astype(np.float32)
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
        return np.where(known, weights, np.float32(0))

    def _would_tell_apart(self, pair):
        """Whether `weigh` gives some tile of a map other weights once each piece has an id of its own."""
        ids, labels = self._parts(pair[tuple(slice(self.margin, side - self.margin) for side in pair.shape)])
        pieces = ndimage.label(ids > 0, np.ones((3, 3)))[0]
        places = ([*range(0, side - self.out, self.out), side - self.out] for side in ids.shape)
        with trusted(), contextlib.suppress(Exception):  # what takes labels only refuses the pieces
            for row, column in itertools.product(*places):
                window = np.s_[row : row + self.out, column : column + self.out]
                part = None if labels is None else labels[window]
                now, then = (self._weigh(one[window], part) for one in (ids, pieces))
                if not np.allclose(now, then, equal_nan=True):
                    return True
        return False
