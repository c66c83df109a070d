"""JAX: what a step changes goes in and comes out, for a compiled function may change nothing by itself."""

import jax

import keras

__all__ = ["keras"]

LOST_WORKER = ()


def make_step(model, loss, optimizer):
    """From a batch (images, labels, weights) to its loss, in float; updates model and optimizer."""

    def energy(trainable, fixed, images, labels, weights):
        outputs, fixed = model.stateless_call(trainable, fixed, images, training=True)
        return loss(labels, outputs, weights), fixed

    @jax.jit
    def update(trainable, fixed, state, batch):
        (value, fixed), gradients = jax.value_and_grad(energy, has_aux=True)(trainable, fixed, *batch)
        return value, *optimizer.stateless_apply(state, gradients, trainable), fixed

    def step(batch):
        kinds = model.trainable_variables, model.non_trainable_variables, optimizer.variables
        trainable, fixed, state = ([variable.value for variable in kind] for kind in kinds)
        value, trainable, state, fixed = update(trainable, fixed, state, batch)
        for kind, values in zip(kinds, (trainable, fixed, state)):
            for variable, new in zip(kind, values):
                variable.assign(new)
        return float(value)

    return step


def make_forward(model):
    """From (N, H, W, C) tiles of any size to the output of a model, compiled once for each size."""

    @jax.jit
    def forward(trainable, fixed, tiles):
        return model.stateless_call(trainable, fixed, tiles, training=False)[0]

    def call(tiles):
        kinds = model.trainable_variables, model.non_trainable_variables
        return forward(*([variable.value for variable in kind] for kind in kinds), tiles.astype(model.input.dtype))

    return call


def is_traced(tensor):
    """Whether a tensor stands for values that are not known yet."""
    return isinstance(tensor, jax.core.Tracer)


def has_bfloat16():
    """Whether convolutions in bfloat16 pay here. On a processor the compiler imitates them, many times slower."""
    return jax.default_backend() != "cpu"


def make_deterministic():
    """Nothing to do on a processor. On a GPU, XLA_FLAGS=--xla_gpu_deterministic_ops=true before Python starts."""
