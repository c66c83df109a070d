"""Checks of the assignment *The weighted loss*: soft-max, cross entropy, class weights, distances, border weights."""

import itertools

import numpy as np
from scipy import ndimage
from scipy.special import log_softmax, softmax

from .. import losses
from ..rounding import rounding_bound
from . import FINE, Mistake, again, check, law, value_of

MAPS = ((4, 3, 5), (3, 6, 2), (5, 4, 3))
LABELS = ((5, 8, 2), (7, 4, 3), (6, 9, 4))  # height, width, number of classes; then, where given, those without a pixel
CELLS = ((9, 12, (1, 2, 3)), (8, 10, (1, 2)), (14, 11, (1, 2, 3, 4)))
BORDERS = ((9, 12, (1, 2, 3), 20.0, 3.0), (8, 10, (1, 2), 15.0, 0.8), (12, 11, (1, 2, 3, 4), 4.0, 6.0))
quietly = np.errstate(all="ignore")(check)


def soft_max(function, seed=None, shapes=MAPS, large=False, mixed=False):
    """Check `soft_max(logits)`: (H, W, K) to probabilities of the same shape; see `_logits` for `large` and `mixed`."""
    rng = np.random.default_rng(seed)
    cases = [(logits,) for shape in again(shapes) for logits in _logits(rng, shape, large, mixed)]
    quietly(function, losses.soft_max, cases, _mistakes(PROBABILITIES), tolerance=FINE)


def cross_entropy(function, seed=None, shapes=MAPS, large=False, mixed=False):
    """Check `cross_entropy(logits, labels, weights)`: one number, equation 1 with the minus sign."""
    rng = np.random.default_rng(seed)
    cases = [_with_labels(rng, logits) for shape in again(shapes) for logits in _logits(rng, shape, large, mixed)]
    cases += [_with_labels(rng, logits[:1, :1]) for logits, *_ in cases[:2]]  # so few pixels that no digit is lost
    if large:  # a probability that no float holds, in a sum that even small floats do
        cases.append(_with_labels(rng, 800 * np.eye(2)[rng.integers(0, 2, (2, 2))]))
    cases += [(logits, logits.argmax(-1), weights) for logits, _, weights in cases if large]  # nothing but right pixels
    quietly(
        function,
        _cross_entropy,
        cases,
        _mistakes(
            LOGARITHMS, WEIGHTS, TOTALS, FACTORS, make=lambda *parts: lambda *case: _cross_entropy(*case, *parts)
        ),
        tolerance=rounding_bound(terms=10**4),
    )


def class_weights(function, seed=None, cases=LABELS):
    """Check `class_weights(labels, classes)`: (H, W) to weights, the same total for every class present, mean 1."""
    rng = np.random.default_rng(seed)
    quietly(
        function,
        _class_weights,
        [_labels(rng, *case) for case in again(cases)],
        [
            *_mistakes(BALANCES, make=lambda rule: lambda *case: _class_weights(*case, rule)),
            Mistake(
                "the result holds one weight a class; each pixel needs its own.",
                lambda labels, classes: labels.size / classes / np.bincount(labels.ravel(), minlength=classes),
            ),
            Mistake(f"{WHOLE}.", lambda *case: np.trunc(_class_weights(*case))),
        ],
        tolerance=FINE,
    )


def nearest_distances(function, seed=None, cases=CELLS, touching=False, full=False):
    """Check `nearest_distances(cells)`: ids (H, W) to (d1, d2), to the nearest and the second nearest cell."""
    rng = np.random.default_rng(seed)
    maps = [_cells(rng, *case, touching or full) for case in again(cases)]
    quietly(
        function,
        _nearest_distances,
        [(_filled(one) if full else one,) for one in maps],
        [
            *_mistakes(DISTANCES, make=lambda maps: lambda cells: _nearest_distances(cells, maps)),
            *_mistakes(PAIRS, make=lambda change: lambda cells: change(cells, *_nearest_distances(cells))),
        ],
        tolerance=FINE,
    )


def border_weights(function, seed=None, cases=BORDERS):
    """Check `border_weights(d1, d2, cells, w0, sigma)`: the border term of equation 2 on background, 0 on cells."""
    rng = np.random.default_rng(seed)
    cases = again(cases)
    maps = [_cells(rng, *case[:3], touching=len(case[2]) > 1) for case in cases]
    maps.append(_filled(maps[0]))  # no background at all
    cases.append(cases[0])
    if all(len(case[2]) < 2 for case in cases):  # all of them 0
        pair = np.array([[1, 0, 2]])
        law(
            np.any(value_of(function, *_nearest_distances(pair), pair, 10.0, 5.0)),
            "between two cells the weight is 0 too",
        )
    quietly(
        function,
        _border_weights,
        [(*_nearest_distances(one), one, *case[3:]) for one, case in zip(maps, cases)],
        [
            *_mistakes(BORDER_TERMS),
            *_mistakes(POWERS, HEIGHTS, PLACES, make=lambda *parts: lambda *case: _border_weights(*case, *parts)),
        ],
        tolerance=FINE,
    )


def _mistakes(*tables, make=lambda wrong: wrong):
    """Mistakes made of one part of each table. A row holds a hint, or None if right, then the parts that it fits."""
    flat = [[(hint, part) for hint, *parts in table for part in parts] for table in tables]
    return [
        Mistake("; ".join(filter(None, hints)) + ".", make(*parts))
        for hints, parts in (zip(*choice) for choice in itertools.product(*flat))
    ]


def _logits(rng, shape, large, mixed):
    """Ordinary logits; if `large`, others up to 10,000, exact in 32 bits; if `mixed`, both in one map."""
    small = np.round(rng.normal(0, 2, shape) * 8) / 8
    wide = np.concatenate([np.broadcast_to([1e4, -1e4], (*shape[:2], 2)), small[..., 2:]], -1)
    offsets = rng.permutation(np.resize([9e3, -9e3, 0], shape[0] * shape[1])).reshape(*shape[:2], 1)
    return [small, *[small + 9e3, small - 9e3, rng.permuted(wide, axis=-1)] * large, *[small + offsets] * mixed]


def _with_labels(rng, logits):
    """A case of cross entropy; the first pixel is as wrong as it can be, the last as right."""
    height, width, classes = logits.shape
    labels = rng.permutation(np.resize(np.arange(classes), height * width)).reshape(height, width)
    labels[0, 0], labels[-1, -1] = logits[0, 0].argmin(), logits[-1, -1].argmax()
    return logits, labels, rng.uniform(0.2, 4, labels.shape)


def _cross_entropy(
    logits,
    labels,
    weights,
    logs=lambda a: log_softmax(a, -1),
    weigh=np.array,
    total=lambda terms, weights: terms.sum(),
    factor=-1,
):
    terms = weigh(weights) * np.take_along_axis(logs(logits), labels[..., None], -1)[..., 0]
    return factor * total(terms, weights)


def _labels(rng, height, width, classes, absent=()):
    """Labels of classes that are as frequent as 1, 2, 4, ..."""
    present = rng.permutation(np.setdiff1d(np.arange(classes), absent))
    several = np.resize(np.repeat(present, 2 ** np.arange(len(present))), height * width)
    return rng.permutation(several).reshape(height, width), classes


def _class_weights(labels, classes, rule=lambda n: n.sum() / n / np.count_nonzero(n)):
    return rule(np.bincount(labels.ravel(), minlength=classes))[labels]


def _cells(rng, height, width, ids, touching):
    """A rectangle for each id, two for an id named twice; some of them touch, or none does."""
    while True:
        cells = np.zeros((height, width), int)
        for number in range(len(ids)):
            h, w = rng.integers(3, 6, 2)
            y, x = rng.integers((height - h + 1, width - w + 1))
            cells[y : y + h, x : x + w] = number + 1
        regions = ndimage.label(cells, None if touching else ALL_ROUND)[1]
        if len(np.unique(cells)) == len(ids) + 1 and (regions < len(ids)) == touching:
            return np.array([0, *ids])[cells]


def _filled(cells):
    """The same cells, grown over all of the background."""
    return cells[tuple(edt(cells == 0, return_indices=True)[1])]


def _ids_to(cells, last):
    """The ids up to the last, of those that no pixel has the first two: more of them change no distance."""
    there = np.unique(cells[cells > 0])
    absent = np.setdiff1d(np.arange(1, min(last, 1000) + 1), there)[:2]
    return np.sort([*there[there <= last], *absent])


def _maps(cells, ids=None, distance=lambda cell: edt(~cell)):
    return [distance(cells == one) for one in (np.unique(cells[cells > 0]) if ids is None else ids)]


def _nearest_distances(cells, maps=_maps):
    return tuple(np.sort([*maps(cells), *np.full((2, *cells.shape), np.inf)], 0)[:2])


def _border_weights(
    d1,
    d2,
    cells,
    w0,
    sigma,
    power=lambda d1, d2, sigma: -((d1 + d2) ** 2) / (2 * sigma**2),
    height=lambda w0, sigma: w0,
    place=lambda cells: cells == 0,
):
    return np.where(place(cells), height(w0, sigma) * np.exp(power(d1, d2, sigma)), 0)


edt, cdt, ALL_ROUND = ndimage.distance_transform_edt, ndimage.distance_transform_cdt, np.ones((3, 3))
WHOLE = "the decimals are cut off, as by `//` or by an array of an integer type"
ALIKE = "the logits are clipped, so that large ones that differ become alike"
OTHER_AXES = "the soft-max runs over pixels; it must run over the classes of one pixel"
SHIFTS = (
    ("exp of a large number is infinite, of a very negative one 0; nothing can be computed from these", np.zeros_like),
    ("the same number is taken off several pixels; in those of small logits all powers become 0 then", np.max),
)
PROBABILITIES = (
    (OTHER_AXES, *(lambda a, axis=axis: softmax(a, axis) for axis in (0, 1, (0, 1), None))),
    ("the powers are not divided by their sum", np.exp, lambda a: np.exp(a - a.max(-1, keepdims=True))),
    ("exp is missing: the logits themselves are divided by their sum", lambda a: a / a.sum(-1, keepdims=True)),
    ("the sign is turned: the largest logit gets the smallest probability", lambda a: softmax(-a, -1)),
    ("this is the sigmoid of each logit by itself; the probabilities must add up to 1", lambda a: 1 / (1 + np.exp(-a))),
    ("the largest logit gets all the probability", lambda a: a == a.max(-1, keepdims=True)),
    *(
        (
            hint,
            *(
                lambda a, shift=shift, mend=mend: mend(np.exp(a - shift(a)) / np.exp(a - shift(a)).sum(-1)[..., None])
                for mend in (np.array, np.nan_to_num)
            ),
        )
        for hint, shift in SHIFTS
    ),
    (ALIKE, lambda a: softmax(a.clip(-500, 500), -1)),
)
LOGARITHMS = (  # from which that of the true class is picked
    (None, lambda a: log_softmax(a, -1)),
    ("the probability that the true class is wrong, 1 - p, is taken", lambda a: np.log(1 - softmax(a, -1))),
    (
        "one class is taken for the true class of every pixel",
        *(lambda a, one=one: 0 * a + log_softmax(a, -1)[..., one, None] for one in (0, 1, -1)),
    ),
    (OTHER_AXES, *(lambda a, axis=axis: log_softmax(a, axis) for axis in (0, 1, None))),
    ("the soft-max is applied twice", lambda a: log_softmax(softmax(a, -1), -1)),
    ("the soft-max is missing", lambda a: a),
    (
        "other classes cost as well; only the true class counts",
        lambda a: 0 * a + log_softmax(a, -1).sum(-1)[..., None],
        lambda a: np.log(softmax(a, -1) / (1 - softmax(a, -1))) + np.log(1 - softmax(a, -1)).sum(-1)[..., None],
    ),
    (
        "some step on the way is no number, such as 0 times the logarithm of 0",
        lambda a: log_softmax(a, -1) + 0 * np.log(softmax(a, -1)).sum(-1)[..., None],
    ),
    ("a small probability is rounded to 0 before its logarithm is taken", lambda a: np.log(softmax(a, -1))),
    (
        "small probabilities are clipped, or something is added to them, so that a sure and wrong pixel costs too "
        "little",
        *(
            lambda a, least=least: np.log(softmax(a, -1).clip(least))
            for least in (
                *10.0 ** -np.array([*range(4, 41), 50, 100, 300, 307]),
                *2.0 ** -np.array([23, 52, 126, 1022]),
            )
        ),
    ),
    (ALIKE, *(lambda a, most=most: log_softmax(a.clip(-most, most), -1) for most in (20, 50, 80, 88, 100, 500, 700))),
    *(
        (
            hint,
            lambda a, shift=shift: np.log(np.exp(a - shift(a)) / np.exp(a - shift(a)).sum(-1)[..., None]),
            lambda a, shift=shift: a - shift(a) - np.log(np.exp(a - shift(a)).sum(-1)[..., None]),
        )
        for hint, shift in SHIFTS
    ),
)
WEIGHTS = ((None, np.array), ("the weights are ignored", np.ones_like))
TOTALS = (
    (None, lambda terms, weights: terms.sum()),
    ("the mean over the pixels is taken, not their sum", lambda terms, weights: terms.mean()),
    ("the sum is divided by the sum of the weights", lambda terms, weights: terms.sum() / weights.sum()),
    ("the terms of the pixels are not added up", lambda terms, weights: terms),
)
FACTORS = ((None, -1), ("the minus sign is missing", 1), ("the base of the log is not e", *(-1 / np.log([2, 10]))))
BALANCES = (
    ("classes without a pixel are counted too: the mean of all weights is not 1", lambda n: n.sum() / n / len(n)),
    *(
        (
            f"where a class has no pixel, all weights are {value:g}",
            lambda n, value=value: np.where(n.all(), n.sum() / n / len(n), value),
        )
        for value in (0.0, 1.0, np.nan, np.inf)
    ),
    (
        "every class has the same total, but the mean of all weights is not 1",
        lambda n: 1 / n,
        lambda n: n.sum() / n,
        lambda n: n.sum() / n / 2,
        lambda n: n.max() / n,
        lambda n: n.min() / n,
        lambda n: np.median(n) / n,
        lambda n: 1 / n / (1 / n).sum(),
        lambda n: 1 / n / (1 / n).mean(),
    ),
    (
        "a frequent class weighs more here; it must weigh less",
        lambda n: n,
        lambda n: n / n.sum(),
        lambda n: n / n.mean(),
        lambda n: n * n.sum() / (n**2).sum(),
    ),
    (
        "1 minus the share of a class does not give the classes the same total",
        lambda n: 1 - n / n.sum(),
        lambda n: (n.sum() - n) * n.sum() / (n.sum() ** 2 - (n**2).sum()),
    ),
)
DISTANCES = (  # a map for each cell
    ("background, 0, is taken for a cell", lambda cells: _maps(cells, np.unique(cells))),
    (
        "the smallest id is left out, also where no pixel is background",
        lambda cells: _maps(cells, np.unique(cells)[1:]),
    ),
    (
        "d2 leads to the second nearest pixel, which may belong to the same cell",
        lambda cells: _maps(np.cumsum(cells > 0).reshape(cells.shape) * (cells > 0)),
    ),
    ("inside out: this is the way out of each cell, not the way to it", lambda cells: _maps(cells, distance=edt)),
    (
        "the distance is not Euclidean, or it is rounded",
        *(
            lambda cells, metric=metric: _maps(cells, distance=lambda cell: cdt(~cell, metric))
            for metric in ("taxicab", "chessboard")
        ),
    ),
    (
        "the distance leads to the centre of a cell, not to its nearest pixel",
        *(
            lambda cells, change=change: _maps(
                cells,
                distance=lambda cell: np.hypot(
                    *(np.indices(cell.shape) - change(ndimage.center_of_mass(cell))[:, None, None])
                ),
            )
            for change in (np.array, np.round, np.trunc)
        ),
    ),
    (
        "on the pixels of a cell the distance to its outline is taken; it is 0 there",
        lambda cells: _maps(cells, distance=lambda cell: edt(~cell | ndimage.binary_erosion(cell))),
    ),
    (
        "connected regions are taken for cells; a cell is all pixels of one id",
        *(lambda cells, around=around: _maps(ndimage.label(cells, around)[0]) for around in (None, ALL_ROUND)),
    ),
    (
        "an id that no pixel has is taken for a cell; ids may have gaps",
        *(
            lambda cells, last=last: _maps(cells, _ids_to(cells, last(cells)))
            for last in (np.max, lambda cells: np.count_nonzero(np.unique(cells)))
        ),
    ),
)
PAIRS = (
    (
        "where there is no second cell, d2 is finite; it must be infinite",
        *(lambda cells, d1, d2, fill=fill: (d1, np.where(np.isinf(d2), fill(d1), d2)) for fill in (abs, np.zeros_like)),
    ),
    (
        "where there is no cell at all, a distance is finite; both must be infinite",
        lambda cells, d1, d2: (d1, d2) if cells.any() else np.zeros((2, *cells.shape)),
        lambda cells, d1, d2: (edt(cells == 0), d2),
    ),
    ("d1 and d2 belong to the cells of the first ids, not to the nearest cells", lambda cells, *_: _maps(cells)[:2]),
    ("d1 and d2 are swapped", lambda cells, d1, d2: (d2, d1)),
    ("d2 is d1 again; it leads to the second nearest cell", lambda cells, d1, d2: (d1, d1)),
    ("the distances are squared", lambda cells, d1, d2: (d1**2, d2**2)),
    ("on a cell, d2 is 0; it leads to the nearest other cell", lambda cells, d1, d2: (d1, d2 * (cells == 0))),
    (
        "on a cell, the cell itself is left out; the distance to it is 0, and that is d1",
        lambda cells, *_: _nearest_distances(cells, lambda cells: np.where(_maps(cells), _maps(cells), np.inf)),
    ),
    (WHOLE, lambda cells, d1, d2: (np.trunc(d1), np.trunc(d2))),
)
BORDER_TERMS = (
    (
        "on cells, some step on the way is no number, such as 0 times infinity",
        lambda d1, d2, cells, *more: np.where(
            (cells > 0) & np.isinf(d2), np.nan, _border_weights(d1, d2, cells, *more)
        ),
    ),
    (
        "where d2 is infinite, the weight is that of d1 alone; it must be 0",
        lambda d1, d2, *more: _border_weights(d1, np.where(np.isinf(d2), 0, d2), *more),
        lambda d1, d2, *more: _border_weights(*np.where(np.isinf([d1, d2]), 0, [d1, d2]), *more),
    ),
    ("cells and background are swapped", lambda d1, d2, cells, *more: _border_weights(d1, d2, cells == 0, *more)),
    (WHOLE, lambda *case: np.trunc(_border_weights(*case))),
)
POWERS = (
    (None, lambda d1, d2, sigma: -((d1 + d2) ** 2) / (2 * sigma**2)),
    ("sigma is not squared", lambda d1, d2, sigma: -((d1 + d2) ** 2) / (2 * sigma)),
    ("the factor 2 below the line is missing", lambda d1, d2, sigma: -((d1 + d2) ** 2) / sigma**2),
    (
        "below the line, the factor 2 is missing and sigma is not squared",
        lambda d1, d2, sigma: -((d1 + d2) ** 2) / sigma,
    ),
    (
        "sigma multiplies where it should divide: `a / 2 * b` is `(a / 2) * b`",
        lambda d1, d2, sigma: -((d1 + d2) ** 2) / 2 * sigma**2,
    ),
    ("d1 and d2 are squared before they are added", lambda d1, d2, sigma: -(d1**2 + d2**2) / (2 * sigma**2)),
    ("d1 + d2 is not squared", lambda d1, d2, sigma: -(d1 + d2) / (2 * sigma**2)),
    ("the exponent is positive; it must be negative", lambda d1, d2, sigma: (d1 + d2) ** 2 / (2 * sigma**2)),
    ("d2 does not count", lambda d1, d2, sigma: -(d1**2) / (2 * sigma**2)),
    ("sigma is 5 whatever is asked for", lambda d1, d2, sigma: -((d1 + d2) ** 2) / 50),
)
HEIGHTS = (
    (None, lambda w0, sigma: w0),
    ("the factor w0 is missing", lambda w0, sigma: 1),
    ("w0 is 10 whatever is asked for", lambda w0, sigma: 10),
)
PLACES = ((None, lambda cells: cells == 0), ("cells get a weight too; it is for background only", np.ones_like))
