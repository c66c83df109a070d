"""How good predicted masks are: image by image, between a floor and a ceiling."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .._shared.files import whole
from ._compare import Counts, count, total
from ._files import read_pages
from ._folders import read_masks
from ._grey import one_channel
from ._pairs import Finding
from ._predict import read_prediction

COLUMNS = ("seg", "f1", "merged", "split", "iou", "dice")
BINS = 256


def otsu(values: np.ndarray) -> float:
    """The grey value that divides an image into the two classes of least variance (Otsu 1979).

    Examples
    --------
    >>> 10 < otsu(np.array([[9, 10, 10, 90, 91]])) < 90
    True
    """
    counts, borders = np.histogram(values, BINS)
    middles = (borders[:-1] + borders[1:]) / 2
    below = np.cumsum(counts)[:-1].astype(float)
    above = below[-1] + counts[-1] - below
    sums = np.cumsum(counts * middles)
    with np.errstate(invalid="ignore", divide="ignore"):
        between = below * above * (sums[:-1] / below - (sums[-1] - sums[:-1]) / above) ** 2
    best = np.flatnonzero(between == np.nanmax(between))
    return float(borders[1 + int(round(best.mean()))])


def floor_of(image: np.ndarray) -> NDArray[np.int32]:
    """What needs no network: the components of what is brighter than Otsu's threshold."""
    if image.min() == image.max():
        return np.zeros(image.shape, np.int32)
    return ndimage.label(image > otsu(image))[0].astype(np.int32)


def ceiling_of(truth: np.ndarray) -> NDArray[np.int32]:
    """What a perfect foreground gives where nothing is split: the components of the true mask."""
    return ndimage.label(truth > 0)[0].astype(np.int32)


def score(
    out: str | Path, masks: str | Path, kind: str | None = None, ignore: int | None = None
) -> tuple[list[dict[str, Any]], list[Finding]]:
    """Score what `predict` wrote against masks of the same names.

    Parameters
    ----------
    out : str or Path
        The folder that `predict` wrote. It gets scores.csv.
    masks : str or Path
        A folder of masks in one of the forms of `read_folder`.
    kind, ignore
        As for `read_folder`.

    Returns
    -------
    rows : list of dict
        "image", "objects" drawn, "found"; the scores "seg", "f1", "merged", "split", "iou", "dice"; "floor" and
        "ceiling", the SEG of Otsu's components and of the true foreground without splitting. The worst image first,
        "all" last.
    findings : list of Finding

    Raises
    ------
    ValueError
        No mask has the name of a predicted image, or the size of one differs.

    Examples
    --------
    >>> rows, findings = score("out", "my masks")  # doctest: +SKIP
    >>> print(told(rows))  # doctest: +SKIP
    """
    found, facts = read_prediction(out)
    truths, findings = read_masks(masks, found, kind, ignore)
    errors = [finding for finding in findings if finding.level == "error"]
    names = sorted(found.keys() & truths.keys())
    if errors or not names:
        raise ValueError("\n".join(map(str, errors)) or f"{masks}: no mask has the name of an image that was predicted")
    parts: dict[str, tuple[Counts, Counts, Counts]] = {}
    for name in names:
        truth, ignored = truths[name]
        if truth.shape != found[name].shape:
            sizes = [" x ".join(map(str, array.shape)) for array in (found[name], truth)]
            raise ValueError(f"{name}: is {sizes[0]} px where it was predicted, and its mask {sizes[1]} px")
        grey = _grey(facts, name)
        parts[name] = (
            count(found[name], truth, ignored),
            count(floor_of(grey) if grey is not None else np.zeros_like(truth), truth, ignored),
            count(ceiling_of(truth), truth, ignored),
        )
    rows = [_row(name, three) for name, three in parts.items()]
    rows.sort(key=lambda row: (np.nan_to_num(row["seg"], nan=2.0), row["image"]))
    rows.append(_row("all", [total(counts) for counts in zip(*parts.values())]))
    with whole(Path(out).expanduser() / "scores.csv") as table:
        writer = csv.DictWriter(table, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: _short(value) for key, value in row.items()} for row in rows)
    return rows, findings


def told(rows: list[Mapping[str, Any]]) -> str:
    """The rows of `score` as a table of text.

    Examples
    --------
    >>> print(told([{"image": "a", "seg": 0.5}, {"image": "all", "seg": 1.0}]))
    image    seg
    a      0.500
    all    1.000
    """
    heads = list(rows[0])
    cells = [heads, *([_short(row[key]) for key in heads] for row in rows)]
    widths = [max(len(line[place]) for line in cells) for place in range(len(heads))]
    return "\n".join(
        "  ".join(
            text.ljust(width) if place == 0 else text.rjust(width)
            for place, (text, width) in enumerate(zip(line, widths))
        )
        for line in cells
    )


def _row(name, counts):
    mine, floor, ceiling = counts
    return {
        "image": name,
        "objects": mine.cells,
        "found": mine.found,
        **mine.scores,
        "floor": floor.scores["seg"],
        "ceiling": ceiling.scores["seg"],
    }


def _short(value):
    return (
        "-"
        if isinstance(value, float) and np.isnan(value)
        else f"{value:.3f}"
        if isinstance(value, float)
        else str(value)
    )


def _grey(facts, name):
    """Grey values of a predicted image, where its file is still there."""
    file = Path(facts["images"][name])
    if not file.exists():
        return None
    pages = read_pages(file)
    page = int(name.rpartition("/")[2]) if len(pages) > 1 else 0
    return one_channel(pages[page], facts["channel"])
