"""How long a training step takes when several processes of this machine share it, and how much of that is exchange.

They talk to each other through the loopback address: their times say nothing about a network, or about GPUs.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .. import geometry, pretrained, training
from .._backend import keras
from .._shared.checks import as_positive, as_size
from ..model import build_unet

COMMAND = (sys.executable, "-m", "unet_tutorial.experiments.timing")
WARM_UP = 3  # steps that are not timed: TensorFlow makes its graph in the first one


@dataclass(frozen=True)
class Measurement:
    """What the workers report: an entry each for the median seconds of a step, the losses, the core (None: any).

    `digests` are checksums of the weights that each worker ended with. `gradient_bytes` is the size of the gradients
    that a worker makes in a step: 4 bytes a weight.
    """

    seconds: tuple
    losses: tuple
    cores: tuple
    digests: tuple
    gradient_bytes: int

    @property
    def shared_core(self):
        """Whether workers waited for one another's core: then their times say little. None if they were not pinned."""
        return None if None in self.cores else len(set(self.cores)) < len(self.cores)


def local_workers(
    count: int,
    steps: int = 10,
    filters: int = 8,
    depth: int = 3,
    tile: int = 140,
    batch_size: int = 1,
    exchange: bool = True,
    limit: float = 300.0,
) -> Measurement:
    """Train a U-Net on noise by processes that are pinned to one core each, without GPUs, and time their steps.

    Worker i takes core i of those allowed to this process; where they are fewer, it begins again with the first.

    Parameters
    ----------
    count, steps : int
        Number of workers, and of the steps that are timed, after `WARM_UP` others. One worker has no strategy.
    filters, depth, tile : int
        Of the network, without drop-out: channels of the first level, poolings, side of the input in pixels.
    batch_size : int
        Tiles of each worker and step.
    exchange : bool
        Add the gradients, by `training.make_strategy("multiworker")`. If False, all train at the same time, but each
        as if it were alone: what that costs, they lose by sharing the processor and its memory.
    limit : float
        Seconds until all must have ended.

    Returns
    -------
    Measurement

    Raises
    ------
    ValueError
        An argument is not a positive (whole) number, or the tile is not legal.
    RuntimeError
        A worker died; holds its last lines. In every case, no worker is left running.
    TimeoutError
        The limit has passed.

    Examples
    --------
    >>> measured = local_workers(2, steps=5)  # doctest: +SKIP
    >>> len(measured.seconds), len(set(measured.digests))  # both end with the same weights  # doctest: +SKIP
    (2, 1)
    """
    job = {
        name: as_size(value, name)
        for name, value in (
            ("steps", steps),
            ("filters", filters),
            ("depth", depth),
            ("tile", tile),
            ("batch_size", batch_size),
        )
    }
    count, limit = as_size(count, "count"), as_positive(limit, "limit", zero=False)
    geometry.output_size(job["tile"], job["depth"])
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [None]
    cores = tuple(allowed[index % len(allowed)] for index in range(count))
    common = {name: value for name, value in os.environ.items() if name != "TF_CONFIG"} | {"CUDA_VISIBLE_DEVICES": "-1"}
    settings = _cluster(count) if exchange and count > 1 else [{}] * count
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as running:
        files = [[Path(folder, f"{index}.{kind}") for kind in ("json", "txt")] for index in range(count)]
        processes = []
        for core, setting, (report, words) in zip(cores, settings, files):
            with open(report, "w") as output, open(words, "w") as errors:
                process = subprocess.Popen(
                    [*COMMAND, json.dumps(job)],
                    env=common | setting,
                    stdout=output,
                    stderr=errors,
                    stdin=subprocess.DEVNULL,
                )
            running.callback(process.wait)
            running.callback(process.kill)
            if core is not None:
                os.sched_setaffinity(process.pid, {core})  # threads that it makes later inherit it
            processes.append(process)
        _wait(processes, [words for _, words in files], limit)
        reports = [json.loads(report.read_text()) for report, _ in files]
    return Measurement(
        tuple(float(np.median(report["seconds"])) for report in reports),
        tuple(report["losses"] for report in reports),
        cores,
        tuple(report["digest"] for report in reports),
        4 * reports[0]["weights"],
    )


def _cluster(count):
    """TF_CONFIG of each worker, with ports that are free now."""
    with contextlib.ExitStack() as held:  # all at once, so that none is given twice
        servers = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        workers = [f"127.0.0.1:{server.getsockname()[1]}" for server in servers]
    return [
        {"TF_CONFIG": json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}})}
        for index in range(count)
    ]


def _wait(processes, words, limit):
    deadline = time.monotonic() + limit
    while None in (states := [process.poll() for process in processes]) or any(states):
        for index, state in enumerate(states):
            if state:
                last = "\n".join(words[index].read_text(errors="replace").splitlines()[-5:])
                raise RuntimeError(f"worker {index} died with code {state}; its last lines:\n{last}")
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"{states.count(None)} of {len(states)} workers have not ended after limit {limit:g} s: "
                "raise it, or take fewer steps or a smaller tile"
            )
        time.sleep(0.05)


def work(steps, filters, depth, tile, batch_size):
    """What each process does: train, in the cluster of TF_CONFIG or alone without it, and print its report."""
    strategy = training.make_strategy("multiworker" if "TF_CONFIG" in os.environ else None)
    training.set_seed(0)
    with strategy.scope() if strategy else contextlib.nullcontext():
        model = build_unet((tile, tile, 1), base_filters=filters, depth=depth, drop_out=0.0)
        optimizer = training.paper_optimizer()
    times = []
    clock = keras.callbacks.LambdaCallback(on_train_batch_begin=lambda batch, logs: times.append(time.perf_counter()))
    batches = noise(model, batch_size * training.replicas(strategy))
    quiet = training.ProgressBar(show=False)
    history = training.train(model, batches, WARM_UP + steps, optimizer, callbacks=[clock, quiet])
    times.append(time.perf_counter())
    print(
        json.dumps(
            {
                "seconds": np.diff(times)[WARM_UP:].tolist(),
                "losses": history.losses,
                "weights": model.count_params(),
                "digest": pretrained.digest({weight.path: np.asarray(weight) for weight in model.weights}),
            }
        )
    )


def noise(
    model: keras.Model, batch_size: int
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.float32]]]:
    """Endless batches of random images and labels, the same in every process; the weights are one.

    Examples
    --------
    >>> from unet_tutorial.model import build_unet
    >>> model = build_unet((20, 20, 1), base_filters=2, depth=1)
    >>> first, second = (next(noise(model, batch_size=3)) for _ in range(2))  # as in two processes
    >>> [array.shape for array in first], bool((first[0] == second[0]).all())
    ([(3, 20, 20, 1), (3, 4, 4), (3, 4, 4)], True)
    """
    rng = np.random.default_rng(0)
    while True:
        images = rng.random((batch_size, *model.input_shape[1:]), np.float32)
        labels = rng.integers(2, size=(batch_size, *model.output_shape[1:3]), dtype=np.int32)
        yield images, labels, np.ones(labels.shape, np.float32)


if __name__ == "__main__":
    work(**json.loads(sys.argv[1]))
