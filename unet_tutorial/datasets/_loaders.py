"""The images of the book: the synthetic specimen, ISBI 2012, cell tracking; the fixed split."""

import functools
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from .._shared.checks import UNLABELLED, as_cells, as_size
from . import _archives
from ._archives import DataUnavailable
from ._brushes import from_levels
from ._synthetic_em import STACK, em_slice

SPECIMEN_VARIABLE = "UNET_TUTORIAL_SPECIMEN"
HELD_OUT_SLICES = (6, 7, 8, 21, 22, 23)
TRAIN_SLICES = tuple(number for number in range(STACK) if number not in HELD_OUT_SLICES)

ISBI_ARCHIVE = "ISBI-2012-challenge.zip"
ISBI_URL = f"https://downloads.imagej.net/{ISBI_ARCHIVE}"
ISBI_SHAPE = (STACK, 512, 512)
ISBI_SUMS = {
    "train-volume.tif": "200da3d452d726e6c9ca1ce04b869d4edb727320d23b516d01cce707dc8c4760",
    "train-labels.tif": "a7cb64000a1a7e542682927e19c91339f58f9f178e0bcce4e207371116f0ca36",
    "test-volume.tif": "1b58fa7ec1d0ff9d39a855622db3ff66a97863036339b0d04be51b2f5a99b0e9",
}
TEST_LABELS = "test-labels.tif"
TEST_LABELS_SUM = "9866ff254d838aee013f74b25e23b2b724223b803e3346f3e5693cb022b966dc"
TRACKING_URL = "https://data.celltrackingchallenge.net/training-datasets/"
TRACKING_SUMS = {
    "PhC-C2DH-U373": "b18185c18fce54e8eeb93e4bbb9b201d757add9409bbf2283b8114185a11bc9e",
    "DIC-C2DH-HeLa": "832fed2d05bb7488cf9c51a2994b75f8f3f53b3c3098856211f2d39023c34e1a",
}
GOLD_SUMS = {  # of the frames of DIC-C2DH-HeLa that are annotated, as two stacks
    "gold_images.tif": "5caf51e4f43dd1b7659513b54a4ba2c966dcd2722e3afa8f9b1ccf50d1eebc1a",
    "gold_ids.tif": "0f3cf2bd7a1794914a6693daffce7892619f8e81eb38806a914d460d81099a5c",
}
NUCLEI_SOURCE = "the 2018 Data Science Bowl, https://doi.org/10.1038/s41592-019-0612-7 (BBBC038v1)"
NUCLEI_SHAPE = (90, 360, 360)
NUCLEI_SUMS = {
    "images_360.tif": "247a5a40c441be436985865180dd092302c275fe6d07dc9b924281642f2f27c5",
    "ids_360.tif": "a5fa34b95460d08a11f38659fa6f2104ff2f625e32ba1c9534d8b0ca825e965b",
}
PHASE_CONTRAST_SOURCE = "the Usiigaci data set, https://doi.org/10.1016/j.softx.2019.02.007"


@dataclass(frozen=True, eq=False)
class Isbi2012:
    """The challenge's stacks, (30, 512, 512) each: grey values in 0..1, labels (1 = cell), and images to predict."""

    images: NDArray[np.float32]
    labels: NDArray[np.uint8]
    test_images: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class AnnotatedCells:
    """Annotated frames: (N, H, W) grey values in 0..1, labels (1 = cell), instance ids, and the frames' names."""

    name: str
    images: NDArray[np.float32]
    labels: NDArray[np.uint8]
    cells: NDArray[np.int32]
    frames: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class PhaseContrast:
    """The frames to train on and those to validate on."""

    train: AnnotatedCells
    validation: AnnotatedCells


@dataclass(frozen=True, eq=False)
class Specimen:
    """The slices that the book runs on.

    Attributes
    ----------
    name : str
        "synthetic" or "isbi2012".
    images : (N, 512, 512) float32 array
        Grey values in 0..1.
    labels : (N, 512, 512) uint8 array
        1 = cell, 0 = membrane.
    cells : (N, 512, 512) int32 array
        Instance ids, 0 = membrane: the 4-connected components of each label.
    slices : tuple of int
        The numbers of the slices in the stack.
    notice : str
        Empty, or why these are not the slices that were asked for.
    """

    name: str
    images: NDArray[np.float32]
    labels: NDArray[np.uint8]
    cells: NDArray[np.int32]
    slices: tuple[int, ...]
    notice: str = ""

    def __str__(self):
        count, height, width = self.images.shape
        line = f"{self.name} specimen, {count} {'slice' if count == 1 else 'slices'} of {height} x {width}"
        return f"{line}. {self.notice}" if self.notice else line


def describe(specimen: Specimen) -> str:
    """One line to print about a specimen: its name, its size, and the notice if there is one.

    Examples
    --------
    >>> describe(specimen([6]))
    'synthetic specimen, 1 slice of 512 x 512'
    """
    return str(specimen)


def specimen(slices: Iterable[int] | None = None) -> Specimen:
    """The slices that the book runs on: synthetic, or real where the environment asks for them.

    UNET_TUTORIAL_SPECIMEN is "synthetic" (also when it is empty or not set) or "isbi2012". Where the real slices were
    asked for and cannot be had, the synthetic ones are given and `notice` says so.

    Parameters
    ----------
    slices : iterable of int, optional
        Numbers of the slices, 0..29, in the order wanted; all 30 when left out. `TRAIN_SLICES` and `HELD_OUT_SLICES`
        are the book's split. A synthetic slice takes a third of a second, once; those not asked for are not made.

    Returns
    -------
    Specimen

    Raises
    ------
    ValueError
        The variable has another value; `slices` is empty or holds something else; the real data are damaged.

    Examples
    --------
    >>> held_out = specimen(HELD_OUT_SLICES[:1])
    >>> held_out.images.shape, held_out.slices
    ((1, 512, 512), (6,))
    >>> bool(((held_out.cells > 0) == held_out.labels).all())
    True
    """
    name = os.environ.get(SPECIMEN_VARIABLE) or "synthetic"
    if name not in ("synthetic", "isbi2012"):
        raise ValueError(f"{SPECIMEN_VARIABLE}={name!r}: must be 'synthetic' or 'isbi2012', or not be set")
    slices = _slice_numbers(slices)
    if name == "synthetic":
        return _synthetic(slices)
    try:
        stack = load_isbi2012()
    except DataUnavailable:
        return _synthetic(
            slices,
            f"The real slices are not available here ({ISBI_ARCHIVE} is neither in the folder "
            f"that {_archives.DATA_VARIABLE} names nor to be downloaded), so these are synthetic.",
        )
    labels = stack.labels[list(slices)]
    cells = np.stack([ndimage.label(label, output=np.int32)[0] for label in labels])
    return Specimen(name, stack.images[list(slices)], labels, cells, slices)


def _slice_numbers(slices) -> tuple[int, ...]:
    if slices is None:
        return tuple(range(STACK))
    try:
        numbers = tuple(as_size(number, "slice", 0) for number in slices)
    except TypeError:
        raise ValueError(f"slices {slices!r}: must be an iterable of slice numbers, for example [{slices!r}]") from None
    if not numbers or max(numbers) >= STACK:
        raise ValueError(f"slices {list(numbers)}: must be numbers from 0 to {STACK - 1}, at least one")
    return numbers


def _synthetic(slices, notice=""):
    levels, cells = (np.stack(arrays) for arrays in zip(*map(_synthetic_slice, slices)))
    return Specimen("synthetic", from_levels(levels), (cells > 0).astype(np.uint8), cells, slices, notice)


@functools.lru_cache(maxsize=STACK)
def _synthetic_slice(number):
    return em_slice(number, 512, 0)


def load_isbi2012() -> Isbi2012:
    """Load the ISBI 2012 challenge's stacks of serial-section electron micrographs.

    ISBI-2012-challenge.zip is taken from the folder that UNET_TUTORIAL_DATA names; if the variable is not set, from
    the cache, into which it is downloaded once. The voxels are compared with their known checksums.

    Returns
    -------
    Isbi2012
        `images` and `test_images` (30, 512, 512) float32 in 0..1, `labels` (30, 512, 512) uint8, 1 = cell.

    Raises
    ------
    DataUnavailable
        The archive is not in the folder, or cannot be downloaded.
    ValueError
        The archive or a file in it is damaged, has another shape or another checksum, or leaves its folder.

    References
    ----------
    Ronneberger et al. 2015, section 4. Data: Cardona et al. 2010; free to use for non-commercial segmentation software.

    Examples
    --------
    >>> stack = load_isbi2012()  # doctest: +SKIP
    >>> stack.images.shape, stack.test_images.shape  # doctest: +SKIP
    ((30, 512, 512), (30, 512, 512))
    """
    images, labels, test_images = _read_isbi2012(_archives.find_archive(ISBI_ARCHIVE, ISBI_URL, _read_isbi2012))
    return Isbi2012(from_levels(images), (labels > 0).astype(np.uint8), from_levels(test_images))


def _read_isbi2012(path):
    stacks = []
    for member, expected in ISBI_SUMS.items():
        voxels = _archives.read_tiff(_archives.read_member(path, member), f"{path}: {member}", ISBI_SHAPE)
        _archives.check_voxels(voxels, expected, f"{path}: {member}")
        stacks.append(voxels)
    return stacks


def load_isbi2012_test_labels() -> NDArray[np.uint8]:
    """Load the labels of the 30 test slices of ISBI 2012, which were secret in 2015 and are public now.

    Nothing is chosen on them: no network, no step, no threshold. They are for table 1 alone. test-labels.tif is taken
    from the folder that UNET_TUTORIAL_DATA names, or one just below it, or from within ISBI-2012-challenge.zip. Its
    voxels are compared with their known checksum.

    Returns
    -------
    (30, 512, 512) uint8 array
        1 = cell, 0 = membrane. The images are `load_isbi2012().test_images`.

    Raises
    ------
    DataUnavailable
        Neither the folder nor the archive holds the file.
    ValueError
        The file is damaged, has another shape or another checksum.

    References
    ----------
    Ronneberger et al. 2015, section 4, table 1.

    Examples
    --------
    >>> labels = load_isbi2012_test_labels()  # doctest: +SKIP
    >>> f"membranes cover {1 - labels.mean():.1%}"  # doctest: +SKIP
    'membranes cover 29.4%'
    """
    file: Path | bytes
    if _archives.places(TEST_LABELS):
        file = _archives.find_file(TEST_LABELS, ISBI_URL)
        name = str(file)
    else:
        archive = _archives.find_archive(ISBI_ARCHIVE, ISBI_URL, _read_isbi2012)
        if not any(member.split("/")[-1] == TEST_LABELS for member in _archives.list_members(archive)):
            raise _archives.missing(TEST_LABELS, ISBI_URL)
        file, name = _archives.read_member(archive, TEST_LABELS), f"{archive}: {TEST_LABELS}"
    voxels = _archives.read_tiff(file, name, ISBI_SHAPE)
    _archives.check_voxels(voxels, TEST_LABELS_SUM, name)
    return (voxels > 0).astype(np.uint8)


def load_cell_tracking(name: str) -> AnnotatedCells:
    """Load the annotated frames of a training set of the cell tracking challenge.

    NAME.zip is taken from the folder that UNET_TUTORIAL_DATA names, or one just below; if the variable is not set, from
    the cache, into which it is downloaded once. Its checksum is compared before it is opened. In place of
    DIC-C2DH-HeLa.zip, gold_images.tif, gold_ids.tif and gold_frames.csv may lie there: the annotated frames alone.

    Parameters
    ----------
    name : str
        "PhC-C2DH-U373" (glioblastoma cells, phase contrast) or "DIC-C2DH-HeLa" (HeLa cells, interference contrast).

    Returns
    -------
    AnnotatedCells
        The frames of both sequences that have a segmentation; `frames` names them "01/t000" and so on. Not every cell
        has one: cells near the border of the image lack it (`unlabel_rim`), and in one frame of DIC-C2DH-HeLa,
        "01/t067", 15 of 18 cells.

    Raises
    ------
    DataUnavailable
        The archive is not in the folder, or cannot be downloaded.
    ValueError
        Another name; the archive has another checksum; a file in it is damaged, missing, or has another shape.

    References
    ----------
    Ronneberger et al. 2015, section 4, table 2. Terms: outside the challenge, ask the providers of the data.

    Examples
    --------
    >>> hela = load_cell_tracking("DIC-C2DH-HeLa")  # doctest: +SKIP
    >>> hela.name, hela.images.shape[1:]  # doctest: +SKIP
    ('DIC-C2DH-HeLa', (512, 512))
    """
    if name not in list(TRACKING_SUMS):
        raise ValueError(f"name {name!r}: must be {' or '.join(map(repr, TRACKING_SUMS))}")
    if name == "DIC-C2DH-HeLa" and _archives.places("gold_images.tif") and not _archives.places(f"{name}.zip"):
        return _gold_frames(name)
    archive = f"{name}.zip"

    def verify(path):
        _archives.check_file(path, TRACKING_SUMS[name])

    path = _archives.find_archive(archive, TRACKING_URL + archive, verify)
    verify(path)
    pattern = re.compile(re.escape(name) + r"/(\d\d)_GT/SEG/man_seg(\d+)\.tif")
    frames = sorted(match.groups() for match in map(pattern.fullmatch, _archives.list_members(path)) if match)
    if not frames:
        raise ValueError(f"{path}: holds no {name}/01_GT/SEG/man_seg000.tif or the like; it is another archive")
    images: list[np.ndarray] = []
    cells: list[np.ndarray] = []
    for sequence, number in frames:
        for arrays, member, types in (
            (images, f"{sequence}/t{number}.tif", (np.uint8,)),
            (cells, f"{sequence}_GT/SEG/man_seg{number}.tif", (np.uint8, np.uint16)),
        ):
            data = _archives.read_member(path, f"{name}/{member}")
            arrays.append(_archives.read_tiff(data, f"{path}: {member}", images[0].shape if images else 2, types))
    return _annotated(name, np.stack(images), np.stack(cells), [f"{sequence}/t{number}" for sequence, number in frames])


def _gold_frames(name):
    """The annotated frames of DIC-C2DH-HeLa from two stacks and a table of page, sequence and frame."""
    source = TRACKING_URL + f"{name}.zip"
    stacks = []
    for file, kind in zip(GOLD_SUMS, ("uint8", "uint16")):
        path = _archives.find_file(file, source)
        voxels = _archives.read_tiff(path, str(path), 3, (np.dtype(kind),))
        _archives.check_voxels(voxels.astype(np.dtype(kind).newbyteorder("<")), GOLD_SUMS[file], str(path))
        stacks.append(voxels)
    table = _archives.find_file("gold_frames.csv", source)
    rows = [line.split(",") for line in table.read_text(encoding="utf-8").splitlines()[1:]]
    if [row[0] for row in rows] != [str(page) for page in range(len(stacks[0]))]:
        raise ValueError(f"{table}: must have one row for each of the {len(stacks[0])} pages, in their order")
    return _annotated(name, stacks[0], stacks[1], [f"{sequence}/t{int(frame):03}" for _, sequence, frame, *_ in rows])


def unlabel_rim(cells: ArrayLike, rim: int = 50) -> np.ndarray:
    """Mark the rim of a map of instance ids as not labelled: UNLABELLED, -1.

    The cell tracking challenge asks for a mask only of cells that reach at least 50 px into the image. What lies nearer
    to its border may be a cell without a mask, so it must count neither as a cell nor as background. It has no weight
    in training, and no score.

    Parameters
    ----------
    cells : (H, W) or (N, H, W) int array
        Instance ids, 0 = background.
    rim : int
        Width in pixels.

    Returns
    -------
    int32 array, shape of `cells`

    Raises
    ------
    ValueError
        Not ids, or nothing would be left of a map.

    Examples
    --------
    >>> unlabel_rim(np.ones((5, 5), int), rim=2).tolist()[2]
    [-1, -1, 1, -1, -1]
    """
    rim, stack = as_size(rim, "rim", minimum=0), np.asarray(cells)
    for one in stack if stack.ndim == 3 else [stack]:
        as_cells(one, unlabelled=True)
    if 2 * rim >= min(stack.shape[-2:]):
        raise ValueError(f"rim {rim}: leaves nothing of a map of {stack.shape[-2]} x {stack.shape[-1]} pixels")
    inside = np.s_[..., rim : stack.shape[-2] - rim, rim : stack.shape[-1] - rim]
    marked = np.full(stack.shape, UNLABELLED, np.int32)
    marked[inside] = stack[inside]
    return marked


def load_phase_contrast() -> PhaseContrast:
    """Load the phase-contrast frames of the Usiigaci data set: real cells that touch, and their instance ids.

    train-volume.tif, train-labels.tif, val-volume.tif and val-labels.tif are taken from the folder that
    UNET_TUTORIAL_DATA names. They are not downloaded.

    Returns
    -------
    PhaseContrast

    Raises
    ------
    DataUnavailable
        The variable is not set, or a file is not in the folder.
    ValueError
        A file is damaged, or the shapes of images and ids differ.

    References
    ----------
    Tsai et al. 2019, doi:10.1016/j.softx.2019.02.007. Stands in for PhC-U373 of Ronneberger et al. 2015, section 4.

    Examples
    --------
    >>> import os
    >>> os.environ["UNET_TUTORIAL_DATA"] = "~/data"  # doctest: +SKIP
    >>> data = load_phase_contrast()  # doctest: +SKIP
    >>> data.train.name, data.train.frames[:2]  # doctest: +SKIP
    ('phase contrast, train', ('0', '1'))
    """
    parts = []
    for part in ("train", "val"):
        volume, labels = (
            _archives.find_file(f"{part}-{kind}.tif", PHASE_CONTRAST_SOURCE) for kind in ("volume", "labels")
        )
        images = _archives.read_tiff(volume, str(volume), 3)
        cells = _archives.read_tiff(labels, str(labels), images.shape, (np.uint8, np.uint16))
        parts.append(_annotated(f"phase contrast, {part}", images, cells, map(str, range(len(images)))))
    return PhaseContrast(*parts)


def load_nuclei() -> AnnotatedCells:
    """Load 90 fluorescence images of nuclei, many of which touch, with instance ids drawn by hand.

    images_360.tif, ids_360.tif and names_360.txt are taken from the folder that UNET_TUTORIAL_DATA names. They are not
    downloaded. The voxels are compared with their known checksums.

    Returns
    -------
    AnnotatedCells
        Arrays (90, 360, 360); `frames` are the names of the images.

    Raises
    ------
    DataUnavailable
        The variable is not set, or a file is not in the folder.
    ValueError
        A file is damaged, or has another shape or checksum.

    References
    ----------
    Caicedo et al. 2019, doi:10.1038/s41592-019-0612-7; masks as corrected by the community. Free to use (CC0 1.0).

    Examples
    --------
    >>> nuclei = load_nuclei()  # doctest: +SKIP
    >>> nuclei.images.shape, len(np.unique(nuclei.cells[0])) - 1  # doctest: +SKIP
    ((90, 360, 360), 22)
    """
    stacks = []
    for name, kind in zip(NUCLEI_SUMS, ("uint8", "uint16")):
        path = _archives.find_file(name, NUCLEI_SOURCE)
        voxels = _archives.read_tiff(path, str(path), NUCLEI_SHAPE, (np.dtype(kind),))
        _archives.check_voxels(voxels.astype(np.dtype(kind).newbyteorder("<")), NUCLEI_SUMS[name], str(path))
        stacks.append(voxels)
    path = _archives.find_file("names_360.txt", NUCLEI_SOURCE)
    names = path.read_text(encoding="utf-8").split()
    if len(names) != len(stacks[0]):
        raise ValueError(f"{path}: holds {len(names)} names, must hold one for each of the {len(stacks[0])} images")
    return _annotated("nuclei", stacks[0], stacks[1], names)


def _annotated(name, images, cells, frames):
    return AnnotatedCells(
        name, from_levels(images), (cells > 0).astype(np.uint8), cells.astype(np.int32), tuple(frames)
    )
