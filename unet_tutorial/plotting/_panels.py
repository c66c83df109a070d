"""The figures of the book. Functions that fill one Axes return it; those that fill several return (fig, axes)."""

import math
from collections.abc import Iterable, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Patch
from numpy.typing import ArrayLike

from .._shared.checks import UNLABELLED, as_image, as_label, as_positive, as_size, same_shape, within_one
from ._paint import as_picture, blend, mark_errors, paint_cells, paint_classes
from ._style import CLASSES, COLOURS, PANEL, UNSAID, WIDTH


def show_image(image: ArrayLike, ax: plt.Axes | None = None, title: str | None = None) -> plt.Axes:
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

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> ax = show_image([[0.0, 0.5], [0.5, 1.0]], title="two by two")
    >>> ax.get_title(), ax.images[0].get_cmap().name, len(ax.get_xticks())
    ('two by two', 'gray', 0)
    >>> plt.close(ax.figure)
    """
    if np.shape(image)[2:] == (3,):
        return _show(within_one(as_image(image), "image"), ax, title)
    return _show(as_picture(image), ax, title, cmap="gray", vmin=0, vmax=1)


def show_label(label: ArrayLike, ax: plt.Axes | None = None, title: str | None = None) -> plt.Axes:
    """Show an (H, W) label of 0 (membrane or background: black) and 1 (cell: white).

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> ax = show_label([[1, 1], [1, 1]])  # no membrane: white all over
    >>> ax.images[0].get_clim()
    (0.0, 1.0)
    >>> plt.close(ax.figure)
    """
    return _show(as_label(label), ax, title, cmap="gray", vmin=0, vmax=1)


def show_cells(cells: ArrayLike, ax: plt.Axes | None = None, title: str | None = None) -> plt.Axes:
    """Show (H, W) instance ids, each in a colour of its own: see `paint_cells`.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from scipy import ndimage
    >>> cells, count = ndimage.label([[1, 0, 1], [1, 0, 1]])
    >>> ax = show_cells(cells, title=f"{count} cells")
    >>> ax.get_title(), ax.images[0].get_array().shape
    ('2 cells', (2, 3, 3))
    >>> plt.close(ax.figure)
    """
    return _show(paint_cells(cells), ax, title)


def show_classes(
    classes: ArrayLike,
    ax: plt.Axes | None = None,
    title: str | None = None,
    names: Sequence[str] | None = None,
    image: ArrayLike | None = None,
) -> plt.Axes:
    """Show (H, W) classes, each in its colour, and name those that are there below: see `paint_classes`.

    Parameters
    ----------
    classes : (H, W) int array
        0 to 7, or -1 where nothing is labelled.
    ax, title
        As in `show_image`.
    names : sequence of str, optional
        Of class 0, 1, 2, ...; their numbers unless given.
    image : (H, W) or (H, W, 3) float array, optional
        Shown below the classes, which then only tint it, class 0 not at all: see `blend`.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        As `paint_classes` and `blend`; or a class has no name.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> ax = show_classes([[0, 2, -1]], names=["membrane", "cell", "mitochondrion"])
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['membrane', 'mitochondrion', 'not labelled']
    >>> plt.close(ax.figure)
    """
    picture = paint_classes(classes) if image is None else blend(image, classes=classes)
    there = np.unique(classes).tolist()
    names = [f"class {number}" for number in range(len(CLASSES))] if names is None else names
    if there[-1] >= len(names):
        raise ValueError(f"{len(names)} names for the class {there[-1]}: give one for each class from 0")
    named = [(CLASSES[number], names[number]) for number in there if number >= (image is not None)]
    if image is None and there[0] == UNLABELLED:
        named.append((UNSAID, "not labelled"))
    ax = _show(picture, ax, title)
    marks = [Patch(facecolor=colour, edgecolor=COLOURS["copy"], label=name) for colour, name in named]
    ax.legend(handles=marks, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=2, handlelength=1, frameon=False)
    return ax


def show_probability(probability: ArrayLike, ax: plt.Axes | None = None, title: str | None = None) -> plt.Axes:
    """Show an (H, W) float map of probabilities in 0..1 with its colour bar.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> ax = show_probability([[0.2, 0.4], [0.3, 0.4]])  # the bar goes from 0 to 1 all the same
    >>> ax.images[0].colorbar.get_ticks().tolist()
    [0.0, 0.5, 1.0]
    >>> plt.close(ax.figure)
    """
    ax = _show(as_picture(probability, "probability"), ax, title, cmap="cividis", vmin=0, vmax=1)
    return _with_bar(ax)


def weights_map(
    weights: ArrayLike, ax: plt.Axes | None = None, title: str | None = None, top: float | None = None
) -> plt.Axes:
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

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> ax = weights_map([[1.0, 2.0]], top=11)  # dark, as it would be beside a map that reaches 11
    >>> ax.images[0].get_clim()
    (0.0, 11.0)
    >>> plt.close(ax.figure)
    """
    weights = as_image(weights, "weights", grey=True)
    if weights.min() < 0:
        raise ValueError(f"weights: hold the negative value {weights.min():g}; must be 0 or more")
    top = as_positive(top, "top", zero=False) if top is not None else float(weights.max()) or 1.0
    return _with_bar(_show(weights, ax, title, cmap="inferno", vmin=0, vmax=top))


def overlay(
    image: ArrayLike,
    label: ArrayLike | None = None,
    cells: ArrayLike | None = None,
    probability: ArrayLike | None = None,
    ax: plt.Axes | None = None,
    title: str | None = None,
    strength: float = 0.35,
    classes: ArrayLike | None = None,
) -> plt.Axes:
    """Show a label, instance ids, probabilities or classes over an image: see `blend`.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> fig, axes = plt.subplots(1, 2)
    >>> ax = overlay([[0.2, 0.8]], label=[[0, 1]], ax=axes[1], title="truth")
    >>> ax is axes[1], ax.get_title(), len(axes[0].images)
    (True, 'truth', 0)
    >>> plt.close(fig)
    """
    return _show(blend(image, label, cells, probability, strength, classes), ax, title)


def confusion_overlay(
    split_mask: ArrayLike,
    merge_mask: ArrayLike,
    image: ArrayLike,
    ax: plt.Axes | None = None,
    title: str | None = None,
    grow: int = 2,
) -> plt.Axes:
    """Show splits and merges over the paled image, named below it with their pixels counted: see `mark_errors`.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> ax = confusion_overlay([[1, 0], [1, 0]], [[0, 0], [0, 1]], image=[[0.5, 0.5], [0.5, 0.5]])
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['split: 2 px', 'merge: 1 px']
    >>> plt.close(ax.figure)
    """
    ax = _show(mark_errors(split_mask, merge_mask, image, grow), ax, title)
    marks = [
        Patch(color=COLOURS[name], label=f"{name}: {np.count_nonzero(mask)} px")
        for name, mask in (("split", split_mask), ("merge", merge_mask))
    ]
    ax.legend(handles=marks, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=2, handlelength=1, frameon=False)
    return ax


def show_row(
    images: Iterable[ArrayLike],
    titles: Iterable[str | None] | None = None,
    kinds: str | Iterable[str] = "image",
    columns: int = 4,
) -> tuple[plt.Figure, list[plt.Axes]]:
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

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> image, label = [[0.1, 0.9]], [[0, 1]]
    >>> fig, axes = show_row([image, label], ["image", "label"], kinds=["image", "label"])
    >>> [ax.get_title() for ax in axes]
    ['image', 'label']
    >>> plt.close(fig)
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


def feature_maps(
    maps: ArrayLike, count: int = 16, columns: int = 4, shared: bool = False
) -> tuple[plt.Figure, list[plt.Axes]]:
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

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> maps = np.zeros((8, 8, 64))
    >>> maps[..., 1] = 0.5
    >>> fig, axes = feature_maps(maps, count=3)
    >>> [ax.get_title() for ax in axes]
    ['0: silent', '1', '2: silent']
    >>> plt.close(fig)
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


def displacement_grid(
    field: ArrayLike,
    ax: plt.Axes | None = None,
    image: ArrayLike | None = None,
    step: int = 32,
    arrows: float = 0,
    title: str | None = None,
) -> plt.Axes:
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

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> field = np.stack([np.zeros((5, 5)), np.ones((5, 5))])  # every pixel is fetched from its right neighbour
    >>> ax = displacement_grid(field, step=2)
    >>> len(ax.lines), ax.lines[0].get_xdata().tolist()  # three rows and three columns; the first row
    (6, [1.0, 2.0, 3.0, 4.0, 5.0])
    >>> plt.close(ax.figure)
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
