"""Border weight map against one distance transform a cell. Run: python benchmarks/weight_map.py"""

import time

import numpy as np
from scipy import ndimage

from unet_tutorial.losses import border_weight_map


def one_transform_a_cell(cells, w0=10.0, sigma=5.0):
    """Write the definition down: nearest and second nearest of all the distances, one after the other."""
    nearest = second = np.full(cells.shape, np.inf)
    for cell in np.unique(cells[cells > 0]):
        distance = ndimage.distance_transform_edt(cells != cell)
        second = np.minimum(second, np.maximum(nearest, distance))
        nearest = np.minimum(nearest, distance)
    return np.where(cells == 0, w0 * np.exp(-((nearest + second) ** 2) / (2 * sigma**2)), 0).astype(np.float32)


def crowded_cells(count, gap, size=512, seed=0):
    """Fill the image with Voronoi cells that a border of about `gap` pixels parts."""
    centres = np.random.default_rng(seed).choice(size * size, count, replace=False)
    cells = np.zeros((size, size), np.int32)
    cells.flat[centres] = np.arange(1, count + 1)
    nearest = ndimage.distance_transform_edt(cells == 0, return_distances=False, return_indices=True)
    cells = cells[tuple(nearest)]
    border = ndimage.maximum_filter(cells, gap) != ndimage.minimum_filter(cells, gap)
    return np.where(border, 0, cells)


def seconds(function, *arguments, runs):
    """Median time of some runs."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        function(*arguments)
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def main():
    few_time = None
    for count, gap in ((126, 3), (126, 9), (1000, 3)):
        cells = crowded_cells(count, gap)
        fast = seconds(border_weight_map, cells, runs=9)
        few_time = few_time or fast
        line = f"{len(np.unique(cells)) - 1:5d} cells, border {gap} px, 512x512: {1e3 * fast:6.1f} ms"
        if count < 1000:
            slow = seconds(one_transform_a_cell, cells, runs=3)
            error = np.abs(border_weight_map(cells) - one_transform_a_cell(cells)).max()
            line += f", one transform a cell {1e3 * slow:7.1f} ms: {slow / fast:.1f} times faster, differs by {error:.1e}"
        else:
            line += f", {fast / few_time:.2f} times the time of the first line"
        print(line)


if __name__ == "__main__":
    main()
