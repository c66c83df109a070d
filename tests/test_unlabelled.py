"""Laws of pixels that nobody labelled: no weight, no gradient, no score, wherever they meet the package."""

import numpy as np
import pytest
from gradients import value_and_gradients
from scipy import ndimage

from unet_tutorial import datasets, losses, metrics, training, weight_maps
from unet_tutorial.datasets import UNLABELLED
from unet_tutorial.model import build_unet
from unet_tutorial.tiles import Tiles


def patches(seed, size=60, holes=0.15):
    """Random cells that touch, and patches that are not labelled."""
    rng = np.random.default_rng(seed)
    cells = ndimage.label(ndimage.gaussian_filter(rng.normal(size=(size, size)), 2) > 0)[0]
    cells = np.where(cells > 0, cells + 50 * (np.arange(size) > size // 2), 0)  # a straight border between some
    rough = ndimage.gaussian_filter(rng.normal(size=(size, size)), 3)
    return np.where(rough < np.quantile(rough, holes), UNLABELLED, cells)


WEIGHS = {
    "none": None,
    "border": weight_maps.weight_map,
    "balance": lambda ids: weight_maps.class_balance(np.sign(ids)),
    "set": lambda ids: weight_maps.weight_map(ids, balance=(2.0, 0.7)),
    "unaware": lambda ids: np.full(ids.shape, 3.0),
}


@pytest.mark.parametrize("weigh", WEIGHS.values(), ids=WEIGHS)
@pytest.mark.parametrize("augment", [None, {}])
def test_a_tile_has_no_weight_where_nothing_is_labelled(weigh, augment):
    image = np.random.default_rng(0).random((60, 60), np.float32)
    cells = patches(1)
    seen = []

    def look(ids):
        seen.append(ids)
        return (weigh or (lambda ids: np.ones(ids.shape)))(ids)

    tiles = Tiles(image[None], cells[None], 44, 28, 3, augment, look if weigh else None)
    watched = Tiles(image[None], cells[None], 44, 28, 3, augment, look)
    for number in range(6):
        _, label, weights = tiles.draw(number)
        watched.draw(number)
        hidden = seen[-1] == UNLABELLED
        assert hidden.any() and not hidden.all()
        assert not weights[hidden].any() and weights[~hidden].all()
        assert label.min() == 0 and label.max() == 1 and not label[hidden].any()


def test_no_gradient_comes_from_what_is_not_labelled():
    model = build_unet((28, 28, 1), base_filters=2, depth=1)
    image = np.random.default_rng(0).random((1, 40, 40), np.float32)
    batch = training.TileBatches(image, patches(2, 40, 0.5)[None], model, weigh=weight_maps.weight_map)[0]
    grey, labels, weights = batch

    def gradients(labels):
        def loss():
            return losses.weighted_cross_entropy(labels, model(grey), weights)

        return [np.asarray(part) for part in value_and_gradients(loss, model.trainable_variables)[1]]

    hidden = weights == 0
    assert hidden.any() and not hidden.all()
    other = gradients(np.where(hidden, 1 - labels, labels))
    assert all((one == two).all() for one, two in zip(gradients(labels), other))
    changed = gradients(np.where(hidden, labels, 1 - labels))
    assert any((one != two).any() for one, two in zip(other, changed))


def test_the_balance_counts_labelled_pixels_only():
    labels = np.sign(patches(3))
    known = labels != UNLABELLED
    weights = weight_maps.class_balance(labels)
    assert not weights[~known].any()
    assert weights[labels == 0].sum() == pytest.approx(weights[labels == 1].sum(), rel=1e-5)
    assert weights[known].mean() == pytest.approx(1, rel=1e-5)
    assert weight_maps.class_weights(labels) == weight_maps.class_weights(labels[known][None].astype(np.uint8))


def test_weights_of_labelled_pixels_are_those_of_a_map_with_background_there():
    cells = patches(4)
    known, filled = cells != UNLABELLED, np.where(cells == UNLABELLED, 0, cells)
    border = weight_maps.border_weight_map(cells)
    assert (border[known] == weight_maps.border_weight_map(filled)[known]).all() and border[known].any()
    whole = weight_maps.weight_map(cells, balance=(2.0, 0.5))
    assert (whole[known] == weight_maps.weight_map(filled, balance=(2.0, 0.5))[known]).all()
    assert not whole[~known].any() and not border[~known].any()


def test_borders_are_opened_between_cells_only():
    cells = patches(5)
    opened = weight_maps.separate_touching(cells)
    assert ((opened == UNLABELLED) == (cells == UNLABELLED)).all()
    filled = weight_maps.separate_touching(np.where(cells == UNLABELLED, 0, cells))
    assert (np.maximum(opened, 0) == filled).all() and (filled != np.maximum(cells, 0)).any()


def seg_by_definition(found, cells):
    """SEG and merged cells, over sets of labelled pixels."""
    places = [set(map(tuple, np.argwhere(cells == one))) for one in np.unique(cells[cells > 0])]
    known = set(map(tuple, np.argwhere(cells != UNLABELLED)))
    segments = [set(map(tuple, np.argwhere(found == one))) & known for one in np.unique(found[found > 0])]
    indices, held = [], []
    for cell in places:
        match = [one for one in segments if 2 * len(one & cell) > len(cell)]
        indices.append(len(match[0] & cell) / len(match[0] | cell) if match else 0)
        held += [id(match[0])] if match else []
    return np.mean(indices), sum(held.count(one) > 1 for one in held)


@pytest.mark.parametrize("seed", range(4))
def test_scores_of_cells_are_those_of_the_labelled_pixels(seed):
    rng = np.random.default_rng(seed)
    cells = patches(seed + 10, 40, 0.3)
    maps = np.clip(0.5 * (cells > 0) + 0.4 * rng.random(cells.shape) + 0.3 * (cells == UNLABELLED), 0, 1)
    found = metrics.segments(maps, 0.5)
    assert (found[cells == UNLABELLED] > 0).any()
    seg, merged = seg_by_definition(found, cells)
    assert metrics.seg_score(found, cells) == pytest.approx(seg)
    assert metrics.merged_cells(found, cells) == merged
    scores = metrics.score_cells(maps[None], cells[None], ["a"], [0.5])["all"]
    assert scores["seg"] == [round(seg, 7)] and scores["merged_cells"] == [merged]
    known = cells != UNLABELLED
    both, either = (operation(maps > 0.5, cells > 0)[known].sum() for operation in (np.logical_and, np.logical_or))
    assert scores["iou"] == [round(both / either, 7)]


def test_a_segment_that_crosses_an_unlabelled_place_stays_one():
    cells = np.array([[1, 1, -1, 2, 2]])
    assert metrics.merged_cells(np.ones((1, 5), int), cells) == 2
    assert metrics.seg_score(np.array([[1, 1, 1, 2, 2]]), cells) == 1  # the third pixel counts for nothing
    assert metrics.seg_score(np.array([[1, 1, 0, 2, 2]]), cells) == 1


def test_only_the_truth_may_have_them_and_some_must_be_labelled():
    ids = np.array([[1, -1]])
    with pytest.raises(ValueError, match="prediction_ids: holds the negative id -1"):
        metrics.seg_score(ids, ids)
    with pytest.raises(ValueError, match="cells of a: no frame holds a cell"):
        metrics.score_cells(np.ones((1, 1, 2)), -np.ones((1, 1, 2), int), ["a"])
    with pytest.raises(ValueError, match="no pixel"):
        weight_maps.class_weights(np.full((3, 3), UNLABELLED))


def test_the_rim_is_marked():
    cells = np.arange(1, 2 * 9 * 8 + 1).reshape(2, 9, 8)
    marked = datasets.unlabel_rim(cells, 3)
    for row, column in np.ndindex(9, 8):
        inside = min(row, 8 - row, column, 7 - column) >= 3
        assert (marked[:, row, column] == (cells[:, row, column] if inside else UNLABELLED)).all()
    assert (datasets.unlabel_rim(cells[0], 0) == cells[0]).all() and marked.dtype == np.int32
    with pytest.raises(ValueError, match="rim 4: leaves nothing of a map of 9 x 8 pixels"):
        datasets.unlabel_rim(cells, 4)
    with pytest.raises(ValueError, match="integer instance ids"):
        datasets.unlabel_rim(cells * 0.5, 1)
