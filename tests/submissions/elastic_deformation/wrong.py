# %% vectors interpolated linearly | q1 -5 | interpolated linearly
def displacement_field(vectors, height, width):
    return ndimage.zoom(vectors, (height / 3, width / 3, 1), order=1)


# %% nodes at the centres of cells | q1 -5 | centres of nine equal parts
def displacement_field(vectors, height, width):
    return ndimage.zoom(vectors, (height / 3, width / 3, 1), order=3, mode="nearest", grid_mode=True)


# %% last node one pixel beyond the image | q1 -5 | at the pixel of node
def displacement_field(vectors, height, width):
    rows, columns = np.linspace(0, height, 3), np.linspace(0, width, 3)
    down = interpolate.CubicSpline(rows, vectors, axis=0)(np.arange(height))
    return interpolate.CubicSpline(columns, down, axis=1)(np.arange(width))


# %% height and width swapped | q1 -5 | height and width are swapped
def displacement_field(vectors, height, width):
    return ndimage.zoom(vectors, (width / 3, height / 3, 1), order=3)


# %% axes of the grid swapped | q1 -5 | rows and columns of the grid are swapped
def displacement_field(vectors, height, width):
    x, y = np.meshgrid(np.linspace(0, 2, width), np.linspace(0, 2, height))
    return np.stack([ndimage.map_coordinates(vectors[..., k], [x, y], order=3, mode="mirror") for k in (0, 1)], axis=-1)


# %% components of the vectors swapped | q1 -5 | two components of the vectors
def displacement_field(vectors, height, width):
    dy, dx = (ndimage.zoom(vectors[..., k], (height / 3, width / 3)) for k in (0, 1))
    return np.dstack([dx, dy])


# %% components first, as in the chapter | q1 -5 | it must come last
def displacement_field(vectors, height, width):
    return np.stack([ndimage.zoom(vectors[..., k], (height / 3, width / 3)) for k in (0, 1)])


# %% monotone curves, which are not linear in the vectors | q1 -5 | must be the sum of their fields
def displacement_field(vectors, height, width):
    nodes = np.linspace(0, 1, 3)
    down = interpolate.PchipInterpolator(nodes, vectors, axis=0)(np.linspace(0, 1, height))
    return interpolate.PchipInterpolator(nodes, down, axis=1)(np.linspace(0, 1, width))


# %% cubic along the rows only | q1 -5 | a kink or a jump
def displacement_field(vectors, height, width):
    down = ndimage.zoom(vectors, (height / 3, 1, 1), order=3)
    return ndimage.zoom(down, (1, width / 3, 1), order=1)


# %% whole thirds of the sides | q1 -5 | expected finite values of shape
def displacement_field(vectors, height, width):
    return ndimage.zoom(vectors, (height // 3, width // 3, 1), order=3)


# %% the row of the middle node twice | q1 -5 | one row of the field appears twice
def displacement_field(vectors, height, width):
    def places(side):
        return np.concatenate([np.linspace(0, 1, side // 2), np.linspace(1, 2, side - side // 2)])

    down = interpolate.CubicSpline([0, 1, 2], vectors, axis=0)(places(height))
    return interpolate.CubicSpline([0, 1, 2], down, axis=1)(np.linspace(0, 2, width))


# %% the package's own field, wrapped | q1 -5 | write it yourself
def displacement_field(vectors, height, width):
    from unet_tutorial import augmentation

    return np.moveaxis(augmentation.interpolate_field(np.moveaxis(vectors, -1, 0), (height, width)), 0, -1)


# %% components of the field swapped | q2 -6 | two components of the field are swapped
def warp(image, field):
    y, x = np.indices(image.shape)
    return ndimage.map_coordinates(image, [y + field[..., 1], x + field[..., 0]], order=1, mode="mirror")


# %% sign turned | q2 -6 | sign of the displacement
def warp(image, field):
    y, x = np.indices(image.shape)
    return ndimage.map_coordinates(image, [y - field[..., 0], x - field[..., 1]], order=1, mode="mirror")


# %% default order of SciPy | q2 -6 | the interpolation is cubic
def warp(image, field):
    y, x = np.indices(image.shape)
    return ndimage.map_coordinates(image, [y + field[..., 0], x + field[..., 1]], mode="mirror")


# %% nearest pixel for the image | q2 -6 | an image needs linear interpolation
def warp(image, field):
    height, width = image.shape
    result = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            row, column = int(np.rint(y + field[y, x, 0])), int(np.rint(x + field[y, x, 1]))
            row, column = row % (2 * height - 2), column % (2 * width - 2)
            result[y, x] = image[min(row, 2 * height - 2 - row), min(column, 2 * width - 2 - column)]
    return result


# %% field taken as the place | q2 -6 | pixel's own row and column
def warp(image, field):
    return ndimage.map_coordinates(image, [field[..., 0], field[..., 1]], order=1, mode="mirror")


# %% edge pixel repeated | q2 -3 | repeats the edge pixel
def warp(image, field):
    y, x = np.indices(image.shape)
    return ndimage.map_coordinates(image, [y + field[..., 0], x + field[..., 1]], order=1, mode="reflect")


# %% zeros outside | q2 -3 | zeros beyond the border
def warp(image, field):
    y, x = np.indices(image.shape)
    return ndimage.map_coordinates(image, [y + field[..., 0], x + field[..., 1]], order=1)


# %% nearest edge outside, by clipping | q2 -3 | take the edge pixel
def warp(image, field):
    y, x = np.indices(image.shape)
    y, x = (np.clip(own + field[..., k], 0, own.max()) for k, own in enumerate((y, x)))
    top, left = (np.minimum(place.astype(int), side - 2) for place, side in zip((y, x), image.shape))
    down, right = y - top, x - left
    upper = image[top, left] * (1 - right) + image[top, left + 1] * right
    lower = image[top + 1, left] * (1 - right) + image[top + 1, left + 1] * right
    return upper * (1 - down) + lower * down


# %% sign turned and edge pixel repeated | q2 -6 | And: the mirror repeats the edge pixel
def warp(image, field):
    y, x = np.indices(image.shape)
    return ndimage.map_coordinates(image, [y - field[..., 0], x - field[..., 1]], order=1, mode="reflect")


# %% mirrored once only | q2 -2 | mirrored once
def warp(image, field):
    places = []
    for own, shift, side in zip(np.indices(image.shape), np.moveaxis(field, -1, 0), image.shape):
        place = np.abs(own + shift)
        places.append(np.where(place > side - 1, 2 * (side - 1) - place, place))
    return ndimage.map_coordinates(image, places, order=1, mode="nearest")


# %% image overwritten | q2 -6 | changes its input
def warp(image, field):
    y, x = np.indices(image.shape)
    image[:] = ndimage.map_coordinates(image, [y + field[..., 0], x + field[..., 1]], order=1, mode="mirror")
    return image


# %% the package's own warp | q2 -6 | write it yourself
from unet_tutorial.augmentation import warp


# %% label interpolated | q3 -4 | values that are no ids
def warp_label(label, field):
    y, x = np.indices(label.shape)
    return ndimage.map_coordinates(label.astype(float), [y + field[..., 0], x + field[..., 1]], order=1, mode="mirror")


# %% label interpolated and rounded | q3 -4 | values that are no ids
def warp_label(label, field):
    y, x = np.indices(label.shape)
    places = [y + field[..., 0], x + field[..., 1]]
    return np.round(ndimage.map_coordinates(label.astype(float), places, order=1, mode="mirror")).astype(label.dtype)


# %% places rounded down | q3 -3 | rounded down
def warp_label(label, field):
    places = [np.floor(own + field[..., k]) for k, own in enumerate(np.indices(label.shape))]
    return ndimage.map_coordinates(label, places, order=0, mode="mirror")


# %% label returned in floats | q3 -1 | came float64
def warp_label(label, field):
    y, x = np.indices(label.shape)
    return ndimage.map_coordinates(label.astype(float), [y + field[..., 0], x + field[..., 1]], order=0, mode="mirror")


# %% large ids through float32 | q3 -1 | floats of 32 bits
def warp_label(label, field):
    y, x = np.indices(label.shape)
    places = [y + field[..., 0], x + field[..., 1]]
    return ndimage.map_coordinates(label.astype(np.float32), places, order=0, mode="mirror").astype(label.dtype)


# %% edge pixel of the label repeated | q3 -2 | repeats the edge pixel
def warp_label(label, field):
    y, x = np.indices(label.shape)
    return ndimage.map_coordinates(label, [y + field[..., 0], x + field[..., 1]], order=0, mode="reflect")


# %% places in the label's dtype | q3 -1 | which is too small for them
def warp_label(label, field):
    places = np.stack([np.rint(own + field[..., k]) for k, own in enumerate(np.indices(label.shape))])
    return ndimage.map_coordinates(label, places.astype(np.int32).astype(label.dtype), order=0, mode="mirror")


# %% every id interpolated by itself | q3 -3 | the largest share wins
def warp_label(label, field):
    places, ids = np.indices(label.shape) + np.moveaxis(field, -1, 0), np.unique(label)
    shares = [ndimage.map_coordinates((label == one).astype(float), places, order=1, mode="mirror") for one in ids]
    return ids[np.argmax(shares, axis=0)]


# %% label as it came | q3 -3 | expected
def warp_label(label, field):
    return label.copy()


# %% one label written down | q3 -4 | expected
def warp_label(label, field):
    return np.array([[1, 1, 2], [1, 2, 2], [0, 0, 2]])


# %% variance as standard deviation | q4 -2 | sigma squared
def deform(image, label, sigma, rng, displacement_field, warp, warp_label):
    field = displacement_field(rng.normal(0, sigma ** 2, (3, 3, 2)), *image.shape)
    return warp(image, field), warp_label(label, field)


# %% sigma as variance | q4 -2 | used as the variance
def deform(image, label, sigma, rng, displacement_field, warp, warp_label):
    field = displacement_field(rng.normal(0, sigma ** 0.5, (3, 3, 2)), *image.shape)
    return warp(image, field), warp_label(label, field)


# %% sigma ignored | q4 -3 | does not depend on sigma
def deform(image, label, sigma, rng, displacement_field, warp, warp_label):
    field = displacement_field(rng.normal(size=(3, 3, 2)), *image.shape)
    return warp(image, field), warp_label(label, field)


# %% uniform vectors | q4 -2 | uniform distribution
def deform(image, label, sigma, rng, displacement_field, warp, warp_label):
    field = displacement_field(rng.uniform(-sigma, sigma, (3, 3, 2)), *image.shape)
    return warp(image, field), warp_label(label, field)


# %% uniform vectors with the right deviation | q4 -2 | uniform distribution
def deform(image, label, sigma, rng, displacement_field, warp, warp_label):
    field = displacement_field(3 ** 0.5 * rng.uniform(-sigma, sigma, (3, 3, 2)), *image.shape)
    return warp(image, field), warp_label(label, field)


# %% vectors from np.random | q4 -1 | np.random itself
def deform(image, label, sigma, rng, displacement_field, warp, warp_label):
    field = displacement_field(np.random.normal(0, sigma, (3, 3, 2)), *image.shape)
    return warp(image, field), warp_label(label, field)


# %% a generator with a fixed seed | q4 -3 | starts anew in every call
def deform(image, label, sigma, rng, displacement_field, warp, warp_label):
    rng = np.random.default_rng(0)
    field = displacement_field(rng.normal(0, sigma, (3, 3, 2)), *image.shape)
    return warp(image, field), warp_label(label, field)


# %% a generator of its own | q4 -1 | do not come from `rng`
def deform(image, label, sigma, rng, displacement_field, warp, warp_label):
    field = displacement_field(np.random.default_rng().normal(0, sigma, (3, 3, 2)), *image.shape)
    return warp(image, field), warp_label(label, field)


# %% one component for rows and columns | q4 -2 | rows and columns get the same displacement
def deform(image, label, sigma, rng, displacement_field, warp, warp_label):
    one = rng.normal(0, sigma, (3, 3))
    field = displacement_field(np.stack([one, one], -1), *image.shape)
    return warp(image, field), warp_label(label, field)


# %% columns never displaced | q4 -2 | only one of the two components is drawn
def deform(image, label, sigma, rng, displacement_field, warp, warp_label):
    vectors = np.zeros((3, 3, 2))
    vectors[..., 0] = rng.normal(0, sigma, (3, 3))
    field = displacement_field(vectors, *image.shape)
    return warp(image, field), warp_label(label, field)


# %% one vector for all nodes | q4 -2 | all nodes get the same vector
def deform(image, label, sigma, rng, displacement_field, warp, warp_label):
    field = displacement_field(np.tile(rng.normal(0, sigma, 2), (3, 3, 1)), *image.shape)
    return warp(image, field), warp_label(label, field)


# %% two fields | q4 -2 | warped with different fields
def deform(image, label, sigma, rng, displacement_field, warp, warp_label):
    def field():
        return displacement_field(rng.normal(0, sigma, (3, 3, 2)), *image.shape)

    return warp(image, field()), warp_label(label, field())


# %% label warped as an image | q4 -2 | the label goes through `warp`
def deform(image, label, sigma, rng, displacement_field, warp, warp_label):
    field = displacement_field(rng.normal(0, sigma, (3, 3, 2)), *image.shape)
    return warp(image, field), warp(label, field)


# %% label first | q4 -2 | the two results are swapped
def deform(image, label, sigma, rng, displacement_field, warp, warp_label):
    field = displacement_field(rng.normal(0, sigma, (3, 3, 2)), *image.shape)
    return warp_label(label, field), warp(image, field)


# %% inputs overwritten | q4 -2 | changes its input `image and label`
def deform(image, label, sigma, rng, displacement_field, warp, warp_label):
    field = displacement_field(rng.normal(0, sigma, (3, 3, 2)), *image.shape)
    image[:], label[:] = warp(image, field), warp_label(label, field)
    return image, label


# %% width before height | q4 -5 | a field of shape
def deform(image, label, sigma, rng, displacement_field, warp, warp_label):
    height, width = image.shape
    field = displacement_field(rng.normal(0, sigma, (3, 3, 2)), width, height)
    return warp(image, field), warp_label(label, field)


# %% sigma 0 refused | q4 -1 | raised ValueError
def deform(image, label, sigma, rng, displacement_field, warp, warp_label):
    if sigma <= 0:
        raise ValueError("sigma must be positive")
    field = displacement_field(rng.normal(0, sigma, (3, 3, 2)), *image.shape)
    return warp(image, field), warp_label(label, field)


# %% mean taken off every set of vectors | q4 -2 | the mean is forced
def deform(image, label, sigma, rng, displacement_field, warp, warp_label):
    vectors = rng.normal(0, sigma, (3, 3, 2))
    field = displacement_field(vectors - vectors.mean(), *image.shape)
    return warp(image, field), warp_label(label, field)


# %% every set scaled to the same spread | q4 -2 | the standard deviation is forced
def deform(image, label, sigma, rng, displacement_field, warp, warp_label):
    vectors = rng.normal(size=(3, 3, 2))
    field = displacement_field(sigma * vectors / vectors.std(), *image.shape)
    return warp(image, field), warp_label(label, field)


# %% label passed on as floats | q4 -2 | reaches `warp_label` as floats
def deform(image, label, sigma, rng, displacement_field, warp, warp_label):
    field = displacement_field(rng.normal(0, sigma, (3, 3, 2)), *image.shape)
    return warp(image, field), warp_label(label.astype(float), field).astype(label.dtype)


# %% functions of its own in place of those passed in | q4 -4 | never calls the `displacement_field`
def own_field(vectors, height, width):
    return ndimage.zoom(vectors, (height / 3, width / 3, 1), order=3)


def deform(image, label, sigma, rng, displacement_field, warp, warp_label):
    field = own_field(rng.normal(0, sigma, (3, 3, 2)), *image.shape)
    places = np.indices(image.shape) + np.moveaxis(field, -1, 0)
    return (ndimage.map_coordinates(image, places, order=1, mode="mirror"),
            ndimage.map_coordinates(label, places, order=0, mode="mirror"))


# %% field rounded | q4 -2 | rounded or clipped
def deform(image, label, sigma, rng, displacement_field, warp, warp_label):
    field = np.round(displacement_field(rng.normal(0, sigma, (3, 3, 2)), *image.shape))
    return warp(image, field), warp_label(label, field)


# %% label with a rounded field | q4 -2 | warped with different fields
def deform(image, label, sigma, rng, displacement_field, warp, warp_label):
    field = displacement_field(rng.normal(0, sigma, (3, 3, 2)), *image.shape)
    return warp(image, field), warp_label(label, np.round(field))


# %% components of the field swapped on the way | q4 -2 | not the one that `displacement_field` made
def deform(image, label, sigma, rng, displacement_field, warp, warp_label):
    field = displacement_field(rng.normal(0, sigma, (3, 3, 2)), *image.shape)[..., ::-1]
    return warp(image, field), warp_label(label, field)


# %% field turned round | q4 -2 | not the one that `displacement_field` made
def deform(image, label, sigma, rng, displacement_field, warp, warp_label):
    field = -displacement_field(rng.normal(0, sigma, (3, 3, 2)), *image.shape)
    return warp(image, field), warp_label(label, field)


# %% sigma cut to a whole number | q4 -2 | all vectors are 0
def deform(image, label, sigma, rng, displacement_field, warp, warp_label):
    field = displacement_field(rng.normal(0, int(sigma), (3, 3, 2)), *image.shape)
    return warp(image, field), warp_label(label, field)


# %% field in 16 bits | q1 -5 | 16 bits are too few
def displacement_field(vectors, height, width):
    rows, columns = (np.linspace(0, side - 1, 3) for side in (height, width))
    down = interpolate.CubicSpline(rows, vectors, axis=0, bc_type="natural")(np.arange(height))
    field = interpolate.CubicSpline(columns, down, axis=1, bc_type="natural")(np.arange(width))
    return field.astype(np.float16)


# %% parabola through wrong middle | q1 -5 | expected
def displacement_field(vectors, height, width):
    r = np.array([0, height // 2 + 1, height - 1])
    c = np.array([0, width // 2 + 1, width - 1])
    return np.stack([interpolate.RectBivariateSpline(r, c, vectors[..., k], kx=2, ky=2)(np.arange(height), np.arange(width)) for k in (0, 1)], -1)


# %% mean kept zero | q1 -5 | expected
def displacement_field(vectors, height, width):
    r, c = np.linspace(0, height - 1, 3), np.linspace(0, width - 1, 3)
    f = np.stack([interpolate.RectBivariateSpline(r, c, vectors[..., k], kx=2, ky=2)(np.arange(height), np.arange(width)) for k in (0, 1)], -1)
    return f - f.mean(axis=(0, 1))


# %% image through whole grey values | q2 -6 | expected
def warp(image, field):
    H, W = image.shape
    y, x = np.mgrid[:H, :W]
    return ndimage.map_coordinates((image * 255).astype(np.int32), [y + field[..., 0], x + field[..., 1]], order=1, mode="mirror", output=float) / 255


# %% row interpolation only | q2 -6 | expected
def warp(image, field):
    H, W = image.shape
    y, x = np.mgrid[:H, :W]
    return ndimage.map_coordinates(image, [y + field[..., 0], np.rint(x + field[..., 1])], order=1, mode="mirror")


# %% rows counted in the type of the label | q3 -1 | expected
def warp_label(label, field):
    H, W = label.shape
    y, x = np.indices(label.shape, dtype=label.dtype)
    r, c = y + np.rint(field[..., 0]).astype(int), x + np.rint(field[..., 1]).astype(int)
    p, q = np.abs(r) % (2 * H - 2), np.abs(c) % (2 * W - 2)
    return label[np.minimum(p, 2 * H - 2 - p), np.minimum(q, 2 * W - 2 - q)]


# %% returns a list | q3 -1 | expected
def warp_label(label, field):
    H, W = label.shape
    y, x = np.mgrid[:H, :W]
    return ndimage.map_coordinates(label, [y + field[..., 0], x + field[..., 1]], order=0, mode="mirror").tolist()


# %% own generator | q4 -3 | the vectors do not come from
def deform(image, label, sigma, rng, displacement_field, warp, warp_label):
    rng = np.random.default_rng(0)
    field = displacement_field(rng.normal(0, sigma, (3, 3, 2)), *image.shape)
    return warp(image, field), warp_label(label, field)


# %% image normalised on the way | q4 -3 | is not what `warp` makes
def deform(image, label, sigma, rng, displacement_field, warp, warp_label):
    field = displacement_field(rng.normal(0, sigma, (3, 3, 2)), *image.shape)
    return np.clip(warp(image, field), 0, 1), warp_label(label, field)


# %% linear between nodes | q1 -5 | the vectors are interpolated
def displacement_field(vectors, height, width):
    rows = np.linspace(0, 2, height)
    cols = np.linspace(0, 2, width)
    f = interpolate.RegularGridInterpolator((np.arange(3), np.arange(3)), vectors)
    return f(np.stack(np.meshgrid(rows, cols, indexing="ij"), -1))


# %% components swapped | q1 -5 | the two components of the vectors are swapped
def displacement_field(vectors, height, width):
    r = np.linspace(0, height - 1, 3)
    c = np.linspace(0, width - 1, 3)
    parts = [interpolate.RectBivariateSpline(r, c, vectors[..., k], kx=2, ky=2)(np.arange(height), np.arange(width)) for k in (1, 0)]
    return np.stack(parts, axis=-1)


# %% nodes up to height | q1 -5 | expected
def displacement_field(vectors, height, width):
    r = np.linspace(0, height, 3)
    c = np.linspace(0, width, 3)
    parts = [interpolate.RectBivariateSpline(r, c, vectors[..., k], kx=2, ky=2)(np.arange(height), np.arange(width)) for k in (0, 1)]
    return np.stack(parts, axis=-1)


# %% zoom with default grid | q1 -5 | the nodes lie at the centres of nine equal
def displacement_field(vectors, height, width):
    return ndimage.zoom(vectors, (height / 3, width / 3, 1), order=3, grid_mode=True, mode="nearest")


# %% clipped to the largest vector | q1 -5 | the sum of their fields
def displacement_field(vectors, height, width):
    r = np.linspace(0, height - 1, 3)
    c = np.linspace(0, width - 1, 3)
    parts = [interpolate.RectBivariateSpline(r, c, vectors[..., k], kx=2, ky=2)(np.arange(height), np.arange(width)) for k in (0, 1)]
    return np.clip(np.stack(parts, axis=-1), vectors.min(), vectors.max())


# %% field subtracted | q2 -6 | the sign of the displacement is turned
def warp(image, field):
    H, W = image.shape
    y, x = np.mgrid[:H, :W]
    return ndimage.map_coordinates(image, [y - field[..., 0], x - field[..., 1]], order=1, mode="mirror")


# %% reflect edge repeated | q2 -3 | the mirror repeats the edge
def warp(image, field):
    H, W = image.shape
    y, x = np.mgrid[:H, :W]
    return ndimage.map_coordinates(image, [y + field[..., 0], x + field[..., 1]], order=1, mode="reflect")


# %% mirrored once | q2 -2 | places are mirrored once and then cut
def warp(image, field):
    H, W = image.shape
    y, x = np.mgrid[:H, :W]
    r, c = np.abs(y + field[..., 0]), np.abs(x + field[..., 1])
    r = np.where(r > H - 1, 2 * (H - 1) - r, r)
    c = np.where(c > W - 1, 2 * (W - 1) - c, c)
    r, c = np.clip(r, 0, H - 1), np.clip(c, 0, W - 1)
    y0, x0 = np.floor(r).astype(int), np.floor(c).astype(int)
    y1, x1 = np.minimum(y0 + 1, H - 1), np.minimum(x0 + 1, W - 1)
    a, b = r - y0, c - x0
    return (1 - a) * ((1 - b) * image[y0, x0] + b * image[y0, x1]) + a * ((1 - b) * image[y1, x0] + b * image[y1, x1])


# %% truncation for floor | q2 -3 | expected
def warp(image, field):
    H, W = image.shape
    out = np.zeros((H, W))
    def m(k, n):
        k = abs(k) % (2 * n - 2)
        return k if k < n else 2 * n - 2 - k
    for y in range(H):
        for x in range(W):
            r, c = y + field[y, x, 0], x + field[y, x, 1]
            i, j = int(r), int(c)
            a, b = r - i, c - j
            out[y, x] = ((1 - a) * (1 - b) * image[m(i, H), m(j, W)] + (1 - a) * b * image[m(i, H), m(j + 1, W)]
                         + a * (1 - b) * image[m(i + 1, H), m(j, W)] + a * b * image[m(i + 1, H), m(j + 1, W)])
    return out


# %% field added in place | q2 -6 | changes its input
def warp(image, field):
    H, W = image.shape
    y, x = np.mgrid[:H, :W]
    field[..., 0] += y
    field[..., 1] += x
    return ndimage.map_coordinates(image, np.moveaxis(field, -1, 0), order=1, mode="mirror")


# %% label floored | q3 -3 | places are rounded down to whole pixels
def warp_label(label, field):
    H, W = label.shape
    y, x = np.mgrid[:H, :W]
    r = np.floor(y + field[..., 0]).astype(int)
    c = np.floor(x + field[..., 1]).astype(int)
    def m(k, n):
        k = np.abs(k) % (2 * n - 2)
        return np.where(k < n, k, 2 * n - 2 - k)
    return label[m(r, H), m(c, W)]


# %% through float32 | q3 -1 | large ids are
def warp_label(label, field):
    H, W = label.shape
    y, x = np.mgrid[:H, :W]
    out = ndimage.map_coordinates(label.astype(np.float32), [y + field[..., 0], x + field[..., 1]], order=0, mode="mirror")
    return out.astype(label.dtype)


# %% always int32 | q3 -1 | expected
def warp_label(label, field):
    H, W = label.shape
    y, x = np.mgrid[:H, :W]
    return ndimage.map_coordinates(label.astype(np.int32), [y + field[..., 0], x + field[..., 1]], order=0, mode="mirror")


# %% linear then rounded | q3 -4 | the label is
def warp_label(label, field):
    H, W = label.shape
    y, x = np.mgrid[:H, :W]
    out = ndimage.map_coordinates(label.astype(float), [y + field[..., 0], x + field[..., 1]], order=1, mode="mirror")
    return np.rint(out).astype(label.dtype)


# %% variance for sigma | q4 -2 | sigma is used as the
def deform(image, label, sigma, rng, displacement_field, warp, warp_label):
    vectors = rng.standard_normal((3, 3, 2)) * np.sqrt(sigma)
    field = displacement_field(vectors, *image.shape)
    return warp(image, field), warp_label(label, field)


# %% one component for both | q4 -2 | rows and columns get the same
def deform(image, label, sigma, rng, displacement_field, warp, warp_label):
    v = rng.normal(0, sigma, (3, 3, 1))
    vectors = np.repeat(v, 2, axis=2)
    field = displacement_field(vectors, image.shape[0], image.shape[1])
    return warp(image, field), warp_label(label, field)


# %% spline through float16 | q1 -5 | expected
def displacement_field(vectors, height, width):
    r, c = np.linspace(0, height - 1, 3), np.linspace(0, width - 1, 3)
    parts = [interpolate.RectBivariateSpline(r, c, vectors[..., k], kx=2, ky=2)(np.arange(height), np.arange(width)) for k in (0, 1)]
    return np.stack(parts, axis=-1).astype(np.float16).astype(np.float32)


# %% results rounded | q4 -2 | is not what `warp` makes
def deform(image, label, sigma, rng, displacement_field, warp, warp_label):
    field = displacement_field(rng.normal(0, sigma, (3, 3, 2)), *image.shape)
    return np.round(warp(image, field), 4), warp_label(label, field)
