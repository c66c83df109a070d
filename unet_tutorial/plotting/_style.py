"""One palette and one Matplotlib style for every figure of the book."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from .._shared.files import whole

# Colour-blind safe and graded in lightness: output, convolution, pooling, copy and up stay apart in grey.
COLOURS = {
    "conv": "#1E55A8",  # 3x3 convolution: blue
    "pool": "#C5332B",  # 2x2 max-pooling: red
    "up": "#2FA660",  # 2x2 up-convolution: green
    "copy": "#767B85",  # copy and crop: grey
    "output": "#00464C",  # 1x1 convolution: teal
    "accent": "#E69500",  # what the text points at: amber
    "cell": "#F7CF5A",  # pale yellow
    "membrane": "#2B2238",  # nearly black
    "split": "#2FB4E8",  # one cell cut in two: sky blue
    "merge": "#C2187A",  # two cells run together: magenta
    "ink": "#1C2230",  # text and thin lines
    "paper": "#FFFFFF",
}

# Of class 0, 1, 2, ...: dark and light by turns, so that neighbours stay apart in grey too.
CLASSES = tuple(COLOURS[name] for name in ("membrane", "cell", "merge", "split", "pool", "up", "conv", "accent"))
UNSAID = "#B9BCC2"  # of what is not labelled: pale grey, without a class

WIDTH = 6.5  # inches: the width of a figure, so that 10 points are still read when it is 360 px wide
PANEL = 3.6  # inches: the widest picture in it

STYLE: dict[Any, Any] = {
    "figure.figsize": (WIDTH, 3.6),
    "figure.dpi": 120,
    "figure.facecolor": COLOURS["paper"],
    "figure.constrained_layout.use": True,
    "savefig.dpi": 120,
    "savefig.facecolor": COLOURS["paper"],
    "svg.hashsalt": "unet-tutorial",
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.labelsize": 11,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "legend.fontsize": 10,
    "legend.frameon": False,
    "text.color": COLOURS["ink"],
    "axes.edgecolor": COLOURS["ink"],
    "axes.labelcolor": COLOURS["ink"],
    "xtick.color": COLOURS["ink"],
    "ytick.color": COLOURS["ink"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": mpl.cycler(color=[COLOURS[name] for name in ("conv", "pool", "up", "copy", "output")]),
    "lines.linewidth": 2.0,
    "image.cmap": "gray",
}


def use_style() -> None:
    """Give every figure drawn from now on the look of the book: sizes, colours, no top and right spine.

    The same call draws the same bytes: fonts come with Matplotlib, and the ids in SVG files are fixed.

    Examples
    --------
    >>> import matplotlib as mpl
    >>> with mpl.rc_context():  # for this block alone
    ...     use_style()
    ...     mpl.rcParams["axes.spines.top"], mpl.rcParams["lines.linewidth"]
    (False, 2.0)
    """
    mpl.rcParams.update(STYLE)


def tint(colour, strength):
    """Mix a colour with white: `strength` 1 leaves it, 0 gives white. Returns a hexadecimal colour."""
    return to_hex(strength * np.array(to_rgb(colour)) + 1 - strength)


def save_figure(fig: Figure, path: str | Path) -> None:
    """Write a figure as PNG in its own size, without the metadata that change with Matplotlib's version.

    Examples
    --------
    >>> import tempfile
    >>> import matplotlib.pyplot as plt
    >>> fig = plt.figure(figsize=(2, 1), dpi=100)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_figure(fig, f"{folder}/empty.png")
    ...     plt.imread(f"{folder}/empty.png").shape[:2]
    (100, 200)
    >>> plt.close(fig)
    """
    with whole(path, "wb") as file:
        fig.savefig(file, format="png", dpi=fig.dpi, bbox_inches=None, metadata={"Software": None})
