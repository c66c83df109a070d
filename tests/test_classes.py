"""Laws of more than two classes: two give the numbers that they always gave, permuted classes permute."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
from gradients import value_and_gradients
from matplotlib.colors import to_rgb
from scipy import ndimage

from unet_tutorial import losses, metrics, plotting, rounding, training, weight_maps
from unet_tutorial._backend import keras
from unet_tutorial.datasets import UNLABELLED, class_labels
from unet_tutorial.model import build_unet
from unet_tutorial.plotting._style import CLASSES, UNSAID
from unet_tutorial.tiles import Tiles

OUT = dict(tile=44, out=28, seed=3)


def patches(seed, classes=3, holes=0.2, size=60):
    """An image, instance ids, and classes: 0 between the cells, one of the others in each cell, some not labelled."""
    rng = np.random.default_rng(seed)
    cells = ndimage.label(ndimage.gaussian_filter(rng.normal(size=(size, size)), 2) > 0.05)[0]
    table = np.concatenate([[0], 1 + rng.permutation(cells.max()) % (classes - 1)])
    rough = ndimage.gaussian_filter(rng.normal(size=(size, size)), 3)
    labels = np.where(rough < np.quantile(rough, holes), UNLABELLED, table[cells]) if holes else table[cells]
    assert {*np.unique(labels)} == {*range(-1 if holes else 0, classes)}
    return rng.random((size, size), np.float32), cells, labels


WEIGHS = {
    "none": None,
    "border": weight_maps.weight_map,
    "balance": lambda ids, **labels: weight_maps.weight_map(ids, w0=0, **labels),
    "set": lambda ids, **labels: weight_maps.weight_map(ids, balance=(2.0, 0.7, 0.4), **labels),
}


@pytest.mark.parametrize("weigh", WEIGHS.values(), ids=WEIGHS)
@pytest.mark.parametrize("augment", [None, {}])
def test_two_classes_give_the_tiles_that_ids_alone_give(weigh, augment):
    image, cells, labels = patches(1, 2)
    cells = np.where(labels == UNLABELLED, UNLABELLED, cells)
    if weigh is WEIGHS["set"]:
        weigh = lambda ids, **labels: weight_maps.weight_map(ids, balance=(2.0, 0.7), **labels)  # noqa: E731
    alone = Tiles(image[None], cells[None], augment=augment, weigh=weigh, **OUT)
    named = Tiles(image[None], cells[None], augment=augment, weigh=weigh, labels=labels[None], **OUT)
    for number in range(8):
        for one, other in zip(alone.draw(number), named.draw(number)):
            assert one.dtype == other.dtype and (one == other).all()


@pytest.mark.parametrize("seed", range(3))
def test_two_classes_weigh_and_cost_what_they_did(seed):
    _, cells, labels = patches(seed, 2, holes=0)
    counts = np.bincount(labels.ravel())
    assert weight_maps.class_weights(labels) == tuple((labels.size / (2 * counts)).tolist())
    assert (weight_maps.class_balance(labels) == (labels.size / (2 * counts)).astype(np.float32)[labels]).all()
    assert (weight_maps.weight_map(cells, labels=labels) == weight_maps.weight_map(cells)).all()
    rng = np.random.default_rng(seed)
    logits, weights = rng.normal(size=(1, 60, 60, 2)).astype(np.float32), rng.random((1, 60, 60), np.float32)
    each = keras.ops.sparse_categorical_crossentropy(labels[None], logits, from_logits=True)
    assert losses.weighted_cross_entropy(labels[None], logits, weights) == keras.ops.mean(weights * each)


@pytest.mark.parametrize("order", [*itertools.permutations(range(3))])
def test_permuted_classes_permute(order):
    image, cells, labels = patches(2)
    order = np.array(order)
    other = np.where(labels == UNLABELLED, UNLABELLED, order[labels])
    weights, moved = (weight_maps.class_weights(one, 3) for one in (labels, other))
    assert [moved[number] for number in order] == list(weights)
    for make in (
        lambda one: weight_maps.class_balance(one, 3),
        lambda one: weight_maps.weight_map(cells, labels=one),
    ):
        assert (make(labels) == make(other)).all()
    tiles = [
        Tiles(image[None], cells[None], augment={}, weigh=weight_maps.weight_map, labels=one[None], classes=3, **OUT)
        for one in (labels, other)
    ]
    for number in range(4):
        (grey, label, weight), (grey_too, label_too, weight_too) = (one.draw(number) for one in tiles)
        known = weight > 0
        assert (grey == grey_too).all() and (order[label] == label_too)[known].all()
        assert (weight == weight_too).all()
    found = np.random.default_rng(0).integers(0, 3, labels.shape)
    table, permuted = metrics.confusion(found, labels, 3), metrics.confusion(order[found], other, 3)
    assert (permuted[np.ix_(order, order)] == table).all() and table.sum() == (labels >= 0).sum()
    for one, two in zip(metrics.class_scores(found, labels, 3), metrics.class_scores(order[found], other, 3)):
        assert (two[order] == one).all()
    logits = np.random.default_rng(1).normal(size=(1, *labels.shape, 3)).astype(np.float32)
    energies = [
        float(losses.weighted_cross_entropy(one[None], maps))
        for one, maps in ((labels, logits), (other, logits[..., np.argsort(order)]))
    ]
    assert abs(energies[0] - energies[1]) < rounding.rounding_bound(labels.size, 5)


@pytest.mark.parametrize("weigh", WEIGHS.values(), ids=WEIGHS)
def test_ids_make_the_border_term_and_labels_the_target_and_the_balance(weigh):
    image, cells, labels = patches(4)
    seen = []

    def look(ids, labels):
        seen.append((ids, labels))
        return np.ones(ids.shape) if weigh is None else weigh(ids, labels=labels)

    tiles = Tiles(image[None], cells[None], augment={}, weigh=look, labels=labels[None], classes=3, **OUT)
    plain = Tiles(image[None], cells[None], augment={}, weigh=lambda ids: 1 + ids, **OUT)
    for number in range(4):
        _, label, weights = tiles.draw(number)
        ids, classes = seen[-1]
        assert (1 + ids == plain.draw(number)[2]).all()
        for cell in np.unique(ids[ids > 0]):  # each cell kept its class
            assert {*classes[ids == cell]} <= {*labels[cells == cell]}
        assert (label == np.maximum(classes, 0)).all() and (classes == UNLABELLED).any()
        assert not weights[classes == UNLABELLED].any() and weights[classes != UNLABELLED].all()
        if weigh is WEIGHS["set"]:
            known = classes != UNLABELLED
            border = weight_maps.border_weight_map(ids)
            assert (weights == border * known + np.float32([2, 0.7, 0.4, 0])[classes]).all()


def test_no_gradient_and_no_score_come_from_what_is_not_labelled():
    model = build_unet((28, 28, 1), classes=3, base_filters=2, depth=1)
    image, cells, labels = patches(5)
    batches = training.TileBatches(
        image[None], cells[None], model, 6, weigh=weight_maps.weight_map, labels=labels[None]
    )
    grey, classes, weights = batches[0]
    hidden = weights == 0
    assert hidden.any() and not hidden.all() and {*classes[~hidden]} == {0, 1, 2}

    def gradients(labels, weights):
        def loss():
            return losses.weighted_cross_entropy(labels, model(grey), weights)

        return [np.asarray(part) for part in value_and_gradients(loss, model.trainable_variables)[1]]

    one = gradients(classes, weights)
    for other in (
        gradients(np.where(hidden, (classes + 1) % 3, classes), weights),
        gradients(np.where(hidden, UNLABELLED, classes), weights + 7.0 * hidden),  # the label says it, not the weight
    ):
        assert all((a == b).all() for a, b in zip(one, other))
    changed = gradients(np.where(hidden, classes, (classes + 1) % 3), weights)
    assert any((a != b).any() for a, b in zip(one, changed))
    rng = np.random.default_rng(0)
    found = rng.integers(0, 3, labels.shape)
    other = np.where(labels == UNLABELLED, (found + 1) % 3, found)
    assert (metrics.confusion(found, labels, 3) == metrics.confusion(other, labels, 3)).all()
    table = np.zeros((3, 3), int)
    for place in np.argwhere(labels != UNLABELLED):
        table[labels[tuple(place)], found[tuple(place)]] += 1
    assert (metrics.confusion(found, labels, 3) == table).all()


def test_weights_and_balance_know_the_labelled_pixels_only():
    _, cells, labels = patches(6)
    weights = weight_maps.weight_map(cells, labels=labels)
    assert not weights[labels == UNLABELLED].any() and weights[labels != UNLABELLED].all()
    balance = weight_maps.class_balance(labels, 3)
    sums = [balance[labels == number].sum() for number in range(3)]
    assert sums == pytest.approx([sums[0]] * 3, rel=1e-5) and balance[labels >= 0].mean() == pytest.approx(1, rel=1e-5)
    assert weight_maps.class_weights(np.where(labels == 2, 1, labels), 3)[2] == 1  # none of it, so nothing to balance
    with pytest.raises(ValueError, match="labels: holds the class 2; must be in 0..1"):
        weight_maps.weight_map(cells, balance=(1.0, 1.0), labels=labels)
    with pytest.raises(ValueError, match=r"labels of shape \(1, 60\) and cells of shape \(60, 60\)"):
        weight_maps.weight_map(cells, labels=labels[:1])


def test_a_file_says_255_and_the_package_minus_1():
    masks = np.random.default_rng(0).integers(0, 4, (2, 5, 6)).astype(np.uint8)
    masks[0, 0, :3] = [255, 1, 3]
    labels = class_labels(masks, 4)
    assert labels.dtype == np.int32 and ((labels == UNLABELLED) == (masks == 255)).all()
    assert (labels == masks)[masks < 4].all() and (class_labels(masks[1], 4) == masks[1]).all()
    with pytest.raises(ValueError, match="masks: hold the class 3; must be in 0..2, or 255"):
        class_labels(masks, 3)
    with pytest.warns(UserWarning, match="hold 0 and 255 alone.*meant as cell"):
        assert (class_labels(np.uint8([[0, 255]]), 2) == [[0, -1]]).all()
    for wrong in (masks * 1.0, masks[0, 0], masks[:0], masks > 0):
        with pytest.raises(ValueError, match="must be integers"):
            class_labels(wrong, 4)
    with pytest.raises(ValueError, match="classes 256: at most 255"):
        class_labels(masks, 256)
    model = build_unet((28, 28, 1), classes=4, base_filters=2, depth=1)
    image = np.zeros((1, 40, 40), np.float32)
    whole = np.zeros((1, 40, 40), np.uint8)
    whole[0, 3, 4] = 255
    with pytest.raises(ValueError, match=r"labels\[0\]: holds the class 255.*-1 .*datasets.class_labels"):
        training.TileBatches(image, whole * 0, model, labels=whole)


def test_labels_that_do_not_fit_are_named():
    model = build_unet((28, 28, 1), classes=3, base_filters=2, depth=1)
    image, cells, labels = (one[None] for one in patches(7))
    for wrong, words in [
        (labels + 2, r"labels\[0\]: holds the class \d; must be in 0..2"),
        (labels[:, :50], r"cells\[0\] of shape \(60, 60\) and labels\[0\] of shape \(50, 60\)"),
        (np.concatenate([labels, labels]), "1 images and 2 maps of labels"),
        (labels * 1.0, r"labels\[0\] of dtype float64"),
    ]:
        with pytest.raises(ValueError, match=words):
            training.TileBatches(image, cells, model, labels=wrong)


def test_three_equal_channels_are_three_times_the_grey_tile():
    images, cells, labels = (np.stack(parts) for parts in zip(patches(8), patches(9)))
    colour = build_unet((28, 28, 3), classes=3, base_filters=2, depth=1)
    grey = build_unet((28, 28, 1), classes=3, base_filters=2, depth=1)
    threefold = np.repeat(images[..., None], 3, axis=-1)
    for given in (threefold, list(threefold)):
        same = {"batch_size": 2, "augment": {"grey": False}, "labels": labels}  # a mean of 3 channels rounds elsewhere
        one = training.TileBatches(given, cells, colour, **same)
        other = training.TileBatches(images, cells, grey, **same)
        for number in range(3):
            for left, right in zip(one[number], other[number]):
                assert (left == right).all()
            assert one[number][0].shape == (2, 28, 28, 3)
    with pytest.raises(ValueError, match=r"images of shape \(2, 60, 60\): must be \(N, H, W, 3\)"):
        training.TileBatches(images, cells, colour, labels=labels)
    with pytest.raises(ValueError, match=r"images\[0\] of shape \(60, 60, 2\): the model takes 3 channels"):
        training.TileBatches(list(threefold[..., :2]), cells, colour, labels=labels)


def test_classes_are_painted_and_named():
    classes = np.array([[0, 1, 2, UNLABELLED, 7]])
    picture = plotting.paint_classes(classes)
    expected = [*(CLASSES[number] for number in (0, 1, 2)), UNSAID, CLASSES[7]]
    assert [tuple(pixel) for pixel in picture[0].tolist()] == [pytest.approx(to_rgb(one)) for one in expected]
    image = np.full((1, 5), 0.25)
    tinted = plotting.blend(image, classes=classes, strength=0.5)
    assert (tinted[0, [0, 3]] == 0.25).all()  # class 0 and what is not labelled keep their grey values
    assert tinted[0, 1] == pytest.approx(to_rgb(CLASSES[1]))  # an outline of one pixel is opaque
    grey = np.repeat(image[..., None], 3, axis=-1)
    assert (plotting.blend(grey, classes=classes, strength=0.5) == tinted).all()
    ax = plotting.show_classes(classes[:, :4], names=["a", "b", "c"], image=image[:, :4])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["b", "c"]
    with pytest.raises(ValueError, match="2 names for the class 7"):
        plotting.show_classes(classes, names=["a", "b"])
    with pytest.raises(ValueError, match="classes: holds the class 8"):
        plotting.paint_classes(classes + 1)
    plt.close(ax.figure)


def test_neighbouring_classes_stay_apart_in_grey():
    light = [np.dot(to_rgb(colour), (0.2126, 0.7152, 0.0722)) for colour in CLASSES]
    assert all(abs(one - other) > 0.1 for one, other in itertools.pairwise(light))
