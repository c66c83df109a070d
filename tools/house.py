"""Prints the rooms of the package and the arrows between them: `python -m tools.house`.

A room is a module, or a wing (a folder with a face) with all that lies behind it. An arrow is an import from one room
by another; imports inside a wing do not count. Data flow down the list: each room uses rooms above it alone.
"""

from . import imports
from .notebooks import PACKAGE, ROOT

ROOMS, ARROWS = 19, 55  # at most: what one person holds in mind; projects, on top of all, has ten of the arrows
ORDER = [
    "_shared",
    "_backend",
    "paper",
    "rounding",
    "geometry",
    "model",
    "tiling",
    "pretrained",
    "datasets",
    "augmentation",
    "tiles",
    "weight_maps",
    "losses",
    "training",
    "metrics",
    "plotting",
    "experiments",
    "exercises",
    "projects",
]


def room(module: str) -> str:
    """The room that a module lies in; "" for the package itself, which every import enters."""
    return (module.split(".") + [""])[1]


def plan(root=ROOT, package=PACKAGE) -> dict[str, set[str]]:
    """For each room, the rooms that it imports from."""
    arrows: dict[str, set[str]] = {}
    for module in imports.modules(root, package):
        arrows.setdefault(room(module), set()).update(map(room, imports.direct(module, root)))
    return {name: targets - {name, ""} for name, targets in sorted(arrows.items()) if name}


def backward(arrows, order=ORDER) -> list[str]:
    """The arrows that do not lead to an earlier room: where there are none, there is no circle either."""
    place = {name: number for number, name in enumerate(order)}
    return [f"{name} imports {to}" for name in order for to in sorted(arrows[name]) if place[to] >= place[name]]


def picture(arrows) -> str:
    """The house as a Mermaid diagram: who is used by whom, and (dotted) the way of one image to its score.

    `_shared`, which nearly every room uses, and the three rooms on top, which use nearly every other, are left out.
    """
    names = [name for name in ORDER if name not in ("_shared", "experiments", "exercises", "projects")]
    used = [f"    {to} --> {name}" for name in names for to in sorted(arrows[name] & {*names}, key=ORDER.index)]
    walk = ["    datasets -. image .-> tiling", "    tiling -. probability .-> metrics"]
    alone = [f"    {name}" for name in names if not any(name in line for line in used + walk)]
    return "\n".join(["```mermaid", "flowchart LR", *used, *walk, *alone, "```"])


def main():
    arrows = plan()
    for name in ORDER:
        print(f"{name:14} {', '.join(sorted(arrows[name], key=ORDER.index)) or '-'}")
    back = backward(arrows)
    print(f"{len(arrows)} rooms, {sum(map(len, arrows.values()))} arrows, {len(back)} of them back", *back, sep="\n")


if __name__ == "__main__":
    main()
