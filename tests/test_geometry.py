"""Sizes and receptive fields: the integers of geometry against live nets and against brute force."""

import subprocess
import sys

import numpy as np
import pytest

from unet_tutorial import model
from unet_tutorial.geometry import (
    context_margin,
    crop_margins,
    input_span,
    layer_sizes,
    legal_input_sizes,
    output_size,
    receptive_field,
)

FIGURE_1 = [
    572,
    570,
    568,
    284,
    282,
    280,
    140,
    138,
    136,
    68,
    66,
    64,
    32,
    30,
    28,
    56,
    54,
    52,
    104,
    102,
    100,
    200,
    198,
    196,
    392,
    390,
    388,
]


def survives(size, depth, cost):
    """Brute force: the output's side, or None where a pooling meets an odd size or a map vanishes."""
    for _ in range(depth):
        size -= cost
        if size < 1 or size % 2:
            return None
        size //= 2
    size -= cost
    for _ in range(depth):
        if size < 1:
            return None
        size = 2 * size - cost
    return size if size >= 1 else None


def test_figure_1():
    assert layer_sizes(572) == FIGURE_1 and len(FIGURE_1) == 6 * 4 + 3
    assert output_size(572) == 388
    assert crop_margins(572) == [(64 - 56) // 2, (136 - 104) // 2, (280 - 200) // 2, (568 - 392) // 2]
    assert receptive_field() == (188, 204)
    assert legal_input_sizes(1, 240) == [188, 204, 220, 236]
    assert context_margin() == (572 - 388) // 2
    assert input_span(0) == (0, 187) and input_span(4) == (0, 203)


@pytest.mark.parametrize("padding, cost", [("valid", 4), ("same", 0)])
@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
def test_legal_sizes_are_those_that_survive(depth, padding, cost):
    survivors = {size: survives(size, depth, cost) for size in range(1, 480)}
    legal = [size for size, output in survivors.items() if output]
    assert legal_input_sizes(1, 479, depth, padding) == legal
    for size in range(1, 480):
        if survivors[size]:
            assert output_size(size, depth, padding) == survivors[size]
            continue
        below, above = [s for s in legal if s < size], [s for s in legal if s > size]
        expected = f"nearest legal sizes are {below[-1]} and" if below else "the smallest legal size is"
        expected += f" {above[0]}" if above else ""
        with pytest.raises(ValueError, match=f"^input size {size}: .*{expected}"):
            output_size(size, depth, padding)


def test_output_is_184_px_smaller_and_leaves_4_when_divided_by_16():
    for size in legal_input_sizes(1, 1000):
        assert output_size(size) == size - 184 and output_size(size) % 16 == 4 and size % 16 == 12
        assert crop_margins(size) == [4, 16, 40, 88]


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_build_unet_accepts_the_legal_sizes_and_no_other(depth, padding, monkeypatch):
    """The blocks alone decide: the check that build_unet makes first is taken away."""
    least = {"valid": {1: 18, 2: 44, 3: 92}, "same": {1: 2, 2: 4, 3: 8}}[padding][depth]
    sizes = range(max(1, least - 9), least + 2**depth + 4)
    legal = legal_input_sizes(sizes[0], sizes[-1], depth, padding)
    assert legal[0] == least
    for size in sizes:
        with_check = accepted((size, least, 1), depth, padding)
        with monkeypatch.context() as patch:
            patch.setattr(model, "_checked_shape", lambda shape, *_: shape)
            assert with_check == accepted((size, least, 1), depth, padding) == (size in legal), size


def accepted(shape, depth, padding):
    try:
        return bool(model.build_unet(shape, 1, 1, depth, padding))
    except ValueError:
        return False


@pytest.mark.parametrize(
    "size, legal", [(187, False), (188, True), (196, False), (204, True), (560, False), (572, True)]
)
def test_build_unet_at_depth_4(size, legal):
    assert accepted((size, 188, 1), 4, "valid") == accepted((188, size, 1), 4, "valid") == legal


@pytest.mark.parametrize(
    "depth, padding, size",
    [
        (1, "valid", 18),
        (2, "valid", 60),
        (3, "valid", 108),
        (4, "valid", 188),
        (1, "same", 6),
        (3, "same", 24),
        (4, "same", 32),
    ],
)
def test_sizes_and_crops_are_those_of_the_live_net(depth, padding, size):
    unet = model.build_unet((size, size, 1), 1, 1, depth, padding)
    assert layer_sizes(size, depth, padding) == [
        layer.output.shape[1]
        for layer in unet.layers
        if layer.name == "image" or layer.name.split("_")[-1] in ("conv1", "conv2", "pool", "up")
    ]
    crops = [(layer.input.shape[1] - layer.output.shape[1]) // 2 for layer in unet.layers if "crop" in layer.name]
    assert crop_margins(size, depth, padding) == crop_margins(None, depth, padding) == (crops or [0] * depth)


def test_bottom_sizes():
    assert layer_sizes(18, 1) == [18, 16, 14, 7, 5, 3, 6, 4, 2]
    assert layer_sizes(4, 2, "same") == [4, 4, 4, 2, 2, 2, 1, 1, 1, 2, 2, 2, 4, 4, 4]


@pytest.mark.parametrize(
    "size, depth, cause",
    [
        (570, 4, "after level 2 the 2x2 pooling would meet the odd size 279; nearest legal sizes are 556 and 572"),
        (571, 4, "after level 1 the 2x2 pooling would meet the odd size 567; nearest legal sizes are 556 and 572"),
        (187, 4, "after level 1 the 2x2 pooling would meet the odd size 183; the smallest legal size is 188"),
        (4, 1, "at level 1 the two 3x3 convolutions would get only 4 px; the smallest legal size is 18"),
        (12, 1, "at the bottom the two 3x3 convolutions would get only 4 px; the smallest legal size is 18"),
        (
            14,
            1,
            "on the way up, at level 1, the two 3x3 convolutions would get only 2 px; the smallest legal size is 18",
        ),
        (
            40,
            2,
            "on the way up, at level 1, the two 3x3 convolutions would get only 4 px; the smallest legal size is 44",
        ),
        (
            32,
            2,
            "on the way up, at level 2, the two 3x3 convolutions would get only 2 px; the smallest legal size is 44",
        ),
        (28, 2, "at the bottom the two 3x3 convolutions would get only 4 px; the smallest legal size is 44"),
        (12, 2, "at level 2 the two 3x3 convolutions would get only 4 px; the smallest legal size is 44"),
    ],
)
def test_messages_name_the_value_the_rule_and_the_way_out(size, depth, cause):
    for function in (layer_sizes, output_size, crop_margins):
        with pytest.raises(ValueError) as error:
            function(size, depth)
        assert str(error.value) == f"input size {size}: {cause}"


def test_a_message_about_a_very_deep_net_comes_at_once():
    least = next(size for size in range(1, 999) if survives(size, 6, 4))
    with pytest.raises(ValueError, match=f"smallest legal size is {least}$"):
        layer_sizes(570, 6)
    with pytest.raises(ValueError, match=f"smallest legal size is {2**60}$"):
        layer_sizes(570, 60, "same")


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: layer_sizes(572.0), "input size 572.0"),
        (lambda: layer_sizes(0), "input size 0"),
        (lambda: layer_sizes(True), "input size True"),
        (lambda: layer_sizes("572"), "input size '572'"),
        (lambda: layer_sizes(572, 0), "depth 0"),
        (lambda: layer_sizes(572, 4, "full"), "padding 'full': must be 'valid' or 'same'"),
        (lambda: output_size(572, 1.5), "depth 1.5"),
        (lambda: crop_margins(572, -1), "depth -1"),
        (lambda: legal_input_sizes(0, 5), "minimum 0"),
        (lambda: legal_input_sizes(1, 5.5), "maximum 5.5"),
        (lambda: legal_input_sizes(6, 5), "minimum 6: must not exceed the maximum 5"),
        (lambda: legal_input_sizes(1, 5, 0), "depth 0"),
        (lambda: legal_input_sizes(1, 5, 1, None), "padding None"),
        (lambda: input_span(-1), "output index -1: .*at least 0"),
        (lambda: input_span(0, 0), "depth 0"),
        (lambda: input_span(0, 1, "full"), "padding 'full'"),
        (lambda: receptive_field(0), "depth 0"),
        (lambda: context_margin(0), "depth 0"),
        (lambda: context_margin(1, "full"), "padding 'full'"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match="^" + message):
        call()


def test_a_range_of_one_size():
    assert legal_input_sizes(572, 572) == [572] and legal_input_sizes(573, 587) == []
    assert legal_input_sizes(np.int64(188), np.int32(188)) == [188]


def dependencies(depth, padding, length):
    """Which output pixels each input column changes, in a live net: (length, outputs) bool.

    With positive weights and no biases, an image that is black but for one column gives more than zero exactly where
    that column is seen: the largest of non-negative numbers is positive if one of them is.
    """
    side = {"valid": {1: 18, 2: 44, 3: 92, 4: 188}, "same": {1: 2, 2: 4, 3: 8, 4: 16}}[padding][depth]
    unet = model.build_unet((side, length, 1), 1, 1, depth, padding)
    for layer in unet.layers:
        if layer.weights:
            layer.set_weights([np.full(layer.kernel.shape, 1 / layer.kernel.shape[0] ** 2), np.zeros(layer.bias.shape)])
    columns = np.zeros((length, side, length, 1), np.float32)
    columns[np.arange(length), :, np.arange(length)] = 1
    outputs = [unet(columns[start : start + 32], training=False).numpy() for start in range(0, length, 32)]
    return np.concatenate(outputs)[:, 0, :, 0] > 0


@pytest.fixture(scope="module", params=[1, 2, 3, 4])
def valid_net(request):
    depth = request.param
    length = legal_input_sizes(1, 999, depth)[0] + (2 if depth < 3 else 1) * 2**depth
    return depth, dependencies(depth, "valid", length)


def test_receptive_field_is_what_a_live_net_sees(valid_net):
    depth, seen = valid_net
    spans = []
    for index, column in enumerate(seen.T):
        inputs = np.flatnonzero(column)
        spans.append(inputs[-1] - inputs[0] + 1)
        assert len(inputs) == spans[-1]
        assert input_span(index, depth) == (inputs[0], inputs[-1])
    assert len(spans) >= 2**depth  # all phases
    assert receptive_field(depth) == (min(spans), max(spans))


def test_span_at_depth_4():
    """188 px where the output index leaves 0 to 3 when divided by 16, 204 px elsewhere."""
    for index in range(64):
        first = 16 * (index // 16)
        assert input_span(index) == (first, first + (187 if index % 16 <= 3 else 203))


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_same_padding_sees_what_the_span_says_and_zeros_reach_the_margin(depth):
    margin = context_margin(depth, "same")
    length = (2 * margin // 2**depth + 3) * 2**depth
    for index, column in enumerate(dependencies(depth, "same", length).T):
        inputs = np.flatnonzero(column)
        first, last = input_span(index, depth, "same")
        assert (inputs[0], inputs[-1]) == (max(first, 0), min(last, length - 1))
        assert (first >= 0) == (index >= margin)
        assert (last < length) == (index < length - margin)


def test_margins():
    """The valid net loses (input - output) / 2; the zeros of the other reach up to 2 px further."""
    for depth in (1, 2, 3, 4, 5):
        size = legal_input_sizes(1, 999, depth)[0]
        assert context_margin(depth) == (size - output_size(size, depth)) / 2
    assert [context_margin(depth, "same") for depth in (1, 2, 3, 4)] == [8, 22, 46, 94]


def test_no_tensorflow_is_needed():
    code = "import sys, unet_tutorial.geometry; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
