"""Checks of the capstone: a network of the student's own, scored on slices that it has not seen."""

import functools
import numbers
from itertools import permutations

import numpy as np

from .. import datasets, metrics
from . import UNSOLVED, capture, codes, describe, fault, law, show, value_of

SLICES, SIDE = 3, 256
MOST_WEIGHTS = 500_000
DRIFT = 0.08  # by how much a part of a slice may differ on average from the same pixels of the whole
SAME = 1e-2  # of two predictions: looser than the rule in float32, as a student's network may compute in half precision
EDGES = np.s_[:, 0], np.s_[:, -1], np.s_[..., 0], np.s_[..., -1]
CLEAR = 0.4  # by which the mean over cells lies above that over membrane, where a network tells them apart
FAR = 4  # pixels: a network of unpadded convolutions whose cut is rounded lies less beside its place
ROOM = 0.02  # by how much another reading must score better to be named as the cause


def hidden_slices(seed=None):
    """Fresh synthetic slices: images and labels, (3, 256, 256) each. The seed may be a list of numbers."""
    number = int(np.random.default_rng(seed).integers(2**31))
    return tuple(part.copy() for part in _slices(number))


@functools.lru_cache(maxsize=8)
def _slices(number):
    images, labels, _ = datasets.synthetic_em(SLICES, SIDE, number)
    return images, labels


def probabilities(segment, seed=None):
    """Check what `segment(images)` returns: (N, H, W) numbers from 0 to 1, of cell, each at its place.

    The slices need not be square.
    """
    images, labels = hidden_slices(seed)
    for part in (images[:1, :160, :216], images[:, :184, :152]):
        p = _predict(segment, part)
        law(
            p.min() >= 0 and p.max() <= 1,
            f"segment({describe(['images'], (part,))}): expected probabilities from 0 to 1, "
            f"came numbers from {p.min():.3g} to {p.max():.3g}",
            "these are logits; the soft-max is missing." if p.min() < 0 else None,
        )
    law(
        len(np.unique(p)) != 2,
        "segment: returns two values only",
        "the threshold is applied already; return the probability.",
    )
    whole, part = _predict(segment, images[:1]), _predict(segment, images[:1, :149, :201])
    _stands_right(whole[0], labels[0])
    drift = np.abs(part - whole[:, :149, :201]).mean()
    unfinished = any(np.ptp(part[edge]) == 0 < np.ptp(whole[edge]) for edge in EDGES)
    law(
        drift < DRIFT and not unfinished,
        f"segment: a slice of 149 x 201 pixels must come out like the same pixels of the whole slice; they "
        f"differ by {drift:.2f} on average" + (", and one edge holds one value only" if unfinished else ""),
        "what is left over beside whole tiles, or beside an even side, is not predicted." if unfinished else None,
    )
    print("segment: returns probabilities")


def _stands_right(p, labels):
    """The law that a network which tells cells from membrane says so of cells, and where they are."""
    rises = _rises(p, labels)
    law(
        rises[0, 0] > -CLEAR,
        f"segment: on cells it gives {-rises[0, 0]:.2f} less than on membrane, on average",
        "this is the probability of membrane, where that of cell is asked for.",
    )
    y, x = (int((place + side // 2) % side - side // 2) for place, side in zip(_peak(rises), rises.shape))
    law(
        max(abs(y), abs(x)) < FAR or rises.max() < max(CLEAR, 1.2 * rises[0, 0]),
        f"segment: the prediction fits the slice best where it is moved by {-y} rows and {-x} columns",
        "the prediction lies beside the image; look at how it is cut and pasted.",
    )


def _rises(p, labels):
    """By how much the mean of `p` over cells lies above that over membrane, if `p` lay [y, x] pixels beside them."""
    cells = labels.mean()
    found = np.fft.ifft2(np.fft.fft2(p - p.mean()) * np.fft.fft2(labels - cells).conj()).real
    return found / (labels.size * cells * (1 - cells))


def _peak(values):
    return np.unravel_index(values.argmax(), values.shape)


def alone(segment, seed=None):
    """Check that a slice is segmented alike, alone or with others, and that the slices keep their order."""
    images, _ = hidden_slices(seed)
    images = images[:, :160, :184]
    images[-1] = 0.1 * images[-1]  # much darker than the others: what is computed over all of them shows
    text = fault(*({"value": _predict(segment, images)} for _ in range(2)), SAME)
    law(text is None, f"segment: the same slices give another result each time: {text}")
    together, apart = (
        _predict(segment, images),
        np.concatenate([_predict(segment, images[i : i + 1]) for i in range(SLICES)]),
    )
    text = fault({"value": apart}, {"value": together}, SAME)
    law(
        text is None,
        f"segment: slices together must give what each gives alone: {text}",
        "the slices come back in another order."
        if any(np.allclose(together, apart[list(order)], atol=SAME) for order in permutations(range(SLICES)))
        else "something is computed over all slices at once, for example a mean grey value, or batch normalization in "
        "training.",
    )
    law(
        not np.allclose(apart, apart[:1]) or np.ptp(apart) == 0,
        "segment: three different slices give one and the same result",
        "what was computed for one slice is remembered and given for others.",
    )
    print("segment: each slice for itself")


def v_rand_at_least(segment, threshold, least, seed=None):
    """Check V_Rand after thinning on hidden slices, at the student's threshold."""
    _at_least(segment, threshold, least, seed, "V_Rand after thinning", _v_rand)


def pixel_error_at_most(segment, threshold, most, seed=None):
    """Check the pixel error on hidden slices, at the student's threshold."""
    _at_least(
        segment, threshold, -most, seed, "pixel error", lambda p, labels, level: -metrics.pixel_error(p, labels, level)
    )


def budget(model, most=MOST_WEIGHTS):
    """Check that `model` is a Keras model of no more than so many weights."""
    count = sum(weight.size for weight in _weights(model))
    law(
        count <= most,
        f"model: expected at most {most:,} weights, came {count:,}.",
        "too many filters at the top, or too many levels: a level has four times the weights of the one above.",
    )
    print(f"model: {count:,} weights of at most {most:,}")


def own_network(segment, model):
    """Check that the network is not the one that the package brings along, nor began as it, and that it segments."""
    law(
        hasattr(segment, "submission") or not leans_on_pretrained(segment),
        "segment: leans on unet_tutorial.pretrained; train a network of your own",
    )
    law(
        _likeness(_weights(model)) < 0.5,
        "model: these weights are those of the network that the package brings along, or began as them; "
        "train a network of your own",
    )
    law(_uses(segment, model), "segment: gives the same where all weights of `model` are 0; it must segment by `model`")
    print("model: your own")


def _weights(model):
    """The weights of a Keras model, which may live in another process, as arrays."""
    law(model is not Ellipsis and model is not None, f"model: {UNSOLVED}")
    got = capture(lambda: tuple(np.asarray(weight) for weight in model.get_weights()))
    law("value" in got, f"model: expected a Keras model; {got.get('text')}")
    return got["value"]


@functools.lru_cache(maxsize=1)
def _uses(segment, model):
    """Whether what `segment` gives hangs on the weights of `model`."""
    weights, images = _weights(model), hidden_slices(0)[0][:1, :160, :160]
    before = capture(lambda: segment(images.copy()))
    if fault({"value": np.zeros(images.shape)}, before, np.inf) or np.ptp(before["value"]) == 0:
        return True  # no prediction at all: other checks say so
    model.set_weights([np.zeros_like(weight) for weight in weights])
    try:
        after = capture(lambda: segment(images.copy()))
    finally:
        model.set_weights(list(weights))
    return fault(before, after, SAME) is not None


def _likeness(weights):
    """Correlation of weights with those of the package's trained network; 0 where shapes differ."""
    own, known = ([np.ravel(weight) for weight in part] for part in (weights, _known_weights()))
    if [len(weight) for weight in own] != [len(weight) for weight in known]:
        return 0.0
    own, known = np.concatenate(own), np.concatenate(known)
    return float(np.corrcoef(own, known)[0, 1]) if own.std() else 0.0


@functools.cache
def _known_weights():
    from .. import pretrained

    return pretrained.small_unet().get_weights()


def leans_on_pretrained(function):
    """Whether a function of the notebook, or one that it calls, names the package's trained network."""
    waiting, seen = [function], set()
    while waiting:
        one = waiting.pop()
        code = getattr(one, "__code__", None)
        if code is None or one in seen:
            continue
        seen.add(one)
        words = {word for part in codes(code) for word in (*part.co_names, *part.co_consts) if isinstance(word, str)}
        if any("pretrained" in word or word == "small_unet" for word in words):
            return True
        named = [one.__globals__[word] for word in words if word in one.__globals__]
        waiting += [value for value in named if getattr(value, "__module__", None) == one.__module__]
    return False


def _predict(segment, images):
    p = value_of(segment, images)
    p = np.asarray(p, np.float64) if isinstance(p, (np.ndarray, tuple)) else p
    law(
        isinstance(p, np.ndarray) and p.shape == images.shape,
        f"segment({describe(['images'], (images,))}): expected shape {images.shape}, came {show(p)}.",
        "both classes are returned; return the probability of cell alone."
        if getattr(p, "shape", ())[:-1] == images.shape
        else None,
    )
    law(
        np.isfinite(p).all(),
        f"segment({describe(['images'], (images,))}): {np.sum(~np.isfinite(p))} pixels are not finite",
    )
    return p


@functools.lru_cache(maxsize=1)
def _on_hidden(segment, seed):
    images, labels = hidden_slices(list(seed))
    return _predict(segment, images), labels


def _v_rand(p, labels, threshold):
    return metrics.v_rand(p, labels, threshold, thin=True)


def _at_least(segment, threshold, least, seed, name, measure):
    law(
        isinstance(threshold, numbers.Real) and 0 <= threshold < 1,
        f"THRESHOLD: expected a number from 0 to below 1, came {show(threshold)}",
    )
    if seed is None:
        seed = [int(np.random.default_rng().integers(2**31))]
    p, labels = _on_hidden(segment, tuple(np.atleast_1d(seed).tolist()))
    p = np.clip(p, 0, 1)
    came = measure(p, labels, threshold)
    rule = f"at least {least:.2f}" if least > 0 else f"at most {-least:.2f}"
    if came >= least:
        print(f"{name}: {abs(came):.3f}, {rule}")
        return
    hint = next(
        (
            hint
            for hint, other, level in _readings(p, threshold)
            if measure(other, labels, level) > max(came + ROOM, least)
        ),
        None,
    )
    law(False, f"{name} on hidden slices: expected {rule}, came {abs(came):.3f}.", hint)


def _readings(p, threshold):
    yield (
        "this is the probability of membrane, where that of cell is asked for: 1 minus it scores better.",
        1 - p,
        threshold,
    )
    yield "rows and columns are swapped.", p.transpose(0, 2, 1), threshold
    yield "the slices are in another order.", p[::-1], threshold
    for shift in (4, 8, 16, 44):
        for step in (shift, -shift):
            yield (
                f"the prediction lies about {shift} px beside the image; look at how it is cut and pasted.",
                np.roll(p, (step, step), (1, 2)),
                threshold,
            )
    for level in (0.3, 0.5, 0.7):
        yield f"the prediction is better than its THRESHOLD: {level} scores higher here.", p, level
