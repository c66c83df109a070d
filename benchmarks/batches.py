"""Seconds of a training step, its tiles drawn in the loop or ahead by threads: python benchmarks/batches.py

The same steps each time, in turn, so that a busy machine disturbs all alike; the median of three rounds.
"""

import statistics
import time

from unet_tutorial import datasets, training, weight_maps
from unet_tutorial.model import build_unet, first_weights

import keras

STEPS, WARM_UP = 20, 3


def seconds(side, filters, workers):
    images, _, cells = datasets.synthetic_em(2, size=512)
    model = first_weights(build_unet((side, side, 1), base_filters=filters, depth=3))
    batches = training.TileBatches(images, cells, model, augment={}, weigh=weight_maps.weight_map, workers=workers)
    marks = []
    clock = keras.callbacks.LambdaCallback(on_train_batch_end=lambda step, logs: marks.append(time.perf_counter()))
    training.train(
        model,
        batches,
        WARM_UP + STEPS,
        training.fast_optimizer(),
        callbacks=[clock, training.ProgressBar(show=False)],
    )
    return (marks[-1] - marks[WARM_UP - 1]) / STEPS


def drawing(side):
    images, _, cells = datasets.synthetic_em(2, size=512)
    model = build_unet((side, side, 1), base_filters=2, depth=3)
    batches = training.TileBatches(images, cells, model, augment={}, weigh=weight_maps.weight_map)
    batches[0]
    start = time.perf_counter()
    for number in range(1, 11):
        batches[number]
    return (time.perf_counter() - start) / 10


for side, filters in ((284, 8), (284, 16)):
    print(f"tile {side}, {filters} filters: drawing a tile alone {drawing(side):.3f} s")
    rounds = {workers: [] for workers in (0, 1, 2)}
    for _ in range(3):
        for workers, times in rounds.items():
            times.append(seconds(side, filters, workers))
    for workers, times in rounds.items():
        print(f"    {workers} workers: {statistics.median(times):.3f} s a step")
