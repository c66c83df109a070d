"""The two folds of each data set of the plan: what is held out, what is a buffer, what the threshold is chosen on."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fold:
    """Numbers of slices. What is in none of the three may train.

    Attributes
    ----------
    held_out : tuple of int
    buffer : tuple of int
        Neighbours of held-out slices, which resemble them; they are not used.
    chosen_on : tuple of int
        Slices on which the threshold is chosen, and nothing else.
    """

    held_out: tuple[int, ...]
    buffer: tuple[int, ...]
    chosen_on: tuple[int, ...]

    def train(self, count):
        """The slices of a stack of `count` that may train."""
        return tuple(sorted({*range(count)} - {*self.held_out, *self.buffer, *self.chosen_on}))


FOLDS = {
    # Three quiet and three noisy slices (the second half of the stack is noisier), in two blocks.
    "isbi2012": (
        Fold((6, 7, 8, 21, 22, 23), (5, 9, 20, 24), (12, 17)),
        Fold((1, 2, 3, 26, 27, 28), (0, 4, 25, 29), (12, 17)),
    ),
    # By sequence: the first has pages 0 to 8, the second 9 to 17. Page 8 has masks for 3 of its 18 cells only.
    "dic_hela": (
        Fold(tuple(range(9, 18)), (8,), (6, 7)),
        Fold(tuple(range(8)), (8,), (16, 17)),
    ),
    # Their order is by chance already. No two of them overlap: the best correlation of any two, over all shifts, is no
    # outlier. So each fold trains on what the other holds out, and no buffer is needed.
    "nuclei": (
        Fold(tuple(range(40)), (), tuple(range(80, 90))),
        Fold(tuple(range(40, 80)), (), tuple(range(80, 90))),
    ),
}


def fold_of(data, seed):
    """The fold of a seed: the first for an even one, the second for an odd one."""
    return FOLDS[data][seed % 2]
