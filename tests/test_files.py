"""A file is written as a whole, or the old one stays."""

import pytest

from unet_tutorial._shared.files import whole


def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "deep/a.txt"
    with whole(path) as file:
        file.write("old")
    with pytest.raises(OSError, match="full"), whole(path) as file:
        file.write("half of the new")
        file.flush()
        assert path.read_text() == "old"  # until all is there
        raise OSError("full")
    assert path.read_text() == "old" and [one.name for one in path.parent.iterdir()] == ["a.txt"]


def test_text_is_utf_8_with_plain_ends_of_lines_whatever_the_locale(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    with whole(tmp_path / "a.txt") as file:
        file.write("\u03c3\n")
    assert (tmp_path / "a.txt").read_bytes() == b"\xcf\x83\n"


def test_bytes_and_the_home_folder(tmp_path, monkeypatch):
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    with whole("~/b.bin", "wb") as file:
        file.write(b"\r\n")
    assert (tmp_path / "b.bin").read_bytes() == b"\r\n"
