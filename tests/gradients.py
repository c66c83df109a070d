"""Gradients and compiled functions for tests, on the backend that Keras has here."""

import keras


def value_and_gradients(function, variables):
    """The scalar that a function of no arguments gives, and its gradient by each of the variables that it reads."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            value = function()
        return value, tape.gradient(value, [variable.value for variable in variables])
    import jax

    def at(values):
        with keras.StatelessScope(state_mapping=list(zip(variables, values))):
            return function()

    return jax.value_and_grad(at)([variable.value for variable in variables])


def compiled(function):
    """The function as a graph, made when it is first called."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function)
    import jax

    return jax.jit(function)
