import hashlib
import json
import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from towpath.adapters.toolchain.docker_daemon import Daemon
from towpath.adapters.toolchain.oci_layout import docker_archive, pack_files, write_layout
from towpath.core.errors import Missing


def context(home: Path, name: str, host: str) -> None:
    folder = home / ".docker" / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
    folder.mkdir(parents=True)
    (folder / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": host}}}))


def test_the_daemon_is_the_one_the_docker_command_talks_to(tmp_path: Path) -> None:
    assert Daemon({}, tmp_path).host == ""
    context(tmp_path, "desktop", "unix:///home/me/.docker/desktop.sock")
    assert Daemon({}, tmp_path).host == ""
    (tmp_path / ".docker" / "config.json").write_text('{"currentContext": "desktop"}')
    assert Daemon({}, tmp_path).host == "unix:///home/me/.docker/desktop.sock"
    assert Daemon({"DOCKER_CONTEXT": "default"}, tmp_path).host == ""
    assert Daemon({"DOCKER_HOST": "ssh://user@box"}, tmp_path).host == "ssh://user@box"


def test_a_broken_docker_config_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text("[")
    assert Daemon({}, tmp_path).host == ""


def test_a_daemon_elsewhere_that_does_not_answer_is_not_ours_to_start(tmp_path: Path) -> None:
    trouble, detail = Daemon({"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}, tmp_path).version()
    assert trouble == "remote"
    assert detail


def test_a_daemon_that_does_not_answer_is_an_error_for_images(tmp_path: Path) -> None:
    daemon = Daemon({"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}, tmp_path)
    with pytest.raises(Missing, match="towpath/none"):
        daemon.has("towpath/none:1")


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    daemon = Daemon({name: value for name, value in os.environ.items() if name.startswith("DOCKER")}, tmp_path)
    if daemon.version()[0]:
        if os.environ.get("CI"):
            pytest.fail("no Docker daemon answers")
        pytest.skip("no Docker daemon answers")
    return daemon


@pytest.fixture
def reference(daemon: Daemon) -> Iterator[str]:
    name = f"towpath-test/image:{secrets.token_hex(4)}"
    yield name
    if daemon.has(name):
        client = docker.from_env()
        client.images.remove(name)
        client.close()


@pytest.mark.docker
def test_a_layout_is_loaded_under_its_name_and_its_id_is_the_daemons(
    daemon: Daemon, reference: str, tmp_path: Path
) -> None:
    layer = pack_files({"hello": (b"hi", 0o644)}, tmp_path / "layer")
    layout = write_layout(tmp_path / "layout", [layer], {"Cmd": ["/hello"]}, "amd64")
    assert not daemon.has(reference)
    daemon.load(docker_archive(layout, reference))
    assert daemon.has(reference)
    assert daemon.has(layout.image_id)


@pytest.mark.parametrize("error", [PermissionError("no"), ConnectionRefusedError("no")])
def test_no_permission_is_told_from_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    def connect(_self: socket.socket, _address: object) -> None:
        raise error

    # the test runs as root, for whom no socket is forbidden
    monkeypatch.setattr(socket.socket, "connect", connect)
    assert Daemon({}, tmp_path).version()[0] == ("denied" if isinstance(error, PermissionError) else "stopped")
