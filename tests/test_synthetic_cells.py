"""Laws of the synthetic phase-contrast frames."""

import hashlib

import numpy as np
import pytest
from scipy import ndimage

from unet_tutorial.datasets import _synthetic_cells
from unet_tutorial.datasets._brushes import generator
from unet_tutorial.datasets._synthetic_cells import Body
from unet_tutorial.rounding import assert_agree

SUMS = {  # sha256 of levels and cells: (index, size, seed)
    (0, 96, 0): "1e9797afbf4a78c5171f63e37aae22d871df70130dd193d509d8e1441e71de57",
    (1, 128, 2): "b7a4f029698ed7ce516c57dc2236a006b7d3d6477e913b454ce110d57f5e2ca5",
    (3, 160, 1): "0f5096c20ff5f1698228a44bb40454ae66ae9de847e22c7f290ec2665545c30a",
}


@pytest.fixture(scope="module")
def frame():
    """Levels and cells of one frame in full size."""
    return _synthetic_cells.cells_slice(0, 512, 0)


@pytest.mark.rounding  # grey values are rounded to whole numbers, so the last digits of float64 do not show
@pytest.mark.parametrize("key", SUMS)
def test_the_same_seed_gives_the_same_frame_everywhere(key):
    levels, cells = _synthetic_cells.cells_slice(*key)
    assert hashlib.sha256(levels.tobytes() + cells.tobytes()).hexdigest() == SUMS[key]


def test_shapes_types_and_grey_levels():
    images, labels, cells = _synthetic_cells.synthetic_cells(2, size=64, seed=3)
    assert images.shape == labels.shape == cells.shape == (2, 64, 64)
    assert (images.dtype, labels.dtype, cells.dtype) == (np.float32, np.uint8, np.int32)
    np.testing.assert_array_equal(images, np.rint(images * 255).astype(np.uint8) / np.float32(255))
    np.testing.assert_array_equal(labels, cells > 0)
    np.testing.assert_array_equal(images[0], _synthetic_cells.synthetic_cells(1, size=64, seed=3)[0][0])
    assert not np.array_equal(images[0], images[1])
    assert not np.array_equal(images[0], _synthetic_cells.synthetic_cells(1, size=64)[0][0])


def test_the_defaults_are_full_size_and_seed_zero(monkeypatch):
    asked = []

    def draw(index, size, seed):
        asked.append((index, size, seed))
        return np.zeros((2, 2), np.uint8), np.zeros((2, 2), np.int32)

    monkeypatch.setattr(_synthetic_cells, "cells_slice", draw)
    _synthetic_cells.synthetic_cells(2)
    assert asked == [(0, 512, 0), (1, 512, 0)]


@pytest.mark.parametrize(
    "wrong", [dict(count=0), dict(count=1, size=31), dict(count=1, size=64.0), dict(count=1, seed=-1), dict(count="2")]
)
def test_wrong_numbers_are_refused(wrong):
    with pytest.raises(ValueError, match=str(list(wrong.values())[-1])):
        _synthetic_cells.synthetic_cells(**wrong)


def neighbours(cells):
    """Pairs of ids that share a pixel edge."""
    pairs = set()
    for first, second in ((cells[1:], cells[:-1]), (cells[:, 1:], cells[:, :-1])):
        meet = (first != second) & (first > 0) & (second > 0)
        pairs |= {tuple(sorted(pair)) for pair in zip(first[meet].tolist(), second[meet].tolist())}
    return pairs


def test_ids_count_up_and_each_cell_is_in_one_piece(frame):
    _, cells = frame
    np.testing.assert_array_equal(np.unique(cells), np.arange(cells.max() + 1))
    for number in range(1, cells.max() + 1):
        assert ndimage.label(cells == number)[1] == 1
        assert (cells == number).sum() >= 60


def test_many_cells_touch_so_that_the_label_merges_them(frame):
    _, cells = frame
    assert 20 <= cells.max() <= 36
    touching = neighbours(cells)
    assert len({number for pair in touching for number in pair}) > cells.max() / 2
    assert 3 < ndimage.label(cells > 0)[1] < 0.7 * cells.max()
    assert 0.1 < (cells > 0).mean() < 0.3


def test_halos_are_bright_and_bodies_dark_on_an_even_background(frame):
    levels, cells = frame
    outside = ndimage.distance_transform_edt(cells == 0)
    inside = ndimage.distance_transform_edt(cells > 0)
    far = levels[outside > 40]
    assert 90 < far.mean() < 112 and far.std() < 8
    assert levels[(outside > 0) & (outside <= 3)].mean() > far.mean() + 20
    assert levels[(inside > 1) & (inside <= 5)].mean() < far.mean() - 10
    assert levels[inside > 2].std() > 2 * far.std()
    assert levels.max() > 180 and levels.min() < 60


def test_a_round_body_is_a_disc():
    rows, columns = np.indices((40, 50)) + 0.5
    body = Body(20, 25, 9.0, np.zeros((0, 3)), 1.0)
    assert_agree(_synthetic_cells.distance_to(rows, columns, body), np.hypot(rows - 20, columns - 25) - 9, terms=4)


@pytest.mark.parametrize("angle", [0.0, 1.2, 4.0])
def test_a_limb_tapers_to_its_tip(angle):
    length, tip, radius = 30.0, 3.0, 10.0
    body = Body(0, 0, radius, np.array([[angle, length, tip]]), 1.0)

    def at(along, across):
        return _synthetic_cells.distance_to(
            np.array([along * np.sin(angle) + across * np.cos(angle)]),
            np.array([along * np.cos(angle) - across * np.sin(angle)]),
            body,
        )[0]

    assert at(length, tip) == pytest.approx(0, abs=0.1) and at(length + tip, 0) == pytest.approx(0, abs=0.1)
    assert at(-radius, 0) == pytest.approx(-3 * np.log(1 + np.exp((0.8 * radius + tip - radius) / 3)))
    assert at(-length, 0) > 15
    half = 0.8 * radius * 0.5**1.5 + tip
    assert at(length / 2, half) == pytest.approx(at(length / 2, -half))
    assert at(length / 2, half) == pytest.approx(-3 * np.log(1 + np.exp((10 - np.hypot(15, half)) / 3)))


def test_bodies_come_round_spindle_shaped_and_many_armed():
    bodies = [_synthetic_cells.random_body(generator(0, index)) for index in range(400)]
    arms = np.array([len(limbs) for _, limbs, _ in bodies])
    assert set(arms) == {0, 2, 3, 4, 5}
    assert 0.06 < (arms == 0).mean() < 0.15 and 0.27 < (arms == 2).mean() < 0.43
    for radius, limbs, thickness in bodies:
        assert (thickness > _synthetic_cells.ROUND) == (len(limbs) == 0)
        assert {0: 9, 2: 10}.get(len(limbs), 15) <= radius < {0: 14, 2: 15}.get(len(limbs), 28)
        if len(limbs):
            assert limbs[:, 1].min() > 1.0 * radius and limbs[:, 1].max() < 77
            assert 1.5 <= limbs[:, 2].min() and limbs[:, 2].max() < 4.5
    spindle = next(limbs for _, limbs, _ in bodies if len(limbs) == 2)
    assert np.cos(spindle[0, 0] - spindle[1, 0]) < 0


@pytest.mark.parametrize("size, count", [(32, 4), (512, 29)])
def test_most_bodies_overlap_an_earlier_one_a_little(size, count):
    bodies = _synthetic_cells.place_bodies(generator(1, 0), size)
    assert len(bodies) <= count and len(bodies) > count / 2
    beside = 0
    for number, body in enumerate(bodies[1:], 1):
        gap = min(_synthetic_cells.distance_to(body.row, body.column, other) for other in bodies[:number])
        assert 0.7 * body.radius < min(gap, 60) and not body.radius <= min(gap, 60) <= body.radius + 12
        beside += gap < body.radius
    assert all(-20 < place < size + 20 for body in bodies for place in (body.row, body.column))
    assert size < 100 or beside > len(bodies) / 2


def test_a_pixel_of_two_bodies_belongs_to_the_deeper_one():
    bodies = [Body(30, 20, 14.0, np.zeros((0, 3)), 1.0), Body(30, 42, 12.0, np.array([[0.0, 30.0, 3.0]]), 1.0)]

    class Still:
        def random(self):
            return 0.5

        def standard_normal(self, shape):
            return np.zeros(shape)

    rows, columns = np.indices((64, 64)) + 0.5
    distances = np.array([_synthetic_cells.distance_to(rows, columns, body) for body in bodies])
    expected = np.where(distances.min(axis=0) < 0, distances.argmin(axis=0) + 1, 0)
    np.testing.assert_array_equal(_synthetic_cells.draw_bodies(Still(), 64, bodies), expected)


def test_only_the_largest_part_of_a_cell_is_kept():
    cells = np.zeros((40, 40), np.int32)
    cells[2:12, 2:12] = 1
    cells[12:16, 12:16] = cells[30:36, 2:12] = 3
    cells[20:26, 20:30] = 5
    cells[30:36, 20:30] = 5
    cells[35, 29] = 0
    kept = _synthetic_cells.largest_parts(cells)
    expected = cells.copy()
    expected[12:16, 12:16] = expected[30:36, 20:30] = 0
    np.testing.assert_array_equal(kept, expected)
    assert _synthetic_cells.largest_parts(cells, smallest=61).max() == 1


def test_a_nucleus_lies_in_the_middle_of_a_spread_cell_only():
    cells = np.zeros((60, 60), np.int32)
    cells[10:50, 10:30] = 1
    cells[10:50, 30:50] = 2
    bodies = [Body(30, 22, 12.0, np.zeros((0, 3)), 1.0), Body(30, 40, 12.0, np.zeros((0, 3)), 2.6)]
    distance = _synthetic_cells.distance_to_nucleus(generator(0, 0), cells, bodies)
    assert distance[29, 21] < -5 and distance.min() > -6
    assert (distance[cells != 1] == 99).all()
    assert (distance[cells == 1] < 0).sum() == pytest.approx(np.pi * 36 + 4 * 1.8 * 6, rel=0.1)
