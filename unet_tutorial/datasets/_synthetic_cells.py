"""The synthetic phase-contrast frames: irregular cells that touch, with the bright halo of this kind of microscope."""

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

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

FILLET = 3.0  # px, roundness of the corners between a body and its limbs
ROUND = 2.0  # a cell thicker than this has let go of the glass: round, with a glaring rim


class Body(NamedTuple):
    """A cell before its outline is bent: where, how wide, (angle, length, tip radius) of its limbs, how thick."""

    row: float
    column: float
    radius: float
    limbs: np.ndarray
    thickness: float


def synthetic_cells(
    count: int, size: int = 512, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.int32]]:
    """Imitate phase-contrast frames of cells on glass, many of which touch, with labels and instance ids.

    Grey background under uneven light; elongated and many-armed cells with a bright halo, a granular body and a
    nucleus; a few bright round ones. Frame i is the same for every `count`.

    Parameters
    ----------
    count : int
        Number of frames, at least 1.
    size : int
        Height and width in pixels, at least 32. A cell is about 40 to 80 px long; a small frame may hold none.
    seed : int
        Not negative.

    Returns
    -------
    images : (count, size, size) float32 array
        Grey values in 0..1, each a multiple of 1/255.
    labels : (count, size, size) uint8 array
        1 = cell, 0 = background. Cells that touch are one component here.
    cells : (count, size, size) int32 array
        Instance ids 1..n, 0 = background, each 4-connected. Cells that touch have no background between them.

    Raises
    ------
    ValueError
        A parameter is not a whole number, or is too small.

    References
    ----------
    Ronneberger et al. 2015, section 4: the cell tracking data sets, and section 3 for cells that touch.

    Examples
    --------
    >>> from scipy import ndimage
    >>> images, labels, cells = synthetic_cells(count=1, size=256)
    >>> ndimage.label(labels[0])[1], int(cells.max())  # cells that touch are one component of the label
    (6, 8)
    """
    return draw_slices(cells_slice, count, size, seed)


def cells_slice(index, size, seed):
    """One frame: (size, size) uint8 grey levels and (size, size) int32 instance ids."""
    rng = generator(seed, index)
    bodies = place_bodies(rng, size)
    cells = largest_parts(draw_bodies(rng, size, bodies))
    return photograph(rng, cells, bodies), np.searchsorted(np.union1d(cells, 0), cells).astype(np.int32)


def random_body(rng):
    """Radius, limbs and thickness of a round, a spindle-shaped or a many-armed cell."""
    kind, turn = rng.random(), 2 * np.pi * rng.random()
    if kind < 0.1:
        return 9 + 5 * rng.random(), np.zeros((0, 3)), 1.3 * ROUND
    if kind < 0.45:
        radius, angles = 10 + 5 * rng.random(), turn + np.array([0, np.pi]) + 0.4 * rng.standard_normal(2)
        lengths = 26 + 50 * rng.random(2)
    else:
        radius, arms = 15 + 13 * rng.random(), 3 + int(3 * rng.random())
        angles = turn + 2 * np.pi * (np.arange(arms) + 0.6 * rng.random(arms)) / arms
        lengths = radius * (1.1 + 1.6 * rng.random(arms) ** 2)
    tips = 1.5 + 3 * rng.random(len(angles))
    return radius, np.stack([angles, lengths, tips], axis=1), 0.45 + 1.5 * rng.random() ** 2


def distance_to(rows, columns, body):
    """Distance to a body with its tapering limbs, negative inside: a smooth minimum over them."""
    down, right = rows - body.row, columns - body.column
    near = np.exp((body.radius - np.sqrt(down**2 + right**2)) / FILLET)
    for angle, length, tip in body.limbs:
        along, across = right * np.cos(angle) + down * np.sin(angle), down * np.cos(angle) - right * np.sin(angle)
        part = np.clip(along / length, 0, 1)
        width = 0.8 * body.radius * (1 - part) ** 1.5 + tip
        near = near + np.exp((width - np.sqrt((along - part * length) ** 2 + across**2)) / FILLET)
    return -FILLET * np.log(near)


def place_bodies(rng, size, margin=20, step=4):
    """Strew bodies; most are laid so that they overlap an earlier one a little."""
    axis = np.arange(-margin, size + margin, step) + step / 2
    rows, columns = np.meshgrid(axis, axis, indexing="ij")
    gap = np.full(rows.shape, 60.0)
    bodies = []
    for _ in range(max(4, (size + 2 * margin) ** 2 // 10500)):
        (radius, limbs, thickness), (joins, pick) = random_body(rng), rng.random(2)
        beside = (gap > 0.7 * radius) & (gap < radius)
        spots = np.flatnonzero(beside if joins < 0.7 and beside.any() else gap > radius + 12)
        if spots.size:
            spot = spots[int(pick * spots.size)]
            bodies.append(Body(rows.flat[spot], columns.flat[spot], radius, limbs, thickness))
            gap = np.minimum(gap, distance_to(rows, columns, bodies[-1]))
    return bodies


def draw_bodies(rng, size, bodies):
    """Ids of the bodies on a bent plane; where bodies overlap, the one whose outline is farther away has the pixel."""
    rows, columns = bent_grid(rng, size, ((3.5, 30), (1.0, 7)))
    nearest, cells = np.zeros((size, size)), np.zeros((size, size), np.int32)
    for number, body in enumerate(bodies, 1):
        reach = body.radius + 24 + max([length + tip for _, length, tip in body.limbs], default=0)
        place = window(body.row, body.column, reach, reach)
        distance = distance_to(rows[place], columns[place], body)
        won = distance < nearest[place]
        np.copyto(nearest[place], distance, where=won)
        np.copyto(cells[place], number, where=won)
    return cells


def largest_parts(cells, smallest=60):
    """Keep the largest 4-connected part of each id, if it has at least `smallest` pixels."""
    kept = np.zeros_like(cells)
    for number, place in enumerate(ndimage.find_objects(cells), 1):
        if place is not None:
            part, _ = ndimage.label(cells[place] == number)
            area = np.bincount(part.ravel())
            area[0] = 0
            if area.max() >= smallest:
                kept[place][part == area.argmax()] = number
    return kept


def photograph(rng, cells, bodies):
    """uint8 image: phase contrast darkens what is thicker than its surroundings and brightens what is thinner."""
    noise = functools.partial(smooth_noise, rng, cells.shape)
    covered = cells > 0
    thickness = np.array([0.0, *(body.thickness for body in bodies)])[cells]
    depth = ndimage.distance_transform_edt(covered & ~boundaries(cells))
    height = thickness * (1 - np.exp(-depth / 1.8)) * (1 + 0.07 * noise(7) + 0.15 * noise(2.5))
    height = blur(height * (1 + 0.9 * ease(noise(8) - 0.5) * np.exp(-depth / 5)), 0.7)
    level = 101 + 6 * noise(220) + 1.2 * noise(30) - 14 * ease(noise(5) - 1.6) * ease(noise(22) - 0.3)
    level -= 100 * (height - blur(height, 2.4)) + 24 * (height - blur(height, 11.0)) + 2 * height
    level += 90 * blur(height, 2.0) * ~covered
    loose = thickness > ROUND
    level += 120 * loose * np.exp(-(((depth - 4) / 1.6) ** 2)) + 150 * blur(loose, 3.0) * ~loose
    nucleus = distance_to_nucleus(rng, cells, bodies)
    level += covered * (9 * ease(0.5 - nucleus / 2) - 14 * np.exp(-((nucleus / 1.5) ** 2)))
    around = 0.12 + 0.6 * np.exp(-np.maximum(nucleus, 0) / 9) * (nucleus > 1)
    likely = np.where(covered, around * (depth > 3), 0.008)
    level -= 0.8 * vesicles(rng, likely, np.ones(cells.shape, bool), 24)
    return expose(level + 4.2 * blur(rng.standard_normal(cells.shape), 0.6))


def distance_to_nucleus(rng, cells, bodies, reach=20):
    """Distance of the pixels of each spread cell to its nucleus, negative inside, at most 99."""
    axis = np.arange(len(cells)) + 0.5
    nearest = np.full(cells.shape, 99.0)
    for number, body in enumerate(bodies, 1):
        if body.thickness < ROUND:
            angle, radius = np.pi * rng.random(), 0.5 * body.radius
            place = window(body.row, body.column, reach, reach)
            shape = (body.row, body.column, np.cos(angle), np.sin(angle), 0.3 * radius, radius)
            distance = capsule(axis[place[0], None], axis[place[1]], shape)[2]
            np.copyto(nearest[place], distance, where=cells[place] == number)
    return nearest
