"""Training on several devices or machines at once: each replica takes its share of a batch, gradients are added."""

import json
import os
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from .._tensorflow import tf

STRATEGIES = ("mirrored", "multiworker")


def make_strategy(name: Literal["mirrored", "multiworker"] | None) -> tf.distribute.Strategy | None:
    """A `tf.distribute` strategy. Call this before anything else that uses TensorFlow.

    Parameters
    ----------
    name : {"mirrored", "multiworker"} or None
        All devices of this machine; or the machines that the environment variable TF_CONFIG lists. None for neither.

    Returns
    -------
    tf.distribute.Strategy or None

    Raises
    ------
    ValueError
        An unknown name; or "multiworker" without a TF_CONFIG that lists workers.

    Examples
    --------
    >>> strategy = make_strategy("mirrored")  # doctest: +SKIP
    >>> with strategy.scope():  # doctest: +SKIP
    ...     model = build_unet()  # then train(model, batches, steps, strategy=strategy)
    >>> make_strategy(None) is None  # so one script does both
    True
    """
    if name is None:
        return None
    if name == "mirrored":
        return tf.distribute.MirroredStrategy()
    if name != "multiworker":
        raise ValueError(f"strategy {name!r}: must be one of {', '.join(STRATEGIES)}")
    text = os.environ.get("TF_CONFIG", "")
    try:
        setting = json.loads(text)
        workers, index = setting["cluster"]["worker"], setting["task"]["index"]
        if set(setting["cluster"]) != {"worker"} or setting["task"].get("type") != "worker":
            raise ValueError("workers only")
        if not 0 <= index < len(workers):
            raise IndexError(index)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ValueError(
            f'TF_CONFIG {text!r}: must be like {{"cluster": {{"worker": ["host:port", "host:port"]}}, '
            '"task": {"type": "worker", "index": 0}}, with an index of its own for each worker'
        ) from error
    return tf.distribute.MultiWorkerMirroredStrategy()


def replicas(strategy: tf.distribute.Strategy | None) -> int:
    """In how many parts a batch is trained on at once.

    Examples
    --------
    >>> 4 * replicas(None)  # size of a batch in which each replica gets 4 tiles
    4
    """
    return strategy.num_replicas_in_sync if strategy else 1


def is_chief(strategy: tf.distribute.Strategy | None) -> bool:
    """Whether this process writes what only one may write: the first worker, or the only one.

    Examples
    --------
    >>> if is_chief(None):  # without a strategy there is no other
    ...     print("the weights are saved here")
    the weights are saved here
    """
    cluster = getattr(strategy, "cluster_resolver", None)
    return cluster is None or not cluster.task_id


def share(strategy: tf.distribute.Strategy | None, arrays: Sequence[np.ndarray]) -> list[Any]:
    """Cut the first axis of arrays into one part for each replica; the same arrays must be given on every machine.

    Examples
    --------
    >>> import numpy as np
    >>> images, labels = share(None, [np.zeros((3, 20, 20, 1)), np.ones((3, 4, 4))])  # one replica takes it all
    >>> images.shape.as_list(), labels.shape.as_list()
    ([3, 20, 20, 1], [3, 4, 4])
    """
    if strategy is None:
        return [tf.constant(array) for array in arrays]
    count = replicas(strategy)
    if len(arrays[0]) % count:
        raise ValueError(f"batch of {len(arrays[0])}: cannot be shared by {count} replicas; take a multiple of {count}")

    def part(array):
        size = len(array) // count
        return strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(array[size * context.replica_id_in_sync_group :][:size])
        )

    return [part(array) for array in arrays]


def agree(strategy, number):
    """Whether all machines of a strategy hold the same number."""
    if strategy is None:
        return True
    total = strategy.reduce("SUM", strategy.run(lambda: tf.constant(float(number))), axis=None)
    return float(total) == number * replicas(strategy)


def compiled(strategy: tf.distribute.Strategy | None, update: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
    """Make one graph of an update that returns a scalar; with a strategy, the sum over the replicas.

    Examples
    --------
    >>> import tensorflow as tf
    >>> step = compiled(None, lambda values, weights: tf.reduce_sum(values * weights))
    >>> float(step(tf.constant([1.0, 2.0]), tf.constant([3.0, 4.0])))
    11.0
    """

    def whole(*parts):
        if strategy is None:
            return update(*parts)
        return strategy.reduce("SUM", strategy.run(update, parts), axis=None)

    return tf.function(whole, autograph=False, reduce_retracing=True)
