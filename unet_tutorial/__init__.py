"""Helper package of a book that reviews the U-Net paper by running it.

Data flows one way: datasets, augmentation, losses, training, model, tiling, metrics, plotting.

Reference: O. Ronneberger, P. Fischer, T. Brox, "U-Net: Convolutional Networks for Biomedical Image
Segmentation", MICCAI 2015, arXiv:1505.04597.
"""

__version__ = "0.2.0"
