"""Runs notebooks, remembers their outputs, and knows what each of them depends on."""

import hashlib
import json
import os
import platform
import re
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, CellExecutionError

from unet_tutorial._shared.files import whole

from . import imports, times

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "unet_tutorial"
TIMEOUT = 600  # seconds a cell
KERNEL_ENVIRONMENT = {"UNET_TUTORIAL_PROGRESS": "0", "PYTHONHASHSEED": "0"}
SHOWN = 3, 20  # lines of a failed cell, and of what it said, that a message holds
PLACE = re.compile(r"Cell In\[\d+\], line (\d+).*\n(?:(?!-+>).*\n)*-+> *\1 (.*)")  # in IPython's traceback


class NotebookFailed(Exception):
    """A notebook that did not run to its end. The message says which cell failed, why, and what it had printed."""


def dependencies(source, root=ROOT, package=PACKAGE):
    """Files of the package that a piece of Python needs, directly or through other modules.

    `__init__.py` counts always. A file that is not Python (a record, weights) counts with the innermost package that it
    lies in: a change of it concerns whoever imports anything from there.
    """
    folder = root / package
    files = {folder / "__init__.py", *imports.reached(source, root, package).values()}
    entered = {path.parent for path in files if path.name == "__init__.py"}
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix not in (".py", ".pyc"):
            home = next(parent for parent in path.parents if parent == folder or (parent / "__init__.py").exists())
            files.update([path] if home in entered else [])
    return sorted(files)


def code(notebook):
    """Source of the code cells as one piece of plain Python: lines that only IPython understands are dropped."""
    lines = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code").splitlines()
    return "\n".join(
        line[: len(line) - len(line.lstrip())] + "pass" if line.lstrip()[:1] in ("%", "!") else line for line in lines
    )


def fingerprint(notebook, data="", root=ROOT):
    """Hash of all that the outputs of a notebook depend on: its code, the modules it uses, the pins, the specimen.

    A notebook that is not Python counts as one that uses every module: its failure is found when it runs.
    """
    digest = hashlib.sha256()
    parts = [platform.python_version(), data, (root / "requirements.txt").read_text()]
    parts += [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    try:
        files = dependencies(code(notebook), root)
    except SyntaxError:
        files = sorted(path for path in (root / PACKAGE).rglob("*") if path.is_file() and path.suffix != ".pyc")
    for path in files:
        parts += [str(path.relative_to(root)), hashlib.sha256(path.read_bytes()).hexdigest()]
    for part in parts:
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()


def execute(notebook, folder, environment=None):
    """Run every cell in a fresh kernel and return the notebook with normalized outputs, and the Time it took.

    Raises NotebookFailed where a cell fails, takes too long, or ends its kernel.
    """
    notebook = nbformat.reads(nbformat.writes(notebook), as_version=4)
    reached = []
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name="python3",
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
        on_cell_execute=lambda cell, cell_index: reached.append(cell_index),
    )
    start, before = time.monotonic(), times.of_children()
    try:
        client.execute(env={**os.environ, **KERNEL_ENVIRONMENT, **(environment or {})})
    except (CellControlSignal, RuntimeError) as error:
        raise NotebookFailed(
            account(notebook.cells[: reached[-1] + 1], error) if reached else f"the kernel did not start: {error}"
        ) from error
    return normalize(notebook), times.Time(time.monotonic() - start, times.of_children() - before)


def account(cells, error):
    """Which cell failed (the last one), with its first lines; what it raised, in which line; what it had printed."""
    lines, number = cells[-1].source.splitlines(), sum(cell.cell_type == "code" for cell in cells)
    told = [f"code cell {number}:", *indented(lines[: SHOWN[0]] + ["..."] * (len(lines) > SHOWN[0]))]
    if isinstance(error, CellExecutionError):
        place = PLACE.search(plain(error.traceback))
        message = plain(f"{error.ename}: {error.evalue}" if error.evalue else error.ename)
        told += [
            f"failed in line {place[1]}, {place[2].strip()}" if place else "failed",
            *indented(message.splitlines()),
        ]
    else:  # too long, or the end of the kernel
        told += ["failed", *indented(str(error).splitlines()[:1])]
    printed = printed_by(cells[-1])
    return "\n".join([*told, *(["and had printed", *indented(printed)] if printed else ["and had printed nothing"])])


def printed_by(cell):
    """Lines of what a cell printed and showed as text."""
    texts = [
        output.text if output.output_type == "stream" else output.get("data", {}).get("text/plain", "") + "\n"
        for output in cell.outputs
        if output.output_type != "error"
    ]
    return plain("".join(texts)).splitlines()


def plain(text):
    """Text without the colours of a terminal."""
    return re.sub(r"\x1b\[[\d;]*m", "", text)


def indented(lines):
    """Lines with four blanks before them, those in the middle of a long text left out."""
    most = SHOWN[1]
    if len(lines) > most:
        lines = [*lines[: most // 2], f"... ({len(lines) - most} lines)", *lines[-most // 2 :]]
    return [f"    {line}".rstrip() for line in lines]


def normalize(notebook):
    """Drop what changes between two equal runs: times, identifiers, the kernel's account of itself."""
    count = 0
    for index, cell in enumerate(notebook.cells):
        cell.id = f"cell-{index:02d}"
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            for output in cell.outputs:
                if "execution_count" in output:
                    output.execution_count = count
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def read(path):
    return nbformat.read(path, as_version=4)


def dump(notebook):
    return nbformat.writes(notebook, indent=1).rstrip("\n") + "\n"


class Cache:
    """Outputs of earlier runs, a file a notebook and fingerprint; only the newest of each notebook is kept."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def get(self, name, key):
        path = self.folder / f"{name}-{key[:20]}.json"
        entry = json.loads(path.read_text()) if path.exists() else {}
        return entry if "time" in entry else None

    def put(self, name, key, notebook, taken):
        for old in self.folder.glob(f"{name}-*.json"):
            old.unlink()
        outputs = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
        path = self.folder / f"{name}-{key[:20]}.json"
        with whole(path) as file:
            json.dump({"outputs": outputs, "time": taken}, file)

    def run(self, path, data="", environment=None, root=ROOT):
        """The notebook at `path` with its outputs, and the Time they took, from the cache where nothing has changed."""
        notebook = read(path)
        key = fingerprint(notebook, data, root)
        entry = self.get(path.stem, key)
        if entry is None:
            print(f"running {path.stem} ...", flush=True)
            executed, taken = execute(notebook, path.parent, environment)
            print(f"  {path.stem}: {taken}", flush=True)
            self.put(path.stem, key, executed, taken)
            entry = self.get(path.stem, key)
        code_cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        for cell, outputs in zip(code_cells, entry["outputs"]):
            cell.outputs = [nbformat.from_dict(output) for output in outputs]
        return normalize(notebook), times.Time(*entry["time"])
