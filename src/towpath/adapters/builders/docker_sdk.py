"""The Docker daemon through its SDK, where the `docker` command isn't installed."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from typing import Any

from docker import DockerClient
from docker.errors import APIError, DockerException

from towpath.adapters.builders.dockerfile import DockerBuild
from towpath.adapters.builders.dockerlog import no_daemon, refused_build, refused_push


class DockerSdk:
    """The daemon's API; it has the classic builder only.

    Args:
        connect: gives a client of the daemon.
        host: of that daemon, for messages; empty: the default one.
    """

    def __init__(self, connect: Callable[[], DockerClient], host: str = "") -> None:
        self._connect = connect
        self._host = host

    @property
    def name(self) -> str:
        """Which builder is used."""
        return "the Docker daemon (the classic builder; the docker command is not installed)"

    def build(self, what: DockerBuild) -> str:
        """Build with the classic builder."""
        said: list[str] = []
        built = ""
        with closing(self._client()) as client:
            stream = client.api.build(
                path=str(what.context),
                dockerfile=str(what.dockerfile.resolve()),
                platform=str(what.platform),
                rm=True,
                decode=True,
            )
            for event in stream:
                said.append(event.get("stream") or event.get("error") or "")
                built = (event.get("aux") or {}).get("ID", built)
                if "error" in event:
                    raise refused_build(str(what.dockerfile), "".join(said))
        return str(built)

    def diff_ids(self, image: str) -> tuple[str, ...]:
        """From the daemon's own description."""
        with closing(self._client()) as client:
            return tuple(client.images.get(image).attrs["RootFS"]["Layers"])

    def push(self, image: str, repository: str, tag: str) -> Mapping[str, str]:
        """Tag and push."""
        said: dict[str, str] = {}
        with closing(self._client()) as client:
            client.api.tag(image, repository, tag)
            events: Iterable[dict[str, Any]] = client.api.push(repository, tag=tag, stream=True, decode=True)
            for event in events:
                if "error" in event:
                    raise refused_push(f"{repository}:{tag}", event["error"])
                if "id" in event and "status" in event:
                    said[event["id"]] = event["status"]
        return said

    def _client(self) -> DockerClient:
        try:
            client = self._connect()
            client.ping()
        except (APIError, DockerException) as error:
            raise no_daemon(str(error), self._host) from error
        return client
