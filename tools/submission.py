"""The process that holds a student's code: runs the cells of a notebook, then calls its functions for the grader.

It reads requests from standard input and answers on what was standard output; whatever the notebook prints is dropped.
Started by `tools.grade`, inside the sandbox where there is one. Nothing here is trusted: the grader expects anything.
"""

import contextlib
import numbers
import os
import resource
import signal
import sys

CHECKS = "check."  # a cell of nothing but checks is left out


class TooLong(Exception):
    """A cell or a call took longer than it may."""


@contextlib.contextmanager
def limited(seconds):
    """Raise TooLong in whatever Python runs after so many seconds."""

    def stop(number, frame):
        raise TooLong(f"took more than {seconds:g} s")

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def restrict(limits):
    """What this process may use; the watch outside counts memory and processes."""
    for kind, value in (
        (resource.RLIMIT_FSIZE, limits["file_bytes"]),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 512),
        (resource.RLIMIT_CPU, int(limits["seconds"]) + 60),
    ):
        resource.setrlimit(kind, (value, value))


def run_cells(cells, skip, seconds, report):
    """Run code cells in one namespace as a notebook would. Returns it, and what failed: number of a cell to a text."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance(display_banner=False)
    shell.showtraceback = lambda *arguments, **options: None
    sys.modules["__main__"].__dict__.update({"__name__": "__main__"})
    failed = {}
    for number, source in enumerate(cells):
        lines = [line for line in source.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        if number in skip or not lines or all(line.startswith(CHECKS) for line in lines):
            continue
        report({"cell": number})
        try:
            with limited(seconds):
                result = shell.run_cell(source, store_history=False)
            error = result.error_before_exec or result.error_in_exec
        except BaseException as caught:  # IPython passes some on
            error = caught
        if error is not None:
            failed[str(number)] = f"{type(error).__name__}: {error}"[:300]
    return shell.user_ns, failed


def main():
    from . import wire

    inward, outward = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    sink = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(sink, number)
    order = wire.receive(inward, {})
    restrict(order["limits"])
    for name, content in order["files"].items():
        with open(name, "wb") as file:
            file.write(content.tobytes())
    names, failed = run_cells(
        order["cells"], order["skip"], order["limits"]["cell_seconds"], lambda message: wire.send(outward, message)
    )
    shown = {key: value for key, value in names.items() if not key.startswith("_")}
    wire.send(
        outward,
        {
            "failed": failed,
            "functions": [key for key, value in shown.items() if callable(value)],
            "values": {key: value for key, value in shown.items() if isinstance(value, numbers.Real)},
        },
    )
    while True:
        request = wire.receive(inward, names)
        if request is None:
            return
        try:
            with limited(order["limits"]["call_seconds"]):
                answer = request["run"](*request["arguments"])
            wire.send(outward, {"answer": answer})
        except Exception as error:
            wire.send(outward, {"error": f"{type(error).__name__}: {error}"[:500]})


if __name__ == "__main__":
    main()
