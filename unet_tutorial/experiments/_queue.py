"""Makes what the plan lacks, one process for each run, as far as the time allows."""

import json
import os
import signal
import statistics
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from .. import training
from .._backend import keras
from ..datasets import DataUnavailable
from . import recipes, records
from ._setup import build, load, split_data

TOO_LONG = 75  # exit code of a run that was not started because it would not end in time
STOPPED = (-signal.SIGTERM, 128 + signal.SIGTERM)
ROOM = 1.2  # by how much a run may take longer than was expected, beside others
SCORING = 60.0  # seconds, where no record of the recipe says better
WARM, MEASURED = 3, 10  # steps
POLL = 0.2  # seconds
ONE_THREAD = {
    name: "1"
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
}


def clock(text: str, now: datetime | None = None) -> float:
    """The next time, in seconds since the epoch, at which the clock shows HH:MM.

    Raises
    ------
    ValueError
        The text is no such time.

    Examples
    --------
    >>> night = datetime(2026, 1, 1, 23, 30)
    >>> clock("01:15", night) - night.timestamp()  # tomorrow
    6300.0
    """
    now = now or datetime.now()
    try:
        hour, minute = map(int, text.split(":"))
        then = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    except ValueError:
        raise ValueError(f"time {text!r}: must be HH:MM, from 00:00 to 23:59") from None
    return (then if then > now else then + timedelta(days=1)).timestamp()


def missing(folder: str | Path | None = None) -> list[tuple[str, int]]:
    """The runs of the plan that have no record by today's recipe, in the plan's order.

    Raises
    ------
    ValueError
        A record is damaged, or its recipe has changed since.
    """
    lacking = []
    for name, seed in recipes.runs_of("plan"):
        if not records.path_of(name, seed, folder).is_file():
            lacking.append((name, seed))
        elif not records.fits(records.read(name, seed, folder)):
            raise ValueError(
                f"{records.path_of(name, seed, folder)}: the recipe has changed since; delete the record to make it "
                "again, and tell it in book/history.md"
            )
    return lacking


def expected(name: str, seed: int, runs: str | Path, folder: str | Path | None = None) -> float | None:
    """Seconds that are left of a run, from the records of its recipe; None where it has none yet."""
    found = [
        records.read(name, other, folder)[records.TIMES]
        for run, other in recipes.runs_of(name)
        if records.path_of(run, other, folder).is_file()
    ]
    if not found:
        return None
    training_, scoring = (statistics.median(times[kind] for times in found) for kind in ("training", "scoring"))
    return training_ * (1 - steps_made(name, seed, runs) / recipes.RUNS[name].steps) + scoring


def measured(name: str, seed: int, runs: str | Path) -> float:
    """Seconds that are left of a run, from its first steps, which are made once more and kept nowhere."""
    recipe = recipes.RUNS[name]
    model, batches, optimizer, loss = build(recipe, seed, split_data(recipe, seed))
    times: list[float] = []
    clock = keras.callbacks.LambdaCallback(on_train_batch_begin=lambda batch, logs: times.append(time.monotonic()))
    quiet = training.ProgressBar(show=False)
    training.train(model, batches, WARM + MEASURED + 1, optimizer, loss, [clock, quiet])
    return (times[-1] - times[WARM]) / (len(times) - 1 - WARM) * (recipe.steps - steps_made(name, seed, runs)) + SCORING


def steps_made(name: str, seed: int, runs: str | Path) -> int:
    """Steps that the checkpoint of a run has made."""
    try:
        with np.load(Path(os.path.expanduser(runs)) / name / f"{seed}.npz") as saved:
            return len(json.loads(str(saved["story"]))["losses"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return 0


def start(name: str, seed: int, until: float | None, runs: str | Path, folder: str | Path | None) -> subprocess.Popen:
    """A process of one thread that makes one run and writes its record."""
    command = [sys.executable, "-m", "unet_tutorial.experiments"]
    command += ["--records", str(folder)] if folder else []
    command += ["run", name, "--seed", str(seed), "--runs", str(runs)]
    command += ["--until", datetime.fromtimestamp(until).strftime("%H:%M")] if until else []
    return subprocess.Popen(command, env=os.environ | ONE_THREAD | {"UNET_TUTORIAL_PROGRESS": "0"})


def work(
    pairs: Iterable[tuple[str, int]],
    start: Callable[[str, int], Any],
    fits: Callable[[str, int], bool],
    processes: int = 1,
    until: float | None = None,
) -> dict[tuple[str, int], int | None]:
    """Make runs in their order, several at once; at the latest at `until` all processes are ended.

    A run that is ended early keeps its checkpoint, and goes on from there the next time. However this function ends, by
    an interrupt too, it leaves no process behind.

    Parameters
    ----------
    pairs : iterable of (name, seed)
    start : callable
        From (name, seed) to a process, as `subprocess.Popen` has them.
    fits : callable
        From (name, seed) to whether the run would end in time, asked just before it is started.
    processes : int
    until : float, optional
        Seconds since the epoch.

    Returns
    -------
    dict
        (name, seed) to the exit code of its process, or to None where it did not fit and was not started.
    """
    waiting = list(pairs)
    going: dict[tuple[str, int], Any] = {}
    ended: dict[tuple[str, int], int | None] = {}
    try:
        while waiting or going:
            while waiting and len(going) < processes:
                pair = waiting.pop(0)
                if fits(*pair):
                    going[pair] = start(*pair)
                else:
                    ended[pair] = None
            for pair, process in list(going.items()):
                if process.poll() is not None:
                    ended[pair] = going.pop(pair).returncode
            if until is not None and time.time() > until:
                break
            time.sleep(POLL)
    finally:
        for process in going.values():
            process.terminate()
        for pair, process in going.items():
            ended[pair] = process.wait()
    return ended


def queue(
    until: float | None = None, processes: int = 1, runs: str | Path = "runs", folder: str | Path | None = None
) -> int:
    """Make the runs that the plan lacks. Returns the exit code: 1 where a run failed."""
    pairs = missing(folder)
    print(f"{len(recipes.runs_of('plan'))} runs in the plan, {len(pairs)} without a record", flush=True)
    for data in dict.fromkeys(recipes.RUNS[name].data for name, _ in pairs):
        try:
            load(data)
        except DataUnavailable as error:
            pairs = [pair for pair in pairs if recipes.RUNS[pair[0]].data != data]
            print(f"without the runs on {data}: {error}", flush=True)

    def fits(name, seed):
        seconds = expected(name, seed, runs, folder)
        return until is None or seconds is None or time.time() + ROOM * seconds <= until

    def begin(name, seed):
        print(f"{datetime.now():%H:%M} {name}, seed {seed}: starts", flush=True)
        return start(name, seed, until if expected(name, seed, runs, folder) is None else None, runs, folder)

    ended = work(pairs, begin, fits, processes, until)
    made = [pair for pair in pairs if records.path_of(*pair, folder).is_file()]
    failed = [pair for pair, code in ended.items() if pair not in made and code not in (None, TOO_LONG, *STOPPED)]
    for name, seed in failed:
        print(f"{name}, seed {seed}: failed, see above")
    print(f"{len(made)} made, {len(failed)} failed, {len(pairs) - len(made) - len(failed)} left for another time")
    return 1 if failed else 0
