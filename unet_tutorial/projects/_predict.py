"""Images in, masks and a table out."""

import csv
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from .. import plotting
from .._shared.files import whole
from .._shared.progress import tqdm
from ._folders import read_images
from ._grey import one_channel, scaled
from ._masks import LARGEST
from ._measure import diameters, touching
from ._model import Model, versions
from ._pairs import Finding, Pair
from ._segment import segment


class Object(NamedTuple):
    """One line of objects.csv: an object, its centre and box in pixels from 0, and its size in pixels.

    The box reaches from (`top`, `left`) to just before (`bottom`, `right`). `diameter` is that of a circle of the same
    area. `brightness` is the mean over the object in the units of the file. `border` says that it touches the edge of
    the image, `touching` that it touches another object.
    """

    image: str
    id: int
    row: float
    column: float
    area: int
    diameter: float
    top: int
    left: int
    bottom: int
    right: int
    brightness: float
    border: bool
    touching: bool


def objects_of(name: str, ids: np.ndarray, values: np.ndarray) -> list[Object]:
    """Measure the objects of one image.

    Parameters
    ----------
    name : str
    ids : (H, W) int array
        Numbered from 1 without gaps.
    values : (H, W) array
        Grey values as the file has them.

    Examples
    --------
    >>> one = objects_of("a", np.array([[0, 1, 1], [0, 1, 1]]), np.array([[9, 1, 2], [9, 3, 4]]))[0]
    >>> one.row, one.column, one.area, one.brightness, one.border, one.touching
    (0.5, 1.5, 4, 2.5, True, False)
    """
    count = int(ids.max())
    sizes = np.bincount(ids.ravel(), minlength=count + 1)
    rows, columns = np.indices(ids.shape).reshape(2, -1)
    flat = ids.ravel()
    sums = [np.bincount(flat, part, count + 1) for part in (rows, columns, values.ravel().astype(float))]
    low = [np.full(count + 1, np.iinfo(np.int64).max) for _ in (0, 1)]
    high = [np.zeros(count + 1, np.int64) for _ in (0, 1)]
    for axis, places in enumerate((rows, columns)):
        np.minimum.at(low[axis], flat, places)
        np.maximum.at(high[axis], flat, places)
    met = set(touching(ids).tolist())
    return [
        Object(
            name,
            number,
            round(float(sums[0][number] / sizes[number]), 2),
            round(float(sums[1][number] / sizes[number]), 2),
            int(sizes[number]),
            round(float(diameters(sizes[number])), 2),
            int(low[0][number]),
            int(low[1][number]),
            int(high[0][number]) + 1,
            int(high[1][number]) + 1,
            round(float(sums[2][number] / sizes[number]), 4),
            bool(
                min(low[0][number], low[1][number]) == 0
                or high[0][number] == ids.shape[0] - 1
                or high[1][number] == ids.shape[1] - 1
            ),
            number in met,
        )
        for number in range(1, count + 1)
        if sizes[number]
    ]


def predict(
    model: Model, images: str | Path, out: str | Path, probabilities: bool = False, progress: bool = True
) -> tuple[list[Object], list[Finding]]:
    """Segment the images of a folder, or one image, and write ids, overlays and objects.csv.

    Parameters
    ----------
    model : Model
    images : str or Path
        A file, or a folder of files, or one with a folder `images`. Of any size.
    out : str or Path
        Gets ids/NAME.tif (uint16, 0 = background; a stack keeps its pages), overlays/NAME.png, objects.csv, and
        prediction.json, which says where the images lie.
    probabilities : bool
        Write probabilities/NAME.tif (float32) too.
    progress : bool

    Returns
    -------
    objects : list of Object
    findings : list of Finding
        Files that could not be read are named here, and left out.

    Raises
    ------
    ValueError
        No image can be read, or an image has more than 65,535 objects.

    Examples
    --------
    >>> from unet_tutorial import projects
    >>> model = projects.open_model("model")  # doctest: +SKIP
    >>> objects, findings = predict(model, "new images", "out")  # doctest: +SKIP
    """
    pairs, findings = read_images(images)
    if not pairs:
        raise ValueError("\n".join(map(str, findings)))
    out = Path(out).expanduser()
    objects: list[Object] = []
    done = {}
    for pages in _by_file(pairs):
        maps, chances = [], []
        for pair in tqdm(pages, unit="image", progress=progress and len(pages) > 1):
            chance = model.probability(pair.image)
            ids = segment(chance, model.rules)
            if ids.max() > LARGEST:
                raise ValueError(
                    f"{pair.name}: has {ids.max()} objects, more than 16 bits can number; cut the image into parts"
                )
            maps.append(ids.astype(np.uint16))
            chances.append(chance)
            objects += objects_of(pair.name, ids, one_channel(pair.image, model.plan.scaling.channel))
            _overlay(out / "overlays" / f"{pair.name}.png", scaled(pair.image, model.plan.scaling), ids)
            done[pair.name] = str(pair.file.resolve())
        name = pages[0].name if len(pages) == 1 else pages[0].name.rpartition("/")[0]
        _write(out / "ids" / f"{name}.tif", maps)
        if probabilities:
            _write(out / "probabilities" / f"{name}.tif", chances)
    with whole(out / "objects.csv") as table:
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(Object._fields)
        writer.writerows([int(value) if isinstance(value, bool) else value for value in one] for one in objects)
    with whole(out / "prediction.json") as told:
        facts = {"images": done, "channel": model.plan.scaling.channel, "versions": versions()}
        json.dump({**facts, "networks": model.facts["networks"]}, told, indent=1, ensure_ascii=False)
    return objects, findings


def read_prediction(out: str | Path) -> tuple[dict[str, NDArray[np.int32]], dict]:
    """The ids that `predict` wrote, by the names of the images, and what prediction.json says.

    Raises
    ------
    ValueError
        The folder holds no prediction.
    """
    out = Path(out).expanduser()
    try:
        with open(out / "prediction.json", encoding="utf-8") as file:
            facts = json.load(file)
    except FileNotFoundError as error:
        raise ValueError(f"{out}: holds no prediction.json; name the --out of `predict`") from error
    ids = {}
    for name in facts["images"]:
        path, page = out / "ids" / f"{name}.tif", 0
        if not path.exists() and re.search(r"/\d{3,}$", name):
            stem, _, number = name.rpartition("/")
            path, page = out / "ids" / f"{stem}.tif", int(number)
        ids[name] = tifffile.imread(path, key=page).astype(np.int32)
    return ids, facts


def _by_file(pairs: Sequence[Pair]) -> Iterator[list[Pair]]:
    files: dict[Path, list[Pair]] = {}
    for pair in pairs:
        files.setdefault(pair.file, []).append(pair)
    yield from files.values()


def _overlay(path, grey, ids):
    picture = plotting.blend(grey, cells=ids) if ids.any() else np.repeat(grey[..., None], 3, axis=2)
    with whole(path, "wb") as file:
        Image.fromarray(np.round(255 * picture).astype(np.uint8)).save(file, format="PNG")


def _write(path, pages):
    with whole(path, "wb") as file, tifffile.TiffWriter(file) as writer:
        stack = pages[0] if len(pages) == 1 else np.stack(pages)
        writer.write(stack, photometric="minisblack", compression="zlib")
