"""From slices to a trained net: tiles, the paper's recipe and a faster one, a loop that can be stopped and resumed."""

from .._backend import STRATEGIES, compiled, is_chief, make_strategy, replicas, share
from ._batches import TileBatches
from ._callbacks import Budget, ProgressBar
from ._checkpoints import Checkpoint
from ._examine import examine
from ._findings import SECTIONS, Examination, Finding
from ._history import History
from ._loop import train
from ._optimizers import fast_optimizer, paper_optimizer, set_seed

__all__ = [
    "SECTIONS",
    "STRATEGIES",
    "Budget",
    "Checkpoint",
    "Examination",
    "Finding",
    "History",
    "ProgressBar",
    "TileBatches",
    "compiled",
    "examine",
    "fast_optimizer",
    "is_chief",
    "make_strategy",
    "paper_optimizer",
    "replicas",
    "set_seed",
    "share",
    "train",
]
