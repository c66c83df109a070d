"""Keras on the backend that is here, and the few things that each backend does in its own way.

TensorFlow, unless the environment variable KERAS_BACKEND says "jax" or only JAX is installed. No other room of the
package names either of them.
"""

import importlib
import importlib.util
import os
import sys

from ._strategies import (
    STRATEGIES as STRATEGIES,
    compiled as compiled,
    is_chief as is_chief,
    make_strategy as make_strategy,
    replicas as replicas,
    share as share,
    strategy_of as strategy_of,
    total as total,
)

BACKENDS = ("tensorflow", "jax")


def _chosen():
    if "keras" in sys.modules:  # it has chosen, and cannot change its mind
        name = sys.modules["keras"].backend.backend()
    else:
        here = (name for name in BACKENDS if importlib.util.find_spec(name))
        name = os.environ.get("KERAS_BACKEND") or next(here, None)
    if name is None:
        raise ImportError(
            "Keras needs a backend, and neither TensorFlow nor JAX is installed: pip install "
            '"unet-tutorial[tensorflow]", or "unet-tutorial[jax]"'
        )
    if name not in BACKENDS:
        raise ImportError(f"KERAS_BACKEND {name!r}: must be one of {', '.join(BACKENDS)}; set it before Python starts")
    if importlib.util.find_spec(name) is None:
        raise ImportError(f'KERAS_BACKEND {name!r}: is not installed; pip install "unet-tutorial[{name}]"')
    os.environ["KERAS_BACKEND"] = name
    return name


BACKEND = _chosen()
_own = importlib.import_module(f"._{BACKEND}", __name__)

keras = _own.keras
make_step, make_forward = _own.make_step, _own.make_forward
is_traced, has_bfloat16, make_deterministic = _own.is_traced, _own.has_bfloat16, _own.make_deterministic
LOST_WORKER, PACKAGES = _own.LOST_WORKER, (BACKEND, "keras")
