"""How long a chapter runs: measured in CPU seconds, told in one of three classes."""

import re
import resource
from typing import NamedTuple

CLASSES = {15: "15 seconds", 30: "30 seconds", 60: "1 minute"}
LIMIT = max(CLASSES)  # CPU seconds that a chapter may take
SLACK = 0.1
SENTENCE = re.compile(r"Runs in about (\d+ (?:seconds|minutes?)) on one core\b")


class Time(NamedTuple):
    """Seconds of the clock, and CPU seconds: user and system time of a kernel and of what it started and waited for."""

    wall: float
    cpu: float

    def __str__(self):
        return f"{self.wall:.0f} s, {self.cpu:.0f} CPU s"


def of_children() -> float:
    """CPU seconds of all processes that this one has started and waited for, theirs included."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def running_time(cpu: float, now: str | None = None) -> str:
    """The class that a chapter's first cell names.

    It is the smallest one that holds the CPU seconds. The class `now`, if it is one, stays as long as they are at most
    a tenth above it and more than nine tenths of the next smaller one: two runs near a limit do not change it back
    and forth. More than 60 CPU seconds have no class: the largest is named.

    >>> running_time(14), running_time(16), running_time(16, "15 seconds"), running_time(17, "15 seconds")
    ('15 seconds', '30 seconds', '15 seconds', '30 seconds')
    >>> running_time(14, "30 seconds"), running_time(13, "30 seconds")
    ('30 seconds', '15 seconds')
    """
    smaller = 0
    for limit, name in CLASSES.items():
        if name == now and (1 - SLACK) * smaller < cpu <= (1 + SLACK) * limit:
            return name
        smaller = limit
    return next((name for limit, name in CLASSES.items() if cpu <= limit), CLASSES[LIMIT])


def tell(notebook, cpu: float) -> None:
    """Write the class into the sentence of the first cell, "Runs in about ... on one core", where there is one."""
    if notebook.cells:
        notebook.cells[0].source = SENTENCE.sub(
            lambda found: f"Runs in about {running_time(cpu, found[1])} on one core", notebook.cells[0].source
        )
