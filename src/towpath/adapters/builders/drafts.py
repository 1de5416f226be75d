"""Files that are whole or not there: written beside their place, then renamed."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def draft_in(folder: Path) -> Iterator[Path]:
    """A new file to be renamed to its place; gone when it wasn't."""
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=".draft-")
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def replace_text(path: Path, text: str) -> None:
    """Write a small file so that a reader sees the old one or the new one, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with draft_in(path.parent) as draft:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
