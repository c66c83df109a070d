"""How far two right answers may lie apart: processors add in different orders, and every sum rounds differently.

One rule for chapters, solutions, tests and assignments, so that no bound is tuned to the processor it was written on:

    bound = 8 * eps * sqrt(n) * scale

eps is the spacing of the numbers around 1, n the terms of the longest sum times the layers that it passes, and scale
the largest magnitude that is compared. Rounding errors are as often up as down, so their sum grows like the square root
of n.
"""

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ._shared.checks import as_positive, as_size

if TYPE_CHECKING:
    import keras

ROOM = 8  # times the error that is expected: no processor seen comes near it


def rounding_bound(terms: int, scale: ArrayLike = 1.0, dtype: DTypeLike = np.float32) -> float:
    """Largest difference that rounding may explain between two ways to compute one array.

    Parameters
    ----------
    terms : int
        Terms of the longest sum times the layers passed: 9 * 64 for one 3x3 convolution of 64 channels, and
        `longest_sum(model)` for a whole network.
    scale : float or array
        Largest magnitude compared; of an array, its largest magnitude.
    dtype : dtype
        Float type that the sums are computed in, the coarser one if the two ways differ.

    Returns
    -------
    float
        8 * eps * sqrt(terms) * scale, in the unit of `scale`.

    Raises
    ------
    ValueError
        `terms` is no whole number of at least 1, `scale` is negative or not finite, or `dtype` is no float type.

    Examples
    --------
    >>> f"{rounding_bound(terms=9 * 64):.1e}"
    '2.3e-05'
    """
    terms = as_size(terms, "terms")
    scale = as_positive(float(np.max(np.abs(scale), initial=0.0)), "scale")
    return ROOM * _spacing(dtype) * math.sqrt(terms) * scale


def longest_sum(model: "keras.Model") -> int:
    """Terms of the longest sum in a network, times the layers that it passes: the `terms` of `rounding_bound`.

    Parameters
    ----------
    model : keras.Model
        Its layers with a kernel count: convolutions, up-convolutions, dense layers.

    Returns
    -------
    int
        Pixels of the kernel times channels of the input, where that is largest, times the layers with a kernel.

    Raises
    ------
    ValueError
        No layer has a kernel.

    Examples
    --------
    >>> from unet_tutorial.model import build_unet
    >>> longest_sum(build_unet((None, None, 1), base_filters=8, depth=3))  # 9 * 64 inputs, 18 layers
    10368
    """
    summing = [layer for layer in model.layers if getattr(layer, "kernel", None) is not None]
    if not summing:
        raise ValueError(f"model {model.name}: no layer has a kernel, so it holds no sum")
    return len(summing) * max(math.prod(layer.kernel.shape[:-2]) * layer.input.shape[-1] for layer in summing)


def largest_difference(found: ArrayLike, expected: ArrayLike) -> float:
    """Largest magnitude of `found - expected`, as a float; infinite where one is not finite and the other differs.

    Raises
    ------
    ValueError
        The shapes differ.

    Examples
    --------
    >>> largest_difference([1.0, 2.0], [1.0, 2.5])
    0.5
    """
    found, expected = (np.asarray(array, np.float64) for array in (found, expected))
    if found.shape != expected.shape:
        raise ValueError(f"arrays of shape {found.shape} and {expected.shape}: only equal shapes can be compared")
    with np.errstate(invalid="ignore"):
        apart = np.where(found == expected, 0.0, np.abs(found - expected))
    return float(np.where(np.isnan(apart), np.inf, apart).max(initial=0.0))


def agreement(
    found: ArrayLike, expected: ArrayLike, terms: int, scale: ArrayLike | None = None, dtype: DTypeLike | None = None
) -> str:
    """Say in words whether two arrays are equal but for rounding: the same words on every processor.

    Parameters
    ----------
    found, expected : arrays of one shape
    terms : int
        As in `rounding_bound`.
    scale : float, optional
        The largest magnitude of both arrays unless given.
    dtype : dtype, optional
        The coarser of the two arrays' float types unless given.

    Returns
    -------
    str
        "largest difference < BOUND" where rounding explains it; the difference and the bound where it does not. The
        bound is rounded up to one digit.

    Examples
    --------
    >>> agreement(np.float32([1, 2]), np.float32([1, 2]), terms=9)
    'largest difference < 6e-06'
    >>> agreement(np.float32([1, 2]), np.float32([1, 3]), terms=9)
    'they differ by 1, rounding allows 9e-06'
    """
    apart, bound = largest_difference(found, expected), _bound(found, expected, terms, scale, dtype)
    if _within(apart, bound):
        return f"largest difference < {_rounded_up(bound)}" if np.max(bound) > 0 else "no difference"
    return f"they differ by {apart:.2g}, rounding allows {_rounded_up(bound)}"


def assert_agree(
    found: ArrayLike, expected: ArrayLike, terms: int, scale: ArrayLike | None = None, dtype: DTypeLike | None = None
) -> None:
    """Raise AssertionError, naming difference and bound, unless two arrays are equal but for rounding.

    Parameters are those of `agreement`.

    Examples
    --------
    >>> assert_agree(0.1 + 0.2, 0.3, terms=2)
    """
    apart, bound = largest_difference(found, expected), _bound(found, expected, terms, scale, dtype)
    if not _within(apart, bound):
        raise AssertionError(f"the arrays differ by {apart:.3g}, rounding of {terms} terms allows {bound:.1e}")


def _rounded_up(bound):
    """One digit, never less than the bound: what is printed must be true."""
    text = f"{bound:.0e}"
    return text if float(text) >= bound else f"{bound + 0.5 * 10 ** math.floor(math.log10(bound)):.0e}"


def _within(apart, bound):
    return apart < bound or apart == 0


def _bound(found, expected, terms, scale, dtype):
    found, expected = np.asarray(found), np.asarray(expected)
    if dtype is None:
        floats = [array.dtype for array in (found, expected) if array.dtype.kind not in "biu"]
        dtype = max(floats, key=_spacing, default=np.dtype(np.float64))
    if scale is None:
        scale = max(np.max(np.abs(array.astype(np.float64)), initial=0.0) for array in (found, expected))
    return rounding_bound(terms, scale if np.isfinite(scale) else 0.0, dtype)


def _spacing(dtype):
    dtype = np.dtype(dtype)
    if dtype.name == "bfloat16":
        return 2.0**-7
    if dtype.kind != "f":
        raise ValueError(f"dtype {dtype}: must be a float type, such as float32 or float64")
    return float(np.finfo(dtype).eps)
