"""What is made of the words of a Docker daemon, without one."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import ImageNotFound

from infra.docker.host import _publisher, pull
from infra.docker.provider import StepFailed, daemon
from tests.fakes.http_server import Answer, serving
from tests.support.unusable_docker import denied
from towpath.core.errors import NeedsPerson, Refused, TowpathError

IMAGE = f"localhost:5055/m@sha256:{'a' * 64}"


class FakeDocker:
    """Has no image; a pull that has begun ends with these events."""

    def __init__(self, *events: Mapping[str, str]) -> None:
        self.images = self.api = self
        self._events: Sequence[Mapping[str, str]] = events

    def get(self, image: str) -> None:
        raise ImageNotFound(image)

    def pull(self, repository: str, *, tag: str, stream: bool, decode: bool) -> Iterator[Mapping[str, str]]:
        assert (f"{repository}@{tag}", stream, decode) == (IMAGE, True, True)
        return iter(self._events)


@pytest.mark.parametrize(
    ("reason", "kind", "message", "hint"),
    [
        (
            f"filesystem layer verification failed for digest sha256:{'b' * 64}",
            Refused,
            f"a blob of {IMAGE} is damaged in the registry: ",
            "remove that blob there",
        ),
        (
            f'failed commit on ref "layer-sha256:{"b" * 64}": unexpected commit digest sha256:{"c" * 64}',
            Refused,
            f"a blob of {IMAGE} is damaged in the registry: ",
            "remove that blob there",
        ),
        ("unknown blob", Refused, f"the registry doesn't have all of {IMAGE}: ", "`deploy build` builds one"),
        ("no space left on device", NeedsPerson, f"Docker could not pull {IMAGE}: ", "run the same command again"),
    ],
)
def test_a_pull_that_ends_badly_is_said_with_its_reason_and_what_to_do(
    reason: str, kind: type[TowpathError], message: str, hint: str
) -> None:
    client: Any = FakeDocker({"status": "Pulling from m"}, {"error": reason})
    with pytest.raises(kind) as failure:
        pull(client, IMAGE)
    assert failure.value.message == message + reason
    assert hint in failure.value.hint


def test_a_pull_that_ends_well_is_believed() -> None:
    client: Any = FakeDocker({"status": "Pulling from m"}, {"status": "Download complete"})
    pull(client, IMAGE)


def test_a_user_who_may_not_use_the_daemon_is_told_so_and_what_to_do(tmp_path: Path) -> None:
    said = "no permission for the Docker daemon at {}\n  add yourself to its group"
    with denied(tmp_path) as host, pytest.raises(StepFailed, match=said.format(host)), daemon({"host": host}):
        pass


def test_a_daemon_that_goes_away_meanwhile_is_said_so_with_the_remedy() -> None:
    def leaving(path: str) -> Answer:
        if path.endswith("/version"):
            return 200, b'{"ApiVersion": "1.41"}'
        raise ConnectionAbortedError

    said = "the Docker daemon at tcp://.* doesn't answer: .*\n  start it, or have `deploy setup`"
    with serving(leaving) as url, pytest.raises(StepFailed, match=said):  # noqa: SIM117 - what raises is within
        with daemon({"host": url.replace("http", "tcp")}) as client:
            client.containers.list()


def test_who_publishes_a_port_is_found_beside_a_container_that_goes_meanwhile() -> None:
    def daemon(path: str) -> Answer:
        if path.endswith("/version"):
            return 200, b'{"ApiVersion": "1.41"}'
        if "/containers/json" in path:
            return 200, b'[{"Id": "gone"}, {"Id": "there"}]'
        if path.endswith("/there/json"):
            return (
                200,
                b'{"Name": "/web", "NetworkSettings": {"Ports": {"80/tcp": [{"HostPort": "8080"}], "81/tcp": null}}}',
            )
        return 404, b'{"message": "No such container: gone"}'

    with serving(daemon) as url:
        client = docker.DockerClient(url.replace("http", "tcp"))
        assert _publisher(client, 8080) == "web"
        assert _publisher(client, 9090) == ""
        client.close()
