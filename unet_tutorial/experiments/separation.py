"""From probabilities to cells: four networks of nuclei, and the ways to divide what they give into nuclei.

    python -m unet_tutorial.experiments run e6-nuclei/border --seed 0  # and /balance: two of the networks
    python -m unet_tutorial.experiments.separation --seed 0

trains the two others further from the second, with another last layer and the same fold and images. It predicts the
held-out images with all four and writes `separated/0.json`, which the chapter *From probabilities to cells* reads.
Needs the data folder, and scikit-image.
"""

import argparse
import functools
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .. import datasets, metrics, pretrained, tiling, training, weight_maps
from .._backend import keras
from .._shared.files import whole
from ..model import build_unet, first_weights
from . import plan
from ._machine import surroundings
from ._setup import make_optimizer, split_data

FOLDER = Path(__file__).parent / "separated"
RECIPE = plan.NUCLEI  # of the two networks of `e6-nuclei`: 1,500 steps with 20 images
FURTHER = replace(RECIPE, steps=500)  # steps that teach the network "balance" another target
REACH = 10  # px: further inside, a distance to the border counts as that
SHOWN = ("1bd0f2b3", "57b49733")  # images of the sample that seed 0 holds out
SMALLEST = 20  # px: what is smaller is no nucleus; the smallest labelled one of all 90 images has 21
THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))
LOW, HIGH = (0.3, 0.5, 0.7, 0.85), (0.8, 0.9, 0.95, 0.98, 0.99)
DEEP = (2, 4, 6, 8, 10, 12)  # px inside
FOUND = ("true", "found", "matched", "seg", "true area", "found area")  # what the record says of an image


def three_classes(cells: np.ndarray) -> NDArray[np.int32]:
    """Background 0, inside of a nucleus 1, and its border 2: its pixels with another id within two pixels.

    Examples
    --------
    >>> three_classes(np.array([[0, 0, 5, 5, 5, 5, 5, 7, 7]])).tolist()
    [[0, 0, 2, 2, 1, 2, 2, 2, 2]]
    """
    border = ndimage.maximum_filter(cells, 5) != ndimage.minimum_filter(cells, 5)
    return np.where(cells > 0, 1 + border, 0).astype(np.int32)


def distances(cells: np.ndarray) -> NDArray[np.float32]:
    """Distance to the border, of nuclei that are parted by background: REACH px or more is 1.

    Examples
    --------
    >>> distances(np.array([[0, 1, 1, 1, 0, 2]])).round(1).tolist()
    [[0.0, 0.10000000149011612, 0.20000000298023224, 0.10000000149011612, 0.0, 0.10000000149011612]]
    """
    return (np.minimum(ndimage.distance_transform_edt(cells > 0), REACH) / REACH).astype(np.float32)


def distance_loss(_, outputs, wanted):
    """Cross entropy with a wanted share in place of a label: least where the sigmoid of the output is that share."""
    ops = keras.ops
    return ops.mean(ops.binary_crossentropy(ops.cast(wanted, "float32"), outputs[..., 0], from_logits=True))


def network(name: str, seed: int, split, runs: Path):
    """One of the four networks, trained if its weights are not there yet."""
    known = name in ("border", "balance")
    path = runs / ("e6-nuclei" if known else "separation") / name.replace(" ", "-") / f"{seed}.weights.npz"
    if known and not path.exists():
        raise FileNotFoundError(
            f"{path}: make it with python -m unet_tutorial.experiments run e6-nuclei/{name} --seed {seed}"
        )
    before = None if known or path.exists() else network("balance", seed, split, runs).get_weights()
    classes = {"border class": 3, "distance": 1}.get(name, 2)
    keras.backend.clear_session()
    keras.mixed_precision.set_global_policy("float32")
    training.set_seed(seed)
    model = build_unet((RECIPE.tile, RECIPE.tile, 1), classes, RECIPE.filters, RECIPE.depth, drop_out=RECIPE.drop_out)
    first_weights(model, seed)
    if before is not None:
        model.set_weights([*before[:-2], *model.get_weights()[-2:]])  # all but the last layer
        images, cells, targets = split.part("train")
        tiles = functools.partial(training.TileBatches, model=model, seed=seed, augment=RECIPE.augment)
        if name == "distance":  # the map that `weigh` makes is what the loss wants
            batches, loss = tiles(images, targets, weigh=distances), distance_loss
        else:
            labels = np.stack([three_classes(ids) for ids in cells])
            weigh = functools.partial(weight_maps.weight_map, w0=0, balance=weight_maps.class_weights(labels, 3))
            batches, loss = tiles(images, cells, weigh=weigh, labels=labels), None
        callbacks = [training.Checkpoint(path.with_suffix(".steps.npz")), training.ProgressBar(False)]
        path.parent.mkdir(parents=True, exist_ok=True)
        training.train(model, batches, FURTHER.steps, make_optimizer(FURTHER), loss, callbacks)
        pretrained.save_weights(model, path)
        path.with_suffix(".steps.npz").unlink(missing_ok=True)
    pretrained.load_weights(model, path)
    return model


def pieces(mask: np.ndarray) -> NDArray[np.int32]:
    """The components of a mask, without what is too small."""
    return kept(ndimage.label(mask)[0])


def kept(ids: NDArray[np.integer]) -> NDArray[np.int32]:
    """Ids of at least SMALLEST pixels, numbered anew.

    Examples
    --------
    >>> kept(np.repeat([0, 3, 8], [5, 19, 21])[None]).max(), kept(np.zeros((2, 2), int)).max()
    (np.int32(1), np.int32(0))
    """
    sizes = np.bincount(ids.ravel())
    sizes[0] = 0
    large = sizes >= SMALLEST
    return (np.cumsum(large) * large)[ids].astype(np.int32)


def flooded(height: np.ndarray, seeds: np.ndarray, mask: np.ndarray) -> NDArray[np.int32]:
    """A seeded watershed: the seeds grow over the mask, downhill. A piece of it without a seed stays one piece."""
    from skimage.segmentation import watershed

    piece, count = ndimage.label(mask)
    seeded = np.zeros(count + 1, bool)
    seeded[piece[seeds > 0]] = True
    seeded[0] = True
    markers = np.where(seeded[piece], seeds, seeds.max() + piece)
    return kept(watershed(-height, markers, mask=mask))


def by_threshold(maps, low):
    return pieces(maps[..., 1] > low)


def by_probability(maps, low, high):
    inside = maps[..., 1]
    return flooded(inside, ndimage.label(inside > high)[0], inside > low)


def by_shape(maps, low, deep):
    mask = maps[..., 1] > low
    depth = ndimage.distance_transform_edt(mask)
    return flooded(depth, ndimage.label(depth > deep)[0], mask)


def by_border_class(maps, low, high):
    inside = maps[..., 1]
    return flooded(inside, ndimage.label(inside > high)[0], 1 - maps[..., 0] > low)


def by_distance(maps, low, deep):
    depth = REACH * maps[..., 0]
    return flooded(depth, ndimage.label(depth > deep)[0], depth > low)


PROBABLE = [(low, high) for low, high in itertools.product(LOW, HIGH) if high > low]
SHAPED = [*itertools.product(LOW, DEEP)]
WAYS: Mapping[str, tuple[str, Callable, list]] = {  # name to network, function, what is tried
    "threshold": ("balance", by_threshold, [(low,) for low in THRESHOLDS]),
    "watershed of probability": ("balance", by_probability, PROBABLE),
    "watershed of shape": ("balance", by_shape, SHAPED),
    "border weights, threshold": ("border", by_threshold, [(low,) for low in THRESHOLDS]),
    "border weights, watershed of probability": ("border", by_probability, PROBABLE),
    "border weights, watershed of shape": ("border", by_shape, SHAPED),
    "border class": ("border class", by_border_class, [*itertools.product((*LOW, 0.95), (0.3, 0.5, 0.7, 0.85, 0.95))]),
    "distance": ("distance", by_distance, [*itertools.product((0.5, 1, 1.5, 2), (2, 4, 6, 8, 9))]),
    "grey values, threshold": ("grey", by_threshold, [(low,) for low in THRESHOLDS]),
    "true mask, in pieces": ("mask", by_threshold, [(0.5,)]),
    "true mask, watershed of shape": ("mask", by_shape, [(0.5, deep) for deep in DEEP]),
    "true mask with open borders": ("opened", by_threshold, [(0.5,)]),
}


def seg(found: Sequence, cells: Sequence) -> float:
    """SEG over all nuclei of some images."""
    return metrics.seg_score(found, cells)


def of_image(found: np.ndarray, cells: np.ndarray) -> list[float]:
    """FOUND of one image. Matched: a segment and a nucleus whose Jaccard index is above one half.

    Areas are the medians, in square pixels.

    Examples
    --------
    >>> cells = np.repeat([0, 1, 2], 30)[None]
    >>> of_image((cells > 0).astype(int), cells)  # two nuclei in one segment: each is half of it
    [2, 1, 0, 0.5, 30.0, 60.0]
    """
    shared = np.histogram2d(found.ravel(), cells.ravel(), [np.arange(ids.max() + 2) for ids in (found, cells)])[0]
    areas = [shared.sum(axis=axis)[1:] for axis in (1, 0)]
    both = shared[1:, 1:]
    index = both / (areas[0][:, None] + areas[1] - both)
    matched = int((index > 0.5).sum())
    medians = [float(np.median(one[one > 0])) if one.any() else 0.0 for one in areas]
    counts = [int(np.count_nonzero(one)) for one in areas]
    return [counts[1], counts[0], matched, round(seg([found], [cells]), 4), medians[1], medians[0]]


def judge(way: str, maps: Mapping[str, Mapping[str, list]], parts: Mapping[str, Any]) -> dict[str, Any]:
    """A way with the numbers that are best, by SEG, on the images that only choose; then on the held-out ones."""
    source, divide, tried = WAYS[way]
    cells = parts["chosen_on"]
    chosen = max(tried, key=lambda numbers: seg([divide(one, *numbers) for one in maps[source]["chosen_on"]], cells))
    found = [divide(one, *chosen) for one in maps[source]["held_out"]]
    compared = [metrics.Comparison.of_ids(*pair) for pair in zip(found, parts["held_out"])]
    scores = {name: metrics.RULES[name].of(compared) for name in ("seg", "seg_touching", "merged_cells")}
    return {
        "chosen": list(chosen),
        **{name: round(float(value), 4) for name, value in scores.items()},
        "images": [of_image(*pair) for pair in zip(found, parts["held_out"])],
    }


def outputs(seed: int, split, runs: Path) -> dict[str, dict[str, list]]:
    """What there is to divide: (H, W, C) maps of each network and of floor and ceiling, for both parts of the split."""
    maps: dict[str, dict[str, list]] = {}
    for part in ("chosen_on", "held_out"):
        images, cells, targets = split.part(part)
        for name, inside in (("grey", images), ("mask", cells > 0), ("opened", targets > 0)):
            maps.setdefault(name, {})[part] = [np.stack([1.0 - one, one], axis=-1) for one in inside.astype(float)]
    for name in ("balance", "border", "border class", "distance"):
        model = network(name, seed, split, runs)
        maps[name] = {part: [tiling.predict_tiled(model, one) for one in split.part(part)[0]] for part in maps["mask"]}
    return maps


def record(seed: int, runs: Path) -> dict[str, Any]:
    """All ways, on the held-out images of a seed."""
    split = split_data(RECIPE, seed)
    maps = outputs(seed, split, runs)
    parts = {name: list(split.part(name)[1]) for name in ("chosen_on", "held_out")}
    return {
        "seed": seed,
        "steps": [RECIPE.steps, FURTHER.steps],
        "data": split.describe(RECIPE.data),
        "of an image": list(FOUND),
        "ways": {way: judge(way, maps, parts) for way in WAYS},
        **surroundings(network("balance", seed, split, runs)),
    }


def read(seed: int) -> dict[str, Any]:
    """The record of a seed.

    Examples
    --------
    >>> read(0)["steps"]
    [1500, 500]
    """
    return json.loads((FOLDER / f"{seed}.json").read_text(encoding="utf-8"))


def shown() -> dict[str, NDArray[np.float32]]:
    """What the four networks of seed 0 give for the images SHOWN of the sample, which it holds out.

    Returns
    -------
    dict
        Name of the network to an (N, 360, 360, C) float32 array in 0..1, in whole hundredths: of two classes the
        probability of nucleus, C = 1; of three those of background, inside and border, C = 3; of distances the share of
        REACH, C = 1.

    Examples
    --------
    >>> {name: maps.shape[1:] for name, maps in shown().items()}["border class"]
    (360, 360, 3)
    """
    with np.load(FOLDER / "shown.npz") as saved:
        maps = {name.replace("_", " "): saved[name].astype(np.float32) / np.float32(100) for name in saved.files}
    three = maps["border class"]
    maps["border class"] = np.concatenate([1 - three.sum(axis=-1, keepdims=True).clip(0, 1), three], axis=-1)
    return maps


def write_shown(runs: Path) -> None:
    """Write what `shown` reads; of three classes the last two, since the three sum to 1."""
    split = split_data(RECIPE, 0)
    frames = datasets.load_nuclei().frames
    numbers = [next(k for k, frame in enumerate(frames) if frame.startswith(name)) for name in SHOWN]
    assert {*numbers} <= {*split.held_out}
    maps = {}
    for name in ("balance", "border", "border class", "distance"):
        model = network(name, 0, split, runs)
        found = np.stack([tiling.predict_tiled(model, split.images[number]) for number in numbers])
        maps[name.replace(" ", "_")] = np.rint(100 * (found if name == "distance" else found[..., 1:])).astype(np.uint8)
    with whole(FOLDER / "shown.npz", "wb") as file:
        np.savez_compressed(file, **maps)  # type: ignore[arg-type]


def main(arguments: list[str] | None = None) -> None:
    """Write the record of a seed, or the maps that the chapter shows."""
    parser = argparse.ArgumentParser(prog="python -m unet_tutorial.experiments.separation")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where the weights lie")
    parser.add_argument("--shown", action="store_true", help="write the maps that the chapter shows, and no record")
    given = parser.parse_args(arguments)
    if given.shown:
        write_shown(given.runs)
        return
    made = record(given.seed, given.runs)
    ways = ",\n".join(f"  {json.dumps(name)}: {json.dumps(one)}" for name, one in made.pop("ways").items())
    with whole(FOLDER / f"{given.seed}.json") as file:
        file.write(json.dumps(made)[:-1] + f',\n "ways": {{\n{ways}\n}}}}\n')


if __name__ == "__main__":
    main()
