"""Laws of the workers on one machine: their steps are those of one worker, and none is left behind. No law of time.

Most tests put a few lines of Python in place of the worker, which needs seconds to start TensorFlow.
"""

import itertools
import json
import os
import sys

import numpy as np
import pytest

from unet_tutorial.experiments import timing
from unet_tutorial.model import build_unet
from unet_tutorial.rounding import assert_agree, longest_sum, rounding_bound

TINY = {"filters": 2, "depth": 1, "tile": 44}
ECHO = """
import json, os, sys
told = [os.environ.get("TF_CONFIG"), os.environ["CUDA_VISIBLE_DEVICES"], json.loads(sys.argv[1])]
print("words that are not the report", file=sys.stderr)
print(json.dumps({"seconds": [1, 9, 2], "losses": told, "weights": 5, "digest": "a"}))
"""
ONE_DIES = """
import json, os, pathlib, sys, time
pid = pathlib.Path(os.environ["PID_FILE"])
if json.loads(os.environ["TF_CONFIG"])["task"]["index"] == 0:
    pid.with_suffix(".partial").write_text(str(os.getpid()))
    pid.with_suffix(".partial").rename(pid)
    time.sleep(600)
while not pid.exists():
    time.sleep(0.01)
print(*range(101, 108), sep="\\n", file=sys.stderr)
sys.exit(3)
"""


@pytest.fixture
def worker(monkeypatch):
    def replace(script):
        monkeypatch.setattr(timing, "COMMAND", (sys.executable, "-c", script))

    return replace


def tasks(measured):
    return [told[0] and json.loads(told[0]) for told in measured.losses]


def test_two_workers_make_the_same_steps_as_one_with_the_tiles_of_both():
    two = timing.local_workers(2, steps=2, **TINY)
    alone = timing.local_workers(2, steps=2, batch_size=2, exchange=False, **TINY)
    assert two.losses[0] == two.losses[1] and alone.losses[0] == alone.losses[1]
    assert two.digests[0] == two.digests[1]  # the copies of the network are still one
    steps, net = timing.WARM_UP + 2, build_unet((44, 44, 1), base_filters=2, depth=1)
    assert_agree(two.losses[0], alone.losses[0], steps * longest_sum(net), dtype=np.float32)
    assert len(two.losses[0]) == steps
    assert np.abs(np.diff(two.losses[0])).min() > 10 * rounding_bound(steps * longest_sum(net), two.losses[0])
    assert len(two.seconds) == 2 and min(two.seconds) > 0
    assert two.gradient_bytes == 4 * net.count_params()


def test_a_worker_times_the_steps_after_the_warm_up(capsys, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    ticks = itertools.accumulate(range(100))
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(ticks))
    timing.work(steps=4, batch_size=1, **TINY)
    report = json.loads(capsys.readouterr().out)
    assert report["seconds"] == [timing.WARM_UP + step for step in (1, 2, 3, 4)]
    assert len(report["losses"]) == timing.WARM_UP + 4


def test_workers_form_one_cluster_and_see_no_gpu(worker, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", "of somebody else")
    worker(ECHO)
    measured = timing.local_workers(3)
    assert [task["task"] for task in tasks(measured)] == [{"type": "worker", "index": index} for index in range(3)]
    clusters = [task["cluster"]["worker"] for task in tasks(measured)]
    assert clusters[0] == clusters[1] == clusters[2] and len(set(clusters[0])) == 3
    assert all(address.startswith("127.0.0.1:") for address in clusters[0])
    assert {told[1] for told in measured.losses} == {"-1"}
    assert os.environ["TF_CONFIG"] == "of somebody else"


@pytest.mark.parametrize("count, exchange", [(1, True), (2, False)])
def test_without_exchange_no_worker_knows_of_a_cluster(worker, monkeypatch, count, exchange):
    monkeypatch.setenv("TF_CONFIG", "of somebody else")
    worker(ECHO)
    assert tasks(timing.local_workers(count, exchange=exchange)) == [None] * count


def test_the_medians_and_the_job_are_handed_on(worker):
    worker(ECHO)
    measured = timing.local_workers(2, steps=4, filters=2, depth=1, tile=44, batch_size=3)
    assert measured.seconds == (2, 2) and measured.gradient_bytes == 20
    assert measured.losses[1][2] == {"steps": 4, "filters": 2, "depth": 1, "tile": 44, "batch_size": 3}
    assert timing.local_workers(1).losses[0][2] == {
        "steps": 10,
        "filters": 8,
        "depth": 3,
        "tile": 140,
        "batch_size": 1,
    }


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system pins no process")
def test_each_worker_is_pinned_and_a_shared_core_is_told(worker, monkeypatch):
    allowed = sorted(os.sched_getaffinity(0))
    worker(
        ECHO.replace('os.environ.get("TF_CONFIG")', "list(os.sched_getaffinity(0))").replace(
            "import json", "import time; time.sleep(0.2); import json"
        )
    )
    measured = timing.local_workers(2)
    assert measured.cores == (allowed[0], allowed[1 % len(allowed)])
    assert [told[0] for told in measured.losses] == [[core] for core in measured.cores]
    assert measured.shared_core == (len(allowed) < 2)
    assert sorted(os.sched_getaffinity(0)) == allowed
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {allowed[-1]})
    measured = timing.local_workers(2)
    assert measured.cores == (allowed[-1], allowed[-1]) and measured.shared_core is True
    assert timing.local_workers(1).shared_core is False


def test_a_system_that_pins_no_process_measures_all_the_same(worker, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    worker(ECHO)
    measured = timing.local_workers(2)
    assert measured.cores == (None, None) and measured.shared_core is None


def test_a_worker_that_dies_is_named_and_the_others_are_ended(worker, monkeypatch, tmp_path):
    monkeypatch.setenv("PID_FILE", str(tmp_path / "pid"))
    worker(ONE_DIES)
    with pytest.raises(RuntimeError) as error:
        timing.local_workers(2)
    assert str(error.value) == "worker 1 died with code 3; its last lines:\n103\n104\n105\n106\n107"
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_workers_are_ended_at_the_limit(worker, monkeypatch, tmp_path):
    monkeypatch.setenv("PID_FILE", str(tmp_path / "pid"))
    worker("import os, time; open(os.environ['PID_FILE'], 'w').write(str(os.getpid())); time.sleep(600)")
    with pytest.raises(TimeoutError, match="1 of 1 workers have not ended after limit 2 s: raise it"):
        timing.local_workers(1, limit=2)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"count": 0}, "count 0"),
        ({"count": 1.5}, "count 1.5"),
        ({"count": 2, "steps": 0}, "steps 0"),
        ({"count": 2, "filters": "many"}, "filters 'many'"),
        ({"count": 2, "depth": True}, "depth True"),
        ({"count": 2, "tile": 141}, "141"),
        ({"count": 2, "tile": 0}, "tile 0"),
        ({"count": 2, "batch_size": 0}, "size 0"),
        ({"count": 2, "limit": 0}, "limit 0"),
        ({"count": 2, "limit": float("inf")}, "limit inf"),
    ],
)
def test_bad_arguments_are_named_before_anything_starts(worker, monkeypatch, arguments, words):
    monkeypatch.setattr(timing.subprocess, "Popen", None)
    with pytest.raises(ValueError, match=words):
        timing.local_workers(**arguments)


def test_noise_is_the_same_for_all_and_new_in_each_step():
    model = build_unet((44, 44, 1), base_filters=2, depth=1)
    first, again = (list(itertools.islice(timing.noise(model, 3), 2)) for _ in range(2))
    for one, other in zip(first, again):
        assert all(np.array_equal(part, same) for part, same in zip(one, other))
    images, labels, weights = first[0]
    assert images.shape == (3, 44, 44, 1) and labels.shape == weights.shape == (3, *model.output_shape[1:3])
    assert images.dtype == weights.dtype == np.float32 and set(np.unique(labels)) == {0, 1} and (weights == 1).all()
    assert not np.array_equal(images, first[1][0]) and not np.array_equal(images[0], images[1])
