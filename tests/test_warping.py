"""Laws of simple points, of the descent and of the judgement that make the warping error."""

import numpy as np
import pytest
from scipy import ndimage, sparse
from scipy.sparse.csgraph import connected_components

from unet_tutorial.metrics import warp_label, warping_error, warping_errors
from unet_tutorial.metrics._bending import NEIGHBOURS, is_simple
from unet_tutorial.metrics._segments import thin_borders

EIGHT = np.ones((3, 3))


def pieces(label):
    """Numbers of 4-connected cells and of 8-connected pieces of background."""
    return ndimage.label(label)[1], ndimage.label(1 - label, EIGHT)[1]


def patch(code, centre):
    label = np.full((3, 3), centre)
    for k, (dy, dx) in enumerate(NEIGHBOURS):
        label[1 + dy, 1 + dx] = code >> k & 1
    return label


SIMPLE = [pieces(patch(code, 0)) == pieces(patch(code, 1)) for code in range(256)]


def code_of(label, y, x):
    return sum(int(label[y + dy, x + dx]) << k for k, (dy, dx) in enumerate(NEIGHBOURS))


def naive(probability, truth, theta, proposal=None):
    """The definition word for word, pixel by pixel: warped label, split mask, merge mask."""
    label = np.pad(truth.astype(int), 30)
    p = np.pad(probability.astype(float), 30)
    target = p > theta if proposal is None else np.pad(proposal, 30)
    flipped = True
    while flipped:
        flipped = False
        differing = [(-abs(p[y, x] - theta), x, y) for y, x in np.argwhere(label != target)]
        for _, x, y in sorted(differing):
            if SIMPLE[code_of(label, y, x)]:
                label[y, x] = 1 - label[y, x]
                flipped = True
    cells = ndimage.label(label)[0]
    masks = np.zeros((2, *label.shape), bool)
    for y, x in np.argwhere(label != target):
        around = {cells[y + dy, x + dx] for dy, dx in NEIGHBOURS}
        if len(around) == 2 and label[y, x]:
            window = label[y - 20 : y + 21, x - 20 : x + 21].copy()
            window[20, 20] = 0
            parts = ndimage.label(window)[0]
            masks[0, y, x] = len({parts[20 + dy, 20 + dx] for dy, dx in NEIGHBOURS}) > 2
        elif len(around) > 2:
            masks[0 if label[y, x] else 1, y, x] = True
    inner = (slice(30, -30), slice(30, -30))
    return label[inner], masks[0][inner], masks[1][inner]


def blobs(rng, shape, share=0.5):
    return ndimage.gaussian_filter(rng.normal(size=shape), 1.2) > np.quantile(rng.normal(size=99), share) / 5


def test_neighbours_go_round_counter_clockwise_from_the_east():
    assert NEIGHBOURS[0] == (0, 1) and NEIGHBOURS[2] == (-1, 0) and NEIGHBOURS[4] == (0, -1)
    assert sorted(NEIGHBOURS) == sorted((y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0))
    for (y0, x0), (y1, x1) in zip(NEIGHBOURS, NEIGHBOURS[1:] + NEIGHBOURS[:1]):
        assert x0 * -y1 - -y0 * x1 > 0 and abs(y0 - y1) + abs(x0 - x1) == 1


@pytest.mark.parametrize("code", range(256))
def test_a_pixel_is_simple_if_its_flip_keeps_the_topology(code):
    assert is_simple([code >> k & 1 for k in range(8)]) is SIMPLE[code]


@pytest.mark.parametrize("seed", range(12))
def test_equals_the_definition_pixel_by_pixel(seed):
    rng = np.random.default_rng(seed)
    shape = rng.integers(2, 30, size=2)
    truth = blobs(rng, shape).astype(np.uint8)
    probability = np.clip(0.5 + ndimage.gaussian_filter(rng.normal(size=shape), rng.choice([0, 1, 2])), 0, 1)
    if seed % 3 == 0:
        probability = np.round(probability, 1)
    for theta in (0.2, 0.5):
        label, split, merge = naive(probability, truth, theta)
        np.testing.assert_array_equal(warp_label(probability, truth, theta), label)
        np.testing.assert_array_equal(warping_errors(probability, truth, theta), (split, merge))
        assert warping_error(probability, truth, theta) == (split | merge).mean()


@pytest.mark.parametrize("seed", range(4))
def test_equals_the_definition_for_labels_and_for_thinned_borders(seed):
    rng = np.random.default_rng(100 + seed)
    truth, other = (blobs(rng, (25, 31)) for _ in range(2))
    label, split, merge = naive(other, truth, 0.5)
    np.testing.assert_array_equal(warp_label(other, truth), label)
    np.testing.assert_array_equal(warping_errors(other, truth), (split, merge))
    assert split.any() or merge.any()
    label, split, merge = naive(other, truth, 0.5, thin_borders(other) > 0)
    np.testing.assert_array_equal(warp_label(other, truth, thin=True), label)
    np.testing.assert_array_equal(warping_errors(other, truth, thin=True), (split, merge))
    thinned = (split | merge).mean()
    assert warping_error(other, truth, thin=True) == thinned != warping_error(other, truth)


def test_warping_keeps_the_topology_and_leaves_no_simple_pixel():
    rng = np.random.default_rng(5)
    for _ in range(10):
        truth, probability = blobs(rng, (20, 24)), rng.random((20, 24))
        warped = warp_label(probability, truth)
        assert warped.dtype == np.uint8
        assert pieces(np.pad(warped, 1)) == pieces(np.pad(truth.astype(int), 1))
        padded = np.pad(warped, 1)
        for y, x in np.argwhere(warped != (probability > 0.5)):
            assert not SIMPLE[code_of(padded, y + 1, x + 1)]
            assert warped[y, x] == truth[y, x]


def test_no_descent_undercuts_the_best_label_of_its_topology():
    """All labels of 4 x 4 pixels: those that simple flips join are one class; the warp stays in it."""
    bits = np.arange(1 << 16)
    images = np.pad((bits[:, None] >> np.arange(16) & 1).reshape(-1, 4, 4), ((0, 0), (1, 1), (1, 1)))
    rows, columns = [], []
    for k in range(16):
        y, x = 1 + k // 4, 1 + k % 4
        codes = sum(images[:, y + dy, x + dx] << n for n, (dy, dx) in enumerate(NEIGHBOURS))
        simple = bits[np.array(SIMPLE)[codes]]
        rows.append(simple)
        columns.append(simple ^ 1 << k)
    rows, columns = np.concatenate(rows), np.concatenate(columns)
    family = connected_components(sparse.coo_array((np.ones(rows.size), (rows, columns)), (1 << 16, 1 << 16)))[1]
    weights = 1 << np.arange(16).reshape(4, 4)
    rng = np.random.default_rng(6)
    reached_best = 0
    for _ in range(300):
        truth, target = (rng.random((2, 4, 4)) < rng.uniform(0.3, 0.8)).astype(np.int64)
        warped = warp_label(target, truth)
        kin = bits[family == family[(truth * weights).sum()]]
        best = min(np.bitwise_count(kin ^ (target * weights).sum()))
        assert family[(warped * weights).sum()] == family[(truth * weights).sum()]
        assert np.count_nonzero(warped != target) >= best
        reached_best += np.count_nonzero(warped != target) == best
    assert reached_best > 100


def test_no_error_for_the_truth_itself():
    truth = blobs(np.random.default_rng(7), (3, 30, 30)).astype(np.uint8)
    np.testing.assert_array_equal(warp_label(truth, truth), truth)
    assert warping_error(truth, truth) == 0
    for label in (np.ones((5, 5), int), np.zeros((5, 5), int)):
        assert warping_error(label, label) == 0 and warping_error(1 - label, label) == 0


def test_holes_and_missing_or_invented_cells_are_ignored():
    truth = np.ones((9, 9), int)
    truth[:, 4] = 0
    hole, gone, invented = truth.copy(), truth.copy(), truth.copy()
    hole[4, 2] = 0
    gone[:, :4] = 0
    ring = np.ones((9, 9), int)
    ring[2:7, 2:7] = 0
    ring[3:6, 3:6] = 1
    for prediction in (hole, gone, np.zeros_like(truth)):
        assert warping_error(prediction, truth) == 0
    invented[:, :4] = 0
    assert warping_error(truth, invented) == 0
    assert warping_error(ring, np.ones((9, 9), int)) == 0


@pytest.mark.parametrize("gap", [1, 3, 5])
def test_a_gap_in_a_thin_wall_merges_as_many_pixels_as_it_is_long(gap):
    truth = np.ones((11, 9), int)
    truth[:, 4] = 0
    prediction = truth.copy()
    prediction[3 : 3 + gap, 4] = 1
    split, merge = warping_errors(prediction, truth)
    assert not split.any()
    np.testing.assert_array_equal(merge, prediction != truth)
    assert warping_error(prediction, truth) == gap / 99
    np.testing.assert_array_equal(warp_label(prediction, truth), truth)


def test_a_wall_through_a_cell_splits_one_pixel():
    truth = np.ones((7, 9), int)
    prediction = truth.copy()
    prediction[:, 4] = 0
    split, merge = warping_errors(prediction, truth)
    assert split.sum() == 1 and split[:, 4].any() and not merge.any()
    assert warping_error(prediction, truth) == 1 / 63
    certain = prediction.astype(float)
    certain[:, 4] = 0.1, 0.2, 0.3, 0.4, 0.3, 0.2, 0.1
    assert np.argwhere(warping_errors(certain, truth)[0]).tolist() == [[3, 4]]


def test_every_one_of_many_cuts_is_judged():
    truth = np.tile([[1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0]], (30, 40))
    prediction = truth.copy()
    prediction[:, 2::6] = 0
    split, merge = warping_errors(prediction, truth)
    np.testing.assert_array_equal(split, prediction != truth)
    assert split.sum() == 1200 and not merge.any()


@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_wall_may_move_by_its_width_and_no_further(width):
    for shift in range(width + 3):
        truth, prediction = np.ones((2, 12, 16), int)
        truth[:, 4 : 4 + width] = 0
        prediction[:, 4 + shift : 4 + width + shift] = 0
        for turned in (0, 1, 2):
            error = warping_error(np.rot90(prediction, turned), np.rot90(truth, turned))
            assert (error == 0) == (shift <= width)


def outline(left, right, down):
    """A ring one pixel thick, and the pixel of it that lies so many pixels from its sides."""
    label = np.zeros((down + 7, left + right + 5), int)
    label[3 : down + 4, 2:-2] = 1
    label[4 : down + 3, 3:-3] = 0
    return label, (3, 2 + left)


@pytest.mark.parametrize("turned", range(4))
@pytest.mark.parametrize("sides, errors", [((20, 20, 20), 0), ((21, 20, 20), 1), ((20, 21, 20), 1), ((20, 20, 21), 1)])
def test_a_cut_through_a_ring_splits_if_the_detour_leaves_the_window(sides, errors, turned):
    """A ring stays one cell when it is cut once; the window sees that up to 20 pixels away."""
    truth, cut = outline(*sides)
    prediction = truth.copy()
    prediction[cut] = 0
    split, merge = warping_errors(np.rot90(prediction, turned), np.rot90(truth, turned))
    assert not merge.any() and split.sum() == errors
    assert not errors or np.rot90(split, -turned)[cut]


@pytest.mark.parametrize("down", [5, 30])
def test_closing_a_ring_is_ignored_however_large_it_is(down):
    closed, gap = outline(25, 25, down)
    truth = closed.copy()
    truth[gap] = 0
    assert warp_label(closed, truth)[gap] == 0
    assert warping_error(closed, truth) == 0


def test_the_most_certain_pixel_flips_first():
    truth = np.array([[0, 1, 1, 0]])
    assert warp_label(np.array([[0, 0.1, 0.3, 0]]), truth).tolist() == [[0, 0, 1, 0]]
    assert warp_label(np.array([[0, 0.3, 0.1, 0]]), truth).tolist() == [[0, 1, 0, 0]]
    assert warp_label(np.array([[0, 0.1, 0.3, 0]]), truth, 0.05).tolist() == [[0, 1, 1, 0]]
    assert warp_label(np.zeros((1, 4)), truth).tolist() == [[0, 0, 1, 0]]


def test_turns_and_flips_of_the_plane_change_nothing():
    """With no two pixels equally certain the order, and so the result, is the same in every orientation."""
    rng = np.random.default_rng(8)
    for _ in range(4):
        truth = blobs(rng, (22, 27)).astype(np.uint8)
        probability = rng.permutation(truth.size).reshape(truth.shape) / truth.size
        masks = np.stack(warping_errors(probability, truth, 0.4003))
        assert masks.any()
        for turn in (
            lambda a: a[..., ::-1, :],
            lambda a: a[..., ::-1],
            lambda a: np.rot90(a, 1, (-2, -1)),
            lambda a: np.swapaxes(a, -2, -1),
        ):
            np.testing.assert_array_equal(warping_errors(turn(probability), turn(truth), 0.4003), turn(masks))


def test_a_stack_is_its_slices():
    rng = np.random.default_rng(9)
    truth, probability = blobs(rng, (3, 15, 18)), rng.random((3, 15, 18))
    split, merge = warping_errors(probability, truth, 0.3)
    assert split.shape == merge.shape == truth.shape and split.dtype == merge.dtype == bool
    for k in range(3):
        np.testing.assert_array_equal(warping_errors(probability[k], truth[k], 0.3), (split[k], merge[k]))
        np.testing.assert_array_equal(warp_label(probability[k], truth[k], 0.3), warp_label(probability, truth, 0.3)[k])
    assert warping_error(probability, truth, 0.3) == (split.sum() + merge.sum()) / truth.size


def test_the_best_of_several_thresholds_counts_for_all_slices_together():
    rng = np.random.default_rng(10)
    truth = blobs(rng, (2, 20, 20))
    probability = np.clip(truth + rng.normal(0, 0.5, truth.shape), 0, 1)
    thetas = (0.3, 0.5, 0.7)
    each = [warping_error(probability, truth, theta) for theta in thetas]
    assert len(set(each)) == 3 and warping_error(probability, truth, thetas) == min(each)
    assert warping_error(probability, truth) == each[1]


@pytest.mark.parametrize("call", [warp_label, warping_errors, warping_error])
def test_bad_input(call):
    truth = np.ones((4, 5), int)
    with pytest.raises(ValueError, match="^threshold 1.0: leaves a blank proposal.*stops at 0.9"):
        call(truth, truth, 1.0)
    with pytest.raises(ValueError, match="threshold 1.5: must be a number in 0..1"):
        call(truth, truth, 1.5)
    with pytest.raises(ValueError, match=r"prediction of shape \(4, 4\) and truth of shape \(4, 5\)"):
        call(truth[:, 1:], truth)
    with pytest.raises(ValueError, match="truth of dtype float64"):
        call(truth, truth * 1.0)
    with pytest.raises(ValueError, match="holds 20 values that are NaN"):
        call(truth * np.nan, truth)
    assert np.shape(call(truth, truth, 0)) in {(), (4, 5), (2, 4, 5)}
    if call is not warping_error:
        with pytest.raises(ValueError, match="must be one number in 0..1"):
            call(truth, truth, [0.5])
