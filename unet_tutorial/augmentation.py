"""New training images out of few: elastic deformation, flips, right-angle turns and grey values.

Displacement fields have shape (2, H, W), rows first, in pixels: output[x] = input[x + d(x)].
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline

from ._shared.checks import as_cells, as_image, as_positive, as_size, same_shape, within_one

STRIP = 32  # rows sampled at a time, so that the temporary arrays stay in the processor's cache


def displacement_field(
    shape: tuple[int, int], rng: np.random.Generator, grid: int = 3, sigma: float = 10.0
) -> NDArray[np.float32]:
    """Draw a smooth random displacement field from Gaussian vectors on a coarse grid.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the image, in pixels.
    rng : numpy.random.Generator
        Source of the vectors; the same state gives the same field.
    grid : int
        Nodes along each axis, at least 2. The paper uses 3.
    sigma : float
        Standard deviation of each component at the nodes, in pixels. The paper uses 10. Between nodes it is smaller.

    Returns
    -------
    (2, H, W) float32 array
        `interpolate_field` of the drawn vectors.

    Raises
    ------
    ValueError
        `shape` is not two positive whole numbers, `rng` is no Generator, `grid` is below 2, or `sigma` is negative or
        not finite.

    References
    ----------
    Ronneberger et al. 2015, section 3.1.

    Examples
    --------
    >>> import numpy as np
    >>> field = displacement_field((256, 256), np.random.default_rng(0))
    >>> field.shape
    (2, 256, 256)
    >>> bool(np.abs(field).max() > 10), bool(np.abs(np.diff(field)).max() < 1)  # far, but neighbours go together
    (True, True)
    """
    grid, sigma = as_size(grid, "grid", minimum=2), as_positive(sigma, "sigma")
    return interpolate_field(_as_generator(rng).normal(0, sigma, (2, grid, grid)), shape)


def interpolate_field(vectors: ArrayLike, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Spread the vectors of a coarse grid over every pixel by bicubic interpolation.

    The spline is the natural cubic one (no curvature at the image border), along columns and then along rows. It passes
    through the vectors at the nodes, and keeps a constant or linear field as it is.

    Parameters
    ----------
    vectors : (2, R, C) float array
        Displacements in pixels, rows first. Node (i, j) lies at row i * (H - 1) / (R - 1) and column
        j * (W - 1) / (C - 1): for a 3x3 grid at the corners, the edge midpoints and the centre.
    shape : (int, int)
        Height and width of the image, in pixels. Along an axis of one pixel only the first nodes count.

    Returns
    -------
    (2, H, W) float32 array

    Raises
    ------
    ValueError
        `vectors` is not a finite (2, R, C) array with R and C at least 2, or `shape` is not two positive whole numbers.

    References
    ----------
    Ronneberger et al. 2015, section 3.1.

    Examples
    --------
    >>> down = interpolate_field([[[1, 1], [5, 5]], [[2, 2], [2, 2]]], shape=(5, 2))[0]  # rows move by 1 to 5 px
    >>> down.round(2).tolist()
    [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0], [4.0, 4.0], [5.0, 5.0]]
    """
    vectors = np.asarray(vectors, np.float64)
    if vectors.ndim != 3 or vectors.shape[0] != 2 or min(vectors.shape[1:]) < 2 or not np.isfinite(vectors).all():
        raise ValueError(f"vectors of shape {vectors.shape}: must be finite and (2, R, C) with R and C at least 2")
    if np.shape(shape) != (2,):
        raise ValueError(f"shape {shape!r}: must be (H, W); of a colour image give image.shape[:2]")
    along_rows, along_columns = (
        _spline_matrix(as_size(size, "height or width"), nodes) for size, nodes in zip(shape, vectors.shape[1:])
    )
    rows = np.einsum("ki,akl->ail", along_rows, vectors)  # a matrix product would wake threads that training needs
    return np.einsum("ail,lj->aij", rows.astype(np.float32), along_columns.astype(np.float32))


def warp(image: ArrayLike, field: ArrayLike, order: int = 3) -> np.ndarray:
    """Sample an image at displaced places: output[x] = image[x + d(x)], mirrored beyond the border.

    The mirror does not repeat the edge pixel: pixel -1 is pixel 1.

    Parameters
    ----------
    image : (H, W) or (H, W, C) array
        Float image; with `order=0` any dtype, such as labels or instance ids.
    field : (2, H, W) float array
        Displacements in pixels, rows first.
    order : {0, 1, 3}
        0 takes the nearest pixel and makes no new value. 1 is linear: it smooths noise and fine texture by an amount
        that changes from place to place, and keeps 2/3 of the standard deviation of white noise on average. 3 is cubic
        convolution over 4x4 pixels, clipped to the image's range: it keeps 0.81 of it, in about twice the time.

    Returns
    -------
    array of the image's shape
        float32; with `order=0` the image's own dtype. A field of zeros gives the image back bit by bit, a field of
        equal whole numbers shifts it exactly.

    Raises
    ------
    ValueError
        The field is not a finite (2, H, W) float array of the image's height and width, the order is another, or
        the image is not finite, empty or (but for `order=0`) not float.

    References
    ----------
    Ronneberger et al. 2015, section 3.1; the order of the grey-value interpolation is not given there.

    Examples
    --------
    >>> import numpy as np
    >>> field = np.stack([np.zeros((1, 4)), np.ones((1, 4))])  # each pixel looks one to its right
    >>> warp([[1, 2, 3, 4]], field, order=0).tolist()
    [[2, 3, 4, 3]]
    """
    if as_size(order, "order", minimum=0) not in (0, 1, 3):
        raise ValueError(f"order {order!r}: must be 0 (nearest), 1 (linear) or 3 (cubic)")
    image, field = as_image(image) if order else np.asarray(image), np.asarray(field)
    if image.ndim not in (2, 3) or image.size == 0:
        raise ValueError(f"image of shape {image.shape}: must be (H, W) or (H, W, C) and hold a pixel")
    if (
        field.shape != (2, *image.shape[:2])
        or not np.issubdtype(field.dtype, np.floating)
        or not np.isfinite(field).all()
    ):
        raise ValueError(
            f"field of shape {field.shape} and dtype {field.dtype} for an image of shape {image.shape}: "
            "must be finite, float and (2, H, W)"
        )
    channels = image.reshape(*image.shape[:2], -1)
    warped = np.empty_like(channels)
    for channel in range(channels.shape[2]):
        warped[..., channel] = _sample(channels[..., channel], field.astype(np.float32, copy=False), order)
    return warped.reshape(image.shape)


def elastic_deform(
    image: ArrayLike, label: ArrayLike, rng: np.random.Generator, grid: int = 3, sigma: float = 10.0
) -> tuple[NDArray[np.float32], np.ndarray]:
    """Deform an image and its label by one and the same random field.

    Parameters
    ----------
    image : (H, W) or (H, W, C) float array
        Grey values in 0..1; interpolated cubically and mirrored at the border.
    label : (H, W) int array
        Label (0, 1) or instance ids, -1 where nothing is labelled; the nearest pixel is taken, so no new value appears.
    rng : numpy.random.Generator
        Source of the field.
    grid : int
        Nodes along each axis, at least 2.
    sigma : float
        Standard deviation of the displacement at the nodes, in pixels. 0 changes nothing.

    Returns
    -------
    image : float32 array, shape of `image`
    label : array, shape and dtype of `label`

    Raises
    ------
    ValueError
        Image and label differ in height or width, or one of the arguments is none of the above.

    References
    ----------
    Ronneberger et al. 2015, section 3.1.

    Examples
    --------
    >>> import numpy as np
    >>> label = np.zeros((64, 64), np.uint8)
    >>> label[16:48, 16:48] = 1
    >>> image, bent = elastic_deform(label.astype(np.float32), label, np.random.default_rng(0))
    >>> bool((bent != label).any()), bool(((image > 0.5) == bent).mean() > 0.99)  # both moved, and together
    (True, True)
    """
    image, label = _as_pair(image, label)
    field = displacement_field(label.shape, rng, grid, sigma)
    return warp(image, field), warp(label, field, order=0)


def change_grey_values(
    image: ArrayLike, rng: np.random.Generator, gamma: float = 0.2, contrast: float = 0.2, brightness: float = 0.1
) -> NDArray[np.float32]:
    """Change gamma, contrast and brightness of a whole image at random, each a little.

    Parameters
    ----------
    image : (H, W) or (H, W, C) float array
        Grey values in 0..1; all channels change alike.
    rng : numpy.random.Generator
        Source of the three changes.
    gamma, contrast : float
        Largest change of the natural logarithm of the exponent, and of the factor on the distance from the mean.
    brightness : float
        Largest shift, in grey values. 0 for each of the three leaves it out.

    Returns
    -------
    float32 array, shape of `image`
        Clipped to 0..1.

    Raises
    ------
    ValueError
        The image is not finite float in 0..1, `rng` is no Generator, or an amount is negative or not finite.

    References
    ----------
    Ronneberger et al. 2015, section 3.1, asks for robustness to grey-value variations and gives no amounts.

    Examples
    --------
    >>> import numpy as np
    >>> ramp = np.linspace(0, 1, 9).reshape(1, 9)
    >>> changed = change_grey_values(ramp, np.random.default_rng(0))
    >>> bool((changed != ramp).any()), bool((np.diff(changed) >= 0).all())  # what was darker is not brighter now
    (True, True)
    """
    image = within_one(as_image(image), "image", "must be in 0..1, or leave the grey values alone (grey=False)")
    named = {"gamma": gamma, "contrast": contrast, "brightness": brightness}
    amounts = [as_positive(amount, name) for name, amount in named.items()]
    exponent, factor, shift = (_as_generator(rng).uniform(-amount, amount) for amount in amounts)
    image = image ** math.exp(exponent)
    mean = image.mean()
    return np.clip((image - mean) * math.exp(factor) + mean + shift, 0, 1)


def augment(
    image: ArrayLike,
    label: ArrayLike,
    rng: np.random.Generator,
    elastic: bool = True,
    flips: bool = True,
    turns: bool = True,
    grey: bool = True,
    grid: int = 3,
    sigma: float = 10.0,
) -> tuple[NDArray[np.float32], np.ndarray]:
    """Draw one new training pair: image and label move together, grey values change in the image alone.

    In this order: elastic deformation, flips of rows and of columns (each in half of the draws), a turn, grey values. A
    square turns by 0, 90, 180 or 270 degrees, any other shape by 0 or 180, so the shape never changes. A weight map
    must follow the deformed cells: pass instance ids as label and compute `weight_map` from the result.

    Parameters
    ----------
    image : (H, W) or (H, W, C) float array
        Grey values in 0..1.
    label : (H, W) int array
        Label (0, 1) or instance ids; -1 is not labelled.
    rng : numpy.random.Generator
        The same state gives the same pair. Each step has a stream of its own, so that leaving one out leaves the others
        as they were.
    elastic, flips, turns, grey : bool
        False leaves the step out.
    grid, sigma
        Of the elastic deformation, as in `elastic_deform`.

    Returns
    -------
    image : float32 array, shape of `image`
    label : array, shape and dtype of `label`
        New arrays, both of them.

    Raises
    ------
    ValueError
        As `elastic_deform` and `change_grey_values`.

    References
    ----------
    Ronneberger et al. 2015, section 3.1.

    Examples
    --------
    >>> import numpy as np
    >>> ids = np.arange(16).reshape(4, 4)
    >>> image, moved = augment(ids / 16, ids, np.random.default_rng(0), elastic=False, grey=False)
    >>> bool((moved != ids).any()), bool((image * 16 == moved).all())  # each id took its grey value along
    (True, True)
    """
    image, label = _as_pair(image, label)
    streams = [np.random.default_rng(seed) for seed in _as_generator(rng).integers(2**63, size=4)]  # one for each step
    if elastic:
        image, label = elastic_deform(image, label, streams[0], grid, sigma)
    if flips:
        axes = tuple(np.flatnonzero(streams[1].random(2) < 0.5).tolist())
        image, label = np.flip(image, axes), np.flip(label, axes)
    if turns:
        square = label.shape[0] == label.shape[1]
        quarters = int(streams[2].integers(4)) if square else 2 * int(streams[2].integers(2))
        image, label = np.rot90(image, quarters), np.rot90(label, quarters)
    if grey:
        image = change_grey_values(image, streams[3])
    return image.copy(order="C"), label.copy(order="C")


def _spline_matrix(size, nodes):
    spline = CubicSpline(np.arange(nodes), np.eye(nodes), bc_type="natural")
    return np.ascontiguousarray(spline(np.linspace(0, nodes - 1, size)).T)


def _sample(image, field, order):
    """One channel of `warp`, a strip of rows at a time."""
    height, width = image.shape
    taps = order + 1
    padded = np.pad(image, (max(taps // 2 - 1, 0), taps // 2), mode="reflect")
    flat, stride = padded.ravel(), padded.shape[1]
    half = np.float32(0 if order else 0.5)
    output = np.empty_like(image)
    for top in range(0, height, STRIP):
        down, across = field[:, top : top + STRIP]
        y = _mirrored(np.arange(top, top + len(down), dtype=np.float32)[:, None] + down, height) + half
        x = _mirrored(np.arange(width, dtype=np.float32) + across, width) + half
        row, column = y.astype(np.intp), x.astype(np.intp)
        first = row * stride + column
        if order == 0:
            output[top : top + STRIP] = flat.take(first, mode="wrap")  # all are in range: this skips the check
            continue
        total = output[top : top + STRIP]
        total[:] = 0
        along_x = _tap_weights(x - np.floor(x), order)
        for i, weight_y in enumerate(_tap_weights(y - np.floor(y), order)):
            line = 0
            for j, weight_x in enumerate(along_x):
                pixels = flat[i * stride + j :].take(first, mode="wrap")
                pixels *= weight_x
                line += pixels
            line *= weight_y
            total += line
    return output if order < 3 else output.clip(image.min(), image.max())


def _mirrored(positions, size):
    last = size - 1
    if last == 0:
        return np.zeros_like(positions)
    if np.abs(positions).max() > 2 * last:
        positions = positions % (2 * last)
    return last - np.abs(last - np.abs(positions))


def _tap_weights(f, order):
    """Weights of the pixels around a position that lies a fraction f after one of them (cubic: Keys' a = -1/2)."""
    g = 1 - f
    if order == 1:
        return g, f
    half = -0.5 * f * g
    first, last = half * g, half * f
    return first, g - 2 * first + last, f - 2 * last + first, last


def _as_generator(rng):
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"rng {rng!r}: must be a numpy.random.Generator, such as np.random.default_rng(0)")
    return rng


def _as_pair(image, label) -> tuple[NDArray[np.float32], np.ndarray]:
    image, label = as_image(image), as_cells(label, "label", unlabelled=True)
    same_shape(image, label)
    return image, label
