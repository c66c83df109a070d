"""Training on several devices or machines at once: each replica takes its share of a batch, gradients are added."""

import json
import os

from .._tensorflow import tf

STRATEGIES = ("mirrored", "multiworker")


def make_strategy(name):
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


def replicas(strategy):
    """In how many parts a batch is trained on at once."""
    return strategy.num_replicas_in_sync if strategy else 1


def is_chief(strategy):
    """Whether this process writes what only one may write: the first worker, or the only one."""
    cluster = getattr(strategy, "cluster_resolver", None)
    return cluster is None or not cluster.task_id


def share(strategy, arrays):
    """Cut the first axis of arrays into one part for each replica; the same arrays must be given on every machine."""
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


def compiled(strategy, update):
    """Make one graph of an update that returns a scalar; with a strategy, the sum over the replicas."""

    def whole(*parts):
        if strategy is None:
            return update(*parts)
        return strategy.reduce("SUM", strategy.run(update, parts), axis=None)

    return tf.function(whole, autograph=False, reduce_retracing=True)
