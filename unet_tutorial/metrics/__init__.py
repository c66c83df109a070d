"""The challenge's metrics: how far a prediction is from the truth, by pixels, by pairs of pixels and by topology.

Every metric takes (prediction, truth). A metric with the keyword `threshold` takes one threshold, or a sequence of
them: then the best value counts, with the same threshold for all slices. `THRESHOLDS` are the challenge's. A stack can
be a list of (H, W) slices that differ in size. A metric with a threshold warns of a prediction whose polarity is
probably reversed.

`compare` makes the comparison of one slice from which all these scores are read, each part of it once. `RULES` says of
each score what it reads, how several slices make one number, and whether small or large is best.
"""

from ._boundaries import BoundaryScores, boundary_f1, boundary_scores
from ._comparison import Comparison, compare
from ._inputs import THRESHOLDS
from ._matching import contingency, merged_cells, seg_score
from ._pixels import ClassScores, calibration_error, class_scores, confusion, log_loss
from ._rules import RULES, Rule, Scores
from ._scores import (
    best_threshold,
    info_scores,
    iou,
    pixel_error,
    rand_error,
    rand_scores,
    v_info,
    v_rand,
    warping_error,
)
from ._segments import segments, thin_borders
from ._sweep import LEVELS, best_level, score_cells, score_tissue
from ._warping import warp_label, warping_errors

__all__ = [
    "LEVELS",
    "RULES",
    "THRESHOLDS",
    "BoundaryScores",
    "ClassScores",
    "Comparison",
    "Rule",
    "Scores",
    "best_level",
    "best_threshold",
    "boundary_f1",
    "boundary_scores",
    "calibration_error",
    "class_scores",
    "compare",
    "confusion",
    "contingency",
    "info_scores",
    "iou",
    "log_loss",
    "merged_cells",
    "pixel_error",
    "rand_error",
    "rand_scores",
    "score_cells",
    "score_tissue",
    "seg_score",
    "segments",
    "thin_borders",
    "v_info",
    "v_rand",
    "warp_label",
    "warping_error",
    "warping_errors",
]
