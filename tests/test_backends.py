"""Laws that hold on every backend of Keras: run by `make test` on TensorFlow, and by `make test-jax` on JAX alone."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from unet_tutorial import training, weight_maps
from unet_tutorial._backend import BACKEND, keras
from unet_tutorial.datasets import synthetic_em
from unet_tutorial.model import build_unet, first_weights
from unet_tutorial.tiling import predict_tiled

pytestmark = pytest.mark.backends

# Of the run below on TensorFlow 2.21; JAX 0.10 gave them within 2e-7 of themselves.
FIRST_LOSSES = [1.1193578, 1.1194218, 1.1891899, 1.1576018, 0.9660170]


def recipe(steps=5, callbacks=()):
    """SGD on tiles and first weights that NumPy has drawn, without drop-out; the losses, and the net."""
    images, _, cells = synthetic_em(2, size=128, seed=1)
    model = first_weights(build_unet((92, 92, 1), base_filters=4, depth=2, drop_out=0.0), 3)
    tiles = training.TileBatches(images, cells, model, 2, seed=5, augment={}, weigh=weight_maps.weight_map)
    history = training.train(model, tiles, steps, training.paper_optimizer(0.01), callbacks=callbacks)
    return history.losses, model


def test_the_backend_is_the_one_that_was_asked_for():
    assert keras.backend.backend() == BACKEND == os.environ.get("KERAS_BACKEND", "tensorflow")
    assert ("tensorflow" in sys.modules) == (BACKEND == "tensorflow")


def test_the_first_five_losses_are_the_same_on_every_backend():
    losses, _ = recipe()
    assert losses == pytest.approx(FIRST_LOSSES, rel=1e-4)


def test_a_run_that_stops_and_goes_on_gives_the_numbers_of_one_that_does_not(tmp_path):
    whole, model = recipe(6)
    recipe(3, [training.Checkpoint(tmp_path / "run.npz")])
    resumed, other = recipe(6, [training.Checkpoint(tmp_path / "run.npz")])
    assert resumed == whole
    assert all(map(np.array_equal, model.get_weights(), other.get_weights()))


def test_half_precision_makes_nearly_the_same_steps_with_weights_in_full():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = first_weights(build_unet((20, 20, 1), base_filters=2, depth=1, drop_out=0.0), 0)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    full = first_weights(build_unet((20, 20, 1), base_filters=2, depth=1, drop_out=0.0), 0)
    images, _, cells = synthetic_em(1, size=64, seed=1)
    runs = [training.train(net, training.TileBatches(images, cells, net), 3).losses for net in (model, full)]
    assert model.layers[1].compute_dtype == "bfloat16" and model.trainable_variables[0].dtype == "float32"
    assert runs[0] == pytest.approx(runs[1], rel=0.05) and runs[0] != runs[1]  # 8 bits for a digit: 0.4% each time


def test_prediction_by_tiles_sees_new_weights():
    _, model = recipe(0)
    image = np.random.default_rng(0).random((70, 100))
    before = predict_tiled(model, image)
    first_weights(model, 4)
    after = predict_tiled(model, image)
    assert before.shape == after.shape == (70, 100, 2) and np.abs(before - after).max() > 0.01
    assert np.allclose(after.sum(axis=-1), 1, atol=1e-5)


def imports(tmp_path, hidden, **environment):
    """What the import of the package says where the backends that are named are not installed."""
    code = f"""
        import importlib.util
        found = importlib.util.find_spec
        importlib.util.find_spec = lambda name, *rest: None if name in {hidden!r} else found(name, *rest)
        import unet_tutorial.model
    """
    kept = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=kept | environment, capture_output=True, text=True
    )
    return run.stderr.strip().splitlines()[-1]


def test_without_a_backend_the_import_says_what_to_install(tmp_path):
    words = imports(tmp_path, ("tensorflow", "jax"))
    assert 'neither TensorFlow nor JAX is installed: pip install "unet-tutorial[tensorflow]"' in words
    absent = {"tensorflow": "jax", "jax": "tensorflow"}[BACKEND]
    words = imports(tmp_path, (absent,), KERAS_BACKEND=absent)
    assert f"KERAS_BACKEND '{absent}': is not installed; pip install \"unet-tutorial[{absent}]\"" in words
    assert "KERAS_BACKEND 'torch': must be one of tensorflow, jax" in imports(tmp_path, (), KERAS_BACKEND="torch")


@pytest.mark.skipif(BACKEND != "jax", reason="of JAX")
def test_strategies_are_tensorflow_s_and_say_so():
    with pytest.raises(ValueError, match="strategy 'mirrored': is TensorFlow's, and Keras runs on JAX"):
        training.make_strategy("mirrored")
    assert training.make_strategy(None) is None
