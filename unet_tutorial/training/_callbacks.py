"""Two callbacks that Keras does not have: a bar over steps, and a budget of time."""

import time

from .._backend import keras
from .._shared.checks import as_positive
from .._shared.progress import tqdm


class ProgressBar(keras.callbacks.Callback):
    """A bar over the steps, with the mean loss of the last twenty. `train` adds one where none is given.

    Parameters
    ----------
    show : bool
        False for no bar. The environment variable UNET_TUTORIAL_PROGRESS=0 hides it everywhere.

    Examples
    --------
    >>> from unet_tutorial.training import train
    >>> history = train(model, batches, 100, callbacks=[ProgressBar(show=False)])  # doctest: +SKIP
    """

    def __init__(self, show: bool = True) -> None:
        super().__init__()
        self.show, self.bar = show, None

    def on_train_begin(self, logs=None):
        self.losses, last = self.params["history"].losses, self.params["last"]
        self.bar = tqdm(total=last, initial=len(self.losses), progress=self.show, unit="step")

    def on_train_batch_end(self, batch, logs=None):
        last = self.losses[-20:]
        self.bar.update()
        self.bar.set_postfix(loss=f"{sum(last) / len(last):.3f}", refresh=False)

    def close(self):
        """Leave the bar as it stands, also where training was interrupted."""
        if self.bar is not None:
            self.bar.close()


class Budget(keras.callbacks.Callback):
    """End training when its minutes are spent; with a `Checkpoint`, the next call of `train` goes on.

    Parameters
    ----------
    minutes : float
        Of this call of `train`.
    least : int
        Number of steps, all calls together, that are made however long they take.

    Raises
    ------
    ValueError
        `minutes` is negative or no number.

    Examples
    --------
    >>> from unet_tutorial.training import Checkpoint, train
    >>> history = train(model, batches, 20_000, callbacks=[Checkpoint("run.npz"), Budget(30)])  # doctest: +SKIP
    >>> history.steps  # after half an hour; the same call goes on  # doctest: +SKIP
    2471
    """

    def __init__(self, minutes: float, least: int = 0) -> None:
        super().__init__()
        self.minutes, self.least, self.spent = as_positive(minutes, "minutes"), least, False

    def on_train_begin(self, logs=None):
        self.deadline, self.spent = time.monotonic() + 60 * self.minutes, False

    def on_train_batch_end(self, batch, logs=None):
        if time.monotonic() >= self.deadline and self.params["history"].steps >= self.least:
            self.spent = self.model.stop_training = True
