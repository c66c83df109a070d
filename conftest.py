"""Sets what every test and every notebook under test relies on: no progress bars, the synthetic specimen.

Says at the start whether the book is built.
"""

import os
import tempfile

import nbval.kernel

collect_ignore_glob = ["book/assignments/*"]  # unsolved: their cells raise

os.environ["UNET_TUTORIAL_PROGRESS"] = "0"
os.environ["UNET_TUTORIAL_SPECIMEN"] = "synthetic"
os.environ["PYTHONHASHSEED"] = "0"


class FileKernelManager(nbval.kernel.KernelManager):
    """Talks through files in a folder of its own: two kernels that start at once may pick the same free ports."""

    def __init__(self, **options):
        self._folder = tempfile.TemporaryDirectory(prefix="kernel-")
        super().__init__(transport="ipc", ip=os.path.join(self._folder.name, "ipc"), **options)


nbval.kernel.KernelManager = FileKernelManager


def pytest_report_header():
    from tools.book import Book

    return Book().stamp.report()
