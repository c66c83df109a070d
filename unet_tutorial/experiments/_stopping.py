"""When a run ends: after its steps, on a plateau of the validation loss, or with the budget."""

import numpy as np

from .._backend import keras

DROP = 0.1  # of the learning rate, on a plateau


def best_step(history):
    """Step of the lowest validation loss."""
    return min(zip(history.told("val_loss"), history.epochs))[1][0]


class Plateau(keras.callbacks.Callback):
    """End a run when its validation loss has not fallen for `patience` steps; where it decays, at the second such time.

    The first one lowers the learning rate. Keras has the two halves of this, `ReduceLROnPlateau` and `EarlyStopping`,
    but they count apart: the second would not begin anew when the first has lowered the rate.
    """

    def __init__(self, patience, decays):
        super().__init__()
        self.patience, self.decays = patience, decays
        self.lowest, self.since, self.count = np.inf, 0, 0

    def on_epoch_end(self, epoch, logs=None):
        step = self.params["history"].steps
        if logs["val_loss"] < self.lowest:
            self.lowest, self.since = logs["val_loss"], step
        elif self.patience and step - self.since >= self.patience:
            self.count, self.since = self.count + 1, step
            if self.reached:
                self.model.stop_training = True
            else:
                self.model.optimizer.learning_rate = self.model.optimizer.learning_rate * DROP

    @property
    def reached(self):
        """Whether the plateau came that ends training."""
        return self.count > self.decays
