# %% field by a parabola through three nodes, in float32
def displacement_field(vectors, height, width):
    def weights(side):
        t = np.linspace(-1, 1, side, dtype=np.float32)
        return np.stack([t * (t - 1) / 2, 1 - t * t, t * (t + 1) / 2], axis=1)

    return np.einsum("yi,ijk,xj->yxk", weights(height), vectors.astype(np.float32), weights(width))


# %% field by SciPy's zoom
def displacement_field(vectors, height, width):
    return ndimage.zoom(vectors, (height / 3, width / 3, 1), order=3)


# %% field by map_coordinates, a list of lists
def displacement_field(vectors, height, width):
    y, x = np.mgrid[:height, :width]
    places = [2 * y / (height - 1), 2 * x / (width - 1)]
    parts = [ndimage.map_coordinates(vectors[:, :, k], places, order=3, mode="nearest") for k in range(2)]
    return np.stack(parts, axis=-1).tolist()


# %% field by a spline of degree 2 over the plane
def displacement_field(vectors, height, width):
    rows, columns = np.linspace(0, height - 1, 3), np.linspace(0, width - 1, 3)
    field = np.empty((height, width, 2))
    for k in range(2):
        spline = interpolate.RectBivariateSpline(rows, columns, vectors[..., k], kx=2, ky=2)
        field[..., k] = spline(np.arange(height), np.arange(width))
    return field


# %% field by TensorFlow's bicubic resize
import tensorflow as tf


def displacement_field(vectors, height, width):
    return tf.compat.v1.image.resize_bicubic(tf.constant(vectors[None], tf.float32), (height, width), align_corners=True)[0]


# %% field by splines with flat ends
def displacement_field(vectors, height, width):
    field = vectors
    for axis, side in enumerate((height, width)):
        field = interpolate.make_interp_spline([0, 1, 2], field, k=3, axis=axis, bc_type="clamped")(np.linspace(0, 2, side))
    return field


# %% image by loops
def warp(image, field):
    height, width = image.shape

    def pixel(row, column):
        row, column = row % (2 * height - 2), column % (2 * width - 2)
        return image[min(row, 2 * height - 2 - row), min(column, 2 * width - 2 - column)]

    result = np.zeros_like(image)
    for y in range(height):
        for x in range(width):
            row, column = y + field[y, x, 0], x + field[y, x, 1]
            top, left = int(np.floor(row)), int(np.floor(column))
            down, right = row - top, column - left
            result[y, x] = (pixel(top, left) * (1 - down) * (1 - right) + pixel(top, left + 1) * (1 - down) * right
                            + pixel(top + 1, left) * down * (1 - right) + pixel(top + 1, left + 1) * down * right)
    return result


# %% image by padding and an interpolator
def warp(image, field):
    height, width = image.shape
    padded = np.pad(image, ((height, height), (width, width)), mode="reflect")
    sample = interpolate.RegularGridInterpolator((np.arange(3 * height), np.arange(3 * width)), padded)
    places = np.stack(np.indices(image.shape), axis=-1) + field + image.shape
    return sample(places).astype(np.float32)


# %% image by scikit-image, label by SciPy
import skimage


def warp(image, field):
    places = np.indices(image.shape) + np.moveaxis(field, -1, 0)
    return skimage.transform.warp(image, places, order=1, mode="reflect")


def warp_label(label, field):
    places = np.indices(label.shape) + np.moveaxis(field, -1, 0)
    return ndimage.map_coordinates(label, places, order=0, mode="mirror")


# %% label by loops
def warp_label(label, field):
    result = label.copy()
    for y, x in np.ndindex(*label.shape):
        place = []
        for index, shift, side in zip((y, x), field[y, x], label.shape):
            index = int(np.floor(index + shift + 0.5))
            while not 0 <= index < side:
                index = -index if index < 0 else 2 * (side - 1) - index
            place.append(index)
        result[y, x] = label[tuple(place)]
    return result


# %% label by TensorFlow's gather
import tensorflow as tf


def warp_label(label, field):
    height, width = label.shape
    padded = np.pad(label, ((height, height), (width, width)), mode="reflect")
    places = np.rint(np.stack(np.indices(label.shape), axis=-1) + field).astype(int) + label.shape
    return tf.gather_nd(tf.constant(padded), places)


# %% pair with standard vectors and a scaled field, as a list
def deform(image, label, sigma, rng, displacement_field, warp, warp_label):
    field = sigma * displacement_field(vectors=rng.standard_normal((3, 3, 2)), height=len(image), width=len(image[0]))
    return [warp(image.copy(), field).astype(np.float32), warp_label(label.copy(), field).astype(label.dtype)]


# %% pair with vectors drawn one by one, columns first
def deform(image, label, sigma, rng, displacement_field, warp, warp_label):
    vectors = np.empty((3, 3, 2), np.float32)
    for k in (1, 0):
        for i in range(3):
            for j in range(3):
                vectors[i, j, k] = rng.normal(scale=sigma)
    fields = [displacement_field(vectors, *label.shape) for _ in range(2)]
    return warp(image, fields[0]), warp_label(label, fields[1])
