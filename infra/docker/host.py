"""The Docker daemon of a platform, its errors said so that somebody can act on them."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from towpath.core.docker_daemon import unusable
from towpath.core.errors import NeedsPerson, Refused, TowpathError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker import DockerClient
    from docker.models.containers import Container

_LONG = 600  # seconds; a pull of a large image answers late
_BUILD = "`deploy releases` lists what was built; `deploy build` builds one"
AGAIN = "mend that, then run the same command again"
# in the reasons that Docker gives, with its own image store or containerd's
_LACKING = ("manifest unknown", "unknown blob", "blob unknown", "sha256:[0-9a-f]{64}: not found")
_DAMAGED = ("verification failed", "unexpected commit digest", "failed size validation")


@contextmanager
def docker_host(address: str) -> Iterator[DockerClient]:
    """A client of the daemon at `address`; empty: the one of the environment.

    Raises:
        Missing: no daemon answers there, or this user may not use it.
    """
    import docker  # noqa: PLC0415 - the SDK loads only in the process that draws

    try:
        client = _client(address)
    except docker.errors.DockerException as error:
        raise unusable(str(error), address) from error
    try:
        yield client
    finally:
        client.close()


def _client(address: str) -> DockerClient:
    """With ssh://… by the user's own ssh command, which knows their keys, hosts and settings."""
    import docker  # noqa: PLC0415

    if not address:
        return docker.from_env(timeout=_LONG, use_ssh_client=True)
    return docker.DockerClient(base_url=address, timeout=_LONG, use_ssh_client=True)


def pull(client: DockerClient, image: str) -> None:
    """See that the daemon has an image by digest; what it has already isn't asked for.

    Raises:
        Refused: the registry hasn't got it, or what it has is damaged.
        NeedsPerson: it can't be pulled for another reason.
    """
    import docker  # noqa: PLC0415

    try:
        client.images.get(image)
    except docker.errors.ImageNotFound:
        _pull(client, image)


def _pull(client: DockerClient, image: str) -> None:
    import docker  # noqa: PLC0415

    repository, _, digest = image.partition("@")
    try:
        # what ends a pull that has begun is one of its events, and `images.pull` of the SDK looks at none
        events = client.api.pull(repository, tag=digest, stream=True, decode=True)
        reasons = [str(event["error"]) for event in events if "error" in event]
    except docker.errors.NotFound as error:
        raise Refused(f"the registry has no {image}", _BUILD) from error
    except docker.errors.APIError as error:
        raise _not_pulled(image, str(error.explanation)) from error
    if reasons:
        raise _not_pulled(image, reasons[0])


def _not_pulled(image: str, reason: str) -> TowpathError:
    if any(words in reason for words in _DAMAGED):
        return Refused(
            f"a blob of {image} is damaged in the registry: {reason}",
            "remove that blob there, then `deploy build` pushes it again; docs/runbook.md says how",
        )
    if any(re.search(words, reason) for words in _LACKING):
        return Refused(f"the registry doesn't have all of {image}: {reason}", _BUILD)
    return NeedsPerson(f"Docker could not pull {image}: {reason}", AGAIN)


def find_container(client: DockerClient, name: str) -> Container | None:
    """The container of that name, running or not."""
    import docker  # noqa: PLC0415

    try:
        return client.containers.get(name)
    except docker.errors.NotFound:
        return None


def remove_container(client: DockerClient, name: str, drain: float) -> None:
    """Ask it to end, give it `drain` seconds, remove it; one that is gone already is no error.

    Named volumes stay.
    """
    import docker  # noqa: PLC0415

    container = find_container(client, name)
    if container is None:
        return
    try:
        container.stop(timeout=max(1, round(drain)))
        container.remove(force=True, v=True)  # with volumes that nobody named, which its image asks for
    except docker.errors.NotFound:
        return


def last_lines(container: Container, count: int = 20) -> str:
    """The end of its log, indented."""
    text = container.logs(tail=count).decode(errors="replace")
    return "".join(f"\n    {line}" for line in text.splitlines()) or "\n    (it logged nothing)"


def start(client: DockerClient, container: Container, ports: dict[str, int]) -> None:
    """Start it; one that can't is removed.

    Raises:
        NeedsPerson: the daemon refused; a port that is taken is named, with who has it.
    """
    import docker  # noqa: PLC0415

    try:
        container.start()
    except docker.errors.APIError as error:
        name = container.name
        container.remove(force=True, v=True)
        raise _refused(client, str(name), str(error.explanation), ports) from error


def _refused(client: DockerClient, name: str, reason: str, ports: dict[str, int]) -> NeedsPerson:
    taken = next((p for p in ports.values() if f":{p}" in reason), None)
    if taken is None or not ("already allocated" in reason or "already in use" in reason):
        return NeedsPerson(f"Docker could not start {name}: {reason}", AGAIN)
    holder = _publisher(client, taken)
    if holder:
        hint = f"container {holder} publishes it: remove that one, or choose another port in the stack file"
    else:
        hint = f"another process has it (`ss -ltnp sport = :{taken}` says which): end it, or choose another port"
    return NeedsPerson(f"port {taken} of {name} is already taken", hint)


def _publisher(client: DockerClient, port: int) -> str:
    for container in client.containers.list(ignore_removed=True):
        bindings = [entry for entries in container.ports.values() for entry in entries or []]
        if any(binding.get("HostPort") == str(port) for binding in bindings):
            return str(container.name)
    return ""
