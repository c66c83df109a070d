"""All that decides a run but its seed."""

import math
from dataclasses import dataclass, field

LOGIT = tuple(round(1 / (1 + math.exp(-step / 4)), 6) for step in range(-20, 21))  # 41, equally spaced in logit


@dataclass(frozen=True)
class Recipe:
    """All that decides a run but its seed. The defaults are the `baseline`: the paper's pieces in a small net.

    Attributes
    ----------
    data : {"isbi2012", "phase_contrast", "nuclei", "dic_hela"}
    slices : int
        Training slices (frames). Where these are not all, the seed chooses them.
    validation : tuple of int
        Training slices kept out of training, to choose the threshold by and the step whose weights are kept. Without
        any, the threshold is chosen on the first two slices that the network was trained on, at its last step.
    filters, depth, padding, skips, drop_out, initializer
        Of `model.build_unet`. "normal" is a Gaussian of the standard deviation `deviation`.
    deviation : float or None
        Of the initializer "normal"; None for any other.
    output : {"soft-max", "sigmoid"}
        Two classes, or one.
    tile, batch_size : int
        Side of the input tiles in px, and tiles in a step.
    augment : dict or None
        Keywords of `augmentation.augment`, {} for its defaults; None for no augmentation.
    weights : {"border", "balance", "none"}
        Equation 2 entire, its class balance only, or 1 everywhere.
    w0, sigma : float
        Height and width (px) of the border term.
    optimizer : {"sgd", "adam"}
    learning_rate, momentum : float
        The momentum of "sgd"; Adam has its own.
    decay : {"cosine", "plateau", "none"}
        The learning rate falls to 0 along half a cosine until the last step, so that a short run ends calmly; or to a
        tenth, once, where the validation loss has not fallen for `patience` steps; or not at all. The paper says
        nothing of the kind.
    steps : int
        The last step at the latest.
    patience : int
        Steps without a lower validation loss that make a plateau. Training ends on the first one, with a decay of
        "plateau" on the second. 0: never.
    watch : int
        Steps between two looks at the validation loss.
    precision : {"bfloat16", "float32"}
        bfloat16 falls back to float32 where the processor has no convolutions in it.
    rotations : int
        Rotated versions of an image whose predictions are averaged.
    folds : bool
        Seeds with an even number are on one fold of the data, odd ones on the other, with buffer slices between
        training and held-out ones, and with slices on which nothing but the threshold is chosen (`_folds`).
    normalized : bool
        Each slice is brought to one mean and one deviation (`datasets.normalize`).
    balance : {"tile", "training"}
        Where the classes are counted for their balance: in the tile at hand, or once, in all training slices.
    levels : {"ten", "logit"}
        Thresholds among which one is chosen: the challenge's ten, or `LOGIT`. Held-out slices are then scored at the
        challenge's ten and at the chosen one.
    """

    data: str = "isbi2012"
    slices: int = 24
    validation: tuple = ()
    filters: int = 16
    depth: int = 3
    padding: str = "valid"
    skips: bool = True
    drop_out: float = 0.5
    initializer: str = "he"
    deviation: float | None = None
    output: str = "soft-max"
    tile: int = 284
    batch_size: int = 1
    augment: dict | None = field(default_factory=dict)
    weights: str = "border"
    w0: float = 10.0
    sigma: float = 5.0
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    momentum: float = 0.0
    decay: str = "cosine"
    steps: int = 600
    patience: int = 0
    watch: int = 100
    precision: str = "bfloat16"
    rotations: int = 1
    folds: bool = False
    normalized: bool = False
    balance: str = "tile"
    levels: str = "ten"
