"""What happens to the daemon, and what is left when everything goes."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.support.installation import Installation, ambient, installed
from tests.e2e.support.leftovers import leftovers
from tests.e2e.support.private_docker import PrivateDocker, missing, private_docker
from tests.e2e.support.required import leave_out
from tests.e2e.support.traffic import BODY
from towpath.adapters.stack_files import YamlStackFiles
from towpath.core.contract import Canary
from towpath.core.errors import NeedsPerson

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.engine]
BACK = 60.0  # seconds until everything answers again, and both arms have had a request
TRAFFIC = 40  # percent
FENCE = 1000  # higher than that of the promotion before


@pytest.fixture
def machine(one: Installation) -> Iterator[PrivateDocker]:
    """A daemon of its own, below a short path: the path of a socket has at most 107 characters."""
    if lacking := missing():
        leave_out(lacking)
    one.draw()
    one.release()  # so that the layers of the kit are in the cache: the daemon's network leads nowhere else
    folder = Path(tempfile.mkdtemp(prefix="towpath-"))
    try:
        with private_docker(folder / "docker") as made:
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def ask(one: Installation) -> tuple[int, str]:
    """How one request ended, and the arm that answered."""
    done = one.deploy("invoke", "lab", "-d", BODY, "--json")
    return done.code, str(done.answer.get("arm", ""))


def await_both_arms(one: Installation) -> None:
    """Ask until each has answered."""
    seen, end = set[tuple[int, str]](), time.monotonic() + BACK
    while not {(0, "stable"), (0, "canary")} <= seen:
        assert time.monotonic() < end, f"{seen} in {BACK} s"
        seen.add(ask(one))


@contextmanager
def split(one: Installation) -> Iterator[str]:
    """A candidate with its share of lab's requests, drawn as a promotion draws it; gives back the file it drew."""
    files = YamlStackFiles(project=one.folder)
    file = files.read("lab")
    (stable,) = file.endpoints
    assert stable.release is not None
    serving = replace(stable.serving, env=(("OTHER", "1"),))
    canary = Canary(release=stable.release, serving=serving, traffic=TRAFFIC, replicas=1)
    with files.overlay(file, replace(stable, canary=canary), fence=FENCE) as overlay:
        one.pulumi("up", "--yes", "--skip-preview", "-s", "lab", "--config-file", overlay.path).ok()
        yield overlay.path


def test_after_a_restart_of_the_daemon_the_same_releases_serve_again_with_their_shares_of_traffic(
    machine: PrivateDocker, tmp_path: Path
) -> None:
    with installed(tmp_path / "e2e", ambient=ambient(), docker=machine.host, inside=machine.inside) as one:
        release = one.serving("lab")
        with split(one) as drawn:
            assert ask(one)[0] == 0
            machine.stop()
            assert ask(one)[0] == NeedsPerson.exit_code
            machine.start()
            await_both_arms(one)
            status = one.status("lab")
            assert (status["release"], status["ready"], status["problems"]) == (release, 2, [])
            assert (status["declared"], status["observed"]) == (TRAFFIC, [TRAFFIC])
            one.pulumi("preview", "-s", "lab", "--expect-no-changes", "--config-file", drawn).ok()
        assert one.release(), "the registry takes images again"


def test_destroying_every_stack_leaves_nothing_with_the_installations_label(one: Installation) -> None:
    one.serving("lab")
    early = one.deploy("destroy", "platform", "--yes")
    assert (early.code, "lab" in early.stderr) == (3, True), early.told()
    unconfirmed = one.deploy("destroy", "lab")
    assert unconfirmed.code == 2, unconfirmed.told()
    assert leftovers(one.id)
    one.destroy("lab", "--confirm", "lab")
    one.destroy("platform")
    assert leftovers(one.id) == []
