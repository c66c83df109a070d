"""Laws of the scores that a record keeps: each is what the metric says for that slice, threshold and treatment."""

import json
import warnings

import numpy as np
import pytest

from unet_tutorial import metrics
from unet_tutorial.datasets import synthetic_cells, synthetic_em
from unet_tutorial.metrics import _sweep

THETAS = (0.3, 0.6)
DIGITS = 1e-6  # a record keeps seven decimals: no rounding of a processor


@pytest.fixture(scope="module")
def tissue():
    _, labels, *_ = synthetic_em(2, size=96, seed=4)
    noise = np.random.default_rng(0).normal(0, 0.25, labels.shape)
    return np.clip(0.2 + 0.6 * labels + noise, 0, 1), labels


@pytest.fixture(scope="module")
def scores(tissue):
    return _sweep.score_tissue(*tissue, (6, 21), THETAS)


def test_every_score_of_a_slice_is_that_of_its_metric(tissue, scores):
    for name, probability, label in zip(("6", "21"), *tissue):
        for level, theta in enumerate(THETAS):
            thin = metrics.rand_scores(probability, label, theta, thin=True)
            expected = {
                "pixel_error": metrics.pixel_error(probability, label, theta),
                "rand_error": metrics.rand_error(probability, label, theta),
                "warping_error": metrics.warping_error(probability, label, theta),
                "v_rand": metrics.v_rand(probability, label, theta),
                "v_info": metrics.v_info(probability, label, theta),
                "v_rand_thinned": thin.f,
                "v_rand_thinned_split": thin.split,
                "v_rand_thinned_merge": thin.merge,
                "v_info_thinned": metrics.v_info(probability, label, theta, thin=True),
            }
            found = {score: values[level] for score, values in scores["slices"][name].items()}
            assert found == pytest.approx(expected, abs=DIGITS)


@pytest.mark.parametrize(
    "score, metric, options",
    [
        ("pixel_error", metrics.pixel_error, {}),
        ("rand_error", metrics.rand_error, {}),
        ("warping_error", metrics.warping_error, {}),
        ("v_rand", metrics.v_rand, {}),
        ("v_info", metrics.v_info, {}),
        ("v_rand_thinned", metrics.v_rand, {"thin": True}),
        ("v_info_thinned", metrics.v_info, {"thin": True}),
    ],
)
def test_all_slices_together_follow_the_challenges_rule(tissue, scores, score, metric, options):
    expected = [metric(*tissue, theta, **options) for theta in THETAS]
    assert scores["all"][score] == pytest.approx(expected, abs=DIGITS)
    if not metrics.RULES[score].guide:
        best = _sweep.best_level(scores, score)
        assert THETAS[best] == metrics.best_threshold(metric, *tissue, THETAS, **options)[0]


def test_scores_of_cells_are_those_of_their_metrics():
    _, labels, cells = synthetic_cells(2, size=128, seed=2)
    probabilities = np.clip(0.8 * labels + np.random.default_rng(1).normal(0.1, 0.1, labels.shape), 0, 1)
    scores = _sweep.score_cells(probabilities, cells, "ab", THETAS)
    for level, theta in enumerate(THETAS):
        found = np.stack([metrics.segments(probability, theta) for probability in probabilities])
        merged = [metrics.merged_cells(one, ids) for one, ids in zip(found, cells)]
        assert scores["all"]["seg"][level] == pytest.approx(metrics.seg_score(found, cells), abs=DIGITS)
        assert scores["all"]["iou"][level] == pytest.approx(metrics.iou(probabilities, labels, theta), abs=DIGITS)
        assert scores["all"]["merged_cells"][level] == sum(merged) > 0
        assert [scores["slices"][name]["merged_cells"][level] for name in "ab"] == merged


def test_a_perfect_prediction_has_perfect_scores(tissue):
    labels = tissue[1]
    scores = _sweep.score_tissue(labels.astype(float), labels, (6, 21), (0.5,))["all"]
    for score in ("pixel_error", "rand_error", "warping_error"):
        assert scores[score] == [0]
    for score in ("v_rand", "v_info"):
        assert scores[score] == pytest.approx([1])


def test_a_blank_prediction_never_has_the_best_warping_error_or_the_fewest_merged_cells():
    scores = {
        "all": {
            "warping_error": [0.01, 0.02, 0.0],
            "v_rand_thinned": [0.5, 0.9, 0.0],
            "merged_cells": [4, 9, 0],
            "seg": [0.6, 0.5, 0.0],
            "pixel_error": [0.3, 0.2, 0.2],
            "another": [1, 2, 3],
        }
    }
    assert _sweep.best_level(scores, "warping_error") == 1
    assert _sweep.best_level(scores, "merged_cells") == 0
    assert _sweep.best_level(scores, "pixel_error") == 1
    assert _sweep.best_level(scores, "another") == 2  # without a rule, large is best
    with pytest.raises(ValueError, match="'iou': is not in the record"):
        _sweep.best_level(scores, "iou")


def test_there_are_ten_levels_and_names_for_all_slices(tissue):
    assert len(_sweep.LEVELS) == 10 and max(_sweep.LEVELS) < 1
    with pytest.raises(ValueError, match="2 predictions and 1 names"):
        _sweep.score_tissue(*tissue, (6,))


def test_a_frame_without_cells_has_no_seg_and_adds_nothing_to_the_mean():
    _, labels, cells = synthetic_cells(2, size=128, seed=2)
    cells[1] = 0
    probabilities = np.where(cells > 0, 0.9, 0.1)
    scores = _sweep.score_cells(probabilities, cells, "ab", THETAS)
    alone = _sweep.score_cells(probabilities[:1], cells[:1], "a", THETAS)
    assert scores["all"]["seg"] == alone["all"]["seg"] != [0, 0] and scores["slices"]["b"]["seg"] == [None, None]
    assert scores["slices"]["b"]["iou"] == [1, 1] and scores["slices"]["b"]["merged_cells"] == [0, 0]
    json.dumps(scores, allow_nan=False)
    with pytest.raises(ValueError, match="cells of a, b: no frame holds a cell"):
        _sweep.score_cells(probabilities, np.zeros_like(cells), "ab", THETAS)


def test_an_error_names_the_slice(tissue):
    probabilities, labels = tissue
    with pytest.raises(ValueError, match="slice 21: truth: holds no cell"):
        _sweep.score_tissue(probabilities, labels * np.array([1, 0])[:, None, None], (6, 21), THETAS)
    with pytest.raises(ValueError, match="slice 6: threshold 1.0: leaves a blank proposal"):
        _sweep.score_tissue(probabilities, labels, (6, 21), (0.5, 1))
    with pytest.raises(ValueError, match="slice 'a': cells: holds the id 9217 on 9216 pixels"):
        _sweep.score_cells(probabilities, labels.astype(int) * 9217, "ab", THETAS)
    with pytest.raises(ValueError, match="slice 'b': cells: holds the negative id -3"):
        _sweep.score_cells(probabilities, labels * np.array([1, -3])[:, None, None].astype(int), "ab", THETAS)


def test_slices_of_different_sizes_have_their_scores(tissue):
    probabilities, labels = ([stack[0], stack[1][:60]] for stack in tissue)
    scores = _sweep.score_tissue(probabilities, labels, "ab", THETAS)
    for name, probability, label in zip("ab", probabilities, labels):
        alone = _sweep.score_tissue([probability], [label], [name], THETAS)
        assert scores["slices"][name] == alone["slices"][name]
    for score in ("warping_error", "v_rand", "v_info_thinned"):  # however large, each slice weighs the same
        each = [scores["slices"][name][score] for name in "ab"]
        assert scores["all"][score] == pytest.approx(np.mean(each, axis=0), abs=DIGITS)
    pooled = [metrics.warping_error(probabilities, labels, theta) for theta in THETAS]
    assert scores["all"]["warping_error"] != pytest.approx(pooled, abs=DIGITS)
    for metric in (metrics.pixel_error, metrics.rand_error):
        pooled = [metric(probabilities, labels, theta) for theta in THETAS]
        assert scores["all"][metric.__name__] == pytest.approx(pooled, abs=DIGITS)
    _, labels, cells = synthetic_cells(2, size=128, seed=2)
    labels, cells = ([stack[0], stack[1][:90]] for stack in (labels, cells))
    scores = _sweep.score_cells([label.astype(float) for label in labels], cells, "ab", THETAS)
    assert scores["all"]["iou"] == [1, 1] and scores["all"]["merged_cells"][0] > 0


def test_a_reversed_prediction_is_warned_of_once(tissue):
    probabilities, labels = tissue
    with pytest.warns(UserWarning, match="agrees with the truth in .*take 1 - prediction") as given:
        _sweep.score_tissue(1 - probabilities, labels, (6, 21), THETAS)
    assert len(given) == 1 and given[0].filename == __file__
    _, labels, cells = synthetic_cells(1, size=128, seed=2)
    with pytest.warns(UserWarning, match="agrees with the truth in") as given:
        _sweep.score_cells(1.0 - labels, cells, "a", THETAS)
    assert len(given) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for blank in (np.zeros(labels.shape), np.ones(labels.shape), np.full(labels.shape, 0.5)):
            _sweep.score_cells(blank, cells, "a", THETAS)
