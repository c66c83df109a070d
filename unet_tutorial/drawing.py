"""The U drawn from a live model: every size, channel and arrow is read off the model's own tensors."""

import math
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

import matplotlib.pyplot as plt
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyArrow, Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.textpath import TextPath

from ._tensorflow import keras
from .model import CenterCrop, unet_depth
from .style import COLOURS, WIDTH, tint

layers = keras.layers

# Inches of the drawing, before it is scaled to its axes.
ARM, MIDDLE, EDGE = 2.36, 1.25, 0.14  # width of the widest map, room between the two arms, edge of the figure
THIN, THICK = 0.16, 0.25              # a box is THIN + THICK * sqrt(channels / most channels) thick
GAP, LEVEL_GAP, BAND = 0.15, 0.3, 0.09 # between two boxes, between two levels, from a level's boxes to its frame
LINE, PAD, FONT = 0.2, 0.06, 10       # height of a line of text, space before it; size of the letters in points
QUIET = "#5B616C"
SHAFT, HEAD = {"pool": 0.08, "up": 0.08, "copy": 0.06}, {"pool": 0.2, "up": 0.2, "copy": 0.18}


@dataclass(eq=False)
class Box:
    """One map. x and y are the centre in inches of the drawing; `kept` is the crop's (height, width), if any.

    `parts` holds the channels of each tensor that was concatenated, up-convolution first.
    """

    name: str
    kind: str
    level: int
    row: int
    arm: str
    shape: tuple
    parts: tuple
    kept: tuple | None = None
    drop_out: float = 0.0
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    height: float = 0.0
    kept_width: float = 0.0
    roomy: bool = False

    @property
    def text(self):
        """Side and channels as printed: "572² × 1", "572×380×1" if not square, "?" for an open side."""
        height, width, channels = ("?" if size is None else size for size in self.shape)
        return f"{height}² × {channels}" if height == width != "?" else f"{height}×{width}×{channels}"


@dataclass(eq=False)
class Arrow:
    """One operation between two boxes: its kind, the layer that does it, the text printed at it, and its ends."""

    kind: str
    layer: keras.layers.Layer
    source: Box
    target: Box
    text: str = ""
    start: tuple = ()
    end: tuple = ()


class Drawing(NamedTuple):
    """What `draw_unet` drew: boxes and arrows in the order the data flows, and the texts of the key."""

    fig: plt.Figure
    ax: plt.Axes
    boxes: list
    arrows: list
    key: list


def draw_unet(model, ax=None, numbers=True, key=True):
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
    """
    if not isinstance(model, keras.Model):
        raise ValueError(f"model of type {type(model).__name__}: must be a Keras model that build_unet makes")
    unet_depth(model)
    boxes, arrows = _trace(model)
    width, height = _lay_out(boxes)
    for arrow in arrows:
        arrow.start, arrow.end = _ends(arrow)
    entries = _entries(boxes, arrows) if key else []
    notes = _notes(boxes, arrows, model) if key else []
    foot = _foot(entries, notes) if key else 0.0
    if ax is None:
        ax = plt.figure(figsize=(WIDTH, WIDTH * (height + foot) / width), layout="none").add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, width), ylim=(-height - foot, 0), aspect="equal")
    ax.axis("off")
    pen = _Pen(ax, width, height + foot)
    _paint_levels(pen, boxes, width, numbers)
    for box in boxes:
        _paint_box(pen, box, numbers)
    for arrow in arrows:
        _paint_arrow(pen, arrow, numbers)
    if key:
        _paint_key(pen, entries, notes, width, height)
    return Drawing(ax.figure, ax, boxes, arrows, [text for _, text in entries] + notes)


def _trace(model):
    """Boxes and arrows in the order the data flows: followed back from the output, tensor by tensor."""
    path, tensor = [], model.outputs[0]
    while not path or path[-1][1]:
        node = _node(tensor)
        path.append((node.operation, node.input_tensors, tuple(tensor.shape[1:])))
        tensor = node.input_tensors[0] if node.input_tensors else None
    boxes, arrows, made = [], [], {}
    level, row, arm, bottom = 1, -1, "left", unet_depth(model) + 1
    for layer, sources, shape in reversed(path):
        kind = _kind(layer)
        if kind == "drop-out":
            boxes[-1].drop_out = layer.rate
        elif kind == "copy":
            boxes[-1].shape = shape
            skip = _skip(sources[1], made)
            boxes[-1].parts += skip.shape[-1:]
            arrows.append(Arrow(kind, layer, skip, boxes[-1], _margin(skip)))
        else:
            level += {"pool": 1, "up": -1}.get(kind, 0)
            if level == bottom:
                row, arm = 0, "left" if kind == "pool" else "middle" if arm == "left" else "right"
            else:
                row = {"pool": 0, "up": 2}.get(kind, row + 1 if arm == "left" else row - 1)
            boxes.append(Box(layer.name, kind, level, row, arm, shape, shape[-1:]))
            if sources:
                arrows.append(Arrow(kind, layer, boxes[-2], boxes[-1]))
        made[layer.name] = boxes[-1]
    return boxes, arrows


def _node(tensor):
    operation, index, _ = tensor._keras_history
    return operation._inbound_nodes[index]


def _kind(layer):
    kinds = {layers.InputLayer: "input", layers.MaxPooling2D: "pool", layers.Conv2DTranspose: "up",
             layers.Concatenate: "copy", layers.Dropout: "drop-out"}
    return kinds.get(type(layer)) or ("output" if layer.name == "output" else "conv")


def _skip(tensor, made):
    """The box that a skip connection starts from; notes in it what the crop keeps."""
    node = _node(tensor)
    if not isinstance(node.operation, CenterCrop):
        return made[node.operation.name]
    skip = made[_node(node.input_tensors[0]).operation.name]
    skip.kept = tuple(tensor.shape[1:3])
    return skip


def _margin(skip):
    margins = {(side - kept) // 2 for side, kept in zip(skip.shape, skip.kept or ()) if None not in (side, kept)}
    return "crop " + " and ".join(map(str, sorted(margins))) if margins else ""


def _lay_out(boxes):
    """Give every box its place, and return width and height of the drawing."""
    most = max(box.shape[-1] for box in boxes)
    widest = max(_side(box.shape, box.level) for box in boxes)
    for box in boxes:
        box.width = ARM * _side(box.shape, box.level) / widest
        known = box.kept and any(box.kept)
        box.kept_width = ARM * _side(box.kept, box.level) / widest if known else 0.0
        box.height = THIN + THICK * math.sqrt(box.shape[-1] / most)
    for box in boxes:
        box.roomy = all(other.width > _text_width(other.text) + 0.06 for other in boxes
                        if (other.level, other.arm) == (box.level, box.arm))
    reach = max(box.width / 2 if box.roomy else box.width / 2 + PAD + _text_width(box.text)
                for box in boxes if box.arm != "middle")
    width = 2 * (EDGE + max(reach, ARM / 2)) + ARM + MIDDLE
    centres = {"left": EDGE + max(reach, ARM / 2), "middle": width / 2}
    centres["right"] = width - centres["left"]
    rows = sorted({(box.level, box.row) for box in boxes})
    y = BAND
    for before, place in zip([None, *rows], rows):
        row = [box for box in boxes if (box.level, box.row) == place]
        thickness = max(box.height for box in row)
        y += 0 if before is None else GAP if before[0] == place[0] else LEVEL_GAP
        for box in row:
            box.x, box.y = centres[box.arm], -(y + thickness / 2)
        y += thickness
    return width, y + BAND


def _side(shape, level):
    """The longer side; where both are open, a number that halves from level to level."""
    return max((side for side in shape[:2] if side is not None), default=2.0 ** -level)


def _text_width(text):
    return TextPath((0, 0), text, size=FONT, prop=FontProperties(family="DejaVu Sans")).get_extents().x1 / 72


def _ends(arrow):
    """Where an arrow starts and ends: level for a skip connection and at the bottom, upright elsewhere."""
    source, target = arrow.source, arrow.target
    if arrow.kind == "copy":
        y = target.y + target.height / 2 * (1 - target.parts[1] / sum(target.parts))
        return (source.x + source.width / 2, y), (target.x - target.width / 2, y)
    if source.x != target.x:
        return (source.x + source.width / 2, source.y), (target.x - target.width / 2, target.y)
    side = 1 if target.y > source.y else -1
    return (source.x, source.y + side * source.height / 2), (target.x, target.y - side * target.height / 2)


class _Pen:
    """Draws in inches of the drawing; letters and lines shrink and grow with it."""

    def __init__(self, ax, width, height):
        box = ax.get_position()
        fig_width, fig_height = ax.figure.get_size_inches()
        self.ax = ax
        self.scale = min(box.width * fig_width / width, box.height * fig_height / height)

    def text(self, x, y, text, ha="center", va="center", size=FONT, **options):
        self.ax.text(x, y, text, ha=ha, va=va, fontsize=size * self.scale, fontfamily="DejaVu Sans",
                     **{"color": COLOURS["ink"], **options})

    def box(self, x, y, width, height, line=0.8, **options):
        self.ax.add_patch(Rectangle((x - width / 2, y - height / 2), width, height, linewidth=line * self.scale,
                                    **options))

    def line(self, x, bottom, top):
        self.ax.plot([x, x], [bottom, top], color=COLOURS["copy"], linestyle="--", linewidth=1.2 * self.scale)

    def arrow(self, kind, start, end):
        self.ax.add_patch(FancyArrow(*start, end[0] - start[0], end[1] - start[1], width=SHAFT.get(kind, 0.04),
                                     head_width=HEAD.get(kind, 0.14), head_length=0.1, length_includes_head=True,
                                     facecolor=COLOURS[kind], linewidth=0))


def _paint_levels(pen, boxes, width, numbers):
    for level in sorted({box.level for box in boxes}):
        row = [box for box in boxes if box.level == level]
        top = max(box.y + box.height / 2 for box in row) + BAND
        bottom = min(box.y - box.height / 2 for box in row) - BAND
        pen.box(width / 2, (top + bottom) / 2, width, top - bottom, facecolor="#F3F4F7", edgecolor="none")
        if not numbers:
            continue
        middle = [box for box in row if box.arm == "middle"]
        if middle:
            pen.text((width / 2 + row[0].x) / 2, middle[0].y + LINE / 2, f"level {level}", color=QUIET)
        else:
            pen.text(width / 2, sum(box.y for box in row) / len(row), f"level {level}", color=QUIET)


def _paint_box(pen, box, numbers):
    faces = dict(zip((box.kind, "copy"), box.parts))
    y = box.y - box.height / 2
    for kind, channels in faces.items():
        height = box.height * channels / sum(box.parts)
        pen.box(box.x, y + height / 2, box.width, height, line=0, facecolor=_face(kind))
        y += height
    if box.kept_width:
        pen.box(box.x, box.y, box.kept_width, box.height, line=0, facecolor=_face("copy"))
        for side in (-1, 1):
            pen.line(box.x + side * box.kept_width / 2, box.y - box.height / 2, box.y + box.height / 2)
    pen.box(box.x, box.y, box.width, box.height, edgecolor=_edge(box.kind), facecolor="none",
            hatch="...." if box.drop_out else None)
    if not numbers:
        return
    if box.roomy:
        halo = withStroke(linewidth=2 * pen.scale, foreground=_face("copy" if box.kept_width else box.kind))
        pen.text(box.x, box.y - 0.01, box.text, path_effects=[halo])
    elif box.arm == "middle":
        pen.text(box.x + box.width / 2 + PAD, box.y + LINE / 2, box.text, ha="left")
    else:
        side = -1 if box.arm == "left" else 1
        pen.text(box.x + side * (box.width / 2 + PAD), box.y - 0.01, box.text, ha="right" if side < 0 else "left")
    if box.kind == "input":
        pen.text(box.x + box.width / 2 + PAD, box.y - 0.01, "input", ha="left")
    if box.kind == "output":
        pen.text(box.x - box.width / 2 - PAD, box.y - 0.01, "output", ha="right")


def _edge(kind):
    return COLOURS["ink" if kind == "input" else kind]


def _face(kind):
    return COLOURS["paper"] if kind == "input" else tint(COLOURS[kind], 0.25)


def _paint_arrow(pen, arrow, numbers):
    pen.arrow(arrow.kind, arrow.start, arrow.end)
    if numbers and arrow.text:
        pen.text((arrow.start[0] + arrow.end[0]) / 2, arrow.start[1] - 0.13, arrow.text)


def _entries(boxes, arrows):
    """Kind and text of each line of the key, with the number of layers of that kind."""
    counts = Counter(arrow.kind for arrow in arrows)
    first = {arrow.kind: arrow for arrow in reversed(arrows)}
    cropped = any(box.kept for box in boxes)
    names = {"conv": "convolution", "pool": "max-pooling", "up": "up-convolution", "copy": "copy",
             "output": "convolution"}
    entries = []
    for kind, count in counts.items():
        layer = first[kind].layer
        size = getattr(layer, "kernel_size", getattr(layer, "pool_size", None))
        activation = getattr(layer, "activation", None)
        acts = {"linear": "", "relu": " + ReLU"}.get(activation.__name__, f" + {activation.__name__}") if activation else ""
        text = f"{size[0]}×{size[1]} {names[kind]}{acts}" if size else "copy and crop" if cropped else "copy"
        entries.append((kind, f"{text} ({count})"))
    dropped = [box.drop_out for box in boxes if box.drop_out]
    if dropped:
        entries.append(("drop-out", f"drop-out {dropped[0]:g} ({len(dropped)})"))
    return entries


def _notes(boxes, arrows, model):
    """How to read the numbers, and what the layers add up to."""
    height, width, channels = boxes[0].shape
    reads = (f"{height} × {width} pixels, {channels} channel{'s' if channels > 1 else ''}" if height and width
             else "height × width × channels, ? is a side left open")
    crops = [f"{arrow.text}: {arrow.text[5:]} pixels off each side" for arrow in arrows if arrow.text]
    layers_with_weights = sum(arrow.kind in ("conv", "up", "output") for arrow in arrows)
    return [f"{boxes[0].text}: {reads}", *crops[-1:], f"{layers_with_weights} convolutional layers, {model.count_params():,} parameters"]


def _foot(entries, notes):
    return LINE * (1 + 1.5 * math.ceil(len(entries) / 2) + 1.25 * len(notes))


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
        pen.text(x + 0.28, y - 0.01, text, ha="left")
    for index, text in enumerate(notes):
        pen.text(EDGE, -height - LINE * (1.5 * rows + 1.25 * index + 1), text, ha="left", color=QUIET)
