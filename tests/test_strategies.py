"""Laws of the shares: every replica gets its own part of a batch, in order, and mistakes are named."""

import json
import types

import numpy as np
import pytest

from unet_tutorial._backend import _strategies
from unet_tutorial._backend._tensorflow import keras, tf


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
