import base64
import errno
import json
from pathlib import Path

import pytest

from tests.fakes.programs import FakePrograms, says
from towpath.adapters.oci.auth import is_local
from towpath.adapters.oci.credentials import HUB, DockerCredentials, HelperFailedError, Login
from towpath.app.setup_ports import Finished
from towpath.core.errors import Missing, UsageError

ENTRY = {"auth": base64.b64encode(b"me:bait:with:colons").decode()}
ME = Login(user="me", secret="bait:with:colons")


def credentials(tmp_path: Path, config: object, programs: FakePrograms | None = None) -> DockerCredentials:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    return DockerCredentials(path, programs or FakePrograms())


@pytest.mark.parametrize("name", ["reg.example:5000", "https://reg.example:5000", "https://reg.example:5000/v1/"])
def test_a_login_is_found_under_every_name_docker_writes(tmp_path: Path, name: str) -> None:
    assert credentials(tmp_path, {"auths": {name: ENTRY}}).login("reg.example:5000") == ME


def test_docker_hub_has_a_name_of_its_own(tmp_path: Path) -> None:
    assert credentials(tmp_path, {"auths": {HUB: ENTRY}}).login("docker.io") == ME


def test_no_file_and_no_entry_are_no_login(tmp_path: Path) -> None:
    assert DockerCredentials(tmp_path / "absent", FakePrograms()).login("reg.example") is None
    assert credentials(tmp_path, {"auths": {"reg.example": {}}}).login("reg.example") is None


def test_an_identity_token_is_known_as_one(tmp_path: Path) -> None:
    found = credentials(tmp_path, {"auths": {"reg.example": {"identitytoken": "bait"}}}).login("reg.example")
    assert found is not None
    assert found.is_identity_token


@pytest.mark.parametrize("config", [{"credHelpers": {"reg.example": "ecr"}}, {"credsStore": "ecr"}])
def test_a_helper_is_asked_by_its_input_and_not_by_its_words(tmp_path: Path, config: object) -> None:
    programs = FakePrograms(
        answers={("docker-credential-ecr", "get"): says('{"Username": "me", "Secret": "bait:with:colons"}')}
    )
    assert credentials(tmp_path, config, programs).login("reg.example") == ME
    assert programs.asked[0].words == ("docker-credential-ecr", "get")
    assert (programs.asked[0].stdin, programs.asked[0].timeout) == ("reg.example", 30)


def test_a_store_without_this_login_leaves_what_the_file_has(tmp_path: Path) -> None:
    programs = FakePrograms(
        answers={("docker-credential-x",): says("credentials not found in native keychain", exit_code=1)}
    )
    config = {"credsStore": "x", "auths": {"reg.example": ENTRY}}
    assert credentials(tmp_path, config, programs).login("reg.example") == ME
    assert credentials(tmp_path, config, programs).login("other.example") is None


def test_a_helper_that_is_not_installed_is_said(tmp_path: Path) -> None:
    def absent(_: tuple[str, ...]) -> object:
        raise Missing("docker-credential-x: no such program")

    programs = FakePrograms(answers={("docker-credential-x",): absent})  # type: ignore[dict-item]  # it never answers
    with pytest.raises(Missing, match="docker-credential-x"):
        credentials(tmp_path, {"credsStore": "x"}, programs).login("reg.example")


def test_a_helper_that_answers_nonsense_is_said_without_its_answer(tmp_path: Path) -> None:
    programs = FakePrograms(answers={("docker-credential-x",): says("bait")})
    with pytest.raises(UsageError, match="docker-credential-x") as caught:
        credentials(tmp_path, {"credsStore": "x"}, programs).login("reg.example")
    assert "bait" not in caught.value.message


def test_a_helper_that_fails_is_named_without_what_it_said(tmp_path: Path) -> None:
    programs = FakePrograms(answers={("docker-credential-x",): says(stderr="token expired: bait", exit_code=3)})
    with pytest.raises(HelperFailedError, match=r"docker-credential-x, .*exit code 3") as caught:
        credentials(tmp_path, {"credsStore": "x"}, programs).login("reg.example")
    assert caught.value.hint.endswith("echo reg.example | docker-credential-x get")
    assert "bait" not in caught.value.message


def test_a_helper_that_fails_leaves_what_the_file_has(tmp_path: Path) -> None:
    programs = FakePrograms(answers={("docker-credential-x",): says(exit_code=1)})
    config = {"credsStore": "x", "auths": {"reg.example": ENTRY}}
    assert credentials(tmp_path, config, programs).login("reg.example") == ME


def test_a_helper_that_cannot_be_run_here_is_said(tmp_path: Path) -> None:
    def foreign(_: tuple[str, ...]) -> Finished:
        raise OSError(errno.ENOEXEC, "Exec format error", "docker-credential-x")

    programs = FakePrograms(answers={("docker-credential-x",): foreign})
    with pytest.raises(Missing, match="docker-credential-x can't be run: Exec format error") as caught:
        credentials(tmp_path, {"credsStore": "x"}, programs).login("reg.example")
    assert str(tmp_path / "config.json") in caught.value.hint


@pytest.mark.parametrize(
    "config",
    [
        {"auths": None, "credHelpers": None, "credsStore": None},
        {"auths": [], "credHelpers": 5, "credsStore": 5},
        {"auths": {"reg.example": None}},
        {"auths": {"reg.example": "x"}},
        {"auths": {"reg.example": {"auth": None, "identitytoken": None}}},
        {"auths": {"reg.example": {"auth": 5}}},
        {"auths": {"reg.example": {"auth": "é"}}},
        [],
    ],
)
def test_what_is_no_login_in_a_config_is_none(tmp_path: Path, config: object) -> None:
    assert credentials(tmp_path, config).login("reg.example") is None


def test_a_config_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "config.json").mkdir()
    with pytest.raises(UsageError, match=rf"{tmp_path}/config.json can't be read: Is a directory"):
        DockerCredentials(tmp_path / "config.json", FakePrograms()).login("reg.example")


def test_a_config_that_is_no_text_is_said(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(UsageError, match="is not JSON"):
        DockerCredentials(tmp_path / "config.json", FakePrograms()).login("reg.example")


def test_a_config_that_does_not_parse_is_said(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UsageError, match="is not JSON"):
        DockerCredentials(tmp_path / "config.json", FakePrograms()).login("reg.example")


def test_a_secret_never_shows() -> None:
    assert "bait" not in repr(ME)


@pytest.mark.parametrize(
    ("registry", "local"),
    [("localhost:5055", True), ("127.0.0.1:1", True), ("[::1]:5000", True), ("localhost.example.org", False)],
)
def test_plain_http_is_for_this_machine_only(registry: str, local: bool) -> None:  # noqa: FBT001
    assert is_local(registry) is local
