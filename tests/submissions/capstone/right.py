# %% four flips averaged
from unet_tutorial.tiling import predict_flipped


def segment(images):
    return np.stack([predict_flipped(model, image)[..., 1] for image in images])


# %% in float64, as a list
def segment(images):
    return [predict_tiled(model, image)[..., 1].astype(np.float64) for image in images]


# %% whole slices at once
from unet_tutorial.model import resize_unet
import keras


def segment(images):
    p = []
    for image in images:
        padded = np.pad(image, [(44, 44 + (4 - side - 88) % 8) for side in image.shape], mode="reflect")
        net = resize_unet(model, (*padded.shape, 1))
        p.append(keras.ops.softmax(net(padded[None, ..., None], training=False))[0, :image.shape[0], :image.shape[1], 1])
    return np.stack(p)


# %% threshold in the middle, a NumPy number
THRESHOLD = np.float32(0.5)


# %% a class instead of a function
class Segmenter:
    def __init__(self, net):
        self.net = net

    def __call__(self, images):
        return np.stack([predict_tiled(self.net, image, tile=188)[..., 1] for image in images])


segment = Segmenter(model)
