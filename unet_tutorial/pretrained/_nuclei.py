"""The network of nuclei that comes with the package: trained by the wing of own images, on images that are free."""

from typing import TYPE_CHECKING

from ._small import FOLDER, shipped

if TYPE_CHECKING:
    from ..model import keras

NUCLEI = FOLDER / "nuclei.npz"
NUCLEI_CARD = FOLDER / "nuclei.md"


def nuclei_unet(input_shape: tuple[int | None, int | None, int] = (None, None, 1)) -> "keras.Model":
    """The network of nuclei, trained: 8 filters, depth 3, 120,690 weights.

    Trained on fluorescence images under CC0 1.0; so no term binds these weights. The scale of grey values and the size
    of the nuclei that it expects stand in its model card, `pretrained.NUCLEI_CARD`.

    Parameters
    ----------
    input_shape : tuple of (int or None, int or None, int)
        As for `build_unet`. None leaves a side open.

    Returns
    -------
    keras.Model
        Maps (N, H, W, 1) grey values in 0..1 to (N, H - 88, W - 88, 2) logits, for legal sides: background and nucleus.
        Nuclei that touch are kept apart by a line of background. Called directly, it checks nothing;
        `tiling.predict_tiled` refuses other grey values.

    Examples
    --------
    >>> model = nuclei_unet((188, 188, 1))
    >>> model.count_params(), model.output_shape
    (120690, (None, 100, 100, 2))
    """
    return shipped(NUCLEI, input_shape)
