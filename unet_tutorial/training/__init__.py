"""From slices to a trained net: tiles, the paper's recipe and a faster one, a loop that can be stopped and resumed."""

from .._backend import STRATEGIES, compiled, is_chief, make_strategy, replicas, share
from ._batches import TileBatches
from ._callbacks import Budget, ProgressBar
from ._checkpoints import Checkpoint
from ._history import History
from ._loop import train
from ._optimizers import fast_optimizer, paper_optimizer, set_seed

__all__ = [
    "STRATEGIES",
    "Budget",
    "Checkpoint",
    "History",
    "ProgressBar",
    "TileBatches",
    "compiled",
    "fast_optimizer",
    "is_chief",
    "make_strategy",
    "paper_optimizer",
    "replicas",
    "set_seed",
    "share",
    "train",
]
