"""The card of the book."""

from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import FancyArrowPatch
from numpy.typing import ArrayLike

from .._shared.checks import as_label, same_shape
from ._layout import FONT, text_width
from ._paint import as_picture, paint_cells
from ._style import COLOURS, save_figure
from ._unet import draw_unet

if TYPE_CHECKING:
    from ..model import keras


def cover(
    image: ArrayLike,
    segmentation: ArrayLike,
    model: "keras.Model",
    title: str = "U-Net",
    subtitle: str = "",
    path: str | Path | None = None,
) -> plt.Figure:
    """Draw the card of the book: an image flows into the U of a live model, its segmentation flows out.

    Parameters
    ----------
    image : (H, W) float array
        Grey values in 0..1. The middle is shown, about 2 wide to 3 high.
    segmentation : (H, W) array
        Floats are probabilities; integers are a label, or instance ids if any is above 1.
    model : keras.Model
        From `build_unet`.
    title, subtitle : str
    path : str or Path, optional
        Where to write it: a PNG of 1200 x 630 pixels.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        The shapes differ, or an argument breaks its rule.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from unet_tutorial.model import build_unet
    >>> fig = cover(np.ones((90, 60)), np.ones((90, 60), int), build_unet(depth=1), subtitle="by running it")
    >>> [text.get_text() for text in fig.texts], (fig.dpi * fig.get_size_inches()).tolist()
    (['U-Net', 'by running it'], [1200.0, 630.0])
    >>> plt.close(fig)
    """
    grey, segmentation = as_picture(image), np.asarray(segmentation)
    painted: np.ndarray
    if np.issubdtype(segmentation.dtype, np.floating):
        painted = as_picture(segmentation, "segmentation")
    else:
        painted = paint_cells(segmentation) if np.any(segmentation > 1) else as_label(segmentation, "segmentation")
    same_shape(grey, painted, ("image", "segmentation"))
    fig = plt.figure(figsize=(10, 5.25), dpi=120, layout="none", facecolor=COLOURS["paper"])
    for left, picture in ((0, grey), (2 / 3, painted)):
        ax = fig.add_axes((left, 0, 1 / 3, 1))
        ax.imshow(_middle(picture, 10 / 5.25 / 3), cmap="gray", vmin=0, vmax=1, aspect="auto")
        ax.axis("off")
    drawing = draw_unet(model, fig.add_axes((0.335, 0.02, 0.33, 0.74)), numbers=False, key=False)
    for box, start, end in ((drawing.boxes[0], 0.29, -1), (drawing.boxes[-1], 0.71, 1)):
        to_figure = drawing.ax.transData + fig.transFigure.inverted()
        x, y = to_figure.transform((box.x + end * box.width / 2, box.y))
        ends = ((start, y), (x, y))[::-end]
        fig.add_artist(
            FancyArrowPatch(
                *ends,
                transform=fig.transFigure,
                arrowstyle="simple",
                mutation_scale=28,
                facecolor=COLOURS["accent"],
                edgecolor=COLOURS["paper"],
                shrinkA=0,
                shrinkB=2,
            )
        )
    for y, text, size, weight in ((0.9, title, 36, "bold"), (0.815, subtitle, 13, "normal")):
        fits = 2.8 * FONT / text_width(text) if text else size
        fig.text(0.5, y, text, fontsize=min(size, fits), fontweight=weight, ha="center", va="center")
    if path is not None:
        save_figure(fig, path)
    return fig


def _middle(picture, shape):
    """The largest middle part of a picture whose width is `shape` times its height."""
    height, width = picture.shape[:2]
    rows, columns = min(height, round(width / shape)), min(width, round(height * shape))
    top, left = (height - rows) // 2, (width - columns) // 2
    return picture[top : top + rows, left : left + columns]
