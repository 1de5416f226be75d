"""`make demo-clean`: nothing of the demo's instance is left, in order or not."""

import os
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest

from examples.demo.clean import clean
from examples.demo.leftovers import daemon
from examples.demo.scratch import Scratch
from examples.demo.screen import Screen
from examples.demo.shell import Shell
from tests.e2e.support.installation import ROOT, ambient
from tests.e2e.support.required import require_setup

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.engine]
GIT = shutil.which("git") or "git"


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    require_setup()
    source = tmp_path / "source"
    subprocess.run((GIT, "clone", "--quiet", str(ROOT), str(source)), check=True, timeout=60)
    return Scratch(source=source, home=source / ".towpath" / "demo")


@pytest.fixture
def shell(scratch: Scratch, tmp_path: Path) -> Shell:
    """A shell that finds `deploy`, whether it is installed or not."""
    deploy = tmp_path / "bin" / "deploy"
    deploy.parent.mkdir()
    deploy.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m towpath.cli.main "$@"\n')
    deploy.chmod(0o755)
    path = {"PATH": f"{deploy.parent}:{os.environ['PATH']}", "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    return Shell(screen=Screen(stream=StringIO()), folder=scratch.checkout, env=ambient() | path)


def draw(scratch: Scratch, shell: Shell, *stacks: str) -> int:
    """The demo as it stands before its first release; gives back how many things carry its label."""
    scratch.copy(shell)
    scratch.settle()
    shell.run("deploy", "setup")
    scratch.adopt_instance()
    shell.adopt_shellenv()
    for stack in stacks:
        shell.run("pulumi", "stack", "init", stack)
        shell.run("pulumi", "up", "-s", stack, "--yes", "--skip-preview")
    return left(scratch)


def left(scratch: Scratch) -> int:
    with daemon("", scratch.instance) as found:
        assert found is not None
        return found.find(scratch.registry_port()).total


def said(shell: Shell) -> str:
    assert isinstance(shell.screen.stream, StringIO)
    return shell.screen.stream.getvalue()


def test_stacks_are_destroyed_in_order_and_nothing_is_left(scratch: Scratch, shell: Shell) -> None:
    assert draw(scratch, shell, "platform", "dev") >= 5  # network, registry, router, a volume each
    assert clean(shell.screen, shell, scratch) == 0
    assert said(shell).index("deploy destroy dev") < said(shell).index("deploy destroy platform")
    assert "0 containers, 0 networks, 0 volumes, 0 images of its registry" in said(shell)
    assert "removed by the label" not in said(shell)
    assert (left(scratch), scratch.checkout.exists()) == (0, False)
    assert clean(shell.screen, shell, scratch) == 0


def test_with_its_state_lost_the_label_still_finds_all_of_it(scratch: Scratch, shell: Shell) -> None:
    assert draw(scratch, shell, "platform") >= 3
    shutil.rmtree(scratch.checkout)
    assert clean(shell.screen, shell, scratch) == 0
    assert "removed by the label" in said(shell)
    assert left(scratch) == 0
