"""A model in a folder: plan, networks, and the rules by which objects follow. A fresh process opens it."""

import dataclasses
import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import __version__, pretrained
from .._backend import PACKAGES, keras
from .._shared.files import whole
from ._compare import f1, seg
from ._grey import scaled
from ._measure import measure
from ._networks import SHIPPED, build, divide, probability, train_network, with_steps
from ._pairs import Pair, Project
from ._plan import Plan, change, make_plan
from ._segment import Rules, choose_rules, segment


@dataclasses.dataclass
class Model:
    """Networks with all that belongs to them, from `train` or `open_model`.

    `facts` holds the scores on the validation images, versions, and the digests of networks and data.
    """

    plan: Plan
    networks: list[keras.Model]
    rules: Rules
    facts: dict[str, Any]

    def probability(self, image: np.ndarray) -> NDArray[np.float32]:
        """Probability of an object in an image as its file has it, (H, W) or (H, W, C)."""
        return probability(self.networks, scaled(image, self.plan.scaling), self.plan.shrink)

    def segment(self, image: np.ndarray) -> NDArray[np.int32]:
        """Instance ids of an image as its file has it: (H, W) int32, 0 = background."""
        return segment(self.probability(image), self.rules)


def plan_of(
    project: Project,
    minutes: float | None = None,
    seed: int = 0,
    start: str = "none",
    changes: Mapping[str, Any] | None = None,
) -> Plan:
    """Plan the training on a folder; with `minutes`, measure how many steps they are worth.

    Raises
    ------
    ValueError
        The folder has errors, which are named; or `start` is no network; or a change breaks its rule.

    Examples
    --------
    >>> from unet_tutorial import datasets, projects
    >>> plan = plan_of(projects.read_folder(datasets.NUCLEI), changes={"steps": 400})
    >>> print(plan.table().splitlines()[1])
    diameter      47.5              px, median of 259 objects; nine in ten are below 61 px
    """
    _refuse(project)
    changes = dict(changes or {})
    if start != "none":
        fixed = _start(start)
        if wrong := {"depth", "filters"} & changes.keys():
            raise ValueError(
                f"{', '.join(sorted(wrong))}: the network {start} fixes it; leave it out, or leave --from out"
            )
    else:
        fixed = {}
    channel = changes.get("channel")
    rows = [measure(pair, "mean" if channel is None else channel) for pair in project.pairs]
    plan = make_plan(project.pairs, rows, seed, start, {**changes, **fixed})
    if minutes is not None and "steps" not in changes:
        plan = with_steps(plan, project.pairs, minutes)
    return plan


def train(project: Project, plan: Plan, folder: str | Path, progress: bool = True) -> Model:
    """Train the networks of a plan and choose the rules on the images that validate; a stopped run goes on.

    Parameters
    ----------
    project : Project
        From `read_folder`.
    plan : Plan
        From `plan_of`. Where the folder holds another plan, this is an error: name another folder.
    folder : str or Path
        Of the model: plan.json, network-K.npz, model.json.
    progress : bool

    Returns
    -------
    Model

    Examples
    --------
    >>> import tempfile
    >>> from unet_tutorial import datasets, projects
    >>> project = projects.read_folder(datasets.NUCLEI)
    >>> plan = plan_of(project, changes={"steps": 2, "depth": 2, "tile": 108, "filters": 2})
    >>> plan = dataclasses.replace(plan, folds=plan.folds[:1])  # one network, of two steps: to show the call
    >>> with tempfile.TemporaryDirectory() as out:
    ...     model = train(project, plan, out, progress=False)
    ...     again = open_model(out)
    >>> again.rules == model.rules, bool((again.segment(project.pairs[0].image) >= 0).all())
    (True, True)
    """
    _refuse(project)
    folder = Path(folder).expanduser()
    _keep(plan, project, folder)
    networks, curves, seen = [], [], {}
    for fold in range(len(plan.folds)):
        done = folder / f"curve-{fold}.json"
        if done.exists():
            network = build(plan, fold)
            pretrained.load_weights(network, folder / f"network-{fold}.npz")
            curve = json.loads(done.read_text(encoding="utf-8"))
        else:
            network, curve = train_network(plan, project.pairs, fold, folder, progress)
            with whole(done) as file:
                json.dump(curve, file)
        for pair in divide(plan, project.pairs, fold)[1]:
            seen[pair.name] = (pair, probability([network], scaled(pair.image, plan.scaling), plan.shrink))
        networks.append(network)
        curves.append(curve)
    rules, scores = _chosen(plan, seen)
    facts = {
        "rules": rules._asdict(),
        "validation": scores,
        "curves": curves,
        "networks": [pretrained.digest(network) for network in networks],
        "data": data_of(project),
        "versions": versions(),
    }
    with whole(folder / "model.json") as file:
        json.dump(facts, file, indent=1, ensure_ascii=False)
    return Model(plan, networks, rules, facts)


def open_model(folder: str | Path) -> Model:
    """Open the folder of a model.

    Raises
    ------
    ValueError
        A file is missing, or does not belong to the others.

    Examples
    --------
    >>> model = open_model("model")  # doctest: +SKIP
    >>> ids = model.segment(image)  # doctest: +SKIP
    """
    folder = Path(folder).expanduser()
    if not (folder / "model.json").is_file():
        half = (folder / "plan.json").is_file()
        cure = (
            "its training has not ended: run `train` with the same folder again"
            if half
            else "name the --out of `train`"
        )
        raise ValueError(f"{folder}: holds no model.json; {cure}")
    plan = Plan.load(folder / "plan.json")
    try:
        with open(folder / "model.json", encoding="utf-8") as file:
            facts = json.load(file)
        rules, digests = Rules(**facts["rules"]), facts["networks"]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{folder / 'model.json'}: cannot be read ({error}); train again") from error
    networks = []
    for fold, digest in enumerate(digests):
        network = build(dataclasses.replace(plan, start="none"), fold)
        pretrained.load_weights(network, folder / f"network-{fold}.npz")
        if pretrained.digest(network) != digest:
            raise ValueError(
                f"{folder / f'network-{fold}.npz'}: holds other weights than model.json names; train again"
            )
        networks.append(network)
    return Model(plan, networks, rules, facts)


def data_of(project: Project) -> dict[str, str]:
    """Digests of images with masks, by their names: whether a folder is still the same."""
    return {pair.name: _digest(pair) for pair in project.pairs}


def versions() -> dict[str, str]:
    """Of what decides the numbers."""
    return {
        "unet_tutorial": __version__,
        "python": platform.python_version(),
        **{package: importlib.metadata.version(package) for package in PACKAGES},
        "numpy": np.__version__,
    }


def _chosen(plan, seen):
    pairs, probabilities = zip(*(seen[name] for name in sorted(seen)))
    truths, ignored = [pair.ids for pair in pairs], [pair.ignored for pair in pairs]
    if not any(ids.any() for ids in truths):
        return Rules(), {}
    rules, _ = choose_rules(probabilities, truths, ignored, plan.diameter, 2 * plan.shrink)
    found = [segment(one, rules) for one in probabilities]
    return rules, {
        "seg": round(seg(found, truths), 4),
        "f1": round(f1(found, truths, ignored), 4),
        "images": sorted(seen),
    }


def _keep(plan, project, folder):
    """Write the plan, or see that the folder holds the same one for the same data."""
    path, data = folder / "plan.json", folder / "data.json"
    if not path.exists():
        plan.save(path)
        with whole(data) as file:
            json.dump(data_of(project), file, indent=1, ensure_ascii=False)
        return
    old = Plan.load(path)
    told = [name for name in vars(plan) if name != "reasons" and getattr(plan, name) != getattr(old, name)]
    if told:
        raise ValueError(f"{path}: is another plan ({', '.join(told)} differ); name another folder, or delete this one")
    if json.loads(data.read_text(encoding="utf-8")) != data_of(project):
        raise ValueError(f"{folder}: was begun with other images or masks; name another folder, or delete this one")


def _start(start):
    """The plan's values that a network to begin with fixes."""
    if start in SHIPPED:
        return {"filters": 8, "depth": 3}
    path = Path(start).expanduser()
    if not path.is_dir():
        raise ValueError(f"--from {start}: must be one of {', '.join(SHIPPED)}, or the folder of a model")
    plan = open_model(path).plan
    return {"filters": plan.filters, "depth": plan.depth}


def _refuse(project):
    if project.errors:
        raise ValueError("the folder has errors; mend them first:\n" + "\n".join(map(str, project.errors)))
    if not project.pairs:
        raise ValueError(f"{project.folder}: holds no image with a mask")


def _digest(pair):
    total = hashlib.sha256(np.ascontiguousarray(pair.image).tobytes())
    total.update(np.ascontiguousarray(pair.ids).tobytes())
    return total.hexdigest()[:16]


__all__ = ["Model", "Pair", "change", "open_model", "plan_of", "train"]
