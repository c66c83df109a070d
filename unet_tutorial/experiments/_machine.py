"""The machine that a run was made on, and the lock that keeps two processes off one run."""

import contextlib
import importlib.metadata
import os
import platform
from pathlib import Path

import filelock

from .. import __version__, training
from .._backend import PACKAGES


def surroundings(model, strategy=None):
    """Where a run was made: precision, versions, processor, cores and replicas."""
    policy = model.layers[1].dtype_policy.name
    packages = (*PACKAGES, "numpy", "scipy")
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
            **({"replicas": training.replicas(strategy)} if strategy else {}),
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
    """Keep every other process out; the lock ends with this process, however it ends.

    Raises BlockingIOError where another process is inside.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(path, timeout=0):
            yield
    except filelock.Timeout as error:
        raise BlockingIOError(f"another process holds {path}") from error
