"""Named experiments from the command line: list, run, resume and check them.

python -m unet_tutorial.experiments list
python -m unet_tutorial.experiments run NAME [--seed S] [--budget MINUTES] [--strategy mirrored|multiworker]
python -m unet_tutorial.experiments check [--rerun NAME]
"""

import argparse
import contextlib
import fcntl
import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import sys
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from . import __version__, datasets, evaluation, losses, pretrained, recipes, records, strategies, training
from ._progress import tqdm
from ._tensorflow import keras, tf
from .archives import DataUnavailable
from .checks import as_positive, as_size
from .model import build_unet
from .tiling import predict_rotated, predict_tiled

RUNS_FOLDER = "runs"  # checkpoints, in the working directory
CHECKPOINT_SECONDS = 90.0
FIRST_STEPS = 20
DROP = 0.1  # of the learning rate, on a plateau


@dataclass(frozen=True)
class Split:
    """What a run sees: images (N, H, W) in 0..1 with instance ids, and the numbers of the slices in each part.

    `targets` are the ids to train on: `cells` with a border opened between those that touch.
    """

    images: np.ndarray
    cells: np.ndarray
    targets: np.ndarray
    train: tuple
    validation: tuple
    chosen_on: tuple
    held_out: tuple

    def part(self, name):
        """Images, ids and targets of the slices "train", "validation", "chosen_on" or "held_out"."""
        numbers = list(getattr(self, name))
        return self.images[numbers], self.cells[numbers], self.targets[numbers]

    def describe(self, name):
        """The entry of a record: the parts, and the checksums of all voxels, grey values and ids modulo 256."""
        sums = {
            kind: hashlib.sha256(np.rint(voxels * scale).astype(np.uint8).tobytes()).hexdigest()
            for kind, voxels, scale in (("images", self.images, 255), ("cells", self.cells, 1))
        }
        parts = {part: list(getattr(self, part)) for part in ("train", "validation", "chosen_on", "held_out")}
        return {"name": name, **parts, "sha256": sums}


def split_data(recipe, seed):
    """Load the data of a recipe and divide them: which slices train, where that is not all, the seed says."""
    if recipe.data == "isbi2012":
        stack = datasets.load_isbi2012()
        images, cells = stack.images, np.stack([ndimage.label(label)[0] for label in stack.labels])
        targets, candidates, held_out = cells, datasets.TRAIN_SLICES, datasets.HELD_OUT_SLICES
    else:
        frames = datasets.load_phase_contrast()
        images, cells = (
            np.concatenate([getattr(part, kind) for part in (frames.train, frames.validation)])
            for kind in ("images", "cells")
        )
        targets, count = np.stack([losses.separate_touching(ids) for ids in cells]), len(frames.train.images)
        candidates, held_out = tuple(range(count)), tuple(range(count, len(images)))
    chosen = np.random.default_rng(seed).permutation(candidates)[: recipe.slices].tolist()
    train = tuple(sorted(set(chosen) - set(recipe.validation)))
    return Split(images, cells, targets, train, recipe.validation, recipe.validation or train[:2], held_out)


def build(recipe, seed, split, precision=None, strategy=None):
    """The network, its batches, optimizer and loss. Seeds all generators. Sets Keras's policy.

    With a strategy, every replica takes the recipe's batch, so that a step sees as many times more tiles.
    """
    keras.backend.clear_session()
    precision = precision or working_precision(recipe.precision)
    keras.mixed_precision.set_global_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    training.set_seed(seed)
    initializer = recipe.initializer
    if initializer.startswith("normal "):
        # As a dict, not an object: an object would give layers of one shape the same weights.
        initializer = {"class_name": "RandomNormal", "config": {"stddev": float(initializer.split()[1])}}
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
        optimizer = make_optimizer(recipe)
    images, _, targets = split.part("train")
    batches = training.TileBatches(
        images,
        targets,
        model,
        recipe.batch_size * strategies.replicas(strategy),
        seed=seed,
        augment=recipe.augment,
        weigh=weigh(recipe),
    )
    return model, batches, optimizer, make_loss(recipe)


def working_precision(wanted):
    """`wanted`, or "float32" where this processor has no convolutions in bfloat16."""
    if wanted == "bfloat16":
        try:
            tf.nn.conv2d(tf.zeros((1, 4, 4, 1), tf.bfloat16), tf.zeros((3, 3, 1, 1), tf.bfloat16), 1, "VALID").numpy()
        except tf.errors.OpError:
            return "float32"
    return wanted


def weigh(recipe):
    """From the ids of a tile to its weights, as the recipe has it; None for 1 everywhere."""
    if recipe.weights == "border":
        return functools.partial(losses.weight_map, w0=recipe.w0, sigma=recipe.sigma)
    return {"balance": lambda cells: losses.class_balance(cells > 0), "none": None}[recipe.weights]


def make_optimizer(recipe):
    """The recipe's optimizer."""
    rate = recipe.learning_rate
    if recipe.decay is True:
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

    def sigmoid_cross_entropy(labels, logits, weights):
        labels, logits = tf.cast(labels, tf.float32), tf.cast(logits[..., 0], tf.float32)
        return tf.reduce_mean(weights * tf.nn.sigmoid_cross_entropy_with_logits(labels, logits))

    return sigmoid_cross_entropy


class Validation:
    """Weighted cross entropy of whole slices that no training has seen; keeps the weights of the lowest one."""

    def __init__(self, recipe, split, best, writes=True):
        self.images, _, targets = split.part("validation")
        self.weights = np.stack([(weigh(recipe) or np.ones_like)(ids) for ids in targets])
        self.labels, self.best, self.lowest = targets > 0, best, np.inf
        self.writes = writes

    def __call__(self, model, step):
        probabilities = np.stack([predict_tiled(model, image)[..., -1] for image in self.images])
        right = np.where(self.labels, probabilities, 1 - probabilities)
        loss = float(np.mean(-self.weights * np.log(np.maximum(right, 1e-7))))
        if loss < self.lowest:
            self.lowest = loss
            if self.writes:
                save_weights(model, self.best)
        return loss


def save_weights(model, path):
    """Save the weights in an .npz file under the names of their layers, as a whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    with open(partial, "wb") as file:
        np.savez(file, **{weight.path: np.asarray(weight) for weight in model.weights})
    os.replace(partial, path)


def digest(model):
    """Checksum of all weights, by which a file of weights and a record know each other."""
    return pretrained.digest({weight.path: np.asarray(weight) for weight in model.weights})


def run(name, seed=0, budget=None, runs=RUNS_FOLDER, folder=None, strategy=None, progress=True):
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
        From `strategies.make_strategy`.
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
    """
    if name not in recipes.RUNS:
        raise ValueError(f"run {name!r}: is not known; choose one of {', '.join(recipes.RUNS)}")
    recipe = recipes.RUNS[name]
    count = strategies.replicas(strategy)
    runs = Path(os.path.expanduser(runs))
    base = runs / name / f"{as_size(seed, 'seed', minimum=0)}{f'-x{count}' if strategy else ''}"
    checkpoint, best = (base.with_suffix(suffix) for suffix in (".npz", ".best.npz"))
    identity = {"name": name, "seed": seed, "replicas": count, **records.configuration(name)}
    chief = strategies.is_chief(strategy)
    if strategy and folder is None:
        folder = runs / "records"
    with locked(base.with_suffix(".lock")) if chief else contextlib.nullcontext():
        split = split_data(recipe, seed)
        model, batches, optimizer, loss = build(recipe, seed, split, strategy=strategy)
        watch = Validation(recipe, split, best, chief) if recipe.validation else None
        if checkpoint.exists():
            with contextlib.suppress(ValueError, KeyError, zipfile.BadZipFile), np.load(checkpoint) as saved:
                print(f"    goes on after step {len(json.loads(str(saved['story']))['losses'])}", flush=True)
        deadline = None if budget is None else time.monotonic() + 60 * as_positive(budget, "budget")
        history = training.train(
            model,
            batches,
            recipe.steps,
            optimizer,
            loss,
            checkpoint,
            CHECKPOINT_SECONDS,
            watch,
            recipe.watch,
            functools.partial(should_stop, recipe, watch, deadline, optimizer),
            strategy,
            identity,
            progress,
        )
        if not chief:
            return None
        ended = ending(recipe, history)
        surrounds = surroundings(model, strategy)
        if strategy:
            weights = model.get_weights()
            model, *_ = build(recipe, seed, split)
            model.set_weights(weights)
        if watch:
            pretrained.load_weights(model, best)
        started = time.monotonic()
        scores = {part: score(recipe, model, split, part, progress) for part in ("chosen_on", "held_out")}
        record = {
            "name": name,
            "seed": seed,
            "configuration": records.configuration(name),
            "ended": ended,
            "steps": history.steps,
            "best_step": best_step(history) if watch else history.steps,
            "data": split.describe(recipe.data),
            **surrounds,
            records.TIMES: {"training": round(history.seconds, 1), "scoring": round(time.monotonic() - started, 1)},
            "first_losses": history.losses[:FIRST_STEPS],
            "curve": curve(history.losses),
            "validation": [[step, round(value, 6)] for step, value in history.watched],
            "chosen_on": {key: scores["chosen_on"][key] for key in ("thresholds", "all")},
            "held_out": scores["held_out"],
            **({"weights": digest(model)} if watch else {}),
        }
        save_weights(model, base.with_suffix(".weights.npz"))
        records.write(record, folder)
        if ended != "budget":
            for path in (checkpoint, best):
                path.unlink(missing_ok=True)
    return record


def best_step(history):
    """Step of the lowest validation loss."""
    return min(history.watched, key=lambda entry: entry[1])[0]


def should_stop(recipe, watch, deadline, optimizer, history):
    """Whether training ends before its last step: on a plateau of the validation loss, or with the budget.

    Lowers the learning rate on a plateau that is not the last.
    """
    if watch and history.watched and watch.lowest == np.inf:
        watch.lowest = min(value for _, value in history.watched)  # resumed
    if recipe.decay == "plateau":
        optimizer.learning_rate.assign(recipe.learning_rate * DROP ** plateaus(recipe, history))
    spent = deadline is not None and time.monotonic() > deadline
    return on_last_plateau(recipe, history) or (spent and bool(history.watched or not watch))


def plateaus(recipe, history):
    """How often the validation loss has not fallen for `patience` steps; each time the count starts anew."""
    count, lowest, since = 0, np.inf, 0
    for step, value in history.watched:
        if value < lowest:
            lowest, since = value, step
        elif recipe.patience and step - since >= recipe.patience:
            count, since = count + 1, step
    return count


def on_last_plateau(recipe, history):
    """Whether the plateau is reached that ends training."""
    return plateaus(recipe, history) > (recipe.decay == "plateau")


def ending(recipe, history):
    """Why training ended: "steps", "plateau" or "budget"."""
    return "plateau" if on_last_plateau(recipe, history) else "steps" if history.steps >= recipe.steps else "budget"


def curve(values, every=10):
    """The loss of a run in a few hundred bytes: means over `every` steps."""
    return {
        "every": every,
        "loss": [round(float(np.mean(values[start : start + every])), 4) for start in range(0, len(values), every)],
    }


def predict(recipe, model, images, progress=False):
    """(N, H, W) probability of cell, averaged over as many rotations as the recipe has."""
    look = functools.partial(predict_rotated, rotations=recipe.rotations) if recipe.rotations > 1 else predict_tiled
    hidden = not progress or os.environ.get("UNET_TUTORIAL_PROGRESS") == "0"
    return np.stack([look(model, image)[..., -1] for image in tqdm(images, unit="slice", disable=hidden)])


def score(recipe, model, split, part, progress=False):
    """All scores of one part of the split."""
    images, cells, _ = split.part(part)
    probabilities, names = predict(recipe, model, images, progress), getattr(split, part)
    if recipe.data == "phase_contrast":
        return evaluation.score_cells(probabilities, cells, names)
    return evaluation.score_tissue(probabilities, (cells > 0).astype(np.uint8), names)


def surroundings(model, strategy=None):
    """Where a run was made: precision, versions, processor, cores and replicas."""
    policy = model.layers[1].dtype_policy.name
    packages = ("tensorflow", "keras", "numpy", "scipy")
    return {
        "precision": "bfloat16" if "bfloat16" in policy else "float32",
        "versions": {
            "unet_tutorial": __version__,
            "python": platform.python_version(),
            **{package: importlib.metadata.version(package) for package in packages},
        },
        "processor": {
            "model": processor(),
            "cores": cores(),
            **({"replicas": strategies.replicas(strategy)} if strategy else {}),
        },
    }


def cores():
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def processor():
    """Name of the processor."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


@contextlib.contextmanager
def locked(path):
    """Keep every other process out; the lock ends with this process, however it ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def rerun(name, seed=0, folder=None):
    """Repeat the first steps of a recorded run. Returns the recorded losses and today's."""
    record = records.read(name, seed, folder)
    recipe = recipes.RUNS[name]
    split = split_data(recipe, seed)
    model, batches, optimizer, loss = build(recipe, seed, split, record["precision"])
    history = training.train(model, batches, len(record["first_losses"]), optimizer, loss)
    return record["first_losses"], history.losses


def _list(arguments):
    for name, experiment in recipes.EXPERIMENTS.items():
        print(f"{name}: {experiment.question}")
        for label, run_name in experiment.arms.items():
            states = [_state(run_name, seed, arguments) for seed in experiment.seeds]
            print(f"    {label:32} {run_name:26} {'  '.join(states)}")


def _state(name, seed, arguments):
    if not records.path_of(name, seed, arguments.records).is_file():
        return f"{seed}: -"
    record = records.read(name, seed, arguments.records)
    minutes = sum(record[records.TIMES].values()) / 60
    return f"{seed}: {record['steps']} steps, {record['ended']}, {minutes:.1f} min"


def _run(arguments):
    if arguments.budget is not None and arguments.strategy == "multiworker":
        raise ValueError(
            "--budget with --strategy multiworker: each machine has its own clock, and all must make the "
            "same steps; stop them by hand, and run again to go on"
        )
    pairs = recipes.runs_of(arguments.name)
    if arguments.seed is not None:
        pairs = list(dict.fromkeys((name, arguments.seed) for name, _ in pairs))
        unknown = sorted(set(pairs) - set(recipes.runs_of("all")))
        if unknown and not arguments.records:
            raise ValueError(
                f"seed {arguments.seed}: belongs to no experiment with {unknown[0][0]}; give --records a "
                "folder of your own, so that the book's records stay complete"
            )
    strategy = strategies.make_strategy(arguments.strategy)
    folder = arguments.records or (Path(arguments.runs) / "records" if strategy else None)
    undone = 0
    for number, (name, seed) in enumerate(pairs, 1):
        print(f"[{number}/{len(pairs)}] {name}, seed {seed}", flush=True)
        with contextlib.suppress(FileNotFoundError):
            record = records.read(name, seed, folder)
            if (
                record["ended"] != "budget"
                and record["configuration"] == records.configuration(name)
                and record["processor"].get("replicas", 1) == strategies.replicas(strategy)
            ):
                print(f"    has a record: {records.path_of(name, seed, folder)}; delete it to run again")
                continue
        try:
            record = run(name, seed, arguments.budget, arguments.runs, folder, strategy)
        except (BlockingIOError, FloatingPointError) as error:
            print("    is being run by another process" if isinstance(error, BlockingIOError) else f"    {error}")
            undone += 1
            continue
        except (tf.errors.UnavailableError, tf.errors.AbortedError):
            if arguments.strategy != "multiworker":
                raise
            print("    another worker was lost: starting again from the checkpoint", flush=True)
            os.execv(sys.executable, sys.orig_argv)  # a broken cluster cannot be mended from inside
        if record is None:
            continue
        print(f"    {record['steps']} steps, ended by {record['ended']}; {_headline(record)}", flush=True)
    return 1 if undone else 0


def _headline(record):
    score = "v_rand_thinned" if "v_rand_thinned" in record["held_out"]["all"] else "seg"
    best = evaluation.best_level(record["held_out"], score)
    return f"best {score} {record['held_out']['all'][score][best]:.4f} at {record['held_out']['thresholds'][best]}"


def _check(arguments):
    faults = records.faults(arguments.records)
    for fault in faults:
        print(fault)
    if arguments.rerun:
        pairs = [pair for pair in recipes.runs_of(arguments.rerun) if arguments.seed in (None, pair[1])]
        if not pairs:
            raise ValueError(f"seed {arguments.seed}: {arguments.rerun} has no such record")
        for name, seed in pairs:
            recorded, today = rerun(name, seed, arguments.records)
            part = max(abs(a - b) / abs(a) for a, b in zip(recorded, today))
            print(f"{name}, seed {seed}: {len(today)} losses repeated, largest difference {part:.2g} of the loss")
            if part > 0.01:
                faults.append(f"{name}, seed {seed}: the losses differ by more than 0.01 of themselves")
                print(faults[-1])
    print(f"{len(recipes.runs_of('all'))} runs, {len(faults)} faults")
    return 1 if faults else 0


def main(arguments=None):
    """The command line. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m unet_tutorial.experiments", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--records", default=None, type=os.path.expanduser, help="folder of the records; the package's own unless given"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("list", help="experiments, their arms and what is recorded")
    command.set_defaults(call=_list)
    command = commands.add_parser("run", help="run an experiment, one of its runs, or all; go on where it stopped")
    command.add_argument("name", metavar="NAME")
    command.add_argument("--seed", type=int, help="only this one")
    command.add_argument("--budget", type=float, metavar="MINUTES", help="of training, then score and record")
    command.add_argument(
        "--runs", default=RUNS_FOLDER, type=os.path.expanduser, help="folder of the checkpoints (%(default)s)"
    )
    command.add_argument("--strategy", choices=strategies.NAMES, help="all devices here, or the machines in TF_CONFIG")
    command.set_defaults(call=_run)
    command = commands.add_parser("check", help="compare the records with the recipes")
    command.add_argument("--rerun", metavar="NAME", help=f"repeat the first {FIRST_STEPS} steps, compare the losses")
    command.add_argument("--seed", type=int, help="only this one")
    command.set_defaults(call=_check)
    parsed = parser.parse_args(arguments)
    tf.get_logger().setLevel("ERROR")  # many trainings in one process make it complain of retracing
    try:
        return parsed.call(parsed) or 0
    except (ValueError, FileNotFoundError, FloatingPointError, DataUnavailable) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
