"""Progress bars, where there is something to show them on."""

import sys

import tqdm as library


def tqdm(*arguments, disable=False, **options):
    """tqdm's bar on the error stream. Without one (pythonw, a service) it is hidden: tqdm would write to None."""
    return library.tqdm(*arguments, disable=disable or sys.stderr is None, **options)
