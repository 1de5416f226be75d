"""The class that a model's command names, looked for in the files that go into its image."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from towpath.adapters.builders.files import walk
from towpath.core.image import ImageSpec
from towpath.core.targets import classes, may_have, module_files

_KIT: Final = "towpath"


def wrong_target(folder: Path, spec: ImageSpec) -> Iterator[str]:
    """Why the command can't be served; nothing where it may: its module can come with the requirements."""
    module, _, name = spec.command.partition(":")
    shipped = dict(walk(folder, (*spec.code, *spec.weights)))
    path = next((path for path in module_files(module) if path in shipped and shipped[path].is_file()), "")
    if path:
        yield from _without(shipped[path], path, name)
        return
    left = next((path for path in module_files(module) if (folder / path).is_file()), "")
    if left:
        yield f"command: {left} is not among the files of code; add it there"
    elif not spec.requirements and module.partition(".")[0] != _KIT:
        yield f"command: no file of code is the module {module}, and there are no requirements it could come with"


def _without(file: Path, path: str, name: str) -> Iterator[str]:
    source = file.read_text(encoding="utf-8", errors="replace")
    if not may_have(source, name):
        yield f"command: {path} has no {name}; its classes: {', '.join(classes(source)) or 'none'}"
