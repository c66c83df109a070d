"""Checks of the assignment *Tiling and metrics*: mirror padding, tiles in phase, and two errors of the challenge."""

import functools
from itertools import chain, combinations, product

import numpy as np

from ..rounding import rounding_bound
from . import FINE, Mistake, again, check, law

NEAR = (((5, 7), 2), ((6, 4), 3), ((9, 8), 5))
FAR = (((5, 7), 8), ((4, 6), 6), ((3, 2), 11))
FITTING = ((18, 26), (26, 10), (34, 18))
ANY = ((23, 31), (16, 25), (7, 12), (30, 20))
IDS = (((9, 7), range(5), range(8), "int64"), ((6, 11), range(7), range(3), "int64"))
CELLS = (((14, 19), (0.8, "bool"), (0.5, "bool")), ((12, 17), (0.5, "int64"), (0.7, "int64")))
BLANK = (
    ((4, 6), (0, "bool"), (0, "bool")),
    ((4, 6), (0, "bool"), (0.6, "bool")),
    ((7, 5), (0.6, "int64"), (0, "int64")),
    ((13, 16), (0.8, "bool"), (0.6, "bool")),
)
KERNEL = np.array([[0.1, -0.3, 0.2], [0.4, 0.6, -0.2], [-0.5, 0.3, 0.25]])


def mirror_pad(function, seed=None, cases=NEAR):
    """Check `mirror_pad(image, margin)`: (H, W) to (H + 2 margin, W + 2 margin), the edge pixel not repeated."""
    rng = np.random.default_rng(seed)

    def pads(hint, *widths, mode="reflect"):
        return [Mistake(hint, lambda image, m, width=width: np.pad(image, width(m), mode=mode)) for width in widths]

    check(
        function,
        _mirror_pad,
        [(rng.normal(size=shape), margin) for shape, margin in again(cases)],
        (
            *pads("the edge pixel is repeated; the mirror must stand on it.", lambda m: m, mode="symmetric"),
            *pads("the image is surrounded by zeros, not by its mirror image.", lambda m: m, mode="constant"),
            *pads("the value at the edge is repeated outwards; the image must be mirrored.", lambda m: m, mode="edge"),
            *pads(
                "the image begins again at its other side (wrap-around); it must be mirrored.", lambda m: m, mode="wrap"
            ),
            *pads("only one axis is padded.", lambda m: ((m, m), (0, 0)), lambda m: ((0, 0), (m, m))),
            *pads(
                "`margin` pixels are added in all, not on each side.", lambda m: m // 2, lambda m: (m // 2, m - m // 2)
            ),
            *pads("only one end of each axis is padded.", lambda m: (0, m), lambda m: (m, 0)),
            Mistake(
                "the mirroring stops after one mirror image; with a large margin it must go on.",
                lambda image, m: np.pad(image, [(min(m, side - 1),) * 2 for side in image.shape], "reflect"),
            ),
            Mistake(
                "positions are folded back once at each edge; with a large margin some are still outside after that.",
                lambda image, m: image[np.ix_(*(n - abs(n - 1 - abs(np.arange(-m, n + m))) - 1 for n in image.shape))],
            ),
        ),
        tolerance=rounding_bound(terms=1),
    )  # grey values are copied: at most to float32


def predict_tiled(function, seed=None, shapes=ANY, network=None):
    """Check `predict_tiled(image, network, out, margin, stride, mirror_pad)`: stitched equals whole."""
    rng, network = np.random.default_rng(seed), network or pools_by_4
    sizes = {pools_by_4: (10, 5, 4), pools_by_4_narrow: (6, 5, 4), pools_by_8: (12, 10, 8)}[network]
    called = []

    def mirror_pad(image, margin):
        called.append(margin)
        return _mirror_pad(image, margin)

    cases = [(rng.normal(size=shape), network, *sizes, mirror_pad) for shape in again(shapes)]
    check(
        function,
        _predict_tiled,
        cases,
        [Mistake(hint, functools.partial(_tiled, **options)) for hint, options in _tiling_mistakes()],
        tolerance=FINE,
    )
    law(
        called,
        "predict_tiled: the values are right, but the argument `mirror_pad` is never called",
        "another padding is called in its place, for example your own or NumPy's.",
    )


def contingency(function, seed=None, cases=IDS):
    """Check `contingency(segments, truth)`: two (H, W) arrays of ids to the numbers of pixels that share both."""
    rng = np.random.default_rng(seed)
    cases = [
        (_ids(rng, shape, rows, kind), _ids(rng, shape, columns, kind)) for shape, rows, columns, kind in again(cases)
    ]
    check(
        function,
        _contingency,
        cases,
        (
            Mistake(
                "the table is transposed: rows are segments, columns are true cells.", lambda s, t: _contingency(t, s)
            ),
            *(
                Mistake(
                    "id 0 is left out; row 0 and column 0 are its place.", lambda s, t, at=at: _contingency(s, t)[at]
                )
                for at in (np.s_[1:, 1:], np.s_[:, 1:], np.s_[1:])
            ),
            Mistake(
                "each pair is counted once at most. Where an index comes up several times, `table[rows, columns] += 1` "
                "adds 1 only once.",
                lambda s, t: _contingency(s, t) > 0,
            ),
            Mistake("these are shares; the table holds numbers of pixels.", lambda s, t: _contingency(s, t) / s.size),
            Mistake(
                "ids that no pixel has are left out, so the others move up: row i must be id i.",
                lambda s, t: _contingency(*(np.searchsorted(np.unique(ids), ids) for ids in (s, t))),
            ),
            Mistake(
                "the bins begin at the smallest id that occurs, not at 0.",
                lambda s, t: np.histogram2d(s.ravel(), t.ravel(), (int(s.max()) + 1, int(t.max()) + 1))[0],
            ),
            Mistake(
                "the ids are small integers (uint8); a product or sum of them is too large for that type.", _wrapped
            ),
        ),
        tolerance=rounding_bound(terms=1),
    )  # pixels are counted


def rand_error(function, seed=None, shapes=((4, 3), (3, 5), (6, 4)), special=False):
    """Check `rand_error(table)`: 1 - F of the pairs of pixels.

    With `special`, one table has no pixel in row 0, one nothing but row 0, some the counts of a large slice, and
    their integers have several types.
    """
    rng = np.random.default_rng(seed)
    tables = [rng.integers(1, 20, shape) for shape in again(shapes)]
    if special:
        tables[0][0], tables[1], tables[2] = 0, tables[1][:1], 5000 * tables[2]
        tables += [tables[2].astype(np.int32), (3000 * tables[3]).astype(np.uint16)]
        tables.append(rng.integers(1, 20, shapes[0]).astype(np.uint8))
    check(
        function,
        _rand_error,
        [(table,) for table in tables],
        [
            *(Mistake(hint, functools.partial(_rand_error, **options)) for hint, options in _rand_mistakes()),
            Mistake(
                "squares and sums are computed in the table's own type of integers, which is too small for them.",
                lambda table: _rand_error(table, kind=table.dtype),
            ),
        ],
        tolerance=rounding_bound(max(table.size for table in tables)),
    )


def pixel_error(function, seed=None, cases=CELLS):
    """Check `pixel_error(proposal, truth)`: 1 - F1 of the cell pixels of two (H, W) arrays of 0 and 1."""
    rng = np.random.default_rng(seed)

    def wrong(formula, *masks):
        s, t = (mask.astype(bool) for mask in masks)
        return formula(int((s & t).sum()), int((~s & ~t).sum()), int(s.sum()), int(t.sum()), s.size)

    cases = [tuple((rng.random(shape) < share).astype(kind) for share, kind in masks) for shape, *masks in again(cases)]
    check(
        function,
        _pixel_error,
        cases,
        [
            Mistake(hint, functools.partial(wrong, formula))
            for hint, formula in {
                "where neither array holds a cell, the formula divides 0 by 0.": lambda tp, tn, s, t, n: (
                    1 - 2 * tp / (s + t)
                ),
                "without any cell pixel the two agree.": lambda tp, tn, s, t, n: 1 - 2 * tp / (s + t) if s + t else 1,
                "this is the share of wrong pixels; the error is 1 - F1.": lambda tp, tn, s, t, n: 1 - (tp + tn) / n,
                "this is the share of right pixels; the error is 1 - F1.": lambda tp, tn, s, t, n: (tp + tn) / n,
                "this is the error of the membrane pixels (0).": lambda tp, tn, s, t, n: 1 - 2 * tn / (2 * n - s - t),
                "this is F1 of the membrane pixels (0).": lambda tp, tn, s, t, n: 2 * tn / (2 * n - s - t),
                "this is F1 itself; an error is 0 where the two agree.": lambda tp, tn, s, t, n: 2 * tp / (s + t),
                "this is 1 - intersection over union, not 1 - F1.": lambda tp, tn, s, t, n: 1 - tp / (s + t - tp),
                "this is intersection over union, not 1 - F1.": lambda tp, tn, s, t, n: tp / (s + t - tp),
                "this is 1 - precision; F1 looks at recall too.": lambda tp, tn, s, t, n: 1 - tp / s,
                "this is 1 - recall; F1 looks at precision too.": lambda tp, tn, s, t, n: 1 - tp / t,
                "the factor 2 before TP is missing.": lambda tp, tn, s, t, n: 1 - tp / (s + t),
            }.items()
        ],
        tolerance=FINE,
    )


def pools_by_4(tile):
    """In place of a network: a (20, 20) tile to (10, 10). Moves along with shifts by multiples of 4 only."""
    return _forward(tile, 5, 4, 20)


def pools_by_4_narrow(tile):
    """As `pools_by_4`, for smaller tiles: (16, 16) to (6, 6)."""
    return _forward(tile, 5, 4, 16)


def pools_by_8(tile):
    """In place of a network: a (32, 32) tile to (12, 12). Moves along with shifts by multiples of 8 only."""
    return _forward(tile, 10, 8, 32)


def _forward(tile, margin, stride, side=None):
    """Pooling by `stride`, a filter, each value repeated, a filter over what is left of the margin."""
    tile = np.asarray(tile, np.float64)
    if side and tile.shape != (side, side):
        raise ValueError(f"this network takes a tile of shape ({side}, {side}); came shape {tile.shape}")
    height, width = tile.shape
    blocks = tile.reshape(height // stride, stride, width // stride, stride)
    pooled = _filter(blocks.max((1, 3)) + 2 * blocks.mean((1, 3)), 1)
    features = _filter(pooled.repeat(stride, 0).repeat(stride, 1), margin - stride)
    return features + 0.5 * tile[margin : height - margin, margin : width - margin]


def _filter(features, gap):
    height, width = (side - 2 * gap for side in features.shape)
    return sum(
        KERNEL[i, j] * features[i * gap : i * gap + height, j * gap : j * gap + width]
        for i, j in product(range(3), repeat=2)
    )


def _mirror_pad(image, margin):
    if np.prod(np.shape(image) + 2 * np.abs(np.float64(margin))) > 10**7:
        raise ValueError(f"margin {margin}: is too large for this image")
    return np.pad(image, margin, mode="reflect")


def _predict_tiled(image, network, out, margin, stride, mirror_pad):
    """The whole image at once, mirrored up to a side that the blocks fill."""
    rows, columns = (-(-(side + 2 * margin) // stride) * stride for side in image.shape)
    padded = _mirror_pad(image, margin + stride)[stride:, stride:]
    return _forward(padded[:rows, :columns], margin, stride)[: image.shape[0], : image.shape[1]]


def _tiled(
    image,
    network,
    out,
    margin,
    stride,
    mirror_pad,
    step=None,
    lay=lambda n, out, step: range(0, n, step),
    pad=_mirror_pad,
    twice=False,
    early=(0, 0),
    late=0,
    swap=None,
    cut=True,
    add=False,
    own=False,
):
    """Tile by tile, with room for mistakes."""
    step = {None: out // stride * stride, "out": out, "stride": stride, "up": -(-out // stride) * stride}[step]
    side, room = out + 2 * margin, 3 * (out + margin)
    padded = pad(_mirror_pad(image, margin), room - margin) if twice else pad(image, room)
    starts = [list(lay(n, out, step)) for n in (image.shape[::-1] if swap == "sides" else image.shape)]
    result, begin = np.zeros((max(image.shape) + room,) * 2), room - margin - early[0] * out - early[1] * margin
    for row, column in product(*starts):
        top, left = (begin + column, begin + row) if swap == "tile" else (begin + row, begin + column)
        tile = padded[top : top + side, left : left + side]
        tile = mirror_pad(tile[margin:-margin, margin:-margin], margin) if own else tile
        place = np.s_[row + late : row + late + out, column + late : column + late + out]
        result[place] = network(tile) + add * result[place]
    height, width = image.shape if cut else [found[-1] + out for found in starts]
    return result[:height, :width].T if swap == "result" else result[:height, :width]


def _tiling_mistakes():
    phase = "the tiles lie `out` pixels apart. That is no multiple of `stride`, so they are out of phase."
    missing = "the last tiles are missing, so that none covers the end of the image."
    back = {"lay": lambda n, out, step: [*range(0, n - out, step), max(n - out, 0)]}
    yield from (
        (phase, {"step": "out"}),
        (phase, {"step": "out", **back}),
        ("the last tile is moved back to the edge of the image; it must move by whole strides.", back),
    )
    for lay in (
        lambda n, out, step: range(0, n - out + 1, step),
        lambda n, out, step: range(0, n - out, step),
        lambda n, out, step: range(0, n // step * step, step),
    ):
        yield from ((missing, {"lay": lay, "step": step}) for step in (None, "stride"))
        yield f"{missing} Besides, {phase}", {"lay": lay, "step": "out"}
    yield "the tiles lie more than `out` pixels apart, so there are gaps between them.", {"step": "up"}
    yield from (
        (
            "each tile is mirrored at its own edges; around it must lie the pixels that lie there in the image.",
            {"own": True, "step": step},
        )
        for step in (None, "out")
    )
    yield "what a tile gives is put one pixel too low and too far right.", {"late": 1}
    yield from (
        (f"rows and columns are swapped {where}.", {"swap": swap})
        for swap, where in (
            ("result", "in the result"),
            ("tile", "where a tile is cut out"),
            ("sides", "where the tiles are laid"),
        )
    )
    yield "where tiles overlap, their outputs are added up; each of them is the prediction.", {"add": True}
    yield from (
        ("what hangs over the edge of the image is not cut off.", {"cut": False, "lay": lay})
        for lay in (lambda n, out, step: range(0, n, step), lambda n, out, step: range(0, max(n - out, 0) + step, step))
    )
    yield from (
        (
            "the first tile begins too early: it must begin `margin` pixels above and left of the image.",
            {"early": early},
        )
        for early in ((1, 0), (0, 1), (1, 1))
    )
    for mode, what in (
        ("constant", "zeros"),
        ("edge", "the value at the edge"),
        ("symmetric", "a mirror image that repeats the edge pixel"),
    ):
        pad = functools.partial(np.pad, mode=mode)
        yield f"the image is surrounded by {what}; it must be mirrored.", {"pad": pad}
        yield f"beyond the margin, tiles are filled with {what}; the mirroring must go on.", {"pad": pad, "twice": True}
    yield "the padded image is mirrored once more; the mirror must stand on the edge of the image.", {"twice": True}


def _ids(rng, shape, ids, kind):
    found = rng.choice(list(ids), shape).astype(kind)
    found.flat[rng.permutation(found.size)[: len(ids)]] = ids
    return found


def _contingency(segments, truth):
    table = np.zeros((int(segments.max()) + 1, int(truth.max()) + 1), int)
    np.add.at(table, (segments, truth), 1)
    return table


def _wrapped(segments, truth):
    rows, columns = int(segments.max()) + 1, int(truth.max()) + 1
    found = np.bincount((segments * truth.dtype.type(columns) + truth).ravel(), minlength=rows * columns)
    return found.reshape(-1, columns)


def _rand_error(table, turned=False, columns=1, tp=1, found=1, true=1, itself=1, whole=(), score="1 - F", kind=float):
    """With room for mistakes. Row 0 counts in tp, found and true: 0 not at all, 1 as it should, 2 as it should not."""
    table = np.asarray(table.T if turned else table, kind)[:, columns:]
    alone, rest, n = table[0], table[1:], table.sum() if true else table[1:].sum()
    square = [(lambda x: x.sum() ** 2) if part in whole else (lambda x: (x**2).sum()) for part in range(3)]
    tp, found, true = (
        pairs - (not itself) * n
        for pairs in (
            square[0](rest) + (0, alone.sum(), (alone**2).sum())[tp],
            square[1](rest.sum(1)) + (0, alone.sum(), alone.sum() ** 2)[found],
            square[2](rest.sum(0) + (true == 1) * alone) + (true == 2) * alone.sum(),
        )
    )
    with np.errstate(all="ignore"):
        return {
            "1 - F": 1 - 2 * tp / (found + true),
            "F": 2 * tp / (found + true),
            "half": 1 - tp / (found + true),
            "union": 1 - tp / (found + true - tp),
            "all": (found + true - 2 * tp) / n**2,
        }[score]


def _rand_mistakes():
    """One mistake, or two at once."""
    yield from (
        ("a sum is squared where squares should be added up.", {"whole": whole})
        for size in (1, 2, 3)
        for whole in combinations(range(3), size)
    )
    parts = (
        (
            ("column 0 is kept; pixels whose truth is boundary do not count.", {"columns": 0}),
            ("rows and columns are confused: rows are segments, columns are true cells.", {"turned": True}),
        ),
        (
            ("row 0 is treated as one segment.", {"tp": 2, "found": 2}),
            ("the pixels of row 0 are left out.", {"tp": 0, "found": 0, "true": 0}),
            ("the pixels of row 0 are missing from tp and found.", {"tp": 0, "found": 0}),
            *((f"the pixels of row 0 are missing from {part}.", {part: 0}) for part in ("tp", "found", "true")),
            *((f"row 0 is treated as one segment in {part}.", {part: 2}) for part in ("tp", "found")),
            ("the pixels of row 0 are taken out of their columns in true.", {"true": 2}),
        ),
        (("the pairs of a pixel with itself are left out.", {"itself": 0}),),
        (
            ("this is F itself; an error is 0 where the two agree.", {"score": "F"}),
            ("the factor 2 before tp is missing.", {"score": "half"}),
            ("the right pairs are divided as in an intersection over union, not as in F.", {"score": "union"}),
            ("this is the share of all pairs that are wrong, not 1 - F.", {"score": "all"}),
        ),
    )
    for chosen in chain(*(product(*some) for n in (1, 2) for some in combinations(parts, n))):
        options = {key: value for _, one in chosen for key, value in one.items()}
        yield " Besides, ".join(hint for hint, _ in chosen), options


def _pixel_error(proposal, truth):
    cells = proposal.sum() + truth.sum()
    return 1 - 2 * np.logical_and(proposal, truth).sum() / cells if cells else 0.0
