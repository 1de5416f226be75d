"""deploy.toml: its shape, its cross checks, and its JSON schema."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError

from towpath.core.canary_policy import CanaryPolicy, Margin, Margins, policy_problems
from towpath.core.errors import UsageError, all_at_once
from towpath.core.image import ModelSpec
from towpath.core.pipeline import Environment, Model, Pipeline
from towpath.schema.image_spec import AnyImage, InnerPath, Table, Words
from towpath.schema.problems import closest, problems_of
from towpath.schema.units import Seconds, format_duration

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
Percent = Annotated[int, Field(gt=0, lt=100)]
Share = Annotated[float, Field(gt=0, lt=1)]


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


class MarginTable(Table):
    """Worse means: the candidate's share of failing requests is above `ratio` times stable's plus `plus`."""

    ratio: Annotated[float, Field(ge=1)]
    plus: Annotated[float, Field(ge=0, lt=1)]

    def margin(self) -> Margin:
        """The core's form."""
        return Margin(ratio=self.ratio, points=self.plus)


class ErrorMarginsTable(Table):
    """Margins of the error channel: beyond `rollback` it is refused, within `promote` it must be shown to be."""

    rollback: MarginTable | None = None
    promote: MarginTable | None = None

    def margins(self) -> Margins:
        """The core's form, defaults filled in."""
        default = Margins()
        return Margins(
            errors=default.errors if self.rollback is None else self.rollback.margin(),
            errors_promote=default.errors_promote if self.promote is None else self.promote.margin(),
        )


class MarginsTable(Table):
    """How much worse a candidate may be, by channel."""

    errors: ErrorMarginsTable = ErrorMarginsTable()


class ProbesTable(Table):
    """Requests from the model's holdout.jsonl to both arms, `rate` a second to each; judged apart from users'."""

    rate: Annotated[float, Field(gt=0, le=100)] = 5.0


class CanaryTable(Table):
    """How a release comes to carry all traffic."""

    strategy: Literal["canary", "blue-green"] = "canary"
    traffic: list[Percent] = Field(default=[5, 25, 50], min_length=1)
    holdback: Percent = 5
    poll: Seconds = 10.0
    min_time: Seconds = 600.0
    max_time: Seconds = 3600.0
    min_polls: Annotated[int, Field(ge=1)] = 4
    min_requests: Annotated[int, Field(ge=1)] = 20
    alpha: Share = 0.01
    beta: Share = 0.05
    warm_up: Seconds = 300.0
    max_gap: Seconds = 300.0
    on_inconclusive: Literal["ask", "rollback"] = "ask"
    margins: MarginsTable = MarginsTable()
    probes: ProbesTable | None = None

    def problems(self) -> list[tuple[str, str]]:
        """(key, what is wrong) of values that don't fit together."""
        last = 100 - self.holdback
        checks = (
            ("traffic", sorted(set(self.traffic)) != self.traffic, "ascending percents, each once"),
            ("traffic", max(self.traffic) >= last, f"percents below {last:g}, which is 100 - holdback"),
            ("poll", not 1 <= self.poll < self.max_gap, 'from "1s" to less than max_gap'),
            ("holdback", self.holdback >= _HALF, "below 50"),
            ("max_time", self.max_time < self.min_time, "at least min_time"),
            ("warm_up", self.warm_up >= self.max_time, "below max_time"),
            ("traffic", self.strategy == "blue-green" and "traffic" in self.model_fields_set, _ONE_STEP),
        )
        found = [
            (key, f"found {_shown(key, getattr(self, key))}, valid: {valid}") for key, wrong, valid in checks if wrong
        ]
        rest = [] if found else policy_problems(self.policy())
        return found + [(key, problem.strip()) for key, _, problem in (text.partition(":") for text in rest)]

    def policy(self) -> CanaryPolicy:
        """The core's form."""
        plain = {name: getattr(self, name) for name in CanaryTable.model_fields}
        return CanaryPolicy(
            **plain
            | {
                "traffic": tuple(self.traffic),
                "margins": self.margins.errors.margins(),
                "probes": 0.0 if self.probes is None else self.probes.rate,
                "on_inconclusive": "ask" if self.on_inconclusive == "ask" else "roll back",
            }
        )


_HALF = 50
_DURATIONS = frozenset({"poll", "max_time", "warm_up"})
_ONE_STEP = "no such key with blue-green, which has one step of 100 - holdback"


def _shown(key: str, value: object) -> str:
    if isinstance(value, int | float):
        return format_duration(value) if key in _DURATIONS else f"{value:g}"
    return str(value)


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
    except tomllib.TOMLDecodeError as error:
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
