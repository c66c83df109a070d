"""What the synthetic specimens are drawn with: random streams, smooth noise, capsules, stamped vesicles.

A specimen must be the same under every version and on every processor. So all fields are float64, whatever decides
by comparison varies smoothly, and grey levels are rounded once, at the end.
"""

import numpy as np
from scipy import ndimage

from .._shared.checks import as_size


def draw_slices(draw, count, size, seed):
    """Images, labels and instance ids of slices 0 to count - 1, each of them `draw(index, size, seed)`."""
    count, size, seed = as_size(count, "count"), as_size(size, "size", 32), as_size(seed, "seed", 0)
    levels, cells = (np.stack(slices) for slices in zip(*(draw(index, size, seed) for index in range(count))))
    return from_levels(levels), (cells > 0).astype(np.uint8), cells


def from_levels(levels):
    """uint8 grey levels as float32 in 0..1."""
    return levels.astype(np.float32) / np.float32(255)


def generator(seed, index):
    """The random stream of slice `index`: no other slice changes it."""
    return np.random.Generator(np.random.PCG64([seed, index]))


def smooth_noise(rng, shape, scale):
    """Random field of mean 0, variance about 1 and features of `scale` pixels: a cubic B-spline over white noise."""
    (rows, row_weights), (columns, column_weights) = (_spline(length, scale, rng.random()) for length in shape)
    nodes = rng.standard_normal((rows[-1] + 4, columns[-1] + 4))
    wide = sum(weights * nodes[:, columns + step] for step, weights in enumerate(column_weights))
    return 2.086 * sum(weights[:, None] * wide[rows + step] for step, weights in enumerate(row_weights))


def _spline(length, scale, shift):
    """First of the four nodes that each pixel depends on, and the weights of the four."""
    position = (np.arange(length) + 0.5) / scale + shift
    first = np.floor(position).astype(int)
    t = position - first
    near, far = 1 - t, t
    return first, (near**3 / 6, 2 / 3 - far**2 + far**3 / 2, 2 / 3 - near**2 + near**3 / 2, far**3 / 6)


def blur(field, sigma):
    """Gaussian blur in float64, of truth values too."""
    return ndimage.gaussian_filter(np.asarray(field, np.float64), sigma, truncate=3.0)


def ease(x):
    """0 below 0, 1 above 1, a smooth step between."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3 - 2 * x)


def bent_grid(rng, size, bends):
    """Rows and columns of the pixel centres of a plane that was bent by noise: `bends` are (amplitude, scale) pairs."""
    axis = np.arange(size) + 0.5
    return [
        grid + sum(amplitude * smooth_noise(rng, (size, size), scale) for amplitude, scale in bends)
        for grid in (axis[:, None], axis)
    ]


def window(row, column, tall, wide):
    """Slices that reach `tall` and `wide` pixels from a point, cut off at 0 (and by the array, when they are used)."""
    return tuple(
        slice(max(0, int(centre - reach)), max(0, int(centre + reach)))
        for centre, reach in ((row, tall), (column, wide))
    )


def capsule(rows, columns, shape):
    """Coordinates along and across a capsule (row, column, cos, sin, half length, radius), and the distance to it."""
    row, column, cosine, sine, half, radius = shape
    down, right = rows - row, columns - column
    along, across = right * cosine + down * sine, down * cosine - right * sine
    return along, across, np.sqrt((along - np.clip(along, -half, half)) ** 2 + across**2) - radius


def boundaries(ids):
    """True at the pixels whose upper or left neighbour has another id."""
    edge = np.zeros(ids.shape, bool)
    edge[1:] |= ids[1:] != ids[:-1]
    edge[:, 1:] |= ids[:, 1:] != ids[:, :-1]
    return edge


def vesicles(rng, likely, solid, spacing):
    """Grey levels to take away for dots and rings, one try on `spacing` square pixels, kept with chance `likely`.

    Where `solid` is true there are dots and small rings only.
    """
    size, reach = len(likely), 8
    kinds = [
        _ring(*shape)
        for shape in ((0, 1.2, 0), (0, 1.7, 0), (0, 2.3, 0), (2.4, 1.3, 0), (3.2, 1.3, 0.4), (4.2, 1.4, 0.5))
    ]
    row, column, chance, kind, weight = rng.random((5, size * size // spacing))
    row, column = (size * row).astype(int), (size * column).astype(int)
    kind = (kind * np.where(solid[row, column], 4, 6)).astype(int)
    weight = (20 + 46 * weight**2) * np.where(kind < 3, 1.3, 0.8)
    canvas = np.zeros((size + 2 * reach, size + 2 * reach))
    for one in np.flatnonzero(chance < likely[row, column]):
        i, j = row[one], column[one]
        canvas[i : i + 2 * reach + 1, j : j + 2 * reach + 1] += weight[one] * kinds[kind[one]]
    return canvas[reach:-reach, reach:-reach]


def _ring(radius, width, core):
    axis = np.arange(-8, 9.0)
    distance = np.sqrt(axis[:, None] ** 2 + axis**2)
    ring = np.exp(-(((distance - radius) / width) ** 2))
    return ring - core * np.exp(-((distance / (0.6 * radius)) ** 2)) if core else ring


def expose(level):
    """Grey levels rounded to uint8."""
    return np.floor(np.clip(level, 0, 255) + 0.5).astype(np.uint8)
