"""Laws of the weight map; oracles by brute force."""

import warnings

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from unet_tutorial.rounding import assert_agree, largest_difference, rounding_bound
from unet_tutorial.weight_maps import STRIP, border_weight_map, class_balance, separate_touching, weight_map


def border_by_definition(cells, w0, sigma):
    ids = np.unique(cells[cells > 0])
    weights = np.zeros(cells.shape)
    if len(ids) < 2:
        return weights
    pixels = np.argwhere(cells == 0)
    distances = np.sort([cdist(pixels, np.argwhere(cells == cell)).min(axis=1) for cell in ids], axis=0)
    weights[cells == 0] = w0 * np.exp(-((distances[0] + distances[1]) ** 2) / (2 * sigma**2))
    return weights


def random_cells(rng, kind):
    shape = tuple(rng.integers(1, 20, 2))
    if kind == "sparse pixels":
        return np.where(rng.random(shape) < 0.08, rng.integers(1, 900, shape), 0)
    if kind == "fragments":
        return np.where(rng.random(shape) < 0.3, rng.integers(1, 4, shape), 0)
    if kind == "crowded":
        return rng.integers(0, 5, shape)
    cells = np.zeros(shape, int)  # rectangles
    for cell in rng.permutation(40)[: rng.integers(1, 8)] + 1:
        top, left = rng.integers(0, shape)
        cells[top : top + rng.integers(1, 8), left : left + rng.integers(1, 8)] = cell
    return cells


BORDER = 4  # two distances, a square and a power: roundings in one border weight
KINDS = ("sparse pixels", "fragments", "crowded", "rectangles")


def touching_pixels(cells):
    height, width = cells.shape
    found = np.zeros(cells.shape, bool)
    for row, column in np.argwhere(cells > 0):
        around = cells[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
        found[row, column] = ((around != 0) & (around != cells[row, column])).any()
    return found


def three_touching_cells():
    cells = np.zeros((20, 30), np.uint16)
    cells[3:15, 2:12], cells[5:17, 12:25], cells[17:19, 25:29] = 5, 6, 300
    return cells


# border weight map


@pytest.mark.rounding
@pytest.mark.parametrize("kind", KINDS)
def test_border_map_is_the_definition(kind):
    rng = np.random.default_rng(KINDS.index(kind))
    for _ in range(80):
        cells = random_cells(rng, kind)
        w0, sigma = rng.uniform(0, 20), rng.choice([0.4, 2.0, 5.0, 60.0])
        found = border_weight_map(cells, w0, sigma)
        expected = border_by_definition(cells, w0, sigma)
        expected[expected < 1.9e-22 * w0] = 0  # further than 10 sigma
        assert_agree(found, expected, BORDER)
        assert found.dtype == np.float32


@pytest.mark.rounding
@pytest.mark.parametrize("sigma", [2.0, 5.0, 60.0])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_border_one_pixel_off_is_ten_times_over_the_bound(axis, sigma):
    cells = np.pad(three_touching_cells(), 2)
    found, off = border_weight_map(cells, sigma=sigma), border_weight_map(np.roll(cells, 1, axis), sigma=sigma)
    assert largest_difference(off, found) > 10 * rounding_bound(BORDER, found)
    assert_agree(found, border_by_definition(cells, 10, sigma), BORDER)


@pytest.mark.parametrize("axis", [0, 1])
def test_border_map_of_two_far_walls_by_hand(axis):
    cells = np.zeros((7, 40), np.uint8)
    cells[:, 0], cells[:, 39] = 9, 4
    found = border_weight_map(np.moveaxis(cells, axis, 0), sigma=20.0)
    expected = np.zeros(cells.shape)
    expected[:, 1:39] = 10 * np.exp(-(39**2) / 800)
    assert_agree(np.moveaxis(found, 0, axis), expected, BORDER)


def test_border_map_defaults_are_those_of_equation_2():
    border = 10 * np.exp(-9 / 50)
    assert_agree(border_weight_map(np.array([[1, 0, 0, 2]])), [[0, border, border, 0]], BORDER)


@pytest.mark.parametrize("between, reached", [(30, True), (49, True), (50, True), (51, False)])
@pytest.mark.parametrize("axis", [0, 1])
def test_border_map_is_exact_up_to_10_sigma_and_zero_beyond(between, reached, axis):
    cells = np.zeros((1, 90), int)
    cells[0, 0], cells[0, between] = 1, 2
    found = border_weight_map(np.moveaxis(cells, axis, 0), w0=1e30).ravel()
    expected = 1e30 * np.exp(-(between**2) / 50) if reached else 0
    assert_agree(found[1:between], np.full(between - 1, expected), BORDER)
    assert not found[between + 26 :].any()


def test_border_map_of_an_image_of_many_strips():
    rng = np.random.default_rng(0)
    cells = np.zeros((3 * STRIP + 5, 11), int)
    cells.flat[rng.choice(cells.size, 12, replace=False)] = np.arange(1, 13)
    assert_agree(border_weight_map(cells, sigma=9.0), border_by_definition(cells, 10, 9.0), BORDER)


def test_border_map_never_exceeds_the_definition_beyond_its_reach():
    cells = np.zeros((3, 90), int)
    cells[1, [0, 89]] = 1, 2
    assert (border_weight_map(cells, w0=1e30, sigma=1.0) <= border_by_definition(cells, 1e30, 1.0)).all()


def test_border_map_is_zero_on_cells_and_grows_as_the_gap_closes():
    peaks = []
    for gap in (1, 2, 4, 8):
        cells = np.zeros((9, 20), int)
        cells[:, :5], cells[:, 5 + gap :] = 3, 7
        weights = border_weight_map(cells)
        assert (weights[cells > 0] == 0).all() and (weights[cells == 0] > 0).all()
        peaks.append(weights.max())
    assert peaks == sorted(peaks, reverse=True) and peaks[0] < 10


def test_border_map_doubles_with_w0_and_sharpens_with_sigma():
    cells = random_cells(np.random.default_rng(5), "sparse pixels")
    assert_agree(border_weight_map(cells, 6.0), 2 * border_weight_map(cells, 3.0), BORDER)
    assert (border_weight_map(cells, 0) == 0).all()
    assert (border_weight_map(cells, 10, 1e-3) == 0).all()
    assert_agree(border_weight_map(cells, 10, 1e6), np.where(cells == 0, 10.0, 0.0), BORDER)


def test_border_map_depends_on_distance_over_sigma_only():
    cells = np.zeros((41, 41), int)
    cells[0, 0], cells[20, 20] = 1, 2
    double = np.zeros((81, 81), int)
    double[0, 0], double[40, 40] = 1, 2
    assert_agree(border_weight_map(double, 10, 10)[::2, ::2], border_weight_map(cells, 10, 5), BORDER)


@pytest.mark.parametrize("kind", KINDS)
def test_border_map_moves_with_the_cells_and_ignores_their_numbers(kind):
    rng = np.random.default_rng(11)
    for _ in range(10):
        cells = random_cells(rng, kind)
        weights = border_weight_map(cells)
        for move in (np.transpose, np.flipud, np.fliplr, np.rot90):
            assert_agree(border_weight_map(move(cells)), move(weights), BORDER)
        numbers = np.append(0, 1 + rng.permutation(2000))
        assert_agree(border_weight_map(numbers[cells]), weights, BORDER)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32, np.int64, np.uint64])
def test_border_map_takes_any_integer_type(dtype):
    cells = random_cells(np.random.default_rng(3), "rectangles")
    assert_agree(border_weight_map(cells.astype(dtype)), border_weight_map(cells), BORDER)


@pytest.mark.parametrize(
    "cells",
    [np.zeros((5, 6), int), np.full((5, 6), 3), np.pad([[4]], 3), np.array([[0]]), np.array([[2, 0, 2, 0]])],
    ids=["none", "full", "one", "one pixel", "two pieces"],
)
def test_border_map_of_fewer_than_two_cells_is_zero(cells):
    weights = border_weight_map(cells)
    assert weights.shape == cells.shape and weights.dtype == np.float32 and not weights.any()


@pytest.mark.parametrize(
    "name, value, rule",
    [
        ("w0", -1, ">= 0"),
        ("w0", np.nan, ">= 0"),
        ("w0", np.inf, ">= 0"),
        ("sigma", 0, "> 0"),
        ("sigma", -5, "> 0"),
        ("sigma", np.nan, "> 0"),
        ("sigma", np.inf, "> 0"),
        ("sigma", "5", "> 0"),
    ],
)
@pytest.mark.parametrize("function", [border_weight_map, weight_map])
def test_bad_height_or_width_is_named(function, name, value, rule):
    with pytest.raises(ValueError, match=f"^{name} {value!r}: must be a finite number {rule}"):
        function(np.array([[1, 0, 2]]), **{name: value})


@pytest.mark.parametrize(
    "cells, message",
    [
        (np.array([[1.0, 0.0, 2.0]]), "float64"),
        (np.array([[np.nan, 0.0]]), "float64"),
        (np.array([[True, False]]), "bool"),
        (np.array([[1, 0, -7]]), "negative id -7"),
        (np.zeros((2, 3, 4), int), r"\(2, 3, 4\)"),
        (np.array([1, 0]), r"\(2,\)"),
        (np.zeros((0, 4), int), "no pixel"),
    ],
)
@pytest.mark.parametrize("function", [border_weight_map, weight_map, separate_touching])
def test_bad_cells_are_named(function, cells, message):
    with pytest.raises(ValueError, match=f"^cells.*{message}"):
        function(cells)


# class balance and the whole map


@pytest.mark.parametrize("shape", [(9, 7), (1, 40), (4, 5, 6)])
def test_classes_weigh_the_same_and_the_mean_is_one(shape):
    labels = (np.random.default_rng(0).random(shape) < 0.2).astype(np.uint8)
    weights = class_balance(labels)
    assert weights.shape == shape and weights.dtype == np.float32
    assert_agree(weights[labels == 1].sum(), weights[labels == 0].sum(), labels.size)
    assert_agree(weights.mean(), 1, labels.size)
    assert len(np.unique(weights[labels == 1])) == len(np.unique(weights[labels == 0])) == 1


def test_class_balance_by_hand():
    assert_agree(class_balance(np.array([[1, 0, 0, 0]])), [[2, 2 / 3, 2 / 3, 2 / 3]], terms=1)
    assert_agree(class_balance(np.array([[1, 1, 1, 0]])), [[2 / 3, 2 / 3, 2 / 3, 2]], terms=1)


def test_class_balance_of_a_stack_counts_all_of_it():
    stack = np.array([[[1, 1]], [[0, 1]], [[1, 1]]])
    assert_agree(class_balance(stack), np.where(stack == 0, 3, 3 / 5), terms=1)


@pytest.mark.parametrize("labels", [np.zeros((3, 4), np.uint8), np.ones((2, 3, 4), np.uint8)])
def test_one_class_only_weighs_one(labels):
    weights = class_balance(labels)
    assert weights.shape == labels.shape and weights.dtype == np.float32 and (weights == 1).all()


@pytest.mark.parametrize(
    "labels, message",
    [
        (np.array([[0, 255]]), "255"),
        (np.array([[0, 2]]), "2"),
        (np.array([[0, -2]]), "-2"),
        (np.full((2, 3), -1), "no pixel"),
        (np.array([[0.0, 1.0]]), "float64"),
        (np.array([[np.nan, 1.0]]), "float64"),
        (np.zeros((0, 3), int), "no pixel"),
        (np.zeros((2, 0, 3), int), "no pixel"),
        (np.array([0, 1]), r"\(2,\)"),
        (np.zeros((1, 2, 3, 4), int), r"\(1, 2, 3, 4\)"),
    ],
)
def test_bad_labels_are_named(labels, message):
    with pytest.raises(ValueError, match=f"^labels.*{message}"):
        class_balance(labels)


def test_weight_map_is_equation_2_entire():
    cells = np.zeros((12, 15), np.uint16)
    cells[2:9, 1:6], cells[2:9, 8:14] = 1, 40
    foreground = (cells > 0).mean()
    balance = np.where(cells > 0, 0.5 / foreground, 0.5 / (1 - foreground))
    assert_agree(weight_map(cells), balance + border_by_definition(cells, 10, 5), BORDER + 1)
    assert_agree(weight_map(cells, 3, 2), balance + border_by_definition(cells, 3, 2), BORDER + 1)
    assert weight_map(cells).dtype == np.float32


@pytest.mark.parametrize("cells", [np.zeros((4, 5), int), np.full((4, 5), 9)])
def test_weight_map_of_one_class_is_one(cells):
    assert (weight_map(cells) == 1).all()


# separation of touching cells


@pytest.mark.parametrize("kind", KINDS)
def test_separated_cells_touch_no_more(kind):
    rng = np.random.default_rng(20 + KINDS.index(kind))
    for _ in range(40):
        cells = random_cells(rng, kind)
        before = cells.copy()
        separated = separate_touching(cells)
        assert not touching_pixels(separated).any()
        assert ((separated == cells) | (separated == 0)).all()
        np.testing.assert_array_equal(separated[~touching_pixels(cells)], cells[~touching_pixels(cells)])
        np.testing.assert_array_equal(cells, before)
        for cell in np.setdiff1d(cells, separated):  # a cell is lost only where no pixel of it could come back
            for row, column in np.argwhere(cells == cell):
                returned = separated.copy()
                returned[row, column] = cell
                assert touching_pixels(returned).any()


def test_cells_that_keep_something_lose_exactly_the_touching_pixels():
    cells = three_touching_cells()
    separated = separate_touching(cells)
    np.testing.assert_array_equal(separated, np.where(touching_pixels(cells), 0, cells))
    assert separated.dtype == np.uint16
    assert (separated[5:15, 11:13] == 0).all() and separated[16, 24] == 0 and separated[17, 25] == 0


def test_separation_moves_with_the_cells():
    cells = three_touching_cells()
    for move in (np.transpose, np.flipud, np.fliplr, np.rot90):
        np.testing.assert_array_equal(separate_touching(move(cells)), move(separate_touching(cells)))


def test_a_thin_cell_between_two_others_survives():
    cells = np.repeat([[1, 1, 1, 2, 3, 3, 3]], 5, axis=0)
    np.testing.assert_array_equal(separate_touching(cells), np.repeat([[1, 1, 0, 2, 0, 3, 3]], 5, axis=0))


def test_of_tiny_cells_the_smaller_is_kept_and_then_the_lower_id():
    np.testing.assert_array_equal(
        separate_touching(np.array([[4, 4, 4], [4, 7, 4], [4, 4, 4]])), [[0, 0, 0], [0, 7, 0], [0, 0, 0]]
    )
    np.testing.assert_array_equal(separate_touching(np.array([[8, 3]])), [[0, 3]])
    np.testing.assert_array_equal(separate_touching(np.array([[1, 1, 5], [1, 1, 5]])), [[1, 0, 5], [1, 0, 5]])


def test_separation_leaves_parted_cells_alone_and_knows_corners():
    np.testing.assert_array_equal(separate_touching(np.array([[1, 0, 2]])), [[1, 0, 2]])
    np.testing.assert_array_equal(separate_touching(np.zeros((3, 3), int)), np.zeros((3, 3), int))
    corner = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 2, 2], [0, 0, 2, 2]])
    np.testing.assert_array_equal(separate_touching(corner), [[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 2], [0, 0, 2, 2]])


def test_separation_keeps_large_ids_exact():
    big = 2**62
    cells = np.array([[big, big, big + 1, big + 1]], np.uint64)
    np.testing.assert_array_equal(separate_touching(cells), np.array([[big, 0, 0, big + 1]], np.uint64))


def test_a_mask_with_grey_edges_for_ids_is_warned_of():
    with pytest.warns(UserWarning, match="probably a mask with grey edges") as given:
        border_weight_map(np.array([[255, 128, 0, 0, 0]], np.uint8))
    assert len(given) == 1 and given[0].filename == __file__
    with pytest.warns(UserWarning, match="probably a mask with grey edges"):
        separate_touching(np.array([[255, 128, 0, 0, 0]], np.uint8))


@pytest.mark.parametrize("weigh", [border_weight_map, weight_map])
def test_a_label_for_ids_has_no_border_term_and_is_warned_of(weigh):
    label = np.array([[1, 0, 0, 1]])
    for dtype, largest in ((int, 1), (np.uint8, 1), (np.int64, 255)):
        with pytest.warns(UserWarning, match="the border term is 0 everywhere.*number its cells") as given:
            weigh((label * largest).astype(dtype))
        assert len(given) == 1 and given[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for ids in ([[1, 0, 0, 2]], [[1, 1, 0, 0]], [[7, 0, 0, 7]], [[0, 0, 0, 0]]):
            weigh(np.array(ids))


def test_labels_of_different_sizes_are_named():
    with pytest.raises(ValueError, match=r"labels of the shapes \(1, 2\), \(1, 3\)"):
        class_balance([np.zeros((1, 2), int), np.zeros((1, 3), int)])
