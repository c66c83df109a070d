"""In place of what is not here: the rooms of the package that hold the answers, its checks, and Colab.

All of them can be imported, so that no cell is lost by an import. The checks and the pictures do nothing. Whatever else
is called says whose it is.
"""

import importlib.abc
import importlib.machinery
import sys
import types

PACKAGE = "unet_tutorial"
SILENT = (f"{PACKAGE}.exercises", f"{PACKAGE}.plotting", "google.colab")


class Borrowed(Exception):
    """A function of the package was called that is not here."""


class Missing:
    """A name of a room that is not here."""

    def __init__(self, name):
        self.__name__ = self.__qualname__ = name
        self.__module__ = PACKAGE

    def __call__(self, *arguments, **options):
        if self.__name__.startswith(SILENT) and "._" not in self.__name__:
            return None
        raise Borrowed(self.__name__)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Missing(f"{self.__name__}.{name}")

    def __iter__(self):
        return iter(())

    def __repr__(self):
        return f"<{self.__name__}, which is not here>"


class Room(types.ModuleType):
    """A module that is not here."""

    __path__ = ()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Missing(f"{self.__name__}.{name}")


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Asked first, so that no other finder brings in what is installed elsewhere."""

    def find_spec(self, name, path=None, target=None):
        if name.startswith((f"{PACKAGE}.", "google.colab")) or name == "google":
            stub = importlib.machinery.ModuleSpec(name, self, is_package=True)
            return importlib.machinery.PathFinder.find_spec(name, path) or stub
        return None

    def create_module(self, spec):
        return Room(spec.name)

    def exec_module(self, module):
        pass


def install():
    """Let imports find the stubs."""
    sys.meta_path.insert(0, Finder())
