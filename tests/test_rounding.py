"""The bound on rounding: sums in any order stay under it, and the smallest fault that a test must catch does not."""

import doctest

import numpy as np
import pytest

from unet_tutorial import rounding
from unet_tutorial.model import build_unet, keras
from unet_tutorial.rounding import agreement, assert_agree, largest_difference, longest_sum, rounding_bound
from unet_tutorial.tiling import predict_tiled

ORDERS = (
    lambda x: np.cumsum(x, axis=1, dtype=x.dtype)[:, -1],
    lambda x: np.cumsum(x[:, ::-1], axis=1, dtype=x.dtype)[:, -1],
    lambda x: x.sum(axis=1),
    lambda x: x.reshape(len(x), 9, -1).sum(axis=1).sum(axis=1),
)


def test_the_examples_run():
    assert doctest.testmod(rounding).failed == 0


@pytest.mark.parametrize("terms", [1, 9, 100, 10_000])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_bound_is_the_rule(terms, dtype):
    eps = {np.float16: 2.0**-10, np.float32: 2.0**-23, np.float64: 2.0**-52}[dtype]
    assert rounding_bound(terms, 3.0, dtype) == pytest.approx(8 * eps * terms**0.5 * 3)
    assert rounding_bound(terms, np.array([[1.0, -3.0], [2.0, 0.0]]), dtype) == rounding_bound(terms, 3.0, dtype)


@pytest.mark.rounding
@pytest.mark.parametrize("seed", range(20))
def test_sums_in_four_orders_stay_under_it(seed):
    rng = np.random.default_rng(seed)
    products = (rng.standard_normal((100, 9 * 64)) * rng.standard_normal(9 * 64)).astype(np.float32)
    exact = products.astype(np.float64).sum(axis=1)
    for order in ORDERS:
        assert_agree(order(products), exact, 9 * 64)


def test_the_longest_sum_of_a_network_counts_its_widest_layer_and_its_layers():
    net = build_unet((None, None, 1), base_filters=4, depth=2)
    kernels = [layer for layer in net.layers if hasattr(layer, "kernel")]
    assert longest_sum(net) == 9 * 16 * len(kernels) and len(kernels) == 13  # 16 channels at the bottom
    with pytest.raises(ValueError, match="no layer has a kernel"):
        longest_sum(keras.Sequential([keras.layers.ReLU()]))


def test_a_difference_is_measured_without_overflow_and_nan_is_never_equal():
    assert largest_difference(np.uint8([0, 255]), np.uint8([1, 0])) == 255
    assert largest_difference([np.nan], [np.nan]) == np.inf == largest_difference([np.inf], [0.0])
    assert largest_difference([np.inf], [np.inf]) == 0
    with pytest.raises(ValueError, match=r"\(2,\) and \(3,\)"):
        largest_difference(np.zeros(2), np.zeros(3))
    with pytest.raises(AssertionError):
        assert_agree([np.nan], [1.0], 9)


@pytest.mark.parametrize(
    "terms, scale, dtype, message",
    [
        (0, 1, np.float32, "terms 0"),
        (2.5, 1, np.float32, "terms 2.5"),
        (9, np.nan, np.float32, "scale nan"),
        (9, np.inf, np.float32, "scale inf"),
        (9, 1, np.int32, "dtype int32"),
    ],
)
def test_what_makes_no_bound_is_refused(terms, scale, dtype, message):
    with pytest.raises(ValueError, match=message):
        rounding_bound(terms, scale, dtype)


def test_the_coarser_type_decides():
    one, other = np.float32([1.0]), np.float64([1.0])
    assert agreement(one, other, 4) == "largest difference < 2e-06"
    assert agreement(other, other, 4) == "largest difference < 4e-15"
    assert agreement([1], [2], 4).startswith("they differ by 1, ")


def test_the_bound_is_printed_rounded_up_to_one_digit():
    one = np.float32(1)
    for terms in range(1, 500):
        printed, bound = float(agreement(one, one, terms).split()[-1]), rounding_bound(terms)
        assert bound <= printed < bound + 1.000001 * 10 ** np.floor(np.log10(bound))


@pytest.mark.rounding
def test_tiles_in_phase_stay_under_it_and_one_phase_off_is_ten_times_over_it():
    net = build_unet((108, 108, 1), base_filters=8, depth=2)
    image = np.random.default_rng(0).random((140, 140), np.float32)
    whole = predict_tiled(net, image, tile=180)
    terms = longest_sum(net)
    assert_agree(predict_tiled(net, image), whole, terms)
    off = largest_difference(predict_tiled(net, image, stride=67), whole)
    assert off > 10 * rounding_bound(terms)


def test_arrays_of_zeros_are_not_said_to_differ_by_less_than_nothing():
    assert agreement(np.zeros(3), np.zeros(3), terms=5) == "no difference"
    assert agreement(np.zeros(3), np.full(3, 1e-30), terms=5).startswith("they differ by 1e-30")
