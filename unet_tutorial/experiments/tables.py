"""The paper's two tables: the networks that the plan names, scored on the paper's own images, each once.

    python -m unet_tutorial.experiments tables [--runs DIR]

writes `tables.json` beside this file, from which the chapter on results reads. A row that is there is not made again:
the labels of the test slices choose nothing, and who could score twice could choose.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from .. import datasets, metrics, pretrained
from .._shared.files import whole
from ..metrics import LEVELS
from ..tiling import predict_rotated, predict_tiled
from . import examination, plan, recipes, records
from ._recipe import LOGIT
from ._setup import build, split_data

FINDINGS = Path(__file__).with_name("tables.json")
VIEWS: dict[str, Callable[..., np.ndarray]] = {"one view": predict_tiled, "seven turns": predict_rotated}
SMALLEST = 500  # px: the release keeps segments that are larger
EIGHT = np.ones((3, 3), bool)


def segments_of_release(probability: np.ndarray, smallest: int = SMALLEST) -> np.ndarray:
    """Segment a map of the probability of cell as the authors' released script does.

    Parameters
    ----------
    probability : (H, W) float array
    smallest : int
        Segments of so many pixels or less are dropped.

    Returns
    -------
    (H, W) int32 array
        The class with the larger probability, in segments that hang together by corners too; 0 = background.

    Examples
    --------
    >>> segments_of_release(np.array([[0.9, 0.1, 0.2], [0.1, 0.9, 0.3], [0.3, 0.4, 0.9]]), smallest=2)
    array([[1, 0, 0],
           [0, 1, 0],
           [0, 0, 1]], dtype=int32)
    """
    ids, _ = ndimage.label(np.asarray(probability) > 0.5, EIGHT)
    kept = np.bincount(ids.ravel()) > smallest
    kept[0] = False
    return (np.cumsum(kept) * kept).astype(np.int32)[ids]


def score_test_slices(model, images: np.ndarray, labels: np.ndarray, chosen: dict[str, float]) -> dict[str, Any]:
    """Scores of the test slices in each view, at the challenge's ten thresholds and at the one chosen before."""
    found = {}
    for view, theta in chosen.items():
        maps = np.stack([VIEWS[view](model, image)[..., 1] for image in images])
        levels = sorted({*LEVELS, theta})
        found[view] = {
            "chosen": theta,
            "thresholds": levels,
            "all": metrics.score_tissue(maps, labels, range(len(maps)), levels)["all"],
        }
        print(f"    {view}: done", flush=True)
    return found


def score(found: dict[str, Any], name: str, threshold: str = "best") -> float:
    """One score of a row of table 1: at the threshold that was chosen before, or at the best of the challenge's ten.

    Examples
    --------
    >>> row = {"chosen": 0.25, "thresholds": [0.2, 0.25, 0.3], "all": {"pixel_error": [0.1, 0.09, 0.2]}}
    >>> score(row, "pixel_error"), score(row, "pixel_error", "chosen")  # 0.25 is none of the ten
    (0.1, 0.09)
    """
    if threshold == "chosen":
        return found["all"][name][found["thresholds"].index(found["chosen"])]
    return records.best_of_ten(found, name)


def network(run: str, seed: int, runs: str | Path):
    """The network that a run has left, and its split.

    Raises
    ------
    FileNotFoundError
        The run has left no weights there.
    """
    path = Path(runs).expanduser() / run / f"{seed}.weights.npz"
    if not path.is_file():
        raise FileNotFoundError(f"no weights {path}: make them with python -m unet_tutorial.experiments run {run}")
    recipe = recipes.RUNS[run]
    split = split_data(recipe, seed)
    model, *_ = build(recipe, seed, split)
    pretrained.load_weights(model, path)
    return model, split


def _small():
    chosen = {view: records.chosen_threshold(examination.read()["views"][view]["chosen_on"]) for view in VIEWS}
    return pretrained.small_unet(), datasets.load_isbi2012().test_images, chosen


def _wide(runs):
    model, split = network("table-1/wide", 0, runs)
    images, cells, _ = split.part("chosen_on")
    labels, chosen = (cells > 0).astype(np.uint8), {}
    for view, look in VIEWS.items():
        maps = np.stack([look(model, image)[..., 1] for image in images])
        chosen[view] = max(LOGIT, key=lambda theta: metrics.v_rand(maps, labels, theta, thin=True))
    return model, datasets.normalize(datasets.load_isbi2012().test_images), chosen


def _bounds():
    stack, labels = datasets.load_isbi2012(), datasets.load_isbi2012_test_labels()
    grey = metrics.score_tissue(stack.test_images, labels, range(len(labels)), LEVELS)["all"]
    blank = metrics.score_tissue(np.ones_like(stack.test_images), labels, range(len(labels)), [0.5])["all"]
    return {
        "blank page": {"thresholds": [0.5], "all": blank},
        "grey values": {"thresholds": list(LEVELS), "all": grey},
        "truth": examination.width_table(labels),
        "membrane": float(1 - labels.mean()),
    }


def _hela(seed, runs):
    model, split = network("table-2/hela", seed, runs)
    images, cells, _ = split.part("held_out")
    maps = [predict_tiled(model, image)[..., 1] for image in images]
    found = np.stack([segments_of_release(map_) for map_ in maps])
    return {
        "record": f"table-2/hela/{seed}",
        "frames": list(split.held_out),
        "cells": sum(int(np.count_nonzero(np.unique(ids) > 0)) for ids in cells),
        "seg": metrics.seg_score(found, cells),
        "merged_cells": metrics.merged_cells(found, cells),
        "bounds": {name: row["seg"] for name, row in examination.touching_table(cells).items() if "borders" in name},
    }


def read() -> dict[str, Any]:
    """The rows that have been made: {"table 1": {name: row}, "table 2": {name: row}}.

    Examples
    --------
    >>> sorted(read())
    ['table 1', 'table 2']
    """
    return json.loads(FINDINGS.read_text(encoding="utf-8"))


def make(runs: str | Path = "runs") -> list[str]:
    """Make the rows that are missing and whose networks are here. Returns the names of those that are still missing."""
    found = read() if FINDINGS.is_file() else {"table 1": {}, "table 2": {}}
    waiting = []
    for table, name, row in (
        ("table 1", "bounds", _bounds),
        ("table 1", "small", lambda: _tested(*_small())),
        ("table 1", "wide", lambda: _tested(*_wide(runs))),
        ("table 2", "sequence 1 trains", lambda: _hela(0, runs)),
        ("table 2", "sequence 2 trains", lambda: _hela(1, runs)),
    ):
        if name in found[table]:
            print(f"{table}, {name}: is there")
            continue
        try:
            print(f"{table}, {name}:", flush=True)
            found[table][name] = examination.rounded(row()) | {"plan": plan.digest()}
        except FileNotFoundError as error:
            print(f"    {error}")
            waiting.append(f"{table}, {name}")
            continue
        with whole(FINDINGS) as file:
            file.write(json.dumps(found, indent=1, allow_nan=False) + "\n")
    return waiting


def _tested(model, images, chosen):
    rows = score_test_slices(model, images, datasets.load_isbi2012_test_labels(), chosen)
    return {"weights": pretrained.digest(model), **rows}
