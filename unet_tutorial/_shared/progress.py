"""Progress bars, where there is something to show them on."""

import os
import sys
from typing import Any

import tqdm as library


def tqdm(*arguments: Any, progress: bool = True, **options: Any) -> library.tqdm:
    """tqdm's bar on the error stream.

    Hidden where `progress` is False, where the environment says UNET_TUTORIAL_PROGRESS=0, and where there is no error
    stream (pythonw, a service): tqdm would write to None.
    """
    hidden = not progress or sys.stderr is None or os.environ.get("UNET_TUTORIAL_PROGRESS") == "0"
    return library.tqdm(*arguments, disable=hidden, **options)
