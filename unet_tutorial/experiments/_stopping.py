"""When a run ends: after its steps, on a plateau of the validation loss, or with the budget."""

import time

import numpy as np

DROP = 0.1  # of the learning rate, on a plateau


def best_step(history):
    """Step of the lowest validation loss."""
    return min(history.watched, key=lambda entry: entry[1])[0]


def should_stop(recipe, watch, deadline, optimizer, history):
    """Whether training ends before its last step: on a plateau of the validation loss, or with the budget.

    Lowers the learning rate on a plateau that is not the last.
    """
    if watch and history.watched and watch.lowest == np.inf:
        watch.lowest = min(value for _, value in history.watched)  # resumed
    if recipe.decay == "plateau":
        optimizer.learning_rate.assign(recipe.learning_rate * DROP ** plateaus(recipe, history))
    spent = deadline is not None and time.monotonic() > deadline
    return on_last_plateau(recipe, history) or (spent and bool(history.watched or not watch))


def plateaus(recipe, history):
    """How often the validation loss has not fallen for `patience` steps; each time the count starts anew."""
    count, lowest, since = 0, np.inf, 0
    for step, value in history.watched:
        if value < lowest:
            lowest, since = value, step
        elif recipe.patience and step - since >= recipe.patience:
            count, since = count + 1, step
    return count


def on_last_plateau(recipe, history):
    """Whether the plateau is reached that ends training."""
    return plateaus(recipe, history) > (recipe.decay == "plateau")


def ending(recipe, history):
    """Why training ended: "steps", "plateau" or "budget"."""
    return "plateau" if on_last_plateau(recipe, history) else "steps" if history.steps >= recipe.steps else "budget"
