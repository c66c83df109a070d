"""What an examination says: rows of a table, suspects with their evidence, a picture."""

import dataclasses
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SECTIONS = {  # each fault, and the section of the chapter "When it does not work" that explains it
    "relu before the output": "A ReLU before the output",
    "soft-max twice": "Soft-max twice",
    "no soft-max": "Soft-max twice",
    "soft-max over one channel": "Soft-max twice",
    "loss upside down": "Soft-max twice",
    "0/255 masks": "Masks of 0 and 255",
    "labels are no classes": "Masks of 0 and 255",
    "labels of one class": "Masks of 0 and 255",
    "interpolated labels": "An interpolated label",
    "grey values too large": "Grey values of 0 to 255",
    "images nearly blank": "Grey values of 0 to 255",
    "values not finite": "Grey values of 0 to 255",
    "validation on another scale": "Grey values of 0 to 255",
    "shifted labels": "Image and label shifted",
    "flipped labels": "Image and label shifted",
    "labels of other images": "Image and label shifted",
    "rate too high": "A learning rate that is too high",
    "rate too low": "A learning rate that is too low",
    "dead units": "Dead units",
    "nothing to train": "Dead units",
    "first weights": "The loss at the start",
    "loss at the start": "The loss at the start",
    "one tile not learnt": "The loss at the start",
    "rare class": "A rare class",
    "weights of the pixels": "A rare class",
    "random prediction": "Predicting in training mode",
    "batch of one": "Batch normalization with a batch of one",
    "leak into validation": "A leak between slices",
    "objects larger than the field": "Objects larger than the receptive field",
    "objects lost by pooling": "Objects lost by pooling",
}


@dataclasses.dataclass(frozen=True)
class Finding:
    """One row: what was looked at, what was seen, and what follows.

    `verdict` is "ok", "suspect", "symptom" (odd, but a suspect explains it) or "not seen"; `fault` is a key of
    `SECTIONS` where something is odd, else empty.
    """

    check: str
    seen: str
    verdict: str = "ok"
    fault: str = ""

    @property
    def section(self) -> str:
        """Of the chapter "When it does not work"; empty where nothing is odd."""
        return SECTIONS.get(self.fault, "")


@dataclasses.dataclass(frozen=True, eq=False)
class Examination:
    """What `examine` returns. `print` shows the table, `draw` the picture.

    Attributes
    ----------
    findings : list of Finding
        All rows, in the order in which they were looked at.
    pictures : dict
        Arrays that `draw` shows: "image" (H, W), "label" and "learnt" (h, w), "by heart" and "own" (losses), "units"
        and "updates" (a number per layer).
    """

    findings: list[Finding]
    pictures: dict[str, Any]

    @property
    def suspects(self) -> list[Finding]:
        """The rows that name a fault, the likeliest first."""
        return [row for row in self.findings if row.verdict == "suspect"]

    @property
    def healthy(self) -> bool:
        """Whether nothing was found. What cannot be seen may still be wrong."""
        return not self.suspects

    def __str__(self) -> str:
        width = max(len(row.check) for row in self.findings)
        marks = {"ok": "ok", "suspect": "SUSPECT", "symptom": "follows", "not seen": "unseen"}
        lines = []
        for row in self.findings:
            first, *rest = textwrap.wrap(row.seen, 96 - width) or [""]
            lines.append(f"{row.check:{width}}  {marks[row.verdict]:7}  {first}".rstrip())
            lines += [f"{'':{width + 11}}{more}" for more in rest]
        lines.append("")
        if self.healthy:
            lines.append("No suspect. What is marked as unseen may still be wrong.")
        for row in self.suspects:
            lines += textwrap.wrap(f"suspect: {row.fault}. {row.seen}", 100)
            lines.append(f'    see "When it does not work", section "{row.section}"')
        return "\n".join(lines)

    def draw(self) -> "Figure":
        """Draw what was seen: a tile with its label, the tile as it was learnt by heart, losses, layers.

        Returns
        -------
        matplotlib.figure.Figure
            Show it with `plt.show()`, or save it with its own `savefig`.
        """
        import matplotlib.pyplot as plt

        seen = self.pictures
        fig, ((left, right), (below, layers)) = plt.subplots(2, 2, figsize=(6.5, 5.6), layout="constrained")
        image, label = seen["image"], seen["label"]
        rows, columns = ((outer - inner) // 2 for outer, inner in zip(image.shape, label.shape))
        box = (columns - 0.5, columns + label.shape[1] - 0.5, rows + label.shape[0] - 0.5, rows - 0.5)
        left.imshow(image, cmap="gray")
        if label.min() < label.max():
            left.contour(label > label.min(), [0.5], colors="#E69500", extent=box, origin="upper")
        left.set_title("a tile and the edge of its label")
        if seen.get("learnt") is not None:
            right.imshow(seen["learnt"], cmap="gray")
        right.set_title("the tile, learnt by heart")
        for name, style in (("by heart", "-"), ("own", "--")):
            if len(seen.get(name, ())):
                below.plot(np.arange(1, len(seen[name]) + 1), seen[name], style, label=name)
        below.axhline(seen["reference"], color="grey", linewidth=0.8)
        below.set(title="loss (grey: knows nothing)", xlabel="step")
        if below.lines[1:]:
            below.legend()
        if seen.get("units"):
            layers.plot(list(seen["units"].values()), range(len(seen["units"])), "s", label="dead units, share")
            layers.set_yticks(range(len(seen["units"])), seen["units"], fontsize=7)
            layers.invert_yaxis()
        layers.set(title="dead units, share", xlim=(-0.05, 1.05))
        for ax in (left, right):
            ax.set_axis_off()
        return fig
