"""What one driver can see of others on the same machine."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from towpath.adapters.peers import DRIVER_VARIABLE, LocalPeers

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are only seen on Linux")


def test_this_process_lives() -> None:
    peers = LocalPeers()
    me = peers.me("promote", 1.0)
    assert me.pid == os.getpid()
    assert peers.alive(me) is True


def test_a_process_that_ended_is_dead_and_so_is_one_whose_number_was_given_again() -> None:
    peers = LocalPeers()
    me = peers.me("promote", 1.0)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait(timeout=20)
    assert peers.alive(replace(me, pid=ended.pid)) is False
    assert peers.alive(replace(me, started="1")) is False


def test_a_zombie_is_dead() -> None:
    peers = LocalPeers()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[19]
    holder = replace(peers.me("promote", 1.0), pid=child.pid, started=started)
    assert peers.alive(holder) is True
    child.communicate(b"\n", timeout=20)
    assert peers.alive(holder) is False


@pytest.mark.parametrize("machine", ["other/pid:[1]", ""])
def test_nothing_is_known_of_another_machines_processes(machine: str) -> None:
    peers = LocalPeers()
    holder = replace(peers.me("promote", 1.0), machine=machine)
    assert peers.alive(holder) is None
    assert peers.engines_gone(holder) is True


def test_a_system_without_proc_knows_nothing(tmp_path: Path) -> None:
    peers = LocalPeers(proc=tmp_path)
    assert peers.machine() == ""
    assert peers.alive(peers.me("promote", 1.0)) is None


def test_what_a_driver_started_is_seen_until_it_ends() -> None:
    peers = LocalPeers()
    driver = replace(peers.me("promote", 1.0), pid=1, started="42")
    variables = {**os.environ, DRIVER_VARIABLE: "1-42"}
    engine = subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=variables,
    )
    assert engine.stdout is not None
    engine.stdout.readline()
    assert peers.engines_gone(driver) is False
    engine.communicate(b"\n", timeout=20)
    assert peers.engines_gone(driver) is True
