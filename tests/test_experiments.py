"""Laws of the experiments: nothing is lost when a run is killed, one seed gives one record, records fit the recipes.

The runs here are made of tiny nets on tiny synthetic slices; those of the book are checked by their records.
"""

import dataclasses
import functools
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from unet_tutorial import datasets, pretrained, training
from unet_tutorial._backend import keras
from unet_tutorial._shared import files
from unet_tutorial.experiments import _machine, _setup, plan, recipes, records, runs
from unet_tutorial.experiments.__main__ import main
from unet_tutorial.rounding import assert_agree, longest_sum, rounding_bound

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.filterwarnings("ignore:prediction.*agrees with the truth")  # after thirty steps, by chance
TINY = recipes.Recipe(filters=2, depth=1, tile=44, steps=30, drop_out=0.5, precision="float32")
STEPS_WITH_VALIDATION = dataclasses.replace(TINY, validation=(0, 29), watch=5)
LONG = dataclasses.replace(TINY, drop_out=0.0, steps=60)  # with drop-out, each worker would drop other features
DIGITS = 1e-4  # the curve in a record keeps four decimals
LIMIT = 1200  # seconds until a process that hangs is given up, on a busy machine too


def synthetic_stack():
    images, labels, *_ = datasets.synthetic_em(30, size=64, seed=5)
    return datasets.Isbi2012(images, labels, images)


@pytest.fixture(autouse=True)
def tiny_world(monkeypatch):
    stack = synthetic_stack()
    monkeypatch.setattr(datasets, "load_isbi2012", lambda: stack)
    monkeypatch.setattr(plan, "TRIALS", {})
    monkeypatch.setattr(recipes, "RUNS", {"tiny": TINY, "watched": STEPS_WITH_VALIDATION})
    monkeypatch.setattr(
        recipes,
        "EXPERIMENTS",
        {
            "both": recipes.Experiment("Which?", "3", {"plain": "tiny", "watched": "watched"}, (0, 1)),
            "again": recipes.Experiment("Again?", "3", {"plain": "tiny"}, (0, 1)),
        },
    )
    yield
    keras.mixed_precision.set_global_policy("float32")


def run(tmp_path, name="tiny", seed=0, **options):
    return runs.run(name, seed, runs=tmp_path / "runs", folder=tmp_path / "records", progress=False, **options)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Record of a run that nothing breaks, made once for all tests: whole(name, seed); in whole.folder they lie."""
    folder = tmp_path_factory.mktemp("whole")

    @functools.cache
    def made(name, seed=0):
        return run(folder, name, seed)

    made.folder = folder / "records"
    return made


def without_times(record):
    return {key: value for key, value in record.items() if key != records.TIMES}


def test_a_record_says_everything_that_decided_the_run(tmp_path):
    record = run(tmp_path)
    assert record == records.read("tiny", 0, tmp_path / "records")
    assert record["configuration"] == records.configuration("tiny")
    assert record["ended"] == "steps" and record["steps"] == 30
    assert len(record["first_losses"]) == 20 and len(record["curve"]["loss"]) == 3
    assert np.mean(record["first_losses"][:10]) == pytest.approx(record["curve"]["loss"][0], abs=DIGITS)
    assert record["data"]["held_out"] == list(datasets.HELD_OUT_SLICES)
    assert record["data"]["train"] == list(datasets.TRAIN_SLICES)
    voxels = np.rint(synthetic_stack().images * 255).astype(np.uint8)
    assert record["data"]["sha256"]["images"] == hashlib.sha256(voxels.tobytes()).hexdigest()
    assert set(record["held_out"]["slices"]) == set(map(str, datasets.HELD_OUT_SLICES))
    assert all(len(values) == 10 for values in record["held_out"]["all"].values())
    assert record["versions"]["tensorflow"] and record["processor"]["model"] and record["seconds"]["training"] > 0


def test_one_seed_gives_one_record_and_another_seed_another(tmp_path, whole):
    first, again, other = whole("tiny"), run(tmp_path), whole("tiny", 1)
    assert without_times(first) == without_times(again)
    assert first["first_losses"] != other["first_losses"]


SCRIPT = """
import sys; sys.path.insert(0, "tests")
import test_experiments as t
t.plan.TRIALS = {{}}
t.recipes.RUNS = {{"tiny": t.TINY, "watched": t.STEPS_WITH_VALIDATION, "long": t.LONG}}
t.recipes.EXPERIMENTS = {{name: t.recipes.Experiment("?", "-", {{name: name}}, (0,)) for name in t.recipes.RUNS}}
stack = t.synthetic_stack()
t.datasets.load_isbi2012 = lambda: stack
t.runs.CHECKPOINT_SECONDS = 0
make = t.training.TileBatches.__getitem__
t.training.TileBatches.__getitem__ = lambda self, k: (t.time.sleep(0.05), make(self, k))[1]  # so that it can be killed
t.main({arguments!r})
"""


def start(tmp_path, *arguments, environment=()):
    """The command line on the tiny world, in a process of its own, with a checkpoint after every step."""
    script = SCRIPT.format(
        arguments=["--records", str(tmp_path / "records"), *arguments, "--runs", str(tmp_path / "runs")]
    )
    return subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        stderr=subprocess.STDOUT,
        env=os.environ | dict(environment),
    )


def wait_for_steps(process, checkpoint, steps=1):
    """Wait until a checkpoint has made that many steps; returns how many it has."""
    made = 0
    while made < steps:
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.01)
        if checkpoint.exists():
            with np.load(checkpoint) as saved:
                made = len(json.loads(str(saved["story"]))["losses"])
    return made


def kill(*processes):
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()


def count_batches(monkeypatch):
    """A list that grows by one with each batch that is made."""
    drawn, make = [], training.TileBatches.__getitem__
    monkeypatch.setattr(training.TileBatches, "__getitem__", lambda self, k: (drawn.append(1), make(self, k))[1])
    return drawn


def test_a_killed_run_goes_on_to_the_same_record(tmp_path, monkeypatch, whole):
    process, checkpoint = start(tmp_path, "run", "tiny"), tmp_path / "runs/tiny/0.npz"
    try:
        wait_for_steps(process, checkpoint, 7)
    finally:
        kill(process)
    assert not list((tmp_path / "records").rglob("*.json"))
    with np.load(checkpoint) as saved:
        made = len(json.loads(str(saved["story"]))["losses"])
    assert 7 <= made < 30
    drawn = count_batches(monkeypatch)
    resumed = run(tmp_path)
    assert len(drawn) == 30 - made
    assert without_times(resumed) == without_times(whole("tiny"))


def test_a_spent_budget_leaves_a_record_that_says_so_and_a_checkpoint_to_go_on(tmp_path, monkeypatch, whole):
    record = run(tmp_path, "watched", budget=1e-6)
    assert record["ended"] == "budget" and record["steps"] == 5
    assert (tmp_path / "runs" / "watched" / "0.npz").is_file()
    drawn = count_batches(monkeypatch)
    finished = run(tmp_path, "watched")
    assert len(drawn) == 25
    assert finished["ended"] == "steps" and finished["steps"] == 30
    assert without_times(finished) == without_times(whole("watched"))
    assert not (tmp_path / "runs" / "watched" / "0.npz").exists()


def test_a_plateau_of_the_validation_loss_ends_training_at_its_lowest_point(tmp_path, monkeypatch):
    losses = iter([3.0, 1.0, 2.0, 2.0, 2.0, 2.0])
    monkeypatch.setitem(recipes.RUNS, "watched", dataclasses.replace(STEPS_WITH_VALIDATION, patience=10))
    kept = {}

    class Scripted(runs.Validation):
        def on_epoch_end(self, epoch, logs=None):
            step = 5 * (epoch + 1)
            kept[step] = [weight.copy() for weight in self.model.get_weights()]
            if step == 10:
                pretrained.save_weights(self.model, self.best)
            logs["val_loss"] = next(losses)

    monkeypatch.setattr(runs, "Validation", Scripted)
    record = run(tmp_path, "watched")
    assert (record["ended"], record["steps"], record["best_step"]) == ("plateau", 20, 10)
    with np.load(tmp_path / "runs" / "watched" / "0.weights.npz") as saved:
        assert record["weights"] == pretrained.digest(dict(saved))
        arrays = list(saved.values())
    assert len(arrays) == len(kept[10])
    assert all(any(np.array_equal(weight, array) for array in arrays) for weight in kept[10])


def test_the_rate_falls_to_a_tenth_on_the_first_plateau_and_the_second_ends_training(tmp_path, monkeypatch):
    recipe = dataclasses.replace(STEPS_WITH_VALIDATION, optimizer="sgd", patience=10, decay="plateau", steps=60)
    monkeypatch.setitem(recipes.RUNS, "watched", recipe)
    losses = [3.0, 1.0, 2.0, 2.0, 0.5, 2.0, 0.4, 0.4, 0.5, 0.1]  # at steps 5, 10, ...: plateaus at 20 and 45
    rates, made = {}, _setup.make_optimizer(recipe)
    monkeypatch.setattr(_setup, "make_optimizer", lambda recipe: made)

    class Scripted(runs.Validation):
        def on_epoch_end(self, epoch, logs=None):
            step = 5 * (epoch + 1)
            rates[step] = float(made.learning_rate.numpy())
            if step == 35:
                pretrained.save_weights(self.model, self.best)
            logs["val_loss"] = losses[epoch]

    monkeypatch.setattr(runs, "Validation", Scripted)
    record = run(tmp_path, "watched")
    assert (record["ended"], record["steps"], record["best_step"]) == ("plateau", 45, 35)
    assert rates == pytest.approx({step: 1e-3 if step <= 20 else 1e-4 for step in range(5, 46, 5)})


def test_validation_is_the_weighted_cross_entropy_of_whole_slices(tmp_path):
    recipe = STEPS_WITH_VALIDATION
    split = _setup.split_data(recipe, 0)
    model, *_ = _setup.build(recipe, 0, split)
    validation, logs = runs.Validation(recipe, split, tmp_path / "best.npz"), {}
    validation.set_model(model)
    validation.on_epoch_end(0, logs)
    p = runs.predict(recipe, model, split.images[[0, 29]])
    energies = []
    for probability, ids in zip(p, split.cells[[0, 29]]):
        weights = _setup.weigh(recipe)(ids)
        energies += [
            -weights[pixel] * np.log(probability[pixel] if ids[pixel] else 1 - probability[pixel])
            for pixel in np.ndindex(ids.shape)
        ]
    assert_agree(logs["val_loss"], np.mean(energies), longest_sum(model) + len(energies), dtype=np.float32)


def test_the_seed_chooses_the_slices_and_held_out_ones_are_never_among_them():
    few = dataclasses.replace(TINY, slices=4)
    chosen = [_setup.split_data(few, seed) for seed in range(8)]
    assert all(len(split.train) == 4 and split.chosen_on == split.train[:2] for split in chosen)
    assert len({split.train for split in chosen}) > 4
    assert not {number for split in chosen for number in split.train} & set(datasets.HELD_OUT_SLICES)
    watched = _setup.split_data(STEPS_WITH_VALIDATION, 0)
    assert watched.chosen_on == (0, 29) and not {0, 29} & set(watched.train) and len(watched.train) == 22


def test_touching_cells_are_opened_for_training_and_whole_for_scoring(monkeypatch):
    _, labels, cells = datasets.synthetic_cells(3, size=64, seed=1)
    part = datasets.AnnotatedCells("made", labels.astype(float), labels, cells, ("0", "1", "2"))
    monkeypatch.setattr(datasets, "load_phase_contrast", lambda: datasets.PhaseContrast(part, part))
    split = _setup.split_data(dataclasses.replace(TINY, data="phase_contrast", slices=3), 0)
    assert split.train == (0, 1, 2) and split.held_out == (3, 4, 5)
    np.testing.assert_array_equal(split.cells[3:], cells)
    opened = (split.targets == 0) & (split.cells > 0)
    assert opened.any() and np.array_equal(split.targets[~opened], split.cells[~opened])


@pytest.mark.parametrize(
    "change",
    [
        {"initializer": "normal", "deviation": 0.01},
        {"output": "sigmoid", "padding": "same"},
        {"optimizer": "sgd", "momentum": 0.9},
        {"weights": "balance"},
        {"weights": "none", "augment": None},
        {"skips": False},
        {"rotations": 2},
        {"precision": "bfloat16"},
    ],
)
def test_every_kind_of_recipe_runs(tmp_path, monkeypatch, change):
    monkeypatch.setitem(recipes.RUNS, "tiny", dataclasses.replace(TINY, steps=2, **change))
    record = run(tmp_path)
    assert record["steps"] == 2 and np.isfinite(record["first_losses"]).all()


def test_small_weights_are_as_small_as_asked():
    recipe = dataclasses.replace(TINY, filters=16, initializer="normal", deviation=0.01)
    model, *_ = _setup.build(recipe, 3, _setup.split_data(recipe, 3))
    kernels = [weight for weight in model.get_weights() if weight.ndim == 4 and weight.size > 1000]
    assert kernels and all(0.009 < kernel.std() < 0.011 for kernel in kernels)
    assert not np.array_equal(*[kernel.ravel()[:500] for kernel in kernels[:2]])


def test_one_run_is_one_process(tmp_path):
    with _machine.locked(tmp_path / "runs" / "tiny" / "0.lock"), pytest.raises(BlockingIOError):
        run(tmp_path)
    assert run(tmp_path)["ended"] == "steps"


def command(tmp_path, *arguments):
    extra = ["--runs", str(tmp_path / "runs")] if arguments[0] == "run" else []
    return main(["--records", str(tmp_path / "records"), *arguments, *extra])


def test_the_command_line_runs_lists_and_checks(tmp_path, capsys):
    assert command(tmp_path, "run", "again", "--seed", "1") == 0
    assert command(tmp_path, "run", "again") == 0
    assert capsys.readouterr().out.count("has a record") == 1
    assert command(tmp_path, "list") == 0
    assert "0: 30 steps, steps" in capsys.readouterr().out
    assert command(tmp_path, "check") == 1
    out = capsys.readouterr().out
    assert "watched/0.json: is missing" in out and "tiny/0.json" not in out
    assert command(tmp_path, "run", "all") == 0 and command(tmp_path, "check") == 0
    assert command(tmp_path, "check", "--rerun", "tiny") == 0
    assert "tiny, seed 1: 20 losses repeated, largest difference 0 of the loss" in capsys.readouterr().out


def test_check_names_what_no_longer_matches(tmp_path, capsys, monkeypatch, whole):
    for seed in (0, 1):
        whole("tiny", seed), whole("watched", seed)
    shutil.copytree(whole.folder, tmp_path / "records")
    path = records.path_of("tiny", 0, tmp_path / "records")
    monkeypatch.setitem(recipes.RUNS, "tiny", dataclasses.replace(TINY, learning_rate=0.5))
    assert records.faults(tmp_path / "records") == [
        f"tiny/{seed}.json: the recipe has changed since: learning_rate is 0.5, was 0.001" for seed in (0, 1)
    ]
    monkeypatch.setitem(recipes.RUNS, "tiny", TINY)
    assert records.faults(tmp_path / "records") == []
    record = records.read("tiny", 0, tmp_path / "records")
    record["first_losses"][0] *= 1.1
    path.write_text(json.dumps(record))
    assert command(tmp_path, "check", "--rerun", "tiny", "--seed", "0") == 1
    assert "differ by more than" in capsys.readouterr().out
    path.write_text("{")
    (path.parent / "9.json").write_text("{}")
    faults = records.faults(tmp_path / "records")
    assert any("belongs to no experiment" in fault for fault in faults) and any("damaged" in fault for fault in faults)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["run", "papre"], "'papre': is not known; choose one of all, plan, both"),
        (["run", "tiny", "--budget", "-1"], "budget"),
        (["run", "tiny", "--seed", "-1"], "seed"),
        (["check", "--rerun", "tiny"], "python -m unet_tutorial.experiments run tiny"),
    ],
)
def test_mistakes_are_named(tmp_path, capsys, arguments, words):
    assert command(tmp_path, *arguments) == 2
    assert words in capsys.readouterr().err


def test_a_checkpoint_of_another_recipe_is_not_gone_on_with(tmp_path, monkeypatch):
    assert run(tmp_path, "watched", budget=1e-6)["ended"] == "budget"
    monkeypatch.setitem(recipes.RUNS, "watched", dataclasses.replace(STEPS_WITH_VALIDATION, learning_rate=0.5))
    with pytest.raises(ValueError, match="0.npz: belongs to .*0.001.*, not to .*0.5"):
        run(tmp_path, "watched")


def test_a_diverging_run_does_not_keep_the_others_from_running(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(recipes.RUNS, "tiny", dataclasses.replace(TINY, optimizer="sgd", learning_rate=1e30))
    assert command(tmp_path, "run", "both", "--seed", "0") == 1
    out = capsys.readouterr().out
    assert "diverged" in out and "watched, seed 0\n    30 steps, ended by steps" in out


def test_a_record_of_the_old_draw_can_be_read_and_scored_but_not_repeated(tmp_path, whole):
    assert whole("tiny")["draw"] == records.DRAW
    record = {key: value for key, value in whole("tiny").items() if key != "draw"}  # as version 0.1 wrote it
    records.write(record, tmp_path)
    assert records.read("tiny", 0, tmp_path) == record
    with pytest.raises(ValueError, match="tiny, seed 0: was recorded by version .* drew tiles and first weights in"):
        runs.rerun("tiny", 0, tmp_path)


def test_a_seed_of_no_experiment_needs_a_folder_of_its_own(tmp_path, capsys):
    assert main(["run", "tiny", "--seed", "7", "--runs", str(tmp_path)]) == 2
    assert "seed 7: belongs to no experiment with tiny" in capsys.readouterr().err
    assert command(tmp_path, "run", "tiny", "--seed", "7") == 0
    assert command(tmp_path, "check", "--rerun", "tiny", "--seed", "5") == 2


def test_cells_that_touch_are_trained_on_and_scored(tmp_path, monkeypatch):
    _, labels, cells = datasets.synthetic_cells(3, size=96, seed=1)
    part = datasets.AnnotatedCells("made", labels.astype(float), labels, cells, ("0", "1", "2"))
    monkeypatch.setattr(datasets, "load_phase_contrast", lambda: datasets.PhaseContrast(part, part))
    monkeypatch.setitem(recipes.RUNS, "tiny", dataclasses.replace(TINY, data="phase_contrast", slices=3, steps=2))
    record = run(tmp_path)
    assert set(record["held_out"]["all"]) == {"seg", "seg_touching", "iou", "merged_cells"}
    assert list(record["held_out"]["slices"]) == ["3", "4", "5"]


def test_missing_data_are_named(tmp_path, capsys, monkeypatch):
    def missing():
        raise datasets.DataUnavailable("get it there")

    monkeypatch.setattr(datasets, "load_isbi2012", missing)
    assert command(tmp_path, "run", "tiny") == 2 and "get it there" in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.json"))


def test_a_record_is_never_half_written(tmp_path, monkeypatch):
    record = {"name": "tiny", "seed": 0, "value": 1, "configuration": {}, "ended": "steps", "held_out": {}}
    records.write(record, tmp_path)
    with pytest.raises(ValueError, match="JSON"):
        records.write(record | {"value": float("nan")}, tmp_path)
    monkeypatch.setattr(files.os, "replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        records.write(record | {"value": 2}, tmp_path)
    assert records.read("tiny", 0, tmp_path) == record
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["0.json"]


def cluster(tmp_path, name):
    """Two workers on this machine that train one network."""
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0)), second.bind(("127.0.0.1", 0))
        ports = [free.getsockname()[1] for free in (first, second)]
    workers = [f"127.0.0.1:{port}" for port in ports]

    def worker(index):
        setting = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
        return start(tmp_path, "run", name, "--strategy", "multiworker", environment={"TF_CONFIG": json.dumps(setting)})

    return worker


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """Record of two workers of whom none is lost."""
    folder = tmp_path_factory.mktemp("unbroken")
    worker = cluster(folder, "long")
    processes = [worker(0), worker(1)]
    try:
        texts = [process.communicate(timeout=LIMIT)[0] for process in processes]
    finally:
        kill(*processes)
    assert "60 steps" in texts[0], texts
    return records.read("long", 0, folder / "records")


def test_two_workers_make_the_steps_of_one_with_the_double_batch(tmp_path, monkeypatch, unbroken):
    monkeypatch.setitem(recipes.RUNS, "tiny", dataclasses.replace(LONG, batch_size=2))
    one = run(tmp_path)
    assert unbroken["processor"]["replicas"] == 2 and unbroken["configuration"]["batch_size"] == 1
    assert_agree(unbroken["first_losses"], one["first_losses"], terms_of_all_steps(LONG), dtype=np.float32)
    # a pixel at a threshold may fall on either side of it, and open or close a border
    assert unbroken["held_out"]["all"]["v_rand"] == pytest.approx(one["held_out"]["all"]["v_rand"], abs=0.05)


def terms_of_all_steps(recipe):
    """Each step adds its rounding to the weights of the last one."""
    model, *_ = _setup.build(recipe, 0, _setup.split_data(recipe, 0))
    return recipe.steps * longest_sum(model)


@pytest.mark.parametrize("lost", [0, 1])
def test_when_a_worker_is_lost_and_started_again_all_go_on_from_the_checkpoint(tmp_path, unbroken, lost):
    worker = cluster(tmp_path, "long")
    processes, checkpoint = [worker(0), worker(1)], tmp_path / "runs" / "long" / "0-x2.npz"
    try:
        made = wait_for_steps(processes[0], checkpoint, 5)
        kill(processes[lost])
        processes[lost] = worker(lost)
        texts = [process.communicate(timeout=LIMIT)[0] for process in processes]
    finally:
        kill(*processes)
    assert "another worker was lost: starting again from the checkpoint" in texts[1 - lost]
    gone_on = re.findall(r"goes on after step (\d+)", texts[0] + texts[1])
    assert gone_on and all(int(step) >= made for step in gone_on)
    broken = records.read("long", 0, tmp_path / "records")
    assert broken["steps"] == 60
    curve = unbroken["curve"]["loss"]
    bound = DIGITS + rounding_bound(terms_of_all_steps(LONG), curve)
    np.testing.assert_allclose(broken["curve"]["loss"], curve, rtol=0, atol=bound)
