"""What happens to the daemon, and what is left when everything goes."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from tests.e2e.support.installation import Installation, ambient, draw, installed
from tests.e2e.support.leftovers import leftovers
from tests.e2e.support.private_docker import PrivateDocker, missing, private_docker
from tests.e2e.support.required import leave_out, require_setup
from tests.e2e.support.traffic import BODY, PATH

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.engine]
BACK = 30.0  # seconds until everything answers again


@pytest.fixture
def machine() -> Iterator[PrivateDocker]:
    """A daemon of its own, below a short path: the path of a socket has at most 107 characters."""
    require_setup()
    if lacking := missing():
        leave_out(lacking)
    folder = Path(tempfile.mkdtemp(prefix="towpath-"))
    try:
        with private_docker(folder / "docker") as made:
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def ask(one: Installation) -> tuple[int, str]:
    """Status of one request, and the release that answered."""
    try:
        answer = urllib3.request("POST", one.url("lab") + PATH, body=BODY, retries=False, timeout=5)
    except urllib3.exceptions.HTTPError:
        return 0, ""
    return answer.status, answer.headers.get("x-towpath-release", "")


def test_after_a_restart_of_the_daemon_the_same_release_serves_again(machine: PrivateDocker, tmp_path: Path) -> None:
    with installed(tmp_path / "e2e", ambient=ambient(), docker=machine.host) as one:
        draw(one, "lab")
        release = one.serving("lab")
        before = ask(one)
        assert before[0] == 200
        machine.stop()
        assert ask(one)[0] == 0
        machine.start()
        end = time.monotonic() + BACK
        while ask(one) != before:
            assert time.monotonic() < end, f"{ask(one)} after {BACK} s, was {before}"
            time.sleep(0.2)
        now = one.status("lab")
        assert (now["release"], now["ready"], now["problems"]) == (release, 1, [])
        one.pulumi("preview", "-s", "lab", "--expect-no-changes").ok()
        assert one.release(), "the registry takes images again"


def test_destroying_every_stack_leaves_nothing_with_the_installations_label(scratch: Installation) -> None:
    draw(scratch, "lab")
    scratch.serving("lab")
    early = scratch.deploy("destroy", "platform", "--yes")
    assert (early.code, "lab" in early.stderr) == (3, True), early.told()
    unconfirmed = scratch.deploy("destroy", "lab")
    assert unconfirmed.code == 2, unconfirmed.told()
    assert leftovers(scratch.id)
    scratch.deploy("destroy", "lab", "--yes", "--confirm", "lab").ok()
    scratch.deploy("destroy", "platform", "--yes").ok()
    assert leftovers(scratch.id) == []
