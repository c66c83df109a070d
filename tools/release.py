"""Moves the version everywhere: package, changelog, citation, install lines, buttons that open Colab.

make release VERSION=X.Y.Z
"""

import argparse
import datetime
import re
import sys
from pathlib import Path

from . import adopt, tracked
from .tracked import ROOT, Change, Refused

PACKAGE, CHANGELOG = Path("unet_tutorial/__init__.py"), Path("CHANGELOG.md")
CITATION, CONFIG = Path("CITATION.cff"), Path("_config.yml")
NUMBER = r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*)){2}"


def numbers(version: str) -> tuple[int, ...]:
    """A version as numbers that compare.

    >>> numbers("0.10.0") > numbers("0.9.1")
    True
    """
    return tuple(int(part) for part in version.split("."))


def version(root=ROOT) -> str:
    """Version of the package below `root`, read without importing it."""
    found = re.search(rf'^__version__ = "({NUMBER})"$', tracked.text(root, PACKAGE), re.M)
    if not found:
        raise Refused(f'{PACKAGE}: must hold a line __version__ = "X.Y.Z"')
    return found[1]


def dates(changelog: str) -> dict[str, str]:
    """Date of each version that a changelog names."""
    return dict(re.findall(rf"^## ({NUMBER}), (\d{{4}}-\d\d-\d\d)$", changelog, re.M))


def unreleased(changelog: str) -> str:
    """What a changelog says under `## Unreleased`."""
    found = re.search(r"^## Unreleased\n(.*?)(?=^## |\Z)", changelog, re.M | re.S)
    return found[1].strip() if found else ""


def shown(root=ROOT) -> str:
    """The version as the pages show it.

    Returns "Version 0.2.0", followed by "and later changes" where the changelog has some that are not released.
    """
    return f"Version {version(root)}{' and later changes' if unreleased(tracked.text(root, CHANGELOG)) else ''}."


def plan(new: str, today: str, root=ROOT) -> list[Change]:
    """The changes that make `new` the release that everything names.

    Parameters
    ----------
    new : str
        X.Y.Z. Larger than every earlier one, or the last one itself: then whatever does not name it is mended.
    today : str
        Date of a new release, as in 2026-11-27. A release that the changelog has already keeps its date.
    root : Path

    Raises
    ------
    Refused
        A version of another form, one that is too small or has a tag; nothing under `## Unreleased`; a file without its
        line.
    """
    if not re.fullmatch(NUMBER, new):
        raise Refused(f"VERSION={new!r}: must be three numbers X.Y.Z, for example VERSION=0.2.0")
    changelog, package = tracked.text(root, CHANGELOG), version(root)
    known = dates(changelog)
    last = max([package, *known], key=numbers)
    if numbers(new) < numbers(last):
        raise Refused(f"VERSION={new}: {last} is out already; choose a larger one")
    if new not in known and not unreleased(changelog):
        raise Refused(f"{CHANGELOG}: says nothing under '## Unreleased'; write there what {new} changes")
    if new != package and tracked.git(root, "tag", "--list", f"v{new}"):
        raise Refused(f"VERSION={new}: the tag v{new} exists, and the package is at {package}; choose a larger one")
    slug = re.escape(adopt.current(tracked.text(root, CONFIG)).repository.encode())
    named = re.compile(
        rb"(git\+https://github\.com/%b(?:\.git)?@|google\.com/github/%b/blob/|mybinder\.org/v2/gh/%b/)"
        rb"([\w.-]*\w)" % (slug, slug, slug)
    )
    lines = {
        PACKAGE: {rb'^(__version__ = ")([^"]+)': new},
        CITATION: {rb"^(version: )(\S+)": new, rb'^(date-released: ")([^"]+)': known.get(new, today)},
        CONFIG: {rb"^(  branch: )(\S+)": f"v{new}"},
        CHANGELOG: {} if new in known else {rb"^(## )(Unreleased)(?=\r?$)": f"{new}, {today}"},
    }
    changes = []
    for path, content in tracked.files(root).items():
        content, places = tracked.substitute(content, named, lambda _: f"v{new}".encode())
        for pattern, value in lines.get(path, {}).items():
            if len(re.findall(pattern, content, re.M)) != 1:
                raise Refused(f"{path}: must hold a line {pattern.decode()} once; restore it with git checkout {path}")
            content, found = tracked.substitute(
                content, re.compile(pattern, re.M), lambda _, value=value: value.encode()
            )
            places += found
        if places:
            changes.append(Change(path, content, places))
    return changes


def release(new: str, today: str, root=ROOT) -> str:
    """Move the version everywhere. Returns an account of it; raises Refused, and then nothing has changed."""
    changes = plan(new, today, root)
    waiting = new == version(root) and unreleased(tracked.text(root, CHANGELOG))
    if not changes and waiting:
        raise Refused(f"VERSION={new}: is out already; the changes under '## Unreleased' need a larger one")
    if not changes:
        return f"nothing to do: {new} is the version that every file names"
    tracked.write(root, changes, last=PACKAGE)
    lines = []
    for path, _, places in changes:
        moves = ", ".join(f"{before} -> {after}" for before, after in dict.fromkeys(places))
        lines.append(f"{path}: {tracked.count(places)}, {moves}")
    if waiting:
        lines.append(f"{CHANGELOG}: what stands under '## Unreleased' waits for a larger version")
    return "\n".join(
        [
            *lines,
            "",
            "Next: make book and make test. Every notebook runs again. Then:",
            f"  git commit -am 'Version {new}'",
            f"  git tag v{new}",
            f"  git push origin HEAD v{new}",
        ]
    )


def main(arguments=None, root=ROOT):
    """The command line. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.release", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("version", metavar="X.Y.Z")
    parsed = parser.parse_args(arguments)
    try:
        print(release(parsed.version, datetime.date.today().isoformat(), root))
    except Refused as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
