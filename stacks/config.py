"""What the program is told: the stack's config, its secrets and the instance file. Nothing else reads any of them."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env

from towpath.core.contract import NAMESPACE, SECRETS_NAMESPACE, Endpoint, StackConfig
from towpath.core.errors import Missing, all_at_once
from towpath.core.instance import from_json
from towpath.core.toolchain import Instance
from towpath.schema.stack import parse_stack_config

_INSTANCE_PATH = "TOWPATH_INSTANCE"
_STRUCTURED = frozenset({"platform", "router", "endpoints", "fence"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """Everything the program was told.

    Attributes:
        organization: of the backend; `organization` where the backend has none.
        project: the Pulumi project.
        stack: the stack's name.
        config: the keys of our namespace.
        secrets: values by name, for every name that an endpoint uses.
        root: the repository.
    """

    organization: str
    project: str
    stack: str
    config: StackConfig
    secrets: Mapping[str, pulumi.Output[str]]
    root: Path


def read(root: Path) -> Told:
    """Read the config of the stack that runs.

    Raises:
        UsageError: every problem of the keys, or every secret that isn't set.
    """
    stack = pulumi.get_stack()
    config = parse_stack_config(_keys(), f"Pulumi.{stack}.yaml")
    return Told(
        organization=pulumi.get_organization(),
        project=pulumi.get_project(),
        stack=stack,
        config=config,
        secrets=_secrets(config.endpoints, stack),
        root=root,
    )


def read_instance(root: Path) -> Instance:
    """What `deploy setup` chose for this checkout; only a stack that draws a platform needs it.

    Raises:
        Missing: setup hasn't run here.
    """
    path = Path(os.environ.get(_INSTANCE_PATH) or root / ".towpath" / "instance.json")
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise Missing(f"{path} does not exist", "run `deploy setup`; it chooses what this checkout runs on") from error
    return from_json(json.loads(text), str(path))


def _keys() -> dict[str, object]:
    every: dict[str, str] = {**(get_config_env() or {}), **CONFIG.get()}
    prefix = f"{NAMESPACE}:"
    ours = {key.removeprefix(prefix): text for key, text in every.items() if key.startswith(prefix)}
    return {key: _decoded(text) if key in _STRUCTURED else text for key, text in sorted(ours.items())}


def _decoded(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text  # a plain text where a map belongs: the parser says what is valid


def _secrets(endpoints: tuple[Endpoint, ...], stack: str) -> dict[str, pulumi.Output[str]]:
    config = pulumi.Config(SECRETS_NAMESPACE)
    found = {name: config.get_secret(name) for name in sorted(_secret_names(endpoints))}
    missing = [f"{SECRETS_NAMESPACE}:{name}: not set, and an endpoint uses it" for name in found if not found[name]]
    if missing:
        hint = f"pulumi config set --stack {stack} --secret {SECRETS_NAMESPACE}:NAME"
        raise all_at_once(f"Pulumi.{stack}.yaml", missing, hint)
    return {name: value for name, value in found.items() if value is not None}


def _secret_names(endpoints: tuple[Endpoint, ...]) -> set[str]:
    servings = [e.serving for e in endpoints] + [e.canary.serving for e in endpoints if e.canary is not None]
    return {name for serving in servings for _, name in serving.secrets}
