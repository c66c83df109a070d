"""From slices to a trained net: tiles, the paper's recipe and a faster one, a loop that can be stopped and resumed."""

import contextlib
import dataclasses
import itertools
import json
import os
import time
import zipfile
from pathlib import Path

import numpy as np
from scipy import ndimage

from . import augmentation, geometry, losses, strategies
from ._progress import tqdm
from ._tensorflow import keras, tf
from .checks import (
    as_cells,
    as_grey_values,
    as_positive,
    as_size,
    as_slices,
    one_id_for_all,
    same_shape,
    spelled,
    trusted,
    warn,
)
from .model import unet_depth, unet_padding


def set_seed(seed):
    """Seed NumPy's, Python's and TensorFlow's generators and make TensorFlow's operations deterministic.

    Two runs with one seed on one machine then give the same numbers, bit for bit. Another processor may round
    differently.
    """
    keras.utils.set_random_seed(as_size(seed, "seed", minimum=0))
    tf.config.experimental.enable_op_determinism()


def paper_optimizer(learning_rate=1e-3):
    """Stochastic gradient descent with momentum 0.99 (section 3). The paper does not give the learning rate."""
    return keras.optimizers.SGD(as_positive(learning_rate, "learning_rate", zero=False), momentum=0.99)


def fast_optimizer(learning_rate=1e-3):
    """Adam: not the paper's, but useful after a hundred steps rather than after thousands."""
    return keras.optimizers.Adam(as_positive(learning_rate, "learning_rate", zero=False))


def bfloat16_pays(size=64, channels=32, repeats=5):
    """Whether a convolution and its gradient run faster in bfloat16 than in float32 on this processor.

    Returns
    -------
    bool
        False where bfloat16 is slower, or where its convolutions raise an error.
    """

    def seconds(dtype):
        x = tf.cast(tf.random.stateless_normal((1, size, size, channels), (1, 2)), dtype)
        kernel = tf.Variable(tf.cast(tf.random.stateless_normal((3, 3, channels, channels), (3, 4)), dtype))

        @tf.function
        def step():
            with tf.GradientTape() as tape:
                value = tf.reduce_sum(tf.nn.conv2d(x, kernel, 1, "VALID"))
            return tape.gradient(value, kernel)

        step()
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            step().numpy()
            times.append(time.perf_counter() - start)
        return min(times)

    try:
        return seconds(tf.bfloat16) < 0.8 * seconds(tf.float32)
    except tf.errors.OpError:
        return False


def use_fast_precision():
    """Set Keras's policy to mixed_bfloat16 where the processor gains by it, else leave float32. Returns its name."""
    policy = "mixed_bfloat16" if bfloat16_pays() else "float32"
    keras.mixed_precision.set_global_policy(policy)
    return policy


class TileBatches:
    """Endless batches of random tiles, cut, deformed and weighted as section 3 describes.

    Parameters
    ----------
    images : (N, H, W) float array, or a list of N (H, W) float arrays
        Grey values in 0..1 (up to 1e-6 outside is taken for rounding). Slices in a list may differ in size.
    cells : (N, H, W) int array, or a list of N (H, W) int arrays
        Instance ids or labels; 0 is background. The target is `cells > 0`.
    model : keras.Model
        From `build_unet`, with one or two outputs: gives the padding, and the size of the tile where that is fixed.
    batch_size : int
        1 in the paper, which prefers large tiles to large batches.
    tile : int, optional
        Side of the input tile where the model leaves it open.
    seed : int
        Of the generator behind tiles and deformations.
    augment : dict or None
        Keywords of `augmentation.augment`, for example {"elastic": False}; {} takes its defaults, None only cuts.
    weigh : callable, optional
        From the (h, w) ids of the output tile to its (h, w) weights, for example `losses.weight_map`. Computed after
        the deformation. All ones unless given.

    Yields
    ------
    images : (B, tile, tile, 1) float32
    labels : (B, out, out) int32
    weights : (B, out, out) float32

    Raises
    ------
    ValueError
        An argument breaks its rule; the numbers or the sizes of images and maps differ; the model has more than two
        outputs. While iterating: `weigh` gave weights of another shape, negative or not finite ones.

    Warns
    -----
    UserWarning
        Of each map of `cells` that is probably a mask and not a map of ids: a uint8 map with 255 and grey edges; or one
        id alone on several pieces, where `weigh` gives other weights once each piece has an id of its own.
    """

    def __init__(self, images, cells, model, batch_size=1, tile=None, seed=0, augment=None, weigh=None):
        images, cells = as_slices(images, "images"), as_slices(cells, "cells")
        if len(images) != len(cells):
            raise ValueError(f"{len(images)} images and {len(cells)} maps of cells: one map for each image")
        if len({*model.input_shape[1:3], tile} - {None}) != 1:
            raise ValueError(
                f"model with the input {model.input_shape} and tile {tile}: must agree on one side of a "
                "square; give `tile` where the model leaves its sides open, and only there"
            )
        tile = next(side for side in (*model.input_shape[1:3], tile) if side is not None)
        self.tile = as_size(tile, "tile")
        self.out = geometry.output_size(self.tile, unet_depth(model), unet_padding(model))
        if model.output_shape[-1] > 2:
            raise ValueError(
                f"model with {model.output_shape[-1]} outputs: TileBatches makes labels of 0 and 1, so "
                "the other classes would never be learnt; take build_unet(classes=2), or give `train` batches "
                "of your own"
            )
        self.margin = (self.tile - self.out) // 2
        self.batch_size = as_size(batch_size, "batch_size")
        self.augment, self.weigh = augment, weigh
        self.rng = np.random.default_rng(as_size(seed, "seed", minimum=0))
        self._pairs = []
        for index, (image, ids) in enumerate(zip(images, cells)):
            names = f"images[{index}]", f"cells[{index}]"
            image, ids = as_grey_values(image, names[0], grey=True), as_cells(ids, names[1])
            same_shape(image, ids, names)
            missing = [max(0, self.out - side) for side in image.shape]
            padding = tuple((self.margin + m // 2, self.margin + m - m // 2) for m in missing)
            self._pairs.append((np.pad(image, padding, "reflect"), np.pad(ids, padding, "reflect")))
            if weigh and one_id_for_all(ids) and self._would_tell_apart(self._pairs[-1][1]):
                warn(
                    f"{names[1]}: holds one id for several pieces, which `weigh` would tell apart by their ids; it is "
                    "probably a label, and the border term is then 0 everywhere: number the cells with "
                    f"scipy.ndimage.label({names[1]})[0]"
                )

    def __iter__(self):
        return self

    def __next__(self):
        with trusted():
            tiles = [self._tile() for _ in range(self.batch_size)]
        images, labels, weights = (np.stack(parts) for parts in zip(*tiles))
        return images[..., None], labels, weights

    def _tile(self):
        image, ids = self._pairs[self.rng.integers(len(self._pairs))]
        top, left = (self.rng.integers(side - self.tile + 1) for side in image.shape)
        window = np.s_[top : top + self.tile, left : left + self.tile]
        image, ids = image[window], ids[window]
        if self.augment is not None:
            image, ids = augmentation.augment(image, ids, self.rng, **self.augment)
        inner = np.s_[self.margin : self.margin + self.out, self.margin : self.margin + self.out]
        ids = ids[inner]
        return image, (ids > 0).astype(np.int32), self._weights(ids)

    def _weights(self, ids):
        if self.weigh is None:
            return np.ones(ids.shape, np.float32)
        weights = np.asarray(self.weigh(ids)).astype(np.float32)
        if weights.shape != ids.shape:
            raise ValueError(
                f"weigh: gave weights of shape {weights.shape} for ids of shape {ids.shape}; must be one for each pixel"
            )
        wrong = ~(np.isfinite(weights) & (weights >= 0))
        if wrong.any():
            raise ValueError(
                f"weigh: gave {int(wrong.sum())} weights that are negative, NaN or infinite, first "
                f"{weights[wrong][0]}; must be finite and >= 0"
            )
        return weights

    def _would_tell_apart(self, ids):
        """Whether `weigh` gives some tile of a map other weights once each piece has an id of its own."""
        ids = ids[tuple(slice(self.margin, side - self.margin) for side in ids.shape)]
        pieces = ndimage.label(ids > 0, np.ones((3, 3)))[0]
        places = ([*range(0, side - self.out, self.out), side - self.out] for side in ids.shape)
        with trusted(), contextlib.suppress(Exception):  # what takes labels only refuses the pieces
            for row, column in itertools.product(*places):
                window = np.s_[row : row + self.out, column : column + self.out]
                if not np.allclose(self.weigh(ids[window]), self.weigh(pieces[window]), equal_nan=True):
                    return True
        return False


@dataclasses.dataclass
class History:
    """What a training run leaves behind: the loss of each step, and whatever `watch` returned, with its step.

    `seconds` is the time that steps and watching took, all sittings together, without what a killed one lost.
    """

    losses: list = dataclasses.field(default_factory=list)
    watched: list = dataclasses.field(default_factory=list)
    seconds: float = 0.0

    @property
    def steps(self):
        return len(self.losses)


def train(
    model,
    batches,
    steps,
    optimizer=None,
    loss=None,
    checkpoint=None,
    every=60.0,
    watch=None,
    watch_every=100,
    stop=None,
    strategy=None,
    identity=None,
    progress=True,
):
    """Train until `steps` steps have been made in all, resuming from `checkpoint` where one is found.

    Parameters
    ----------
    model : keras.Model
        Trained in place.
    batches : iterator
        Yields (images, labels, weights), as `TileBatches` does.
    steps : int
        Number of the last step. A checkpoint that has made them already leaves nothing to do.
    optimizer : keras.optimizers.Optimizer, optional
        `paper_optimizer()` unless given.
    loss : callable, optional
        From (labels, outputs, weights) to a scalar; `losses.weighted_cross_entropy` unless given.
    checkpoint : str or Path, optional
        An .npz file with weights, optimizer, history and the state of the batches' generator, replaced as a whole, so
        that a killed run loses at most `every` seconds. Resuming gives the same numbers as a run that never stopped. It
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
        In whose scope the model was made (`strategies.make_strategy`). Each replica takes its share of every batch, so
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
        The checkpoint cannot be read, or is not one of this model, optimizer and identity, or its run began with
        another learning rate; or the machines of a strategy found different checkpoints.
    FloatingPointError
        The loss is no longer finite: names the step, and the batch if that is to blame. The weights in memory are lost.

    Warns
    -----
    UserWarning
        The checkpoint is of an earlier version, which did not keep the first rate, and goes on with another rate than
        the optimizer's.
    """
    steps = as_size(steps, "steps", minimum=0)
    optimizer = optimizer or paper_optimizer()
    loss = loss or losses.weighted_cross_entropy
    with strategy.scope() if strategy else contextlib.nullcontext():
        optimizer.build(model.trainable_variables)
    history, first_rate = History(), _first_rate(optimizer)
    if checkpoint:
        checkpoint = Path(os.path.expanduser(checkpoint))
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        if checkpoint.exists():
            history, first_rate = _load(checkpoint, model, optimizer, batches, identity)
    if not strategies.agree(strategy, history.steps):
        raise ValueError(
            f"checkpoint {checkpoint}: has made {history.steps} steps here and others elsewhere; all "
            "machines must see one folder"
        )

    def update(images, labels, weights):
        with tf.GradientTape() as tape:
            value = loss(labels, model(images, training=True), weights) / strategies.replicas(strategy)
        gradients = tape.gradient(value, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        return value

    step = strategies.compiled(strategy, update)
    writes = checkpoint and strategies.is_chief(strategy)
    saved = before = time.monotonic()
    hidden = not progress or os.environ.get("UNET_TUTORIAL_PROGRESS") == "0"
    with tqdm(total=steps, initial=history.steps, disable=hidden, unit="step") as bar:
        while history.steps < steps and not (stop and stop(history)):
            batch = next(batches)
            value = float(step(*strategies.share(strategy, batch)))
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
                _save(checkpoint, model, optimizer, batches, history, identity, first_rate)
                saved = before = time.monotonic()
    if writes:
        _save(checkpoint, model, optimizer, batches, history, identity, first_rate)
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


def _first_rate(optimizer):
    """The learning rate of the first step, in float32."""
    rate = getattr(optimizer, "_learning_rate", None)
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        return float(rate(0))
    return float(np.asarray(optimizer.learning_rate))  # under a strategy a variable is no number, but an array


def _state(model, optimizer):
    return {
        f"{kind}/{index}": variable
        for kind, owner in (("model", model), ("optimizer", optimizer))
        for index, variable in enumerate(owner.variables)
    }


def _save(path, model, optimizer, batches, history, identity, first_rate):
    arrays = {name: np.asarray(variable) for name, variable in _state(model, optimizer).items()}
    rng = getattr(batches, "rng", None)
    story = json.dumps(
        dataclasses.asdict(history)
        | {"rng": rng and rng.bit_generator.state, "identity": identity, "learning_rate": first_rate},
        default=lambda value: np.asarray(value).tolist(),
    )
    partial = path.with_name(path.name + ".partial")
    try:
        with open(partial, "wb") as file:
            np.savez(file, story=np.array(story), **arrays)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _load(path, model, optimizer, batches, identity):
    variables = _state(model, optimizer)
    try:
        with np.load(path, allow_pickle=False) as saved:
            arrays = dict(saved)
        story = json.loads(str(arrays.pop("story")))
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"checkpoint {path}: cannot be read ({error}); delete it or name another file") from error
    if story.get("identity") != json.loads(json.dumps(identity)):
        raise ValueError(
            f"checkpoint {path}: belongs to {story.get('identity')}, not to {identity}; delete it or name another file"
        )
    shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
    if shapes != {name: array.shape for name, array in arrays.items()}:
        raise ValueError(f"checkpoint {path}: saved from another model or optimizer; delete it or name another file")
    first_rate = story.get("learning_rate")
    _check_rate(
        path,
        first_rate,
        _first_rate(optimizer),
        next(
            (float(arrays[name]) for name, variable in variables.items() if variable is optimizer.learning_rate), None
        ),
    )
    for name, variable in variables.items():
        variable.assign(arrays[name])
    if story["rng"] and hasattr(batches, "rng"):
        batches.rng.bit_generator.state = story["rng"]
    return History(story["losses"], [tuple(entry) for entry in story["watched"]], story["seconds"]), first_rate


def _check_rate(path, first, given, kept):
    """Refuse to resume with another first rate; `kept` is the rate in the checkpoint, None if the step gives it."""
    texts = [rate if rate is None else spelled(np.float32(rate)) for rate in (first, given, kept)]
    if first is None and kept not in (None, given):
        warn(
            f"checkpoint {path}: does not say with which learning rate its run began; it goes on with {texts[2]}, not "
            f"with the optimizer's {texts[1]}"
        )
    elif first is not None and given not in (first, kept):
        raise ValueError(
            f"checkpoint {path}: its run began with the learning rate {texts[0]}, the optimizer has "
            f"{texts[1]}; make the optimizer with {texts[0]}, or name another file "
            "(pretrained.load_weights takes the weights of this one)"
        )
