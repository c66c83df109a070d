"""Checks of the assignment *Contracting path*: valid convolution, max-pooling, sizes, and the block in Keras."""

import functools

import numpy as np

from .. import geometry
from ..rounding import largest_difference, rounding_bound
from . import FINE, Mistake, again, capture, check, random_weights, refuses
from ._probes import build

IMAGES = ((7, 7), (9, 6), (5, 8))
KERNELS = ((3, 3), (2, 3), (1, 1))
MAPS = ((4, 4, 1), (6, 4, 3), (2, 8, 2))
SIZES = ((572, 4), (188, 4), (44, 2), (22, 1), (236, 3))
RANGES = ((180, 260, 4), (1, 60, 2), (188, 204, 4), (100, 130, 3), (15, 30, 1))
BLOCKS = (((12, 12, 1), 3), ((10, 14, 2), 4))


def convolve(function, seed=None, images=IMAGES, kernels=KERNELS, whole=False):
    """Check `convolve(image, kernel)`: (H, W) and (h, w) to (H - h + 1, W - w + 1), the valid part, no kernel flip.

    With `whole`, the image, the kernel or both hold integers, small ones too.
    """
    rng = np.random.default_rng(seed)
    cases = [(rng.normal(size=image), rng.normal(size=kernel)) for image, kernel in again(zip(images, kernels))]
    small = [tuple(rng.integers(100, 256, one.shape).astype("uint8") for one in case) for case in cases[:2]]
    large = [tuple(rng.integers(-(2**15), 2**15, one.shape).astype("int32") for one in case) for case in cases[:1]]
    if whole:
        kinds = ("int64", "uint8", "int16") * len(cases)
        cases = [(_rounded(image, kind), kernel) for (image, kernel), kind in zip(cases, kinds)] + [
            (image, _rounded(kernel, kind)) for (image, kernel), kind in zip(cases, kinds)
        ]
    mistakes = (
        Mistake(
            "the kernel is turned by 180 degrees, as in a mathematical convolution; a network's layer does not "
            "turn it.",
            lambda image, kernel: _convolve(image, kernel[::-1, ::-1]),
        ),
        Mistake(
            "the image is padded with zeros, so that it keeps its size; the paper takes only the valid part, where "
            "the whole kernel lies on the image.",
            _convolve_same,
        ),
        Mistake(
            "the last row and the last column are missing: a kernel of side k fits in n - k + 1 places, not n - k.",
            lambda image, kernel: _convolve(image, kernel)[:-1, :-1],
        ),
        Mistake(
            "the result is transposed: rows come first, columns second.",
            lambda image, kernel: _convolve(image, kernel).T,
        ),
        Mistake(
            "the kernel is transposed: its first axis runs along the rows of the image.",
            lambda image, kernel: _convolve(image, kernel.T),
        ),
        Mistake(
            "image and kernel hold small integers (uint8, int32); products and sums are too large for that type.",
            _convolve_wrapped,
        ),
        Mistake("the products are averaged, not added.", lambda image, kernel: _convolve(image, kernel) / kernel.size),
        *(
            Mistake(
                f"the result has the type of the {name}: where that holds integers, decimals are cut off.",
                functools.partial(_convolve_as, which),
            )
            for which, name in enumerate(("image", "kernel"))
        ),
    )
    check(function, _convolve, cases, mistakes, tolerance=FINE)
    if whole:  # by themselves, so that a mistake in one type is named
        check(function, _convolve, small + large, mistakes, tolerance=FINE)


def _rounded(values, kind):
    return np.rint(9 * (np.abs(values) if kind.startswith("u") else values)).astype(kind)


def max_pool(function, seed=None, shapes=MAPS):
    """Check `max_pool(features)`: (H, W, C) to (H / 2, W / 2, C), the largest of each 2x2 window of each channel."""
    rng = np.random.default_rng(seed)
    check(
        function,
        _max_pool,
        [(rng.normal(size=shape) - 2,) for shape in again(shapes)],
        (
            Mistake(
                "the mean of each window is taken, not its maximum.", lambda features: _windows(features).mean((1, 3))
            ),
            Mistake(
                "the windows overlap: they must move by 2 pixels, not by 1.",
                lambda features: np.max(
                    [
                        features[i : len(features) - 1 + i, j : features.shape[1] - 1 + j]
                        for i in (0, 1)
                        for j in (0, 1)
                    ],
                    0,
                ),
            ),
            Mistake(
                "every second pixel is taken without a look at its neighbours.", lambda features: features[::2, ::2]
            ),
            Mistake(
                "the maximum runs over the channels too; each channel is pooled for itself.",
                lambda features: np.broadcast_to(_max_pool(features).max(-1, keepdims=True), _max_pool(features).shape),
            ),
            Mistake(
                "the maximum starts at 0, so that negative values are lost.",
                lambda features: np.maximum(_max_pool(features), 0),
            ),
            Mistake(
                "the result is transposed: rows come first, columns second.",
                lambda features: _max_pool(features).transpose(1, 0, 2),
            ),
        ),
        tolerance=FINE,
    )


def max_pool_refuses(function, shapes=((5, 4, 1), (4, 7, 2), (5, 9, 1))):
    """Check that `max_pool` raises a ValueError where a side is odd."""
    refuses(
        function,
        "max_pool",
        [(np.zeros(shape),) for shape in shapes],
        "a side of the map is odd and a window would hang over the edge",
        told=lambda features: [side for side in features.shape[:2] if side % 2],
    )


def path_sizes(function, cases=SIZES):
    """Check `path_sizes(size, depth)`: the side of every map of the contracting path, input first."""

    def walks(hint, change=lambda sizes: sizes, **options):
        return [
            Mistake(hint, lambda size, depth, strict=strict: change(_walk(size, depth, strict=strict, **options)))
            for strict in (True, False)
        ]

    check(
        function,
        _path_sizes,
        list(cases),
        (
            *walks(
                "each level loses 2 pixels here; two unpadded 3x3 convolutions cost 2 each, 4 together.", convolutions=1
            ),
            *walks("the convolutions keep the size here, as with padding; the paper's are unpadded.", loss=0),
            *walks("a convolution takes one pixel off each end of a side, so 2 in all, not 1.", loss=1),
            *walks(
                "the two convolutions at the bottom, after the last pooling, are missing.", lambda sizes: sizes[:-2]
            ),
            *walks(
                "there is one pooling too many: a path of depth d has d poolings.",
                lambda sizes: [*sizes, sizes[-1] // 2],
            ),
            *walks("the input itself is missing from the list.", lambda sizes: sizes[1:]),
        ),
        whole=True,
    )


def path_sizes_refuses(function, cases=((570, 4), (46, 2), (23, 1))):
    """Check that `path_sizes` raises a ValueError where a pooling would meet an odd side."""
    refuses(function, "path_sizes", list(cases), "a pooling would meet an odd side")


def legal_inputs(function, cases=RANGES):
    """Check `legal_inputs(first, last, depth)`: every legal side from `first` to `last`, both included."""

    def without(last_too=True, step=None, smallest=True):
        def wrong(first, last, depth):
            sizes = range(first, last + last_too)
            if step == "multiple":
                return [size for size in sizes if size % 2**depth == 0]
            lowest = _legal_inputs(1, 1000, depth)[0] if smallest else 1
            return [
                size for size in sizes if size >= lowest and (size - _legal_inputs(1, 1000, depth)[0]) % 2**depth == 0
            ]

        return wrong

    check(
        function,
        _legal_inputs,
        list(cases),
        (
            Mistake("`last` itself is left out.", without(last_too=False)),
            Mistake(
                "these are the multiples of 2 ** depth; the convolutions between the poolings shift the legal sizes.",
                without(step="multiple"),
            ),
            Mistake(
                "the list begins at `first`, also where that side is not legal.",
                lambda first, last, depth: list(
                    range(max(first, _legal_inputs(1, 1000, depth)[0]), last + 1, 2**depth)
                ),
            ),
            Mistake(
                "the smallest output is not 4 px at every depth.",
                lambda *case: [size for size in without(smallest=False)(*case) if size >= 12 * 2 ** case[2] - 4],
            ),
            Mistake(
                "some of these are too small: no pixel would be left at the end of the U.", without(smallest=False)
            ),
        ),
        whole=True,
    )


def contracting_block(function, seed=0, cases=BLOCKS):
    """Check `contracting_block(x, filters)`: a Keras tensor to (features, pooled), the skip connection first."""
    from .. import model

    layers = model.layers

    def built(
        x,
        filters,
        padding="valid",
        count=2,
        last="relu",
        pool=layers.MaxPooling2D,
        kernel=3,
        normalize=False,
        bias=True,
        drop=None,
    ):
        for number in range(count):
            x = layers.Conv2D(filters, kernel, padding=padding, use_bias=bias)(x)
            x = layers.BatchNormalization()(x) if normalize else x
            x = layers.Dropout(0.5)(x) if drop == number else x
            x = layers.Activation("relu" if number < count - 1 else last)(x)
        return x, pool(2)(x)

    check(
        function,
        model.contracting_block,
        [(*case, seed) for case in cases],
        (
            Mistake(
                'the convolutions pad ("same"); the paper\'s are unpadded ("valid").',
                functools.partial(built, padding="same"),
            ),
            Mistake(
                "the two results are swapped: the skip connection comes first, then the pooled map.",
                lambda x, filters: built(x, filters)[::-1],
            ),
            Mistake(
                "the skip connection is taken after the pooling; it must be taken before, at full size.",
                lambda x, filters: (built(x, filters)[1],) * 2,
            ),
            Mistake("there is one convolution, where the paper has two.", functools.partial(built, count=1)),
            Mistake("there are three convolutions, where the paper has two.", functools.partial(built, count=3)),
            Mistake(
                "the second convolution has no ReLU; each convolution is followed by one.",
                functools.partial(built, last=None),
            ),
            Mistake("there is a batch normalization; the paper has none.", functools.partial(built, normalize=True)),
            Mistake("the convolutions have no bias.", functools.partial(built, bias=False)),
            *(
                Mistake("there is a drop-out; this block has none.", functools.partial(built, drop=drop))
                for drop in (0, 1)
            ),
            Mistake(
                "the mean of each window is pooled, not its maximum.",
                functools.partial(built, pool=layers.AveragePooling2D),
            ),
            Mistake("the convolutions are 5x5; the paper's are 3x3.", functools.partial(built, kernel=5)),
        ),
        run=run_block,
        names=("input shape", "filters"),
    )


def run_block(block, shape, filters, seed):
    """Build a block on an input of a shape and apply it, with random weights, to a random image."""

    def whole():
        network, rng = build(block, [shape], filters), np.random.default_rng(seed)
        if network is None:
            return None
        about = network.about()
        if not about["several"] or about["outputs"] != 2:
            raise TypeError("the block must return two tensors, features and pooled")
        network.set_weights(random_weights(about["weights"], rng))
        images = rng.normal(size=(2, *shape)).astype(np.float32)
        (features, pooled), trained = network.apply([images]), network.apply([images], training=True)
        bound = rounding_bound(2 * 9 * max(shape[-1], filters), features)  # two convolutions of 3x3
        alike = features.shape == trained[0].shape and largest_difference(features, trained[0]) <= bound
        return {
            "number of weights": about["count"],
            "features": features,
            "pooled": pooled,
            "same in training and in use": bool(alike),
        }

    return capture(whole)


def _convolve(image, kernel, dtype=np.float64):
    windows = np.lib.stride_tricks.sliding_window_view(np.asarray(image, dtype), kernel.shape)
    return np.einsum("yxij,ij->yx", windows, np.asarray(kernel, dtype))


def _convolve_wrapped(image, kernel):
    return _convolve(image, kernel, np.result_type(image, kernel))


def _convolve_same(image, kernel):
    before = [(side - 1) // 2 for side in kernel.shape]
    return _convolve(np.pad(image, [(b, side - 1 - b) for b, side in zip(before, kernel.shape)]), kernel)


def _convolve_as(which, *case):
    result, kind = _convolve(*case), case[which].dtype
    return result if kind.kind == "f" else np.trunc(result).astype(np.int64).astype(kind)  # below 0, uint8 wraps


def _windows(features):
    height, width, channels = features.shape
    return features.reshape(height // 2, 2, width // 2, 2, channels)


def _max_pool(features):
    return _windows(features).max((1, 3))


def _walk(size, depth, convolutions=2, loss=2, strict=True):
    sizes = [size]
    for level in range(depth + 1):
        if level:
            if strict and sizes[-1] % 2:
                raise ValueError("odd")
            sizes.append(sizes[-1] // 2)
        for _ in range(convolutions):
            sizes.append(sizes[-1] - loss)
    return sizes


def _path_sizes(size, depth):
    return _walk(size, depth)


def _legal_inputs(first, last, depth):
    return geometry.legal_input_sizes(first, last, depth)
