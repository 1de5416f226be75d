"""Packages, the daemon and images made here, with the programs they run replaced by a recorder."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.fakes.toolchain import FakeReport
from towpath.adapters.toolchain.apt import Apt
from towpath.adapters.toolchain.docker_daemon import Daemon
from towpath.adapters.toolchain.local_images import LocalImages
from towpath.adapters.toolchain.surroundings import Surroundings
from towpath.app.setup_ports import Command, Finished, Running
from towpath.core.errors import Missing


@dataclass(kw_only=True)
class FakeProcesses:
    """Answers with the exit code of the first key that a command line contains."""

    codes: dict[str, list[int]] = field(default_factory=dict)
    stderr: str = ""
    ran: list[str] = field(default_factory=list)

    def run(self, command: Command) -> Finished:
        line = " ".join(command.words)
        self.ran.append(line)
        codes = next((codes for key, codes in self.codes.items() if key in line), [])
        return Finished(exit_code=codes.pop(0) if codes else 0, stdout="", stderr=self.stderr)

    def spawn_guarded(self, command: Command, *, grace: float) -> Running:
        raise AssertionError((command, grace))

    def start_detached(self, command: Command, log: Path) -> int:
        raise AssertionError((command, log))


def test_a_package_is_installed_with_the_lists_that_are_there() -> None:
    processes, report = FakeProcesses(), FakeReport()
    Apt(processes, {}).install("Docker", ("docker.io",), report)
    assert processes.ran == ["apt-get -o DPkg::Lock::Timeout=600 install --yes --no-install-recommends docker.io"]
    assert report.said == [("step", "Docker", "installing the system packages docker.io")]


def test_missing_lists_are_fetched_before_the_second_try() -> None:
    processes = FakeProcesses(codes={"install": [100, 0]})
    Apt(processes, {}).install("Docker", ("docker.io",), FakeReport())
    assert [line.split()[3] for line in processes.ran] == ["install", "update", "install"]


def test_a_package_that_cannot_be_had_is_named_with_what_apt_said() -> None:
    processes = FakeProcesses(codes={"install": [100, 100]}, stderr="E: Unable to locate package docker.io")
    with pytest.raises(Missing, match="Unable to locate") as caught:
        Apt(processes, {}).install("Docker", ("docker.io",), FakeReport())
    assert "apt-get install docker.io" in caught.value.hint


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    env = {"PATH": str(tmp_path / "empty"), "DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    return Surroundings(state=tmp_path / "state", cache=tmp_path / "cache", env=env, python=sys.executable, root=True)


def test_a_base_that_fails_to_unpack_says_why_and_leaves_nothing(around: Surroundings, tmp_path: Path) -> None:
    processes = FakeProcesses(codes={"unshare": [1]}, stderr="E: Couldn't download packages: python3")
    images = LocalImages(around, processes, Daemon(around.env, tmp_path))
    with pytest.raises(Missing, match="Couldn't download packages"):
        images.base(FakeReport())
    assert not images.cached()
    assert [path.suffix for path in (around.cache / "images").iterdir()] == [".lock"]


def test_mmdebstrap_is_installed_where_it_is_missing_and_runs_in_its_own_mounts(
    around: Surroundings, tmp_path: Path
) -> None:
    processes = FakeProcesses(codes={"unshare": [1]})
    with pytest.raises(Missing):
        LocalImages(around, processes, Daemon(around.env, tmp_path)).base(FakeReport())
    assert "mmdebstrap debian-archive-keyring" in processes.ran[0]
    assert processes.ran[-1].startswith("unshare --mount mmdebstrap --mode=root --variant=minbase")
