# %% kernel turned | q1 -4 | turned by 180 degrees
def up_convolve(features, kernel):
    result = np.zeros((2 * features.shape[0], 2 * features.shape[1], kernel.shape[3]))
    for i, j in np.ndindex(2, 2):
        result[i::2, j::2] = features @ kernel[1 - i, 1 - j]
    return result


# %% channels of the kernel exchanged | q1 -4 | the channels of the kernel are exchanged
def up_convolve(features, kernel):
    result = np.zeros((2 * features.shape[0], 2 * features.shape[1], kernel.shape[3]))
    for i, j in np.ndindex(2, 2):
        result[i::2, j::2] = features @ kernel[i, j].T
    return result


# %% rows and columns of the kernel exchanged | q1 -4 | rows and columns of the kernel
def up_convolve(features, kernel):
    result = np.zeros((2 * features.shape[0], 2 * features.shape[1], kernel.shape[3]))
    for i, j in np.ndindex(2, 2):
        result[i::2, j::2] = features @ kernel[j, i]
    return result


# %% upsampling by copies, then a convolution | q1 -4 | the other reading of the paper
def up_convolve(features, kernel):
    copies = np.pad(np.kron(features, np.ones((2, 2, 1))), ((0, 1), (0, 1), (0, 0)))
    height, width = copies.shape[0] - 1, copies.shape[1] - 1
    return sum(copies[i:i + height, j:j + width] @ kernel[i, j] for i in range(2) for j in range(2))


# %% reshape without a transpose | q1 -4 | their places are not
def up_convolve(features, kernel):
    height, width, _ = features.shape
    return np.einsum("yxc,ijcd->yxijd", features, kernel).reshape(2 * height, 2 * width, -1)


# %% stride of 1 | q1 -4 | the blocks overlap
def up_convolve(features, kernel):
    height, width, _ = features.shape
    result = np.zeros((height + 1, width + 1, kernel.shape[3]))
    for y, x in np.ndindex(height, width):
        result[y:y + 2, x:x + 2] += features[y, x] @ kernel
    return result


# %% as many channels out as in | q1 -4 | expected shape
def up_convolve(features, kernel):
    height, width, channels = features.shape
    result = np.zeros((2 * height, 2 * width, channels))
    for y, x, i, j in np.ndindex(height, width, 2, 2):
        for d in range(channels):
            result[2 * y + i, 2 * x + j, d] = (features[y, x] * kernel[i, j, :, min(d, kernel.shape[3] - 1)]).sum()
    return result


# %% the paper's offsets written down | q2 -2 | expected 5 numbers
def crop_offsets(size, depth):
    return [88, 40, 16, 4][-depth:]


# %% deepest level first | q2 -4 | the top level comes first
def crop_offsets(size, depth):
    return [12 * 2 ** level - 8 for level in range(depth)]


# %% whole differences | q2 -4 | each side gets half of one
def crop_offsets(size, depth):
    return [2 * (12 * 2 ** level - 8) for level in reversed(range(depth))]


# %% whole differences, deepest first | q2 -4 | not the deepest; and these are whole differences
def crop_offsets(size, depth):
    return [2 * (12 * 2 ** level - 8) for level in range(depth)]


# %% bottom forgotten | q2 -4 | the two convolutions at the bottom
def crop_offsets(size, depth):
    skips, side = [], size
    for _ in range(depth):
        skips.append(side - 4)
        side = (side - 4) // 2
    offsets = []
    for skip in skips[::-1]:
        offsets.insert(0, skip // 2 - side)
        side = 2 * side - 4
    return offsets


# %% convolutions on the way up forgotten | q2 -4 | only half of the convolutions
def crop_offsets(size, depth):
    skips, side = [], size
    for _ in range(depth):
        skips.append(side - 4)
        side = (side - 4) // 2
    side -= 4
    return [(skip - side * 2 ** (depth - level)) // 2 for level, skip in enumerate(skips)]


# %% the package's own margins, wrapped | q2 -4 | write it yourself
def crop_offsets(size, depth):
    from unet_tutorial import geometry

    return geometry.crop_margins(size, depth)[::-1]


# %% crop from the top left corner | q3 -3 | top left corner
def centre_crop(skip, height, width):
    return skip[:height, :width]


# %% crop one pixel too early | q3 -3 | one pixel too early
def centre_crop(skip, height, width):
    top, left = (skip.shape[0] - height - 1) // 2, (skip.shape[1] - width - 1) // 2
    return skip[top:top + height, left:left + width]


# %% whole difference cut off each side | q3 -3 | the whole difference
def centre_crop(skip, height, width):
    rows, columns = skip.shape[0] - height, skip.shape[1] - width
    return skip[rows:skip.shape[0] - rows, columns:skip.shape[1] - columns]


# %% height and width exchanged | q3 -3 | height and width are exchanged
def centre_crop(skip, width, height):
    top, left = (skip.shape[0] - height) // 2, (skip.shape[1] - width) // 2
    return skip[top:top + height, left:left + width]


# %% slices that end at minus zero | q3 -2 | ends at -0
def centre_crop(skip, height, width):
    rows, columns = (skip.shape[0] - height) // 2, (skip.shape[1] - width) // 2
    return skip[rows:-rows, columns:-columns]


# %% one margin for rows and columns | q3 -3 | the margin of the rows
def centre_crop(skip, height, width):
    start = (skip.shape[0] - height) // 2
    return skip[start:start + height, start:start + width]


# %% padded convolutions | q4 -4 | the 3x3 convolutions pad
def middle(skip, x):
    top, left = (skip.shape[1] - x.shape[1]) // 2, (skip.shape[2] - x.shape[2]) // 2
    return skip[:, top:top + x.shape[1], left:left + x.shape[2]]


def expanding_block(x, skip, filters):
    x = keras.layers.Conv2DTranspose(filters, 2, strides=2)(x)
    x = keras.layers.concatenate([x, middle(skip, x)])
    for _ in range(2):
        x = keras.layers.Conv2D(filters, 3, activation="relu", padding="same")(x)
    return x


# %% added, not concatenated | q4 -4 | the two maps are added
def expanding_block(x, skip, filters):
    x = keras.layers.Conv2DTranspose(filters, 2, strides=2)(x)
    top, left = (skip.shape[1] - x.shape[1]) // 2, (skip.shape[2] - x.shape[2]) // 2
    x = x + skip[:, top:top + x.shape[1], left:left + x.shape[2]]
    for _ in range(2):
        x = keras.layers.Conv2D(filters, 3, activation="relu")(x)
    return x


# %% concatenated along the rows | q4 -4 | along the rows
def expanding_block(x, skip, filters):
    x = keras.layers.Conv2DTranspose(filters, 2, strides=2)(x)
    top, left = (skip.shape[1] - x.shape[1]) // 2, (skip.shape[2] - x.shape[2]) // 2
    x = keras.layers.Concatenate(axis=1)([x, skip[:, top:top + x.shape[1], left:left + x.shape[2]]])
    for _ in range(2):
        x = keras.layers.Conv2D(filters, 3, activation="relu")(x)
    return x


# %% ReLU after the up-convolution, skip first | q4 -4 | a ReLU after the up-convolution
def expanding_block(x, skip, filters):
    x = keras.layers.Conv2DTranspose(filters, 2, strides=2, activation="relu")(x)
    top, left = (skip.shape[1] - x.shape[1]) // 2, (skip.shape[2] - x.shape[2]) // 2
    x = keras.layers.concatenate([skip[:, top:top + x.shape[1], left:left + x.shape[2]], x])
    for _ in range(2):
        x = keras.layers.Conv2D(filters, 3, activation="relu")(x)
    return x


# %% bilinear upsampling and a convolution | q4 -4 | upsampled (bilinear)
def expanding_block(x, skip, filters):
    x = keras.layers.Conv2D(filters, 2, padding="same")(keras.layers.UpSampling2D(2, interpolation="bilinear")(x))
    top, left = (skip.shape[1] - x.shape[1]) // 2, (skip.shape[2] - x.shape[2]) // 2
    x = keras.layers.concatenate([x, skip[:, top:top + x.shape[1], left:left + x.shape[2]]])
    for _ in range(2):
        x = keras.layers.Conv2D(filters, 3, activation="relu")(x)
    return x


# %% nearest upsampling and a convolution | q4 -4 | upsampled (nearest)
def expanding_block(x, skip, filters):
    x = keras.layers.Conv2D(filters, 2, padding="same")(keras.layers.UpSampling2D(2)(x))
    top, left = (skip.shape[1] - x.shape[1]) // 2, (skip.shape[2] - x.shape[2]) // 2
    x = keras.layers.concatenate([x, skip[:, top:top + x.shape[1], left:left + x.shape[2]]])
    for _ in range(2):
        x = keras.layers.Conv2D(filters, 3, activation="relu")(x)
    return x


# %% skip cropped to its corner | q4 -4 | top left corner
def expanding_block(x, skip, filters):
    x = keras.layers.Conv2DTranspose(filters, 2, strides=2)(x)
    x = keras.layers.concatenate([x, skip[:, :x.shape[1], :x.shape[2]]])
    for _ in range(2):
        x = keras.layers.Conv2D(filters, 3, activation="relu")(x)
    return x


# %% channels halved, whatever is asked for | q4 -4 | halves the channels
def expanding_block(x, skip, filters):
    x = keras.layers.Conv2DTranspose(x.shape[-1] // 2, 2, strides=2)(x)
    top, left = (skip.shape[1] - x.shape[1]) // 2, (skip.shape[2] - x.shape[2]) // 2
    x = keras.layers.concatenate([x, skip[:, top:top + x.shape[1], left:left + x.shape[2]]])
    for _ in range(2):
        x = keras.layers.Conv2D(filters, 3, activation="relu")(x)
    return x


# %% crop of nothing leaves nothing | q4 -2 | raised
def expanding_block(x, skip, filters):
    x = keras.layers.Conv2DTranspose(filters, 2, strides=2)(x)
    rows, columns = (skip.shape[1] - x.shape[1]) // 2, (skip.shape[2] - x.shape[2]) // 2
    x = keras.layers.concatenate([x, skip[:, rows:-rows, columns:-columns]])
    for _ in range(2):
        x = keras.layers.Conv2D(filters, 3, activation="relu")(x)
    return x


# %% the package's own block | q4 -4 | write it yourself
from unet_tutorial.model import expanding_block


# %% filters not doubled | q5 -5 | the filters are not doubled
def build_net(size, depth, filters, classes, contracting, expanding):
    x = inputs = keras.Input((size, size, 1))
    skips = []
    for level in range(depth):
        features, x = contracting(x, filters)
        skips.append(features)
    for _ in range(2):
        x = keras.layers.Conv2D(filters, 3, activation="relu")(x)
    while skips:
        x = expanding(x, skips.pop(), filters)
    return keras.Model(inputs, keras.layers.Conv2D(classes, 1)(x))


# %% skips in the wrong order | q5 -5 | the skip connections are joined in the wrong order
def build_net(size, depth, filters, classes, contracting, expanding):
    x = inputs = keras.Input((size, size, 1))
    skips = []
    for level in range(depth):
        features, x = contracting(x, filters * 2 ** level)
        skips.append(features)
    for _ in range(2):
        x = keras.layers.Conv2D(filters * 2 ** depth, 3, activation="relu")(x)
    for level in range(depth):
        x = expanding(x, skips[level], filters * 2 ** (depth - 1 - level))
    return keras.Model(inputs, keras.layers.Conv2D(classes, 1)(x))


# %% soft-max at the end | q5 -5 | ends with a softmax
def build_net(size, depth, filters, classes, contracting, expanding):
    x = inputs = keras.Input((size, size, 1))
    skips = []
    for level in range(depth):
        features, x = contracting(x, filters * 2 ** level)
        skips.append(features)
    for _ in range(2):
        x = keras.layers.Conv2D(filters * 2 ** depth, 3, activation="relu")(x)
    for level in reversed(range(depth)):
        x = expanding(x, skips[level], filters * 2 ** level)
    return keras.Model(inputs, keras.layers.Softmax()(keras.layers.Conv2D(classes, 1)(x)))


# %% last convolution missing | q5 -5 | the 1x1 convolution at the end is missing
def build_net(size, depth, filters, classes, contracting, expanding):
    x = inputs = keras.Input((size, size, 1))
    skips = []
    for level in range(depth):
        features, x = contracting(x, filters * 2 ** level)
        skips.append(features)
    for _ in range(2):
        x = keras.layers.Conv2D(filters * 2 ** depth, 3, activation="relu")(x)
    for level in reversed(range(depth)):
        x = expanding(x, skips[level], filters * 2 ** level)
    return keras.Model(inputs, x)


# %% bottom missing | q5 -5 | at the bottom are missing
def build_net(size, depth, filters, classes, contracting, expanding):
    x = inputs = keras.Input((size, size, 1))
    skips = []
    for level in range(depth):
        features, x = contracting(x, filters * 2 ** level)
        skips.append(features)
    for level in reversed(range(depth)):
        x = expanding(x, skips[level], filters * 2 ** level)
    return keras.Model(inputs, keras.layers.Conv2D(classes, 1)(x))


# %% pooled map as the skip connection | q5 -5 | the pooled map is used as the skip connection
def build_net(size, depth, filters, classes, contracting, expanding):
    x = inputs = keras.Input((size, size, 1))
    skips = []
    for level in range(depth):
        features, x = contracting(x, filters * 2 ** level)
        skips.append(x)
    for _ in range(2):
        x = keras.layers.Conv2D(filters * 2 ** depth, 3, activation="relu")(x)
    for level in reversed(range(depth)):
        x = expanding(x, skips[level], filters * 2 ** level)
    return keras.Model(inputs, keras.layers.Conv2D(classes, 1)(x))


# %% tensors returned, no model | q5 -5 | came a KerasTensor
def build_net(size, depth, filters, classes, contracting, expanding):
    x, _ = contracting(keras.Input((size, size, 1)), filters)
    return keras.layers.Conv2D(classes, 1)(x)


# %% depth of the visible check built in | q5 -3 | expected
def build_net(size, depth, filters, classes, contracting, expanding):
    inputs = keras.Input((size, size, 1))
    first, x = contracting(inputs, filters)
    second, x = contracting(x, 2 * filters) if depth > 1 else (None, x)
    for _ in range(2):
        x = keras.layers.Conv2D(filters * 2 ** min(depth, 2), 3, activation="relu")(x)
    if depth > 1:
        x = expanding(x, second, 2 * filters)
    return keras.Model(inputs, keras.layers.Conv2D(classes, 1)(expanding(x, first, filters)))


# %% bottom built by a contracting level | q5 -5 | number of weights: expected
def build_net(size, depth, filters, classes, contracting, expanding):
    x = inputs = keras.Input((size, size, 1))
    skips = []
    for level in range(depth):
        features, x = contracting(x, filters * 2 ** level)
        skips.append(features)
    x, _ = contracting(x, filters * 2 ** depth)
    for level in reversed(range(depth)):
        x = expanding(x, skips[level], filters * 2 ** level)
    return keras.Model(inputs, keras.layers.Conv2D(classes, 1)(x))


# %% margin of the rows for the columns | q4 -4 | margin of the rows is used for the columns
def expanding_block(x, skip, filters):
    x = keras.layers.Conv2DTranspose(filters, 2, strides=2)(x)
    margin = (skip.shape[1] - x.shape[1]) // 2
    x = keras.layers.Concatenate()([x, skip[:, margin:margin + x.shape[1], margin:margin + x.shape[2]]])
    for _ in range(2):
        x = keras.layers.Conv2D(filters, 3, activation="relu")(x)
    return x


# %% up-convolution without bias | q4 -4 | the up-convolution has no bias
def expanding_block(x, skip, filters):
    x = keras.layers.Conv2DTranspose(filters, 2, strides=2, use_bias=False)(x)
    top, left = (skip.shape[1] - x.shape[1]) // 2, (skip.shape[2] - x.shape[2]) // 2
    x = keras.layers.Concatenate()([x, skip[:, top:top + x.shape[1], left:left + x.shape[2]]])
    for _ in range(2):
        x = keras.layers.Conv2D(filters, 3, activation="relu")(x)
    return x


# %% offsets in pixels of the image | q2 -4 | count in pixels of the map
def crop_offsets(size, depth):
    return [(12 * 2 ** (depth - 1 - level) - 8) * 2 ** level for level in range(depth)]


# %% net with its own blocks | q5 -5 | the blocks that are passed in are not called
def build_net(size, depth, filters, classes, contracting, expanding):
    def convolve(x, width):
        for _ in range(2):
            x = keras.layers.Conv2D(width, 3, activation="relu")(x)
        return x

    x = inputs = keras.Input((size, size, 1))
    skips = []
    for level in range(depth):
        skips.append(convolve(x, filters * 2 ** level))
        x = keras.layers.MaxPooling2D()(skips[-1])
    x = keras.layers.Dropout(0.5)(convolve(x, filters * 2 ** depth))
    for level in range(depth - 1, -1, -1):
        x = keras.layers.Conv2DTranspose(filters * 2 ** level, 2, strides=2)(x)
        skip = keras.layers.CenterCrop(*x.shape[1:3])(skips[level])
        x = convolve(keras.layers.concatenate([skip, x]), filters * 2 ** level)
    return keras.Model(inputs, keras.layers.Conv2D(classes, 1)(x))


# %% offsets as floats | q2 -4 | they are floats
def crop_offsets(size, depth):
    return [(12 * 2 ** level - 8) / 1 for level in reversed(range(depth))]


# %% the paper's own contracting block called | q5 -5 | `contracting`, which is passed in, is not called
def build_net(size, depth, filters, classes, contracting, expanding):
    def contracting_block(x, filters):
        for _ in range(2):
            x = keras.layers.Conv2D(filters, 3, activation="relu")(x)
        return x, keras.layers.MaxPooling2D(2)(x)

    inputs = keras.Input((size, size, 1))
    x, skips = inputs, []
    for level in range(depth):
        features, x = contracting_block(x, filters * 2 ** level)
        skips.append(features)
    for _ in range(2):
        x = keras.layers.Conv2D(filters * 2 ** depth, 3, activation="relu")(x)
    for level in reversed(range(depth)):
        x = expanding(x, skips[level], filters * 2 ** level)
    return keras.Model(inputs, keras.layers.Conv2D(classes, 1)(x))


# %% up-convolution to twice the filters | q4 -4 | gives twice `filters` channels
def expanding_block(x, skip, filters):
    x = keras.layers.Conv2DTranspose(2 * filters, 2, strides=2)(x)
    height, width = x.shape[1:3]
    top, left = (skip.shape[1] - height) // 2, (skip.shape[2] - width) // 2
    x = keras.layers.Concatenate()([x, skip[:, top:top + height, left:left + width]])
    for _ in range(2):
        x = keras.layers.Conv2D(filters, 3, activation="relu")(x)
    return x


# %% values in 16 bits | q1 -4 | expected
def up_convolve(features, kernel):
    result = np.zeros((2 * features.shape[0], 2 * features.shape[1], kernel.shape[3]), np.float16)
    for i in range(2):
        for j in range(2):
            result[i::2, j::2] = features @ kernel[i, j]
    return result


# %% square maps assumed | q1 -4 | expected
def up_convolve(features, kernel):
    n, C, D = features.shape[0], features.shape[2], kernel.shape[3]
    out = np.zeros((2 * n, 2 * n, D))
    for y in range(n):
        for x in range(n):
            for i in range(2):
                for j in range(2):
                    out[2 * y + i, 2 * x + j] = features[y, x] @ kernel[i, j]
    return out


# %% nearest upsampling then mean kernel | q1 -4 | expected
def up_convolve(features, kernel):
    up = np.repeat(np.repeat(features, 2, axis=0), 2, axis=1)
    return up @ kernel.mean(axis=(0, 1))


# %% features flipped rows | q1 -4 | expected
def up_convolve(features, kernel):
    H, W, C = features.shape
    out = np.einsum("yxc,ijcd->yixjd", features[::-1], kernel)
    return out.reshape(2 * H, 2 * W, -1)


# %% floats by true division | q2 -4 | they are
def crop_offsets(size, depth):
    return [6 * 2 ** (depth - level) / 1 - 8 for level in range(depth)]


# %% last channel lost in the crop | q3 -3 | expected
def centre_crop(skip, height, width):
    top = (skip.shape[0] - height) // 2
    left = (skip.shape[1] - width) // 2
    return skip[top:-top or None, left:-left or None, :-1]


# %% crop top left | q4 -4 | `skip` is cropped to its top left
def expanding_block(x, skip, filters):
    x = keras.layers.Conv2DTranspose(filters, 2, strides=2)(x)
    skip = skip[:, :x.shape[1], :x.shape[2]]
    x = keras.layers.Concatenate()([skip, x])
    x = keras.layers.Conv2D(filters, 3, activation="relu")(x)
    return keras.layers.Conv2D(filters, 3, activation="relu")(x)


# %% one 5x5 convolution at the bottom | q5 -5 | number of weights
def build_net(size, depth, filters, classes, contracting, expanding):
    inputs = keras.Input((size, size, 1))
    x, skips = inputs, []
    for level in range(depth):
        skip, x = contracting(x, filters * 2 ** level)
        skips.append(skip)
    x = keras.layers.Conv2D(filters * 2 ** depth, 5, activation="relu")(x)
    for level in range(depth)[::-1]:
        x = expanding(x, skips[level], filters * 2 ** level)
    return keras.Model(inputs, keras.layers.Conv2D(classes, 1)(x))


# %% block turned | q1 -4 | each block is turned by 180
def up_convolve(features, kernel):
    H, W, C = features.shape
    D = kernel.shape[3]
    out = np.zeros((2 * H, 2 * W, D))
    for i in range(2):
        for j in range(2):
            out[i::2, j::2] = features @ kernel[1 - i, 1 - j]
    return out


# %% input channels averaged | q1 -4 | expected
def up_convolve(features, kernel):
    H, W, C = features.shape
    out = np.zeros((2 * H, 2 * W, kernel.shape[-1]))
    for i in range(2):
        for j in range(2):
            for d in range(kernel.shape[-1]):
                out[i::2, j::2, d] = (features * kernel[i, j, :, d]).mean(axis=-1)
    return out


# %% rows and columns of the block swapped | q1 -4 | rows and columns of the kernel are
def up_convolve(features, kernel):
    H, W, C = features.shape
    out = np.einsum("yxc,ijcd->yjxid", features, kernel)
    return out.reshape(2 * H, 2 * W, -1)


# %% blocks side by side | q1 -4 | the values are
def up_convolve(features, kernel):
    H, W, C = features.shape
    out = np.einsum("yxc,ijcd->iyjxd", features, kernel)
    return out.reshape(2 * H, 2 * W, kernel.shape[3])


# %% kernel axes as in keras | q1 -4 | the channels of the kernel are
def up_convolve(features, kernel):
    H, W, C = features.shape
    kernel = kernel.reshape(2, 2, kernel.shape[3], C)
    out = np.einsum("yxc,ijdc->yixjd", features, kernel)
    return out.reshape(2 * H, 2 * W, kernel.shape[2])


# %% deepest first | q2 -4 | the top level comes first
def crop_offsets(size, depth):
    margins = []
    m = 4
    for level in range(depth):
        margins.append(m)
        m = 2 * m + 8
    return margins


# %% both sides together | q2 -4 | these are whole
def crop_offsets(size, depth):
    down = []
    for _ in range(depth):
        size = size - 4
        down.append(size)
        size = size // 2
    size -= 4
    offsets = []
    for skip in reversed(down):
        up = 2 * size
        offsets.append(skip - up)
        size = up - 4
    return offsets[::-1]


# %% crops to the level output | q2 -4 | all are 2 too
def crop_offsets(size, depth):
    down = []
    for _ in range(depth):
        size = size - 4
        down.append(size)
        size = size // 2
    size -= 4
    offsets = []
    for skip in reversed(down):
        size = 2 * size - 4
        offsets.insert(0, (skip - size) // 2)
    return offsets


# %% paper remembered | q2 -4 | expected
def crop_offsets(size, depth):
    return [88, 40, 16, 4][:depth]


# %% zero gives nothing | q3 -2 | expected
def centre_crop(skip, height, width):
    H, W, C = skip.shape
    a = (H - height) // 2
    b = (W - width) // 2
    if a == 0 and b == 0:
        return skip
    return skip[a:-a, b:-b]


# %% crop by height twice | q3 -3 | the margin of the rows is used for the columns
def centre_crop(skip, height, width):
    H, W, C = skip.shape
    a = (H - height) // 2
    return skip[a:a + height, a:a + width, :]


# %% one pixel late | q3 -3 | expected
def centre_crop(skip, height, width):
    H, W = skip.shape[:2]
    top = (H - height + 1) // 2
    left = (W - width) // 2 + (W != width)
    return skip[top:top + height, left:left + width]


# %% columns cropped like rows | q4 -4 | the margin of the rows is used for the columns
def expanding_block(x, skip, filters):
    h, w = x.shape[1], x.shape[2]
    a = (skip.shape[1] - h) // 2
    b = (skip.shape[2] - w) // 2
    x = keras.layers.Conv2DTranspose(filters, 2, strides=2)(x)
    a = (skip.shape[1] - 2 * h) // 2
    skip = skip[:, a:a + 2 * h, a:a + 2 * w, :]
    x = keras.layers.Concatenate()([skip, x])
    x = keras.layers.Conv2D(filters, 3, activation="relu")(x)
    return keras.layers.Conv2D(filters, 3, activation="relu")(x)


# %% relu after up convolution | q4 -4 | there is a ReLU after the
def expanding_block(x, skip, filters):
    x = keras.layers.Conv2DTranspose(filters, 2, strides=2, activation="relu")(x)
    H, W = x.shape[1:3]
    a, b = (skip.shape[1] - H) // 2, (skip.shape[2] - W) // 2
    x = keras.layers.concatenate([skip[:, a:a + H, b:b + W], x])
    for _ in range(2):
        x = keras.layers.Conv2D(filters, 3, activation="relu")(x)
    return x


# %% skip resized | q4 -4 | expected
def expanding_block(x, skip, filters):
    x = keras.layers.Conv2DTranspose(filters, 2, strides=2)(x)
    skip = keras.layers.Resizing(x.shape[1], x.shape[2])(skip)
    x = keras.layers.Concatenate()([skip, x])
    x = keras.layers.Conv2D(filters, 3, activation="relu")(x)
    x = keras.layers.Conv2D(filters, 3, activation="relu")(x)
    return x


# %% added instead of joined | q4 -2 | the two maps are
def expanding_block(x, skip, filters):
    x = keras.layers.Conv2DTranspose(filters, 2, strides=2)(x)
    a = (skip.shape[1] - x.shape[1]) // 2
    b = (skip.shape[2] - x.shape[2]) // 2
    skip = keras.layers.Cropping2D(((a, a), (b, b)))(skip)
    if skip.shape[-1] == filters:
        x = keras.layers.Add()([skip, x])
    else:
        x = keras.layers.Concatenate()([skip, x])
    x = keras.layers.Conv2D(filters, 3, activation="relu")(x)
    return keras.layers.Conv2D(filters, 3, activation="relu")(x)


# %% bottom with the filters of the deepest level | q5 -5 | at the bottom the filters are not doubled once
def build_net(size, depth, filters, classes, contracting, expanding):
    inputs = x = keras.Input((size, size, 1))
    skips = []
    f = filters
    for level in range(depth):
        skip, x = contracting(x, f)
        skips.append((skip, f))
        if level < depth - 1:
            f = 2 * f
    x = keras.layers.Conv2D(f, 3, activation="relu")(x)
    x = keras.layers.Conv2D(f, 3, activation="relu")(x)
    for skip, f in skips[::-1]:
        x = expanding(x, skip, f)
    return keras.Model(inputs, keras.layers.Conv2D(classes, 1)(x))


# %% two classes always | q5 -5 | number of weights
def build_net(size, depth, filters, classes, contracting, expanding):
    inputs = x = keras.Input((size, size, 1))
    skips = []
    for level in range(depth):
        skip, x = contracting(x, filters * 2 ** level)
        skips.append(skip)
    x = keras.layers.Conv2D(filters * 2 ** depth, 3, activation="relu")(x)
    x = keras.layers.Conv2D(filters * 2 ** depth, 3, activation="relu")(x)
    while skips:
        x = expanding(x, skips.pop(), filters * 2 ** len(skips))
    return keras.Model(inputs, keras.layers.Conv2D(2, 1)(x))


# %% crop in half precision | q3 -3 | expected
def centre_crop(skip, height, width):
    top, left = (skip.shape[0] - height) // 2, (skip.shape[1] - width) // 2
    return skip[top:top + height, left:left + width].astype(np.float16)
