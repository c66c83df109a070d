"""What a training run leaves behind."""

import dataclasses
from typing import Any


@dataclasses.dataclass
class History:
    """The loss of each step, and at the end of each epoch the number of steps made and what the callbacks told.

    `epochs` holds (step, logs), where logs are "loss", the mean over the epoch, and whatever a callback added to them.
    `seconds` is the time that steps and callbacks took, all sittings together, without what a killed one lost.

    Examples
    --------
    >>> history = History([0.5, 0.25], [(2, {"loss": 0.375, "val_loss": 0.5})])
    >>> history.steps, history.told("val_loss")
    (2, [0.5])
    """

    losses: list[float] = dataclasses.field(default_factory=list)
    epochs: list[tuple[int, dict[str, Any]]] = dataclasses.field(default_factory=list)
    seconds: float = 0.0

    @property
    def steps(self) -> int:
        """Number of steps made."""
        return len(self.losses)

    def told(self, name: str) -> list[Any]:
        """One entry of the logs, epoch by epoch.

        Examples
        --------
        >>> History([0.5], [(1, {"loss": 0.5})]).told("loss")
        [0.5]
        """
        return [logs[name] for _, logs in self.epochs]
