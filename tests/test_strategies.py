"""Laws of the shares: every replica gets its own part of a batch, in order, and mistakes are named."""

import json
import os
import subprocess
import sys
import types

import numpy as np
import pytest

from unet_tutorial._backend import _strategies
from unet_tutorial._backend._tensorflow import keras, tf
from unet_tutorial.experiments import timing


class Replicas:
    """Stands for a strategy: hands each replica of one process its part."""

    def __init__(self, count):
        self.num_replicas_in_sync = count

    def experimental_distribute_values_from_function(self, function):
        return [
            function(types.SimpleNamespace(replica_id_in_sync_group=index))
            for index in range(self.num_replicas_in_sync)
        ]


def test_parts_in_order_make_the_batch_again():
    batch = np.arange(12).reshape(6, 2), np.arange(6.0)
    for count in (1, 2, 3, 6):
        for array, parts in zip(batch, _strategies.share(Replicas(count), batch)):
            assert len(parts) == count and len({len(part) for part in parts}) == 1
            np.testing.assert_array_equal(np.concatenate(parts), array)


def test_without_a_strategy_nothing_is_shared():
    array = np.arange(3)
    np.testing.assert_array_equal(_strategies.share(None, [array])[0], array)
    assert _strategies.replicas(None) == 1 and _strategies.is_chief(None) and _strategies.make_strategy(None) is None


def test_a_batch_that_does_not_divide_is_refused():
    with pytest.raises(ValueError, match="batch of 3: cannot be shared by 2 replicas"):
        _strategies.share(Replicas(2), [np.zeros(3)])


def test_one_device_mirrored_computes_what_no_strategy_computes():
    strategy = _strategies.make_strategy("mirrored")
    parts = [np.array([1.0, 2.0], np.float32)]
    values = [
        float(_strategies.compiled(chosen, lambda x: tf.reduce_sum(x * x))(*_strategies.share(chosen, parts)))
        for chosen in (None, strategy)
    ]
    assert values == [5.0, 5.0] and _strategies.replicas(strategy) == 1 and _strategies.is_chief(strategy)


def test_the_total_is_the_number_of_every_replica_together():
    strategy = _strategies.make_strategy("mirrored")
    assert _strategies.total(strategy, 7) == 7 == _strategies.total(None, 7)


def test_the_strategy_of_a_model_is_the_one_it_was_made_in():
    strategy = _strategies.make_strategy("mirrored")
    with strategy.scope():
        inside = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    outside = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    assert _strategies.strategy_of(inside) is strategy and _strategies.strategy_of(outside) is None


@pytest.mark.parametrize("task_id, chief", [(0, True), (None, True), (1, False)])
def test_only_the_first_worker_is_the_chief(task_id, chief):
    cluster = types.SimpleNamespace(cluster_resolver=types.SimpleNamespace(task_id=task_id))
    assert _strategies.is_chief(cluster) == chief


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        json.dumps({"cluster": {"worker": ["a:1"]}}),
        json.dumps({"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}),
        json.dumps({"cluster": {"worker": ["a:1"], "chief": ["b:1"]}, "task": {"type": "worker", "index": 0}}),
        json.dumps({"cluster": {"worker": ["a:1"]}, "task": {"type": "chief", "index": 0}}),
    ],
)
def test_a_cluster_that_is_not_described_is_refused(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match="TF_CONFIG .*an index of its own"):
        _strategies.make_strategy("multiworker")


def test_an_unknown_strategy_is_named():
    with pytest.raises(ValueError, match="strategy 'ring': must be one of mirrored, multiworker"):
        _strategies.make_strategy("ring")


ONE_STOPS = """
import json, os, sys
from unet_tutorial import training
from unet_tutorial._backend import keras
from unet_tutorial.experiments.timing import noise
from unet_tutorial.model import build_unet

class StopsHere(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if int(sys.argv[1]) and self.params["history"].steps == 3:
            self.model.stop_training = True

strategy = training.make_strategy("multiworker")
training.set_seed(0)
with strategy.scope():
    model, optimizer = build_unet((20, 20, 1), base_filters=2, depth=1), training.paper_optimizer()
callbacks = [training.Checkpoint(sys.argv[2]), StopsHere(), training.ProgressBar(show=False)]
history = training.train(model, noise(model, 2), 8, optimizer, callbacks=callbacks)
print(json.dumps([history.steps, history.losses, os.path.exists(sys.argv[2])]))
"""


def test_what_stops_one_worker_stops_all_and_only_the_first_writes(tmp_path):
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", ONE_STOPS, str(index), str(tmp_path / f"{index}.npz")],
            env=os.environ | setting | {"CUDA_VISIBLE_DEVICES": "-1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index, setting in enumerate(timing._cluster(2))
    ]
    try:
        said = [worker.communicate(timeout=300) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    assert [worker.returncode for worker in workers] == [0, 0], said
    first, second = (json.loads(out.splitlines()[-1]) for out, _ in said)
    assert first[:2] == second[:2] and first[0] == 3  # the second worker's callback has stopped both
    assert (first[2], second[2]) == (True, False)
