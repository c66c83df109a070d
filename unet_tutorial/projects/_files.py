"""Image files as arrays: TIFF, PNG and JPEG, with the bits that the file has, or not at all."""

import struct
import warnings
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg")
PNG = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPES = {2: "RGB", 4: "grey with alpha", 6: "RGBA"}  # of a PNG's header, those with several channels
ORIENTATION = 274  # the tag of EXIF by which a camera says that it was held askew


class Unreadable(ValueError):
    """A file cannot be read as it is; the message says why and what to do. It does not name the file."""


def read_pages(path: str | Path, mask: bool = False) -> list[np.ndarray]:
    """Read all pages of an image file.

    Parameters
    ----------
    path : str or Path
        TIFF (of one page or of many, also compressed by LZW), PNG or JPEG.
    mask : bool
        Of a file with a palette take the numbers, and not the colours that stand for them.

    Returns
    -------
    list of (H, W) or (H, W, C) arrays
        One for each page, or for each slice of a stack. bool becomes uint8; else the type of the file.

    Raises
    ------
    Unreadable
        The file is cut off or none of these, or no library here reads all of its bits: a PNG of 16 bits in several
        channels, which Pillow would cut to 8 bits without a word.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tifffile.imwrite(f"{folder}/stack.tif", np.full((3, 20, 30), 4095, np.uint16), photometric="minisblack")
    ...     pages = read_pages(f"{folder}/stack.tif")
    >>> len(pages), pages[0].shape, int(pages[0].max())
    (3, (20, 30), 4095)
    """
    path = Path(path)
    try:
        pages = _tiff(path) if path.suffix.lower() in (".tif", ".tiff") else _picture(path, mask)
    except Unreadable:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Unreadable(f"is too large to be read at once ({error}); cut it into pieces") from error
    except MemoryError:
        raise
    except Exception as error:  # libraries raise nearly anything at a broken file
        raise Unreadable(
            f"cannot be read ({type(error).__name__}: {_line(error)}); it is cut off, or not what its name says: "
            "export it anew as PNG or TIFF"
        ) from error
    if not pages or any(not page.size for page in pages):
        raise Unreadable("holds no pixel; export it anew")
    return [page.astype(np.uint8) if page.dtype == bool else page for page in pages]


def _tiff(path):
    try:
        with tifffile.TiffFile(path) as file:
            largest = max(file.series, key=lambda one: one.size)  # not the thumbnail that some writers add
            alike = [one for one in file.series if (one.shape, one.axes) == (largest.shape, largest.axes)]
            return [page for one in alike for page in _slices(one.asarray(), one.axes)]
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
    with Image.open(path) as file:  # LZW and the like, which tifffile reads only with a package more
        bits = set(np.atleast_1d(file.tag_v2.get(258, 1)).tolist())  # the tag BitsPerSample
        pages = [np.asarray(page) for page in ImageSequence.Iterator(file)]
    held = {1 if page.dtype == bool else 8 * page.dtype.itemsize for page in pages}
    if held != bits:
        raise Unreadable(
            f"has {max(bits)} bits in a form of compression that is read with {max(held)} bits only; save it without "
            "compression, or with the one called deflate or zip"
        )
    return pages


def _slices(stack, axes):
    """A stack by the names of its axes, as a list of (H, W) or (H, W, C) arrays."""
    if not {"Y", "X"} <= set(axes):
        raise Unreadable(f"has the axes {axes}, without rows and columns; save it as a plain TIFF")
    channels = [axis for axis in axes if axis in "SC"]
    if len(channels) > 1:
        raise Unreadable(f"has channels along two axes ({axes}); save one of them as a TIFF of its own")
    others = [axis for axis in axes if axis not in "YX" and axis not in channels]
    order = [axes.index(axis) for axis in (*others, "Y", "X", *channels)]
    stack = np.transpose(stack, order)
    last = stack.shape[len(others) :]
    return list(stack.reshape(-1, *last))


def _picture(path, mask):
    with open(path, "rb") as file:
        header = file.read(26)
    if header[:8] == PNG and len(header) == 26:
        bits, colours = struct.unpack(">BB", header[24:26])
        if bits == 16 and colours in COLOUR_TYPES:
            raise Unreadable(
                f"is a PNG of 16 bits with several channels ({COLOUR_TYPES[colours]}), which would be cut to 8 bits: "
                "save it as a TIFF, or one channel of it as a grey PNG of 16 bits"
            )
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(path) as file:
            if file.format not in ("PNG", "JPEG", "MPO"):
                raise UnidentifiedImageError(f"the file is a {file.format}")
            file.load()
            picture = file.convert("RGB") if file.mode in ("CMYK", "YCbCr") else file
            if file.getexif().get(ORIENTATION, 1) != 1:
                picture = ImageOps.exif_transpose(picture)
            if picture.mode == "P" and not mask:
                picture = picture.convert("RGBA" if "transparency" in picture.info else "RGB")
            array = np.asarray(picture)
    return [array.astype(np.uint16) if header[:8] == PNG and array.dtype == np.int32 else array]


def _line(error):
    """The first line of a library's message, without the path that a temporary folder may have lent it."""
    return (str(error).splitlines() or ["no reason given"])[0][:120]
