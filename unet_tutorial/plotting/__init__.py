"""The figures of the book. Functions that fill one Axes return it; those that fill several return (fig, axes)."""

from ._charts import curves, differences, dots
from ._cover import cover
from ._paint import blend, mark_errors, paint_cells, paint_classes
from ._panels import (
    confusion_overlay,
    displacement_grid,
    feature_maps,
    overlay,
    show_cells,
    show_classes,
    show_image,
    show_label,
    show_probability,
    show_row,
    weights_map,
)
from ._style import COLOURS, WIDTH, save_figure, use_style
from ._unet import draw_unet

__all__ = [
    "COLOURS",
    "WIDTH",
    "blend",
    "confusion_overlay",
    "cover",
    "curves",
    "differences",
    "displacement_grid",
    "dots",
    "draw_unet",
    "feature_maps",
    "mark_errors",
    "overlay",
    "paint_cells",
    "paint_classes",
    "save_figure",
    "show_cells",
    "show_classes",
    "show_image",
    "show_label",
    "show_probability",
    "show_row",
    "use_style",
    "weights_map",
]
