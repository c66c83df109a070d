"""The code of a notebook: read whatever the file is, shown as Jupyter counts it, and looked over."""

import ast
import contextlib
import json
import re
from pathlib import Path

from .inside import wire

LARGEST = 200 * 2**20  # bytes of a notebook, its outputs included
CODE = 2 * 2**20  # characters of its code
SPYING = {  # words of the tricks by which a notebook would look at, or change, what is not its own
    "the grader's pipes": r"/proc/|os\.(?:write|read|fdopen|dup)\b",
    "the checks": r"(?:exercises|check)\.\w+\s*=[^=]|setattr\s*\(",
    "names by string": r"\bglobals\s*\(|sys\.modules|__dict__|__import__|import_module",
    "other frames and objects": r"_getframe|gc\.get_|inspect\.(?:stack|currentframe)|ctypes",
}


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
