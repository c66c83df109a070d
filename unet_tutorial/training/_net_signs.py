"""Signs of illness in network, loss and optimizer: what a few steps on real tiles show.

Everything here changes weights; `examine` puts them back.
"""

import time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._backend import keras, make_step, replicas, strategy_of
from ._data_signs import Sample
from ._findings import Finding

ops, activations = keras.ops, keras.activations


class Ending(NamedTuple):
    """How a model ends: the activation of its output, whether a ReLU stands before it, and how many channels it has."""

    activation: str  # "linear", "softmax", "sigmoid", or another name
    relu: bool
    channels: int

    @property
    def bounded(self) -> bool:
        """Whether the outputs are probabilities."""
        return self.activation in ("softmax", "sigmoid")


def ending_of(model: keras.Model) -> Ending:
    """Follow the model back from its output to the last layer that has a kernel.

    A ReLU after that layer cuts off what would vote for a class; before that layer it is every network's habit.
    """
    names: list[str] = []
    tensor = model.outputs[0]
    while True:
        layer = tensor._keras_history.operation
        named = getattr(layer, "activation", None)
        if named is not None:
            names.append(getattr(named, "__name__", type(named).__name__).lower())
        elif isinstance(layer, (keras.layers.ReLU, keras.layers.Softmax, keras.layers.LeakyReLU)):
            names.append(type(layer).__name__.lower())
        elif type(layer).__name__ in ("Relu", "Softmax", "Sigmoid", "Relu6"):  # an operation of keras.ops
            names.append(type(layer).__name__.lower())
        inputs = getattr(layer, "input", None)
        if hasattr(layer, "kernel") or inputs is None or isinstance(inputs, (list, tuple)) or layer is inputs:
            break
        if isinstance(layer, keras.layers.InputLayer):
            break
        tensor = inputs
    names = [name for name in names if name != "linear"]
    last = names[0] if names else "linear"
    return Ending(last, any(name in ("relu", "relu6") for name in names), int(model.output_shape[-1]))


class Probe:
    """The loss of made-up outputs for the labels of a sample: what does it say of a right, a wrong, an empty answer?"""

    def __init__(self, loss: Any, sample: Sample, ending: Ending) -> None:
        self.loss, self.ending = loss, ending
        few = slice(0, 4)
        self.labels, self.weights = sample.raw[few], sample.weights[few]
        classes = sample.labels[few].astype(int)
        channels = ending.channels
        self.right = (classes[..., None] if channels == 1 else np.eye(channels)[classes]).astype(np.float32)

    def __call__(self, outputs: NDArray) -> float:
        return float(ops.convert_to_numpy(self.loss(self.labels, np.asarray(outputs, np.float32), self.weights)))

    def signed(self, size: float) -> float:
        """Of outputs that are right, and as sure as `size` says."""
        return self(size * (2 * self.right - 1))

    @property
    def nothing(self) -> float:
        """Of outputs that say the same of all classes: K classes, log K."""
        channels, bounded = self.ending.channels, self.ending.bounded
        level = (0.5 if bounded else 0.0) if channels == 1 else 1 / channels
        return self(np.full(self.right.shape, level))


def ending_signs(ending: Ending, probe: Probe, outputs: NDArray) -> list[Finding]:
    """Whether the end of the model and the loss fit together.

    Of right answers within 0..1, a loss that takes probabilities leaves nothing; one that takes the soft-max itself
    leaves log(1 + e^-1) = 0.31 of log 2 = 0.69: p goes no higher than 0.73. More than a tenth left divides them.
    """
    reference, best = probe.nothing, probe(probe.right)
    good, bad = probe.signed(8.0), probe.signed(-8.0)
    rows = []
    seen = f"{ending.activation} at the end, {ending.channels} channels"
    if ending.relu:
        share = float((outputs == outputs.min()).mean())
        seen += f"; a ReLU after the last weights, {share:.0%} of the outputs lie at its floor"
        rows.append(Finding("end of the model", seen, "suspect", "relu before the output"))
    elif not ending.bounded and outputs.min() == 0 and (outputs == 0).mean() > 0.01 and outputs.max() > 0:
        seen += f"; {np.mean(outputs == 0):.0%} of the outputs are exactly 0 and none is below"
        rows.append(Finding("end of the model", seen, "suspect", "relu before the output"))
    if ending.activation == "softmax" and ending.channels == 1:
        rows.append(Finding("end of the model", f"{seen}: always 1", "suspect", "soft-max over one channel"))
    elif ending.bounded and best > 0.1 * abs(reference):
        left = f"right answers in 0..1 leave a loss of {best:.2f}, where knowing nothing costs {reference:.2f}"
        rows.append(Finding("loss", f"{seen}; {left}: the loss takes logits", "suspect", "soft-max twice"))
    elif not ending.bounded and reference > 0 and max(map(abs, (best, probe(10 * probe.right)))) < 0.02 * reference:
        left = "right answers cost nothing however small they are: the loss takes probabilities"
        rows.append(Finding("loss", f"{seen}; {left}, the model gives none", "suspect", "no soft-max"))
    if good > bad + 1e-6 and not ending.bounded or ending.bounded and best > probe(1 - probe.right) + 1e-6:
        rows.append(Finding("loss", "right answers cost more than wrong ones", "suspect", "loss upside down"))
    return rows or [Finding("end of the model", f"{seen}; right answers cost {min(best, good):.2g}")]


class Recording(keras.optimizers.Adam):
    """Adam that keeps the gradients of its last step."""

    def build(self, variables):
        super().build(variables)
        self.gradients = self.add_optimizer_variables(self._trainable_variables, "gradient")

    def update_step(self, gradient, variable, learning_rate):
        kept = self.gradients[self._get_variable_index(variable)]
        self.assign(kept, ops.cast(gradient, kept.dtype))
        super().update_step(gradient, variable, learning_rate)


class Run(NamedTuple):
    """Losses of some steps; per kernel, its relative change in a late step and the gradient of the first one."""

    losses: list[float]
    updates: dict[str, float]
    gradients: dict[str, float]


def kernels(model):
    """Path and value of each trainable variable that is a matrix: kernels, no biases."""
    return {
        v.path: ops.convert_to_numpy(v.value).astype(np.float64) for v in model.trainable_variables if len(v.shape) > 1
    }


def steps(model, loss, optimizer, batches, most, seconds) -> Run:
    """At most so many steps in at most so many CPU seconds, and how far the last one moved each kernel."""
    copies = replicas(strategy_of(model))
    step = make_step(model, loss, optimizer)
    losses, gradients, updates = [], {}, []
    end = time.process_time() + seconds
    for number in range(most):
        batch = [
            np.repeat(part, copies, axis=0) if len(part) % copies else part for part in batches[number % len(batches)]
        ]
        before = kernels(model)
        losses.append(step(batch))
        after = kernels(model)
        updates.append({name: _size(after[name] - old) / max(_size(old), 1e-12) for name, old in before.items()})
        if not number and isinstance(optimizer, Recording):
            gradients = {
                variable.path: _size(ops.convert_to_numpy(kept.value))
                for variable, kept in zip(optimizer._trainable_variables, optimizer.gradients)
                if len(variable.shape) > 1
            }
        if not np.isfinite(losses[-1]) or time.process_time() > end:
            break
    late = updates[len(updates) // 2 :]
    return Run(losses, {name: float(np.median([one[name] for one in late])) for name in late[0]}, gradients)


def _size(values):
    return float(np.sqrt(np.sum(np.square(values, dtype=np.float64))))


def unit_shares(model, images) -> dict[str, float]:
    """Per layer with a ReLU, the share of its channels that are 0 at every pixel of all images."""
    chosen = [
        layer
        for layer in model.layers
        if (getattr(layer, "activation", None) is activations.relu or isinstance(layer, keras.layers.ReLU))
        and len(layer.output.shape) == 4
    ]
    if not chosen:
        return {}
    values = keras.Model(model.inputs[0], [layer.output for layer in chosen])(images, training=False)
    values = values if isinstance(values, (list, tuple)) else [values]
    return {
        layer.name: float((ops.convert_to_numpy(ops.cast(one, "float32")) == 0).all(axis=(0, 1, 2)).mean())
        for layer, one in zip(chosen, values)
    }


def predict(model, images) -> NDArray[np.float32]:
    """Outputs in inference mode, as NumPy."""
    return ops.convert_to_numpy(ops.cast(model(images, training=False), "float32"))


def best_tile(taken, classes):
    """Of all tiles, the one whose classes are most even, as a batch of one."""
    images, labels, weights = (np.concatenate(parts) for parts in zip(*taken))
    flat = labels.argmax(-1) if labels.ndim == 4 and labels.shape[-1] > 1 else labels
    shares = [max(float((one == value).mean()) for value in range(classes)) for one in flat]
    chosen = int(np.argmin(shares))
    return images[chosen : chosen + 1], labels[chosen : chosen + 1], weights[chosen : chosen + 1]


def foreground(outputs) -> NDArray[np.floating]:
    """(h, w): how much speaks for the last class."""
    return outputs[..., -1] - outputs[..., 0] if outputs.shape[-1] > 1 else outputs[..., 0]


def chosen(outputs, bounded) -> NDArray[np.integer]:
    """The class of each pixel."""
    if outputs.shape[-1] > 1:
        return outputs.argmax(axis=-1)
    return (outputs[..., 0] > (0.5 if bounded else 0.0)).astype(int)


def weights_signs(model, outputs) -> list[Finding]:
    """Weights that are not finite, or that all are equal: equal channels get equal gradients and stay equal."""
    if (
        not all(np.isfinite(ops.convert_to_numpy(v.value)).all() for v in model.weights)
        or not np.isfinite(outputs).all()
    ):
        return [Finding("weights of the model", "some are NaN or infinite", "suspect", "values not finite")]
    if not model.trainable_variables:
        return [Finding("weights of the model", "none of them is to be trained", "suspect", "nothing to train")]
    equal = [
        name for name, kernel in kernels(model).items() if kernel.size > 1 and kernel.std() <= 1e-7 * abs(kernel).max()
    ]
    if equal:
        seen = f"all numbers of a kernel are equal, so its channels stay equal: {', '.join(equal[:3])}"
        return [Finding("weights of the model", seen, "suspect", "first weights")]
    size = max(float(np.abs(kernel).max()) for kernel in kernels(model).values())
    return [Finding("weights of the model", f"{model.count_params():,}, none above {size:.2g}", "ok", "")]


def mode_signs(model, images, batch_size) -> list[Finding]:
    """Whether prediction is a matter of chance, or depends on the other tiles of a batch; batches of one."""
    first, second = predict(model, images), predict(model, images)
    moved = float(np.abs(first - second).max())
    alone = float(np.abs(predict(model, images[:1]) - first[:1]).max())
    scale = float(np.abs(first).max()) + 1e-6
    normal = [layer.name for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    rows = []
    if moved > 1e-3 * scale:
        seen = f"two predictions of one tile differ by {moved:.2g}: drop-out is at work in inference too"
        rows.append(Finding("prediction", seen, "suspect", "random prediction"))
    elif alone > 1e-3 * scale:
        seen = f"a tile alone and in a batch differ by {alone:.2g}: batch statistics are at work in inference too"
        rows.append(Finding("prediction", seen, "suspect", "random prediction"))
    if normal and batch_size == 1:
        seen = f"{len(normal)} layers of batch normalization, and one tile per batch"
        rows.append(Finding("normalization", seen, "suspect", "batch of one"))
    return rows or [Finding("prediction", f"the same twice, alone and in a batch; {len(normal)} batch normalizations")]


def start_sign(start, reference, outputs) -> Finding:
    """The first loss beside that of a network that knows nothing.

    With logits of the size of the images a fresh network is at one to two times log K. A trained one lies below, which
    is no fault.
    """
    largest = np.abs(outputs).max()
    seen = f"{start:.3g}, where knowing nothing costs {reference:.3g}; outputs up to {largest:.2g}"
    if start > 4 * abs(reference):
        return Finding("first loss", seen, "suspect", "loss at the start")
    return Finding("first loss", seen)


def units_sign(units, outputs) -> Finding:
    """Channels that are 0 everywhere: no gradient passes them. A layer without any other channel passes none at all."""
    if not units:
        return Finding("dead units", "no ReLU to look at", "not seen")
    worst = max(units, key=lambda name: units[name])
    seen = (
        f"{np.mean(list(units.values())):.0%} of the channels are 0 on all tiles; most in {worst}, {units[worst]:.0%}"
    )
    if units[worst] == 1:
        return Finding("dead units", seen, "suspect", "dead units")
    return Finding("dead units", seen)


def heart_sign(run, reference, outputs, tile, bounded) -> Finding:
    """Whether one tile can be learnt by heart: its loss below 0.7 of what knowing nothing costs."""
    best = min(run.losses)
    seen = f"loss of one tile from {run.losses[0]:.3g} to {best:.3g} in {len(run.losses)} steps of Adam, rate 0.01"
    classes = chosen(outputs, bounded)
    seen += f"; then class {classes.max()} on {np.mean(classes == classes.max()):.0%} of it"
    if len(run.losses) < 40 and np.isfinite(run.losses[-1]):
        return Finding("by heart", f"{seen}; too large a network to see more in this time", "not seen")
    if not best < 0.7 * min(run.losses[0], abs(reference)):
        return Finding("by heart", seen, "suspect", "one tile not learnt")
    return Finding("by heart", seen)


def gradient_sign(run, model) -> Finding:
    """Kernels without any gradient."""
    if not run.gradients:
        return Finding("gradients", "none", "suspect", "nothing to train")
    without = [name for name, size in run.gradients.items() if size == 0]
    low, high = min(run.gradients.values()), max(run.gradients.values())
    seen = f"norms {low:.1g} to {high:.1g} over the kernels"
    return Finding("gradients", f"{seen}; none in {', '.join(without[:3])}" if without else seen)


def rate_signs(run, reference, before, after) -> list[Finding]:
    """Steps of the optimizer that was given: how far each moves a kernel, beside the size of the kernel.

    Too high: the loss is not finite; or has come to five times what knowing nothing costs; or a step moves the median
    kernel by 0.3 of its size, so that three steps make another network of it. Adam with a rate of 0.01, which is high
    and trains, moves it by 0.05. Too low: a step moves it by less than 1/50,000 of its size, so that it takes more
    steps than the longest trainings make. Momentum 0.99 with a rate of 0.001, which is slow and trains, is far above.
    """
    ratio = float(np.median(list(run.updates.values())))
    peak, end = max(run.losses), float(np.mean(run.losses[-5:]))
    seen = f"a step moves a kernel by {ratio:.1g} of its size"
    seen += f"; loss {run.losses[0]:.3g}, at most {peak:.3g}, then {end:.3g}"
    killed = [name for name, share in after.items() if share == 1 and before[name] < 1]
    if killed:
        seen += f"; all units of {killed[0]} are dead now"
    upset = not np.isfinite(end) or peak > max(5 * abs(reference), 2 * run.losses[0]) or ratio > 0.3
    if upset or killed:
        return [Finding("learning rate", seen, "suspect", "rate too high")]
    if ratio < 2e-5:
        return [
            Finding(
                "learning rate",
                f"{seen}; {1 / max(ratio, 1e-12):.0e} steps to change it by its size",
                "suspect",
                "rate too low",
            )
        ]
    return [Finding("learning rate", seen)]
