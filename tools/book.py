"""Builds the book: runs the notebooks that need it, lays them out beside the other pages, and calls Sphinx.

python -m tools.book build              HTML to _build/html (or _build/html-isbi2012)
python -m tools.book notebooks [NAME]   run the notebooks again, store their outputs in place
python -m tools.book serve              serve the HTML, rebuild on every change
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

from . import assets, evidence, ledger, links, notebooks, polish, release, text
from .stamp import Stamp, sources
from .times import LIMIT, Time, tell

SYNTHETIC = "synthetic"
ASSIGNMENTS = "assignments"
VERSIONS = ("tensorflow", "keras", "numpy", "scipy", "matplotlib", "jupyter-book", "sphinx", "myst-nb", "nbval")
REDIRECT = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>U-Net, by running it</title>
<meta http-equiv="refresh" content="0; url={page}"><link rel="canonical" href="{page}"></head>
<body><p><a href="{page}">Open the book</a></p></body></html>
"""


class Failed(Exception):
    """The build cannot go on; the message says why and what to do."""


class Book:
    """The sources below `root`, and what is made of them on one specimen."""

    def __init__(self, root=notebooks.ROOT, specimen=SYNTHETIC, data=SYNTHETIC):
        self.root, self.specimen, self.data = Path(root), specimen, data
        self.out = self.root / "_build"
        suffix = "" if specimen == SYNTHETIC else f"-{specimen}"
        self.stage, self.html, self.doctrees, self.executed = (
            self.out / f"{part}{suffix}" for part in ("stage", "html", "doctrees", "executed")
        )
        self.stamp = Stamp(self.html)

    @property
    def contents(self):
        return yaml.safe_load((self.root / "_toc.yml").read_text())

    def pages(self):
        """Paths of the pages in the order of `_toc.yml`."""
        names = [self.contents["root"]]
        names += [chapter["file"] for part in self.contents.get("parts", []) for chapter in part["chapters"]]
        candidates = [[self.root / f"{name}{suffix}" for suffix in (".ipynb", ".md")] for name in names]
        for name, paths in zip(names, candidates):
            if not any(path.exists() for path in paths):
                raise Failed(f"_toc.yml names {name}, but there is neither {name}.ipynb nor {name}.md")
        return [next(path for path in paths if path.exists()) for paths in candidates]

    def chapters(self):
        return [path for path in self.pages() if path.suffix == ".ipynb" and path.parent.name != ASSIGNMENTS]

    def assignments(self):
        """The students' notebooks: unsolved, so never run."""
        return [path for path in self.pages() if path.parent.name == ASSIGNMENTS]

    def build(self):
        """Execute, lay out, call Sphinx, follow the links; returns the Time of each notebook.

        Raises Failed. The next build then runs what failed, and lays out all pages afresh.
        """
        read = sources(self.root)
        try:
            executed = self.run()
            self.stamp.remove()
            self.lay_out(executed)
            self.run_sphinx()
            dead = links.dead_links(self.html)
            if dead:
                raise Failed("links that lead nowhere:\n  " + "\n  ".join(dead))
        finally:
            if sys.exc_info()[0]:
                # Sphinx forgets the warnings of a page that did not change: a second run would succeed.
                shutil.rmtree(self.doctrees, ignore_errors=True)
        self.stamp.write(read)
        return times_of(executed)

    def run(self):
        """Every chapter with outputs and its Time, from the cache where nothing has changed.

        A notebook that fails does not keep the others from running. Raises Failed, which names all that failed and the
        pages of an earlier build that are stale.
        """
        cache = notebooks.Cache(self.executed)
        executed, failed = {}, {}
        for path in self.chapters():
            try:
                executed[path] = cache.run(path, self.data, {"UNET_TUTORIAL_SPECIMEN": self.specimen}, self.root)
            except notebooks.NotebookFailed as error:
                failed[path] = note(path, error)
        if failed:
            raise Failed(f"{self.listed(failed, len(self.chapters()))}\n\n{self.stale(failed)}")
        return executed

    def listed(self, failed, count):
        """How many notebooks failed of those that ran, and a paragraph for each."""
        return "\n\n".join(
            [
                f"{len(failed)} of {count} notebooks failed",
                *(f"{path.relative_to(self.root)}, {error}" for path, error in failed.items()),
            ]
        )

    def stale(self, failed):
        """What the pages of an earlier build are worth after some notebooks failed."""
        kept = "The notebooks that ran are kept: the next make book runs only what failed or changed."
        if not self.stamp.state():
            return f"No page was written, and there are none of an earlier build. {kept}"
        pages = [self.html / path.relative_to(self.root).with_suffix(".html") for path in failed]
        names = [str(page.relative_to(self.root)) for page in pages if page.exists()]
        return (
            f"No page was written. Stale, because their notebooks failed: {', '.join(names) or 'none'}. "
            f"All other pages in {self.html.relative_to(self.root)} are {self.stamp.state()}. {kept}"
        )

    def lay_out(self, executed):
        """Write every source to the stage, notebooks with outputs; touch only files whose content changed."""
        names = {
            path.relative_to(self.root / "book").with_suffix("").as_posix(): path.relative_to(
                self.root / "book"
            ).as_posix()
            for path in self.pages()
        }
        files = {}
        for path, (notebook, _) in executed.items():
            text.captions(notebook)
            text.relative_links(notebook, names)
            text.explorables(notebook)
            files[path.relative_to(self.root)] = notebooks.dump(notebook).encode()
        for path in self.assignments():
            notebook = notebooks.read(path)
            text.relative_links(notebook, names, "../")
            files[path.relative_to(self.root)] = notebooks.dump(notebook).encode()
        for path in [*self.root.glob("book/**/*"), self.root / "_config.yml", self.root / "_toc.yml"]:
            if path.is_file() and path.suffix not in (".ipynb", ".py", ".pyc"):
                files[path.relative_to(self.root)] = path.read_bytes()
                if path.suffix == ".md" and text.EXPLORABLE in path.read_text():
                    files[path.relative_to(self.root)] += f"\n{text.LOADS}\n".encode()
        replace(files, Path("_config.yml"), "<!-- version -->", lambda: release.shown(self.root))
        replace(files, Path("book/build.md"), "<!-- run times -->", lambda: run_times(times_of(executed)))
        replace(files, Path("book/ledger.md"), "<!-- ledger -->", lambda: ledger.table(self.chapters()))
        if Path("book/records.md") in files:
            folder = self.root / "unet_tutorial" / "experiments" / "recorded"
            replace(files, Path("book/records.md"), "<!-- records -->", lambda: evidence.page(folder))
            replace(files, Path("book/records.md"), "<!-- verdicts -->", lambda: evidence.verdicts_page(folder))
            replace(
                files, Path("book/plan.md"), "<!-- plan -->", lambda: (folder.parent / "plan.md").read_text("utf-8")
            )
            files |= {
                Path("book/records") / path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.json")
            }
        files |= assets.files(self.out / "assets", self.root)
        write_changed(files, self.stage, keep=("conf.py",))

    def run_sphinx(self):
        """Turn the stage into HTML. Any warning is an error."""
        jupyter_book = Path(sys.executable).with_name("jupyter-book")
        configuration = subprocess.run([jupyter_book, "config", "sphinx", self.stage], capture_output=True, text=True)
        if configuration.returncode:
            raise Failed(f"_config.yml was not understood:\n{configuration.stdout}{configuration.stderr}")
        # Cells do not run in the page, and the scripts that would start them declare one name twice.
        settings = self.stage / "conf.py"
        before, thebe, after = settings.read_text().partition("'sphinx_thebe', ")
        if not thebe:
            raise Failed("conf.py lists no 'sphinx_thebe' to take out: look at what jupyter-book writes now")
        settings.write_text(before + after)
        result = subprocess.run(
            [
                sys.executable,
                "-m",
                "sphinx",
                "-b",
                "html",
                "-W",
                "--keep-going",
                "-q",
                "-d",
                self.doctrees,
                self.stage,
                self.html,
            ]
        )
        if result.returncode:
            raise Failed("Sphinx found something to complain about: see above")
        for source, target in (("_extra", ""), ("_static", "_static")):  # Sphinx copies them only where a page changed
            if (self.stage / "book" / source).is_dir():
                shutil.copytree(self.stage / "book" / source, self.html / target, dirs_exist_ok=True)
        polish.polish(self.html)
        (self.html / "index.html").write_text(REDIRECT.format(page=f"{self.contents['root']}.html"))

    def store(self, names=()):
        """Run notebooks on the synthetic specimen; store their outputs, and how long they run, in place.

        Raises Failed with all that failed, after the others are stored.
        """
        known = {path.stem: path for path in self.chapters()}
        unknown = sorted(set(names) - set(known))
        if unknown:
            raise Failed(f"no such notebook: {', '.join(unknown)}; there are {', '.join(known)}")
        cache, failed = notebooks.Cache(self.executed), {}
        names = names or list(known)
        for stem in names:
            print(f"running {stem} ...", flush=True)
            path = known[stem]
            source = notebooks.read(path)
            try:
                notebook, time = notebooks.execute(source, path.parent, {"UNET_TUTORIAL_SPECIMEN": SYNTHETIC})
            except notebooks.NotebookFailed as error:
                failed[path] = note(path, error)
                continue
            text.absolute_links(notebook)
            tell(notebook, time.cpu)
            path.write_text(notebooks.dump(notebook))
            cache.put(stem, notebooks.fingerprint(source, SYNTHETIC, self.root), notebook, time)
            print(f"  {stem}: {time}, {path.stat().st_size / 1e3:.0f} kB", flush=True)
            if time.cpu > LIMIT:
                print(
                    f"warning: {path.relative_to(self.root)} takes {time.cpu:.0f} CPU seconds, and a chapter may "
                    f"take {LIMIT}: train fewer steps or on smaller tiles",
                    flush=True,
                )
        if failed:
            raise Failed(f"{self.listed(failed, len(names))}\n\nEach of the others is stored.")


def note(path, error):
    """Print at once where a notebook failed, in full; returns the error."""
    print(f"  {path.stem}: failed\n{notebooks.plain(getattr(error.__cause__, 'traceback', ''))}", flush=True)
    return error


def chosen_specimen():
    """Name of the specimen that the environment asks for, and a string that changes when its data does."""
    name = os.environ.get("UNET_TUTORIAL_SPECIMEN") or SYNTHETIC
    if name == SYNTHETIC:
        return name, name
    from unet_tutorial import datasets

    try:
        specimen = datasets.specimen()
    except ValueError as error:
        raise Failed(f"UNET_TUTORIAL_SPECIMEN={name}: {error}") from error
    if specimen.notice:
        raise Failed(f"UNET_TUTORIAL_SPECIMEN={name}: {specimen.notice}")
    return name, name + hashlib.sha256(specimen.images.tobytes() + specimen.labels.tobytes()).hexdigest()


def replace(files, target, marker, content):
    if marker.encode() in files.get(target, b""):
        content = content() if callable(content) else content
        files[target] = files[target].replace(marker.encode(), content.encode())


def write_changed(files, folder, keep=()):
    """Make `folder` hold exactly `files`; a file that is right already keeps its time."""
    for old in folder.rglob("*"):
        if old.is_file() and old.relative_to(folder) not in files and old.name not in keep:
            old.unlink()
    for target, content in files.items():
        path = folder / target
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def times_of(executed):
    return {path.stem: time for path, (_, time) in executed.items()}


def total(times):
    return Time(*map(sum, zip(*times.values())))


def run_times(times):
    rows = ["| Notebook | Seconds | CPU seconds |", "|---|---:|---:|"]
    named = [(f"[{ledger.title(stem)}]({stem}.ipynb)", time) for stem, time in times.items()]
    rows += [f"| {name} | {time.wall:.0f} | {time.cpu:.0f} |" for name, time in [*named, ("All", total(times))]]
    rows += ["", "| Package | Version |", "|---|---|", f"| Python | {sys.version.split()[0]} |"]
    rows += [f"| {name} | {metadata.version(name)} |" for name in VERSIONS]
    return "\n".join(rows)


def serve(book, port=8000):
    """Serve the HTML and build again whenever a source changes. A failed build is reported and waits to be mended."""
    from livereload import Server

    def rebuild():
        result = subprocess.run([sys.executable, "-m", "tools.book", "build"], cwd=book.root)
        print("built" if result.returncode == 0 else "the build failed: see above", flush=True)

    rebuild()
    server = Server()
    for pattern in (
        "book/*",
        "book/_static/*",
        "book/assignments/*",
        "unet_tutorial/*",
        "unet_tutorial/*/*",
        "_config.yml",
        "_toc.yml",
        "requirements.txt",
    ):
        server.watch(str(book.root / pattern), rebuild, delay=1)
    server.serve(root=str(book.html), port=port)


def main():
    parser = argparse.ArgumentParser(
        prog="python -m tools.book", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=("build", "notebooks", "serve"))
    parser.add_argument("names", nargs="*", help="notebooks to run again; all unless given")
    arguments = parser.parse_args()
    try:
        if arguments.action == "notebooks":
            return Book().store(arguments.names)
        book = Book(notebooks.ROOT, *chosen_specimen())
        if arguments.action == "serve":
            return serve(book)
        times = book.build()
        print(f"{len(times)} notebooks, {total(times)} of running; open {book.html / 'index.html'}")
    except Failed as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
