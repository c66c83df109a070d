"""Makes the student's notebook, the solution and the autograder of every assignment from its master notebook."""

import argparse
import contextlib
import io
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import nbformat

from .notebooks import ROOT

MASTERS = ROOT / "assignments"
STUDENTS = ROOT / "book" / "assignments"
DIST = ROOT / "dist"


def masters(folder=MASTERS):
    """Paths of the master notebooks in a folder, `<name>/<name>.ipynb`, in the order of their names."""
    found = sorted(path for path in Path(folder).glob("*/*.ipynb") if path.stem == path.parent.name)
    if not found:
        raise ValueError(
            f"folder {folder}: holds no master <name>/<name>.ipynb; name the folder `assignments` or a class's own"
        )
    return found


def named(name, folder=MASTERS):
    """Path of the master of that name."""
    known = {path.stem: path for path in masters(folder)}
    if name not in known:
        raise ValueError(f"assignment {name!r}: is not known; choose one of {', '.join(known)}")
    return known[name]


def assign(master, folder):
    """Let Otter divide a master into `folder`/student and `folder`/autograder, without running it."""
    if "kernelspec" not in nbformat.read(master, as_version=4).metadata:
        raise ValueError(f"master {master}: names no kernel; open it in Jupyter, choose Python 3 and save it")
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from otter.assign import main

        main(str(master), str(folder), no_pdfs=True, no_run_tests=True)


def student_text(path):
    """A student's notebook as text: no outputs, no traces of the grader, cells numbered."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.source = "\n".join(
            line
            for line in cell.source.splitlines()
            if not line.startswith(("<!-- BEGIN QUESTION", "<!-- END QUESTION"))
        ).strip("\n")
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.cells = [cell for cell in notebook.cells if cell.source]
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
    return nbformat.writes(notebook, version=4) + "\n"


def build(master, students=STUDENTS, dist=DIST):
    """Write the student's notebook into `students`; solution, tests and autograder.zip into `dist`/<name>."""
    name = Path(master).stem
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        assign(master, folder)
        target = Path(dist) / name
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        Path(students).mkdir(parents=True, exist_ok=True)
        (Path(students) / f"{name}.ipynb").write_text(student_text(folder / "student" / f"{name}.ipynb"))
        shutil.copy(folder / "autograder" / f"{name}.ipynb", target / "solution.ipynb")
        shutil.copytree(folder / "autograder" / "tests", target / "tests")
        shutil.copy(next((folder / "autograder").glob("*.zip")), target / "autograder.zip")
    return target


def shuffled_weights(path):
    """Write weights for the capstone's solution: those of the package's network with all channels in another order."""
    import numpy as np

    from unet_tutorial import pretrained

    rng = np.random.default_rng(0)
    model = pretrained.small_unet()

    def reorder(name, given, up=False):
        layer = model.get_layer(name)
        kernel, bias = layer.get_weights()
        order = np.arange(len(bias)) if name == "output" else rng.permutation(len(bias))
        layer.set_weights([kernel[:, :, order][..., given] if up else kernel[:, :, given][..., order], bias[order]])
        return order

    x, skips = np.arange(1), []
    for block in ("contract1", "contract2", "contract3", "bottom", "expand3", "expand2", "expand1"):
        if block.startswith("expand"):
            x = reorder(f"{block}_up", x, up=True)
            x = np.concatenate([x, len(x) + skips.pop()])
        x = reorder(f"{block}_conv2", reorder(f"{block}_conv1", x))
        if block.startswith("contract"):
            skips.append(x)
    reorder("output", x)
    np.savez(path, *model.get_weights())
    return Path(path)


def main(arguments=None):
    """The command line. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.assignments", description=__doc__)
    parser.add_argument("--masters", default=MASTERS, help="a class's own folder in place of assignments/")
    parser.add_argument(
        "--students", help="where the students' notebooks go; book/assignments for the book's own masters"
    )
    parser.add_argument("--dist", default=DIST, help="where solutions and autograders go (%(default)s)")
    parsed = parser.parse_args(arguments)
    own = Path(parsed.masters).resolve() == MASTERS
    students = parsed.students or (STUDENTS if own else Path(parsed.dist) / "students")
    try:
        for master in masters(parsed.masters):
            target = build(master, students, parsed.dist)
            print(f"{master.stem}: student's notebook in {students}, solution and autograder in {target}")
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
