# %% edge pixel repeated | q1 -4 | the edge pixel is repeated
def mirror_pad(image, margin):
    return np.pad(image, margin, mode="symmetric")


# %% zeros around the image | q1 -4 | surrounded by zeros
def mirror_pad(image, margin):
    result = np.zeros((image.shape[0] + 2 * margin, image.shape[1] + 2 * margin))
    result[margin:margin + image.shape[0], margin:margin + image.shape[1]] = image
    return result


# %% edge value repeated | q1 -4 | the value at the edge is repeated outwards
def mirror_pad(image, margin):
    rows, columns = (np.clip(np.arange(-margin, side + margin), 0, side - 1) for side in image.shape)
    return image[rows][:, columns]


# %% wrap-around | q1 -4 | wrap-around
def mirror_pad(image, margin):
    rows, columns = (np.arange(-margin, side + margin) % side for side in image.shape)
    return image[rows][:, columns]


# %% one axis | q1 -4 | only one axis is padded
def mirror_pad(image, margin):
    return np.pad(image, ((margin, margin), (0, 0)), mode="reflect")


# %% margin in all | q1 -4 | are added in all, not on each side
def mirror_pad(image, margin):
    return np.pad(image, (margin // 2, margin - margin // 2), mode="reflect")


# %% bottom and right only | q1 -4 | only one end of each axis
def mirror_pad(image, margin):
    return np.pad(image, ((0, margin), (0, margin)), mode="reflect")


# %% one mirror image only | q1 -2 | stops after one mirror image
def mirror_pad(image, margin):
    for axis in (0, 1):
        image = np.moveaxis(image, axis, 0)
        first = max(len(image) - 1 - margin, 0)
        image = np.concatenate([image[1:margin + 1][::-1], image, image[first:-1][::-1]])
        image = np.moveaxis(image, 0, axis)
    return image


# %% folded once | q1 -2 | folded back once at each edge
def mirror_pad(image, margin):
    def fold(position, side):
        position = abs(position)
        return position if position < side else 2 * (side - 1) - position

    height, width = image.shape
    return np.array([[image[fold(y, height), fold(x, width)] for x in range(-margin, width + margin)]
                     for y in range(-margin, height + margin)])


# %% margin 0 fails | q1 -1 | raised ValueError
def mirror_pad(image, margin):
    result = np.zeros((image.shape[0] + 2 * margin, image.shape[1] + 2 * margin))
    result[margin:-margin, margin:-margin] = image
    return np.pad(result[margin:-margin, margin:-margin], margin, mode="reflect")


# %% the package's padding, wrapped | q1 -4 | write it yourself
def mirror_pad(image, margin):
    from unet_tutorial import tiling

    return tiling.mirror_pad(image, margin)


# %% edge to edge | q2 -6 | they are out of phase
def predict_tiled(image, network, out, margin, stride, mirror_pad):
    padded = mirror_pad(image, margin + out)[out:, out:]
    result = np.zeros(np.add(image.shape, out))
    for r in range(0, image.shape[0], out):
        for c in range(0, image.shape[1], out):
            result[r:r + out, c:c + out] = network(padded[r:r + out + 2 * margin, c:c + out + 2 * margin])
    return result[:image.shape[0], :image.shape[1]]


# %% remainder left at zero | q2 -4 | the last tiles are missing
def predict_tiled(image, network, out, margin, stride, mirror_pad):
    padded, step, result = mirror_pad(image, margin), out // stride * stride, np.zeros_like(image)
    for r in range(0, image.shape[0] - out + 1, step):
        for c in range(0, image.shape[1] - out + 1, step):
            result[r:r + out, c:c + out] = network(padded[r:r + out + 2 * margin, c:c + out + 2 * margin])
    return result


# %% last tile left out by one | q2 -6 | the last tiles are missing
def predict_tiled(image, network, out, margin, stride, mirror_pad):
    padded, step, result = mirror_pad(image, margin), out // stride * stride, np.zeros_like(image)
    for r in range(0, image.shape[0] - out, step):
        for c in range(0, image.shape[1] - out, step):
            result[r:r + out, c:c + out] = network(padded[r:r + out + 2 * margin, c:c + out + 2 * margin])
    return result


# %% edge to edge, and remainder left at zero | q2 -6 | Besides, the tiles lie `out` pixels apart
def predict_tiled(image, network, out, margin, stride, mirror_pad):
    padded, result = mirror_pad(image, margin), np.zeros_like(image)
    for i in range(image.shape[0] // out):
        for j in range(image.shape[1] // out):
            r, c = i * out, j * out
            result[r:r + out, c:c + out] = network(padded[r:r + out + 2 * margin, c:c + out + 2 * margin])
    return result


# %% pasted one pixel late | q2 -6 | one pixel too low
def predict_tiled(image, network, out, margin, stride, mirror_pad):
    padded, step = mirror_pad(image, margin + out)[out:, out:], out // stride * stride
    result = np.zeros(np.add(image.shape, out + 1))
    for r in range(0, image.shape[0], step):
        for c in range(0, image.shape[1], step):
            tile = padded[r:r + out + 2 * margin, c:c + out + 2 * margin]
            result[r + 1:r + out + 1, c + 1:c + out + 1] = network(tile)
    return result[:image.shape[0], :image.shape[1]]


# %% result transposed | q2 -6 | rows and columns are swapped in the result
def predict_tiled(image, network, out, margin, stride, mirror_pad):
    padded, step = mirror_pad(image, margin + out)[out:, out:], out // stride * stride
    result = np.zeros((image.shape[1] + out, image.shape[0] + out))
    for r in range(0, image.shape[0], step):
        for c in range(0, image.shape[1], step):
            tile = padded[r:r + out + 2 * margin, c:c + out + 2 * margin]
            result[c:c + out, r:r + out] = network(tile).T
    return result[:image.shape[1], :image.shape[0]]


# %% tile cut out with rows and columns swapped | q2 -6 | swapped where a tile is cut out
def predict_tiled(image, network, out, margin, stride, mirror_pad):
    big = margin + out + max(image.shape)
    padded, step = mirror_pad(image, big)[big - margin:, big - margin:], out // stride * stride
    result = np.zeros(np.add(image.shape, out))
    for r in range(0, image.shape[0], step):
        for c in range(0, image.shape[1], step):
            result[r:r + out, c:c + out] = network(padded[c:c + out + 2 * margin, r:r + out + 2 * margin])
    return result[:image.shape[0], :image.shape[1]]


# %% zeros outside | q2 -6 | the image is surrounded by zeros
def predict_tiled(image, network, out, margin, stride, mirror_pad):
    padded, step = np.pad(image, (margin, margin + out)), out // stride * stride
    result = np.zeros(np.add(image.shape, out))
    for r in range(0, image.shape[0], step):
        for c in range(0, image.shape[1], step):
            result[r:r + out, c:c + out] = network(padded[r:r + out + 2 * margin, c:c + out + 2 * margin])
    return result[:image.shape[0], :image.shape[1]]


# %% zeros beyond the margin | q2 -4 | beyond the margin, tiles are filled with zeros
def predict_tiled(image, network, out, margin, stride, mirror_pad):
    padded, step = np.pad(mirror_pad(image, margin), ((0, out), (0, out))), out // stride * stride
    result = np.zeros(np.add(image.shape, out))
    for r in range(0, image.shape[0], step):
        for c in range(0, image.shape[1], step):
            result[r:r + out, c:c + out] = network(padded[r:r + out + 2 * margin, c:c + out + 2 * margin])
    return result[:image.shape[0], :image.shape[1]]


# %% mirrored twice | q2 -4 | the padded image is mirrored once more
def predict_tiled(image, network, out, margin, stride, mirror_pad):
    padded, step = mirror_pad(mirror_pad(image, margin), out)[out:, out:], out // stride * stride
    result = np.zeros(np.add(image.shape, out))
    for r in range(0, image.shape[0], step):
        for c in range(0, image.shape[1], step):
            result[r:r + out, c:c + out] = network(padded[r:r + out + 2 * margin, c:c + out + 2 * margin])
    return result[:image.shape[0], :image.shape[1]]


# %% images that fit only | q2 -4 | this network takes a tile of shape
def predict_tiled(image, network, out, margin, stride, mirror_pad):
    padded, step, result = mirror_pad(image, margin), out // stride * stride, np.zeros_like(image)
    for r in range(0, max(image.shape[0] - out, 0) + step, step):
        for c in range(0, max(image.shape[1] - out, 0) + step, step):
            result[r:r + out, c:c + out] = network(padded[r:r + out + 2 * margin, c:c + out + 2 * margin])
    return result


# %% last tile moved to the edge | q2 -4 | it must move by whole strides
def predict_tiled(image, network, out, margin, stride, mirror_pad):
    padded, step = mirror_pad(image, margin + out)[out:, out:], out // stride * stride
    result = np.zeros(np.maximum(image.shape, out))
    for r in [*range(0, image.shape[0] - out, step), max(image.shape[0] - out, 0)]:
        for c in [*range(0, image.shape[1] - out, step), max(image.shape[1] - out, 0)]:
            result[r:r + out, c:c + out] = network(padded[r:r + out + 2 * margin, c:c + out + 2 * margin])
    return result[:image.shape[0], :image.shape[1]]


# %% the whole image at once | q2 -6 | this network takes a tile of shape
def predict_tiled(image, network, out, margin, stride, mirror_pad):
    return network(mirror_pad(image, margin))


# %% overhang kept | q2 -4 | is not cut off
def predict_tiled(image, network, out, margin, stride, mirror_pad):
    step, side = out // stride * stride, out + 2 * margin
    counts = [max(-(-(length - out) // step), 0) + 1 for length in image.shape]
    padded = mirror_pad(image, margin + out)[out:, out:]
    result = np.zeros([(count - 1) * step + out for count in counts])
    for r in range(0, counts[0] * step, step):
        for c in range(0, counts[1] * step, step):
            result[r:r + out, c:c + out] = network(padded[r:r + side, c:c + side])
    return result


# %% overlaps added up | q2 -6 | their outputs are added up
def predict_tiled(image, network, out, margin, stride, mirror_pad):
    padded, step = mirror_pad(image, margin + out)[out:, out:], out // stride * stride
    result = np.zeros(np.add(image.shape, out))
    for r in range(0, image.shape[0], step):
        for c in range(0, image.shape[1], step):
            result[r:r + out, c:c + out] += network(padded[r:r + out + 2 * margin, c:c + out + 2 * margin])
    return result[:image.shape[0], :image.shape[1]]


# %% a large margin, and the first tile at its corner | q2 -6 | the first tile begins too early
def predict_tiled(image, network, out, margin, stride, mirror_pad):
    padded, step = mirror_pad(image, margin + out), out // stride * stride
    result = np.zeros(np.add(image.shape, out))
    for r in range(0, image.shape[0], step):
        for c in range(0, image.shape[1], step):
            result[r:r + out, c:c + out] = network(padded[r:r + out + 2 * margin, c:c + out + 2 * margin])
    return result[:image.shape[0], :image.shape[1]]


# %% each tile mirrored by itself | q2 -6 | mirrored at its own edges
def predict_tiled(image, network, out, margin, stride, mirror_pad):
    continued, step = mirror_pad(image, out)[out:, out:], out // stride * stride
    result = np.zeros(np.add(image.shape, out))
    for r in range(0, image.shape[0], step):
        for c in range(0, image.shape[1], step):
            result[r:r + out, c:c + out] = network(mirror_pad(continued[r:r + out, c:c + out], margin))
    return result[:image.shape[0], :image.shape[1]]


# %% distance rounded up | q2 -6 | gaps between them
def predict_tiled(image, network, out, margin, stride, mirror_pad):
    padded, step = mirror_pad(image, margin + 2 * out)[2 * out:, 2 * out:], -(-out // stride) * stride
    result = np.zeros(np.add(image.shape, out))
    for r in range(0, image.shape[0], step):
        for c in range(0, image.shape[1], step):
            result[r:r + out, c:c + out] = network(padded[r:r + out + 2 * margin, c:c + out + 2 * margin])
    return result[:image.shape[0], :image.shape[1]]


# %% transposed table | q3 -3 | the table is transposed
def contingency(segments, truth):
    table = np.zeros((int(truth.max()) + 1, int(segments.max()) + 1), int)
    np.add.at(table, (truth, segments), 1)
    return table


# %% id 0 left out | q3 -3 | id 0 is left out
def contingency(segments, truth):
    return np.array([[((segments == i) & (truth == j)).sum() for j in range(1, truth.max() + 1)]
                     for i in range(1, segments.max() + 1)])


# %% an index that repeats | q3 -3 | counted once at most
def contingency(segments, truth):
    table = np.zeros((int(segments.max()) + 1, int(truth.max()) + 1), int)
    table[segments, truth] += 1
    return table


# %% shares | q3 -3 | these are shares
def contingency(segments, truth):
    table = np.zeros((int(segments.max()) + 1, int(truth.max()) + 1))
    np.add.at(table, (segments, truth), 1 / segments.size)
    return table


# %% ids that occur | q3 -1 | row i must be id i
def contingency(segments, truth):
    return np.array([[((segments == i) & (truth == j)).sum() for j in np.unique(truth)] for i in np.unique(segments)])


# %% histogram from the smallest id | q3 -1 | the bins begin at the smallest id
def contingency(segments, truth):
    return np.histogram2d(segments.ravel(), truth.ravel(), bins=(int(segments.max()) + 1, int(truth.max()) + 1))[0]


# %% overflow of small integers | q3 -1 | small integers (uint8)
def contingency(segments, truth):
    rows, columns = segments.max() + 1, truth.max() + 1
    pairs = segments * columns + truth
    return np.bincount(pairs.ravel(), minlength=int(rows) * int(columns)).reshape(rows, columns)


# %% table of small integers | q3 -1 | came
def contingency(segments, truth):
    table = np.zeros((int(segments.max()) + 1, int(truth.max()) + 1), segments.dtype)
    for segment, cell in zip(segments.flat, truth.flat):
        table[segment, cell] += 1
    return table


# %% the package's own table | q3 -3 | write it yourself
from unet_tutorial.metrics import contingency


# %% column 0 kept | q4 -4 | column 0 is kept
def rand_error(table):
    alone, joint = table[0].sum(), table[1:].astype(float)
    tp, found = (joint ** 2).sum() + alone, (joint.sum(1) ** 2).sum() + alone
    return 1 - 2 * tp / (found + (table.sum(0).astype(float) ** 2).sum())


# %% row 0 as one segment | q4 -4 | row 0 is treated as one segment
def rand_error(table):
    kept = table[:, 1:].astype(float)
    return 1 - 2 * (kept ** 2).sum() / ((kept.sum(1) ** 2).sum() + (kept.sum(0) ** 2).sum())


# %% whole table as it is | q4 -4 | Besides, row 0 is treated as one segment
def rand_error(table):
    kept = table.astype(float)
    return 1 - 2 * (kept ** 2).sum() / ((kept.sum(1) ** 2).sum() + (kept.sum(0) ** 2).sum())


# %% row 0 left out | q4 -4 | the pixels of row 0 are left out
def rand_error(table):
    kept = table[1:, 1:].astype(float)
    return 1 - 2 * (kept ** 2).sum() / max((kept.sum(1) ** 2).sum() + (kept.sum(0) ** 2).sum(), 1)


# %% pairs of different pixels only | q4 -4 | a pixel with itself are left out
def rand_error(table):
    def pairs(counts):
        return (counts * (counts - 1) // 2).sum()

    kept = table[:, 1:]
    return 1 - 2 * pairs(kept[1:]) / (pairs(kept[1:].sum(1)) + pairs(kept.sum(0)))


# %% F itself | q4 -4 | this is F itself
def rand_error(table):
    kept = table[:, 1:].astype(float)
    alone, joint = kept[0].sum(), kept[1:]
    return 2 * ((joint ** 2).sum() + alone) / ((joint.sum(1) ** 2).sum() + alone + (kept.sum(0) ** 2).sum())


# %% square of the sum | q4 -4 | a sum is squared
def rand_error(table):
    kept = table[:, 1:].astype(float)
    alone, joint = kept[0].sum(), kept[1:]
    return 1 - 2 * (joint.sum() ** 2 + alone) / (joint.sum() ** 2 + alone + kept.sum() ** 2)


# %% row 0 forgotten in tp | q4 -4 | missing from tp
def rand_error(table):
    kept = table[:, 1:].astype(float)
    alone, joint = kept[0].sum(), kept[1:]
    return 1 - 2 * (joint ** 2).sum() / ((joint.sum(1) ** 2).sum() + alone + (kept.sum(0) ** 2).sum())


# %% row 0 taken out of its columns | q4 -4 | taken out of their columns in true
def rand_error(table):
    def squares(counts):
        return sum(int(count) ** 2 for count in counts)

    joint, alone = table[1:, 1:], int(table[0, 1:].sum())
    tp, found, true = (squares(counts) + alone for counts in (joint.ravel(), joint.sum(1), joint.sum(0)))
    return 1 - 2 * tp / (found + true)


# %% no segment means error 1 | q4 -1 | came 1
def rand_error(table):
    kept = table[:, 1:].astype(float)
    alone, joint = kept[0].sum(), kept[1:]
    if not len(joint):
        return 1.0
    return 1 - 2 * ((joint ** 2).sum() + alone) / ((joint.sum(1) ** 2).sum() + alone + (kept.sum(0) ** 2).sum())


# %% share of wrong pixels | q5 -3 | this is the share of wrong pixels
def pixel_error(proposal, truth):
    return np.mean(proposal != truth)


# %% error of the membrane | q5 -3 | this is the error of the membrane pixels
def pixel_error(proposal, truth):
    proposal, truth = np.asarray(proposal) == 0, np.asarray(truth) == 0
    return 1 - 2 * (proposal & truth).sum() / max(proposal.sum() + truth.sum(), 1)


# %% Dice without 1 - | q5 -3 | this is F1 itself
def pixel_error(proposal, truth):
    return 2 * np.logical_and(proposal, truth).sum() / max(proposal.sum() + truth.sum(), 1)


# %% intersection over union | q5 -3 | this is 1 - intersection over union
def pixel_error(proposal, truth):
    either = np.logical_or(proposal, truth).sum()
    return 1 - np.logical_and(proposal, truth).sum() / either if either else 0.0


# %% zero by zero | q5 -1 | divides 0 by 0
def pixel_error(proposal, truth):
    tp = fp = fn = 0
    for s, t in zip(np.ravel(proposal), np.ravel(truth)):
        tp, fp, fn = tp + bool(s and t), fp + bool(s and not t), fn + bool(t and not s)
    return 1 - 2 * tp / (2 * tp + fp + fn)


# %% blank arrays have error 1 | q5 -1 | without any cell pixel the two agree
def pixel_error(proposal, truth):
    cells = proposal.sum() + truth.sum()
    return 1 - 2 * np.logical_and(proposal, truth).sum() / max(cells, 1)


# %% answer of one input written down | q5 -3 | expected
def pixel_error(proposal, truth):
    return 0.3125


# %% the package's own error, wrapped | q5 -3 | write it yourself
def pixel_error(proposal, truth):
    import unet_tutorial.metrics as scores

    return scores.pixel_error(proposal * 1, truth * 1)


# %% distance of one network written in | q2 -2 | expected
def predict_tiled(image, network, out, margin, stride, mirror_pad):
    height, width = image.shape
    side, step = out + 2 * margin, 8
    padded = mirror_pad(image, margin + out)[out:, out:]
    result = np.zeros((height + out, width + out))
    for r in range(0, height, step):
        for c in range(0, width, step):
            result[r:r + out, c:c + out] = network(padded[r:r + side, c:c + side])
    return result[:height, :width]


# %% no tile for a narrow image | q2 -2 | expected
def predict_tiled(image, network, out, margin, stride, mirror_pad):
    height, width = image.shape
    side, step = out + 2 * margin, out // stride * stride
    padded = mirror_pad(image, margin + out)[out:, out:]
    result = np.zeros((height + out, width + out))
    for i in range(int(np.ceil((height - out) / step)) + 1):
        for j in range(int(np.ceil((width - out) / step)) + 1):
            r, c = i * step, j * step
            result[r:r + out, c:c + out] = network(padded[r:r + side, c:c + side])
    return result[:height, :width]


# %% table size in the type of the ids | q3 -1 | raised
def contingency(segments, truth):
    table = np.zeros((segments.max() + 1, truth.max() + 1), int)
    np.add.at(table, (segments, truth), 1)
    return table


# %% squares of 32-bit counts | q4 -1 | expected
def rand_error(table):
    inner = np.asarray(table).astype(np.int32)[:, 1:]
    alone, joint = inner[0].sum(dtype=np.int32), inner[1:]
    tp = (joint ** 2).sum(dtype=np.int32) + alone
    found = (joint.sum(axis=1, dtype=np.int32) ** 2).sum(dtype=np.int32) + alone
    true = (inner.sum(axis=0, dtype=np.int32) ** 2).sum(dtype=np.int32)
    return 1 - 2 * tp / (found + true)


# %% sums of eight bits | q5 -1 | expected
def pixel_error(proposal, truth):
    tp, total = sum((proposal * truth).ravel()), sum(proposal.ravel()) + sum(truth.ravel())
    return 1 - 2 * tp / total if total else 0.0


# %% half precision | q1 -4 | expected
def mirror_pad(image, margin):
    return np.pad(image, margin, mode="reflect").astype(np.float16)


# %% squares in the table's own type | q4 -1 | in the table's own type of integers
def rand_error(table):
    kept = table[:, 1:]
    alone, joint = kept[0].sum(), kept[1:]
    tp = (joint * joint).sum() + alone
    found = (joint.sum(axis=1) ** 2).sum() + alone
    true = (kept.sum(axis=0) ** 2).sum()
    return 1 - 2 * tp / (found + true)


# %% ids in int8 | q3 -1 | expected
def contingency(segments, truth):
    table = np.zeros((int(segments.max()) + 1, int(truth.max()) + 1), int)
    np.add.at(table, (segments.astype(np.int8), truth.astype(np.int8)), 1)
    return table


# %% two types of integers only | q3 -1 | raised TypeError
def contingency(segments, truth):
    if segments.dtype not in (np.int64, np.uint8):
        raise TypeError(segments.dtype)
    table = np.zeros((int(segments.max()) + 1, int(truth.max()) + 1), int)
    np.add.at(table, (segments, truth), 1)
    return table


# %% a square transposed | q1 -1 | shape (7, 7)
def mirror_pad(image, margin):
    padded = np.pad(image, margin, mode="reflect")
    return padded.T if image.shape[0] == image.shape[1] else padded


# %% NumPy's padding in place of the argument | q2 -6 | `mirror_pad` is never called
def predict_tiled(image, network, out, margin, stride, mirror_pad):
    height, width = image.shape
    side, step = out + 2 * margin, out // stride * stride
    padded = np.pad(image, margin + out, mode="reflect")[out:, out:]
    result = np.zeros((height + out, width + out))
    for r in range(0, height, step):
        for c in range(0, width, step):
            result[r:r + out, c:c + out] = network(padded[r:r + side, c:c + side])
    return result[:height, :width]


# %% one where there is no segment | q4 -1 | expected
def rand_error(table):
    kept = np.asarray(table, float)[:, 1:]
    if len(kept) == 1:
        return 1.0
    alone, joint = kept[0].sum(), kept[1:]
    tp = (joint ** 2).sum() + alone
    found = (joint.sum(axis=1) ** 2).sum() + alone
    return 1 - 2 * tp / (found + (kept.sum(axis=0) ** 2).sum())


# %% an error as text | q5 -3 | came '0
def pixel_error(proposal, truth):
    cells = np.sum(proposal) + np.sum(truth)
    return str(1 - 2 * np.sum(np.logical_and(proposal, truth)) / cells) if cells else "0"


# %% padded in half precision | q1 -4 | expected
def mirror_pad(image, margin):
    out = np.zeros((image.shape[0] + 2 * margin, image.shape[1] + 2 * margin), dtype=np.float16)
    out[...] = np.pad(image, margin, mode="reflect")
    return out


# %% the image written to | q1 -4 | changes its input
def mirror_pad(image, margin):
    image[...] = image - image.min() + image.min()
    image[0, 0] += 1e-3
    return np.pad(image, margin, mode="reflect")


# %% only square images | q2 -6 | expected
def predict_tiled(image, network, out, margin, stride, mirror_pad):
    n = max(image.shape)
    step = out // stride * stride
    big = mirror_pad(image, margin + n + out)
    off = n + out
    result = np.zeros((n + out, n + out))
    for r in range(0, n, step):
        for c in range(0, n, step):
            result[r:r + out, c:c + out] = network(big[off + r:off + r + out + 2 * margin, off + c:off + c + out + 2 * margin])
    return result[:n, :n]


# %% margin forgotten in the columns | q2 -6 | expected
def predict_tiled(image, network, out, margin, stride, mirror_pad):
    H, W = image.shape
    step = out // stride * stride
    big = mirror_pad(image, margin + out)
    result = np.zeros((H, W))
    for r in range(0, H, step):
        for c in range(0, W, step):
            tile = big[r + out:r + 2 * out + 2 * margin, c + out + margin:c + 2 * out + 3 * margin]
            tile = np.pad(tile, ((0, 0), (0, out + 2 * margin - tile.shape[1])), mode="edge")
            result[r:r + out, c:c + out] = network(tile)[:H - r, :W - c]
    return result


# %% histogram over the present range | q3 -1 | the bins begin at the smallest id that
def contingency(segments, truth):
    return np.histogram2d(segments.ravel(), truth.ravel(), bins=(int(segments.max()) + 1, int(truth.max()) + 1))[0]


# %% background zeroed | q3 -3 | expected
def contingency(segments, truth):
    t = np.zeros((int(segments.max()) + 1, int(truth.max()) + 1), int)
    np.add.at(t, (segments.ravel().astype(int), truth.ravel().astype(int)), 1)
    t[0, 0] = 0
    return t


# %% true from the segments only when empty | q4 -1 | expected
def rand_error(table):
    t = np.array(table, float)[:, 1:]
    alone = t[0].sum()
    if len(t) == 1:
        return 1.0
    tp = (t[1:] ** 2).sum() + alone
    found = (t[1:].sum(1) ** 2).sum() + alone
    true = (t.sum(0) ** 2).sum()
    return 1 - 2 * tp / (found + true)


# %% nan guard by small number | q5 -1 | expected
def pixel_error(proposal, truth):
    p, t = proposal.astype(float), truth.astype(float)
    return 1 - (2 * (p * t).sum() + 1e-2) / (p.sum() + t.sum() + 1e-2)


# %% one mirror by slices | q1 -2 | the mirroring stops after one mirror
def mirror_pad(image, margin):
    if margin == 0:
        return image.copy()
    m = margin
    image = np.vstack([image[1:m + 1][::-1], image, image[-m - 1:-1][::-1]])
    return np.hstack([image[:, 1:m + 1][:, ::-1], image, image[:, -m - 1:-1][:, ::-1]])


# %% right side one off | q1 -2 | expected
def mirror_pad(image, margin):
    H, W = image.shape
    def index(n):
        k = np.abs(np.arange(-margin, n + margin)) % (2 * n - 1)
        return np.where(k < n, k, 2 * n - 2 - k)
    return image[np.ix_(index(H), index(W))]


# %% corners left zero | q1 -4 | expected
def mirror_pad(image, margin):
    H, W = image.shape
    out = np.zeros((H + 2 * margin, W + 2 * margin))
    out[:, margin:margin + W] = np.pad(image, ((margin, margin), (0, 0)), mode="reflect")
    out[margin:margin + H, :] = np.pad(image, ((0, 0), (margin, margin)), mode="reflect")
    return out


# %% step of out | q2 -6 | the tiles lie `out` pixels
def predict_tiled(image, network, out, margin, stride, mirror_pad):
    H, W = image.shape
    big = mirror_pad(image, margin + out)
    result = np.zeros((H, W))
    for r in range(0, H, out):
        for c in range(0, W, out):
            tile = big[r + out:r + 2 * out + 2 * margin, c + out:c + 2 * out + 2 * margin]
            p = network(tile)
            result[r:r + out, c:c + out] = p[:H - r, :W - c]
    return result


# %% last tile moved back | q2 -4 | the last tile is moved back to the edge of the
def predict_tiled(image, network, out, margin, stride, mirror_pad):
    H, W = image.shape
    step = out // stride * stride
    big = mirror_pad(image, margin + out)
    result = np.zeros((H, W))
    for r in range(0, H, step):
        for c in range(0, W, step):
            r0 = min(r, max(H - out, 0))
            c0 = min(c, max(W - out, 0))
            tile = big[r0 + out:r0 + 2 * out + 2 * margin, c0 + out:c0 + 2 * out + 2 * margin]
            p = network(tile)
            result[r0:r0 + out, c0:c0 + out] = p[:H - r0, :W - c0]
    return result


# %% last strip missing | q2 -4 | expected
def predict_tiled(image, network, out, margin, stride, mirror_pad):
    H, W = image.shape
    step = out // stride * stride
    big = mirror_pad(image, margin + out)
    result = np.zeros((H, W))
    for r in range(0, max(H - out, 0) + 1, step):
        for c in range(0, max(W - out, 0) + 1, step):
            tile = big[r + out:r + 2 * out + 2 * margin, c + out:c + 2 * out + 2 * margin]
            p = network(tile)
            result[r:r + out, c:c + out] = p[:H - r, :W - c]
    return result


# %% average of overlaps with zero weight | q2 -6 | where tiles
def predict_tiled(image, network, out, margin, stride, mirror_pad):
    H, W = image.shape
    step = out // stride * stride
    big = mirror_pad(image, margin + out)
    total = np.zeros((H + out, W + out))
    for r in range(0, H, step):
        for c in range(0, W, step):
            tile = big[r + out:r + 2 * out + 2 * margin, c + out:c + 2 * out + 2 * margin]
            total[r:r + out, c:c + out] += network(tile)
    count = np.zeros((H + out, W + out))
    for r in range(0, H, step):
        for c in range(0, W, step):
            count[r:r + step, c:c + step] += 1
    return (total / np.maximum(count, 1))[:H, :W]


# %% rows and columns swapped | q2 -6 | rows and columns are swapped where the tiles
def predict_tiled(image, network, out, margin, stride, mirror_pad):
    H, W = image.shape
    step = out - out % stride
    big = mirror_pad(image, margin + out)
    result = np.zeros((H, W))
    for r in range(0, W, step):
        for c in range(0, H, step):
            tile = big[r + out:r + 2 * out + 2 * margin, c + out:c + 2 * out + 2 * margin]
            if tile.shape != (out + 2 * margin,) * 2:
                continue
            p = network(tile)
            part = result[r:r + out, c:c + out]
            part[...] = p[:part.shape[0], :part.shape[1]]
    return result


# %% tile not padded by the mirror far | q2 -4 | beyond the
def predict_tiled(image, network, out, margin, stride, mirror_pad):
    H, W = image.shape
    step = out // stride * stride
    padded = mirror_pad(image, margin)
    result = np.zeros((H, W))
    side = out + 2 * margin
    for r in range(0, H, step):
        for c in range(0, W, step):
            tile = padded[r:r + side, c:c + side]
            tile = np.pad(tile, ((0, side - tile.shape[0]), (0, side - tile.shape[1])))
            p = network(tile)
            result[r:r + out, c:c + out] = p[:H - r, :W - c]
    return result


# %% transposed | q3 -3 | the table is
def contingency(segments, truth):
    table = np.zeros((truth.max() + 1, segments.max() + 1), int)
    np.add.at(table, (truth.astype(int), segments.astype(int)), 1)
    return table


# %% joint index in uint8 | q3 -1 | the ids are small integers
def contingency(segments, truth):
    S, T = int(segments.max()), int(truth.max())
    flat = segments * np.asarray(T + 1, dtype=segments.dtype) + truth.astype(segments.dtype)
    return np.bincount(flat.ravel().astype(np.int64), minlength=(S + 1) * (T + 1))[: (S + 1) * (T + 1)].reshape(S + 1, T + 1)


# %% ids that occur only | q3 -1 | ids that no pixel has are left
def contingency(segments, truth):
    s, t = np.unique(segments), np.unique(truth)
    return np.array([[np.sum((segments == i) & (truth == j)) for j in t] for i in s])


# %% repeated pixels counted once | q3 -3 | each pair is counted once at
def contingency(segments, truth):
    table = np.zeros((int(segments.max()) + 1, int(truth.max()) + 1), int)
    table[segments.astype(int), truth.astype(int)] += 1
    return table


# %% row zero as one segment | q4 -4 | row 0 is treated as one segment
def rand_error(table):
    t = np.asarray(table, dtype=np.float64)[:, 1:]
    tp = (t ** 2).sum()
    return 1 - 2 * tp / ((t.sum(1) ** 2).sum() + (t.sum(0) ** 2).sum())


# %% row zero left out of true | q4 -4 | the pixels of row 0 are taken out of their
def rand_error(table):
    t = np.asarray(table, dtype=np.float64)[:, 1:]
    alone = t[0].sum()
    t = t[1:]
    tp = (t ** 2).sum() + alone
    found = (t.sum(1) ** 2).sum() + alone
    true = (t.sum(0) ** 2).sum() + alone
    return 1 - 2 * tp / (found + true)


# %% unordered pairs | q4 -4 | the pairs of a pixel with itself are left out
def rand_error(table):
    t = np.asarray(table, dtype=np.float64)[:, 1:]
    pairs = lambda n: (n * (n - 1) / 2).sum()
    tp = pairs(t[1:])
    total = pairs(t[1:].sum(1)) + pairs(t.sum(0))
    return 1 - 2 * tp / total if total else 0.0


# %% column zero counts in found | q4 -4 | expected
def rand_error(table):
    t = np.asarray(table, dtype=np.float64)
    alone = t[0, 1:].sum()
    tp = (t[1:, 1:] ** 2).sum() + alone
    found = (t[1:].sum(1) ** 2).sum() + alone
    true = (t[:, 1:].sum(0) ** 2).sum()
    return 1 - 2 * tp / (found + true)


# %% sum in uint8 | q5 -1 | expected
def pixel_error(proposal, truth):
    tp = (proposal * truth).sum(dtype=np.uint8)
    total = proposal.sum(dtype=np.int64) + truth.sum(dtype=np.int64)
    return 1 - 2 * int(tp) / int(total) if total else 0.0


# %% error rounded | q5 -3 | expected
def pixel_error(proposal, truth):
    p, t = proposal.astype(bool), truth.astype(bool)
    total = int(p.sum()) + int(t.sum())
    return round(1 - 2 * int((p & t).sum()) / total, 3) if total else 0.0


# %% table in half precision | q3 -3 | expected
def contingency(segments, truth):
    table = np.zeros((int(segments.max()) + 1, int(truth.max()) + 1), np.float32)
    np.add.at(table, (segments.astype(int), truth.astype(int)), 1)
    return table * 1.0005
