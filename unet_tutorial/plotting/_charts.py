"""Curves and rows of dots that name themselves: no legend to look up, and readable in grey."""

import itertools
from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike
from scipy.optimize import isotonic_regression

from .._shared.checks import as_size
from ._style import COLOURS, WIDTH


def curves(
    histories: Mapping[str, ArrayLike | tuple[ArrayLike, ArrayLike]],
    ax: plt.Axes | None = None,
    xlabel: str = "step",
    ylabel: str = "loss",
    log: bool = False,
    smooth: int = 1,
) -> plt.Axes:
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

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> ax = curves({"training": [0.7, 0.5, 0.4, 0.3], "validation": ([2, 4], [0.6, 0.5])})  # looked at each 2 steps
    >>> [line.get_xdata().tolist() for line in ax.lines], [text.get_text() for text in ax.texts]
    ([[1, 2, 3, 4], [2, 4]], ['training', 'validation'])
    >>> plt.close(ax.figure)
    """
    if not histories:
        raise ValueError("histories: empty; give at least one curve as name: values")
    smooth = as_size(smooth, "smooth")
    ax = ax or plt.subplots()[1]
    looks = zip(
        itertools.cycle([COLOURS[name] for name in ("conv", "pool", "up", "output", "accent")]),
        itertools.cycle(["-", "--", "-.", ":"]),
    )
    ends = []
    for (name, values), (colour, dashes) in zip(histories.items(), looks):
        steps, values = _curve(name, values, smooth, log)
        ax.plot(steps, values, color=colour, linestyle=dashes)
        last = np.flatnonzero(np.isfinite(values))[-1]
        ends.append((name, steps[last], values[last], tuple(0.7 * part for part in to_rgb(colour))))
    ax.set(xlabel=xlabel, ylabel=ylabel, yscale="log" if log else "linear")
    ax.margins(x=0.01)
    _name_ends(ax, ends)
    return ax


def dots(
    groups: Mapping[str, ArrayLike], ax: plt.Axes | None = None, xlabel: str = "score", digits: int = 3
) -> plt.Axes:
    """Draw groups of repeated measurements, a row each: every value a dot, their mean a bar with its number.

    Parameters
    ----------
    groups : dict of str to sequence of float
        Name of a row to its values, one a seed; the first row is on top.
    ax : matplotlib Axes, optional
    xlabel : str
    digits : int
        Decimals of the printed means.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        No group, or a group that is empty or holds anything but finite numbers.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> ax = dots({"with skips": [0.75, 0.875, 1.0], "without": [0.5, 0.75]})
    >>> [text.get_text() for text in ax.texts]
    ['0.875', '0.625', 'mean']
    >>> plt.close(ax.figure)
    """
    if not groups:
        raise ValueError("groups: empty; give at least one row as name: values")
    ax = ax or plt.subplots(figsize=(WIDTH, 0.9 + 0.36 * len(groups)))[1]
    for row, (name, values) in enumerate(groups.items()):
        values = np.asarray(values)
        if values.ndim != 1 or not values.size or values.dtype.kind not in "iuf" or not np.isfinite(values).all():
            raise ValueError(f"group {name!r} of {values.tolist()!r}: must be a list of at least one finite number")
        ax.plot([values.min(), values.max()], [row, row], color=COLOURS["copy"], linewidth=1, zorder=1)
        ax.plot(values, np.full(len(values), row), "o", color=COLOURS["conv"], markersize=6.5, alpha=0.75, zorder=2)
        ax.plot([values.mean()] * 2, [row - 0.32, row + 0.32], color=COLOURS["ink"], zorder=3)
        ax.annotate(f"{values.mean():.{digits}f}", (1.02, row), xycoords=("axes fraction", "data"), va="center")
    ax.set(xlabel=xlabel, yticks=range(len(groups)), yticklabels=list(groups), ylim=(len(groups) - 0.5, -0.6))
    ax.annotate("mean", (1.02, 1), xycoords="axes fraction", va="bottom", color=COLOURS["copy"])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.margins(x=0.06)
    return ax


def differences(
    rows: Mapping[str, tuple[Mapping[int, float], tuple[float, float], float]],
    ax: plt.Axes | None = None,
    xlabel: str = "difference",
) -> plt.Axes:
    """Draw paired differences, a row a claim: every pair, their mean, its interval, and the smallest effect as a band.

    Parameters
    ----------
    rows : dict of str to (differences, interval, smallest)
        `differences` maps the seed of a pair to its difference: even seeds are drawn as circles, odd ones as squares.
        `interval` is (low, high) of their mean. The band reaches from -`smallest` to `smallest`.
    ax : matplotlib Axes, optional
    xlabel : str

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        No row, a row without pairs or with anything but finite numbers, or a smallest effect that is not above 0.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> ax = differences({"elastic": ({0: 0.25, 1: 0.5}, (-1.25, 2.0), 0.125)})
    >>> [text.get_text() for text in ax.texts]
    ['+0.375', 'mean']
    >>> plt.close(ax.figure)
    """
    if not rows:
        raise ValueError("rows: empty; give at least one as name: (differences, interval, smallest)")
    ax = ax or plt.subplots(figsize=(WIDTH, 0.9 + 0.55 * len(rows)))[1]
    for row, (name, (pairs, interval, smallest)) in enumerate(rows.items()):
        values = np.array(list(pairs.values()), float)
        if not values.size or not np.isfinite([*values, *interval]).all() or not smallest > 0:
            raise ValueError(
                f"row {name!r} of {values.tolist()}, interval {interval}, smallest effect {smallest}: must be at "
                "least one pair of finite numbers, and an effect above 0"
            )
        odd = np.array([seed % 2 == 1 for seed in pairs])
        ax.fill_between([-smallest, smallest], row - 0.42, row + 0.42, color=COLOURS["copy"], alpha=0.25, linewidth=0)
        for chosen, marker in ((~odd, "o"), (odd, "s")):
            places = values[chosen], np.full(chosen.sum(), row - 0.16)
            ax.plot(*places, marker, color=COLOURS["conv"], markersize=6, alpha=0.75)
        ax.plot(interval, [row + 0.2, row + 0.2], "|-", color=COLOURS["ink"], markersize=9)
        ax.plot(values.mean(), row + 0.2, "D", color=COLOURS["ink"], markersize=6)
        ax.annotate(f"{values.mean():+.3f}", (1.02, row), xycoords=("axes fraction", "data"), va="center")
    ax.axvline(0, color=COLOURS["ink"], linewidth=0.8, linestyle=":")
    ax.set(xlabel=xlabel, yticks=range(len(rows)), yticklabels=list(rows), ylim=(len(rows) - 0.5, -0.5))
    ax.annotate("mean", (1.02, 1), xycoords="axes fraction", va="bottom", color=COLOURS["copy"])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    return ax


def _curve(name, values, smooth, log):
    """Steps and smoothed values of one curve, checked."""
    steps, values = values if isinstance(values, tuple) else (None, values)
    values = np.asarray(values)
    steps = np.arange(1, values.size + 1) if steps is None else np.asarray(steps)
    if values.ndim != 1 or values.shape != steps.shape or len(values) < smooth:
        raise ValueError(
            f"curve {name!r} of {values.shape} values at {steps.shape} steps: must be two equally long "
            f"lists of at least {smooth}"
        )
    if not {steps.dtype.kind, values.dtype.kind} <= set("iuf"):
        raise ValueError(f"curve {name!r} of {values.dtype} at steps of {steps.dtype}: must be numbers")
    steps, values = steps[smooth - 1 :], sliding_window_view(values, smooth).mean(axis=-1)
    if not np.isfinite(values).any():
        raise ValueError(f"curve {name!r}: holds no finite value")
    if log and np.nanmin(values) <= 0:
        raise ValueError(f"curve {name!r}: holds {np.nanmin(values):g}, which a logarithmic axis cannot show")
    return steps, values


def _name_ends(ax, ends):
    """Write each curve's name where it ends; names right of the axes keep a line's distance from each other."""
    limits = ax.get_xlim(), ax.get_ylim()
    to_axes = ax.transData + ax.transAxes.inverted()
    places = np.array([to_axes.transform(end[1:3]) for end in ends])
    early = places[:, 0] < 0.95
    line = 1.25 * plt.rcParams["font.size"] / 72 / (ax.figure.get_figheight() * ax.get_position().height)
    late = np.flatnonzero(~early)[np.argsort(places[~early, 1], kind="stable")]
    places[late, 1] = _spread(places[late, 1], line)
    places[:, 0] = np.where(early, places[:, 0] + 0.01, 1.02)
    for place, (name, step, value, colour) in zip(places, ends):
        ax.annotate(
            name,
            (step, value),
            place,
            textcoords="axes fraction",
            va="center",
            color=colour,
            annotation_clip=False,
            arrowprops=dict(arrowstyle="-", color=colour, linewidth=0.8, shrinkA=0, shrinkB=0),
        )
    ax.set(xlim=limits[0], ylim=limits[1])


def _spread(heights, gap):
    """Ascending heights, moved as little as possible so that neighbours are at least `gap` apart."""
    room = gap * np.arange(len(heights))
    return isotonic_regression(heights - room).x + room
