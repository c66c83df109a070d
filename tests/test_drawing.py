"""The U drawn from a live model prints the model's own numbers, to scale and without collisions."""

import io
import re
from collections import Counter

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.image import imread
from matplotlib.patches import FancyArrow, Rectangle

from unet_tutorial import geometry, plotting
from unet_tutorial._backend import keras
from unet_tutorial.model import build_unet, resize_unet
from unet_tutorial.plotting._layout import ARM, THICK, THIN
from unet_tutorial.plotting._style import COLOURS, tint

MODELS = {
    "paper": dict(),
    "blog": dict(input_shape=(512, 512, 3), classes=1, base_filters=2, padding="same", activation="sigmoid"),
    "released": dict(input_shape=(188, 188, 1), base_filters=8, variant="released"),
    "tiny": dict(input_shape=(92, 60, 1), depth=2, base_filters=4, classes=5),
    "shallow": dict(input_shape=(64, 64, 2), depth=1, base_filters=4),
    "deep": dict(input_shape=(700, 700, 1), depth=5, base_filters=2),
    "open": dict(input_shape=(None, None, 1), base_filters=2),
    "half open": dict(input_shape=(None, 108, 1), depth=3, base_filters=2),
    "no skips": dict(input_shape=(64, 64, 1), depth=3, base_filters=2, padding="same", skips=False),
    "drop-out": dict(input_shape=(64, 64, 1), depth=1, base_filters=2, drop_out=0.25),
}


@pytest.fixture(scope="module")
def models():
    made = {}

    def get(name):
        if name not in made:
            made[name] = build_unet(**MODELS[name])
        return made[name]

    return get


@pytest.fixture(scope="module")
def drawings(models):
    plotting.use_style()
    made = {}

    def get(name):
        if name not in made:
            made[name] = plotting.draw_unet(models(name))
        return made[name]

    return get


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def printed(shape):
    height, width, channels = ("?" if side is None else side for side in shape)
    return f"{height}² × {channels}" if height == width != "?" else f"{height}×{width}×{channels}"


def drawn_layers(model):
    """The layers that make a box of their own or complete one, in the model's order."""
    skips = any(isinstance(layer, keras.layers.Concatenate) for layer in model.layers)
    for layer in model.layers:
        if type(layer).__name__ in ("InputLayer", "Conv2D", "MaxPooling2D", "Concatenate"):
            yield layer
        elif isinstance(layer, keras.layers.Conv2DTranspose) and not skips:
            yield layer


@pytest.mark.parametrize("name", MODELS)
def test_printed_numbers_are_those_of_the_tensors(models, drawings, name):
    model, drawing = models(name), drawings(name)
    expected = [printed(layer.output.shape[1:]) for layer in drawn_layers(model)]
    assert [box.text for box in drawing.boxes] == expected
    shown = Counter(text.get_text() for text in drawing.ax.texts)
    assert shown & Counter(expected) == Counter(expected)


@pytest.mark.parametrize("name", MODELS)
def test_one_arrow_for_each_operation(models, name):
    model, drawing = models(name), plotting.draw_unet(models(name), key=False)
    kinds = {"MaxPooling2D": "pool", "Conv2DTranspose": "up", "Concatenate": "copy"}
    expected = Counter()
    for layer in model.layers:
        if type(layer).__name__ == "Conv2D":
            expected["conv" if layer.kernel_size == (3, 3) else "output"] += 1
        elif type(layer).__name__ in kinds:
            expected[kinds[type(layer).__name__]] += 1
    assert Counter(arrow.kind for arrow in drawing.arrows) == expected
    patches = [patch for patch in drawing.ax.patches if isinstance(patch, FancyArrow)]
    assert Counter(patch.get_facecolor() for patch in patches) == Counter(
        {to_rgba(COLOURS[kind]): count for kind, count in expected.items()}
    )
    assert all(arrow.layer in model.layers for arrow in drawing.arrows)


@pytest.mark.parametrize("name", ["paper", "tiny", "deep", "blog", "released"])
def test_boxes_are_to_scale(drawings, name):
    boxes = drawings(name).boxes
    sides = np.array([max(box.shape[:2]) for box in boxes])
    channels = np.array([box.shape[2] for box in boxes])
    assert [box.width for box in boxes] == pytest.approx(ARM * sides / sides.max())
    assert [box.height for box in boxes] == pytest.approx(THIN + THICK * np.sqrt(channels / channels.max()))


def test_boxes_of_open_sides_halve_from_level_to_level(drawings):
    for box in drawings("open").boxes:
        assert box.width == pytest.approx(ARM / 2 ** (box.level - 1))
    half_open = drawings("half open").boxes
    assert half_open[0].text == "?×108×1"
    assert half_open[-1].width == pytest.approx(ARM * half_open[-1].shape[1] / 108)


@pytest.mark.parametrize("name", MODELS)
def test_u_goes_down_on_the_left_and_up_on_the_right(drawings, name):
    drawing = drawings(name)
    depth, boxes = max(box.level for box in drawing.boxes), drawing.boxes
    places = [(box.level, box.arm) for box in boxes]
    assert places == (
        [(level, "left") for level in range(1, depth) for _ in range(3)]
        + [(depth, arm) for arm in ("left", "middle", "right")]
        + [(level, "right") for level in range(depth - 1, 0, -1) for _ in range(3)]
        + [(1, "right")]
    )
    left, right = ([box for box in boxes if box.arm == arm] for arm in ("left", "right"))
    for arm, way in ((left, -1), (right, 1)):
        assert len({box.x for box in arm}) == 1
        for before, after in zip(arm, arm[1:]):
            assert way * (after.y - before.y) > (before.height + after.height) / 2 + 0.1
    (x_left, x_right), (low, high) = drawing.ax.get_xlim(), drawing.ax.get_ylim()
    (middle,) = (box for box in boxes if box.arm == "middle")
    assert middle.x == pytest.approx(x_right / 2) == pytest.approx((left[0].x + right[0].x) / 2)
    assert x_left == high == 0 and low < min(box.y for box in boxes)
    assert left[0].x - left[0].width / 2 > 0
    assert len({box.y for box in boxes if box.level == depth}) == 1


@pytest.mark.parametrize("name", ["paper", "no skips", "released", "shallow"])
def test_arrows_join_the_edges_of_the_boxes_they_name(models, name):
    drawing = plotting.draw_unet(models(name), key=False)
    patches = [patch for patch in drawing.ax.patches if isinstance(patch, FancyArrow)]
    for arrow, patch in zip(drawing.arrows, patches, strict=True):
        (x, y), (x_end, y_end) = arrow.ends
        across, along = (0, 1) if x == x_end else (1, 0)
        corners, ends = patch.get_xy(), np.array(arrow.ends)
        assert [corners[:, along].min(), corners[:, along].max()] == pytest.approx(sorted(ends[:, along]))
        assert corners[:, across].min() + corners[:, across].max() == pytest.approx(ends[:, across].sum())
        tip = corners[np.abs(corners[:, along] - ends[1, along]) < 1e-9]
        assert len(np.unique(tip.round(9), axis=0)) == 1  # one point at the target, an edge at the source
        for box, (at_x, at_y) in ((arrow.source, arrow.ends[0]), (arrow.target, arrow.ends[1])):
            beside = abs(at_x - box.x) == pytest.approx(box.width / 2) and abs(at_y - box.y) <= box.height / 2
            above = abs(at_y - box.y) == pytest.approx(box.height / 2) and at_x == box.x
            assert beside or above
        assert (y == y_end and x < x_end) if arrow.kind == "copy" or arrow.target.arm == "middle" else True
        assert {"pool": y_end < y, "up": y_end > y, "output": y_end > y}.get(arrow.kind, True)
        assert arrow.target.level - arrow.source.level == {"pool": 1, "up": -1}.get(arrow.kind, 0)


@pytest.mark.parametrize("name", MODELS)
def test_no_text_leaves_the_figure_or_meets_another(drawings, name):
    drawing = drawings(name)
    drawing.fig.canvas.draw()
    texts = [text for text in drawing.ax.texts if text.get_text()]
    extents = [text.get_window_extent() for text in texts]
    for text, box in zip(texts, extents):
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= drawing.fig.bbox.x1 and box.y1 <= drawing.fig.bbox.y1, text
    for index, box in enumerate(extents):
        assert not any(box.overlaps(other) for other in extents[index + 1 :]), texts[index]


@pytest.mark.parametrize("name", ["paper", "tiny", "deep", "released"])
def test_crops_are_framed_and_named(models, drawings, name):
    model, drawing = models(name), drawings(name)
    copies = [arrow for arrow in drawing.arrows if arrow.kind == "copy"]
    depth = len(copies)
    margins = geometry.crop_margins(model.input_shape[1], depth)
    assert [arrow.text for arrow in copies] == [f"crop {margin}" for margin in margins]
    assert {arrow.text for arrow in copies} <= {text.get_text() for text in drawing.ax.texts}
    frames = [patch for patch in drawing.ax.patches if isinstance(patch, Rectangle) and patch.get_linestyle() == "--"]
    assert len(frames) == depth
    for arrow, frame in zip(reversed(copies), frames):
        side = max(arrow.source.shape[:2])
        kept = arrow.source.width * (side - 2 * int(arrow.text[5:])) / side
        assert frame.get_width() == pytest.approx(kept) and arrow.source.kept_width == pytest.approx(kept)
        assert frame.get_x() + kept / 2 == pytest.approx(arrow.source.x)
        assert frame.get_facecolor() == to_rgba(tint(COLOURS["copy"], 0.25))
    assert f"crop {margins[-1]}: {margins[-1]} pixels off each side" in drawing.key


def test_no_crop_where_nothing_is_cut(drawings):
    drawing = drawings("blog")
    assert "copy (4)" in drawing.key
    assert not any(arrow.text for arrow in drawing.arrows)
    assert not any("off each side" in line for line in drawing.key)
    assert not any(patch.get_linestyle() == "--" for patch in drawing.ax.patches)


def test_crops_of_open_sides_are_named_and_have_no_frame(drawings):
    drawing = drawings("open")
    assert "copy and crop (4)" in drawing.key and "crop 88: 88 pixels off each side" in drawing.key
    texts = [arrow.text for arrow in drawing.arrows if arrow.kind == "copy"]
    assert texts == ["crop 4", "crop 16", "crop 40", "crop 88"]
    assert not any(patch.get_linestyle() == "--" for patch in drawing.ax.patches)


def test_concatenated_maps_are_drawn_in_two_colours(drawings):
    drawing = drawings("released")
    copy = [arrow for arrow in drawing.arrows if arrow.kind == "copy"][-1]
    assert copy.target.parts == (16, 8) and copy.target.shape[2] == 24
    faces = {
        patch.get_facecolor(): patch
        for patch in drawing.ax.patches
        if isinstance(patch, Rectangle)
        and patch.get_x() + patch.get_width() / 2 == pytest.approx(copy.target.x)
        and abs(patch.get_y() + patch.get_height() / 2 - copy.target.y) < copy.target.height / 2
    }
    up, grey = (faces[to_rgba(tint(COLOURS[kind], 0.25))] for kind in ("up", "copy"))
    assert up.get_height() == pytest.approx(2 * grey.get_height()) == pytest.approx(copy.target.height * 2 / 3)
    assert up.get_y() + up.get_height() == pytest.approx(grey.get_y())
    assert copy.ends[1][1] == pytest.approx(grey.get_y() + grey.get_height() / 2)


def test_drop_out_is_hatched(drawings):
    for name, rate, layers in (
        ("released", "0.5", ["contract4_conv2", "bottom_conv2"]),
        ("drop-out", "0.25", ["contract1_conv2", "bottom_conv2"]),
    ):
        drawing = drawings(name)
        assert [box.name for box in drawing.boxes if box.drop_out] == layers
        assert f"drop-out {rate} (2)" in drawing.key
        assert sum(patch.get_hatch() == "...." for patch in drawing.ax.patches) == 3  # the two, and the key's


def test_key_counts_the_layers(models, drawings):
    paper = drawings("paper").key
    assert paper == [
        "3×3 convolution + ReLU (18)",
        "2×2 max-pooling (4)",
        "2×2 up-convolution (4)",
        "copy and crop (4)",
        "1×1 convolution (1)",
        "572² × 1: 572 × 572 pixels, 1 channel",
        "crop 88: 88 pixels off each side",
        "23 convolutional layers, 31,030,658 parameters",
    ]
    blog = drawings("blog").key
    assert "1×1 convolution + sigmoid (1)" in blog and "512² × 3: 512 × 512 pixels, 3 channels" in blog
    assert blog[-1] == f"23 convolutional layers, {models('blog').count_params():,} parameters"
    assert "2×2 up-convolution + ReLU (4)" in drawings("released").key
    assert "?×?×1: height × width × channels, ? is a side left open" in drawings("open").key
    assert not any("copy" in line for line in drawings("no skips").key)
    assert set(paper) <= {text.get_text() for text in drawings("paper").ax.texts}


@pytest.mark.parametrize("name", ["paper", "released", "shallow"])
def test_key_shows_each_arrow_as_it_is_drawn(models, drawings, name):
    with_key, without = drawings(name), plotting.draw_unet(models(name), key=False)
    patches = [patch for patch in with_key.ax.patches if isinstance(patch, FancyArrow)][len(without.arrows) :]
    kinds = list(dict.fromkeys(arrow.kind for arrow in with_key.arrows))
    assert [patch.get_facecolor() for patch in patches] == [to_rgba(COLOURS[kind]) for kind in kinds]
    texts = {text.get_text(): text for text in with_key.ax.texts}
    floor = without.ax.get_ylim()[0]
    for kind, line, patch in zip(kinds, with_key.key, patches):
        points = patch.get_xy()
        assert points[:, 1].max() < floor and points[:, 0].max() < texts[line].get_position()[0]
        assert (points[:, 1].min() + points[:, 1].max()) / 2 == pytest.approx(texts[line].get_position()[1], abs=0.02)
        lengths = np.ptp(points, axis=0)
        if kind == "copy":
            assert lengths[0] == pytest.approx(0.3)
        else:
            assert lengths[1] == pytest.approx(0.24)
            widest = points[np.argmax(np.abs(points[:, 0] - (points[:, 0].min() + points[:, 0].max()) / 2)), 1]
            centre = (points[:, 1].min() + points[:, 1].max()) / 2
            assert (widest < centre) == (kind in ("conv", "pool"))  # the head is below: it points down


def test_levels_lie_on_bands(drawings):
    drawing = drawings("paper")
    bands = [patch for patch in drawing.ax.patches if patch.get_facecolor() == to_rgba("#F3F4F7")]
    assert len(bands) == 5
    for level, (band, lower) in enumerate(zip(bands, [*bands[1:], None]), start=1):
        assert band.get_x() == pytest.approx(0) and band.get_width() == pytest.approx(drawing.ax.get_xlim()[1])
        boxes = [box for box in drawing.boxes if box.level == level]
        assert min(box.y - box.height / 2 for box in boxes) - band.get_y() == pytest.approx(0.09)
        assert band.get_y() + band.get_height() - max(box.y + box.height / 2 for box in boxes) == pytest.approx(0.09)
        (label,) = (text for text in drawing.ax.texts if text.get_text() == f"level {level}")
        assert band.get_y() < label.get_position()[1] < band.get_y() + band.get_height()
        assert lower is None or lower.get_y() + lower.get_height() < band.get_y()
    assert bands[0].get_y() + bands[0].get_height() == pytest.approx(0)


def test_a_resized_or_reloaded_model_is_drawn_with_its_own_sizes(models, drawings, tmp_path):
    resized = resize_unet(models("shallow"), (96, 80, 2))
    boxes = plotting.draw_unet(resized).boxes
    assert boxes[0].shape == (96, 80, 2) and boxes[-1].shape == (80, 64, 2)
    assert [box.text for box in drawings("shallow").boxes][-1] == "48² × 2"
    resized.save(tmp_path / "net.keras")
    again = plotting.draw_unet(keras.saving.load_model(tmp_path / "net.keras")).boxes
    assert [box.text for box in again] == [box.text for box in boxes]


def test_drawing_fits_the_axes_given(models):
    fig, axes = plt.subplots(1, 2, figsize=(13, 7))
    small = plotting.draw_unet(models("tiny"), axes[0], key=False)
    own = plotting.draw_unet(models("tiny"), key=False)
    assert small.fig is fig and small.ax is axes[0] and own.fig is not fig
    fig.canvas.draw()
    sizes = {text.get_fontsize() for text in small.ax.texts}
    width = axes[0].get_window_extent().width / fig.dpi
    assert len(sizes) == 1 and sizes.pop() == pytest.approx(10 * width / small.ax.get_xlim()[1], rel=0.02)
    for text in own.ax.texts:
        assert text.get_fontsize() == pytest.approx(10 * 6.5 / own.ax.get_xlim()[1])
    assert own.ax.get_xlim() == small.ax.get_xlim()
    assert own.fig.get_figwidth() == 6.5 and own.ax.get_window_extent().width == pytest.approx(6.5 * own.fig.dpi)


def test_numbers_and_key_can_be_left_out(models, drawings):
    full, bare = drawings("tiny"), plotting.draw_unet(models("tiny"), numbers=False, key=False)
    assert bare.ax.texts[:] == [] and bare.key == []
    texts = {text.get_text() for text in full.ax.texts}
    assert {"level 1", "level 2", "level 3", "input", "output"} <= texts
    assert bare.fig.get_figheight() < full.fig.get_figheight()
    assert repr(bare) == "<Drawing of 16 maps and 17 operations>"
    assert plotting.draw_unet(models("tiny"), numbers=False).key == full.key


def test_letters_stay_readable_on_a_phone(drawings):
    for name in ("paper", "blog", "tiny", "released"):
        sizes = [text.get_fontsize() for text in drawings(name).ax.texts]
        assert min(sizes) * 360 / (6.5 * 72) > 7  # CSS pixels when the figure is 360 px wide


def test_a_model_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="type ndarray: must be a Keras model"):
        plotting.draw_unet(np.zeros(3))
    inputs = keras.Input((8, 8, 1))
    with pytest.raises(ValueError, match="not one that build_unet makes"):
        plotting.draw_unet(keras.Model(inputs, keras.layers.Conv2D(1, 3)(inputs)))


def test_drawing_is_the_same_bytes_each_time(models, tmp_path):
    files = [tmp_path / "first.png", tmp_path / "second.png"]
    for file in files:
        plotting.save_figure(plotting.draw_unet(models("tiny")).fig, file)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert imread(files[0]).shape[1] == 780 and b"Software" not in files[0].read_bytes()
    vectors = [io.BytesIO(), io.BytesIO()]
    for vector in vectors:
        plotting.draw_unet(models("shallow"), key=False).fig.savefig(vector, format="svg", metadata={"Date": None})
    assert vectors[0].getvalue() == vectors[1].getvalue()


def test_cover_shows_image_u_and_segmentation(models, tmp_path):
    image = np.full((60, 40), 0.25, np.float32)
    cells = np.ones((60, 40), int)
    cells[:, 20:] = 2
    path = tmp_path / "cover.png"
    fig = plotting.cover(image, cells, models("tiny"), title="Card", subtitle="below", path=path)
    picture = imread(path)[..., :3]
    assert picture.shape == (630, 1200, 3)
    assert np.allclose(picture[600, 200], 0.25, atol=0.01)
    painted = plotting.paint_cells(cells)
    assert np.allclose(picture[600, 900], painted[30, 10], atol=0.01)
    assert np.allclose(picture[600, 1100], painted[30, 30], atol=0.01)
    assert np.allclose(picture[5, 405:795], 1)
    assert (np.abs(picture[:, 450:750] - plt.cm.colors.to_rgb(COLOURS["conv"])).max(axis=-1) < 0.02).any()
    for columns in (slice(340, 400), slice(800, 860)):
        assert (np.abs(picture[:, columns] - plt.cm.colors.to_rgb(COLOURS["accent"])).max(axis=-1) < 0.02).sum() > 300
    assert [(text.get_text(), text.get_fontsize()) for text in fig.texts] == [("Card", 36), ("below", 13)]
    u, (inward, outward) = fig.axes[2], fig.artists
    edges = [
        u.transData.inverted().transform(fig.transFigure.transform(end))
        for arrow in (inward, outward)
        for end in arrow._posA_posB
    ]
    boxes = plotting.draw_unet(models("tiny"), numbers=False, key=False).boxes
    assert edges[1] == pytest.approx([boxes[0].x - boxes[0].width / 2, boxes[0].y])
    assert edges[2] == pytest.approx([boxes[-1].x + boxes[-1].width / 2, boxes[-1].y])
    assert edges[0][0] < edges[1][0] < edges[2][0] < edges[3][0]
    plotting.cover(image, cells, models("tiny"), title="Card", subtitle="below", path=tmp_path / "again.png")
    assert (tmp_path / "again.png").read_bytes() == path.read_bytes()


def test_cover_takes_labels_and_probabilities_and_shrinks_long_texts(models):
    image = np.linspace(0, 1, 60 * 90, dtype=np.float32).reshape(60, 90)
    fig = plotting.cover(image, image, models("shallow"), subtitle="a long line of text, longer than the panel is wide")
    left, right = fig.axes[0].images[0].get_array(), fig.axes[1].images[0].get_array()
    assert left.shape == (60, 38) and (left == image[:, 26:64]).all() and (right == left).all()
    label = (image > 0.5).astype(np.uint8)
    assert (plotting.cover(image, label, models("shallow")).axes[1].images[0].get_array() == label[:, 26:64]).all()
    fig.canvas.draw()
    for text in fig.texts:
        assert text.get_window_extent().x0 > 400 and text.get_window_extent().x1 < 800
    assert plotting.cover(image, label, models("shallow")).texts[0].get_text() == "U-Net"
    with pytest.raises(ValueError, match=re.escape("image of shape (60, 90) and segmentation of shape (60, 80)")):
        plotting.cover(image, label[:, :80], models("shallow"))
    with pytest.raises(ValueError, match="segmentation.*must be in 0..1"):
        plotting.cover(image, 2 * image, models("shallow"))
