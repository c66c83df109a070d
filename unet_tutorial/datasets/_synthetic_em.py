"""The synthetic electron micrographs: neurites are packed, stained, photographed and annotated.

One pixel is about 4 nm. The grey levels, widths and sizes were set beside the ISBI 2012 stack.
"""

import functools

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .._shared.checks import as_size
from ._brushes import (
    bent_grid,
    blur,
    boundaries,
    capsule,
    draw_slices,
    ease,
    expose,
    generator,
    smooth_noise,
    vesicles,
    window,
)

STACK = 30  # slices in the stack that is imitated


def synthetic_em(
    count: int, size: int = 512, seed: int = 0, classes: int = 2
) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.int32]]:
    """Imitate serial-section electron micrographs of nervous tissue, with labels and instance ids.

    Neurite profiles of widely varying size, membranes of varying width and contrast, some cut obliquely, cytoplasm
    with filaments, vesicles and mitochondria, uneven staining and shot noise. Of each 30 slices the second half is
    about twice as noisy as the first, as in the ISBI 2012 stack. The slices are independent: slice i is the same for
    every `count`, and it is not a neighbour of slice i + 1.

    Parameters
    ----------
    count : int
        Number of slices, at least 1.
    size : int
        Height and width in pixels, at least 32.
    seed : int
        Not negative.
    classes : int
        2, or 3: then mitochondria have a class of their own. Images and instance ids stay the same.

    Returns
    -------
    images : (count, size, size) float32 array
        Grey values in 0..1, each a multiple of 1/255.
    labels : (count, size, size) uint8 array
        1 = cell (its vesicles and mitochondria included), 0 = membrane. Of three classes, 2 = mitochondrion, with the
        outline that it was drawn with: exact, where an annotator would have to guess.
    cells : (count, size, size) int32 array
        Instance ids 1..n, 0 = membrane: the 4-connected components of the label. No two instances touch, not even at
        a corner.

    Raises
    ------
    ValueError
        A parameter is not a whole number, or is too small; `classes` is neither 2 nor 3.

    References
    ----------
    Ronneberger et al. 2015, section 4, for the stack that is imitated.

    Examples
    --------
    >>> images, labels, cells = synthetic_em(count=2, size=64)
    >>> images.shape, images.dtype.name, cells.dtype.name
    ((2, 64, 64), 'float32', 'int32')
    >>> bool((synthetic_em(count=1, size=64)[0][0] == images[0]).all())  # slice 0 stays, however many follow
    True
    """
    if as_size(classes, "classes") not in (2, 3):
        raise ValueError(f"classes {classes}: must be 2, membrane and cell, or 3, with mitochondria")
    images, labels, cells = draw_slices(em_slice, count, size, seed)
    if classes == 3:
        inside = np.stack([em_parts(index, size, seed)[2] for index in range(count)])
        labels[inside & (cells > 0)] = 2
    return images, labels, cells


def em_slice(index, size, seed):
    """One micrograph: (size, size) uint8 grey levels and (size, size) int32 instance ids."""
    return em_parts(index, size, seed)[:2]


def em_parts(index, size, seed):
    """One micrograph: its grey levels, its instance ids, and where a mitochondrion was drawn (bool)."""
    rng = generator(seed, index)
    neurites = place_neurites(rng, size)
    region, along, across = partition(rng, size, neurites)
    profile = merge(rng, neurites)[region]
    depth = ndimage.distance_transform_edt(~(boundaries(profile) | (profile == 0)))
    interior, darkness, smudge = membranes(rng, depth, profile)
    level = cytoplasm(rng, depth, len(neurites), region, profile, along, across)
    level, inside = mitochondria(rng, level, neurites, region, along, across)
    grey = photograph(rng, level - darkness, noisy=index % STACK >= STACK // 2)
    return grey, annotate(rng, interior, smudge), inside


def place_neurites(rng, size, margin=40, step=4):
    """Pack capsules: a few long tracts, then neurites from wide to narrow, then the holes that are left.

    All numbers that decide are rounded or made by exactly rounded operations, so no processor packs otherwise.
    """
    axis = np.arange(-margin, size + margin, step) + step / 2
    rows, columns = np.meshgrid(axis, axis, indexing="ij")
    gap = np.full(rows.shape, 1e9)
    area, flow = (size + 2 * margin) ** 2, np.pi * rng.random()
    neurites = []

    def place(spot, radius, aspect, turn):
        cosine, sine, radius = np.round(np.cos(flow + turn), 6), np.round(np.sin(flow + turn), 6), np.round(radius, 3)
        neurites.append((rows.flat[spot], columns.flat[spot], cosine, sine, np.round(radius * aspect, 3), radius))
        np.minimum(gap, capsule(rows, columns, neurites[-1])[2], out=gap)

    for radius in 14 + 14 * rng.random(int(5 * rng.random())):
        place(int(gap.size * rng.random()), radius, 4 + 8 * rng.random(), 0.08 * rng.standard_normal())
    spread = rng.standard_normal(area // 3100)
    for radius in np.sort(17 * np.exp(np.where(spread > 0, 0.84, 0.45) * spread))[::-1]:
        aspect = 3.5 * rng.random() ** 3 * min(1.0, 32 / radius)
        radius = min(radius, 74.0) / np.sqrt(1 + 1.27 * aspect)
        spots = np.flatnonzero(gap > np.round(0.85 * radius, 3))
        if spots.size:
            place(spots[int(spots.size * rng.random())], radius, aspect, 0.8 * rng.standard_normal())
    while gap.max() >= 9.5:
        aspect = 3.5 * rng.random() ** 3
        place(gap.argmax(), gap.max() / np.sqrt(1 + 1.27 * aspect), aspect, 0.8 * rng.standard_normal())
    return np.array(neurites)


def partition(rng, size, neurites, reach=18, slack=24):
    """Give each pixel of a bent plane to the neurite whose surface is nearest.

    Returns the number of the neurite (0 = none within `reach`) and the pixel's coordinates along and across it.
    """
    region, along, across = np.zeros((size, size), np.int32), np.zeros((size, size)), np.zeros((size, size))
    nearest = np.full((size, size), float(reach))
    rows, columns = bent_grid(rng, size, ((8.0, 60), (3.2, 22), (0.7, 8)))
    for number, neurite in enumerate(neurites, 1):
        row, column, cosine, sine, half, radius = neurite
        margin = radius + reach + slack
        place = window(row, column, margin + half * abs(sine), margin + half * abs(cosine))
        u, v, distance = capsule(rows[place], columns[place], neurite)
        won = distance < nearest[place]
        for target, value in ((nearest, distance), (region, number), (along, u), (across, v)):
            np.copyto(target[place], value, where=won)
    return region, along, across


def merge(rng, neurites, chance=0.1):
    """Table from neurite to profile: some neurites join their nearest neighbour, which makes concave profiles."""
    profile = np.arange(len(neurites) + 1)
    for number, (row, column) in enumerate(neurites[:, :2]):
        if rng.random() < chance:
            distance = (neurites[:, 0] - row) ** 2 + (neurites[:, 1] - column) ** 2
            distance[number] = np.inf
            profile[profile == profile[number + 1]] = profile[distance.argmin() + 1]
    return profile


def membranes(rng, depth, profile):
    """Interior of the profiles (bool), darkness of the membranes in grey levels, smudges in 0..1.

    Membranes are lines of varying width. Where the cut is oblique they blur and lean into the profiles beside them.
    Smudges are the dark patches of synapses and of membranes cut along their plane.
    """
    noise = functools.partial(smooth_noise, rng, depth.shape)
    width = np.maximum(2.85 + 0.45 * noise(40) + 0.3 * noise(10), 2.0)
    interior = blur(depth > width, 2.0) > 0.5
    inside = blur(interior, 1.35)
    line = ease((0.70 + 0.12 * noise(3) - inside) / 0.57) * (1 - 0.3 * ease(1 - inside / 0.04))
    oblique = ease(1.2 * (noise(34) - 0.5))
    lean = 2 + 18 * oblique * rng.random(profile.max() + 1)[profile]
    haze = blur(oblique * np.exp(-((depth / lean) ** 2)), 2.0)
    smudge = blur(ease(1.6 * (noise(26) + 0.15 * noise(6) - 1.5)) * np.exp(-((depth / 12) ** 2)), 1.5)
    contrast = 92 + 10 * noise(30) + 16 * noise(4)
    darkness = line * contrast * (1 - 0.35 * oblique) + 50 * haze
    return interior, np.maximum(darkness, smudge * (96 + 18 * noise(4))), smudge


def cytoplasm(rng, depth, neurites, region, profile, along, across):
    """Grey levels of the stained cytoplasm: shading, mottling, filaments along the neurite, cisternae, vesicles."""
    noise = functools.partial(smooth_noise, rng, depth.shape)
    count = neurites + 1
    glia = rng.random(count) < 0.05
    shading = 4.5 * noise(100)
    level = 168 + shading - shading.mean() + 4 * noise(36)
    level += blur((4 * rng.standard_normal(count) - 24 * glia)[profile], 1.5)
    fine = noise(3.2)
    level += (11 * fine - 5 * np.abs(fine) + 7 * noise(7) + 4 * noise(15)) * (0.7 + 0.7 * rng.random(count))[profile]
    threads = blur(rng.standard_normal((256, 64)), 0.7)
    start = 64 * rng.random((2, count))[:, profile]
    threads = ndimage.map_coordinates(
        threads / threads.std(), (across / 1.5 + start[0], along / 10 + start[1]), order=1, mode="grid-wrap"
    )
    strength = np.where(rng.random(count) < 0.3, 36, 14) * rng.random(count)
    level -= np.maximum(threads - 0.3, 0) * strength[region]
    level -= 30 * np.exp(-((noise(26) / 0.08) ** 2)) * ease(noise(34) - 0.5) * (depth > 4)
    richness = np.where(rng.random(count) < 0.35, 1.2, 0.6) * (0.2 + 0.8 * rng.random(count)) + 1.5 * glia
    likely = richness[profile] * (0.35 + 1.3 * ease(0.5 + 0.7 * noise(24))) * (depth > 5)
    return level - vesicles(rng, likely, glia[profile], 28)


def mitochondria(rng, level, neurites, region, along, across):
    """Draw a mitochondrion into some of the wider neurites: dark, with a double outline and parallel cristae.

    Returns the grey levels, and where the mitochondria are (bool): up to the middle of their outline, and one px more.
    """
    noise = functools.partial(smooth_noise, rng, level.shape)
    count = len(neurites) + 1
    radius = np.concatenate([[0.0], neurites[:, 5]])
    minor = radius * (0.42 + 0.26 * rng.random(count))
    major = minor * (1 + 0.6 * rng.random(count))
    present = (minor > 9.5) & (rng.random(count) < 0.28)
    u = along - ((rng.random(count) - 0.5) * np.maximum(radius - major, 0))[region]
    v = across - (1.3 * (rng.random(count) - 0.5) * (radius - minor))[region]
    minor, major = np.where(present, minor, 1.0)[region], np.where(present, major, 1.0)[region]
    outside = np.sqrt((u / major) ** 2 + (v / minor) ** 2) * (1 + 0.08 * noise(20)) * minor - minor
    outside = np.where(present[region], outside, np.inf)
    angle, period = np.pi * rng.random(count), 6.5 + 3 * rng.random(count)
    phase = (u * np.cos(angle)[region] + v * np.sin(angle)[region]) / period[region]
    phase += 0.25 * noise(22) + 0.13 * noise(8)
    cristae = np.tanh(2 * np.sin(2 * np.pi * phase) - 0.8) * ease(0.55 + noise(8))
    matrix, contrast = 72 + 20 * rng.random(count), 10 + 26 * rng.random(count)
    body = matrix[region] + contrast[region] * cristae + 12 * noise(2.5)
    level = level + ease(0.5 - (outside + 2.4) / 2.0) * (body - level)
    level += 0.75 * np.exp(-((outside / 1.6) ** 2)) * (45 - level)
    return level + 6 * np.exp(-(((outside - 5) / 3.0) ** 2)), outside < 1


def photograph(rng, level, noisy):
    """uint8 image: the darkest saturates, shot noise grows with the square root of the level, gain and offset vary."""
    level = np.where(level < 70, 70 * np.exp(np.minimum(level - 70, 0) / 70), level)
    amplitude, sharpness = (45, 0.57) if noisy else (36, 0.78)
    grain = amplitude * blur(rng.standard_normal(level.shape), sharpness)
    level = level + grain * np.sqrt(np.maximum(level, 10) / 130)
    gain, offset = 1 + 0.06 * rng.standard_normal(), 9 * rng.standard_normal()
    return expose(125 + offset + gain * (level - 125))


def annotate(rng, interior, smudge, smallest=40):
    """Instance ids as an annotator draws them: with an unsteady hand, smudges painted out, specks left out.

    Of the 4-connected components that meet at corners only the largest is kept: then no two instances touch.
    """
    axis = np.arange(len(interior))
    rows, columns = (
        np.clip(np.rint(grid + 0.8 * smooth_noise(rng, interior.shape, 12)).astype(int), 0, axis[-1])
        for grid in (axis[:, None], axis)
    )
    drawn = blur((interior & (smudge < 0.45))[rows, columns], 1.0) > 0.5
    group, groups = ndimage.label(drawn, np.ones((3, 3)))
    part, parts = ndimage.label(drawn)
    area = np.bincount(part.ravel(), minlength=parts + 1)
    group_of = np.zeros(parts + 1, int)
    group_of[part] = group
    by_area = np.argsort(area[1:], kind="stable") + 1
    largest = np.zeros(groups + 1, int)
    largest[group_of[by_area]] = by_area
    kept = np.zeros(parts + 1, bool)
    kept[largest[1:]] = True
    kept &= area >= smallest
    return (np.cumsum(kept) * kept)[part].astype(np.int32)
