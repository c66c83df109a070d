"""Laws of the comparison of one slice and of the rules of its scores: each part is made once, a score has a side."""

import doctest
import importlib
import pkgutil
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import ndimage

from unet_tutorial import metrics
from unet_tutorial.metrics import RULES, _comparison, _rules, compare

METRICS = {
    "pixel_error": metrics.pixel_error,
    "iou": metrics.iou,
    "rand_error": metrics.rand_error,
    "warping_error": metrics.warping_error,
    "v_rand": metrics.v_rand,
    "v_info": metrics.v_info,
    "v_rand_thinned": lambda p, t, theta: metrics.v_rand(p, t, theta, thin=True),
    "v_rand_thinned_split": lambda p, t, theta: metrics.rand_scores(p, t, theta, thin=True).split,
    "v_rand_thinned_merge": lambda p, t, theta: metrics.rand_scores(p, t, theta, thin=True).merge,
    "v_info_thinned": lambda p, t, theta: metrics.v_info(p, t, theta, thin=True),
    "log_loss": lambda p, t, theta: metrics.log_loss(p, t),
    "calibration_error": lambda p, t, theta: metrics.calibration_error(p, t),
    "seg": lambda p, t, theta: metrics.seg_score(ids_of(p, theta), ids_of(t, 0.5)),
    "seg_touching": lambda p, t, theta: seg_of_touching(ids_of(p, theta), ids_of(t, 0.5)),
    "merged_cells": lambda p, t, theta: metrics.merged_cells(ids_of(p, theta), ids_of(t, 0.5)),
}


def ids_of(maps, theta):
    return [metrics.segments(one, theta) for one in maps] if np.ndim(maps[0]) == 2 else metrics.segments(maps, theta)


def seg_of_touching(found, cells):
    """By definition: mean Jaccard index of the cells of which some pixel has one of another cell two steps away."""
    indices = []
    for segments, ids in zip(found, cells) if np.ndim(found[0]) == 2 else [(found, cells)]:
        places = {cell: np.argwhere(ids == cell) for cell in np.unique(ids[ids > 0])}
        for cell, own in places.items():
            others = [place for other, place in places.items() if other != cell]
            if any(np.abs(own[:, None] - place[None]).max(axis=2).min() <= 2 for place in others):
                shares = np.bincount(segments[ids == cell])
                best = shares.argmax()
                overlap = shares[best] if best and 2 * shares[best] > len(own) else 0
                indices.append(overlap / (np.count_nonzero(segments == best) + len(own) - overlap) if overlap else 0)
    return float(np.mean(indices)) if indices else None


def tissue(seed, shape=(24, 30)):
    """A truth of several cells, and a probability that splits some and merges some."""
    rng = np.random.default_rng(seed)
    truth = (ndimage.gaussian_filter(rng.normal(size=shape), 1.5) > -0.08).astype(np.uint8)
    return np.clip(0.15 + 0.6 * truth + rng.normal(0, 0.25, shape), 0, 1), truth


@pytest.mark.parametrize("name", RULES)
def test_a_score_of_a_comparison_is_that_of_its_metric(name):
    for seed in range(4):
        probability, truth = tissue(seed)
        for theta in (0.3, 0.5):
            assert compare(probability, truth, theta).score(name) == METRICS[name](probability, truth, theta)


@pytest.mark.parametrize("name", ["rand_error", "warping_error", "v_rand", "v_info"])
def test_a_thinned_comparison_has_the_thinned_scores(name):
    probability, truth = tissue(5)
    expected = getattr(metrics, name)(probability, truth, 0.4, thin=True)
    plain = compare(probability, truth, 0.4)
    assert compare(probability, truth, 0.4, thin=True).score(name) == plain.thinned.score(name) == expected
    assert plain.score(name) != expected
    np.testing.assert_array_equal(plain.thinned.found, metrics.thin_borders(plain.found))
    assert plain.thinned.pixels[1] == np.count_nonzero(plain.thinned.found) > plain.pixels[1]


@pytest.mark.parametrize("name", RULES)
def test_a_list_of_comparisons_is_scored_as_the_metric_scores_the_stack(name):
    slices = [tissue(seed, shape) for seed, shape in ((1, (20, 31)), (2, (13, 18)), (3, (40, 17)))]
    stack = [compare(probability, truth, 0.4) for probability, truth in slices]
    assert RULES[name].of(stack) == METRICS[name](*map(list, zip(*slices)), 0.4)


def test_parts_are_what_they_say():
    probability, truth = tissue(6)
    one = compare(probability, truth, 0.4)
    np.testing.assert_array_equal(one.proposal, probability > 0.4)
    np.testing.assert_array_equal(one.found, metrics.segments(probability, 0.4))
    np.testing.assert_array_equal(one.truth.cells, metrics.segments(truth))
    np.testing.assert_array_equal(one.warped, metrics.warp_label(probability, truth, 0.4))
    np.testing.assert_array_equal(one.faults, metrics.warping_errors(probability, truth, 0.4))
    assert one.rand == metrics.rand_scores(probability, truth, 0.4)
    assert one.info == metrics.info_scores(probability, truth, 0.4)
    assert one.warping == (one.faults.any(axis=0).sum(), truth.size) and one.warping[0] > 0
    assert one.jaccards.size == one.truth.cells.max()


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint64])
def test_the_table_counts_the_pixels_of_every_pair(dtype):
    rng = np.random.default_rng(0)
    for _ in range(20):
        found, cells = (rng.integers(0, high, (9, 28)).astype(dtype) for high in (250, 4))
        if rng.random() < 0.5:
            found = np.repeat(found, 2, axis=1)[:, :28]
        table = metrics.Comparison.of_ids(found, cells).table
        expected = np.zeros((int(found.max()) + 1, int(cells.max()) + 1), int)
        for pair in zip(found.ravel().tolist(), cells.ravel().tolist()):
            expected[pair] += 1
        np.testing.assert_array_equal(table.toarray(), expected)
        assert table.dtype == np.int64 and table.nnz == np.count_nonzero(expected)


def counted(monkeypatch):
    """Numbers of calls of all that is slow, by name."""
    calls = dict.fromkeys(("label", "flood", "overlaps", "bend", "judge"), 0)

    def counting(name, function):
        def call(*arguments):
            calls[name] += 1
            return function(*arguments)

        return call

    for name in ("flood", "overlaps", "bend", "judge"):
        monkeypatch.setattr(_comparison, name, counting(name, getattr(_comparison, name)))
    filters = {name: getattr(ndimage, name) for name in ("maximum_filter", "minimum_filter")}
    monkeypatch.setattr(_comparison, "ndimage", SimpleNamespace(label=counting("label", ndimage.label), **filters))
    return calls


def test_every_part_is_made_once_and_not_before_it_is_asked_for(monkeypatch):
    calls = counted(monkeypatch)
    one = compare(*tissue(7), 0.4)
    for name in ("pixel_error", "iou", "log_loss"):
        one.score(name)
    assert not any(calls.values())
    one.score("seg")
    assert calls == {"label": 2, "flood": 0, "overlaps": 1, "bend": 0, "judge": 0}
    for _ in range(2):
        for name in RULES:
            one.score(name)
    assert calls == {"label": 2, "flood": 1, "overlaps": 2, "bend": 1, "judge": 1}


def test_a_record_labels_the_truth_once_a_slice_and_the_prediction_once_a_threshold(monkeypatch):
    calls = counted(monkeypatch)
    probabilities, labels = map(np.stack, zip(tissue(8), tissue(9)))
    metrics.score_tissue(probabilities, labels, "ab", (0.3, 0.5, 0.7))
    assert calls == {"label": 2 + 6, "flood": 6, "overlaps": 12, "bend": 6, "judge": 6}
    calls.update(dict.fromkeys(calls, 0))
    metrics.best_threshold(metrics.v_info, probabilities, labels, (0.3, 0.5, 0.7), thin=True)
    assert calls == {"label": 2 + 6, "flood": 6, "overlaps": 6, "bend": 0, "judge": 0}


def test_a_thinned_record_needs_no_second_numbering():
    """The flooded ids are the components of what they cover; only the order of a sum may differ, by its last digits."""
    for seed in range(6):
        probability, truth = tissue(seed)
        one = compare(probability, truth, 0.4)
        again = compare((one.thinned.found > 0).astype(np.uint8), truth)
        assert one.thinned.rand == again.rand
        assert one.thinned.info == pytest.approx(again.info, rel=1e-12)


def blocks():
    """Twelve cells between thin walls, and a proposal with a gap in one wall and a cut through another cell."""
    truth = np.ones((19, 27), np.uint8)
    truth[6::7], truth[:, 6::7] = 0, 0
    wrong = truth.copy()
    wrong[2:4, 6] = 1
    wrong[9, 7:13] = 0
    return truth, wrong


@pytest.mark.parametrize("name", RULES)
def test_the_better_prediction_is_on_the_good_side(name):
    truth, wrong = blocks()
    right, other = (compare(np.where(one, 0.99, 0.01), truth).score(name) for one in (truth, wrong))
    assert right != other and RULES[name].best(right, other) == right


@pytest.mark.parametrize("name", _rules.TISSUE | _rules.CELLS)
def test_a_score_that_a_blank_prediction_wins_has_a_guide_that_it_does_not_win(name):
    truth, wrong = blocks()
    some, blank = compare(wrong, truth), compare(0 * wrong, truth)
    won = RULES[name].best(blank.score(name), some.score(name)) == blank.score(name)
    assert won == bool(RULES[name].guide) or name == "v_rand_thinned_merge"  # nothing is merged where nothing is
    if RULES[name].guide:
        guide = RULES[RULES[name].guide]
        assert not guide.guide and guide.best(guide.of([blank]), guide.of([some])) == guide.of([some])


def test_ids_are_compared_as_they_are():
    cells = np.array([[1, 1, 0, 1, 2, 2]])  # cell 1 in two pieces, cell 2 touches it
    found = np.array([[4, 4, 0, 0, 6, 6]])
    one = metrics.Comparison.of_ids(found, cells)
    assert one.jaccards.tolist() == [2 / 3, 1] and one.merged == 0 and one.pixels == (4, 4, 5)
    assert one.score("seg") == metrics.seg_score(found, cells) and one.truth.label.tolist() == [[1, 1, 0, 1, 1, 1]]
    assert one.found is found and one.truth.cells is cells


def test_cells_touch_where_at_most_one_pixel_lies_between():
    for gap, touching in ((0, True), (1, True), (2, False)):
        cells = np.array([[7, 7] + [0] * gap + [3, 3] + [0] * 5 + [255]], np.uint8)
        truth = metrics.Comparison.of_ids(cells, cells).truth
        assert truth.touching.tolist() == [touching, touching, False]  # of 3, 7 and 255
    corner = np.array([[1, 0, 0], [0, 0, 0], [0, 0, 2]])
    assert metrics.Comparison.of_ids(corner, corner).truth.touching.all()


def test_there_is_no_seg_of_a_frame_without_cells():
    one = metrics.Comparison.of_ids(np.ones((2, 3), int), np.zeros((2, 3), int))
    assert one.score("seg") is None and one.score("merged_cells") == 0
    with pytest.raises(ValueError, match="^truth: holds no cell; .*leave such a slice out$"):
        one.score("v_rand")


def test_only_one_slice_at_one_threshold_is_compared():
    probability, truth = tissue(12)
    with pytest.raises(ValueError, match=r"prediction of shape \(1, 24, 30\): must be \(H, W\); take one slice"):
        compare(probability[None], truth[None])
    with pytest.raises(ValueError, match=r"threshold \(0.2, 0.5\): must be one number in 0..1"):
        compare(probability, truth, (0.2, 0.5))
    with pytest.raises(
        ValueError, match=r"prediction of shape \(24, 30\) and truth of shape \(23, 30\): must be equal"
    ):
        compare(probability, truth[1:])
    with pytest.raises(ValueError, match=r"truth: holds values .* only 0 and 1 are allowed"):
        compare(probability, metrics.segments(truth))
    with pytest.raises(ValueError, match="score 'rand': is not known; must be one of pixel_error, rand_error, "):
        compare(probability, truth).score("rand")
    with pytest.raises(ValueError, match="threshold 1.0: leaves a blank proposal"):
        compare(probability, truth, 1).score("warping_error")


def test_a_reversed_prediction_is_warned_of_once():
    probability, truth = tissue(13)
    with pytest.warns(UserWarning, match="agrees with the truth in") as given:
        one = compare(1 - probability, truth)
    assert len(given) == 1 and given[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in RULES:
            one.score(name)


@pytest.mark.parametrize("room", [one.name for one in pkgutil.iter_modules(metrics.__path__)])
def test_the_examples_run(room):
    tried = doctest.testmod(importlib.import_module(f"unet_tutorial.metrics.{room}"))
    assert not tried.failed and (tried.attempted or room not in ("_boundaries", "_comparison", "_pixels"))
