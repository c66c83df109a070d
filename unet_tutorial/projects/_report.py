"""What is here, what is odd, and what will be done: before any training."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from .. import plotting
from .._shared.files import whole
from ._grey import Scaling, scaled
from ._masks import KINDS
from ._measure import Row, measure
from ._model import plan_of
from ._pairs import Finding, Pair, Project

CLIPPED = 0.02  # of the pixels at the largest value, which is that of the type or of a camera
CAMERA = {255, 1023, 4095, 16383, 65535}
LOOSE = 0.05  # a correlation that chance gives too
SHIFTED, GAIN = 3, 0.1  # px, and how much better the outlines fit there
THUMB, ACROSS, TEXT = 240, 5, 16  # px of the contact sheet, and pictures in a row
MOST = 60  # pictures on it


def examine(project: Project, rows: Sequence[Row]) -> list[Finding]:
    """What the measurements say is wrong or odd, beyond what was found while reading.

    Examples
    --------
    >>> from unet_tutorial import datasets, projects
    >>> project = projects.read_folder(datasets.NUCLEI)
    >>> examine(project, [measure(pair) for pair in project.pairs])
    []
    """
    findings: list[Finding] = []
    seen: dict[str, str] = {}
    usual = float(np.median([row.correlation for row in rows if row.objects] or [0.0]))
    for pair, row in zip(project.pairs, rows):
        file = pair.name
        for level, text in _odd(row, usual):
            findings.append(Finding(level, file, text))
        if row.digest in seen:
            text = f"holds the same pixels as {seen[row.digest]}: one may validate what the other trains; remove it"
            findings.append(Finding("warning", file, text))
        seen.setdefault(row.digest, file)
    if rows and not any(row.objects for row in rows):
        findings.append(Finding("error", "masks", "all masks are empty: there is nothing to learn; draw objects"))
    kinds = sorted({f"{row.dtype}, {row.channels} channel{'s' * (row.channels > 1)}" for row in rows})
    if len(kinds) > 1:
        findings.append(
            Finding("warning", "images", f"are of {len(kinds)} types ({'; '.join(kinds)}); are all of one kind?")
        )
    return findings


def report(project: Project, out: str | Path | None = None, **planning: Any) -> str:
    """The report on a folder as text: findings, a table with the most doubtful image first, and the plan.

    Parameters
    ----------
    project : Project
    out : str or Path, optional
        A folder that gets report.csv, the table with all columns, and contact_sheet.png.
    **planning
        As for `plan_of`.

    Examples
    --------
    >>> from unet_tutorial import datasets, projects
    >>> print(report(projects.read_folder(datasets.NUCLEI)).splitlines()[0])
    12 images with masks; masks: ids (259 values in 259 pieces, the largest 30)
    """
    rows = [measure(pair) for pair in project.pairs]
    findings = [*project.findings, *examine(project, rows)]
    lines = [f"{len(rows)} images with masks; masks: {project.kind.name} ({project.kind.reason})"]
    if project.kind.name in KINDS:
        lines.append(f"  that is {KINDS[project.kind.name]}; set another by --kind")
    if rows:
        sizes = sorted({(row.rows, row.columns) for row in rows})
        several = f" to {sizes[-1][0]} x {sizes[-1][1]}" if len(sizes) > 1 else ""
        lines.append(f"sizes {sizes[0][0]} x {sizes[0][1]}{several} px (rows x columns)")
    order = sorted(range(len(rows)), key=lambda place: (rows[place].correlation, rows[place].name))
    lines += ["", *map(str, sorted(findings))] if findings else ["", "nothing odd was found"]
    if rows:
        lines += ["", _table([rows[place] for place in order])]
    if out is not None and rows:
        out = Path(out).expanduser()
        with whole(out / "report.csv") as table:
            writer = csv.writer(table, lineterminator="\n")
            writer.writerow(("number", *Row._fields))
            writer.writerows((number, *rows[place]) for number, place in enumerate(order, 1))
        with whole(out / "contact_sheet.png", "wb") as file:
            Image.fromarray(contact_sheet([project.pairs[place] for place in order])).save(file, format="PNG")
    if any(finding.level == "error" for finding in findings):
        lines += ["", "no plan: mend the errors first"]
    elif rows:
        lines += ["", plan_of(project, **planning).table()]
    return "\n".join(lines)


def contact_sheet(pairs: Sequence[Pair]) -> np.ndarray:
    """Small pictures of images with their masks painted over, numbered in their order.

    Returns
    -------
    (H, W, 3) uint8 array
        At most 60 pictures, five in a row. Names are in the table: a number can be written in every font.

    Examples
    --------
    >>> from unet_tutorial import datasets, projects
    >>> contact_sheet(projects.read_folder(datasets.NUCLEI).pairs).shape  # three rows
    (768, 1200, 3)
    """
    shown = pairs[:MOST]
    rows = -(-len(shown) // ACROSS)
    sheet = Image.new("RGB", (ACROSS * THUMB, rows * (THUMB + TEXT)), "white")
    pen = ImageDraw.Draw(sheet)
    for place, pair in enumerate(shown):
        left, top = place % ACROSS * THUMB, place // ACROSS * (THUMB + TEXT)
        assert pair.ids is not None
        grey = scaled(pair.image, Scaling())
        picture = plotting.blend(grey, cells=pair.ids) if pair.ids.any() else np.repeat(grey[..., None], 3, axis=2)
        small = Image.fromarray(np.round(255 * picture).astype(np.uint8))
        small.thumbnail((THUMB - 4, THUMB - 4))
        sheet.paste(small, (left + 2, top + TEXT))
        pen.text((left + 2, top + 2), f"{place + 1}: {len(np.unique(pair.ids)) - 1} objects", fill="black")
    return np.asarray(sheet)


def _odd(row, usual):
    """Level and text of what is odd about one image and its mask; `usual` is the median correlation of all."""
    if row.lowest == row.highest:
        yield "error", f"the image has the one value {row.lowest:g} everywhere; export it anew, or leave it out"
        return
    if row.clipped > CLIPPED and row.highest in CAMERA | {1.0}:
        yield (
            "warning",
            f"{row.clipped:.0%} of the pixels are at the largest value {row.highest:g}: the image is clipped, and what "
            "was there is lost; expose shorter, or export the raw image",
        )
    if not row.objects:
        yield "warning", "the mask is empty; right where there is no object, wrong where nobody has drawn yet"
        return
    if row.cover > 0.5 and row.holes > 2 * row.objects:
        yield (
            "warning",
            f"{row.cover:.0%} of the mask is object, with {row.holes} pieces of background in {row.objects} objects: "
            "perhaps inverted; objects must be bright and the background 0",
        )
    if row.cover > 0.98:
        yield "warning", f"{row.cover:.0%} of the mask is object; is the background 0?"
    if row.tiny > max(2, row.objects // 2):
        yield (
            "warning",
            f"{row.tiny} of {row.objects} objects have fewer than 10 px: slips of the brush, or a JPEG's edges?",
        )
    distance = np.hypot(*row.shift)
    if distance >= SHIFTED and row.gain > row.correlation + GAIN:
        down, right = row.shift
        yield (
            "warning",
            f"the outlines of the mask fit the image better where it is moved by {down} rows and {right} columns "
            f"(correlation {row.gain:.2f} instead of {row.correlation:.2f}): perhaps shifted; export both anew",
        )
    elif row.correlation < max(LOOSE, usual / 3):
        yield (
            "warning",
            f"the outlines of the mask hardly fit it (correlation {row.correlation:.2f}, usual is {usual:.2f}): "
            "is it the mask of another image, or turned?",
        )


def _table(rows):
    heads = ("#", "image", "size", "type", "range", "objects", "touching", "diameter", "cover", "edges")
    cells = [
        (
            str(number),
            row.name,
            f"{row.rows}x{row.columns}" + (f"x{row.channels}" if row.channels > 1 else ""),
            row.dtype,
            f"{row.lowest:g}..{row.highest:g}",
            str(row.objects),
            str(row.touching),
            f"{row.diameter:.0f}",
            f"{row.cover:.0%}",
            f"{row.correlation:.2f}",
        )
        for number, row in enumerate(rows, 1)
    ]
    widths = [max(len(line[place]) for line in [heads, *cells]) for place in range(len(heads))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip() for line in [heads, *cells]]
    return "\n".join(lines)
