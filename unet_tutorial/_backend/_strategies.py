"""Training on several devices or machines at once: each replica takes its share of a batch, gradients are added.

The work is done by `tf.distribute`, so all of this needs TensorFlow; without a strategy, nothing here is needed.
"""

import json
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

STRATEGIES = ("mirrored", "multiworker")


def make_strategy(name: Literal["mirrored", "multiworker"] | None) -> "tf.distribute.Strategy | None":
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
        An unknown name; Keras runs on JAX; or "multiworker" without a TF_CONFIG that lists workers.

    Examples
    --------
    >>> strategy = make_strategy("mirrored")  # doctest: +SKIP
    >>> with strategy.scope():  # doctest: +SKIP
    ...     model = build_unet()  # then train(model, batches, steps) shares each batch
    >>> make_strategy(None) is None  # so one script does both
    True
    """
    if name is None:
        return None
    if name not in STRATEGIES:
        raise ValueError(f"strategy {name!r}: must be one of {', '.join(STRATEGIES)}")
    if os.environ.get("KERAS_BACKEND") == "jax":
        raise ValueError(
            f"strategy {name!r}: is TensorFlow's, and Keras runs on JAX here; start with "
            "KERAS_BACKEND=tensorflow, or train without a strategy"
        )
    import tensorflow as tf

    if name == "mirrored":
        return tf.distribute.MirroredStrategy()
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


def strategy_of(model: "keras.Model") -> "tf.distribute.Strategy | None":
    """The strategy in whose scope a model was made; None for none."""
    if os.environ.get("KERAS_BACKEND") == "jax":
        return None
    import tensorflow as tf

    found = model.distribute_strategy  # without one, the strategy of here and now
    return found if found is not tf.distribute.get_strategy() or tf.distribute.has_strategy() else None


def replicas(strategy: "tf.distribute.Strategy | None") -> int:
    """In how many parts a batch is trained on at once.

    Examples
    --------
    >>> 4 * replicas(None)  # size of a batch in which each replica gets 4 tiles
    4
    """
    return strategy.num_replicas_in_sync if strategy else 1


def is_chief(strategy: "tf.distribute.Strategy | None") -> bool:
    """Whether this process writes what only one may write: the first worker, or the only one.

    Examples
    --------
    >>> if is_chief(None):  # without a strategy there is no other
    ...     print("the weights are saved here")
    the weights are saved here
    """
    cluster = getattr(strategy, "cluster_resolver", None)
    return cluster is None or not cluster.task_id


def share(strategy: "tf.distribute.Strategy | None", arrays: Sequence[np.ndarray]) -> list[Any]:
    """Cut the first axis of arrays into one part for each replica; the same arrays must be given on every machine.

    Examples
    --------
    >>> import numpy as np
    >>> images, labels = share(None, [np.zeros((3, 20, 20, 1)), np.ones((3, 4, 4))])  # one replica takes it all
    >>> images.shape.as_list(), labels.shape.as_list()
    ([3, 20, 20, 1], [3, 4, 4])
    """
    import tensorflow as tf

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


def total(strategy: "tf.distribute.Strategy | None", number: float) -> float:
    """Sum of a number over the replicas of a strategy, where each machine may hold another.

    Examples
    --------
    >>> total(None, 3.0)
    3.0
    """
    if strategy is None:
        return float(number)
    import tensorflow as tf

    return float(strategy.reduce("SUM", strategy.run(lambda: tf.constant(float(number))), axis=None))


def compiled(
    strategy: "tf.distribute.Strategy | None", update: "Callable[..., tf.Tensor]"
) -> "Callable[..., tf.Tensor]":
    """Make one graph of an update that returns a scalar; with a strategy, the sum over the replicas.

    Examples
    --------
    >>> import tensorflow as tf
    >>> step = compiled(None, lambda values, weights: tf.reduce_sum(values * weights))
    >>> float(step(tf.constant([1.0, 2.0]), tf.constant([3.0, 4.0])))
    11.0
    """

    import tensorflow as tf

    def whole(*parts):
        if strategy is None:
            return update(*parts)
        return strategy.reduce("SUM", strategy.run(update, parts), axis=None)

    return tf.function(whole, autograph=False, reduce_retracing=True)
