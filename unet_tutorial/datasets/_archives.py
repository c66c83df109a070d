"""Files from the network, with suspicion: found or downloaded, verified, read member by member by expected name."""

import hashlib
import io
import os
import re
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import tifffile

DATA_VARIABLE = "UNET_TUTORIAL_DATA"


class DataUnavailable(RuntimeError):
    """A data set is neither in the reader's folder nor to be downloaded; the message says what to do."""


def data_folder():
    """The folder that the environment names (~ is the home folder), or None."""
    return Path(os.path.expanduser(os.environ[DATA_VARIABLE])) if os.environ.get(DATA_VARIABLE) else None


def places(name):
    """Where a file is in the reader's folder and in the folders just below it."""
    folder = data_folder()
    return [path for path in (folder / name, *sorted(folder.glob(f"*/{name}"))) if path.is_file()] if folder else []


def find_file(name, source):
    """Path of a file in the reader's folder or in a folder just below it, so that each data set may have its own.

    Raises DataUnavailable where there is none; `source` tells where to get it.
    """
    found = places(name)
    if not found:
        raise missing(name, source)
    if len(found) > 1:
        raise ValueError(f"{name}: is in {' and in '.join(str(path.parent) for path in found)}; leave one of them")
    return found[0]


def missing(name, source):
    """The error for a file that is in no folder of the reader's, to be raised; `source` tells where to get it."""
    folder = data_folder()
    if folder is None:
        return DataUnavailable(
            f"{name} is not here: get it from {source}, put it into a folder of your own, and set "
            f"{DATA_VARIABLE} to that folder"
        )
    return DataUnavailable(
        f"{name} is not in {folder}, the folder that {DATA_VARIABLE} names, nor in a folder just below it: get it "
        f"from {source} and put it there"
    )


def find_archive(name, url, verify):
    """Path of an archive: in the reader's folder if there is one, else in the cache, downloaded when it is missing.

    A download has another name until `verify(path)` has accepted it, so no half file and no wrong file is left behind.
    """
    if data_folder() is not None:
        return find_file(name, url)
    import pooch  # only here: its progress bar complains where ipywidgets are missing

    path = Path(pooch.os_cache("unet_tutorial")) / name
    if not path.is_file():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=path.parent) as waiting:
                fresh = Path(waiting) / name
                pooch.HTTPDownloader(progressbar=sys.stderr is not None)(url, str(fresh), None)
                verify(fresh)
                fresh.replace(path)
        except OSError as error:
            raise DataUnavailable(
                f"{name} could not be downloaded from {url} ({type(error).__name__}): get it where "
                f"there is internet, put it into {path.parent}, or into a folder of your own and set "
                f"{DATA_VARIABLE} to that folder"
            ) from error
        except ValueError as error:
            raise ValueError(f"the download of {url} was refused and removed; {error}") from error
    return path


def check_file(path, expected):
    """Raise ValueError unless the file has the expected sha256 sum."""
    with open(path, "rb") as file:
        _compare(hashlib.file_digest(file, "sha256").hexdigest(), expected, path)


def check_voxels(voxels, expected, name):
    """Raise ValueError unless the voxels, as C-order bytes, have the expected sha256 sum."""
    _compare(hashlib.sha256(np.ascontiguousarray(voxels).tobytes()).hexdigest(), expected, name)


def _compare(found, expected, name):
    if found != expected:
        raise ValueError(
            f"{name}: sha256 is {found}, must be {expected}; these are not the original data: delete the "
            "file and get it again"
        )


def list_members(path):
    """Names in a zip archive, or raise ValueError if it is broken or holds a path that leaves its folder."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path}: not a complete zip archive ({error}); delete it and get it again") from error
    for name in names:
        first, *rest = re.split(r"[\\/]", name)
        if first == "" or ":" in first or ".." in (first, *rest):
            raise ValueError(f"{path}: its member {name!r} would leave the folder it is unpacked into; do not trust it")
    return names


def read_member(path, member):
    """Bytes of the member of that name, at the top of the archive or inside one sub-folder; nothing is unpacked."""
    names = [name for name in list_members(path) if name == member or re.fullmatch(f"[^/]+/{re.escape(member)}", name)]
    if len(names) != 1:
        raise ValueError(f"{path}: holds {len(names)} members {member}, must hold one, at its top or in a folder")
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(names[0])
    except Exception as error:  # a decoder meets anything in a damaged file
        raise ValueError(f"{path}: its member {names[0]} is damaged ({error}); delete it and get it again") from error


def read_tiff(file, name, dimensions, types=(np.uint8,)):
    """Array in a TIFF file (a path or bytes), or raise ValueError if it cannot be read, or has another shape or dtype.

    Parameters
    ----------
    file : path or bytes
    name : str
        What to call it in the message.
    dimensions : int or tuple of int
        Number of axes, or the whole shape.
    types : tuple of dtypes
        Those that are allowed.
    """
    try:
        array = tifffile.imread(io.BytesIO(file) if isinstance(file, bytes) else os.path.expanduser(file))
    except Exception as error:  # a decoder meets anything in a damaged file
        if "imagecodecs" in str(error):
            raise ValueError(
                f"{name}: is compressed in a way that tifffile cannot read alone ({error}); install "
                "imagecodecs, or save it without compression or with zlib"
            ) from error
        raise ValueError(f"{name}: not a complete TIFF file ({error})") from error
    found = array.ndim if isinstance(dimensions, int) else array.shape
    if found != dimensions or array.size == 0:
        wanted = f"have {dimensions} axes" if isinstance(dimensions, int) else f"be {dimensions}"
        raise ValueError(f"{name} of shape {array.shape}: must {wanted}; the file is truncated or another one")
    if array.dtype not in types:
        raise ValueError(
            f"{name} of dtype {array.dtype}: must be {' or '.join(np.dtype(kind).name for kind in types)}"
            f"{_conversion(array, types)}"
        )
    return array


def _conversion(array, types):
    """How to save an array in the largest of the types without loss, if that is possible."""
    largest = max(types, key=lambda kind: np.iinfo(kind).max)
    kind, limit = np.dtype(largest).name, np.iinfo(largest).max
    if array.dtype.kind not in "biuf" or not (array == np.rint(array)).all() or array.min() < 0:
        return "; it holds values that are no whole numbers from 0 on: another file, or grey values to be scaled first"
    if array.max() > limit:
        return (
            f"; its largest value is {array.max():.0f}: renumber ids 1, 2, ..., or scale grey values, and save "
            f"them as {kind}"
        )
    return f"; its values fit: save array.astype(np.{kind}) in its place"
