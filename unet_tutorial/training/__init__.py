"""From slices to a trained net: tiles, the paper's recipe and a faster one, a loop that can be stopped and resumed."""

from ._batches import TileBatches
from ._checkpoints import History
from ._loop import train
from ._optimizers import fast_optimizer, paper_optimizer, set_seed
from ._strategies import STRATEGIES, compiled, is_chief, make_strategy, replicas, share

__all__ = [
    "STRATEGIES",
    "History",
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
