"""Numbers that the paper prints, in one place: what the book's own numbers are compared with.

Ronneberger et al. 2015: figure 1, tables 1 and 2.
"""

from typing import NamedTuple

INPUT, OUTPUT = 572, 388  # sides of the tile of figure 1, in and out, in pixels
WEIGHTS = 31_030_658  # of the network of figure 1; the paper does not count them


class Errors(NamedTuple):
    """A row of table 1. All three are errors: less is better."""

    rank: str
    warping_error: float
    rand_error: float
    pixel_error: float


TABLE_1 = {
    "human values": Errors("-", 0.000005, 0.0021, 0.0010),
    "u-net": Errors("1", 0.000353, 0.0382, 0.0611),
    "DIVE-SCI": Errors("2", 0.000355, 0.0305, 0.0584),
    "IDSIA": Errors("3", 0.000420, 0.0504, 0.0613),
    "DIVE": Errors("4", 0.000430, 0.0545, 0.0582),
    "IDSIA-SCI": Errors("10", 0.000653, 0.0189, 0.1027),
}
"""The EM segmentation challenge in March 2015, as the paper prints it, sorted by warping error."""

TABLE_2 = {
    "IMCB-SG (2014)": (0.2669, 0.2935),
    "KTH-SE (2014)": (0.7953, 0.4607),
    "HOUS-US (2014)": (0.5323, None),
    "second best 2015": (0.83, 0.46),
    "u-net (2015)": (0.9203, 0.7756),
}
"""IoU in the cell tracking challenge of 2015, on PhC-U373 and on DIC-HeLa; None where the paper has a dash."""
