"""What a mask is taken for, and the instance ids that follow: said with its reason, and to be set where it is wrong."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .._shared.checks import spelled

KINDS = {
    "label": "one value for all objects: each piece that touches no other is one object",
    "ids": "one value for each object",
    "values": "a few values, used again for objects that do not touch: each piece of one value is one object",
    "colours": "one colour for each object; each piece of one colour is one object",
    "edges": "black and white with grey edges: object where a pixel is brighter than half",
    "objects": "a file for each object",
}
EDGES = 0.9  # of the pixels of a black and white mask are black or white; the rest are its edges
REUSED = 1.5  # pieces to one id: more, and the values were used again
EIGHT = np.ones((3, 3), int)
MANY = 16  # values: more, in pieces as small as that, are a photograph
TINY = 3  # px: pieces as small are slips of the brush, and count for no kind
LARGEST = 65535


class Unusable(ValueError):
    """A mask cannot be what it is taken for; the message says why and what to do. It does not name the file."""


class Kind(NamedTuple):
    """What masks are taken for, a key of `KINDS`, and why."""

    name: str
    reason: str


def kind_of(masks: Sequence[np.ndarray]) -> Kind:
    """What the masks of a folder are, from all of them together: a mask with one object says little.

    Parameters
    ----------
    masks : sequence of (H, W) or (H, W, C) arrays

    Returns
    -------
    Kind

    Raises
    ------
    Unusable
        They are photographs, or hold what is no mask.

    Examples
    --------
    >>> kind_of([np.uint8([[0, 255, 255, 0], [0, 0, 0, 255]])]).name
    'label'
    >>> kind_of([np.uint8([[0, 1, 1, 2, 2]] * 3)])
    Kind(name='ids', reason='2 values in 2 pieces, the largest 2')
    """
    if any(_coloured(mask) for mask in masks):
        colours = max(len(np.unique(flat(mask))) - 1 for mask in masks)
        if colours == 1:
            return Kind("label", "one colour beside the background")
        return Kind("colours", f"up to {colours} colours in a file")
    grey = [_grey(mask) for mask in masks]
    values = np.unique(np.concatenate([np.unique(mask) for mask in grey]))
    if len(values) <= 2 and (values[0] == 0 or len(values) == 1):
        return Kind("label", f"no value but {' and '.join(spelled(value) for value in values.tolist())}")
    if not _whole(values):
        return _edges(grey, values) or _refuse_fractions(values)
    edges = _edges(grey, values)
    if edges:
        return edges
    counts = [_pieces(mask) for mask in grey]
    ids, pieces, scraps, pixels = (sum(count[place] for count in counts) for place in range(4))
    if len(values) > MANY and pixels < TINY * scraps:
        raise Unusable(
            f"holds {len(values)} grey values in {scraps} pieces, as a photograph does; put the masks into `masks` and "
            "the images into `images`"
        )
    reason = f"{ids} values in {pieces} pieces, the largest {int(values[-1])}"
    return Kind("values" if ids > 1 and pieces > REUSED * ids else "ids", reason)


def to_ids(mask: np.ndarray, kind: str, ignore: int | None = None) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Instance ids of one mask, numbered from 1, and where it is not labelled.

    Parameters
    ----------
    mask : (H, W) or (H, W, C) array
    kind : str
        A key of `KINDS`.
    ignore : int, optional
        The value that says "not labelled". Of a mask in colours it is compared with the mean over the channels.

    Returns
    -------
    ids : (H, W) int32 array
        0 is background, and what is not labelled.
    ignored : (H, W) bool array

    Raises
    ------
    Unusable
        The mask breaks the rule of its kind.

    Examples
    --------
    >>> to_ids(np.uint8([[0, 255, 0, 255, 128]]), "label", ignore=128)[0].tolist()
    [[0, 1, 0, 2, 0]]
    >>> black, red, green = [0, 0, 0], [255, 0, 0], [0, 255, 0]
    >>> to_ids(np.uint8([[red, red, green, black, red]]), "colours")[0].tolist()
    [[1, 1, 2, 0, 3]]
    """
    plain = _grey(mask) if kind != "colours" else None
    ignored = np.zeros(mask.shape[:2], bool)
    if ignore is not None:
        ignored = (mask.astype(float).mean(axis=-1) if mask.ndim == 3 else mask) == ignore
    if plain is None:
        values = np.where(ignored, 0, flat(mask))
        return _numbered(values), ignored
    if not np.isfinite(plain).all():
        raise Unusable("holds NaN or infinite values; write 0 there, or a value of its own and name it by --ignore")
    if plain.min() < 0:
        raise Unusable(
            f"holds the negative value {spelled(plain.min().item())}; ids begin at 1 and 0 is background: name it by "
            "--ignore if it says where nothing was labelled, or add to all"
        )
    plain = np.where(ignored, 0, plain)
    if kind in ("label", "edges", "objects"):
        border = plain.max() / 2 if kind == "edges" else 0
        return ndimage.label(plain > border)[0].astype(np.int32), ignored
    if not _whole(plain):
        _refuse_fractions(np.unique(plain))
    if kind == "values":
        return _numbered(plain), ignored
    numbers = np.unique(plain, return_inverse=True)[1].reshape(plain.shape)
    return (numbers + (plain.min() > 0)).astype(np.int32), ignored


def joined(masks: Sequence[np.ndarray]) -> tuple[NDArray[np.int32], int]:
    """Instance ids from a file for each object, and how many pixels two of them claim: the later file has them.

    Examples
    --------
    >>> ids, claimed = joined([np.uint8([[255, 255, 0]]), np.uint8([[0, 255, 255]])])
    >>> ids.tolist(), claimed
    ([[1, 2, 2]], 1)
    """
    shapes = sorted({mask.shape[:2] for mask in masks})
    if len(shapes) > 1:
        raise Unusable(f"holds masks of {shapes[0]} and of {shapes[1]} px; each must have the size of the image")
    ids, claimed = np.zeros(shapes[0], np.int32), 0
    for number, mask in enumerate(masks, 1):
        plain = _grey(mask) if not _coloured(mask) else flat(mask)
        here = plain > plain.max() / 2
        claimed += int((here & (ids > 0)).sum())
        ids[here] = number
    return ids, claimed


def odd_values(mask: np.ndarray) -> dict[int, int]:
    """Values of a mask that should be black and white but is not quite: value to number of pixels, at most five.

    Examples
    --------
    >>> odd_values(np.uint8([[0, 255, 255, 254]]))
    {254: 1}
    """
    values, counts = np.unique(_grey(mask), return_counts=True)
    inner = {int(value): int(count) for value, count in zip(values[1:-1], counts[1:-1])}
    return dict(sorted(inner.items(), key=lambda pair: -pair[1])[:5])


def flat(mask: np.ndarray) -> NDArray[np.int64]:
    """A number for each colour of an (H, W, C) mask, 0 for the background: transparent, or black, or the commonest."""
    array = mask.astype(np.int64)
    colour = array[..., 0]
    for channel in range(1, min(array.shape[-1], 3)):
        colour = colour * (array.max() + 1) + array[..., channel]
    clear = array[..., 3] == 0 if array.shape[-1] == 4 else np.zeros(colour.shape, bool)
    if clear.any():
        return np.where(clear, 0, colour + 1)
    if (colour == 0).any():
        return colour
    values, counts = np.unique(colour, return_counts=True)
    return np.where(colour == values[counts.argmax()], 0, colour)


def _coloured(mask):
    """Whether the channels of a mask say more than one of them alone."""
    if mask.ndim == 2:
        return False
    several = mask.shape[-1] >= 3 and any(
        (mask[..., 0] != mask[..., channel]).any() for channel in range(1, min(mask.shape[-1], 3))
    )
    return several or (mask.shape[-1] == 4 and bool((mask[..., 3] == 0).any()))


def _grey(mask):
    return mask if mask.ndim == 2 else mask[..., 0] if not _coloured(mask) else flat(mask)


def _whole(values):
    return np.issubdtype(values.dtype, np.integer) or bool((np.isfinite(values) & (values == np.round(values))).all())


def _edges(masks, values):
    """The kind "edges" where most pixels are black or white and the others lie between, as in a JPEG."""
    largest = values[-1]
    whole = largest == 255 or not _whole(values)
    if not whole or len(values) < 3 or not np.isfinite(values).all():
        return None
    margin = 0.1 * largest
    ends = sum(int(((mask <= margin) | (mask >= largest - margin)).sum()) for mask in masks)
    part = ends / sum(mask.size for mask in masks)
    white = sum(int((mask >= largest - margin).sum()) for mask in masks)
    dark = sum(int(((mask > 0) & (mask <= margin)).sum()) for mask in masks)
    middle = sum(int((mask > 0).sum()) for mask in masks) - white - dark
    if part < EDGES or white < middle:
        return None
    rest = sum(int(((mask > 0) & (mask < largest)).sum()) for mask in masks)
    return Kind(
        "edges", f"{rest} of {sum(mask.size for mask in masks)} pixels lie between 0 and {spelled(largest.item())}"
    )


def _pieces(mask):
    """Numbers of ids and of the pieces that they make, without slips of the brush; of all pieces, of pixels."""
    ids, values = _numbered(mask), mask.ravel()
    sizes = np.bincount(ids.ravel())
    kept = np.flatnonzero(sizes > TINY)
    kept = kept[kept > 0]
    first = np.unique(ids, return_index=True)
    value = dict(zip(first[0].tolist(), values[first[1]].tolist()))
    return len({value[number] for number in kept.tolist()}), len(kept), len(sizes) - 1, int(sizes[1:].sum())


def _numbered(values):
    """Pieces of one value, numbered: two values may touch, and one value may come again."""
    ids = np.zeros(values.shape, np.int32)
    padded = np.where(values == 0, 0, values)
    changes_down, changes_right = padded[1:] != padded[:-1], padded[:, 1:] != padded[:, :-1]
    fine = np.zeros((2 * values.shape[0] - 1, 2 * values.shape[1] - 1), bool)  # pixels, and the seams between them
    fine[::2, ::2] = padded != 0
    fine[1::2, ::2] = ~changes_down & (padded[1:] != 0)
    fine[::2, 1::2] = ~changes_right & (padded[:, 1:] != 0)
    ids[:] = ndimage.label(fine)[0][::2, ::2]
    return ids


def _refuse_fractions(values):
    raise Unusable(
        f"holds {len(values)} values from {spelled(values[0].item())} to {spelled(values[-1].item())} that are not all "
        "whole numbers; save a mask as whole numbers, or probabilities as 0 and 1 above a threshold"
    )
