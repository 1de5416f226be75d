"""Replicas by label: against a daemon's recorded answers, and against a real one."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import docker
import pytest
from docker.errors import DockerException
from docker.models.containers import Container

from tests.fakes.http_server import Answer, serving
from tests.support.unusable_docker import denied
from towpath.adapters.inventory_docker import DockerInventory
from towpath.app.ports import Running
from towpath.core.consumption import Usage
from towpath.core.errors import Missing

DIGEST, OTHER = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
UP = {"Running": True, "Paused": False, "Restarting": False}


@dataclass(kw_only=True)
class Daemon:
    """Containers by name with their state, and images with the digests they are known by."""

    containers: dict[str, dict[str, Any]] = field(default_factory=dict)
    digests: dict[str, list[str]] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    stats: dict[str, dict[str, Any]] = field(default_factory=dict)
    gone: bool = False

    def answer(self, path: str) -> Answer:
        if self.gone:
            raise ConnectionAbortedError
        parts = urlsplit(path)
        if parts.path.endswith("/version"):
            return 200, b'{"ApiVersion": "1.41"}'
        if parts.path.endswith("/containers/json"):
            self.asked.append(json.loads(parse_qs(parts.query)["filters"][0]))
            return 200, json.dumps([{"Id": name} for name in self.containers]).encode()
        if parts.path.endswith("/stats"):
            return self._stats(parts.path.split("/")[-2], parse_qs(parts.query))
        kind, name = parts.path.removesuffix("/json").split("/")[-2:]
        known = self._container(name) if kind == "containers" else self._image(name)
        return (404, b'{"message": "no such thing"}') if known is None else (200, json.dumps(known).encode())

    def _stats(self, name: str, query: dict[str, list[str]]) -> Answer:
        assert (query["stream"], query["one-shot"]) == (["False"], ["True"])
        known = self.stats.get(name)
        return (404, b'{"message": "no such container"}') if known is None else (200, json.dumps(known).encode())

    def _container(self, name: str) -> dict[str, Any] | None:
        labels = {"towpath.endpoint": "web", "towpath.release-id": "r1", "towpath.digest": DIGEST}
        return {"Id": name, "Name": f"/{name}", "Image": f"image-{name}", "Config": {"Labels": labels}} | {
            "State": self.containers[name]
        }

    def _image(self, name: str) -> dict[str, Any] | None:
        known = self.digests.get(name.removeprefix("image-"))
        return None if known is None else {"Id": name, "RepoDigests": known}


def seen(daemon: Daemon) -> tuple[Running, ...]:
    with serving(daemon.answer) as url:
        return DockerInventory(url.replace("http", "tcp")).running("i1", "prod")


def test_replicas_come_by_label_in_name_order() -> None:
    daemon = Daemon(containers={"b": UP, "a": UP}, digests={"a": [f"x/m@{DIGEST}"], "b": [f"x/m@{DIGEST}"]})
    assert seen(daemon) == tuple(
        Running(endpoint="web", release_id="r1", digest=DIGEST, name=name, ready=True) for name in "ab"
    )
    assert daemon.asked == [
        {"label": ["towpath.instance=i1", "towpath.stack=prod", "towpath.role=replica"]},
    ]


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ([f"x/m@{OTHER}", f"y/m@{DIGEST}"], DIGEST),
        ([f"x/m@{OTHER}"], OTHER),
        ([], ""),
        (None, ""),
    ],
    ids=["asked for", "another", "none", "image gone"],
)
def test_the_digest_is_the_images_own_not_the_labels(known: list[str] | None, expected: str) -> None:
    daemon = Daemon(containers={"a": UP}, digests={} if known is None else {"a": known})
    assert [one.digest for one in seen(daemon)] == [expected]


@pytest.mark.parametrize(
    ("state", "ready"),
    [
        ({**UP, "Health": {"Status": "healthy"}}, [True]),
        ({**UP, "Health": {"Status": "starting"}}, [False]),
        ({**UP, "Restarting": True}, [False]),
        ({**UP, "Paused": True}, [False]),
        ({**UP, "Running": False}, []),
    ],
)
def test_only_what_runs_counts_and_only_what_is_well_is_ready(state: dict[str, Any], ready: list[bool]) -> None:
    assert [one.ready for one in seen(Daemon(containers={"a": state}, digests={"a": []}))] == ready


READING = {
    "read": "2026-01-01T00:00:01.500000001Z",
    "cpu_stats": {"cpu_usage": {"total_usage": 2_500_000_000}},
    "memory_stats": {"usage": 1000, "stats": {"inactive_file": 300}},
}


def read(stats: dict[str, dict[str, Any]]) -> tuple[Usage, ...]:
    daemon = Daemon(containers=dict.fromkeys(("b", "a"), UP), stats=stats)
    with serving(daemon.answer) as url:
        return DockerInventory(url.replace("http", "tcp")).usage("i1", "prod")


def test_what_replicas_take_is_read_raw_and_in_name_order() -> None:
    at = datetime(2026, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC).timestamp()
    assert read({"a": READING, "b": READING}) == tuple(
        Usage(release_id="r1", name=name, at=at, cpu_seconds=2.5, memory_bytes=700) for name in "ab"
    )


def test_a_replica_that_is_gone_or_ended_has_no_reading() -> None:
    ended = {"read": "0001-01-01T00:00:00Z", "cpu_stats": {"cpu_usage": {"total_usage": 0}}, "memory_stats": {}}
    assert [one.name for one in read({"a": READING})] == ["a"]
    assert [one.name for one in read({"a": ended, "b": READING})] == ["b"]


@pytest.mark.parametrize(
    ("memory", "expected"),
    [({"usage": 1000, "stats": {"total_inactive_file": 100}}, 900), ({"usage": 1000}, 1000), ({}, None)],
    ids=["cgroup v1", "no detail", "not counted"],
)
def test_memory_is_known_where_the_kernel_counts_it(memory: dict[str, Any], expected: int | None) -> None:
    assert [one.memory_bytes for one in read({"a": {**READING, "memory_stats": memory}})] == [expected]


def test_a_daemon_that_doesnt_answer_is_missing() -> None:
    with pytest.raises(Missing, match=r"the Docker daemon at tcp://127\.0\.0\.1:9 doesn't answer"):
        DockerInventory("tcp://127.0.0.1:9").running("i1", "prod")
    with pytest.raises(Missing, match="doesn't answer"):
        DockerInventory("tcp://127.0.0.1:9").usage("i1", "prod")


def test_a_daemon_that_goes_away_between_two_questions_is_missing() -> None:
    daemon = Daemon(containers={"a": UP}, digests={"a": []})
    with serving(daemon.answer) as url:
        inventory = DockerInventory(url.replace("http", "tcp"))
        assert len(inventory.running("i1", "prod")) == 1
        daemon.gone = True
        for ask in (
            lambda: inventory.running("i1", "prod"),
            lambda: inventory.usage("i1", "prod"),
            lambda: tuple(inventory.logs("i1", "prod", "r1", follow=False, tail=1)),
        ):
            with pytest.raises(Missing, match=r"the Docker daemon at tcp://.* doesn't answer: "):
                ask()


def test_a_daemon_that_this_user_may_not_use_is_missing_as_well_and_said_so(tmp_path: Path) -> None:
    with denied(tmp_path) as host, pytest.raises(Missing, match=f"^no permission for the Docker daemon at {host}$"):
        DockerInventory(host).running("i1", "prod")


def lacking(why: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture
def image() -> Iterator[tuple[docker.DockerClient, str]]:
    """A real daemon and an image with Python in it."""
    with ExitStack() as stack:
        try:
            client = docker.DockerClient()
            stack.callback(client.close)
            found = client.images.list("towpath/base")
        except DockerException as error:
            lacking(f"no Docker daemon: {error}")
        if not found:
            lacking("no image with Python; run `deploy setup`")
        yield client, str(found[0].id)


@pytest.fixture
def talkers(image: tuple[docker.DockerClient, str]) -> Iterator[tuple[str, list[Container]]]:
    """Two ended replicas of one release that said three lines each."""
    client, reference = image
    instance = f"t{secrets.token_hex(4)}"
    labels = {
        "towpath.instance": instance,
        "towpath.stack": "prod",
        "towpath.role": "replica",
        "towpath.release-id": "r1",
        "towpath.endpoint": "web",
        "towpath.digest": DIGEST,
    }
    words = ["python3", "-c", "import sys; print('one'); print('two', file=sys.stderr); print('three', end='')"]
    made = [client.containers.create(reference, words, name=f"{instance}-{n}", labels=labels) for n in range(2)]
    try:
        for container in made:
            container.start()
        for container in made:
            container.wait(timeout=60)
        yield instance, made
    finally:
        for container in made:
            container.remove(force=True)


@pytest.mark.docker
@pytest.mark.parametrize("follow", [False, True])
def test_lines_of_every_replica_are_told_apart(talkers: tuple[str, list[Container]], *, follow: bool) -> None:
    instance, made = talkers
    lines = sorted(DockerInventory().logs(instance, "prod", "r1", follow=follow, tail=10))
    assert lines == sorted(f"{one.name} | {word}" for one in made for word in ("one", "two", "three"))
    assert DockerInventory().running(instance, "prod") == ()
    assert list(DockerInventory().logs(instance, "prod", "other", follow=follow, tail=10)) == []


@pytest.mark.docker
def test_what_a_real_replica_takes_grows(image: tuple[docker.DockerClient, str]) -> None:
    client, reference = image
    instance = f"t{secrets.token_hex(4)}"
    labels = {
        "towpath.instance": instance,
        "towpath.stack": "prod",
        "towpath.role": "replica",
        "towpath.release-id": "r1",
    }
    busy = ["python3", "-c", "while True: pass"]
    container = client.containers.run(reference, busy, name=instance, labels=labels, detach=True, nano_cpus=200_000_000)
    try:
        (first,) = DockerInventory().usage(instance, "prod")
        deadline = first.at + 30
        (now,) = DockerInventory().usage(instance, "prod")
        while now.cpu_seconds < first.cpu_seconds + 0.1 and now.at < deadline:
            (now,) = DockerInventory().usage(instance, "prod")
        assert now.cpu_seconds >= first.cpu_seconds + 0.1
        assert now.at > first.at
        assert now.memory_bytes is None or now.memory_bytes > 0
    finally:
        container.remove(force=True)


@pytest.mark.docker
def test_only_the_last_lines_are_read(talkers: tuple[str, list[Container]]) -> None:
    instance, _ = talkers
    lines = list(DockerInventory().logs(instance, "prod", "r1", follow=False, tail=1))
    assert [line.partition(" | ")[2] for line in lines] == ["three", "three"]


def test_the_sdk_may_be_somebody_else_to_import() -> None:
    def never() -> ModuleType:
        raise Missing("no SDK")

    with pytest.raises(Missing, match="no SDK"):
        DockerInventory(sdk=never).running("i", "prod")
