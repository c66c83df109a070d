"""Figures show what they are asked to show: the arrays, colours, limits and texts in the Axes are checked."""

import itertools
import re

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb, to_rgba
from matplotlib.text import Text

from unet_tutorial import plotting
from unet_tutorial.plotting._style import COLOURS, STYLE, tint
from unet_tutorial.rounding import assert_agree

RNG = np.random.default_rng(0)
IMAGE = RNG.random((24, 36)).astype(np.float32)
LABEL = (IMAGE > 0.3).astype(np.uint8)
CELLS = np.kron(RNG.integers(0, 4, (4, 6)), np.ones((6, 6), int))


@pytest.fixture(autouse=True)
def style():
    plotting.use_style()
    yield
    plt.close("all")


def shown(ax):
    return np.asarray(ax.images[-1].get_array())


def luminance(colour):
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


# The palette and the style


def test_the_colours_of_the_operations_read_in_grey():
    kinds = ("conv", "pool", "up", "copy", "output")
    lightness = {kind: 116 * luminance(COLOURS[kind]) ** (1 / 3) - 16 for kind in kinds}
    for first, second in itertools.combinations(lightness.values(), 2):
        assert abs(first - second) > 6
    for kind in lightness:
        assert 1.05 / (luminance(COLOURS[kind]) + 0.05) > 3  # contrast of an arrow on white


@pytest.mark.parametrize("kinds", [("conv", "pool", "up", "copy", "output"), ("split", "merge", "accent")])
def test_the_colours_stay_apart_for_colour_blind_eyes(kinds):
    # Machado, Oliveira and Fernandes 2009, severity 1: red-blind, green-blind, blue-blind.
    blindness = np.array(
        [
            [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
            [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
            [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
        ]
    )
    for matrix in blindness:
        seen = {kind: np.clip(matrix @ to_rgb(COLOURS[kind]), 0, 1) for kind in kinds}
        for first, second in itertools.combinations(kinds, 2):
            assert np.linalg.norm(seen[first] - seen[second]) > 0.14, (first, second)


def test_style_is_set_and_fixed():
    matplotlib.rcdefaults()
    plotting.use_style()
    assert matplotlib.rcParams["font.family"] == ["DejaVu Sans"] and matplotlib.rcParams["svg.hashsalt"]
    assert not matplotlib.rcParams["axes.spines.top"] and not matplotlib.rcParams["axes.spines.right"]
    assert matplotlib.rcParams["figure.constrained_layout.use"]
    assert to_hex(matplotlib.rcParams["figure.facecolor"]) == "#ffffff"
    sizes = [value for name, value in STYLE.items() if name.endswith("size") and name != "figure.figsize"]
    assert len(sizes) == 6 and min(sizes) * 360 / (72 * STYLE["figure.figsize"][0]) > 7  # CSS pixels on a phone


def test_tint_mixes_with_white():
    assert tint("#204060", 1) == "#204060" and tint("#204060", 0) == "#ffffff"
    assert tint("#000000", 0.2) == "#cccccc"


def test_saved_figures_are_the_same_bytes(tmp_path):
    for name in ("first.png", "second.png"):
        fig, _ = plotting.show_row([IMAGE, CELLS], ["image", "cells"], ["image", "cells"])
        plotting.save_figure(fig, tmp_path / name)
    data = (tmp_path / "first.png").read_bytes()
    assert data == (tmp_path / "second.png").read_bytes() and b"Software" not in data
    height, width = plt.imread(tmp_path / "first.png").shape[:2]
    assert (width, height) == pytest.approx(fig.get_size_inches() * 120, abs=1)


# Single pictures


def test_every_picture_has_a_frame_a_title_and_no_ticks():
    calls = [
        (plotting.show_image, IMAGE),
        (plotting.show_label, LABEL),
        (plotting.show_cells, CELLS),
        (plotting.show_probability, IMAGE),
        (plotting.weights_map, IMAGE),
    ]
    fig, axes = plt.subplots(1, 5)
    for (show, array), ax in zip(calls, axes):
        assert show(array, ax, "a title") is ax
        own = show(array)
        assert own.figure is not fig and own.get_title() == ""
        width, height = own.figure.get_size_inches()
        assert height / width == pytest.approx(24 / 36)
        assert ax.get_title() == "a title"
        assert len(ax.get_xticks()) == len(ax.get_yticks()) == 0
        assert all(ax.spines[side].get_visible() for side in ("left", "right", "top", "bottom"))


def test_images_are_shown_from_black_to_white():
    ax = plotting.show_image(IMAGE)
    assert (shown(ax) == IMAGE).all() and ax.images[0].get_clim() == (0, 1) and ax.images[0].get_cmap().name == "gray"
    assert (shown(plotting.show_image(IMAGE[..., None])) == IMAGE).all()
    rgb = np.stack([IMAGE, IMAGE**2, IMAGE**3], axis=-1)
    assert (shown(plotting.show_image(rgb)) == rgb).all()


@pytest.mark.parametrize(
    "image, message",
    [
        (LABEL, "divide uint8 grey values by 255"),
        (255 * IMAGE, "image: holds values from .* must be in 0..1"),
        (np.stack([IMAGE * 2] * 3, -1), "must be in 0..1"),
        (np.zeros((4, 4, 2)), "take one channel"),
        (np.full((4, 4), np.nan), "NaN"),
        (np.zeros((0, 4)), "holds no pixel"),
    ],
)
def test_images_are_refused(image, message):
    with pytest.raises(ValueError, match=message):
        plotting.show_image(image)


def test_labels_cells_and_probabilities():
    ax = plotting.show_label(LABEL)
    assert (shown(ax) == LABEL).all() and ax.images[0].get_clim() == (0, 1) and ax.images[0].get_cmap().name == "gray"
    assert (shown(plotting.show_cells(CELLS)) == plotting.paint_cells(CELLS)).all()
    ax = plotting.show_probability(IMAGE / 2)
    assert (shown(ax) == IMAGE / 2).all() and ax.images[0].get_clim() == (0, 1)
    for show, array in (
        (plotting.show_label, CELLS),
        (plotting.show_cells, IMAGE),
        (plotting.show_probability, IMAGE + 1),
    ):
        with pytest.raises(ValueError):
            show(array)


def test_heat_maps_have_a_bar_below_them():
    weights = 8 * IMAGE / IMAGE.max()
    for ax, ticks in (
        (plotting.weights_map(weights), ["0", "4", "8"]),
        (plotting.show_probability(IMAGE), ["0", "0.5", "1"]),
        (plotting.weights_map(weights, top=5), ["0", "2.5", "5"]),
        (plotting.weights_map(0 * weights), ["0", "0.5", "1"]),
    ):
        ax.figure.canvas.draw()
        (bar,) = ax.child_axes
        assert [label.get_text() for label in bar.get_xticklabels()] == ticks
        assert bar.get_window_extent().y1 < ax.get_window_extent().y0
        assert bar.get_window_extent().width == pytest.approx(ax.get_window_extent().width)
    assert (shown(plotting.weights_map(weights)) == weights).all()
    for bad, options, message in (
        (-weights, {}, "negative value -8"),
        (CELLS, {}, "dtype"),
        (weights, {"top": 0}, "top 0"),
        (np.stack([weights] * 3, -1), {}, "weights of shape"),
    ):
        with pytest.raises(ValueError, match=message):
            plotting.weights_map(bad, **options)


def test_overlays_show_what_blend_computes():
    for mask in ({"label": LABEL}, {"cells": CELLS}, {"probability": IMAGE}):
        ax = plotting.overlay(IMAGE, **mask, title="over")
        assert (shown(ax) == plotting.blend(IMAGE, **mask)).all() and ax.get_title() == "over"
        strong = plotting.overlay(IMAGE, **mask, strength=0.9)
        assert (shown(strong) == plotting.blend(IMAGE, **mask, strength=0.9)).all()


def test_confusion_overlay_names_and_counts_the_errors():
    split, merge = np.zeros((24, 36), bool), np.zeros((24, 36), np.uint8)
    split[3, 3:8] = True
    merge[20, 20] = 1
    fig, ax = plt.subplots()
    assert plotting.confusion_overlay(split, merge, IMAGE, ax, "errors") is ax
    assert (shown(ax) == plotting.mark_errors(split, merge, IMAGE)).all() and ax.get_title() == "errors"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["split: 5 px", "merge: 1 px"]
    handles = [patch.get_facecolor() for patch in ax.get_legend().get_patches()]
    assert handles == [to_rgba(COLOURS["split"]), to_rgba(COLOURS["merge"])]
    fig.canvas.draw()
    assert ax.get_legend().get_window_extent().y1 <= ax.get_window_extent().y0 + 1
    wide = plotting.confusion_overlay(split, merge, IMAGE, grow=4)
    assert (shown(wide) == plotting.mark_errors(split, merge, IMAGE, 4)).all()


# Several pictures


def test_a_row_shows_each_kind():
    arrays = [IMAGE, LABEL, CELLS, IMAGE / 2, 3 * IMAGE]
    kinds = ["image", "label", "cells", "probability", "weights"]
    fig, axes = plotting.show_row(arrays, list("abcde"), kinds, columns=3)
    assert [ax.get_title() for ax in axes] == list("abcde") and all(ax.figure is fig for ax in axes)
    singles = [
        plotting.show_image,
        plotting.show_label,
        plotting.show_cells,
        plotting.show_probability,
        plotting.weights_map,
    ]
    for ax, single, array in zip(axes, singles, arrays):
        alone = single(array)
        assert (shown(ax) == shown(alone)).all() and ax.images[0].get_cmap() == alone.images[0].get_cmap()
    assert len(fig.axes) == 5
    spots = [ax.get_subplotspec() for ax in axes]
    assert [(spot.rowspan.start, spot.colspan.start) for spot in spots] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]


def test_pictures_of_a_row_are_equally_large_and_inside_the_figure():
    fig, axes = plotting.show_row(
        [IMAGE, IMAGE, 9 * IMAGE], ["one", "two", "three"], ["image", "probability", "weights"]
    )
    fig.canvas.draw()
    extents = [ax.get_window_extent() for ax in axes]
    assert np.ptp([box.width for box in extents]) < 1 and np.ptp([box.y0 for box in extents]) < 1
    assert fig.get_figwidth() == 6.5
    for ax in axes:
        tight = ax.get_tightbbox()
        assert tight.x0 > -1 and tight.y0 > -1 and tight.y1 < fig.bbox.y1 + 1
    assert extents[0].width > 0.27 * fig.bbox.width


def test_rows_of_one_kind_and_their_defaults():
    fig, axes = plotting.show_row([LABEL] * 5, kinds="label")
    assert len(axes) == 5 and {ax.get_subplotspec().get_gridspec().ncols for ax in axes} == {4}
    assert all(ax.get_title() == "" and ax.images[0].get_clim() == (0, 1) for ax in axes)
    assert plotting.show_row([IMAGE])[0].get_figwidth() == 3.6
    assert plotting.show_row([IMAGE])[0].get_figheight() == pytest.approx(3.6 * 24 / 36)
    tall = plotting.show_row([IMAGE] * 2, columns=1, titles=["a", "b"])[0]
    assert tall.get_figheight() == pytest.approx(2 * (3.6 * 24 / 36 + 0.3)) and len(tall.axes) == 2


def test_a_row_refuses():
    for arguments, message in (
        ((["x"],), "1 titles for 2 images"),
        ((None, ["image"]), "1 kinds for 2 images"),
        ((None, "photo"), "kind 'photo': must be one of image, label"),
        ((None, "image", 0), "columns 0"),
    ):
        with pytest.raises(ValueError, match=message):
            plotting.show_row([IMAGE, IMAGE], *arguments)
    with pytest.raises(ValueError, match="none given"):
        plotting.show_row([])
    for bad in (np.zeros(3), np.zeros((0, 3))):
        with pytest.raises(ValueError, match=re.escape(f"image of shape {bad.shape}")):
            plotting.show_row([bad])


def test_feature_maps():
    maps = RNG.normal(size=(8, 10, 20)).astype(np.float32)
    maps[..., 2] = 0
    fig, axes = plotting.feature_maps(maps)
    assert len(axes) == 16 and axes[4].get_subplotspec().rowspan.start == 1
    assert [ax.get_title() for ax in axes[:4]] == ["0", "1", "2: silent", "3"]
    for index, ax in enumerate(axes):
        assert (shown(ax) == maps[..., index]).all()
        assert ax.images[0].get_clim() == (maps[..., index].min(), maps[..., index].max()) or index == 2
    _, batch = plotting.feature_maps(maps[None], count=3, columns=2, shared=True)
    assert len(batch) == 3 and batch[2].get_subplotspec().rowspan.start == 1
    assert {ax.images[0].get_clim() for ax in batch} == {(maps[..., :3].min(), maps[..., :3].max())}
    assert len(plotting.feature_maps(maps[..., :5])[1]) == 5


@pytest.mark.parametrize(
    "maps, message",
    [
        (np.zeros((4, 4)), re.escape("maps of shape (4, 4): must be (H, W, C)")),
        (np.zeros((2, 4, 4, 3)), "maps of shape"),
        (np.zeros((4, 4, 3), int), "maps of dtype"),
        (np.full((4, 4, 3), np.inf), "NaN or infinite"),
    ],
)
def test_feature_maps_are_refused(maps, message):
    with pytest.raises(ValueError, match=message):
        plotting.feature_maps(maps)


def test_feature_maps_counts_are_checked():
    for options, message in (({"count": 0}, "count 0"), ({"columns": 0}, "columns 0")):
        with pytest.raises(ValueError, match=message):
            plotting.feature_maps(np.zeros((4, 4, 3)), **options)


# Displacement fields


def test_the_grid_goes_where_the_pixels_are_fetched():
    field = RNG.normal(scale=3, size=(2, 24, 36)).astype(np.float32)
    ax = plotting.displacement_grid(field, image=IMAGE, step=10, title="warped")
    assert (shown(ax) == IMAGE).all() and ax.get_title() == "warped"
    rows, columns = [0, 10, 20, 23], [0, 10, 20, 30, 35]
    assert len(ax.lines) == len(rows) + len(columns)
    for line, row in zip(ax.lines, rows):
        assert_agree(line.get_xdata(), np.arange(36) + field[1, row], terms=2, dtype=np.float32)
        assert_agree(line.get_ydata(), row + field[0, row], terms=2, dtype=np.float32)
    for line, column in zip(ax.lines[len(rows) :], columns):
        assert_agree(line.get_xdata(), column + field[1, :, column], terms=2, dtype=np.float32)
        assert_agree(line.get_ydata(), np.arange(24) + field[0, :, column], terms=2, dtype=np.float32)
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    xs, ys = (np.concatenate(data) for data in zip(*(line.get_data() for line in ax.lines)))
    assert left < xs.min() and right > xs.max() and top < ys.min() and bottom > ys.max()


def test_the_grid_of_no_displacement_is_straight():
    ax = plotting.displacement_grid(np.zeros((2, 65, 40)))
    assert len(ax.lines) == 3 + 3  # 0, 32, 64 and 0, 32, 39
    assert (shown(ax) == 1).all() and shown(ax).shape == (65, 40)
    for line in ax.lines:
        assert np.ptp(line.get_xdata()) == 0 or np.ptp(line.get_ydata()) == 0
    assert ax.get_xlim() == (-1, 41) and ax.get_ylim() == (66, -1)


def test_arrows_point_along_the_displacement():
    field = RNG.normal(scale=3, size=(2, 24, 36)).astype(np.float32)
    ax = plotting.displacement_grid(field, step=12, arrows=2)
    (quiver,) = (child for child in ax.collections)
    assert quiver.scale == 0.5 and quiver.angles == quiver.scale_units == "xy" and not ax.lines
    expected = [(column, row) for row in (0, 12, 23) for column in (0, 12, 24, 35)]
    assert [tuple(spot) for spot in np.asarray(quiver.get_offsets())] == expected
    for (column, row), u, v in zip(expected, quiver.U, quiver.V):
        assert (u, v) == (field[1, row, column], field[0, row, column])


@pytest.mark.parametrize(
    "field, options, message",
    [
        (np.zeros((3, 4, 4)), {}, re.escape("field of shape (3, 4, 4): must be (2, H, W)")),
        (np.zeros((2, 4)), {}, "field of shape"),
        (np.zeros((2, 4, 4), int), {}, "field of dtype"),
        (np.zeros((2, 4, 4)), {"step": 0}, "step 0"),
        (np.zeros((2, 4, 4)), {"arrows": -1}, "arrows -1"),
        (np.zeros((2, 4, 4)), {"image": IMAGE}, "and field of shape"),
    ],
)
def test_displacement_fields_are_refused(field, options, message):
    with pytest.raises(ValueError, match=message):
        plotting.displacement_grid(field, **options)


# Curves


def test_curves_are_named_at_their_ends():
    ax = plotting.curves({"training": [3, 2, 1], "held out": ([10, 20], [2.5, 1.5])}, xlabel="epoch", ylabel="error")
    first, second = ax.lines
    assert list(first.get_xdata()) == [1, 2, 3] and list(first.get_ydata()) == [3, 2, 1]
    assert list(second.get_xdata()) == [10, 20] and list(second.get_ydata()) == [2.5, 1.5]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("epoch", "error", "linear")
    names = {text.get_text(): text for text in ax.texts}
    assert names["training"].xy == (3, 1) and names["held out"].xy == (20, 1.5)
    assert names["held out"].get_position()[0] == 1.02 and names["training"].get_position()[0] < 0.2
    assert names["training"].get_color() == pytest.approx([0.7 * part for part in to_rgb(COLOURS["conv"])])
    assert ax.get_legend() is None


def test_names_never_overlap_or_leave_the_figure():
    histories = {f"curve {index}": [1.0, 0.5 + index / 1000] for index in range(7)}
    ax = plotting.curves(histories)
    ax.figure.canvas.draw()
    boxes = [Text.get_window_extent(text) for text in ax.texts]  # without the line to the curve's end
    for first, second in itertools.combinations(boxes, 2):
        assert not first.overlaps(second)
    assert all(box.x1 <= ax.figure.bbox.x1 and box.y0 >= 0 for box in boxes)
    heights = [box.y0 for box in boxes]
    assert heights == sorted(heights)  # in the order of the curves' ends
    ends = [ax.transAxes.inverted().transform(ax.transData.transform(text.xy))[1] for text in ax.texts]
    assert np.mean([text.get_position()[1] for text in ax.texts]) == pytest.approx(np.mean(ends))


def test_names_far_apart_stay_at_their_curves():
    ax = plotting.curves({"low": [0.0, 0.0], "high": [0.0, 1.0]})
    for text in ax.texts:
        height = ax.transAxes.inverted().transform(ax.transData.transform(text.xy))[1]
        assert text.get_position()[1] == pytest.approx(height)


def test_twenty_curves_look_different():
    ax = plotting.curves({str(index): [index, index] for index in range(20)})
    assert len({(line.get_color(), line.get_linestyle()) for line in ax.lines}) == 20
    assert [line.get_linestyle() for line in ax.lines[:4]] == ["-", "--", "-.", ":"]
    assert len({line.get_color() for line in ax.lines[:5]}) == 5


def test_curves_are_smoothed_and_survive_nan():
    values = np.array([4.0, 2, 6, 8, 1])
    (line,) = plotting.curves({"loss": values}, smooth=3).lines
    assert list(line.get_xdata()) == [3, 4, 5] and line.get_ydata() == pytest.approx([4, 16 / 3, 5])
    assert list(plotting.curves({"loss": [1, 2]}, smooth=2).lines[0].get_ydata()) == [1.5]
    diverged = plotting.curves({"loss": [1.0, 2.0, np.nan, np.nan]})
    assert diverged.texts[0].xy == (2, 2)
    assert plotting.curves({"loss": [1, 10, 100]}, log=True).get_yscale() == "log"
    fig, ax = plt.subplots()
    assert plotting.curves({"loss": [1, 2]}, ax) is ax and (ax.get_xlabel(), ax.get_ylabel()) == ("step", "loss")


@pytest.mark.parametrize(
    "histories, options, message",
    [
        ({}, {}, "histories: empty"),
        ({"a": []}, {}, "curve 'a'"),
        ({"a": [1, 2]}, {"smooth": 3}, "at least 3"),
        ({"a": [[1, 2]]}, {}, "curve 'a'"),
        ({"a": ([1, 2, 3], [1, 2])}, {}, "equally long"),
        ({"a": ["x"]}, {}, "must be numbers"),
        ({"a": (["x"], [1])}, {}, "must be numbers"),
        ({"a": [np.nan]}, {}, "no finite value"),
        ({"a": [1, 0]}, {"log": True}, "curve 'a': holds 0, which a logarithmic axis"),
        ({"a": [1]}, {"smooth": 0}, "smooth 0"),
    ],
)
def test_curves_are_refused(histories, options, message):
    with pytest.raises(ValueError, match=message):
        plotting.curves(histories, **options)


def test_differences_show_every_pair_the_interval_and_the_band_of_the_smallest_effect():
    pairs = {0: 0.5, 1: -0.25, 2: 1.0, 3: 0.25}
    ax = plotting.differences({"one": (pairs, (0.125, 0.75), 0.0625), "two": ({0: 1.0}, (1.0, 1.0), 2.0)})
    marks = {line.get_marker(): line.get_xdata().tolist() for line in ax.lines[:4]}
    assert marks == {"o": [0.5, 1.0], "s": [-0.25, 0.25], "|": [0.125, 0.75], "D": [0.375]}
    bands = [collection.get_paths()[0].get_extents() for collection in ax.collections]
    assert [(band.x0, band.x1) for band in bands] == [(-0.0625, 0.0625), (-2.0, 2.0)]
    assert [text.get_text() for text in ax.texts] == ["+0.375", "+1.000", "mean"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first row is on top
    plt.close(ax.figure)


@pytest.mark.parametrize(
    "rows", [{}, {"a": ({}, (0, 1), 1)}, {"a": ({0: np.nan}, (0, 1), 1)}, {"a": ({0: 1.0}, (0, 1), 0)}]
)
def test_differences_refuse(rows):
    with pytest.raises(ValueError, match="row"):
        plotting.differences(rows)


def test_dots_show_every_value_and_the_mean():
    groups = {"with": [0.9, 0.8, 0.7], "without": [0.5]}
    ax = plotting.dots(groups, xlabel="score", digits=2)
    drawn = [line for line in ax.lines if line.get_marker() == "o"]
    assert [line.get_xdata().tolist() for line in drawn] == [[0.9, 0.8, 0.7], [0.5]]
    assert [set(line.get_ydata()) for line in drawn] == [{0}, {1}]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["with", "without"]
    assert {"0.80", "0.50", "mean"} <= {text.get_text() for text in ax.texts}
    assert ax.get_ylim()[0] > ax.get_ylim()[1] and ax.get_xlabel() == "score"
    means = [line.get_xdata()[0] for line in ax.lines if len(set(line.get_xdata())) == 1 and len(line.get_xdata()) == 2]
    assert any(np.isclose(mean, 0.8) for mean in means)


@pytest.mark.parametrize("groups", [{}, {"a": []}, {"a": [np.nan]}, {"a": ["1"]}, {"a": [[1.0]]}])
def test_dots_refuse(groups):
    with pytest.raises(ValueError, match="group"):
        plotting.dots(groups)
