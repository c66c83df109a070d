"""The U-Net in Keras, block by block, with the names of the paper."""

import math
import re

import numpy as np

from . import geometry
from ._backend import keras
from ._shared.checks import as_positive, as_size

layers = keras.layers
TRUNCATED = 0.87962566103423978  # standard deviation of a Gaussian that is cut at two deviations


def conv_blocks(
    inputs: keras.KerasTensor,
    num_filters: int,
    padding: str = "valid",
    initializer: str = "he",
    name: str | None = None,
) -> keras.KerasTensor:
    """Two 3x3 convolutions, each followed by a ReLU.

    Parameters
    ----------
    inputs : (N, H, W, C) Keras tensor
    num_filters : int
        Feature channels of both convolutions.
    padding : {"valid", "same"}
        The paper uses "valid": each convolution takes one pixel off each side.
    initializer : str
        "he" draws from a Gaussian of standard deviation sqrt(2 / N), N incoming nodes of one neuron (section 3).
        Anything else is handed to Keras, for example "glorot_uniform", its default.
    name : str, optional
        Prefix of the layers' names.

    Returns
    -------
    (N, H - 4, W - 4, num_filters) Keras tensor
        (N, H, W, num_filters) with `padding="same"`.

    Raises
    ------
    ValueError
        `num_filters` is not a whole number of at least 1, `padding` is neither of the two, or fewer than 5 px come in.

    References
    ----------
    Ronneberger et al. 2015, section 2.

    Examples
    --------
    >>> import keras
    >>> conv_blocks(keras.Input((572, 572, 1)), 64).shape  # the first level of figure 1
    (None, 568, 568, 64)
    """
    num_filters = as_size(num_filters, "num_filters")
    if padding not in ("valid", "same"):
        raise ValueError(f"padding {padding!r}: must be 'valid' or 'same'")
    if padding == "valid" and any(side is not None and side < 5 for side in inputs.shape[1:3]):
        raise ValueError(f"inputs of shape {tuple(inputs.shape)}: two unpadded 3x3 convolutions need at least 5 px")
    x = inputs
    for index in (1, 2):
        x = _convolution(x, num_filters, 3, padding, "relu", initializer, _join(name, f"conv{index}"))
    return x


def contracting_block(
    inputs: keras.KerasTensor,
    num_filters: int,
    padding: str = "valid",
    initializer: str = "he",
    drop_out: float = 0.0,
    name: str | None = None,
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """One level of the contracting path: two 3x3 convolutions with ReLU, then 2x2 max-pooling.

    Parameters
    ----------
    inputs : (N, H, W, C) Keras tensor
    num_filters : int
        Feature channels of this level.
    padding, initializer, name
        As in `conv_blocks`.
    drop_out : float
        Rate of drop-out after the second convolution; the skip connection carries it too.

    Returns
    -------
    features : (N, H - 4, W - 4, num_filters) Keras tensor
        For the skip connection.
    pooled : (N, (H - 4) / 2, (W - 4) / 2, num_filters) Keras tensor
        For the next level.

    Raises
    ------
    ValueError
        As `conv_blocks`; or the pooling would meet an odd size.

    References
    ----------
    Ronneberger et al. 2015, section 2.

    Examples
    --------
    >>> import keras
    >>> features, pooled = contracting_block(keras.Input((572, 572, 1)), 64)
    >>> features.shape, pooled.shape
    ((None, 568, 568, 64), (None, 284, 284, 64))
    """
    features = conv_blocks(inputs, num_filters, padding, initializer, name)
    if any(side is not None and side % 2 for side in features.shape[1:3]):
        raise ValueError(
            f"inputs of shape {tuple(inputs.shape)}: the 2x2 pooling would meet the odd size in "
            f"{tuple(features.shape[1:3])}; make both sides even"
        )
    if drop_out:
        features = layers.Dropout(drop_out, name=_join(name, "dropout"))(features)
    pooled = layers.MaxPooling2D(2, name=_join(name, "pool"))(features)
    return features, pooled


def expanding_block(
    inputs: keras.KerasTensor,
    skip_features: keras.KerasTensor | None,
    num_filters: int,
    padding: str = "valid",
    initializer: str = "he",
    up_filters: int | None = None,
    up_activation: str | None = None,
    name: str | None = None,
    crop: int | None = None,
) -> keras.KerasTensor:
    """One level of the expanding path: up-convolution, copy and crop, concatenation, two 3x3 convolutions.

    The up-convolution is a transposed convolution, kernel 2, stride 2. It comes first in the concatenation, the cropped
    skip connection second.

    Parameters
    ----------
    inputs : (N, H, W, C) Keras tensor
        From the level below.
    skip_features : (N, H', W', C') Keras tensor or None
        Features of the same level of the contracting path, H' >= 2 H and W' >= 2 W. None leaves the skip out.
    num_filters : int
        Feature channels of this level.
    padding, initializer, name
        As in `conv_blocks`.
    up_filters : int, optional
        Channels after the up-convolution; `num_filters` unless given.
    up_activation : str, optional
        None in the paper; the released net has "relu".
    crop : int, optional
        Pixels that the skip connection loses at each end of a side that is left open (None), from
        `geometry.crop_margins`. Of other sides it is known: half the difference, the side away from the origin one
        pixel more where that is odd.

    Returns
    -------
    (N, 2 H - 4, 2 W - 4, num_filters) Keras tensor
        (N, 2 H, 2 W, num_filters) with `padding="same"`.

    Raises
    ------
    ValueError
        As `conv_blocks`; or the skip connection's map is smaller than the up-convolution's; or a side is left open and
        `crop` is not given.

    References
    ----------
    Ronneberger et al. 2015, section 2: one 2x2 up-convolution before the concatenation, two 3x3 convolutions after it.

    Examples
    --------
    >>> import keras
    >>> below, skip = keras.Input((28, 28, 16)), keras.Input((64, 64, 8))
    >>> expanding_block(below, skip, 8).shape  # 28 doubled, less the four pixels of two convolutions
    (None, 52, 52, 8)
    """
    num_filters = as_size(num_filters, "num_filters")
    up_filters = num_filters if up_filters is None else as_size(up_filters, "up_filters")
    fan_in = inputs.shape[-1]  # kernel = stride: one tap of the kernel reaches each output pixel
    x = layers.Conv2DTranspose(
        up_filters,
        2,
        strides=2,
        activation=up_activation,
        kernel_initializer=_initializer(initializer, fan_in),
        name=_join(name, "up"),
    )(inputs)
    if skip_features is not None:
        margins = _crop_margins(skip_features, x, crop)
        if any(map(any, margins)):
            skip_features = layers.Cropping2D(margins, name=_join(name, "crop"))(skip_features)
        x = layers.Concatenate(name=_join(name, "concat"))([x, skip_features])
    return conv_blocks(x, num_filters, padding, initializer, name)


def build_unet(
    input_shape: tuple[int | None, int | None, int] = (572, 572, 1),
    classes: int = 2,
    base_filters: int = 64,
    depth: int = 4,
    padding: str = "valid",
    activation: str | None = None,
    drop_out: float | None = None,
    variant: str = "paper",
    skips: bool = True,
    initializer: str = "he",
) -> keras.Model:
    """The U-Net of figure 1, or one of its relatives.

    Parameters
    ----------
    input_shape : tuple of (int or None, int or None, int)
        Height, width, channels of one tile. None leaves a side open.
    classes : int
        Channels of the last 1x1 convolution.
    base_filters : int
        Feature channels of the first level; they double at each level below.
    depth : int
        Number of max-poolings.
    padding : {"valid", "same"}
        "valid" is the paper's; "same" gives the map of the input's size that most re-implementations have.
    activation : str, optional
        Of the last convolution. None gives logits; "softmax" or "sigmoid" give probabilities.
    drop_out : float, optional
        Rate after the second convolution of the two deepest levels of the contracting path ("at the end of the
        contracting path", section 3.1). 0 for the paper's variant and 0.5 for the released one unless given.
    variant : {"paper", "released"}
        "released" is the authors' Caffe net, as its public ports have it: a ReLU after each up-convolution, and a last
        up-convolution that keeps its channels instead of halving them.
    skips : bool
        False leaves copy, crop and concatenation out (an ablation, not in the paper).
    initializer : str
        As in `conv_blocks`.

    Returns
    -------
    keras.Model
        31,030,658 parameters by default; maps (N, 572, 572, 1) to logits (N, 388, 388, 2).

    Raises
    ------
    ValueError
        An argument breaks its rule, or a pooling would meet an odd size: the message names the nearest legal sizes.

    References
    ----------
    Ronneberger et al. 2015, section 2 and figure 1.

    Examples
    --------
    >>> model = build_unet(base_filters=2)  # figure 1, but 32 times narrower
    >>> model.output_shape, model.count_params()
    ((None, 388, 388, 2), 30534)
    """
    input_shape = _checked_shape(input_shape, depth, padding)
    classes, base_filters = as_size(classes, "classes"), as_size(base_filters, "base_filters")
    if variant not in ("paper", "released"):
        raise ValueError(f"variant {variant!r}: must be 'paper' or 'released'")
    released = variant == "released"
    rate = as_positive((0.5 if released else 0.0) if drop_out is None else drop_out, "drop_out")
    if rate >= 1:
        raise ValueError(f"drop_out {drop_out!r}: must be below 1")

    inputs = keras.Input(input_shape, name="image")
    x, skip_connections = inputs, []
    for level in range(1, depth + 1):
        features, x = contracting_block(
            x,
            base_filters * 2 ** (level - 1),
            padding,
            initializer,
            rate if level == depth else 0.0,
            f"contract{level}",
        )
        skip_connections.append(features)
    x = conv_blocks(x, base_filters * 2**depth, padding, initializer, "bottom")
    margins = geometry.crop_margins(depth=depth, padding=padding)
    if rate:
        x = layers.Dropout(rate, name="bottom_dropout")(x)
    for level in range(depth, 0, -1):
        num_filters = base_filters * 2 ** (level - 1)
        x = expanding_block(
            x,
            skip_connections[level - 1] if skips else None,
            num_filters,
            padding,
            initializer,
            up_filters=2 * num_filters if released and level == 1 else None,
            up_activation="relu" if released else None,
            name=f"expand{level}",
            crop=margins[depth - level],
        )
    outputs = _convolution(x, classes, 1, "valid", activation, initializer, "output", dtype="float32")
    return keras.Model(inputs, outputs, name="unet")


def first_weights(model: keras.Model, seed: int = 0) -> keras.Model:
    """Draw the first weights of a built network by NumPy: the same numbers whatever computes with them.

    Each layer has a random stream of its own, made from the seed and the layer's name. So two networks share the first
    weights of the layers that they share, and a layer more or less changes no other. Biases become 0.

    Parameters
    ----------
    model : keras.Model
        Its weights are set in place, each kernel as the layer's initializer says: a Gaussian, or a scaled one of Keras
        such as "glorot_uniform" and "he_normal".
    seed : int

    Returns
    -------
    keras.Model
        The same model.

    Raises
    ------
    ValueError
        A layer has another initializer, or `seed` is not a whole number of at least 0.

    Examples
    --------
    >>> shallow, deep = (build_unet((None, None, 1), base_filters=2, depth=depth) for depth in (1, 2))
    >>> kernels = [first_weights(net).get_layer("contract1_conv1").kernel for net in (shallow, deep)]
    >>> bool((np.asarray(kernels[0]) == np.asarray(kernels[1])).all())
    True
    """
    seed = as_size(seed, "seed", minimum=0)
    for layer in model.layers:
        if layer.weights and hasattr(layer, "kernel"):
            rng = np.random.default_rng([seed, *layer.name.encode()])
            layer.set_weights([_drawn(layer, rng), *(np.zeros(weight.shape) for weight in layer.weights[1:])])
    return model


def _drawn(layer, rng):
    """A kernel as the initializer of its layer would draw it."""
    how, shape = layer.kernel_initializer, layer.kernel.shape
    if isinstance(how, keras.initializers.RandomNormal):
        return rng.normal(how.mean, how.stddev, shape)
    if not isinstance(how, keras.initializers.VarianceScaling):
        raise ValueError(
            f"layer {layer.name!r} with the initializer {type(how).__name__}: only Gaussians and those that scale the "
            "variance by the fan can be drawn by NumPy; take one of them, or leave first_weights out"
        )
    field = math.prod(shape[:-2])
    fans = {"fan_in": field * shape[-2], "fan_out": field * shape[-1], "fan_avg": field * (shape[-2] + shape[-1]) / 2}
    deviation = math.sqrt(how.scale / fans[how.mode])
    if how.distribution == "uniform":
        return rng.uniform(-math.sqrt(3) * deviation, math.sqrt(3) * deviation, shape)
    if how.distribution == "untruncated_normal":
        return rng.normal(0, deviation, shape)
    kernel = rng.normal(0, 1, shape)  # cut at two deviations; what is outside is drawn again
    while (outside := np.abs(kernel) > 2).any():
        kernel[outside] = rng.normal(0, 1, int(outside.sum()))
    return kernel * deviation / TRUNCATED


def unet_depth(model: keras.Model) -> int:
    """Number of max-poolings of a model that `build_unet` made.

    Examples
    --------
    >>> unet_depth(build_unet((None, None, 1), base_filters=2, depth=3))
    3
    """
    depth = sum(isinstance(layer, layers.MaxPooling2D) for layer in model.layers)
    if not depth or not any(layer.name == "output" for layer in model.layers):
        raise ValueError(f"model {model.name!r}: not one that build_unet makes (no pooling, or no layer 'output')")
    return depth


def unet_padding(model: keras.Model) -> str:
    """ "valid" or "same": the padding of the 3x3 convolutions of a model that `build_unet` made.

    Examples
    --------
    >>> unet_padding(build_unet((32, 32, 1), base_filters=2, depth=1, padding="same"))
    'same'
    """
    unet_depth(model)
    return model.get_layer("bottom_conv1").padding


def resize_unet(model: keras.Model, input_shape: tuple[int | None, int | None, int]) -> keras.Model:
    """The same net, sharing its weights, for another size of tile.

    Parameters
    ----------
    model : keras.Model
        From `build_unet`.
    input_shape : tuple of (int or None, int or None, int)
        As in `build_unet`; the channels must stay.

    Returns
    -------
    keras.Model
        Layers and weights are those of `model`: training one trains the other.

    Examples
    --------
    >>> model = build_unet((20, 20, 1), base_filters=2, depth=1)
    >>> larger = resize_unet(model, (100, 60, 1))
    >>> model.output_shape, larger.output_shape
    ((None, 4, 4, 2), (None, 84, 44, 2))
    >>> larger.get_layer("output") is model.get_layer("output")
    True
    """
    input_shape = _checked_shape(input_shape, unet_depth(model), unet_padding(model))
    if input_shape[-1] != model.input_shape[-1]:
        raise ValueError(f"input_shape {input_shape}: the model takes {model.input_shape[-1]} channels")
    inputs = keras.Input(input_shape, name="image")
    outputs = inputs
    made = {"image": inputs}
    for layer in model.layers[1:]:
        feeds = [made[re.sub(r":\d+$", "", tensor._keras_history.operation.name)] for tensor in _as_list(layer.input)]
        outputs = layer(feeds if len(feeds) > 1 else feeds[0])
        made[layer.name] = outputs
    return keras.Model(inputs, outputs, name=model.name)


def _crop_margins(skip_features, features, crop):
    """((top, bottom), (left, right)): what a skip connection's map has more than the map that it is joined to."""
    margins = []
    for skip_side, side in zip(skip_features.shape[1:3], features.shape[1:3]):
        if None in (skip_side, side):
            if crop is None:
                raise ValueError(
                    f"skip_features of shape {tuple(skip_features.shape)}: a side is open, so the crop is "
                    "not known; pass crop, the pixels that each end loses, from geometry.crop_margins"
                )
            crop = as_size(crop, "crop", minimum=0)
            margins.append((crop, crop))
        elif skip_side < side:
            raise ValueError(
                f"skip_features of shape {tuple(skip_features.shape)}: smaller than the up-convolution's "
                f"{tuple(features.shape)}; take the features of the same level, before the pooling"
            )
        else:
            cut = skip_side - side
            margins.append((cut // 2, cut - cut // 2))
    return tuple(margins)


def _convolution(x, filters, kernel, padding, activation, initializer, name, **options):
    fan_in = kernel * kernel * x.shape[-1]
    return layers.Conv2D(
        filters,
        kernel,
        padding=padding,
        activation=activation,
        kernel_initializer=_initializer(initializer, fan_in),
        name=name,
        **options,
    )(x)


def _initializer(initializer, fan_in):
    # Keras's own he_normal truncates the Gaussian, and counts the outgoing nodes of a transposed convolution.
    return keras.initializers.RandomNormal(stddev=math.sqrt(2 / fan_in)) if initializer == "he" else initializer


def _join(prefix, name):
    return f"{prefix}_{name}" if prefix else None


def _as_list(tensors):
    return tensors if isinstance(tensors, (list, tuple)) else [tensors]


def _checked_shape(input_shape, depth, padding):
    if not isinstance(input_shape, (tuple, list)) or len(input_shape) != 3:
        raise ValueError(f"input_shape {input_shape!r}: must be (height, width, channels)")
    for side in input_shape[:2]:
        if side is not None:
            geometry.layer_sizes(side, depth, padding)
    as_size(depth, "depth")
    return (*input_shape[:2], as_size(input_shape[2], "channels"))
