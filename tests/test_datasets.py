"""Laws of the specimen, the split and the loaders. The archives are tiny and made here; nothing uses a network."""

import dataclasses
import hashlib
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pooch
import pytest
import tifffile

from unet_tutorial import datasets
from unet_tutorial.datasets import DataUnavailable, _loaders

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """No variables, an empty cache, no network."""
    for variable in ("UNET_TUTORIAL_DATA", "UNET_TUTORIAL_SPECIMEN"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "cache")

    def unreachable(**options):
        def download(*arguments):
            raise ConnectionError("no network in tests")

        return download

    monkeypatch.setattr(pooch, "HTTPDownloader", unreachable)
    return tmp_path / "cache"


@pytest.fixture
def drawn(monkeypatch):
    """Numbers of the synthetic slices that are made, each of them a quick one."""
    numbers = []

    def draw(index, size, seed):
        numbers.append((index, size, seed))
        return np.full((4, 5), index, np.uint8), np.full((4, 5), index, np.int32)

    monkeypatch.setattr(_loaders, "em_slice", draw)
    _loaders._synthetic_slice.cache_clear()
    yield numbers
    _loaders._synthetic_slice.cache_clear()


def tiff(array):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, photometric="minisblack")
    return buffer.getvalue()


def zipped(path, members):
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


STACKS = {
    "train-volume.tif": RNG.integers(0, 256, (30, 6, 7), dtype=np.uint8),
    "train-labels.tif": np.where(RNG.random((30, 6, 7)) < 0.7, 255, 0).astype(np.uint8),
    "test-volume.tif": RNG.integers(0, 256, (30, 6, 7), dtype=np.uint8),
}


@pytest.fixture
def isbi(tmp_path, monkeypatch):
    """The reader's folder, with a small ISBI archive in it whose checksums are the expected ones."""
    monkeypatch.setattr(_loaders, "ISBI_SHAPE", (30, 6, 7))
    monkeypatch.setattr(
        _loaders, "ISBI_SUMS", {name: hashlib.sha256(stack.tobytes()).hexdigest() for name, stack in STACKS.items()}
    )
    monkeypatch.setenv("UNET_TUTORIAL_DATA", str(tmp_path))
    zipped(tmp_path / "ISBI-2012-challenge.zip", {name: tiff(stack) for name, stack in STACKS.items()})
    return tmp_path


def test_the_split_is_fixed():
    assert datasets.HELD_OUT_SLICES == (6, 7, 8, 21, 22, 23)
    assert sorted(datasets.TRAIN_SLICES + datasets.HELD_OUT_SLICES) == list(range(30))
    assert len(datasets.TRAIN_SLICES) == 24


def test_the_facts_of_the_data_are_those_of_the_sources():
    assert _loaders.ISBI_URL == "https://downloads.imagej.net/ISBI-2012-challenge.zip"
    assert _loaders.ISBI_SHAPE == (30, 512, 512)
    assert [total[:8] for total in _loaders.ISBI_SUMS.values()] == ["200da3d4", "a7cb6400", "1b58fa7e"]
    assert {name: total[:8] for name, total in _loaders.TRACKING_SUMS.items()} == {
        "PhC-C2DH-U373": "b18185c1",
        "DIC-C2DH-HeLa": "832fed2d",
    }
    assert all(len(total) == 64 for total in (*_loaders.ISBI_SUMS.values(), *_loaders.TRACKING_SUMS.values()))


def test_the_specimen_is_synthetic_unless_asked_otherwise(monkeypatch, drawn):
    for value in (None, "", "synthetic"):
        if value is not None:
            monkeypatch.setenv("UNET_TUTORIAL_SPECIMEN", value)
        assert datasets.specimen([0]).name == "synthetic"


def test_a_specimen_holds_the_slices_asked_for_in_their_order(drawn):
    specimen = datasets.specimen([20, 4])
    assert specimen.slices == (20, 4) and specimen.notice == ""
    np.testing.assert_array_equal(specimen.images[:, 0, 0], np.array([20, 4], np.float32) / np.float32(255))
    np.testing.assert_array_equal(specimen.cells[:, 0, 0], [20, 4])
    np.testing.assert_array_equal(specimen.labels[:, 0, 0], [1, 1])
    assert (specimen.images.dtype, specimen.labels.dtype, specimen.cells.dtype) == (np.float32, np.uint8, np.int32)
    assert specimen.images.shape == (2, 4, 5)


def test_only_the_slices_asked_for_are_made_and_only_once(drawn):
    datasets.specimen([4])
    assert drawn == [(4, 512, 0)]
    datasets.specimen(iter([4, 20]))
    assert drawn == [(4, 512, 0), (20, 512, 0)]
    assert datasets.specimen().slices == tuple(range(30)) and len(drawn) == 30
    datasets.specimen()
    assert len(drawn) == 30


def test_a_change_of_one_specimen_leaves_the_next_alone(drawn):
    datasets.specimen([3]).cells[:] = 9
    assert datasets.specimen([3]).cells.max() == 3


def test_the_specimen_holds_slices_of_synthetic_em():
    specimen = datasets.specimen([0])
    for mine, theirs in zip((specimen.images, specimen.labels, specimen.cells), datasets.synthetic_em(1)):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize(
    "kind", [datasets.Specimen, datasets.Isbi2012, datasets.AnnotatedCells, datasets.PhaseContrast]
)
def test_what_is_loaded_cannot_be_set_anew_and_is_compared_as_a_whole(kind):
    fields = [field.name for field in dataclasses.fields(kind)]
    one, two = (kind(**{name: np.zeros(3) for name in fields}) for _ in range(2))
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(one, fields[0], "other")
    assert one == one and one != two and len({one, two}) == 2


@pytest.mark.parametrize(
    "slices, message",
    [
        ([30], r"slices \[30\]: must be numbers from 0 to 29"),
        ([], r"slices \[\]: must be"),
        ([-1], "slice -1"),
        ([1.0], "slice 1.0"),
        ([True], "slice True"),
        (3, r"slices 3: must be an iterable.*\[3\]"),
        ("7", "slice '7'"),
        ([[1, 2]], r"slice \[1, 2\]"),
    ],
)
def test_wrong_slice_numbers_are_refused(drawn, slices, message):
    with pytest.raises(ValueError, match=message):
        datasets.specimen(slices)


def test_numpy_numbers_and_both_ends_are_slice_numbers(drawn):
    assert datasets.specimen(np.array([0, 29])).slices == (0, 29)


def test_an_unknown_specimen_is_refused_and_the_choices_are_named(monkeypatch):
    monkeypatch.setenv("UNET_TUTORIAL_SPECIMEN", "Isbi2012")
    with pytest.raises(ValueError, match="'Isbi2012'.*'synthetic' or 'isbi2012'"):
        datasets.specimen()


def test_the_line_to_print(drawn):
    assert str(datasets.specimen([0, 1])) == "synthetic specimen, 2 slices of 4 x 5"
    assert datasets.describe(datasets.specimen([0])) == "synthetic specimen, 1 slice of 4 x 5"


def test_the_real_slices_are_given_where_they_are(monkeypatch, isbi):
    monkeypatch.setenv("UNET_TUTORIAL_SPECIMEN", "isbi2012")
    specimen = datasets.specimen([9, 2])
    assert specimen.name == "isbi2012" and specimen.slices == (9, 2) and specimen.notice == ""
    np.testing.assert_array_equal(specimen.images, (STACKS["train-volume.tif"][[9, 2]] / 255).astype(np.float32))
    np.testing.assert_array_equal(specimen.labels, STACKS["train-labels.tif"][[9, 2]] > 0)
    assert (specimen.images.dtype, specimen.labels.dtype, specimen.cells.dtype) == (np.float32, np.uint8, np.int32)
    assert datasets.describe(specimen) == "isbi2012 specimen, 2 slices of 6 x 7"
    assert datasets.specimen().images.shape == (30, 6, 7)


def test_real_cells_are_the_components_that_share_edges(monkeypatch, isbi):
    monkeypatch.setenv("UNET_TUTORIAL_SPECIMEN", "isbi2012")
    specimen = datasets.specimen([5])
    label, cells = specimen.labels[0], specimen.cells[0]
    np.testing.assert_array_equal(cells > 0, label == 1)
    reach = {(i, j): {(i, j)} for i, j in np.argwhere(label)}
    for i, j in reach:
        for neighbour in ((i, j + 1), (i + 1, j)):
            if neighbour in reach and reach[neighbour] is not reach[i, j]:
                joined = reach[i, j] | reach[neighbour]
                for pixel in joined:
                    reach[pixel] = joined
    for first in reach:
        for second in reach:
            assert (cells[first] == cells[second]) == (second in reach[first])


def test_without_the_real_slices_the_synthetic_ones_are_given_with_a_notice(monkeypatch, drawn, capfd):
    monkeypatch.setenv("UNET_TUTORIAL_SPECIMEN", "isbi2012")
    specimen = datasets.specimen([7])
    assert specimen.name == "synthetic" and specimen.images[0, 0, 0] == np.float32(7 / 255)
    assert specimen.notice.endswith(".") and ". " not in specimen.notice
    for word in ("real slices", "ISBI-2012-challenge.zip", "UNET_TUTORIAL_DATA", "synthetic"):
        assert word in specimen.notice
    assert datasets.describe(specimen) == f"synthetic specimen, 1 slice of 4 x 5. {specimen.notice}"
    assert capfd.readouterr() == ("", "")


def test_damaged_real_slices_are_not_passed_over(monkeypatch, isbi, drawn):
    monkeypatch.setenv("UNET_TUTORIAL_SPECIMEN", "isbi2012")
    (isbi / "ISBI-2012-challenge.zip").write_bytes(b"not a zip")
    with pytest.raises(ValueError, match="not a complete zip archive"):
        datasets.specimen([0])


@pytest.mark.parametrize("folder", ["", "ISBI-2012-challenge/"])
def test_isbi2012_is_loaded_and_converted(isbi, folder):
    zipped(isbi / "ISBI-2012-challenge.zip", {folder + name: tiff(stack) for name, stack in STACKS.items()})
    stacks = datasets.load_isbi2012()
    np.testing.assert_array_equal(stacks.images, (STACKS["train-volume.tif"] / 255).astype(np.float32))
    np.testing.assert_array_equal(stacks.test_images, (STACKS["test-volume.tif"] / 255).astype(np.float32))
    np.testing.assert_array_equal(stacks.labels, STACKS["train-labels.tif"] == 255)
    assert (stacks.images.dtype, stacks.labels.dtype, stacks.test_images.dtype) == (np.float32, np.uint8, np.float32)


def changed(name, change):
    members = {member: tiff(stack) for member, stack in STACKS.items()}
    members[name] = change(STACKS[name])
    return {member: content for member, content in members.items() if content is not None}


@pytest.mark.parametrize("name", list(STACKS))
@pytest.mark.parametrize(
    "change, message",
    [
        (lambda stack: tiff(stack)[:300], ""),
        (lambda stack: tiff(stack[:29]), r"of shape \(29, 6, 7\): must be \(30, 6, 7\)"),
        (lambda stack: tiff(stack.transpose(0, 2, 1)), r"of shape \(30, 7, 6\): must be"),
        (lambda stack: tiff(stack + 1), "sha256"),
        (lambda stack: tiff(stack.astype(np.uint16)), "dtype uint16"),
        (lambda stack: None, "holds 0 members"),
    ],
)
def test_a_wrong_stack_is_refused_by_name(isbi, name, change, message):
    path = zipped(isbi / "ISBI-2012-challenge.zip", changed(name, change))
    with pytest.raises(ValueError, match=f"(?s){name}.*{message}|{message}.*{name}") as caught:
        datasets.load_isbi2012()
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("place", ["folder", "just below", "archive"])
def test_the_test_labels_are_found_where_they_may_lie(isbi, place, monkeypatch):
    truth = STACKS["train-labels.tif"]
    monkeypatch.setattr(_loaders, "TEST_LABELS_SUM", hashlib.sha256(truth.tobytes()).hexdigest())
    with pytest.raises(datasets.DataUnavailable, match="test-labels.tif is not in .* get it from"):
        datasets.load_isbi2012_test_labels()
    if place == "archive":
        zipped(
            isbi / "ISBI-2012-challenge.zip",
            {"ISBI/test-labels.tif": tiff(truth)} | {n: tiff(s) for n, s in STACKS.items()},
        )
    else:
        path = isbi / "test-labels.tif" if place == "folder" else isbi / "isbi2012" / "test-labels.tif"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(tiff(truth))
    labels = datasets.load_isbi2012_test_labels()
    assert labels.dtype == np.uint8 and (labels == (truth == 255)).all()


def test_other_test_labels_are_refused(isbi):
    (isbi / "test-labels.tif").write_bytes(tiff(STACKS["train-labels.tif"]))
    with pytest.raises(ValueError, match="test-labels.tif: sha256 is .* not the original data"):
        datasets.load_isbi2012_test_labels()


def test_an_archive_that_would_leave_its_folder_is_refused(isbi):
    members = {name: tiff(stack) for name, stack in STACKS.items()}
    zipped(isbi / "ISBI-2012-challenge.zip", {**members, "../escaped.tif": b""})
    with pytest.raises(ValueError, match="escaped.tif.*would leave"):
        datasets.load_isbi2012()


def test_a_download_of_isbi2012_is_verified_before_it_is_kept(isbi, alone, monkeypatch):
    good = (isbi / "ISBI-2012-challenge.zip").read_bytes()
    monkeypatch.delenv("UNET_TUTORIAL_DATA")

    def server(answer):
        return lambda **options: lambda url, output, _: Path(output).write_bytes(answer[url])

    monkeypatch.setattr(pooch, "HTTPDownloader", server({_loaders.ISBI_URL: good[:-40]}))
    with pytest.raises(ValueError, match="refused"):
        datasets.load_isbi2012()
    assert list(alone.iterdir()) == []
    monkeypatch.setattr(pooch, "HTTPDownloader", server({_loaders.ISBI_URL: good}))
    assert datasets.load_isbi2012().images.shape == (30, 6, 7)
    assert (alone / "ISBI-2012-challenge.zip").read_bytes() == good


def test_isbi2012_that_is_not_here_is_asked_for(alone, tmp_path, monkeypatch):
    with pytest.raises(DataUnavailable) as caught:
        datasets.load_isbi2012()
    for word in (_loaders.ISBI_URL, str(alone), "UNET_TUTORIAL_DATA"):
        assert word in str(caught.value)
    monkeypatch.setenv("UNET_TUTORIAL_DATA", str(tmp_path))
    with pytest.raises(DataUnavailable, match=str(tmp_path)):
        datasets.load_isbi2012()


FRAMES = {
    f"{sequence}/t{number}": RNG.integers(0, 256, (6, 7), dtype=np.uint8)
    for sequence, number in (("01", "000"), ("01", "001"), ("02", "017"))
}
IDS = {frame: RNG.integers(0, 4, (6, 7)).astype(np.uint16) for frame in FRAMES if frame != "01/t001"}


def tracking(folder, monkeypatch, name="DIC-C2DH-HeLa", change=None):
    """A small training set of the cell tracking challenge with the expected checksum."""
    members = {f"{name}/{frame}.tif": tiff(image) for frame, image in FRAMES.items()}
    members |= {f"{name}/{frame.replace('/t', '_GT/SEG/man_seg')}.tif": tiff(ids) for frame, ids in IDS.items()}
    members |= {f"{name}/01_GT/TRA/man_track000.tif": b"", f"{name}/01_GT/": b""}
    for member, content in (change or {}).items():
        members[f"{name}/{member}"] = content
    path = zipped(
        folder / f"{name}.zip", {member: content for member, content in members.items() if content is not None}
    )
    monkeypatch.setitem(_loaders.TRACKING_SUMS, name, hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setenv("UNET_TUTORIAL_DATA", str(folder))
    return path


@pytest.mark.parametrize("name", ["PhC-C2DH-U373", "DIC-C2DH-HeLa"])
def test_the_annotated_frames_of_cell_tracking_are_loaded(tmp_path, monkeypatch, name):
    tracking(tmp_path, monkeypatch, name)
    found = datasets.load_cell_tracking(name)
    assert found.name == name and found.frames == ("01/t000", "02/t017")
    np.testing.assert_array_equal(found.images, np.stack([FRAMES[frame] / 255 for frame in IDS]).astype(np.float32))
    np.testing.assert_array_equal(found.cells, np.stack(list(IDS.values())))
    np.testing.assert_array_equal(found.labels, found.cells > 0)
    assert (found.images.dtype, found.labels.dtype, found.cells.dtype) == (np.float32, np.uint8, np.int32)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"02/t017.tif": None}, r"holds 0 members DIC-C2DH-HeLa/02/t017\.tif"),
        ({"02/t017.tif": tiff(np.zeros((6, 8), np.uint8))}, r"02/t017.tif of shape \(6, 8\): must be \(6, 7\)"),
        ({"01/t000.tif": tiff(np.zeros((2, 6, 7), np.uint8))}, "01/t000.tif of shape .* must have 2 axes"),
        (
            {"01/t000.tif": tiff(np.zeros((6, 7), np.uint16))},
            "01/t000.tif of dtype uint16: must be uint8; its values fit",
        ),
        ({"01_GT/SEG/man_seg000.tif": tiff(np.zeros((7, 6), np.uint16))}, "man_seg000.tif of shape"),
        ({"01_GT/SEG/man_seg000.tif": tiff(np.zeros((6, 7), np.int16))}, "of dtype int16: must be uint8 or uint16"),
        ({"01_GT/SEG/man_seg000.tif": b"II*"}, "man_seg000.tif"),
        ({"01_GT/SEG/man_seg000.tif": None, "02_GT/SEG/man_seg017.tif": None}, "holds no DIC-C2DH-HeLa/01_GT/SEG"),
        ({"../../x": b""}, "would leave"),
    ],
)
def test_a_damaged_training_set_is_refused(tmp_path, monkeypatch, change, message):
    path = tracking(tmp_path, monkeypatch, change=change)
    with pytest.raises(ValueError, match=message) as caught:
        datasets.load_cell_tracking("DIC-C2DH-HeLa")
    assert str(path) in str(caught.value)


def gold(folder, monkeypatch, **change):
    """The annotated frames of the training set as two stacks and a table, in a folder below the reader's."""
    files = {
        "gold_images.tif": tiff(np.stack([FRAMES[frame] for frame in IDS])),
        "gold_ids.tif": tiff(np.stack(list(IDS.values()))),
        "gold_frames.csv": b"page,sequence,frame,more\n0,01,0,\n1,02,17,54\n",
    }
    sums = {}
    for name, content in files.items():
        if name.endswith("tif"):
            sums[name] = hashlib.sha256(tifffile.imread(io.BytesIO(content)).tobytes()).hexdigest()
    (folder / "below").mkdir(exist_ok=True)
    for name, content in (files | change).items():
        (folder / "below" / name).write_bytes(content)
    monkeypatch.setattr(_loaders, "GOLD_SUMS", sums)
    monkeypatch.setenv("UNET_TUTORIAL_DATA", str(folder))


def test_the_annotated_frames_alone_are_the_same_frames(tmp_path, monkeypatch):
    (tmp_path / "one").mkdir(), (tmp_path / "other").mkdir()
    tracking(tmp_path / "one", monkeypatch)
    archive = datasets.load_cell_tracking("DIC-C2DH-HeLa")
    gold(tmp_path / "other", monkeypatch)
    folder = datasets.load_cell_tracking("DIC-C2DH-HeLa")
    assert (archive.name, archive.frames) == (folder.name, folder.frames)
    for kind in ("images", "labels", "cells"):
        one, other = getattr(archive, kind), getattr(folder, kind)
        assert one.dtype == other.dtype and (one == other).all()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"gold_ids.tif": tiff(np.zeros((2, 6, 7), np.uint16))}, "gold_ids.tif: sha256 is"),
        ({"gold_images.tif": tiff(np.zeros((2, 6, 7), np.uint16))}, "gold_images.tif of dtype uint16"),
        ({"gold_frames.csv": b"page,sequence,frame\n0,01,0\n"}, "gold_frames.csv: must have one row for each of the 2"),
    ],
)
def test_damaged_frames_are_refused(tmp_path, monkeypatch, change, message):
    gold(tmp_path, monkeypatch, **change)
    with pytest.raises(ValueError, match=message):
        datasets.load_cell_tracking("DIC-C2DH-HeLa")


def test_a_file_is_found_in_a_folder_below_and_never_in_two(tmp_path, monkeypatch):
    gold(tmp_path, monkeypatch)
    (tmp_path / "gold_ids.tif").write_bytes(b"another")
    with pytest.raises(ValueError, match=r"gold_ids.tif: is in .* and in .*below; leave one of them"):
        datasets.load_cell_tracking("DIC-C2DH-HeLa")


def nuclei(folder, monkeypatch, **change):
    images, ids = RNG.integers(0, 256, (3, 6, 7), dtype=np.uint8), RNG.integers(0, 300, (3, 6, 7)).astype(np.uint16)
    files = {"images_360.tif": tiff(images), "ids_360.tif": tiff(ids), "names_360.txt": b"a\nb\nc\n"} | change
    for name, content in files.items():
        (folder / name).write_bytes(content)
    sums = {"images_360.tif": images, "ids_360.tif": ids}
    monkeypatch.setattr(
        _loaders, "NUCLEI_SUMS", {name: hashlib.sha256(stack.tobytes()).hexdigest() for name, stack in sums.items()}
    )
    monkeypatch.setattr(_loaders, "NUCLEI_SHAPE", (3, 6, 7))
    monkeypatch.setenv("UNET_TUTORIAL_DATA", str(folder))
    return images, ids


def test_nuclei_are_loaded(tmp_path, monkeypatch):
    images, ids = nuclei(tmp_path, monkeypatch)
    found = datasets.load_nuclei()
    assert found.frames == ("a", "b", "c") and found.name == "nuclei"
    np.testing.assert_array_equal(found.images, (images / 255).astype(np.float32))
    np.testing.assert_array_equal(found.cells, ids)
    np.testing.assert_array_equal(found.labels, ids > 0)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"ids_360.tif": tiff(np.zeros((3, 6, 7), np.uint16))}, "ids_360.tif: sha256 is"),
        ({"images_360.tif": tiff(np.zeros((2, 6, 7), np.uint8))}, r"images_360.tif of shape \(2, 6, 7\)"),
        ({"names_360.txt": b"a b"}, "holds 2 names, must hold one for each of the 3 images"),
    ],
)
def test_damaged_nuclei_are_refused(tmp_path, monkeypatch, change, message):
    nuclei(tmp_path, monkeypatch, **change)
    with pytest.raises(ValueError, match=message):
        datasets.load_nuclei()


def test_a_slice_on_one_scale_has_that_mean_and_deviation_before_the_cut():
    rng = np.random.default_rng(0)
    stack = rng.normal([[[3.0]], [[-1.0]]], [[[0.5]], [[40.0]]], (2, 50, 60))
    found = datasets.normalize(stack)
    for image, slice_ in zip(stack, found):
        expected = (image - image.mean()) / image.std() * 0.2 + 0.5
        np.testing.assert_allclose(slice_, np.clip(expected, 0, 1), atol=1e-6)
    assert found.dtype == np.float32 and found.min() == 0 and found.max() == 1
    assert (datasets.normalize(stack[0]) == found[0]).all()
    uniform = datasets.normalize(rng.random((40, 40)))  # nothing is cut
    assert (float(uniform.mean()), float(uniform.std())) == pytest.approx((0.5, 0.2), abs=1e-5)
    assert datasets.normalize(rng.random((40, 40)), 0.3, 0.05).mean() == pytest.approx(0.3, abs=1e-4)


def test_brightness_and_contrast_of_a_slice_do_not_matter():
    image = np.random.default_rng(1).random((30, 40))
    np.testing.assert_allclose(datasets.normalize(7 * image - 3), datasets.normalize(image), atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_a_slice_without_contrast_becomes_grey_and_is_named(value):
    with pytest.warns(UserWarning, match="holds the grey value .* alone"):
        assert (datasets.normalize(np.full((9, 9), value, np.float32)) == 0.5).all()


def test_what_is_no_image_is_not_brought_to_a_scale():
    with pytest.raises(ValueError, match="images of dtype int64: must be float"):
        datasets.normalize(np.ones((4, 4), int))
    with pytest.raises(ValueError, match=r"images\[1\]: holds 1 values that are NaN"):
        datasets.normalize(np.array([[[0.0, 1]], [[0.0, np.nan]]]))
    with pytest.raises(ValueError, match="deviation 0: must be a finite number > 0"):
        datasets.normalize(np.ones((4, 4)), deviation=0)


def test_a_training_set_with_another_checksum_is_not_opened(tmp_path, monkeypatch):
    path = tracking(tmp_path, monkeypatch)
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ValueError, match="DIC-C2DH-HeLa.zip: sha256"):
        datasets.load_cell_tracking("DIC-C2DH-HeLa")


@pytest.mark.parametrize("name", ["HeLa", "", None, ["DIC-C2DH-HeLa"], "dic-c2dh-hela"])
def test_another_training_set_is_refused(name):
    with pytest.raises(ValueError, match="'PhC-C2DH-U373' or 'DIC-C2DH-HeLa'"):
        datasets.load_cell_tracking(name)


def test_a_training_set_that_is_not_here_is_asked_for(alone):
    with pytest.raises(DataUnavailable) as caught:
        datasets.load_cell_tracking("PhC-C2DH-U373")
    for word in ("https://data.celltrackingchallenge.net/training-datasets/PhC-C2DH-U373.zip", str(alone)):
        assert word in str(caught.value)


def test_a_download_of_a_training_set_is_verified_before_it_is_kept(alone, tmp_path, monkeypatch):
    good = tracking(tmp_path, monkeypatch).read_bytes()
    monkeypatch.delenv("UNET_TUTORIAL_DATA")
    monkeypatch.setattr(
        pooch, "HTTPDownloader", lambda **options: lambda url, output, _: Path(output).write_bytes(good[:-1])
    )
    with pytest.raises(ValueError, match="refused.*sha256"):
        datasets.load_cell_tracking("DIC-C2DH-HeLa")
    assert list(alone.iterdir()) == []


def phase_contrast(folder, monkeypatch, **change):
    arrays = {
        "train-volume": RNG.integers(0, 256, (3, 6, 7), dtype=np.uint8),
        "train-labels": RNG.integers(0, 5, (3, 6, 7), dtype=np.uint8),
        "val-volume": RNG.integers(0, 256, (2, 6, 7), dtype=np.uint8),
        "val-labels": RNG.integers(0, 5, (2, 6, 7), dtype=np.uint8),
    } | change
    for name, array in arrays.items():
        if array is not None:
            (folder / f"{name}.tif").write_bytes(tiff(array))
    monkeypatch.setenv("UNET_TUTORIAL_DATA", str(folder))
    return arrays


def test_phase_contrast_is_loaded(tmp_path, monkeypatch):
    arrays = phase_contrast(tmp_path, monkeypatch)
    found = datasets.load_phase_contrast()
    for part, name in ((found.train, "train"), (found.validation, "val")):
        np.testing.assert_array_equal(part.images, (arrays[f"{name}-volume"] / 255).astype(np.float32))
        np.testing.assert_array_equal(part.cells, arrays[f"{name}-labels"])
        np.testing.assert_array_equal(part.labels, part.cells > 0)
        assert (part.images.dtype, part.labels.dtype, part.cells.dtype) == (np.float32, np.uint8, np.int32)
        assert part.name == f"phase contrast, {name}"
    assert found.train.frames == ("0", "1", "2")


@pytest.mark.parametrize(
    "change, message",
    [
        ({"val-labels": np.zeros((2, 6, 8), np.uint8)}, r"val-labels.tif of shape \(2, 6, 8\): must be \(2, 6, 7\)"),
        ({"train-volume": np.zeros((6, 7), np.uint8)}, "train-volume.tif of shape .* must have 3 axes"),
        ({"train-labels": np.zeros((3, 6, 7), np.float32)}, "train-labels.tif of dtype float32"),
    ],
)
def test_wrong_phase_contrast_is_refused(tmp_path, monkeypatch, change, message):
    phase_contrast(tmp_path, monkeypatch, **change)
    with pytest.raises(ValueError, match=message):
        datasets.load_phase_contrast()


def test_phase_contrast_that_is_not_here_is_asked_for(tmp_path, monkeypatch):
    with pytest.raises(DataUnavailable, match="train-volume.tif.*softx.2019.02.007.*UNET_TUTORIAL_DATA"):
        datasets.load_phase_contrast()
    phase_contrast(tmp_path, monkeypatch, **{"val-volume": None})
    with pytest.raises(DataUnavailable, match="val-volume.tif"):
        datasets.load_phase_contrast()


def test_the_images_load_without_tensorflow():
    code = "import sys; from unet_tutorial import datasets; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
