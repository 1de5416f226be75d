"""The class that a model's command names, looked for in the files that go into its image."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from towpath.core.image import KIT_CLASSES, ImageSpec
from towpath.core.targets import classes, may_have, module_files

_BASE: Final = re.compile(r"python3\.\d+")  # a base with nothing of the user's in it


def wrong_target(folder: Path, spec: ImageSpec, shipped: Mapping[str, Path]) -> str:
    """Why the command surely can't be served; empty where it may be.

    Args:
        folder: the model's.
        spec: with a command that is module:Class.
        shipped: files of code and weights, by their path in the image.
    """
    module, _, name = spec.command.partition(":")
    path = next((path for path in module_files(module) if path in shipped), "")
    if path:
        source = shipped[path].read_text(encoding="utf-8", errors="replace")
        has = "" if may_have(source, name) else ", ".join(classes(source)) or "none"
        return f"command: {path} has no {name}; its classes: {has}" if has else ""
    if _may_come_from_elsewhere(module, spec, shipped):
        return ""
    left = _left(folder, module)
    if left:
        return f"command: {left} is not among the files of code; add it there"
    return f"command: no file of code is the module {module}, and there are no requirements it could come with"


def _may_come_from_elsewhere(module: str, spec: ImageSpec, shipped: Mapping[str, Path]) -> bool:
    """From the kit, a wheel, a base of the user's, a path of the user's, or a file that is compiled."""
    own = spec.requirements or not _BASE.fullmatch(spec.base) or "PYTHONPATH" in spec.env
    compiled = (PurePosixPath(path) for path in shipped if path.endswith((".so", ".pyc")))
    stems = {str(path.with_name(path.name.partition(".")[0])) for path in compiled}
    return bool(own) or spec.command.startswith(KIT_CLASSES) or module.replace(".", "/") in stems


def _left(folder: Path, module: str) -> str:
    """The module's file in the model's folder; empty where there is none."""
    return next((path for path in module_files(module) if (folder / path).is_file()), "")


def doubtful_target(folder: Path, spec: ImageSpec, shipped: Mapping[str, Path]) -> str:
    """What to look at where the command's module lies in the folder, goes not into the image, and may be elsewhere."""
    module = spec.command.partition(":")[0]
    left = _left(folder, module)
    if not left or any(path in shipped for path in module_files(module)):
        return ""
    return f"{left} is not among the files of code: unless {module} comes from elsewhere, the release can't start"
