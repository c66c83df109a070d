"""Which file of a folder is the mask of which image."""

import re
import unicodedata

from ._files import SUFFIXES
from ._pairs import Finding

JUNK = re.compile(r"\.|__MACOSX$|Thumbs\.db$|desktop\.ini$", re.I)  # what systems leave in folders
ENDINGS = ("_masks", "_mask", "_labels", "_label", "_seg", "_ids", "_cp_masks", "-mask", "-labels")


def layout(folder, findings):
    """Image files and mask files by the names that they share, and whether the form is that of the Bowl."""
    images = named(folder, "images")
    if images:
        files = listed(images, folder, findings)
        masks = named(folder, "masks")
        if not masks:
            text = f"there is no folder `masks` beside `images`; there is {_inside(folder)}"
            findings.append(Finding("error", folder.name, text))
            return files, {}, False
        if not files:
            findings.append(Finding("error", "images", f"holds no image ({', '.join(SUFFIXES)})"))
        return files, masks_of(masks, files, folder, findings), False
    bowl = [
        one for one in sorted(folder.iterdir()) if one.is_dir() and named(one, "images") and not JUNK.match(one.name)
    ]
    files, masks = {}, {}
    for one in bowl:
        inner, own = listed(named(one, "images"), folder, findings), named(one, "masks")
        objects = list(listed(own, folder, findings).values()) if own else []
        for file in inner.values():
            files[unicodedata.normalize("NFC", one.name)] = file
        if objects:
            masks[unicodedata.normalize("NFC", one.name)] = objects
    if not bowl:
        text = f"there is no folder `images` in it, with a folder `masks` beside it; there is {_inside(folder)}"
        findings.append(Finding("error", folder.name, text))
    elif not masks:
        findings.append(Finding("error", folder.name, "no folder `masks` beside any `images` holds a file"))
    return files, masks, True


def masks_of(root, keys, folder, findings):
    """The mask files of each name: one file, or all in a folder of that name."""
    masks = {}
    for one in sorted(root.iterdir()):
        name = unicodedata.normalize("NFC", one.name)
        if one.is_dir() and name in keys and not JUNK.match(name):
            objects = list(listed(one, folder, findings).values())
            if objects:
                masks[name] = objects
    for key, file in listed(root, folder, findings, without={*masks}).items():
        shorter = next((key.removesuffix(end) for end in ENDINGS if key.endswith(end)), key)
        masks[key if key in keys or shorter not in keys else shorter] = [file]
    return masks


def listed(root, folder, findings, without=()):
    """Image files below a folder by their names without endings; two of one name are an error."""
    files = {}
    for file in sorted(path for path in root.rglob("*") if path.is_file()):
        parts = file.relative_to(root).parts
        if any(JUNK.match(part) for part in parts) or unicodedata.normalize("NFC", parts[0]) in without:
            continue
        if file.suffix.lower() not in SUFFIXES:
            text = f"is left out: read are {', '.join(SUFFIXES)}; convert it if it is an image"
            findings.append(Finding("warning", told_as(file, folder), text))
            continue
        key = unicodedata.normalize("NFC", file.relative_to(root).with_suffix("").as_posix())
        if key in files:
            text = f"has the name of {files[key].name} but for its ending; rename one, or move it away"
            findings.append(Finding("error", told_as(file, folder), text))
            continue
        files[key] = file
    return files


def named(folder, name):
    """The folder of a name, whatever its capitals, or None."""
    return next((one for one in sorted(folder.iterdir()) if one.is_dir() and one.name.lower() == name), None)


def _inside(folder):
    names = [one.name + "/" * one.is_dir() for one in sorted(folder.iterdir()) if not JUNK.match(one.name)]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "") if names else "nothing"


def told_as(file, folder):
    return unicodedata.normalize("NFC", file.relative_to(folder).as_posix())
