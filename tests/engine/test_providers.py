"""Dynamic providers: forked where the language host can, started anew where it can't, ended with their launcher."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.engine.conftest import Project
from towpath.engine import launch

LAUNCH = ("-I", "-S", launch.__file__)
ABOUT = """
import os, sys
import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider

class About(ResourceProvider):
    def create(self, props):
        forked = "towpath.engine.providers" in sys.modules
        return CreateResult("1", {"forked": forked, "folder": os.getcwd(), "project": os.environ["PULUMI_PROJECT"]})

class Told(Resource):
    forked: pulumi.Output[bool]
    folder: pulumi.Output[str]
    project: pulumi.Output[str]
    def __init__(self):
        super().__init__(About(), "told", {"forked": None, "folder": None, "project": None})

told = Told()
pulumi.export("told", pulumi.Output.json_dumps({"forked": told.forked, "folder": told.folder, "project": told.project}))
"""
HOST = """
import os, signal, sys
from towpath.engine.providers import serve_providers
serve_providers(os.getpid())
import subprocess
launched = subprocess.Popen([sys.executable, *sys.argv[1:]])
print(launched.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.engine
def test_a_provider_is_forked_from_the_host_and_lives_in_the_engines_own_world(project: Project) -> None:
    project.write(ABOUT)
    done = project.up()
    assert done.exit_code == 0, done.stdout
    answer = json.loads(project.pulumi("stack", "output", "told", "-s", "dev").stdout)
    assert answer == {"forked": True, "folder": str(project.folder), "project": "scratch"}


@contextmanager
def host() -> Iterator[tuple["subprocess.Popen[str]", int, int]]:
    """A process that starts providers as the language host does; with it the launcher's id and the provider's port."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", HOST, *LAUNCH],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        numbers = {int(process.stdout.readline()), int(process.stdout.readline())}
        launcher = next(pid for pid in numbers if _words(pid) == [sys.executable, *LAUNCH])
        yield process, launcher, (numbers - {launcher}).pop()
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _words(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]
    except FileNotFoundError:
        return []


def _answers(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def _ends(port: int) -> bool:
    deadline = time.monotonic() + 10
    while _answers(port):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_a_provider_ends_with_what_the_engine_started() -> None:
    with host() as (_, launcher, port):
        assert _answers(port)
        os.kill(launcher, signal.SIGKILL)
        assert _ends(port)


def test_an_interrupt_by_the_engine_ends_a_provider_without_a_word() -> None:
    with host() as (process, launcher, port):
        (provider,) = (pid for child in _children(process.pid) for pid in _children(child))
        for pid in (provider, *_children(process.pid), launcher):
            with suppress(ProcessLookupError):  # each ends with the others
                os.kill(pid, signal.SIGINT)
        assert _ends(port)
        os.killpg(process.pid, signal.SIGKILL)
        assert process.communicate()[1] == ""


def test_what_the_engine_started_ends_with_its_provider() -> None:
    with host() as (process, launcher, port):
        (provider,) = (pid for child in _children(process.pid) for pid in _children(child))
        os.kill(provider, signal.SIGKILL)
        assert _ends(port)
        deadline = time.monotonic() + 10
        while _words(launcher) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not _words(launcher)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_without_such_a_host_the_launcher_becomes_the_provider() -> None:
    with subprocess.Popen([sys.executable, *LAUNCH], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        assert _answers(port)
        assert _words(process.pid) == [sys.executable, "-u", "-m", "pulumi.dynamic"]
        process.kill()
