"""What really runs on a Docker host, by label."""

import heapq
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import urllib3

from towpath.app.ports import Running
from towpath.core.consumption import Usage
from towpath.core.contract import (
    LABEL_DIGEST,
    LABEL_ENDPOINT,
    LABEL_INSTANCE,
    LABEL_RELEASE_ID,
    LABEL_ROLE,
    LABEL_STACK,
)
from towpath.core.docker_daemon import unusable

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

_READY: Final = "healthy"
_ENDED: Final = object()
_AT_ONCE: Final = 8  # connections that the SDK keeps to one daemon are 10
_NANOSECONDS: Final = 1e9


class DockerInventory:
    """Implements `ports.Inventory` on one Docker host.

    Args:
        host: address of the daemon: unix://…, tcp://… or ssh://…; empty for this machine's default socket.
        sdk: gives the SDK; it is imported once it is needed, unless somebody did so before.
    """

    def __init__(self, host: str = "", sdk: Callable[[], ModuleType] | None = None) -> None:
        self._host = host
        self._sdk = sdk or docker_sdk
        self._kept: DockerClient | None = None

    def running(self, instance: str, stack: str) -> tuple[Running, ...]:
        """Every replica with the stack's label, in name order.

        The digest is of the image that the container was made from, as the daemon knows it; empty when it does not.
        Ready is one that runs and, where its image has a health check, passes it.
        """
        with self._translated():
            found = [self._running(container) for container in self._replicas(instance, stack, all=False)]
        return tuple(sorted((one for one in found if one is not None), key=lambda one: one.name))

    def logs(self, instance: str, stack: str, release_id: str, *, follow: bool, tail: int) -> Iterator[str]:
        """Log lines of a release's replicas, each with its replica's name in front.

        What was logged already comes in the order of time; ended replicas included. Followed lines come as they are
        logged, until every replica has ended.
        """
        with self._translated():
            named = f"{LABEL_RELEASE_ID}={release_id}"
            containers = sorted(self._replicas(instance, stack, named, all=True), key=lambda one: str(one.name))
            if follow:
                yield from _followed(containers, tail)
            else:
                yield from (line for _, line in heapq.merge(*(_logged(one, tail) for one in containers)))

    def usage(self, instance: str, stack: str) -> tuple[Usage, ...]:
        """What every running replica takes, read at once; one that ends meanwhile is left out.

        Each is a single reading of raw counters (`one-shot`): without it the daemon itself waits a second for another
        one, to work out a percentage that can't be held against our own count of requests.
        """
        with self._translated():
            containers = self._replicas(instance, stack, all=False)
            with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
                found = list(pool.map(_usage, containers))
        return tuple(sorted((one for one in found if one is not None), key=lambda one: one.name))

    def _replicas(self, instance: str, stack: str, *labels: str, all: bool) -> list["Container"]:  # noqa: A002 - Docker's word
        wanted = [f"{LABEL_INSTANCE}={instance}", f"{LABEL_STACK}={stack}", f"{LABEL_ROLE}=replica", *labels]
        found: list[Container] = self._client().containers.list(all=all, filters={"label": wanted}, ignore_removed=True)
        return found

    def _running(self, container: "Container") -> Running | None:
        state = container.attrs["State"]
        if not state.get("Running"):
            return None
        health = (state.get("Health") or {}).get("Status", _READY)
        restarting = state.get("Restarting") or state.get("Paused")
        return Running(
            endpoint=container.labels.get(LABEL_ENDPOINT, ""),
            release_id=container.labels.get(LABEL_RELEASE_ID, ""),
            digest=self._digest(container),
            name=str(container.name),
            ready=health == _READY and not restarting,
            address=_address(container),
        )

    def _digest(self, container: "Container") -> str:
        try:
            image = self._client().images.get(container.attrs["Image"])
        except docker_sdk().errors.NotFound:
            return ""
        known = sorted(reference.partition("@")[2] for reference in image.attrs.get("RepoDigests") or ())
        asked = container.labels.get(LABEL_DIGEST, "")
        return asked if asked in known else next(iter(known), "")

    def _client(self) -> "DockerClient":
        if self._kept is None:
            self._kept = self._sdk().DockerClient(base_url=self._host or None, use_ssh_client=True)
        return self._kept

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        # of a daemon that goes away the SDK lets through what its own libraries raise; requests' is an OSError
        except (docker_sdk().errors.DockerException, urllib3.exceptions.HTTPError, OSError) as error:
            raise unusable(str(error), self._host) from error


def _address(container: "Container") -> str:
    networks = (container.attrs.get("NetworkSettings") or {}).get("Networks") or {}
    return next((address for network in networks.values() if (address := str(network.get("IPAddress") or ""))), "")


def _usage(container: "Container") -> Usage | None:
    """One reading; None of a container that is gone, or ended and so has no counters."""
    try:
        said: Any = container.stats(stream=False, one_shot=True)
    except docker_sdk().errors.NotFound:
        return None
    memory, cpu = said.get("memory_stats") or {}, (said.get("cpu_stats") or {}).get("cpu_usage") or {}
    if not cpu.get("total_usage"):
        return None
    return Usage(
        release_id=container.labels.get(LABEL_RELEASE_ID, ""),
        name=str(container.name),
        at=datetime.fromisoformat(said["read"]).timestamp(),
        cpu_seconds=cpu["total_usage"] / _NANOSECONDS,
        memory_bytes=_memory(memory),
    )


def _memory(stats: Mapping[str, Any]) -> int | None:
    """As `docker stats` shows it; None where the kernel doesn't count it."""
    if "usage" not in stats:
        return None
    detail = stats.get("stats") or {}
    cache = detail.get("inactive_file", detail.get("total_inactive_file", 0))  # of cgroup v2; of v1
    return max(0, int(stats["usage"]) - int(cache))


def docker_sdk() -> ModuleType:
    """Import Docker's SDK."""
    import docker  # noqa: PLC0415 - a tenth of a second that commands without a daemon save

    return docker


def _logged(container: "Container", tail: int) -> Iterator[tuple[str, str]]:
    """(time, line), for merging."""
    try:
        text = container.logs(tail=tail, timestamps=True).decode(errors="replace")
    except docker_sdk().errors.NotFound:  # removed meanwhile
        return
    for line in text.splitlines():
        time, _, message = line.partition(" ")
        yield time, f"{container.name} | {message}"


def _followed(containers: Iterable["Container"], tail: int) -> Iterator[str]:
    lines: queue.SimpleQueue[Any] = queue.SimpleQueue()
    streams = [(one, one.logs(stream=True, follow=True, tail=tail)) for one in containers]
    for container, stream in streams:
        threading.Thread(target=_pump, args=(container, stream, lines.put), daemon=True).start()
    try:
        left = len(streams)
        while left:
            line = lines.get()
            if line is _ENDED:
                left -= 1
            else:
                yield line
    finally:
        for _, stream in streams:
            stream.close()


def _pump(container: "Container", stream: Iterable[bytes], put: Callable[[object], None]) -> None:
    pending = b""
    try:
        for chunk in stream:
            *whole, pending = (pending + chunk).split(b"\n")
            for line in whole:
                put(f"{container.name} | {line.decode(errors='replace')}")
        if pending:
            put(f"{container.name} | {pending.decode(errors='replace')}")
    finally:
        put(_ENDED)
