"""A student's notebook: read, run in a process of its own, and its functions called there."""

import ast
import contextlib
import json
import re
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from unet_tutorial.exercises import Raised

from ..notebooks import ROOT
from . import sandbox
from .inside import wire

LARGEST = 200 * 2**20  # bytes of a notebook, its outputs included
CODE = 2 * 2**20  # characters of its code
STRIKES = 2  # times that a question may end the process
STARTS = 12  # of the process that cells may cause
ROOMS = ("__init__.py", "rounding.py", "paper.py", "_shared", "datasets")  # of the package, that hold no answers
HELD = ("pretrained", "experiments", "exercises")  # never there: trained weights, and the checks
# What may happen to a cell without a fault of its own
LOSSES = {"Ended", "TooLong", "ImportError", "ModuleNotFoundError", "MemoryError", "OSError"}
SPYING = {  # words of the tricks by which a notebook would look at, or change, what is not its own
    "the grader's pipes": r"/proc/|os\.(?:write|read|fdopen|dup)\b",
    "the checks": r"(?:exercises|check)\.\w+\s*=[^=]|setattr\s*\(",
    "names by string": r"\bglobals\s*\(|sys\.modules|__dict__|__import__|import_module",
    "other frames and objects": r"_getframe|gc\.get_|inspect\.(?:stack|currentframe)|ctypes",
}


class Lost(BaseException):
    """The student's process has ended, or what it sent is no answer. No test can take it for an error of its own."""


class Ungraded(Exception):
    """Something was lost that is not the student's doing."""


@dataclass
class Limits:
    """What a submission may use. CPU seconds: a cell, a call of a function. Bytes: of memory, of one file.

    With `package`, all of the package is there but its trained network; without it, the data sets alone.
    """

    cell_seconds: float = 60.0
    call_seconds: float = 20.0
    memory: int = 4 * 2**30
    file_bytes: int = 100 * 2**20
    package: bool = False


def limits_of(master, **given):
    """The limits of an assignment: limits.json beside its master, where there is one, and what the command line says.

    Raises ValueError where that file names something else.
    """
    path = Path(master).with_name("limits.json")
    own = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    try:
        return Limits(**own | {name: value for name, value in given.items() if value is not None})
    except TypeError as error:
        raise ValueError(f"{path}: {error}; it may hold {', '.join(asdict(Limits()))}") from error


def lay_inside(folder, name, limits):
    """Copy what a student's process may read into a folder: no truth, no test, no class, no trained network."""
    folder = Path(folder)
    package, out = ROOT / "unet_tutorial", folder / "unet_tutorial"
    shutil.copytree(Path(__file__).parent / "inside", folder / "grader", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(package / "exercises" / "_probes.py", folder / "grader" / "probes.py")
    for path in package.iterdir():
        if path.name in HELD or path.name == "__pycache__" or not (limits.package or path.name in ROOMS):
            continue
        if path.is_dir():
            shutil.copytree(path, out / path.name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            out.mkdir(exist_ok=True)
            shutil.copy(path, out / path.name)
    if limits.package and (package / "exercises" / f"{name}.py").is_file():
        (out / "exercises").mkdir()
        for own in ("__init__.py", "_probes.py", f"{name}.py"):
            shutil.copy(package / "exercises" / own, out / "exercises" / own)
    return folder


def code_cells(path):
    """The code cells of a notebook: for each, the number that Jupyter shows, or None, and its source.

    Raises ValueError where the file is no notebook.
    """
    path = Path(path)
    if path.is_symlink() or not path.is_file():
        raise ValueError("is not a file")
    if path.stat().st_size > LARGEST:
        raise ValueError(f"is larger than {LARGEST >> 20} MiB")
    data = path.read_bytes()
    coding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        document = json.loads(data.decode(coding))
        kept = document["cells"] if "cells" in document else document["worksheets"][0]["cells"]  # version 3
        cells = []
        for cell in kept:
            if cell["cell_type"] == "code":
                source = cell.get("source", cell.get("input", ""))
                source = source if isinstance(source, str) else "".join(source)
                cells.append((_number(cell), source.encode("utf-8", "replace").decode("utf-8")))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise ValueError(f"is not a notebook: {wire.clean(f'{type(error).__name__}: {error}', 100)}") from error
    if sum(len(source) for _, source in cells) > CODE:
        raise ValueError(f"holds more than {CODE >> 20} million characters of code")
    return cells


def _number(cell):
    number = cell.get("execution_count", cell.get("prompt_number"))
    return number if isinstance(number, int) and 0 < number < 10**6 else None


def bare(source):
    """A cell without its blanks and comments, to be compared."""
    lines = (line.strip() for line in source.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#"))


def is_imports(source):
    """Whether a cell does nothing but import and set up: half of its statements or more are imports."""
    code = re.sub(r"^\s*[%!].*$", "", source, flags=re.M)
    with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        body = ast.parse(code).body
        return 2 * sum(isinstance(node, (ast.Import, ast.ImportFrom)) for node in body) >= max(1, len(body))
    return False


def spying(cells):
    """What in a notebook's code an instructor should look at: a list of texts. No points depend on it."""
    found = []
    for place, (number, source) in enumerate(cells):
        found += [
            f"look at {called(number, place)}: it reaches for {what}"
            for what, pattern in SPYING.items()
            if re.search(pattern, source)
        ]
    return found


def called(number, place):
    """A cell, as the notebook shows it."""
    return f"cell [{number}]" if number else f"code cell {place + 1}"


class Answer:
    """A function of the student's, or a model: called in the student's process, judged here."""

    def __init__(self, submission, name):
        self.submission, self.__name__ = submission, name

    def __call__(self, *arguments, **options):
        """What the function returns. What it does to arrays and generators is done to those that it was given."""
        order = {"do": "call", "name": self.__name__, "arguments": list(arguments), "options": options}
        reply = self.submission.ask(order)
        for place, before in enumerate(arguments):
            after = reply.get("after", {}).get(str(place))
            if isinstance(before, np.random.Generator) and isinstance(after, np.random.Generator):
                before.bit_generator.state = after.bit_generator.state
            elif isinstance(before, np.ndarray) and getattr(after, "shape", None) == before.shape:
                before[...] = np.nan_to_num(after).astype(before.dtype)
        return reply["value"]

    def repeat_there(self, times, *arguments):
        """See `unet_tutorial.exercises._probes.repeat`."""
        order = {"do": "repeat", "name": self.__name__, "times": times, "arguments": list(arguments)}
        value = self.submission.ask(order)["value"]
        if not isinstance(value, tuple) or len(value) != times:
            raise Lost("its process sent no answer")
        return value

    def random_state(self):
        """Something that changes with NumPy's global generator there."""
        return self.submission.ask({"do": "state"})["value"]

    def build_there(self, shapes, *rest):
        """See `unet_tutorial.exercises._probes.build`."""
        order = {"do": "build", "name": self.__name__, "shapes": [list(one) for one in shapes], "rest": list(rest)}
        value = self.submission.ask(order)["value"]
        return None if value is None else Network(self.submission, value)

    def get_weights(self):
        """The weights of a model, as arrays."""
        return _arrays(self.submission.ask({"do": "get_weights", "name": self.__name__})["value"])

    def set_weights(self, weights):
        """Give a model other weights."""
        self.submission.ask({"do": "set_weights", "name": self.__name__, "weights": list(weights)})


def _arrays(value):
    if not isinstance(value, (tuple, list)) or not all(isinstance(one, np.ndarray) for one in value):
        raise Lost("its process sent no arrays")
    return list(value)


class Network:
    """A network that a student's function has built, there."""

    def __init__(self, submission, value):
        try:
            self.submission, self.number, about = submission, int(value["number"]), value["about"]
            weights = [(str(path), [int(side) for side in shape]) for path, shape in about["weights"]]
            self._about = {
                "weights": weights,
                "count": sum(int(np.prod(shape, dtype=object)) for _, shape in weights),
                "outputs": int(about["outputs"]),
                "several": bool(about["several"]),
            }
            if self._about["count"] > 10**7:
                raise ValueError("too many weights")
        except (KeyError, TypeError, ValueError) as error:
            raise Lost("its process sent no answer") from error

    def about(self):
        """See `unet_tutorial.exercises._probes.Network`."""
        return self._about

    def set_weights(self, weights):
        self.weights = list(weights)

    def apply(self, maps, training=False):
        order = {"do": "apply", "number": self.number, "weights": self.weights, "maps": list(maps)}
        return _arrays(self.submission.ask(order | {"training": training})["value"])


class Submission:
    """A student's notebook, run in a process that is started again where a cell or a call ends it.

    Parameters
    ----------
    cells : list of (int or None, str)
        From `code_cells`.
    files : dict
        What is laid beside the notebook: name to array of bytes.
    inside : Path
        From `lay_inside`.
    given : set of str
        The cells that the assignment itself brings, `bare`: where one is lost, that is not the student's doing.
    """

    def __init__(self, cells, files, limits, walled, inside, given=()):
        self.cells, self.files, self.limits, self.walled = cells, files, limits, walled
        self.inside, self.given = inside, given
        self.skip, self.failed, self.functions, self.values = set(), {}, [], {}
        self.process, self.strikes, self.ungraded, self.borrowed = None, 0, [], set()

    def modules(self):
        """What is imported before the student's code begins: imports are nobody's CPU seconds."""
        text = "\n".join(source for _, source in self.cells)
        wanted = {
            "scipy.ndimage": r"\bscipy\b",
            "scipy.interpolate": r"\binterpolate\b",
            "matplotlib.pyplot": r"\bmatplotlib\b",
            "keras": r"\b(?:keras|tensorflow)\b",
        }
        return [name for name, word in wanted.items() if self.limits.package or re.search(word, text)]

    def start(self):
        """Run the cells, without those that ended the process before. Raises Lost or Ungraded."""
        for _ in range(STARTS):
            self.close()
            if self._run_cells():
                self._look_for_lost_cells()
                return
        raise Lost(f"cells of the notebook ended its process {STARTS} times")

    def _run_cells(self):
        self.process = sandbox.Process("grader.worker", self.inside, self.limits.memory, walled=self.walled)
        started, cell = False, None
        sources = json.dumps([source for _, source in self.cells]).encode()
        try:
            self._send(
                {
                    "modules": self.modules(),
                    "cells": np.frombuffer(sources, np.uint8),
                    "files": self.files,
                    "skip": sorted(self.skip),
                    "limits": asdict(self.limits),
                }
            )
            while "functions" not in (message := self._receive()):
                if started:
                    cell = int(message["cell"])
                started = True
                self.process.allow(self.limits.cell_seconds)
            self.process.allow(None)
            for key, (kind, text) in message["failed"].items():
                self.failed[int(key)] = (str(kind), str(text))
            self.functions = [str(name) for name in message["functions"]]
            values = message["values"].items()
            self.values = {name: value for name, value in values if isinstance(value, (int, float))}
            return True
        except (Lost, sandbox.Gone, KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            why = self.process.why or str(error) or type(error).__name__
            if not started:
                raise Ungraded(f"the process of the notebook did not start: {why}") from error
            if cell is None or cell in self.skip or not 0 <= cell < len(self.cells):
                raise Lost(f"the notebook could not be run: its process {why}") from error
            self.skip.add(cell)
            self.failed[cell] = ("Ended", self.process.why or "ended the process")
            return False

    def _look_for_lost_cells(self):
        self.ungraded = []
        for place, (kind, text) in self.failed.items():
            number, source = self.cells[place]
            given = bare(source) in self.given and "check." not in source
            if kind in LOSSES and (given or is_imports(source)):
                self.ungraded.append(f"{called(number, place)}, which imports or was given, failed: {text}")

    def _send(self, value, functions=None):
        self.process.write(wire.pack(value, functions))

    def _receive(self):
        try:
            message = wire.unpack(self.process.read)
        except wire.Malformed as error:
            raise Lost(f"sent no answer: {error}") from error
        if not isinstance(message, dict):
            if message is None:
                self.process.done.wait(2)
            raise Lost(self.process.why or ("ended" if message is None else "sent no answer"))
        return message

    def ask(self, order):
        """Let the process do something. An error there is `Raised` here; a lost process, or no answer, is Lost."""
        if self.strikes >= STRIKES:
            raise Lost("not called any more: in this question, the process was lost before")
        if self.process is None:
            self.start()
        functions = []
        try:
            self.process.allow(self.limits.call_seconds)
            self._send(order, functions)
            while "function" in (message := self._receive()):
                self._send(_called_back(functions, message), functions)
            self.process.allow(None)
            if "raised" in message:
                raised = message["raised"]
                if not (isinstance(raised, list) and raised and all(isinstance(one, str) for one in raised)):
                    raise Lost("sent no answer")
                if raised[0] == "TooLong":
                    raise Lost(f"took more than {self.limits.call_seconds:g} s of CPU time")
            elif "value" not in message or not isinstance(message.get("after", {}), dict):
                raise Lost("sent no answer")
        except (Lost, sandbox.Gone, KeyError, TypeError, IndexError) as error:
            self.strikes += 1
            why = self.process.why or (str(error) if isinstance(error, (Lost, sandbox.Gone)) else "sent no answer")
            self.close()
            raise Lost(f"the call {why}" if why.startswith(("took", "used", "started", "sent")) else ENDED) from error
        if "raised" in message:
            if message["raised"][0] == "Borrowed":
                self.borrowed.add(str(message.get("text")))
            raise Raised(message["raised"], str(message.get("text", "")))
        return message

    def close(self):
        """End the process."""
        if self.process:
            self.process.close()
        self.process = None


ENDED = "the call ended the process of the notebook"


def _called_back(functions, message):
    """The answer to a student's function that calls one of those it was given."""
    try:
        return {"value": functions[int(message["function"])](*message["arguments"])}
    except Exception as error:
        return {"raised": [type(error).__name__], "text": str(error)}
