"""Each test process computes with one thread: its nets are so small that more threads only wait for one another."""

import os

for name in ("TF_NUM_INTRAOP_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")
