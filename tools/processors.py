"""Runs notebooks and tests as other processors would: other vector units, other libraries, other numbers of threads.

    python -m tools.processors                  three kinds, then a table
    python -m tools.processors sse41            one of them
    python -m tools.processors plain --only notebooks

Each kind is a set of environment variables that TensorFlow, oneDNN, NumPy and OpenBLAS read when they start. A library
that does not know a value ignores it silently, so each kind is asked first what it really runs on. Only for Linux on
x86-64.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np

from .notebooks import ROOT

LEVELS = ("X86_V3", "X86_V4", "AVX512_ICL", "AVX512_SPR")  # NumPy's names: AVX2 and FMA3, then kinds of AVX-512


class Kind(NamedTuple):
    """One kind of processor: the environment that asks for it, and what must then be found."""

    about: str
    environment: dict
    proof: dict


def above_baseline() -> str:
    """The levels of vector units that NumPy finds here beyond its baseline: it warns where others are switched off."""
    return " ".join(level for level in LEVELS if np._core._multiarray_umath.__cpu_features__.get(level))


KINDS = {
    "plain": Kind(
        "TensorFlow without oneDNN, NumPy without AVX2",
        {"TF_ENABLE_ONEDNN_OPTS": "0", "NPY_DISABLE_CPU_FEATURES": above_baseline()},
        {"convolution": "Eigen", "numpy": "baseline"},
    ),
    "sse41": Kind(
        "oneDNN held to SSE4.1, one thread, OpenBLAS for Nehalem",
        {
            "TF_ENABLE_ONEDNN_OPTS": "1",
            "ONEDNN_MAX_CPU_ISA": "SSE41",
            "TF_NUM_INTRAOP_THREADS": "1",
            "OPENBLAS_CORETYPE": "Nehalem",
        },
        {"convolution": "oneDNN", "oneDNN": "Intel SSE4.1", "threads": 1, "OpenBLAS": "Nehalem"},
    ),
    "avx2": Kind(
        "oneDNN held to AVX2, three threads",
        {"TF_ENABLE_ONEDNN_OPTS": "1", "ONEDNN_MAX_CPU_ISA": "AVX2", "TF_NUM_INTRAOP_THREADS": "3"},
        {"convolution": "oneDNN", "oneDNN": "Intel AVX2", "threads": 3},
    ),
}
PARTS = {
    "notebooks": ["--nbval", "book", "-n", "2", "--dist", "loadfile"],
    "tests": ["tests", "--ignore", "tests/browser", "-m", "rounding", "-n", "2", "--dist", "loadfile"],
}
PROBE = "from tools.processors import tell; tell()"


class Row(NamedTuple):
    """What came of one part on one kind."""

    kind: str
    part: str
    passed: int
    failed: int
    seconds: float  # of the processor, user + system
    returncode: int


def tell() -> None:
    """Print what this process computes with, as JSON on the last line. oneDNN adds lines of its own before."""
    import ctypes

    from unet_tutorial._backend._tensorflow import tf

    tf.nn.conv2d(tf.ones((1, 64, 64, 16)), tf.ones((3, 3, 16, 16)), 1, "VALID").numpy()
    tasks = [task.joinpath("comm").read_text() for task in Path("/proc/self/task").iterdir()]
    features = np._core._multiarray_umath.__cpu_features__
    found = {
        "threads": tasks.count(Path("/proc/self/comm").read_text()) - 1,
        "numpy": next((level for level in reversed(LEVELS) if features.get(level)), "baseline"),
    }
    for path in Path(np.__file__).parent.parent.glob("numpy.libs/*openblas*"):
        core = ctypes.CDLL(str(path)).scipy_openblas_get_corename64_
        core.restype = ctypes.c_char_p
        found["OpenBLAS"] = core().decode()
    print(json.dumps(found))


def facts(environment: dict) -> dict:
    """What a new process computes with under `environment`.

    Returns
    -------
    dict
        "convolution": "oneDNN" or "Eigen"; "oneDNN": its vector units; "threads": TensorFlow's, within an operation;
        "numpy": its level of vector units; "OpenBLAS": the kind of core it computes for.
    """
    # Without threads of OpenBLAS, those of TensorFlow are the only ones that bear the name of the process.
    asked = {**os.environ, **environment, "ONEDNN_VERBOSE": "1", "OPENBLAS_NUM_THREADS": "1"}
    told = subprocess.run([sys.executable, "-c", PROBE], cwd=ROOT, env=asked, capture_output=True, text=True)
    if told.returncode:
        raise RuntimeError(f"the probe of this processor failed:\n{told.stderr}")
    lines = told.stdout.splitlines()
    units = [line.split("isa:")[1] for line in lines if ",cpu,isa:" in line]
    return {
        "convolution": "oneDNN" if any(",convolution," in line for line in lines) else "Eigen",
        "oneDNN": units[0] if units else None,
        **json.loads(lines[-1]),
    }


def without_effect(kind: Kind, found: dict) -> list[str]:
    """Settings of a kind that did not take effect, a line each."""
    return [
        f"{name} is {found.get(name)}, not {wanted}" for name, wanted in kind.proof.items() if found.get(name) != wanted
    ]


def run(name: str, part: str) -> Row:
    """Run the notebooks, strictly, or the tests of rounding, on one kind."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        ended = subprocess.run(
            [sys.executable, "-m", "pytest", *PARTS[part], f"--junitxml={report}"],
            cwd=ROOT,
            env={**os.environ, **KINDS[name].environment},
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        total, failed = counts(report)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Row(name, part, total - failed, failed, seconds, ended.returncode)


def counts(report: Path) -> tuple[int, int]:
    """How many tests a JUnit report holds, skipped ones left out, and how many of them failed."""
    if not report.exists():
        return 0, 0
    suites = list(ElementTree.parse(report).iter("testsuite"))
    total, failed, errors, skipped = (
        sum(int(suite.get(key, 0)) for suite in suites) for key in ("tests", "failures", "errors", "skipped")
    )
    return total - skipped, failed + errors


def table(rows: Iterable[Row]) -> str:
    """The rows as text, a line each."""
    lines = [f"{'processor':10} {'part':10} {'passed':>7} {'failed':>7} {'CPU s':>7}"]
    lines += [f"{row.kind:10} {row.part:10} {row.passed:7} {row.failed:7} {row.seconds:7.0f}" for row in rows]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tools.processors", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kinds", nargs="*", metavar="kind", help=f"{', '.join(KINDS)}; all unless given")
    parser.add_argument("--only", choices=PARTS, help="notebooks, or tests marked `rounding`; both unless given")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.kinds) - set(KINDS))
    if unknown:
        parser.error(f"no such processor: {', '.join(unknown)}; there are {', '.join(KINDS)}")
    rows, faults = [], []
    for name in arguments.kinds or KINDS:
        found = facts(KINDS[name].environment)
        print(f"{name}: {KINDS[name].about}\n  found: {json.dumps(found)}", flush=True)
        ignored = without_effect(KINDS[name], found)
        faults += [f"{name}: {line}" for line in ignored]
        if not ignored:
            rows += [run(name, part) for part in ([arguments.only] if arguments.only else PARTS)]
    faults += [f"{row.kind}: {row.part} failed" for row in rows if row.returncode]
    print(table(rows))
    if faults:
        sys.exit("error: " + "\n       ".join(faults))


if __name__ == "__main__":
    main()
