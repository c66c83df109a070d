"""Laws of the examination before training: correlations over moves, places found again, areas, widths."""

import numpy as np
import pytest

from unet_tutorial.training import _data_signs as signs


def sample(images, labels):
    return signs.Sample(images[..., None], labels, np.ones(labels.shape, np.float32), 2, labels)


def test_correlations_over_moves_are_those_of_numpy():
    rng = np.random.default_rng(0)
    feature, target = rng.random((3, 44, 44)), rng.random((3, 24, 24))
    table = signs._surfaces(feature, target)
    for tile, row, column in rng.integers((0, -10, -10), (3, 11, 11), (20, 3)):
        window = feature[tile, 10 + row : 34 + row, 10 + column : 34 + column]
        expected = np.corrcoef(window.ravel(), target[tile].ravel())[0, 1]
        assert table[tile, 10 + row, 10 + column] == pytest.approx(expected, abs=1e-9)


def test_a_place_is_found_again_turned_and_flipped_and_nowhere_else():
    rng = np.random.default_rng(0)
    known = rng.random((4, 60, 60))
    turned = np.rot90(known[2, 10:50, 5:45].T)
    best = signs._sightings(known, np.stack([turned, rng.random((40, 40))]))
    assert best[0] == pytest.approx(1, abs=1e-6) and best[1] < 0.5


def test_the_area_under_the_curve_is_the_share_of_pairs_in_order():
    rng = np.random.default_rng(0)
    first, second = rng.normal(0.5, 1, 80), rng.normal(0, 1, 120)
    expected = np.mean(first[:, None] > second) - 0.5
    assert signs._area(first, second) == pytest.approx(abs(expected))


@pytest.mark.parametrize("width", [2, 4, 10])
def test_the_thickness_of_stripes_is_their_width(width):
    label = np.zeros((1, 60, 60), bool)
    label[:, :, 20 : 20 + width] = True
    assert signs._thickness(label) == pytest.approx(width)
