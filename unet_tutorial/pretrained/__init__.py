"""Weights in files, and the two networks that come with the package."""

from ._nuclei import NUCLEI, NUCLEI_CARD, nuclei_unet
from ._small import CARD, FOLDER, SMALL, small_unet
from ._weights import digest, load_weights, save_weights

__all__ = [
    "CARD",
    "FOLDER",
    "NUCLEI",
    "NUCLEI_CARD",
    "SMALL",
    "digest",
    "load_weights",
    "nuclei_unet",
    "save_weights",
    "small_unet",
]
