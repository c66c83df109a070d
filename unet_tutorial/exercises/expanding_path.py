"""Checks of the assignment *Expanding path*: up-convolution, crop margins, centre crop, and block and net in Keras."""

import contextlib
from functools import partial

import numpy as np

from .. import geometry
from ..rounding import rounding_bound
from . import FINE, Mistake, _probes, again, capture, check
from ._probes import build

MAPS = (((3, 4, 2), 2), ((2, 5, 3), 3), ((4, 3, 4), 2), ((3, 5, 2), 3))
SIZES = ((572, 4), (188, 4), (44, 2), (20, 1), (100, 3))
CROPS = (((10, 18, 2), 6, 10), ((15, 11, 3), 3, 7), ((12, 10, 1), 8, 2))
BLOCKS = (((6, 7, 7), (16, 22, 2), 2), ((8, 5, 5), (24, 14, 3), 3))
NETS = ((20, 1, 4, 3), (44, 2, 3, 2))


def up_convolve(function, seed=None, maps=MAPS):
    """Check `up_convolve(features, kernel)`: (H, W, C) and (2, 2, C, D) to (2 H, 2 W, D), a 2x2 block a pixel."""
    rng, right = np.random.default_rng(seed), _up_convolve
    cases = [(rng.normal(size=shape), rng.normal(size=(2, 2, shape[2], channels))) for shape, channels in again(maps)]
    mistakes = (
        Mistake(
            "the channels of the kernel are exchanged: its third axis is the input's, its fourth the output's.",
            lambda x, kernel: right(x, kernel.swapaxes(2, 3)),
        ),
        Mistake(
            "each block is turned by 180 degrees: `kernel[0, 0]` belongs to its top left pixel.",
            lambda x, kernel: right(x, kernel[::-1, ::-1]),
        ),
        Mistake(
            "rows and columns of the kernel are exchanged: its first axis runs along the rows.",
            lambda x, kernel: right(x, kernel.swapaxes(0, 1)),
        ),
        Mistake("the result is transposed: rows come first.", lambda x, kernel: right(x, kernel).swapaxes(0, 1)),
        Mistake(
            "the four pixels of a block are alike: all come from `kernel[0, 0]`, as if it was copied.",
            lambda x, kernel: right(x, np.broadcast_to(kernel[0, 0], kernel.shape)),
        ),
        Mistake(
            "a 2x2 window slides over copied pixels; that is the other reading of the paper.",
            lambda x, kernel: _overlap(x.repeat(2, 0).repeat(2, 1), kernel[::-1, ::-1])[1:, 1:],
        ),
        Mistake("the blocks overlap: with a stride of 2, the next block begins 2 pixels further.", _overlap),
        *(
            Mistake(
                "the values are right, their places are not: each pixel becomes a block of 2x2 neighbours.",
                partial(right, order=order),
            )
            for order in ("yxijd", "ijyxd", "iyjxd")
        ),
        Mistake("only the last input channel counts.", lambda x, kernel: right(x[..., -1:], kernel[:, :, -1:])),
        Mistake("negative values are set to 0; there is no ReLU here.", lambda x, kernel: right(x, kernel).clip(0)),
    )
    for same in (True, False):  # only where C = D, a kernel with its channels exchanged gives values
        check(
            function,
            right,
            [case for case in cases if (len(case[1][0, 0]) == len(case[1].T)) == same],
            mistakes if same else mistakes[1:],
            tolerance=FINE,
        )


def crop_offsets(function, cases=SIZES):
    """Check `crop_offsets(size, depth)`: pixels cut off each side of every skip connection, top level first."""

    def mistake(hint, change):
        def wrong(size, depth):
            powers = 2 ** np.arange(depth)[::-1]
            return change(12 * powers - 8, powers)

        return Mistake(hint, wrong), Mistake(
            f"the top level comes first, not the deepest; and {hint}", lambda *case: wrong(*case)[::-1]
        )

    check(
        function,
        _crop_offsets,
        list(cases),
        (
            Mistake("the top level comes first, not the deepest.", lambda *case: _crop_offsets(*case)[::-1]),
            *mistake("these are whole differences; each side gets half of one.", lambda right, powers: 2 * right),
            *mistake(
                "these are halves of the margins: two convolutions take 4 pixels, and a difference is halved once.",
                lambda right, powers: right / 2,
            ),
            *mistake(
                "these are pixels of the image; count in pixels of the map that is cropped.",
                lambda right, powers: right * powers[::-1],
            ),
            *mistake("the two convolutions at the bottom are not counted.", lambda right, powers: 8 * powers - 8),
            *mistake("there are two convolutions at the bottom, not one.", lambda right, powers: right - 2 * powers),
            *mistake(
                "only half of the convolutions above the bottom are counted: both paths have two a level.",
                lambda right, powers: 8 * powers - 4,
            ),
            *mistake("all are 2 too large; see in the task which two maps meet.", lambda right, powers: right + 2),
            *mistake("the 0 is too many: the bottom has no skip connection.", lambda right, powers: [*right, 0]),
            Mistake("nothing is cut off, as with padding; the paper has none.", lambda size, depth: [0] * depth),
        ),
        whole=True,
    )


def centre_crop(function, seed=None, cases=CROPS):
    """Check `centre_crop(skip, height, width)`: (H, W, C) to (height, width, C), the middle; differences are even."""

    def mistake(hint, start=lambda margin: margin, end=lambda start, want: start + want):
        def wrong(skip, *wants):
            starts = [start((side - want) // 2) for side, want in zip(skip.shape, wants)]
            return skip[tuple(slice(first, end(first, want)) for first, want in zip(starts, wants))]

        return Mistake(hint, wrong)

    rng = np.random.default_rng(seed)
    check(
        function,
        _centre_crop,
        [(rng.normal(size=shape), *wants) for shape, *wants in again(cases)],
        (
            mistake("this is the top left corner, not the middle.", lambda margin: 0),
            mistake("this is the bottom right corner, not the middle.", lambda margin: 2 * margin),
            mistake("the whole difference is cut off each side.", lambda margin: 2 * margin, lambda start, want: want),
            mistake("the crop begins one pixel too early.", lambda margin: margin - 1),
            mistake("the crop begins one pixel too late.", lambda margin: margin + 1),
            mistake(
                "the last row and the last column are missing: a slice ends before its second number.",
                end=lambda start, want: start + want - 1,
            ),
            mistake(
                "where nothing is to be cut off, nothing is left: a slice that ends at -0 is empty.",
                end=lambda start, want: start and start + want,
            ),
            Mistake(
                "height and width are exchanged: rows come first.",
                lambda skip, height, width: _centre_crop(skip, width, height),
            ),
            Mistake("the result is transposed: rows come first.", lambda *case: _centre_crop(*case).swapaxes(0, 1)),
            Mistake(
                "the margin of the rows is used for the columns too; the two may differ.",
                lambda skip, height, width: skip[
                    (margin := (len(skip) - height) // 2) : margin + height, margin : margin + width
                ],
            ),
        ),
        tolerance=rounding_bound(terms=1),
    )  # values are copied


def expanding_block(function, seed=0, cases=BLOCKS):
    """Check `expanding_block(x, skip, filters)`: Keras tensors, `skip` at least as large as twice `x`."""
    from ..model import expanding_block as truth, layers

    def up(x, filters, **options):
        return layers.Conv2DTranspose(filters, 2, strides=2, **options)(x)

    def begin(change=lambda margin: margin, both=lambda top, left: (top, left)):
        def fit(x, skip):
            top, left = both(*(change((side - want) // 2) for side, want in zip(skip.shape[1:3], x.shape[1:3])))
            return [x, skip[:, top : top + x.shape[1], left : left + x.shape[2]]]

        return fit

    centred = begin()

    def wrong(x, skip, filters, up=up, fit=centred, join=layers.concatenate, padding="valid", relus=(1, 1)):
        x = join(fit(up(x, filters), skip))
        for relu in relus:
            x = layers.Conv2D(filters, 3, padding=padding, activation="relu" if relu else None)(x)
        return x

    check(
        function,
        truth,
        [(*case, seed) for case in cases],
        _mistakes(
            wrong,
            {
                'the 3x3 convolutions pad ("same"); the paper\'s are unpadded ("valid").': {"padding": "same"},
                "the two maps are added; a concatenation keeps the channels of both.": {"join": layers.add},
                "the maps are joined along the rows, not along the channels.": {
                    "join": partial(layers.concatenate, axis=1)
                },
                "the maps are joined along the columns, not along the channels.": {
                    "join": partial(layers.concatenate, axis=2)
                },
                "the skip connection is not used.": {"join": lambda maps: maps[0]},
                "there is a ReLU after the up-convolution; the paper has none.": {"up": partial(up, activation="relu")},
                **{
                    f"the up-convolution {does} the channels of `x`; it must give `filters`.": {
                        "up": lambda x, filters, by=by: up(x, x.shape[3] // by)
                    }
                    for does, by in (("keeps", 1), ("halves", 2))
                },
                "the up-convolution gives twice `filters` channels; it must give `filters`.": {
                    "up": lambda x, filters: up(x, 2 * filters)
                },
                **{
                    f"`x` is upsampled ({how}), then convolved; that is the other reading.": {
                        "up": lambda x, filters, how=how: layers.Conv2D(filters, 2, padding="same")(
                            layers.UpSampling2D(interpolation=how)(x)
                        )
                    }
                    for how in ("nearest", "bilinear")
                },
                "the pixels of `x` are copied, without a convolution.": {
                    "up": lambda x, filters: layers.UpSampling2D()(x)
                },
                "`skip` is cropped to its top left corner, not to its middle.": {"fit": begin(lambda margin: 0)},
                "the crop of `skip` begins one pixel too early.": {"fit": begin(lambda margin: margin - 1)},
                "the crop of `skip` begins one pixel too late.": {"fit": begin(lambda margin: margin + 1)},
                "the crop of `skip` begins one row too early.": {"fit": begin(both=lambda top, left: (top - 1, left))},
                "the crop of `skip` begins one row too late.": {"fit": begin(both=lambda top, left: (top + 1, left))},
                "the margin of the rows is used for the columns too; the two may differ.": {
                    "fit": begin(both=lambda top, left: (top, top))
                },
                "the up-convolution has no bias.": {"up": partial(up, use_bias=False)},
                "there is one 3x3 convolution, where the paper has two.": {"relus": (1,)},
                **{
                    f"the {which} no ReLU; each 3x3 convolution is followed by one.": {"relus": relus}
                    for which, relus in (
                        ("first convolution has", (0, 1)),
                        ("second convolution has", (1, 0)),
                        ("convolutions have", (0, 0)),
                    )
                },
            },
        ),
        run=run_block,
        names=("shape of x", "shape of skip", "filters"),
    )


def build_net(function, seed=0, cases=NETS):
    """Check `build_net(size, depth, filters, classes, contracting, expanding)`: the whole U of the blocks passed in."""
    from ..model import contracting_block, expanding_block as paper

    cases = [(*case, _probes.contracting, _probes.expanding, seed) for case in cases]
    check(
        function,
        _build_net,
        cases,
        _mistakes(
            _build_net,
            {
                **{
                    f"{which} not called; others are in {place}.": own
                    for which, place, own in (
                        ("the blocks that are passed in are", "their places", {"down": contracting_block, "up": paper}),
                        ("`contracting`, which is passed in, is", "its place", {"down": contracting_block}),
                        ("`expanding`, which is passed in, is", "its place", {"up": paper}),
                    )
                },
                "the filters are not doubled from level to level.": {"width": lambda filters, level, depth: filters},
                "at the bottom the filters are not doubled once more.": {
                    "width": lambda filters, level, depth: filters * 2 ** min(level, depth - 1)
                },
                "on the way up, each block gets the filters of the level below it.": {"shift": 1},
                "the skip connections are joined in the wrong order: on the way up the deepest comes first.": {
                    "skips": iter
                },
                "on the way up, the filters come in the wrong order: the deepest level has most.": {"widths": iter},
                "the way up begins with the top level; it must begin with the deepest.": {
                    "skips": iter,
                    "widths": iter,
                },
                "the pooled map is used as the skip connection; the features are.": {"skip": 1},
                "the two results of `contracting` are exchanged: the features come first.": {"skip": 1, "on": 0},
                "the next level gets the features; it must get the pooled map.": {"on": 0},
                "the two convolutions at the bottom are missing.": {"bottom": ()},
                "there is one convolution at the bottom, where the paper has two.": {"bottom": (1,)},
                "the convolutions at the bottom have no ReLU.": {"bottom": (0, 0)},
                "the first convolution at the bottom has no ReLU.": {"bottom": (0, 1)},
                "the second convolution at the bottom has no ReLU.": {"bottom": (1, 0)},
                "the convolutions at the bottom pad; the paper's are unpadded.": {"padding": "same"},
                "the 1x1 convolution at the end is missing.": {"last": 0},
                "the convolution at the end is 3x3; the paper's is 1x1.": {"last": 3},
                **{
                    f"the net ends with a {name}; the last convolution must have no activation.": {"activation": name}
                    for name in ("softmax", "sigmoid", "relu")
                },
                "there is one level too few.": {"more": -1},
                "there is one level too many.": {"more": 1},
            },
        ),
        run=run_net,
        names=("size", "depth", "filters", "classes"),
    )


def run_block(block, shape, skip_shape, filters, seed):
    """Build a block on inputs of two shapes and apply it, with random weights, to random maps."""
    shapes = [shape, skip_shape]
    return capture(lambda: _outcome(build(block, shapes, filters), shapes, seed))


def run_net(function, size, *rest):
    """Build a net from all arguments but the last, the seed, and apply it, with random weights, to random images."""
    return capture(lambda: _outcome(build(function, [], size, *rest[:-1]), [(size, size, 1)], rest[-1]))


def _outcome(network, shapes, seed):
    """Number of weights, and output for random weights under which the order of layers or a concatenation is free.

    Weights of one shape are alike (a 1x1 convolution and a dense layer too), and so is a wide kernel for all input
    channels. Its small mean keeps every ReLU busy.
    """
    if network is None:
        return None
    about = network.about()
    if about["outputs"] != 1:
        raise TypeError(f"expected one output, came {about['outputs']}")

    def random(shape):
        return np.random.default_rng([*np.ravel(seed), *shape]).normal(size=shape).astype(np.float32)

    weights = []
    for _, shape in about["weights"]:
        value = random([side for side in shape if side > 1]).reshape(shape) / 2
        if value.ndim == 4 and len(value) > 2:
            value = 3.6 / len(value) * (value - 0.8 * value.mean((0, 1)))[:, :, :1] / value.shape[2] ** 0.5
        weights.append(np.broadcast_to(value, shape))
    network.set_weights(weights)
    (out,) = network.apply([random((2, *shape)) for shape in shapes])
    return {"number of weights": about["count"], "output": out}


def _mistakes(wrong, table):
    """A mistake that cannot be made on some input raises what no student's code does, so that it explains no error."""

    def made(options, *case):
        with contextlib.suppress(Exception):
            return wrong(*case, **options)
        raise BufferError

    return [Mistake(hint, partial(made, options)) for hint, options in table.items()]


def _build_net(
    size,
    depth,
    filters,
    classes,
    contracting,
    expanding,
    width=None,
    shift=0,
    skips=reversed,
    widths=reversed,
    skip=0,
    on=1,
    bottom=(1, 1),
    padding="valid",
    last=1,
    more=0,
    activation=None,
    down=None,
    up=None,
):
    from ..model import keras, layers

    contracting, expanding = down or contracting, up or expanding

    width = width or (lambda filters, level, depth: filters * 2**level)
    levels, kept = range(depth + more), []
    x = inputs = keras.Input((size, size, 1))
    for level in levels:
        results = contracting(x, width(filters, level, depth))
        kept.append(results[skip])
        x = results[on]
    for relu in bottom:
        x = layers.Conv2D(width(filters, depth + more, depth), 3, padding=padding)(x)
        x = layers.ReLU()(x) if relu else x
    for level, wide in zip(skips(levels), widths(levels)):
        x = expanding(x, kept[level], width(filters, wide + shift, depth))
    return keras.Model(inputs, layers.Conv2D(classes, last, activation=activation)(x) if last else x)


def _up_convolve(features, kernel, order="yixjd"):
    values = np.einsum(f"yxc,ijcd->{order}", features, kernel)
    return values.reshape(2 * features.shape[0], 2 * features.shape[1], kernel.shape[3])


def _overlap(features, kernel):
    return sum(np.pad(features @ kernel[i, j], ((i, 1 - i), (j, 1 - j), (0, 0))) for i, j in np.ndindex(2, 2))


def _crop_offsets(size, depth):
    return geometry.crop_margins(size, depth)[::-1]


def _centre_crop(skip, height, width):
    top, left = ((side - want) // 2 for side, want in zip(skip.shape, (height, width)))
    return skip[top : top + height, left : left + width]
