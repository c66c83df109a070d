"""Imports TensorFlow and Keras without their start-up lines, which differ between machines and pages."""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")


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

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402

__all__ = ["keras", "tf"]
