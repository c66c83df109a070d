"""Overlays are pixel arithmetic: every pixel of the result follows from a rule stated here by loops."""

import re

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from unet_tutorial.plotting._paint import as_picture, blend, mark_errors, outlines, paint_cells
from unet_tutorial.plotting._style import COLOURS
from unet_tutorial.rounding import assert_agree

RNG = np.random.default_rng(0)
BLEND = 3  # two shares and a sum: roundings in one colour
IMAGE = RNG.random((9, 12)).astype(np.float32)
CELLS = np.kron(RNG.integers(0, 5, (3, 4)), np.ones((3, 3), int))
CELLS[4, 4] = 7
LABEL = (CELLS > 0).astype(np.uint8)


def brute_outlines(cells):
    edge = np.zeros(cells.shape, bool)
    for row, column in np.ndindex(cells.shape):
        for other in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            inside = 0 <= other[0] < cells.shape[0] and 0 <= other[1] < cells.shape[1]
            if inside and cells[row, column] and cells[other] != cells[row, column]:
                edge[row, column] = True
    return edge


@pytest.mark.parametrize("cells", [CELLS, LABEL, CELLS.T, np.ones((1, 1), int), CELLS.astype(np.uint8)])
def test_outlines_are_pixels_with_a_neighbour_of_another_id(cells):
    assert (outlines(cells) == brute_outlines(cells)).all()


def test_cells_keep_their_colour_from_picture_to_picture():
    everywhere = paint_cells(np.kron(np.arange(1, 41).reshape(5, 8), np.ones((3, 3), int)))
    colours = everywhere[1::3, 1::3].reshape(-1, 3)
    assert len(np.unique(colours.round(3), axis=0)) == 40
    for first, second in zip(colours, colours[1:]):
        assert np.abs(first - second).max() > 0.15  # ids in a row lie apart
    for cell_id in (1, 7, 40):
        alone = paint_cells(np.full((3, 3), cell_id))
        assert (alone == colours[cell_id - 1]).all()  # nothing to outline
    assert everywhere.dtype == np.float32 and everywhere.min() >= 0 and everywhere.max() <= 1


def test_painted_cells_have_dark_outlines_on_a_dark_ground():
    picture = paint_cells(CELLS)
    edge = brute_outlines(CELLS)
    for row, column in np.ndindex(CELLS.shape):
        full = paint_cells(np.full((1, 1), CELLS[row, column]))[0, 0]
        assert picture[row, column] == pytest.approx(full / 2 if edge[row, column] else full)
    assert_agree(picture[CELLS == 0], np.broadcast_to(to_rgb(COLOURS["membrane"]), ((CELLS == 0).sum(), 3)), BLEND)


@pytest.mark.parametrize("strength", [None, 0, 0.8, 1])
def test_blended_label(strength):
    picture = blend(IMAGE, label=LABEL, **({} if strength is None else {"strength": strength}))
    share = 0.35 if strength is None else strength
    edge = brute_outlines(LABEL)
    for row, column in np.ndindex(LABEL.shape):
        expected = np.full(3, IMAGE[row, column])
        if edge[row, column]:
            expected = to_rgb(COLOURS["accent"])
        elif LABEL[row, column]:
            expected = (1 - share) * expected + share * np.array(to_rgb(COLOURS["cell"]))
        assert_agree(picture[row, column], expected, BLEND, scale=1)
    assert picture.shape == (9, 12, 3) and picture.dtype == np.float32


def test_blended_cells():
    picture = blend(IMAGE, cells=CELLS, strength=0.6)
    edge = brute_outlines(CELLS)
    for row, column in np.ndindex(CELLS.shape):
        colour = paint_cells(np.full((1, 1), max(CELLS[row, column], 1)))[0, 0]
        share = 1 if edge[row, column] else 0.6 * (CELLS[row, column] > 0)
        assert_agree(picture[row, column], (1 - share) * IMAGE[row, column] + share * colour, BLEND, scale=1)


def test_blended_probability():
    probability = RNG.random((9, 12)).astype(np.float32)
    picture = blend(IMAGE[..., None], probability=probability, strength=0.5)
    share = 0.5 * probability[..., None]
    expected = (1 - share) * IMAGE[..., None] + share * np.array(to_rgb(COLOURS["cell"]))
    assert_agree(picture, expected, BLEND)


def test_blend_refuses():
    with pytest.raises(ValueError, match="nothing to blend: give exactly one"):
        blend(IMAGE)
    with pytest.raises(ValueError, match="label and cells to blend"):
        blend(IMAGE, label=LABEL, cells=CELLS)
    with pytest.raises(ValueError, match="strength 1.5: must be at most 1"):
        blend(IMAGE, label=LABEL, strength=1.5)
    with pytest.raises(ValueError, match="strength -1"):
        blend(IMAGE, label=LABEL, strength=-1)
    with pytest.raises(ValueError, match=re.escape("image of shape (9, 12) and cells of shape (9, 10)")):
        blend(IMAGE, cells=CELLS[:, :10])
    with pytest.raises(ValueError, match="only 0 and 1 are allowed"):
        blend(IMAGE, label=CELLS)
    with pytest.raises(ValueError, match="probability: holds values from 0 to 2"):
        blend(IMAGE, probability=np.array([[0.0, 2.0]]))
    with pytest.raises(ValueError, match="image of dtype uint8"):
        blend(LABEL, label=LABEL)


@pytest.mark.parametrize("grow", [None, 0, 1])
def test_errors_are_marked_and_widened(grow):
    split, merge = np.zeros((12, 15), bool), np.zeros((12, 15), np.uint8)
    split[3, 4] = split[11, 0] = True
    merge[6, 4:6] = 1
    image = RNG.random((12, 15)).astype(np.float32)
    picture = mark_errors(split, merge, image, **({} if grow is None else {"grow": grow}))
    reach = 2 if grow is None else grow
    for row, column in np.ndindex(split.shape):
        near = (slice(max(row - reach, 0), row + reach + 1), slice(max(column - reach, 0), column + reach + 1))
        expected = np.full(3, 0.5 + 0.5 * image[row, column])
        if merge[near].any():
            expected = to_rgb(COLOURS["merge"])
        elif split[near].any():
            expected = to_rgb(COLOURS["split"])
        assert_agree(picture[row, column], expected, BLEND, scale=1)
    assert split.sum() == 2 and merge.sum() == 2  # the arguments are left alone


def test_marking_refuses():
    with pytest.raises(ValueError, match="grow -1"):
        mark_errors(LABEL, LABEL, IMAGE, grow=-1)
    with pytest.raises(ValueError, match=re.escape("and merge_mask of shape (8, 12)")):
        mark_errors(LABEL, LABEL[:8], IMAGE)
    with pytest.raises(ValueError, match="split_mask: holds values"):
        mark_errors(CELLS, LABEL, IMAGE)


def test_as_grey():
    assert (as_picture(IMAGE[..., None]) == IMAGE).all() and as_picture(IMAGE).shape == (9, 12)
    assert (as_picture(np.array([[0.0, 1.0]])) == [[0, 1]]).all()
    for image, message in (
        (IMAGE + 0.5, "must be in 0..1"),
        (IMAGE - 0.5, "must be in 0..1"),
        (np.stack([IMAGE] * 3, -1), "take one channel"),
        (IMAGE * np.nan, "NaN"),
    ):
        with pytest.raises(ValueError, match=f"slice.*{message}"):
            as_picture(image, "slice")
