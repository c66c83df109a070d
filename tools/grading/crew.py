"""Several notebooks at once, each in the hands of a worker; a worker that is lost takes its own notebook with it."""

import contextlib
import multiprocessing
import signal
import sys
import time
from multiprocessing import connection

from . import sandbox


def work(jobs, function, number):
    """Apply a function to jobs, in so many processes.

    Parameters
    ----------
    jobs : sequence
    function : callable
        Of one job; it, the jobs and its results are sent between processes.
    number : int
        Of processes.

    Yields
    ------
    job, result
        As they come. The result is None where the process was lost.
    """
    context, waiting, busy = multiprocessing.get_context("spawn"), list(reversed(jobs)), {}

    def hire():
        near, far = context.Pipe()
        process = context.Process(target=_serve, args=(far, function), daemon=False)
        process.start()
        far.close()
        return near, process

    def give(near, process):
        if waiting:
            job = waiting.pop()
            busy[near] = process, job
            with contextlib.suppress(OSError):  # a lost process is seen when it is waited for
                near.send(job)
        else:
            near.close()
            process.join(5)

    try:
        for _ in range(min(number, len(jobs))):
            give(*hire())
        while busy:
            for near in connection.wait(list(busy)):
                process, job = busy.pop(near)
                try:
                    result = near.recv()
                except (EOFError, OSError):
                    near.close()
                    process.kill()
                    process.join()
                    if waiting:
                        give(*hire())
                    yield job, None
                else:
                    give(near, process)
                    yield job, result
    finally:
        for process, _ in busy.values():
            process.terminate()
        latest = time.monotonic() + 0.3  # to remove their folders
        for process, _ in busy.values():
            process.join(max(0, latest - time.monotonic()))
            process.kill()
        for process, _ in busy.values():
            process.join(1)


def _serve(far, function):
    sandbox.die_with_parent()
    sandbox.adopt_orphans()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with contextlib.suppress(EOFError, OSError):
        while True:
            far.send(function(far.recv()))
