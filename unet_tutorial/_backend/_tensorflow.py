"""TensorFlow: imported without its start-up lines, which differ between machines and pages."""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def _import_quietly():
    if "tensorflow" in sys.modules:
        return
    if sys.stderr:  # None without a console
        sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:  # closed, as in a service: stays on the sink, or a file opened later would get TensorFlow's lines
        saved = None
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        import keras  # noqa: F401
        import tensorflow as tf

        if "TF_CONFIG" not in os.environ:  # a cluster must be set up before the first use of a device
            tf.zeros(1)  # the device is looked for at first use
    finally:
        if saved is not None:
            os.dup2(saved, 2)
            os.close(saved)
        if sink != 2:
            os.close(sink)


_import_quietly()

from ._strategies import compiled, replicas, share, strategy_of  # noqa: E402

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402

__all__ = ["keras", "tf"]

LOST_WORKER = tf.errors.UnavailableError, tf.errors.AbortedError


def make_step(model, loss, optimizer):
    """From a batch (images, labels, weights) to its loss, in float; updates model and optimizer."""
    strategy = strategy_of(model)

    def update(images, labels, weights):
        with tf.GradientTape() as tape:
            value = loss(labels, model(images, training=True), weights) / replicas(strategy)
        gradients = tape.gradient(value, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        return value

    whole = compiled(strategy, update)
    return lambda batch: float(whole(*share(strategy, batch)))


def make_forward(model):
    """From (N, H, W, C) tiles of any size to the output of a model, traced once."""

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, model.input_shape[-1]), model.input.dtype)])
    def forward(tiles):
        return model(tiles, training=False)

    forward.get_concrete_function()
    return lambda tiles: forward(tf.cast(tiles, model.input.dtype))


def is_traced(tensor):
    """Whether a tensor stands for values that are not known yet."""
    return not tf.executing_eagerly()


def has_bfloat16():
    """Whether this processor has convolutions in bfloat16."""
    try:
        tf.nn.conv2d(tf.zeros((1, 4, 4, 1), tf.bfloat16), tf.zeros((3, 3, 1, 1), tf.bfloat16), 1, "VALID").numpy()
    except tf.errors.OpError:
        return False
    return True


def make_deterministic():
    """From now on, equal inputs give equal outputs, bit for bit."""
    tf.config.experimental.enable_op_determinism()
