"""What goes along to where a student's function lives: how to look at a network, and functions that it is given.

The grader copies this file to where a student's code runs. So it holds no answer: the two blocks are not the paper's.
"""

import math

import numpy as np

WARPED, WARPED_LABEL = 1001, 1002  # marks of what `show_warp` and `show_warp_label` return


class NoNumbers(Exception):
    """A student's function has returned what is neither numbers nor arrays of them."""


def plain(value):
    """Arrays, numbers, strings, None, and tuples and dicts of them."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, tuple):
        return tuple(plain(one) for one in value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, list) and any(isinstance(one, (tuple, dict, np.ndarray)) for one in value):
        return tuple(plain(one) for one in value)
    array = np.asarray(value)
    if array.dtype.kind in "biuf":
        return array
    try:
        if array.dtype.kind in "cSUMm" or (array.dtype == object and any(isinstance(one, str) for one in array.flat)):
            raise TypeError
        return np.asarray(array, np.float64)  # bfloat16, fractions
    except Exception:
        what = f"an array of {array.dtype}" if array.ndim else f"a value of type {type(value).__name__}"
        raise NoNumbers(f"came {what}, where real numbers are asked for") from None


def build(function, shapes, *rest):
    """Let a student's function build: on inputs of these shapes, or by itself where there are none.

    Returns a `Network`, or None where the function gives None. A student's function that lives in another process
    brings its own `build`.
    """
    if hasattr(function, "build_there"):
        return function.build_there(shapes, *rest)
    import keras

    inputs = [keras.Input(tuple(shape)) for shape in shapes]
    outputs = function(*inputs, *rest)
    if outputs is None:
        return None
    if shapes:
        several = isinstance(outputs, (tuple, list))
        return Network(keras.Model(inputs, list(outputs) if several else outputs), several)
    if not isinstance(outputs, keras.Model):
        raise TypeError(f"expected a keras.Model, came a {type(outputs).__name__}")
    return Network(outputs, len(outputs.outputs) > 1)


class Network:
    """A Keras model, seen from outside."""

    def __init__(self, model, several):
        self.model, self.several = model, several

    def about(self):
        """Names and shapes of its weights, their number in all, and how many outputs it has."""
        weights = [(weight.path, [int(side) for side in weight.shape]) for weight in self.model.weights]
        return {
            "weights": weights,
            "count": sum(math.prod(shape) for _, shape in weights),
            "outputs": len(self.model.outputs),
            "several": self.several,
        }

    def set_weights(self, weights):
        """Take other values for the weights, in the order of `about`."""
        for weight, value in zip(self.model.weights, weights, strict=True):
            weight.assign(value)

    def apply(self, maps, training=False):
        """The outputs for these inputs, as a list of arrays."""
        found = self.model(maps if isinstance(self.model.input, list) else maps[0], training=training)
        return [np.asarray(one) for one in (found if isinstance(found, (list, tuple)) else [found])]


def contracting(x, filters):
    """In place of a block of the contracting path: takes 4 pixels off a side. Returns features and pooled map."""
    from keras import layers

    features = layers.Conv2D(filters, 5, activation="tanh")(x)
    return features, layers.AveragePooling2D(2)(features)


def expanding(x, skip, filters):
    """In place of a block of the expanding path: doubles the sides of `x`, then takes 4 pixels off."""
    from keras import layers

    x = layers.UpSampling2D()(x)
    top, left = ((skip.shape[axis] - x.shape[axis]) // 2 for axis in (1, 2))
    x = layers.concatenate([skip[:, top : top + x.shape[1], left : left + x.shape[2]], x])
    return layers.Conv2D(filters, 5, activation="tanh")(x)


def repeat(function, times, *arguments):
    """What a student's function returns in so many calls, as a list."""
    if hasattr(function, "repeat_there"):
        return function.repeat_there(times, *arguments)
    return [function(*fresh(arguments)) for _ in range(times)]


def fresh(arguments):
    """The same arguments, with copies of the arrays."""
    return [one.copy() if isinstance(one, np.ndarray) else one for one in arguments]


def show_field(vectors, height, width):
    """In place of `displacement_field`: the nine vectors stand in the corner of the field."""
    return np.pad(np.asarray(vectors, np.float64), ((0, height - 3), (0, width - 3), (0, 0)))


def show_warp(image, field, mark=WARPED):
    """In place of `warp`: the vectors of `show_field`, then a mark, then the rest of the image."""
    if np.shape(field) != (*np.shape(image), 2):
        raise ValueError(f"a field of shape {np.shape(field)} for an image of shape {np.shape(image)}")
    result = np.array(image, np.float64)
    result.flat[:18] = np.asarray(field)[:3, :3].flat
    result.flat[18] += mark
    return result


def show_warp_label(label, field):
    """In place of `warp_label`, as `show_warp`."""
    return show_warp(label, field, WARPED_LABEL)


for _one in (contracting, expanding, show_field, show_warp, show_warp_label):
    _one.__dict__["inside"] = _one.__name__
