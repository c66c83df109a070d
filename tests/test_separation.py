"""Laws of the ways from probabilities to cells, and of their records."""

import heapq
import itertools

import numpy as np
import pytest
from scipy import ndimage

from unet_tutorial import metrics
from unet_tutorial.experiments import separation
from unet_tutorial.experiments._folds import fold_of


def discs(*centres, radius=6, shape=(40, 40)):
    """Ids of discs, the later ones on top."""
    rows, columns = np.indices(shape)
    ids = np.zeros(shape, int)
    for number, (row, column) in enumerate(centres, 1):
        ids[np.hypot(rows - row, columns - column) <= radius] = number
    return ids


def soft(ids):
    """(H, W, 2) maps of a network that is sure inside and unsure at the edge."""
    inside = ndimage.gaussian_filter((ids > 0).astype(float), 1)
    return np.stack([1 - inside, inside], axis=-1)


def flood_by_hand(height, seeds, mask):
    ids, number = np.where(mask, seeds, 0), itertools.count()
    waiting = [(-height[tuple(at)], next(number), *at) for at in np.argwhere(ids)]
    heapq.heapify(waiting)
    while waiting:
        _, _, row, column = heapq.heappop(waiting)
        for down, right in ((-1, 0), (0, -1), (0, 1), (1, 0)):
            at = row + down, column + right
            if min(at) >= 0 and at[0] < mask.shape[0] and at[1] < mask.shape[1] and mask[at] and not ids[at]:
                ids[at] = ids[row, column]
                heapq.heappush(waiting, (-height[at], next(number), *at))
    return ids


@pytest.mark.parametrize("seed", range(4))
def test_the_watershed_floods_the_nearest_height_first(seed):
    rng = np.random.default_rng(seed)
    height = ndimage.gaussian_filter(rng.random((40, 40)), 2)
    mask = height > np.quantile(height, 0.3)
    seeds = ndimage.label(height > np.quantile(height, 0.9))[0]
    bare = ndimage.label(mask)[0]
    reached = np.isin(bare, np.unique(bare[seeds > 0])) & mask
    found, by_hand = separation.flooded(height, seeds, mask), flood_by_hand(height, seeds, mask)
    assert (separation.kept(np.where(reached, by_hand, 0)) > 0)[reached].mean() > 0.9
    large = np.bincount(by_hand.ravel())[by_hand] >= separation.SMALLEST
    for one in np.unique(by_hand[large & (by_hand > 0)]):  # heights differ, so nothing is left to the order
        ids, counts = np.unique(found[by_hand == one], return_counts=True)
        assert len(ids) == 1 and (found == ids[0]).sum() == counts[0]


def test_a_piece_without_a_seed_stays_one_piece_and_specks_go():
    ids = discs((10, 10), (30, 30))
    ids[20, 2:6] = 3
    found = separation.flooded(np.ones(ids.shape), (discs((10, 10), radius=2) > 0).astype(int), ids > 0)
    assert found.max() == 2 and (found[ids == 3] == 0).all()
    assert all(len(np.unique(found[ids == one])) == 1 and found[ids == one].all() for one in (1, 2))


def test_two_discs_that_touch_are_parted_by_their_shape_and_by_no_threshold():
    cells = discs((20, 14), (20, 25))
    maps = soft(cells)
    assert separation.by_threshold(maps, 0.5).max() == 1
    found = separation.by_shape(maps, 0.5, 4)
    assert found.max() == 2 and metrics.seg_score(found, cells) > 0.9


def test_border_class_and_distance_part_what_touches():
    cells = discs((20, 14), (20, 26))
    three = np.eye(3)[separation.three_classes(cells)]
    assert metrics.seg_score(separation.by_border_class(three, 0.5, 0.5), cells) > 0.9
    alone = np.max([separation.distances(cells == one) for one in (1, 2)], axis=0)
    assert metrics.seg_score(separation.by_distance(alone[..., None], 0.5, 3), cells) > 0.9


@pytest.mark.parametrize("seed", range(2))
def test_three_classes_by_definition(seed):
    rng = np.random.default_rng(seed)
    cells = discs(*rng.integers(0, 20, (6, 2)), radius=4, shape=(20, 20))
    found = separation.three_classes(cells)
    for row, column in np.ndindex(cells.shape):
        around = cells[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3]
        expected = 0 if not cells[row, column] else 1 + (around != cells[row, column]).any()
        assert found[row, column] == expected


def test_distances_by_definition():
    cells = discs((10, 10), (25, 24), radius=9)
    outside = np.argwhere(cells == 0)
    for at in np.argwhere(np.ones(cells.shape))[::7]:
        near = min(np.hypot(*(outside - at).T)) if cells[tuple(at)] else 0
        expected = min(near, separation.REACH) / separation.REACH
        assert separation.distances(cells)[tuple(at)] == pytest.approx(expected)


def test_the_loss_of_distances_is_least_at_the_wanted_share():
    wanted = np.float32([[[0.1, 0.5, 0.8]]])
    logits = np.log(wanted / (1 - wanted))[..., None]
    least = float(separation.distance_loss(None, logits, wanted))
    for change in (-0.3, 0.3):
        assert float(separation.distance_loss(None, logits + np.float32(change), wanted)) > least + 1e-3


def test_an_image_is_counted_by_definition():
    rng = np.random.default_rng(3)
    cells, found = (discs(*rng.integers(5, 35, (6, 2)), radius=5) for _ in range(2))
    found = np.where(cells == 2, found.max() + 1, found)
    matched = 0
    for one, other in itertools.product(np.unique(found[found > 0]), np.unique(cells[cells > 0])):
        here, there = found == one, cells == other
        matched += (here & there).sum() > 0.5 * (here | there).sum()
    areas = [np.median([(ids == one).sum() for one in np.unique(ids[ids > 0])]) for ids in (cells, found)]
    counts = [len(np.unique(ids[ids > 0])) for ids in (cells, found)]
    row = separation.of_image(found, cells)
    assert row[:3] == [*counts, matched] and matched >= 1
    assert row[3] == pytest.approx(metrics.seg_score(found, cells), abs=1e-4) and row[4:] == areas


def test_a_way_is_chosen_on_other_images_than_it_is_scored_on(monkeypatch):
    cells = discs((20, 12), (20, 27))
    low, high = np.where(cells > 0, 0.6, 0.55), np.where(cells > 0, 0.9, 0.3)  # a threshold of 0.57 suits the first
    maps = {"balance": {"chosen_on": [np.stack([1 - low, low], -1)], "held_out": [np.stack([1 - high, high], -1)]}}
    monkeypatch.setitem(separation.WAYS, "threshold", ("balance", separation.by_threshold, [(0.2,), (0.57,), (0.7,)]))
    judged = separation.judge("threshold", maps, {"chosen_on": [cells], "held_out": [cells]})
    assert judged["chosen"] == [0.57] and judged["seg"] == 1 and judged["merged_cells"] == 0
    maps["balance"]["held_out"] = maps["balance"]["chosen_on"]
    maps["balance"]["chosen_on"] = [np.stack([1 - high, high], -1)]
    judged = separation.judge("threshold", maps, {"chosen_on": [cells], "held_out": [cells]})
    assert judged["chosen"] == [0.57] and judged["images"][0][:3] == [2, 2, 2]


@pytest.mark.parametrize("seed", sorted(int(path.stem) for path in separation.FOLDER.glob("*.json")))
def test_a_record_holds_all_ways_on_the_held_out_images_of_its_fold(seed):
    record = separation.read(seed)
    fold = fold_of("nuclei", seed)
    assert record["seed"] == seed and [*record["ways"]] == [*separation.WAYS]
    assert tuple(record["data"]["held_out"]) == fold.held_out and tuple(record["data"]["chosen_on"]) == fold.chosen_on
    assert record["steps"] == [separation.RECIPE.steps, separation.FURTHER.steps]
    for way, judged in record["ways"].items():
        assert tuple(judged["chosen"]) in separation.WAYS[way][2]
        rows = np.array(judged["images"])
        assert rows.shape == (len(fold.held_out), len(separation.FOUND)) and (rows[:, 2] <= rows[:, :2].T).all()
        assert np.average(rows[:, 3], weights=rows[:, 0]) == pytest.approx(judged["seg"], abs=1e-3)


def test_what_is_shown_are_shares_of_four_networks():
    shown = separation.shown()
    assert [*shown] == ["balance", "border", "border class", "distance"]
    for maps in shown.values():
        assert len(maps) == len(separation.SHOWN) and maps.min() >= 0 and maps.max() <= 1 and maps.dtype == np.float32
    assert abs(shown["border class"].sum(axis=-1) - 1).max() < 0.01  # rounded to 8 bits, twice
