"""What a folder is read into: images with the ids of their masks, and what was found on the way."""

import dataclasses
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._masks import Kind


class Finding(NamedTuple):
    """What was found at a file: an "error" must be mended, a "warning" may be meant, a "note" says what is done."""

    level: str
    file: str
    text: str

    def __str__(self):
        return f"{self.level}: {self.file}: {self.text}"


@dataclasses.dataclass
class Pair:
    """One image, or one slice of a stack, with the instance ids of its mask where it has one.

    `image` is (H, W) or (H, W, C) as the file has it, `ids` (H, W) int32 with 0 = background, `ignored` (H, W) bool.
    `group` is what is never divided between training and validation: a stack, a folder, or a part of the name.
    """

    name: str
    file: Path
    group: str
    image: np.ndarray
    ids: NDArray[np.int32] | None = None
    ignored: NDArray[np.bool_] | None = None


@dataclasses.dataclass
class Project:
    """A folder as it was read: pairs, what was found on the way, and what the masks were taken for."""

    folder: Path
    pairs: list[Pair]
    findings: list[Finding]
    kind: Kind

    @property
    def errors(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.level == "error"]
