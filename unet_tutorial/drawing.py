"""The U drawn from a live model: every size, channel and arrow is read off the model's own tensors."""

import math
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

import matplotlib.pyplot as plt
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyArrow, Rectangle
from matplotlib.textpath import TextPath

from ._tensorflow import keras
from .model import CenterCrop, unet_depth
from .style import COLOURS, WIDTH, tint

layers = keras.layers

# Inches of the drawing, before it is scaled to its axes.
ARM, MIDDLE, EDGE = 2.42, 1.25, 0.1   # width of the widest map, room between the two arms, edge of the figure
THIN, THICK = 0.16, 0.34              # a box is THIN + THICK * sqrt(channels / most channels) thick
GAP, LEVEL_GAP, BAND = 0.18, 0.4, 0.1  # between two boxes, between two levels, from a level's boxes to its frame
LINE, FONT = 0.2, 10                  # height of a line of text; size of the letters in points
SHAFT, HEAD = {"pool": 0.08, "up": 0.08, "copy": 0.06}, {"pool": 0.2, "up": 0.2, "copy": 0.18}


@dataclass(eq=False)
class Box:
    """One map. x and y are the centre in inches of the drawing; `kept` is the crop's (height, width), if any.

    `parts` holds the channels of each tensor that was concatenated, up-convolution first.
    """

    name: str
    kind: str
    level: int
    slot: int
    shape: tuple
    parts: tuple
    kept: tuple | None = None
    drop_out: float = 0.0
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    height: float = 0.0

    @property
    def text(self):
        """Side and channels as printed: "572² × 1", "572×380×1" if not square, "?" for an open side."""
        height, width, channels = ("?" if size is None else size for size in self.shape)
        return f"{height}² × {channels}" if height == width else f"{height}×{width}×{channels}"


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
    foot = LINE * (1.5 * math.ceil(len(entries) / 2) + 2.6) if key else 0.0
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
        _paint_key(pen, entries, boxes[0], width, height)
    return Drawing(ax.figure, ax, boxes, arrows, [text for _, text in entries])


def _trace(model):
    """Boxes and arrows in the order the data flows: followed back from the output, tensor by tensor."""
    path, tensor = [], model.outputs[0]
    while not path or path[-1][1]:
        node = _node(tensor)
        path.append((node.operation, node.input_tensors, tuple(tensor.shape[1:])))
        tensor = node.input_tensors[0] if node.input_tensors else None
    boxes, arrows, level, slot, made = [], [], 1, 0, {}
    for layer, sources, shape in reversed(path):
        kind = _kind(layer)
        if kind == "drop-out":
            boxes[-1].drop_out = layer.rate
        elif kind == "copy":
            crop = _node(sources[1])
            cropped = isinstance(crop.operation, CenterCrop)
            skip = made[_node(crop.input_tensors[0] if cropped else sources[1]).operation.name]
            skip.kept = tuple(sources[1].shape[1:3]) if cropped else None
            box = boxes[-1]
            box.shape, box.parts = shape, (box.shape[-1], skip.shape[-1])
            arrows.append(Arrow(kind, layer, skip, box, _margin(skip)))
        else:
            level += {"pool": 1, "up": -1}.get(kind, 0)
            slot = 0 if kind in ("pool", "up") else slot + len(boxes[:1])
            boxes.append(Box(layer.name, kind, level, slot, shape, shape[-1:]))
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
    return kinds.get(type(layer)) or ("conv" if layer.name != "output" else "output")


def _margin(skip):
    sides = {(side - kept) // 2 for side, kept in zip(skip.shape, skip.kept or ()) if None not in (side, kept)}
    return f"crop {' and '.join(map(str, sorted(sides)))}" if sides else ""


def _lay_out(boxes):
    """Give every box its place, and return width and height of the drawing."""
    most = max(box.shape[-1] for box in boxes)
    widest = max(_side(box) for box in boxes)
    for box in boxes:
        box.width = ARM * _side(box) / widest
        box.height = THIN + THICK * math.sqrt(box.shape[-1] / most)
    bottom = max(box.level for box in boxes)
    down = boxes[:boxes.index(next(box for box in boxes if box.level == bottom)) + 1]
    rows = {}
    for box in boxes:
        climbing = box not in down and box.level < bottom
        rows.setdefault((box.level, 0 if box.level == bottom else 2 - box.slot if climbing else box.slot), []).append(box)
    outside = max(box.width / 2 + _text_width(box.text) + 0.1 for box in boxes if not _holds_text(box))
    centre = EDGE + max(ARM / 2, outside)
    width = 2 * centre + ARM + MIDDLE
    width = 2 * (centre + ARM / 2) + MIDDLE
    y, level = -EDGE - LINE - BAND, 1
    for row in sorted(rows):
        y -= (LEVEL_GAP if row[0] > level else GAP) if row != min(rows) else 0
        thickness = max(box.height for box in rows[row])
        for box in rows[row]:
            box.y = y - thickness / 2
            box.x = centre if box in down else width - centre
        y, level = y - thickness, row[0]
    rows[bottom, 0][1].x = width / 2
    return width, -y + BAND + LINE + EDGE


def _side(box):
    """The longer side in pixels; where both are open, a number that halves from level to level."""
    return max((side for side in box.shape[:2] if side is not None), default=2.0 ** -box.level)
