"""Seconds of a training step, its tiles drawn in the loop or ahead by threads: python benchmarks/batches.py

Run it once more with KERAS_BACKEND=jax for the other backend. The same steps each time, in turn, so that a busy machine
disturbs all alike; the median of three rounds. Then the tiles alone: by one thread, by two, by two spawned processes.
"""

import multiprocessing
import statistics
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

from unet_tutorial import datasets, training, weight_maps
from unet_tutorial.model import build_unet, first_weights
from unet_tutorial.tiles import Tiles

import keras

STEPS, WARM_UP, TILES = 20, 3, 40


def seconds(side, filters, workers):
    """Wall and processor seconds of a step."""
    images, _, cells = datasets.synthetic_em(2, size=512)
    model = first_weights(build_unet((side, side, 1), base_filters=filters, depth=3))
    batches = training.TileBatches(images, cells, model, augment={}, weigh=weight_maps.weight_map, workers=workers)
    marks = []
    clock = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda step, logs: marks.append((time.perf_counter(), time.process_time()))
    )
    quiet = training.ProgressBar(show=False)
    training.train(model, batches, WARM_UP + STEPS, training.fast_optimizer(), callbacks=[clock, quiet])
    return [(end - start) / STEPS for start, end in zip(marks[WARM_UP - 1], marks[-1])]


def drawn(tiles, pool):
    """Wall seconds of a tile; a pool is warm when the clock starts."""
    draw = pool.map if pool else map
    list(draw(tiles.draw, range(2)))
    start = time.perf_counter()
    list(draw(tiles.draw, range(TILES)))
    return (time.perf_counter() - start) / TILES


def main():
    print(f"{keras.backend.backend()}: seconds of a step, wall and processor")
    for side, filters in ((284, 8), (284, 16)):
        rounds = {workers: [] for workers in (0, 1, 2)}
        for _ in range(3):
            for workers, times in rounds.items():
                times.append(seconds(side, filters, workers))
        for workers, times in rounds.items():
            wall, processor = (statistics.median(column) for column in zip(*times))
            print(f"    tile {side}, {filters} filters, {workers} workers: {wall:.3f} {processor:.3f}")
    images, _, cells = datasets.synthetic_em(2, size=512)
    for side, out in ((284, 196), (572, 388)):
        tiles = Tiles(images, cells, side, out, 0, {}, weight_maps.weight_map)
        with (
            ThreadPoolExecutor(2) as threads,
            ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as processes,
        ):
            for name, pool in (("one thread", None), ("two threads", threads), ("two processes", processes)):
                print(f"    a tile of {side} px by {name}: {drawn(tiles, pool):.3f}")


if __name__ == "__main__":
    main()
