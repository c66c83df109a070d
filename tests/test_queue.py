"""Laws of the queue: the plan's order, no more processes than asked for, nothing begun that does not fit, none left."""

import dataclasses
import hashlib
import json
import subprocess
import sys
import time
from datetime import datetime, timedelta

import numpy as np
import pytest

from unet_tutorial import datasets
from unet_tutorial._backend import keras
from unet_tutorial.experiments import _folds, _queue, plan, recipes, records, runs
from unet_tutorial.experiments.__main__ import main

BASE = recipes.Recipe(
    data="nuclei", folds=True, normalized=True, balance="training", levels="logit", slices=2, filters=2, depth=1
)
BASE = dataclasses.replace(BASE, tile=44, steps=20, precision="float32")
TINY = {
    "first": plan.Trial(
        "?",
        "-",
        BASE,
        {"a": {}, "b": {"weights": "balance"}},
        (plan.Claim("A is better", "a", "b", "seg", 0.1, 0),),
        (0, 1),
    ),
    "second": plan.Trial("?", "-", BASE, {"again": "first/a", "c": {"weights": "none"}}, seeds=(0,)),
}
ORDER = [("first/a", 0), ("first/b", 0), ("first/a", 1), ("first/b", 1), ("second/c", 0)]
pytestmark = pytest.mark.filterwarnings("ignore:prediction.*agrees with the truth")  # after twenty steps, by chance


@pytest.fixture(autouse=True)
def tiny_plan(monkeypatch):
    images, labels, cells = datasets.synthetic_cells(8, size=64, seed=1)
    frames = datasets.AnnotatedCells("made", images, labels, cells.astype(np.int32), tuple("abcdefgh"))
    monkeypatch.setattr(datasets, "load_nuclei", lambda: frames)
    fold = _folds.Fold((0, 1), (2,), (7,)), _folds.Fold((3, 4), (2,), (7,))
    monkeypatch.setitem(_folds.FOLDS, "nuclei", fold)
    monkeypatch.setattr(plan, "TRIALS", TINY)
    monkeypatch.setattr(recipes, "RUNS", plan.runs())
    monkeypatch.setattr(recipes, "EXPERIMENTS", {})
    monkeypatch.setattr(_queue, "POLL", 0.01)
    yield
    keras.mixed_precision.set_global_policy("float32")


class Done:
    """A process that has ended."""

    def __init__(self, code=0):
        self.returncode = code

    def poll(self):
        return self.returncode


def record(name, seed, folder, training=100.0, scoring=10.0, **change):
    configuration = records.configuration(name) | change
    kept = {"name": name, "seed": seed, "configuration": configuration, "ended": "steps", "held_out": {}}
    records.write(kept | {records.TIMES: {"training": training, "scoring": scoring}}, folder)


def test_the_clock_means_its_next_time():
    for hour, minute, ahead in ((12, 31, 1), (12, 30, 24 * 60), (12, 29, 24 * 60 - 1), (0, 0, 690)):
        now = datetime(2026, 3, 1, 12, 30)
        assert _queue.clock(f"{hour}:{minute:02}", now) == (now + timedelta(minutes=ahead)).timestamp()
    for text in ("", "12", "24:00", "12:60", "noon", "1:2:3"):
        with pytest.raises(ValueError, match="must be HH:MM"):
            _queue.clock(text)


def test_what_lacks_a_record_is_made_in_the_plan_s_order(tmp_path):
    assert recipes.runs_of("plan") == _queue.missing(tmp_path) == ORDER
    record("first/b", 0, tmp_path), record("second/c", 0, tmp_path)
    assert _queue.missing(tmp_path) == [("first/a", 0), ("first/a", 1), ("first/b", 1)]
    record("first/b", 0, tmp_path, learning_rate=0.5)
    with pytest.raises(ValueError, match="first/b/0.json: the recipe has changed since; delete"):
        _queue.missing(tmp_path)


def test_the_time_of_a_run_is_that_of_its_recipe_s_records_less_what_is_made(tmp_path):
    assert _queue.expected("first/a", 0, tmp_path / "runs", tmp_path) is None
    record("first/a", 1, tmp_path, 100, 10), record("first/b", 1, tmp_path, 900, 90)
    assert _queue.expected("first/a", 0, tmp_path / "runs", tmp_path) == 110
    checkpoint = tmp_path / "runs/first/a/0.npz"
    checkpoint.parent.mkdir(parents=True)
    np.savez(checkpoint, story=json.dumps({"losses": [1.0] * 15}))
    assert _queue.expected("first/a", 0, tmp_path / "runs", tmp_path) == 100 * 5 / 20 + 10
    checkpoint.write_bytes(b"broken")
    assert _queue.expected("first/a", 0, tmp_path / "runs", tmp_path) == 110


def test_the_first_steps_say_how_long_all_of_them_take(tmp_path, monkeypatch):
    now, build = [0.0], _queue.build

    class Slow:
        """Batches that take three seconds each, by the clock of the test."""

        def __init__(self, batches):
            self.batches = batches

        def __iter__(self):
            for number in range(99):
                now[0] += 3
                yield self.batches[number]

    def slow(*arguments):
        model, batches, *others = build(*arguments)
        return model, Slow(batches), *others

    monkeypatch.setattr(_queue, "build", slow)
    monkeypatch.setattr(_queue.time, "monotonic", lambda: now[0])
    assert _queue.measured("first/a", 0, tmp_path) == 20 * 3 + _queue.SCORING


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_runs_go_in_order_and_no_more_at_once_than_asked_for(processes):
    started, most, polls = [], [], {}

    class Counted(Done):
        def poll(self):
            polls[self] = polls.get(self, 0) + 1
            return self.returncode if polls[self] > 2 else None

    def start(*pair):
        started.append(pair)
        most.append(len(started) - sum(count > 2 for count in polls.values()))
        return Counted(pair[1])

    ended = _queue.work(ORDER, start, lambda *_: True, processes)
    assert started == ORDER and max(most) == processes
    assert ended == {pair: pair[1] for pair in ORDER}


def test_what_does_not_fit_is_not_started_and_what_comes_later_and_fits_is():
    started = []

    def start(*pair):
        started.append(pair)
        return Done()

    ended = _queue.work(ORDER, start, lambda name, seed: name != "first/b", 1)
    assert started == [("first/a", 0), ("first/a", 1), ("second/c", 0)]
    assert ended["first/b", 0] is None and ended["first/a", 0] == 0


def sleeping(*_):
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])


def test_at_the_end_of_the_time_every_process_is_ended():
    ended = _queue.work(ORDER, sleeping, lambda *_: True, 2, until=time.time() + 0.3)
    assert list(ended) == ORDER[:2] and all(code for code in ended.values())


def test_an_interrupt_leaves_no_process_behind():
    going = []

    def start(*pair):
        if len(going) == 1:
            raise KeyboardInterrupt
        going.append(sleeping())
        return going[0]

    with pytest.raises(KeyboardInterrupt):
        _queue.work(ORDER, start, lambda *_: True, 2)
    assert going[0].returncode is not None


def in_this_process(made):
    """In place of a process of its own."""

    def start(name, seed, until, folder, kept):
        made.append((name, seed, until))
        runs.run(name, seed, runs=folder, folder=kept, progress=False)
        return Done()

    return start


def test_the_queue_makes_what_is_missing_once_and_its_pairs_can_be_judged(tmp_path, monkeypatch, capsys):
    made: list = []
    monkeypatch.setattr(_queue, "start", in_this_process(made))
    arguments = ["--records", str(tmp_path / "records"), "queue", "--runs", str(tmp_path / "runs")]
    assert main(arguments) == 0
    assert [(name, seed) for name, seed, _ in made] == ORDER
    assert "5 runs in the plan, 5 without a record" in capsys.readouterr().out
    assert main(arguments) == 0 and len(made) == 5
    assert "0 made, 0 failed, 0 left" in capsys.readouterr().out
    assert records.faults(tmp_path / "records") == []
    first = records.read("first/a", 0, tmp_path / "records")
    raw = np.rint(datasets.load_nuclei().images * 255).astype(np.uint8)  # before they are brought to one scale
    assert first["data"]["sha256"]["images"] == hashlib.sha256(raw.tobytes()).hexdigest()
    assert first["plan"] == plan.digest() and first["data"]["buffer"] == [2]
    assert first["data"]["chosen_on"] == [7] and first["data"]["held_out"] == [0, 1]
    assert len(first["chosen_on"]["thresholds"]) == 41 and len(first["held_out"]["thresholds"]) in (10, 11)
    chosen = records.chosen_threshold(first["chosen_on"])
    level = first["held_out"]["thresholds"].index(chosen)
    assert records.score(first, "seg") == first["held_out"]["all"]["seg"][level]
    other = records.read("first/b", 0, tmp_path / "records")
    assert first["data"] == other["data"] and first["first_losses"] != other["first_losses"]
    assert main(["--records", str(tmp_path / "records"), "verdicts"]) == 0
    assert "not run: 2 pairs, and 8 are needed" in capsys.readouterr().out


def test_a_run_that_is_known_to_be_too_long_is_left_and_an_unknown_one_measures_itself(tmp_path, monkeypatch, capsys):
    kept = tmp_path / "records"
    record("first/a", 0, kept, training=5_000), record("first/b", 0, kept, training=1)
    made: list = []

    def start(name, seed, until, *_):
        made.append((name, seed, until))
        return Done(_queue.TOO_LONG)

    monkeypatch.setattr(_queue, "start", start)
    until = time.time() + 3600
    assert _queue.queue(until, 1, tmp_path / "runs", kept) == 0
    assert made == [("first/b", 1, None), ("second/c", 0, until)]  # first/a takes longer than an hour
    assert "0 made, 0 failed, 3 left for another time" in capsys.readouterr().out


def test_a_failure_does_not_stop_the_others_and_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(_queue, "start", lambda name, *_: Done(2 if name == "first/b" else 0))
    assert _queue.queue(None, 2, tmp_path / "runs", tmp_path / "records") == 1
    assert "first/b, seed 1: failed" in capsys.readouterr().out


def test_runs_whose_data_are_not_here_are_left_out(tmp_path, monkeypatch, capsys):
    def missing():
        raise datasets.DataUnavailable("get them there")

    monkeypatch.setattr(datasets, "load_nuclei", missing)
    monkeypatch.setattr(_queue, "start", None)  # is not called
    assert _queue.queue(None, 1, tmp_path / "runs", tmp_path / "records") == 0
    assert "without the runs on nuclei: get them there" in capsys.readouterr().out


def test_a_run_that_would_not_end_in_time_is_not_started(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(_queue, "measured", lambda *_: 3_000_000.0)
    arguments = ["--records", str(tmp_path), "run", "first/a", "--seed", "0", "--runs", str(tmp_path)]
    assert main([*arguments, "--until", "23:59"]) == _queue.TOO_LONG
    assert "not started: it would take 50000 minutes" in capsys.readouterr().out
    assert not records.path_of("first/a", 0, tmp_path).exists()


def test_a_child_has_one_thread_and_its_own_run(tmp_path, monkeypatch):
    seen = {}
    monkeypatch.setattr(_queue.subprocess, "Popen", lambda command, env: seen.update(command=command, env=env))
    _queue.start("first/a", 3, datetime(2026, 1, 1, 4, 5).timestamp(), "runs", tmp_path)
    module = [sys.executable, "-m", "unet_tutorial.experiments"]
    expected = ["--records", str(tmp_path), "run", "first/a", "--seed", "3", "--runs", "runs", "--until", "04:05"]
    assert seen["command"] == [*module, *expected]
    assert all(seen["env"][name] == "1" for name in _queue.ONE_THREAD)
