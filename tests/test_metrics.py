"""Laws of the challenge's metrics, against counts over all pixels and all pairs of pixels."""

import itertools
import math
import subprocess
import sys
import warnings

import numpy as np
import pytest
from scipy import ndimage
from skimage.metrics import adapted_rand_error

from unet_tutorial import metrics
from unet_tutorial.datasets import synthetic_em
from unet_tutorial.metrics import (
    THRESHOLDS,
    Comparison,
    Scores,
    best_threshold,
    info_scores,
    iou,
    pixel_error,
    rand_error,
    rand_scores,
    segments,
    thin_borders,
    v_info,
    v_rand,
    warping_error,
)
from unet_tutorial.rounding import rounding_bound

THRESHOLDED = [pixel_error, iou, rand_error, warping_error, v_rand, v_info]
REGIONAL = [rand_error, v_rand, v_info]


def random_case(seed, shape=(7, 8)):
    """A truth of several cells and a related probability map."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(shape) < 0.7).astype(np.uint8)
    truth[..., 0, 0] = 1
    return np.clip(0.2 + 0.6 * truth + rng.normal(0, 0.3, shape), 0, 1), truth


def names_of_pixels(prediction, truth, theta, thin=False):
    """For every pixel that is cell in the truth: its segment (or a name of its own) and its true cell."""
    found, cells = ndimage.label(prediction > theta)[0], ndimage.label(truth)[0]
    if thin:
        found = thin_borders(found)
    return [(int(found[pixel]) or pixel, int(cells[pixel])) for pixel in map(tuple, np.argwhere(truth))]


def pairs(prediction, truth, theta, thin=False):
    """Ordered pairs of cell pixels, a pixel with itself included: together in both, in a segment, in a cell."""
    both = one_segment = one_cell = 0
    for (s, t), (u, v) in itertools.product(names_of_pixels(prediction, truth, theta, thin), repeat=2):
        both += s == u and t == v
        one_segment += s == u
        one_cell += t == v
    return np.array([both, one_segment, one_cell])


def entropies(prediction, truth, theta, thin=False):
    """Entropies in bits of the pairs, the segments and the cells."""
    names = names_of_pixels(prediction, truth, theta, thin)
    return [
        -sum(share * math.log2(share) for share in (column.count(name) / len(names) for name in set(column)))
        for column in (names, [s for s, _ in names], [t for _, t in names])
    ]


@pytest.mark.parametrize("seed", range(8))
def test_pixel_error_and_iou_count_pixels(seed):
    prediction, truth = random_case(seed)
    for theta in (0.3, 0.5):
        tp = fp = fn = 0
        for p, t in zip(prediction.ravel(), truth.ravel()):
            tp += p > theta and t
            fp += p > theta and not t
            fn += not p > theta and t
        precision, recall = tp / (tp + fp), tp / (tp + fn)
        assert pixel_error(prediction, truth, theta) == pytest.approx(1 - 2 * precision * recall / (precision + recall))
        assert iou(prediction, truth, theta) == pytest.approx(tp / (tp + fp + fn))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("thin", [False, True])
def test_rand_scores_count_pairs_of_pixels(seed, thin):
    prediction, truth = random_case(seed)
    for theta in (0.3, 0.5):
        both, one_segment, one_cell = pairs(prediction, truth, theta, thin)
        fp, fn = one_segment - both, one_cell - both
        f = 2 * both / (2 * both + fp + fn)
        assert rand_error(prediction, truth, theta, thin) == pytest.approx(1 - f)
        assert rand_scores(prediction, truth, theta, thin) == pytest.approx((both / one_cell, both / one_segment, f))
        assert v_rand(prediction, truth, theta, thin) == pytest.approx(f)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("thin", [False, True])
def test_info_scores_are_shares_of_entropy(seed, thin):
    prediction, truth = random_case(seed)
    for theta in (0.3, 0.5):
        both, of_segments, of_cells = entropies(prediction, truth, theta, thin)
        mutual = of_segments + of_cells - both
        if of_segments == 0:
            assert info_scores(prediction, truth, theta, thin) == (0, 0, 0)
            continue
        expected = mutual / of_segments, mutual / of_cells, 2 * mutual / (of_segments + of_cells)
        assert info_scores(prediction, truth, theta, thin) == pytest.approx(expected)
        assert v_info(prediction, truth, theta, thin) == pytest.approx(expected[2])


def test_rand_agrees_with_scikit_image_where_every_cell_pixel_has_a_segment():
    """scikit-image leaves out the pairs of a pixel with itself: taken off here, both are the same."""
    for seed in range(5):
        prediction, truth = random_case(seed, (12, 12))
        prediction = np.where(truth, np.maximum(prediction, 0.6), prediction)
        found, cells = segments(prediction), ndimage.label(truth)[0]
        both, one_segment, one_cell = pairs(prediction, truth, 0.5) - np.count_nonzero(truth)
        error, *parts = adapted_rand_error(cells, found)
        assert sorted(parts) == pytest.approx(sorted((both / one_segment, both / one_cell)))
        assert 1 - error == pytest.approx(2 * both / (one_segment + one_cell))
        assert rand_error(prediction, truth) == pytest.approx(error, abs=0.05)  # with the pairs of a pixel with itself


def test_a_pixel_without_segment_is_a_segment_of_its_own():
    truth = np.ones((1, 4), int)
    assert rand_error(np.array([[1, 1, 0, 0]]), truth) == pytest.approx(1 - 2 * 6 / (6 + 16))
    assert rand_scores(np.zeros((1, 4)), truth) == pytest.approx((4 / 16, 1, 2 * 4 / (4 + 16)))
    other = np.array([[1, 1, 0, 1, 1]])
    assert rand_scores(np.ones((1, 5)), other) == pytest.approx((1, 8 / 16, 2 * 8 / 24))
    assert info_scores(np.array([[1, 0, 0, 1, 1]]), other) == pytest.approx((1 / 1.5, 1, 2 / 2.5))


def test_scores_have_names():
    scores = rand_scores(np.ones((1, 5)), np.array([[1, 1, 0, 1, 1]]))
    assert isinstance(scores, Scores) and scores._fields == ("split", "merge", "f")
    assert scores.split == 1 and scores.merge == 0.5 and all(type(value) is float for value in scores)
    scores = info_scores(np.array([[1, 0, 0, 1, 1]]), np.array([[1, 1, 0, 1, 1]]))
    assert scores.split < scores.merge


@pytest.mark.parametrize("shape", [(9, 9), (3, 9, 9)])
def test_the_truth_itself_is_perfect(shape):
    _, truth = random_case(0, shape)
    for prediction in (truth, truth.astype(bool), truth.astype(float)):
        assert pixel_error(prediction, truth) == rand_error(prediction, truth) == warping_error(prediction, truth) == 0
        assert iou(prediction, truth) == v_rand(prediction, truth) == 1
        assert v_info(prediction, truth) == pytest.approx(1)
        assert rand_scores(prediction, truth.astype(bool)) == (1, 1, 1)


@pytest.mark.parametrize("metric", THRESHOLDED)
def test_values_are_plain_floats_in_range_and_the_default_threshold_is_a_half(metric):
    prediction, truth = random_case(3, (2, 9, 9))
    prediction[0, 0, 0] = 0.5
    value = metric(prediction, truth)
    assert type(value) is float and 0 < value < 1
    assert value == metric(prediction, truth, 0.5) == metric(prediction, truth, [0.5])
    assert value == metric(prediction > 0.5, truth)
    assert value != metric(prediction, truth, 0.3)


@pytest.mark.parametrize("metric", REGIONAL)
def test_borders_are_thinned_only_when_asked(metric):
    truth = np.ones((9, 11), int)
    truth[:, 5] = 0
    thick = truth.copy()
    thick[:, 3:8] = 0
    perfect = 0 if metric is rand_error else 1
    for scores in (rand_scores, info_scores):
        assert scores(thick, truth) == scores(thick, truth, thin=False) != scores(thick, truth, thin=True)
    assert metric(thick, truth) == metric(thick, truth, thin=False) != perfect
    assert metric(thick, truth, thin=True) == pytest.approx(perfect)


@pytest.mark.parametrize("metric", [pixel_error, iou, *REGIONAL])
def test_turns_and_flips_change_nothing(metric):
    prediction, truth = random_case(4)
    for turn in (np.rot90, np.fliplr, np.flipud, np.transpose):
        assert metric(turn(prediction), turn(truth), 0.4) == pytest.approx(metric(prediction, truth, 0.4))


def test_membrane_pixels_of_the_truth_do_not_count_in_the_regional_metrics():
    prediction, truth = random_case(5, (9, 9))
    prediction = (prediction > 0.5).astype(float)
    isolated = prediction.copy()
    near = ndimage.binary_dilation(prediction)
    isolated[tuple(np.argwhere((truth == 0) & ~near)[0])] = 1
    for metric in REGIONAL:
        assert metric(isolated, truth) == pytest.approx(metric(prediction, truth))
    assert pixel_error(isolated, truth) > pixel_error(prediction, truth)


def test_pixels_and_pairs_are_pooled_over_the_slices_and_scores_averaged():
    prediction, truth = random_case(6, (3, 7, 8))
    truth[1, 2:] = 0
    both, one_segment, one_cell = sum(pairs(p, t, 0.4) for p, t in zip(prediction, truth))
    assert rand_error(prediction, truth, 0.4) == pytest.approx(1 - 2 * both / (one_segment + one_cell))
    assert rand_error(prediction, truth, 0.4) != pytest.approx(1 - v_rand(prediction, truth, 0.4))
    for scores in (rand_scores, info_scores):
        each = [scores(p, t, 0.4) for p, t in zip(prediction, truth)]
        assert scores(prediction, truth, 0.4) == pytest.approx(np.mean(each, axis=0))
    row = prediction.reshape(1, -1), truth.reshape(1, -1)
    for metric in (pixel_error, iou):
        assert metric(prediction, truth, 0.4) == metric(*row, 0.4)


@pytest.mark.parametrize("metric", THRESHOLDED)
def test_one_threshold_serves_all_slices_and_the_best_one_counts(metric):
    prediction, truth = random_case(7, (2, 9, 9))
    prediction[1] *= 0.6
    thetas = [0.2, 0.35, 0.5, 0.7]
    each = [metric(prediction, truth, theta) for theta in thetas]
    best = max if metric in (iou, v_rand, v_info) else min
    assert metric(prediction, truth, thetas) == metric(prediction, truth, thetas[::-1]) == best(each)
    assert len(set(each)) == 4
    assert best_threshold(metric, prediction, truth, thetas) == (thetas[each.index(best(each))], best(each))


def test_split_and_merge_are_those_of_the_best_threshold():
    prediction, truth = random_case(8, (2, 9, 9))
    for scores in (rand_scores, info_scores):
        each = [scores(prediction, truth, theta, thin=True) for theta in THRESHOLDS]
        assert scores(prediction, truth, THRESHOLDS, thin=True) == max(each, key=lambda one: one.f)


def test_best_threshold_goes_through_the_thresholds_of_the_challenge():
    prediction, truth = random_case(9, (9, 9))
    for metric in THRESHOLDED:
        thetas = THRESHOLDS[:-1] if metric is warping_error else THRESHOLDS
        theta, value = best_threshold(metric, prediction, truth)
        assert theta in thetas and value == metric(prediction, truth, theta) == metric(prediction, truth, thetas)
    assert best_threshold(pixel_error, truth, truth) == (0, 0)
    assert best_threshold(v_rand, prediction, truth, thin=True)[1] == v_rand(prediction, truth, THRESHOLDS, thin=True)
    assert best_threshold(iou, prediction, truth, 0.5) == (0.5, iou(prediction, truth))
    assert best_threshold(iou, np.where(truth, 0.05, 0.0), truth) == (0, 1)
    assert best_threshold(iou, np.where(truth, 1.0, 0.85), truth) == (0.9, 1)
    wall = np.where(np.arange(9) == 4, 0, 1) * np.ones((9, 1), int)
    assert best_threshold(warping_error, np.where(wall, 1.0, 0.85), wall) == (0.9, 0)
    with pytest.raises(ValueError, match="^metric .*seg_score.*must be one of pixel_error, rand_error, "):
        best_threshold(metrics.seg_score, prediction, truth)
    with pytest.raises(TypeError, match="thin"):
        best_threshold(pixel_error, prediction, truth, thin=True)


def test_one_class_only():
    ones, zeros = np.ones((4, 5), int), np.zeros((4, 5), int)
    assert pixel_error(zeros, zeros) == 0 and iou(zeros, zeros) == 1
    assert pixel_error(ones, zeros) == pixel_error(zeros, ones) == 1
    assert iou(ones, zeros) == iou(zeros, ones) == 0
    assert rand_error(ones, ones) == 0 and v_rand(ones, ones) == 1
    assert info_scores(ones, ones) == (0, 0, 0)
    assert info_scores(zeros, ones) == (0, 0, 0)
    halves = np.array([[1, 1, 0, 1, 1]])
    assert info_scores(np.ones((1, 5)), halves) == (0, 0, 0)
    assert v_rand(zeros, ones) == pytest.approx(2 * 20 / (20 + 400))


@pytest.mark.rounding
def test_independent_segments_share_no_information():
    """Two halves cut across two halves: nothing about one is learnt from the other, and never less than nothing."""
    truth = np.ones((7, 7), int)
    truth[3] = 0
    prediction = np.ones((7, 7), int)
    prediction[:, 3] = 0
    truth[:, 3] = 0
    cells = ndimage.label(truth)[0]
    assert cells.max() == 4
    found = np.where(np.arange(7) < 3, 1, 2) * (truth > 0)
    rows = np.where(np.arange(7)[:, None] < 3, 1, 2) * (truth > 0)
    scores = Comparison.of_ids(found, rows).info
    assert 0 <= scores.f < rounding_bound(found.size, dtype=np.float64) and scores.split >= 0 and scores.merge >= 0


@pytest.mark.parametrize("metric", REGIONAL)
def test_a_truth_without_cells_has_no_regions_to_compare(metric):
    with pytest.raises(ValueError, match="truth: holds no cell"):
        metric(np.ones((4, 5)), np.zeros((4, 5), int))
    truth = np.ones((2, 4, 5), int)
    truth[1] = 0
    with pytest.raises(ValueError, match=r"^truth\[1\]: holds no cell"):
        metric(truth, truth)


@pytest.mark.parametrize("metric", THRESHOLDED)
def test_bad_input(metric):
    truth = np.ones((4, 5), np.uint8)
    for prediction, message in [
        (truth * np.nan, "prediction: holds 20 values that are NaN"),
        (truth * 1.25, "prediction: holds values from 1.25 to 1.25"),
        (truth * -0.5, "prediction: holds values from -0.5"),
        (truth * 255, "prediction: holds values from 255"),
        (truth[1:], r"prediction of shape \(3, 5\) and truth of shape \(4, 5\)"),
        (np.ones((4, 5, 2)), r"of shape \(4, 5, 2\).*output\[..., 1\]"),
        (truth[0], r"prediction of shape \(5,\)"),
        (truth[:0], r"prediction of shape \(0, 5\)"),
        (None, "prediction of dtype object"),
    ]:
        with pytest.raises(ValueError, match=message):
            metric(prediction, truth)
    for label, message in [(truth * 1.0, "truth of dtype float64"), (truth * 255, r"truth: holds values \[255\]")]:
        with pytest.raises(ValueError, match=message):
            metric(truth, label)
    for threshold in (1.5, -0.1, np.nan, "a half", None, [], [0.5, 2]):
        with pytest.raises(ValueError, match="threshold"):
            metric(truth, truth, threshold)


def test_needs_no_tensorflow():
    code = "import sys, unet_tutorial.metrics as m; assert not {'tensorflow', 'keras', 'skimage'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=600)


def test_everything_of_the_subject_is_found_here():
    for name in metrics.__all__:
        assert hasattr(metrics, name)
    for name in (
        "boundary_f1",
        "calibration_error",
        "class_scores",
        "compare",
        "log_loss",
        "warping_errors",
        "contingency",
        "merged_cells",
        "seg_score",
        "segments",
        "thin_borders",
        "warp_label",
    ):
        assert name in metrics.__all__


TWO_SIZES = [(12, 20), (9, 15)]


@pytest.mark.parametrize("metric", THRESHOLDED)
def test_slices_of_different_sizes_are_taken_as_a_list(metric):
    """The mean or the sum over the slices, as for a stack: each slice weighs as the metric weighs it."""
    rng = np.random.default_rng(5)
    truth = [(rng.random(shape) < 0.7).astype(np.uint8) for shape in TWO_SIZES]
    prediction = [np.clip(0.7 * label + rng.normal(0.1, 0.2, label.shape), 0, 1) for label in truth]
    for theta in (0.4, (0.3, 0.6)):
        together = metric(prediction, truth, theta)
        assert metric(prediction[:1], truth[:1], theta) == metric(prediction[0], truth[0], theta)
        doubled = metric([prediction[0], prediction[1], prediction[0], prediction[1]], truth + truth, theta)
        assert np.allclose(together, doubled, atol=1e-12)
        alone = [metric(one, other, 0.4) for one, other in zip(prediction, truth)]
        if theta == 0.4:
            assert np.min(alone) <= np.min(together) and np.max(together) <= np.max(alone)
    with pytest.raises(
        ValueError,
        match=r"prediction of shape \[\(12, 20\), \(9, 15\)\] and truth of shape "
        r"\(2, 12, 20\)",
    ):
        metric(prediction, [truth[0], truth[0]])


def test_warped_slices_of_different_sizes_are_a_list():
    truth = [np.ones(shape, np.uint8) for shape in TWO_SIZES]
    prediction = [label * 0.9 for label in truth]
    assert [one.shape for one in metrics.warp_label(prediction, truth)] == TWO_SIZES
    for masks in metrics.warping_errors(prediction, truth):
        assert [one.shape for one in masks] == TWO_SIZES


def blurred(shape, seed):
    """Smooth noise in 0..1: neighbouring pixels are alike, as in a real prediction."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 3)
    return (noise - noise.min()) / np.ptp(noise)


@pytest.mark.parametrize("metric", [*THRESHOLDED, metrics.rand_scores, metrics.info_scores, metrics.warp_label])
def test_a_reversed_prediction_is_warned_of(metric):
    _, labels, _ = synthetic_em(2, size=64)
    good = np.clip(0.25 + 0.5 * labels + np.random.default_rng(0).normal(0, 0.1, labels.shape), 0, 1)
    for prediction in (1 - good, 1 - labels, labels == 0):
        with pytest.warns(UserWarning, match=r"agrees with the truth in \d+% of the pixels, reversed in") as given:
            metric(prediction, labels)
        assert len(given) == 1 and given[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for prediction in (good, labels, 0 * good, 0 * good + 0.5, 0 * good + 1, blurred(labels.shape, 1) ** 4):
            metric(prediction, labels)


def test_a_reversed_prediction_is_warned_of_once_over_many_thresholds():
    _, labels, _ = synthetic_em(1, size=64)
    for call in (
        lambda: metrics.best_threshold(metrics.v_rand, 1.0 - labels, labels),
        lambda: metrics.warping_error(1.0 - labels, labels, (0.2, 0.5)),
        lambda: metrics.v_info(1.0 - labels, labels, metrics.THRESHOLDS),
    ):
        with pytest.warns(UserWarning, match="agrees with the truth") as given:
            call()
        assert len(given) == 1 and given[0].filename == __file__


def test_nothing_random_and_nothing_blank_is_taken_for_reversed():
    """Predictions that know nothing of the truth: of single pixels and of blobs, on truths of all sizes."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for seed in range(300):
            rng = np.random.default_rng(seed)
            shape = tuple(rng.integers(1, 40, 2))
            truth = (rng.random(shape) < rng.random()).astype(np.uint8)
            for prediction in (rng.random(shape), rng.random(shape) < rng.random(), np.zeros(shape), np.ones(shape)):
                metrics.pixel_error(prediction, truth)
        for seed in range(60):
            truth = (blurred((64, 64), seed) > 0.45).astype(np.uint8)
            metrics.pixel_error(blurred((64, 64), 1000 + seed), truth, metrics.THRESHOLDS)


def test_reversed_means_more_pixels_and_not_only_against_the_truth():
    """A membrane of six rows out of 25, predicted six rows too low: correlation -0.32, but 52% of the pixels agree."""
    truth, prediction = np.ones((2, 25, 25), np.uint8)
    truth[:6], prediction[6:12] = 0, 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        metrics.pixel_error(prediction, truth)
