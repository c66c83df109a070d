"""The process that holds a student's code: runs the cells of a notebook, then calls its functions for the grader.

It reads orders from standard input and answers on what was standard output; whatever the notebook prints is dropped.
Nothing here is trusted: the grader expects anything, and judges what comes back by itself.
"""

import ast
import builtins
import contextlib
import copy
import ctypes
import importlib
import json
import numbers
import os
import resource
import signal
import sys
import zlib

import numpy as np

from . import probes, stubs, wire

TEXT = 300  # characters of an error's message


class TooLong(Exception):
    """A cell or a call took more CPU seconds than it may."""


@contextlib.contextmanager
def limited(seconds):
    """Raise TooLong in whatever Python runs after so many CPU seconds of this process."""

    def stop(number, frame):
        raise TooLong(f"took more than {seconds:g} s of CPU time")

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def restrict(limits):
    """What this process may use; the watch outside counts memory and processes of all together."""
    for kind, value in (
        (resource.RLIMIT_FSIZE, limits["file_bytes"]),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_DATA, limits["memory"]),
    ):
        with contextlib.suppress(ValueError, OSError):  # macOS knows no RLIMIT_DATA worth the name
            resource.setrlimit(kind, (value, value))


def make_shell():
    """IPython's shell without a terminal: pictures go nowhere, and a magic that is not here is no error."""
    from IPython.core.interactiveshell import InteractiveShell

    class Shell(InteractiveShell):
        def enable_gui(self, gui=None):
            pass

        def enable_matplotlib(self, gui=None):
            return "inline", "agg"

        def enable_pylab(self, gui=None, import_all=True, welcome_message=False):
            return "inline", "agg", ()

        def run_line_magic(self, name, *arguments, **options):
            with contextlib.suppress(Exception):
                return super().run_line_magic(name, *arguments, **options)

        def showtraceback(self, *arguments, **options):
            pass

        def system(self, command):
            """Commands of the shell (`!pip`, `!wget`) do nothing: there is no network."""

        system_piped = system_raw = system

    shell = Shell.instance(display_banner=False)
    sys.modules["__main__"].__dict__.update({"__name__": "__main__"})
    return shell


def said(error):
    """An error as words: its kind and its text."""
    try:
        text = str(error)
    except Exception:
        text = ""
    return wire.clean(f"{type(error).__name__}: {text}", TEXT)


def run_cells(shell, cells, skip, seconds, report):
    """Run code cells in one namespace as a notebook would. Returns what failed: number of a cell to kind and text."""
    failed = {}
    for number, source in enumerate(cells):
        if number in skip or not source.strip():
            continue
        report({"cell": number})
        error = _run(shell, source, seconds)
        if isinstance(error, ImportError):  # the other imports of the cell are still made
            for line in _imports(source):
                _run(shell, line, seconds)
        if error is not None:
            failed[str(number)] = [type(error).__name__, said(error)]
    return failed


def _run(shell, source, seconds):
    try:
        with limited(seconds):
            result = shell.run_cell(source, store_history=False)
        return result.error_before_exec or result.error_in_exec
    except BaseException as caught:  # IPython passes some on
        return caught


def _imports(source):
    with contextlib.suppress(SyntaxError, ValueError):
        return [ast.unparse(node) for node in ast.parse(source).body if isinstance(node, (ast.Import, ast.ImportFrom))]
    return []


class Server:
    """Answers orders, one after the other."""

    def __init__(self, names, receive, send, seconds):
        self.names, self.receive, self.send, self.seconds, self.built = names, receive, send, seconds, []

    def function(self, which):
        """What stands for a function of the grader's: one of `probes`, by name, or one that is called through it."""
        if isinstance(which, str):
            return getattr(probes, which)

        def far(*arguments):
            self.send({"function": which, "arguments": [probes.plain(one) for one in arguments]})
            reply = self.receive(self.function)
            if "raised" in reply:
                raise getattr(builtins, reply["raised"][0], RuntimeError)(reply["text"])
            return reply["value"]

        far.__name__ = f"function_{which}"
        return far

    def answer(self, order):
        try:
            with limited(self.seconds):
                return getattr(self, f"do_{order['do']}")(**{key: one for key, one in order.items() if key != "do"})
        except BaseException as error:
            if isinstance(error, (KeyboardInterrupt, GeneratorExit)):
                raise
            return {"raised": [kind.__name__ for kind in type(error).__mro__], "text": said(error).partition(": ")[2]}

    def do_call(self, name, arguments, options):
        before = copy.deepcopy([one for one in arguments if isinstance(one, np.ndarray)])
        value = probes.plain(self.names[name](*arguments, **options))
        after = {}
        for number, one in enumerate(arguments):
            if isinstance(one, np.random.Generator):
                after[str(number)] = one
            elif isinstance(one, np.ndarray) and not np.array_equal(
                before.pop(0), one, equal_nan=one.dtype.kind == "f"
            ):
                after[str(number)] = one
        return {"value": value, "after": after}

    def do_repeat(self, name, times, arguments):
        return {"value": tuple(probes.plain(self.names[name](*probes.fresh(arguments))) for _ in range(times))}

    def do_state(self):
        state = np.random.get_state()
        return {"value": [zlib.crc32(state[1].tobytes()), *(float(one) for one in state[2:])]}

    def do_build(self, name, shapes, rest):
        network = probes.build(self.names[name], shapes, *rest)
        self.built.append(network)
        return {"value": None if network is None else {"number": len(self.built) - 1, "about": network.about()}}

    def do_apply(self, number, weights, maps, training):
        network = self.built[number]
        network.set_weights(weights)
        return {"value": probes.plain(tuple(network.apply(maps, training)))}

    def do_get_weights(self, name):
        return {"value": tuple(np.asarray(one) for one in self.names[name].get_weights())}

    def do_set_weights(self, name, weights):
        self.names[name].set_weights(weights)
        return {"value": None}


def main():
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, int(signal.SIGKILL), 0, 0, 0)  # it ends when the grader does (Linux)
    inward, outward = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    sink = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(sink, number)

    def receive(function=None):
        return wire.unpack(inward.read, function)

    def send(value):
        outward.write(wire.pack(value))
        outward.flush()

    order = receive()
    for name in order["modules"]:
        importlib.import_module(name)
    shell = make_shell()
    stubs.install()
    for name, content in order["files"].items():
        with open(name, "wb") as file:
            file.write(content.tobytes())
    restrict(order["limits"])
    send({"ready": True})
    cells = json.loads(order["cells"].tobytes())  # bytes, because a text of a message has its limit
    failed = run_cells(shell, cells, order["skip"], order["limits"]["cell_seconds"], send)
    names = shell.user_ns
    shown = {key: value for key, value in names.items() if isinstance(key, str) and not key.startswith("_")}
    send(
        {
            "failed": dict(list(failed.items())[:100]),
            "functions": [key for key, value in shown.items() if callable(value)][:1000],
            "values": {
                key: float(value) if isinstance(value, (np.floating, float)) else int(value)
                for key, value in list(shown.items())[:1000]
                if isinstance(value, numbers.Real) and isinstance(value, (bool, int, float, np.number))
            },
        }
    )
    server = Server(names, receive, send, order["limits"]["call_seconds"])
    while (order := receive(server.function)) is not None:
        answer = server.answer(order)
        try:
            send(answer)
        except Exception as error:
            send({"raised": ["ValueError"], "text": said(error)})


if __name__ == "__main__":
    main()
