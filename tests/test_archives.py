"""Laws of finding, verifying and reading files that came over a network. Nothing here uses one."""

import hashlib
import io
import zipfile

import numpy as np
import pooch
import pytest
import tifffile
from PIL import Image

from unet_tutorial.datasets import _archives
from unet_tutorial.datasets._archives import DataUnavailable

URL = "https://somewhere.example/things.zip"


def tiff(array):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, photometric="minisblack")
    return buffer.getvalue()


def zipped(path, **members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, no folder of the reader's, and no network."""
    monkeypatch.delenv("UNET_TUTORIAL_DATA", raising=False)
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "cache" / name)
    return tmp_path / "cache" / "unet_tutorial"


def serve(monkeypatch, answer):
    """Let a download write the bytes `answer`, or write some bytes and then raise it. Returns the URLs asked for."""
    asked = []

    class Downloader:
        def __init__(self, progressbar):
            assert progressbar

        def __call__(self, url, output, _):
            asked.append(url)
            with open(output, "wb") as file:
                file.write(b"half" if isinstance(answer, Exception) else answer)
            if isinstance(answer, Exception):
                raise answer

    monkeypatch.setattr(pooch, "HTTPDownloader", Downloader)
    return asked


def accept(path):
    assert path.read_bytes() == b"good"


def refuse(path):
    raise ValueError("the wrong thing")


def test_a_download_is_kept_once_it_is_verified_and_not_repeated(cache, monkeypatch):
    asked = serve(monkeypatch, b"good")
    path = _archives.find_archive("things.zip", URL, accept)
    assert path == cache / "things.zip" and path.read_bytes() == b"good" and list(cache.iterdir()) == [path]
    assert _archives.find_archive("things.zip", URL, refuse) == path
    assert asked == [URL]


def test_a_refused_download_leaves_nothing_behind(cache, monkeypatch):
    serve(monkeypatch, b"bad")
    with pytest.raises(ValueError, match=f"the download of {URL} was refused and removed; the wrong thing"):
        _archives.find_archive("things.zip", URL, refuse)
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("error", [OSError("no route"), ConnectionError("gone"), TimeoutError()])
def test_offline_the_error_says_what_to_do_and_no_half_file_is_left(cache, monkeypatch, error):
    serve(monkeypatch, error)
    with pytest.raises(DataUnavailable) as caught:
        _archives.find_archive("things.zip", URL, accept)
    for word in ("things.zip", URL, str(cache), "UNET_TUTORIAL_DATA", type(error).__name__):
        assert word in str(caught.value)
    assert isinstance(caught.value, RuntimeError) and list(cache.iterdir()) == []


def test_an_interrupted_download_leaves_nothing_behind(cache, monkeypatch):
    class Downloader:
        def __init__(self, progressbar):
            pass

        def __call__(self, url, output, _):
            open(output, "wb").close()
            raise KeyboardInterrupt

    monkeypatch.setattr(pooch, "HTTPDownloader", Downloader)
    with pytest.raises(KeyboardInterrupt):
        _archives.find_archive("things.zip", URL, accept)
    assert list(cache.iterdir()) == []


def test_the_folder_of_the_reader_comes_before_cache_and_network(cache, monkeypatch, tmp_path):
    asked = serve(monkeypatch, b"good")
    monkeypatch.setenv("UNET_TUTORIAL_DATA", str(tmp_path))
    with pytest.raises(DataUnavailable) as caught:
        _archives.find_archive("things.zip", URL, accept)
    for word in ("things.zip", URL, str(tmp_path), "UNET_TUTORIAL_DATA"):
        assert word in str(caught.value)
    (tmp_path / "things.zip").write_bytes(b"mine")
    assert _archives.find_archive("things.zip", URL, refuse) == tmp_path / "things.zip"
    assert asked == []


@pytest.mark.parametrize("value", [None, ""])
def test_without_a_folder_a_file_is_unavailable(cache, monkeypatch, value):
    if value is not None:
        monkeypatch.setenv("UNET_TUTORIAL_DATA", value)
    assert _archives.data_folder() is None
    with pytest.raises(DataUnavailable, match="frame.tif.*the attic.*UNET_TUTORIAL_DATA"):
        _archives.find_file("frame.tif", "the attic")


def test_a_folder_is_not_a_file(cache, monkeypatch, tmp_path):
    monkeypatch.setenv("UNET_TUTORIAL_DATA", str(tmp_path))
    (tmp_path / "frame.tif").mkdir()
    with pytest.raises(DataUnavailable, match="frame.tif is not in"):
        _archives.find_file("frame.tif", "the attic")


def test_checksums_of_files_and_voxels(tmp_path):
    voxels = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    right = hashlib.sha256(bytes(range(24))).hexdigest()
    _archives.check_voxels(voxels, right, "stack")
    (tmp_path / "file").write_bytes(bytes(range(24)))
    _archives.check_file(tmp_path / "file", right)
    turned = voxels.transpose(0, 2, 1)
    _archives.check_voxels(turned, hashlib.sha256(turned.copy().tobytes()).hexdigest(), "stack")
    for check in (
        lambda: _archives.check_voxels(turned, right, "stack"),
        lambda: _archives.check_voxels(voxels, right[::-1], "stack"),
        lambda: _archives.check_file(tmp_path / "file", "0" * 64),
    ):
        with pytest.raises(ValueError, match="(stack|file): sha256 is .*, must be .*delete the file"):
            check()


@pytest.mark.parametrize("prefix", ["", "folder/"])
def test_a_member_is_found_at_the_top_or_in_one_folder(tmp_path, prefix):
    path = zipped(tmp_path / "a.zip", **{f"{prefix}a.tif": b"one", f"{prefix}ab.tif": b"two", f"{prefix}xa.tif": b"3"})
    assert _archives.read_member(path, "a.tif") == b"one" and _archives.read_member(path, "ab.tif") == b"two"
    assert sorted(_archives.list_members(path)) == [f"{prefix}a.tif", f"{prefix}ab.tif", f"{prefix}xa.tif"]
    assert [file.name for file in tmp_path.iterdir()] == ["a.zip"]


@pytest.mark.parametrize(
    "members, count",
    [
        ({"b.tif": b""}, 0),
        ({"x/y/a.tif": b""}, 0),
        ({"a_tif": b""}, 0),
        ({"za.tif": b""}, 0),
        ({"a.tif": b"", "x/a.tif": b""}, 2),
        ({"y/a.tif": b"", "x/a.tif": b""}, 2),
    ],
)
def test_a_member_that_is_missing_or_doubtful_is_refused(tmp_path, members, count):
    path = zipped(tmp_path / "a.zip", **members)
    with pytest.raises(ValueError, match=rf"a\.zip: holds {count} members a\.tif, must hold one"):
        _archives.read_member(path, "a.tif")


@pytest.mark.parametrize(
    "name", ["../a.tif", "x/../../a.tif", "/a.tif", "..\\a.tif", "\\a.tif", "C:/a.tif", "x/..", "C:\\a.tif", ".."]
)
def test_a_path_that_leaves_its_folder_is_refused(tmp_path, name):
    path = zipped(tmp_path / "a.zip", **{"a.tif": b"good", name: b"bad"})
    with pytest.raises(ValueError, match="would leave the folder"):
        _archives.read_member(path, "a.tif")


@pytest.mark.parametrize("name", ["x..y/a.tif", "...", "x/.hidden", "x/y:z.tif"])
def test_dots_in_names_are_allowed(tmp_path, name):
    assert _archives.list_members(zipped(tmp_path / "a.zip", **{name: b""})) == [name]


def test_a_truncated_or_damaged_archive_is_refused(tmp_path):
    whole = zipped(tmp_path / "a.zip", **{"a.tif": bytes(1000)}).read_bytes()
    (tmp_path / "a.zip").write_bytes(whole[:-30])
    with pytest.raises(ValueError, match="a.zip: not a complete zip archive"):
        _archives.read_member(tmp_path / "a.zip", "a.tif")
    (tmp_path / "a.zip").write_bytes(whole[:500] + b"x" + whole[501:])
    with pytest.raises(ValueError, match="a.zip: its member a.tif is damaged"):
        _archives.read_member(tmp_path / "a.zip", "a.tif")


def test_a_tiff_is_read_from_bytes_and_from_a_file(tmp_path):
    array = np.random.default_rng(0).integers(0, 256, (3, 8, 9), dtype=np.uint8)
    np.testing.assert_array_equal(_archives.read_tiff(tiff(array), "stack", (3, 8, 9)), array)
    np.testing.assert_array_equal(_archives.read_tiff(tiff(array), "stack", 3), array)
    (tmp_path / "a.tif").write_bytes(tiff(array.astype(np.uint16)))
    read = _archives.read_tiff(tmp_path / "a.tif", "stack", 3, (np.uint8, np.uint16))
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("keep", [0, 3, 100, -600])
def test_a_truncated_tiff_is_refused(keep):
    whole = tiff(np.ones((3, 80, 90), np.uint8))
    with pytest.raises(ValueError, match="stack"):
        _archives.read_tiff(whole[:keep], "stack", (3, 80, 90))


@pytest.mark.parametrize(
    "array, dimensions, message",
    [
        (np.ones((3, 8, 8), np.uint8), (3, 8, 9), r"stack of shape \(3, 8, 8\): must be \(3, 8, 9\)"),
        (np.ones((8, 9), np.uint8), 3, r"stack of shape \(8, 9\): must have 3 axes"),
        (np.ones((8, 9), np.uint16), 2, "stack of dtype uint16: must be uint8"),
        (np.ones((8, 9), np.float32), (8, 9), "stack of dtype float32: must be uint8"),
    ],
)
def test_another_shape_or_type_is_refused(array, dimensions, message):
    with pytest.raises(ValueError, match=message):
        _archives.read_tiff(tiff(array), "stack", dimensions)


@pytest.mark.filterwarnings("ignore:.*zero-size")
def test_a_tiff_without_pixels_is_refused():
    with pytest.raises(ValueError, match=r"stack of shape \(0, 9\)"):
        _archives.read_tiff(tiff(np.ones((0, 9), np.uint8)), "stack", 2)


def test_the_types_that_are_allowed_are_named():
    with pytest.raises(ValueError, match="must be uint8 or uint16"):
        _archives.read_tiff(tiff(np.ones((8, 9), np.float32)), "stack", 2, (np.uint8, np.uint16))


def test_a_folder_in_the_home_is_found(cache, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("UNET_TUTORIAL_DATA", "~/data")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "frame.tif").write_bytes(tiff(np.ones((8, 9), np.uint8)))
    assert _archives.find_file("frame.tif", "the attic") == tmp_path / "data" / "frame.tif"
    assert _archives.read_tiff("~/data/frame.tif", "frame", 2).shape == (8, 9)


def test_a_tiff_whose_compression_is_not_read_is_complete_and_gets_a_cure(tmp_path):
    picture = Image.fromarray(np.arange(72, dtype=np.uint8).reshape(8, 9))
    picture.save(tmp_path / "lzw.tif", compression="tiff_lzw")
    try:
        _archives.read_tiff(tmp_path / "lzw.tif", "stack", 2)
    except ValueError as error:
        assert "install imagecodecs, or save it without compression" in str(error) and "complete" not in str(error)
    else:
        pytest.importorskip("imagecodecs")


@pytest.mark.parametrize(
    "array, words",
    [
        (
            np.full((8, 9), 7, np.uint32),
            r"uint32: must be uint8 or uint16; its values fit: save array.astype\(np.uint16\)",
        ),
        (np.full((8, 9), 7, np.int32), r"int32.*astype\(np.uint16\)"),
        (np.full((8, 9), 7, np.float32), r"float32.*astype\(np.uint16\)"),
        (np.full((8, 9), 70000, np.uint32), "its largest value is 70000: renumber ids 1, 2, .* as uint16"),
        (np.full((8, 9), 0.5, np.float32), "no whole numbers"),
        (np.full((8, 9), -1, np.int32), "no whole numbers from 0"),
    ],
)
def test_a_tiff_of_ids_in_another_type_gets_a_cure(array, words):
    with pytest.raises(ValueError, match=words):
        _archives.read_tiff(tiff(array), "ids", 2, (np.uint8, np.uint16))
