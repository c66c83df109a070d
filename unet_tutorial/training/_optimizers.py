"""Seeds, and how a step follows from a gradient: the paper's recipe and a faster one."""

from .._backend import keras, make_deterministic
from .._shared.checks import as_positive, as_size


def set_seed(seed: int) -> None:
    """Seed the generators of NumPy, Python and the backend, and make its operations deterministic.

    Two runs with one seed on one machine then give the same numbers, bit for bit. Another processor may round
    differently.

    Examples
    --------
    >>> from unet_tutorial import model, pretrained
    >>> weights = []
    >>> for seed in (0, 0, 1):
    ...     set_seed(seed)
    ...     weights.append(pretrained.digest(model.build_unet((20, 20, 1), base_filters=2, depth=1)))
    >>> weights[0] == weights[1], weights[0] == weights[2]
    (True, False)
    """
    keras.utils.set_random_seed(as_size(seed, "seed", minimum=0))
    make_deterministic()


def paper_optimizer(learning_rate: float = 1e-3) -> keras.optimizers.Optimizer:
    """Stochastic gradient descent with momentum 0.99 (section 3). The paper does not give the learning rate.

    Examples
    --------
    >>> optimizer = paper_optimizer(learning_rate=0.25)
    >>> float(optimizer.learning_rate), optimizer.momentum
    (0.25, 0.99)
    """
    return keras.optimizers.SGD(as_positive(learning_rate, "learning_rate", zero=False), momentum=0.99)


def fast_optimizer(learning_rate: float = 1e-3) -> keras.optimizers.Optimizer:
    """Adam: not the paper's, but useful after a hundred steps rather than after thousands.

    Examples
    --------
    >>> optimizer = fast_optimizer(learning_rate=0.25)
    >>> type(optimizer).__name__, float(optimizer.learning_rate)
    ('Adam', 0.25)
    """
    return keras.optimizers.Adam(as_positive(learning_rate, "learning_rate", zero=False))
