"""Laws of thresholding, connected components and border thinning."""

from collections import deque

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import KDTree
from skimage.segmentation import watershed

from unet_tutorial.metrics import THRESHOLDS, segments, thin_borders, v_info, v_rand
from unet_tutorial.metrics._inputs import as_probability, as_stacks, as_threshold, as_thresholds
from unet_tutorial.metrics._segments import flood

CROSS = ((-1, 0), (0, -1), (0, 1), (1, 0))


def reachable(mask, start):
    """All pixels of the mask that 4-connected steps reach from start, with the number of steps, by brute force."""
    steps, queue = {start: 0}, [start]
    for pixel in queue:
        for dy, dx in CROSS:
            y, x = pixel[0] + dy, pixel[1] + dx
            if 0 <= y < mask.shape[0] and 0 <= x < mask.shape[1] and mask[y, x] and (y, x) not in steps:
                steps[y, x] = steps[pixel] + 1
                queue.append((y, x))
    return steps


def wavy_cells(rng, size, count, width):
    """Cells of a Voronoi diagram between membranes of about the given width: label and probability map."""
    centres = rng.random((count, 2)) * size
    distance, _ = KDTree(centres).query(np.stack(np.mgrid[:size, :size], axis=-1), k=2)
    gap = distance[..., 1] - distance[..., 0]
    wobble = np.repeat(np.repeat(rng.normal(0, 1, (size // 8, size // 8)), 8, axis=0), 8, axis=1)
    return (gap > width).astype(np.uint8), 1 / (1 + np.exp(2 * width + wobble - gap))


def test_segments_are_the_4_connected_components_in_raster_order():
    rng = np.random.default_rng(0)
    for _ in range(20):
        mask = rng.random((7, 9)) < 0.6
        expected, number = np.zeros(mask.shape, int), 0
        for pixel in np.argwhere(mask):
            if expected[tuple(pixel)] == 0:
                number += 1
                for inside in reachable(mask, tuple(pixel)):
                    expected[inside] = number
        for same in (mask, mask.astype(np.uint8), mask.astype(np.float32)):
            found = segments(same)
            np.testing.assert_array_equal(found, expected)
            assert found.dtype == np.int32


def test_a_pixel_belongs_to_a_segment_only_above_the_threshold():
    row = np.array([[0.0, 0.5, 0.50001, 0.3, 1.0]])
    assert segments(row).tolist() == [[0, 0, 1, 0, 2]]
    assert segments(row, 0.3).tolist() == [[0, 1, 1, 0, 2]]
    assert segments(row, 0).tolist() == [[0, 1, 1, 1, 1]]
    assert segments(row, 1.0).tolist() == [[0, 0, 0, 0, 0]]
    assert segments(np.float32(row), 0.3).tolist() == [[0, 1, 1, 0, 2]]


def test_thresholds_of_the_challenge():
    assert THRESHOLDS == (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)


@pytest.mark.parametrize(
    "row, grown",
    [
        ([1, 0, 2], [1, 0, 2]),
        ([1, 0, 0, 2], [1, 1, 0, 2]),
        ([2, 0, 0, 0, 1], [2, 2, 0, 1, 1]),
        ([0, 0, 3, 0, 0, 0, 0, 7, 0], [3, 3, 3, 3, 3, 0, 7, 7, 7]),
        ([1, 2, 0], [1, 2, 2]),
        ([1, 0, 1], [1, 0, 2]),
        ([0, 1, 0], [1, 1, 1]),
        ([2, 0, 2], [2, 2, 2]),
        ([5, 5, 5], [5, 5, 5]),
        ([0, 0, 0], [0, 0, 0]),
    ],
)
def test_thin_borders_of_a_row_and_of_a_column(row, grown):
    assert thin_borders(np.array([row])).tolist() == [grown]
    assert thin_borders(np.array([row]).T).ravel().tolist() == grown


def test_thin_borders_takes_a_mask_as_its_components():
    mask = np.array([[1, 0, 0, 1], [0, 0, 0, 0], [1, 1, 0, 0]], bool)
    for same in (mask, mask.astype(np.uint8)):
        grown = thin_borders(same)
        np.testing.assert_array_equal(grown, thin_borders(segments(mask)))
        assert grown.max() == 3 and grown.dtype == np.int32


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_thin_borders_keeps_ids_and_dtype(dtype):
    ids = np.zeros((4, 6), dtype)
    ids[0, 0], ids[3, 5] = 7, 200
    grown = thin_borders(ids)
    assert grown.dtype == dtype and set(np.unique(grown)) == {0, 7, 200}
    assert ids.sum() == 207


def test_thin_borders_are_thin_closed_and_leave_the_segments_alone():
    rng = np.random.default_rng(1)
    for _ in range(30):
        ids = segments(rng.random((12, 15)) < rng.choice([0.03, 0.2, 0.5]))
        if ids.max() < 2:
            continue
        grown = thin_borders(ids)
        np.testing.assert_array_equal(grown[ids > 0], ids[ids > 0])
        for y, x in np.ndindex(ids.shape):
            near = {
                int(grown[y + dy, x + dx])
                for dy, dx in CROSS
                if 0 <= y + dy < ids.shape[0] and 0 <= x + dx < ids.shape[1]
            } - {0}
            assert near <= {grown[y, x]} if grown[y, x] else len(near) != 1


def test_thin_borders_of_two_segments_lie_halfway():
    rng = np.random.default_rng(2)
    for _ in range(20):
        ids = np.zeros((9, 11), int)
        first, second = (tuple(rng.integers(0, ids.shape).tolist()) for _ in range(2))
        if first == second:
            continue
        ids[first], ids[second] = 4, 9
        if abs(first[0] - second[0]) + abs(first[1] - second[1]) == 1:
            continue
        to_first, to_second = (
            reachable((ids == 0) | (ids == mine), start) for mine, start in ((4, first), (9, second))
        )
        grown = thin_borders(ids)
        for y, x in np.argwhere(ids == 0).tolist():
            nearer = to_second[y, x] - to_first[y, x]
            if abs(nearer) > 1:
                assert grown[y, x] == (4 if nearer > 0 else 9)


def test_thin_borders_grow_all_segments_at_one_speed():
    """Seeds on one colour of the chess board: neighbours are never reached in the same step, so no order decides."""
    rng = np.random.default_rng(3)
    for count in (2, 8, 40):
        seeds = rng.integers(0, (20, 31), size=(count, 2)) * (1, 2)
        seeds[:, 1] += seeds[:, 0] % 2
        ids = np.zeros((20, 63), np.int32)
        ids[tuple(seeds.T)] = 2 + rng.permutation(count)
        grown, border = np.pad(ids, 1), np.pad(ids < 0, 1)
        for _ in range(80):
            before = grown.copy()
            for y, x in np.argwhere((before == 0) & ~border):
                if 0 < y < 21 and 0 < x < 64:
                    near = {int(before[y + dy, x + dx]) for dy, dx in CROSS} - {0}
                    border[y, x] = len(near) > 1
                    grown[y, x] = near.pop() if len(near) == 1 else 0
        np.testing.assert_array_equal(thin_borders(ids), grown[1:-1, 1:-1])


def flooded(ids):
    """The definition of the flood, pixel by pixel: one queue, first come, first served."""
    grown, dry = np.pad(ids, 1).tolist(), np.pad(ids == 0, 1)
    queue = deque(tuple(p) for p in np.argwhere(dry) if any(grown[p[0] + dy][p[1] + dx] for dy, dx in CROSS))
    while queue:
        y, x = queue.popleft()
        if dry[y, x]:
            dry[y, x] = False
            reaching = {grown[y + dy][x + dx] for dy, dx in CROSS} - {0}
            if len(reaching) == 1:
                grown[y][x] = reaching.pop()
                queue.extend((y + dy, x + dx) for dy, dx in CROSS if dry[y + dy, x + dx])
    return np.array(grown, ids.dtype)[1:-1, 1:-1]


def scattered(rng, shape):
    """Single pixels with ids in any order, some of which touch."""
    return np.where(rng.random(shape) < rng.choice([0.01, 0.05, 0.3]), rng.integers(1, 9, shape), 0).astype(np.uint8)


def grid(rng, shape):
    """Pixels at equal steps: many ties."""
    ids = np.zeros(shape, np.int64)
    part = ids[:: rng.integers(1, 5), :: rng.integers(1, 5)]
    part[:] = 1 + rng.permutation(part.size).reshape(part.shape)
    return ids


def smooth(rng, shape):
    """Segments of a map that is smooth, with wide gaps."""
    return ndimage.label(ndimage.gaussian_filter(rng.normal(size=shape), 2) > 0.05)[0]


def noise(rng, shape):
    """Segments of noise: ragged, from nearly none to nearly one."""
    return ndimage.label(rng.random(shape) < rng.choice([0.0, 0.02, 0.1, 0.3, 0.5, 0.7, 1.0]))[0]


def cells(rng, shape):
    """Wide cells of a predicted tissue."""
    return segments(wavy_cells(rng, 48, 12, 3.0)[1][: shape[0], : shape[1]])


@pytest.mark.parametrize("kind", [scattered, grid, smooth, noise, cells])
def test_the_flood_by_levels_is_the_flood_by_a_queue(kind):
    rng = np.random.default_rng(4)
    borders = 0
    for _ in range(70):
        ids = kind(rng, tuple(rng.integers(1, 40, 2)))
        grown, expected = flood(ids), flooded(ids)
        np.testing.assert_array_equal(grown, expected)
        assert grown.dtype == ids.dtype
        borders += np.count_nonzero(expected == 0)
    assert borders > 1000


@pytest.mark.parametrize("kind", [smooth, noise, cells])
def test_flooded_segments_are_the_components_of_what_they_cover(kind):
    """So a thinned map need not be numbered again: ids that lie side by side were so before the flood."""
    rng = np.random.default_rng(5)
    for _ in range(40):
        grown = thin_borders(kind(rng, tuple(rng.integers(2, 40, 2))))
        again = segments(grown > 0)
        pairs = np.unique(np.stack([grown.ravel(), again.ravel()]), axis=1)
        assert len(set(pairs[0])) == len(set(pairs[1])) == pairs.shape[1]


def test_thinned_scores_agree_with_the_watershed_of_scikit_image():
    """Scores are means over slices. In one slice the order of flooding alone moves them by up to 0.0003."""
    labels, probabilities = map(np.stack, zip(*(wavy_cells(np.random.default_rng(k), 512, 130, 3.0) for k in range(3))))
    found = [segments(probability) for probability in probabilities]
    flooded = np.stack([watershed(one == 0, one, connectivity=1, watershed_line=True) for one in found])
    grown = np.stack([thin_borders(one) for one in found])
    assert v_rand(probabilities, labels) < 0.85 and v_rand(flooded > 0, labels) > 0.98
    for score in (v_rand, v_info):
        thinned = score(probabilities, labels, thin=True)
        assert thinned == score(grown > 0, labels)
        assert abs(thinned - score(flooded > 0, labels)) < 1e-4
    assert abs(np.count_nonzero(grown == 0) / np.count_nonzero(flooded == 0) - 1) < 0.01


@pytest.mark.parametrize(
    "segmentation, message",
    [
        (np.zeros((3, 3)), "segmentation of dtype float64"),
        (np.zeros((2, 3, 3), int), r"segmentation of shape \(2, 3, 3\)"),
        (np.zeros((0, 3), int), "holds no pixel"),
        (np.array([[0, -2]]), "negative id -2"),
    ],
)
def test_thin_borders_refuses(segmentation, message):
    with pytest.raises(ValueError, match=message):
        thin_borders(segmentation)


@pytest.mark.parametrize(
    "prediction, message",
    [
        (np.zeros((2, 3, 3)), r"prediction of shape \(2, 3, 3\): must be \(H, W\); take one slice"),
        (np.zeros(3), r"prediction of shape \(3,\): must be \(H, W\) or \(N, H, W\), and not empty"),
        (np.zeros((0, 3)), r"prediction of shape \(0, 3\)"),
        (np.array([[0.5, np.nan, np.inf]]), "holds 2 values that are NaN or infinite"),
        (np.array([[0.5, -0.25]]), "holds values from -0.25 to 0.5; must be the probability of cell"),
        (np.array([[0.5, 1.5]]), "holds values from 0.5 to 1.5"),
        (np.array([[0, 255]], np.uint8), "holds values from 0 to 255"),
        (np.array([["a"]]), "prediction of dtype <U1: must be the probability of cell, float in 0..1, or a label of 0"),
        (np.zeros((2, 2), complex), "prediction of dtype complex128"),
    ],
)
def test_segments_refuses_what_is_no_probability_map(prediction, message):
    with pytest.raises(ValueError, match=message):
        segments(prediction)


def test_a_probability_keeps_its_precision_and_a_label_becomes_float():
    for dtype in (np.float16, np.float32, np.float64):
        assert as_probability(np.ones((1, 2, 3), dtype)).dtype == dtype
    for dtype in (bool, np.uint8, np.int64):
        assert as_probability(np.ones((2, 3), dtype)).dtype == np.float32


@pytest.mark.parametrize("threshold", [-0.1, 1.1, np.nan, "0.5", None, True, [], [0.5, 2], [[0.5]]])
def test_thresholds_out_of_range_are_refused(threshold):
    with pytest.raises(ValueError, match="^threshold .*must be a number in 0..1, or a sequence of such numbers$"):
        as_thresholds(threshold)


def test_one_threshold_or_a_sequence():
    assert as_thresholds(0.5) == [0.5] and as_thresholds((0, 0.5, 1)) == [0, 0.5, 1]
    assert as_thresholds(np.array([0.25])) == [0.25] and as_threshold(np.float32(0.25)) == 0.25
    assert as_threshold(1) == 1
    for several in ([0.5], (0.1, 0.2)):
        with pytest.raises(ValueError, match=r"threshold [\[(]0.*must be one number in 0..1, not a sequence"):
            as_threshold(several)
    with pytest.raises(ValueError, match="threshold 2: must be a number"):
        segments(np.zeros((2, 2)), 2)


def test_stacks_have_three_axes_and_one_shape():
    probability, label = as_stacks(np.zeros((4, 5)), np.zeros((4, 5), bool))
    assert probability.shape == label.shape == (1, 4, 5) and label.dtype == np.uint8
    assert as_stacks(np.zeros((2, 4, 5)), np.zeros((2, 4, 5), int))[1].shape == (2, 4, 5)
    with pytest.raises(ValueError, match=r"prediction of shape \(4, 5, 2\) and truth of shape \(4, 5\): must be equal"):
        as_stacks(np.zeros((4, 5, 2)), np.zeros((4, 5), int))
    with pytest.raises(ValueError, match="truth of dtype float64"):
        as_stacks(np.zeros((4, 5)), np.zeros((4, 5)))
    with pytest.raises(ValueError, match=r"truth\[1\]: holds values \[0, 2\]"):
        as_stacks(np.zeros((2, 1, 2)), np.array([[[0, 1]], [[0, 2]]]))
