"""Elastic deformation against SciPy's cubic map_coordinates. Run: python benchmarks/elastic.py"""

import time

import numpy as np
from scipy import ndimage

from unet_tutorial.augmentation import displacement_field, elastic_deform, warp

SIZE = 512


def scipy_pair(image, label, rng):
    """Take our field, and let SciPy sample the image with cubic splines and the label at the nearest pixel."""
    places = np.indices(label.shape) + displacement_field(label.shape, rng)
    return (
        ndimage.map_coordinates(image, places, order=3, mode="mirror"),
        ndimage.map_coordinates(label, places, order=0, mode="mirror"),
    )


def scipy_pair_and_field(image, label, rng):
    """Let SciPy spread the nine vectors over the pixels as well."""
    nodes = np.mgrid[0 : 2 : SIZE * 1j, 0 : 2 : SIZE * 1j]
    field = [ndimage.map_coordinates(rng.normal(0, 10, (3, 3)), nodes, order=3, mode="mirror") for _ in range(2)]
    places = np.indices(label.shape) + np.stack(field)
    return (
        ndimage.map_coordinates(image, places, order=3, mode="mirror"),
        ndimage.map_coordinates(label, places, order=0, mode="mirror"),
    )


def main():
    rng = np.random.default_rng(0)
    image = rng.random((SIZE, SIZE), dtype=np.float32)
    label = (image > 0.2).astype(np.uint8)
    routes = (elastic_deform, scipy_pair, scipy_pair_and_field)
    times = {route: [] for route in routes}
    for _ in range(25):
        for route in routes:  # taken in turn, so that a busy machine slows all of them
            start = time.perf_counter()
            route(image, label, rng)
            times[route].append(time.perf_counter() - start)
    medians = {route: float(np.median(times[route])) for route in routes}
    for route in routes:
        print(
            f"{route.__name__:22s} {1e3 * medians[route]:6.1f} ms, {medians[route] / medians[elastic_deform]:.2f} "
            "times elastic_deform"
        )
    field = displacement_field(label.shape, rng)
    places = np.indices(label.shape) + field
    noise = {
        "linear": warp(image, field, order=1),
        "cubic convolution": warp(image, field),
        "SciPy's cubic spline": ndimage.map_coordinates(image, places, order=3, mode="mirror"),
    }
    print(
        "standard deviation of white noise that is left:",
        ", ".join(f"{name} {values.std() / image.std():.2f}" for name, values in noise.items()),
    )


if __name__ == "__main__":
    main()
