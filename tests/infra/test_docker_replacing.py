"""What stands on the real daemon after a change that failed, or a run that was killed."""

import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from docker import DockerClient
from docker.models.containers import Container

from infra.docker.provider import StepFailed
from infra.docker.registry import RegistryProvider
from infra.docker.replica import ReplicaProvider
from infra.docker.router import RouterProvider
from infra.docker.storage import VolumeProvider
from tests.support.docker_site import Site, daemon, drawn_site
from tests.support.ports import free_port

pytestmark = pytest.mark.docker
ABSENT = "towpath/absent:1"


class Killed(BaseException):
    """What ends a run in these tests."""


class KilledOnceCreated:
    """A client whose process ends as soon as a container was created."""

    def __init__(self, client: DockerClient) -> None:
        self.containers = self
        self.client = client

    def create(self, image: str, **options: Any) -> Container:  # noqa: ANN401 - Docker's
        self.client.containers.create(image, **options)
        raise Killed

    def get(self, name: str) -> Container:
        return self.client.containers.get(name)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else a client has
        return getattr(self.client, name)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with drawn_site() as drawn:
        yield drawn


@contextmanager
def held_port() -> Iterator[int]:
    """A port that another process has."""
    port = free_port()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", port))
        holder.listen()
        yield port


def names(site: Site) -> set[str]:
    return {str(container.name) for container in site.containers()}


def router(site: Site) -> Container:
    return site.client.containers.get(site.router["name"])


def drawn(site: Site) -> dict[str, Any]:
    """The router's inputs and outputs, as the state has them."""
    return {**site.router, "statsPort": site.stats}


def test_a_router_that_cant_be_created_anew_was_never_stopped(site: Site) -> None:
    before = router(site)
    said = f"{before.name} was not replaced, the one before runs on: No such image: {ABSENT}\n  mend that"
    with pytest.raises(StepFailed, match=said):
        RouterProvider().update("", drawn(site), {**site.router, "image": ABSENT})
    after = router(site)
    assert (after.id, after.status) == (before.id, "running")
    assert after.attrs["State"]["StartedAt"] == before.attrs["State"]["StartedAt"]
    assert names(site) == {before.name}


def test_a_router_that_cant_start_anew_gives_way_to_the_one_before(site: Site) -> None:
    before = router(site)
    said = "was not replaced, the one before runs on: port .* is already taken\n  another process has it"
    with held_port() as port, pytest.raises(StepFailed, match=said):
        RouterProvider().update("", drawn(site), {**site.router, "port": port})
    assert (router(site).id, router(site).status) == (before.id, "running")
    assert names(site) == {before.name}
    again = RouterProvider().update("", drawn(site), site.router)
    assert (again.outs or {})["statsPort"] == site.stats
    assert router(site).id == before.id
    assert site.ask()[0] == 404, "it answers, and serves nothing"


def test_a_router_starts_with_what_it_was_made_with_whatever_another_left_on_its_volume(site: Site) -> None:
    spoil = ["bash", "-c", "for file in bootstrap.json routes.head routes.tail; do echo spoilt > /xds/$file; done"]
    assert router(site).exec_run(spoil).exit_code == 0
    router(site).restart(timeout=1)
    RouterProvider().update("", drawn(site), site.router)
    assert site.ask()[0] == 404, "it answers, and serves nothing"


def test_a_registry_that_cant_start_anew_gives_way_to_the_one_before(site: Site) -> None:
    client, images = daemon("registry")
    name = f"{site.router['name']}-registry"
    volume = {**site.where, "name": name}
    own = {"name": name, "image": images["registry"], "port": free_port(), "volume": name}
    props = {**site.where, **own, "network": site.router["network"]}
    VolumeProvider().create(volume)
    try:
        RegistryProvider().create(props)
        before = client.containers.get(name).id
        for change in ({"image": ABSENT}, {"port": site.router["port"]}):
            with pytest.raises(StepFailed, match="was not replaced, the one before runs on: "):
                RegistryProvider().update("", props, {**props, **change})
            assert (client.containers.get(name).id, client.containers.get(name).status) == (before, "running")
    finally:
        RegistryProvider().delete(name, props)
        VolumeProvider().delete(name, volume)
        client.close()


@pytest.mark.parametrize("wanted", ["as before", "another"])
def test_a_run_that_was_killed_while_it_replaced_a_router_is_made_good_by_the_next(site: Site, wanted: str) -> None:
    before, provider = router(site), RouterProvider()
    name, changed = site.router["name"], {**site.router, "bootstrap": secrets.token_hex(4)}
    before.rename(f"{name}-before")
    before.stop(timeout=1)
    with pytest.raises(Killed):
        provider.make(killed(site), {**changed, "stats": site.stats})
    assert provider.read(name, drawn(site)).id == "", "a refresh sees that not all is well"
    provider.update("", drawn(site), site.router if wanted == "as before" else changed)
    assert (router(site).id == before.id) == (wanted == "as before")
    assert names(site) == {name}
    assert provider.read(name, drawn(site)).id == name
    assert site.ask()[0] == 404, "it answers, and serves nothing"
    provider.update("", drawn(site), site.router)


def killed(site: Site) -> Any:  # noqa: ANN401 - stands in for a client
    return KilledOnceCreated(site.client)


def test_a_replica_whose_run_was_killed_as_soon_as_it_was_created_is_adopted_and_found(site: Site) -> None:
    props = site.replica("r1", startup=5)
    with pytest.raises(Killed):
        ReplicaProvider().make(killed(site), props)
    (left,) = names(site) - {site.router["name"]}
    replica = ReplicaProvider().create(props)
    assert replica.id == left
    (network,) = site.client.containers.get(left).attrs["NetworkSettings"]["Networks"].items()
    assert network[0] == site.router["network"]
    assert (replica.outs or {})["alias"] in network[1]["Aliases"]
    ReplicaProvider().delete(left, props)


@pytest.fixture
def with_volume(site: Site) -> Iterator[str]:
    """The base image, with a volume that it doesn't name."""
    repository = f"towpath-{site.where['instance']}"
    container = site.client.containers.create(site.image)
    container.commit(repository=repository, tag="volume", changes="VOLUME /data")
    container.remove()
    yield f"{repository}:volume"
    site.client.images.remove(f"{repository}:volume", force=True)


def test_a_volume_that_nobody_named_goes_with_its_replica_and_a_named_one_stays(site: Site, with_volume: str) -> None:
    named = {**site.where, "name": f"{site.router['name']}-kept"}
    VolumeProvider().create(named)
    mounted = {"source": named["name"], "path": "/kept", "readOnly": False}
    props = site.replica("r2", image=with_volume, volumes=[mounted])
    replica = ReplicaProvider().create(props).id
    mounts = {mount["Destination"]: mount["Name"] for mount in site.client.containers.get(replica).attrs["Mounts"]}
    ReplicaProvider().delete(replica, props)
    left = {volume.name for volume in site.client.volumes.list()}
    assert mounts["/data"] not in left
    assert mounts["/kept"] in left
    VolumeProvider().delete(named["name"], named)


def test_a_port_that_is_taken_is_named_with_its_holder(site: Site) -> None:
    other = {**site.router, "name": site.router["name"] + "-2", "stats": 0}
    with pytest.raises(StepFailed, match=f"port {site.router['port']} of .* is already taken") as failure:
        RouterProvider().create(other)
    assert site.router["name"] in str(failure.value)
    assert other["name"] not in {container.name for container in site.containers()}
    port = free_port()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", port))
        holder.listen()
        with pytest.raises(StepFailed, match="another process has it"):
            RouterProvider().create({**other, "port": port, "stats": 0})
