"""Who handed in what: an inbox as learning-management systems export it, or plain files.

One student may have handed in several files. The rule: the highest attempt counts, where the system numbers them
(Canvas); else a file that bears the assignment's name before one that does not; else the one changed last. All others
are listed as left out, and so is whatever is no notebook. Nothing is deducted for a late file; it is marked.
"""

import os
import re
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import yaml

from .inside import wire

MOODLE = re.compile(r"(?P<name>.*)_(?P<id>\d+)_assignsubmission_file(?:_(?P<file>.*))?")
GRADESCOPE = re.compile(r"submission_(?P<id>\d+)")
CANVAS = re.compile(r"(?P<name>[^_]+)_(?P<late>LATE_)?(?P<id>\d+)_(?P<upload>\d+)_(?P<file>.+?)(?:-(?P<attempt>\d+))?")
CLASSROOM = re.compile(r"(?P<name>.+?) - (?P<file>.+?)(?: ?\(\d+\))?")
LARGEST = 200 * 2**20  # bytes of one file out of an archive
MOST = 20000  # files


@dataclass
class Handed:
    """A notebook that counts: whose it is, by the system's own id where there is one, and where it lies."""

    student: str
    id: str
    system: str
    path: Path
    late: bool = False
    weights: Path | None = None


def read(source, name, folder):
    """The submissions in a folder or an archive, one a student, and what is left out.

    Parameters
    ----------
    source : str or Path
        A folder, or a .zip as a system exports it.
    name : str
        The assignment's.
    folder : str or Path
        Empty; an archive is unpacked into it.

    Returns
    -------
    submissions : list of Handed
        In the order of the students' names, each of which is there once.
    left_out : list of str
        Each says what and why.

    Raises
    ------
    ValueError
        There is nothing to grade.
    """
    source, left_out = Path(source), []
    if source.is_file() and zipfile.is_zipfile(source):
        left_out += _unpack(source, Path(folder))
        root = Path(folder)
    elif source.is_dir():
        root = source
    else:
        raise ValueError(f"IN {source}: is neither a folder nor a .zip; give what holds the students' notebooks")
    paths = sorted(Path(base) / file for base, _, files in os.walk(root) for file in files)[:MOST]
    found, weights = {}, {}
    people = _gradescope_people(paths)
    for path in paths:
        parts = path.relative_to(root).parts
        kind = path.suffix.lower()
        shown = wire.clean("/".join(parts), 200)
        if path.name.startswith("._") or {".ipynb_checkpoints", "__MACOSX"} & {*parts}:
            left_out.append(f"{shown}: made by the system, not by a student")
        elif kind not in (".ipynb", ".npz"):
            if path.name not in ("submission_metadata.yml", ".DS_Store"):
                left_out.append(f"{shown}: is no notebook")
        else:
            one, attempt = _whose(parts, people, path)
            key = (one.system, one.id or one.student)
            group = found if kind == ".ipynb" else weights
            group.setdefault(key, []).append((attempt, name.lower() in path.name.lower(), _changed(path), one, shown))
    if not found:
        raise ValueError(f"IN {source}: holds no .ipynb")
    chosen = []
    for key, several in found.items():
        several.sort(key=lambda entry: (*entry[:3], entry[4]))
        *others, (attempt, _, _, best, shown) = several
        left_out += [f"{other[4]}: another file of {best.student} counts, {shown}" for other in others]
        best.weights = _weights(weights.get(key, []), best.path)
        chosen.append(best)
    _tell_apart(chosen)
    return sorted(chosen, key=lambda one: one.student), left_out


def _unpack(source, folder):
    """Unpack notebooks and weights, member by member, under names that lead nowhere else."""
    left_out = []
    with zipfile.ZipFile(source) as archive:
        for member in archive.infolist()[:MOST]:
            parts = [
                part for part in PurePosixPath(member.filename.replace("\\", "/")).parts if part not in ("/", "..")
            ]
            if member.is_dir() or not parts:
                continue
            if not parts[-1].lower().endswith((".ipynb", ".npz", "submission_metadata.yml")):
                left_out.append(f"{wire.clean('/'.join(parts), 200)}: is no notebook")
            elif member.file_size > LARGEST:
                left_out.append(f"{wire.clean('/'.join(parts), 200)}: is larger than {LARGEST >> 20} MiB")
            else:
                target = folder.joinpath(
                    *(part.encode("utf-8", "replace")[:240].decode("utf-8", "ignore") for part in parts)
                )
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as packed, open(target, "wb") as file:
                    shutil.copyfileobj(packed, file)
                os.utime(target, (when := _time(member), when))
    return left_out


def _time(member):
    import datetime

    try:
        return datetime.datetime(*member.date_time).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def _changed(path):
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _gradescope_people(paths):
    """Of Gradescope's submission_metadata.yml: folder to names and student numbers of its submitters."""
    people = {}
    for path in paths:
        if path.name == "submission_metadata.yml" and path.stat().st_size < 50 * 2**20:
            try:
                entries = yaml.load(path.read_text(encoding="utf-8", errors="replace"), _Plain)
                for key, entry in entries.items():
                    who = entry[":submitters"]
                    number = [str(one.get(":sid") or one.get(":email") or "") for one in who]
                    people[str(key)] = " & ".join(str(one[":name"]) for one in who), ", ".join(filter(None, number))
            except (yaml.YAMLError, KeyError, TypeError, AttributeError):
                continue
    return people


class _Plain(yaml.SafeLoader):
    """Reads every value as the text that stands there: times and numbers too."""


_Plain.yaml_implicit_resolvers = {}


def _whose(parts, people, path):
    """Whose a file is, by its name and those of its folders; and its place among the student's attempts."""
    parts = [part.encode("utf-8", "replace").decode("utf-8").replace("\udcff", "?") for part in parts]
    stem = parts[-1].rpartition(".")[0]
    for part in (*parts[:-1], stem):
        if match := MOODLE.fullmatch(part):
            return Handed(_name(match["name"]), match["id"], "Moodle", path), 0
    for part in parts[:-1]:
        if match := GRADESCOPE.fullmatch(part):
            name, number = people.get(part, (part, match["id"]))
            return Handed(_name(name), number, "Gradescope", path), int(match["id"])
    if match := CANVAS.fullmatch(stem):
        one = Handed(_name(match["name"]), match["id"], "Canvas", path, late=bool(match["late"]))
        return one, int(match["attempt"] or 0)
    if match := CLASSROOM.fullmatch(stem):
        return Handed(_name(match["name"]), "", "Google Classroom", path), 0
    if len(parts) > 1:
        return Handed(_name(parts[0]), "", "a folder", path), 0
    return Handed(_name(stem), "", "a file", path), 0


def _name(text):
    """A name on one line that a file may have."""
    return wire.clean(" ".join(text.replace("/", " ").split()), 100).strip(". ") or "nobody"


def _weights(entries, notebook):
    """The file of weights beside a notebook: of the same name, or the only one of that student."""
    same = [entry for entry in entries if entry[3].path.stem == notebook.stem]
    best = (same or (entries if entries and entries[0][3].system != "a file" else [None]))[-1]
    return best and best[3].path


def _tell_apart(chosen):
    """Give students of one name, and names that differ in the case of letters alone, different names."""
    seen = {}
    for one in sorted(chosen, key=lambda one: (one.student, one.id, str(one.path).encode("utf-8", "replace"))):
        seen.setdefault(one.student.casefold(), []).append(one)
    for several in seen.values():
        for number, one in enumerate(several[1:], 2):
            one.student = f"{one.student} ({one.id or number})"
