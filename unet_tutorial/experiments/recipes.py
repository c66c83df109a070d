"""The named experiments: which claim of the paper each puts to the test, and everything that decides a run."""

from dataclasses import dataclass

from . import plan
from ._recipe import Recipe

__all__ = ["EXPERIMENTS", "RUNS", "SEEDS", "Experiment", "Recipe", "runs_of"]

SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Experiment:
    """A claim of the paper and the runs that test it.

    Attributes
    ----------
    question : str
    section : str
        Of the paper.
    arms : dict
        Label to the name of a run in `RUNS`, in the order of a table. Experiments may share runs.
    seeds : tuple of int
    """

    question: str
    section: str
    arms: dict
    seeds: tuple = SEEDS


RIGID = {"elastic": False}
SLOW = {"optimizer": "sgd", "learning_rate": 3e-3}
CELLS = {"data": "phase_contrast", "slices": 35, "steps": 800}

RUNS = {
    "paper": Recipe(
        validation=(0, 29),
        filters=64,
        depth=4,
        tile=572,
        optimizer="sgd",
        learning_rate=1e-3,
        momentum=0.99,
        decay="plateau",
        steps=20_000,
        patience=300,
        rotations=7,
    ),
    "small": Recipe(validation=(0, 29), filters=8, steps=5_000, learning_rate=2e-3, drop_out=0.0),
    "baseline": Recipe(),
    "blog": Recipe(padding="same", output="sigmoid", tile=256, drop_out=0.0, weights="none", augment=RIGID),
    "augmentation/none": Recipe(augment=None),
    "augmentation/flips-turns": Recipe(augment={"elastic": False, "grey": False}),
    "augmentation/grey": Recipe(augment=RIGID),
    **{
        f"few-images/{count}{suffix}": Recipe(slices=count, augment=augment)
        for count in (1, 2, 4, 8)
        for suffix, augment in (("", {}), ("-rigid", RIGID))
    },
    "skips/without": Recipe(skips=False),
    "initialization/glorot": Recipe(initializer="glorot_uniform"),
    "initialization/small": Recipe(initializer="normal", deviation=0.01),
    "momentum/high": Recipe(**SLOW, momentum=0.99),
    "momentum/high-slower": Recipe(optimizer="sgd", learning_rate=1e-3, momentum=0.99),
    "momentum/none": Recipe(**SLOW),
    "momentum/none-faster": Recipe(optimizer="sgd", learning_rate=3e-2),
    "dropout/without": Recipe(drop_out=0.0),
    **{f"weight-map/{w0}": Recipe(**CELLS, w0=float(w0)) for w0 in (0, 1, 10)},
    **plan.runs(),
}

EXPERIMENTS = {
    "paper": Experiment(
        "What does the paper's recipe, completed where it is silent, reach on the held-out slices?",
        "2 to 4",
        {"the paper's recipe": "paper"},
        (0,),
    ),
    "small": Experiment(
        "How far does the small network get that the package ships?", "-", {"the small network": "small"}, (0,)
    ),
    "blog": Experiment(
        "Do the familiar shortcuts cost anything, at an equal number of steps?",
        "2 and 3",
        {"the paper's pieces": "baseline", "same padding, sigmoid, no weights": "blog"},
    ),
    "augmentation": Experiment(
        "Is elastic deformation the key to training with few images?",
        "3.1",
        {
            "none": "augmentation/none",
            "flips and turns": "augmentation/flips-turns",
            "+ grey values": "augmentation/grey",
            "+ elastic": "baseline",
        },
    ),
    "few-images": Experiment(
        "How few annotated slices are enough, with and without elastic deformation?",
        "1 and 3.1",
        {
            **{f"{count}, elastic": f"few-images/{count}" for count in (1, 2, 4, 8)},
            "24, elastic": "baseline",
            **{f"{count}, rigid": f"few-images/{count}-rigid" for count in (1, 2, 4, 8)},
            "24, rigid": "augmentation/grey",
        },
    ),
    "skips": Experiment(
        "Do the copied features help to localize?", "1 and 2", {"with skips": "baseline", "without": "skips/without"}
    ),
    "initialization": Experiment(
        "Does the spread of the first weights matter?",
        "3",
        {
            "sqrt(2 / N)": "baseline",
            "Glorot uniform": "initialization/glorot",
            "Gaussian, 0.01": "initialization/small",
        },
    ),
    "momentum": Experiment(
        "Does a batch of one need momentum 0.99?",
        "3",
        {
            "0.99, rate 0.001": "momentum/high-slower",
            "0.99, rate 0.003": "momentum/high",
            "0, rate 0.003": "momentum/none",
            "0, rate 0.03": "momentum/none-faster",
        },
    ),
    "dropout": Experiment(
        "Does drop-out act as further augmentation?", "3.1", {"with drop-out": "baseline", "without": "dropout/without"}
    ),
    "weight-map": Experiment(
        "Does the border term keep touching cells apart?",
        "3, equation 2",
        {"w0 = 0": "weight-map/0", "w0 = 1": "weight-map/1", "w0 = 10": "weight-map/10"},
    ),
}


def runs_of(name: str) -> list[tuple[str, int]]:
    """The (run, seed) pairs behind the name of an experiment, of a run, "all" or "plan".

    "all" are the experiments before the plan, "plan" are the runs that the plan names, in its order.

    Examples
    --------
    >>> runs_of("weight-map")[:4]
    [('weight-map/0', 0), ('weight-map/0', 1), ('weight-map/0', 2), ('weight-map/1', 0)]
    >>> set(runs_of("skips")) & set(runs_of("dropout")) == set(runs_of("baseline"))  # shared, so made once
    True
    """
    if name == "all":
        return list(dict.fromkeys(pair for experiment in EXPERIMENTS for pair in runs_of(experiment)))
    if name == "plan":
        return list(dict.fromkeys(pair for trial in plan.TRIALS for pair in plan.runs_of(trial)))
    if name in plan.TRIALS:
        return plan.runs_of(name)
    if name in EXPERIMENTS:
        experiment = EXPERIMENTS[name]
        return [(run, seed) for run in dict.fromkeys(experiment.arms.values()) for seed in experiment.seeds]
    if name in RUNS:
        return [(run, seed) for run, seed in [*runs_of("all"), *runs_of("plan")] if run == name]
    known = ", ".join(dict.fromkeys([*EXPERIMENTS, *plan.TRIALS, *RUNS]))
    raise ValueError(f"experiment {name!r}: is not known; choose one of all, plan, {known}")
