"""A student's notebook, run in a process of its own that is started again where a cell or a call ends it."""

import json
import re
from dataclasses import asdict

import numpy as np

from unet_tutorial.exercises import Raised

from . import sandbox
from .cells import bare, called, is_imports
from .inside import wire

STRIKES = 2  # times that a question may end the process
STARTS = 12  # of the process that cells may cause
# What may happen to a cell without a fault of its own
LOSSES = {"Ended", "TooLong", "ImportError", "ModuleNotFoundError", "MemoryError", "OSError"}
ENDED = "the call ended the process of the notebook"


class Lost(BaseException):
    """The student's process has ended, or what it sent is no answer. No test can take it for an error of its own."""


class Ungraded(Exception):
    """Something was lost that is not the student's doing."""


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


def _called_back(functions, message):
    """The answer to a student's function that calls one of those it was given."""
    try:
        return {"value": functions[int(message["function"])](*message["arguments"])}
    except Exception as error:
        return {"raised": [type(error).__name__], "text": str(error)}
