"""What `draw_unet` draws, and where: boxes and arrows read off a live model's tensors, then laid out as a U."""

import functools
import math
from dataclasses import dataclass

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from ..model import keras, unet_depth

layers = keras.layers

# Inches of the drawing, before it is scaled to its axes.
ARM, MIDDLE, EDGE = 2.36, 1.25, 0.14  # width of the widest map, room between the two arms, edge of the drawing
THIN, THICK = 0.16, 0.25  # a box is THIN + THICK * sqrt(channels / most channels) thick
GAP, LEVEL_GAP, BAND = 0.15, 0.15, 0.09  # between two boxes, more between two levels, from boxes to a level's edge
PAD, FONT = 0.06, 10  # between a box and its text; size of the letters in points


@dataclass(eq=False)
class Box:
    """One map: the layer that made it, its place in the U, and its place in the drawing.

    `kind` is that of the operation, "input" or "up" (after concatenation, if there is one). `parts` are the channels
    of the tensors concatenated, up-convolution first. `kept` is the (height, width) that a crop keeps of it.
    x and y are the centre, in inches; rows of a level count from its top. `roomy` boxes hold their text.
    """

    name: str
    kind: str
    level: int
    row: int
    arm: str
    shape: tuple
    parts: tuple
    kept: tuple = ()
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
    """One operation between two boxes: its kind, the layer that does it, the text printed at it, and its two ends.

    Kinds are the keys of `COLOURS`: "conv", "pool", "up", "copy", "output".
    """

    kind: str
    layer: keras.layers.Layer
    source: Box
    target: Box
    text: str = ""

    @property
    def ends(self):
        """Start and end as (x, y): level for a skip connection and at the bottom, upright elsewhere."""
        source, target = self.source, self.target
        if self.kind == "copy":
            y = target.y + target.height / 2 * (1 - target.parts[1] / sum(target.parts))
            return (source.x + source.width / 2, y), (target.x - target.width / 2, y)
        if source.x != target.x:
            return (source.x + source.width / 2, source.y), (target.x - target.width / 2, target.y)
        way = 1 if target.y > source.y else -1
        return (source.x, source.y + way * source.height / 2), (target.x, target.y - way * target.height / 2)


def trace(model):
    """Boxes and arrows of a model in the order the data flows.

    Goes back from the output from tensor to tensor, because a layer that two models share has two sets of tensors.
    """
    bottom = unet_depth(model) + 1
    path, tensor = [], model.outputs[0]
    while tensor is not None:
        node = _node(tensor)
        path.append((node.operation, node.input_tensors, tuple(tensor.shape[1:])))
        tensor = node.input_tensors[0] if node.input_tensors else None
    boxes, arrows, made = [], [], {}
    level, row, arm = 1, -1, "left"
    for layer, sources, shape in reversed(path):
        kind = _kind(layer)
        if kind == "drop-out":
            boxes[-1].drop_out = layer.rate
        elif kind == "copy":
            skip, margins = _skip(sources[1], made)
            boxes[-1].shape = shape
            boxes[-1].parts += skip.shape[-1:]
            arrows.append(Arrow(kind, layer, skip, boxes[-1], _crop_text(margins)))
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


def lay_out(boxes):
    """Give every box its size and place. Returns width and height of the drawing; y is 0 at its top."""
    most = max(box.shape[-1] for box in boxes)
    scale = ARM / max(_side(box.shape, box.level) for box in boxes)
    for box in boxes:
        box.width = scale * _side(box.shape, box.level)
        box.kept_width = scale * _side(box.kept, box.level) if any(box.kept) else 0.0
        box.height = THIN + THICK * math.sqrt(box.shape[-1] / most)
    for box in boxes:
        box.roomy = all(
            other.width > text_width(other.text) + PAD
            for other in boxes
            if (other.level, other.arm) == (box.level, box.arm)
        )
    centre = EDGE + max(
        box.width / 2 + (0 if box.roomy else PAD + text_width(box.text)) for box in boxes if box.arm != "middle"
    )
    width = 2 * centre + ARM + MIDDLE
    x = {"left": centre, "middle": width / 2, "right": width - centre}
    y, before = BAND, 1
    for place in sorted({(box.level, box.row) for box in boxes}):
        row = [box for box in boxes if (box.level, box.row) == place]
        thickness = max(box.height for box in row)
        y += LEVEL_GAP if place[0] > before else 0
        for box in row:
            box.x, box.y = x[box.arm], -(y + thickness / 2)
        y, before = y + thickness + GAP, place[0]
    return width, y - GAP + BAND


@functools.cache
def text_width(text):
    """Width of a text in inches of the drawing."""
    font = FontProperties(family="DejaVu Sans", size=FONT)
    return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0] / 72


def _node(tensor):
    operation, index, _ = tensor._keras_history
    return operation._inbound_nodes[index]


def _kind(layer):
    kinds = {
        layers.InputLayer: "input",
        layers.MaxPooling2D: "pool",
        layers.Conv2DTranspose: "up",
        layers.Concatenate: "copy",
        layers.Dropout: "drop-out",
    }
    return kinds.get(type(layer)) or ("output" if layer.name == "output" else "conv")


def _skip(tensor, made):
    """The box that a skip connection starts from, and the margins of its crop; notes in it what the crop keeps."""
    node = _node(tensor)
    if not isinstance(node.operation, layers.Cropping2D):
        return made[node.operation.name], ()
    skip = made[_node(node.input_tensors[0]).operation.name]
    skip.kept = tuple(tensor.shape[1:3])
    return skip, {margin for pair in node.operation.cropping for margin in pair}


def _crop_text(margins):
    return "crop " + " and ".join(map(str, sorted(margins))) if margins else ""


def _side(shape, level):
    """The longer side; where both are open, a number that halves from level to level."""
    return max((side for side in shape[:2] if side is not None), default=2.0**-level)
