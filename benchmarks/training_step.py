"""A training step of build_unet against the same layers written out by hand. Run: python benchmarks/training_step.py"""

import time

import numpy as np

from unet_tutorial._backend._tensorflow import keras, tf
from unet_tutorial.model import build_unet

FILTERS = 16
TILE = 572


def by_hand():
    """Write the net of figure 1 down layer by layer, with Keras's own Cropping2D and nothing of ours."""
    layers = keras.layers
    inputs = keras.Input((TILE, TILE, 1))
    conv1 = layers.Conv2D(FILTERS, 3, activation="relu")(inputs)
    conv1 = layers.Conv2D(FILTERS, 3, activation="relu")(conv1)
    conv2 = layers.MaxPooling2D(2)(conv1)
    conv2 = layers.Conv2D(2 * FILTERS, 3, activation="relu")(conv2)
    conv2 = layers.Conv2D(2 * FILTERS, 3, activation="relu")(conv2)
    conv3 = layers.MaxPooling2D(2)(conv2)
    conv3 = layers.Conv2D(4 * FILTERS, 3, activation="relu")(conv3)
    conv3 = layers.Conv2D(4 * FILTERS, 3, activation="relu")(conv3)
    conv4 = layers.MaxPooling2D(2)(conv3)
    conv4 = layers.Conv2D(8 * FILTERS, 3, activation="relu")(conv4)
    conv4 = layers.Conv2D(8 * FILTERS, 3, activation="relu")(conv4)
    bottom = layers.MaxPooling2D(2)(conv4)
    bottom = layers.Conv2D(16 * FILTERS, 3, activation="relu")(bottom)
    bottom = layers.Conv2D(16 * FILTERS, 3, activation="relu")(bottom)
    up4 = layers.Conv2DTranspose(8 * FILTERS, 2, strides=2)(bottom)
    up4 = layers.Concatenate()([up4, layers.Cropping2D(4)(conv4)])
    up4 = layers.Conv2D(8 * FILTERS, 3, activation="relu")(up4)
    up4 = layers.Conv2D(8 * FILTERS, 3, activation="relu")(up4)
    up3 = layers.Conv2DTranspose(4 * FILTERS, 2, strides=2)(up4)
    up3 = layers.Concatenate()([up3, layers.Cropping2D(16)(conv3)])
    up3 = layers.Conv2D(4 * FILTERS, 3, activation="relu")(up3)
    up3 = layers.Conv2D(4 * FILTERS, 3, activation="relu")(up3)
    up2 = layers.Conv2DTranspose(2 * FILTERS, 2, strides=2)(up3)
    up2 = layers.Concatenate()([up2, layers.Cropping2D(40)(conv2)])
    up2 = layers.Conv2D(2 * FILTERS, 3, activation="relu")(up2)
    up2 = layers.Conv2D(2 * FILTERS, 3, activation="relu")(up2)
    up1 = layers.Conv2DTranspose(FILTERS, 2, strides=2)(up2)
    up1 = layers.Concatenate()([up1, layers.Cropping2D(88)(conv1)])
    up1 = layers.Conv2D(FILTERS, 3, activation="relu")(up1)
    up1 = layers.Conv2D(FILTERS, 3, activation="relu")(up1)
    return keras.Model(inputs, layers.Conv2D(2, 1)(up1))


def compiled(model):
    model.compile(
        keras.optimizers.SGD(1e-3, momentum=0.99), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    return model


def main():
    rng = np.random.default_rng(0)
    image = tf.constant(rng.random((1, TILE, TILE, 1), dtype=np.float32))
    label = tf.constant(rng.integers(0, 2, (1, TILE - 184, TILE - 184)))
    models = {"build_unet": compiled(build_unet((TILE, TILE, 1), base_filters=FILTERS)), "by hand": compiled(by_hand())}
    models["by hand"].set_weights(models["build_unet"].get_weights())
    losses = [model.train_on_batch(image, label) for model in models.values()]  # the first step also traces the graph
    print(f"loss of the first step: {', '.join(f'{loss:.6f}' for loss in losses)}")
    times = {name: [] for name in models}
    for repeat in range(24):
        for name in sorted(models, reverse=repeat % 2):  # taken in turn, so that a busy machine slows both
            start = time.perf_counter()
            models[name].train_on_batch(image, label)
            times[name].append(time.perf_counter() - start)
    for name, seconds in times.items():
        print(f"{name:10s} {1e3 * np.median(seconds):6.0f} ms a step, median; {1e3 * min(seconds):6.0f} ms at best")
    ratios = np.divide(times["build_unet"], times["by hand"])
    print(f"build_unet / by hand: {np.median(ratios):.3f} (median of {len(ratios)} pairs)")


if __name__ == "__main__":
    main()
