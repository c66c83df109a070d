"""A folder of images and masks, read, and what is wrong with each file."""

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ._files import SUFFIXES, Unreadable, read_pages
from ._layout import layout, listed, masks_of, named, told_as
from ._masks import KINDS, LARGEST, Kind, Unusable, joined, kind_of, odd_values, to_ids
from ._pairs import Finding, Pair, Project


def read_folder(
    folder: str | Path, kind: str | None = None, ignore: int | None = None, group: str | None = None
) -> Project:
    """Read FOLDER/images and FOLDER/masks, paired by the names of the files without their endings.

    Three more forms are known: a folder of masks for each image (masks/NAME/*.png, one object in each file), the form
    of the 2018 Data Science Bowl (NAME/images/NAME.png, NAME/masks/*.png), and stacks of many pages, each page a slice.

    Parameters
    ----------
    folder : str or Path
    kind : str, optional
        What the masks are, a key of `KINDS`; told from their values unless given.
    ignore : int, optional
        The value of a mask that says "not labelled".
    group : str, optional
        A regular expression. Images in whose names it finds the same text are one group. Unless given, a stack or a
        folder below `images` is one, and any other image is a group of its own.

    Returns
    -------
    Project
        Nothing is raised for a broken file: `findings` name it. A pair without a mask is left out, with a warning.

    Raises
    ------
    ValueError
        The folder is not there, or an argument breaks its rule.

    Examples
    --------
    >>> from unet_tutorial import datasets
    >>> project = read_folder(datasets.NUCLEI)
    >>> len(project.pairs), project.kind.name, project.errors
    (12, 'ids', [])
    """
    folder = Path(folder).expanduser()
    if kind is not None and kind not in KINDS:
        raise ValueError(f"kind {kind!r}: must be one of {', '.join(KINDS)}")
    if folder.is_file():
        raise ValueError(f"{folder}: is a file; unpack it and name the folder that holds `images` and `masks`")
    if not folder.is_dir():
        raise ValueError(f"{folder}: there is no such folder")
    findings: list[Finding] = []
    images, masks, bowl = layout(folder, findings)
    pairs, raw = [], {}
    for key, file in images.items():
        if not masks:
            break
        if key not in masks:
            text = "has no mask of its name and is left out; add one (zeros where there is no object), or move it"
            findings.append(Finding("warning", told_as(file, folder), text))
            continue
        pages = _read(file, folder, findings)
        labels = _labels(masks[key], folder, findings)
        if pages is None or labels is None:
            continue
        if len(pages) != len(labels):
            text = f"has {len(pages)} pages and its mask {len(labels)}; must be as many"
            findings.append(Finding("error", told_as(file, folder), text))
            continue
        names = [key] if len(pages) == 1 else [f"{key}/{page:03}" for page in range(len(pages))]
        for name, image, label in zip(names, pages, labels):
            pair = Pair(name, file, _group(name, key, len(pages), bowl, group), image)
            if _fits(pair, label, folder, findings):
                pairs.append(pair)
                raw[name] = label
    for key in sorted(masks.keys() - images.keys()):
        text = "has no image of its name and is left out; the names must be equal but for the ending"
        findings.append(Finding("warning", told_as(masks[key][0], folder), text))
    found = _take_masks(pairs, raw, masks, folder, kind, ignore, findings)
    if not pairs and not any(one.level == "error" for one in findings):
        findings.append(Finding("error", folder.name, "no image has a mask of its own name; give both the same name"))
    return Project(folder, [pair for pair in pairs if pair.ids is not None], findings, found)


def read_images(path: str | Path) -> tuple[list[Pair], list[Finding]]:
    """Read images without masks: a file, a folder of files, or a folder that holds a folder `images`.

    Examples
    --------
    >>> from unet_tutorial import datasets
    >>> pairs, findings = read_images(datasets.NUCLEI)
    >>> len(pairs), pairs[0].ids is None, findings
    (12, True, [])
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise ValueError(f"{path}: there is no such file or folder")
    findings: list[Finding] = []
    if path.is_file():
        root, files = path.parent, {unicodedata.normalize("NFC", path.stem): path}
    else:
        inner = named(path, "images")
        root = inner if inner else path
        files = listed(root, path, findings)
    pairs = []
    for key, file in files.items():
        pages = _read(file, root, findings)
        names = [key] if pages and len(pages) == 1 else [f"{key}/{page:03}" for page in range(len(pages or ()))]
        for name, image in zip(names, pages or ()):
            pair = Pair(name, file, key, image)
            if _sound(pair, root, findings):
                pairs.append(pair)
    if not pairs:
        findings.append(Finding("error", path.name, f"holds no image that can be read ({', '.join(SUFFIXES)})"))
    return pairs, findings


def read_masks(
    folder: str | Path, names: Iterable[str], kind: str | None = None, ignore: int | None = None
) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], list[Finding]]:
    """Read the masks of images by their names: name to (ids, ignored), and what was found on the way.

    Examples
    --------
    >>> from unet_tutorial import datasets
    >>> masks, findings = read_masks(datasets.NUCLEI / "masks", ["1bd0f2b3"])
    >>> int(masks["1bd0f2b3"][0].max()), findings
    (25, [])
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise ValueError(f"{folder}: there is no such folder; name the one that holds the masks")
    root = named(folder, "masks") or folder
    findings: list[Finding] = []
    keys = {name.rpartition("/")[0] if re.search(r"/\d{3}$", name) else name for name in names} | {*names}
    masks = masks_of(root, keys, folder, findings)
    pairs, raw = [], {}
    for key, files in masks.items():
        labels = _labels(files, folder, findings) or []
        for page, label in enumerate(labels):
            name = key if len(labels) == 1 else f"{key}/{page:03}"
            pairs.append(Pair(name, files[0], key, np.zeros(label.shape[:2])))
            raw[name] = label
    _take_masks(pairs, raw, masks, folder, kind, ignore, findings)
    taken = {pair.name: (pair.ids, pair.ignored) for pair in pairs if pair.ids is not None and pair.ignored is not None}
    return taken, findings


def _read(file, folder, findings, mask=False):
    try:
        return read_pages(file, mask)
    except (Unreadable, OSError) as error:
        findings.append(Finding("error", told_as(file, folder), str(error)))
        return None


def _labels(files, folder, findings):
    """Raw masks of an image, one for each page; of several files the ids that they make together."""
    if len(files) == 1 and files[0].parent.name != "masks" and len({*files}) > 1:
        return None
    pages = [_read(file, folder, findings, mask=True) for file in files]
    if any(page is None for page in pages):
        return None
    if len(files) == 1:
        return pages[0]
    where = told_as(files[0].parent, folder)
    try:
        ids, claimed = joined([page[0] for page in pages])
    except Unusable as error:
        findings.append(Finding("error", where, str(error)))
        return None
    if claimed:
        text = f"{claimed} pixels lie in two of its {len(files)} masks; the later file by name has them"
        findings.append(Finding("warning", where, text))
    return [ids]


def _group(name, key, pages, bowl, pattern):
    if pattern:
        found = re.search(pattern, name)
        return found[found.re.groups > 0] if found else name
    inside = key.rpartition("/")[0]
    return inside if inside and pages == 1 and not bowl else key


def _sound(pair, folder, findings):
    """Whether an image holds finite numbers in a form that is read."""
    file, image = told_as(pair.file, folder), pair.image
    if not np.isfinite(image).all():
        wrong = int((~np.isfinite(image)).sum())
        text = f"holds {wrong} pixels that are NaN or infinite; write numbers there, or cut them off"
        findings.append(Finding("error", file, text))
        return False
    return True


def _fits(pair, label, folder, findings):
    if not _sound(pair, folder, findings):
        return False
    if pair.image.shape[:2] != label.shape[:2]:
        sizes = [" x ".join(map(str, array.shape[:2])) for array in (pair.image, label)]
        text = (
            f"is {sizes[0]} px (rows x columns) and its mask {sizes[1]} px; must be equal: export both from one place"
        )
        findings.append(Finding("error", told_as(pair.file, folder), text))
        return False
    return True


def _take_masks(pairs, raw, masks, folder, kind, ignore, findings):
    """Turn raw masks into ids, all by one kind; returns the Kind."""
    if not pairs:
        return Kind("none", "there is no mask")
    objects = {key for key, files in masks.items() if len(files) > 1}
    of = {name: name if name in masks else name.rpartition("/")[0] for name in raw}
    single = {name: mask for name, mask in raw.items() if of[name] not in objects}
    chosen = Kind(kind, "set by hand") if kind else Kind("objects", "a folder of files for each image")
    if not kind and single:
        seen = [mask if ignore is None else np.where(mask == ignore, 0, mask) for mask in single.values()]
        try:
            chosen = kind_of(seen)
        except Unusable as error:
            for name, mask in single.items():
                try:
                    kind_of([mask])
                except Unusable as own:
                    findings.append(Finding("error", told_as(masks[of[name]][0], folder), str(own)))
            if not any(one.level == "error" for one in findings):
                findings.append(Finding("error", "masks", str(error)))
            return Kind("none", str(error))
    for pair in pairs:
        file = masks[of[pair.name]][0]
        told = told_as(file, folder)
        try:
            if of[pair.name] in objects:
                pair.ids, pair.ignored = raw[pair.name].astype(np.int32), np.zeros(raw[pair.name].shape, bool)
                continue
            _look_at(raw[pair.name], file, chosen.name, ignore, told, findings)
            pair.ids, pair.ignored = to_ids(raw[pair.name], chosen.name, ignore)
        except Unusable as error:
            findings.append(Finding("error", told, str(error)))
    return chosen


def _look_at(mask, file, kind, ignore, told, findings):
    """Warn of a mask that is read, but perhaps not as it was meant. Raises Unusable."""
    if file.suffix.lower() in (".jpg", ".jpeg"):
        if kind in ("ids", "values", "colours"):
            raise Unusable("is a JPEG, which changes ids and colours along edges; export the mask as PNG or TIFF")
        findings.append(
            Finding("warning", told, "is a JPEG, which blurs edges: taken at half of white; PNG keeps them")
        )
    elif kind == "edges" and ignore is None and (odd := odd_values(mask)):
        values = ", ".join(f"{value} ({count} px)" for value, count in odd.items())
        text = f"holds values between black and white: {values}; taken at half of white, or name one by --ignore"
        findings.append(Finding("warning", told, text))
    if np.issubdtype(mask.dtype, np.number) and mask.ndim == 2 and kind == "ids" and mask.max() > LARGEST:
        text = f"holds ids up to {int(mask.max())}, beyond the {LARGEST} of 16 bits; they are numbered anew from 1"
        findings.append(Finding("warning", told, text))
