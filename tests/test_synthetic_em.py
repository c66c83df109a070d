"""Laws of the synthetic electron micrographs."""

import hashlib

import numpy as np
import pytest
from scipy import ndimage

from unet_tutorial.datasets import _synthetic_em
from unet_tutorial.datasets._brushes import capsule, generator

SUMS = {  # sha256 of levels and cells: (index, size, seed)
    (0, 64, 0): "dda30a17caa5a067c8cdf52525decfaf32c72f9c760342f8929e46ba754253d4",
    (1, 96, 0): "cb0105dff82c552eb8e46f02d3ba7b87d99ce6f8999d50dfe4efbd0702344e29",
    (15, 64, 3): "90db067070acbfd465e92684bf85b4b17bb66950632476d0c56bd4c6dbc78f0a",
    (29, 128, 1): "9a6a7e445cd3d1d0cb7be7fe5b8e3915b7f7fefc2a2cb854874cb6ef6ba1b447",
    (2, 160, 3): "15ea54974bc846a17c2573e43594b74b0efb9a6ae0277a72f11bde93eb66a48b",
    (2, 160, 4): "9d17f0347ba77a458b23ca51d8267a982d586fa3ce7ac45d0a959e4f6cec6962",
}


class Still:
    """A random generator without chance."""

    def random(self, shape=None):
        return 0.5 if shape is None else np.full(shape, 0.5)

    def standard_normal(self, shape=None):
        return 0.0 if shape is None else np.zeros(shape)


def flood(mask):
    """Instance ids of the 4-connected components, numbered in scanning order, by brute force."""
    ids, count = np.zeros(mask.shape, int), 0
    for start in np.argwhere(mask):
        if ids[tuple(start)] == 0:
            count += 1
            waiting = [tuple(start)]
            while waiting:
                i, j = waiting.pop()
                if 0 <= i < mask.shape[0] and 0 <= j < mask.shape[1] and mask[i, j] and ids[i, j] == 0:
                    ids[i, j] = count
                    waiting += [(i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)]
    return ids


def canonical(ids):
    """The same partition, numbered in scanning order."""
    values, first = np.unique(ids, return_index=True)
    order = {0: 0}
    for value in values[np.argsort(first)]:
        order.setdefault(value, len(order))
    return np.vectorize(order.get)(ids)


@pytest.fixture(scope="module")
def quiet_and_noisy():
    """Slices 3 and 18 in full size: (levels, cells)."""
    return _synthetic_em.em_slice(3, 512, 0), _synthetic_em.em_slice(18, 512, 0)


@pytest.mark.rounding  # grey values are rounded to whole numbers, so the last digits of float64 do not show
@pytest.mark.parametrize("key", SUMS)
def test_the_same_seed_gives_the_same_slice_everywhere(key):
    levels, cells = _synthetic_em.em_slice(*key)
    assert hashlib.sha256(levels.tobytes() + cells.tobytes()).hexdigest() == SUMS[key]


def test_shapes_types_and_grey_levels():
    images, labels, cells = _synthetic_em.synthetic_em(2, size=64, seed=3)
    assert images.shape == labels.shape == cells.shape == (2, 64, 64)
    assert (images.dtype, labels.dtype, cells.dtype) == (np.float32, np.uint8, np.int32)
    np.testing.assert_array_equal(images, np.rint(images * 255).astype(np.uint8) / np.float32(255))
    np.testing.assert_array_equal(labels, cells > 0)


def test_the_defaults_are_full_size_and_seed_zero(monkeypatch):
    asked = []

    def draw(index, size, seed):
        asked.append((index, size, seed))
        return np.zeros((2, 2), np.uint8), np.zeros((2, 2), np.int32)

    monkeypatch.setattr(_synthetic_em, "em_slice", draw)
    _synthetic_em.synthetic_em(2)
    assert asked == [(0, 512, 0), (1, 512, 0)]


def test_a_slice_does_not_depend_on_the_count_but_on_index_and_seed():
    three = _synthetic_em.synthetic_em(3, size=48)
    one = _synthetic_em.synthetic_em(1, size=48)
    for many, few in zip(three, one):
        np.testing.assert_array_equal(many[0], few[0])
    assert not np.array_equal(three[0][0], three[0][1])
    assert not np.array_equal(_synthetic_em.synthetic_em(1, size=48, seed=1)[0], one[0])


@pytest.mark.parametrize(
    "wrong", [dict(count=0), dict(count=1, size=31), dict(count=1, size=64.0), dict(count=1, seed=-1), dict(count="2")]
)
def test_wrong_numbers_are_refused(wrong):
    with pytest.raises(ValueError, match=str(list(wrong.values())[-1])):
        _synthetic_em.synthetic_em(**wrong)


@pytest.mark.parametrize("index, size, seed", [(0, 128, 0), (4, 96, 5), (16, 160, 2)])
def test_instances_are_the_components_of_the_label_and_never_touch(index, size, seed):
    _, cells = _synthetic_em.em_slice(index, size, seed)
    np.testing.assert_array_equal(canonical(cells), flood(cells > 0))
    np.testing.assert_array_equal(np.unique(cells), np.arange(cells.max() + 1))
    assert cells.max() > 3 and np.bincount(cells.ravel())[1:].min() >= 40
    for first, second in (
        (cells[1:], cells[:-1]),
        (cells[:, 1:], cells[:, :-1]),
        (cells[1:, 1:], cells[:-1, :-1]),
        (cells[1:, :-1], cells[:-1, 1:]),
    ):
        assert ((first == second) | (first == 0) | (second == 0)).all()


def test_full_slices_have_the_statistics_of_the_real_stack(quiet_and_noisy):
    for levels, cells in quiet_and_noisy:
        membrane = cells == 0
        assert 0.17 < membrane.mean() < 0.27
        assert 80 < cells.max() < 145
        assert 100 < levels.mean() < 145 and 36 < levels.std() < 52
        depth = ndimage.distance_transform_edt(membrane)
        inside = ndimage.distance_transform_edt(~membrane)
        assert levels[inside > 4].mean() - levels[depth > 2].mean() > 45
        area = np.sort(np.bincount(cells.ravel())[1:])
        assert area[-1] > 5000 and 300 < np.median(area) < 1100


def test_the_second_half_of_the_stack_is_about_twice_as_noisy(quiet_and_noisy):
    (quiet, _), (noisy, _) = quiet_and_noisy
    noise = [ndimage.laplace(levels.astype(float)).std() for levels in (quiet, noisy)]
    assert 1.7 < noise[1] / noise[0] < 2.6


@pytest.mark.parametrize("index, expected", [(0, False), (14, False), (15, True), (29, True), (30, False), (45, True)])
def test_which_slices_are_noisy(monkeypatch, index, expected):
    found = []
    monkeypatch.setattr(_synthetic_em, "photograph", lambda rng, level, noisy: found.append(noisy))
    _synthetic_em.em_slice(index, 32, 0)
    assert found == [expected]


def test_a_photograph_saturates_the_dark_and_keeps_the_rest():
    level = np.repeat(np.array([[-40.0, 0.0, 60.0, 70.0, 125.0, 200.0, 400.0]]), 9, axis=0)
    expected = np.clip(np.where(level < 70, 70 * np.exp(level / 70 - 1), level), 0, 255)
    for noisy in (False, True):
        np.testing.assert_array_equal(_synthetic_em.photograph(Still(), level, noisy)[0], np.rint(expected[0]))


def test_shot_noise_grows_with_the_root_of_the_level():
    levels = [np.full((128, 128), value) for value in (80.0, 180.0)]
    for noisy, least in ((False, 9), (True, 15)):
        dark, bright = (_synthetic_em.photograph(generator(0, 0), level, noisy).std() for level in levels)
        assert bright / dark == pytest.approx(1.5, rel=0.06) and dark > least


@pytest.mark.parametrize("size, seed", [(32, 0), (200, 1)])
def test_neurites_fill_the_plane_without_much_overlap(size, seed):
    neurites = _synthetic_em.place_neurites(generator(seed, 0), size)
    np.testing.assert_array_equal(neurites[:, 4:], np.round(neurites[:, 4:], 3))
    np.testing.assert_array_equal(neurites[:, 2:4], np.round(neurites[:, 2:4], 6))
    assert neurites[:, 5].max() <= 74 and neurites[:, 5].min() > 1.5
    axis = np.arange(-40, size + 40, 4) + 2.0
    rows, columns = np.meshgrid(axis, axis, indexing="ij")
    assert set(neurites[:, 0]) <= set(axis) and set(neurites[:, 1]) <= set(axis)
    distances = np.array([capsule(rows, columns, neurite)[2] for neurite in neurites])
    assert distances.min(axis=0).max() < 9.5
    tracts = (neurites[:, 4] > 3.6 * neurites[:, 5]).sum()
    assert tracts <= 4
    for later in range(tracts + 1, len(neurites)):
        spot = (rows == neurites[later, 0]) & (columns == neurites[later, 1])
        assert distances[:later, spot].min() > 0.8 * neurites[later, 5]


def test_partition_gives_each_pixel_to_the_nearest_surface():
    rng = np.random.default_rng(0)
    angles = np.pi * rng.random(9)
    neurites = np.stack(
        [
            70 * rng.random(9) - 5,
            70 * rng.random(9) - 5,
            np.cos(angles),
            np.sin(angles),
            12 * rng.random(9),
            3 + 6 * rng.random(9),
        ],
        axis=1,
    )
    region, along, across = _synthetic_em.partition(Still(), 60, neurites, reach=5)
    rows, columns = np.indices((60, 60)) + 0.5
    frames = [capsule(rows, columns, neurite) for neurite in neurites]
    distances = np.array([frame[2] for frame in frames])
    expected = np.where(distances.min(axis=0) < 5, distances.argmin(axis=0) + 1, 0)
    np.testing.assert_array_equal(region, expected)
    assert (region == 0).any() and len(np.unique(region)) > 7
    for number in range(1, 10):
        np.testing.assert_allclose(along[region == number], frames[number - 1][0][region == number])
        np.testing.assert_allclose(across[region == number], frames[number - 1][1][region == number])
    assert (along[region == 0] == 0).all()


def test_merging_joins_nearest_neighbours():
    neurites = np.array([[0, 0], [0, 3], [20, 0], [20, 2], [50, 50]], float)
    np.testing.assert_array_equal(_synthetic_em.merge(generator(0, 0), neurites, chance=0), np.arange(6))
    joined = _synthetic_em.merge(generator(0, 0), neurites, chance=1)
    assert joined[0] == 0 and joined[1] == joined[2] and joined[3] == joined[4] != joined[1]
    assert joined[5] in (joined[1], joined[3]) and joined[5] == joined[4]
    many = np.array([(_synthetic_em.merge(generator(i, 0), neurites) != np.arange(6)).any() for i in range(300)])
    assert 0.25 < many.mean() < 0.55


def test_membranes_lie_on_the_edges():
    profile = np.ones((80, 80), int)
    profile[:, 40:] = 2
    depth = np.abs(np.arange(80) - 40.0) * np.ones((80, 1))
    interior, darkness, smudge = _synthetic_em.membranes(generator(1, 0), depth, profile)
    assert not interior[:, 39:42].any() and interior[:, :30].all() and interior[:, 50:].all()
    assert darkness[:, 40].mean() > 60 and darkness[:, 40].mean() > 5 * darkness[:, :20].mean()
    assert smudge.min() >= 0 and smudge.max() <= 1
    _, straight, smudge = _synthetic_em.membranes(Still(), depth, profile)
    np.testing.assert_array_equal(smudge, 0)
    assert straight[40, 40] == pytest.approx(92) and straight[40, 47] == 0


def test_vesicles_and_cisternae_keep_off_the_membranes(monkeypatch):
    shape = (64, 64)
    depth, flat = np.full(shape, 20.0), np.ones(shape, int)
    level = _synthetic_em.cytoplasm(generator(2, 0), depth, 3, flat, flat, *np.indices(shape) * 1.0)
    assert level.shape == shape and 130 < level.mean() < 175 and 8 < level.std() < 40
    asked = []

    def vesicles(rng, likely, solid, spacing):
        asked.append(likely)
        return 0

    monkeypatch.setattr(_synthetic_em, "vesicles", vesicles)
    deep, shallow, bare = (
        _synthetic_em.cytoplasm(generator(2, 0), depth, 3, flat, flat, *np.indices(shape) * 1.0)
        for depth in (depth, np.full(shape, 4.5), np.full(shape, 4.0))
    )
    np.testing.assert_array_equal(deep, shallow)
    assert (bare >= deep).all() and 2 < (bare - deep).max() <= 30
    assert (asked[0] > 0).all() and (asked[1] == 0).all()
    assert level.mean() < deep.mean()


def test_mitochondria_are_dark_bodies_in_wide_neurites_only():
    shape = (120, 120)
    rows, columns = np.indices(shape) - 60.0
    region = np.ones(shape, int)
    level = np.full(shape, 150.0)
    drawn = 0
    for seed in range(12):
        neurites = np.array([[60, 60, 1, 0, 0, 50.0]])
        image, inside = _synthetic_em.mitochondria(generator(seed, 0), level, neurites, region, columns, rows)
        assert inside.any() == (image.min() < 140) and (image != level)[inside].all()
        if inside.any():  # beside it there is nothing but the end of its pale halo
            assert (np.abs(image - level)[ndimage.distance_transform_edt(~inside) > 16] < 0.1).all()
        np.testing.assert_array_equal(level, 150)
        if image.min() < 140:
            drawn += 1
            dark = ndimage.binary_opening(image < 125, iterations=3)
            assert 1000 < dark.sum() < 9000 and ndimage.label(dark)[1] == 1
            assert 60 < image[ndimage.binary_erosion(dark, iterations=5)].mean() < 105
        narrow = np.array([[60, 60, 1, 0, 0, 13.0]])
        image, inside = _synthetic_em.mitochondria(generator(seed, 0), level, narrow, region, columns, rows)
        np.testing.assert_array_equal(image, level)
        assert not inside.any()
    assert 1 <= drawn <= 8


def test_a_third_class_changes_nothing_but_the_labels_inside_cells():
    two, three = (_synthetic_em.synthetic_em(2, size=256, classes=classes) for classes in (2, 3))
    for before, after in zip((two[0], two[2]), (three[0], three[2])):
        np.testing.assert_array_equal(before, after)
    np.testing.assert_array_equal(three[1] > 0, two[1])
    for index, (image, labels) in enumerate(zip(three[0], three[1])):
        inside = _synthetic_em.em_parts(index, 256, 0)[2]
        np.testing.assert_array_equal(labels == 2, inside & (labels > 0))
        assert 100 < (labels == 2).sum() and image[labels == 2].mean() < image[labels == 1].mean() - 0.15
    with pytest.raises(ValueError, match="classes 4: must be 2, membrane and cell, or 3"):
        _synthetic_em.synthetic_em(1, size=64, classes=4)


def test_an_annotator_leaves_out_smudges_and_specks_and_what_touches_at_a_corner():
    interior = np.zeros((60, 60), bool)
    interior[5:25, 5:25] = interior[25:50, 25:50] = True
    interior[5:11, 50:56] = interior[40:54, 4:18] = True
    smudge = np.zeros((60, 60))
    smudge[44:50, 8:14] = 0.46
    drawn = _synthetic_em.annotate(Still(), interior, smudge)
    assert drawn.dtype == np.int32 and set(np.unique(drawn)) == {0, 1, 2}
    assert drawn[40, 40] == drawn[30, 30] != 0 and drawn[15, 15] != drawn[40, 40]
    assert drawn[8, 53] == 0 and drawn[47, 11] == 0 and drawn[42, 5] != 0
    assert _synthetic_em.annotate(Still(), interior, 0 * smudge)[47, 11] != 0
    assert _synthetic_em.annotate(Still(), interior, smudge, smallest=1)[8, 53] != 0


def test_an_unsteady_hand_moves_outlines_by_a_pixel_or_two():
    interior = np.zeros((90, 90), bool)
    interior[20:70, 20:70] = True
    drawn = _synthetic_em.annotate(generator(0, 0), interior, np.zeros((90, 90))) > 0
    changed = drawn != interior
    edge = np.abs(ndimage.distance_transform_edt(interior) - ndimage.distance_transform_edt(~interior))
    assert changed.any() and edge[changed].max() <= 4 and drawn.sum() == pytest.approx(2500, rel=0.06)
