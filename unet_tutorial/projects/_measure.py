"""What can be measured of an image and its mask before any training."""

import hashlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from ._grey import one_channel
from ._pairs import Pair

REACH = 20  # px: a mask that is shifted further is another one
BORDERING = np.ones((3, 3), bool)


class Row(NamedTuple):
    """One line of the report. Lengths in pixels; `cover`, `clipped` are shares of the pixels.

    `objects` counts ids, `touching` those of them that touch another one, `tiny` those below 10 px. `diameter` is the
    median of the diameters of circles of the same areas. `correlation` is that of the image's slopes with the outlines
    of the mask, and `shift` the move of the mask (rows, columns) that would make it largest.
    """

    name: str
    rows: int
    columns: int
    channels: int
    dtype: str
    lowest: float
    highest: float
    clipped: float
    objects: int
    diameter: float
    touching: int
    tiny: int
    cover: float
    correlation: float
    shift: tuple[int, int]
    gain: float
    holes: int
    digest: str


def measure(pair: Pair, channel: str | int = "mean") -> Row:
    """Measure one image and its mask.

    Examples
    --------
    >>> from pathlib import Path
    >>> ids = np.zeros((64, 64), np.int32)
    >>> ids[20:40, 20:30], ids[20:40, 30:44] = 1, 2  # two that touch
    >>> row = measure(Pair("a", Path("a.png"), "a", (100 * (ids > 0)).astype(np.uint8), ids))
    >>> row.objects, row.touching, row.shift, row.correlation > 0.5
    (2, 2, (0, 0), True)
    """
    values = one_channel(pair.image, channel)
    ids = pair.ids if pair.ids is not None else np.zeros(values.shape, np.int32)
    sizes = np.bincount(ids.ravel())[1:]
    sizes = sizes[sizes > 0]
    lowest, highest = float(values.min()), float(values.max())
    clipped = float((values == highest).mean()) if highest > lowest else 1.0
    correlation, shift, gain = _outlines(values, ids)
    return Row(
        pair.name,
        values.shape[0],
        values.shape[1],
        1 if pair.image.ndim == 2 else pair.image.shape[-1],
        str(pair.image.dtype),
        lowest,
        highest,
        clipped,
        len(sizes),
        float(np.median(diameters(sizes))) if len(sizes) else 0.0,
        len(touching(ids)),
        int((sizes < 10).sum()),
        float((ids > 0).mean()),
        correlation,
        shift,
        gain,
        ndimage.label(ids == 0)[1],
        hashlib.sha256(np.ascontiguousarray(pair.image).tobytes()).hexdigest(),
    )


def diameters(sizes: np.ndarray) -> NDArray[np.float64]:
    """Diameters of the circles that have these areas.

    Examples
    --------
    >>> diameters(np.array([314])).round(1).tolist()
    [20.0]
    """
    return 2 * np.sqrt(np.asarray(sizes) / np.pi)


def touching(ids: np.ndarray) -> NDArray[np.integer]:
    """The ids that touch another one, also by a corner.

    Examples
    --------
    >>> touching(np.array([[1, 2, 0, 3]])).tolist()
    [1, 2]
    """
    found = [np.zeros(0, ids.dtype)]
    for first, second in (
        (ids[1:], ids[:-1]),
        (ids[:, 1:], ids[:, :-1]),
        (ids[1:, 1:], ids[:-1, :-1]),
        (ids[1:, :-1], ids[:-1, 1:]),
    ):
        met = (first != second) & (first > 0) & (second > 0)
        found += [first[met], second[met]]
    return np.unique(np.concatenate(found))


def edges(ids: np.ndarray) -> NDArray[np.bool_]:
    """Pixels with a neighbour of another id, on both sides of an outline."""
    return ndimage.maximum_filter(ids, 3) != ndimage.minimum_filter(ids, 3)


def _outlines(values, ids):
    """Correlation of slopes and outlines; the shift of the mask that makes it largest, and the correlation there."""
    slope = ndimage.gaussian_gradient_magnitude(values.astype(np.float32), 1.5)
    slope = np.minimum(slope, np.percentile(slope, 99))  # one burning spot is not all of an image
    outline = ndimage.gaussian_filter(edges(ids).astype(np.float32), 1)
    spread = slope.std() * outline.std()
    if spread == 0:
        return 0.0, (0, 0), 0.0
    slope, outline = slope - slope.mean(), outline - outline.mean()
    both = fft.rfft2(slope, workers=1) * np.conj(fft.rfft2(outline, workers=1))
    table = fft.irfft2(both, slope.shape, workers=1) / (slope.size * spread)
    reach = [min(REACH, (side - 1) // 4) for side in slope.shape]
    rows, columns = (np.arange(-far, far + 1) for far in reach)
    near = table[np.ix_(rows, columns)]
    place = np.unravel_index(near.argmax(), near.shape)
    return float(table[0, 0]), (int(rows[place[0]]), int(columns[place[1]])), float(near.max())
