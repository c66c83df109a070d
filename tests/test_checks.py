"""Laws of what counts as an image, a label or a map of ids: each message names the value, the rule and the way out."""

import warnings

import numpy as np
import pytest
from scipy import ndimage

from unet_tutorial._shared import checks
from unet_tutorial.datasets import synthetic_cells, synthetic_em

ROW = np.array([[255, 128, 0, 0, 0]], np.uint8)


def discs(side, count, seed=0, soft=True):
    """A uint8 mask of discs of 255, with grey edges of a few pixels if it is soft."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    mask = np.zeros((side, side), bool)
    for row, column in rng.integers(0, side, (count, 2)):
        mask |= (rows - row) ** 2 + (columns - column) ** 2 < 14**2
    return (np.rint(255 * ndimage.gaussian_filter(mask.astype(float), 2)) if soft else 255 * mask).astype(np.uint8)


def nuclei(side=200, count=300, seed=0):
    """Ids of count small cells, the nearest centre's within 7 px of it: hundreds of them, some cut to a few pixels."""
    rng = np.random.default_rng(seed)
    centres = rng.random((count, 2)) * side
    rows, columns = np.mgrid[:side, :side]
    squared = [(rows - row) ** 2 + (columns - column) ** 2 for row, column in centres]
    return np.where(np.min(squared, axis=0) < 7**2, np.argmin(squared, axis=0) + 1, 0)


@pytest.mark.parametrize(
    "low, high, cure",
    [
        (0, 200, "from 0 to 200; must be in 0..1; divide 8-bit grey values by 255"),
        (0, 3000, "divide 12-bit grey values by 4095"),
        (0, 60000, "divide 16-bit grey values by 65535"),
        (0, 1e6, "largest value that the camera gives"),
        (-1, 1, r"from -1 to 1; .*\(image \+ 1\) / 2"),
        (-2.5, 3.5, "leave that step out"),
        (-0.1, 1.05, r"np.clip\(image, 0, 1\)"),
        (0, 1.00001, "from 0 to 1.00001;"),
        (-0.00002, 1, "from -2e-05 to 1;"),
        (0, 255 / 254, "from 0 to 1.003937;"),
    ],
)
def test_values_outside_0_to_1_are_named_with_their_digits_and_a_cure(low, high, cure):
    with pytest.raises(ValueError, match=f"^image: holds values {cure}" if cure.startswith("from") else cure):
        checks.as_grey_values(np.array([[low, high]], np.float32))


def test_values_outside_0_to_1_by_rounding_are_set_to_0_and_1():
    image = np.array([[-9e-7, 0.25, 1 + 9e-7]], np.float32)
    np.testing.assert_array_equal(checks.as_grey_values(image), np.array([[0, 0.25, 1]], np.float32))
    for wrong in (-2e-6, 1 + 2e-6):
        with pytest.raises(ValueError, match=r"image: holds values from (-2e-06 to 0|0 to 1\.00000\d+);"):
            checks.as_grey_values(np.array([[0, wrong]], np.float32))


@pytest.mark.parametrize(
    "image, cure",
    [
        (np.zeros((2, 2), np.uint8), "image of dtype uint8: .* divide uint8 grey values by 255$"),
        (np.full((2, 2), 4012, np.uint16), r"uint16.* by 65535, .*4095 for 12 bits \(the largest here is 4012\)$"),
        (np.full((2, 2), 700, np.int32), "int32.* 255 for 8 bits, 4095 for 12, 65535 for 16 .*700"),
        (np.zeros((2, 2), bool), "astype"),
        (np.zeros((2, 2), complex), "complex128: must be float in 0..1$"),
    ],
)
def test_sixteen_bits_are_not_told_to_divide_by_255(image, cure):
    with pytest.raises(ValueError, match=cure) as told:
        checks.as_image(image)
    assert ("by 255" in str(told.value)) == (image.dtype == np.uint8)


@pytest.mark.parametrize(
    "shape, words",
    [
        ((1, 1, 4), r"RGBA.*without alpha, image\[..., :3\].mean"),
        ((8, 9, 3), "RGB where.*mean over channels"),
        ((8, 9, 2), r"grey \+ alpha.*image\[..., 0\]"),
        ((20, 64, 64), r"a stack of 20 slices.*image\[0\]"),
        ((64, 64, 20), "20 channels"),
        ((3, 64, 64), "channels first"),
        ((8, 9, 1), r"image\[..., 0\]"),
        ((2, 8, 9, 3), "a batch or a stack"),
        ((9,), r"must be \(H, W\)$"),
    ],
)
def test_axes_that_are_too_many_are_called_what_they_are(shape, words):
    with pytest.raises(ValueError, match=words) as told:
        checks.as_image(np.zeros(shape, np.float32), grey=True)
    assert ("RGB where" in str(told.value)) == (shape[-1] == 3 and len(shape) == 3)
    for check in (checks.as_cells, checks.as_label):
        with pytest.raises(ValueError) as told:
            check(np.zeros(shape, int))
        assert "mean" not in str(told.value)


def test_slices_of_different_sizes_are_a_list_and_never_an_inhomogeneous_array():
    pair = [np.zeros((2, 3)), np.zeros((4, 5))]
    assert [one.shape for one in checks.as_slices(pair, "images")] == [(2, 3), (4, 5)]
    for check in (checks.as_image, checks.as_label, checks.as_cells):
        with pytest.raises(ValueError, match=r"of the shapes \(2, 3\), \(4, 5\): .* one at a time"):
            check(pair)


def test_a_mask_with_grey_edges_is_told_to_take_127():
    with pytest.raises(ValueError, match="label > 127"):
        checks.as_label(ROW)
    with pytest.raises(ValueError, match="label > 0"):
        checks.as_label(np.array([[0, 255]]))
    with pytest.raises(ValueError, match=r"values \[0, 1, 2, 3, 4\] to 7.*label > 0"):
        checks.as_label(np.arange(8)[None])


@pytest.mark.parametrize("mask", [ROW, np.kron(ROW, np.ones((2, 2), np.uint8)), discs(64, 3), discs(600, 60)])
def test_a_mask_with_grey_edges_taken_for_ids_gives_one_warning_at_the_caller(mask):
    with pytest.warns(UserWarning, match="255 with a median of .*number its cells with .* > 127") as given:
        checks.as_cells(mask)
    assert len(given) == 1 and given[0].filename == __file__
    with warnings.catch_warnings(), checks.trusted():
        warnings.simplefilter("error")
        checks.as_cells(mask)


def test_no_grey_edges_are_seen_in_maps_of_ids():
    maps = [*synthetic_em(2, 256)[2], *synthetic_cells(2, 256)[2], nuclei(), ROW > 127, discs(64, 3, soft=False)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for ids in maps:
            checks.as_cells(ids.astype(np.int32))
            checks.as_cells(np.where(ids > 255, 0, ids).astype(np.uint8))
            checks.as_cells((ids % 255 + (ids > 0)).astype(np.uint8))  # holds 255 wherever there are so many cells
    assert (nuclei() == 255).any()


def test_one_id_for_all_is_a_label_and_not_one_cell():
    two = np.array([[1, 0, 0, 1]])
    assert checks.one_id_for_all(two) and checks.one_id_for_all(255 * two)
    for ids in (7 * two, np.array([[1, 0, 0, 2]]), np.array([[1, 0], [0, 1]]), np.zeros((2, 2), int)):
        assert not checks.one_id_for_all(ids)


@pytest.mark.parametrize(
    "array, words",
    [
        (np.zeros((2, 2)), r"cells of dtype float64.*cells.astype\(np.int32\)"),
        (np.zeros((2, 2), bool), r"cells of dtype bool.*scipy.ndimage.label\(cells\)"),
    ],
)
def test_ids_of_another_type_get_a_cure(array, words):
    with pytest.raises(ValueError, match=words):
        checks.as_cells(array)
    with pytest.raises(ValueError, match="label > 0.5"):
        checks.as_label(np.zeros((2, 2)))
