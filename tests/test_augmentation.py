"""Laws of the elastic deformation and of the other augmentations; oracles by loops."""

import itertools
import math

import numpy as np
import pytest

from unet_tutorial import augmentation
from unet_tutorial.augmentation import (
    STRIP,
    augment,
    change_grey_values,
    displacement_field,
    elastic_deform,
    interpolate_field,
    warp,
)
from unet_tutorial.rounding import assert_agree, largest_difference, rounding_bound


def rng(seed=0):
    return np.random.default_rng(seed)


def mirror(index, size):
    while not 0 <= index < size:
        index = -index if index < 0 else 2 * (size - 1) - index
        if size == 1:
            return 0
    return index


def keys(distance):
    t = abs(distance)
    if t >= 2:
        return 0.0
    return 1.5 * t**3 - 2.5 * t**2 + 1 if t <= 1 else -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2


def hat(distance):
    return max(0.0, 1 - abs(distance))


def warp_by_loops(image, field, kernel):
    """Sum over the pixels around y + d(y), each weighted by the kernel of its distance."""
    height, width = image.shape
    output = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            down, across = y + float(field[0, y, x]), x + float(field[1, y, x])
            for row in range(math.floor(down) - 1, math.floor(down) + 3):
                for column in range(math.floor(across) - 1, math.floor(across) + 3):
                    output[y, x] += (
                        image[mirror(row, height), mirror(column, width)] * kernel(down - row) * kernel(across - column)
                    )
    return output


def spline_by_hand(values, t):
    """Natural cubic spline through three values at 0, 1 and 2, from its curvature at the middle one."""
    curvature = 1.5 * (values[0] - 2 * values[1] + values[2])
    first, second, u = (values[0], values[1], t) if t <= 1 else (values[2], values[1], 2 - t)
    return first * (1 - u) + second * u + curvature * (u**3 - u) / 6


# displacement fields


def test_field_has_its_shape_and_defaults():
    field = displacement_field((40, 50), rng())
    assert field.shape == (2, 40, 50) and field.dtype == np.float32
    assert_agree(field, interpolate_field(rng().normal(0, 10, (2, 3, 3)), (40, 50)), terms=2 * 3)
    other = interpolate_field(rng().normal(0, 2, (2, 5, 5)), (9, 8))
    assert_agree(displacement_field((9, 8), rng(), 5, 2.0), other, terms=2 * 5)


def test_field_depends_on_the_generator_alone():
    assert_agree(displacement_field((20, 20), rng(4)), displacement_field((20, 20), rng(4)), terms=2 * 3)
    assert (displacement_field((20, 20), rng(4)) != displacement_field((20, 20), rng(5))).any()


@pytest.mark.parametrize("grid", [2, 3, 4, 7])
def test_field_passes_through_its_nodes(grid):
    vectors = rng().normal(0, 10, (2, grid, grid))
    height, width = 4 * (grid - 1) + 1, 10 * (grid - 1) + 1
    field, terms = interpolate_field(vectors, (height, width)), 2 * grid  # a sum over the nodes along either axis
    assert_agree(field[:, ::4, ::10], vectors, terms)
    for axis in (1, 2):
        assert largest_difference(np.roll(field, 1, axis)[:, ::4, ::10], vectors) > 10 * rounding_bound(terms, vectors)


def test_corners_are_exact_whatever_the_size():
    vectors = rng().normal(0, 10, (2, 3, 3))
    for shape in ((2, 2), (16, 31), (512, 6)):
        corners = interpolate_field(vectors, shape)[:, [0, 0, -1, -1], [0, -1, 0, -1]]
        assert_agree(corners, vectors[:, [0, 0, 2, 2], [0, 2, 0, 2]], terms=2 * 3)


@pytest.mark.rounding
def test_field_is_the_natural_spline_between_nodes():
    vectors = rng(3).normal(0, 10, (2, 3, 3))
    height, width = 12, 7
    expected = np.zeros((2, height, width))
    for axis, y, x in np.ndindex(expected.shape):
        t, u = 2 * y / (height - 1), 2 * x / (width - 1)
        expected[axis, y, x] = spline_by_hand([spline_by_hand(line, u) for line in vectors[axis]], t)
    assert_agree(interpolate_field(vectors, (height, width)), expected, terms=2 * 3)


@pytest.mark.parametrize("nodes", [(2, 2), (3, 3), (4, 6)])
def test_constant_and_linear_fields_stay_so(nodes):
    rows, columns = np.linspace(0, 1, nodes[0])[:, None], np.linspace(0, 1, nodes[1])
    y, x = np.linspace(0, 1, 21)[:, None], np.linspace(0, 1, 34)
    vectors = np.stack([np.full(nodes, 7.0), 3 + 5 * rows - 8 * columns])
    expected = np.stack([np.full((21, 34), 7.0), 3 + 5 * y - 8 * x])
    assert_agree(interpolate_field(vectors, (21, 34)), expected, terms=sum(nodes))


def test_rows_of_the_grid_are_rows_of_the_field():
    vectors = np.zeros((2, 3, 3))
    vectors[0, 2, 0] = 5  # the lower left node, downwards
    field = interpolate_field(vectors, (11, 21))
    assert field[0, 10, 0] == 5 and field[0, 0, 20] == 0 and not field[1].any()


def test_an_axis_of_one_pixel_takes_the_first_nodes():
    vectors = rng().normal(0, 10, (2, 3, 3))
    assert_agree(interpolate_field(vectors, (1, 5))[:, 0, ::2], vectors[:, 0], terms=2 * 3)


def test_nodes_are_gaussian_with_the_given_deviation():
    generator = rng(1)
    nodes = np.stack([displacement_field((3, 3), generator, sigma=4.0) for _ in range(1500)])
    np.testing.assert_allclose(nodes.std(axis=0), 4, rtol=0.08)
    np.testing.assert_allclose(nodes.mean(axis=0), 0, atol=0.4)
    np.testing.assert_allclose((np.abs(nodes) < 4).mean(), 0.683, atol=0.01)
    correlation = np.corrcoef(nodes.reshape(1500, 18).T)
    assert np.abs(correlation - np.eye(18)).max() < 0.12


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"shape": (0, 5)}, "^height or width 0"),
        ({"shape": (5, 2.0)}, "^height or width 2.0"),
        ({"shape": (5, 5, 3)}, r"shape \(5, 5, 3\): must be \(H, W\)"),
        ({"shape": 5}, "shape 5: must be"),
        ({"rng": 0}, "rng 0: must be a numpy.random.Generator"),
        ({"rng": np.random}, "must be a numpy.random.Generator"),
        ({"grid": 1}, "grid 1: must be a whole number of at least 2"),
        ({"grid": 3.0}, "^grid 3.0"),
        ({"sigma": -1}, "sigma -1: must be a finite number >= 0"),
        ({"sigma": np.nan}, "^sigma nan"),
        ({"sigma": np.inf}, "^sigma inf"),
    ],
)
def test_bad_arguments_of_a_field_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        displacement_field(**{"shape": (5, 5), "rng": rng(), **arguments})


@pytest.mark.parametrize(
    "vectors",
    [
        np.zeros((3, 3)),
        np.zeros((3, 3, 3)),
        np.zeros((2, 1, 3)),
        np.zeros((2, 3, 1)),
        np.where(np.arange(18).reshape(2, 3, 3) == 7, np.nan, 0),
    ],
)
def test_bad_vectors_are_refused(vectors):
    shape = str(vectors.shape).replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(ValueError, match=f"vectors of shape {shape}: must be finite and"):
        interpolate_field(vectors, (5, 5))


# warping


@pytest.mark.rounding
@pytest.mark.parametrize("order, kernel", [(1, hat), (3, keys)])
@pytest.mark.parametrize("spread", [0.7, 4, 60])
def test_warp_is_its_definition(order, kernel, spread):
    generator = rng(2)
    for shape in ((1, 1), (1, 7), (6, 1), (2, 2), (5, 8), (STRIP + 3, 4), (2 * STRIP, 3)):
        image = generator.random(shape, dtype=np.float32)
        field = generator.normal(0, spread, (2, *shape)).astype(np.float32)
        expected = warp_by_loops(image, field, kernel).clip(image.min(), image.max())
        place = 1 + np.abs(field).max() + max(shape)  # px: what a place is rounded by, a slope of 1 per px hands on
        assert_agree(warp(image, field, order), expected, terms=(order + 1) ** 2, scale=place)


@pytest.mark.rounding
@pytest.mark.parametrize("order", [1, 3])
def test_a_warp_one_pixel_off_or_turned_over_is_ten_times_over_the_bound(order):
    image, field = rng().random((40, 40), dtype=np.float32), displacement_field((40, 40), rng(1), sigma=60.0)
    found, bound = warp(image, field, order), rounding_bound((order + 1) ** 2, 1 + np.abs(field).max() + 40)
    for fault in (field + [[[1]], [[0]]], field + [[[0]], [[1]]], field[::-1], field.swapaxes(1, 2)):
        assert largest_difference(warp(image, fault, order), found) > 10 * bound


@pytest.mark.parametrize("spread", [0.7, 4, 60])
def test_nearest_warp_is_its_definition(spread):
    generator = rng(2)
    for shape in ((1, 1), (1, 7), (5, 8), (STRIP + 3, 4)):
        cells = generator.integers(0, 99, shape)
        field = generator.normal(0, spread, (2, *shape))
        found = warp(cells, field, order=0)
        for y, x in np.ndindex(shape):
            row, column = (
                mirror(round(float(place)), size)
                for place, size in zip((y + field[0, y, x], x + field[1, y, x]), shape)
            )
            assert found[y, x] == cells[row, column]


@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize("shape", [(9, 14), (STRIP + 8, 5, 3)])
def test_a_field_of_zeros_is_the_identity_bit_by_bit(order, shape):
    image = rng().random(shape, dtype=np.float32)
    warped = warp(image, np.zeros((2, *shape[:2])), order)
    assert warped.dtype == np.float32 and not np.shares_memory(warped, image)
    np.testing.assert_array_equal(warped, image)


@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize("down, across", [(2, 0), (0, 3), (-2, 1), (0, -40)])
def test_whole_numbers_shift_exactly_and_mirror_without_the_edge(order, down, across):
    image = rng().random((STRIP + 4, 7), dtype=np.float32)
    field = np.stack([np.full(image.shape, float(down)), np.full(image.shape, float(across))])
    around = np.pad(image, 40, mode="reflect")
    expected = around[40 + down : 40 + down + image.shape[0], 40 + across : 40 + across + 7]
    np.testing.assert_array_equal(warp(image, field, order), expected)


def test_output_at_x_is_input_at_x_plus_d():
    image = np.zeros((9, 9), np.float32)
    image[5, 3] = 1
    down = np.zeros((2, 9, 9))
    down[0] = 2
    assert np.argwhere(warp(image, down)).tolist() == [[3, 3]]
    assert np.argwhere(warp(image, down[::-1])).tolist() == [[5, 1]]


@pytest.mark.parametrize("order", [1, 3])
def test_a_slope_is_warped_as_a_slope_inside(order):
    y, x = np.mgrid[:30, :40].astype(np.float32)
    field = displacement_field((30, 40), rng(3), sigma=1.5)
    inside = (slice(8, -8), slice(8, -8))
    expected = (y + field[0]) / 60 + (x + field[1]) / 80
    assert_agree(warp(y / 60 + x / 80, field, order)[inside], expected[inside], terms=(order + 1) ** 2)


def test_cubic_is_the_default_and_keeps_more_texture_than_linear():
    noise = rng().random((128, 128), dtype=np.float32)
    field = displacement_field(noise.shape, rng(1))
    np.testing.assert_array_equal(warp(noise, field), warp(noise, field, order=3))
    linear, cubic = (warp(noise, field, order).std() / noise.std() for order in (1, 3))
    assert abs(linear - 2 / 3) < 0.02 and abs(cubic - 0.81) < 0.02


def test_warp_makes_no_value_outside_the_range():
    image = (rng().random((40, 40)) > 0.5).astype(np.float32)
    field = displacement_field(image.shape, rng(1))
    for order in (1, 3):
        warped = warp(image, field, order)
        assert warped.min() >= 0 and warped.max() <= 1 and ((warped > 0) & (warped < 1)).any()


def test_channels_are_warped_alike():
    image = rng().random((12, 17, 3), dtype=np.float32)
    field = displacement_field((12, 17), rng(1), sigma=3.0)
    warped = warp(image, field)
    for channel in range(3):
        inside = image[..., channel]
        assert_agree(warped[..., channel], warp(inside, field), terms=16)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint64, bool, np.float64])
def test_nearest_keeps_the_type_and_makes_no_new_value(dtype):
    cells = rng().choice([0, 3, 200], (30, 20)).astype(dtype)
    warped = warp(cells, displacement_field(cells.shape, rng(1)), order=0)
    assert warped.dtype == dtype and np.isin(warped, cells).all()


@pytest.mark.parametrize(
    "image, field, order, message",
    [
        (np.zeros((4, 5)), np.zeros((2, 4, 5)), 2, "order 2: must be 0"),
        (np.zeros((4, 5)), np.zeros((2, 4, 5)), 1.0, "^order 1.0"),
        (np.zeros((4, 5)), np.zeros((2, 5, 4)), 1, r"field of shape \(2, 5, 4\).*image of shape \(4, 5\)"),
        (np.zeros((4, 5)), np.zeros((4, 5)), 0, r"field of shape \(4, 5\)"),
        (np.zeros((4, 5)), np.zeros((2, 4, 5), int), 3, "field.*int64.*float"),
        (np.zeros((4, 5)), np.where(np.arange(40).reshape(2, 4, 5) == 7, np.nan, 0), 3, "field.*finite"),
        (np.zeros((4, 5), np.uint8), np.zeros((2, 4, 5)), 3, "image of dtype uint8.*255"),
        (np.full((4, 5), np.nan), np.zeros((2, 4, 5)), 1, "image: holds 20 values that are NaN"),
        (np.zeros(5, int), np.zeros((2, 5)), 0, r"image of shape \(5,\)"),
        (np.zeros((2, 3, 4, 5), int), np.zeros((2, 2, 3)), 0, r"image of shape \(2, 3, 4, 5\)"),
        (np.zeros((0, 5), int), np.zeros((2, 0, 5)), 0, r"image of shape \(0, 5\)"),
        (np.zeros((0, 5)), np.zeros((2, 0, 5)), 3, "no pixel"),
    ],
)
def test_bad_arguments_of_a_warp_are_named(image, field, order, message):
    with pytest.raises(ValueError, match=message):
        warp(image, field, order)


# elastic deformation of a pair


def test_image_and_label_move_by_the_same_field():
    y, x = np.mgrid[:60, :80]
    label = (1 + y // 15 + 4 * (x // 20)).astype(np.int32)
    places = np.stack([y / 59, x / 79], axis=-1).astype(np.float32)  # each pixel tells where it came from
    moved, moved_label = elastic_deform(places, label, rng(2), sigma=3.0)
    came_from = np.rint(moved * [59, 79]).astype(int)
    expected = label[came_from[..., 0], came_from[..., 1]]
    inside = (slice(10, -10), slice(10, -10))
    assert (moved_label == expected)[inside].mean() > 0.995 and (moved_label != label).mean() > 0.02


def test_elastic_deform_is_field_and_warp():
    image, label = rng().random((33, 20), dtype=np.float32), rng().integers(0, 9, (33, 20)).astype(np.uint16)
    for options in ({}, {"grid": 4, "sigma": 2.0}):
        field = displacement_field((33, 20), rng(7), **options)
        deformed, deformed_label = elastic_deform(image, label, rng(7), **options)
        assert_agree(deformed, warp(image, field, order=3), terms=16)
        np.testing.assert_array_equal(deformed_label, warp(label, field, order=0))
        assert deformed.dtype == np.float32 and deformed_label.dtype == np.uint16


def test_elastic_deform_has_a_deviation_of_ten_pixels_and_a_3x3_grid():
    x = np.tile(np.arange(400, dtype=np.float32) / 400, (3, 1))
    field = displacement_field(x.shape, rng(7), grid=3, sigma=10.0)
    deformed = elastic_deform(x, np.zeros(x.shape, int), rng(7))[0]
    assert_agree((deformed - x)[:, 60:-60], field[1][:, 60:-60] / 400, terms=16, scale=1)
    assert np.abs(field[1]).max() / 400 > 10 * rounding_bound(terms=16)


@pytest.mark.parametrize("shape", [(16, 16), (7, 25, 3)])
def test_sigma_zero_changes_nothing(shape):
    image, label = rng().random(shape, dtype=np.float32), rng().integers(0, 2, shape[:2]).astype(np.uint8)
    deformed, deformed_label = elastic_deform(image, label, rng(), sigma=0)
    np.testing.assert_array_equal(deformed, image)
    np.testing.assert_array_equal(deformed_label, label)


def test_inputs_are_left_alone():
    image, label = rng().random((20, 20), dtype=np.float32), rng().integers(0, 2, (20, 20))
    kept = image.copy(), label.copy()
    for function in (elastic_deform, augment):
        function(image, label, rng())
        np.testing.assert_array_equal(image, kept[0])
        np.testing.assert_array_equal(label, kept[1])


@pytest.mark.parametrize(
    "image, label, message",
    [
        (np.zeros((4, 5)), np.zeros((5, 4), int), r"image of shape \(4, 5\) and label of shape \(5, 4\)"),
        (np.zeros((4, 5)), np.zeros((4, 5)), "label of dtype float64"),
        (np.zeros((4, 5)), -2 * np.ones((4, 5), int), "id -2"),
        (np.zeros((4, 5)), np.zeros((4, 5, 1), int), r"label of shape \(4, 5, 1\)"),
        (np.zeros((4, 5), np.uint8), np.zeros((4, 5), int), "image of dtype uint8"),
        (np.full((4, 5), np.inf), np.zeros((4, 5), int), "NaN or infinite"),
        (np.zeros((0, 5)), np.zeros((0, 5), int), "no pixel"),
        (np.zeros(5), np.zeros(5, int), r"image of shape \(5,\)"),
    ],
)
@pytest.mark.parametrize("function", [elastic_deform, augment])
def test_bad_pairs_are_named(function, image, label, message):
    with pytest.raises(ValueError, match=message):
        function(image, label, rng())
    if function is augment:
        with pytest.raises(ValueError, match=message):
            augment(image, label, rng(), elastic=False, grey=False)


@pytest.mark.parametrize(
    "options, message", [({"sigma": -2}, "^sigma -2"), ({"grid": 1}, "^grid 1"), ({"rng": 5}, "^rng 5")]
)
@pytest.mark.parametrize("function", [elastic_deform, augment])
def test_bad_options_are_named(function, options, message):
    with pytest.raises(ValueError, match=message):
        function(**{"image": np.zeros((4, 5)), "label": np.zeros((4, 5), int), "rng": rng(), **options})


# grey values


def test_grey_values_stay_in_range_and_in_order():
    image = np.sort(rng().random((1, 400), dtype=np.float32))
    generator = rng(1)
    for _ in range(50):
        changed = change_grey_values(image, generator)
        assert changed.dtype == np.float32 and changed.min() >= 0 and changed.max() <= 1
        assert (np.diff(changed) >= 0).all() and (changed != image).any()


def test_grey_values_are_their_definition():
    image = rng().random((6, 7, 2), dtype=np.float32)
    draws = rng(3)
    gamma, contrast, brightness = draws.uniform(-0.5, 0.5), draws.uniform(-0.3, 0.3), draws.uniform(-0.4, 0.4)
    curved = image.astype(float) ** np.exp(gamma)
    expected = ((curved - curved.mean()) * np.exp(contrast) + curved.mean() + brightness).clip(0, 1)
    assert_agree(change_grey_values(image, rng(3), 0.5, 0.3, 0.4), expected, terms=image.size)  # the mean's terms


def test_grey_defaults():
    image = rng().random((6, 7), dtype=np.float32)
    np.testing.assert_array_equal(
        change_grey_values(image, rng(3)), change_grey_values(image, rng(3), gamma=0.2, contrast=0.2, brightness=0.1)
    )


def test_amounts_of_zero_leave_grey_values_alone():
    image = rng().random((6, 7), dtype=np.float32)
    assert_agree(change_grey_values(image, rng(), 0, 0, 0), image, terms=image.size)


def test_grey_values_at_both_ends_are_taken():
    assert change_grey_values(np.array([[0.0, 1.0]]), rng(), 0, 0, 0).tolist() == [[0, 1]]


@pytest.mark.parametrize(
    "image, options, message",
    [
        (np.array([[-0.1, 0.5]]), {}, "from -0.1 to 0.5; must be in 0..1.*grey=False"),
        (np.array([[0.0, 1.1]]), {}, "from 0 to 1.1; must be"),
        (np.array([[0, 1]]), {}, "int64"),
        (np.array([[0.5]]), {"gamma": -1}, "^gamma -1"),
        (np.array([[0.5]]), {"contrast": np.inf}, "^contrast inf"),
        (np.array([[0.5]]), {"brightness": np.nan}, "^brightness nan"),
        (np.array([[0.5]]), {"rng": 1}, "^rng 1"),
    ],
)
def test_bad_grey_values_are_named(image, options, message):
    with pytest.raises(ValueError, match=message):
        change_grey_values(**{"image": image, "rng": rng(), **options})


# everything together


def numbered_pair(shape):
    label = np.arange(np.prod(shape)).reshape(shape)
    return (label / label.size).astype(np.float32), label


def moves_seen(shape, draws=120, **switches):
    """Which moves of the square (flipped or not, quarter turns) the draws make; the image must make them too."""
    image, label = numbered_pair(shape)
    generator, seen = rng(5), set()
    for _ in range(draws):
        moved, moved_label = augment(image, label, generator, elastic=False, grey=False, **switches)
        assert moved.shape == shape and moved_label.shape == shape
        np.testing.assert_array_equal(moved, (moved_label / label.size).astype(np.float32))
        names = [
            (flip, turn)
            for flip in (0, 1)
            for turn in range(4)
            if np.array_equal(moved_label, np.rot90(np.fliplr(label) if flip else label, turn))
        ]
        seen.add(names[0])
    return seen


def test_a_square_makes_all_eight_moves_and_others_four():
    assert moves_seen((6, 6)) == {(flip, turn) for flip in (0, 1) for turn in range(4)}
    assert moves_seen((4, 7)) == {(0, 0), (0, 2), (1, 0), (1, 2)}


def test_flips_and_turns_can_be_left_out():
    assert moves_seen((6, 6), flips=False) == {(0, turn) for turn in range(4)}
    assert moves_seen((4, 7), flips=False) == {(0, 0), (0, 2)}
    assert moves_seen((6, 6), turns=False) == {(0, 0), (1, 0), (0, 2), (1, 2)}
    assert moves_seen((6, 6), draws=3, flips=False, turns=False) == {(0, 0)}


def test_each_flip_comes_in_half_of_the_draws():
    image, label = numbered_pair((2, 3))
    generator = rng(6)
    corners = [augment(image, label, generator, elastic=False, grey=False, turns=False)[1][0, 0] for _ in range(800)]
    shares = [corners.count(corner) / 800 for corner in (0, 2, 3, 5)]
    np.testing.assert_allclose(shares, 0.25, atol=0.05)


def test_augment_is_elastic_first_and_grey_values_last():
    image, label = rng().random((24, 24), dtype=np.float32), rng().integers(0, 5, (24, 24))
    plain = {"flips": False, "turns": False}
    own = [int(seed) for seed in rng(1).integers(2**63, size=4)]  # of the stream of each step
    deformed, deformed_label = elastic_deform(image, label, rng(own[0]))
    found = augment(image, label, rng(1), grey=False, **plain)
    np.testing.assert_array_equal(found[0], deformed)
    np.testing.assert_array_equal(found[1], deformed_label)
    found = augment(image, label, rng(1), grey=False, grid=5, sigma=2.0, **plain)
    np.testing.assert_array_equal(found[0], elastic_deform(image, label, rng(own[0]), 5, 2.0)[0])
    found = augment(image, label, rng(1), elastic=False, **plain)
    np.testing.assert_array_equal(found[0], change_grey_values(image, rng(own[3])))
    np.testing.assert_array_equal(found[1], label)


def test_everything_is_switched_on_by_default():
    image, label = rng().random((24, 24), dtype=np.float32), rng().integers(0, 5, (24, 24))
    everything = augment(image, label, rng(1), elastic=True, flips=True, turns=True, grey=True, grid=3, sigma=10.0)
    for found, expected in zip(augment(image, label, rng(1)), everything):
        np.testing.assert_array_equal(found, expected)


def test_grey_values_change_the_image_alone():
    image, label = rng().random((24, 24, 3), dtype=np.float32), rng().integers(0, 5, (24, 24)).astype(np.uint8)
    with_grey, without = augment(image, label, rng(2)), augment(image, label, rng(2), grey=False)
    np.testing.assert_array_equal(with_grey[1], without[1])
    assert (with_grey[0] != without[0]).any() and with_grey[0].shape == (24, 24, 3)
    assert with_grey[0].dtype == np.float32 and with_grey[1].dtype == np.uint8


def test_results_are_new_arrays():
    image, label = numbered_pair((5, 5))
    for _ in range(8):
        for found in augment(image, label, rng(), elastic=False, grey=False):
            assert found.flags.c_contiguous
            assert not np.shares_memory(found, image) and not np.shares_memory(found, label)
    still = augment(image, label, rng(), elastic=False, flips=False, turns=False, grey=False)
    assert not np.shares_memory(still[0], image) and not np.shares_memory(still[1], label)


def test_only_ids_of_the_input_appear():
    cells = np.zeros((64, 64), np.uint16)
    cells[5:30, 5:30], cells[5:30, 32:60], cells[35:60, 10:50] = 7, 900, 65535
    image = (cells > 0).astype(np.float32)
    for seed in range(10):
        found = augment(image, cells, rng(seed))[1]
        assert found.dtype == np.uint16 and set(np.unique(found)) <= {0, 7, 900, 65535}


STEPS = "elastic", "flips", "turns", "grey"


def test_a_step_that_is_left_out_leaves_the_others_as_they_were(monkeypatch):
    """Each step alone draws what it draws beside any of the others."""
    drawn = {}
    monkeypatch.setattr(
        augmentation,
        "elastic_deform",
        lambda image, label, rng, *_: (drawn.update(elastic=rng.random()), image, label)[1:],
    )
    monkeypatch.setattr(
        augmentation, "change_grey_values", lambda image, rng: (drawn.update(grey=rng.random()), image)[1]
    )
    label = np.arange(25).reshape(5, 5)
    seen = {name: set() for name in STEPS}
    for seed in range(8):
        made = {}
        for chosen in itertools.product((False, True), repeat=4):
            drawn.clear()
            options = dict(zip(STEPS, chosen))
            made[chosen] = augment(label / 25.0, label, np.random.default_rng(seed), **options)[1], dict(drawn)
            assert set(drawn) == {name for name in ("elastic", "grey") if options[name]}
        for name in ("elastic", "grey"):
            assert len({draws[name] for _, draws in made.values() if name in draws}) == 1
        flipped, turned = made[False, True, False, False][0], made[False, False, True, False][0]
        axes = next(axes for axes in ((), (0,), (1,), (0, 1)) if np.array_equal(np.flip(label, axes), flipped))
        quarters = next(count for count in range(4) if np.array_equal(np.rot90(label, count), turned))
        for chosen, (changed, _) in made.items():
            alone = np.flip(label, axes) if chosen[1] else label
            assert np.array_equal(np.rot90(alone, quarters) if chosen[2] else alone, changed)
        seen["flips"].add(axes), seen["turns"].add(quarters)
    assert len(seen["flips"]) > 1 and len(seen["turns"]) > 1
