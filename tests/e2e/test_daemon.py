"""What happens to the daemon, and what is left when everything goes."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.support.installation import Installation, ambient, installed
from tests.e2e.support.leftovers import leftovers
from tests.e2e.support.private_docker import PrivateDocker, missing, private_docker
from tests.e2e.support.required import leave_out
from tests.e2e.support.traffic import BODY
from towpath.core.errors import NeedsPerson

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.engine]
BACK = 30.0  # seconds until everything answers again


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
    """How one request ended, and the release that answered."""
    done = one.deploy("invoke", "lab", "-d", BODY, "--json")
    return done.code, str(done.answer.get("release", ""))


def test_after_a_restart_of_the_daemon_the_same_release_serves_again(machine: PrivateDocker, tmp_path: Path) -> None:
    with installed(tmp_path / "e2e", ambient=ambient(), docker=machine.host, inside=machine.inside) as one:
        release = one.serving("lab")
        before = ask(one)
        assert before == (0, release)
        machine.stop()
        assert ask(one)[0] == NeedsPerson.exit_code
        machine.start()
        end = time.monotonic() + BACK
        while (now := ask(one)) != before:
            assert time.monotonic() < end, f"{now} after {BACK} s, was {before}"
        status = one.status("lab")
        assert (status["release"], status["ready"], status["problems"]) == (release, 1, [])
        one.pulumi("preview", "-s", "lab", "--expect-no-changes").ok()
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
