"""The figures of the book. Functions that fill one Axes return it; those that fill several return (fig, axes)."""

import itertools
import math

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Patch

from .checks import as_image, as_label, as_positive, as_size, same_shape
from .drawing import draw_unet
from .overlays import as_grey, blend, mark_errors, paint_cells, within_one
from .style import COLOURS, WIDTH, save_figure, use_style

__all__ = ["COLOURS", "blend", "confusion_overlay", "cover", "curves", "displacement_grid", "draw_unet", "feature_maps",
           "mark_errors", "overlay", "paint_cells", "save_figure", "show_cells", "show_image", "show_label",
           "show_probability", "show_row", "use_style", "weights_map"]


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
    return _show(as_grey(image), ax, title, cmap="gray", vmin=0, vmax=1)


def show_label(label, ax=None, title=None):
    """Show an (H, W) label of 0 (membrane or background: black) and 1 (cell: white)."""
    return _show(as_label(label), ax, title, cmap="gray", vmin=0, vmax=1)


def show_cells(cells, ax=None, title=None):
    """Show (H, W) instance ids, each in a colour of its own: see `paint_cells`."""
    return _show(paint_cells(cells), ax, title)


def show_probability(probability, ax=None, title=None):
    """Show an (H, W) float map of probabilities in 0..1 with its colour bar."""
    ax = _show(as_grey(probability, "probability"), ax, title, cmap="cividis", vmin=0, vmax=1)
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


def overlay(image, label=None, cells=None, probability=None, ax=None, title=None, strength=0.45):
    """Show a label, instance ids or probabilities over a grey image: see `blend`."""
    return _show(blend(image, label, cells, probability, strength), ax, title)


def confusion_overlay(split_mask, merge_mask, image, ax=None, title=None, grow=1):
    """Show splits and merges over the paled image, named below it with their pixels counted: see `mark_errors`."""
    ax = _show(mark_errors(split_mask, merge_mask, image, grow), ax, title)
    marks = [Patch(color=COLOURS[name], label=f"{name}: {np.count_nonzero(mask)} px")
             for name, mask in (("split", split_mask), ("merge", merge_mask))]
    ax.legend(handles=marks, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=2, handlelength=1, frameon=False)
    return ax


def show_row(images, titles=None, kinds="image", columns=4):
    """Lay several pictures side by side, in rows of `columns`.

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
    shows = {"image": show_image, "label": show_label, "cells": show_cells, "probability": show_probability,
             "weights": weights_map}
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
    channels = np.moveaxis(maps, -1, 0)[:as_size(count, "count")]
    fig, axes = _grid(channels, columns, 0.3)
    for index, (ax, channel) in enumerate(zip(axes, channels)):
        scale = channels if shared else channel
        _show(channel, ax, f"{index}" if channel.any() else f"{index}: silent", cmap="gray", vmin=scale.min(),
              vmax=scale.max())
    return fig, axes


def displacement_grid(field, ax=None, image=None, step=32, arrows=False, title=None):
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
    arrows : bool
        Draw, instead of lines, an arrow from x to x + d(x) at each node.

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
    grey = np.ones((height, width), np.float32) if image is None else as_grey(image)
    same_shape(grey, field[0], ("image", "field"))
    step = as_size(step, "step")
    ax = _show(grey, ax, title, cmap="gray", vmin=0, vmax=1)
    rows, columns = (np.unique([*range(0, side, step), side - 1]) for side in (height, width))
    y, x = np.mgrid[:height, :width] + field
    if arrows:
        nodes = np.ix_(rows, columns)
        ax.quiver(*np.meshgrid(columns, rows), field[1][nodes], field[0][nodes], color=COLOURS["accent"], angles="xy",
                  scale_units="xy", scale=1, width=0.008)
    else:
        for lines_x, lines_y in ((x[rows], y[rows]), (x.T[columns], y.T[columns])):
            ax.plot(lines_x.T, lines_y.T, color=COLOURS["accent"], linewidth=1.5)
    ax.set(xlim=(min(x.min(), 0) - 1, max(x.max(), width) + 1), ylim=(max(y.max(), height) + 1, min(y.min(), 0) - 1))
    return ax


def curves(histories, ax=None, xlabel="step", ylabel="loss", log=False, smooth=1):
    """Draw learning curves, each named at its end; colours and dashes differ, so that they read in grey too.

    Parameters
    ----------
    histories : dict of str to sequence
        Name to values, at the steps 1, 2, ..., or to a tuple (steps, values). The `history` of Keras fits.
    ax : matplotlib Axes, optional
    xlabel, ylabel : str
    log : bool
        Logarithmic vertical axis.
    smooth : int
        Average over that many values in a row, drawn at the last of them.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        No curve; a curve that is empty, shorter than `smooth`, not of numbers, or whose steps and values differ in
        number; or values of 0 and below with `log`.
    """
    if not histories:
        raise ValueError("histories: empty; give at least one curve as name: values")
    smooth = as_size(smooth, "smooth")
    ax = ax or plt.subplots()[1]
    looks = zip(itertools.cycle([COLOURS[name] for name in ("conv", "pool", "up", "output", "accent")]),
                itertools.cycle(["-", "--", "-.", ":"]))
    ends = []
    for (name, values), (colour, dashes) in zip(histories.items(), looks):
        steps, values = _curve(name, values, smooth, log)
        ax.plot(steps, values, color=colour, linestyle=dashes)
        ends.append((name, steps[-1], values[-1], colour))
    ax.set(xlabel=xlabel, ylabel=ylabel, yscale="log" if log else "linear")
    _name_ends(ax, ends)
    return ax


def cover(image, segmentation, model, title="U-Net", subtitle="", path=None):
    """Draw the card of the book: an image flows into the U of a live model, its segmentation flows out.

    Parameters
    ----------
    image : (H, W) float array
        Grey values in 0..1; the middle square is shown.
    segmentation : (H, W) array
        Floats are probabilities, integers a label of 0 and 1 or instance ids.
    model : keras.Model
        From `build_unet`.
    title, subtitle : str
    path : str or Path, optional
        Where to write it: a PNG of 1200 x 630 pixels, the same bytes for the same arguments.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        The shapes differ, or an argument breaks its rule.
    """
    grey = as_grey(image)
    segmentation = np.asarray(segmentation)
    if np.issubdtype(segmentation.dtype, np.floating):
        painted = as_grey(segmentation, "segmentation")
    else:
        painted = paint_cells(segmentation) if segmentation.max() > 1 else as_label(segmentation, "segmentation")
    same_shape(grey, painted, ("image", "segmentation"))
    side = min(grey.shape)
    middle = tuple(slice((length - side) // 2, (length + side) // 2) for length in grey.shape)
    fig = plt.figure(figsize=(10, 5.25), dpi=120, layout="none", facecolor=COLOURS["paper"])
    fig.text(0.035, 0.86, title, fontsize=34, fontweight="bold", color=COLOURS["ink"])
    fig.text(0.965, 0.86, subtitle, fontsize=15, ha="right", color=COLOURS["ink"])
    drawing = draw_unet(model, fig.add_axes((0.33, 0.03, 0.34, 0.79)), numbers=False, key=False)
    for left, picture in ((0.035, grey), (0.705, painted)):
        ax = _show(picture[middle], fig.add_axes((left, 0.27, 0.26, 0.26 * 10 / 5.25)), cmap="gray", vmin=0, vmax=1)
    if path is not None:
        save_figure(fig, path)
    return fig


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
    bar = ax.figure.colorbar(shown, cax=ax.inset_axes((0, -0.1, 1, 0.05)), orientation="horizontal",
                             ticks=(low, (low + high) / 2, high), format="{x:.3g}")
    bar.outline.set_visible(False)
    return ax


def _grid(pictures, columns, room):
    """A figure with an Axes for each picture; `room` in inches is kept free for text at each row."""
    count = len(pictures)
    if not count:
        raise ValueError("images: none given; give at least one")
    columns = min(as_size(columns, "columns"), count)
    rows = math.ceil(count / columns)
    height, width = np.shape(pictures[0])[:2]
    panel = min(WIDTH / columns, PANEL)
    fig, axes = plt.subplots(rows, columns, squeeze=False, layout="constrained",
                             figsize=(panel * columns, rows * (panel * height / width + room)))
    for ax in axes.flat[count:]:
        ax.remove()
    return fig, list(axes.flat[:count])


def _curve(name, values, smooth, log):
    """Steps and smoothed values of one curve, checked."""
    steps, values = values if isinstance(values, tuple) else (None, values)
    values = np.asarray(values)
    steps = np.arange(1, values.size + 1) if steps is None else np.asarray(steps)
    if values.ndim != 1 or values.shape != steps.shape or len(values) < smooth:
        raise ValueError(f"curve {name!r} of {values.shape} values at {steps.shape} steps: must be two equally long "
                         f"lists of at least {smooth}")
    if values.dtype.kind not in "iuf" or not np.isfinite(values).any():
        raise ValueError(f"curve {name!r}: holds no finite number")
    if log and np.nanmin(values) <= 0:
        raise ValueError(f"curve {name!r}: holds {np.nanmin(values):g}, which a logarithmic axis cannot show")
    return steps[smooth - 1:], np.lib.stride_tricks.sliding_window_view(values, smooth).mean(axis=-1)


def _name_ends(ax, ends):
    """Write each curve's name right of the axes, at the height of its end, and far enough from the others."""
    limits = ax.get_xlim(), ax.get_ylim()
    to_axes = ax.transData + ax.transAxes.inverted()
    line = 1.3 * plt.rcParams["font.size"] / 72 / (0.75 * ax.figure.get_figheight() * ax.get_position().height)
    heights = [to_axes.transform((step, value))[1] for _, step, value, _ in ends]
    order = np.argsort(heights, kind="stable")
    places = _spread(np.array(heights)[order], line)
    for index, place in zip(order, places):
        name, step, value, colour = ends[index]
        ax.annotate(name, (step, value), (1.02, place), textcoords="axes fraction", va="center",
                    color=tuple(0.7 * part for part in to_rgb(colour)), annotation_clip=False,
                    arrowprops=dict(arrowstyle="-", color=colour, linewidth=0.8, shrinkA=0, shrinkB=0))
    ax.set(xlim=limits[0], ylim=limits[1])


def _spread(heights, gap):
    """Ascending heights moved as little as possible so that neighbours are at least `gap` apart."""
