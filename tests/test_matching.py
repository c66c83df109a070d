"""Laws of the contingency table, of SEG and of the count of merged cells."""

import numpy as np
import pytest
from skimage.metrics import contingency_table

from unet_tutorial.metrics import contingency, merged_cells, seg_score


def random_ids(rng, shape=(2, 8, 9), highest=5):
    return rng.integers(0, highest + 1, shape)


def matches(found, cells):
    """(cell, segment, Jaccard index) by the definition, for every cell of one slice; segment None if unmatched."""
    for cell in sorted(set(cells.ravel().tolist()) - {0}):
        here = cells == cell
        best = (cell, None, 0.0)
        for segment in set(found[here].tolist()) - {0}:
            there = found == segment
            if (here & there).sum() > 0.5 * here.sum():
                best = (cell, segment, (here & there).sum() / (here | there).sum())
        yield best


def test_contingency_of_an_example_by_hand():
    segments = np.array([[1, 1, 0, 3], [1, 0, 3, 3]])
    truth = np.array([[1, 1, 1, 2], [0, 1, 2, 0]])
    table = contingency(segments, truth)
    assert table.toarray().tolist() == [[2, 0], [0, 0], [0, 2], [1, 0], [1, 0]]
    assert table.dtype == np.int64 and table.nnz == 4


def test_contingency_counts_every_cell_pixel_once():
    rng = np.random.default_rng(0)
    for _ in range(20):
        segments, truth = random_ids(rng)
        table = contingency(segments, truth).toarray()
        alone = int(((segments == 0) & (truth > 0)).sum())
        assert table.shape == (segments.max() + alone, truth.max())
        for i, j in np.ndindex(int(segments.max()), int(truth.max())):
            assert table[i, j] == ((segments == i + 1) & (truth == j + 1)).sum()
        loners = table[segments.max() :]
        assert (loners.sum(axis=1) == 1).all()
        assert (np.argmax(loners, axis=1) + 1).tolist() == truth[(segments == 0) & (truth > 0)].tolist()


def test_contingency_agrees_with_scikit_image_where_every_pixel_has_a_segment():
    rng = np.random.default_rng(1)
    segments, truth = rng.integers(1, 9, (2, 20, 20)).astype(np.uint8)
    np.testing.assert_array_equal(
        contingency(segments, truth).toarray(), contingency_table(truth, segments).toarray()[1:, 1:].T
    )


def test_contingency_takes_any_integers():
    ids = np.full((16, 16), 255, np.uint8)
    ids[0, 0] = 0
    assert contingency(ids, ids).shape == (255, 255)
    assert contingency(ids, np.ones((16, 16), np.int64)).shape == (256, 1)
    assert contingency(ids * 0, ids).shape == (255, 255)


def test_seg_of_examples_by_hand():
    truth = np.array([[1, 1, 1, 1, 0, 2, 2, 2, 2, 0]])
    assert seg_score(truth, truth) == 1
    assert seg_score(np.where(truth == 1, 7, 0), truth) == 0.5
    assert seg_score(np.array([[1, 1, 1, 0, 0, 2, 2, 2, 2, 0]]), truth) == (3 / 4 + 1) / 2
    assert seg_score(np.array([[1, 1, 0, 0, 0, 2, 2, 2, 2, 0]]), truth) == 0.5
    assert seg_score(np.array([[1, 1, 1, 1, 1, 1, 1, 1, 1, 0]]), truth) == 4 / 9
    assert seg_score(np.array([[3, 3, 3, 5, 0, 5, 5, 5, 5, 9]]), truth) == (3 / 4 + 4 / 5) / 2
    assert seg_score(np.zeros_like(truth), truth) == 0


def test_seg_and_merged_cells_equal_their_definitions():
    rng = np.random.default_rng(2)
    merged_once = 0
    for _ in range(40):
        truth = np.repeat(random_ids(rng, (3, 4, 5), 6), 2, axis=2)
        keep = rng.random(truth.shape) < 0.8
        prediction = np.where(keep, np.array([0, 1, 1, 3, 4, 4, 4])[truth], random_ids(rng, truth.shape, 9))
        pairs = [list(matches(found, cells)) for found, cells in zip(prediction, truth)]
        assert seg_score(prediction, truth) == pytest.approx(np.mean([index for one in pairs for *_, index in one]))
        held = [[segment for _, segment, _ in one if segment] for one in pairs]
        expected = sum(one.count(segment) > 1 for one in held for segment in one)
        assert merged_cells(prediction, truth) == expected
        merged_once += expected
    assert merged_once > 40


def test_seg_is_a_mean_over_the_cells_of_all_slices_together():
    truth = np.zeros((3, 4, 4), int)
    truth[0, 0, 0] = 1
    truth[1] = [[1, 1, 2, 2], [0, 0, 0, 0], [3, 3, 0, 0], [0, 0, 0, 0]]
    prediction = truth.copy()
    prediction[0] = 0
    assert seg_score(prediction, truth) == 3 / 4
    assert seg_score(prediction[1], truth[1]) == 1


def test_scores_do_not_depend_on_the_names_or_the_orientation():
    rng = np.random.default_rng(3)
    truth, prediction = random_ids(rng, (2, 12, 12), 4)
    prediction = np.where(rng.random(truth.shape) < 0.7, (truth + 1) // 2, prediction)
    names = np.array([0, 40, 3, 100, 77])
    seg, merged = seg_score(prediction, truth), merged_cells(prediction, truth)
    assert 0 < seg < 1 and merged > 0
    for turn in (np.rot90, np.fliplr, np.transpose):
        assert seg_score(names[turn(prediction)], names[turn(truth)]) == pytest.approx(seg)
        assert merged_cells(names[turn(prediction)], names[turn(truth)]) == merged


def test_merged_cells_of_examples_by_hand():
    truth = np.array([[1, 1, 1, 0, 2, 2, 2, 0, 3, 3, 3, 0, 4, 4]])
    assert merged_cells(truth, truth) == 0
    assert merged_cells(np.ones_like(truth), truth) == 4
    assert merged_cells(np.array([[1, 1, 1, 1, 1, 1, 1, 0, 3, 3, 3, 0, 4, 4]]), truth) == 2
    assert merged_cells(np.array([[1, 1, 1, 1, 1, 0, 0, 0, 3, 3, 3, 3, 3, 4]]), truth) == 0
    assert merged_cells(np.array([[9, 9, 9, 9, 9, 9, 0, 0, 5, 5, 5, 5, 5, 5]]), truth) == 4
    assert merged_cells(np.zeros_like(truth), truth) == 0
    assert merged_cells(np.ones_like(truth), np.zeros_like(truth)) == 0


def test_merged_cells_are_counted_slice_by_slice():
    truth = np.array([[[1, 1, 0, 0]], [[2, 2, 0, 3]], [[1, 0, 1, 2]]])
    prediction = np.array([[[3, 3, 0, 0]], [[3, 3, 0, 1]], [[4, 4, 4, 4]]])
    assert merged_cells(prediction, truth) == 2
    assert merged_cells(np.concatenate([prediction, prediction]), np.concatenate([truth, truth])) == 4
    assert type(merged_cells(prediction, truth)) is int


@pytest.mark.parametrize("score", [seg_score, merged_cells])
def test_bad_ids(score):
    ids = np.ones((4, 5), int)
    with pytest.raises(ValueError, match=r"^prediction_ids of shape \(4, 4\) and truth of shape \(4, 5\): must be"):
        score(ids[:, 1:], ids)
    with pytest.raises(ValueError, match="prediction_ids of dtype float64"):
        score(ids * 1.0, ids)
    with pytest.raises(ValueError, match="truth_ids of dtype bool"):
        score(ids, ids > 0)
    with pytest.raises(ValueError, match="truth_ids: holds the negative id -2"):
        score(ids, -2 * ids)
    with pytest.raises(ValueError, match="prediction_ids: holds the id 21 on 20 pixels; renumber"):
        score(ids * 21, ids)
    with pytest.raises(ValueError, match="prediction_ids of shape .*holds no pixel"):
        score(ids[:0], ids[:0])
    with pytest.raises(ValueError, match=r"must be \(H, W\)"):
        score(ids[None, None], ids[None, None])
    for flat in (ids[0], ids[0, 0]):
        with pytest.raises(ValueError, match=r"prediction_ids of shape .*: must be \(H, W\)"):
            score(flat, flat)
    with pytest.raises(ValueError, match=r"truth_ids of shape \(0, 4, 5\): holds no slice"):
        score(np.ones((0, 4, 5), int), np.ones((0, 4, 5), int))
    score(ids * 20, ids)


def test_seg_needs_a_cell():
    with pytest.raises(ValueError, match="^truth_ids: hold no cell; SEG is a mean over true cells$"):
        seg_score(np.ones((4, 5), int), np.zeros((4, 5), int))


def test_contingency_refuses():
    ids = np.ones((4, 5), int)
    with pytest.raises(ValueError, match=r"segmentation of shape \(4, 4\) and truth of shape \(4, 5\)"):
        contingency(ids[:, 1:], ids)
    with pytest.raises(ValueError, match="segmentation of dtype float64"):
        contingency(ids * 1.0, ids)
    with pytest.raises(ValueError, match="truth of dtype float64"):
        contingency(ids, ids * 1.0)
    with pytest.raises(ValueError, match="truth: holds the id 99 on 20 pixels"):
        contingency(ids, ids * 99)
    with pytest.raises(ValueError, match="^truth: holds no cell; only pixels"):
        contingency(ids, ids * 0)


@pytest.mark.parametrize("measure", [seg_score, merged_cells])
def test_slices_of_different_sizes_count_together(measure):
    rng = np.random.default_rng(3)
    pairs = [(random_ids(rng, shape), random_ids(rng, shape)) for shape in ((8, 9), (5, 12))]
    found, cells = map(list, zip(*pairs))
    wide = [np.zeros((2, 8, 12), int) for _ in range(2)]  # the same slices on one canvas of background
    for stack, slices in zip(wide, (found, cells)):
        for place, one in zip(stack, slices):
            place[: one.shape[0], : one.shape[1]] = one
    assert measure(found, cells) == measure(*wide)
    with pytest.raises(ValueError, match=r"^prediction_ids of shape \[\(8, 9\), \(5, 12\)\] and truth of shape \(1, 8"):
        measure(found, cells[:1])


def test_the_slice_with_the_wrong_ids_is_named():
    cells = np.ones((3, 2, 2), int)
    cells[2, 0, 0] = -2
    with pytest.raises(ValueError, match=r"truth_ids\[2\]: holds the negative id -2"):
        seg_score(np.ones((3, 2, 2), int), cells)


def test_a_mask_with_grey_edges_for_segments_is_warned_of():
    mask = np.pad(np.array([[255, 128, 60]], np.uint8), 9)
    for measure in (contingency, seg_score, merged_cells):
        with pytest.warns(UserWarning, match="^truth.*grey edges") as given:
            measure((mask > 0).astype(int), mask)
        assert len(given) == 1 and given[0].filename == __file__
