"""Files written as a whole or not at all."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Literal


@contextlib.contextmanager
def whole(path: str | Path, mode: Literal["w", "wb"] = "w") -> Iterator[IO[Any]]:
    """Open a file for writing that takes the place of `path` when the block has ended well.

    Until then the old file stays as it is; where the block fails, nothing is left of the new one. Text is UTF-8 with
    "\\n" at the end of a line, whatever the machine's habit is. The folder is made where it is missing.

    Parameters
    ----------
    path : str or Path
        "~" is the home folder.
    mode : {"w", "wb"}

    Yields
    ------
    file

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with whole(f"{folder}/a.txt") as file:
    ...         _ = file.write("all of it")
    ...     os.listdir(folder)
    ['a.txt']
    """
    path = Path(os.path.expanduser(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    text: dict[str, Any] = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    try:
        with open(partial, mode, **text) as file:
            yield file
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
