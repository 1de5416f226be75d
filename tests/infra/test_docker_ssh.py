"""A daemon that is reached over ssh; the stand-in for that command joins to the daemon of this machine."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.support.required import leave_out
from tests.support.docker_site import drawn_site

ROOT = Path(__file__).parents[2]
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


def run(program: str, *arguments: str, **env: str) -> str:
    """In a process of its own: the SDK forks to run the command, and other tests have gRPC's threads in this one."""
    words = [sys.executable, "-W", "ignore::ResourceWarning", "-c", program, *arguments]
    done = subprocess.run(words, cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


DRAWS = """
import json, sys
from infra.docker.replica import ReplicaProvider
from towpath.adapters.inventory_docker import DockerInventory

props = json.loads(sys.argv[1])
replica = ReplicaProvider().create(props).id
(seen,) = DockerInventory(props["host"]).running(props["instance"], props["stack"])
read = ReplicaProvider().read(replica, props).id
ReplicaProvider().delete(replica, props)
print(json.dumps([replica, seen.name, seen.ready, read]))
"""


def test_a_replica_is_drawn_seen_and_removed_through_a_stand_in_for_ssh(asked: Callable[[], set[str]]) -> None:
    with drawn_site() as site:
        replica, seen, ready, read = json.loads(run(DRAWS, json.dumps(site.replica(host=HOST))))
        assert (seen, ready, read) == (replica, True, replica)
        assert replica not in {container.name for container in site.containers()}
    assert asked() == {ASKED}


BUILDS = """
import io, os
from infra.docker.host import docker_host
from tests.cli.command import Stream
from towpath.cli.render import Output
from towpath.cli.session import Options
from towpath.cli.wiring import RealWorld
from towpath.cli.wiring_build import _connected

with docker_host("") as client:
    assert client.ping()
output = Output(stdout=io.StringIO(), stderr=io.StringIO(), stdin=Stream())
building = _connected(RealWorld(Options(), output, dict(os.environ)))
assert building.ping()
"""


def test_the_environments_daemon_is_drawn_on_and_builds_through_a_stand_in_for_ssh(
    asked: Callable[[], set[str]],
) -> None:
    assert run(BUILDS, DOCKER_HOST=HOST) == ""
    assert asked() == {ASKED}
