"""What counts as an image, a label or an instance map: one place for the rules and their messages.

What cannot be right raises ValueError. What can be right but probably is not gives a UserWarning that points at the
first line outside the package.
"""

import contextlib
import contextvars
import math
import numbers
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

ROUNDING = 1e-6  # how far rounding may carry a grey value or a probability out of 0..1
DEPTHS = ((8, 255), (12, 4095), (16, 65535))  # bits of a grey value and the largest one
UNLABELLED = -1  # in a map of ids or of classes: nobody has said what is there; it has no weight and no score
SMALL = 10  # px: instance ids with a smaller median are no cells
HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep  # the package

_trusted = contextvars.ContextVar("trusted", default=False)


@contextlib.contextmanager
def trusted() -> Iterator[None]:
    """Within, nothing is checked for what is plausible but wrong: the package works on what it has checked or made."""
    token = _trusted.set(True)
    try:
        yield
    finally:
        _trusted.reset(token)


def warn(message: str) -> None:
    """Give a UserWarning that names the first line outside the package, unless the input is `trusted`."""
    if _trusted.get():
        return
    level = 1
    frame: FrameType | None = sys._getframe()
    while frame and frame.f_code.co_filename.startswith(HERE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=level)


def as_size(value: Any, name: str = "size", minimum: int = 1) -> int:
    """Return `value` as an int, or raise ValueError unless it is a whole number of at least `minimum`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral) or value < minimum:
        raise ValueError(f"{name} {value!r}: must be a whole number of at least {minimum}")
    return int(value)


def as_positive(value: Any, name: str, zero: bool = True) -> float:
    """Return `value` as a float, or raise ValueError unless it is finite and not negative (or zero)."""
    if (
        isinstance(value, (bool, np.bool_))
        or not isinstance(value, numbers.Real)
        or not math.isfinite(value)
        or value < 0
        or (value == 0 and not zero)
    ):
        raise ValueError(f"{name} {value!r}: must be a finite number {'>= 0' if zero else '> 0'}")
    return float(value)


def as_array(values: Any, name: str) -> np.ndarray:
    """Return `values` as an array, or raise ValueError that names the shapes where they do not fit into one."""
    try:
        return np.asarray(values)
    except ValueError:
        shapes = ", ".join(str(np.shape(one)) for one in values[:5])
        raise ValueError(
            f"{name} of the shapes {shapes}: make no single array; give those of different sizes one at a time"
        ) from None


def as_slices(stack: ArrayLike | Sequence[ArrayLike], name: str, channels: int = 1) -> list[np.ndarray]:
    """Return a stack as a list of its slices: an array of slices as it is, or a list of slices of any sizes.

    A slice is (H, W), or (H, W, C) where there are several `channels`.
    """
    if isinstance(stack, (list, tuple)) and stack:
        return [as_array(one, f"{name}[{index}]") for index, one in enumerate(stack)]
    stack = np.asarray(stack)
    axes = 3 if channels == 1 else 4
    if stack.ndim != axes or not len(stack):
        one = f"; of one slice make a stack with {name}[np.newaxis]"
        cure = one if stack.ndim == axes - 1 else shape_cure(stack.shape[1:]) if axes == 3 else ""
        raise ValueError(
            f"{name} of shape {stack.shape}: must be {'(N, H, W)' if axes == 3 else f'(N, H, W, {channels})'} with at "
            f"least one slice, or a list of slices{cure}"
        )
    return list(stack)


def as_image(image: ArrayLike, name: str = "image", grey: bool = False) -> NDArray[np.float32]:
    """Return a finite float32 image of shape (H, W) or (H, W, C), or raise ValueError.

    Parameters
    ----------
    image : (H, W) or (H, W, C) float array
        Grey values in 0..1 by convention. Integers are refused: divide uint8 by 255 first.
    name : str
        What to call it in the message.
    grey : bool
        Refuse everything but (H, W).
    """
    image = as_array(image, name)
    if not np.issubdtype(image.dtype, np.floating):
        raise ValueError(f"{name} of dtype {image.dtype}: must be float in 0..1{_scaling(image)}")
    if image.ndim != 2 and (grey or image.ndim != 3):
        raise ValueError(
            f"{name} of shape {image.shape}: must be {'(H, W)' if grey else '(H, W) or (H, W, C)'}"
            f"{shape_cure(image.shape, name)}"
        )
    _refuse_empty(image, name)
    if not np.isfinite(image).all():
        raise ValueError(
            f"{name}: holds {int((~np.isfinite(image)).sum())} values that are NaN or infinite; replace them before use"
        )
    return image.astype(np.float32, copy=False)


def as_grey_values(image: ArrayLike, name: str = "image", grey: bool = False) -> NDArray[np.float32]:
    """Return an image as `as_image` does, or raise ValueError unless its values lie in 0..1 (see `within_one`).

    Within `trusted` they may lie anywhere: a spline overshoots.
    """
    image = as_image(image, name, grey)
    return image if _trusted.get() else within_one(image, name)


def within_one(values: np.ndarray, name: str, rule: str = "must be in 0..1", cure: str | None = None) -> np.ndarray:
    """Return values that lie in 0..1, or raise ValueError.

    Up to 1e-6 outside is taken for rounding and set to 0 or 1.

    Parameters
    ----------
    values : float array, not empty
    name, rule : str
        What to call them in the message, and what they must be.
    cure : str, optional
        The way out. That of grey values unless given, which depends on the range.
    """
    low, high = values.min(), values.max()
    if low < -ROUNDING or high > 1 + ROUNDING:
        raise ValueError(
            f"{name}: holds values from {spelled(low)} to {spelled(high)}; {rule}; {cure or _rescaling(low, high)}"
        )
    return values if low >= 0 and high <= 1 else values.clip(0, 1)


def as_label(label: ArrayLike, name: str = "label") -> NDArray[np.uint8]:
    """Return an (H, W) uint8 label of 0 (membrane, background) and 1 (cell), or raise ValueError."""
    label = as_array(label, name)
    if label.dtype != bool and not np.issubdtype(label.dtype, np.integer):
        raise ValueError(
            f"{name} of dtype {label.dtype}: must be integer with 0 = membrane or background, 1 = cell; "
            "of probabilities or grey values take those above a threshold, label > 0.5"
        )
    _refuse_other_axes(label, name)
    _refuse_empty(label, name)
    if label.min() < 0 or label.max() > 1:
        values = np.unique(label)
        cure = (
            "turn a mask with grey edges into 0/1 with label > 127"
            if values[-1] == 255 and len(values) > 2
            else "turn 0/255 or instance ids into 0/1 with label > 0"
        )
        raise ValueError(
            f"{name}: holds values {values[:5].tolist()}{f' to {values[-1]}' if len(values) > 5 else ''}; "
            f"only 0 and 1 are allowed ({cure})"
        )
    return label.astype(np.uint8, copy=False)


def as_classes(labels: ArrayLike, name: str, classes: int, unlabelled: bool = False) -> NDArray[np.integer]:
    """Return an (H, W) integer map of classes 0..`classes` - 1, or raise ValueError.

    With `unlabelled`, pixels may be UNLABELLED too.
    """
    labels = as_array(labels, name)
    if not np.issubdtype(labels.dtype, np.integer):
        cure = (
            "turn True and False into 1 and 0 with .astype(np.uint8)"
            if labels.dtype == bool
            else "of probabilities take the likeliest class, output.argmax(axis=-1)"
        )
        raise ValueError(f"{name} of dtype {labels.dtype}: must be integer classes 0..{classes - 1}; {cure}")
    if labels.ndim != 2 or labels.size == 0:
        raise ValueError(
            f"{name} of shape {labels.shape}: must be (H, W), and not empty{shape_cure(labels.shape, name, mask=True)}"
        )
    wrong = labels[(labels < (UNLABELLED if unlabelled else 0)) | (labels >= classes)]
    if wrong.size:
        cure = "so renumber the classes or give more of them, classes=..."
        if unlabelled and wrong.max() == 255:
            cure = f"or {UNLABELLED} where nothing is labelled: datasets.class_labels turns the 255 of a file into it"
        raise ValueError(f"{name}: holds the class {int(wrong[0])}; must be in 0..{classes - 1}, {cure}")
    return labels


def as_cells(cells: ArrayLike, name: str = "cells", unlabelled: bool = False) -> NDArray[np.integer]:
    """Return an (H, W) integer map of instance ids (0 = background), or raise ValueError.

    With `unlabelled`, pixels may be UNLABELLED too.

    Warns of a uint8 map that is probably a mask with grey edges: it holds 255, and the median of its ids covers fewer
    than 10 px, or most pixels of the median id have no neighbour of the same id.
    """
    cells = as_array(cells, name)
    if not np.issubdtype(cells.dtype, np.integer):
        cure = (
            f"number the cells of a mask with scipy.ndimage.label({name})[0]"
            if cells.dtype == bool
            else f"if they are whole numbers, {name}.astype(np.int32)"
        )
        raise ValueError(f"{name} of dtype {cells.dtype}: must be integer instance ids, 0 = background; {cure}")
    _refuse_other_axes(cells, name)
    _refuse_empty(cells, name)
    if cells.min() < (UNLABELLED if unlabelled else 0):
        other = f", {UNLABELLED} is not labelled" if unlabelled else ""
        raise ValueError(f"{name}: holds the negative id {int(cells.min())}; ids start at 1, 0 is background{other}")
    if cells.dtype == np.uint8 and cells.max() == 255 and not _trusted.get():
        _warn_of_grey_edges(cells, name)
    return cells


def one_id_for_all(cells: np.ndarray) -> bool:
    """Whether a map holds the id 1, or 255, alone, on pieces that touch nowhere: probably a label in place of ids."""
    largest = cells.max()
    return (
        largest in (1, 255)
        and bool(((cells == 0) | (cells == largest)).all())
        and ndimage.label(cells > 0, np.ones((3, 3)))[1] > 1
    )


def same_shape(first: np.ndarray, second: np.ndarray, names: tuple[str, str] = ("image", "label")) -> None:
    """Raise ValueError unless both arrays have the same height and width."""
    if first.shape[:2] != second.shape[:2]:
        raise ValueError(
            f"{names[0]} of shape {first.shape} and {names[1]} of shape {second.shape}: "
            "heights and widths must be equal"
        )


def shape_cure(shape: tuple[int, ...], name: str = "image", mask: bool = False) -> str:
    """What an array that is not (H, W) probably is, and how to come to (H, W): the end of a message, or nothing."""
    if len(shape) == 4:
        return f"; a batch or a stack? give one at a time, {name}[0]"
    if len(shape) != 3:
        return ""
    first, height, channels = shape
    if channels in (2, 3, 4):
        kind = {2: "grey + alpha", 3: "RGB", 4: "RGBA"}[channels]
        if mask or channels == 2:
            wanted = "ids or labels are" if mask else "grey is"
            return f"; {kind} where {wanted} expected: take one channel, {name}[..., 0]"
        without = " of the first three, without alpha" if channels == 4 else ""
        return (
            f"; {kind} where grey is expected: take one channel or the mean over channels{without}, "
            f"{name}[..., :3].mean(axis=-1)"
        )
    if channels == 1:
        return f"; take one channel, {name}[..., 0]"
    if first in (1, 2, 3, 4):
        return f"; channels first, or a stack? take one channel or one slice, {name}[0]"
    if first == height != channels:
        return f"; {channels} channels where one is expected: take one channel, {name}[..., 0]"
    return f"; a stack of {first} slices? give one at a time, {name}[0]"


def _scaling(image):
    """How to turn an image that is not float into one in 0..1."""
    dtype = image.dtype
    if dtype == np.bool_:
        return "; turn True and False into 1 and 0 with .astype(np.float32)"
    if not np.issubdtype(dtype, np.integer):
        return ""
    if dtype == np.uint8:
        return "; divide uint8 grey values by 255"
    largest = f" (the largest here is {int(image.max())})" if image.size else ""
    if dtype == np.uint16:
        return (
            "; divide uint16 grey values by 65535, or by the largest value that the camera gives, 4095 for 12 bits"
            + largest
        )
    return (
        f"; divide {dtype} grey values by the largest value that the camera gives, 255 for 8 bits, 4095 for 12, "
        f"65535 for 16{largest}"
    )


def _rescaling(low, high):
    """How to bring grey values from `low` to `high` into 0..1."""
    if low >= -0.25 and high <= 1.25:
        return "where interpolation or noise went too far, np.clip(image, 0, 1)"
    if low < 0:
        return (
            "turn -1..1 into 0..1 with (image + 1) / 2; where mean 0 and standard deviation 1 were made, leave "
            "that step out"
        )
    for bits, largest in DEPTHS:
        if high <= largest * (1 + ROUNDING):
            return f"divide {bits}-bit grey values by {largest}"
    return "divide by the largest value that the camera gives"


def spelled(value: Any) -> str:
    """The fewest digits that name a number: 1.0000021 stays so, 200.0 becomes 200."""
    short = f"{value:g}"
    return short if type(value)(short) == value else str(value)


def _warn_of_grey_edges(cells, name):
    """Ids of a real map are patches; the grey values along the edge of a mask are single pixels."""
    held = np.zeros(cells.shape, bool)  # has a neighbour of the same value
    down, right = cells[1:] == cells[:-1], cells[:, 1:] == cells[:, :-1]
    for part, equal in ((held[1:], down), (held[:-1], down), (held[:, 1:], right), (held[:, :-1], right)):
        part |= equal
    sizes, kept = (np.bincount(values, minlength=256)[1:] for values in (cells.ravel(), cells[held]))
    present = sizes > 0
    median = np.median(sizes[present])
    if median < SMALL or np.median(kept[present] / sizes[present]) < 0.5:
        warn(
            f"{name}: holds {present.sum()} uint8 values up to 255 with a median of {median:g} px each, probably a "
            f"mask with grey edges and not instance ids; number its cells with scipy.ndimage.label({name} > 127)[0]"
        )


def _refuse_other_axes(array, name):
    if array.ndim != 2:
        raise ValueError(f"{name} of shape {array.shape}: must be (H, W){shape_cure(array.shape, name, mask=True)}")


def _refuse_empty(array, name):
    if array.size == 0:
        raise ValueError(f"{name} of shape {array.shape}: holds no pixel")
