# %% soft-max overflows | q1 -2 | exp of a large number is infinite
def soft_max(logits):
    powers = np.exp(logits)
    return powers / powers.sum(axis=-1, keepdims=True)


# %% soft-max overflows, nan painted over | q1 -2 | exp of a large number is infinite
def soft_max(logits):
    return np.nan_to_num(np.exp(logits) / np.exp(logits).sum(axis=-1)[..., None])


# %% one maximum for the whole map | q1 -1 | the same number is taken off several pixels
def soft_max(logits):
    powers = np.exp(logits - np.max(logits))
    return powers / powers.sum(axis=-1, keepdims=True)


# %% soft-max over the rows | q1 -4 | must run over the classes
def soft_max(logits):
    powers = np.exp(logits - logits.max(axis=0))
    return powers / powers.sum(axis=0)


# %% soft-max over the whole map | q1 -4 | must run over the classes
def soft_max(logits):
    powers = np.exp(logits - logits.max())
    return powers / np.sum(powers)


# %% sigmoid | q1 -4 | sigmoid of each logit
from scipy.special import expit


def soft_max(logits):
    return expit(logits)


# %% logits clipped | q1 -2 | the logits are clipped
def soft_max(logits):
    powers = np.exp(np.clip(logits, -100, 100))
    return powers / powers.sum(axis=-1, keepdims=True)


# %% cross entropy overflows | q2 -2 | exp of a large number is infinite
def cross_entropy(logits, labels, weights):
    powers = np.exp(logits)
    p = powers / powers.sum(axis=-1, keepdims=True)
    rows, columns = np.indices(labels.shape)
    return -np.sum(weights * np.log(p[rows, columns, labels]))


# %% logarithm of a sum that overflows | q2 -2 | exp of a large number is infinite
def cross_entropy(logits, labels, weights):
    true = np.take_along_axis(logits, labels[..., None], -1)[..., 0]
    return np.sum(weights * (np.log(np.exp(logits).sum(-1)) - true))


# %% logarithm of zero | q2 -2 | rounded to 0 before its logarithm
def cross_entropy(logits, labels, weights):
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    p = powers / powers.sum(axis=-1, keepdims=True)
    return -np.sum(weights * np.log(np.take_along_axis(p, labels[..., None], -1)[..., 0]))


# %% zero times the logarithm of zero | q2 -2 | such as 0 times the logarithm of 0
def cross_entropy(logits, labels, weights):
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    p = powers / powers.sum(axis=-1, keepdims=True)
    one_hot = np.arange(logits.shape[-1]) == labels[..., None]
    return -np.sum(weights[..., None] * one_hot * np.log(p))


# %% probabilities clipped | q2 -2 | small probabilities are clipped
def cross_entropy(logits, labels, weights):
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    p = np.clip(powers / powers.sum(axis=-1, keepdims=True), 1e-7, 1 - 1e-7)
    return -np.sum(weights * np.log(np.take_along_axis(p, labels[..., None], -1)[..., 0]))


# %% something small added to the probabilities | q2 -2 | something is added to them
def cross_entropy(logits, labels, weights):
    total = 0
    for place in np.ndindex(labels.shape):
        powers = np.exp(logits[place] - logits[place].max())
        total -= weights[place] * np.log(powers[labels[place]] / powers.sum() + 1e-12)
    return total


# %% one maximum for the whole map, in the loss | q2 -1 | the same number is taken off several pixels
def cross_entropy(logits, labels, weights):
    logits = logits - logits.max()
    true = np.take_along_axis(logits, labels[..., None], -1)[..., 0]
    return np.sum(weights * (np.log(np.exp(logits).sum(-1)) - true))


# %% minus sign missing, as in print | q2 -5 | the minus sign is missing
from scipy.special import log_softmax


def cross_entropy(logits, labels, weights):
    return np.sum(weights * np.take_along_axis(log_softmax(logits, -1), labels[..., None], -1)[..., 0])


# %% mean instead of sum | q2 -5 | the mean over the pixels is taken
from scipy.special import log_softmax


def cross_entropy(logits, labels, weights):
    return -np.mean(weights * np.take_along_axis(log_softmax(logits, -1), labels[..., None], -1)[..., 0])


# %% minus sign missing and mean instead of sum | q2 -5 | not their sum; the minus sign is missing
from scipy.special import log_softmax


def cross_entropy(logits, labels, weights):
    return np.mean(weights * np.take_along_axis(log_softmax(logits, -1), labels[..., None], -1)[..., 0])


# %% weighted mean | q2 -5 | divided by the sum of the weights
from scipy.special import log_softmax


def cross_entropy(logits, labels, weights):
    return -np.average(np.take_along_axis(log_softmax(logits, -1), labels[..., None], -1)[..., 0], weights=weights)


# %% weights ignored | q2 -5 | the weights are ignored
from scipy.special import log_softmax


def cross_entropy(logits, labels, weights):
    return -np.sum(np.take_along_axis(log_softmax(logits, -1), labels[..., None], -1))


# %% logarithm to base 10 | q2 -5 | base of the log is not e
def cross_entropy(logits, labels, weights):
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    p = powers / powers.sum(axis=-1, keepdims=True)
    return -np.sum(weights * np.log10(np.take_along_axis(p, labels[..., None], -1)[..., 0]))


# %% probability of being wrong | q2 -5 | 1 - p, is taken
from scipy.special import softmax


def cross_entropy(logits, labels, weights):
    p = np.take_along_axis(softmax(logits, -1), labels[..., None], -1)[..., 0]
    return -np.sum(weights * np.log(1 - p))


# %% always class 0 | q2 -5 | one class is taken for the true class
from scipy.special import log_softmax


def cross_entropy(logits, labels, weights):
    return -np.sum(weights * log_softmax(logits, -1)[..., 0])


# %% soft-max over the rows, in the loss | q2 -5 | must run over the classes
from scipy.special import log_softmax


def cross_entropy(logits, labels, weights):
    return -np.sum(weights * np.take_along_axis(log_softmax(logits, 0), labels[..., None], -1)[..., 0])


# %% a map of costs | q2 -5 | are not added up
from scipy.special import log_softmax


def cross_entropy(logits, labels, weights):
    return -weights * np.take_along_axis(log_softmax(logits, -1), labels[..., None], -1)[..., 0]


# %% Keras' mean, with its usual reduction | q2 -5 | the mean over the pixels is taken
import keras


def cross_entropy(logits, labels, weights):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return loss(labels, logits, sample_weight=weights)


# %% Keras' crossentropy from probabilities | q2 -2 | small probabilities are clipped
import keras
from scipy.special import softmax


def cross_entropy(logits, labels, weights):
    loss = keras.losses.SparseCategoricalCrossentropy(reduction="sum")
    return loss(labels, softmax(logits, -1), sample_weight=weights)


# %% the package's loss, wrapped | q2 -5 | write it yourself
from unet_tutorial import losses


def cross_entropy(logits, labels, weights):
    return losses.weighted_cross_entropy(labels[None], logits[None], weights[None], reduction="sum")


# %% the package's soft-max | q1 -4 | write it yourself
from unet_tutorial.losses import soft_max


# %% frequencies | q3 -3 | a frequent class weighs more
def class_weights(labels, classes):
    return (np.bincount(labels.ravel(), minlength=classes) / labels.size)[labels]


# %% inverse frequencies, not normalized | q3 -3 | the mean of all weights is not 1
def class_weights(labels, classes):
    weights = np.zeros(labels.shape)
    for c in np.unique(labels):
        weights[labels == c] = labels.size / np.sum(labels == c)
    return weights


# %% normalized over the classes, not over the pixels | q3 -3 | the mean of all weights is not 1
def class_weights(labels, classes):
    counts = np.bincount(labels.ravel(), minlength=classes)
    inverse = np.where(counts > 0, 1 / np.maximum(counts, 1), 0)
    return (inverse / inverse.sum())[labels]


# %% the rule of two classes for any number | q3 -3 | the mean of all weights is not 1
def class_weights(labels, classes):
    return (labels.size / (2 * np.maximum(np.bincount(labels.ravel(), minlength=classes), 1)))[labels]


# %% one minus the share | q3 -3 | 1 minus the share
def class_weights(labels, classes):
    return (1 - np.bincount(labels.ravel(), minlength=classes) / labels.size)[labels]


# %% absent classes counted | q3 -1 | classes without a pixel are counted too
def class_weights(labels, classes):
    counts = np.bincount(labels.ravel(), minlength=classes)
    return (labels.size / (classes * np.maximum(counts, 1)))[labels]


# %% an absent class gives nan | q3 -1 | all weights are nan
def class_weights(labels, classes):
    one_hot = (labels[..., None] == np.arange(classes)).astype(float)
    counts = one_hot.sum((0, 1))
    weights = (one_hot / counts).sum(-1)
    return weights / weights.mean()


# %% an absent class gives zeros | q3 -1 | all weights are 0
def class_weights(labels, classes):
    inverse = 1 / np.array([np.sum(labels == c) for c in range(classes)], float)
    inverse /= np.sum(inverse * [np.sum(labels == c) if np.isfinite(inverse[c]) else 1 for c in range(classes)])
    weights = np.zeros(labels.shape)
    for c in range(classes):
        weights[labels == c] = inverse[c] * labels.size
    return weights


# %% an absent class divides by zero | q3 -1 | raised ZeroDivisionError
def class_weights(labels, classes):
    shares = [labels.size / (classes * int((labels == c).sum())) for c in range(classes)]
    return np.take(shares, labels)


# %% decimals cut off | q3 -3 | the decimals are cut off
def class_weights(labels, classes):
    weights, present = np.zeros_like(labels), np.unique(labels)
    for c in present:
        weights[labels == c] = labels.size / (len(present) * np.sum(labels == c))
    return weights


# %% weights of the classes, not of the pixels | q3 -3 | one weight a class
def class_weights(labels, classes):
    counts = np.bincount(labels.ravel(), minlength=classes)
    return labels.size / (np.count_nonzero(counts) * counts)


# %% answers of the example written down | q3 -3 | expected shape
def class_weights(labels, classes):
    return np.array([[2 / 3, 2 / 3, 2 / 3, 2]])


# %% distances to the centres | q4 -5 | the centre of a cell
def nearest_distances(cells):
    rows, columns = np.indices(cells.shape)
    maps = [np.full(cells.shape, np.inf)] * 2
    for one in np.unique(cells[cells > 0]):
        y, x = np.mean(np.nonzero(cells == one), axis=1)
        maps = maps + [np.sqrt((rows - y) ** 2 + (columns - x) ** 2)]
    return tuple(np.sort(maps, axis=0)[:2])


# %% chessboard distance | q4 -5 | not Euclidean
def nearest_distances(cells):
    maps = [ndimage.distance_transform_cdt(cells != one, "chessboard") for one in np.unique(cells[cells > 0])]
    return tuple(np.sort(maps + [np.full(cells.shape, np.inf)] * 2, axis=0)[:2])


# %% taxicab distance | q4 -5 | not Euclidean
def nearest_distances(cells):
    rows, columns = np.indices(cells.shape)
    maps = [np.full(cells.shape, np.inf)] * 2
    for one in np.unique(cells[cells > 0]):
        places = np.argwhere(cells == one)
        maps = maps + [np.min([abs(rows - y) + abs(columns - x) for y, x in places], axis=0)]
    return tuple(np.sort(maps, axis=0)[:2])


# %% the first id taken for background | q4 -1 | the smallest id is left out
def nearest_distances(cells):
    maps = [ndimage.distance_transform_edt(cells != one) for one in np.unique(cells)[1:]]
    maps += [np.full(cells.shape, np.inf)] * 2
    return tuple(np.sort(maps, axis=0)[:2])


# %% ids squeezed into eight bits | q4 -1 | expected
def nearest_distances(cells):
    cells = cells.astype(np.uint8)
    maps = [ndimage.distance_transform_edt(cells != one) for one in np.unique(cells[cells > 0])]
    maps += [np.full(cells.shape, np.inf)] * 2
    return tuple(np.sort(maps, axis=0)[:2])


# %% cells in the order of their ids | q4 -3 | the cells of the first ids
def nearest_distances(cells):
    maps = [ndimage.distance_transform_edt(cells != one) for one in np.unique(cells[cells > 0])]
    maps += [np.full(cells.shape, np.inf)] * 2
    return maps[0], maps[1]


# %% second nearest pixel | q4 -5 | the second nearest pixel
def nearest_distances(cells):
    d1, d2 = np.full((2, *cells.shape), np.inf)
    places = np.argwhere(cells > 0)
    for place in np.ndindex(cells.shape if len(places) else (0,)):
        nearest = np.sort(np.hypot(*(places - place).T))
        d1[place], d2[place] = nearest[:2]
    return d1, d2


# %% one transform of all cells together | q4 -5 | d2
def nearest_distances(cells):
    if not cells.any():
        return np.full((2, *cells.shape), np.inf)
    d1 = ndimage.distance_transform_edt(cells == 0)
    return d1, d1


# %% background among the cells | q4 -5 | background, 0, is taken for a cell
def nearest_distances(cells):
    maps = [ndimage.distance_transform_edt(cells != one) for one in np.unique(cells)]
    return tuple(np.sort(maps + [np.full(cells.shape, np.inf)], axis=0)[:2])


# %% transform inside out | q4 -5 | the way out of each cell
def nearest_distances(cells):
    maps = [ndimage.distance_transform_edt(cells == one) for one in np.unique(cells[cells > 0])]
    return tuple(np.sort(maps + [np.full(cells.shape, np.inf)] * 2, axis=0)[:2])


# %% connected regions for cells | q4 -1 | connected regions are taken for cells
def nearest_distances(cells):
    regions, count = ndimage.label(cells > 0)
    maps = [ndimage.distance_transform_edt(regions != one) for one in range(1, count + 1)]
    return tuple(np.sort(maps + [np.full(cells.shape, np.inf)] * 2, axis=0)[:2])


# %% each piece for a cell | q4 -1 | connected regions are taken for cells
def nearest_distances(cells):
    maps = [np.full(cells.shape, np.inf)] * 2
    for one in np.unique(cells[cells > 0]):
        pieces, count = ndimage.label(cells == one, np.ones((3, 3)))
        maps = maps + [ndimage.distance_transform_edt(pieces != piece) for piece in range(1, count + 1)]
    return tuple(np.sort(maps, axis=0)[:2])


# %% ids without gaps | q4 -1 | ids may have gaps
def nearest_distances(cells):
    maps = [ndimage.distance_transform_edt(cells != one) for one in range(1, min(cells.max(), 999) + 1)]
    return tuple(np.sort(maps + [np.full(cells.shape, np.inf)] * 2, axis=0)[:2])


# %% outlines of the cells | q4 -5 | the distance to its outline
def nearest_distances(cells):
    maps = [np.full(cells.shape, np.inf)] * 2
    for one in np.unique(cells[cells > 0]):
        outline = (cells == one) & ~ndimage.binary_erosion(cells == one)
        maps = maps + [ndimage.distance_transform_edt(~outline)]
    return tuple(np.sort(maps, axis=0)[:2])


# %% one cell gives no second distance | q4 -2 | raised
def nearest_distances(cells):
    maps = [ndimage.distance_transform_edt(cells != one) for one in np.unique(cells[cells > 0])]
    d1, d2 = np.sort(maps, axis=0)[:2]
    return d1, d2


# %% no second cell, the first one again | q4 -2 | d2 is finite
def nearest_distances(cells):
    maps = [ndimage.distance_transform_edt(cells != one) for one in np.unique(cells[cells > 0])]
    maps = np.sort(maps or [np.full(cells.shape, np.inf)], axis=0)
    return maps[0], maps[min(1, len(maps) - 1)]


# %% no cell, distances all the same | q4 -1 | where there is no cell at all
def nearest_distances(cells):
    maps = [ndimage.distance_transform_edt(cells != one) for one in np.unique(cells[cells > 0])]
    d1 = ndimage.distance_transform_edt(cells == 0)
    return d1, np.sort(maps + [np.full(cells.shape, np.inf)] * 2, axis=0)[1]


# %% sigma not squared | q5 -2 | sigma is not squared
def border_weights(d1, d2, cells, w0, sigma):
    return (cells == 0) * w0 * np.exp(-(d1 + d2) ** 2 / (2 * sigma))


# %% factor 2 forgotten | q5 -2 | the factor 2 below the line is missing
def border_weights(d1, d2, cells, w0, sigma):
    return np.where(cells == 0, w0 * np.exp(-((d1 + d2) / sigma) ** 2), 0)


# %% multiplied by sigma squared | q5 -2 | sigma multiplies where it should divide
def border_weights(d1, d2, cells, w0, sigma):
    return np.where(cells == 0, w0 * np.exp(-(d1 + d2) ** 2 / 2 * sigma ** 2), 0)


# %% squares added | q5 -2 | squared before they are added
def border_weights(d1, d2, cells, w0, sigma):
    return np.where(cells == 0, w0 * np.exp(-(d1 ** 2 + d2 ** 2) / (2 * sigma ** 2)), 0)


# %% weight also on cells | q5 -2 | cells get a weight too
def border_weights(d1, d2, cells, w0, sigma):
    return w0 * np.exp(-(d1 + d2) ** 2 / (2 * sigma ** 2))


# %% weight also on cells, and sigma not squared | q5 -2 | sigma is not squared; cells get a weight too
def border_weights(d1, d2, cells, w0, sigma):
    return w0 * np.exp(-(d1 + d2) ** 2 / (2 * sigma))


# %% w0 forgotten | q5 -2 | the factor w0 is missing
def border_weights(d1, d2, cells, w0, sigma):
    return np.where(cells == 0, np.exp(-(d1 + d2) ** 2 / (2 * sigma ** 2)), 0)


# %% the paper's numbers written in | q5 -2 | sigma is 5 whatever is asked for
def border_weights(d1, d2, cells, w0, sigma):
    return np.where(cells == 0, 10 * np.exp(-(d1 + d2) ** 2 / 50), 0)


# %% nan where d2 is infinite | q5 -1 | such as 0 times infinity
def border_weights(d1, d2, cells, w0, sigma):
    term = np.exp(-((cells == 0) * (d1 + d2)) ** 2 / (2 * sigma ** 2))
    return w0 * (cells == 0) * term


# %% an infinite distance counts as none | q5 -1 | where d2 is infinite
def border_weights(d1, d2, cells, w0, sigma):
    d2 = np.where(np.isfinite(d2), d2, 0)
    return np.where(cells == 0, w0 * np.exp(-(d1 + d2) ** 2 / (2 * sigma ** 2)), 0)


# %% the package's own map | q5 -3 | write it yourself
def border_weights(d1, d2, cells, w0, sigma):
    from unet_tutorial import losses as package

    return package.border_weight_map(cells, w0, sigma)


# %% ids in 32-bit floats | q4 -1 | came inf
def nearest_distances(cells):
    cells = cells.astype(np.float32)
    distances = [ndimage.distance_transform_edt(cells != one) for one in np.unique(cells[cells > 0])]
    distances += [np.full(cells.shape, np.inf)] * 2
    return tuple(np.sort(distances, axis=0)[:2])


# %% background by small ids | q5 -1 | expected 0, came
def border_weights(d1, d2, cells, w0, sigma):
    return np.where(cells.astype(np.uint8) == 0, w0 * np.exp(-(d1 + d2) ** 2 / (2 * sigma ** 2)), 0)


# %% places in uint8 | q2 -2 | expected
def cross_entropy(logits, labels, weights):
    shifted = logits - logits.max(axis=-1, keepdims=True)
    logs = (shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))).reshape(-1)
    places = (np.arange(labels.size) * logits.shape[-1] + labels.ravel()).astype(np.uint8)
    return -(weights.ravel() * logs[places]).sum()


# %% something added below the line | q1 -4 | expected
def soft_max(logits):
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / (powers.sum(axis=-1, keepdims=True) + 1e-3)


# %% probabilities in 16 bits | q1 -4 | expected
def soft_max(logits):
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float16)


# %% counts remembered by the shape | q3 -2 | expected
counts_of = {}


def class_weights(labels, classes):
    if labels.shape not in counts_of:
        counts_of[labels.shape] = np.bincount(labels.ravel(), minlength=classes)
    counts = counts_of[labels.shape]
    return (labels.size / (np.count_nonzero(counts) * np.maximum(counts, 1)))[labels]


# %% sum in 16 bits | q2 -5 | expected
def cross_entropy(logits, labels, weights):
    shifted = logits - logits.max(axis=-1, keepdims=True)
    true = np.take_along_axis(shifted, labels[..., None], axis=-1)[..., 0]
    return (weights * (np.log(np.exp(shifted).sum(axis=-1)) - true)).astype(np.float16).sum()


# %% distances rounded | q4 -5 | not Euclidean, or it is rounded
def nearest_distances(cells):
    ids = np.unique(cells[cells > 0])
    distances = [np.rint(ndimage.distance_transform_edt(cells != one)) for one in ids]
    distances += [np.full(cells.shape, np.inf)] * 2
    return tuple(np.sort(distances, axis=0)[:2])


# %% rounded to three digits | q5 -2 | expected
def border_weights(d1, d2, cells, w0, sigma):
    return np.where(cells == 0, np.round(w0 * np.exp(-(d1 + d2) ** 2 / (2 * sigma ** 2)), 3), 0)


# %% float16 powers | q1 -4 | expected
def soft_max(logits):
    z = (logits - logits.max(-1, keepdims=True)).astype(np.float16)
    e = np.exp(z)
    return (e / e.sum(-1, keepdims=True)).astype(float)


# %% two classes sigmoid | q1 -4 | expected
def soft_max(logits):
    from scipy.special import expit
    p = expit(logits[..., 1] - logits[..., 0])
    return np.stack([1 - p, p] + [np.zeros_like(p)] * (logits.shape[-1] - 2), -1)


# %% weights inside the log | q2 -5 | expected
def cross_entropy(logits, labels, weights):
    z = logits - logits.max(-1, keepdims=True)
    lp = z - np.log(np.exp(z).sum(-1, keepdims=True))
    p = np.take_along_axis(lp, labels[..., None], -1)[..., 0]
    return float(-(p + np.log(weights)).sum())


# %% array of one | q2 -5 | expected
def cross_entropy(logits, labels, weights):
    z = logits - logits.max(-1, keepdims=True)
    lp = z - np.log(np.exp(z).sum(-1, keepdims=True))
    return -(weights[..., None] * np.take_along_axis(lp, labels[..., None], -1)).sum(axis=(0, 1))


# %% class 0 counted where it is absent | q3 -1 | expected
def class_weights(labels, classes):
    w = np.zeros(labels.shape)
    present = [k for k in range(1, classes) if (labels == k).any()]
    for k in [0] + present:
        n = (labels == k).sum()
        if n:
            w[labels == k] = labels.size / n / (len(present) + 1)
    return w


# %% all ids but the smallest | q4 -1 | the smallest id is left
def nearest_distances(cells):
    d = [ndimage.distance_transform_edt(cells != k) for k in np.unique(cells)[1:]]
    while len(d) < 2:
        d.append(np.full(cells.shape, np.inf))
    d = np.sort(d, axis=0)
    return d[0], d[1]


# %% largest float for infinity | q4 -2 | expected
def nearest_distances(cells):
    d = [np.full(cells.shape, 1e9)] * 2 + [ndimage.distance_transform_edt(cells != k) for k in np.unique(cells) if k]
    d = np.partition(np.stack(d), 1, axis=0)
    return d[0], d[1]


# %% infinite distances set to 0 | q5 -1 | expected
def border_weights(d1, d2, cells, w0, sigma):
    s = np.where(np.isinf(d2), 0.0, d1 + d2)
    return np.where(cells > 0, 0.0, w0 * np.exp(-s ** 2 / (2 * sigma ** 2)))


# %% largest of the map subtracted | q1 -1 | the same number is taken off several
def soft_max(logits):
    e = np.exp(logits - logits.max())
    return e / e.sum(axis=-1, keepdims=True)


# %% clipped logits | q1 -2 | the logits are
def soft_max(logits):
    e = np.exp(np.clip(logits, -700, 700))
    return e / e.sum(axis=-1, keepdims=True)


# %% sum over rows | q1 -4 | expected
def soft_max(logits):
    z = logits - logits.max(axis=-1, keepdims=True)
    e = np.exp(z)
    return e / e.sum(axis=0)


# %% in place | q1 -4 | changes its input
def soft_max(logits):
    logits -= logits.max(axis=-1, keepdims=True)
    e = np.exp(logits)
    return e / e.sum(axis=-1, keepdims=True)


# %% probability clipped | q2 -2 | small probabilities are
def cross_entropy(logits, labels, weights):
    z = logits - logits.max(axis=-1, keepdims=True)
    p = np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)
    rows, cols = np.indices(labels.shape)
    return float(-(weights * np.log(p[rows, cols, labels] + 1e-7)).sum())


# %% divided by the weights | q2 -5 | the sum is divided by the sum of the weights
def cross_entropy(logits, labels, weights):
    z = logits - logits.max(axis=-1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
    picked = np.take_along_axis(log_p, labels[..., None].astype(int), axis=-1)[..., 0]
    return -(weights * picked).sum() / weights.sum()


# %% base two | q2 -5 | expected
def cross_entropy(logits, labels, weights):
    z = logits - logits.max(axis=-1, keepdims=True)
    log_p = z - np.log2(np.exp(z).sum(axis=-1, keepdims=True))
    picked = np.take_along_axis(log_p, labels[..., None].astype(int), axis=-1)[..., 0]
    return -(weights * picked).sum()


# %% rest classes counted | q2 -5 | other classes cost as
def cross_entropy(logits, labels, weights):
    K = logits.shape[-1]
    z = logits - logits.max(axis=-1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
    one_hot = (labels[..., None] == np.arange(K)).astype(float)
    p = np.exp(log_p)
    other = np.log(np.maximum(1 - p, 1e-300))
    return -(weights[..., None] * (one_hot * log_p + (1 - one_hot) * other)).sum()


# %% two classes assumed | q2 -5 | expected
def cross_entropy(logits, labels, weights):
    d = logits[..., 1] - logits[..., 0]
    s = np.where(labels == 1, -d, d)
    return float((weights * np.logaddexp(0, s)).sum())


# %% absent class counts | q3 -1 | classes without a pixel are counted
def class_weights(labels, classes):
    counts = np.bincount(labels.ravel(), minlength=classes)
    w = labels.size / (classes * np.maximum(counts, 1))
    return w[labels]


# %% last class of the map | q3 -1 | expected
def class_weights(labels, classes):
    classes = labels.max() + 1
    counts = np.array([(labels == k).sum() for k in range(classes)])
    w = labels.size / (np.where(counts > 0, counts, 1) * classes)
    return w[labels]


# %% unnormalized | q3 -3 | every class has the same
def class_weights(labels, classes):
    out = np.zeros(labels.shape)
    for k in np.unique(labels):
        out[labels == k] = 1 / (labels == k).mean()
    return out


# %% divided by the sum | q3 -3 | every class has the same
def class_weights(labels, classes):
    counts = np.bincount(labels.ravel(), minlength=classes).astype(float)
    w = np.divide(1, counts, out=np.zeros(classes), where=counts > 0)
    w = w / w.sum() * (counts > 0).sum()
    return w[labels]


# %% second is zero inside | q4 -5 | on a
def nearest_distances(cells):
    ids = np.unique(cells)
    ids = ids[ids != 0]
    d = np.stack([ndimage.distance_transform_edt(cells != k) for k in ids] + [np.full(cells.shape, np.inf)] * 2)
    d = np.sort(d, axis=0)
    d2 = d[1].copy()
    d2[cells > 0] = 0
    return d[0], d2


# %% cells not zeroed | q5 -2 | cells get a weight
def border_weights(d1, d2, cells, w0, sigma):
    return w0 * np.exp(-(d1 + d2) ** 2 / (2 * sigma ** 2)) * (d1 > 0) + 0.0 * cells + (cells > 0) * w0 * np.exp(-d2 ** 2 / (2 * sigma ** 2))


# %% cost rounded | q2 -5 | expected
def cross_entropy(logits, labels, weights):
    z = logits - logits.max(-1, keepdims=True)
    lp = z - np.log(np.exp(z).sum(-1, keepdims=True))
    return round(float(-(weights * np.take_along_axis(lp, labels[..., None], -1)[..., 0]).sum()), 3)


# %% the smallest id taken for background | q5 -2 | expected
def border_weights(d1, d2, cells, w0, sigma):
    w = w0 * np.exp(-(d1 + d2) ** 2 / (2 * sigma ** 2))
    w[cells != cells.min()] = 0
    return w
