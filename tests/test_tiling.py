"""Stitched equals whole, for any image, but only in phase."""

import gc
import weakref

import numpy as np
import pytest

from unet_tutorial import tiling
from unet_tutorial.experiments._setup import working_precision
from unet_tutorial.model import build_unet, resize_unet
from unet_tutorial.rounding import assert_agree, largest_difference, longest_sum, rounding_bound
from unet_tutorial.tiling import mirror_pad, predict_flipped, predict_rotated, predict_tiled

LOST = {1: 8, 2: 20, 3: 44, 4: 92}  # (input - output) / 2 of the valid net


def lively(input_shape, depth, padding="valid", classes=2, seed=0, **options):
    """A small net whose probabilities vary from pixel to pixel and depend on the whole receptive field."""
    model = build_unet(input_shape, classes, 2, depth, padding, **options)
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if layer.weights:
            kernel = layer.kernel.shape
            fan_in = kernel[0] * kernel[1] * kernel[2] if "up" not in layer.name else kernel[3]
            scale = 0.5 if layer.name == "output" else (2.5 / fan_in) ** 0.5
            layer.set_weights([rng.normal(0, scale, kernel), rng.normal(0, 0.3, layer.bias.shape)])
    return model


def picture(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def softmax(logits):
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def whole(model, image, depth, padding="valid"):
    """Logits of the whole image at once, in a net of the next legal size."""
    image = image.reshape(*image.shape[:2], -1)
    unit, lost = 2**depth, LOST[depth] if padding == "valid" else 0
    remainder = {1: 0, 2: 0, 3: 4, 4: 4}[depth] if padding == "valid" else 0  # of a legal output
    pads = [(lost, lost + (remainder - side) % unit) for side in image.shape[:2]]
    padded = np.pad(image, [*pads, (0, 0)], mode="reflect")
    logits = np.asarray(resize_unet(model, padded.shape)(padded[np.newaxis])[0])
    return logits[: image.shape[0], : image.shape[1]]


@pytest.mark.rounding
@pytest.mark.parametrize(
    "depth, tile, shape",
    [
        (1, 18, (1, 1)),
        (1, 18, (7, 12)),
        (1, 24, (33, 16)),
        (2, 44, (9, 5)),
        (2, 60, (61, 40)),
        (2, 52, (12, 13)),
        (3, 100, (30, 25)),
        (3, 108, (17, 65)),
        (4, 188, (4, 3)),
        (4, 204, (20, 33)),
        (4, 220, (100, 36)),
        (4, 220, (37, 70)),
        (4, 220, (7, 300)),
    ],
)
def test_stitched_equals_whole_with_valid_padding(depth, tile, shape):
    model = lively((tile, tile, 1), depth)
    image = picture(*shape)
    stitched = predict_tiled(model, image)
    assert stitched.shape == (*shape, 2) and stitched.dtype == np.float32
    assert_agree(stitched, softmax(whole(model, image, depth)), longest_sum(model))


@pytest.mark.backends
@pytest.mark.rounding
@pytest.mark.parametrize(
    "depth, tile, shape",
    [
        (1, 18, (1, 1)),
        (1, 18, (45, 19)),
        (1, 40, (26, 113)),
        (2, 48, (50, 101)),
        (2, 64, (64, 65)),
        (2, 8, (5, 8)),
        (3, 104, (120, 104)),
        (3, 112, (103, 150)),
        (4, 208, (209, 16)),
        (4, 256, (250, 400)),
        (4, 32, (20, 9)),
    ],
)
def test_stitched_equals_whole_with_same_padding(depth, tile, shape):
    model = lively((tile, tile, 1), depth, "same")
    image = picture(*shape)
    stitched = predict_tiled(model, image)
    assert stitched.shape == (*shape, 2) and stitched.dtype == np.float32
    assert_agree(stitched, softmax(whole(model, image, depth, "same")), longest_sum(model))


@pytest.mark.rounding
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(
    "sides, tile",
    [
        ((None, None), None),
        ((None, None), 108),
        ((None, None), (104, 132)),
        ((None, 112), None),
        ((108, 104), None),
        ((108, 104), (116, 124)),
    ],
)
def test_stitched_equals_whole_with_open_sides_and_other_tiles(padding, sides, tile):
    if padding == "valid":  # legal sizes leave the remainder 4 when divided by 8
        sides, tile = (
            [side and side + (4 - side) % 8 for side in pair] if isinstance(pair, tuple) else pair
            for pair in (sides, tile)
        )
    else:
        sides, tile = (
            [side and side + -side % 8 for side in pair] if isinstance(pair, tuple) else pair for pair in (sides, tile)
        )
        tile = 112 if tile == 108 else tile
    model = lively((*sides, 1), 3, padding)
    image = picture(131, 90)
    assert_agree(predict_tiled(model, image, tile=tile), softmax(whole(model, image, 3, padding)), longest_sum(model))


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_open_net_takes_an_image_beyond_its_default_tile(padding):
    model = lively((None, None, 1), 3, padding)
    image = picture(400, 10)
    assert_agree(predict_tiled(model, image), softmax(whole(model, image, 3, padding)), longest_sum(model))


@pytest.mark.parametrize("padding, sides", [("valid", [477, 477]), ("same", [477, 477])])
def test_open_net_lays_tiles_that_give_388_px(padding, sides):
    """At depth 3 a tile loses 44 (46) px a side: 476 (480) is the least legal size that gives 388."""
    axis = tiling._lay(1000, None, None, 3, padding)
    assert axis.tile == {"valid": 476, "same": 480}[padding]
    assert [piece.offset for piece in axis.pieces] == {"valid": [0, 384, 768], "same": [0, 384, 520]}[padding]
    assert tiling._lay(388, None, None, 3, "valid").tile == 476
    assert tiling._lay(380, None, None, 3, "valid").tile == 468


def test_the_paper_s_tiles_on_one_slice():
    """512 x 512 in tiles of 572: four of them, 384 px apart, and 92 px mirrored at the top and on the left."""
    axis = tiling._lay(512, 572, None, 4, "valid")
    assert axis.margins == (92, 384 + 572 - 92 - 512)
    assert [(piece.offset, piece.target, piece.kept) for piece in axis.pieces] == [
        (0, slice(0, 388), slice(0, 388)),
        (384, slice(384, 512), slice(0, 128)),
    ]
    assert len(tiling._lay(388, 572, None, 4, "valid").pieces) == 1
    assert len(tiling._lay(389, 572, None, 4, "valid").pieces) == 2


def test_same_padding_keeps_what_the_zeros_do_not_reach():
    axis = tiling._lay(700, 512, None, 4, "same")
    assert axis.margins == (0, 4)
    assert [(piece.offset, piece.target, piece.kept) for piece in axis.pieces] == [
        (0, slice(0, 418), slice(0, 418)),
        (192, slice(286, 700), slice(94, 508)),
    ]


@pytest.mark.rounding
@pytest.mark.parametrize("depth, tile", [(1, 30), (2, 60), (3, 108), (4, 220)])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_seamless_only_in_phase(depth, tile, padding):
    tile += -tile % 2**depth if padding == "same" else 0
    gain = tile - 2 * {"valid": LOST, "same": {1: 8, 2: 22, 3: 46, 4: 94}}[padding][depth]
    model = lively((tile, 32 if padding == "same" else tile, 1), depth, padding)
    image = picture(tile + 2 * gain, 10)
    truth, bound = softmax(whole(model, image, depth, padding)), rounding_bound(longest_sum(model))
    assert bound < 1e-2 / 10
    for stride in {1, 2**depth, gain // 2, gain - 1, gain} if depth < 3 else {2**depth, gain}:
        difference = largest_difference(predict_tiled(model, image, stride=stride), truth)
        assert difference < bound if stride % 2**depth == 0 else difference > 1e-2, (stride, difference)


@pytest.mark.rounding
@pytest.mark.parametrize("padding, tile", [("valid", 60), ("same", 64)])
def test_a_picture_one_pixel_off_or_turned_over_is_ten_times_over_the_bound(monkeypatch, padding, tile):
    model, image = lively((tile, tile, 1), 2, padding), picture(70, 70)
    truth, bound = softmax(whole(model, image, 2, padding)), rounding_bound(longest_sum(model))
    for fault in (
        lambda padded: np.roll(padded, 1, axis=0),
        lambda padded: np.roll(padded, 1, axis=1),
        lambda padded: padded.swapaxes(0, 1),
    ):
        monkeypatch.setattr(tiling, "mirror_pad", lambda *given, fault=fault: fault(mirror_pad(*given)))
        assert largest_difference(predict_tiled(model, image), truth) > 10 * bound


@pytest.mark.rounding
def test_the_paper_s_stride_is_out_of_phase():
    """Tiles of 572 px laid every 388 px, the size of their output, disagree with the whole; every 384 px they agree."""
    model = lively((572, 188, 1), 4)
    image = picture(600, 4)
    truth = softmax(whole(model, image, 4))
    every_384, every_388 = (predict_tiled(model, image, stride=stride) for stride in (384, 388))
    for right in (every_384, predict_tiled(model, image)):
        assert_agree(right, truth, longest_sum(model))
    assert_agree(every_388[:388], truth[:388], longest_sum(model))
    assert largest_difference(every_388[388:], truth[388:]) > 0.05


@pytest.mark.rounding
def test_batches_and_progress_bar_change_nothing(capsys, monkeypatch):
    model = lively((24, 24, 1), 1)
    image = picture(30, 23)
    monkeypatch.setenv("UNET_TUTORIAL_PROGRESS", "0")
    expected = predict_tiled(model, image, progress=True)
    monkeypatch.delenv("UNET_TUTORIAL_PROGRESS")
    assert_agree(predict_tiled(model, image, batch_size=100), expected, longest_sum(model))
    assert capsys.readouterr().err == ""
    assert_agree(predict_tiled(model, image, batch_size=5, progress=True), expected, longest_sum(model))
    assert "3/3" in capsys.readouterr().err  # ceil(30 / 8) * ceil(23 / 8) = 12 tiles


def test_batch_size_is_the_number_of_tiles_a_forward_pass_takes(monkeypatch):
    model = lively((24, 24, 1), 1)
    seen = []
    activated = tiling._activated
    monkeypatch.setattr(
        tiling, "_activated", lambda model, outputs: seen.append(len(outputs)) or activated(model, outputs)
    )
    predict_tiled(model, picture(30, 23), batch_size=5)
    predict_tiled(model, picture(30, 8))
    assert seen == [5, 5, 2, 1, 1, 1, 1]


def test_channels():
    model = lively((24, 24, 3), 1, classes=4)
    image = picture(11, 20, 3)
    assert_agree(predict_tiled(model, image), softmax(whole(model, image, 1)), longest_sum(model))
    grey = lively((24, 24, 1), 1)
    assert_agree(predict_tiled(grey, image[..., 0]), predict_tiled(grey, image[..., :1]), longest_sum(grey))


@pytest.mark.backends
def test_probabilities_are_the_soft_max_the_sigmoid_or_the_model_s_own():
    image = picture(11, 20)
    one = lively((24, 24, 1), 1, classes=1)
    assert_agree(predict_tiled(one, image), 1 / (1 + np.exp(-whole(one, image, 1))), longest_sum(one))
    for activation in ("softmax", "sigmoid", "relu"):
        model = lively((24, 24, 1), 1, classes=3, activation=activation)
        assert_agree(predict_tiled(model, image), whole(model, image, 1), longest_sum(model))


def test_drop_out_is_off():
    model = lively((24, 24, 1), 1, drop_out=0.5)
    image = picture(11, 20)
    assert_agree(predict_tiled(model, image), predict_tiled(model, image), longest_sum(model))


# The forward pass is traced once


def count_traces(model):
    """A list that grows by one with each trace: Python runs an activation only then."""
    traces = []
    model.get_layer("bottom_conv1").activation = lambda x: (traces.append(1), tiling.keras.ops.relu(x))[1]
    return traces


def test_one_trace_serves_all_tiles_images_and_batches():
    model = lively((24, 24, 1), 1)
    traces = count_traces(model)
    for options in ({}, dict(batch_size=3), dict(tile=32), dict(tile=(32, 28), stride=2)):
        for shape in ((30, 23), (9, 40)):
            image = picture(*shape)
            expected = softmax(whole(model, image, 1))
            assert_agree(predict_tiled(model, image, **options), expected, longest_sum(model))
            before = len(traces)
            predict_tiled(model, image, **options)
            predict_flipped(model, image, **options)
            predict_rotated(model, image, angles=[0, 30, 90], **options)
            assert len(traces) == before
    for open_sides in ((None, None), (None, 24)):
        model = lively((*open_sides, 1), 1)
        traces = count_traces(model)
        for side in (5, 9, 24):
            predict_tiled(model, picture(side, side))
        assert len(traces) == 1


@pytest.mark.backends
@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")  # the file has weights and no optimizer
def test_new_weights_are_seen_however_they_were_set(tmp_path):
    model, other = lively((24, 24, 1), 1), lively((24, 24, 1), 1, seed=1)
    traces, image = count_traces(model), picture(20, 20)
    other.save_weights(tmp_path / "other.weights.h5")
    model.compile(tiling.keras.optimizers.SGD(0.1), tiling.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    tiles, labels = picture(2, 24, 24, 1), np.random.default_rng(0).integers(0, 2, (2, 8, 8))
    seen = [predict_tiled(model, image)]
    for change in (
        lambda: model.train_on_batch(tiles, labels),
        lambda: model.fit(tiles, labels, epochs=2, verbose=0),
        lambda: model.set_weights([weight + 0.1 for weight in model.get_weights()]),
        lambda: model.get_layer("contract1_conv1").kernel.assign_add(np.full((3, 3, 1, 2), 0.2)),
        lambda: model.load_weights(tmp_path / "other.weights.h5"),
    ):
        change()
        before = len(traces)
        seen.append(predict_tiled(model, image))
        assert len(traces) == before
        assert_agree(seen[-1], softmax(whole(model, image, 1)), longest_sum(model))
        assert np.abs(seen[-1] - seen[-2]).max() > 1e-3
    assert_agree(seen[-1], predict_tiled(other, image), longest_sum(model))
    other.save(tmp_path / "net.keras")  # what is kept for the next prediction does not go into the file
    loaded = tiling.keras.saving.load_model(tmp_path / "net.keras")
    assert_agree(predict_tiled(loaded, image), seen[-1], longest_sum(model))


@pytest.mark.backends
def test_a_layer_that_was_changed_is_traced_again():
    model, image = lively((24, 24, 1), 1), picture(11, 20)
    seen = [predict_tiled(model, image)]
    for layer, name, value in (
        ("contract1_conv2", "activation", np.tanh),
        ("output", "activation", "sigmoid"),
        ("contract1_conv1", "use_bias", False),
    ):
        if name == "activation":
            value = tiling.keras.activations.get(getattr(value, "__name__", value))
        setattr(model.get_layer(layer), name, value)
        seen.append(predict_tiled(model, image))
        expected = whole(model, image, 1)
        assert_agree(seen[-1], expected if len(seen) > 2 else softmax(expected), longest_sum(model))
        assert np.abs(seen[-1] - seen[-2]).max() > 1e-3, (layer, name)


def test_a_precision_policy_holds_for_the_nets_made_under_it():
    if working_precision("bfloat16") == "float32":
        pytest.skip("this processor has no convolutions in bfloat16")
    image, single = picture(11, 20), lively((24, 24, 1), 1)
    before = predict_tiled(single, image)
    tiling.keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = lively((24, 24, 1), 1)
        np.testing.assert_array_equal(predict_tiled(single, image), before)
        under_it = predict_tiled(half, image)
    finally:
        tiling.keras.config.set_dtype_policy("float32")
    assert under_it.dtype == np.float32 and 1e-5 < np.abs(under_it - before).max() < 0.05
    np.testing.assert_array_equal(predict_tiled(half, image), under_it)
    single.get_layer("bottom_conv1").dtype_policy = "mixed_bfloat16"
    assert np.abs(predict_tiled(single, image) - before).max() > 1e-5


@pytest.mark.backends
@pytest.mark.parametrize("sides, tile", [((24, 24), None), ((24, 24), 32), ((None, None), None)])
def test_what_is_traced_is_freed_with_the_model(sides, tile):
    model = lively((*sides, 1), 1)
    for _ in range(2):
        predict_tiled(model, picture(20, 20), tile=tile)
    alive = [weakref.ref(one) for one in (model, model.get_layer("output").kernel, tiling._forward(model))]
    del model
    gc.collect()
    assert all(one() is None for one in alive)


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(image=picture(9, 9, 3)), r"image of shape \(9, 9, 3\).*RGB where grey is expected"),
        (dict(image=picture(9, 9, 2)), r"image of shape \(9, 9, 2\)"),
        (dict(image=np.full((9, 9), np.nan, np.float32)), "image: .*NaN"),
        (dict(image=np.zeros((9, 9), np.uint8)), "image of dtype uint8"),
        (dict(image=np.zeros((0, 9), np.float32)), r"image of shape \(0, 9\)"),
        (dict(image=picture(9)), r"image of shape \(9,\)"),
        (dict(batch_size=0), "batch_size 0"),
        (dict(batch_size=1.5), "batch_size 1.5"),
        (dict(stride=0), "stride 0"),
        (dict(stride=-2), "stride -2"),
        (dict(stride=2.0), "stride 2.0"),
        (dict(stride=9), "stride 9: .*tile of 24 px gives 8 px; at most 8"),
        (dict(tile=25), "input size 25: .*24 and 26"),
        (dict(tile=(24, 16)), "input size 16"),
        (dict(tile=(24, 24, 24)), r"input size \(24, 24, 24\)"),
        (dict(tile=20.0), "input size 20.0"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(ValueError, match="^" + message):
        predict_tiled(**dict(dict(model=lively((24, 24, 1), 1), image=picture(20, 20)), **options))


def test_grey_where_colour_is_expected():
    for predict in (predict_tiled, predict_rotated, predict_flipped):
        with pytest.raises(ValueError, match=r"\(20, 20\).*takes 3 channels"):
            predict(lively((24, 24, 3), 1), picture(20, 20))


def test_a_model_that_build_unet_did_not_make():
    keras = tiling.keras
    with pytest.raises(ValueError, match="build_unet"):
        predict_tiled(keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3)]), picture(8, 8))


@pytest.mark.parametrize(
    "padding, depth, tile, enough",
    [
        ("valid", 4, 188, 204),
        ("valid", 3, 92, 100),
        ("same", 1, 16, 18),
        ("same", 2, 40, 48),
        ("same", 2, 44, 48),
        ("same", 3, 96, 104),
        ("same", 4, 16, 208),
        ("same", 4, 192, 208),
        ("same", 4, 96, 208),
    ],
)
def test_a_tile_too_small_to_be_laid_in_phase(padding, depth, tile, enough):
    gain = max(tile - 2 * (LOST[depth] if padding == "valid" else {1: 8, 2: 22, 3: 46, 4: 94}[depth]), 0)
    message = f"tile {tile}: gives only {gain} px, .* at least {2**depth} px apart; pass tile={enough} or more"
    with pytest.raises(ValueError, match="^" + message):
        tiling._lay(tile + 1, tile, None, depth, padding)
    assert len(tiling._lay(enough + 1, enough, None, depth, padding).pieces) > 1
    side = tile if padding == "same" else tile - 2 * LOST[depth]
    assert len(tiling._lay(side, tile, None, depth, padding).pieces) == 1


def test_a_tile_too_small_may_be_laid_out_of_phase():
    assert [piece.offset for piece in tiling._lay(10, 188, 4, 4, "valid").pieces] == [0, 4, 8]
    with pytest.raises(ValueError, match="stride 5: .*gives 4 px; at most 4"):
        tiling._lay(10, 188, 5, 4, "valid")
    with pytest.raises(ValueError, match="tile 96: gives only 0 px.* 16 px apart; pass tile=208 or more"):
        tiling._lay(100, 96, 1, 4, "same")


@pytest.mark.parametrize(
    "padding, depth, tile", [("valid", 1, 30), ("valid", 3, 108), ("same", 2, 56), ("same", 3, 120)]
)
def test_every_pixel_comes_from_one_tile_at_least_and_from_trusted_output(padding, depth, tile):
    for side in range(1, 3 * tile, 7):
        axis = tiling._lay(side, tile, None, depth, padding)
        covered = np.zeros(side, bool)
        for offset, target, kept in axis.pieces:
            assert target.stop - target.start == kept.stop - kept.start > 0 and target.stop <= side
            assert target.start - kept.start == offset and offset % 2**depth == 0
            covered[target] = True
        assert covered.all()
        assert sum(axis.margins) + side == max(piece.offset for piece in axis.pieces) + axis.tile


# Rotated and flipped versions


@pytest.mark.backends
@pytest.mark.rounding
def test_right_angle_turns_are_exact():
    model = lively((24, 24, 1), 1)
    image = picture(21, 12)
    turned = [np.rot90(softmax(whole(model, np.rot90(image, quarter), 1)), -quarter) for quarter in range(4)]
    terms = longest_sum(model)
    assert_agree(predict_rotated(model, image, rotations=4), np.mean(turned, 0), terms)
    assert_agree(predict_rotated(model, image, rotations=2), (turned[0] + turned[2]) / 2, terms)
    assert_agree(predict_rotated(model, image, rotations=1), turned[0], terms)
    for angle, quarter in ((90, 1), (-90, 3), (450.0, 1), (270, 3)):
        assert_agree(predict_rotated(model, image, angles=[angle]), turned[quarter], terms)
    assert np.abs(turned[1] - turned[0]).max() > 0.05


class Recorder:
    """Stands for predict_tiled; the 'probabilities' are the image itself and its complement."""

    def __init__(self, monkeypatch):
        self.images, self.options = [], []
        monkeypatch.setattr(tiling, "predict_tiled", self)

    def __call__(self, model, image, **options):
        self.images.append(image[..., 0])
        self.options.append(options)
        return np.concatenate([image, 1 - image], axis=-1)


@pytest.fixture
def recorder(monkeypatch):
    return Recorder(monkeypatch)


def wave(row, column):
    return 0.5 + 0.4 * np.sin(row / 18 + 0.5) * np.cos(column / 14)


def waves(height, width):
    return wave(*np.mgrid[:height, :width]).astype(np.float32)


@pytest.fixture(scope="module")
def net():
    return lively((24, 24, 1), 1)


def test_seven_rotations_by_default_spread_over_the_full_turn(recorder, net):
    image = waves(40, 60)
    mean = predict_rotated(net, image)
    assert len(recorder.images) == 7 and mean.dtype == np.float32 and mean.shape == (40, 60, 2)
    np.testing.assert_array_equal(recorder.images[0], image)
    for index in range(7):
        angle = np.radians(index * 360 / 7)
        height, width = recorder.images[index].shape
        assert abs(height - 40 * abs(np.cos(angle)) - 60 * abs(np.sin(angle))) < 1
        assert abs(width - 40 * abs(np.sin(angle)) - 60 * abs(np.cos(angle))) < 1
    np.testing.assert_allclose(mean[..., 0], image, atol=0.01)  # interpolated twice: no rounding
    assert_agree(mean.sum(-1), np.ones((40, 60)), terms=7 * 4)  # four pixels in each of seven rotations


@pytest.mark.parametrize("angle", [30, 117.5, 200, -33])
def test_an_image_comes_back_where_it_was(recorder, net, angle):
    image = waves(50, 37)
    back = predict_rotated(net, image, angles=[angle])[..., 0]
    np.testing.assert_allclose(back, image, atol=0.02)  # interpolated twice: no rounding
    constant = predict_rotated(net, np.full((9, 5), 0.25, np.float32), angles=(angle,))
    assert_agree(constant, np.stack([np.full((9, 5), 0.25), np.full((9, 5), 0.75)], -1), terms=16)


def test_angles_are_counter_clockwise_degrees(recorder, net):
    image = np.zeros((41, 41), np.float32)
    image[20, 35] = 1  # 15 px to the right of the centre
    predict_rotated(net, image, angles=[60])
    turned = recorder.images[0]
    centre = (np.array(turned.shape) - 1) / 2
    row, column = np.unravel_index(turned.argmax(), turned.shape) - centre
    assert abs(row + 15 * np.sin(np.pi / 3)) <= 0.75 and abs(column - 15 * np.cos(np.pi / 3)) <= 0.75


@pytest.mark.parametrize("angle", [1e-6, 45, 90 + 1e-6, 200, -100])
def test_the_turned_image_is_the_image_at_turned_places_mirrored_outside(recorder, net, angle):
    image = waves(31, 44)
    predict_rotated(net, image, angles=[angle])
    turned = recorder.images[0]
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    for row, column in np.random.default_rng(0).integers(0, turned.shape, (60, 2)):
        down, right = (row, column) - (np.array(turned.shape) - 1) / 2
        down, right = cosine * down + sine * right, cosine * right - sine * down
        inside = [last - abs(last - abs(place + last / 2)) for place, last in ((down, 30), (right, 43))]
        assert abs(turned[row, column] - wave(*inside)) < 0.01


def test_options_reach_the_tiles(recorder, net):
    predict_rotated(net, waves(9, 9), angles=[0, 20], stride=2, batch_size=3)
    predict_flipped(net, waves(9, 9), stride=4)
    assert recorder.options == [dict(stride=2, batch_size=3)] * 2 + [dict(stride=4)] * 4


def test_rotated_takes_colour():
    model = lively((24, 24, 3), 1)
    image = picture(12, 9, 3)
    assert_agree(predict_rotated(model, image, angles=[0]), predict_tiled(model, image), longest_sum(model))
    assert predict_rotated(model, image, angles=[10]).shape == (12, 9, 2)


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(rotations=0), "rotations 0"),
        (dict(rotations=2.5), "rotations 2.5"),
        (dict(angles=[]), r"angles \[\]"),
        (dict(angles=[0, np.nan]), "angles .*nan"),
        (dict(angles=30), "angles 30"),
        (dict(angles=["a"]), "angles .*'a'"),
        (dict(angles=[[1]]), r"angles \[\[1\]\]"),
        (dict(image=picture(9, 9, 3)), "image .*RGB where grey is expected"),
        (dict(image=np.zeros((9, 9), int)), "image of dtype int64"),
    ],
)
def test_bad_rotations(net, options, message):
    with pytest.raises(ValueError, match="^" + message):
        predict_rotated(**dict(dict(model=net, image=picture(9, 9)), **options))


@pytest.mark.rounding
def test_four_flips():
    model = lively((24, 24, 1), 1)
    image = picture(21, 12)
    flips = [(slice(None, None, rows), slice(None, None, columns)) for rows in (1, -1) for columns in (1, -1)]
    expected = np.mean([softmax(whole(model, image[flip], 1))[flip] for flip in flips], axis=0)
    flipped = predict_flipped(model, image)
    assert_agree(flipped, expected, longest_sum(model))
    assert flipped.dtype == np.float32
    with pytest.raises(ValueError, match="RGB where grey is expected"):
        predict_flipped(model, picture(9, 9, 3))


# Mirror padding


def bounce(position, side):
    """Walk from the first pixel, turning round at either edge."""
    place, step = 0, 1
    for _ in range(abs(position)):
        if side > 1:
            step = -step if not 0 <= place + step < side else step
            place += step
    return place


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (2, 3), (5, 1, 2), (6, 4, 3)])
@pytest.mark.parametrize("margin", [0, 1, 3, 11, ((0, 1), (2, 0)), ((7, 2), (1, 13))])
def test_mirror_pad_bounces_at_the_edges(shape, margin):
    image = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    (top, bottom), (left, right) = ((margin, margin),) * 2 if isinstance(margin, int) else margin
    padded = mirror_pad(image, margin)
    assert padded.shape == (shape[0] + top + bottom, shape[1] + left + right, *shape[2:])
    for row in range(padded.shape[0]):
        for column in range(padded.shape[1]):
            expected = image[bounce(row - top, shape[0]), bounce(column - left, shape[1])]
            np.testing.assert_array_equal(padded[row, column], expected)


def test_mirror_pad_keeps_the_type_and_does_not_repeat_the_edge():
    padded = mirror_pad(np.array([[1, 2, 3]], np.uint8), ((0, 0), (2, 2)))
    assert padded.dtype == np.uint8 and padded.tolist() == [[3, 2, 1, 2, 3, 2, 1]]


@pytest.mark.parametrize(
    "image, margin, message",
    [
        (np.zeros(3), 1, r"image of shape \(3,\)"),
        (np.zeros((2, 2, 2, 2)), 1, r"image of shape \(2, 2, 2, 2\)"),
        (np.zeros((0, 3)), 1, r"image of shape \(0, 3\)"),
        (np.zeros((3, 3)), (1, 2), r"margin \(1, 2\)"),
        (np.zeros((3, 3)), -1, "margin -1"),
        (np.zeros((3, 3)), 1.0, "margin 1.0"),
        (np.zeros((3, 3)), ((1, 2), (3, -4)), "margin -4"),
        (np.zeros((3, 3)), True, "margin True"),
    ],
)
def test_mirror_pad_refuses(image, margin, message):
    with pytest.raises(ValueError, match="^" + message):
        mirror_pad(image, margin)


# What is plausible, and wrong


@pytest.mark.parametrize("predict", [predict_tiled, predict_rotated, predict_flipped])
def test_images_outside_0_to_1_are_refused(net, predict):
    image = picture(9, 9)
    for wrong, words in (
        (200 * np.ones((1, 1), np.float32), "from 200 to 200; must be in 0..1; divide 8-bit .* 255"),
        (255 * image, "8-bit"),
        (2 * image - 1, r"\(image \+ 1\) / 2"),
    ):
        with pytest.raises(ValueError, match=words):
            predict(net, wrong)


def test_images_outside_0_to_1_by_rounding_are_taken(net):
    image = picture(9, 9)
    image[0, :2] = 0, 1
    near = image.copy()
    near[0, :2] = -9e-7, 1 + 9e-7
    np.testing.assert_array_equal(predict_tiled(net, near), predict_tiled(net, image))


def test_a_spline_that_goes_outside_0_to_1_is_the_package_s_own(recorder, net):
    image = np.zeros((12, 12), np.float32)
    image[:, 6:] = 1
    predict_rotated(net, image, angles=[30])
    assert recorder.images[0].min() < -0.01 and recorder.images[0].max() > 1.01


def test_a_turned_image_with_hard_edges_is_predicted(net):
    image = np.zeros((12, 12), np.float32)
    image[:, 6:] = 1
    assert predict_rotated(net, image, angles=[30]).shape == (12, 12, 2)


@pytest.mark.parametrize(
    "shape, words",
    [
        ((1, 1, 4), "RGBA.*without alpha"),
        ((9, 9, 2), r"grey \+ alpha"),
        ((20, 64, 64), "a stack of 20 slices"),
        ((3, 64, 64), "channels first"),
    ],
)
def test_axes_that_the_model_does_not_take_are_called_what_they_are(net, shape, words):
    for predict in (predict_tiled, predict_rotated, predict_flipped):
        with pytest.raises(ValueError, match=words):
            predict(net, np.zeros(shape, np.float32))
    with pytest.raises(ValueError, match=r"takes 3 channels.*RGBA take image\[..., :3\]"):
        predict_tiled(lively((24, 24, 3), 1), np.zeros((9, 9, 4), np.float32))


def test_sixteen_bits_are_not_told_to_divide_by_255(net):
    with pytest.raises(ValueError, match="divide uint16 grey values by 65535, .*4095 for 12 bits"):
        predict_tiled(net, np.full((9, 9), 4000, np.uint16))
