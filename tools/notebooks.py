"""Runs notebooks, remembers their outputs, and knows what each of them depends on."""

import ast
import hashlib
import json
import os
import platform
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "unet_tutorial"
TIMEOUT = 600  # seconds a cell
KERNEL_ENVIRONMENT = {"UNET_TUTORIAL_PROGRESS": "0", "PYTHONHASHSEED": "0"}


def imported_modules(source, package=PACKAGE):
    """Names of the package's modules that a piece of Python imports; relative imports count."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level == 0 and base != package and not base.startswith(package + "."):
                continue
            base = base.removeprefix(package).removeprefix(".")
            found.update([base.split(".")[0]] if base else [alias.name for alias in node.names])
        elif isinstance(node, ast.Import):
            found.update(alias.name.split(".")[1] for alias in node.names if alias.name.startswith(package + "."))
    return found


def dependencies(source, root=ROOT):
    """Files of the package that a piece of Python needs, directly or through other modules.

    `__init__.py` counts always. Files that are not Python (records, weights) count with the module that their folder is
    named after, and always if there is none.
    """
    folder = root / PACKAGE
    files = {folder / "__init__.py"}
    data = {path: path.relative_to(folder).parts[0] for path in folder.rglob("*")
            if path.is_file() and path.suffix not in (".py", ".pyc") and "__pycache__" not in path.parts}
    waiting, seen = list(imported_modules(source)), set()
    while waiting:
        name = waiting.pop()
        path = folder / f"{name}.py"
        if name in seen or not path.exists():
            continue
        seen.add(name)
        files.add(path)
        waiting.extend(imported_modules(path.read_text()))
    files.update(path for path, owner in data.items() if owner in seen or not (folder / f"{owner}.py").exists())
    return sorted(files)


def code(notebook):
    """Source of the code cells as one piece of plain Python: lines that only IPython understands are dropped."""
    lines = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code").splitlines()
    return "\n".join(line[:len(line) - len(line.lstrip())] + "pass" if line.lstrip()[:1] in ("%", "!") else line
                     for line in lines)


def fingerprint(notebook, data="", root=ROOT):
    """Hash of all that the outputs of a notebook depend on: its code, the modules it uses, the pins, the specimen."""
    digest = hashlib.sha256()
    parts = [platform.python_version(), data, (root / "requirements.txt").read_text()]
    parts += [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    for path in dependencies(code(notebook), root):
        parts += [str(path.relative_to(root)), hashlib.sha256(path.read_bytes()).hexdigest()]
    for part in parts:
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()


def execute(notebook, folder, environment=None):
    """Run every cell in a fresh kernel and return the notebook with normalized outputs, and the seconds it took.

    Raises nbclient's CellExecutionError where a cell fails.
    """
    notebook = nbformat.reads(nbformat.writes(notebook), as_version=4)
    client = NotebookClient(notebook, timeout=TIMEOUT, kernel_name="python3", coalesce_streams=True,
                            resources={"metadata": {"path": str(folder)}})
    start = time.monotonic()
    client.execute(env={**os.environ, **KERNEL_ENVIRONMENT, **(environment or {})})
    seconds = time.monotonic() - start
    return normalize(notebook), seconds


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
    notebook.metadata = nbformat.from_dict({
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"}})
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
        return json.loads(path.read_text()) if path.exists() else None

    def put(self, name, key, notebook, seconds):
        self.folder.mkdir(parents=True, exist_ok=True)
        for old in self.folder.glob(f"{name}-*.json"):
            old.unlink()
        outputs = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
        path = self.folder / f"{name}-{key[:20]}.json"
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps({"outputs": outputs, "seconds": seconds}))
        partial.replace(path)

    def run(self, path, data="", environment=None, root=ROOT):
        """The notebook at `path` with its outputs, from the cache where nothing that it depends on has changed."""
        notebook = read(path)
        key = fingerprint(notebook, data, root)
        entry = self.get(path.stem, key)
        if entry is None:
            print(f"running {path.stem} ...", flush=True)
            executed, seconds = execute(notebook, path.parent, environment)
            print(f"  {path.stem}: {seconds:.0f} s", flush=True)
            self.put(path.stem, key, executed, seconds)
            entry = self.get(path.stem, key)
        code_cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        for cell, outputs in zip(code_cells, entry["outputs"]):
            cell.outputs = [nbformat.from_dict(output) for output in outputs]
        return normalize(notebook), entry["seconds"]
