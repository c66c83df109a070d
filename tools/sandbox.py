"""Starts a process that may read the package and nothing else, write to memory only, and reach no network."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import psutil

from .notebooks import ROOT

HOME = "/home/student"
SPACE = 256 * 2**20  # bytes of files
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64")
DETAILS = ("/etc/ld.so.cache", "/etc/localtime", "/etc/fonts", "/etc/passwd", "/etc/alternatives")
PASSED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "LANG", "UNET_TUTORIAL_CLASS")


def available():
    """Whether bubblewrap is here and may start a process (some hosts forbid user namespaces)."""
    if not shutil.which("bwrap"):
        return False
    return subprocess.run([*_walls(), "true"], capture_output=True, env=_environment(HOME)).returncode == 0


def _walls():
    words = [
        "bwrap",
        "--unshare-all",
        "--die-with-parent",
        "--new-session",
        "--uid",
        "65534",
        "--gid",
        "65534",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--size",
        str(SPACE),
        "--tmpfs",
        "/tmp",
    ]
    for path in SYSTEM:
        words += ["--symlink", os.readlink(path), path] if os.path.islink(path) else ["--ro-bind-try", path, path]
    for path in DETAILS:
        words += ["--ro-bind-try", path, path]
    for path in dict.fromkeys((sys.base_prefix, sys.prefix, str(ROOT / "unet_tutorial"), str(ROOT / "tools"))):
        words += ["--ro-bind", path, path]
    return [*words, "--size", str(SPACE), "--tmpfs", HOME, "--chdir", HOME]


def _environment(home):
    kept = {name: os.environ[name] for name in PASSED if name in os.environ}
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": home,
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": home,
        "KERAS_HOME": home,
        "IPYTHONDIR": home,
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "UNET_TUTORIAL_PROGRESS": "0",
        "UNET_TUTORIAL_SPECIMEN": "synthetic",
        **kept,
    }


class Process:
    """`python -m module` behind walls, with a watch over its time, memory and processes.

    Parameters
    ----------
    module : str
    seconds : float
        Until it is killed.
    memory : int
        Bytes, of all its processes together.
    processes : int
        As many at once, threads not counted.
    walled : bool
        Without walls, only the limits hold: a program could read and write what its user may.
    """

    def __init__(self, module, seconds, memory, processes=32, walled=True):
        self.folder = tempfile.mkdtemp()
        words = [*_walls(), sys.executable] if walled else [sys.executable]
        self.process = subprocess.Popen(
            [*words, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=None if walled else self.folder,
            env=_environment(HOME if walled else self.folder),
            start_new_session=True,
        )
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        self.deadline, self.memory, self.processes, self.why = time.monotonic() + seconds, memory, processes, None
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()

    def _look(self):
        while self.process.poll() is None:
            with contextlib.suppress(psutil.Error):
                family = psutil.Process(self.process.pid).children(recursive=True)
                used = 0
                for one in family:
                    with contextlib.suppress(psutil.Error):
                        used += one.memory_info().rss
                if time.monotonic() > self.deadline:
                    self.kill("took too long")
                elif used > self.memory:
                    self.kill(f"used more than {self.memory / 2**30:.1f} GiB of memory")
                elif len(family) > self.processes:
                    self.kill(f"started more than {self.processes} processes")
            time.sleep(0.05)

    def kill(self, why=None):
        """End the process and all that it started."""
        self.why = self.why or why
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            family = psutil.Process(self.process.pid).children(recursive=True)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            for one in family:
                with contextlib.suppress(psutil.Error):
                    one.kill()

    def close(self):
        """Kill it, wait for it, and remove its folder."""
        self.kill()
        self.process.wait()
        for stream in (self.stdin, self.stdout):
            with contextlib.suppress(OSError):
                stream.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *details):
        self.close()
