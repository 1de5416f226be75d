"""Lines of `deploy` that the walk leaves out, run as they stand on the pages: in process, in a world of fakes."""

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command import FakeWorld, deploy
from tests.docs import runs
from tests.fakes.scene import promotable
from tests.fakes.world import image, record
from towpath.core.contract import Endpoint
from towpath.core.errors import RolledBack


def standing() -> FakeWorld:
    """Prod serves a release; dev runs the next one."""
    return FakeWorld(scene=promotable())


def complete() -> FakeWorld:
    """A machine that lacks nothing."""
    world = standing()
    assert deploy("setup", world=world).code == 0
    return world


def stopped() -> FakeWorld:
    """A canary of prod whose driver was stopped."""
    world = standing()

    def stop(_stack: str, wanted: Endpoint) -> None:
        if wanted.canary is not None and wanted.canary.traffic == 50:
            raise KeyboardInterrupt

    world.scene.world.before_up = stop
    assert deploy("promote", "--to", "prod", world=world).code == 130
    world.scene.world.before_up = None
    return world


def promoted() -> FakeWorld:
    """Two releases came to prod, one after the other."""
    world = standing()
    assert deploy("promote", "--to", "prod", world=world).code == 0
    world.scene.releases.records.insert(0, record("c"))
    world.scene.serve("dev", image("c"), promotion=2, replicas=1)
    assert deploy("promote", "--to", "prod", world=world).code == 0
    return world


def marked() -> FakeWorld:
    """What dev runs was taken back from prod, and so it is marked bad there."""
    world = promoted()
    assert deploy("rollback", "prod", world=world).code == 0
    assert deploy("promote", "--to", "prod", world=world).code == 3
    return world


WORLDS: dict[str, Callable[[], FakeWorld]] = {
    "abort": stopped,
    "diff": promoted,
    "doctor": complete,
    "explain": promoted,
    "logs": stopped,
    "pause": stopped,
    "promote": marked,
    "resume": stopped,
    "rollback": promoted,
}
CODES = {"abort": RolledBack.exit_code}


@pytest.mark.parametrize("text", runs.in_process())
def test_a_line_that_a_page_shows_does_what_it_is_shown_for(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "service").mkdir()
    (tmp_path / "service" / "Dockerfile").write_text("FROM scratch\n")
    monkeypatch.chdir(tmp_path)
    verb, *rest = shlex.split(text)[1:]

    done = deploy(verb, *rest, world=WORLDS.get(verb, standing)())

    assert done.code == CODES.get(verb, 0), done.err
