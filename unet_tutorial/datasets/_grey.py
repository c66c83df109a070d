"""One scale of grey values for all slices, so that one network and one threshold fit them."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._shared.checks import as_array, as_image, as_positive, warn

MEAN, DEVIATION = 0.5, 0.2


def normalize(images: ArrayLike, mean: float = MEAN, deviation: float = DEVIATION) -> NDArray[np.float32]:
    """Bring every slice to one mean and one standard deviation, then cut to 0..1.

    Slices differ in brightness and in contrast, and a threshold that fits one may not fit the next. What is cut lies
    more than 2.5 deviations from the mean, unless other values are given; it moves both a little.

    Parameters
    ----------
    images : (H, W) or (N, H, W) float array
        Grey values, each slice by itself. A slice may have any scale: what it is multiplied by, and what is added to
        it, does not matter.
    mean, deviation : float
        Of the grey values of a slice, before the cut.

    Returns
    -------
    float32 array, shape of `images`
        In 0..1.

    Raises
    ------
    ValueError
        `images` is not a finite float array with two or three axes, or is empty; `mean` is negative, or `deviation` not
        above 0.

    Warns
    -----
    UserWarning
        A slice has one grey value only; it becomes `mean` everywhere.

    Examples
    --------
    >>> print(normalize(np.array([[10.0, 20.0], [20.0, 30.0]])).round(2))
    [[0.22 0.5 ]
     [0.5  0.78]]
    """
    mean, deviation = as_positive(mean, "mean"), as_positive(deviation, "deviation", zero=False)
    stack = as_array(images, "images")
    if stack.ndim == 3:
        return np.stack(
            [_normalized(as_image(one, f"images[{k}]", True), mean, deviation) for k, one in enumerate(stack)]
        )
    return _normalized(as_image(stack, "images", True), mean, deviation)


def _normalized(image, mean, deviation):
    values = image.astype(float)
    spread = values.std()
    if spread <= 1e-6 * np.abs(values).max():  # of one value, rounding leaves a trace
        warn(f"a slice holds the grey value {values.flat[0]:g} alone, so it has no contrast to bring to {deviation:g}")
        return np.full(image.shape, np.clip(mean, 0, 1), np.float32)
    return ((values - values.mean()) * (deviation / spread) + mean).clip(0, 1).astype(np.float32)
