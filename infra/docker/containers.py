"""How every container of ours is made: labels, log rotation, adoption of one that is there already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.docker.host import find_container, remove_container
from infra.docker.provider import LABEL_INPUTS, inputs_hash
from towpath.core.contract import LABEL_INSTANCE, LABEL_ROLE, LABEL_STACK

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

    from infra.docker.provider import Props

KEEP_RUNNING: Any = {"Name": "unless-stopped"}


def labels(props: Props, role: str) -> dict[str, str]:
    """Whose it is and what it is for."""
    return {LABEL_INSTANCE: props["instance"], LABEL_STACK: props["stack"], LABEL_ROLE: role}


def made_from(props: Props) -> dict[str, str]:
    """The label by which a container made from the same inputs is recognised."""
    return {LABEL_INPUTS: inputs_hash(props)}


def made_alike(container: Container, props: Props) -> bool:
    """Whether it was made from the same inputs."""
    return bool(container.labels.get(LABEL_INPUTS) == inputs_hash(props))


def adopted(client: DockerClient, name: str, props: Props) -> Container | None:
    """The container an interrupted run left, where it was made from the same inputs; another of that name goes."""
    there = find_container(client, name)
    if there is None or made_alike(there, props):
        return there
    remove_container(client, name, drain=float(props["drain"]))
    return None


def base_options() -> dict[str, Any]:
    """What holds for all: logs rotate, and nothing gains privileges."""
    from docker.types import LogConfig  # noqa: PLC0415 - the SDK loads only in the process that draws

    rotation = LogConfig(type=LogConfig.types.JSON, config={"max-size": "10m", "max-file": "3"})
    return {"detach": True, "log_config": rotation, "security_opt": ["no-new-privileges"]}


def sealed() -> dict[str, Any]:
    """For our own containers, which write to their volume only."""
    return {"read_only": True, "cap_drop": ["ALL"], "tmpfs": {"/tmp": "size=16m"}, "restart_policy": KEEP_RUNNING}  # noqa: S108 - inside the container
