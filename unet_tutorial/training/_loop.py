"""A loop over steps that calls Keras's callbacks, and that can be stopped and resumed."""

import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from .. import losses
from .._backend import is_chief, keras, make_step, replicas, strategy_of, total
from .._shared.checks import as_size
from ._batches import drawn
from ._callbacks import ProgressBar
from ._checkpoints import Checkpoint
from ._history import History
from ._optimizers import paper_optimizer


def train(
    model: keras.Model,
    batches: Iterable[Sequence[np.ndarray]],
    steps: int,
    optimizer: keras.optimizers.Optimizer | None = None,
    loss: Callable[..., Any] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    epoch: int = 100,
) -> History:
    """Train until `steps` steps have been made in all.

    What `fit` does, with a loss that may see the weight map, steps in place of epochs as the measure, and runs that go
    on after a stop. A model that was made in the scope of a strategy (`make_strategy`) is trained on all its replicas:
    each takes its share of every batch, so that the batches must be the same on every machine.

    Parameters
    ----------
    model : keras.Model
        Trained in place.
    batches : keras.utils.PyDataset or iterable
        Of (images, labels, weights). Of a data set such as `TileBatches`, step k (from 0) takes batch k; of anything
        else, each step takes the next one.
    steps : int
        Number of the last step.
    optimizer : keras.optimizers.Optimizer, optional
        `paper_optimizer()` unless given.
    loss : callable, optional
        From (labels, outputs, weights) to a scalar; `losses.weighted_cross_entropy` unless given.
    callbacks : sequence of keras.callbacks.Callback
        Keras's own, `Checkpoint`, `Budget` and `ProgressBar` of this wing, or yours. One that sets
        `model.stop_training` ends training. What one adds to the logs of an epoch, for example a validation loss, is
        seen by those after it and kept in the history.
    epoch : int
        Steps after which `on_epoch_end` is called.

    Returns
    -------
    History
        The loss of each step, before its update, and the logs of each epoch.

    Raises
    ------
    ValueError
        A number breaks its rule; there are two checkpoints, or theirs is refused (`Checkpoint`); or the machines of a
        strategy found different ones.
    FloatingPointError
        The loss is no longer finite: names the step, and the batch if that is to blame. The weights in memory are lost.

    Examples
    --------
    >>> import numpy as np
    >>> from unet_tutorial.model import build_unet
    >>> from unet_tutorial.training import TileBatches
    >>> model = build_unet((20, 20, 1), base_filters=2, depth=1)
    >>> batches = TileBatches(np.zeros((1, 32, 32)), np.ones((1, 32, 32), int), model)
    >>> count = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(number=epoch))
    >>> history = train(model, batches, steps=4, callbacks=[count], epoch=2)
    >>> history.steps, history.told("number")
    (4, [0, 1])
    """
    steps, epoch = as_size(steps, "steps", minimum=0), as_size(epoch, "epoch")
    optimizer, loss = optimizer or paper_optimizer(), loss or losses.weighted_cross_entropy
    strategy = strategy_of(model)
    with strategy.scope() if strategy else contextlib.nullcontext():
        optimizer.build(model.trainable_variables)
    savers = [callback for callback in callbacks if isinstance(callback, Checkpoint)]
    if len(savers) > 1:
        raise ValueError(f"{len(savers)} checkpoints: a run goes on from one file; give one")
    history = savers[0].read(model, optimizer, is_chief(strategy)) if savers else History()
    if total(strategy, history.steps) != history.steps * replicas(strategy):
        raise ValueError(
            f"checkpoint {savers[0].path}: has made {history.steps} steps here and others elsewhere; all machines "
            "must see one folder"
        )
    others = [callback for callback in callbacks if callback not in savers]
    bars = [callback for callback in others if isinstance(callback, ProgressBar)] or [ProgressBar()]
    others = [callback for callback in others if callback not in bars]
    model.optimizer, model.stop_training = optimizer, False  # where Keras's own callbacks look for them
    called = keras.callbacks.CallbackList(
        [*savers, *others, *bars, _Record()], model=model, steps=epoch, history=history, last=steps
    )
    step = make_step(model, loss, optimizer)
    feed = drawn(batches, history.steps)
    with contextlib.ExitStack() as ending:
        ending.callback(feed.close)
        for bar in bars:
            ending.callback(bar.close)
        called.on_train_begin()
        if savers:
            savers[0].restore(others)
        while history.steps < steps and not total(strategy, model.stop_training):
            number, batch_number = divmod(history.steps, epoch)
            if not batch_number:
                called.on_epoch_begin(number)
            called.on_train_batch_begin(batch_number)
            before = time.monotonic()
            batch = next(feed)
            value = step(batch)
            if not np.isfinite(value):
                raise FloatingPointError(f"loss {value} at step {history.steps + 1}: {_end(batch, savers)}")
            history.losses.append(value)
            called.on_train_batch_end(batch_number, {"loss": value})
            if batch_number + 1 == epoch:
                called.on_epoch_end(number, {"loss": float(np.mean(history.losses[-epoch:]))})
            history.seconds += time.monotonic() - before
        called.on_train_end()
    return history


class _Record(keras.callbacks.Callback):
    """Keeps the logs of an epoch, after all other callbacks have added theirs."""

    def on_epoch_end(self, epoch, logs=None):
        history = self.params["history"]
        history.epochs.append((history.steps, dict(logs)))


def _end(batch, savers):
    """Why a loss is not finite, and what to do."""
    images, _, weights = (np.asarray(array) for array in batch)
    faults = {"images": ~np.isfinite(images), "weights": ~np.isfinite(weights) | (weights < 0)}
    for name, wrong in faults.items():
        if wrong.any():
            then = f" and go on from {savers[0].path}" if savers else ""
            return (
                f"the {name} of the batch hold values that are NaN, infinite or, as weights, negative; mend the "
                f"batches, build the network again{then}, for its weights in memory are lost"
            )
    then = f", without {savers[0].path} or with its weights (pretrained.load_weights)," if savers else ""
    return (
        f"the training diverged, and the weights in memory are lost; build the network again and train it{then} "
        "with a lower learning rate"
    )
