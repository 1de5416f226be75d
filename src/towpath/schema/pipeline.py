"""deploy.toml: its shape, its cross checks, and its JSON schema."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError

from towpath.core.errors import UsageError, all_at_once
from towpath.core.image import ModelSpec
from towpath.core.pipeline import Environment, Model, Pipeline
from towpath.schema.canary_tables import CanaryTable
from towpath.schema.image_spec import AnyImage, InnerPath, Words
from towpath.schema.problems import closest, problems_of
from towpath.schema.table import Table

FILE_NAME = "deploy.toml"
_NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")
_HINT = "every key is explained in docs/configuration.md; nothing was changed"


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("a name of at most 40 small letters, digits and dashes that begins with a letter")
    return value


def _state(value: str) -> str:
    if "://" in value or not value:
        raise ValueError("a folder: relative to this file, or absolute")
    return value


Name = Annotated[str, AfterValidator(_name)]


class StateTable(Table):
    """Where Pulumi's state, journal, releases and passphrase are; ignored by Git."""

    url: Annotated[str, AfterValidator(_state)] = ".towpath"


class ModelTable(Table):
    """One model; its folder holds what training wrote."""

    path: InnerPath
    data: InnerPath | None = None
    train: Words | None = None
    test: Words | None = None
    image: AnyImage


class EnvironmentTable(Table):
    """A place in the pipeline: the stack of the same name."""

    promotes_from: Name | None = None
    protected: bool | None = None
    canary: CanaryTable | None = None


class PipelineFile(Table):
    """The whole file."""

    state: StateTable = StateTable()
    models: Annotated[dict[Name, ModelTable], Field(min_length=1)]
    environments: Annotated[dict[Name, EnvironmentTable], Field(min_length=1)]

    def protected(self, name: str) -> bool:
        """As written, else: the end of a chain of environments."""
        table = self.environments[name]
        if table.protected is not None:
            return table.protected
        leads_on = any(other.promotes_from == name for other in self.environments.values())
        return table.promotes_from is not None and not leads_on


def parse_pipeline(text: str, file: str) -> Pipeline:
    """Read deploy.toml; `file` is its absolute path, which relative paths in it start from.

    Raises:
        UsageError: no TOML, or every problem with its key path, what was found and what is valid.
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # numbers too long for Python are no error of TOML's own kind
        raise UsageError(f"{file} is not TOML: {error}", _HINT) from error
    parsed = _validated(document, file)
    return _pipeline(parsed, PurePosixPath(file))


def json_schema() -> dict[str, Any]:
    """The JSON schema of deploy.toml, for editors."""
    schema = PipelineFile.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": FILE_NAME}


def _validated(document: Mapping[str, object], file: str) -> PipelineFile:
    try:
        parsed = PipelineFile.model_validate(document)
    except ValidationError as error:
        found = [*problems_of(error, document, PipelineFile), *_between(document)]
        raise all_at_once(file, found, _HINT) from error
    found = _between(document)
    if found:
        raise all_at_once(file, found, _HINT)
    return parsed


def _between(document: Mapping[str, object]) -> list[str]:
    """What no single key shows. Reads the raw file, so that it is told together with everything else."""
    environments = {name: table for name, table in _tables(document, "environments").items() if isinstance(table, dict)}
    return [
        *_orders({name: table.get("promotes_from") for name, table in environments.items()}),
        *_canaries(environments),
        *_models_of_metrics(environments, list(_tables(document, "models"))),
    ]


def _tables(document: Mapping[str, object], key: str) -> dict[str, object]:
    found = document.get(key)
    return found if isinstance(found, dict) else {}


def _orders(before: Mapping[str, object]) -> list[str]:
    found = []
    for name, source in before.items():
        place = f"environments.{name}.promotes_from"
        if isinstance(source, str) and source not in before:
            known = [other for other in before if other != name]
            listed = ", ".join(known) or "nothing, it is the only environment"
            found.append(f"{place}: found {source!r}, {closest(source, known)}valid: {listed}")
        elif name in _chain(name, before):
            found.append(f"{place}: found a circle {' <- '.join([name, *_chain(name, before)])}, valid: a chain")
    return found


def _chain(name: str, before: Mapping[str, object]) -> list[str]:
    """The environments before this one, as far as they lead; one that is met twice ends it."""
    chain: list[str] = []
    source = before[name]
    while isinstance(source, str) and source in before and source not in chain:
        chain.append(source)
        source = before[source]
    return chain


def _canaries(environments: Mapping[str, Mapping[str, object]]) -> list[str]:
    found = []
    for name, table in environments.items():
        try:
            canary = CanaryTable.model_validate(table.get("canary", {}))
        except ValidationError:
            continue  # told key by key already
        found += [f"environments.{name}.canary.{key}: {problem}" for key, problem in canary.problems()]
    return found


def _models_of_metrics(environments: Mapping[str, Mapping[str, object]], models: Sequence[str]) -> list[str]:
    """Metrics of a model that isn't there would never be judged, and nobody would notice."""
    return [
        f"environments.{name}.canary.metric[{place}].model: found {model!r}, "
        f"{closest(model, models)}valid: {', '.join(models)}"
        for name, table in environments.items()
        for place, metric in enumerate(_metrics(table))
        if isinstance(metric, dict) and isinstance(model := metric.get("model"), str) and model not in models
    ]


def _metrics(table: Mapping[str, object]) -> Sequence[object]:
    found = _tables(table, "canary").get("metric")
    return found if isinstance(found, list) else []


def _pipeline(parsed: PipelineFile, file: PurePosixPath) -> Pipeline:
    root = file.parent
    return Pipeline(
        file=str(file),
        root=str(root),
        state=str(root / parsed.state.url),
        models=tuple(_model(name, table, file) for name, table in parsed.models.items()),
        environments=tuple(_environment(name, parsed) for name in parsed.environments),
    )


def _model(name: str, table: ModelTable, file: PurePosixPath) -> Model:
    spec = ModelSpec(
        name=name,
        folder=str(file.parent / table.path),
        image=table.image.spec(),
        data=table.data or "",
        test=tuple(table.test or ()),
        declared_in=str(file),
    )
    return Model(spec=spec, train=tuple(table.train or ()))


def _environment(name: str, parsed: PipelineFile) -> Environment:
    table = parsed.environments[name]
    return Environment(
        name=name,
        promotes_from=table.promotes_from,
        protected=parsed.protected(name),
        canary=None if table.canary is None else table.canary.policy(),
    )
