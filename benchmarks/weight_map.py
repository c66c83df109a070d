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


def scattered_discs(count, radius=10, size=512, seed=0):
    """Scatter discs over the image, so that most background is far from two cells."""
    rows, columns = np.indices((size, size))
    cells = np.zeros((size, size), np.int32)
    for cell, (row, column) in enumerate(np.random.default_rng(seed).integers(0, size, (count, 2)), start=1):
        cells[(rows - row) ** 2 + (columns - column) ** 2 <= radius**2] = cell
    return cells


def seconds(function, cells):
    """Time one run."""
    start = time.perf_counter()
    function(cells)
    return time.perf_counter() - start


def main():
    maps = {
        "126 cells, thin borders": crowded_cells(126, gap=3),
        "126 cells, wide borders": crowded_cells(126, gap=9),
        "126 discs, scattered": scattered_discs(126),
    }
    for name, cells in maps.items():
        slow = np.median([seconds(one_transform_a_cell, cells) for _ in range(3)])
        fast = np.median([seconds(border_weight_map, cells) for _ in range(9)])
        error = np.abs(border_weight_map(cells) - one_transform_a_cell(cells)).max()
        print(
            f"{name:24s} 512x512: {1e3 * fast:6.1f} ms, one transform a cell {1e3 * slow:7.1f} ms: "
            f"{slow / fast:4.1f} times faster, differs by {error:.0e}"
        )
    few, many = maps["126 cells, thin borders"], crowded_cells(1000, gap=3)
    pairs = [(seconds(border_weight_map, few), seconds(border_weight_map, many)) for _ in range(15)]
    few_time, many_time = np.median(pairs, axis=0)
    print(f"1000 cells: {1e3 * many_time:.1f} ms, {many_time / few_time:.2f} times the time of 126 cells")


if __name__ == "__main__":
    main()
