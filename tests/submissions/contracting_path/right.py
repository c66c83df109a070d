# %% convolution by shifted sums, in float32
def convolve(image, kernel):
    h, w = kernel.shape
    height, width = image.shape[0] - h + 1, image.shape[1] - w + 1
    result = np.zeros((height, width), np.float32)
    for i in range(h):
        for j in range(w):
            result += np.float32(kernel[i, j]) * image[i:i + height, j:j + width].astype(np.float32)
    return result


# %% convolution by SciPy
from scipy.signal import correlate2d


def convolve(image, kernel):
    return correlate2d(np.float64(image), np.float64(kernel), mode="valid")


# %% convolution by TensorFlow
import tensorflow as tf


def convolve(image, kernel):
    return tf.nn.conv2d(tf.constant(image[None, ..., None], tf.float32), tf.constant(kernel[..., None, None], tf.float32),
                        1, "VALID")[0, ..., 0]


# %% pooling by loops, and an assertion turned into the error
def max_pool(features):
    try:
        assert features.shape[0] % 2 == 0 == features.shape[1] % 2
    except AssertionError as error:
        raise ValueError(f"odd side in {features.shape}") from error
    return [[[max(features[y + i, x + j, c] for i in (0, 1) for j in (0, 1)) for c in range(features.shape[2])]
             for x in range(0, features.shape[1], 2)] for y in range(0, features.shape[0], 2)]


# %% pooling by strides
def max_pool(features):
    if any(side % 2 for side in features.shape[:2]):
        raise ValueError(f"odd side in {features.shape}")
    return np.maximum(np.maximum(features[::2, ::2], features[1::2, ::2]),
                      np.maximum(features[::2, 1::2], features[1::2, 1::2]))


# %% sizes by recursion, as a tuple
def path_sizes(size, depth):
    if depth == 0:
        return (size, size - 2, size - 4)
    if size % 2:
        raise ValueError(size)
    return (size, size - 2, size - 4, *path_sizes((size - 4) // 2, depth - 1))


# %% legal sizes by the formula, as an array
def legal_inputs(first, last, depth):
    lowest = 12 * 2 ** depth - 8 + min(4, 2 ** depth)
    sizes = np.arange(first, last + 1)
    return sizes[(sizes >= lowest) & ((sizes - lowest) % 2 ** depth == 0)]


# %% block with activations apart
def contracting_block(x, filters):
    conv = functools.partial(keras.layers.Conv2D, filters, (3, 3), padding="valid")
    features = keras.layers.ReLU()(conv()(keras.layers.Activation("relu")(conv()(x))))
    return [features, keras.layers.MaxPool2D(pool_size=(2, 2), strides=2)(features)]


import functools
