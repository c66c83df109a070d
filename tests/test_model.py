"""The net against figure 1 and against loops written by hand."""

import functools
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from gradients import value_and_gradients

from unet_tutorial._backend import keras
from unet_tutorial.model import (
    build_unet,
    contracting_block,
    conv_blocks,
    expanding_block,
    first_weights,
    resize_unet,
    unet_depth,
    unet_padding,
)
from unet_tutorial.rounding import assert_agree, largest_difference, longest_sum, rounding_bound

layers = keras.layers


def is_convolution(layer):
    return isinstance(layer, (layers.Conv2D, layers.Conv2DTranspose))


def feeds(layer):
    """Names of the layers that a layer takes its input from."""
    tensors = layer.input if isinstance(layer.input, (list, tuple)) else [layer.input]
    return [tensor._keras_history.operation.name for tensor in tensors]


def shuffle_weights(model, seed=0):
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(0, 0.4, weight.shape) for weight in model.get_weights()])


def draw(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


# The paper's net


@pytest.fixture(scope="module")
def paper():
    return build_unet()


def test_the_paper_s_net(paper):
    assert paper.count_params() == 31_030_658
    assert paper.input_shape == (None, 572, 572, 1) and paper.output_shape == (None, 388, 388, 2)
    convolutions = [layer for layer in paper.layers if is_convolution(layer)]
    assert len(convolutions) == 23
    assert [layer.filters for layer in convolutions] == [
        64,
        64,
        128,
        128,
        256,
        256,
        512,
        512,
        1024,
        1024,
        512,
        512,
        512,
        256,
        256,
        256,
        128,
        128,
        128,
        64,
        64,
        64,
        2,
    ]
    assert [layer.kernel_size[0] for layer in convolutions] == 10 * [3] + 4 * [2, 3, 3] + [1]
    assert [layer.activation.__name__ for layer in convolutions] == (
        10 * ["relu"] + 4 * ["linear", "relu", "relu"] + ["linear"]
    )
    assert {layer.padding for layer in convolutions} == {"valid"}
    assert not [layer for layer in paper.layers if isinstance(layer, layers.Dropout)]
    assert unet_depth(paper) == 4 and unet_padding(paper) == "valid"


def test_every_kernel_is_gaussian_of_deviation_sqrt_2_over_n(paper):
    for layer in paper.layers:
        if not is_convolution(layer):
            continue
        kernel = np.asarray(layer.kernel)
        channels_in = layer.input.shape[-1]
        incoming = channels_in if isinstance(layer, layers.Conv2DTranspose) else channels_in * layer.kernel_size[0] ** 2
        expected = math.sqrt(2 / incoming)
        assert abs(kernel.std() / expected - 1) < 5 / math.sqrt(2 * kernel.size), layer.name
        assert abs(kernel.mean()) < 5 * expected / math.sqrt(kernel.size), layer.name
        if kernel.size > 10_000:  # Keras's he_normal ends at 2.27 deviations
            assert np.abs(kernel).max() > 3.2 * expected, layer.name
        assert not np.asarray(layer.bias).any()


def test_neuron_counts_of_the_paper(paper):
    """3x3 over 64 channels has N = 576; a neuron of the first up-convolution hears 1024 nodes."""
    deviation = {layer.name: layer.kernel_initializer.stddev for layer in paper.layers if is_convolution(layer)}
    assert deviation["contract1_conv1"] == math.sqrt(2 / 9) and deviation["contract1_conv2"] == math.sqrt(2 / 576)
    assert deviation["expand4_up"] == math.sqrt(2 / 1024) and deviation["expand4_conv1"] == math.sqrt(2 / 9216)
    assert deviation["output"] == math.sqrt(2 / 64)


def test_copy_and_crop_of_figure_1(paper):
    for level, before, after in ((4, 64, 56), (3, 136, 104), (2, 280, 200), (1, 568, 392)):
        crop, concat = paper.get_layer(f"expand{level}_crop"), paper.get_layer(f"expand{level}_concat")
        assert feeds(crop) == [f"contract{level}_conv2"]
        assert feeds(concat) == [f"expand{level}_up", f"expand{level}_crop"]  # up first, skip second
        assert crop.input.shape[1:3] == (before, before) and crop.output.shape[1:3] == (after, after)
        assert feeds(paper.get_layer(f"expand{level}_conv1")) == [f"expand{level}_concat"]
        assert feeds(paper.get_layer(f"contract{level}_pool")) == [f"contract{level}_conv2"]


def test_the_common_variant_with_same_padding():
    model = build_unet((512, 512, 3), classes=1, padding="same", activation="sigmoid", initializer="zeros")
    assert model.count_params() == 31_031_745
    assert model.output_shape == (None, 512, 512, 1) and unet_padding(model) == "same"
    assert not [layer for layer in model.layers if isinstance(layer, layers.Cropping2D)]
    assert model.get_layer("output").activation.__name__ == "sigmoid"


def test_the_released_net():
    model = build_unet(variant="released", initializer="zeros")
    assert model.count_params() == 31_100_354
    ups = [layer for layer in model.layers if isinstance(layer, layers.Conv2DTranspose)]
    assert [layer.filters for layer in ups] == [512, 256, 128, 128]
    assert [layer.activation.__name__ for layer in ups] == 4 * ["relu"]
    assert [layer.filters for layer in model.layers if isinstance(layer, layers.Conv2D)][-3:] == [64, 64, 2]
    drop_outs = {layer.name: layer.rate for layer in model.layers if isinstance(layer, layers.Dropout)}
    assert drop_outs == {"contract4_dropout": 0.5, "bottom_dropout": 0.5}
    assert feeds(model.get_layer("contract4_dropout")) == ["contract4_conv2"]
    assert feeds(model.get_layer("contract4_pool")) == ["contract4_dropout"]
    assert feeds(model.get_layer("expand4_crop")) == ["contract4_dropout"]  # in place: the skip carries it too
    assert feeds(model.get_layer("bottom_dropout")) == ["bottom_conv2"]
    assert feeds(model.get_layer("expand4_up")) == ["bottom_dropout"]


@pytest.mark.parametrize(
    "variant, drop_out, rates",
    [
        ("paper", None, []),
        ("paper", 0.25, [0.25, 0.25]),
        ("released", None, [0.5, 0.5]),
        ("released", 0, []),
        ("released", 0.999, [0.999, 0.999]),
    ],
)
def test_drop_out_of_both_variants(variant, drop_out, rates):
    model = build_unet((20, 20, 1), 2, 1, 1, variant=variant, drop_out=drop_out)
    assert [layer.rate for layer in model.layers if isinstance(layer, layers.Dropout)] == rates


def test_without_skips():
    model = build_unet((60, 60, 1), 2, 3, 2, skips=False)
    assert not [layer for layer in model.layers if isinstance(layer, (layers.Concatenate, layers.Cropping2D))]
    assert model.output_shape == (None, 20, 20, 2)
    assert [model.get_layer(f"expand{level}_conv1").kernel.shape for level in (2, 1)] == [(3, 3, 6, 6), (3, 3, 3, 3)]


def test_options_reach_every_layer():
    model = build_unet(
        (44, 60, 2), classes=5, base_filters=3, depth=2, activation="softmax", initializer="glorot_uniform"
    )
    assert model.output_shape == (None, 4, 20, 5)
    convolutions = [layer for layer in model.layers if is_convolution(layer)]
    assert [layer.filters for layer in convolutions] == [3, 3, 6, 6, 12, 12, 6, 6, 6, 3, 3, 3, 5]
    assert {type(layer.kernel_initializer).__name__ for layer in convolutions} == {"GlorotUniform"}
    assert convolutions[-1].activation.__name__ == "softmax"
    assert unet_depth(model) == 2
    assert {layer.strides for layer in convolutions} == {(1, 1), (2, 2)}


def test_layers_start_from_different_draws_and_a_seed_repeats_them():
    def kernels():
        keras.utils.set_random_seed(3)
        model = build_unet((20, 20, 4), 2, 4, 1)
        return [np.asarray(model.get_layer(name).kernel) for name in ("contract1_conv1", "contract1_conv2")]

    (first, second), (again, _) = kernels(), kernels()
    assert first.shape == second.shape and np.abs(first - second).max() > 0.1
    np.testing.assert_array_equal(first, again)


# The blocks against loops


def convolve(image, kernel, bias):
    """Valid 3x3 convolution (cross-correlation) with ReLU, pixel by pixel."""
    height, width = image.shape[0] - 2, image.shape[1] - 2
    result = np.zeros((height, width, kernel.shape[-1]))
    for row in range(height):
        for column in range(width):
            for channel in range(kernel.shape[-1]):
                patch = image[row : row + 3, column : column + 3]
                result[row, column, channel] = max(0, (patch * kernel[..., channel]).sum() + bias[channel])
    return result


def pool(image):
    return np.array(
        [
            [image[row : row + 2, column : column + 2].max(axis=(0, 1)) for column in range(0, image.shape[1], 2)]
            for row in range(0, image.shape[0], 2)
        ]
    )


def up_convolve(image, kernel, bias):
    """Every pixel becomes 2x2 pixels; the kernel's axes are row, column, channel out, channel in."""
    result = np.zeros((2 * image.shape[0], 2 * image.shape[1], kernel.shape[2]))
    for row in range(result.shape[0]):
        for column in range(result.shape[1]):
            result[row, column] = kernel[row % 2, column % 2] @ image[row // 2, column // 2] + bias
    return result


def pad(image):
    return np.pad(image, ((1, 1), (1, 1), (0, 0)))


def run(inputs, outputs, *arrays):
    """Shuffle the weights of a block, run it, and return its outputs and weights as arrays."""
    model = keras.Model(inputs, outputs)
    shuffle_weights(model)
    fed = [array[np.newaxis] for array in arrays]
    results = model(fed if len(fed) > 1 else fed[0])
    results = results if isinstance(results, (list, tuple)) else [results]
    return [np.asarray(result[0]) for result in results], model.get_weights()


@pytest.mark.rounding
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_contracting_block_equals_loops(padding):
    image = draw(10, 8, 2)
    inputs = keras.Input(image.shape)
    around = pad if padding == "same" else lambda x: x
    (features, pooled), weights = run(inputs, contracting_block(inputs, 3, padding), image)
    terms = 2 * 9 * 3  # two layers, three channels in the second
    expected = convolve(around(convolve(around(image), *weights[:2])), *weights[2:])
    assert_agree(features, expected, terms)
    assert_agree(pooled, pool(expected), terms)
    swapped = convolve(around(convolve(around(image), weights[0].swapaxes(0, 1), weights[1])), *weights[2:])
    assert largest_difference(features, swapped) > 10 * rounding_bound(terms, expected)
    assert largest_difference(pooled, pool(np.roll(expected, 1, axis=1))) > 10 * rounding_bound(terms, expected)
    (result,), weights = run(inputs, conv_blocks(inputs, 3, padding), image)
    assert_agree(result, expected, terms)
    assert contracting_block(inputs, 3)[0].shape == conv_blocks(inputs, 3).shape == (None, 6, 4, 3)


@pytest.mark.rounding
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("skip_shape", [(12, 10, 2), (8, 6, 2), (9, 8, 5)])
@pytest.mark.parametrize("options", [{}, dict(up_filters=2, up_activation="relu")])
def test_expanding_block_equals_loops(padding, skip_shape, options):
    below, skip = draw(4, 3, 4), draw(*skip_shape, seed=2)
    inputs, skip_inputs = keras.Input(below.shape), keras.Input(skip.shape)
    around = pad if padding == "same" else lambda x: x
    block = expanding_block(inputs, skip_inputs, 3, padding, **options)
    (result,), weights = run([inputs, skip_inputs], block, below, skip)
    up = up_convolve(below, *weights[:2])
    assert up.shape == (8, 6, options.get("up_filters", 3))
    if options:
        up = np.maximum(up, 0)
    top, left = (skip.shape[0] - 8) // 2, (skip.shape[1] - 6) // 2
    cropped = skip[top : top + 8, left : left + 6]

    def joined_and_convolved(up, cropped):
        joined = np.concatenate([up, cropped], axis=-1)
        return convolve(around(convolve(around(joined), *weights[2:4])), *weights[4:])

    terms, expected = 3 * 9 * (up.shape[-1] + skip.shape[-1]), joined_and_convolved(up, cropped)
    assert_agree(result, expected, terms)
    turned = up_convolve(below, weights[0].swapaxes(0, 1), weights[1])
    for wrong in ((up, np.roll(cropped, 1, axis=0)), (up, np.roll(cropped, 1, axis=1)), (turned, cropped)):
        assert largest_difference(result, joined_and_convolved(*wrong)) > 10 * rounding_bound(terms, expected)


def test_expanding_block_without_skip_equals_loops():
    below = draw(4, 3, 4)
    inputs = keras.Input(below.shape)
    (result,), weights = run(inputs, expanding_block(inputs, None, 2), below)
    expected = convolve(convolve(up_convolve(below, *weights[:2]), *weights[2:4]), *weights[4:])
    assert_agree(result, expected, terms=3 * 9 * 2)


@pytest.mark.backends
@pytest.mark.rounding
def test_the_whole_net_equals_loops():
    model = build_unet((20, 18, 2), classes=3, base_filters=2, depth=1, activation="sigmoid")
    shuffle_weights(model)
    image, weights = draw(20, 18, 2), model.get_weights()
    skip = convolve(convolve(image, *weights[0:2]), *weights[2:4])
    bottom = convolve(convolve(pool(skip), *weights[4:6]), *weights[6:8])
    found = model(image[np.newaxis])[0]
    for cropped, right in ((skip[4:-4, 4:-4], True), (skip[3:-5, 4:-4], False), (skip[4:-4, 5:-3], False)):
        joined = np.concatenate([up_convolve(bottom, *weights[8:10]), cropped], axis=-1)
        logits = convolve(convolve(joined, *weights[10:12]), *weights[12:14]) @ weights[14][0, 0] + weights[15]
        bound = rounding_bound(longest_sum(model), logits)  # a probability is no steeper than its logit
        difference = largest_difference(found, 1 / (1 + np.exp(-logits)))
        assert difference < bound if right else difference > 10 * bound


def centre_crop(image, height, width):
    """The middle of an (H, W, C) array; where the difference is odd, the far side loses one pixel more."""
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]


@pytest.mark.parametrize(
    "skip, side",
    [
        ((64, 10), (56, 6)),
        ((10, 136), (6, 104)),
        ((280, 204), (200, 196)),
        ((568, 8), (392, 8)),
        ((7, 9), (4, 4)),
        ((6, 9), (6, 4)),
    ],
)
def test_the_crop_is_the_middle_to_the_pixel(skip, side):
    inputs, skip_inputs = keras.Input((side[0] // 2, side[1] // 2, 1)), keras.Input((*skip, 3))
    block = keras.Model([inputs, skip_inputs], expanding_block(inputs, skip_inputs, 1, "same", name="block"))
    image = draw(*skip, 3)
    cropped = block.get_layer("block_crop")(image[np.newaxis])[0]
    np.testing.assert_array_equal(cropped, centre_crop(image, *side))


@pytest.mark.parametrize("sides", [(None, None), (None, 108), (108, None)])
@pytest.mark.parametrize("depth", [1, 3])
def test_with_open_sides_the_crop_is_the_middle_too(depth, sides):
    model = build_unet((*sides, 1), 2, 1, depth)
    image = draw(1, 124 if sides[0] is None else 108, 132 if sides[1] is None else 108, 1)
    for level in range(depth, 0, -1):
        crop, up = model.get_layer(f"expand{level}_crop"), model.get_layer(f"expand{level}_up")
        before, after, joined = keras.Model(model.input, [crop.input, crop.output, up.output])(image)
        np.testing.assert_array_equal(after[0], centre_crop(np.asarray(before[0]), *joined.shape[1:3]))
        assert after.shape[1:3] == joined.shape[1:3] and before.shape[1] > after.shape[1]


def test_blocks_name_their_layers():
    inputs = keras.Input((12, 12, 1))
    features, pooled = contracting_block(inputs, 2, name="down", drop_out=0.1)
    expanded = expanding_block(pooled, features, 2, name="up")
    names = [layer.name for layer in keras.Model(inputs, expanded).layers[1:]]
    assert sorted(names) == [
        "down_conv1",
        "down_conv2",
        "down_dropout",
        "down_pool",
        "up_concat",
        "up_conv1",
        "up_conv2",
        "up_up",
    ]
    assert expanding_block(pooled, features, 2).shape == (None, 4, 4, 2)


def test_every_weight_reaches_the_output():
    for options in (dict(), dict(variant="released"), dict(skips=False), dict(padding="same")):
        side = 64 if options.get("padding") == "same" else 60
        model = build_unet((side, side, 1), 2, 4, 2, **options)
        image = draw(1, side, side, 1)
        loss = functools.partial(lambda net, image: keras.ops.sum(net(image) ** 2), model, image)
        _, gradients = value_and_gradients(loss, model.trainable_variables)
        assert all(np.abs(gradient).max() > 0 for gradient in gradients)


# Open sides, other sizes, saving, mixed precision


@pytest.mark.rounding
@pytest.mark.parametrize(
    "padding, options", [("valid", {}), ("valid", dict(variant="released")), ("valid", dict(skips=False)), ("same", {})]
)
def test_resized_nets_share_their_weights(padding, options):
    fixed, open_shape = ((60, 44), (None, None)) if padding == "valid" else ((16, 24), (None, None))
    model = build_unet((*open_shape, 1), 2, 2, 2, padding, **options)
    resized = resize_unet(model, (*fixed, 1))
    again = resize_unet(resized, [*fixed, 1])
    shuffle_weights(model)
    assert resized.input_shape == (None, *fixed, 1) and resized.name == model.name
    assert [a is b for a, b in zip(resized.weights, model.weights)] == [True] * len(model.weights)
    image = draw(2, *fixed, 1)
    for other in (resized, again, resize_unet(again, (None, fixed[1], 1))):
        assert_agree(other(image), model(image), longest_sum(model))
    assert resized.output_shape[1:3] == ((20, 4) if padding == "valid" else fixed)
    assert unet_depth(resized) == 2 and unet_padding(resized) == padding
    assert [layer.name for layer in resized.layers] == [layer.name for layer in model.layers]


@pytest.mark.rounding
def test_a_larger_tile_sees_the_same():
    model = build_unet((44, 44, 1), 2, 2, 2)
    shuffle_weights(model)
    image = draw(1, 52, 60, 1)
    large = resize_unet(model, image.shape[1:])(image)
    small = model(image[:, 4:48, 8:52])
    assert_agree(large[:, 4:8, 8:12], small, longest_sum(model))
    for off in (large[:, 5:9, 8:12], large[:, 4:8, 7:11]):
        assert largest_difference(off, small) > 10 * rounding_bound(longest_sum(model), large)


def test_features_of_a_layer_stay_reachable_after_resizing():
    model = build_unet((44, 44, 1), 2, 2, 2)
    resize_unet(model, (60, 60, 1))
    assert keras.Model(model.input, model.get_layer("bottom_conv2").output).output_shape == (None, 1 + 3, 1 + 3, 8)


@pytest.mark.parametrize("options", [dict(), dict(variant="released"), dict(padding="same", activation="softmax")])
def test_saved_and_loaded(tmp_path, options):
    side = 48 if options.get("padding") == "same" else 60
    model = build_unet((side, side, 1), 2, 2, 2, **options)
    shuffle_weights(model)
    model.save(tmp_path / "unet.keras")
    loaded = keras.saving.load_model(tmp_path / "unet.keras")
    image = draw(1, side, side, 1)
    for same in (loaded, resize_unet(loaded, (None, None, 1))):
        assert_agree(same(image), model(image), longest_sum(model))


ALONE = """
import os, sys
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras, numpy as np
net = keras.saving.load_model(sys.argv[1])
np.save(sys.argv[3], net(np.load(sys.argv[2]))[0])
assert not [name for name in sys.modules if name.startswith("unet_tutorial")]
"""


def test_a_saved_net_opens_where_there_is_only_keras(tmp_path):
    model = build_unet((None, 60, 1), 2, 2, 2, variant="released")
    shuffle_weights(model)
    image = draw(1, 76, 60, 1)
    model.save(tmp_path / "net.keras")
    np.save(tmp_path / "image.npy", image)
    paths = [str(tmp_path / name) for name in ("net.keras", "image.npy", "found.npy")]
    subprocess.run([sys.executable, "-c", ALONE, *paths], check=True, cwd=tmp_path, env=os.environ | {"PYTHONPATH": ""})
    assert_agree(np.load(tmp_path / "found.npy"), model(image)[0], longest_sum(model))


@pytest.mark.backends
def test_mixed_precision_gives_float32():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build_unet((20, 20, 1), 2, 2, 1)
    finally:
        keras.config.set_dtype_policy(before)
    assert model.output.dtype == "float32"
    assert model.get_layer("expand1_conv2").compute_dtype == "bfloat16"
    assert {weight.dtype for weight in model.weights} == {"float32"}


# What is refused


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(input_shape=(570, 572, 1)), "input size 570: .* 556 and 572"),
        (dict(input_shape=(572, 571, 1)), "input size 571"),
        (dict(input_shape=(100, None, 1)), "input size 100: .*smallest legal size is 188"),
        (dict(input_shape=(572, 572, 1), padding="same"), "input size 572: .* 560 and 576"),
        (dict(input_shape=(572.0, 572, 1)), "input size 572.0"),
        (dict(input_shape=(572, 572)), r"input_shape \(572, 572\): must be \(height, width, channels\)"),
        (dict(input_shape=572), "input_shape 572"),
        (dict(input_shape="big"), "input_shape 'big'"),
        (dict(input_shape=(572, 572, 0)), "channels 0"),
        (dict(input_shape=(572, 572, None)), "channels None"),
        (dict(classes=0), "classes 0"),
        (dict(classes=2.0), "classes 2.0"),
        (dict(base_filters=0), "base_filters 0"),
        (dict(base_filters=True), "base_filters True"),
        (dict(depth=0), "depth 0"),
        (dict(depth=2.5, input_shape=(None, None, 1)), "depth 2.5"),
        (dict(padding="full"), "padding 'full': must be 'valid' or 'same'"),
        (dict(padding="full", input_shape=(None, None, 1), base_filters=1), "padding 'full'"),
        (dict(variant="blog"), "variant 'blog': must be 'paper' or 'released'"),
        (dict(drop_out=-0.1), "drop_out -0.1"),
        (dict(drop_out=1.0), "drop_out 1.0: must be below 1"),
        (dict(drop_out=float("nan")), "drop_out nan"),
        (dict(drop_out="half"), "drop_out 'half'"),
        (dict(activation="wavy", base_filters=1), "wavy"),
        (dict(initializer="wavy", base_filters=1), "wavy"),
    ],
)
def test_build_unet_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        build_unet(**arguments)


def test_blocks_refuse():
    small, odd = keras.Input((4, 9, 1)), keras.Input((9, 8, 1))
    for block in (conv_blocks, contracting_block):
        with pytest.raises(ValueError, match=r"\(None, 4, 9, 1\).*at least 5 px"):
            block(small, 1)
        with pytest.raises(ValueError, match="num_filters 0"):
            block(odd, 0)
        with pytest.raises(ValueError, match="padding 'full': must be 'valid' or 'same'"):
            block(odd, 1, padding="full")
    assert conv_blocks(small, 1, padding="same").shape == (None, 4, 9, 1)
    assert conv_blocks(keras.Input((5, 5, 1)), 1).shape == (None, 1, 1, 1)
    with pytest.raises(ValueError, match=r"\(None, 9, 8, 1\).*odd size in \(5, 4\); make both sides even"):
        contracting_block(odd, 1)
    skip = keras.Input((8, 7, 2))
    with pytest.raises(ValueError, match=r"skip_features of shape \(None, 8, 7, 2\): smaller.*\(None, 8, 8, 3\)"):
        expanding_block(keras.Input((4, 4, 1)), skip, 3)
    with pytest.raises(ValueError, match="num_filters 1.5"):
        expanding_block(odd, skip, 1.5)
    with pytest.raises(ValueError, match="up_filters 0"):
        expanding_block(odd, skip, 1, up_filters=0)
    with pytest.raises(ValueError, match="at least 5 px"):
        expanding_block(keras.Input((2, 4, 1)), None, 3)
    open_skip = keras.Input((None, 20, 2))
    with pytest.raises(ValueError, match=r"\(None, None, 20, 2\): a side is open.*pass crop.*geometry.crop_margins"):
        expanding_block(keras.Input((None, 4, 1)), open_skip, 3)
    with pytest.raises(ValueError, match="crop -1"):
        expanding_block(keras.Input((None, 4, 1)), open_skip, 3, crop=-1)
    assert expanding_block(keras.Input((None, 4, 1)), open_skip, 3, crop=4).shape == (None, None, 4, 3)


def test_resize_refuses():
    model = build_unet((20, 20, 1), 2, 1, 1)
    with pytest.raises(ValueError, match=r"input_shape \(20, 20, 3\): the model takes 1 channels"):
        resize_unet(model, (20, 20, 3))
    with pytest.raises(ValueError, match="input size 21: .*20 and 22"):
        resize_unet(model, (20, 21, 1))
    with pytest.raises(ValueError, match=r"input_shape \(20, 20\)"):
        resize_unet(model, (20, 20))


def test_other_models_are_refused():
    inputs = keras.Input((8, 8, 1))
    pooled = layers.MaxPooling2D(2)(inputs)
    for outputs in (layers.Conv2D(2, 3, name="output")(inputs), pooled):
        other = keras.Model(inputs, outputs, name="other")
        for function in (unet_depth, unet_padding, lambda model: resize_unet(model, (8, 8, 1))):
            with pytest.raises(ValueError, match="model 'other': not one that build_unet makes"):
                function(other)


def test_the_import_without_stderr_where_it_is_none():
    code = "import sys; sys.stderr = None; import unet_tutorial.model; print('alive')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600)
    assert (done.returncode, done.stdout, done.stderr) == (0, "alive\n", "")


@pytest.mark.skipif(os.name != "posix", reason="file descriptors are closed by a POSIX shell")
def test_the_import_without_stderr_where_file_descriptor_2_is_closed():
    code = (
        "import os, sys; assert sys.stderr is None; import unet_tutorial.model; "
        "print('alive', os.open(os.devnull, os.O_RDONLY) > 2)"
    )  # 2 is not free for what is opened next
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" "$@" 2>&-', sys.executable, "-c", code], capture_output=True, text=True, timeout=600
    )
    assert (done.returncode, done.stdout) == (0, "alive True\n")


# First weights by NumPy

SMALL = {"input_shape": (None, None, 1), "base_filters": 4, "depth": 2}


def kernels(model):
    return {layer.name: np.asarray(layer.kernel) for layer in model.layers if hasattr(layer, "kernel")}


@pytest.mark.backends
def test_first_weights_depend_on_the_seed_and_on_the_layer_s_name_alone():
    keras.utils.set_random_seed(1)
    one = kernels(first_weights(build_unet(**SMALL), 3))
    keras.utils.set_random_seed(2)
    again, other = (kernels(first_weights(build_unet(**SMALL), seed)) for seed in (3, 4))
    assert all(np.array_equal(one[name], again[name]) for name in one)
    assert not any(np.array_equal(one[name], other[name]) for name in one)
    shapes = {}
    for kernel in one.values():  # no two layers of one shape are alike
        assert not any(np.array_equal(kernel, before) for before in shapes.setdefault(kernel.shape, []))
        shapes[kernel.shape].append(kernel)


def test_networks_share_the_first_weights_of_the_layers_that_they_share():
    whole, without, deeper = (
        kernels(first_weights(build_unet(**SMALL | change), 0)) for change in ({}, {"skips": False}, {"depth": 3})
    )
    for other in (without, deeper):
        alike = {name for name in whole if name in other and np.array_equal(whole[name], other[name])}
        assert alike == {name for name in whole if name in other and whole[name].shape == other[name].shape} != set()


@pytest.mark.parametrize(
    "initializer", ["he", "he_normal", "he_uniform", "glorot_uniform", "glorot_normal", "random_normal"]
)
def test_first_weights_are_spread_as_keras_spreads_them(initializer):
    """Standard deviation and largest value of a kernel of 9 x 32 x 64 numbers, drawn by Keras and by NumPy."""
    inputs = keras.Input((20, 20, 32))
    model = keras.Model(inputs, conv_blocks(inputs, 64, initializer=initializer))
    theirs = next(iter(kernels(model).values()))
    ours = next(iter(kernels(first_weights(model)).values()))
    assert ours.std() == pytest.approx(theirs.std(), rel=0.03) and abs(ours.mean()) < 0.03 * ours.std()
    bounded = np.abs(theirs).max() < 2.5 * theirs.std()
    assert (np.abs(ours).max() < 2.5 * ours.std()) == bounded
    assert not np.asarray(model.layers[1].bias).any()


def test_first_weights_name_an_initializer_that_they_cannot_draw():
    with pytest.raises(ValueError, match="layer 'contract1_conv1' with the initializer Orthogonal: only Gaussians"):
        first_weights(build_unet(**SMALL, initializer="orthogonal"))
    with pytest.raises(ValueError, match="seed -1"):
        first_weights(build_unet(**SMALL), -1)
