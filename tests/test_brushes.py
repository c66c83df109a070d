"""Laws of what the synthetic specimens are drawn with."""

import numpy as np
import pytest
from scipy.interpolate import BSpline

from unet_tutorial.datasets import _brushes
from unet_tutorial.rounding import assert_agree


class Scripted:
    """Stands in for a random generator: `random` gives `uniform`, `standard_normal` gives `normal(shape)`."""

    def __init__(self, uniform=0.0, normal=np.zeros):
        self.uniform, self.normal = uniform, normal

    def random(self, shape=None):
        return self.uniform if shape is None else np.broadcast_to(np.asarray(self.uniform)[:, None], shape)

    def standard_normal(self, shape):
        return self.normal(shape)


@pytest.mark.rounding
@pytest.mark.parametrize("scale, shift", [(1.5, 0.0), (2.5, 0.99), (7, 0.3), (40, 0.7)])
def test_smooth_noise_is_the_cubic_spline_over_its_nodes(scale, shift):
    nodes = {}

    def normal(shape):
        return nodes.setdefault("values", np.random.default_rng(1).standard_normal(shape))

    field = _brushes.smooth_noise(Scripted(shift, normal), (13, 21), scale)
    cubic = BSpline.basis_element(np.arange(-2.0, 3.0), extrapolate=False)
    rows, columns = (
        [
            [np.nan_to_num(cubic((pixel + 0.5) / scale + shift - (node - 1))) for node in range(count)]
            for pixel in range(length)
        ]
        for length, count in zip((13, 21), nodes["values"].shape)
    )
    expected = 2.086 * np.array(rows) @ nodes["values"] @ np.array(columns).T
    assert_agree(field, expected, terms=4 * 4)  # nodes that reach a pixel


def test_smooth_noise_has_mean_zero_and_variance_one_and_its_scale():
    fields = np.array([_brushes.smooth_noise(_brushes.generator(3, i), (96, 96), 4) for i in range(20)])
    assert abs(fields.mean()) < 0.03
    assert fields.std() == pytest.approx(1, abs=0.03)
    near, far = ((fields[:, step:] * fields[:, :-step]).mean() for step in (1, 16))
    assert near > 0.9 and abs(far) < 0.06


def test_streams_of_seeds_and_slices_differ_and_repeat():
    draws = {key: _brushes.generator(*key).random() for key in ((0, 0), (0, 1), (1, 0), (1, 1))}
    assert len(set(draws.values())) == 4
    assert _brushes.generator(1, 0).random() == draws[1, 0]


def test_ease_is_a_smooth_step():
    x = np.linspace(-0.5, 1.5, 201)
    y = _brushes.ease(x)
    assert (y[x <= 0] == 0).all() and (y[x >= 1] == 1).all()
    assert (np.diff(y) >= 0).all()
    assert_agree(y + y[::-1], np.ones(201), terms=4)
    assert_agree(_brushes.ease(np.array([0.25])), [0.15625], terms=4)


def test_blur_keeps_the_sum_of_a_point_and_takes_truth_values():
    point = np.zeros((31, 31), bool)
    point[15, 15] = True
    blurred = _brushes.blur(point, 2.0)
    assert blurred.dtype == np.float64 and blurred.sum() == pytest.approx(1)
    assert blurred[15, 21] > 0 and blurred[15, 22] == 0 and _brushes.blur(point, 1.0)[15, 18] > 0
    rows = np.arange(31) - 15.0
    assert (blurred * rows[:, None] ** 2).sum() == pytest.approx(4, rel=0.05)


def test_the_grid_is_not_bent_without_noise_and_bends_rows_and_columns_apart():
    rows, columns = _brushes.bent_grid(Scripted(), 5, ((3.0, 4), (1.0, 2)))
    np.testing.assert_array_equal(rows, np.repeat(np.arange(5)[:, None] + 0.5, 5, axis=1))
    np.testing.assert_array_equal(columns, rows.T)
    rng, twin = _brushes.generator(0, 0), _brushes.generator(0, 0)
    rows, columns = _brushes.bent_grid(rng, 6, ((3.0, 4), (1.0, 2)))
    for axis, grid in ((0, rows), (1, columns)):
        noise = 3 * _brushes.smooth_noise(twin, (6, 6), 4) + _brushes.smooth_noise(twin, (6, 6), 2)
        assert_agree(grid, np.indices((6, 6))[axis] + 0.5 + noise, terms=2 * 16)


def test_window_stays_inside():
    array = np.zeros((20, 30))
    assert array[_brushes.window(10.5, 12.5, 3, 5)].shape == (6, 10)
    assert _brushes.window(10.5, 12.5, 3, 5) == (slice(7, 13), slice(7, 17))
    assert _brushes.window(1, -40, 3, 5) == (slice(0, 4), slice(0, 0))
    assert array[_brushes.window(60, 12, 3, 5)].size == 0


@pytest.mark.parametrize("angle", [0.0, 0.7, 2.5])
def test_capsule_is_the_distance_to_a_thick_segment(angle):
    row, column, half, radius = 8.3, 11.2, 6.0, 3.5
    shape = (row, column, np.cos(angle), np.sin(angle), half, radius)
    rows, columns = np.indices((20, 25)) + 0.0
    along, across, distance = _brushes.capsule(rows, columns, shape)
    steps = np.linspace(-half, half, 2001)
    spine = np.stack([row + steps * np.sin(angle), column + steps * np.cos(angle)])
    brute = np.sqrt(((np.stack([rows, columns])[..., None] - spine[:, None, None]) ** 2).sum(axis=0)).min(axis=-1)
    np.testing.assert_allclose(distance, brute - radius, atol=1e-4)  # the spine is made of 2,001 points: no rounding
    assert_agree(row + along * np.sin(angle) + across * np.cos(angle), rows, terms=2 * 3)
    assert_agree(column + along * np.cos(angle) - across * np.sin(angle), columns, terms=2 * 3)


def test_boundaries_lie_below_and_right_of_a_change():
    ids = np.random.default_rng(0).integers(0, 3, (9, 11))
    edge = _brushes.boundaries(ids)
    for i, j in np.ndindex(ids.shape):
        other = [ids[i - 1, j]] * (i > 0) + [ids[i, j - 1]] * (j > 0)
        assert edge[i, j] == any(ids[i, j] != neighbour for neighbour in other)


def vesicle(place, kind, weight, solid=False, size=40):
    """What one try at relative (row, column) `place` draws where everything is likely."""
    script = Scripted(np.array([*place, 0.5, kind, weight]))
    return _brushes.vesicles(script, np.ones((size, size)), np.full((size, size), solid), size * size)


def test_vesicles_are_dots_and_rings():
    dot = vesicle((0.5, 0.25), 0.0, 1.0)
    assert dot.shape == (40, 40) and np.unravel_index(dot.argmax(), dot.shape) == (20, 10)
    assert dot.max() == pytest.approx(66 * 1.3)
    assert dot[20, 11] == pytest.approx(66 * 1.3 * np.exp(-((1 / 1.2) ** 2)))
    assert (dot[:12] == 0).all() and (dot[29:] == 0).all() and (dot[:, 19:] == 0).all()
    ring = vesicle((0.5, 0.25), 0.99, 0.0)
    assert ring.argmax() != dot.argmax() and ring[20, 10] < 0
    assert ring[20, 14] == pytest.approx(20 * 0.8 * (np.exp(-((0.2 / 1.4) ** 2)) - 0.5 * np.exp(-((4 / 2.52) ** 2))))
    assert vesicle((0.5, 0.25), 0.99, 0.5, solid=True)[20, 10] > 0
    assert vesicle((0.5, 0.25), 0.5, 0.5).max() == pytest.approx(31.5 * 0.8, rel=0.1)
    assert vesicle((0.5, 0.25), 0.45, 0.5).max() == pytest.approx(31.5 * 1.3)


@pytest.mark.parametrize(
    "kind, radius, width, core",
    [(0, 0, 1.2, 0), (1, 0, 1.7, 0), (2, 0, 2.3, 0), (3, 2.4, 1.3, 0), (4, 3.2, 1.3, 0.4), (5, 4.2, 1.4, 0.5)],
)
def test_each_kind_of_vesicle_has_its_profile(kind, radius, width, core):
    drawn = vesicle((0.5, 0.5), (kind + 0.5) / 6, 0.5)
    distance = np.hypot(*(np.indices((17, 17)) - 8))
    expected = np.exp(-(((distance - radius) / width) ** 2))
    if core:
        expected -= core * np.exp(-((distance / (0.6 * radius)) ** 2))
    assert_agree(drawn[12:29, 12:29], 31.5 * (1.3 if kind < 3 else 0.8) * expected, terms=4)


def test_vesicles_are_cut_off_at_the_border():
    corner = vesicle((0.0, 0.999), 0.0, 1.0)
    assert corner[0, 39] == corner.max() and corner[9:].max() == 0 and corner[:, :31].max() == 0


def test_vesicles_follow_the_chance():
    likely = np.zeros((64, 64))
    likely[:, 40:] = 1
    drawn = _brushes.vesicles(_brushes.generator(0, 0), likely, likely > 2, 16)
    assert (drawn[:, :32] == 0).all() and (drawn[:, 40:] != 0).mean() > 0.5
    assert (_brushes.vesicles(_brushes.generator(0, 0), 0 * likely, likely > 2, 16) == 0).all()


def test_exposure_rounds_and_saturates():
    level = np.array([-3.0, 0.49, 0.5, 1.49, 254.49, 254.5, 300.0])
    np.testing.assert_array_equal(_brushes.expose(level), np.array([0, 0, 1, 1, 254, 255, 255], np.uint8))
    assert _brushes.expose(level).dtype == np.uint8


def test_grey_values_are_levels_by_255():
    grey = _brushes.from_levels(np.array([0, 1, 128, 255], np.uint8))
    assert grey.dtype == np.float32
    np.testing.assert_array_equal(grey, (np.array([0, 1, 128, 255]) / 255).astype(np.float32))


def numbered(index, size, seed):
    return np.full((size, size), 10 * index + seed, np.uint8), np.full((size, size), index, np.int32)


def test_slices_are_drawn_in_order():
    images, labels, cells = _brushes.draw_slices(numbered, 3, 32, 2)
    assert images.shape == labels.shape == cells.shape == (3, 32, 32)
    np.testing.assert_array_equal(images[:, 0, 0] * np.float32(255), [2, 12, 22])
    np.testing.assert_array_equal(labels[:, 0, 0], [0, 1, 1])
    np.testing.assert_array_equal(cells[:, 0, 0], [0, 1, 2])
    assert (images.dtype, labels.dtype, cells.dtype) == (np.float32, np.uint8, np.int32)


@pytest.mark.parametrize(
    "wrong, message",
    [
        (dict(count=0), "count 0"),
        (dict(count=2.0), "count 2.0"),
        (dict(count=True), "count True"),
        (dict(size=31), "size 31: must be a whole number of at least 32"),
        (dict(size=64.0), "size 64.0"),
        (dict(seed=-1), "seed -1"),
        (dict(seed="x"), "seed 'x'"),
        (dict(seed=None), "seed None"),
    ],
)
def test_wrong_numbers_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        _brushes.draw_slices(numbered, **{"count": 1, "size": 32, "seed": 0, **wrong})
