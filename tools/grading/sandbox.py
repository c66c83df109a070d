"""Starts a process that may read Python and one folder of ours, write to memory only, and reach no network."""

import contextlib
import ctypes
import os
import platform
import select
import shutil
import signal
import site
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

HOME, INSIDE = "/home/student", "/inside"
SPACE = 256 * 2**20  # bytes of files, in each of three folders
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64")
DETAILS = ("/etc/ld.so.cache", "/etc/localtime", "/etc/fonts", "/etc/passwd", "/etc/alternatives")
PASSED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "LANG")
LOOK = 0.05  # seconds between two looks of the watch
STARTING = 900.0  # seconds that a process may take until the student's code begins
# Calls that make memory which no limit counts: memfd_create, memfd_secret, shmget, io_uring_setup, and userfaultfd.
FORBIDDEN = {
    "x86_64": (0xC000003E, (319, 447, 29, 425, 323)),
    "aarch64": (0xC00000B7, (279, 447, 194, 425, 282)),
}


def available():
    """Whether bubblewrap is here and may start a process (some hosts forbid user namespaces)."""
    if not shutil.which("bwrap"):
        return False
    with _filter() as (words, passed):
        line = [*_walls(tempfile.gettempdir()), *words, "true"]
        return (
            subprocess.run(line, capture_output=True, env=_environment(HOME, INSIDE), pass_fds=passed).returncode == 0
        )


def adopt_orphans():
    """Make this process the parent of whatever its children leave behind, so that it can be ended (Linux)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def die_with_parent():
    """Let the kernel end this process when its parent ends (Linux)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, int(signal.SIGKILL), 0, 0, 0)  # PR_SET_PDEATHSIG


@contextlib.contextmanager
def _filter():
    """The words that let bubblewrap forbid some system calls, and the file that tells it which."""
    if platform.machine() not in FORBIDDEN:
        yield [], ()
        return
    machine, calls = FORBIDDEN[platform.machine()]
    load, equal, above, back = 0x20, 0x15, 0x35, 0x06
    refuse, allow = 0x00050000 | 1, 0x7FFF0000  # EPERM, or go on
    steps = [(load, 0, 0, 4), (equal, 0, len(calls) + 2, machine), (load, 0, 0, 0), (above, len(calls), 0, 0x40000000)]
    steps += [(equal, len(calls) - place - 1, 0, call) for place, call in enumerate(calls)]
    steps[-1] = (equal, 0, 1, calls[-1])
    steps += [(back, 0, 0, refuse), (back, 0, 0, allow)]
    with tempfile.TemporaryFile() as file:
        file.write(b"".join(struct.pack("HBBI", *step) for step in steps))
        file.seek(0)
        yield ["--seccomp", str(file.fileno())], (file.fileno(),)


def _walls(inside):
    words = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--uid", "65534", "--gid", "65534"]
    words += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    for path in ("/dev/shm", "/tmp", HOME):
        words += ["--size", str(SPACE), "--tmpfs", path]
    for path in SYSTEM:
        words += ["--symlink", os.readlink(path), path] if os.path.islink(path) else ["--ro-bind-try", path, path]
    for path in DETAILS:
        words += ["--ro-bind-try", path, path]
    for path in dict.fromkeys((sys.base_prefix, sys.prefix)):
        words += ["--ro-bind", path, path]
    for folder in site.getsitepackages():  # where the package is installed, it is not to be read there
        if (Path(folder) / "unet_tutorial").is_dir():
            words += ["--tmpfs", str(Path(folder) / "unet_tutorial")]
    return [*words, "--ro-bind", str(inside), INSIDE, "--remount-ro", "/", "--chdir", HOME]


def _environment(home, inside):
    kept = {name: os.environ[name] for name in PASSED if name in os.environ}
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": home,
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": home,
        "KERAS_HOME": home,
        "IPYTHONDIR": home,
        "PYTHONPATH": str(inside),
        "PYTHONUTF8": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "UNET_TUTORIAL_PROGRESS": "0",
        "UNET_TUTORIAL_SPECIMEN": "synthetic",
        **kept,
    }


class Gone(Exception):
    """The process has ended, or does not answer in its time."""


class Process:
    """`python -m module` behind walls, with a watch over its time, memory and processes.

    `allow(seconds)` starts its clock: it may use so many CPU seconds, and lie idle as long, until the next `allow`. A
    process that waits for a processor uses up nothing. Until the first `allow` it may take `STARTING` seconds.

    Parameters
    ----------
    module : str
    inside : str or Path
        The folder of ours that it can read.
    memory : int
        Bytes, of all its processes together.
    processes : int
        As many at once, threads not counted.
    walled : bool
        Without walls, only the limits hold: a program could read and write what its user may.
    """

    def __init__(self, module, inside, memory, processes=32, walled=True):
        self.folder, self.before = None if walled else tempfile.mkdtemp(), _children()
        with _filter() as (words, passed):
            before = [*_walls(inside), *words] if walled else []
            self.process = subprocess.Popen(
                [*before, sys.executable, "-m", module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=self.folder,
                env=_environment(self.folder or HOME, INSIDE if walled else inside),
                start_new_session=True,
                pass_fds=passed if walled else (),
                bufsize=0,
            )
        self.pid, self.done = self.process.pid, threading.Event()
        for stream in (self.process.stdin, self.process.stdout):
            os.set_blocking(stream.fileno(), False)
        self.memory, self.processes, self.why, self.used = memory, processes, None, 0.0
        self.buffer = bytearray()
        self.start, self.idle, self.most, self.latest = 0.0, 0.0, None, time.monotonic() + STARTING
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()

    def allow(self, seconds):
        """Start the clock anew; None stops it."""
        self.start, self.idle, self.most, self.latest = self.used, 0.0, seconds, None

    def read(self, size):
        """So many bytes; fewer where the process ends before."""
        stream = self.process.stdout.fileno()
        while len(self.buffer) < size:
            ended = self.done.is_set()  # somebody else may hold the pipe open: what is in it then is all that comes
            if select.select([stream], [], [], 0 if ended else LOOK)[0]:
                part = os.read(stream, 2**18)
                if part:
                    self.buffer += part
                    continue
                ended = True
            if ended:
                break
        found = bytes(self.buffer[:size])
        del self.buffer[:size]
        return found

    def write(self, data):
        """Write all of it, or raise Gone."""
        view, stream = memoryview(data), self.process.stdin.fileno()
        while view:
            if select.select([], [stream], [], LOOK)[1]:
                try:
                    view = view[os.write(stream, view) :]
                except OSError as error:
                    raise Gone(self.why or "ended the process") from error
            elif self.done.is_set():
                raise Gone(self.why or "ended the process")

    def _look(self):
        before = time.monotonic()
        while self.process.poll() is None:
            family = _family(self.pid)
            now, used, memory, busy = time.monotonic(), 0.0, 0, False
            for seconds, size, awake in map(_usage, family):
                used, memory, busy = used + seconds, memory + size, busy or awake
            self.idle += 0 if busy or used > self.used else now - before
            self.used, before, most = max(used, self.used), now, self.most
            if self.latest and now > self.latest:
                self.kill(f"did not start within {STARTING:g} s")
            elif most is not None and self.used - self.start > most + 2:
                self.kill(f"took more than {most:g} s of CPU time")
            elif most is not None and self.idle > most:
                self.kill(f"took too long: it did nothing for {most:g} s")
            elif memory > self.memory:
                self.kill(f"used more than {self.memory / 2**30:.1f} GiB of memory")
            elif len(family) > self.processes:
                self.kill(f"started more than {self.processes} processes")
            time.sleep(LOOK)
        self.done.set()

    def kill(self, why=None):
        """End the process and all that it started."""
        self.why = self.why or why
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        for pid in _family(self.pid):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)

    def close(self):
        """Kill it and what it left behind, wait for it, and remove its folder."""
        self.kill()
        self.process.wait()
        self._watch.join()
        for _ in range(20):  # `adopt_orphans`: a child of a child appears here when its parent has ended
            left = _children() - self.before
            for pid in left:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
                with contextlib.suppress(OSError):
                    os.waitpid(pid, 0)
            if not left:
                break
        for stream in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                stream.close()
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *details):
        self.close()


def _children():
    return {one.pid for one in psutil.Process().children()}


def _family(pid):
    """A process and all that it started, as numbers."""
    found, waiting = [], [pid]
    try:
        while waiting:
            found.append(waiting.pop())
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                for task in os.listdir(f"/proc/{found[-1]}/task"):
                    with open(f"/proc/{found[-1]}/task/{task}/children") as file:
                        waiting += map(int, file.read().split())
        return found
    except OSError:  # no such files: not Linux, or a kernel without them
        with contextlib.suppress(psutil.Error):
            return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
        return [pid]


def _usage(pid):
    """CPU seconds with those of ended children, bytes of memory, and whether it runs or waits for a processor."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            words = file.read().rpartition(")")[2].split()
        ticks, pages = sum(map(int, words[11:15])), int(words[21])
        return ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE"), words[0] in "RD"
    except (OSError, ValueError, IndexError):
        with contextlib.suppress(psutil.Error):
            one = psutil.Process(pid)
            return sum(one.cpu_times()[:4]), one.memory_info().rss, one.status() in ("running", "disk-sleep")
        return 0.0, 0, False
