"""Trains, scores and records the runs that `recipes` names."""

import contextlib
import functools
import json
import os
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import metrics, pretrained, training
from .._backend import keras
from .._shared.checks import as_positive, as_size
from .._shared.progress import tqdm
from ..tiling import predict_rotated, predict_tiled
from . import plan, recipes, records
from ._machine import locked, surroundings
from ._recipe import LOGIT
from ._setup import build, split_data, weigh
from ._stopping import Plateau, best_step

if TYPE_CHECKING:
    import tensorflow as tf

RUNS_FOLDER = "runs"  # checkpoints, in the working directory
CHECKPOINT_SECONDS = 90.0
FIRST_STEPS = 20
BOUNDARY = 1.5  # px between a found and a true border that count as the same


class Validation(keras.callbacks.Callback):
    """Weighted cross entropy of whole slices that no training has seen; keeps the weights of the lowest one."""

    def __init__(self, recipe, split, best, writes=True):
        super().__init__()
        self.images, _, targets = split.part("validation")
        look = weigh(recipe, split.part("train")[2]) or np.ones_like
        self.weights = np.stack([look(ids) for ids in targets])
        self.labels, self.best, self.lowest = targets > 0, best, np.inf
        self.writes = writes

    def on_epoch_end(self, epoch, logs=None):
        probabilities = np.stack([predict_tiled(self.model, image)[..., -1] for image in self.images])
        right = np.where(self.labels, probabilities, 1 - probabilities)
        logs["val_loss"] = float(np.mean(-self.weights * np.log(np.maximum(right, 1e-7))))
        if logs["val_loss"] < self.lowest:
            self.lowest = logs["val_loss"]
            if self.writes:
                pretrained.save_weights(self.model, self.best)


def run(
    name: str,
    seed: int = 0,
    budget: float | None = None,
    runs: str | Path = RUNS_FOLDER,
    folder: str | Path | None = None,
    strategy: "tf.distribute.Strategy | None" = None,
    progress: bool = True,
) -> dict[str, Any] | None:
    """Train, score and record one run, or go on with it where it was interrupted.

    Parameters
    ----------
    name : str
        Of a run in `recipes.RUNS`.
    seed : int
    budget : float, optional
        Minutes of training, in this sitting; at least until the first look at the validation loss. When they are spent,
        the network is scored as it is and the record says so; the next call goes on.
    runs, folder : str or Path
        Where checkpoints and records lie. With a strategy the records lie in a folder `records` in `runs` unless
        `folder` is given: more replicas make larger batches, and that is another experiment.
    strategy : tf.distribute.Strategy, optional
        From `training.make_strategy`.
    progress : bool

    Returns
    -------
    dict
        The record, written as a whole. Two runs of one seed on one machine differ in "seconds" only. Processor and
        versions are those of the last sitting. None on every machine of a strategy but the first, which writes.

    Raises
    ------
    ValueError
        The run is not known, or the checkpoint belongs to another recipe.
    BlockingIOError
        Another process is at this run.
    DataUnavailable
        The real slices are not here.

    Examples
    --------
    >>> record = run("paper", budget=30, folder="records")  # doctest: +SKIP
    >>> record["ended"]  # half an hour was not enough; the same call goes on  # doctest: +SKIP
    'budget'
    """
    if name not in recipes.RUNS:
        raise ValueError(f"run {name!r}: is not known; choose one of {', '.join(recipes.RUNS)}")
    recipe = recipes.RUNS[name]
    count = training.replicas(strategy)
    runs = Path(os.path.expanduser(runs))
    base = runs / name / f"{as_size(seed, 'seed', minimum=0)}{f'-x{count}' if strategy else ''}"
    path, best = (base.with_suffix(suffix) for suffix in (".npz", ".best.npz"))
    identity = {"name": name, "seed": seed, "replicas": count, **records.configuration(name)}
    chief = training.is_chief(strategy)
    if strategy and folder is None:
        folder = runs / "records"
    with locked(base.with_suffix(".lock")) if chief else contextlib.nullcontext():
        split = split_data(recipe, seed)
        model, batches, optimizer, loss = build(recipe, seed, split, strategy=strategy)
        plateau = Plateau(recipe.patience, recipe.decay == "plateau")
        callbacks = [Validation(recipe, split, best, chief), plateau] if recipe.validation else []
        if path.exists():
            with contextlib.suppress(ValueError, KeyError, zipfile.BadZipFile), np.load(path) as saved:
                print(f"    goes on after step {len(json.loads(str(saved['story']))['losses'])}", flush=True)
        if budget is not None:
            as_positive(budget, "budget")
            callbacks.append(training.Budget(budget, least=recipe.watch if recipe.validation else 0))
        checkpoint = training.Checkpoint(path, CHECKPOINT_SECONDS, identity)
        callbacks += [checkpoint, training.ProgressBar(progress)]
        history = training.train(model, batches, recipe.steps, optimizer, loss, callbacks, recipe.watch)
        if not chief:
            return None
        ended = "plateau" if plateau.reached else "steps" if history.steps >= recipe.steps else "budget"
        surrounds = surroundings(model, strategy)
        if strategy:
            weights = model.get_weights()
            model, *_ = build(recipe, seed, split)
            model.set_weights(weights)
        if recipe.validation:
            pretrained.load_weights(model, best)
        started = time.monotonic()
        chosen_on, held_out = score_parts(recipe, model, split, progress)
        record = {
            "name": name,
            "seed": seed,
            "draw": records.DRAW,
            **({"plan": plan.digest()} if name in plan.runs() else {}),
            "configuration": records.configuration(name),
            "ended": ended,
            "steps": history.steps,
            "best_step": best_step(history) if recipe.validation else history.steps,
            "data": split.describe(recipe.data),
            **surrounds,
            records.TIMES: {"training": round(history.seconds, 1), "scoring": round(time.monotonic() - started, 1)},
            "first_losses": history.losses[:FIRST_STEPS],
            "curve": curve(history.losses),
            "validation": [[step, round(logs["val_loss"], 6)] for step, logs in history.epochs if "val_loss" in logs],
            "chosen_on": {key: chosen_on[key] for key in ("thresholds", "all")},
            "held_out": held_out,
            **({"weights": pretrained.digest(model)} if recipe.validation or recipe.folds else {}),
        }
        pretrained.save_weights(model, base.with_suffix(".weights.npz"))
        records.write(record, folder)
        if ended != "budget":
            for file in (path, best):
                file.unlink(missing_ok=True)
    return record


def curve(values, every=10):
    """The loss of a run in a few hundred bytes: means over `every` steps."""
    return {
        "every": every,
        "loss": [round(float(np.mean(values[start : start + every])), 4) for start in range(0, len(values), every)],
    }


def predict(recipe, model, images, progress=False):
    """(N, H, W) probability of cell, averaged over as many rotations as the recipe has."""
    look = functools.partial(predict_rotated, rotations=recipe.rotations) if recipe.rotations > 1 else predict_tiled
    return np.stack([look(model, image)[..., -1] for image in tqdm(images, unit="slice", progress=progress)])


def score_parts(recipe, model, split, progress=False):
    """All scores of the held-out slices, and of the others at least those that choose the threshold."""
    if recipe.levels == "ten":
        return tuple(score(recipe, model, split, part, metrics.LEVELS, progress) for part in ("chosen_on", "held_out"))
    if recipe.data == "isbi2012":  # the other scores would cost five times as much, and choose nothing
        images, cells, _ = split.part("chosen_on")
        maps, labels = predict(recipe, model, images, progress), (cells > 0).astype(np.uint8)
        values = [round(metrics.v_rand(maps, labels, theta, thin=True), 7) for theta in LOGIT]
        chosen_on = {"thresholds": list(LOGIT), "all": {"v_rand_thinned": values}}
    else:
        chosen_on = score(recipe, model, split, "chosen_on", LOGIT, progress)
    levels = sorted({*metrics.LEVELS, records.chosen_threshold(chosen_on)})
    return chosen_on, score(recipe, model, split, "held_out", levels, progress, more=True)


def score(recipe, model, split, part, levels=metrics.LEVELS, progress=False, more=False):
    """All scores of one part of the split; of tissue on demand those of borders and of probabilities too."""
    images, cells, _ = split.part(part)
    probabilities, names = predict(recipe, model, images, progress), getattr(split, part)
    if recipe.data != "isbi2012":
        return metrics.score_cells(probabilities, cells, names, levels)
    labels = (cells > 0).astype(np.uint8)
    scores = metrics.score_tissue(probabilities, labels, names, levels)
    if more:
        found = [np.stack([metrics.segments(one, theta) for one in probabilities]) for theta in levels]
        scores["all"]["boundary_f1"] = [round(metrics.boundary_f1(ids, cells, BOUNDARY), 7) for ids in found]
        for name in ("log_loss", "calibration_error"):  # no threshold changes them
            scores["all"][name] = [round(getattr(metrics, name)(probabilities, labels), 7)] * len(levels)
    return scores


def rerun(name: str, seed: int = 0, folder: str | Path | None = None) -> tuple[list[float], list[float]]:
    """Repeat the first steps of a recorded run. Returns the recorded losses and today's.

    Raises
    ------
    ValueError
        The record was made by an earlier version, which drew tiles and first weights in another way.

    Examples
    --------
    >>> recorded, today = rerun("baseline")  # doctest: +SKIP
    >>> all(abs(new - old) < 0.01 * old for old, new in zip(recorded, today))  # doctest: +SKIP
    True
    """
    record = records.read(name, seed, folder)
    if record.get("draw", 1) != records.DRAW:
        raise ValueError(
            f"{name}, seed {seed}: was recorded by version {record['versions']['unet_tutorial']}, which drew tiles and "
            "first weights in another way; its steps can be repeated with that version only"
        )
    recipe = recipes.RUNS[name]
    split = split_data(recipe, seed)
    model, batches, optimizer, loss = build(recipe, seed, split, record["precision"])
    history = training.train(model, batches, len(record["first_losses"]), optimizer, loss)
    return record["first_losses"], history.losses
