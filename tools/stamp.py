"""What the pages were made from, so that a later command can say whether they still show it."""

import hashlib
import json
import time
from pathlib import Path

from unet_tutorial._shared.files import whole

from . import notebooks

SETTINGS = ("_config.yml", "_toc.yml", "requirements.txt")
NAMED = 5  # changed files that a report names


def sources(root=notebooks.ROOT) -> dict[str, str]:
    """A hash of every file that the pages depend on, by its path. Stored outputs do not count: a build makes them."""
    paths = [root / name for name in SETTINGS]
    for folder in ("book", notebooks.PACKAGE):
        paths += [
            path
            for path in (root / folder).rglob("*")
            if path.is_file() and path.suffix != ".pyc" and ".ipynb_checkpoints" not in path.parts
        ]
    build = root / "tools" / "book.py"
    if build.exists():
        paths += notebooks.dependencies("import tools.book", root, "tools")
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(content(path)).hexdigest()
        for path in sorted(paths)
        if path.exists()
    }


def content(path) -> bytes:
    """What counts of a file: of a notebook, its cells without their outputs."""
    try:
        if path.suffix == ".ipynb":
            cells = notebooks.read(path).cells
            return json.dumps([[cell.cell_type, cell.source, cell.metadata] for cell in cells], sort_keys=True).encode()
    except ValueError:  # no notebook
        pass
    return path.read_bytes()


class Stamp:
    """A file beside the pages that is there as long as a build has ended well: what it read, and when."""

    def __init__(self, html):
        self.html = Path(html)
        self.path = self.html.with_name(f"{self.html.name}-built.json")

    def remove(self):
        self.path.unlink(missing_ok=True)

    def write(self, read):
        with whole(self.path) as file:
            json.dump({"time": time.time(), "sources": read}, file)

    def state(self) -> str:
        """ "" where there are no pages, else which build they are of."""
        if not (self.html / "book").is_dir():
            return ""
        if not self.path.exists():
            return "from a build that did not end"
        return f"of {time.strftime('%Y-%m-%d %H:%M', time.localtime(json.loads(self.path.read_text())['time']))}"

    def changed(self, root=notebooks.ROOT) -> list[str]:
        """Sources that are not as the build read them: changed, new or gone."""
        old, new = json.loads(self.path.read_text())["sources"], sources(root)
        return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))

    def report(self, root=notebooks.ROOT) -> str:
        """One line: whether the book was built, when, and what has changed since."""
        needed = "only tests/browser reads the pages"
        if not self.state():
            return f"book: not built; run make book first ({needed}, and fails or skips without them)"
        if not self.path.exists():
            return f"book: the pages are {self.state()}; run make book ({needed})"
        names = self.changed(root)
        if not names:
            return f"book: pages {self.state()}; no source has changed since ({needed})"
        listed = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
        return f"book: pages {self.state()}; changed since: {listed}; run make book ({needed})"
