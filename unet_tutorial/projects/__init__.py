"""A folder of your own images in, masks and a table out: read, report, plan, train, predict, measure.

The command `python -m unet_tutorial.projects` does the same.
"""

from ._folders import read_folder, read_images, read_masks
from ._grey import scaled
from ._measure import Row, measure
from ._model import Model, open_model, plan_of, train
from ._pairs import Finding, Pair, Project
from ._plan import Plan
from ._predict import Object, objects_of, predict
from ._report import contact_sheet, examine, report
from ._score import score, told
from ._segment import Rules, choose_rules, segment

__all__ = [
    "Finding",
    "Model",
    "Object",
    "Pair",
    "Plan",
    "Project",
    "Row",
    "Rules",
    "choose_rules",
    "contact_sheet",
    "examine",
    "measure",
    "objects_of",
    "open_model",
    "plan_of",
    "predict",
    "read_folder",
    "read_images",
    "read_masks",
    "report",
    "scaled",
    "score",
    "segment",
    "told",
    "train",
]
