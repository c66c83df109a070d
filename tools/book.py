"""Builds the book: runs the notebooks that need it, lays them out beside the other pages, and calls Sphinx.

    python -m tools.book build        HTML to _build/html (or _build/html-isbi2012)
    python -m tools.book notebooks    run all notebooks again, store their outputs in place
    python -m tools.book serve        serve the HTML, rebuild on every change
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import yaml
from nbclient.exceptions import CellExecutionError

from . import ledger, links, notebooks, text

ROOT = notebooks.ROOT
BUILD = ROOT / "_build"
STORED = {"UNET_TUTORIAL_SPECIMEN": "synthetic"}
VERSIONS = ("tensorflow", "keras", "numpy", "scipy", "matplotlib", "jupyter-book", "sphinx", "myst-nb", "nbval")


class Failed(Exception):
    """The build cannot go on; the message says why and what to do."""


def pages(root=ROOT):
    """Paths of the pages in the order of `_toc.yml`."""
    toc = yaml.safe_load((root / "_toc.yml").read_text())
    names = [toc["root"]]
    for part in toc.get("parts", []):
        names += [chapter["file"] for chapter in part["chapters"]]
    found = []
    for name in names:
        path = next((root / f"{name}{suffix}" for suffix in (".ipynb", ".md") if (root / f"{name}{suffix}").exists()),
                    None)
        if path is None:
            raise Failed(f"_toc.yml names {name}, but there is neither {name}.ipynb nor {name}.md")
        found.append(path)
    return found


def chapters(root=ROOT):
    return [path for path in pages(root) if path.suffix == ".ipynb"]


def specimen_data():
    """Name of the specimen, and a string that changes when its data does."""
    name = os.environ.get("UNET_TUTORIAL_SPECIMEN", "synthetic")
    if name == "synthetic":
        return name, name
    from unet_tutorial import datasets

    try:
        volumes = datasets.load_isbi2012() if name == "isbi2012" else datasets.specimen([0])
    except (datasets.DataUnavailable, ValueError) as error:
        raise Failed(f"UNET_TUTORIAL_SPECIMEN={name}: {error}") from error
    return name, name + hashlib.sha256(volumes.images.tobytes()).hexdigest()


def build():
    """Execute, lay out, call Sphinx, follow the links. Raises Failed, and then leaves nothing that looks finished."""
    name, data = specimen_data()
    suffix = "" if name == "synthetic" else f"-{name}"
    stage, html, doctrees = (BUILD / f"{part}{suffix}" for part in ("stage", "html", "doctrees"))
    try:
        times = lay_out(stage, BUILD / f"executed{suffix}", data, {"UNET_TUTORIAL_SPECIMEN": name})
        run_sphinx(stage, html, doctrees)
        dead = links.dead_links(html)
        if dead:
            raise Failed("links that lead nowhere:\n  " + "\n  ".join(dead))
    except CellExecutionError as error:
        raise Failed(str(error)) from error
    finally:
        if sys.exc_info()[0]:
            # Sphinx forgets the warnings of a page that did not change: without this, a second run would succeed.
            shutil.rmtree(doctrees, ignore_errors=True)
    print(f"{len(times)} notebooks, {sum(times.values()):.0f} s of running; open {html / 'index.html'}")


def lay_out(stage, executed, data, environment):
    """Write every source of the book to `stage`, notebooks with outputs; touch only files whose content changed."""
    cache = notebooks.Cache(executed)
    contents, times = {}, {}
    names = {path.stem: path.name for path in pages()}
    for path in chapters():
        notebook, times[path.stem] = cache.run(path, path.parent, data, environment, lambda line: print(line, flush=True))
        text.captions(notebook)
        text.relative_links(notebook, names)
        target = Path(path.relative_to(ROOT))
        scratch = executed / "scratch.ipynb"
        notebooks.write(notebook, scratch)
        contents[target] = scratch.read_bytes()
    for path in sorted(ROOT.glob("book/**/*")):
        if path.is_file() and path.relative_to(ROOT) not in contents and path.suffix not in (".ipynb", ".py", ".pyc"):
            contents[path.relative_to(ROOT)] = path.read_bytes()
    for name in ("_config.yml", "_toc.yml", "CHANGELOG.md"):
        if (ROOT / name).exists():
            contents[Path(name)] = (ROOT / name).read_bytes()
    replace(contents, Path("book/build.md"), "<!-- run times -->", run_times(times))
    replace(contents, Path("book/ledger.md"), "<!-- ledger -->", ledger.table(chapters()))
    for old in stage.rglob("*"):
        if old.is_file() and old.relative_to(stage) not in contents and old.name != "conf.py":
            old.unlink()
    for target, content in contents.items():
        path = stage / target
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return times


def replace(contents, target, marker, text):
    if target in contents:
        contents[target] = contents[target].replace(marker.encode(), text.encode())


def run_times(times):
    rows = ["| Notebook | Seconds |", "|---|---:|"]
    rows += [f"| [{stem.replace('_', ' ').capitalize()}]({stem}.ipynb) | {seconds:.0f} |"
             for stem, seconds in times.items()]
    rows += [f"| All | {sum(times.values()):.0f} |", "", "| Package | Version |", "|---|---|",
             f"| Python | {sys.version.split()[0]} |"]
    rows += [f"| {name} | {metadata.version(name)} |" for name in VERSIONS]
    return "\n".join(rows)


def run_sphinx(stage, html, doctrees):
    """Turn `stage` into HTML. Any warning is an error."""
    configuration = subprocess.run([sys.executable, "-m", "jupyter_book.cli.main", "config", "sphinx", str(stage)],
                                   capture_output=True, text=True)
    if configuration.returncode:
        raise Failed(f"_config.yml was not understood:\n{configuration.stdout}{configuration.stderr}")
    result = subprocess.run([sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-q", "-j", "1",
                             "-d", str(doctrees), str(stage), str(html)])
    if result.returncode:
        raise Failed("Sphinx found something to complain about: see above")


def store(names=()):
    """Run notebooks on the synthetic specimen and store their outputs in place."""
    wanted = [path for path in chapters() if not names or path.stem in names]
    if len(wanted) < len(names):
        raise Failed(f"no such notebook: {sorted(set(names) - {path.stem for path in wanted})}; "
                     f"there are {[path.stem for path in chapters()]}")
    cache = notebooks.Cache(BUILD / "executed")
    for path in wanted:
        print(f"running {path.stem} ...", flush=True)
        source = notebooks.read(path)
        try:
            notebook, seconds = notebooks.execute(source, path.parent, STORED)
        except CellExecutionError as error:
            raise Failed(f"{path}: {error}") from error
        text.absolute_links(notebook)
        notebooks.write(notebook, path)
        cache.put(path.stem, notebooks.fingerprint(source, "synthetic"), notebook, seconds)
        print(f"  {path.stem}: {seconds:.0f} s, {path.stat().st_size / 1e3:.0f} kB", flush=True)


def serve(port=8000):
    """Serve the HTML and build again whenever a source changes. A failed build is reported and waits for its mending."""
    from livereload import Server

    def rebuild():
        result = subprocess.run([sys.executable, "-m", "tools.book", "build"], cwd=ROOT)
        print("built" if result.returncode == 0 else "the build failed: see above", flush=True)

    rebuild()
    server = Server()
    for pattern in ("book/**/*", "book/*", "unet_tutorial/*", "_config.yml", "_toc.yml", "requirements.txt"):
        server.watch(str(ROOT / pattern), rebuild, delay=1)
    suffix = specimen_data()[0]
    server.serve(root=str(BUILD / ("html" if suffix == "synthetic" else f"html-{suffix}")), port=port)


def main():
    parser = argparse.ArgumentParser(prog="python -m tools.book", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("build", "notebooks", "serve"))
    parser.add_argument("names", nargs="*", help="notebooks to run again; all unless given")
    arguments = parser.parse_args()
    try:
        if arguments.action == "notebooks":
            store(arguments.names)
        else:
            {"build": build, "serve": serve}[arguments.action]()
    except Failed as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
