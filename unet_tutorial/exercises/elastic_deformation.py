"""Checks of the assignment *Elastic deformation*: the field, warping an image and a label, and the pair of them."""

import copy
import functools
import itertools

import numpy as np
from scipy import ndimage, stats

from ..rounding import largest_difference, rounding_bound
from . import (
    TOLERANCE,
    UNSOLVED,
    Mistake,
    _probes,
    again,
    call,
    capture,
    cause,
    check,
    fault,
    law,
    refuse_borrowed,
    show,
    value_of,
)
from ._probes import WARPED, WARPED_LABEL, repeat

IMAGES = ((7, 7), (9, 6), (5, 8))
DRAWS = 800
WARPED_OTHER = 1003  # the mark of a label that reaches `warp_label` as floats
PLACES = (
    ({"sign": -1}, "the sign of the displacement is turned."),
    ({"swap": "field"}, "the two components of the field are swapped: rows come first, columns second."),
    ({"swap": "own"}, "the pixel's own row and column are swapped; the field is not."),
    ({"swap": "places"}, "the whole places are swapped: a row is used as a column, and a column as a row."),
    ({"own": 0}, "the field is taken as the place itself; it must be added to the pixel's own row and column."),
    ({"part": np.floor}, "places are rounded down to whole pixels."),
    ({"mode": "reflect"}, "the mirror repeats the edge pixel; beyond row H - 1 comes row H - 2."),
    ({"mode": "nearest"}, "places beyond the border take the edge pixel; they must be mirrored."),
    ({"mode": "constant"}, "there are zeros beyond the border; the image must be mirrored there."),
    ({"mode": "grid-wrap"}, "beyond the border comes the opposite edge; the image must be mirrored there."),
    ({"mode": "nearest", "once": True}, "places are mirrored once and then cut off; far outside, mirror them again."),
    ({"mode": "grid-wrap", "once": True}, "places are mirrored once and may be negative then; mirror them again."),
)
GREY = (
    ({"order": 0}, "the nearest pixel is taken; an image needs linear interpolation."),
    ({"order": 3}, "the interpolation is cubic (order 3 is SciPy's default); the task asks for a linear one."),
)
SMOOTH = tuple(
    ({"order": order, "then": then}, "the label is interpolated, which makes values that are no ids.")
    for order in (1, 3)
    for then in (None, np.array, np.round, np.trunc)
)


def displacement_field(function, seed=None, sizes=((35, 63), (65, 47))):
    """Check what `displacement_field(vectors, height, width)` must hold: nodes, constants, sums, kinks, overshoot."""
    refuse_borrowed(function)
    rng, zigzag = np.random.default_rng(seed), 10 * (-1.0) ** np.indices((3, 3, 2)).sum(0)
    slope = 10 * (np.indices((3, 3)).sum(0)[..., None] - 2.0) * (1, -1)
    cases = [(zigzag + rng.normal(0, 4, (3, 3, 2)), *size) for size in sizes]
    fields = [_field_of(function, *case) for case in cases]
    displaced = _hint_of_nodes([case[0] for case in cases], fields)
    straight = cause(
        [
            Mistake(
                "the vectors are interpolated linearly; cubic curves have no kinks at the nodes.",
                lambda vectors, height, width: ndimage.zoom(vectors, (height / 3, width / 3, 1), order=1),
            )
        ],
        cases,
        [{"value": field} for field in fields],
        call,
    )
    for (vectors, *size), field in zip(cases, fields):
        name, nodes, other = f"displacement_field({size[0]} x {size[1]})", _at_nodes(field), rng.normal(0, 9, (3, 3, 2))
        steep = _field_of(function, slope, *size)
        worst = np.unravel_index(np.abs(nodes - vectors).max(-1).argmax(), (3, 3))
        digits = 4 if _close(nodes, vectors) else 2
        law(
            _equal(nodes, vectors),
            f"{name}: at the pixel of node [{worst[0]}, {worst[1]}] expected its vector "
            f"{vectors[worst].round(digits)}, came {nodes[worst].round(digits)}.",
            displaced,
        )
        law(
            _equal(_field_of(function, np.tile(other[0, 0], (3, 3, 1)), *size), other[0, 0]),
            f"{name}: nine equal vectors must give the same vector to every pixel.",
        )
        law(
            _equal(_field_of(function, vectors + other, *size), field + _field_of(function, other, *size)),
            f"{name}: the field of a sum of vectors must be the sum of their fields (clipping breaks this, PCHIP too).",
        )
        for axis, step in enumerate(("row", "column")):
            came, kink = (np.abs(np.diff(values, 2, axis)).max() for values in (field, vectors * 2 / (size[axis] - 1)))
            law(
                came < 0.6 * kink,
                f"{name}: a kink or a jump: from one {step} to the next the slope changes by "
                f"{came:.3g}; with straight lines between the nodes it would be {kink:.3g}.",
                straight,
            )
            came, slant = np.abs(np.diff(steep, 2, axis)).max(), 20 / (size[axis] - 1)
            law(
                came < 0.5 * slant,
                f"{name}: a jump: for vectors that grow evenly from node to node, here by {slant:.3g} "
                f"from one {step} to the next, that step suddenly changes by {came:.3g}.",
                f"one {step} of the field appears twice." if _repeats(steep, axis) else None,
            )
        law(
            np.abs(field).max() < 2 * np.abs(vectors).max(),
            f"{name}: between the nodes the field grows to "
            f"{np.abs(field).max():.3g}, more than twice the largest component, {np.abs(vectors).max():.3g}.",
        )
    print(f"displacement_field: meets the conditions on {len(sizes)} sizes")


def warp(function, seed=None, shapes=IMAGES, reach=0, dtype="float64"):
    """Check `warp(image, field)`; places lie up to `reach` sides off their pixel, with 0 anywhere inside the image."""
    rng = np.random.default_rng(seed)
    cases = [(rng.normal(size=shape).astype(dtype), _random_field(rng, shape, reach)) for shape in again(shapes)]
    check(function, _warp, cases, list(_mistakes(cases, PLACES + GREY)), tolerance=rounding_bound(terms=10**4))


def warp_label(function, seed=None, shapes=IMAGES, reach=0, largest=200, dtype="int64"):
    """Check the values of `warp_label(label, field)`; `reach` as in `warp`."""
    rng = np.random.default_rng(seed)
    cases = [
        (rng.choice(rng.integers(largest // 2, largest, 4), shape).astype(dtype), _random_field(rng, shape, reach))
        for shape in again(shapes)
    ]
    check(
        function,
        _warp_label,
        cases,
        (
            *_mistakes(cases, PLACES + SMOOTH, order=0),
            Mistake(
                "each id is interpolated by itself, and the largest share wins; take the nearest pixel.", _by_share
            ),
            Mistake(
                "the places are kept in the label's dtype, which is too small for them.",
                lambda label, field: _warp(
                    label, field, order=0, part=lambda places: np.rint(places).astype(label.dtype)
                ),
            ),
            Mistake(
                "large ids are changed, because they pass through floats of 32 bits.",
                lambda label, field: _warp_label(label.astype(np.float32), field),
            ),
        ),
        tolerance=0,
    )  # ids are copied


def warp_label_dtype(function, seed=None, dtypes=("uint8", "int16", "int32")):
    """Check that the result of `warp_label` has the dtype of the label, and only values of the label."""
    refuse_borrowed(function)
    rng = np.random.default_rng(seed)
    for dtype in dtypes:
        label = rng.choice([3, 20, 100], (6, 5)).astype(dtype)
        got = value_of(function, label, _random_field(rng, label.shape, 0))
        came = getattr(got, "dtype", type(got).__name__)
        law(came == dtype, f"warp_label: expected an array of the label's dtype, {dtype}, came {came}.")
        law(np.isin(got, label).all(), "warp_label: the result holds values that the label does not hold.")
    print(f"warp_label: keeps {len(dtypes)} dtypes")


def deform(function, seed=None, shapes=((7, 9), (12, 8))):
    """Check that `deform` warps image and label by one field, with the functions passed in, and changes no input."""
    rng = np.random.default_rng(seed)
    for shape in shapes:
        inputs, name = (rng.normal(size=shape), rng.integers(0, 9, shape)), f"deform(image and label: shape {shape})"
        got = _deformed(function, 1000.0, rng, 1, *inputs)
        results, before = got["results"][0, 0], [one.ravel() for one in inputs]
        image, label, swapped = (
            round(after[18] - one[18]) * (largest_difference(after[19:], one[19:]) < rounding_bound(1, one))
            for after, one in zip(results[[0, 1, 1]], (*before, before[0]))
        )
        law(
            image == WARPED,
            f"{name}: the first result is not what `warp` makes of image and field.",
            "the two results are swapped: the image comes first."
            if swapped == WARPED
            else "the image goes through `warp_label`."
            if image == WARPED_LABEL
            else None,
        )
        law(
            label == WARPED_LABEL,
            f"{name}: the second result is not what `warp_label` makes of label and field.",
            "the label goes through `warp`, which interpolates."
            if label == WARPED
            else "the label reaches `warp_label` as floats; pass it as it came."
            if label == WARPED_OTHER
            else None,
        )
        law(
            np.abs(results[0, :18] - results[1, :18]).max() < 2 and got["apart"] < 0.1,
            f"{name}: image and label are warped with different "
            f"fields: at node [0, 0] the vectors are {results[0, :2].round()} and {results[1, :2].round()}.",
        )
        law(
            not got["altered"],
            f"{name}: the field that reaches `warp` is not the one that `displacement_field` made.",
            "it is rounded, turned round, or its components are swapped on the way.",
        )
        law(not got["changed"], f"{name}: the function changes its input `{got['changed']}`; work on a copy.")
    print(f"deform: image and label move together on {len(shapes)} shapes")


def deform_vectors(function, seed=None, sigmas=(3.0, 0.5)):
    """Check that the vectors of `deform` are independent and Gaussian, with mean 0 and standard deviation sigma."""
    draws = [_vectors(function, sigma, np.random.default_rng(seed)) for sigma in sigmas]
    hint = _hint_of_spread([draw.ravel() for draw in draws], sigmas)
    for sigma, draw in zip(sigmas, draws):
        name, values = f"deform, {DRAWS} calls with sigma {sigma:g}", draw.ravel() / sigma
        law(values.any(), f"{name}: all vectors are 0.")
        still, largest = np.ptp(draw, 0) <= rounding_bound(1, draw), np.abs(values).max()
        law(
            not still.any(),
            f"{name}: {still.sum()} of the 18 components of the vectors are the same in every call.",
            "the vectors do not come from `rng`, or it starts anew in every call."
            if still.all()
            else "only one of the two components is drawn."
            if sorted(still.sum((0, 1))) == [0, 9]
            else None,
        )
        law(
            np.abs(np.corrcoef(draw.reshape(DRAWS, 18).T) - np.eye(18)).max() < 0.25,
            f"{name}: the 18 components of the vectors are not independent.",
            "rows and columns get the same displacement; each has its own."
            if _close(draw[..., 0], draw[..., 1])
            else "all nodes get the same vector; each has its own."
            if _close(draw, draw[:, :1, :1])
            else None,
        )
        sets = values.reshape(DRAWS, 18)
        for what, each in (("mean", sets.mean(1)), ("standard deviation", sets.std(1))):
            law(
                each.std() > 0.01 * values.std(),
                f"{name}: every set of vectors has the same {what}; that of independent numbers "
                "differs from set to set.",
                f"the {what} is forced upon each set after the draw.",
            )
        law(abs(values.mean()) < 0.06 * values.std(), f"{name}: the mean of the vectors is {draw.mean():.3g}, not 0.")
        law(
            abs(values.std() - 1) < 0.05 and largest > 3 and stats.kstest(values, "norm").statistic < 0.03,
            f"{name}: the vectors, seen in the field that reaches `warp`, are not Gaussian with standard "
            f"deviation sigma; their standard deviation is {draw.std():.3g}, the largest component {largest:.2f} times "
            "sigma. A field that is rounded or clipped shows here too.",
            hint,
        )
    print(f"deform: Gaussian vectors with {len(sigmas)} standard deviations")


def deform_rng(function, seed=None):
    """Check that `deform` takes all randomness from `rng`, and leaves the global generator of NumPy alone."""
    got = _deformed(function, 3.0, np.random.default_rng(seed), 2)
    (first, following), (second, _) = got["vectors"]
    law(
        _close(first, second),
        "deform: two generators in the same state gave different vectors.",
        "np.random itself is used in place of `rng`." if got["global"] else "the vectors do not come from `rng`.",
    )
    law(
        largest_difference(first, following) > rounding_bound(1, first),
        "deform: two calls in a row with one `rng` gave the same vectors.",
        "the vectors do not come from `rng`, or it starts anew in every call.",
    )
    law(not got["global"], "deform: NumPy's global generator has changed; all randomness must come from `rng`.")
    print("deform: its randomness comes from rng")


def deform_still(function, seed=None):
    """Check that `deform` changes nothing where sigma is 0."""
    got = _deformed(function, 0, np.random.default_rng(seed), 1)
    law(_close(got["results"][..., :18], 0), "deform(sigma: 0): the vectors are not 0.")
    print("deform: changes nothing where sigma is 0")


def run_deform(deform, sigma, rng, times, image, label):
    """Call `deform` `times` times with each of two generators in one state, and functions that show what they get."""
    called, seen = set(), {"apart": 0.0, "altered": False}

    def show_field(vectors, height, width):
        called.add("displacement_field")
        seen["vectors"] = np.array(vectors, np.float64)
        if np.shape(vectors) != (3, 3, 2):
            raise ValueError(f"vectors of shape {np.shape(vectors)}")
        if not (3 <= height <= 1000 and 3 <= width <= 1000):
            raise ValueError(f"a field of {height} x {width}")
        return np.pad(np.asarray(vectors, np.float64), ((0, height - 3), (0, width - 3), (0, 0)))

    def show_warp(image, field, mark=WARPED):
        if np.shape(field) != (*np.shape(image), 2):
            raise ValueError(f"a field of shape {np.shape(field)} for an image of shape {np.shape(image)}")
        called.add("warp" if mark == WARPED else "warp_label")
        field, result = np.asarray(field), np.array(image, np.float64)
        if mark == WARPED:
            seen["field"] = np.array(field, np.float64)
            if "vectors" in seen:  # a factor is allowed: standard vectors, and a field times sigma
                factor = np.abs(field).max() / max(np.abs(seen["vectors"]).max(), 1e-12)
                off = np.abs(field[:3, :3] - factor * seen["vectors"]).max()
                seen["altered"] |= bool(off > TOLERANCE * max(1.0, np.abs(field).max()))
        elif "field" in seen:
            seen["apart"] = max(seen["apart"], float(np.abs(field - seen["field"]).max()))
        result.flat[:18] = field[:3, :3].flat
        result.flat[18] += mark * (np.count_nonzero(field) == np.count_nonzero(field[:3, :3]))
        return result

    def show_warp_label(label, field):
        return show_warp(label, field, WARPED_LABEL if np.asarray(label).dtype.kind in "iu" else WARPED_OTHER)

    def once(image, label, rng):
        results = deform(image, label, sigma, rng, show_field, show_warp, show_warp_label)
        missing = sorted({"displacement_field", "warp"} - called) if sigma and results is not None else ()
        if missing:
            raise TypeError(f"never calls the `{missing[0]}` that it is given, but perhaps one of its own")
        if results is None or [np.shape(result) for result in results] != [image.shape] * 2:
            raise TypeError(UNSOLVED if results is None else "must return two arrays, those that the functions make")
        return [np.nan_to_num(np.array(result, np.float64)).ravel() for result in results]

    def whole():
        inputs, before = (image.copy(), label.copy()), _global_state(deform)
        copies = [copy.deepcopy(rng) for _ in range(2)]
        results = [[once(*inputs, each) for _ in range(times)] for each in copies]
        changed = [name for name, *pair in zip(("image", "label"), inputs, (image, label)) if not np.array_equal(*pair)]
        return {
            "results": np.array(results),
            "vectors": np.array(results)[:, :, 0, :18].reshape(-1, times, 3, 3, 2),
            "apart": seen["apart"],
            "altered": seen["altered"],
            "changed": " and ".join(changed),
            "global": before != _global_state(deform),
        }

    return capture(whole)


def _global_state(function):
    """Something that changes with NumPy's global generator, where the function lives."""
    return function.random_state() if hasattr(function, "random_state") else repr(np.random.get_state())


def _vectors(function, sigma, rng):
    """The vectors of many calls in a row with one generator: (DRAWS, 3, 3, 2)."""
    refuse_borrowed(function)
    shape, name = (5, 4), f"deform, {DRAWS} calls with sigma {sigma:g}"
    probes = (_probes.show_field, _probes.show_warp, _probes.show_warp_label)
    inputs = np.zeros(shape), np.zeros(shape, np.int64), sigma, rng
    got = capture(lambda: tuple(repeat(function, DRAWS, *inputs, *probes)))
    law("raised" not in got, f"{name}: {fault({}, got) if 'raised' in got else ''}")
    pairs = got["value"]
    law(pairs[0] is not None, f"{name}: {UNSOLVED}")
    fits = all(isinstance(pair, (tuple, np.ndarray)) and len(pair) == 2 for pair in pairs)
    fits = fits and all(isinstance(pair[0], np.ndarray) and pair[0].shape == shape for pair in pairs)
    images = np.array([np.ravel(pair[0]) for pair in pairs]) if fits else None
    law(
        images is not None and np.isin(images[:, 18], (WARPED, WARPED_LABEL)).all(),
        f"{name}: the results are not what the `warp` and `warp_label` that are passed in give.",
    )
    return np.nan_to_num(images[:, :18].astype(np.float64)).reshape(DRAWS, 3, 3, 2)


def _deformed(function, sigma, rng, times, image=None, label=None):
    refuse_borrowed(function)
    image, label = np.zeros((5, 4)) if image is None else image, np.zeros((5, 4), np.int64) if label is None else label
    got = run_deform(function, sigma, rng, times, image, label)
    law("raised" not in got, f"deform: {fault({}, got) if 'raised' in got else ''}")
    return got["value"]


def _field_of(function, vectors, height, width):
    field = value_of(function, vectors, height, width)
    came = getattr(field, "shape", None)
    law(
        came == (height, width, 2) and np.isfinite(field).all(),
        f"displacement_field({height} x {width}): "
        f"expected finite values of shape {(height, width, 2)}, came {show(field)}.",
        "height and width are swapped."
        if came == (width, height, 2)
        else "the axis of the two components comes first; it must come last."
        if came == (2, height, width)
        else "some values are nan or infinite."
        if came == (height, width, 2)
        else None,
    )
    law(
        field.dtype != np.float16,
        f"displacement_field({height} x {width}): expected float32 or float64, came {field.dtype}.",
        "16 bits are too few: they tell apart 2,048 steps at most.",
    )
    return np.asarray(field, np.float64)


def _at_nodes(field):
    return field[np.ix_(*([0, side // 2, side - 1] for side in field.shape[:2]))]


def _at_centres(field):
    """The vectors at the centres of nine equal parts of the image, which may lie between pixels."""
    places = np.meshgrid(*(side * np.array([1, 3, 5]) / 6 - 0.5 for side in field.shape[:2]), indexing="ij")
    return np.stack([ndimage.map_coordinates(field[..., axis], places, order=3) for axis in (0, 1)], axis=-1)


def _repeats(field, axis):
    return np.abs(np.diff(field, 1, axis)).max(tuple({0, 1, 2} - {axis})).min() < TOLERANCE


def _equal(one, other):
    """As equal as fields are that a long sum in float32 makes."""
    return np.allclose(one, other, rtol=0, atol=rounding_bound(10**4, other))


def _close(one, other):
    """Within a twentieth of a pixel."""
    return np.allclose(one, other, rtol=0, atol=0.05)


def _hint_of_nodes(vectors, fields):
    seen = [(one, _at_nodes(field), _at_centres(field)) for one, field in zip(vectors, fields)]
    if all(_close(nodes, one.transpose(1, 0, 2)) for one, nodes, _ in seen):
        return "rows and columns of the grid are swapped: the first axis of `vectors` runs down the image."
    if all(_close(nodes, one[..., ::-1]) for one, nodes, _ in seen):
        return "the two components of the vectors are swapped."
    if all(_close(centres, one) for one, _, centres in seen):
        return "the nodes lie at the centres of nine equal parts of the image, not on its corner pixels."
    return None


def _hint_of_spread(draws, sigmas):
    if all(
        np.ptp(draw) > 0 and stats.kstest(draw, "uniform", (draw.min(), np.ptp(draw))).statistic < 0.03
        for draw in draws
    ):
        return "the vectors are drawn from a uniform distribution; the task asks for a Gaussian one."
    spreads = np.array([draw.std() for draw in draws])
    hints = {
        "sigma squared is used as the standard deviation.": np.square(sigmas),
        "sigma is used as the variance; it is the standard deviation.": np.sqrt(sigmas),
        "the spread of the vectors does not depend on sigma.": np.full(len(sigmas), spreads[0]),
    }
    return next((hint for hint, wrong in hints.items() if np.allclose(spreads, wrong, atol=0, rtol=0.05)), None)


def _random_field(rng, shape, reach):
    """Places on whole pixels or up to 3/8 of a pixel beside them, so that the nearest pixel is never in doubt."""
    field = []
    for own, side in zip(np.indices(shape), shape):
        limit = int(reach * side)
        low, high = (own - limit, own + limit) if reach else (0 * own, 0 * own + side - 1)
        place = np.clip(rng.integers(low - 1, high + 2) + rng.integers(-12, 13, shape) / 32, low, high)
        place[-1, -1] = side - 1 + limit
        field.append(place - own)
    return np.stack(field, -1)


def _mistakes(cases, faults, **options):
    """Every fault, and every two or three at once; the hint leaves out a fault that alone changes nothing here."""

    def changes_nothing(change):
        pairs = ((_warp(*case, **{**options, **change}), _warp(*case, **options)) for case in cases)
        return all(
            largest_difference(one, other)
            <= rounding_bound(4, other, one.dtype if one.dtype.kind == "f" else np.float64)
            for one, other in pairs
        )

    faults = [(change, "" if changes_nothing(change) else text) for change, text in faults]
    for picks in itertools.chain(*(itertools.combinations(faults, count) for count in (1, 2, 3))):
        changes, texts = [change for change, _ in picks], [text for _, text in picks if text]
        if texts and len(set().union(*changes)) == sum(map(len, changes)):
            options_of_all = functools.reduce(dict.__or__, changes, options)
            yield Mistake("\nAnd: ".join(texts), functools.partial(_warp, **options_of_all))


def _warp(image, field, order=1, mode="mirror", sign=1, swap=None, own=1, part=None, once=False, then=None):
    pixels, shifts = own * np.indices(image.shape), sign * np.moveaxis(field, -1, 0)
    places = (pixels[::-1] if swap == "own" else pixels) + (shifts[::-1] if swap == "field" else shifts)
    places = places[::-1] if swap == "places" else places
    last = np.reshape(image.shape, (2, 1, 1)) - 1
    places = last - np.abs(last - np.abs(places)) if once else places
    result = ndimage.map_coordinates(
        image.astype(np.float64) if then else image, part(places) if part else places, order=order, mode=mode
    )
    return then(result) if then else result


def _warp_label(label, field):
    return _warp(label, field, order=0)


def _by_share(label, field):
    ids = np.unique(label)
    return ids[np.argmax([_warp(np.float64(label == one), field) for one in ids], axis=0)]
