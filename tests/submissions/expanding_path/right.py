# %% up-convolution by loops, lists returned
def up_convolve(features, kernel):
    height, width, channels = features.shape
    return [[[sum(features[row // 2, column // 2, c] * kernel[row % 2, column % 2, c, d] for c in range(channels))
              for d in range(kernel.shape[3])] for column in range(2 * width)] for row in range(2 * height)]


# %% up-convolution by einsum, in float32
def up_convolve(features, kernel):
    blocks = np.einsum("yxc,ijcd->yixjd", features.astype(np.float32), kernel.astype(np.float32))
    return blocks.reshape(2 * len(features), -1, kernel.shape[-1])


# %% up-convolution by TensorFlow
import tensorflow as tf


def up_convolve(features, kernel):
    height, width, _ = features.shape
    turned = tf.constant(kernel.swapaxes(2, 3), tf.float32)
    return tf.nn.conv2d_transpose(tf.constant(features[None], tf.float32), turned,
                                  (1, 2 * height, 2 * width, kernel.shape[3]), 2)[0]


# %% up-convolution by a Keras layer
def up_convolve(features, kernel):
    layer = keras.layers.Conv2DTranspose(kernel.shape[3], 2, strides=2, use_bias=False)
    layer.build((None, *features.shape))
    layer.set_weights([kernel.transpose(0, 1, 3, 2)])
    return layer(features[np.newaxis])[0]


# %% up-convolution by kron, one channel after the other
def up_convolve(features, kernel):
    height, width, channels = features.shape
    total = 0
    for c in range(channels):
        maps = [np.kron(features[..., c], one) for one in np.moveaxis(kernel[:, :, c], -1, 0)]
        total = total + np.stack(maps, axis=-1)
    return total


# %% offsets by the formula, as an array
def crop_offsets(size, depth):
    return 12 * 2 ** np.arange(depth - 1, -1, -1) - 8


# %% offsets by recursion, as a tuple
def below(side, depth):
    """Side after all that lies below a level, and the offsets there."""
    if depth == 0:
        return side - 4, ()
    out, offsets = below((side - 4) // 2, depth - 1)
    return 2 * out - 4, ((side - 4 - 2 * out) // 2, *offsets)


def crop_offsets(size, depth):
    return below(size, depth)[1]


# %% crop by Keras
def centre_crop(skip, height, width):
    return keras.layers.CenterCrop(height, width)(skip)


# %% crop by taking one line off each side, again and again
def centre_crop(skip, height, width):
    while len(skip) > height:
        skip = skip[1:-1]
    while skip.shape[1] > width:
        skip = np.delete(skip, [0, -1], axis=1)
    return skip.copy()


# %% block by Cropping2D, skip first, activations apart
def expanding_block(x, skip, filters):
    layers = keras.layers
    up = layers.Conv2DTranspose(filters, (2, 2), (2, 2), padding="same", name="up")(x)
    margins = [(side - want) // 2 for side, want in zip(skip.shape[1:3], up.shape[1:3])]
    x = layers.concatenate([layers.Cropping2D(margins)(skip), up])
    x = layers.Activation("relu")(layers.Conv2D(filters, 3)(x))
    return layers.ReLU()(layers.Conv2D(filters, (3, 3), kernel_initializer="he_normal")(x))


# %% block by CenterCrop and a Sequential
def expanding_block(x, skip, filters):
    layers = keras.layers
    convolutions = keras.Sequential([layers.Conv2D(filters, 3, activation="relu"), layers.Dropout(0.1),
                                     layers.Conv2D(filters, 3, activation=keras.ops.relu)])
    cropped = layers.CenterCrop(2 * x.shape[1], 2 * x.shape[2])(skip)
    up = layers.Conv2DTranspose(filters, kernel_size=2, strides=2)(x)
    return convolutions(keras.ops.concatenate([cropped, up], axis=-1))


# %% block as a layer of its own
class Level(keras.layers.Layer):
    def __init__(self, filters):
        super().__init__()
        self.convolutions = [keras.layers.Conv2D(filters, 3, activation="relu") for _ in range(2)]
        self.up = keras.layers.Conv2DTranspose(filters, 2, strides=2)

    def call(self, x, skip):
        x = self.up(x)
        top, left = (skip.shape[1] - x.shape[1]) // 2, (skip.shape[2] - x.shape[2]) // 2
        x = keras.ops.concatenate([skip[:, top:skip.shape[1] - top, left:skip.shape[2] - left], x], axis=-1)
        for convolution in self.convolutions:
            x = convolution(x)
        return x


def expanding_block(x, skip, filters):
    return Level(filters)(x, skip)


# %% net by recursion
def build_net(size, depth, filters, classes, contracting, expanding):
    def rest(x, level):
        width = filters * 2 ** level
        if level == depth:
            for number in (1, 2):
                x = keras.layers.Conv2D(width, 3, name=f"bottom{number}")(x)
                x = keras.layers.ReLU()(x)
            return x
        features, pooled = contracting(x, width)
        return expanding(rest(pooled, level + 1), features, width)

    inputs = keras.Input(shape=(size, size, 1), name="tile")
    outputs = keras.layers.Conv2D(classes, 1, activation="linear", name="logits")(rest(inputs, 0))
    return keras.Model(inputs=[inputs], outputs=outputs)


# %% a dense layer at the end
def build_net(size, depth, filters, classes, contracting, expanding):
    x = inputs = keras.Input((size, size, 1))
    skips = []
    for level in range(depth):
        features, x = contracting(x, filters * 2 ** level)
        skips.append(features)
    for _ in range(2):
        x = keras.layers.Conv2D(filters * 2 ** depth, 3, activation="relu")(x)
    while skips:
        x = expanding(x, skips.pop(), filters * 2 ** len(skips))
    return keras.Model(inputs, keras.layers.Dense(classes)(x))
