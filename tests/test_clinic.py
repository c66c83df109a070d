"""The examination before training: silent on healthy runs, names faults that are made on purpose, changes nothing."""

import functools
import itertools
import random

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from unet_tutorial import datasets, losses, training
from unet_tutorial._backend import keras
from unet_tutorial.model import build_unet, first_weights
from unet_tutorial.training import _data_signs as signs

ops, layers = keras.ops, keras.layers


@functools.cache
def slices(name):
    """Images and ids of one of three data sets."""
    if name == "tissue":
        images, _, ids = datasets.synthetic_em(3, size=256, seed=1)
    elif name == "cells":
        images, _, ids = datasets.synthetic_cells(3, size=256, seed=1)
    else:
        names = sorted(path.name for path in (datasets.NUCLEI / "images").iterdir())
        images, ids = (
            [np.asarray(Image.open(datasets.NUCLEI / kind / one)) for one in names] for kind in ("images", "masks")
        )
        images = [(image if image.ndim == 2 else image[..., :3].mean(axis=-1)) / np.float32(255) for image in images]
        images, ids = [image.astype(np.float32) for image in images], [one.astype(np.int32) for one in ids]
    return images, ids


def net(seed=0, padding="valid", filters=4, depth=1, **options):
    return first_weights(build_unet((92, 92, 1), base_filters=filters, depth=depth, padding=padding, **options), seed)


def tiles(model, name="nuclei", seed=0, change=None, **options):
    images, ids = slices(name)
    options = {"augment": {"elastic": False}, "batch_size": 2, **options}
    return training.TileBatches(
        images, ids if change is None else [change(one) for one in ids], model, seed=seed, **options
    )


class Spoilt(keras.utils.PyDataset):
    """Batches with a fault."""

    num_batches = None

    def __init__(self, batches, spoil):
        super().__init__()
        self.batches, self.spoil = batches, spoil

    def __getitem__(self, number):
        return self.spoil(*self.batches[number])


def faults(*arguments, **options):
    return [row.fault for row in training.examine(*arguments, **options).suspects]


def adam(rate=3e-3):
    return training.fast_optimizer(rate)


HEALTHY = tuple(itertools.product(("tissue", "cells", "nuclei"), ("valid", "same"), (1,)))


@pytest.mark.parametrize("name, padding, seed", HEALTHY, ids=str)
def test_healthy_runs_have_no_suspect(name, padding, seed):
    model = net(seed, padding)
    found = training.examine(model, tiles(model, name, seed), adam())
    assert found.healthy, str(found)


def test_batch_normalization_with_eight_tiles_is_no_fault():
    assert faults(normalizing(), tiles(net(padding="same"), batch_size=8), adam()) == []


def normalizing():
    keras.utils.set_random_seed(0)
    inputs = x = keras.Input((92, 92, 1))
    for filters in (4, 8):
        x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same")(x)))
    return keras.Model(inputs, layers.Conv2D(2, 1)(x))


def binary(labels, outputs, weights):
    return ops.mean(weights * ops.binary_crossentropy(ops.cast(labels, "float32"), outputs[..., 0], from_logits=True))


def takes_probabilities(labels, outputs, weights):
    return ops.mean(weights * ops.sparse_categorical_crossentropy(labels, outputs))


def spoilt(change, **options):
    """A sound model with batches that `change` spoils."""
    model = net(**options)
    return model, Spoilt(tiles(model), change), adam()


def made(rate=None, loss=None, name="nuclei", change=None, **options):
    """A model with options, sound batches, and a rate or a loss."""
    model = net(**options)
    return model, tiles(model, name, change=change), rate or adam(), loss


def quartered(labels):
    return np.stack([np.kron(one[::4, ::4], np.ones((4, 4)))[: one.shape[0], : one.shape[1]] for one in labels])


def blurred(labels):
    return np.stack([np.round(255 * signs.ndimage.uniform_filter(quartered(labels)[k], 5)) for k in range(len(labels))])


def with_dead_layer():
    model = net()
    kernel, bias = model.get_layer("expand1_conv1").get_weights()
    model.get_layer("expand1_conv1").set_weights([kernel, bias - 50])
    return model, tiles(model), adam()


def with_equal_weights():
    model = net()
    kernel, bias = model.get_layer("bottom_conv1").get_weights()
    model.get_layer("bottom_conv1").set_weights([0 * kernel + 0.1, bias])
    return model, tiles(model), adam()


CASES = {
    "relu before the output": lambda: made(activation="relu"),
    "soft-max twice": lambda: made(activation="softmax"),
    "soft-max twice (sigmoid)": lambda: made(loss=binary, activation="sigmoid", classes=1),
    "no soft-max": lambda: made(loss=takes_probabilities),
    "soft-max over one channel": lambda: made(loss=binary, activation="softmax", classes=1),
    "loss upside down": lambda: made(loss=lambda *given: -losses.weighted_cross_entropy(*given)),
    "0/255 masks": lambda: spoilt(lambda images, labels, weights: (images, 255 * labels, weights)),
    "labels of one class": lambda: spoilt(lambda images, labels, weights: (images, labels // 255, weights)),
    "labels are no classes": lambda: spoilt(lambda images, labels, weights: (images, labels * 7, weights)),
    "interpolated labels": lambda: spoilt(lambda images, labels, weights: (images, blurred(labels) / 255, weights)),
    "interpolated labels (uint8)": lambda: spoilt(
        lambda images, labels, weights: (images, blurred(labels).astype(np.uint8), weights)
    ),
    "grey values too large": lambda: spoilt(lambda images, labels, weights: (255 * images, labels, weights)),
    "images nearly blank": lambda: spoilt(lambda images, labels, weights: (images / 257, labels, weights)),
    "values not finite": lambda: spoilt(lambda images, labels, weights: (images * np.nan, labels, weights)),
    "weights of the pixels": lambda: spoilt(lambda images, labels, weights: (images, labels, weights * (labels == 0))),
    "shifted labels": lambda: made(change=lambda ids: np.roll(ids, (5, 0), (0, 1))),
    "shifted labels (diagonal)": lambda: made(name="tissue", change=lambda ids: np.roll(ids, (4, 4), (0, 1))),
    "rare class": lambda: spoilt(
        lambda images, labels, weights: (images, labels * (np.arange(labels.shape[1])[:, None] < 3), weights)
    ),
    "dead units": with_dead_layer,
    "first weights": with_equal_weights,
    "rate too high": lambda: made(adam(1.0)),
    "rate too high (momentum)": lambda: made(training.paper_optimizer(1.0)),
    "rate too low": lambda: made(adam(1e-6)),
    "rate too low (momentum)": lambda: made(training.paper_optimizer(1e-6)),
}


@pytest.mark.parametrize("case", CASES)
def test_faults_are_named(case):
    fault = case.partition(" (")[0]
    found = training.examine(*CASES[case]())
    assert [row.fault for row in found.suspects] == [fault], str(found)
    assert found.suspects[0].section in str(found) and fault in str(found)


def state(model, optimizer):
    return [np.array(ops.convert_to_numpy(variable.value)) for variable in (*model.variables, *optimizer.variables)]


@pytest.mark.backends
@pytest.mark.parametrize("sick", [False, True])
def test_looking_changes_nothing(sick):
    inputs = keras.Input((92, 92, 1))
    x = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same", activation="relu")(inputs))
    model = keras.Model(inputs, layers.Conv2D(2, 1)(layers.Dropout(0.2, seed=1)(x)))
    optimizer = adam(10.0 if sick else 3e-3)
    batches = tiles(net(padding="same"))
    training.train(model, batches, 2, optimizer, callbacks=[training.ProgressBar(show=False)])
    np.random.seed(3), random.seed(3)
    before = state(model, optimizer), np.random.get_state()[1].tolist(), random.getstate()
    training.examine(model, Spoilt(batches, lambda *given: (np.random.random(), random.random(), given)[2]), optimizer)
    after = state(model, optimizer), np.random.get_state()[1].tolist(), random.getstate()
    assert all(map(np.array_equal, before[0], after[0])) and before[1:] == after[1:] and model.optimizer is optimizer
    np.random.seed(3)
    assert np.random.random() == pytest.approx(0.5507979025745755)  # the stream goes on where it was


@pytest.mark.backends
def test_a_healthy_and_a_sick_run_on_every_backend():
    model = net(1, "same")
    assert faults(model, tiles(model, seed=1), adam()) == []
    assert faults(*made(activation="softmax")) == ["soft-max twice"]


def test_what_cannot_be_examined_is_refused():
    model = net()
    with pytest.raises(ValueError, match="batches: hold no batch"):
        training.examine(model, [])
    images, labels, weights = tiles(model)[0]
    with pytest.raises(ValueError, match=r"labels of \(76, 76\) px.*crop"):
        training.examine(net(padding="same"), [(images, labels, weights)] * 4)
    with pytest.raises(ValueError, match="must have weights and one output"):
        training.examine(keras.Sequential([layers.Conv2D(2, 1)]), [(images, labels, weights)])


def test_an_examination_can_be_drawn():
    model = net()
    fig = training.examine(model, [tiles(model)[number] for number in range(4)], adam()).draw()
    assert [ax.get_title() for ax in fig.axes][0] == "a tile and the edge of its label" and len(fig.axes) == 4
    plt.close(fig)


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


def test_a_lone_spot_is_no_place():
    known, held_out = np.zeros((2, 60, 60)), np.zeros((1, 60, 60))
    known[0, 20, 31] = known[1, 40, 12] = held_out[0, 30, 30] = 1
    blur = signs.ndimage.gaussian_filter
    assert signs._sightings(known - blur(known, (0, 2, 2)), held_out - blur(held_out, (0, 2, 2))).max() < 0.5


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
