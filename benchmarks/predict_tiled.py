"""predict_tiled against the bare forward pass of the same tiles. Run: python benchmarks/predict_tiled.py"""

import itertools
import time
from functools import partial

import numpy as np

from unet_tutorial import pretrained
from unet_tutorial._backend._tensorflow import tf
from unet_tutorial.model import build_unet
from unet_tutorial.tiling import mirror_pad, predict_flipped, predict_rotated, predict_tiled

REPEATS = 20


def bare(model, image, tile, margin):
    """A call that does nothing but the forward pass, traced once, of the tiles that predict_tiled lays."""
    stride = (tile - 2 * margin) // 16 * 16
    offsets = range(0, max(image.shape[0] - (tile - 2 * margin), 0) + stride, stride)
    padded = mirror_pad(image, ((margin, offsets[-1] + tile - margin - image.shape[0]),) * 2)
    tiles = [
        tf.constant(padded[np.newaxis, top : top + tile, left : left + tile, np.newaxis])
        for top, left in itertools.product(offsets, repeat=2)
    ]
    forward = tf.function(lambda tiles: model(tiles, training=False))
    return lambda: [forward(one).numpy() for one in tiles]


def traced_anew(predict, model, image):
    """A prediction as it is where nothing is kept from the call before."""
    vars(model).pop("_traced_forward", None)
    return predict(model, image)


def seconds(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def compare(calls, repeats):
    """Median time of each call, taken in turn, so that a busy machine slows all of them."""
    for call in calls:
        call()
    return np.median([[seconds(call) for call in calls] for _ in range(repeats)], axis=0)


def main():
    rng = np.random.default_rng(0)
    slice_512, output_388 = (rng.random((side, side), dtype=np.float32) for side in (512, 388))
    small, paper_like = pretrained.small_unet(), build_unet((572, 572, 1), base_filters=16)
    for title, model, image, tile, margin in (
        ("512 px slice, the shipped network", small, slice_512, 476, 44),
        ("one tile of 572 px, 16 filters", paper_like, output_388, 572, 92),
    ):
        tiled = partial(predict_tiled, model, image)
        alone, predicted = compare((bare(model, image, tile, margin), tiled), REPEATS)
        (anew,) = compare((partial(traced_anew, predict_tiled, model, image),), 3)
        print(
            f"{title}: {1e3 * alone:.0f} ms the forward pass alone, predict_tiled {predicted / alone:.2f} times that "
            f"(median of {REPEATS}), traced anew {anew / alone:.2f} times",
            flush=True,
        )
    for predict in (predict_rotated, predict_flipped):
        calls = partial(predict, small, slice_512), partial(traced_anew, predict, small, slice_512)
        once, anew = compare(calls, 3)
        print(f"{predict.__name__}, 512 px slice, shipped network: {once:.2f} s, traced anew {anew:.2f} s", flush=True)


if __name__ == "__main__":
    main()
