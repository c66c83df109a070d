"""What a recipe stands for: the data and their parts, the network, its batches, optimizer and loss."""

import contextlib
import functools
import hashlib
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from .. import datasets, losses, training, weight_maps
from .._backend import has_bfloat16, keras
from ..model import build_unet, first_weights
from ._folds import fold_of


@dataclass(frozen=True)
class Split:
    """What a run sees: images (N, H, W) in 0..1 with instance ids, and the numbers of the slices in each part.

    `targets` are the ids to train on: `cells` with a border opened between those that touch. `sums` are the checksums
    of all voxels as they were loaded: of the grey values, and of the ids modulo 256.
    """

    images: np.ndarray
    cells: np.ndarray
    targets: np.ndarray
    train: tuple
    validation: tuple
    chosen_on: tuple
    held_out: tuple
    buffer: tuple
    sums: dict

    def part(self, name):
        """Images, ids and targets of the slices "train", "validation", "chosen_on" or "held_out"."""
        numbers = list(getattr(self, name))
        return self.images[numbers], self.cells[numbers], self.targets[numbers]

    def describe(self, name):
        """The entry of a record: the parts, and the checksums."""
        parts = {part: list(getattr(self, part)) for part in ("train", "validation", "chosen_on", "held_out")}
        return {"name": name, **parts, **({"buffer": list(self.buffer)} if self.buffer else {}), "sha256": self.sums}


def split_data(recipe, seed):
    """Load the data of a recipe and divide them: which slices train, where that is not all, the seed says."""
    images, cells, targets, candidates, held_out = load(recipe.data)
    sums = {
        kind: hashlib.sha256(voxels.astype(np.uint8).tobytes()).hexdigest()
        for kind, voxels in (("images", np.rint(images * 255)), ("cells", cells % 256))
    }
    if recipe.normalized:
        images = datasets.normalize(images)
    if recipe.folds:
        fold = fold_of(recipe.data, seed)
        train = _drawn(fold.train(len(images)), recipe.slices, seed)
        return Split(images, cells, targets, train, (), fold.chosen_on, fold.held_out, fold.buffer, sums)
    train = tuple(sorted(set(_drawn(candidates, recipe.slices, seed)) - set(recipe.validation)))
    chosen_on = recipe.validation or train[:2]
    return Split(images, cells, targets, train, recipe.validation, chosen_on, held_out, (), sums)


def load(data):
    """Images, ids, ids to train on; and of a recipe without folds, the slices that may train and the held-out ones."""
    if data == "isbi2012":
        stack = datasets.load_isbi2012()
        cells = np.stack([ndimage.label(label)[0] for label in stack.labels])
        return stack.images, cells, cells, datasets.TRAIN_SLICES, datasets.HELD_OUT_SLICES
    if data == "phase_contrast":
        frames = datasets.load_phase_contrast()
        images, cells = (
            np.concatenate([getattr(part, kind) for part in (frames.train, frames.validation)])
            for kind in ("images", "cells")
        )
        count = len(frames.train.images)
        return images, cells, _opened(cells), tuple(range(count)), tuple(range(count, len(images)))
    if data == "dic_hela":
        frames = datasets.load_cell_tracking("DIC-C2DH-HeLa")
        return frames.images, *map(datasets.unlabel_rim, (frames.cells, _opened(frames.cells))), (), ()
    frames = datasets.load_nuclei()
    return frames.images, frames.cells, _opened(frames.cells), (), ()


def _opened(cells):
    return np.stack([weight_maps.separate_touching(ids) for ids in cells])


def _drawn(candidates, count, seed):
    """The first `count` of the candidates in an order that the seed shuffles: few slices are among the many."""
    return tuple(sorted(np.random.default_rng(seed).permutation(candidates)[:count].tolist()))


def build(recipe, seed, split, precision=None, strategy=None):
    """The network, its batches, optimizer and loss. Seeds all generators. Sets Keras's policy.

    With a strategy, every replica takes the recipe's batch, so that a step sees as many times more tiles.
    """
    keras.backend.clear_session()
    precision = precision or working_precision(recipe.precision)
    keras.mixed_precision.set_global_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    training.set_seed(seed)
    initializer = recipe.initializer
    if initializer == "normal":
        # As a dict, not an object: an object would give layers of one shape the same weights.
        initializer = {"class_name": "RandomNormal", "config": {"stddev": recipe.deviation}}
    with strategy.scope() if strategy else contextlib.nullcontext():
        model = build_unet(
            (recipe.tile, recipe.tile, 1),
            classes=2 if recipe.output == "soft-max" else 1,
            base_filters=recipe.filters,
            depth=recipe.depth,
            padding=recipe.padding,
            drop_out=recipe.drop_out,
            skips=recipe.skips,
            initializer=initializer,
        )
        first_weights(model, seed)
        optimizer = make_optimizer(recipe)
    images, _, targets = split.part("train")
    batches = training.TileBatches(
        images,
        targets,
        model,
        recipe.batch_size * training.replicas(strategy),
        seed=seed,
        augment=recipe.augment,
        weigh=weigh(recipe, targets),
    )
    return model, batches, optimizer, make_loss(recipe)


def working_precision(wanted):
    """`wanted`, or "float32" where this processor has no convolutions in bfloat16."""
    return wanted if wanted != "bfloat16" or has_bfloat16() else "float32"


def weigh(recipe, targets=None):
    """From the ids of a tile to its weights, as the recipe has it; None for 1 everywhere.

    `targets`: the ids of all training slices, which a balance over the training set counts.
    """
    if recipe.weights == "none":
        return None
    balance = weight_maps.class_weights(np.sign(targets)) if recipe.balance == "training" else None
    if recipe.weights == "border":
        return functools.partial(weight_maps.weight_map, w0=recipe.w0, sigma=recipe.sigma, balance=balance)
    if balance is None:
        return lambda cells: weight_maps.class_balance(np.sign(cells))
    return lambda cells: np.where(cells > 0, balance[1], balance[0])  # where nothing is labelled, a tile has 0


def make_optimizer(recipe):
    """The recipe's optimizer."""
    rate = recipe.learning_rate
    if recipe.decay == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, recipe.steps)
    return (
        keras.optimizers.Adam(rate)
        if recipe.optimizer == "adam"
        else keras.optimizers.SGD(rate, momentum=recipe.momentum)
    )


def make_loss(recipe):
    """The recipe's loss, from (labels, outputs, weights): soft-max or sigmoid and weighted cross entropy."""
    if recipe.output == "soft-max":
        return losses.weighted_cross_entropy

    ops = keras.ops

    def sigmoid_cross_entropy(labels, logits, weights):
        labels, logits = ops.cast(labels, "float32"), ops.cast(logits[..., 0], "float32")
        return ops.mean(weights * ops.binary_crossentropy(labels, logits, from_logits=True))

    return sigmoid_cross_entropy
