"""What a trained network shows without training, against loops; and what the package keeps of the small network."""

import doctest
import math

import numpy as np
import pytest

from unet_tutorial import metrics, pretrained, weight_maps
from unet_tutorial.experiments import examination, records
from unet_tutorial.experiments.examination import (
    calibration,
    errors_by_distance,
    frame_facts,
    operating_curve,
    signed_distance,
    thinnest,
    tile_balance,
    touching_table,
    weight_ratio,
    widened,
    width_table,
)


def random_label(seed, side=24):
    rng = np.random.default_rng(seed)
    return (rng.random((side, side)) > 0.2).astype(np.uint8)


def two_cells(wall=1, side=21):
    label = np.ones((side, side), np.uint8)
    label[:, side // 2 - wall // 2 : side // 2 - wall // 2 + wall] = 0
    return label


def test_the_examples_run():
    assert doctest.testmod(examination, extraglobs={"np": np}).failed == 0


@pytest.mark.parametrize("seed", range(5))
def test_a_membrane_gets_wider_by_the_pixels_within_the_margin(seed):
    label = random_label(seed)
    membrane = np.argwhere(label == 0)
    for margin in (0, 1, 2):
        for row, column in np.ndindex(label.shape):
            near = (np.abs(membrane - (row, column)).sum(axis=1) <= margin).any()
            assert widened(label, margin)[row, column] == (not near), (margin, row, column)


@pytest.mark.parametrize("seed", range(5))
def test_the_signed_distance_is_the_distance_to_the_other_side(seed):
    label = random_label(seed)
    found = signed_distance(label)
    for row, column in np.ndindex(label.shape):
        other = np.argwhere(label != label[row, column])
        nearest = math.floor(math.sqrt(((other - (row, column)) ** 2).sum(axis=1).min()))
        assert found[row, column] == (nearest if label[row, column] else -nearest)


def test_the_thinnest_membrane_is_one_pixel_wide_and_keeps_the_cells_apart():
    thin = thinnest(two_cells(wall=5))
    assert (thin == 0).sum(axis=1).tolist() == [1] * 21 and metrics.segments(thin).max() == 2


def test_only_the_width_changes_the_scores_of_true_labels():
    table = width_table(np.stack([two_cells(wall=3), two_cells(wall=3).T]))
    wide = [table[f"{margin} px wider"] for margin in (1, 2, 3)]
    assert all(row["v_rand_thinned"] == pytest.approx(1) for row in wide)
    assert (
        0
        == table["thinned to 1 px"]["rand_error"]
        < wide[0]["rand_error"]
        < wide[1]["rand_error"]
        < wide[2]["rand_error"]
    )
    assert table["thinned to 1 px"]["pixel_error"] > 0 and wide[0]["membrane"] == pytest.approx(5 / 21)


def test_the_bins_of_a_calibration_hold_every_pixel_once():
    rng = np.random.default_rng(0)
    maps = rng.random((2, 30, 40)).round(2)
    labels = (rng.random(maps.shape) < maps).astype(np.uint8)
    table = calibration(maps, labels)
    assert sum(table["pixels"]) == maps.size
    for number, (low, high) in enumerate(zip(np.arange(10) / 10, np.arange(1, 11) / 10)):
        inside = (maps >= examination.BINS[number]) & ((maps < examination.BINS[number + 1]) | (number == 9))
        assert table["pixels"][number] == inside.sum(), (low, high)
        assert table["predicted"][number] == pytest.approx(maps[inside].mean())
        assert table["observed"][number] == pytest.approx(labels[inside].mean())


def test_wrong_pixels_are_counted_by_distance():
    label = two_cells(wall=3)[None]
    maps = label.astype(np.float32)
    maps[0, :, 8] = 0  # one pixel too wide on the left: distance 1 from the wall of columns 9 to 11
    table = errors_by_distance(maps, label, 0.5)
    wrong = dict(zip(table["distances"], table["wrong"]))
    assert wrong.pop(1) == pytest.approx(0.5) and set(wrong.values()) == {0.0}
    assert dict(zip(table["distances"], table["share of all wrong"]))[1] == 1


def test_an_operating_curve_is_the_scores_at_each_threshold():
    rng = np.random.default_rng(1)
    labels = np.stack([random_label(seed) for seed in range(2)])
    maps = np.clip(labels * 0.6 + rng.random(labels.shape) * 0.4, 0, 1)
    curve = operating_curve(maps, labels)
    for place in (0, 16, 32):
        theta = 1 / (1 + math.exp(-curve["logits"][place]))
        assert curve["rand_error"][place] == metrics.rand_error(maps, labels, theta)
        assert curve["v_rand_thinned_split"][place] == metrics.rand_scores(maps, labels, theta, thin=True).split


def test_touching_cells_are_one_segment_until_their_border_is_opened():
    cells = np.zeros((1, 30, 40), int)
    cells[0, 5:25, 5:20], cells[0, 5:25, 20:35] = 1, 2
    table = touching_table(cells)
    assert table["borders closed"]["merged_cells"] == 2 and table["borders opened"]["merged_cells"] == 0
    assert table["borders closed"]["seg"] == pytest.approx(0.5) and table["borders opened"]["seg"] == pytest.approx(
        14 / 15
    )


def test_the_balance_over_tiles_spreads_around_that_of_all_frames():
    cells = np.zeros((1, 60, 60), int)
    cells[0, :30] = 1
    table = tile_balance(cells, side=20, draws=2000)
    assert table["all frames"] == 1
    assert table["tiles"]["1"] == 1 / (2 * 1 / 20)  # a tile that holds one row of cells


def test_widths_and_weights_are_those_of_the_definitions():
    cells = np.zeros((1, 40, 200), int)
    cells[0, 10:22, 5:195] = 1
    facts = frame_facts(cells)
    assert facts["median width of a cell"][0] == pytest.approx(12, abs=0.8)
    assert facts["background with a border term above 1"] == [0]
    labels = np.stack([two_cells(wall=3)])
    weights = weight_maps.weight_map(metrics.segments(labels[0]))
    assert weight_ratio(labels) == pytest.approx(weights[labels[0] == 0].mean() / weights[labels[0] == 1].mean())


def test_the_findings_of_the_package_are_those_of_its_network():
    found, record = examination.read(), records.read("small")
    assert found["weights"] == pretrained.digest(dict(np.load(pretrained.SMALL)))
    view = found["views"]["one view"]
    for score in ("v_rand_thinned", "rand_error", "pixel_error"):
        for way in ("chosen", "best"):
            assert records.score(view, score, way) == pytest.approx(records.score(record, score, way), abs=2e-3)
    assert set(found["views"]) == {"one view", "four flips", "eight flips and turns", "seven turns"}
