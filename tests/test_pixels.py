"""Laws of the scores of single pixels and of classes, against loops over the pixels."""

import math

import numpy as np
import pytest

from unet_tutorial import metrics
from unet_tutorial.metrics import calibration_error, class_scores, log_loss


def random_case(seed, shape=(9, 11)):
    rng = np.random.default_rng(seed)
    probability = rng.random(shape)
    return probability, (rng.random(shape) < probability**2).astype(np.uint8)


def loss(p, t):
    return -math.log(min(max(p, 1e-7), 1 - 1e-7) if t else 1 - min(max(p, 1e-7), 1 - 1e-7))


@pytest.mark.parametrize("seed", range(4))
def test_log_loss_is_the_mean_over_the_pixels(seed):
    probability, truth = random_case(seed)
    each = [loss(p, t) for p, t in zip(probability.ravel().tolist(), truth.ravel().tolist())]
    assert log_loss(probability, truth) == pytest.approx(sum(each) / len(each))
    weights = np.random.default_rng(seed).integers(0, 5, truth.shape)
    expected = sum(w * one for w, one in zip(weights.ravel().tolist(), each)) / weights.sum()
    assert log_loss(probability, truth, weights) == pytest.approx(expected)
    assert log_loss(probability, truth, 7.0 * weights) == pytest.approx(expected)
    assert log_loss(probability, truth, np.ones(truth.shape)) == pytest.approx(log_loss(probability, truth))


def test_log_loss_of_examples_by_hand():
    truth = np.array([[1, 0, 1, 1]])
    assert log_loss(np.full((1, 4), 0.5), truth) == pytest.approx(math.log(2))
    assert log_loss(np.array([[0.25, 0.75, 0.25, 0.25]]), truth) == pytest.approx(math.log(4))
    for same in (truth, truth.astype(bool), truth.astype(np.float32)):
        assert log_loss(same, truth) == pytest.approx(1e-7, rel=1e-6)
        assert log_loss(1 - same.astype(float), truth) == pytest.approx(-math.log(1e-7))


def test_log_loss_and_calibration_take_the_pixels_of_all_slices_together():
    probability, truth = random_case(5, (3, 6, 7))
    weights = np.random.default_rng(5).random(truth.shape)
    row = [one.reshape(1, -1) for one in (probability, truth, weights)]
    cut = [[one[0], one[1, :4], one[2, :, :2]] for one in (probability, truth, weights)]
    flat = [np.concatenate([one.ravel() for one in slices])[None] for slices in cut]
    for metric, count in ((log_loss, 2), (log_loss, 3), (calibration_error, 2)):
        assert metric(probability, truth, *[weights][: count - 2]) == pytest.approx(metric(*row[:count]))
        assert metric(*cut[:count]) == pytest.approx(metric(*flat[:count]))
        assert metric(*cut[:count]) != pytest.approx(metric(probability, truth))


def test_log_loss_refuses_weights_that_are_none():
    probability, truth = random_case(6, (4, 5))
    for weights, message in [
        (np.ones((4, 4)), r"weights of shape \(1, 4, 4\) and truth of shape \(1, 4, 5\): must be equal"),
        (-np.ones((4, 5)), "weights: hold a value that is negative, infinite or no number"),
        (np.full((4, 5), np.inf), "weights: hold a value that is negative, infinite or no number"),
        (np.full((4, 5), np.nan), "weights: hold a value that is negative, infinite or no number"),
        (np.full((4, 5), "a"), "weights: hold a value that is negative, infinite or no number"),
        (np.zeros((4, 5)), "weights: are all 0; at least one pixel must count"),
    ]:
        with pytest.raises(ValueError, match=f"^{message}"):
            log_loss(probability, truth, weights)


@pytest.mark.parametrize("bins", [1, 2, 7, 10])
@pytest.mark.parametrize("decimals", [1, 8])
def test_calibration_error_is_the_mean_gap_of_the_bins(bins, decimals):
    """Probabilities of one decimal lie on the limits of ten bins: they belong to the bin above, 1 to the last."""
    for seed in range(8):
        rng = np.random.default_rng(seed)
        probability = rng.random((9, 11)).round(decimals)
        probability[0, :2] = 0, 1
        odd = np.floor(10 * probability + 0.5) % 2  # too high in one bin and too low in the next: bins do not mix
        truth = (rng.random(probability.shape) < 0.9 - 0.8 * odd).astype(np.uint8)
        held = [[] for _ in range(bins)]
        for p, t in zip(probability.ravel().tolist(), truth.ravel().tolist()):
            place = max(k for k in range(bins) if k / bins <= p)
            held[place].append((p, t))
        expected = 0
        for pairs in filter(None, held):
            mean, share = (sum(column) / len(pairs) for column in zip(*pairs))
            expected += len(pairs) / truth.size * abs(mean - share)
        assert calibration_error(probability, truth, bins) == pytest.approx(expected)
        assert bins != 10 or calibration_error(probability, truth) == calibration_error(probability, truth, 10)


def test_calibration_error_of_examples_by_hand():
    truth = np.array([[1, 1, 1, 0]])
    assert calibration_error(np.full((1, 4), 0.75), truth) == 0
    assert calibration_error(truth, truth) == 0 and calibration_error(1 - truth, truth) == 1
    assert calibration_error(np.array([[0.9, 0.9, 0.1, 0.1]]), truth) == pytest.approx((0.1 + 0.4) / 2)
    assert calibration_error(np.array([[0.9, 0.9, 0.1, 0.1]]), truth, bins=1) == pytest.approx(0.25)


@pytest.mark.parametrize("metric", [log_loss, calibration_error])
def test_bad_probabilities_are_refused(metric):
    truth = np.ones((4, 5), np.uint8)
    for probability, message in [
        (truth * np.nan, "probability: holds 20 values that are NaN"),
        (truth * 255, "probability: holds values from 255"),
        (truth[1:], r"probability of shape \(3, 5\) and truth of shape \(4, 5\)"),
    ]:
        with pytest.raises(ValueError, match=f"^{message}"):
            metric(probability, truth)
    with pytest.raises(ValueError, match="truth of dtype float64"):
        metric(truth, truth * 1.0)
    for bins in (0, 2.5, True):
        with pytest.raises(ValueError, match=f"^bins {bins}: must be a whole number of at least 1"):
            calibration_error(truth, truth, bins)


@pytest.mark.parametrize("shape", [(8, 9), (3, 8, 9)])
@pytest.mark.parametrize("classes", [1, 2, 20])
def test_class_scores_count_the_pixels_of_each_class(shape, classes):
    rng = np.random.default_rng(classes)
    for dtype in (np.uint8, np.int64):
        prediction, truth = rng.integers(0, classes, (2, *shape)).astype(dtype)
        prediction = np.where(rng.random(shape) < 0.5, truth, prediction)
        scores = class_scores(prediction, truth, classes)
        for k in range(classes):
            found = {tuple(pixel) for pixel in np.argwhere(prediction == k)}
            true = {tuple(pixel) for pixel in np.argwhere(truth == k)}
            iou, dice = math.nan, math.nan
            if found or true:
                iou, dice = len(found & true) / len(found | true), 2 * len(found & true) / (len(found) + len(true))
            assert (scores.iou[k], scores.dice[k]) == pytest.approx((iou, dice), nan_ok=True)
        assert scores.iou.shape == scores.dice.shape == (classes,) and scores.iou.dtype == scores.dice.dtype == float


def test_a_class_of_nobody_has_no_score_and_one_of_one_side_has_none_right():
    scores = class_scores(np.array([[0, 0, 2]]), np.array([[0, 0, 0]]), 4)
    assert np.isnan(scores.iou).tolist() == np.isnan(scores.dice).tolist() == [False, True, False, True]
    assert scores.iou[[0, 2]].tolist() == [2 / 3, 0] and scores.dice[[0, 2]].tolist() == [4 / 5, 0]
    assert np.nanmean(scores.iou) == pytest.approx(1 / 3)


def test_scores_of_the_class_cell_are_iou_and_pixel_error():
    rng = np.random.default_rng(0)
    slices = [rng.integers(0, 2, (2, *shape)) for shape in ((6, 7), (4, 9))]
    prediction, truth = map(list, zip(*slices))
    scores = class_scores(prediction, truth, 2)
    assert scores.iou[1] == pytest.approx(metrics.iou(prediction, truth))
    assert scores.dice[1] == pytest.approx(1 - metrics.pixel_error(prediction, truth))


def test_bad_classes_are_refused():
    ones = np.ones((4, 5), int)
    for prediction, truth, message in [
        (
            ones * 3,
            ones,
            r"prediction: holds the class 3; must be in 0..2, so renumber the classes or give more of them",
        ),
        (-ones, ones, r"prediction: holds the class -1; must be in 0..2"),
        (ones, -2 * ones, r"truth: holds the class -2; must be in 0..2"),
        (ones, 255 * ones, r"truth: holds the class 255; must be in 0..2, or -1 .*datasets.class_labels"),
        (
            ones * 1.0,
            ones,
            r"prediction of dtype float64: must be integer classes 0..2; of probabilities take the like",
        ),
        (ones, ones > 0, r"truth of dtype bool: must be integer classes 0..2; turn True and False into 1 and 0"),
        (ones[1:], ones, r"prediction of shape \(3, 5\) and truth of shape \(4, 5\): must be equal"),
        (ones[0], ones[0], r"prediction of shape \(5,\): must be \(H, W\), and not empty"),
        (ones[:0], ones[:0], r"prediction of shape \(0, 5\): must be \(H, W\), and not empty"),
        (ones[None, None], ones[None, None], r"prediction of shape \(1, 4, 5\): must be \(H, W\)"),
        (ones[None][:0], ones[None][:0], r"truth of shape \(0, 4, 5\): holds no slice"),
    ]:
        with pytest.raises(ValueError, match=f"^{message}"):
            class_scores(prediction, truth, 3)
    stack = np.stack([ones, ones * 9])
    with pytest.raises(ValueError, match=r"^truth\[1\]: holds the class 9"):
        class_scores(stack * 0, stack, 3)
    with pytest.raises(ValueError, match="^classes 0: must be a whole number of at least 1"):
        class_scores(ones, ones, 0)
