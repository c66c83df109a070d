"""The images of the book: the synthetic specimen, ISBI 2012, cell tracking, nuclei; the fixed split; one grey scale."""

from pathlib import Path

from .._shared.checks import UNLABELLED
from ._archives import DataUnavailable
from ._classes import class_labels
from ._grey import normalize
from ._loaders import (
    HELD_OUT_SLICES,
    TRAIN_SLICES,
    AnnotatedCells,
    Isbi2012,
    PhaseContrast,
    Specimen,
    describe,
    load_cell_tracking,
    load_isbi2012,
    load_isbi2012_test_labels,
    load_nuclei,
    load_phase_contrast,
    specimen,
    unlabel_rim,
)
from ._synthetic_cells import synthetic_cells
from ._synthetic_em import synthetic_em

NUCLEI = Path(__file__).parent / "nuclei"  # a folder of images and masks, CC0: its README says whence

__all__ = [
    "HELD_OUT_SLICES",
    "NUCLEI",
    "TRAIN_SLICES",
    "UNLABELLED",
    "AnnotatedCells",
    "DataUnavailable",
    "Isbi2012",
    "PhaseContrast",
    "Specimen",
    "class_labels",
    "describe",
    "load_cell_tracking",
    "load_isbi2012",
    "load_isbi2012_test_labels",
    "load_nuclei",
    "load_phase_contrast",
    "normalize",
    "specimen",
    "synthetic_cells",
    "synthetic_em",
    "unlabel_rim",
]
