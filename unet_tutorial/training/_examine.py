"""A look at a model and its batches before the first real step, as a doctor would look at a patient."""

import contextlib
import itertools
import random
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from .. import losses
from .._backend import keras, strategy_of
from .._shared.checks import trusted
from ..model import unet_depth
from . import _data_signs as data, _net_signs as net
from ._data_signs import Sample
from ._findings import Examination, Finding
from ._optimizers import paper_optimizer

TILES = 32  # looked at, or fewer where batches end
BATCHES = 16
SECONDS = 8.0  # CPU seconds for each of the two short trainings; all together stays under 30
UNUSABLE = {"values not finite", "labels are no classes", "0/255 masks", "interpolated labels"}
STUCK = {"one tile not learnt", "dead units", "rate too low"}
UPSET = {*STUCK, "loss at the start", "rate too high"}
EXPLAINS = {  # a fault that is seen for certain, and what follows from it
    "grey values too large": UPSET,
    "images nearly blank": UPSET,
    "relu before the output": UPSET,
    "soft-max twice": UPSET,
    "no soft-max": UPSET,
    "soft-max over one channel": {*UPSET, "soft-max twice"},
    "loss upside down": {*UPSET, "soft-max twice"},
    "first weights": UPSET,
    "loss at the start": {"one tile not learnt", "rate too high", "dead units"},
    "weights of the pixels": {*STUCK, "rare class"},
    "labels of one class": UPSET,
    "labels of other images": {"one tile not learnt", "objects larger than the field"},
    **dict.fromkeys(
        (
            "rare class",
            "shifted labels",
            "random prediction",
            "batch of one",
            "objects larger than the field",
            "objects lost by pooling",
        ),
        {"one tile not learnt"},
    ),
    "nothing to train": STUCK,
    "dead units": {"one tile not learnt", "rate too low"},
    "rate too high": {"dead units"},
}


def examine(
    model: keras.Model,
    batches: Iterable[Sequence[np.ndarray]],
    optimizer: keras.optimizers.Optimizer | None = None,
    loss: Callable[..., Any] | None = None,
    validation: Iterable[Sequence[np.ndarray]] | None = None,
) -> Examination:
    """Look for what usually goes wrong, in less than half a minute, before a training takes hours.

    Weights, optimizer and random states are afterwards what they were, to the bit. Looked at are images, labels and
    weights, and how they lie on one another; how the model ends and what the loss expects; its first loss; units that
    are always 0; one tile that a copy of Adam learns by heart; some steps of a copy of the optimizer.

    Parameters
    ----------
    model, batches, optimizer, loss
        As for `train`. Of a data set the first batches are looked at. Of an iterator they are taken, and gone.
    validation : iterable, optional
        Held-out batches of (images, labels, weights), or of images and labels.

    Returns
    -------
    Examination
        `print` it; `suspects` lists the faults, with their evidence and the section of the chapter "When it does not
        work"; `draw` makes a picture.

    Raises
    ------
    ValueError
        There is no batch; the model has no weights yet, or more than one output; shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from unet_tutorial.model import build_unet, first_weights
    >>> from unet_tutorial.training import TileBatches, fast_optimizer
    >>> model = first_weights(build_unet((28, 28, 1), base_filters=4, depth=1))
    >>> cells = np.zeros((1, 64, 64), int)
    >>> cells[0, 10:40, 10:30], cells[0, 20:60, 40:55] = 1, 2
    >>> batches = TileBatches(255 * np.where(cells > 0, 0.7, 0.3) / 255, cells, model)
    >>> dark = [(255 * images, labels, weights) for images, labels, weights in map(batches.__getitem__, range(8))]
    >>> found = examine(model, dark, fast_optimizer(1e-3))
    >>> [row.fault for row in found.suspects]
    ['grey values too large']
    """
    if not model.built or len(model.outputs) != 1:
        raise ValueError(f"model {model.name!r}: must have weights and one output; call it on one batch first")
    optimizer, loss = optimizer or paper_optimizer(), loss or losses.weighted_cross_entropy
    strategy = strategy_of(model)
    with _unchanged(model), warnings.catch_warnings(), trusted():
        warnings.simplefilter("ignore")  # of variables without a gradient: said in a row of the table
        taken = _taken(batches)
        sample = _sample(taken, model, "batches")
        findings = _of_data(sample, model)
        if validation is not None:
            findings += data.validation_of(sample, _sample(_taken(validation), model, "validation"))
        pictures: dict[str, Any] = {"image": sample.grey[0], "label": sample.labels[0]}
        pictures["reference"] = float(np.log(sample.classes))
        if {row.fault for row in findings} & UNUSABLE:
            findings.append(Finding("network", "labels or images must be mended first", "not seen"))
        else:
            with strategy.scope() if strategy else contextlib.nullcontext():
                findings += _of_network(model, taken, sample, optimizer, loss, pictures)
        findings += _unseen(model, validation)
    return Examination(_explained(findings), pictures)


@contextlib.contextmanager
def _unchanged(model: keras.Model) -> Iterator[None]:
    """Afterwards every variable of the model and every random state is what it was."""
    kept = [np.array(keras.ops.convert_to_numpy(variable.value)) for variable in model.variables]
    states = np.random.get_state(), random.getstate()
    try:
        yield
    finally:
        for variable, value in zip(model.variables, kept):
            variable.assign(value)
        np.random.set_state(states[0])
        random.setstate(states[1])


def _taken(batches):
    """The first batches as arrays: (images, labels, weights)."""
    if isinstance(batches, keras.utils.PyDataset):
        count = batches.num_batches
        feed = (batches[number] for number in range(BATCHES if count is None else min(BATCHES, count)))
    else:
        feed = itertools.islice(iter(batches), BATCHES)
    taken, tiles = [], 0
    for batch in feed:
        images, labels, *rest = (np.asarray(part) for part in batch)
        taken.append((images, labels, rest[0] if rest else np.ones(labels.shape[:3], np.float32)))
        tiles += len(images)
        if tiles >= TILES and len(taken) >= 4:
            break
    return taken


def _sample(taken, model, name):
    if not taken:
        raise ValueError(f"{name}: hold no batch; give at least one of (images, labels, weights)")
    images, raw, weights = (np.concatenate(parts)[:TILES] for parts in zip(*taken))
    channels = int(model.output_shape[-1])
    labels = raw
    if raw.ndim == 4:
        labels = raw[..., 0] if raw.shape[-1] == 1 else raw.argmax(axis=-1)
    if images.ndim != 4 or labels.ndim != 3 or len(images) != len(labels):
        raise ValueError(
            f"{name} with images of shape {images.shape} and labels of shape {raw.shape}: must be (N, H, W, C) and "
            "(N, h, w)"
        )
    out = model.compute_output_shape((1, *images.shape[1:]))[1:3]
    if None not in out and tuple(out) != labels.shape[1:]:
        raise ValueError(
            f"{name} with labels of {labels.shape[1:]} px: the model gives {tuple(out)}; crop the labels to its output"
        )
    weights = weights.reshape(*weights.shape[:3], *(1,) * (3 - min(weights.ndim, 3)))
    weights = np.broadcast_to(weights, labels.shape)
    return Sample(images, labels, weights, max(2, channels), raw)


def _of_data(sample, model):
    findings = [data.images_of(sample), data.labels_of(sample)]
    faults = {row.fault for row in findings}
    if faults & {"values not finite"}:
        return findings
    if not faults & (UNUSABLE | {"labels of one class"}):
        findings += data.weights_of(sample)
        try:
            depth = unet_depth(model)
        except ValueError:
            depth = None
        skips = any(isinstance(layer, (keras.layers.Concatenate, keras.layers.Add)) for layer in model.layers)
        findings += data.field_of(sample, depth, skips)
    if "labels of one class" not in faults:
        findings.append(data.alignment_of(sample))
    return findings


def _of_network(model, taken, sample, optimizer, loss, pictures):
    images, labels, weights = taken[0]
    ending = net.ending_of(model)
    probe = net.Probe(loss, sample, ending)
    few = sample.images[:8]
    outputs = net.predict(model, few)
    findings = net.weights_signs(model, outputs)
    if findings[-1].fault == "values not finite":
        return findings
    findings += net.ending_signs(ending, probe, outputs)
    findings += net.mode_signs(model, few, len(images))
    reference, start = probe.nothing, probe(outputs[:4])
    pictures["reference"] = reference
    findings.append(net.start_sign(start, reference, outputs))
    units = net.unit_shares(model, few)
    pictures["units"] = units
    findings.append(net.units_sign(units, outputs))

    kept = [keras.ops.convert_to_numpy(variable.value) for variable in model.variables]
    tile = net.best_tile(taken, sample.classes)
    by_heart = net.steps(model, loss, net.Recording(1e-2), [tile], 80, SECONDS)
    after = net.predict(model, tile[0])
    pictures["by heart"], pictures["learnt"] = by_heart.losses, net.foreground(after[0])
    for variable, value in zip(model.variables, kept):
        variable.assign(value)
    findings.append(net.heart_sign(by_heart, reference, after, tile, ending.bounded))
    findings.append(net.gradient_sign(by_heart, model))
    own = net.steps(model, loss, _copy(optimizer, model), taken, 40, SECONDS)
    pictures["own"], pictures["updates"] = own.losses, own.updates
    findings += net.rate_signs(own, reference, units, net.unit_shares(model, few))
    return findings


def _copy(optimizer, model):
    """An optimizer in the state of the one that was given, which stays as it is."""
    copy = type(optimizer).from_config(optimizer.get_config())
    copy.build(model.trainable_variables)
    if optimizer.built and len(optimizer.variables) == len(copy.variables):
        for variable, given in zip(copy.variables, optimizer.variables):
            variable.assign(given.value)
    return copy


def _unseen(model, validation):
    """What no look at the start can show."""
    rows = [Finding("threshold", "is chosen after training, on validation images", "not seen")]
    rows.append(
        Finding("small errors", "a label cut to 0 and 1 after interpolation, or moved by 1 or 2 px", "not seen")
    )
    if validation is None:
        rows.append(Finding("validation", "not given: a leak between slices cannot be seen", "not seen"))
    return rows


def _explained(findings):
    """What follows from a fault that was seen for certain is no suspect of its own."""
    named = [row.fault for row in findings if row.verdict == "suspect"]
    follows = {fault for name in named for fault in EXPLAINS.get(name, ())}
    return [
        Finding(row.check, row.seen, "symptom", row.fault) if row.verdict == "suspect" and row.fault in follows else row
        for row in findings
    ]
