"""Laws of the soft-max and of the weighted cross entropy; oracles by brute force."""

import subprocess
import sys

import numpy as np
import pytest
from gradients import compiled, value_and_gradients

from unet_tutorial import losses
from unet_tutorial.losses import soft_max, weighted_cross_entropy, weighted_cross_entropy_loss
from unet_tutorial.rounding import assert_agree, largest_difference, rounding_bound

# soft-max and cross entropy


def energy_by_loops(labels, logits, weights):
    total = 0.0
    for place in np.ndindex(labels.shape):
        powers = [np.exp(np.float64(value)) for value in logits[place]]
        total -= weights[place] * np.log(powers[labels[place]] / sum(powers))
    return total


def random_batch(classes=3, shape=(2, 4, 5)):
    rng = np.random.default_rng(1)
    return (
        rng.integers(0, classes, shape),
        rng.normal(0, 3, (*shape, classes)).astype(np.float32),
        rng.uniform(0, 12, shape).astype(np.float32),
    )


def test_soft_max_is_its_definition_and_does_not_overflow():
    logits = random_batch()[1]
    found = soft_max(logits)
    assert found.dtype == np.float32
    assert_agree(found, np.exp(logits) / np.exp(logits).sum(-1, keepdims=True), terms=3)
    assert_agree(soft_max(logits + 5), found, terms=3, scale=np.abs(logits).max() + 5)  # adding 5 rounds the logits
    np.testing.assert_array_equal(soft_max(np.array([1e30, 0.0, -1e30])), [1, 0, 0])


@pytest.mark.parametrize(
    "logits, message",
    [
        (np.array([1, 2]), "int64"),
        (np.array([np.nan, 1.0]), r"\(2,\)"),
        (np.float64(1), r"\(\)"),
        (np.array([[np.inf, 1.0]]), r"\(1, 2\)"),
    ],
)
def test_soft_max_refuses_what_is_no_finite_map(logits, message):
    with pytest.raises(ValueError, match=f"logits.*{message}.*finite"):
        soft_max(logits)


@pytest.mark.rounding
@pytest.mark.parametrize("classes", [2, 3])
def test_cross_entropy_is_equation_1_with_a_minus_sign(classes):
    labels, logits, weights = random_batch(classes)
    expected = energy_by_loops(labels, logits, weights)
    assert expected > 0
    assert_agree(weighted_cross_entropy(labels, logits, weights, reduction="sum"), expected, logits.size)
    assert_agree(weighted_cross_entropy(labels, logits, weights), expected / labels.size, logits.size)
    plain = energy_by_loops(labels, logits, np.ones(labels.shape)) / labels.size
    assert_agree(weighted_cross_entropy(labels, logits), plain, logits.size)
    shifted = energy_by_loops(np.roll(labels, 1, axis=2), logits, weights)
    assert largest_difference(shifted, expected) > 10 * rounding_bound(logits.size, expected)


def test_cross_entropy_is_linear_in_the_weights():
    labels, logits, weights = random_batch()
    assert_agree(
        weighted_cross_entropy(labels, logits, 3 * weights),
        3 * weighted_cross_entropy(labels, logits, weights),
        logits.size,
    )
    assert float(weighted_cross_entropy(labels, logits, 0 * weights)) == 0


def test_cross_entropy_survives_a_probability_of_zero():
    energy = weighted_cross_entropy(np.array([[[0]]]), np.array([[[[-1000.0, 1000.0]]]], np.float32))
    assert float(energy) == 2000


@pytest.mark.backends
def test_gradient_is_weight_times_soft_max_minus_truth():
    from unet_tutorial._backend import keras

    labels, logits, weights = random_batch()
    variable = keras.Variable(logits)
    _, (found,) = value_and_gradients(lambda: weighted_cross_entropy(labels, variable, weights, "sum"), [variable])
    assert_agree(found, weights[..., None] * (soft_max(logits) - np.eye(3)[labels]), terms=3)


@pytest.mark.backends
def test_cross_entropy_in_a_graph_and_in_half_precision():
    from unet_tutorial._backend import keras

    labels, logits, weights = random_batch()
    in_a_graph = compiled(weighted_cross_entropy)(labels.astype(np.uint8), logits, weights)
    assert_agree(in_a_graph, weighted_cross_entropy(labels, logits, weights), logits.size)
    half = keras.ops.cast(logits, "bfloat16")
    energy = weighted_cross_entropy(labels, half, weights)
    assert keras.backend.standardize_dtype(energy.dtype) == "float32"
    assert_agree(energy, weighted_cross_entropy(labels, keras.ops.cast(half, "float32"), weights), logits.size)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"labels": np.zeros((2, 4, 5), np.float32)}, "labels of dtype float32: must be integer"),
        ({"labels": np.zeros((2, 4, 4), int)}, r"labels of shape \(2, 4, 4\) and logits of shape \(2, 4, 5, 3\).*crop"),
        ({"labels": np.full((2, 4, 5), 3)}, "labels 3 to 3: must be class numbers from 0 to 2"),
        ({"labels": np.full((2, 4, 5), -2)}, "labels -2 to -2.*or -1 where nothing is labelled"),
        ({"logits": np.zeros((2, 4, 5, 1), np.float32)}, r"\(2, 4, 5, 1\): a soft-max needs two classes"),
        ({"logits": np.float32(1)}, r"\(\): a soft-max needs two classes"),
        ({"logits": np.zeros((2, 4, 5), np.float32)}, "labels of shape"),
        ({"weights": np.ones((2, 4))}, r"weights of shape \(2, 4\) and logits"),
        ({"weights": np.full((2, 4, 5), -1.0)}, "weights -1.0 to -1.0: must be finite and >= 0"),
        ({"weights": np.where(np.arange(40).reshape(2, 4, 5) == 7, np.inf, 1)}, "weights 1.0 to inf"),
        ({"labels": np.where(np.arange(40).reshape(2, 4, 5) == 7, 9, 1)}, "labels 1 to 9"),
        ({"reduction": "none"}, "reduction 'none': must be 'mean' or 'sum'"),
    ],
)
def test_bad_arguments_of_the_cross_entropy_are_named(change, message):
    labels, logits, weights = random_batch()
    with pytest.raises(ValueError, match=message):
        weighted_cross_entropy(**{"labels": labels, "logits": logits, "weights": weights, **change})


def test_cross_entropy_of_nothing_is_refused():
    with pytest.raises(ValueError, match=r"labels of shape \(0, 4, 5\): holds no pixel"):
        weighted_cross_entropy(np.zeros((0, 4, 5), int), np.zeros((0, 4, 5, 2), np.float32))


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_loss_for_compile_is_the_same_energy(reduction):
    labels, logits, weights = random_batch()
    loss = weighted_cross_entropy_loss(reduction)
    assert_agree(
        loss(labels, logits, sample_weight=weights),
        weighted_cross_entropy(labels, logits, weights, reduction),
        logits.size,
    )
    assert_agree(loss(labels, logits), weighted_cross_entropy(labels, logits, None, reduction), logits.size)


@pytest.mark.backends
def test_loss_for_compile_takes_the_weight_map_as_sample_weight():
    from unet_tutorial._backend import keras

    labels, logits, weights = random_batch(classes=2)
    model = keras.Sequential([keras.Input((4, 5, 2)), keras.layers.Activation("linear")])
    model.compile(loss=weighted_cross_entropy_loss())
    expected = weighted_cross_entropy(labels, logits, weights)
    found = model.evaluate(logits, labels, sample_weight=weights, verbose=0)
    assert_agree(found, expected, logits.size, dtype=np.float32)
    again = keras.losses.deserialize(keras.losses.serialize(weighted_cross_entropy_loss()))
    assert_agree(again(labels, logits, sample_weight=weights), expected, logits.size)
    assert again.name == "weighted_cross_entropy"


def test_loss_for_compile_defaults_to_the_mean_and_names_a_bad_reduction():
    labels, logits, weights = random_batch()
    assert_agree(
        weighted_cross_entropy_loss()(labels, logits, weights),
        weighted_cross_entropy(labels, logits, weights, "mean"),
        logits.size,
    )
    with pytest.raises(ValueError, match="reduction 'none': must be 'mean' or 'sum'"):
        weighted_cross_entropy_loss("none")


def test_the_module_does_not_import_tensorflow():
    modules = "unet_tutorial.losses, unet_tutorial.weight_maps, unet_tutorial.augmentation"
    code = f"import sys, {modules}; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=600).returncode == 0
    assert losses.__doc__
