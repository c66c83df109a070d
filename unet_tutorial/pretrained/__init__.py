"""Weights in files, and the small network that comes with the package."""

from ._small import CARD, FOLDER, SMALL, small_unet
from ._weights import digest, load_weights, save_weights

__all__ = ["CARD", "FOLDER", "SMALL", "digest", "load_weights", "save_weights", "small_unet"]
