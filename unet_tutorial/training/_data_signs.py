"""Signs of illness in the data alone: images, labels, weights, and how they lie on one another. NumPy and SciPy only.

Each function takes a `Sample` and gives findings. Why a bound lies where it lies stands beside it.
"""

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..geometry import receptive_field
from ._findings import Finding

REACH = 10  # px: how far a label is looked for; farther away it is another label
FEATURES = ("grey value", "slope", "roughness")
SQUARE = tuple(itertools.product((False, True), (0, 1, 2, 3)))  # transposed or not, quarter turns


class Sample(NamedTuple):
    """Tiles: images (T, H, W, C), labels and weights (T, h, w), the number of classes, the labels as they came."""

    images: NDArray[np.floating]
    labels: NDArray
    weights: NDArray[np.floating]
    classes: int
    raw: NDArray

    @property
    def grey(self) -> NDArray[np.float64]:
        """(T, H, W): the mean over channels."""
        return self.images.mean(axis=-1, dtype=np.float64)


def images_of(sample: Sample) -> Finding:
    """Range and spread of the images.

    A first layer of the paper's Gaussian keeps the mean square of what comes in, so the first logits are about as large
    as the root mean square r of the images, and a wrong pixel then costs about r in place of log K. Grey values of 0..1
    have r < 1, normalized ones r = 1. With r > 5 the start is many times log 2 = 0.7. From below: biases and weights
    move by the same step, so where the images spread by less than 1/200 (an 8-bit image divided by 65535 spreads by
    1/1000) the net sees next to nothing but its biases.
    """
    values = sample.images
    if not np.isfinite(values).all():
        share = 1 - np.isfinite(values).mean()
        return Finding("images", f"{share:.2%} of the values are NaN or infinite", "suspect", "values not finite")
    size, spread = float(np.sqrt(np.mean(np.square(values, dtype=np.float64)))), float(values.std(dtype=np.float64))
    seen = f"grey values {values.min():.3g} to {values.max():.3g}, root mean square {size:.3g}, spread {spread:.2g}"
    if size > 5:
        return Finding(
            "images", f"{seen}; 0 to 1 is what first weights are made for", "suspect", "grey values too large"
        )
    if spread < 0.005:
        return Finding("images", f"{seen}; the network sees next to nothing", "suspect", "images nearly blank")
    return Finding("images", seen)


def labels_of(sample: Sample) -> Finding:
    """Whether the labels are class numbers, and of more than one class."""
    labels, classes = sample.labels, sample.classes
    values, counts = np.unique(labels, return_counts=True)
    shown = ", ".join(f"{value:g}" for value in values[:6]) + (f" to {values[-1]:g}" if len(values) > 6 else "")
    seen = f"{labels.dtype} values {shown}, {classes} classes"

    def odd(fault, why):
        return Finding("labels", f"{seen}; {why}", "suspect", fault)

    if not np.isfinite(values).all():
        return odd("values not finite", "NaN or infinite")
    between = values != np.round(values)
    if between.any():
        share = counts[between].sum() / labels.size
        return odd("interpolated labels", f"{share:.1%} of the pixels lie between two classes")
    if values[0] < 0 or values[-1] > classes - 1:
        outside = "a label must be 0" + (" or 1" if classes == 2 else f" to {classes - 1}")
        grey = (values > 0) & (values < values[-1])
        if values[-1] == 255 and values[0] == 0 and grey.sum() >= 10 and _ramps(labels, values[-1]):
            return odd("interpolated labels", f"{counts[grey].sum() / labels.size:.1%} of the pixels are grey edges")
        if values[-1] == 255:
            return odd("0/255 masks", outside)
        return odd("labels are no classes", f"{outside}; ids or marks of unlabelled pixels?")
    if len(values) < 2:
        return odd("labels of one class", "there is nothing to tell apart")
    if not np.issubdtype(labels.dtype, np.integer):
        return Finding("labels", f"{seen}; as floats, which some losses refuse")
    return Finding("labels", seen)


def _ramps(labels, top):
    """Whether most pixels between 0 and the top value differ from a neighbour: the rim of a resized mask, not ids."""
    grey = (labels > 0) & (labels < top)
    same = (labels[:, :-1, :-1] == labels[:, 1:, :-1]) & (labels[:, :-1, :-1] == labels[:, :-1, 1:])
    return same[grey[:, :-1, :-1]].mean() < 0.5


def weights_of(sample: Sample) -> list[Finding]:
    """Weights of the pixels, and how much of them the rarest class has.

    Of a class with the share s of all weight, calling everything the other class leaves a loss of the entropy H(s),
    where knowing nothing costs log 2. At s = 2% that is 14%: six sevenths of what there is to gain are gained
    without finding one object, and training rests there for long.
    """
    weights, labels = sample.weights, sample.labels
    if not np.isfinite(weights).all() or weights.min() < 0:
        return [Finding("weights", "some are negative, NaN or infinite", "suspect", "weights of the pixels")]
    if not weights.any():
        return [Finding("weights", "all are 0, so nothing is learnt", "suspect", "weights of the pixels")]
    pixels = np.array([(labels == value).mean() for value in range(sample.classes)])
    shares = np.array([weights[labels == value].sum(dtype=np.float64) for value in range(sample.classes)])
    shares /= weights.sum(dtype=np.float64)
    rarest = int(shares.argmin())
    rows = [Finding("weights", f"{weights.min():.3g} to {weights.max():.3g}, mean {weights.mean():.3g}")]
    seen = f"class {rarest} has {pixels[rarest]:.2%} of the pixels and {shares[rarest]:.2%} of the weight"
    if pixels[rarest] > 0 and shares[rarest] == 0:
        rows[0] = Finding("weights", f"{seen}: it is never learnt", "suspect", "weights of the pixels")
    elif sample.classes == 2 and shares[rarest] < 0.02:
        rows.append(Finding("classes", seen, "suspect", "rare class"))
    else:
        rows.append(Finding("classes", seen))
    return rows


def alignment_of(sample: Sample) -> Finding:
    """Whether the labels lie where the images say: moved, or of other images.

    Three features of an image are correlated with its label, tile by tile: grey value and roughness with the class,
    slope with the outline. No relation at all is named where all three means lie within three standard errors of 0.
    Labels that have nothing to do with their images pass this in about one case of fifty.

    A move is looked for by slopes and outlines, up to turns and flips, for augmentation turns each tile. Choosing the
    best of eight turns and many shifts gains a little by chance: up to 0.09 on six healthy data sets, where a move by
    4 px gains 0.15 to 0.35 on five of them. On the sixth, phase contrast with its halos, it cannot be seen.
    """
    pairs = zip(_features(sample), (0, REACH, 0))
    tables = [_surfaces(feature, target, reach) for (feature, target), reach in pairs]
    centres = [table[:, table.shape[1] // 2, table.shape[2] // 2] for table in tables]
    sure = [_sureness(centre) for centre in centres]
    seen = ", ".join(f"{name} {centre.mean():+.2f}" for name, centre in zip(FEATURES, centres))
    if len(sample.images) < 8:
        return Finding("image and label", f"{len(sample.images)} tiles are too few to tell", "not seen")
    if max(sure) < 3:
        why = "the label fits its image no better than any other; the wrong pair, turned, or a texture?"
        return Finding("image and label", f"correlations: {seen}; {why}", "suspect", "labels of other images")
    (rows, columns), gain, agreed = _shift(tables[1])
    if gain > 0.12 and agreed > 0.75:
        why = f"moved by {rows} and {columns} px (or turned so) the outlines fit better, by {gain:.2f}"
        return Finding(
            "image and label", f"correlations: {seen}; {why} in {agreed:.0%} of the tiles", "suspect", "shifted labels"
        )
    return Finding("image and label", f"correlations: {seen}; no move by 3 to {REACH} px fits better")


def _features(sample):
    """Pairs of a feature of the images (T, H, W) and one of the labels (T, h, w)."""
    grey, label = sample.grey, (sample.labels == sample.labels.max()).astype(np.float64)
    slope = np.stack([ndimage.gaussian_gradient_magnitude(image, 1.5) for image in grey])
    slope = np.minimum(slope, np.percentile(slope, 99))  # one burning spot is not all of an image
    mean, square = (ndimage.uniform_filter(values, (0, 5, 5)) for values in (grey, grey**2))
    outline = ndimage.maximum_filter(label, (0, 3, 3)) - ndimage.minimum_filter(label, (0, 3, 3))
    return (
        (ndimage.gaussian_filter(grey, (0, 1, 1)), label),
        (slope, ndimage.gaussian_filter(outline, (0, 1, 1))),
        (np.sqrt(np.maximum(square - mean**2, 0)), label),
    )


def _surfaces(feature, target, reach=REACH):
    """(T, 2R + 1, 2R + 1): correlation of each tile's feature with its target, moved by -R to R px."""
    margin = (feature.shape[1] - target.shape[1]) // 2
    reach = min(reach, margin + target.shape[1] // 4)
    cut = max(0, reach - margin)
    inner = target[:, cut : target.shape[1] - cut, cut : target.shape[2] - cut]
    inner = inner - inner.mean(axis=(1, 2), keepdims=True)
    spread = np.sqrt((inner**2).sum(axis=(1, 2)))
    first, (height, width) = margin + cut - reach, inner.shape[1:]
    table = np.zeros((len(feature), 2 * reach + 1, 2 * reach + 1))
    for row, column in itertools.product(range(2 * reach + 1), repeat=2):
        window = feature[:, first + row : first + row + height, first + column : first + column + width]
        window = window - window.mean(axis=(1, 2), keepdims=True)
        norm = np.sqrt((window**2).sum(axis=(1, 2))) * spread
        table[:, row, column] = np.einsum("thw,thw->t", window, inner) / np.where(norm > 1e-9, norm, np.inf)
    return table


def _sureness(values):
    """How many standard errors a mean correlation lies away from 0."""
    values = values[values != 0]
    if len(values) < 4:
        return np.inf  # nothing can be said
    return float(abs(values.mean()) / (values.std(ddof=1) / np.sqrt(len(values)) + 1e-9))


def _shift(table):
    """The move that fits best, up to turns and flips of each tile: (rows, columns), its gain, the share that agrees."""
    middle = table.shape[1] // 2
    table = table[(table != 0).any(axis=(1, 2))]
    if not len(table):
        return (0, 0), 0.0, 0.0
    turned = [np.rot90(table.swapaxes(1, 2) if flip else table, turn, (1, 2)) for flip, turn in SQUARE]
    gain = np.max(turned, axis=0) - table[:, middle, middle][:, None, None]
    rows, columns = np.indices(gain.shape[1:]) - middle
    far = (np.hypot(rows, columns) > 2.5) & (rows >= 0) & (columns >= 0)
    mean = np.where(far, gain.mean(axis=0), -np.inf)
    row, column = np.unravel_index(mean.argmax(), mean.shape)
    return (row - middle, column - middle), float(mean[row, column]), float((gain[:, row, column] > 0).mean())


def field_of(sample: Sample, depth: int | None, skips: bool) -> list[Finding]:
    """Whether the objects are larger than what one output pixel sees, or smaller than what pooling leaves.

    A pixel is *blind* where no outline of a label lies in its receptive field. Blind pixels do no harm where grey value
    or roughness tell the classes apart anyway: only where a fifth of each class is blind, and where neither tells blind
    pixels apart (area under the ROC curve within 0.2 of one half), the network has nothing to go by.
    """
    if depth is None:
        return [Finding("size of objects", "the model is not one of build_unet: what it sees is not known", "not seen")]
    side = receptive_field(depth)[0]
    label = sample.labels == sample.labels.max()
    outline = ndimage.maximum_filter(label, (0, 3, 3)) != ndimage.minimum_filter(label, (0, 3, 3))
    near = ndimage.maximum_filter(outline, (0, min(side, label.shape[1]), min(side, label.shape[2])))
    shares = [float((~near)[label == value].mean()) if (label == value).any() else 0.0 for value in (False, True)]
    seen = f"one pixel sees {side} px; no outline in sight for {shares[0]:.0%} and {shares[1]:.0%} of the classes"
    thin = _thickness(label)
    rows = []
    if min(shares) > 0.2:
        margin = (sample.images.shape[1] - label.shape[1]) // 2
        inner = np.s_[:, margin : margin + label.shape[1], margin : margin + label.shape[2]]
        grey = sample.grey
        mean, square = (ndimage.uniform_filter(values, (0, 15, 15)) for values in (grey, grey**2))
        spread = np.sqrt(np.maximum(square - mean**2, 0))
        areas = [_area(one[inner][~near & label], one[inner][~near & ~label]) for one in (mean, spread)]
        seen += f"; there grey value and roughness tell them apart by {areas[0]:.2f} and {areas[1]:.2f} of 0.5"
        if max(areas) < 0.2:
            rows.append(Finding("size of objects", seen, "suspect", "objects larger than the field"))
    if not rows and not skips and thin < 2**depth:  # narrower than one pixel of the bottom
        seen = f"no skip connections, and objects {thin:.1f} px wide after {depth} poolings by 2"
        rows.append(Finding("size of objects", seen, "suspect", "objects lost by pooling"))
    return rows or [Finding("size of objects", seen)]


def _thickness(label):
    """Width in px of the thinner class: twice the mean distance of its ridge to the other class, roughly."""
    widths = []
    for inside in (label, ~label):
        if inside.any() and not inside.all():
            distance = np.stack([ndimage.distance_transform_edt(one) if not one.all() else 0.0 * one for one in inside])
            widths.append(4 * float(distance[inside].mean()) - 2)  # of a stripe of width w the mean is (w + 2) / 4
    return min(widths, default=np.inf)


def _area(first, second):
    """How far the area under the ROC curve of two sets of values lies from one half."""
    first, second = first[:: max(1, len(first) // 2000)], second[:: max(1, len(second) // 2000)]
    ranks = np.argsort(np.argsort(np.concatenate([first, second])))[: len(first)]
    return abs((ranks.mean() - (len(first) - 1) / 2) / len(second) - 0.5)


def validation_of(sample: Sample, other: Sample) -> list[Finding]:
    """Whether held-out tiles show the same place as some training tile, or come on another scale.

    The middle of each held-out tile is looked for in every training tile, in all eight turns and flips. What is
    smooth is taken off first, for two smooth slopes are alike. Two photographs of one place differ by their noise, and
    neighbouring slices by more: only the same pixels correlate above 0.98.
    """
    sizes = [float(np.sqrt(np.mean(np.square(one.images, dtype=np.float64)))) for one in (sample, other)]
    seen = f"root mean square of the grey values {sizes[0]:.3g} in training, {sizes[1]:.3g} in validation"
    rows = []
    if max(sizes) > 5 * min(sizes):  # 255 where it was forgotten; never 5 between images of one microscope
        rows.append(Finding("validation", seen, "suspect", "validation on another scale"))
    fine = (one.grey - ndimage.gaussian_filter(one.grey, (0, 2, 2)) for one in (sample, other))
    best = _sightings(*fine)
    found = (
        f"{(best > 0.98).sum()} of {len(best)} held-out tiles lie in a training tile, best correlation {best.max():.2f}"
    )
    if (best > 0.98).any():
        rows.append(Finding("validation", found, "suspect", "leak into validation"))
    return rows or [Finding("validation", f"{seen}; {found}")]


def _sightings(known, held_out, size=24, most=32):
    """Of the middle of each held-out tile, the largest correlation with a window of any known tile."""
    size = min(size, *known.shape[1:], *held_out.shape[1:])
    rows, columns = ((side - size) // 2 for side in held_out.shape[1:])
    best = []
    spectra = np.fft.rfft2(known)
    mean = ndimage.uniform_filter(known, (0, size, size), origin=(0, -(size // 2) * 1, -(size // 2) * 1))
    square = ndimage.uniform_filter(known**2, (0, size, size), origin=(0, -(size // 2), -(size // 2)))
    spread = np.sqrt(np.maximum(square - mean**2, 0))
    valid = np.s_[:, : known.shape[1] - size + 1, : known.shape[2] - size + 1]
    for tile in held_out[:most]:
        patch = tile[rows : rows + size, columns : columns + size]
        patch = patch - patch.mean()
        squares = patch**2
        if squares.sum() ** 2 < 50 * (squares**2).sum() + 1e-12:  # fewer than 50 px make the pattern: one spot is like
            continue  # another one, where noise of all 576 px comes to 192
        for flip, turn in SQUARE:
            kernel = np.zeros(known.shape[1:])
            kernel[:size, :size] = np.rot90(patch.T if flip else patch, turn)
            both = np.fft.irfft2(spectra * np.conj(np.fft.rfft2(kernel)), known.shape[1:])[valid]
            level = both / (size**2 * patch.std() * np.maximum(spread[valid], 1e-6))
            best.append(level.max())
    return np.array(best).reshape(-1, 8).max(axis=1) if best else np.zeros(1)
