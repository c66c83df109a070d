"""Seeds, and how a step follows from a gradient: the paper's recipe and a faster one."""

from .._shared.checks import as_positive, as_size
from .._tensorflow import keras, tf


def set_seed(seed):
    """Seed NumPy's, Python's and TensorFlow's generators and make TensorFlow's operations deterministic.

    Two runs with one seed on one machine then give the same numbers, bit for bit. Another processor may round
    differently.
    """
    keras.utils.set_random_seed(as_size(seed, "seed", minimum=0))
    tf.config.experimental.enable_op_determinism()


def paper_optimizer(learning_rate=1e-3):
    """Stochastic gradient descent with momentum 0.99 (section 3). The paper does not give the learning rate."""
    return keras.optimizers.SGD(as_positive(learning_rate, "learning_rate", zero=False), momentum=0.99)


def fast_optimizer(learning_rate=1e-3):
    """Adam: not the paper's, but useful after a hundred steps rather than after thousands."""
    return keras.optimizers.Adam(as_positive(learning_rate, "learning_rate", zero=False))
