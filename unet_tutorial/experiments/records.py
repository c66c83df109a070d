"""Records of long runs: small JSON files beside the code, the only source of the book's long-run numbers."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any, Literal

from .._shared.files import whole
from ..metrics import LEVELS, best_level
from . import plan, recipes
from ._recipe import Recipe

FOLDER = Path(__file__).parent / "recorded"
DRAW = 2  # 1: tiles from one generator, first weights by Keras; 2: tiles by number, first weights by NumPy
TIMES = "seconds"  # the one entry that differs between two runs of one seed on one machine


def path_of(name: str, seed: int, folder: str | Path | None = None) -> Path:
    """Where the record of a run lies, `<name>/<seed>.json`, whether or not it has been written.

    Examples
    --------
    >>> path_of("few-images/4", 1, folder="mine").as_posix()
    'mine/few-images/4/1.json'
    """
    return Path(os.path.expanduser(folder or FOLDER)) / name / f"{seed}.json"


def read(name: str, seed: int = 0, folder: str | Path | None = None) -> dict[str, Any]:
    """The record of a run as a dict.

    Raises
    ------
    FileNotFoundError
        The run has no record: names the command that makes it.
    ValueError
        The file is not JSON, or not a record.

    Examples
    --------
    >>> record = read("baseline", seed=2)
    >>> record["seed"], record["steps"], record["ended"]
    (2, 600, 'steps')
    """
    path = path_of(name, seed, folder)
    if not path.is_file():
        raise FileNotFoundError(
            f"no record {path}: make it with python -m unet_tutorial.experiments run {name} --seed {seed}"
        )
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if not {"configuration", "ended", "held_out"} <= set(record):
            raise ValueError("entries are missing")
        return record
    except (ValueError, TypeError) as error:
        raise ValueError(f"record {path}: is damaged ({error}); delete it and run it again") from error


def write(record: dict[str, Any], folder: str | Path | None = None) -> Path:
    """Write a record as a whole or not at all. Returns its path."""
    path = path_of(record["name"], record["seed"], folder)
    with whole(path) as file:
        file.write(_dump(record, 0) + "\n")
    return path


def score(record: dict[str, Any], name: str, threshold: Literal["chosen", "best"] = "chosen") -> float:
    """One score of a record over its held-out slices together.

    Parameters
    ----------
    record : dict
    name : str
        A score that the record holds, for example "v_rand_thinned".
    threshold : {"chosen", "best"}
        One threshold for all scores, where V_Rand after thinning (for cells: SEG) is best on training slices; or for
        each score the best one on the held-out slices themselves, the challenge's own way (`metrics.best_level`).

    Returns
    -------
    float

    Examples
    --------
    >>> on_training = {"all": {"v_rand_thinned": [0.8, 0.9]}}  # at two thresholds: the second one is chosen
    >>> held_out = {"all": {"v_rand_thinned": [0.7, 0.6], "pixel_error": [0.1, 0.2]}}
    >>> on_training["thresholds"] = held_out["thresholds"] = [0.1, 0.2]
    >>> record = {"chosen_on": on_training, "held_out": held_out}
    >>> score(record, "pixel_error"), score(record, "pixel_error", "best")
    (0.2, 0.1)
    """
    if threshold not in ("chosen", "best"):
        raise ValueError(f"threshold {threshold!r}: must be 'chosen' or 'best'")
    held_out = record["held_out"]
    if name not in held_out["all"]:
        raise ValueError(f"score {name!r}: is not in the record; it holds {', '.join(held_out['all'])}")
    if threshold == "chosen":
        return held_out["all"][name][held_out["thresholds"].index(chosen_threshold(record["chosen_on"]))]
    return best_of_ten(held_out, name)


def best_of_ten(scores: dict[str, Any], name: str) -> float:
    """A score at the best of the challenge's ten thresholds, of scores at these and at others.

    Examples
    --------
    >>> best_of_ten({"thresholds": [0.2, 0.25, 0.3], "all": {"pixel_error": [0.1, 0.09, 0.2]}}, "pixel_error")
    0.1
    """
    ten = [level for level, theta in enumerate(scores["thresholds"]) if theta in LEVELS]
    challenge = {score: [values[level] for level in ten] for score, values in scores["all"].items()}
    return challenge[name][best_level({"all": challenge}, name)]


def chosen_threshold(scores: dict[str, Any]) -> float:
    """The threshold that counts for all scores: where V_Rand after thinning (for cells: SEG) is best.

    Parameters
    ----------
    scores : dict
        Of slices that were not held out: the entry "chosen_on" of a record.

    Returns
    -------
    float

    Examples
    --------
    >>> chosen_threshold({"thresholds": [0.2, 0.5], "all": {"seg": [0.7, 0.8], "iou": [0.9, 0.8]}})
    0.5
    """
    return scores["thresholds"][best_level(scores, "seg" if "seg" in scores["all"] else "v_rand_thinned")]


def scores(
    experiment: str, name: str, threshold: Literal["chosen", "best"] = "chosen", folder: str | Path | None = None
) -> dict[str, list[float]]:
    """A score of all runs of an experiment: label of the arm to a list, one value a seed.

    Examples
    --------
    >>> {label: len(values) for label, values in scores("skips", "v_rand_thinned").items()}
    {'with skips': 3, 'without': 3}
    """
    known = recipes.EXPERIMENTS
    if experiment not in known:
        raise ValueError(f"experiment {experiment!r}: is not known; choose one of {', '.join(known)}")
    return {
        label: [score(read(run, seed, folder), name, threshold) for seed in known[experiment].seeds]
        for label, run in known[experiment].arms.items()
    }


def configuration(run: str) -> dict[str, Any]:
    """The recipe of a run in the form that its record keeps.

    Examples
    --------
    >>> kept = configuration("paper")
    >>> kept["filters"], kept["depth"], kept["validation"]  # JSON has lists where the recipe has tuples
    (64, 4, [0, 29])
    """
    if run not in recipes.RUNS:
        raise ValueError(f"run {run!r}: is not known; choose one of {', '.join(recipes.RUNS)}")
    return json.loads(json.dumps(dataclasses.asdict(recipes.RUNS[run])))


def fits(record: dict[str, Any]) -> bool:
    """Whether a record was made by today's recipe of its run. What an old record does not name was as by default.

    Examples
    --------
    >>> fits(read("baseline"))
    True
    """
    return not _changes(record, record["name"])


def _changes(record, run):
    """What has changed in a recipe since, in words."""
    today = configuration(run)
    kept = json.loads(json.dumps(dataclasses.asdict(Recipe()))) | record.get("configuration", {})
    return [
        f"{key} is {today.get(key)!r}, was {kept.get(key)!r}"
        for key in sorted({*today, *kept})
        if today.get(key) != kept.get(key)
    ]


def faults(folder: str | Path | None = None) -> list[str]:
    """What is wrong with the records, one sentence each: missing, unknown, damaged, or not of today's recipes and plan.

    A run of the plan may be missing: it has not been made yet.

    Examples
    --------
    >>> faults()  # of the records that come with the package
    []
    >>> faults("no such folder")[0]
    'paper/0.json: is missing'
    """
    folder = Path(folder or FOLDER)
    planned = {path_of(run, seed, folder): (run, seed) for run, seed in recipes.runs_of("plan")}
    expected = {path_of(run, seed, folder): (run, seed) for run, seed in recipes.runs_of("all")} | planned
    found = set(folder.rglob("*.json"))
    sentences = [f"{path.relative_to(folder)}: belongs to no experiment" for path in sorted(found - set(expected))]
    for path, (run, seed) in expected.items():
        name = path.relative_to(folder)
        if path not in found:
            if path not in planned:
                sentences.append(f"{name}: is missing")
            continue
        try:
            record = read(run, seed, folder)
        except ValueError as error:
            sentences.append(str(error))
            continue
        changed = _changes(record, run)
        if (record.get("name"), record.get("seed")) != (run, seed):
            sentences.append(f"{name}: says that it is {record.get('name')}, seed {record.get('seed')}")
        if path in planned and not plan.known(str(record.get("plan"))):
            sentences.append(
                f"{name}: was made under the plan {record.get('plan')}, which {plan.PAGE.name} does not list"
            )
        if changed:
            sentences.append(f"{name}: the recipe has changed since: {'; '.join(changed)}")
    return sentences


def _dump(value, level):
    """JSON with one entry a line on the outer levels and the long lists on lines of their own."""
    if isinstance(value, dict) and value and level < 4:
        inner = ",\n".join(
            f"{' ' * (level + 1)}{json.dumps(str(key))}: {_dump(one, level + 1)}" for key, one in value.items()
        )
        return f"{{\n{inner}\n{' ' * level}}}"
    return json.dumps(value, allow_nan=False)
