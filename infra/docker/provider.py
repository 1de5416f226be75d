"""What every provider of Docker resources shares: how inputs are compared, and what the state keeps.

The state holds a provider as a reference to its class, so that an old state can be destroyed by a newer version;
`schema` in a resource's inputs says which shape they have.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from pulumi.dynamic import CreateResult, DiffResult, ReadResult, ResourceProvider, UpdateResult

from infra.docker.host import AGAIN, docker_host
from towpath.core.docker_daemon import unusable
from towpath.core.errors import TowpathError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker import DockerClient

SCHEMA = 1
LABEL_INPUTS = "towpath.inputs"  # hash of what a container was made from; one with the same is adopted

Props = dict[str, Any]  # as Pulumi hands them over, whole numbers as such


class StepFailed(Exception):  # noqa: N818 - what Pulumi prints of it is the step that failed
    """What went wrong and what to do next, in one text: the engine shows nothing else of an exception."""


class DockerProvider(ResourceProvider):
    """Turns Pulumi's calls into calls on one daemon; a kind of resource fills in the verbs.

    Attributes:
        updatable: inputs that change in place; any other replaces the resource.
        ignored: inputs whose change alone is none.
    """

    serialize_as_secret_always = False  # the reference to a class is no secret; what is one stays one
    updatable: ClassVar[frozenset[str]] = frozenset()
    ignored: ClassVar[frozenset[str]] = frozenset({"schema", "host"})

    def identity(self, props: Props) -> str:
        """The resource's id in the state."""
        return str(props["name"])

    def make(self, client: DockerClient, props: Props) -> Props:
        """Draw it, adopting what an interrupted run left; gives back outputs beyond the inputs."""
        raise NotImplementedError

    def change(self, client: DockerClient, olds: Props, news: Props) -> Props:
        """Change it in place; gives back outputs beyond the inputs."""
        raise NotImplementedError

    def exists(self, client: DockerClient, name: str) -> bool:
        """Whether what has that name is still there."""
        raise NotImplementedError

    def stands(self, client: DockerClient, name: str, props: Props) -> bool:  # noqa: ARG002 - of kinds without a name
        """Whether it is still there; a kind that isn't known by its name alone looks at its inputs."""
        return self.exists(client, name)

    def remove(self, client: DockerClient, name: str, props: Props) -> None:
        """Remove it; one that is gone already is no error."""
        raise NotImplementedError

    def create(self, props: Props) -> CreateResult:
        """Called by Pulumi."""
        given = plain(props)
        with daemon(given) as client:
            return CreateResult(id_=self.identity(given), outs=_kept(given, self.make(client, given)))

    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        """Called by Pulumi."""
        olds, news = plain(_olds), plain(_news)
        with daemon(news) as client:
            return UpdateResult(outs=_kept(news, self.change(client, olds, news)))

    def read(self, id_: str, props: Props) -> ReadResult:
        """Called by Pulumi's refresh; a resource without id is taken out of the state."""
        given = plain(props)
        with daemon(given) as client:
            return ReadResult(id_=id_ if self.stands(client, id_, given) else "", outs=_kept(given, {}))

    def delete(self, _id: str, _props: Props) -> None:
        """Called by Pulumi."""
        given = plain(_props)
        with daemon(given) as client:
            self.remove(client, _id, given)

    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        """Which inputs differ, and whether they can change in place."""
        keys = [key for key in _news if not key.startswith("__") and key not in self.ignored]
        changed = [key for key in keys if _olds.get(key) != _news[key]]
        replaces = [key for key in changed if key not in self.updatable]
        return DiffResult(changes=bool(changed), replaces=replaces, stables=[], delete_before_replace=False)


@contextmanager
def daemon(props: Props) -> Iterator[DockerClient]:
    """The resource's daemon; whatever goes wrong comes out with its remedy."""
    import docker  # noqa: PLC0415 - the SDK loads only in the process that draws
    import requests  # noqa: PLC0415
    import urllib3  # noqa: PLC0415

    try:
        with docker_host(props["host"]) as client:
            yield client
    except TowpathError as error:
        raise _failed(error) from error
    except docker.errors.APIError as error:
        raise StepFailed(f"Docker refused: {error.explanation}\n  {AGAIN}") from error
    # of a daemon that goes away the SDK lets through what its own libraries raise
    except (docker.errors.DockerException, requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise _failed(unusable(str(error), props["host"])) from error


def _failed(error: TowpathError) -> StepFailed:
    return StepFailed(f"{error.message}\n  {error.hint}" if error.hint else error.message)


def inputs_hash(props: Props) -> str:
    """Hash of a resource's inputs; the reference to its provider and the daemon's address are no part of it."""
    inputs = {key: value for key, value in props.items() if not key.startswith("__") and key != "host"}
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def plain(value: Any) -> Any:  # noqa: ANN401 - whatever a resource's inputs hold
    """The same value; Pulumi hands every number over as a float, and whole ones become whole again."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _kept(props: Props, outputs: Props) -> Props:
    return {key: value for key, value in props.items() if not key.startswith("__")} | outputs
