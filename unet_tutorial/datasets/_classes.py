"""Class numbers as label files hold them, and as the package wants them: the one place where 255 is not labelled."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._shared.checks import UNLABELLED, as_array, as_size, warn

IN_FILES = 255  # not labelled, in masks of 8 bits: these hold no -1


def class_labels(masks: ArrayLike, classes: int) -> NDArray[np.int32]:
    """Class numbers from the masks of label files: 255 becomes -1, `UNLABELLED`.

    A mask of 8 bits has no place for -1, so that label files name pixels that nobody labelled by 255. Here, and nowhere
    else in the package, that number is understood: batches, weights, losses and scores know -1 only, and refuse 255.

    Parameters
    ----------
    masks : (H, W) or (N, H, W) int array
        0 to K - 1, and 255 where nothing is labelled.
    classes : int
        K, 2 to 255.

    Returns
    -------
    int32 array, shape of `masks`
        0 to K - 1, and -1.

    Raises
    ------
    ValueError
        `masks` is not such an array, or holds another number; `classes` is out of its range.

    Warns
    -----
    UserWarning
        `masks` hold 0 and 255 alone: probably a mask of two classes, whose 255 means cell.

    Examples
    --------
    >>> class_labels(np.array([[0, 2, 255]], np.uint8), classes=3).tolist()
    [[0, 2, -1]]
    """
    masks, classes = as_array(masks, "masks"), as_size(classes, "classes", 2)
    if classes > IN_FILES:
        raise ValueError(f"classes {classes}: at most {IN_FILES}, since {IN_FILES} means not labelled")
    if not np.issubdtype(masks.dtype, np.integer) or masks.ndim not in (2, 3) or masks.size == 0:
        raise ValueError(
            f"masks of dtype {masks.dtype} and shape {masks.shape}: must be integers, (H, W) or (N, H, W), not empty"
        )
    hidden = masks == IN_FILES
    wrong = masks[~hidden & ((masks < 0) | (masks >= classes))]
    if wrong.size:
        raise ValueError(
            f"masks: hold the class {int(wrong[0])}; must be in 0..{classes - 1}, or {IN_FILES} where nothing is "
            "labelled, so renumber the classes or give more of them, classes=..."
        )
    if hidden.any() and not masks[~hidden].any():
        warn(
            f"masks: hold 0 and {IN_FILES} alone, so that 0 is the only class; if {IN_FILES} is meant as cell, turn it "
            "into 1 with (masks > 0).astype(np.uint8)"
        )
    return np.where(hidden, np.int32(UNLABELLED), masks.astype(np.int32))
