"""What a trained network shows without any further training: averaged views, border width, thresholds, calibration.

    python -m unet_tutorial.experiments.examination

examines the small network of the package on the real slices that its training never saw, and writes its findings to
`pretrained/small-examined.json`. The chapter on results reads them from there.
"""

import json
import math
from typing import Any

import numpy as np
from scipy import ndimage

from .. import datasets, metrics, pretrained, weight_maps
from ..tiling import predict_flipped, predict_rotated, predict_tiled

FINDINGS = pretrained.FOLDER / "small-examined.json"
QUIET, NOISY = (6, 7, 8), (21, 22, 23)  # held-out slices of either half of the stack
VALIDATION = (0, 29)
QUARTERS = (0, 90, 180, 270)  # degrees
LOGITS = np.linspace(-4, 4, 33)  # thresholds of the operating curves; log(p / (1 - p))
DISTANCES = (*range(-3, 0), *range(1, 13))  # px from the border of a cell, negative in the membrane
BINS = np.linspace(0, 1, 11)


def views(model) -> dict:
    """Ways to predict an image: name to a function from (H, W) grey values to (H, W) probabilities of cell."""

    def eight(image):
        turned = predict_rotated(model, image, angles=QUARTERS)
        return (turned + predict_rotated(model, image[:, ::-1], angles=QUARTERS)[:, ::-1])[..., 1] / 2

    return {
        "one view": lambda image: predict_tiled(model, image)[..., 1],
        "four flips": lambda image: predict_flipped(model, image)[..., 1],
        "eight flips and turns": eight,
        "seven turns": lambda image: predict_rotated(model, image)[..., 1],
    }


def widened(label: np.ndarray, margin: int) -> np.ndarray:
    """Make the membranes of a label `margin` px wider on each side, by the four neighbours of a pixel.

    Examples
    --------
    >>> widened(np.array([[1, 1, 1, 0, 1, 1, 1]], np.uint8), 1)
    array([[1, 1, 0, 0, 0, 1, 1]], dtype=uint8)
    """
    return ndimage.binary_erosion(label, iterations=margin, border_value=1).astype(label.dtype) if margin else label


def thinnest(label: np.ndarray) -> np.ndarray:
    """Make the membranes of a label one pixel wide: the cells grow until only the places where they meet are left."""
    return (metrics.thin_borders(metrics.segments(label)) > 0).astype(label.dtype)


def signed_distance(label: np.ndarray) -> np.ndarray:
    """Distance of each pixel to the border of its cell, in px: 1, 2, ... in a cell, -1, -2, ... in the membrane.

    Examples
    --------
    >>> signed_distance(np.array([[0, 0, 1, 1, 1]], np.uint8))
    array([[-2, -1,  1,  2,  3]])
    """
    inside, outside = (ndimage.distance_transform_edt(part) for part in (label > 0, label == 0))
    return np.where(label > 0, np.floor(inside), -np.floor(outside)).astype(int)


def width_table(labels: np.ndarray) -> dict:
    """Scores of true labels whose membranes are too thin or too wide: they hold no other fault."""
    changed = {
        "thinned to 1 px": [thinnest(label) for label in labels],
        **{f"{margin} px wider": [widened(label, margin) for label in labels] for margin in (1, 2, 3)},
    }
    return {name: _scores(np.stack(stack).astype(np.float32), labels, 0.5) for name, stack in changed.items()}


def operating_curve(maps: np.ndarray, labels: np.ndarray) -> dict:
    """Scores at each threshold of `LOGITS`: name of the score to a list."""
    rows = [_scores(maps, labels, 1 / (1 + math.exp(-logit))) for logit in LOGITS]
    return {"logits": LOGITS.tolist(), **{name: [row[name] for row in rows] for name in rows[0]}}


def errors_by_distance(maps: np.ndarray, labels: np.ndarray, threshold: float) -> dict:
    """Share of wrong pixels at each distance of `DISTANCES`; the first and the last stand for all beyond them too."""
    distance = np.stack([signed_distance(label) for label in labels]).clip(DISTANCES[0], DISTANCES[-1])
    wrong = (maps > threshold) != (labels > 0)
    there, faults = (
        np.array([np.count_nonzero((distance == one) & part) for one in DISTANCES]) for part in (True, wrong)
    )
    return {
        "threshold": threshold,
        "distances": list(DISTANCES),
        "wrong": (faults / np.maximum(there, 1)).tolist(),
        "share of all wrong": (faults / max(faults.sum(), 1)).tolist(),
    }


def calibration(maps: np.ndarray, labels: np.ndarray) -> dict:
    """In each bin of predicted probability: its mean, the share of pixels that are cell, how many pixels there are."""
    place = np.clip(np.digitize(maps, BINS) - 1, 0, len(BINS) - 2)
    counts = np.bincount(place.ravel(), minlength=len(BINS) - 1)
    predicted, true = (
        np.bincount(place.ravel(), values.ravel().astype(float), len(BINS) - 1) / np.maximum(counts, 1)
        for values in (maps, labels)
    )
    return {"predicted": predicted.tolist(), "observed": true.tolist(), "pixels": counts.tolist()}


def phase(model, images: np.ndarray, labels: np.ndarray, tile: int = 284, out: int = 196, unit: int = 8) -> dict:
    """What tiles edge to edge, out of phase, change against tiles in phase: decisions at 0.5, and scores."""
    right, wrong = (
        np.stack([predict_tiled(model, image, tile=tile, stride=stride)[..., 1] for image in images])
        for stride in (out // unit * unit, out)
    )
    best = max((metrics.v_rand(right, labels, theta, thin=True), theta) for theta in metrics.LEVELS)[1]
    return {
        "tile": tile,
        "strides": [out // unit * unit, out],
        "largest difference": float(np.abs(right - wrong).max()),
        "decisions changed": float(((right > best) != (wrong > best)).mean()),
        "threshold": best,
        "v_rand_thinned": [metrics.v_rand(maps, labels, best, thin=True) for maps in (right, wrong)],
        "rand_error": [metrics.rand_error(maps, labels, best) for maps in (right, wrong)],
    }


def touching_table(cells: np.ndarray) -> dict:
    """SEG and merged cells of true masks without other faults: touching cells joined, opened, and cells too wide."""
    whole = {"borders closed": cells > 0}
    opened = np.stack([weight_maps.separate_touching(ids) > 0 for ids in cells])
    whole["borders opened"] = opened
    for margin in (2, 3):
        whole[f"opened, {margin} px wider"] = np.stack(
            [ndimage.binary_dilation(mask, iterations=margin) for mask in opened]
        )
    found = {name: np.stack([metrics.segments(mask) for mask in masks]) for name, masks in whole.items()}
    return {
        name: {"seg": metrics.seg_score(ids, cells), "merged_cells": int(metrics.merged_cells(ids, cells))}
        for name, ids in found.items()
    }


def frame_facts(cells: np.ndarray) -> dict:
    """Of each frame: the median width of its cells in px, the share of background where the border term is above 1."""
    widths, shares = [], []
    for ids in cells:
        opened = weight_maps.separate_touching(ids)
        depth = ndimage.distance_transform_edt(np.pad(opened, 1))[1:-1, 1:-1]
        present = np.unique(opened[opened > 0])
        widths.append(
            float(np.median(4 * ndimage.mean(depth, opened, present) - 2))
        )  # a long band has the mean w / 4 + 1 / 2
        shares.append(float((weight_maps.border_weight_map(opened)[opened == 0] > 1).mean()))
    return {"median width of a cell": widths, "background with a border term above 1": shares}


def weight_ratio(labels: np.ndarray) -> float:
    """How many times as much a membrane pixel weighs as a cell pixel, by the mean of equation 2 over whole slices."""
    weights = np.stack([weight_maps.weight_map(metrics.segments(label)) for label in labels])
    return float(weights[labels == 0].mean() / weights[labels > 0].mean())


def tile_balance(cells: np.ndarray, side: int = 196, draws: int = 20_000) -> dict:
    """Weight of a cell pixel, classes balanced over all frames, and over random tiles of `side` px, in quantiles."""
    rng, (count, height, width) = np.random.default_rng(0), cells.shape
    weights = []
    for _ in range(draws):
        frame, top, left = rng.integers(count), rng.integers(height - side + 1), rng.integers(width - side + 1)
        inside = (cells[frame, top : top + side, left : left + side] > 0).mean()
        if 0 < inside < 1:
            weights.append(1 / (2 * inside))
    return {
        "all frames": float(1 / (2 * (cells > 0).mean())),
        "side": side,
        "tiles": {f"{share:g}": float(np.quantile(weights, share)) for share in (0.5, 0.95, 0.99, 1)},
    }


def examine(model, stack, frames) -> dict:
    """All findings on one network and the real slices.

    Parameters
    ----------
    model : keras.Model
        From `build_unet`, trained on none of the held-out slices.
    stack : datasets.Isbi2012
    frames : datasets.PhaseContrast
        Of these only the true cells are looked at.

    Returns
    -------
    dict
        "views", "width", "views thinned", "curves", "distance", "calibration", "phase", "touching", "frames",
        "weight ratio", "tile balance": numbers, lists and dicts of them.
    """
    held_out = [*QUIET, *NOISY]
    labels, parts = stack.labels[held_out], {"held_out": held_out, "chosen_on": [*VALIDATION]}
    arrays = dict(zip((weight.path for weight in model.weights), model.get_weights()))
    findings: dict[str, Any] = {"weights": pretrained.digest(arrays)}
    maps: dict[str, np.ndarray] = {}
    scored = findings["views"] = {}
    for name, view in views(model).items():
        predicted = {
            part: np.stack([view(stack.images[number]) for number in numbers]) for part, numbers in parts.items()
        }
        scored[name] = {
            part: metrics.score_tissue(predicted[part], stack.labels[numbers], numbers)
            for part, numbers in parts.items()
        }
        for one in scored[name].values():
            del one["slices"]
        maps[name] = predicted["held_out"]
        print(f"{name}: V_Rand after thinning {max(scored[name]['held_out']['all']['v_rand_thinned']):.4f}", flush=True)
    one = maps["one view"]
    findings["width"] = width_table(labels)
    findings["views thinned"] = {
        name: [
            _scores(np.stack([thinnest(map_ > theta) for map_ in stacked]).astype(np.float32), labels, 0.5)
            for theta in metrics.LEVELS
        ]
        for name, stacked in maps.items()
        if name in ("one view", "seven turns")
    }
    findings["curves"] = {
        half: operating_curve(one[rows], labels[rows])
        for half, rows in (("quiet", slice(0, 3)), ("noisy", slice(3, 6)))
    }
    findings["distance"] = [errors_by_distance(one, labels, theta) for theta in (0.1, 0.3)]
    findings["calibration"] = calibration(one, labels)
    findings["phase"] = phase(model, stack.images[held_out], labels)
    findings["touching"] = touching_table(frames.validation.cells)
    findings["frames"] = frame_facts(frames.validation.cells)
    findings["weight ratio"] = weight_ratio(stack.labels[list(datasets.TRAIN_SLICES)])
    findings["tile balance"] = tile_balance(frames.train.cells)
    return rounded(findings)


def read() -> dict[str, Any]:
    """The findings on the small network, as `examine` returned them.

    Examples
    --------
    >>> findings = read()
    >>> findings["phase"]["strides"], list(findings["views"])[:2]
    ([192, 196], ['one view', 'four flips'])
    """
    return json.loads(FINDINGS.read_text(encoding="utf-8"))


def _scores(maps, labels, theta):
    thin = metrics.rand_scores(maps, labels, theta, thin=True)
    return {
        "pixel_error": metrics.pixel_error(maps, labels, theta),
        "rand_error": metrics.rand_error(maps, labels, theta),
        "v_rand": metrics.v_rand(maps, labels, theta),
        "v_rand_thinned": thin.f,
        "v_rand_thinned_split": thin.split,
        "v_rand_thinned_merge": thin.merge,
        "membrane": float((maps <= theta).mean()),
    }


def rounded(value):
    """All floats in dicts and lists with six decimals."""
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return round(value, 6) if isinstance(value, float) else value


def main() -> None:
    """Examine the small network and write the findings, as a whole or not at all."""
    findings = examine(pretrained.small_unet(), datasets.load_isbi2012(), datasets.load_phase_contrast())
    partial = FINDINGS.with_name(FINDINGS.name + ".partial")
    try:
        partial.write_text(json.dumps(findings, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        partial.replace(FINDINGS)
    finally:
        partial.unlink(missing_ok=True)
    print(f"written: {FINDINGS}")


if __name__ == "__main__":
    main()
