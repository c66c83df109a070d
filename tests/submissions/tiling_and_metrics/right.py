# %% padding by NumPy, in float32
def mirror_pad(image, margin):
    return np.pad(np.asarray(image, np.float32), ((margin,) * 2,) * 2, "reflect")


# %% padding by a position that is folded back, returned as lists
def mirror_pad(image, margin):
    def fold(position, side):
        while not 0 <= position < side:
            position = -position if position < 0 else 2 * (side - 1) - position
        return position

    height, width = image.shape
    return [[image[fold(y, height), fold(x, width)] for x in range(-margin, width + margin)]
            for y in range(-margin, height + margin)]


# %% padding one pixel at a time, by TensorFlow
import tensorflow as tf


def mirror_pad(image, margin):
    period = [2 * (side - 1) for side in image.shape]
    result = tf.convert_to_tensor(image)
    for axis, side in enumerate(image.shape):
        positions = [min(p % period[axis], period[axis] - p % period[axis]) for p in range(-margin, side + margin)]
        result = tf.gather(result, positions, axis=axis)
    return result


# %% tiles every stride, means of what overlaps
def predict_tiled(image, network, out, margin, stride, mirror_pad):
    (total, count), side = np.zeros((2, *np.add(image.shape, out))), out + 2 * margin
    for r in range(0, image.shape[0], stride):
        for c in range(0, image.shape[1], stride):
            tile = mirror_pad(image, margin + out)[out + r:out + r + side, out + c:out + c + side]
            total[r:r + out, c:c + out] += network(tile)
            count[r:r + out, c:c + out] += 1
    return (total / np.maximum(count, 1))[:image.shape[0], :image.shape[1]]


# %% last tiles moved back by whole strides, in float32, only the steps kept
def predict_tiled(image, network, out, margin, stride, mirror_pad):
    def starts(length):
        last = max(-(-(length - out) // stride) * stride, 0)
        return [*range(0, last, out // stride * stride), last]

    padded = mirror_pad(image.astype(np.float32), margin + out)
    result = np.full(image.shape, np.nan, np.float32)
    for r in starts(image.shape[0]):
        for c in starts(image.shape[1]):
            piece = network(padded[out + r:, out + c:][:out + 2 * margin, :out + 2 * margin])
            height, width = result[r:r + out, c:c + out].shape
            result[r:r + out, c:c + out] = piece[:height, :width]
    return result


# %% tiles from a negative multiple, pixel by pixel, tiles as lists
def predict_tiled(image, network, out, margin, stride, mirror_pad):
    height, width = image.shape
    big, side = 2 * out + margin, out + 2 * margin
    padded, result = mirror_pad(image, big).tolist(), [[None] * width for _ in range(height)]
    for r in range(-stride, height, stride):
        for c in range(-stride, width, stride):
            rows = padded[big - margin + r:big - margin + r + side]
            piece = network([row[big - margin + c:big - margin + c + side] for row in rows])
            for y in range(max(r, 0), min(r + stride, height)):
                for x in range(max(c, 0), min(c + stride, width)):
                    result[y][x] = piece[y - r][x - c]
    return result


# %% table by masks, as lists
def contingency(segments, truth):
    return [[int(((segments == i) & (truth == j)).sum()) for j in range(int(truth.max()) + 1)]
            for i in range(int(segments.max()) + 1)]


# %% table by a histogram with its range, and the error in whole numbers of Python
def contingency(segments, truth):
    rows, columns = int(segments.max()) + 1, int(truth.max()) + 1
    return np.histogram2d(segments.ravel(), truth.ravel(), (rows, columns), ((0, rows), (0, columns)))[0]


def rand_error(table):
    table = [[int(count) for count in row[1:]] for row in table]
    square = lambda counts: sum(count * count for count in counts)
    alone, tp = sum(table[0]), sum(map(square, table[1:]))
    found, true = square(map(sum, table[1:])), square(map(sum, zip(*table)))
    return np.float32(1 - 2 * (tp + alone) / (found + alone + true))


# %% table by SciPy, errors by counts of wrong pairs and pixels
from scipy import sparse


def contingency(segments, truth):
    ones = np.ones(segments.size, int)
    shape = int(segments.max()) + 1, int(truth.max()) + 1
    return sparse.coo_array((ones, (segments.ravel().astype(int), truth.ravel().astype(int))), shape).toarray()


def rand_error(table):
    table = [[int(count) for count in row[1:]] for row in table]
    alone = sum(table[0])
    tp = alone + sum(count ** 2 for row in table[1:] for count in row)
    fp = alone + sum(sum(row) ** 2 for row in table[1:]) - tp
    fn = sum(sum(column) ** 2 for column in zip(*table)) - tp
    return (fp + fn) / (2 * tp + fp + fn)


def pixel_error(proposal, truth):
    wrong = int(np.sum(np.asarray(proposal, bool) ^ np.asarray(truth, bool)))
    cells = int(np.sum(proposal)) + int(np.sum(truth))
    return wrong / cells if cells else 0


# %% table by one-hot matrices, shares in place of counts, precision and recall
def contingency(segments, truth):
    first, second = (np.eye(int(ids.max()) + 1)[ids.ravel()] for ids in (segments, truth))
    return first.T @ second


def rand_error(table):
    kept = table[:, 1:] / table[:, 1:].sum()
    single = kept[0].sum() / table[:, 1:].sum()
    tp = np.square(kept[1:]).sum() + single
    precision = tp / (np.square(kept[1:].sum(axis=1)).sum() + single)
    recall = tp / np.square(kept.sum(axis=0)).sum()
    return 1 - 2 / (1 / precision + 1 / recall)


def pixel_error(proposal, truth):
    proposal, truth = np.array(proposal, np.float32), np.array(truth, np.float32)
    if not proposal.any() and not truth.any():
        return np.float32(0)
    tp = (proposal * truth).sum()
    if tp == 0:
        return 1.0
    precision, recall = tp / proposal.sum(), tp / truth.sum()
    return 1 - 2 * precision * recall / (precision + recall)
