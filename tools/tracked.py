"""Changes the text of tracked files: all of it is planned first, then each file is replaced as a whole.

Needs no package beyond Python, so that a fresh clone can use it.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent


class Refused(Exception):
    """What was asked for cannot be done; the message names the value, the rule and the way out."""


class Change(NamedTuple):
    """The new content of a file, and what stood and what stands now at each place that changed."""

    path: Path
    content: bytes
    places: list


def git(root, *arguments):
    """What a command of git prints in the checkout at `root`, as bytes. Raises Refused where git fails."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True)
    except OSError as error:
        raise Refused(f"git did not start ({error}): install git") from error
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip()
        raise Refused(f"folder {root}: git {arguments[0]} failed ({reason}); work in a clone of the repository")
    return done.stdout


def files(root=ROOT):
    """Path below `root`, and content, of each file of text that git tracks.

    A file that git does not track, such as a student's notebook, is nobody's to change.
    """
    names = {os.fsdecode(name) for name in git(root, "ls-files", "-z").split(b"\0") if name}
    contents = {
        Path(name): (root / name).read_bytes()
        for name in sorted(names)
        if (root / name).is_file() and not (root / name).is_symlink()
    }
    return {path: content for path, content in contents.items() if b"\0" not in content}


def text(root, name):
    """One file as text. Raises Refused where it is missing or not UTF-8."""
    try:
        return (root / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{name}: cannot be read ({error}); restore it with git checkout {name}") from error


def substitute(content, pattern, new):
    """Put `new(old)` in place of the second group of each match; the first group, what stands before it, stays.

    Returns the content, and old and new text of each place where the two differ.
    """
    places = []

    def put(match):
        after = new(match[2])
        if after != match[2]:
            places.append((match[2].decode(), after.decode()))
        return match[1] + after

    return pattern.sub(put, content), places


def write(root, changes, last):
    """Replace all files, each as a whole, the one named `last` at the end.

    Every new file is written beside the old one before the first is replaced: a full disk changes nothing. `last` is
    the file that says what all others name, so that the next run finishes one that was interrupted.
    """
    partials = {}
    try:
        for change in sorted(changes, key=lambda change: change.path == Path(last)):
            path = root / change.path
            partials[path] = path.with_name(f".{path.name}.partial")
            partials[path].write_bytes(change.content)
            shutil.copymode(path, partials[path])
        for path, partial in partials.items():
            partial.replace(path)
    except OSError as error:
        raise Refused(f"{error}; mend that and run the command again") from error
    finally:
        for partial in partials.values():
            partial.unlink(missing_ok=True)


def count(places):
    return f"{len(places)} place{'' if len(places) == 1 else 's'}"
