"""How long the metrics take on one slice, and how much the contingency table gains over counting pairs.

python benchmarks/metrics.py
"""

import time

import numpy as np
from scipy import ndimage

from unet_tutorial import datasets, metrics


def seconds(call, repeats=3):
    """Shortest of a few runs."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def pair_counting(prediction, truth):
    """Rand error by comparing every cell pixel with every other, row by row."""
    kept = truth > 0
    t = metrics.segments(truth)[kept].astype(np.int64)
    s = metrics.segments(prediction)[kept].astype(np.int64)
    s[s == 0] = -np.arange(1, (s == 0).sum() + 1)
    both = found = true = 0
    for one_s, one_t in zip(s, t):
        same_s, same_t = s == one_s, t == one_t
        both += int((same_s & same_t).sum())
        found += int(same_s.sum())
        true += int(same_t.sum())
    return 1 - 2 * both / (found + true)


def main():
    specimen = datasets.specimen([0])
    truth = specimen.labels[0]
    noise = np.random.default_rng(0).normal(0, 0.15, truth.shape)
    probability = np.clip(ndimage.gaussian_filter(truth + noise, 1.5), 0, 1)
    print(specimen)
    for name, call in (
        ("pixel_error", lambda: metrics.pixel_error(probability, truth)),
        ("rand_error", lambda: metrics.rand_error(probability, truth)),
        ("v_rand", lambda: metrics.v_rand(probability, truth)),
        ("v_rand, thinned", lambda: metrics.v_rand(probability, truth, thin=True)),
        ("warping_error", lambda: metrics.warping_error(probability, truth)),
        ("all, ten thresholds", lambda: metrics.score_tissue([probability], [truth], "a")),
    ):
        print(f"{name:19} {1000 * seconds(call):8.1f} ms")
    part = np.s_[:96, :96]
    slow = seconds(lambda: pair_counting(probability[part], truth[part]), 1)
    fast = seconds(lambda: metrics.rand_error(probability[part], truth[part]))
    print(f"rand_error on 96 x 96: {slow / fast:.0f} times faster than counting pairs")
    assert np.isclose(pair_counting(probability[part], truth[part]), metrics.rand_error(probability[part], truth[part]))


if __name__ == "__main__":
    main()
