"""From slices to batches of tiles, cut, deformed and weighted as the paper does."""

import contextlib
import itertools

import numpy as np
from scipy import ndimage

from .. import augmentation, geometry
from .._shared.checks import as_cells, as_grey_values, as_size, as_slices, one_id_for_all, same_shape, trusted, warn
from ..model import unet_depth, unet_padding


class TileBatches:
    """Endless batches of random tiles, cut, deformed and weighted as section 3 describes.

    Parameters
    ----------
    images : (N, H, W) float array, or a list of N (H, W) float arrays
        Grey values in 0..1 (up to 1e-6 outside is taken for rounding). Slices in a list may differ in size.
    cells : (N, H, W) int array, or a list of N (H, W) int arrays
        Instance ids or labels; 0 is background. The target is `cells > 0`.
    model : keras.Model
        From `build_unet`, with one or two outputs: gives the padding, and the size of the tile where that is fixed.
    batch_size : int
        1 in the paper, which prefers large tiles to large batches.
    tile : int, optional
        Side of the input tile where the model leaves it open.
    seed : int
        Of the generator behind tiles and deformations.
    augment : dict or None
        Keywords of `augmentation.augment`, for example {"elastic": False}; {} takes its defaults, None only cuts.
    weigh : callable, optional
        From the (h, w) ids of the output tile to its (h, w) weights, for example `weight_maps.weight_map`. Computed
        after the deformation. All ones unless given.

    Yields
    ------
    images : (B, tile, tile, 1) float32
    labels : (B, out, out) int32
    weights : (B, out, out) float32

    Raises
    ------
    ValueError
        An argument breaks its rule; the numbers or the sizes of images and maps differ; the model has more than two
        outputs. While iterating: `weigh` gave weights of another shape, negative or not finite ones.

    Warns
    -----
    UserWarning
        Of each map of `cells` that is probably a mask and not a map of ids: a uint8 map with 255 and grey edges; or one
        id alone on several pieces, where `weigh` gives other weights once each piece has an id of its own.
    """

    def __init__(self, images, cells, model, batch_size=1, tile=None, seed=0, augment=None, weigh=None):
        images, cells = as_slices(images, "images"), as_slices(cells, "cells")
        if len(images) != len(cells):
            raise ValueError(f"{len(images)} images and {len(cells)} maps of cells: one map for each image")
        if len({*model.input_shape[1:3], tile} - {None}) != 1:
            raise ValueError(
                f"model with the input {model.input_shape} and tile {tile}: must agree on one side of a "
                "square; give `tile` where the model leaves its sides open, and only there"
            )
        tile = next(side for side in (*model.input_shape[1:3], tile) if side is not None)
        self.tile = as_size(tile, "tile")
        self.out = geometry.output_size(self.tile, unet_depth(model), unet_padding(model))
        if model.output_shape[-1] > 2:
            raise ValueError(
                f"model with {model.output_shape[-1]} outputs: TileBatches makes labels of 0 and 1, so "
                "the other classes would never be learnt; take build_unet(classes=2), or give `train` batches "
                "of your own"
            )
        self.margin = (self.tile - self.out) // 2
        self.batch_size = as_size(batch_size, "batch_size")
        self.augment, self.weigh = augment, weigh
        self.rng = np.random.default_rng(as_size(seed, "seed", minimum=0))
        self._pairs = []
        for index, (image, ids) in enumerate(zip(images, cells)):
            names = f"images[{index}]", f"cells[{index}]"
            image, ids = as_grey_values(image, names[0], grey=True), as_cells(ids, names[1])
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

    def __iter__(self):
        return self

    def __next__(self):
        with trusted():
            tiles = [self._tile() for _ in range(self.batch_size)]
        images, labels, weights = (np.stack(parts) for parts in zip(*tiles))
        return images[..., None], labels, weights

    def _tile(self):
        image, ids = self._pairs[self.rng.integers(len(self._pairs))]
        top, left = (self.rng.integers(side - self.tile + 1) for side in image.shape)
        window = np.s_[top : top + self.tile, left : left + self.tile]
        image, ids = image[window], ids[window]
        if self.augment is not None:
            image, ids = augmentation.augment(image, ids, self.rng, **self.augment)
        inner = np.s_[self.margin : self.margin + self.out, self.margin : self.margin + self.out]
        ids = ids[inner]
        return image, (ids > 0).astype(np.int32), self._weights(ids)

    def _weights(self, ids):
        if self.weigh is None:
            return np.ones(ids.shape, np.float32)
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
        return weights

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
