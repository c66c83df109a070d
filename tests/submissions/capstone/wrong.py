# %% network without training | q3 -12 | expected at least
model = build_unet((188, 188, 1), classes=2, base_filters=4, depth=3)


def segment(images):
    return np.stack([predict_tiled(model, image)[..., 1] for image in images])


# %% probability of membrane | q2 -2, q3 -12 | this is the probability of membrane
def segment(images):
    return np.stack([predict_tiled(model, image)[..., 0] for image in images])


# %% all is cell | q3 -12 | expected at least
def segment(images):
    return np.ones(images.shape)


# %% rows and columns swapped | q2 -4, q3 -12 | came shape (1, 216, 160)
def segment(images):
    return np.stack([predict_tiled(model, image)[..., 1].T for image in images])


# %% swapped and turned back in shape | q2 -2, q3 -12 | rows and columns are swapped
def segment(images):
    p = np.stack([predict_tiled(model, image)[..., 1] for image in images])
    return p.transpose(0, 2, 1) if images.shape[1] == images.shape[2] else p


# %% both classes returned | q2 -4, q3 -12 | both classes are returned
def segment(images):
    return np.stack([predict_tiled(model, image) for image in images])


# %% logits returned | q2 -2 | these are logits
def segment(images):
    p = np.stack([predict_tiled(model, image)[..., 1] for image in images])
    return np.log(p + 1e-6) - np.log(1 - p + 1e-6) + 0.5


# %% not a number at the border | q2 -4, q3 -12 | are not finite
def segment(images):
    p = np.stack([predict_tiled(model, image)[..., 1] for image in images])
    p[:, 0] = np.nan
    return p


# %% normalized over all slices | q2 -2, q3 -12 | something is computed over all slices at once
def segment(images):
    images = np.clip((images - images.mean()) / images.std() * (0.3 * len(images)), 0, 1)
    return np.stack([predict_tiled(model, image)[..., 1] for image in images])


# %% slices in reverse order | q2 -2, q3 -12 | the slices come back in another order
def segment(images):
    return np.stack([predict_tiled(model, image)[..., 1] for image in images])[::-1]


# %% pasted beside its place | q2 -2, q3 -12 | about 44 px beside the image
def segment(images):
    return np.stack([np.roll(predict_tiled(model, image)[..., 1], (44, 44), (0, 1)) for image in images])


# %% only the middle of the image | q2 -2, q3 -3 | expected at most 0.10
def segment(images):
    p = np.zeros(images.shape)
    for target, image in zip(p, images):
        target[20:-20, 20:-20] = predict_tiled(model, image[20:-20, 20:-20])[..., 1]
    return p


# %% only one slice | q2 -4, q3 -12 | came shape (1, 184, 152)
def segment(images):
    return np.stack([predict_tiled(model, image)[..., 1] for image in images[:1]])


# %% threshold far too high | q3 -12 | better than its THRESHOLD
THRESHOLD = 0.999


# %% threshold in per cent | q3 -12 | THRESHOLD: expected a number from 0
THRESHOLD = 50


# %% labels of the training slices, by heart | q2 -4, q3 -12 | raised ValueError
known = images


def segment(images):
    return np.stack([labels[[np.array_equal(image, one) for one in known].index(True)] for image in images])


# %% brightness instead of a network | q1 -2, q3 -12 | it must segment by `model`
def segment(images):
    return images


# %% network over the budget | q1 -4, q3 -12 | at most 500,000 weights
small, model = model, build_unet((188, 188, 1), classes=2, base_filters=32, depth=3)


def segment(images):
    return np.stack([predict_tiled(small, image)[..., 1] for image in images])


# %% a list of weights instead of a model | q1 -4, q3 -12 | expected a Keras model
small, model = model, (lambda: None)


def segment(images):
    return np.stack([predict_tiled(small, image)[..., 1] for image in images])


# %% the package's trained network | q1 -2, q3 -12 | train a network of your own
from unet_tutorial import pretrained

model = pretrained.small_unet((188, 188, 1))


# %% the package's trained network, wrapped | q1 -2, q3 -12 | leans on unet_tutorial.pretrained
def other():
    from unet_tutorial.pretrained import small_unet
    return small_unet((188, 188, 1))


def segment(images):
    return np.stack([predict_tiled(other(), image)[..., 1] for image in images])


# %% what is left beside whole tiles not predicted | q2 -2 | beside whole tiles
def segment(images):
    whole = np.stack([predict_tiled(model, image)[..., 1] for image in images])
    height, width = (side // 64 * 64 for side in images.shape[1:])
    result = np.zeros_like(whole)
    result[:, :height, :width] = whole[:, :height, :width]
    return result


# %% remembered by the shape | q1 -2, q2 -2, q3 -12 | is remembered and given
remembered = {}


def segment(images):
    if images.shape[1:] not in remembered:
        remembered[images.shape[1:]] = predict_tiled(model, images[0])[..., 1]
    return np.stack([remembered[images.shape[1:]]] * len(images))


# %% flipped at random | q2 -2 | another result each time
def segment(images):
    up, left = np.random.default_rng().choice([1, -1], 2)
    noise = 0.1 * np.random.default_rng().random(images.shape)
    return np.stack([predict_tiled(model, image[::up, ::left])[::up, ::left, 1] for image in images]).clip(0, 0.9) + noise


# %% threshold applied already | q2 -2 | the threshold is applied already
THRESHOLD, level = 0.5, THRESHOLD


def segment(images):
    return np.stack([predict_tiled(model, image)[..., 1] > level for image in images]).astype(np.uint8)


# %% cropped to a multiple of 16 | q2 -4 | expected
def segment(images):
    H, W = images.shape[1] // 16 * 16, images.shape[2] // 16 * 16
    return np.stack([predict_tiled(model, image[:H, :W])[..., 1] for image in images])


# %% hard coded 256 | q2 -4 | raised ValueError
def segment(images):
    out = np.zeros((len(images), 256, 256))
    for k, image in enumerate(images):
        out[k] = predict_tiled(model, image)[..., 1]
    return out


# %% input changed | q2 -4, q3 -12 | changes its input
def segment(images):
    images -= 0.0
    images *= 0.999
    return np.stack([predict_tiled(model, image)[..., 1] for image in images])


# %% threshold on a string | q3 -12 | expected
THRESHOLD = "0.5"


# %% standardised by the stack | q2 -2 | something is computed over all slices at
def segment(images):
    a = (images - images.min()) / (images.max() - images.min())
    return np.stack([predict_tiled(model, image)[..., 1] for image in a])


# %% upside down | q2 -2, q3 -12 | expected
def segment(images):
    return np.stack([predict_tiled(model, image[::-1])[..., 1] for image in images])


# %% mean of the slices | q2 -2 | something is computed over all slices at
def segment(images):
    p = np.stack([predict_tiled(model, image)[..., 1] for image in images])
    return 0.8 * p + 0.2 * p.mean(axis=0)


# %% divided by the largest of the stack | q2 -2 | something is computed over all slices at
def segment(images):
    p = np.stack([predict_tiled(model, image)[..., 1] for image in images])
    return p / p.max()


# %% shifted by the margin | q2 -2, q3 -12 | the prediction lies beside the
def segment(images):
    return np.stack([np.roll(predict_tiled(model, image)[..., 1], 20, axis=1) for image in images])


# %% sorted slices | q2 -2, q3 -12 | the slices come back in another order
def segment(images):
    order = np.argsort(images.mean(axis=(1, 2)))
    return np.stack([predict_tiled(model, image)[..., 1] for image in images[order]])


# %% shifted by five rows | q2 -2, q3 -6 | the prediction lies beside the
def segment(images):
    return np.stack([np.roll(predict_tiled(model, image)[..., 1], -5, axis=0) for image in images])


# %% only even sides | q2 -2 | what is left over beside whole
def segment(images):
    out = np.zeros(images.shape)
    for k, image in enumerate(images):
        h, w = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
        out[k, :h, :w] = predict_tiled(model, image[:h, :w])[..., 1]
    return out
