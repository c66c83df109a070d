"""What counts as an image, a label or an instance map: one place for the rules and their messages."""

import numbers

import numpy as np


def as_size(value, name="size", minimum=1):
    """Return `value` as an int, or raise ValueError unless it is a whole number of at least `minimum`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral) or value < minimum:
        raise ValueError(f"{name} {value!r}: must be a whole number of at least {minimum}")
    return int(value)


def as_positive(value, name, zero=True):
    """Return `value` as a float, or raise ValueError unless it is finite and not negative (or zero)."""
    if (isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real) or not np.isfinite(value)
            or value < 0 or (value == 0 and not zero)):
        raise ValueError(f"{name} {value!r}: must be a finite number {'>= 0' if zero else '> 0'}")
    return float(value)


def as_image(image, name="image", grey=False):
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
    image = np.asarray(image)
    if not np.issubdtype(image.dtype, np.floating):
        raise ValueError(f"{name} of dtype {image.dtype}: must be float in 0..1; divide uint8 grey values by 255")
    if image.ndim != 2 and (grey or image.ndim != 3):
        wanted = "(H, W); take one channel or the mean over channels" if grey else "(H, W) or (H, W, C)"
        raise ValueError(f"{name} of shape {image.shape}: must be {wanted}")
    _refuse_empty(image, name)
    if not np.isfinite(image).all():
        raise ValueError(f"{name}: holds {int((~np.isfinite(image)).sum())} values that are NaN or infinite; "
                         "replace them before use")
    return image.astype(np.float32, copy=False)


def as_label(label, name="label"):
    """Return an (H, W) uint8 label of 0 (membrane, background) and 1 (cell), or raise ValueError."""
    label = np.asarray(label)
    if label.dtype != bool and not np.issubdtype(label.dtype, np.integer):
        raise ValueError(f"{name} of dtype {label.dtype}: must be integer with 0 = membrane or background, 1 = cell")
    if label.ndim != 2:
        raise ValueError(f"{name} of shape {label.shape}: must be (H, W)")
    _refuse_empty(label, name)
    if label.min() < 0 or label.max() > 1:
        found = np.unique(label)[:5].tolist()
        raise ValueError(f"{name}: holds values {found}; only 0 and 1 are allowed (turn 0/255 into 0/1 with label > 0)")
    return label.astype(np.uint8, copy=False)


def as_cells(cells, name="cells"):
    """Return an (H, W) integer map of instance ids (0 = background), or raise ValueError."""
    cells = np.asarray(cells)
    if not np.issubdtype(cells.dtype, np.integer):
        raise ValueError(f"{name} of dtype {cells.dtype}: must be integer instance ids, 0 = background")
    if cells.ndim != 2:
        raise ValueError(f"{name} of shape {cells.shape}: must be (H, W)")
    _refuse_empty(cells, name)
    if cells.min() < 0:
        raise ValueError(f"{name}: holds the negative id {int(cells.min())}; ids start at 1, 0 is background")
    return cells


def same_shape(first, second, names=("image", "label")):
    """Raise ValueError unless both arrays have the same height and width."""
    if first.shape[:2] != second.shape[:2]:
        raise ValueError(f"{names[0]} of shape {first.shape} and {names[1]} of shape {second.shape}: "
                         "heights and widths must be equal")


def _refuse_empty(array, name):
    if array.size == 0:
        raise ValueError(f"{name} of shape {array.shape}: holds no pixel")
