"""A model's folder: what there is, hashes of it, and what training wrote about itself."""

import contextlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from towpath.adapters.builders.files import contents, inside, walk
from towpath.adapters.builders.hashes import HashCache
from towpath.adapters.builders.kit import Kit
from towpath.adapters.builders.layers import HOME, REFERENCE, code_files, weights_folder
from towpath.adapters.builders.targets import doubtful_target, wrong_target
from towpath.adapters.holdout import read_rows
from towpath.app.build_ports import Inputs
from towpath.core.errors import UsageError, all_at_once
from towpath.core.image import HOLDOUT, BuilderName, ImageSpec, ModelSpec, image_problems
from towpath.core.inputs import Feature, features_of
from towpath.core.layers import split_weights, tree_hash
from towpath.serving.reference import BadReference
from towpath.serving.reference import read as read_reference

METRICS = "metrics.json"


class FilesOfModels:
    """Reads models' folders."""

    def __init__(self, kit: Kit, hashes: HashCache) -> None:
        self._kit = kit
        self._hashes = hashes

    def inputs(self, model: ModelSpec) -> Inputs:
        """Hashes of what is there now, and what training wrote about itself.

        Raises:
            UsageError: what is missing or wrong, at once.
        """
        folder = Path(model.folder)
        problems = image_problems(model.image) + list(_absent(folder, model))
        shipped = {} if problems else _shipped(model)
        problems += [problem for problem in _unusable(model, shipped) if problem]
        metrics = _metrics(folder / METRICS, problems)
        if problems:
            raise all_at_once(f"model {model.name} in {folder}", problems, "paths are relative to the model's folder")
        return Inputs(
            hashes=self._of(folder, model),
            metrics=metrics,
            features=_features(_reference(model, shipped)),
            notes=_notes(model, shipped),
        )

    def _of(self, folder: Path, model: ModelSpec) -> dict[str, str]:
        spec = model.image
        found = {"code": self._tree(_code(folder, spec)), "weights": self._tree(walk(folder, spec.weights))}
        if spec.builder is BuilderName.LAYERS:
            found["kit"] = self._tree(self._kit.files)
            found["lock"] = self._tree(walk(folder, (spec.requirements,) if spec.requirements else ()))
        if model.data:
            found["data"] = self._tree(walk(folder, (model.data,)))
        return {name: value for name, value in found.items() if value}

    def _tree(self, files: tuple[tuple[str, Path], ...]) -> str:
        by_path = {content.entry.path: content for content in contents(files, HOME)}
        hexes: list[tuple[str, str]] = []
        for part in split_weights(content.entry for content in by_path.values()):
            hashed = self._hashes.hashed(tuple(by_path[entry.path] for entry in part))
            hexes += [(path.removeprefix(f"{HOME}/"), value) for path, value in hashed.files.items()]
        return tree_hash(hexes) if hexes else ""


def _code(folder: Path, spec: ImageSpec) -> tuple[tuple[str, Path], ...]:
    if spec.builder is BuilderName.DOCKERFILE:
        return walk(folder, (*(spec.code or (spec.context,)), spec.dockerfile), leave_out=spec.weights)
    return code_files(folder, spec)


def _absent(folder: Path, model: ModelSpec) -> Iterator[str]:
    spec = model.image
    named = {"data": (model.data,), "code": spec.code, "weights": spec.weights}
    if spec.builder is BuilderName.LAYERS:
        named["requirements"] = (spec.requirements,)
    if spec.builder is BuilderName.DOCKERFILE:
        named |= {"dockerfile": (spec.dockerfile,), "context": (spec.context,)}
    for key, names in named.items():
        yield from (f"{key}: {why}" for why in _wrong(folder, names, key))


def _wrong(folder: Path, names: Iterable[str], key: str) -> Iterator[str]:
    for name in filter(None, names):
        try:
            there = inside(folder, name).exists()
        except UsageError as error:
            yield error.message
            continue
        if not there:
            yield f"{name} is not there" + ("; train the model first" if key == "weights" else "")


def _shipped(model: ModelSpec) -> dict[str, Path]:
    """Files of code and weights that an image of layers is made of, by their path in it."""
    if model.image.builder is not BuilderName.LAYERS:
        return {}
    folder = Path(model.folder)
    return dict((*code_files(folder, model.image), *walk(folder, model.image.weights)))


def _unusable(model: ModelSpec, shipped: Mapping[str, Path]) -> Iterator[str]:
    """What is wrong with files that go into the image, and would be seen only as it starts."""
    if not shipped:
        return
    yield wrong_target(Path(model.folder), model.image, shipped)
    reference, rows = _reference(model, shipped), _found(model, HOLDOUT, shipped)
    try:
        if reference is not None:
            read_reference(reference)
    except BadReference as error:
        yield str(error)
    try:
        if rows is not None:
            read_rows(rows)
    except UsageError as error:
        yield error.message


def _notes(model: ModelSpec, shipped: Mapping[str, Path]) -> tuple[str, ...]:
    doubt = doubtful_target(Path(model.folder), model.image, shipped) if shipped else ""
    return (doubt,) if doubt else ()


def _reference(model: ModelSpec, shipped: Mapping[str, Path]) -> Path | None:
    """The reference that the kit finds; of an image of a Dockerfile, the one in the folder."""
    if model.image.builder is BuilderName.DOCKERFILE:
        folder = Path(model.folder)
        return _found(model, REFERENCE, {path: folder / path for path in _places(model, REFERENCE)})
    return _found(model, REFERENCE, shipped)


def _found(model: ModelSpec, name: str, files: Mapping[str, Path]) -> Path | None:
    """What the kit finds first of that name."""
    return next((files[place] for place in _places(model, name) if place in files and files[place].is_file()), None)


def _places(model: ModelSpec, name: str) -> tuple[str, ...]:
    """Where the kit looks: in the weights, beside them, and beside the code."""
    weights = PurePosixPath(weights_folder(model))
    return str(weights / name), str(weights.parent / name), name


def _features(reference: Path | None) -> tuple[Feature, ...]:
    """What the training data was like."""
    with contextlib.suppress(ValueError, OSError, RecursionError):  # beside a Dockerfile it may be anything
        return () if reference is None else features_of(json.loads(reference.read_text(encoding="utf-8")))
    return ()


def _metrics(path: Path, problems: list[str]) -> dict[str, float]:
    if not path.is_file():
        return {}
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        problems.append(f"{METRICS}: not JSON ({error})")
        return {}
    if not isinstance(document, dict):
        problems.append(f"{METRICS}: not an object of numbers")
        return {}
    numbers = dict(_numbers(document, ""))
    problems += [
        f"{METRICS}: {name} is {value}, no number" for name, value in numbers.items() if not math.isfinite(value)
    ]
    return numbers


def _numbers(document: Mapping[str, Any], above: str) -> Iterator[tuple[str, float]]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield from _numbers(value, f"{above}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{above}{name}", float(value)
