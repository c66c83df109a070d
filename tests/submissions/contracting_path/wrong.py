# %% same instead of valid | q1 -5 | padded with zeros
def convolve(image, kernel):
    (h, w), (height, width) = kernel.shape, image.shape
    top, left = (h - 1) // 2, (w - 1) // 2
    padded = np.pad(image, ((top, h - 1 - top), (left, w - 1 - left)))
    return np.array([[(padded[y:y + h, x:x + w] * kernel).sum() for x in range(width)] for y in range(height)])


# %% kernel turned | q1 -5 | turned by 180 degrees
from scipy.signal import convolve2d


def convolve(image, kernel):
    return convolve2d(image, kernel, mode="valid")


# %% one place too few | q1 -5 | n - k + 1 places
def convolve(image, kernel):
    h, w = kernel.shape
    return np.array([[(image[y:y + h, x:x + w] * kernel).sum() for x in range(image.shape[1] - w)]
                     for y in range(image.shape[0] - h)])


# %% transposed result | q1 -5 | the result is transposed
def convolve(image, kernel):
    h, w = kernel.shape
    return np.array([[(image[y:y + h, x:x + w] * kernel).sum() for y in range(image.shape[0] - h + 1)]
                     for x in range(image.shape[1] - w + 1)])


# %% works for square images only | q1 -5 | raised ValueError
def convolve(image, kernel):
    k, n = kernel.shape[0], image.shape[0]
    return np.array([[(image[y:y + k, x:x + k] * kernel).sum() for x in range(n - k + 1)] for y in range(n - k + 1)])


# %% answers of one input written down | q1 -5 | expected
def convolve(image, kernel):
    return np.array([[0.3, -1.2, 0.8, 0.1, 2.0]] * 5)


# %% mean pooling | q2 -3 | the mean of each window
def max_pool(features):
    height, width, channels = features.shape
    if height % 2 or width % 2:
        raise ValueError(f"odd: {features.shape}")
    return features.reshape(height // 2, 2, width // 2, 2, channels).mean(axis=(1, 3))


# %% overlapping windows | q2 -4 | must move by 2 pixels
def max_pool(features):
    return np.maximum.reduce([features[:-1, :-1], features[1:, :-1], features[:-1, 1:], features[1:, 1:]])


# %% odd sizes cut silently | q2 -1 | a window would hang over the edge
def max_pool(features):
    height, width, channels = features.shape
    features = features[:height // 2 * 2, :width // 2 * 2]
    return features.reshape(height // 2, 2, width // 2, 2, channels).max(axis=(1, 3))


# %% maximum starts at zero | q2 -3 | negative values are lost
def max_pool(features):
    height, width, channels = features.shape
    if height % 2 or width % 2:
        raise ValueError(f"odd: {features.shape}")
    result = np.zeros((height // 2, width // 2, channels))
    for y in range(height):
        for x in range(width):
            result[y // 2, x // 2] = np.maximum(result[y // 2, x // 2], features[y, x])
    return result


# %% one convolution a level | q3 -4 | loses 2 pixels here
def path_sizes(size, depth):
    sizes = [size]
    for level in range(depth + 1):
        sizes.append(sizes[-1] - 2)
        if level < depth:
            if sizes[-1] % 2:
                raise ValueError("odd")
            sizes.append(sizes[-1] // 2)
    return sizes


# %% bottom convolutions forgotten | q3 -3 | after the last pooling, are missing
def path_sizes(size, depth):
    sizes = [size]
    for _ in range(depth):
        sizes += [sizes[-1] - 2, sizes[-1] - 4]
        if sizes[-1] % 2:
            raise ValueError("odd")
        sizes.append(sizes[-1] // 2)
    return sizes


# %% odd sides rounded down | q3 -1 | a pooling would meet an odd side
def path_sizes(size, depth):
    sizes = [size]
    for level in range(depth + 1):
        sizes += [sizes[-1] - 2, sizes[-1] - 4]
        if level < depth:
            sizes.append(sizes[-1] // 2)
    return sizes


# %% last left out | q4 -3 | `last` itself is left out
def legal_inputs(first, last, depth):
    lowest = 12 * 2 ** depth - 8 + min(4, 2 ** depth)
    return [size for size in range(first, last) if size >= lowest and (size - lowest) % 2 ** depth == 0]


# %% multiples of sixteen | q4 -3 | multiples of 2 ** depth
def legal_inputs(first, last, depth):
    return [size for size in range(first, last + 1) if size % 2 ** depth == 0]


# %% too small sizes accepted | q4 -3 | some of these are too small
def legal_inputs(first, last, depth):
    return [size for size in range(first, last + 1) if (size - 12 * 2 ** depth + 8 - min(4, 2 ** depth)) % 2 ** depth == 0]


# %% padded convolutions in Keras | q5 -4 | the convolutions pad
def contracting_block(x, filters):
    for _ in range(2):
        x = keras.layers.Conv2D(filters, 3, activation="relu", padding="same")(x)
    return x, keras.layers.MaxPooling2D(2)(x)


# %% results swapped | q5 -4 | the two results are swapped
def contracting_block(x, filters):
    for _ in range(2):
        x = keras.layers.Conv2D(filters, 3, activation="relu")(x)
    return keras.layers.MaxPooling2D(2)(x), x


# %% skip taken after the pooling | q5 -4 | taken after the pooling
def contracting_block(x, filters):
    for _ in range(2):
        x = keras.layers.Conv2D(filters, 3, activation="relu")(x)
    x = keras.layers.MaxPooling2D(2)(x)
    return x, x


# %% second activation forgotten | q5 -4 | the second convolution has no ReLU
def contracting_block(x, filters):
    x = keras.layers.Conv2D(filters, 3, activation="relu")(x)
    x = keras.layers.Conv2D(filters, 3)(x)
    return x, keras.layers.MaxPooling2D(2)(x)


# %% batch normalization added | q5 -4 | the paper has none
def contracting_block(x, filters):
    for _ in range(2):
        x = keras.layers.Conv2D(filters, 3)(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.ReLU()(x)
    return x, keras.layers.MaxPooling2D(2)(x)


# %% the package's own block | q5 -4 | write it yourself
from unet_tutorial.model import contracting_block


# %% the package's own sizes, wrapped | q3 -4 | write it yourself
def path_sizes(size, depth):
    import unet_tutorial.geometry

    return unet_tutorial.geometry.layer_sizes(size, depth)[:3 * depth + 3]


# %% result of the image's type | q1 -1 | the result has the type of the image
def convolve(image, kernel):
    h, w = kernel.shape
    output = np.zeros_like(image[h - 1:, w - 1:])
    for y in range(output.shape[0]):
        for x in range(output.shape[1]):
            output[y, x] = np.sum(image[y:y + h, x:x + w] * kernel)
    return output


# %% two odd sides accepted | q2 -1 | a window would hang over the edge
def max_pool(features):
    height, width, channels = features.shape
    if (height + width) % 2:
        raise ValueError(f"size {height} x {width} cannot be pooled")
    height, width = height // 2, width // 2
    return features[:2 * height, :2 * width].reshape(height, 2, width, 2, channels).max((1, 3))


# %% message without the size | q2 -1 | does not name what is wrong, 5
def max_pool(features):
    height, width, channels = features.shape
    if height % 2 or width % 2:
        raise ValueError("odd input")
    return features.reshape(height // 2, 2, width // 2, 2, channels).max((1, 3))


# %% list that begins at an illegal size | q4 -2 | begins at `first`
def legal_inputs(first, last, depth):
    period, loss = 2 ** depth, 12 * 2 ** depth - 8
    smallest = loss + 1
    while (smallest + 4) % period:
        smallest += 1
    return list(range(max(first, smallest), last + 1, period))


# %% four pixels left at every depth | q4 -3 | not 4 px at every depth
def legal_inputs(first, last, depth):
    smallest = 12 * 2 ** depth - 4
    return [size for size in range(first, last + 1) if size >= smallest and (size - smallest) % 2 ** depth == 0]


# %% no bias in Keras | q5 -4 | the convolutions have no bias
def contracting_block(x, filters):
    for _ in range(2):
        x = keras.layers.Conv2D(filters, 3, activation="relu", use_bias=False)(x)
    return x, keras.layers.MaxPooling2D(2)(x)


# %% drop-out in the block | q5 -4 | there is a drop-out
def contracting_block(x, filters):
    x = keras.layers.Conv2D(filters, 3, activation="relu")(x)
    x = keras.layers.Dropout(0.2)(x)
    x = keras.layers.Conv2D(filters, 3, activation="relu")(x)
    return x, keras.layers.MaxPooling2D(2)(x)


# %% odd bottom refused | q3 -3, q4 -3 | odd
def path_sizes(size, depth):
    sizes = [size]
    for level in range(depth + 1):
        sizes += [sizes[-1] - 2, sizes[-1] - 4]
        if sizes[-1] % 2:
            raise ValueError(f"odd side {sizes[-1]}")
        if level < depth:
            sizes.append(sizes[-1] // 2)
    return sizes


def legal_inputs(first, last, depth):
    legal = []
    for size in range(first, last + 1):
        try:
            path_sizes(size, depth)
        except ValueError:
            continue
        if size > 12 * 2 ** depth - 8:
            legal.append(size)
    return legal


# %% products in the small type | q1 -1 | expected
def convolve(image, kernel):
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return (windows * kernel).sum((2, 3))


# %% result in 16 bits | q1 -5 | expected
def convolve(image, kernel):
    windows = np.lib.stride_tricks.sliding_window_view(np.float64(image), kernel.shape)
    return (windows * kernel).sum((2, 3)).astype(np.float16)


# %% sizes as floats | q3 -3 | they are floats
def path_sizes(size, depth):
    sizes = [size]
    for level in range(depth + 1):
        sizes += [sizes[-1] - 2, sizes[-1] - 4]
        if level < depth:
            if sizes[-1] % 2:
                raise ValueError("odd")
            sizes.append(sizes[-1] / 2)
    return sizes


# %% nothing at depth 0 | q3 -2 | depth: 0
def path_sizes(size, depth):
    sizes = [size]
    for level in range(depth):
        sizes += [sizes[-1] - 2, sizes[-1] - 4]
        if sizes[-1] % 2:
            raise ValueError("odd")
        sizes.append(sizes[-1] // 2)
    return sizes + [sizes[-1] - 2, sizes[-1] - 4] if depth else sizes


# %% kernel turned one axis | q1 -5 | expected
def convolve(image, kernel):
    kernel = kernel[:, ::-1]
    h, w = kernel.shape
    H, W = image.shape
    out = np.zeros((H - h + 1, W - w + 1))
    for y in range(H - h + 1):
        for x in range(W - w + 1):
            out[y, x] = (image[y:y + h, x:x + w] * 1.0 * kernel).sum()
    return out


# %% widened to uint16 | q1 -1 | expected
def convolve(image, kernel):
    if image.dtype.kind in "iu":
        image = image.astype(np.uint16)
    if kernel.dtype.kind in "iu":
        kernel = kernel.astype(np.uint16)
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return np.einsum("yxij,ij->yx", windows, kernel)


# %% result rounded for integer image | q1 -1 | expected
def convolve(image, kernel):
    h, w = kernel.shape
    H, W = image.shape
    out = np.zeros((H - h + 1, W - w + 1), dtype=float)
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            out[y, x] = (image[y:y + h, x:x + w].astype(float) * kernel).sum()
    if image.dtype.kind in "iu":
        out = np.round(out).astype(int)
    return out


# %% square kernel assumed | q1 -5 | expected
def convolve(image, kernel):
    k = len(kernel)
    H, W = image.shape
    out = np.zeros((H - k + 1, W - kernel.shape[1] + 1))
    for i in range(k):
        for j in range(k):
            if j < kernel.shape[1]:
                out += kernel[i, j] * image[i:i + out.shape[0], j:j + out.shape[1]].astype(float)
    return out


# %% clipped to 255 | q1 -1 | expected
def convolve(image, kernel):
    from scipy import signal
    out = signal.correlate2d(image.astype(float), kernel.astype(float), mode="valid")
    if image.dtype == np.uint8:
        out = np.clip(out, 0, 255)
    return out


# %% message names the other side | q2 -1 | does not name what is wrong
def max_pool(features):
    H, W, C = features.shape
    if H % 2 != 0 or W % 2 != 0:
        raise ValueError("the height must be even, but it is " + str(H))
    return features.reshape(H // 2, 2, W // 2, 2, C).max(axis=(1, 3))


# %% windows of halves | q2 -3 | expected
def max_pool(features):
    H, W, C = features.shape
    if H % 2:
        raise ValueError(f"height {H}")
    if W % 2:
        raise ValueError(f"width {W}")
    return features.reshape(2, H // 2, 2, W // 2, C).max(axis=0).max(axis=1)


# %% product checked | q2 -1 | expected a ValueError
def max_pool(features):
    H, W, C = features.shape
    if (H * W) % 2:
        raise ValueError(f"{H} and {W} are odd")
    H2, W2 = H // 2, W // 2
    out = np.empty((H2, W2, C), dtype=features.dtype)
    for y in range(H2):
        for x in range(W2):
            out[y, x] = features[2 * y:2 * y + 2, 2 * x:2 * x + 2].max(axis=(0, 1))
    return out


# %% pools after the bottom | q3 -3 | raised ValueError
def path_sizes(size, depth):
    sizes = [size]
    for level in range(depth + 1):
        sizes += [size - 2, size - 4]
        size = size - 4
        if size % 2:
            raise ValueError(f"odd size {size}")
        size = size // 2
        if level < depth:
            sizes.append(size)
    return sizes


# %% input checked only | q3 -1 | expected a ValueError
def path_sizes(size, depth):
    if size % 2 and depth:
        raise ValueError(f"{size} is odd")
    sizes = [size]
    for _ in range(depth):
        sizes.append(sizes[-1] - 2)
        sizes.append(sizes[-1] - 2)
        sizes.append(sizes[-1] // 2)
    sizes.append(sizes[-1] - 2)
    sizes.append(sizes[-1] - 2)
    return sizes


# %% only one without pooling | q3 -2 | expected
def path_sizes(size, depth):
    sizes = [size]
    if depth == 0:
        return sizes
    for _ in range(depth):
        sizes += [size - 2, size - 4]
        if (size - 4) % 2:
            raise ValueError("odd")
        size = (size - 4) // 2
        sizes.append(size)
    return sizes + [size - 2, size - 4]


# %% an array of floats | q3 -3 | they are
def path_sizes(size, depth):
    sizes = np.zeros(3 * depth + 3)
    sizes[0] = size
    for k in range(1, len(sizes)):
        if k % 3 == 0:
            if sizes[k - 1] % 2:
                raise ValueError("odd side")
            sizes[k] = sizes[k - 1] // 2
        else:
            sizes[k] = sizes[k - 1] - 2
    return list(sizes)


# %% four pixels left at every depth | q4 -3 | the smallest output is not 4 px at every depth
def legal_inputs(first, last, depth):
    smallest = 12 * 2 ** depth - 8 + 4
    step = 2 ** depth
    return [s for s in range(first, last + 1) if s >= smallest and (s - smallest) % step == 0]


# %% begins at first | q4 -3 | expected
def legal_inputs(first, last, depth):
    step = 2 ** depth
    lost = 12 * step - 8
    start = max(first, lost + 1)
    while (start + 8 - 12 * step) % step:
        start += 1
    return [int(s) for s in np.arange(start, last, step)]


# %% nothing left is legal | q4 -3 | expected
def legal_inputs(first, last, depth):
    legal = []
    for size in range(first, last + 1):
        s, ok = size, True
        for _ in range(depth):
            s -= 4
            if s % 2 or s < 0:
                ok = False
                break
            s //= 2
        s -= 4
        for _ in range(depth):
            s = 2 * s - 4
        if ok and s >= 0:
            legal.append(size)
    return legal


# %% pool before second convolution | q5 -4 | expected
def contracting_block(x, filters):
    x = keras.layers.Conv2D(filters, 3, activation="relu")(x)
    skip = keras.layers.Conv2D(filters, 3, activation="relu")(x)
    return skip, keras.layers.MaxPooling2D(2)(x)


# %% pooling over 3x3 | q5 -4 | expected
def contracting_block(x, filters):
    x = keras.layers.Conv2D(filters, 3, activation="relu")(x)
    x = keras.layers.Conv2D(filters, 3, activation="relu")(x)
    return x, keras.layers.MaxPooling2D(3, strides=2, padding="same")(x)


# %% second convolution without a bias | q5 -4 | number of weights
def contracting_block(x, filters):
    first = keras.layers.Conv2D(filters, 3)
    x = keras.layers.ReLU()(first(x))
    if x.shape[-1] == filters:
        second = keras.layers.Conv2D(filters, 3, activation="relu", use_bias=False)
    x = second(x)
    return x, keras.layers.MaxPool2D()(x)


# %% leaky activation | q5 -4 | expected
def contracting_block(x, filters):
    x = keras.layers.Conv2D(filters, 3)(x)
    x = keras.layers.LeakyReLU(0.01)(x)
    x = keras.layers.Conv2D(filters, 3)(x)
    x = keras.layers.LeakyReLU(0.01)(x)
    return x, keras.layers.MaxPool2D()(x)


# %% absolute kernel | q1 -5 | expected
def convolve(image, kernel):
    h, w = kernel.shape
    win = np.lib.stride_tricks.sliding_window_view(np.asarray(image, float), (h, w))
    return np.tensordot(win, np.abs(kernel), axes=([2, 3], [0, 1]))


# %% fft same cut at the start | q1 -5 | expected
def convolve(image, kernel):
    from scipy.signal import fftconvolve
    full = fftconvolve(np.asarray(image, float), np.asarray(kernel, float)[::-1, ::-1], mode="same")
    H, W = image.shape
    return full[:H - kernel.shape[0] + 1, :W - kernel.shape[1] + 1]


# %% strided slices three of four | q2 -3 | expected
def max_pool(features):
    H, W, C = features.shape
    if H % 2 or W % 2:
        raise ValueError(f"odd side: {H if H % 2 else W}")
    a, b, c = features[::2, ::2], features[1::2, ::2], features[1::2, 1::2]
    return np.maximum(a, np.maximum(b, c))


# %% keras padding same | q2 -1 | expected a ValueError
def max_pool(features):
    x = np.asarray(features, "float32")[None]
    if x.shape[1] % 2 and x.shape[2] % 2:
        raise ValueError(str(x.shape))
    return np.array(keras.layers.MaxPooling2D(2, padding="same")(x))[0]


# %% checks before the convolutions | q3 -3 | raised ValueError
def path_sizes(size, depth):
    sizes = [size]
    for _ in range(depth):
        if sizes[-1] % 2:
            raise ValueError("odd side before the level: " + str(sizes[-1]))
        sizes += [sizes[-1] - 2, sizes[-1] - 4, (sizes[-1] - 4) // 2]
    if sizes[-1] % 2:
        raise ValueError("odd")
    return sizes + [sizes[-1] - 2, sizes[-1] - 4]


# %% step fixed to sixteen | q4 -3 | expected
def legal_inputs(first, last, depth):
    return [s for s in range(first, last + 1) if s > 12 * 2 ** depth - 8 and s % 16 == 12]


# %% a kernel of floats cut for an unsigned image | q1 -1 | expected
def convolve(image, kernel):
    if image.dtype.kind == "u":
        image = image.astype(np.int64)
        kernel = kernel.astype(np.int64)
    h, w = kernel.shape
    out = np.zeros((image.shape[0] - h + 1, image.shape[1] - w + 1))
    for i in range(h):
        for j in range(w):
            out += image[i:i + out.shape[0], j:j + out.shape[1]] * kernel[i, j]
    return out
