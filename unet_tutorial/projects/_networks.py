"""A plan made into networks, and the networks trained: the one place that calls `training.train`."""

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .. import pretrained, tiling, training, weight_maps
from .._backend import keras
from .._shared.checks import UNLABELLED
from ..model import build_unet, first_weights, resize_unet
from ._grey import scaled
from ._pairs import Pair
from ._plan import REST, ROUND, WIDE, Plan
from ._sizes import larger, smaller, smaller_pair

MEASURED = 20  # steps
SHIPPED = {"small": pretrained.SMALL, "nuclei": pretrained.NUCLEI}
LOOKS = 15  # at the validation loss
FLIPS = ((), (0,), (1,), (0, 1))
START = 0.75  # of the columns of a single image train, the others validate


class Weights:
    """Weights of a tile from its ids: class balance of the set, and the border term; 0 where nothing was drawn."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.balance = np.array(plan.balance, np.float32)

    def __call__(self, ids: np.ndarray) -> NDArray[np.float32]:
        drawn = ids != UNLABELLED
        cells = np.where(drawn, ids, 0)
        weights = self.balance[(cells > 0).astype(int)]
        if self.plan.w0:
            weights = weights + weight_maps.border_weight_map(cells, self.plan.w0, self.plan.sigma)
        return weights * drawn


def targets(pair: Pair) -> NDArray[np.int32]:
    """Ids to train on, of a pair as the networks see it.

    A border is opened between those that touch; what was not labelled has an id of its own.
    """
    assert pair.ids is not None and pair.ignored is not None
    separated = weight_maps.separate_touching(pair.ids)
    return np.where(pair.ignored, UNLABELLED, separated).astype(np.int32)


def divide(plan: Plan, pairs: Sequence[Pair], fold: int) -> tuple[list[Pair], list[Pair]]:
    """The pairs that train network `fold` and those that validate it. A single image is cut in two."""
    names = set(plan.folds[fold])
    train = [pair for pair in pairs if pair.name not in names]
    validation = [pair for pair in pairs if pair.name in names]
    if train:
        return train, validation
    return tuple([_columns(pair, side) for pair in pairs] for side in (0, 1))  # type: ignore[return-value]


def build(plan: Plan, fold: int = 0, sides: int | None = None) -> keras.Model:
    """A network as the plan says, with its first weights; `sides` is that of the input, open unless given."""
    model = build_unet((sides, sides, 1), base_filters=plan.filters, depth=plan.depth)
    first_weights(model, plan.seed + fold)
    if plan.start in SHIPPED:
        pretrained.load_weights(model, SHIPPED[plan.start])
    elif plan.start != "none":
        pretrained.load_weights(model, Path(plan.start).expanduser() / "network-0.npz")
    return model


def train_network(
    plan: Plan, pairs: Sequence[Pair], fold: int, folder: str | Path, progress: bool = True
) -> tuple[keras.Model, list[list[float]]]:
    """Train one network of a plan, or go on where it was stopped; the weights of the least validation loss count.

    Returns
    -------
    model : keras.Model
        With open sides. Its weights lie in `folder`/network-FOLD.npz.
    curve : list of [step, loss]
        On the validation images.
    """
    training.set_seed(plan.seed + fold)
    train, validation = (_seen(plan, part) for part in divide(plan, pairs, fold))
    folder = Path(folder)
    path = folder / f"network-{fold}.npz"
    model = build(plan, fold, plan.tile)
    opened = resize_unet(model, (None, None, 1))
    validation_loss = _Validation(plan, validation, opened, path)
    identity = {name: value for name, value in dataclasses.asdict(plan).items() if name != "reasons"} | {"fold": fold}
    checkpoint = training.Checkpoint(folder / f"training-{fold}.npz", identity=identity)
    callbacks = [checkpoint, validation_loss, training.ProgressBar(progress)]
    history = _loop(plan, model, train, plan.steps, callbacks, max(ROUND, plan.steps // LOOKS // ROUND * ROUND))
    curve = [[step, logs["val_loss"]] for step, logs in history.epochs]
    if not curve or curve[-1][0] < plan.steps:
        curve.append([plan.steps, validation_loss.look()])
    pretrained.load_weights(model, path)
    checkpoint.path.unlink(missing_ok=True)
    return opened, curve


def with_steps(plan: Plan, pairs: Sequence[Pair], minutes: float) -> Plan:
    """The plan with filters and steps for the minutes that there are, from steps that are measured here and now."""
    left = 60 * REST * minutes / len(plan.folds)
    filters = plan.filters
    seconds = _seconds(plan, pairs)
    while "filters" not in plan.reasons or plan.reasons["filters"] != "set by hand":
        if plan.start != "none" or filters >= 64 or left / seconds < 3 * WIDE:
            break
        wider = dataclasses.replace(plan, filters=2 * filters)
        slower = _seconds(wider, pairs)
        if left / slower < WIDE:
            break
        filters, seconds, plan = 2 * filters, slower, wider
    steps = max(ROUND, int(left / seconds) // ROUND * ROUND)
    shared = f" for each of {len(plan.folds)} networks" if len(plan.folds) > 1 else ""
    why = (
        f"{MEASURED} steps took {seconds:.2f} s each: {REST:.0%} of {minutes:g} minutes{shared}; the rest is validation"
    )
    reasons = dict(plan.reasons)
    if filters > 8:
        reasons["filters"] = f"the minutes leave {steps} steps with {filters} filters, at least {WIDE}"
    return dataclasses.replace(plan, steps=steps, reasons={**reasons, "steps": why})


def probability(networks: Sequence[keras.Model], image: np.ndarray, shrink: int = 1) -> NDArray[np.float32]:
    """Probability of an object in an image of any size: the mean of four predictions, one for each flip of the image.

    The flips are shared by the networks in turn, so that four networks cost as much as one.

    Parameters
    ----------
    networks : sequence of keras.Model
        With open sides.
    image : (H, W) float32 array
        Grey values in 0..1.
    shrink : int
        The networks see the image so many times smaller.
    """
    shape, image = image.shape, smaller(image, shrink)
    total = np.zeros(image.shape, np.float32)
    looks = max(len(FLIPS), len(networks))
    for number in range(looks):
        axes = FLIPS[number % len(FLIPS)]
        predicted = tiling.predict_tiled(networks[number % len(networks)], np.flip(image, axes))[..., 1]
        total += np.flip(predicted, axes)
    return larger(total / np.float32(looks), shrink, shape)


def _loop(plan, model, pairs, steps, callbacks, epoch=1):
    """All that this wing asks of `training.train`."""
    batches = training.TileBatches(
        [pair.image for pair in pairs],
        [targets(pair) for pair in pairs],
        model,
        plan.batch_size,
        seed=plan.seed,
        augment={},
        weigh=Weights(plan),
    )
    rate = keras.optimizers.schedules.CosineDecay(plan.learning_rate, max(plan.steps, 1))
    return training.train(model, batches, steps, keras.optimizers.Adam(rate), callbacks=callbacks, epoch=epoch)


class _Validation(keras.callbacks.Callback):
    """Weighted cross entropy of whole images that do not train; keeps the weights of the lowest one in a file."""

    def __init__(self, plan, pairs, opened, path):
        super().__init__()
        weigh, maps = Weights(plan), [targets(pair) for pair in pairs]
        self.images = [pair.image for pair in pairs]
        self.objects, self.weights = [ids > 0 for ids in maps], [weigh(ids) for ids in maps]
        self.opened, self.path, self.lowest = opened, path, np.inf

    def on_epoch_end(self, epoch, logs=None):
        logs["val_loss"] = self.look()

    def look(self):
        """The loss now."""
        loss = self.loss()
        if loss < self.lowest:
            self.lowest = loss
            pretrained.save_weights(self.opened, self.path)
        return loss

    def loss(self):
        energy = pixels = 0.0
        for image, objects, weights in zip(self.images, self.objects, self.weights):
            inside = tiling.predict_tiled(self.opened, image)[..., 1]
            right = np.where(objects, inside, 1 - inside)
            energy -= float((weights * np.log(np.maximum(right, 1e-7))).sum())
            pixels += right.size
        return energy / pixels


def _seen(plan, pairs):
    """The pairs as the networks see them: grey values in 0..1, and smaller."""
    return [smaller_pair(pair, scaled(pair.image, plan.scaling), plan.shrink) for pair in pairs]


def _columns(pair, side):
    """The left or the right part of a pair."""
    assert pair.ids is not None and pair.ignored is not None
    cut = round(START * pair.image.shape[1])
    part = np.s_[:, :cut] if side == 0 else np.s_[:, cut:]
    return dataclasses.replace(pair, image=pair.image[part], ids=pair.ids[part], ignored=pair.ignored[part])


def _seconds(plan, pairs):
    """Median time of a step."""
    times = []
    model = build(plan, 0, plan.tile)
    clock = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: times.append(time.monotonic()))
    _loop(plan, model, _seen(plan, pairs), MEASURED + 3, [clock, training.ProgressBar(show=False)])
    return float(np.median(np.diff(times[2:])))
