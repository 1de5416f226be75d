"""A daemon that is reached over ssh; the stand-in for that command joins to the daemon of this machine."""

import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.docker.host import docker_host
from infra.docker.replica import ReplicaProvider
from tests.cli.command import Stream
from tests.e2e.support.required import leave_out
from tests.support.docker_site import drawn_site
from tests.support.unusable_docker import unreached
from towpath.adapters.inventory_docker import DockerInventory
from towpath.cli.render import Output
from towpath.cli.session import Options
from towpath.cli.wiring import RealWorld
from towpath.cli.wiring_build import _connected

pytestmark = pytest.mark.docker
STAND_IN = """#!/bin/sh
echo "$@" >> "$0.asked"
exec env -u DOCKER_HOST docker system dial-stdio
"""
HOST = "ssh://user@box:2222"
ASKED = "-l user -p 2222 -- box docker system dial-stdio"


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], set[str]]:
    """What the stand-in was asked until now; it comes first on the path."""
    if shutil.which("docker") is None:
        leave_out("there is no docker command on this machine")
    program, said = tmp_path / "ssh", tmp_path / "ssh.asked"
    program.write_text(STAND_IN)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return lambda: set(said.read_text().splitlines())


def test_a_replica_is_drawn_seen_and_removed_through_a_stand_in_for_ssh(asked: Callable[[], set[str]]) -> None:
    with unreached(), drawn_site() as site:
        props = site.replica(host=HOST)
        replica = ReplicaProvider().create(props).id
        (seen,) = DockerInventory(HOST).running(props["instance"], props["stack"])
        assert (seen.name, seen.ready) == (replica, True)
        assert ReplicaProvider().read(replica, props).id == replica
        ReplicaProvider().delete(replica, props)
        assert replica not in {container.name for container in site.containers()}
    assert asked() == {ASKED}


def test_the_environments_daemon_is_drawn_on_and_builds_through_a_stand_in_for_ssh(
    asked: Callable[[], set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", HOST)
    with unreached():
        with docker_host("") as client:
            assert client.ping()
        output = Output(stdout=io.StringIO(), stderr=io.StringIO(), stdin=Stream())
        building = _connected(RealWorld(Options(), output, dict(os.environ)))
        assert building.ping()
        building.close()
        del client, building
    assert asked() == {ASKED}
