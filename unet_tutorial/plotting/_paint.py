"""Colours painted over images, pixel by pixel: arrays in, arrays out, no figure."""

from typing import cast

import numpy as np
from matplotlib.colors import hsv_to_rgb, to_rgb
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from .._shared.checks import as_cells, as_classes, as_image, as_label, as_positive, as_size, same_shape, within_one
from ._style import CLASSES, COLOURS, UNSAID

GOLDEN = 0.6180339887  # turns of the colour wheel from one id to the next: neighbouring ids get distant hues


def as_picture(image: ArrayLike, name: str = "image") -> NDArray[np.float32]:
    """Return an (H, W) float32 image with values in 0..1, or raise ValueError."""
    image = as_image(image, name)
    if image.shape[2:] == (1,):
        image = image[..., 0]
    return within_one(as_image(image, name, grey=True), name)


def paint_cells(cells: ArrayLike) -> NDArray[np.float32]:
    """Give each instance id its colour, the same in every figure.

    Parameters
    ----------
    cells : (H, W) int array
        Instance ids; 0 is background.

    Returns
    -------
    (H, W, 3) float32 array
        RGB in 0..1. Cells have an outline of one pixel, half as bright; the background has the membrane's colour.

    Examples
    --------
    >>> picture = paint_cells([[0, 1, 0, 2, 0, 1]])
    >>> picture.shape, bool((picture[0, 1] == picture[0, 5]).all()), bool((picture[0, 1] == picture[0, 3]).any())
    ((1, 6, 3), True, False)
    """
    cells = as_cells(cells)
    picture = _colours(cells)
    picture[outlines(cells)] *= 0.5
    picture[cells == 0] = to_rgb(COLOURS["membrane"])
    return picture.astype(np.float32)


def paint_classes(classes: ArrayLike) -> NDArray[np.float32]:
    """Give each class its colour, the same in every figure.

    Parameters
    ----------
    classes : (H, W) int array
        0 to 7, or -1 where nothing is labelled.

    Returns
    -------
    (H, W, 3) float32 array
        RGB in 0..1. What is not labelled is pale grey.

    Raises
    ------
    ValueError
        `classes` is not such a map.

    Examples
    --------
    >>> picture = paint_classes([[0, 1, 2, -1, 1]])
    >>> picture.shape, bool((picture[0, 1] == picture[0, 4]).all()), len(np.unique(picture[0], axis=0))
    ((1, 5, 3), True, 4)
    """
    classes = as_classes(classes, "classes", len(CLASSES), unlabelled=True)
    return np.array([to_rgb(colour) for colour in (*CLASSES, UNSAID)], np.float32)[classes.astype(np.intp)]


def blend(
    image: ArrayLike,
    label: ArrayLike | None = None,
    cells: ArrayLike | None = None,
    probability: ArrayLike | None = None,
    strength: float = 0.35,
    classes: ArrayLike | None = None,
) -> NDArray[np.float32]:
    """Paint a label, instance ids, probabilities or classes over an image.

    Parameters
    ----------
    image : (H, W) or (H, W, 3) float array
        Grey or RGB values in 0..1.
    label : (H, W) int array, optional
        Cells are tinted, and outlined in the accent colour.
    cells : (H, W) int array, optional
        Each cell is tinted and outlined in a colour of its own.
    probability : (H, W) float array, optional
        Of a cell, in 0..1: the likelier, the stronger the tint.
    strength : float
        Share of the colour in a tinted pixel, 0..1. Outlines are one pixel wide and opaque.
    classes : (H, W) int array, optional
        All but class 0 and what is not labelled (-1) are tinted and outlined in the colour of their class
        (`paint_classes`).

    Returns
    -------
    (H, W, 3) float32 array
        RGB in 0..1. The background keeps its grey values.

    Raises
    ------
    ValueError
        None or more than one of the four is given, the shapes differ, or an argument breaks its rule.

    Examples
    --------
    >>> tinted = blend([[0.5, 0.5, 0.5]], probability=[[0.0, 0.5, 1.0]], strength=1)
    >>> (100 * tinted).round().astype(int).tolist()  # from grey to pale yellow
    [[[50, 50, 50], [73, 66, 43], [97, 81, 35]]]
    """
    masks = {"label": label, "cells": cells, "probability": probability, "classes": classes}
    given = [name for name, mask in masks.items() if mask is not None]
    if len(given) != 1:
        raise ValueError(f"{' and '.join(given) or 'nothing'} to blend: give exactly one of {', '.join(masks)}")
    if as_positive(strength, "strength") > 1:
        raise ValueError(f"strength {strength!r}: must be at most 1")
    grey = within_one(as_image(image), "image") if np.shape(image)[2:] == (3,) else as_picture(image)[..., None]
    mask: np.ndarray
    share: np.ndarray
    if probability is not None:
        mask = share = as_picture(probability, "probability")
    else:
        mask = np.asarray(cast(ArrayLike, label if label is not None else cells if cells is not None else classes))
        mask = as_label(mask) if label is not None else mask if classes is not None else as_cells(mask)
        share = mask > 0
    same_shape(np.asarray(image), mask, ("image", given[0]))
    if classes is not None:
        colours = paint_classes(mask)
    elif cells is not None:
        colours = _colours(mask)
    else:
        colours = np.broadcast_to(to_rgb(COLOURS["cell"]), (*mask.shape, 3))
    share = strength * share[..., None]
    picture = (1 - share) * grey + share * colours
    if probability is None:
        edge = outlines(mask)
        picture[edge] = to_rgb(COLOURS["accent"]) if label is not None else colours[edge]
    return picture.astype(np.float32)


def mark_errors(split_mask: ArrayLike, merge_mask: ArrayLike, image: ArrayLike, grow: int = 2) -> NDArray[np.float32]:
    """Mark where a segmentation splits cells and where it merges them, on the paled image.

    Parameters
    ----------
    split_mask, merge_mask : (H, W) bool or 0/1 int array
        Pixels of false borders (a cell cut in two) and of missing borders (two cells run together).
    image : (H, W) float array
        Grey values in 0..1.
    grow : int
        Marks are widened by that many pixels to each side, so that a single pixel is seen.

    Returns
    -------
    (H, W, 3) float32 array
        RGB in 0..1: splits sky blue, merges magenta and on top of them.

    Raises
    ------
    ValueError
        Shapes differ, or an argument breaks its rule.

    Examples
    --------
    >>> from matplotlib.colors import to_hex
    >>> split, merge = [[1, 0, 0, 0, 0]], [[0, 0, 0, 0, 1]]
    >>> [to_hex(pixel) for pixel in mark_errors(split, merge, [[0.0, 0.0, 0.0, 0.0, 0.0]], grow=1)[0]]
    ['#2fb4e8', '#2fb4e8', '#808080', '#c2187a', '#c2187a']
    """
    grow = as_size(grow, "grow", minimum=0)
    picture = np.repeat(0.5 + 0.5 * as_picture(image)[..., None], 3, axis=2)
    for name, mask in (("split", split_mask), ("merge", merge_mask)):
        mask = as_label(mask, f"{name}_mask")
        same_shape(picture, mask, ("image", f"{name}_mask"))
        picture[ndimage.maximum_filter(mask, 2 * grow + 1, mode="constant") > 0] = to_rgb(COLOURS[name])
    return picture


def outlines(cells: np.ndarray) -> NDArray[np.bool_]:
    """Pixels of cells with a 4-neighbour of another id. Returns an (H, W) bool array."""
    edge = np.zeros(cells.shape, bool)
    for axis in (0, 1):
        differs = np.diff(cells.astype(np.int64), axis=axis) != 0
        first, second = (
            tuple(part if this == axis else slice(None) for this in (0, 1))
            for part in (slice(None, -1), slice(1, None))
        )
        edge[first] |= differs
        edge[second] |= differs
    return edge & (cells > 0)


def _colours(cells):
    hue = cells * GOLDEN % 1
    saturation, value = np.array([0.5, 0.65, 0.4])[cells % 3], np.array([0.95, 0.8, 0.65])[cells % 3]
    return hsv_to_rgb(np.stack([hue, saturation, value], axis=-1))
