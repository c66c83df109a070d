"""Batches of tiles, as Keras takes them."""

import itertools
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import geometry
from .._backend import keras
from .._shared.checks import as_size
from ..model import unet_depth, unet_padding
from ..tiles import Tiles


class TileBatches(keras.utils.PyDataset):
    """Endless batches of random tiles, cut, deformed and weighted as section 3 describes, for `train` and for `fit`.

    Batch k is `batches[k]`, drawn from the seed and k alone: in any order, ahead of time, again after a crash. Of two
    data sets that differ in `augment`, every batch shows the same places, and the steps that both take are the same.

    Parameters
    ----------
    images : (N, H, W) float array, or a list of N (H, W) float arrays
        Grey values in 0..1 (up to 1e-6 outside is taken for rounding). Slices in a list may differ in size. With C
        channels, where the model takes as many: (N, H, W, C), or a list of (H, W, C).
    cells : (N, H, W) int array, or a list of N (H, W) int arrays
        Instance ids or labels; 0 is background, -1 not labelled. The target is `cells > 0`, unless `labels` are given.
    model : keras.Model
        From `build_unet`: gives the padding, the channels, the number of classes, and the size of the tile where that
        is fixed.
    batch_size : int
        1 in the paper, which prefers large tiles to large batches.
    tile : int, optional
        Side of the input tile where the model leaves it open.
    seed : int
        Of tiles and deformations.
    augment : dict or None
        Keywords of `augmentation.augment`, for example {"elastic": False}; {} takes its defaults, None only cuts.
    weigh : callable, optional
        From the (h, w) ids of the output tile to its (h, w) weights, for example `weight_maps.weight_map`. Computed
        after the deformation. All ones unless given. With `labels`, it is called `weigh(ids, labels=...)`.
    workers : int
        Threads that draw batches ahead; 0 draws each when it is asked for. The batches are the same.
    labels : (N, H, W) int array, or a list of N (H, W) int arrays, optional
        The target: classes 0 to K - 1, for a model of K outputs, and -1 where nothing is labelled. There the weight is
        0, as where `cells` are -1. `datasets.class_labels` makes them of the masks of a file. Who has no ids gives the
        labels as `cells` too, and weights without a border term.

    Yields
    ------
    images : (B, tile, tile, C) float32
    labels : (B, out, out) int32
    weights : (B, out, out) float32

    Raises
    ------
    ValueError
        An argument breaks its rule; the numbers or the sizes of images and maps differ; a label is no class of the
        model, or the model has more than two classes and there are no labels. While drawing: `weigh` gave weights of
        another shape, negative or not finite ones.

    Warns
    -----
    UserWarning
        Of each map of `cells` that is probably a mask and not a map of ids: a uint8 map with 255 and grey edges; or one
        id alone on several pieces, where `weigh` gives other weights once each piece has an id of its own.

    Examples
    --------
    >>> from unet_tutorial.model import build_unet
    >>> model = build_unet((None, None, 1), base_filters=2, depth=1)
    >>> batches = TileBatches(np.zeros((5, 64, 64)), np.ones((5, 64, 64), int), model, batch_size=3, tile=36)
    >>> [array.shape for array in batches[0]]  # images, labels, weights
    [(3, 36, 36, 1), (3, 20, 20), (3, 20, 20)]
    """

    def __init__(
        self,
        images: ArrayLike | Sequence[ArrayLike],
        cells: ArrayLike | Sequence[ArrayLike],
        model: keras.Model,
        batch_size: int = 1,
        tile: int | None = None,
        seed: int = 0,
        augment: Mapping[str, Any] | None = None,
        weigh: Callable[..., ArrayLike] | None = None,
        workers: int = 0,
        labels: ArrayLike | Sequence[ArrayLike] | None = None,
    ) -> None:
        super().__init__(workers=as_size(workers, "workers", minimum=0))
        if len({*model.input_shape[1:3], tile} - {None}) != 1:
            raise ValueError(
                f"model with the input {model.input_shape} and tile {tile}: must agree on one side of a "
                "square; give `tile` where the model leaves its sides open, and only there"
            )
        tile = as_size(next(side for side in (*model.input_shape[1:3], tile) if side is not None), "tile")
        classes, channels = max(model.output_shape[-1], 2), model.input_shape[-1]
        if classes > 2 and labels is None:
            raise ValueError(
                f"model with {classes} outputs: without labels, TileBatches makes those of 0 and 1, so the other "
                f"classes would never be learnt; give labels=, of the classes 0 to {classes - 1}, or take "
                "build_unet(classes=2)"
            )
        out = geometry.output_size(tile, unet_depth(model), unet_padding(model))
        self.batch_size = as_size(batch_size, "batch_size")
        self.tiles = Tiles(images, cells, tile, out, seed, augment, weigh, labels, classes, channels)

    @property
    def num_batches(self) -> None:
        """None: there is no last batch, so `fit` needs `steps_per_epoch`."""
        return None

    def __getitem__(self, number: int) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.float32]]:
        first = as_size(number, "number of a batch", minimum=0) * self.batch_size
        drawn = [self.tiles.draw(first + step) for step in range(self.batch_size)]
        images, labels, weights = (np.stack(parts) for parts in zip(*drawn))
        return images if images.ndim == 4 else images[..., None], labels, weights


def drawn(batches: Iterable, first: int) -> Generator:
    """Batches from number `first` on, drawn ahead by the threads of a data set that has any.

    What has no numbers is taken as it comes.
    """
    if not isinstance(batches, keras.utils.PyDataset):
        yield from batches
        return
    count = batches.num_batches
    numbers = (number % count if count else number for number in itertools.count(first))
    if not batches.workers:
        yield from map(batches.__getitem__, numbers)
        return
    pool = ThreadPoolExecutor(batches.workers)
    try:
        ahead = deque(pool.submit(batches.__getitem__, next(numbers)) for _ in range(2 * batches.workers))
        while True:
            yield ahead.popleft().result()
            ahead.append(pool.submit(batches.__getitem__, next(numbers)))
    finally:
        pool.shutdown(cancel_futures=True)
