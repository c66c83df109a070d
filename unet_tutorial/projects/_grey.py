"""Grey values in 0..1 from what a camera or a file gives: one channel, one range."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LOW, HIGH, RARE = 0.5, 99, 99.8  # percentiles that become 0 and 1: a speck of burning dirt does not set the range
SPREAD = 1.5  # ranges of images that differ by more are scaled one by one
MOST = 65536  # pixels of an image that are looked at for a range


class Scaling(NamedTuple):
    """How images become grey values in 0..1.

    `channel` is "mean" or a number from 0. `how` is "image" (each by its own percentiles) or "set" (all by `low` and
    `high`, in the units of the files).
    """

    channel: str | int = "mean"
    how: str = "image"
    low: float = 0.0
    high: float = 1.0


def one_channel(image: np.ndarray, channel: str | int = "mean") -> np.ndarray:
    """The (H, W) values of one channel of an image, or the mean of its colours; transparency is no colour.

    Examples
    --------
    >>> one_channel(np.uint8([[[10, 20, 60, 255]]])).tolist(), one_channel(np.uint8([[[10, 20, 60, 255]]]), 2).tolist()
    ([[30.0]], [[60]])
    """
    if image.ndim == 2:
        return image
    count = image.shape[-1]
    if isinstance(channel, int):
        if not 0 <= channel < count:
            raise ValueError(f"channel {channel}: the image has {count}, 0 to {count - 1}")
        return image[..., channel]
    return image[..., : colours(image)].mean(axis=-1, dtype=np.float64).astype(np.float32)


def colours(image: np.ndarray) -> int:
    """Channels of an (H, W, C) image that hold light: without the last of two, or of four of 8 or 16 bits."""
    count = image.shape[-1]
    return count - 1 if count in (2, 4) and image.dtype.kind == "u" else count


def choose_scaling(images: Sequence[np.ndarray], channel: str | int | None = None) -> tuple[Scaling, str]:
    """The scaling of a set of images, and why.

    Examples
    --------
    >>> dim, bright = np.arange(100.0).reshape(10, 10), 40 * np.arange(100.0).reshape(10, 10)
    >>> choose_scaling([dim, bright])[1]
    'the brightest image has 40.0 times the range of the dimmest: each is scaled by its own percentiles 0.5 and 99'
    """
    if channel is None:
        channel = _lit_channel(images)
    ranges = np.array([limits(one_channel(image, channel)) for image in images])
    spans = ranges[:, 1] - ranges[:, 0]
    widest, narrowest = float(spans.max()), float(spans.min())
    spread = widest / narrowest if narrowest > 0 else np.inf
    if spread > SPREAD:
        why = f"the brightest image has {spread:.1f} times the range of the dimmest"
        return Scaling(channel, "image"), f"{why}: each is scaled by its own percentiles {LOW} and {HIGH}"
    low, high = float(np.median(ranges[:, 0])), float(np.median(ranges[:, 1]))
    why = f"the ranges differ by a factor of {spread:.1f} only: {low:g} becomes 0 and {high:g} becomes 1 in all of them"
    return Scaling(channel, "set", low, high), why


def scaled(image: np.ndarray, scaling: Scaling) -> NDArray[np.float32]:
    """Grey values in 0..1 of one image. What lies outside the range is cut.

    Examples
    --------
    >>> scaled(np.uint16([[100, 600, 2100, 4095]]), Scaling(how="set", low=100, high=2100)).tolist()
    [[0.0, 0.25, 1.0, 1.0]]
    """
    values = one_channel(image, scaling.channel).astype(np.float32)
    low, high = limits(values) if scaling.how == "image" else (scaling.low, scaling.high)
    span = high - low if high > low else 1.0
    return np.clip((values - np.float32(low)) / np.float32(span), 0, 1)


def limits(values: np.ndarray) -> tuple[float, float]:
    """The grey values of an image that become 0 and 1.

    Percentiles 0.5 and 99. The 99.8th where the 99th is no further from the median than noise would be, as in an image
    with few objects, or of one with as much bright as dark.
    """
    step = max(1, int(np.sqrt(values.size / MOST)))
    low, middle, high, rare = np.percentile(values[::step, ::step], (LOW, 50, HIGH, RARE))
    return float(low), float(high if high - middle > 2 * (middle - low) else rare)


def _lit_channel(images):
    """The one channel that holds anything in any image, or "mean"."""
    coloured = [image for image in images if image.ndim == 3]
    if len(coloured) < len(images):
        return "mean"
    lit = {
        channel
        for image in coloured
        for channel in range(colours(image))
        if image[..., channel].min() != image[..., channel].max()
    }
    return lit.pop() if len(lit) == 1 else "mean"
