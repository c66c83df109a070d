# %% soft-max by loops, in lists
import math


def soft_max(logits):
    result = []
    for row in logits:
        result.append([])
        for pixel in row:
            powers = [math.exp(one - max(pixel)) for one in pixel]
            result[-1].append([power / sum(powers) for power in powers])
    return result


# %% soft-max by differences, as an array of arrays
def soft_max(logits):
    def one_pixel(a):
        with np.errstate(over="ignore"):
            return np.array([1 / np.exp(a - one).sum() for one in a])
    return [np.array([one_pixel(a) for a in row]) for row in logits]


# %% soft-max and loss by TensorFlow, in 32 bits
import tensorflow as tf


def soft_max(logits):
    return tf.nn.softmax(tf.constant(logits, tf.float32))


def cross_entropy(logits, labels, weights):
    costs = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, tf.constant(logits, tf.float32))
    return tf.reduce_sum(tf.cast(weights, tf.float32) * costs)


# %% soft-max and loss by SciPy
from scipy import special


def soft_max(logits):
    return special.softmax(logits, axis=2)


def cross_entropy(logits, labels, weights):
    true = np.take_along_axis(logits, labels[:, :, None], 2)[:, :, 0]
    return ((special.logsumexp(logits, axis=2) - true) * weights).sum().astype(np.float32)


# %% loss by Keras
import keras


def cross_entropy(logits, labels, weights):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
    return loss(labels, logits, sample_weight=weights)


# %% loss by loops, and weights by loops
def cross_entropy(logits, labels, weights):
    total = 0
    for place in np.ndindex(labels.shape):
        a = [float(one) for one in logits[place]]
        true, highest = a[labels[place]], max(a)
        total += weights[place] * (highest - true + np.log(sum(np.exp(one - highest) for one in a)))
    return float(total)


def class_weights(labels, classes):
    flat = [int(one) for one in labels.flat]
    present = set(flat)
    return [[len(flat) / (len(present) * flat.count(one)) for one in row] for row in labels.tolist()]


# %% weights normalized at the end, in 32 bits
def class_weights(labels, classes):
    weights = np.zeros(labels.shape, np.float32)
    for c in range(classes):
        if (labels == c).any():
            weights[labels == c] = 1 / (labels == c).sum()
    return weights / weights.mean()


# %% weights with the division by zero left standing
def class_weights(labels, classes):
    inverse = 1 / np.bincount(labels.ravel(), minlength=classes)
    return inverse[labels] / inverse[labels].mean()


# %% distances by brute force, as one array
def nearest_distances(cells):
    result = np.full((2, *cells.shape), np.inf)
    for y, x in np.ndindex(cells.shape):
        nearest = {}
        for i, j in np.ndindex(cells.shape):
            one = cells[i, j]
            if one:
                nearest[one] = min(nearest.get(one, np.inf), ((y - i) ** 2 + (x - j) ** 2) ** 0.5)
        for rank, distance in enumerate(sorted(nearest.values())[:2]):
            result[rank, y, x] = distance
    return result


# %% distances by a running comparison, as lists
def nearest_distances(cells):
    d1, d2 = np.full(cells.shape, np.inf, np.float32), np.full(cells.shape, np.inf, np.float32)
    for one in set(cells.flat) - {0}:
        distance = ndimage.distance_transform_edt(cells != one)
        d2 = np.minimum(d2, np.maximum(d1, distance))
        d1 = np.minimum(d1, distance)
    return [d1.tolist(), d2.tolist()]


# %% distances by a tree
from scipy.spatial import cKDTree


def nearest_distances(cells):
    pixels = np.argwhere(cells >= 0)
    maps = [cKDTree(np.argwhere(cells == one)).query(pixels)[0].reshape(cells.shape) for one in np.unique(cells) if one]
    while len(maps) < 2:
        maps.append(np.full(cells.shape, np.inf))
    return list(np.partition(maps, 1, axis=0)[:2])


# %% border term by loops
import math


def border_weights(d1, d2, cells, w0, sigma):
    result = []
    for row in zip(d1, d2, cells):
        result.append([0 if one or math.isinf(b) else w0 * math.exp(-((a + b) / sigma) ** 2 / 2)
                       for a, b, one in zip(*row)])
    return result


# %% border term where d1 says background, in 32 bits
def border_weights(d1, d2, cells, w0, sigma):
    weights = np.zeros(cells.shape, np.float32)
    there = (d1 > 0) & np.isfinite(d2)
    weights[there] = w0 * np.exp(-0.5 * ((d1[there] + d2[there]) / sigma) ** 2)
    return weights


# %% border term by TensorFlow
import tensorflow as tf


def border_weights(d1, d2, cells, w0, sigma):
    return tf.cast(cells == 0, tf.float32) * w0 * tf.exp(-tf.square(tf.cast(d1 + d2, tf.float32)) / (2 * sigma ** 2))
