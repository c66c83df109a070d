"""What the net is asked to get right: the soft-max and the weighted cross entropy.

Keras is imported only when a loss is called.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ._shared.checks import UNLABELLED

if TYPE_CHECKING:
    from ._backend import keras


def soft_max(logits: ArrayLike) -> np.ndarray:
    """Turn the final map into probabilities, without overflow.

    Parameters
    ----------
    logits : (..., K) float array
        One activation a class, classes last.

    Returns
    -------
    (..., K) array of the same dtype
        exp(logits) divided by its sum over the classes.

    Raises
    ------
    ValueError
        `logits` is not a float array, has no axis, or holds NaN or infinite values.

    References
    ----------
    Ronneberger et al. 2015, section 3.

    Examples
    --------
    >>> soft_max([[1000.0, 1000.0], [1000.0, 0.0]]).tolist()  # exp(1000) alone would overflow
    [[0.5, 0.5], [1.0, 0.0]]
    """
    logits = np.asarray(logits)
    if not np.issubdtype(logits.dtype, np.floating) or logits.ndim == 0 or not np.isfinite(logits).all():
        raise ValueError(f"logits of dtype {logits.dtype} and shape {logits.shape}: must be finite floats (..., K)")
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def weighted_cross_entropy(
    labels: Any,
    logits: Any,
    weights: Any = None,
    reduction: str = "mean",
) -> Any:
    """Energy of a batch: equation 1, with the minus sign that its print lacks.

    The sum over pixels of -w(x) log p_l(x)(x), where p is the soft-max of the logits and l(x) the label of pixel x.
    Computed from the logits in one step, so a probability of 0 gives no infinity.

    Parameters
    ----------
    labels : (N, H, W) int array or tensor
        Class of each pixel, 0 to K - 1, already cropped to the net's output; or -1, not labelled: the weight is then 0,
        whatever `weights` say, so that the pixel gives no energy and no gradient.
    logits : (N, H, W, K) float array or tensor
        The final map, before any soft-max. Half precision is raised to float32.
    weights : (N, H, W) float array or tensor, optional
        Weight map; ones if left out.
    reduction : {"mean", "sum"}
        The paper sums over the pixels. The default divides that sum by their number, not by the sum of the weights: the
        learning rate then does not depend on the tile size.

    Returns
    -------
    scalar float32 tensor of Keras's backend

    Raises
    ------
    ValueError
        Float labels, shapes that differ, fewer than two classes, an unknown reduction; outside a compiled function also
        a label that is no class, and weights that are negative, NaN or infinite.

    References
    ----------
    Ronneberger et al. 2015, section 3, equation 1.

    Examples
    --------
    >>> import numpy as np
    >>> labels, logits = [[[0, 1]]], np.zeros((1, 1, 2, 2))  # two pixels, each undecided between two classes
    >>> round(float(weighted_cross_entropy(labels, logits)), 2)  # ln 2
    0.69
    >>> round(float(weighted_cross_entropy(labels, logits, weights=[[[1, 3]]], reduction="sum")), 2)  # 4 ln 2
    2.77
    """
    from ._backend import is_traced, keras

    ops = keras.ops
    labels, logits = ops.convert_to_tensor(labels), ops.cast(ops.convert_to_tensor(logits), "float32")
    kind = keras.backend.standardize_dtype(labels.dtype)
    if not keras.backend.is_int_dtype(kind):
        raise ValueError(f"labels of dtype {kind}: must be integer class numbers")
    if reduction not in ("mean", "sum"):
        raise ValueError(f"reduction {reduction!r}: must be 'mean' or 'sum'")
    if not len(logits.shape) or logits.shape[-1] < 2:
        raise ValueError(f"logits of shape {tuple(logits.shape)}: a soft-max needs two classes, on the last axis")
    w = ops.ones(ops.shape(labels)) if weights is None else ops.cast(ops.convert_to_tensor(weights), "float32")
    for array, name in ((labels, "labels"), (w, "weights")):
        if not _may_agree(array.shape, logits.shape[:-1]):
            raise ValueError(
                f"{name} of shape {tuple(array.shape)} and logits of shape {tuple(logits.shape)}: must "
                "agree but for the classes; crop to the net's output"
            )
    if not is_traced(logits):
        _refuse_values(ops.convert_to_numpy(labels), ops.convert_to_numpy(w), logits.shape[-1])
    labels = ops.cast(labels, "int32")
    known = labels != UNLABELLED  # a weight times 1 is the same weight, bit for bit
    energy = w * ops.cast(known, "float32")
    energy *= ops.sparse_categorical_crossentropy(ops.where(known, labels, 0), logits, from_logits=True)
    return ops.sum(energy) if reduction == "sum" else ops.mean(energy)


def weighted_cross_entropy_loss(reduction: str = "mean") -> "keras.losses.Loss":
    """Make the same energy a loss for `model.compile`.

    The weight map travels as Keras' sample weight: give `fit` batches of three, (images, labels, weights), with shapes
    (N, H, W, C), (N, H, W) and (N, H, W). Batches of two count every pixel as 1.

    Parameters
    ----------
    reduction : {"mean", "sum"}
        As in `weighted_cross_entropy`.

    Returns
    -------
    keras.losses.Loss
        Called as loss(labels, logits, sample_weight=weights). It saves and loads with the model.

    Raises
    ------
    ValueError
        An unknown reduction.

    References
    ----------
    Ronneberger et al. 2015, section 3, equation 1.

    Examples
    --------
    >>> import numpy as np
    >>> from unet_tutorial.model import build_unet
    >>> model = build_unet((20, 20, 1), base_filters=2, depth=1)
    >>> model.compile(optimizer="sgd", loss=weighted_cross_entropy_loss())
    >>> images, labels, weights = np.zeros((1, 20, 20, 1)), np.zeros((1, 4, 4)), np.full((1, 4, 4), 2)
    >>> round(float(model.test_on_batch(images, labels, weights)), 2)  # 2 ln 2: black images give logits of 0
    1.39
    """
    from ._backend import keras

    if reduction not in ("mean", "sum"):
        raise ValueError(f"reduction {reduction!r}: must be 'mean' or 'sum'")
    return keras.losses.SparseCategoricalCrossentropy(
        from_logits=True,
        reduction={"mean": "sum_over_batch_size", "sum": "sum"}[reduction],
        name="weighted_cross_entropy",
    )


def _may_agree(shape, other):
    """Whether two shapes are equal, as far as they are known while a graph is made."""
    return len(shape) == len(other) and all(None in (a, b) or a == b for a, b in zip(shape, other))


def _refuse_values(labels, weights, classes):
    if labels.size == 0:
        raise ValueError(f"labels of shape {labels.shape}: holds no pixel")
    if labels.min() < UNLABELLED or labels.max() >= classes:
        raise ValueError(
            f"labels {labels.min()} to {labels.max()}: must be class numbers from 0 to {classes - 1}, or {UNLABELLED} "
            "where nothing is labelled"
        )
    if not np.isfinite(weights).all() or weights.min() < 0:
        raise ValueError(f"weights {weights.min()} to {weights.max()}: must be finite and >= 0")
