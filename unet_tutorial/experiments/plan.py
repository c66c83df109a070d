"""The plan: the experiments that decide, as they were fixed before their runs. Its page is `plan.md`."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..metrics import RULES
from ._recipe import Recipe

PAGE = Path(__file__).with_name("plan.md")
SEEDS = tuple(range(8))


@dataclass(frozen=True)
class Claim:
    """A claim of the paper as two arms and a score.

    Attributes
    ----------
    words : str
        The claim.
    better, worse : str
        Arms of the trial: the one that the claim says is better, and the other.
    score : str
        The primary score, at the chosen threshold.
    smallest : float
        The smallest effect of interest, in units of the score.
    predicted : float
        The difference that we expected before the runs, positive where the claim is right.
    """

    words: str
    better: str
    worse: str
    score: str
    smallest: float
    predicted: float

    @property
    def sign(self) -> int:
        """1 where a large score is good, -1 where a small one is."""
        return -1 if self.score in RULES and RULES[self.score].best is min else 1


@dataclass(frozen=True)
class Trial:
    """An experiment of the plan: a base, and what each arm has unlike it.

    Attributes
    ----------
    question : str
    section : str
        Of the paper.
    base : Recipe
    arms : dict
        Name of the arm to what it has unlike the base; or to the name of a run of another trial, which is then shared.
    claims : tuple of Claim
    seeds : tuple of int
        Arms of one seed share fold, slices, tiles and first weights.
    """

    question: str
    section: str
    base: Recipe
    arms: Mapping[str, Mapping[str, Any] | str]
    claims: tuple[Claim, ...] = ()
    seeds: tuple[int, ...] = field(default=SEEDS)

    def run(self, trial: str, arm: str) -> str:
        """The name of an arm's run."""
        change = self.arms[arm]
        return change if isinstance(change, str) else f"{trial}/{arm}"


PLANNED: dict[str, Any] = {
    "folds": True,
    "normalized": True,
    "balance": "training",
    "levels": "logit",
    "filters": 8,
    "precision": "float32",
}
TISSUE = Recipe(
    **PLANNED, slices=18, tile=284, augment={"sigma": 5.0}, steps=2_000
)  # the steps until `e0-length` decides
NUCLEI = Recipe(**PLANNED, data="nuclei", slices=20, tile=220, augment={"sigma": 4.0}, steps=1_500)
HELA = Recipe(**PLANNED, data="dic_hela", slices=6, depth=4, tile=348, augment={"sigma": 6.0}, steps=1_500)
RIGID = {"augment": {"elastic": False}}
LENGTH = 0.01  # of V_Rand after thinning: `e0-length` decides for the shortest run that is within it of the longest

TRIALS = {
    "e0-length": Trial(
        "How many steps are enough?",
        "-",
        TISSUE,
        {f"{steps}": {"steps": steps} for steps in (1_000, 2_000, 4_000)},
        seeds=(0, 1),
    ),
    "e6-nuclei": Trial(
        "Does the border term keep touching cells apart, beyond the balance of the classes?",
        "3, equation 2",
        NUCLEI,
        {"border": {}, "balance": {"weights": "balance"}},
        (
            Claim("The border term keeps touching nuclei apart", "border", "balance", "seg_touching", 0.05, 0.15),
            Claim("It improves the segmentation of all nuclei", "border", "balance", "seg", 0.02, 0.055),
        ),
    ),
    "table-2": Trial(
        "How near does a network of 8 filters come to the paper's second table, on its own HeLa cells?",
        "4, table 2",
        replace(HELA, steps=4_000),
        {"hela": {}},
        seeds=(0, 1),
    ),
    "table-1": Trial(
        "How near does a network of 16 filters come to the paper's first table, on its own test slices?",
        "4, table 1",
        replace(TISSUE, filters=16, steps=5_000, learning_rate=2e-3, drop_out=0.0, rotations=7),
        {"wide": {}},
        seeds=(0,),
    ),
    "e6-hela": Trial(
        "Does it do so on the data of table 2, where cells touch along long borders?",
        "3, equation 2, and 4",
        HELA,
        {"border": {}, "balance": {"weights": "balance"}},
        (
            Claim("The border term keeps touching HeLa cells apart", "border", "balance", "seg_touching", 0.05, 0.1),
            Claim("It improves the segmentation of all of them", "border", "balance", "seg", 0.02, 0.08),
        ),
    ),
    "e1-elastic": Trial(
        "Is elastic deformation the key to training with few images, and are few enough?",
        "3.1",
        TISSUE,
        {
            "elastic-1": {"slices": 1},
            "rigid-1": {"slices": 1, **RIGID},
            "elastic-18": {},
            "rigid-18": RIGID,
        },
        (
            Claim("With one slice, elastic deformation helps", "elastic-1", "rigid-1", "v_rand_thinned", 0.015, 0.02),
            Claim("With 18 slices, it helps", "elastic-18", "rigid-18", "v_rand_thinned", 0.015, 0.0),
            Claim("18 slices are better than one", "elastic-18", "elastic-1", "v_rand_thinned", 0.01, 0.08),
        ),
    ),
    "e2-skips": Trial(
        "Do the copied features help to localize?",
        "1 and 2",
        replace(TISSUE, depth=4),
        {"with": {}, "without": {"skips": False}},
        (
            Claim("The copied features place the borders", "with", "without", "boundary_f1", 0.02, 0.08),
            Claim("They improve the segmentation", "with", "without", "v_rand_thinned", 0.015, 0.02),
        ),
    ),
    "e6-tissue": Trial(
        "What do the weights of equation 2 do where the membranes themselves are the borders?",
        "3, equation 2",
        TISSUE,
        {"border": "e1-elastic/elastic-18", "none": {"weights": "none"}},
        (
            Claim("The weights lower the Rand error", "border", "none", "rand_error", 0.01, -0.02),
            Claim("They improve V_Rand after thinning", "border", "none", "v_rand_thinned", 0.015, 0.0),
        ),
    ),
    "e3-drop-out": Trial(
        "Does drop-out act as further augmentation?",
        "3.1",
        TISSUE,
        {
            "half-1": "e1-elastic/elastic-1",
            "none-1": {"slices": 1, "drop_out": 0.0},
            "half-18": "e1-elastic/elastic-18",
            "none-18": {"drop_out": 0.0},
        },
        (
            Claim("With one slice, drop-out helps", "half-1", "none-1", "v_rand_thinned", 0.015, 0.005),
            Claim("With 18 slices, it helps", "half-18", "none-18", "v_rand_thinned", 0.015, -0.005),
        ),
    ),
    "e7-padding": Trial(
        "Are unpadded convolutions better than zeros around each tile, at equally many labelled pixels?",
        "2",
        TISSUE,
        {"valid": "e1-elastic/elastic-18", "same": {"padding": "same", "tile": 200}},
        (Claim("Unpadded convolutions segment better", "valid", "same", "v_rand_thinned", 0.01, 0.0),),
    ),
    "e4-first-weights": Trial(
        "Does the spread of the first weights matter for the end of training?",
        "3",
        TISSUE,
        {
            "he": "e1-elastic/elastic-18",
            "glorot": {"initializer": "glorot_uniform"},
            "small": {"initializer": "normal", "deviation": 0.01},
        },
        (
            Claim("sqrt(2 / N) is better than Glorot's spread", "he", "glorot", "v_rand_thinned", 0.015, 0.0),
            Claim("sqrt(2 / N) is better than 0.01", "he", "small", "v_rand_thinned", 0.015, 0.02),
        ),
    ),
    "e5-momentum": Trial(
        "Does a batch of one need a momentum of 0.99, at one effective rate, rate / (1 - momentum)?",
        "3",
        replace(TISSUE, optimizer="sgd"),
        {"high": {"learning_rate": 3e-4, "momentum": 0.99}, "none": {"learning_rate": 3e-2}},
        (Claim("Momentum 0.99 is better than none", "high", "none", "v_rand_thinned", 0.015, 0.0),),
    ),
}


def runs() -> dict[str, Recipe]:
    """Every run that the plan names, with its recipe.

    Examples
    --------
    >>> runs()["e6-nuclei/balance"].weights
    'balance'
    """
    return {
        f"{name}/{arm}": replace(trial.base, **change)
        for name, trial in TRIALS.items()
        for arm, change in trial.arms.items()
        if not isinstance(change, str)
    }


def runs_of(trial: str) -> list[tuple[str, int]]:
    """The (run, seed) pairs of a trial, seed by seed, so that pairs are complete early.

    Examples
    --------
    >>> runs_of("e6-nuclei")[:3]
    [('e6-nuclei/border', 0), ('e6-nuclei/balance', 0), ('e6-nuclei/border', 1)]
    """
    chosen = TRIALS[trial]
    return [(chosen.run(trial, arm), seed) for seed in chosen.seeds for arm in chosen.arms]


def digest() -> str:
    """The first 16 digits of the sha256 sum of the plan's page: a record keeps that of the plan it was made under."""
    return hashlib.sha256(PAGE.read_text(encoding="utf-8").encode()).hexdigest()[:16]


def known(digest_of_record: str) -> bool:
    """Whether a digest is that of today's plan, or of an earlier version that the plan's page lists.

    Examples
    --------
    >>> known(digest()), known("0123456789abcdef")
    (True, False)
    """
    return digest_of_record == digest() or f"`{digest_of_record}`" in PAGE.read_text(encoding="utf-8")
