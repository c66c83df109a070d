"""Learning curves that name themselves: no legend to look up, and readable in grey."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb
from numpy.lib.stride_tricks import sliding_window_view
from scipy.optimize import isotonic_regression

from .checks import as_size
from .style import COLOURS


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
        last = np.flatnonzero(np.isfinite(values))[-1]
        ends.append((name, steps[last], values[last], tuple(0.7 * part for part in to_rgb(colour))))
    ax.set(xlabel=xlabel, ylabel=ylabel, yscale="log" if log else "linear")
    ax.margins(x=0.01)
    _name_ends(ax, ends)
    return ax


def _curve(name, values, smooth, log):
    """Steps and smoothed values of one curve, checked."""
    steps, values = values if isinstance(values, tuple) else (None, values)
    values = np.asarray(values)
    steps = np.arange(1, values.size + 1) if steps is None else np.asarray(steps)
    if values.ndim != 1 or values.shape != steps.shape or len(values) < smooth:
        raise ValueError(f"curve {name!r} of {values.shape} values at {steps.shape} steps: must be two equally long "
                         f"lists of at least {smooth}")
    if not {steps.dtype.kind, values.dtype.kind} <= set("iuf"):
        raise ValueError(f"curve {name!r} of {values.dtype} at steps of {steps.dtype}: must be numbers")
    steps, values = steps[smooth - 1:], sliding_window_view(values, smooth).mean(axis=-1)
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
        ax.annotate(name, (step, value), place, textcoords="axes fraction", va="center", color=colour,
                    annotation_clip=False, arrowprops=dict(arrowstyle="-", color=colour, linewidth=0.8, shrinkA=0,
                                                           shrinkB=0))
    ax.set(xlim=limits[0], ylim=limits[1])


def _spread(heights, gap):
    """Ascending heights, moved as little as possible so that neighbours are at least `gap` apart."""
    room = gap * np.arange(len(heights))
    return isotonic_regression(heights - room).x + room
