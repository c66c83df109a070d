"""Laws of the boundary scores, against loops over all pairs of boundary pixels."""

import math

import numpy as np
import pytest
from scipy import ndimage

from unet_tutorial.metrics import boundary_f1, boundary_scores, segments
from unet_tutorial.metrics._boundaries import boundary

CROSS = ((-1, 0), (0, -1), (0, 1), (1, 0))


def outlines(ids):
    """Pixels of a region with one of four neighbours outside it, one by one."""
    found = []
    for y, x in np.argwhere(ids > 0).tolist():
        around = [(y + dy, x + dx) for dy, dx in CROSS if 0 <= y + dy < ids.shape[0] and 0 <= x + dx < ids.shape[1]]
        if any(ids[pixel] != ids[y, x] for pixel in around):
            found.append((y, x))
    return found


def share(pixels, others, tolerance):
    near = [any(math.dist(one, other) <= tolerance for other in others) for one in pixels]
    return sum(near), len(near)


def random_ids(rng, shape=(13, 15)):
    """Regions of a map that is smooth: apart, or touching, or a label."""
    ids = segments((ndimage.gaussian_filter(rng.normal(size=shape), 1) > rng.choice([-0.2, 0.1])).astype(np.uint8))
    layers = np.digitize(ndimage.gaussian_filter(rng.normal(size=shape), 2), [-0.1, 0, 0.1])
    return (ids, layers, ids > 0)[rng.integers(3)]


def test_the_boundary_is_the_outermost_ring_of_each_region():
    rng = np.random.default_rng(0)
    for _ in range(30):
        ids = random_ids(rng, tuple(rng.integers(1, 14, 2)))
        assert [tuple(pixel) for pixel in np.argwhere(boundary(ids)).tolist()] == outlines(ids)


@pytest.mark.parametrize("tolerance", [0, 1, 1.4, math.sqrt(2), 2, 2.9, 3])
def test_scores_equal_their_definition(tolerance):
    rng = np.random.default_rng(1)
    between = 0
    for _ in range(25):
        prediction, truth = random_ids(rng), random_ids(rng)
        found, true = outlines(prediction), outlines(truth)
        (right, all_found), (met, all_true) = share(found, true, tolerance), share(true, found, tolerance)
        precision, recall = (part / whole if whole else 1 for part, whole in ((right, all_found), (met, all_true)))
        f = 2 * precision * recall / (precision + recall) if precision + recall else 0
        scores = boundary_scores(prediction, truth, tolerance)
        assert scores == pytest.approx((precision, recall, f)) and all(type(value) is float for value in scores)
        assert boundary_f1(prediction, truth, tolerance) == scores.f
        assert boundary_scores(truth, prediction, tolerance) == (scores.recall, scores.precision, scores.f)
        between += 0 < scores.f < 1
    assert between > 10


@pytest.mark.parametrize("shift", [1, 2, 3])
def test_a_border_that_moved_is_right_from_a_tolerance_of_as_many_pixels(shift):
    truth = np.zeros((12, 30), int)
    truth[:, 4:12] = 1
    moved = np.roll(truth, shift, axis=1)
    assert boundary_f1(moved, truth, shift) == 1
    assert boundary_f1(moved, truth, shift - 0.01) == 0


def test_a_missing_border_costs_recall_and_an_invented_one_precision():
    two = np.ones((6, 9), int)
    two[:, 5:] = 2
    three = two.copy()
    three[:, :2] = 3
    assert boundary_scores(two, three, 0) == (1, 0.5, pytest.approx(2 / 3))
    assert boundary_scores(three, two, 0) == (0.5, 1, pytest.approx(2 / 3))


def test_maps_without_boundary():
    one, two = np.ones((4, 6), int), np.array([[1, 1, 1, 2, 2, 2]] * 4)
    for blank in (one, one * 0, one > 0):
        assert boundary_scores(blank, blank, 2) == boundary_scores(blank, one, 2) == (1, 1, 1)
        assert boundary_scores(blank, two, 9) == (1, 0, 0)
        assert boundary_scores(two, blank, 9) == (0, 1, 0)
    assert boundary_scores(two, np.roll(two, 0), 0) == (1, 1, 1)


def test_boundary_pixels_of_all_slices_count_together():
    rng = np.random.default_rng(2)
    pairs = [(random_ids(rng, shape) > 0, random_ids(rng, shape) > 0) for shape in ((9, 12), (20, 7))]
    sums = np.zeros(4, int)
    for prediction, truth in pairs:
        found, true = outlines(prediction), outlines(truth)
        sums += (*share(found, true, 1), *share(true, found, 1))
    scores = boundary_scores(*map(list, zip(*pairs)), 1)
    assert scores[:2] == pytest.approx((sums[0] / sums[1], sums[2] / sums[3])) and 0 < scores.f < 1
    stack = np.stack([pairs[0][0], pairs[0][0]]), np.stack([pairs[0][1], pairs[0][1]])
    assert boundary_scores(*stack, 1) == boundary_scores(*pairs[0], 1)


def test_bad_input():
    ids = np.ones((4, 5), int)
    with pytest.raises(
        ValueError, match=r"prediction of dtype float64: must be a label .* metrics.segments\(p, thresh"
    ):
        boundary_scores(ids * 0.5, ids, 2)
    with pytest.raises(ValueError, match="truth: holds the negative id -1"):
        boundary_scores(ids, -ids, 2)
    with pytest.raises(ValueError, match=r"prediction of shape \(3, 5\) and truth of shape \(4, 5\): must be equal"):
        boundary_scores(ids[1:], ids, 2)
    with pytest.raises(ValueError, match=r"truth\[1\]: holds the negative id"):
        boundary_scores(np.stack([ids, ids]), np.stack([ids, -ids]), 2)
    for tolerance in (-1, np.nan, np.inf, "2", True):
        with pytest.raises(ValueError, match="^tolerance .*: must be a finite number >= 0"):
            boundary_scores(ids, ids, tolerance)
    mask = np.pad(np.array([[255, 128, 60]], np.uint8), 9)
    with pytest.warns(UserWarning, match="^truth.*grey edges") as given:
        boundary_f1(mask > 0, mask, 2)
    assert len(given) == 1 and given[0].filename == __file__
