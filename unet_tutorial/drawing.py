"""The U drawn from a live model: every size, channel and arrow is read off the model's own tensors."""

import math
from typing import NamedTuple

import matplotlib.pyplot as plt
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyArrow, Rectangle
from matplotlib.textpath import TextPath

from ._tensorflow import keras
from .model import CenterCrop, unet_depth
from .style import COLOURS, WIDTH, tint

layers = keras.layers

# In inches of the drawing, before it is scaled to its axes; FONT in points.
ARM, MIDDLE, MARGIN = 2.42, 1.25, 0.1        # width of the widest map, gap between the arms, edge of the figure
THIN, THICK = 0.16, 0.34                     # thickness of a box: THIN + THICK * sqrt(its share of the most channels)
GAP, LEVEL_GAP, BAND = 0.17, 0.36, 0.09      # between boxes, between levels, of a level's band around its boxes
LINE, FONT = 0.19, 10
ARROWS = {"conv": (0.035, 0.13), "pool": (0.075, 0.2), "up": (0.075, 0.2), "copy": (0.05, 0.17), "output": (0.035, 0.13)}


class Box(NamedTuple):
    """One map: what `draw_unet` printed at it, and where. x and y are the centre, in inches of the drawing."""

    name: str
    kind: str
    level: int
    shape: tuple
    parts: tuple
    drop_out: float
    text: str
    x: float
    y: float
    width: float
    height: float


class Arrow(NamedTuple):
    """One operation: its layer's name, its kind, the names of the boxes it joins, its text, its ends."""

    name: str
    kind: str
    source: str
    target: str
    text: str
    start: tuple
    end: tuple


class Drawing(NamedTuple):
    """What `draw_unet` drew."""

    fig: plt.Figure
    ax: plt.Axes
    boxes: list
    arrows: list
    legend: list


def draw_unet(model, ax=None, numbers=True, legend=True):
    """Draw the U of any model that `build_unet` makes.

    The maps are seen edge on: as wide as their side, to scale, and the thicker the more channels they have. The
    contracting path runs down on the left, the expanding path up on the right. A dashed frame in a skip connection's
    map shows what the crop keeps; a hatched map has passed drop-out.

    Parameters
    ----------
    model : keras.Model
        From `build_unet` or `resize_unet`. Sides may be open (None), printed as "?".
    ax : matplotlib Axes, optional
        The drawing is scaled to it. Without it, a figure of its own is made.
    numbers : bool
        Print side and channels at each map, the crop's margin at each skip connection, and the levels.
    legend : bool
        Print a key of the arrows, with the number of layers of each kind.

    Returns
    -------
    Drawing
        fig, ax, boxes (a `Box` for each map), arrows (an `Arrow` for each layer that changes a map), legend (texts).

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
    maps, operations = _trace(model)
    boxes, (width, height) = _layout(maps)
    arrows = [_arrow(operation, boxes) for operation in operations]
    key = _key(operations, boxes) if legend else []
    foot = LINE * (1.5 * math.ceil(len(key) / 2) + 2.4) if key else 0.0
    if ax is None:
        fig = plt.figure(figsize=(WIDTH, WIDTH * (height + foot) / width), layout="none")
        ax = fig.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, width), ylim=(-height - foot, 0), aspect="equal")
    ax.axis("off")
    pen = _Pen(ax, width, height + foot)
    _paint(pen, boxes, arrows, width, numbers)
    _paint_key(pen, key, width, height)
    return Drawing(ax.figure, ax, list(boxes.values()), arrows, [text for _, text in key])


# Reading the model

def _trace(model):
    """Maps and operations in the order the data flows, followed back from the output through the tensors."""
    path, tensor = [], model.outputs[0]
    while True:
        node = _node(tensor)
        path.append((node.operation, node.input_tensors, tensor))
        if not node.input_tensors:
            break
        tensor = node.input_tensors[0]
    maps, operations, level, box_of = [], [], 1, {}
    for layer, sources, tensor in reversed(path):
        kind = _kind(layer)
        level += {"pool": 1, "up": -1}.get(kind, 0)
        entry = dict(name=layer.name, kind=kind, level=level, shape=tuple(tensor.shape[1:]),
                     parts=(tensor.shape[-1],), drop_out=0.0, kept=None)
        if kind == "drop-out":
            maps[-1]["drop_out"] = layer.rate
        elif kind == "copy":
            crop = _node(sources[1])
            cropped = isinstance(crop.operation, CenterCrop)
            skip = box_of[crop.input_tensors[0] if cropped else sources[1]]
            margin = _margin(skip["shape"], sources[1].shape[1:]) if cropped else 0
            skip["kept"] = None if margin is None or not cropped else margin
            maps[-1] |= dict(name=layer.name, shape=entry["shape"], parts=(maps[-1]["shape"][-1], skip["shape"][-1]))
            operations.append(dict(name=layer.name, kind=kind, layer=layer, source=skip, target=maps[-1],
                                   cropped=cropped, margin=margin))
        else:
            if maps:
                operations.append(dict(name=layer.name, kind=kind, layer=layer, source=maps[-1], target=entry))
            maps.append(entry)
        box_of[tensor] = maps[-1]
    return maps, operations
