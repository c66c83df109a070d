"""What imports what: found by the standard library's modulefinder, which reads code and runs none."""

import modulefinder
from pathlib import Path


class _Finder(modulefinder.ModuleFinder):
    """Finds modules of one checkout; follows the imports of all of them, or of one module alone."""

    def __init__(self, root, only=None):
        super().__init__(path=[str(root)])
        self.only = only

    def scan_code(self, co, m):
        if self.only in (None, m.__name__):
            super().scan_code(co, m)

    def names(self, package):
        return {name for name in self.modules if name == package or name.startswith(f"{package}.")}


def reached(source: str, root: Path, package: str) -> dict[str, Path]:
    """Every module of a package that a piece of Python imports, directly or through others, and its file."""
    finder = _Finder(root)
    finder.scan_code(compile(source, "<source>", "exec"), finder.add_module("__main__"))
    return {name: Path(finder.modules[name].__file__) for name in finder.names(package)}


def direct(name: str, root: Path) -> set[str]:
    """The modules of its own package that a module imports itself; the folders they lie in count."""
    finder, package = _Finder(root, only=name), name.split(".")[0]
    finder.import_hook(name)
    return finder.names(package) - {name}


def modules(root: Path, package: str) -> dict[str, Path]:
    """Every module of a package, and its file."""
    files = {}
    for path in sorted((root / package).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return files
