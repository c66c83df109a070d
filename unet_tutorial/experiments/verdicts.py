"""What the records say of a claim: one paired interval, and one of three words by a rule written before the runs."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from . import plan, records

PAIRS = 8  # at least, half of them on each fold
CONFIDENCE = 0.95
EXACT = 12  # pairs up to which all patterns of signs are gone through
ALIKE = ("seed", "draw", "precision", "data", "plan")  # what the records of a pair must share


@dataclass(frozen=True)
class Verdict:
    """A claim, judged.

    Attributes
    ----------
    word : {"supported", "contradicted", "undecided", "not run"}
    differences : dict
        Seed to the difference of its pair, positive where the arm is better that the claim says is better.
    smallest : float
        The smallest effect of interest, in units of the score.
    mean, low, high : float or None
        Mean of the differences and its interval of 95 %. None where the word is "not run".
    """

    word: str
    differences: dict[int, float]
    smallest: float
    mean: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def signs(self) -> float | None:
        """Two-sided p of the sign-flip test, None where the word is "not run". It decides nothing."""
        return None if self.mean is None else sign_flip([*self.differences.values()])

    @property
    def no_effect(self) -> bool:
        """Whether the whole interval lies within the smallest effect of interest, on both sides of 0."""
        return self.low is not None and self.high is not None and -self.smallest < self.low <= self.high < self.smallest

    def __str__(self) -> str:
        if self.mean is None:
            return f"not run: {len(self.differences)} pairs, and {PAIRS} are needed, half on each fold"
        interval = f"[{self.low:+.4f}, {self.high:+.4f}]"
        return (
            f"{self.word}: {self.mean:+.4f} {interval}, {len(self.differences)} pairs, smallest effect {self.smallest}"
        )


def decide(differences: Mapping[int, float], smallest: float) -> Verdict:
    """Apply the rule to the differences of a claim.

    *Supported*: the interval lies above 0, and the mean is at least the smallest effect of interest. *Contradicted*:
    the whole interval lies below the smallest effect. Else *undecided*. The interval is the paired t interval of 95 %.
    It covers seeds, tiles and folds of this tissue, not other tissue.

    Parameters
    ----------
    differences : mapping of int to float
        Seed to the difference of its pair. Even seeds are on one fold, odd ones on the other.
    smallest : float
        Above 0.

    Returns
    -------
    Verdict
        "not run" where there are fewer than 8 pairs, or more on one fold than on the other.

    Raises
    ------
    ValueError
        `smallest` is not above 0, or a difference is not finite.

    Examples
    --------
    >>> decide({seed: 0.05 + 0.01 * (seed % 3) for seed in range(8)}, smallest=0.02).word
    'supported'
    >>> decide({seed: 0.01 * (seed % 3 - 1) for seed in range(8)}, smallest=0.02).word
    'contradicted'
    >>> decide({0: 0.05}, smallest=0.02).word
    'not run'
    """
    if not smallest > 0:
        raise ValueError(f"smallest effect of interest {smallest!r}: must be above 0")
    values = np.array([differences[seed] for seed in sorted(differences)], float)
    if not np.isfinite(values).all():
        raise ValueError(f"differences {values.tolist()}: must be finite")
    odd = sum(seed % 2 for seed in differences)
    if len(values) < PAIRS or 2 * odd != len(values):
        return Verdict("not run", dict(differences), smallest)
    mean, half = values.mean(), stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * stats.sem(values)
    low, high = mean - half, mean + half
    word = "supported" if low > 0 and mean >= smallest else "contradicted" if high < smallest else "undecided"
    return Verdict(word, dict(differences), smallest, float(mean), float(low), float(high))


def sign_flip(values: Sequence[float] | np.ndarray) -> float:
    """Two-sided p of the hypothesis that the signs of the differences are chance.

    Examples
    --------
    >>> sign_flip([1.0] * 8)  # two of the 256 patterns of signs have a mean as far from 0
    0.0078125
    """

    def distance(flipped, axis=-1):
        return np.abs(np.mean(flipped, axis))

    return float(
        stats.permutation_test(
            (np.asarray(values, float),),
            distance,
            permutation_type="samples",
            n_resamples=np.inf if len(values) <= EXACT else 9_999,
            alternative="greater",
            rng=0,
        ).pvalue
    )


def holm(values: Sequence[float]) -> list[float]:
    """The p-values of several claims, adjusted for their number (Holm 1979), in the order given.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(values, kind="stable")
    steps = np.asarray(values, float)[order] * np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted.tolist()


def pairs(trial: str, claim: "plan.Claim", folder: str | Path | None = None) -> dict[int, float]:
    """Seed to the difference of the pair, for each seed of which both records are there.

    Raises
    ------
    ValueError
        A record is damaged, or not the one that its path says, or of another recipe; or the two of a pair differ in
        what they must share: seed, draw, precision, plan, and the data with their parts.

    Examples
    --------
    >>> pairs("e6-nuclei", plan.TRIALS["e6-nuclei"].claims[0], folder="no such folder")
    {}
    """
    names = [plan.TRIALS[trial].run(trial, arm) for arm in (claim.better, claim.worse)]
    found = {}
    for seed in plan.TRIALS[trial].seeds:
        paths = [records.path_of(name, seed, folder) for name in names]
        if not all(path.is_file() for path in paths):
            continue
        both = [records.read(name, seed, folder) for name in names]
        for record, name, path in zip(both, names, paths):
            if record["name"] != name or record["seed"] != seed or not records.fits(record):
                raise ValueError(
                    f"{os.fspath(path)}: is not the record of {name}, seed {seed}, by today's recipe; see "
                    "python -m unet_tutorial.experiments check"
                )
        for key in ALIKE:
            if both[0].get(key) != both[1].get(key):
                raise ValueError(f"{names[0]} and {names[1]}, seed {seed}: are no pair, their entries {key!r} differ")
        values = [records.score(record, claim.score) for record in both]
        found[seed] = claim.sign * (values[0] - values[1])
    return found


def judge(folder: str | Path | None = None) -> list[tuple[str, "plan.Claim", Verdict]]:
    """Every claim of the plan, in its order: the trial's name, the claim, the verdict.

    Examples
    --------
    >>> {verdict.word for _, _, verdict in judge("no such folder")}
    {'not run'}
    """
    return [
        (name, claim, decide(pairs(name, claim, folder), claim.smallest))
        for name, trial in plan.TRIALS.items()
        for claim in trial.claims
    ]
