"""The small network that comes with the package: trained on real slices by the experiment `small`."""

from pathlib import Path
from typing import TYPE_CHECKING

from ..model import build_unet
from ._weights import load_weights

if TYPE_CHECKING:
    from ..model import keras

FOLDER = Path(__file__).parent
SMALL = FOLDER / "small.npz"
CARD = FOLDER / "small.md"


def small_unet(input_shape: tuple[int | None, int | None, int] = (None, None, 1)) -> "keras.Model":
    """The small network, trained: 8 filters, depth 3, 120,690 weights.

    Trained on 22 of the thirty ISBI 2012 slices, whose terms allow non-commercial use only; so do these weights. Its
    record is `records.read("small")`, its model card `pretrained.CARD`.

    Parameters
    ----------
    input_shape : tuple of (int or None, int or None, int)
        As for `build_unet`. None leaves a side open.

    Returns
    -------
    keras.Model
        Maps (N, H, W, 1) grey values in 0..1 to (N, H - 88, W - 88, 2) logits, for legal sides. Called directly, it
        checks nothing; `tiling.predict_tiled` refuses other grey values.

    Examples
    --------
    >>> model = small_unet((188, 188, 1))
    >>> model.count_params(), model.output_shape
    (120690, (None, 100, 100, 2))
    """
    return shipped(SMALL, input_shape)


def shipped(path, input_shape):
    """A network of the size that this package ships, with the weights of a file."""
    model = build_unet(input_shape, base_filters=8, depth=3)
    load_weights(model, path)
    return model
