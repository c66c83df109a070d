"""A loop that can be stopped and resumed."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import losses
from .._shared.checks import as_positive, as_size
from .._shared.progress import tqdm
from .._tensorflow import keras, tf
from ._batches import drawn
from ._checkpoints import History, first_rate, load, save
from ._optimizers import paper_optimizer
from ._strategies import agree, compiled, is_chief, replicas, share


def train(
    model: keras.Model,
    batches: Iterator[Sequence[np.ndarray]],
    steps: int,
    optimizer: keras.optimizers.Optimizer | None = None,
    loss: Callable[..., tf.Tensor] | None = None,
    checkpoint: str | Path | None = None,
    every: float = 60.0,
    watch: Callable[[keras.Model, int], Any] | None = None,
    watch_every: int = 100,
    stop: Callable[[History], bool | None] | None = None,
    strategy: tf.distribute.Strategy | None = None,
    identity: Any = None,
    progress: bool = True,
) -> History:
    """Train until `steps` steps have been made in all, resuming from `checkpoint` where one is found.

    Parameters
    ----------
    model : keras.Model
        Trained in place.
    batches : keras.utils.PyDataset or iterable
        Of (images, labels, weights). Of a data set such as `TileBatches`, step k (from 0) takes batch k; of anything
        else, each step takes the next one.
    steps : int
        Number of the last step. A checkpoint that has made them already leaves nothing to do.
    optimizer : keras.optimizers.Optimizer, optional
        `paper_optimizer()` unless given.
    loss : callable, optional
        From (labels, outputs, weights) to a scalar; `losses.weighted_cross_entropy` unless given.
    checkpoint : str or Path, optional
        An .npz file with weights, optimizer and history, replaced as a whole, so that a killed run loses at most
        `every` seconds. Resuming gives the same numbers as a run that never stopped, if the batches have numbers. It
        keeps the learning rate that the run began with: hand in an optimizer with that rate. A rate that was lowered
        meanwhile, on a plateau, goes on; one that is computed from the step is the optimizer's own.
    every : float
        Seconds between two checkpoints.
    watch : callable, optional
        Called with (model, step) each `watch_every` steps; what it returns is kept in the history. With a checkpoint,
        these must be numbers, strings, or lists or dicts of them.
    stop : callable, optional
        Called with the history before each step; training ends early where it returns True. It must decide alike on
        every machine of a strategy.
    strategy : tf.distribute.Strategy, optional
        In whose scope the model was made (`make_strategy`). Each replica takes its share of every batch, so
        the batches must be the same on every machine. Only the first one writes the checkpoint; all of them read it.
    identity : optional
        What the checkpoint must belong to: numbers, strings, or lists or dicts of them. It is kept in the checkpoint,
        and one of another identity is refused.
    progress : bool
        Show a progress bar. The environment variable UNET_TUTORIAL_PROGRESS=0 hides it everywhere.

    Returns
    -------
    History
        The loss of each step, before its update.

    Raises
    ------
    ValueError
        The checkpoint cannot be read, is of an earlier version, or is not one of this model, optimizer and identity, or
        its run began with
        another learning rate; or the machines of a strategy found different checkpoints.
    FloatingPointError
        The loss is no longer finite: names the step, and the batch if that is to blame. The weights in memory are lost.

    Examples
    --------
    >>> import numpy as np
    >>> from unet_tutorial.model import build_unet
    >>> from unet_tutorial.training import TileBatches
    >>> model = build_unet((20, 20, 1), base_filters=2, depth=1)
    >>> batches = TileBatches(np.zeros((1, 32, 32)), np.ones((1, 32, 32), int), model)
    >>> history = train(model, batches, steps=4, watch=lambda model, step: 10 * step, watch_every=2, progress=False)
    >>> history.steps, history.watched
    (4, [(2, 20), (4, 40)])
    """
    steps, watch_every = as_size(steps, "steps", minimum=0), as_size(watch_every, "watch_every")
    every = as_positive(every, "every")
    optimizer = optimizer or paper_optimizer()
    loss = loss or losses.weighted_cross_entropy
    with strategy.scope() if strategy else contextlib.nullcontext():
        optimizer.build(model.trainable_variables)
    history, rate = History(), first_rate(optimizer)
    if checkpoint:
        checkpoint = Path(os.path.expanduser(checkpoint))
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        if checkpoint.exists():
            history, rate = load(checkpoint, model, optimizer, identity)
    if not agree(strategy, history.steps):
        raise ValueError(
            f"checkpoint {checkpoint}: has made {history.steps} steps here and others elsewhere; all "
            "machines must see one folder"
        )

    def update(images, labels, weights):
        with tf.GradientTape() as tape:
            value = loss(labels, model(images, training=True), weights) / replicas(strategy)
        gradients = tape.gradient(value, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        return value

    step = compiled(strategy, update)
    writes = checkpoint and is_chief(strategy)
    saved = before = time.monotonic()
    feed = drawn(batches, history.steps)
    with contextlib.closing(feed), tqdm(total=steps, initial=history.steps, progress=progress, unit="step") as bar:
        while history.steps < steps and not (stop and stop(history)):
            batch = next(feed)
            value = float(step(*share(strategy, batch)))
            if not np.isfinite(value):
                raise FloatingPointError(f"loss {value} at step {history.steps + 1}: {_end(batch, checkpoint)}")
            history.losses.append(value)
            if watch and history.steps % watch_every == 0:
                history.watched.append((history.steps, watch(model, history.steps)))
            bar.update()
            bar.set_postfix(loss=f"{np.mean(history.losses[-20:]):.3f}", refresh=False)
            now = time.monotonic()
            history.seconds, before = history.seconds + now - before, now
            if writes and now - saved > every:
                save(checkpoint, model, optimizer, history, identity, rate)
                saved = before = time.monotonic()
    if writes:
        save(checkpoint, model, optimizer, history, identity, rate)
    return history


def _end(batch, checkpoint):
    """Why a loss is not finite, and what to do."""
    images, _, weights = (np.asarray(array) for array in batch)
    faults = {"images": ~np.isfinite(images), "weights": ~np.isfinite(weights) | (weights < 0)}
    for name, wrong in faults.items():
        if wrong.any():
            then = f" and go on from {checkpoint}" if checkpoint else ""
            return (
                f"the {name} of the batch hold values that are NaN, infinite or, as weights, negative; mend the "
                f"batches, build the network again{then}, for its weights in memory are lost"
            )
    then = f", without {checkpoint} or with its weights (pretrained.load_weights)," if checkpoint else ""
    return (
        f"the training diverged, and the weights in memory are lost; build the network again and train it{then} "
        "with a lower learning rate"
    )
