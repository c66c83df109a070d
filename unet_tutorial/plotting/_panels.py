"""The figures of the book. Functions that fill one Axes return it; those that fill several return (fig, axes)."""

import math

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Patch

from .._shared.checks import as_image, as_label, as_positive, as_size, same_shape, within_one
from ._paint import as_picture, blend, mark_errors, paint_cells
from ._style import COLOURS, PANEL, WIDTH


def show_image(image, ax=None, title=None):
    """Show an image, as every `show_...` does: without ticks, and in a figure of its own unless `ax` is given.

    Parameters
    ----------
    image : (H, W), (H, W, 1) or (H, W, 3) float array
        Grey or RGB values in 0..1.
    ax : matplotlib Axes, optional
    title : str, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        `image` is not a finite float image of one or three channels, or leaves 0..1 (uint8 divided by 255 does not).
    """
    if np.shape(image)[2:] == (3,):
        return _show(within_one(as_image(image), "image"), ax, title)
    return _show(as_picture(image), ax, title, cmap="gray", vmin=0, vmax=1)


def show_label(label, ax=None, title=None):
    """Show an (H, W) label of 0 (membrane or background: black) and 1 (cell: white)."""
    return _show(as_label(label), ax, title, cmap="gray", vmin=0, vmax=1)


def show_cells(cells, ax=None, title=None):
    """Show (H, W) instance ids, each in a colour of its own: see `paint_cells`."""
    return _show(paint_cells(cells), ax, title)


def show_probability(probability, ax=None, title=None):
    """Show an (H, W) float map of probabilities in 0..1 with its colour bar."""
    ax = _show(as_picture(probability, "probability"), ax, title, cmap="cividis", vmin=0, vmax=1)
    return _with_bar(ax)


def weights_map(weights, ax=None, title=None, top=None):
    """Show weights, for example the border weight map, as heat with their colour bar.

    Parameters
    ----------
    weights : (H, W) float array
        0 or more.
    ax, title
        As in `show_image`.
    top : float, optional
        Weight from which on the colour is the brightest; the largest weight unless given.

    Returns
    -------
    matplotlib Axes

    References
    ----------
    Ronneberger et al. 2015, section 3, equation 2.
    """
    weights = as_image(weights, "weights", grey=True)
    if weights.min() < 0:
        raise ValueError(f"weights: hold the negative value {weights.min():g}; must be 0 or more")
    top = as_positive(top, "top", zero=False) if top is not None else float(weights.max()) or 1.0
    return _with_bar(_show(weights, ax, title, cmap="inferno", vmin=0, vmax=top))


def overlay(image, label=None, cells=None, probability=None, ax=None, title=None, strength=0.35):
    """Show a label, instance ids or probabilities over a grey image: see `blend`."""
    return _show(blend(image, label, cells, probability, strength), ax, title)


def confusion_overlay(split_mask, merge_mask, image, ax=None, title=None, grow=2):
    """Show splits and merges over the paled image, named below it with their pixels counted: see `mark_errors`."""
    ax = _show(mark_errors(split_mask, merge_mask, image, grow), ax, title)
    marks = [
        Patch(color=COLOURS[name], label=f"{name}: {np.count_nonzero(mask)} px")
        for name, mask in (("split", split_mask), ("merge", merge_mask))
    ]
    ax.legend(handles=marks, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=2, handlelength=1, frameon=False)
    return ax


def show_row(images, titles=None, kinds="image", columns=4):
    """Lay several pictures side by side, in rows of `columns`.

    Overlays are images too: `show_row([image, blend(image, cells=cells)])`.

    Parameters
    ----------
    images : sequence of arrays
    titles : sequence of str, optional
        One for each picture.
    kinds : str or sequence of str
        "image", "label", "cells", "probability" or "weights": one for all, or one for each picture.
    columns : int
        Pictures in a row.

    Returns
    -------
    fig : matplotlib Figure
    axes : list of matplotlib Axes
        One for each picture.

    Raises
    ------
    ValueError
        No picture; more or fewer titles or kinds than pictures; a kind that is none of the five; or as `show_image`.
    """
    images = list(images)
    titles = [None] * len(images) if titles is None else list(titles)
    kinds = [kinds] * len(images) if isinstance(kinds, str) else list(kinds)
    shows = {
        "image": show_image,
        "label": show_label,
        "cells": show_cells,
        "probability": show_probability,
        "weights": weights_map,
    }
    for name, given in (("titles", titles), ("kinds", kinds)):
        if len(given) != len(images):
            raise ValueError(f"{len(given)} {name} for {len(images)} images: give one for each")
    if unknown := set(kinds) - set(shows):
        raise ValueError(f"kind {sorted(unknown)[0]!r}: must be one of {', '.join(shows)}")
    bars = any(kind in ("probability", "weights") for kind in kinds)
    fig, axes = _grid(images, columns, 0.3 * any(titles) + 0.4 * bars)
    for ax, image, title, kind in zip(axes, images, titles, kinds):
        shows[kind](image, ax, title)
    return fig, axes


def feature_maps(maps, count=16, columns=4, shared=False):
    """Show the first channels of a feature map, dark for the smallest and bright for the largest value.

    Parameters
    ----------
    maps : (H, W, C) or (1, H, W, C) float array
        What a layer gives for one image.
    count : int
        Channels to show; all of them if there are fewer.
    columns : int
        Channels in a row.
    shared : bool
        One grey scale for all the channels shown, so that strong and weak ones can be told apart, instead of one for
        each.

    Returns
    -------
    fig : matplotlib Figure
    axes : list of matplotlib Axes
        Titled with the channel's number, from 0, and "silent" where all values are 0.

    Raises
    ------
    ValueError
        `maps` has another shape, holds NaN, or belongs to several images; or `count` or `columns` is below 1.
    """
    maps = np.asarray(maps)
    maps = as_image(maps[0] if maps.ndim == 4 and len(maps) == 1 else maps, "maps")
    if maps.ndim != 3:
        raise ValueError(f"maps of shape {maps.shape}: must be (H, W, C) or (1, H, W, C)")
    channels = np.moveaxis(maps, -1, 0)[: as_size(count, "count")]
    fig, axes = _grid(channels, columns, 0.3)
    for index, (ax, channel) in enumerate(zip(axes, channels)):
        scale = channels if shared else channel
        _show(
            channel,
            ax,
            f"{index}" if channel.any() else f"{index}: silent",
            cmap="gray",
            vmin=scale.min(),
            vmax=scale.max(),
        )
    return fig, axes


def displacement_grid(field, ax=None, image=None, step=32, arrows=0, title=None):
    """Draw a displacement field as the warped grid: where the lines of a straight grid in the output are fetched from.

    Parameters
    ----------
    field : (2, H, W) float array
        Displacement in pixels, rows first: output[x] = input[x + d(x)].
    ax, title
        As in `show_image`.
    image : (H, W) float array, optional
        The input, shown below the grid.
    step : int
        Distance of the lines in pixels. The last row and column are always drawn.
    arrows : float
        Above 0: draw, instead of lines, an arrow along d(x) at each node, that many times as long as d(x).

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        `field` is not a finite (2, H, W) float array, or `image` has another height or width.

    References
    ----------
    Ronneberger et al. 2015, section 3.1.
    """
    field = as_image(field, "field")
    if field.ndim != 3 or len(field) != 2:
        raise ValueError(f"field of shape {field.shape}: must be (2, H, W), row displacements first")
    height, width = field.shape[1:]
    grey = np.ones((height, width), np.float32) if image is None else as_picture(image)
    same_shape(grey, field[0], ("image", "field"))
    step, arrows = as_size(step, "step"), as_positive(arrows, "arrows")
    ax = _show(grey, ax, title, cmap="gray", vmin=0, vmax=1)
    rows, columns = (np.unique([*range(0, side, step), side - 1]) for side in (height, width))
    y, x = np.mgrid[:height, :width] + field
    if arrows:
        nodes = np.ix_(rows, columns)
        ax.quiver(
            *np.meshgrid(columns, rows),
            field[1][nodes],
            field[0][nodes],
            color=COLOURS["accent"],
            angles="xy",
            scale_units="xy",
            scale=1 / arrows,
            width=0.006,
        )
    else:
        for lines_x, lines_y in ((x[rows], y[rows]), (x.T[columns], y.T[columns])):
            ax.plot(lines_x.T, lines_y.T, color=COLOURS["accent"], linewidth=1.5)
    ax.set(xlim=(min(x.min(), 0) - 1, max(x.max(), width) + 1), ylim=(max(y.max(), height) + 1, min(y.min(), 0) - 1))
    return ax


def _show(picture, ax=None, title=None, **options):
    if ax is None:
        height, width = picture.shape[:2]
        ax = plt.subplots(figsize=(PANEL, PANEL * height / width), layout="constrained")[1]
    ax.imshow(picture, **options)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set(visible=True, color=COLOURS["copy"], linewidth=0.6)
    if title is not None:
        ax.set_title(title)
    return ax


def _with_bar(ax):
    shown = ax.images[-1]
    low, high = shown.get_clim()
    bar = ax.figure.colorbar(
        shown,
        cax=ax.inset_axes((0, -0.1, 1, 0.05)),
        orientation="horizontal",
        ticks=(low, (low + high) / 2, high),
        format="{x:.3g}",
    )
    bar.outline.set_visible(False)
    return ax


def _grid(pictures, columns, room):
    """A figure with an Axes for each picture; `room` in inches is kept free for text at each row."""
    count = len(pictures)
    if not count:
        raise ValueError("images: none given; give at least one")
    if np.ndim(pictures[0]) < 2 or np.size(pictures[0]) == 0:
        raise ValueError(f"image of shape {np.shape(pictures[0])}: must be (H, W) or (H, W, C)")
    columns = min(as_size(columns, "columns"), count)
    rows = math.ceil(count / columns)
    height, width = np.shape(pictures[0])[:2]
    panel = min(WIDTH / columns, PANEL)
    fig, axes = plt.subplots(
        rows,
        columns,
        squeeze=False,
        layout="compressed",
        figsize=(panel * columns, rows * (panel * height / width + room)),
    )
    for ax in axes.flat[count:]:
        ax.remove()
    return fig, list(axes.flat[:count])
