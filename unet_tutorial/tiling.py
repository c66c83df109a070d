"""Prediction of images of any size: mirror padding, the overlap-tile strategy, means over turned and flipped images."""

import itertools
import math
import numbers
import operator
import types
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.ndimage
from numpy.typing import ArrayLike, NDArray

from . import geometry
from ._backend import keras, make_forward
from ._shared.checks import as_grey_values, as_size, shape_cure, trusted
from ._shared.progress import tqdm
from .model import unet_depth, unet_padding

OPEN_OUTPUT = 388  # px that one tile of a net with open sides predicts: the output of the paper's tile


def mirror_pad(image: ArrayLike, margin: int | tuple[tuple[int, int], tuple[int, int]]) -> np.ndarray:
    """Extend an image by its mirror image, without repeating the edge pixel.

    Parameters
    ----------
    image : (H, W) or (H, W, C) array
        Of any type: labels can be mirrored too. A side of 1 px is repeated.
    margin : int or ((top, bottom), (left, right))
        Pixels to add. More than the image has is allowed: the mirror image is mirrored again.

    Returns
    -------
    (top + H + bottom, left + W + right) or (top + H + bottom, left + W + right, C) array
        Same type.

    Raises
    ------
    ValueError
        `image` has another number of axes or no pixel; `margin` has another form or is negative.

    References
    ----------
    Ronneberger et al. 2015, section 2 and figure 2: "missing" context at the border of the image is mirrored.

    Examples
    --------
    >>> mirror_pad([[1, 2, 3]], ((0, 0), (2, 3))).tolist()
    [[3, 2, 1, 2, 3, 2, 1, 2]]
    """
    image = np.asarray(image)
    if image.ndim not in (2, 3) or image.size == 0:
        raise ValueError(f"image of shape {image.shape}: must be (H, W) or (H, W, C) and hold at least one pixel")
    margins: Any = ((margin, margin),) * 2 if np.ndim(margin) == 0 else margin
    if np.shape(margins) != (2, 2):
        raise ValueError(f"margin {margin!r}: must be a whole number or ((top, bottom), (left, right))")
    rows, columns = (
        _mirrored(side, *(as_size(value, "margin", minimum=0) for value in pair))
        for side, pair in zip(image.shape, margins)
    )
    return image[rows[:, np.newaxis], columns]


def predict_tiled(
    model: keras.Model,
    image: ArrayLike,
    batch_size: int = 1,
    tile: int | tuple[int, int] | None = None,
    stride: int | None = None,
    progress: bool = False,
) -> NDArray[np.float32]:
    """Class probabilities of an image of any size, predicted tile by tile without seams.

    Equal to the prediction of the whole image at once, save for rounding (`unet_tutorial.rounding`). That holds because
    the tiles are laid in phase, at offsets that are multiples of 2 ** depth: only by those is the net
    shift-equivariant, for each max-pooling halves the grid. The paper does not state this condition; tiles laid every
    388 px break it.

    The first call traces the forward pass of the model, which takes longer than the tiles; later calls reuse it for
    tiles of every size, until the model is deleted. They see new weights, however these were set. Where an attribute of
    a layer was set anew (its activation, its dtype policy), the next call traces again. What cannot be seen is a change
    inside an object that a layer holds: set the activation again after changing a number that it reads.

    Parameters
    ----------
    model : keras.Model
        From `build_unet`. With "valid" padding, the image is mirrored by the margin that the output lacks. With "same"
        padding, it is mirrored at the bottom and on the right up to a multiple of 2 ** depth, and tiles overlap: each
        gives only those pixels that the zeros around it do not reach, unless the image itself ends there.
    image : (H, W) or (H, W, C) float array
        Grey values in 0..1 (up to 1e-6 outside is taken for rounding), as many channels as the model takes.
    batch_size : int
        Tiles predicted at once.
    tile : int or (int, int), optional
        Side of the input tiles, or height and width, in pixels. The model's own unless given. Where the model is open,
        the smallest tile that gives 388 px, or the whole image if that is less.
    stride : int, optional
        Distance from tile to tile, in pixels. The largest multiple of 2 ** depth that leaves no gap unless given; other
        strides show the seams.
    progress : bool
        Show a progress bar. The environment variable UNET_TUTORIAL_PROGRESS=0 hides it everywhere.

    Returns
    -------
    (H, W, classes) float32 array
        If the last convolution is linear, the soft-max of its output, or its sigmoid for one class. Otherwise what
        the model's own activation gives.

    Raises
    ------
    ValueError
        The model is not one of `build_unet`, the image does not suit it or has values outside 0..1, the tile is not
        legal or too small to be laid in phase, or the stride leaves gaps.

    References
    ----------
    Ronneberger et al. 2015, section 2 and figure 2.

    Examples
    --------
    >>> import numpy as np
    >>> from unet_tutorial.model import build_unet
    >>> model = build_unet((None, None, 1), base_filters=2, depth=1)
    >>> image = np.random.default_rng(0).random((30, 50))
    >>> whole, tiled = predict_tiled(model, image), predict_tiled(model, image, tile=28)
    >>> whole.shape, bool(np.abs(whole - tiled).max() < 1e-3)  # the tiles leave no seams
    ((30, 50, 2), True)
    """
    depth, padding = unet_depth(model), unet_padding(model)
    image = _with_channels(image, model.input_shape[-1])
    batch_size = as_size(batch_size, "batch_size")
    if tile is None:
        tile = model.input_shape[1:3]
    sides: Any = tile if np.shape(tile) == (2,) else (tile, tile)
    rows, columns = (_lay(side, tile_side, stride, depth, padding) for side, tile_side in zip(image.shape, sides))

    padded = mirror_pad(image, (rows.margins, columns.margins))
    forward = _forward(model)
    pieces = list(itertools.product(rows.pieces, columns.pieces))
    probabilities = np.empty((*image.shape[:2], model.output_shape[-1]), np.float32)
    for start in tqdm(range(0, len(pieces), batch_size), unit="batch", progress=progress):
        batch = pieces[start : start + batch_size]
        tiles = np.stack(
            [
                padded[row.offset : row.offset + rows.tile, column.offset : column.offset + columns.tile]
                for row, column in batch
            ]
        )
        for (row, column), predicted in zip(batch, _activated(model, forward(tiles))):
            probabilities[row.target, column.target] = predicted[row.kept, column.kept]
    return probabilities


def predict_rotated(
    model: keras.Model,
    image: ArrayLike,
    rotations: int = 7,
    angles: Sequence[float] | np.ndarray | None = None,
    **options: Any,
) -> NDArray[np.float32]:
    """Mean of the predictions of rotated versions of an image, each rotated back.

    The paper averages over 7 rotated versions and does not name the angles. Here they are spread evenly over the full
    turn, the unrotated image among them: an assumption. Right-angle turns move pixels and are exact. At other angles
    the image is interpolated by a cubic spline on a canvas that holds all of it, its corners filled by mirroring, and
    the probabilities are interpolated linearly on the way back; so they still sum to one, a little blurred.

    Parameters
    ----------
    model, image
        As in `predict_tiled`.
    rotations : int
        Number of rotated versions, at 0, 360 / rotations, ... degrees.
    angles : sequence of float, optional
        Angles in degrees, counter-clockwise, in place of `rotations`.
    **options
        Handed to `predict_tiled`.

    Returns
    -------
    (H, W, classes) float32 array

    Raises
    ------
    ValueError
        As `predict_tiled`; or `rotations` is below 1, or `angles` is empty or holds anything but finite numbers.

    References
    ----------
    Ronneberger et al. 2015, section 4.

    Examples
    --------
    >>> import numpy as np
    >>> from unet_tutorial.model import build_unet
    >>> model = build_unet((None, None, 1), base_filters=2, depth=1)
    >>> probabilities = predict_rotated(model, np.random.default_rng(0).random((30, 50)))
    >>> probabilities.shape, bool(np.abs(probabilities.sum(axis=-1) - 1).max() < 1e-3)
    ((30, 50, 2), True)
    """
    image = _with_channels(image, model.input_shape[-1])
    if angles is None:
        angles = 360 / as_size(rotations, "rotations") * np.arange(rotations)
    elif (
        np.ndim(angles) != 1
        or not len(angles)
        or not all(isinstance(angle, numbers.Real) and math.isfinite(angle) for angle in angles)
    ):
        raise ValueError(f"angles {angles!r}: must be a sequence of at least one finite number, in degrees")
    return sum(_predict_turned(model, image, angle, options) for angle in angles) / len(angles)


def predict_flipped(model: keras.Model, image: ArrayLike, **options: Any) -> NDArray[np.float32]:
    """Mean of the predictions of the image and its three flips, each flipped back.

    Not in the paper: the public ports of the released net average over these four. Parameters, returns and errors are
    those of `predict_tiled`.

    Examples
    --------
    >>> import numpy as np
    >>> from unet_tutorial.model import build_unet
    >>> model = build_unet((None, None, 1), base_filters=2, depth=1)
    >>> image = np.random.default_rng(0).random((30, 50))
    >>> there, back = predict_flipped(model, image), np.flip(predict_flipped(model, np.flip(image, 1)), 1)
    >>> bool(np.abs(there - back).max() < 1e-3)  # the mean no longer depends on which way the image lies
    True
    """
    image = _with_channels(image, model.input_shape[-1])
    total: Any = sum(
        np.flip(predict_tiled(model, np.flip(image, axes), **options), axes) for axes in ((), (0,), (1,), (0, 1))
    )
    return total / 4


class _Piece(NamedTuple):
    """One tile along one axis: where it starts in the padded image, what it gives to the image, what of it is kept."""

    offset: int
    target: slice
    kept: slice


class _Axis(NamedTuple):
    """All tiles along one axis, and the margins by which the image must be mirrored for them."""

    tile: int
    margins: tuple
    pieces: list


def _lay(side, tile, stride, depth, padding):
    """Lay tiles along one axis of an image."""
    margin = geometry.context_margin(depth, padding)
    unit = 2**depth
    if tile is None:
        least = min(side, OPEN_OUTPUT) + 2 * margin
        tile = geometry.legal_input_sizes(least, least + unit, depth, padding)[0]
    geometry.layer_sizes(tile, depth, padding)
    stride = None if stride is None else as_size(stride, "stride")
    gain = tile - 2 * margin  # what a tile gives that has neighbours on both sides
    whole = math.ceil(side / unit) * unit
    if side <= gain or (padding == "same" and whole <= tile):
        stride = side
    elif gain < (unit if stride is None else 1):
        raise ValueError(
            f"tile {tile}: gives only {max(gain, 0)} px, but tiles in phase lie at least {unit} px apart; "
            f"pass tile={tile - (gain - unit) // unit * unit} or more"
        )
    elif stride is None:
        stride = gain // unit * unit
    elif stride > gain:
        raise ValueError(f"stride {stride}: leaves gaps, for a tile of {tile} px gives {gain} px; at most {gain}")

    if padding == "valid":
        offsets = range(0, max(side - gain, 0) + stride, stride)
        pieces = [_piece(offset, 0, gain, side) for offset in offsets]
        return _Axis(tile, (margin, offsets[-1] + tile - margin - side), pieces)
    tile = min(tile, whole)
    offsets = [*range(0, whole - tile, stride), whole - tile]
    pieces = [
        _piece(offset, margin if offset else 0, tile - margin if offset + tile < whole else tile, side)
        for offset in offsets
    ]
    return _Axis(tile, (0, whole - side), pieces)


def _piece(offset, first, end, side):
    """Keep of a tile's output what lies from `first` to `end` and within the image."""
    end = min(end, side - offset)
    return _Piece(offset, slice(offset + first, offset + end), slice(first, end))


def _forward(model):
    """The forward pass of a model, traced for tiles of every size: once, and again where a layer has changed."""
    kept = vars(model).get("_traced_forward")
    if kept is None or not _same(kept.held, _held(model)):
        forward = make_forward(model)
        # Only now: the first call of a layer sets attributes. Past Keras's own setter, which would track and save it.
        vars(model)["_traced_forward"] = kept = types.SimpleNamespace(forward=forward, held=_held(model))
    return kept.forward


def _held(model):
    """The layers of a model and all that they hold: weights, activations, sizes, dtype policies."""
    return [held for layer in model.layers for held in (layer, *vars(layer).values())]


def _same(one, other):
    return len(one) == len(other) and all(map(operator.is_, one, other))


def _activated(model, outputs):
    if keras.activations.serialize(model.get_layer("output").activation) == "linear":
        outputs = keras.ops.sigmoid(outputs) if outputs.shape[-1] == 1 else keras.ops.softmax(outputs)
    return keras.ops.convert_to_numpy(outputs)


def _predict_turned(model, image, angle, options):
    quarters, rest = divmod(angle, 90)
    if rest == 0:
        return np.rot90(predict_tiled(model, np.rot90(image, quarters), **options), -quarters)
    height, width = image.shape[:2]
    cosine, sine = (abs(function(math.radians(angle))) for function in (math.cos, math.sin))
    canvas = math.ceil(height * cosine + width * sine), math.ceil(height * sine + width * cosine)
    turned = _turn(image, angle, canvas, order=3)
    with trusted():  # the spline goes a little outside 0..1
        predicted = predict_tiled(model, turned, **options)
    return _turn(predicted, -angle, (height, width), order=1)


def _turn(image, angle, shape, order):
    """Rotate an (H, W, C) image counter-clockwise about its centre into another shape, mirroring what is missing."""
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    matrix = np.array([[cosine, sine], [-sine, cosine]])
    offset = (np.array(image.shape[:2]) - 1) / 2 - matrix @ ((np.array(shape) - 1) / 2)
    return np.stack(
        [
            scipy.ndimage.affine_transform(channel, matrix, offset, shape, order=order, mode="mirror")
            for channel in np.moveaxis(image, -1, 0)
        ],
        axis=-1,
    )


def _mirrored(side, before, after):
    period = max(2 * (side - 1), 1)
    positions = np.arange(-before, side + after) % period
    return np.minimum(positions, period - positions)


def _with_channels(image, channels) -> np.ndarray:
    """Check an image against the number of channels that a model takes; return it as (H, W, C)."""
    image = as_grey_values(image)
    found = 1 if image.ndim == 2 else image.shape[2]
    if found != channels:
        cure = shape_cure(image.shape) if channels == 1 else "; of RGBA take image[..., :3]" if found == 4 else ""
        raise ValueError(
            f"image of shape {image.shape}: the model takes {channels} "
            f"{'channel' if channels == 1 else 'channels'}, (H, W, {channels}){cure}"
        )
    return image.reshape(*image.shape[:2], channels)
