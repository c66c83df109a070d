"""The U drawn from a live model."""

import math
from collections import Counter
from typing import NamedTuple, cast

import matplotlib.pyplot as plt
from matplotlib.patches import FancyArrow, Rectangle
from matplotlib.patheffects import withStroke

from ..model import keras
from ._layout import BAND, EDGE, FONT, PAD, Arrow, Box, lay_out, trace
from ._style import COLOURS, WIDTH, tint

LINE = 0.2  # height of a line of text, in inches of the drawing
SHAFT = {"pool": 0.08, "up": 0.08, "copy": 0.06}  # widths of the arrows' shafts and heads
HEAD = {"pool": 0.2, "up": 0.2, "copy": 0.18}
QUIET, GROUND = "#5B616C", "#F3F4F7"  # secondary text; behind a level


class Drawing(NamedTuple):
    """What `draw_unet` drew: boxes and arrows in the order the data flows, and the texts of the key."""

    fig: plt.Figure
    ax: plt.Axes
    boxes: list[Box]
    arrows: list[Arrow]
    key: list[str]

    def __repr__(self):
        return f"<Drawing of {len(self.boxes)} maps and {len(self.arrows)} operations>"


def draw_unet(model: keras.Model, ax: plt.Axes | None = None, numbers: bool = True, key: bool = True) -> Drawing:
    """Draw the U of any model that `build_unet` makes.

    The maps are seen edge on: as wide as their side, to scale, and the thicker the more channels they have. The
    contracting path runs down on the left, the expanding path up on the right. A dashed frame in a skip connection's
    map shows what the crop keeps; a hatched map has passed drop-out.

    Parameters
    ----------
    model : keras.Model
        From `build_unet` or `resize_unet`. An open side (None) is printed as "?".
    ax : matplotlib Axes, optional
        The drawing is scaled to it. Without it, a figure of its own is made.
    numbers : bool
        Print side and channels at each map, the pixels that each crop takes off a side, and the levels.
    key : bool
        Explain the arrows below the drawing, with the number of layers of each kind.

    Returns
    -------
    Drawing
        fig, ax, boxes (a `Box` for each map), arrows (an `Arrow` for each layer that changes a map), key (its texts).

    Raises
    ------
    ValueError
        `model` is not one that `build_unet` makes.

    References
    ----------
    Ronneberger et al. 2015, section 2 and figure 1.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from unet_tutorial.model import build_unet
    >>> drawing = draw_unet(build_unet((20, 20, 1), base_filters=2, depth=1))
    >>> [box.text for box in drawing.boxes][:4], drawing.key[2]
    (['20² × 1', '18² × 2', '16² × 2', '8² × 2'], '2×2 up-convolution (1)')
    >>> plt.close(drawing.fig)
    """
    if not isinstance(model, keras.Model):
        raise ValueError(f"model of type {type(model).__name__}: must be a Keras model that build_unet makes")
    boxes, arrows = trace(model)
    width, height = lay_out(boxes)
    entries = _key_entries(boxes, arrows) if key else []
    notes = _notes(boxes, arrows, model) if key else []
    foot = LINE * (1 + 1.5 * math.ceil(len(entries) / 2) + 1.25 * len(notes)) if key else 0.0
    if ax is None:
        ax = plt.figure(figsize=(WIDTH, WIDTH * (height + foot) / width), layout="none").add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, width), ylim=(-height - foot, 0), aspect="equal")
    ax.axis("off")
    pen = _Pen(ax, width, 0.25 if numbers else 0.6)
    if numbers:
        _paint_levels(pen, boxes, width)
    for box in boxes:
        _paint_box(pen, box)
    for arrow in arrows:
        pen.arrow(arrow.kind, *arrow.ends)
    if numbers:
        _print_numbers(pen, boxes, arrows)
    _paint_key(pen, entries, notes, width, height)
    return Drawing(cast(plt.Figure, ax.figure), ax, boxes, arrows, [text for _, text in entries] + notes)


class _Pen:
    """Draws in inches of the drawing; letters and lines shrink and grow with it."""

    def __init__(self, ax, width, strength):
        ax.figure.draw_without_rendering()
        self.ax, self.strength = ax, strength
        self.scale = ax.get_window_extent().width / ax.figure.dpi / width

    def text(self, x, y, text, ha="left", **options):
        self.ax.text(
            x,
            y,
            text,
            ha=ha,
            va="center",
            fontsize=FONT * self.scale,
            fontfamily="DejaVu Sans",
            **{"color": COLOURS["ink"], **options},
        )

    def box(self, x, y, width, height, line=0.8, **options):
        self.ax.add_patch(
            Rectangle((x - width / 2, y - height / 2), width, height, linewidth=line * self.scale, **options)
        )

    def arrow(self, kind, start, end):
        self.ax.add_patch(
            FancyArrow(
                *start,
                end[0] - start[0],
                end[1] - start[1],
                width=SHAFT.get(kind, 0.04),
                head_width=HEAD.get(kind, 0.14),
                head_length=0.1,
                length_includes_head=True,
                facecolor=COLOURS[kind],
                linewidth=0,
            )
        )

    def face(self, kind):
        return COLOURS["paper"] if kind == "input" else tint(COLOURS[kind], self.strength)


def _paint_levels(pen, boxes, width):
    for level in sorted({box.level for box in boxes}):
        row = [box for box in boxes if box.level == level]
        top = max(box.y + box.height / 2 for box in row) + BAND
        bottom = min(box.y - box.height / 2 for box in row) - BAND
        pen.box(width / 2, (top + bottom) / 2, width, top - bottom, line=0, facecolor=GROUND)
        if any(box.arm == "middle" for box in row):
            x, y = (width / 2 + row[0].x) / 2, row[0].y + LINE / 2
        else:
            x, y = width / 2, sum(box.y for box in row) / len(row)
        pen.text(x, y, f"level {level}", ha="center", color=QUIET)


def _paint_box(pen, box):
    y = box.y - box.height / 2
    for kind, channels in zip((box.kind, "copy"), box.parts):
        height = box.height * channels / sum(box.parts)
        pen.box(box.x, y + height / 2, box.width, height, line=0, facecolor=pen.face(kind))
        y += height
    if box.kept_width:
        pen.box(
            box.x,
            box.y,
            box.kept_width,
            box.height,
            line=1.2,
            facecolor=pen.face("copy"),
            edgecolor=COLOURS["copy"],
            linestyle="--",
        )
    pen.box(
        box.x,
        box.y,
        box.width,
        box.height,
        facecolor="none",
        hatch="...." if box.drop_out else None,
        edgecolor=COLOURS["ink" if box.kind == "input" else box.kind],
    )


def _print_numbers(pen, boxes, arrows):
    for box in boxes:
        side = -1 if box.arm == "left" else 1
        beside = box.x + side * (box.width / 2 + PAD)
        if box.roomy:
            halo = withStroke(linewidth=2 * pen.scale, foreground=pen.face("copy" if box.kept_width else box.kind))
            pen.text(box.x, box.y - 0.01, box.text, ha="center", path_effects=[halo])
        else:
            lift = LINE / 2 if box.arm == "middle" else -0.01
            pen.text(beside, box.y + lift, box.text, ha="right" if side < 0 else "left")
        if box.kind in ("input", "output"):
            pen.text(2 * box.x - beside, box.y - 0.01, box.kind, ha="left" if side < 0 else "right")
    for arrow in arrows:
        (x, y), (x_end, _) = arrow.ends
        pen.text((x + x_end) / 2, y - 0.13, arrow.text, ha="center")


def _key_entries(boxes, arrows):
    """Kind and text of each line of the key, with the number of layers of that kind."""
    names = {
        "conv": "convolution",
        "pool": "max-pooling",
        "up": "up-convolution",
        "output": "convolution",
        "copy": "copy and crop" if any(box.kept for box in boxes) else "copy",
    }
    entries = []
    for kind, count in Counter(arrow.kind for arrow in arrows).items():
        layer = next(arrow.layer for arrow in arrows if arrow.kind == kind)
        size = getattr(layer, "kernel_size", getattr(layer, "pool_size", ()))
        activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
        text = "×".join(map(str, size)) + " " + names[kind]
        if activation != "linear":
            text += " + " + activation.replace("relu", "ReLU")
        entries.append((kind, f"{text.strip()} ({count})"))
    rates = [box.drop_out for box in boxes if box.drop_out]
    return entries + [("drop-out", f"drop-out {rates[0]:g} ({len(rates)})")] if rates else entries


def _notes(boxes, arrows, model):
    """How to read the numbers, and what the layers add up to."""
    height, width, channels = boxes[0].shape
    if height and width:
        reading = f"{height} × {width} pixels, {channels} channel{'s' if channels > 1 else ''}"
    else:
        reading = "height × width × channels, ? is a side left open"
    crops = [f"{arrow.text}: {arrow.text[5:]} pixels off each side" for arrow in arrows if arrow.text]
    convolutions = sum(arrow.kind in ("conv", "up", "output") for arrow in arrows)
    return [
        f"{boxes[0].text}: {reading}",
        *crops[-1:],
        f"{convolutions} convolutional layers, {model.count_params():,} parameters",
    ]


def _paint_key(pen, entries, notes, width, height):
    rows = math.ceil(len(entries) / 2)
    for index, (kind, text) in enumerate(entries):
        column, row = divmod(index, rows)
        x, y = EDGE + 0.2 + column * width / 2, -height - LINE * (1.5 * row + 1)
        if kind == "drop-out":
            pen.box(x, y, 0.3, 0.18, facecolor="none", edgecolor=COLOURS["ink"], hatch="....")
        else:
            dx, dy = {"copy": (0.15, 0), "conv": (0, -0.12), "pool": (0, -0.12)}.get(kind, (0, 0.12))
            pen.arrow(kind, (x - dx, y - dy), (x + dx, y + dy))
        pen.text(x + 0.28, y - 0.01, text)
    for index, text in enumerate(notes):
        pen.text(EDGE, -height - LINE * (1.5 * rows + 1.25 * index + 1), text, color=QUIET)
