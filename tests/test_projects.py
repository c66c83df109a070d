"""Own images: what is read is what was written; what is wrong is named before any training, with file and way out."""

import csv
import dataclasses
import functools
import re
import struct
import unicodedata
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy import ndimage
from skimage.measure import regionprops

from unet_tutorial import datasets, projects
from unet_tutorial.projects import __main__, _compare, _files, _grey, _masks, _measure, _segment, _sizes

RED, GREEN, BLACK = [255, 0, 0], [0, 255, 0], [0, 0, 0]


def scene(seed=0, side=96, count=9):
    """Bright discs on dark ground: grey values (H, W) uint8, and their ids."""
    rng = np.random.default_rng(seed)
    places = np.stack(np.meshgrid(*[np.arange(16, side - 8, side // 3)] * 2), axis=-1).reshape(-1, 2)[:count]
    rows, columns = np.indices((side, side))
    ids = np.zeros((side, side), np.int32)
    for number, (row, column) in enumerate(places + rng.integers(-3, 4, places.shape), 1):
        ids[np.hypot(rows - row, columns - column) < rng.integers(7, 10)] = number
    grey = np.clip(20 + 120 * (ids > 0) + rng.normal(0, 6, ids.shape), 0, 255)
    return grey.astype(np.uint8), ids


def write(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".tif":
        tifffile.imwrite(path, array, photometric="minisblack")
    else:
        Image.fromarray(array).save(path)


def filled(root, count=4, suffix=".png", label=lambda ids: ids.astype(np.uint8)):
    """A folder in good order."""
    for number in range(count):
        grey, ids = scene(number)
        write(root / "images" / f"a{number}{suffix}", grey)
        write(root / "masks" / f"a{number}.png", label(ids))
    return root


def same_partition(first, second):
    """Whether two maps of ids divide the pixels alike, whatever the numbers."""
    pairs = np.unique(np.stack([first.ravel(), second.ravel()]), axis=1)
    return len(pairs[0]) == len(np.unique(first)) == len(np.unique(second))


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.uint32, np.float32])
@pytest.mark.parametrize("shape", [(7, 9), (7, 9, 3), (7, 9, 4)])
def test_a_tiff_gives_back_each_value(tmp_path, dtype, shape):
    array = (np.arange(np.prod(shape)) * 37 % 4096).reshape(shape).astype(dtype)
    photometric = "rgb" if len(shape) == 3 and dtype in (np.uint8, np.uint16) else "minisblack"
    planar = None if photometric == "rgb" or len(shape) == 2 else "contig"
    tifffile.imwrite(tmp_path / "a.tif", array, photometric=photometric, planarconfig=planar)
    (page,) = _files.read_pages(tmp_path / "a.tif")
    assert page.dtype == dtype and (page == array).all()


def test_a_compressed_tiff_is_read_by_whoever_can_and_never_with_fewer_bits(tmp_path):
    array = np.arange(63, dtype=np.uint8).reshape(7, 9)
    Image.fromarray(array).save(tmp_path / "lzw.tif", compression="tiff_lzw")
    (page,) = _files.read_pages(tmp_path / "lzw.tif")
    assert (page == array).all()
    deep = (array.astype(np.uint16) * 1000).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.tif", compression="tiff_lzw")
    (page,) = _files.read_pages(tmp_path / "deep.tif")
    assert page.dtype == np.uint16 and (page == deep).all()


def test_a_stack_gives_its_pages_with_channels_last(tmp_path):
    stack = np.arange(4 * 2 * 5 * 6, dtype=np.uint16).reshape(4, 2, 5, 6)
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, metadata={"axes": "ZCYX"})
    pages = _files.read_pages(tmp_path / "a.tif")
    assert len(pages) == 4 and (np.stack(pages) == np.moveaxis(stack, 1, -1)).all()


@pytest.mark.parametrize(
    "array",
    [
        np.arange(63, dtype=np.uint8).reshape(7, 9),
        (np.arange(63) * 1000).reshape(7, 9).astype(np.uint16),
        np.arange(189, dtype=np.uint8).reshape(7, 9, 3),
        np.arange(252, dtype=np.uint8).reshape(7, 9, 4),
    ],
    ids=["grey", "grey16", "rgb", "rgba"],
)
def test_a_png_gives_back_each_value(tmp_path, array):
    write(tmp_path / "a.png", array)
    (page,) = _files.read_pages(tmp_path / "a.png")
    assert page.dtype == array.dtype and (page == array).all()


def test_a_palette_is_numbers_in_a_mask_and_colours_in_an_image(tmp_path):
    picture = Image.fromarray(np.uint8([[0, 1], [2, 1]]), mode=None).convert("P")
    picture.putpalette([*BLACK, *RED, *GREEN])
    picture.putdata([0, 1, 2, 1])
    picture.save(tmp_path / "a.png")
    assert _files.read_pages(tmp_path / "a.png", mask=True)[0].tolist() == [[0, 1], [2, 1]]
    assert _files.read_pages(tmp_path / "a.png")[0].tolist() == [[BLACK, RED], [GREEN, RED]]


def png16(path, channels):
    """A PNG of 16 bits in 3 or 4 channels, which Pillow cannot write."""
    colours = {2: 4, 3: 2, 4: 6}[channels]

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + struct.pack(f">{2 * channels}H", *[300] * (2 * channels)) for _ in range(2))
    header = struct.pack(">IIBBBBB", 2, 2, 16, colours, 0, 0, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_files.PNG + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_a_png_that_would_be_cut_to_8_bits_is_refused_by_its_header(tmp_path, channels):
    png16(tmp_path / "a.png", channels)
    with pytest.raises(_files.Unreadable, match="16 bits with several channels.*save it as a TIFF"):
        _files.read_pages(tmp_path / "a.png")


# ---------------------------------------------------------------- pairs


@pytest.mark.parametrize("name", ["a b", "Zürich", "세포 1", "x.y", "µm"])
@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
def test_names_pair_whatever_the_system_makes_of_their_accents(tmp_path, name, forms):
    grey, ids = scene()
    image, mask = (unicodedata.normalize(form, name) for form in forms)
    write(tmp_path / "images" / f"{image}.tif", grey)
    write(tmp_path / "masks" / f"{mask}.png", ids.astype(np.uint8))
    project = projects.read_folder(tmp_path)
    assert [pair.name for pair in project.pairs] == [unicodedata.normalize("NFC", name)]


def by_object(folder, ids):
    for number in range(1, ids.max() + 1):
        write(folder / f"{number}.png", (255 * (ids == number)).astype(np.uint8))


def layout(root, form):
    """The same four images in each form that is known."""
    for number in range(4):
        grey, ids = scene(number)
        if form == "bowl":
            write(root / f"a{number}" / "images" / f"a{number}.png", grey)
            by_object(root / f"a{number}" / "masks", ids)
        elif form == "objects":
            write(root / "images" / f"a{number}.png", grey)
            by_object(root / "masks" / f"a{number}", ids)
        elif form == "endings":
            write(root / "images" / f"a{number}.jpg", np.full_like(grey, 1) + grey)
            write(root / "masks" / f"a{number}_mask.png", ids.astype(np.uint8))
        elif form == "folders":
            write(root / "images" / f"g{number % 2}" / f"a{number}.png", grey)
            write(root / "masks" / f"g{number % 2}" / f"a{number}.tif", ids.astype(np.uint16))
    if form == "stack":
        grey, ids = (np.stack(part) for part in zip(*map(scene, range(4))))
        write(root / "images" / "s.tif", grey)
        write(root / "masks" / "s.tif", ids.astype(np.uint16))


@pytest.mark.parametrize("form", ["bowl", "objects", "endings", "folders", "stack"])
def test_every_form_of_a_folder_gives_the_same_objects(tmp_path, form):
    layout(tmp_path, form)
    project = projects.read_folder(tmp_path)
    assert project.errors == [] and len(project.pairs) == 4
    order = sorted(project.pairs, key=lambda pair: pair.name.rpartition("/")[2])
    assert all(same_partition(pair.ids, scene(number)[1]) for number, pair in enumerate(order))
    assert len({pair.group for pair in project.pairs}) == {"folders": 2, "stack": 1}.get(form, 4)


def test_a_pattern_makes_groups_of_names(tmp_path):
    filled(tmp_path)
    assert {pair.group for pair in projects.read_folder(tmp_path, group="^a").pairs} == {"a"}
    assert {pair.group for pair in projects.read_folder(tmp_path, group=r"a(\d)").pairs} == set("0123")


# ---------------------------------------------------------------- masks


def as_colours(ids):
    """One colour for each object; touching ones differ."""
    palette = np.random.default_rng(0).integers(60, 255, (ids.max() + 1, 3)).astype(np.uint8)
    palette[0] = 0
    return palette[ids]


KINDS = {
    "label, 255": (lambda ids: (255 * (ids > 0)).astype(np.uint8), "label"),
    "label, 1": (lambda ids: (ids > 0).astype(np.uint8), "label"),
    "ids": (lambda ids: ids.astype(np.uint8), "ids"),
    "ids of 32 bits": (lambda ids: np.where(ids > 0, ids + 70000, 0).astype(np.int32), "ids"),
    "few values": (lambda ids: np.where(ids > 0, 1 + ids % 2, 0).astype(np.uint8), "values"),
    "colours": (as_colours, "colours"),
    "clear ground": (lambda ids: np.dstack([as_colours(ids), (255 * (ids > 0)).astype(np.uint8)]), "colours"),
    "grey as RGB": (lambda ids: np.repeat(ids.astype(np.uint8)[..., None], 3, 2), "ids"),
    "edges": (
        lambda ids: np.clip(255 * ndimage.gaussian_filter((ids > 0).astype(float), 0.5) + 0.5, 0, 255).astype(np.uint8),
        "edges",
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_mask_is_taken_for_what_it_is(tmp_path, name):
    label, kind = KINDS[name]
    suffix = ".tif" if label(scene()[1]).dtype == np.int32 else ".png"
    for number in range(3):
        grey, ids = scene(number)
        write(tmp_path / "images" / f"a{number}.png", grey)
        write(tmp_path / "masks" / f"a{number}{suffix}", label(ids))
    project = projects.read_folder(tmp_path)
    assert project.kind.name == kind and project.kind.reason and project.errors == []
    for number, pair in enumerate(project.pairs):
        truth = scene(number)[1]
        if kind == "edges":  # where half of white lies, a pixel more or less
            assert len(np.unique(pair.ids)) == len(np.unique(truth)) and ((pair.ids > 0) != (truth > 0)).mean() < 0.01
        else:
            assert same_partition(pair.ids, truth)


def test_touching_objects_of_one_colour_each_stay_apart_and_a_colour_may_come_again():
    mask = np.uint8([[RED, RED, GREEN, GREEN, BLACK, RED]])
    assert _masks.to_ids(mask, "colours")[0].tolist() == [[1, 1, 2, 2, 0, 3]]


def test_what_is_not_labelled_is_no_object_and_no_background(tmp_path):
    ids = np.zeros((20, 20), np.uint8)
    ids[2:9, 2:9], ids[12:, :] = 255, 128
    filled(tmp_path)
    write(tmp_path / "images" / "b.png", scene()[0][:20, :20])
    write(tmp_path / "masks" / "b.png", ids)
    project = projects.read_folder(tmp_path, kind="label", ignore=128)
    pair = next(pair for pair in project.pairs if pair.name == "b")
    assert pair.ignored.sum() == 160 and (pair.ids > 0).sum() == 49


# ---------------------------------------------------------------- broken folders


def spoil(name):
    def keep(function):
        BROKEN[name] = function
        return function

    return keep


BROKEN = {}


@spoil("no masks")
def _(root):
    for file in (root / "masks").iterdir():
        file.unlink()
    (root / "masks").rmdir()
    return "error", root.name, "no folder `masks` beside `images`"


@spoil("no images")
def _(root):
    (root / "images").rename(root / "pictures")
    return "error", root.name, "no folder `images`.*there is masks/, pictures/"


@spoil("a mask is missing")
def _(root):
    (root / "masks" / "a1.png").unlink()
    return "warning", "images/a1.png", "no mask of its name.*add one"


@spoil("an image is missing")
def _(root):
    (root / "images" / "a1.png").unlink()
    return "warning", "masks/a1.png", "no image of its name"


@spoil("names differ")
def _(root):
    for file in (root / "masks").iterdir():
        file.rename(file.with_name(f"z{file.name}"))
    return "error", root.name, "no image has a mask of its own name"


@spoil("inverted")
def _(root):
    for number in range(4):
        write(root / "masks" / f"a{number}.png", (255 * (scene(number)[1] == 0)).astype(np.uint8))
    return "warning", "a0", "perhaps inverted; objects must be bright"


@spoil("all empty")
def _(root):
    for number in range(4):
        write(root / "masks" / f"a{number}.png", np.zeros((96, 96), np.uint8))
    return "error", "masks", "all masks are empty.*draw objects"


@spoil("one empty")
def _(root):
    write(root / "masks" / "a1.png", np.zeros((96, 96), np.uint8))
    return "warning", "a1", "the mask is empty"


@spoil("shifted")
def _(root):
    write(root / "masks" / "a1.png", np.roll(scene(1)[1], (6, -4), (0, 1)).astype(np.uint8))
    return "warning", "a1", "moved by -6 rows and 4 columns.*perhaps shifted"


@spoil("mask of another image")
def _(root):
    blots = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(96, 96)), 4)
    write(root / "masks" / "a1.png", ndimage.label(blots > 0.05)[0].astype(np.uint8))
    return "warning", "a1", "hardly fit it .*mask of another image"


@spoil("ids in a JPEG")
def _(root):
    (root / "masks" / "a1.png").unlink()
    write(root / "masks" / "a1.jpg", (20 * scene(1)[1]).astype(np.uint8))
    return "error", "masks/a1.jpg", "is a JPEG.*export the mask as PNG or TIFF|as a photograph does"


@spoil("labels in JPEGs")
def _(root):
    for number in range(4):
        (root / "masks" / f"a{number}.png").unlink()
        write(root / "masks" / f"a{number}.jpg", (255 * (scene(number)[1] > 0)).astype(np.uint8))
    return "warning", "masks/a0.jpg", "blurs edges: taken at half of white"


@spoil("one odd value")
def _(root):
    for number in range(4):
        label = (255 * (scene(number)[1] > 0)).astype(np.uint8)
        label[0, :5] = 77 if number == 1 else 0
        write(root / "masks" / f"a{number}.png", label)
    return "warning", "masks/a1.png", r"between black and white: 77 \(5 px\).*--ignore"


@spoil("ids beyond 16 bits")
def _(root):
    (root / "masks" / "a1.png").unlink()
    write(root / "masks" / "a1.tif", np.where(scene(1)[1] > 0, scene(1)[1] + 70000, 0).astype(np.int32))
    return "warning", "masks/a1.tif", "ids up to 700.., beyond the 65535 of 16 bits; they are numbered anew"


@spoil("negative ids")
def _(root):
    (root / "masks" / "a1.png").unlink()
    write(root / "masks" / "a1.tif", np.where(scene(1)[1] > 0, scene(1)[1], -1).astype(np.int32))
    return "error", "masks/a1.tif", "negative value -1.*--ignore"


@spoil("fractions")
def _(root):
    for number in range(4):
        (root / "masks" / f"a{number}.png").unlink()
        blurred = ndimage.gaussian_filter(scene(number)[1].astype(np.float32), 9)
        write(root / "masks" / f"a{number}.tif", blurred)
    return "error", "masks/a0.tif", "not all whole numbers; save a mask as whole numbers"


@spoil("NaN")
def _(root):
    (root / "images" / "a1.png").unlink()
    grey = scene(1)[0].astype(np.float32)
    grey[3, 4:6] = np.nan
    write(root / "images" / "a1.tif", grey)
    return "error", "images/a1.tif", "holds 2 pixels that are NaN or infinite; write numbers there"


@spoil("another size")
def _(root):
    write(root / "images" / "a1.png", scene(1)[0][:, :90])
    return "error", "images/a1.png", r"is 96 x 90 px \(rows x columns\) and its mask 96 x 96 px"


@spoil("cut off")
def _(root):
    data = (root / "images" / "a1.png").read_bytes()
    (root / "images" / "a1.png").write_bytes(data[: len(data) // 2])
    return "error", "images/a1.png", "cannot be read.*export it anew"


@spoil("empty file")
def _(root):
    (root / "images" / "a1.png").write_bytes(b"")
    return "error", "images/a1.png", "cannot be read"


@spoil("two of a name")
def _(root):
    write(root / "images" / "a1.tif", scene(1)[0])
    return "error", "images/a1.tif", "has the name of a1.png but for its ending; rename one"


@spoil("previews")
def _(root):
    write(root / "images" / "a1_preview.png", scene(1)[0][::4, ::4])
    return "warning", "images/a1_preview.png", "no mask of its name and is left out"


@spoil("notes among images")
def _(root):
    (root / "images" / "notes.txt").write_text("a")
    return "warning", "images/notes.txt", "is left out: read are"


@spoil("16 bits in colours")
def _(root):
    png16(root / "images" / "a1.png", 3)
    return "error", "images/a1.png", "cut to 8 bits: save it as a TIFF"


@spoil("photographs as masks")
def _(root):
    for number in range(4):
        noise = np.random.default_rng(number).integers(0, 200, (96, 96)).astype(np.uint8)
        write(root / "masks" / f"a{number}.png", noise)
    return "error", "masks/a0.png", "as a photograph does; put the masks into `masks`"


@spoil("constant image")
def _(root):
    write(root / "images" / "a1.png", np.full((96, 96), 7, np.uint8))
    return "error", "a1", "the one value 7 everywhere"


@spoil("clipped")
def _(root):
    write(root / "images" / "a1.png", np.where(scene(1)[1] > 0, 255, scene(1)[0]).astype(np.uint8))
    return "warning", "a1", "at the largest value 255: the image is clipped"


@spoil("the same twice")
def _(root):
    write(root / "images" / "a2.png", scene(1)[0])
    write(root / "masks" / "a2.png", scene(1)[1].astype(np.uint8))
    return "warning", "a2", "the same pixels as a1"


@spoil("pages differ")
def _(root):
    (root / "images" / "a1.png").unlink()
    write(root / "images" / "a1.tif", np.stack([scene(1)[0]] * 3))
    return "error", "images/a1.tif", "has 3 pages and its mask 1"


@spoil("types differ")
def _(root):
    (root / "images" / "a1.png").unlink()
    write(root / "images" / "a1.tif", scene(1)[0].astype(np.uint16))
    return "warning", "images", "are of 2 types"


def findings_of(root):
    project = projects.read_folder(root)
    return [*project.findings, *projects.examine(project, [projects.measure(pair) for pair in project.pairs])]


def test_a_folder_in_good_order_is_not_blamed(tmp_path):
    assert findings_of(filled(tmp_path / "good")) == [] and len(BROKEN) >= 20


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_named_with_file_and_way_out_before_any_training(tmp_path, name, capsys):
    root = filled(tmp_path / "mine")
    level, file, words = BROKEN[name](root)
    match = [one for one in findings_of(root) if one.level == level and one.file == file]
    assert any(re.search(words, one.text) for one in match), findings_of(root)
    if level == "error":
        assert __main__.main(["train", str(root), "--out", str(tmp_path / "model")]) == 2
        assert f"error: {file}: " in capsys.readouterr().out and not (tmp_path / "model").exists()


def test_what_systems_leave_behind_is_passed_over(tmp_path):
    root = filled(tmp_path / "mine")
    for name in (".DS_Store", "._a1.png", "Thumbs.db"):
        (root / "images" / name).write_bytes(b"x")
    assert findings_of(root) == []


@pytest.mark.parametrize("name", ["nowhere", "a.zip"])
def test_what_is_no_folder_is_refused(tmp_path, name, capsys):
    (tmp_path / "a.zip").write_bytes(b"PK")
    assert __main__.main(["report", str(tmp_path / name)]) == 2
    assert f"{name}: " in capsys.readouterr().err


# ---------------------------------------------------------------- grey values and measures


def test_one_range_for_alike_images_and_one_each_for_unlike_ones():
    alike = [scene(seed)[0] for seed in range(3)]
    scaling, _ = _grey.choose_scaling(alike)
    assert scaling.how == "set"
    scaling, _ = _grey.choose_scaling([*alike, (alike[0].astype(np.uint16) * 16)])
    assert scaling.how == "image"
    for factor, offset, dtype in ((1, 0, np.uint8), (16, 0, np.uint16), (257, 0, np.uint16), (0.5, 3, np.float32)):
        image = (alike[0] * float(factor) + offset).astype(dtype)
        assert np.abs(_grey.scaled(image, scaling) - _grey.scaled(alike[0], scaling)).max() < 1e-5


def test_the_one_channel_that_holds_light_is_taken_and_transparency_is_no_light():
    grey = scene()[0]
    blue = np.dstack([0 * grey, 0 * grey, grey, np.full_like(grey, 255)])
    scaling, _ = _grey.choose_scaling([blue, blue])
    assert scaling.channel == 2 and (_grey.one_channel(blue, 2) == grey).all()
    assert np.allclose(_grey.one_channel(blue), grey / 3)


def test_touching_is_what_a_search_over_all_pairs_of_neighbours_finds():
    rng = np.random.default_rng(0)
    for _ in range(100):
        ids = rng.integers(1, 9, (4, 5)) * (rng.random((4, 5)) < 0.3)
        met = set()
        for row, column in np.argwhere(ids > 0):
            around = ids[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
            if ((around > 0) & (around != ids[row, column])).any():
                met.add(int(ids[row, column]))
        assert set(_measure.touching(ids).tolist()) == met


@pytest.mark.parametrize("shift", [(0, 0), (5, 0), (-3, 7)])
def test_the_shift_of_a_mask_is_found(shift):
    grey, ids = scene(3)
    moved = np.roll(ids, shift, (0, 1))
    row = projects.measure(projects.Pair("a", None, "a", grey, moved))
    assert row.shift == tuple(-part for part in shift)
    assert row.gain > 0.5 and (row.correlation < row.gain) == (shift != (0, 0))


# ---------------------------------------------------------------- objects


def brute_counts(found, truth):
    """SEG, hits of F1, merged and split cells, by the definitions."""
    cells = [truth == number for number in np.unique(truth)[1:]]
    segments = [found == number for number in np.unique(found)[1:]]
    owner = []
    jaccards = []
    for cell in cells:
        match = [k for k, one in enumerate(segments) if 2 * (one & cell).sum() > cell.sum()]
        owner.append(match[0] if match else None)
        jaccards.append((segments[match[0]] & cell).sum() / (segments[match[0]] | cell).sum() if match else 0)
    merged = sum(one is not None and owner.count(one) > 1 for one in owner)
    split = sum(sum(2 * (one & cell).sum() > one.sum() for one in segments) > 1 for cell in cells)
    hits = sum(2 * (one & cell).sum() > (one | cell).sum() for one in segments for cell in cells)
    return sum(jaccards), hits, merged, split, len(segments)


@pytest.mark.parametrize("seed", range(5))
def test_counts_are_those_of_the_definitions(seed):
    rng = np.random.default_rng(seed)
    truth = ndimage.label(ndimage.gaussian_filter(rng.normal(size=(40, 50)), 2) > 0.02)[0]
    found = ndimage.label(ndimage.gaussian_filter(rng.normal(size=(40, 50)), 2) + 0.1 * (truth > 0) > 0.05)[0]
    counts = _compare.count(found, truth)
    jaccards, hits, merged, split, segments = brute_counts(found, truth)
    assert counts.jaccards == pytest.approx(jaccards)
    assert (counts.hits, counts.merged, counts.split, counts.found) == (hits, merged, split, segments)
    assert counts.scores["iou"] == ((found > 0) & (truth > 0)).sum() / ((found > 0) | (truth > 0)).sum()


def test_where_nothing_was_drawn_nothing_is_found():
    truth, found = np.zeros((2, 10, 10), int)
    truth[1:4, 1:4], found[1:4, 1:4], found[6:9, 6:9] = 1, 1, 2
    ignored = np.zeros((10, 10), bool)
    assert _compare.count(found, truth, ignored).scores["f1"] == pytest.approx(2 / 3)
    ignored[5:] = True
    assert _compare.count(found, truth, ignored).scores["f1"] == 1


def opened(ids):
    from unet_tutorial.weight_maps import separate_touching

    return separate_touching(ids)


def test_cells_get_back_what_the_separating_border_took():
    """Two touching rectangles are opened and closed again: only where three meet can a pixel go to another."""
    ids = np.zeros((30, 40), np.int32)
    ids[5:25, 5:20], ids[5:25, 20:35] = 1, 2
    chance = (opened(ids) > 0).astype(np.float32)
    assert _compare.seg([ndimage.label(chance)[0]], [ids]) < 0.95
    assert (projects.segment(chance, projects.Rules()) == ids).all()
    assert (_segment.give_back(np.where(ids == 2, 0, ids)) == np.where(ids == 2, 0, ids)).all()  # none beside it


def test_a_thin_neck_and_an_unsure_one_divide_two():
    chance = np.zeros((40, 60), np.float32)
    rows, columns = np.indices(chance.shape)
    for middle in (18, 40):
        chance[np.hypot(rows - 20, columns - middle) < 10] = 0.95
    chance[18:22, 27:32] = 0.7
    assert projects.segment(chance, projects.Rules()).max() == 1
    for rules in (projects.Rules(sure=0.8), projects.Rules(core=4)):
        ids = projects.segment(chance, rules)
        assert ids.max() == 2 and (ids > 0)[chance > 0.5].all()
        assert abs(int((ids == 1).sum()) - int((ids == 2).sum())) < 20


@pytest.mark.parametrize("depth", [1.0, 3.0, 5.5])
def test_a_piece_is_cut_where_a_neck_is_thinner_than_both_its_parts(depth):
    """Two discs and a bridge, of radii and half widths that are known. Within 1.5 px the grid decides."""
    rng, seen = np.random.default_rng(0), []
    rows, columns = np.indices((50, 90))
    for _ in range(30):
        radii, width = rng.integers(7, 16, 2), rng.integers(1, 9)
        firm = (np.abs(rows - 25) <= width) & (columns > 22) & (columns < 66)
        for middle, radius in zip((22, 66), radii):
            firm |= np.hypot(rows - 25, columns - middle) < radius
        spare = min(radii) - width - depth
        if abs(spare) > 1.5:
            assert _segment._cut(firm, depth).max() == (2 if spare > 0 else 1), (radii, width)
            seen.append(spare > 0)
    assert 0 < sum(seen) < len(seen)


def test_ids_are_numbered_by_rows_without_gaps_and_small_ones_are_left_out():
    chance = np.zeros((20, 20))
    chance[1:3, 1:3] = chance[1:10, 8:17] = chance[14:19, 2:9] = 1
    ids = projects.segment(chance, projects.Rules(smallest=5))
    assert np.unique(ids).tolist() == [0, 1, 2] and ids[5, 10] == 1 and ids[15, 3] == 2


def test_a_hole_is_filled_and_a_lake_between_two_is_not():
    chance = np.zeros((20, 30))
    chance[2:18, 2:14] = 1
    chance[8:11, 5:9] = 0
    assert (projects.segment(chance, projects.Rules())[2:18, 2:14] == 1).all()


def test_the_table_of_objects_agrees_with_regionprops():
    grey, ids = scene(2)
    ids = ndimage.label(ids > 0)[0]
    table = projects.objects_of("a", ids, grey)
    oracle = regionprops(ids, intensity_image=grey)
    assert len(table) == len(oracle) > 5
    for mine, theirs in zip(table, oracle):
        assert (mine.id, mine.area) == (theirs.label, theirs.area)
        assert (mine.top, mine.left, mine.bottom, mine.right) == theirs.bbox
        assert (mine.row, mine.column) == pytest.approx(theirs.centroid, abs=0.006)
        assert mine.diameter == pytest.approx(theirs.equivalent_diameter_area, abs=0.006)
        assert mine.brightness == pytest.approx(theirs.intensity_mean, abs=1e-4)


@pytest.mark.parametrize("shrink", [1, 2, 3, 5])
def test_what_is_made_smaller_stays_in_its_place(shrink):
    """A ramp keeps its values at the pixels that are kept, and comes back whole; a constant stays one."""
    rows, columns = np.indices((61, 47))
    ramp = (0.3 * rows + 0.7 * columns + 5).astype(np.float32) / 60
    small = _sizes.smaller(ramp, shrink)
    inner = np.s_[1:-1, 1:-1]
    np.testing.assert_allclose(small[inner], ramp[::shrink, ::shrink][inner], atol=1e-6)
    back = _sizes.larger(small, shrink, ramp.shape)
    far = np.s_[2 * shrink : -2 * shrink, 2 * shrink : -2 * shrink]
    np.testing.assert_allclose(back[far], ramp[far], atol=1e-6)
    flat = np.full((10, 11), 0.4, np.float32)
    np.testing.assert_allclose(_sizes.larger(_sizes.smaller(flat, shrink), shrink, flat.shape), flat, atol=1e-6)
    total = np.zeros((45, 45), np.float32)
    total[20:25, 20:25] = np.random.default_rng(0).random((5, 5))
    np.testing.assert_allclose(_sizes.smaller(total, shrink).sum() * shrink**2, total.sum(), rtol=1e-5)


def test_large_objects_are_seen_smaller_and_their_ids_go_along():
    grey, ids = scene()
    large = np.kron(grey, np.ones((6, 6), grey.dtype)), np.kron(ids, np.ones((6, 6), ids.dtype))
    plans = [
        projects.plan_of(projects.Project(Path("a"), [pair, dataclasses.replace(pair, name="b", group="b")], [], None))
        for pair in (projects.Pair("a", Path("a"), "a", grey, i, i < 0) for grey, i in ((grey, ids), large))
    ]
    assert plans[0].shrink == 1 < plans[1].shrink
    assert all(abs(plan.diameter / plan.shrink - 24) < 12 for plan in plans)
    pair = projects.Pair("a", Path("a"), "a", large[0], large[1], large[1] < 0)
    seen = _sizes.smaller_pair(pair, projects.scaled(pair.image, plans[1].scaling), 6)
    assert (seen.ids == ids).all() and seen.image.shape == ids.shape


def test_otsu_is_the_threshold_of_least_variance():
    from skimage.filters import threshold_otsu

    from unet_tutorial.projects import _score

    grey = scene(1)[0]
    assert ((grey > _score.otsu(grey)) == (grey > threshold_otsu(grey))).mean() > 0.995


# ---------------------------------------------------------------- plans and models

SMALL = {"networks": 2, "depth": 2, "filters": 2, "tile": 108, "steps": 60, "w0": 10.0}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder of four images, and a model that was trained on it for a moment, by the command."""
    root = tmp_path_factory.mktemp("project")
    filled(root / "mine", suffix=".tif")
    settings = [f"--set={name}={value}" for name, value in SMALL.items()]
    assert __main__.main(["train", str(root / "mine"), "--out", str(root / "model"), "--seed", "3", *settings]) == 0
    return root


def test_a_plan_depends_on_the_folder_and_the_seed_alone_and_says_why(tmp_path):
    project = projects.read_folder(filled(tmp_path))
    plans = [projects.plan_of(project, seed=seed) for seed in (0, 0, 1)]
    assert plans[0] == plans[1] and plans[0].folds != plans[2].folds
    names = sorted(name for fold in plans[0].folds for name in fold)
    assert names == sorted(pair.name for pair in project.pairs)  # each validates once
    chosen = {"scaling", "depth", "tile", "filters", "w0", "sigma", "balance", "folds", "diameter", "learning_rate"}
    assert all(plans[0].reasons[name] for name in chosen)
    assert plans[0].w0 == 0 and projects.plan_of(projects.read_folder(datasets.NUCLEI)).w0 == 10
    plans[0].save(tmp_path / "plan.json")
    assert projects.Plan.load(tmp_path / "plan.json") == plans[0]


@pytest.mark.parametrize("count, networks", [(1, 1), (2, 2), (3, 3), (8, 4), (20, 4), (21, 1)])
def test_no_group_is_divided_between_training_and_validation(count, networks):
    grey, ids = scene()
    pairs = [
        projects.Pair(f"{group}/{number}", None, str(group), grey, ids, ids < 0)
        for group in range(count)
        for number in (0, 1)
    ]
    rows = [projects.measure(pairs[0])] * len(pairs)
    from unet_tutorial.projects import _networks, _plan

    plan = _plan.make_plan(pairs, rows)
    assert len(plan.folds) == networks
    for fold in range(networks):
        train, validation = _networks.divide(plan, pairs, fold)
        assert train and validation
        if count > 1:
            assert not {pair.group for pair in train} & {pair.group for pair in validation}
    if count == 1:
        assert sum(part[0].image.shape[1] for part in (train, validation)) == grey.shape[1]


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"colour": 1}, "colour: cannot be set; these can: depth"),
        ({"depth": "deep"}, "depth 'deep': must be a number"),
        ({"tile": 101}, "input size 101: .*nearest legal sizes"),
        ({"steps": 0}, "steps 0: must be a whole number of at least 1"),
    ],
)
def test_a_choice_that_cannot_be_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        projects.plan_of(projects.read_folder(datasets.NUCLEI), changes=changes)


def test_a_network_to_begin_with_must_be_there():
    with pytest.raises(ValueError, match="must be one of small, nuclei, or the folder of a model"):
        projects.plan_of(projects.read_folder(datasets.NUCLEI), start="x")


@pytest.mark.parametrize("start", ["small", "nuclei"])
def test_a_shipped_network_gives_the_first_weights_and_fixes_the_shape(start):
    from unet_tutorial import pretrained
    from unet_tutorial.projects import _networks

    plan = projects.plan_of(projects.read_folder(datasets.NUCLEI), start=start)
    file = {"small": pretrained.SMALL, "nuclei": pretrained.NUCLEI}[start]
    assert pretrained.digest(_networks.build(plan)) == pretrained.digest(dict(np.load(file)))
    with pytest.raises(ValueError, match=f"the network {start} fixes it"):
        projects.plan_of(projects.read_folder(datasets.NUCLEI), start=start, changes={"depth": 2})


def test_minutes_become_steps_once_and_stand_in_the_plan(tmp_path):
    project = projects.read_folder(filled(tmp_path))
    plan = projects.plan_of(project, minutes=0.05, changes={name: SMALL[name] for name in ("depth", "filters", "tile")})
    assert plan.steps % 20 == 0 and plan.steps >= 20 and "minutes" in plan.reasons["steps"]


def test_the_same_plan_gives_the_same_model_and_a_fresh_reading_of_it_the_same_objects(trained, tmp_path):
    project, first = projects.read_folder(trained / "mine"), projects.open_model(trained / "model")
    again = projects.train(project, first.plan, tmp_path / "again", progress=False)
    assert again.facts["networks"] == first.facts["networks"] and again.rules == first.rules
    image = project.pairs[0].image
    assert (again.segment(image) == first.segment(image)).all()
    assert {path.suffix for path in (trained / "model").iterdir()} == {".json", ".npz"}
    for path in (trained / "model").glob("*.npz"):
        np.load(path, allow_pickle=False)


def test_a_training_that_was_stopped_goes_on_to_the_same_model(trained, tmp_path, monkeypatch):
    from unet_tutorial.projects import _networks

    project, first = projects.read_folder(trained / "mine"), projects.open_model(trained / "model")
    looks = []

    def look(self, real=_networks._Validation.look):
        looks.append(1)
        if len(looks) == 5:
            raise KeyboardInterrupt
        return real(self)

    monkeypatch.setattr(_networks._Validation, "look", look)
    with monkeypatch.context() as patch:  # a checkpoint at every step
        patch.setattr(_networks.training, "Checkpoint", functools.partial(_networks.training.Checkpoint, seconds=1e-9))
        with pytest.raises(KeyboardInterrupt):
            projects.train(project, first.plan, tmp_path, progress=False)
    with pytest.raises(ValueError, match="training has not ended: run `train`"):
        projects.open_model(tmp_path)
    again = projects.train(project, first.plan, tmp_path, progress=False)
    assert again.facts["networks"] == first.facts["networks"] and again.rules == first.rules
    assert len(looks) == 5 + 2  # three for each network: the second one went on from the step before its second look


def test_a_folder_of_another_plan_or_other_data_is_refused(trained, tmp_path):
    project, model = projects.read_folder(trained / "mine"), projects.open_model(trained / "model")
    other = projects.plan_of(project, changes={**SMALL, "steps": 80})
    with pytest.raises(ValueError, match="another plan .*steps"):
        projects.train(project, other, trained / "model")
    project.pairs[0].ids[0, 0] = 77
    with pytest.raises(ValueError, match="other images or masks"):
        projects.train(project, model.plan, trained / "model")


def test_weights_that_are_not_the_models_are_refused(trained, tmp_path):
    import shutil

    shutil.copytree(trained / "model", tmp_path / "model")
    shutil.copy(tmp_path / "model" / "network-1.npz", tmp_path / "model" / "network-0.npz")
    with pytest.raises(ValueError, match="network-0.npz: holds other weights"):
        projects.open_model(tmp_path / "model")


def test_predicted_files_agree_with_one_another_and_are_scored(trained, tmp_path, capsys):
    out = tmp_path / "out"
    assert (
        __main__.main(["predict", str(trained / "model"), str(trained / "mine"), "--out", str(out), "--probabilities"])
        == 0
    )
    with open(out / "objects.csv", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    for number in range(4):
        ids = tifffile.imread(out / "ids" / f"a{number}.tif")
        assert ids.dtype == np.uint16 and ids.shape == (96, 96)
        mine = [line for line in table if line["image"] == f"a{number}"]
        assert [int(line["area"]) for line in mine] == np.bincount(ids.ravel())[1:].tolist()
        chance = tifffile.imread(out / "probabilities" / f"a{number}.tif")
        assert chance.dtype == np.float32 and 0 <= chance.min() <= chance.max() <= 1
        assert _files.read_pages(out / "overlays" / f"a{number}.png")[0].shape == (96, 96, 3)
    capsys.readouterr()
    assert __main__.main(["score", str(out), str(trained / "mine" / "masks")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["image", "objects", "found"] and "floor" in lines[0]
    rows, _ = projects.score(out, trained / "mine")
    assert [row["seg"] for row in rows[:-1]] == sorted(row["seg"] for row in rows[:-1])
    truth = [scene(number)[1] for number in range(4)]
    found = [tifffile.imread(out / "ids" / f"a{number}.tif").astype(int) for number in range(4)]
    assert rows[-1]["seg"] == pytest.approx(_compare.seg(found, truth)) and rows[-1]["ceiling"] == 1


def test_a_stack_is_predicted_page_by_page(trained, tmp_path):
    write(tmp_path / "in" / "s.tif", np.stack([scene(number)[0] for number in range(3)][:2] + [scene(2)[0]] * 3))
    model = projects.open_model(trained / "model")
    projects.predict(model, tmp_path / "in", tmp_path / "out", progress=False)
    ids = tifffile.imread(tmp_path / "out" / "ids" / "s.tif")
    assert ids.shape == (5, 96, 96) and (ids[1] == model.segment(scene(1)[0])).all()
    write(tmp_path / "masks" / "s.tif", np.stack([scene(number)[1] for number in (0, 1, 2, 2, 2)]).astype(np.uint8))
    assert len(projects.score(tmp_path / "out", tmp_path / "masks")[0]) == 6


def test_the_report_is_text_a_table_and_a_picture(tmp_path, capsys):
    filled(tmp_path / "mine")
    assert __main__.main(["report", str(tmp_path / "mine"), "--out", str(tmp_path / "report"), "--set", "depth=2"]) == 0
    text = capsys.readouterr().out
    assert "nothing odd was found" in text and re.search(r"^depth +2 +set by hand$", text, re.M)
    with open(tmp_path / "report" / "report.csv", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 4
    with Image.open(tmp_path / "report" / "contact_sheet.png") as sheet:
        assert sheet.size[0] == 1200


def test_the_sample_is_whole_small_and_free():
    project = projects.read_folder(datasets.NUCLEI)
    assert len(project.pairs) == 12 and project.errors == []
    assert sum(path.stat().st_size for path in datasets.NUCLEI.rglob("*")) < 1_000_000
    assert "CC0" in (datasets.NUCLEI / "README.md").read_text(encoding="utf-8")


def test_a_burning_speck_does_not_dim_the_objects():
    grey, _ = scene(2)
    burnt = grey.astype(np.uint16)
    burnt[:9, :9] = 4095  # under one pixel in a hundred
    scaling = _grey.Scaling(how="image")
    inside = scene(2)[1] > 0
    assert (
        abs(float(np.median(_grey.scaled(burnt, scaling)[inside]) - np.median(_grey.scaled(grey, scaling)[inside])))
        < 0.1
    )


def test_few_objects_keep_their_range():
    rng = np.random.default_rng(0)
    grey = rng.normal(20, 2, (200, 200))
    grey[50:60, 50:60] = 100 + np.arange(10)  # a quarter of a percent of the pixels
    assert _grey.limits(grey)[1] > 90
