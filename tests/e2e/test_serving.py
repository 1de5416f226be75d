"""What a promotion leaves alone: streams under way, and secrets."""

import re
from pathlib import Path

import pytest

from tests.e2e.support.installation import Installation
from tests.e2e.support.leftovers import daemon
from tests.e2e.support.processes import command_lines
from tests.e2e.support.stream import Stream
from tests.e2e.support.traffic import load

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.engine]
SECRET = "bait-9f2c41d07ab8"
SECONDS = 32


def test_a_promotion_cuts_no_stream_and_a_secret_reaches_the_replica_and_is_in_clear_nowhere_else(
    one: Installation,
) -> None:
    one.serving("dev")
    give_secret(one, "dev")
    good = one.release()
    with Stream(one.url("dev"), SECONDS) as stream, load(one.url("dev"), 20) as sent, command_lines() as seen:
        ended = one.deploy("-v", "promote", "--to", "dev", "--release", good).ok()
    assert (stream.status, stream.problem, stream.events) == (200, "", SECONDS)
    assert sent.failed == []
    assert one.served("dev") == good

    assert any("pulumi" in words for words in seen)
    assert [words for words in seen if SECRET in words] == []
    assert SECRET not in ended.stdout + ended.stderr + one.deploy("status", "--json").stdout
    assert files_with(SECRET, one.folder) == []
    with daemon(one.docker) as client:
        replicas = client.containers.list(filters={"label": [f"towpath.instance={one.id}", "towpath.stack=dev"]})
        given = [f"API_TOKEN={SECRET}" in container.attrs["Config"]["Env"] for container in replicas]
    assert any(given), "the replica has it"
    one.commit("Publish dev")


def give_secret(one: Installation, environment: str) -> None:
    """As a person does: into the stack file, encrypted, and from there into the model's environment."""
    one.pulumi("config", "set", "-s", environment, "--secret", "secrets:token", SECRET).ok()
    file = one.file(environment)
    file.write_text(re.sub(r"( +)timeouts:", r"\1secrets: {API_TOKEN: token}\n\1timeouts:", file.read_text()))
    one.up(environment).ok()
    one.commit("Give the model a token")


def files_with(text: str, folder: Path) -> list[str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return [str(path) for path in found if text.encode() in path.read_bytes()]
