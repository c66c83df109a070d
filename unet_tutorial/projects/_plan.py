"""How to train on a folder: every choice by a rule that is printed with its numbers, and that can be overridden."""

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import geometry
from .._shared.checks import as_positive, as_size
from .._shared.files import whole
from ._grey import Scaling, choose_scaling
from ._measure import Row, diameters
from ._pairs import Pair

SEEN = 24  # px: about this diameter has a middling object as the networks see it
VIEW = 2  # the receptive field is to be so many diameters of a large object wide
ACROSS = 6  # objects side by side in the output of a tile
LEAST, MOST = 68, 388  # px: sides of the output of a tile
FEW = 20  # groups: up to here every image is worth more as training than as validation
NETWORKS = 4
WIDE = 2000  # steps that the minutes must leave before more filters are taken
REST = 0.7  # of the minutes are for steps; the others for validation and for choosing the threshold
ROUND = 20  # steps are a multiple of it


@dataclasses.dataclass(frozen=True)
class Plan:
    """All that decides a model, but the pixels. The same plan gives the same model.

    Attributes
    ----------
    scaling : Scaling
    diameter : float
        Median of the objects, in px of the files.
    shrink : int
        The networks see every so-many-th pixel, as a mean of those around it. Tiles and borders are in these pixels.
    depth, filters, tile, batch_size, steps, learning_rate, seed
        Of the networks and their training. `tile` is the side of the input, in px.
    w0, sigma : float
        Height and width (px) of the border term; a height of 0 leaves it out.
    balance : (float, float)
        Weights of background and object, over the training set.
    folds : tuple of tuples of str
        For each network the names of the images that validate it; it is trained on all others.
    start : str
        Where the first weights come from: "none" draws them, else the name of a shipped network, or a model's folder.
    reasons : dict
        Why each of these is as it is.
    """

    scaling: Scaling
    diameter: float
    depth: int
    filters: int
    tile: int
    w0: float
    sigma: float
    balance: tuple[float, float]
    folds: tuple[tuple[str, ...], ...]
    steps: int = 1000
    learning_rate: float = 2e-3
    batch_size: int = 1
    seed: int = 0
    start: str = "none"
    shrink: int = 1
    reasons: dict[str, str] = dataclasses.field(default_factory=dict)

    def table(self) -> str:
        """One line for each choice: what, how much, and why."""
        values = {name: value for name, value in vars(self).items() if name != "reasons"}
        values["scaling"] = "each image alone" if self.scaling.how == "image" else "one for all"
        values["folds"] = f"{len(self.folds)} network{'s' * (len(self.folds) > 1)}"
        values["balance"] = " : ".join(f"{weight:.2f}" for weight in self.balance)
        values = {name: f"{value:g}" if isinstance(value, float) else value for name, value in values.items()}
        return "\n".join(f"{name:14}{values[name]!s:18}{self.reasons.get(name, '')}".rstrip() for name in values)

    def save(self, path: str | Path) -> None:
        """Write the plan as JSON."""
        with whole(path) as file:
            json.dump(
                dataclasses.asdict(self) | {"scaling": self.scaling._asdict()}, file, indent=1, ensure_ascii=False
            )

    @classmethod
    def load(cls, path: str | Path) -> "Plan":
        """Read a plan that `save` wrote. Raises ValueError where it is none."""
        try:
            with open(os.path.expanduser(path), encoding="utf-8") as file:
                values = json.load(file)
            values["scaling"] = Scaling(**values["scaling"])
            values["folds"] = tuple(map(tuple, values["folds"]))
            values["balance"] = tuple(values["balance"])
            return cls(**values)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"{path}: is no plan of this version ({error}); delete it and plan anew") from error


def make_plan(
    pairs: Sequence[Pair],
    rows: Sequence[Row],
    seed: int = 0,
    start: str = "none",
    changes: Mapping[str, Any] | None = None,
) -> Plan:
    """Choose everything but the steps, which `training.with_steps` measures.

    Parameters
    ----------
    pairs : sequence of Pair
        With masks.
    rows : sequence of Row
        What was measured of them, in the same order.
    seed : int
    start : str
        As in `Plan`.
    changes : mapping, optional
        Attributes of `Plan` that are set by hand; channel, for that of the scaling; networks, for the number of folds.

    Raises
    ------
    ValueError
        There is no object in any mask, or a change breaks its rule.

    Examples
    --------
    >>> from unet_tutorial import datasets, projects
    >>> project = projects.read_folder(datasets.NUCLEI)
    >>> plan = make_plan(project.pairs, [projects.measure(pair) for pair in project.pairs])
    >>> plan.depth, plan.tile, len(plan.folds)
    (3, 236, 4)
    """
    changes = dict(changes or {})
    sizes = [np.bincount(pair.ids.ravel())[1:] for pair in pairs if pair.ids is not None]
    widths = diameters(np.concatenate([np.zeros(0), *(size[size >= 10] for size in sizes)]))
    if not len(widths):
        raise ValueError("no mask holds an object of 10 px or more; draw some, or name the kind of the masks by --kind")
    reasons: dict[str, str] = {}
    values: dict[str, Any] = {}
    channel = changes.pop("channel", None)
    values["scaling"], reasons["scaling"] = choose_scaling([pair.image for pair in pairs], channel)
    if "scaling" in changes:
        raise ValueError("scaling: cannot be set as a whole; set channel, or bring the images into one range")
    median, large = float(np.median(widths)), float(np.percentile(widths, 90))
    values["diameter"] = round(median, 1)
    reasons["diameter"] = f"px, median of {len(widths)} objects; nine in ten are below {large:.0f} px"
    shrink = as_size(_number("shrink", changes.get("shrink", max(1, round(median / SEEN))), int), "shrink")
    values["shrink"] = shrink
    reasons["shrink"] = f"so the middling object is {median / shrink:.0f} px wide for the networks; {SEEN} are enough"
    values["depth"], reasons["depth"] = _depth(large / shrink)
    depth = as_size(_number("depth", changes.get("depth", values["depth"]), int), "depth")
    values["tile"], reasons["tile"] = _tile(median / shrink, depth, rows, shrink)
    values["filters"], reasons["filters"] = 8, "a first level of 8; more only where the minutes allow it"
    contacts = sum(row.touching for row in rows)
    values["w0"] = 10.0 if contacts else 0.0
    reasons["w0"] = (
        f"{contacts} of {len(widths)} objects touch another one: equation 2 with the paper's height"
        if contacts
        else "no two objects touch: class balance is enough"
    )
    values["sigma"] = round(float(np.clip(median / shrink / 10, 2, 5)), 1)
    reasons["sigma"] = "px, a tenth of a diameter there, at most the paper's 5: a wider ridge would cover small objects"
    cover = float(np.average([row.cover for row in rows], weights=[row.rows * row.columns for row in rows]))
    values["balance"] = tuple(round(0.5 / part, 4) for part in (1 - cover, cover))
    reasons["balance"] = (
        f"background : object, for objects cover {cover:.0%} of all pixels; over the set, as in section 3"
    )
    networks = changes.pop("networks", None)
    values["folds"], reasons["folds"] = _folds(
        pairs, seed, None if networks is None else _number("networks", networks, int)
    )
    values["seed"], reasons["seed"] = as_size(seed, "seed", minimum=0), "of first weights, tiles and parts"
    values["start"] = start
    values["learning_rate"] = 2e-3 if start == "none" else 1e-3
    reasons["learning_rate"] = "Adam, falling to 0 along half a cosine" + (
        "" if start == "none" else "; half of it, for the first weights are learnt"
    )
    reasons["batch_size"] = "one tile a step, as in section 3: large tiles rather than large batches"
    reasons["start"] = "first weights are drawn" if start == "none" else "first weights are those of this network"
    return change(Plan(**values, reasons=reasons), changes)


def change(plan: Plan, changes: Mapping[str, Any]) -> Plan:
    """The plan with some choices set by hand.

    Examples
    --------
    >>> plan = Plan(Scaling(), 20.0, 3, 8, 244, 10.0, 2.0, (1.0, 1.0), (("a",),))
    >>> change(plan, {"steps": "500"}).steps
    500
    """
    allowed = ("depth", "filters", "tile", "w0", "sigma", "steps", "learning_rate", "batch_size", "shrink")
    for name, given in changes.items():
        if name not in allowed:
            raise ValueError(f"{name}: cannot be set; these can: {', '.join(allowed)}, channel, networks")
        value = _number(name, given, type(getattr(plan, name)))
        if isinstance(value, int):
            as_size(value, name)
        else:
            as_positive(value, name, zero=name == "w0")
        plan = dataclasses.replace(plan, **{name: value}, reasons={**plan.reasons, name: "set by hand"})
    geometry.layer_sizes(plan.tile, plan.depth)
    return plan


def _number(name, given, kind):
    """A choice as it is typed, as a number."""
    try:
        return kind(given)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name} {given!r}: must be a number") from error


def _depth(large):
    """The smallest depth that sees enough around a large object."""
    fields = {depth: geometry.receptive_field(depth)[0] for depth in (2, 3, 4)}
    depth = next((depth for depth, field in fields.items() if field >= VIEW * large), 4)
    why = f"receptive field {fields[depth]} px: at least {VIEW:g} diameters of a large object ({large:.0f} px)"
    if fields[depth] < VIEW * large:
        why = (
            f"receptive field {fields[depth]} px, less than {VIEW:g} diameters of a large object ({large:.0f} px): "
            "make the images smaller"
        )
    return depth, why


def _tile(median, depth, rows, shrink):
    """The smallest legal tile whose output shows some objects side by side, and is no larger than the images."""
    smallest = -(-min(min(row.rows, row.columns) for row in rows) // shrink)
    wanted = int(np.clip(ACROSS * median, LEAST, MOST))
    loss = 2 * geometry.context_margin(depth)
    start = min(wanted, max(smallest, LEAST)) + loss
    tile = geometry.legal_input_sizes(start, start + 2**depth, depth)[0]
    return tile, f"px: its output of {tile - loss} px shows {(tile - loss) / median:.1f} objects side by side"


def _folds(pairs, seed, networks=None):
    """Names of the validation images of each network; whole groups, drawn by the seed."""
    groups: dict[str, list[str]] = {}
    for pair in pairs:
        groups.setdefault(pair.group, []).append(pair.name)
    names = sorted(groups)
    order = [names[place] for place in np.random.default_rng([seed, 1]).permutation(len(names))]
    if len(order) == 1:
        members = groups[order[0]]
        if len(members) < 5:
            return (tuple(members),), "one image: the right quarter validates, the rest trains"
        last = members[-max(1, len(members) // 5) :]
        return (
            tuple(last),
        ), f"one stack: its last {len(last)} of {len(members)} slices validate, for neighbours are alike"
    if networks is None and len(order) > FEW or networks == 1:
        chosen = [name for group in order[: max(1, round(len(order) / 5))] for name in groups[group]]
        return (tuple(sorted(chosen)),), f"a fifth of {len(order)} groups validates, the rest trains"
    count = min(NETWORKS if networks is None else as_size(networks, "networks", minimum=2), len(order))
    parts = [order[place::count] for place in range(count)]
    folds = tuple(tuple(sorted(name for group in part for name in groups[group])) for part in parts)
    why = f"{len(order)} groups are few: each validates one network and trains the others; their mean predicts"
    return folds, why
