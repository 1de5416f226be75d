import pytest

from towpath.core.docker_daemon import unusable


@pytest.mark.parametrize(
    ("said", "host", "message", "hint"),
    [
        ("Permission denied", "", "no permission for the Docker daemon at the default socket", "add yourself"),
        ("permission denied", "unix:///x", "no permission for the Docker daemon at unix:///x", "add yourself"),
        ("refused", "tcp://box:1", "the Docker daemon at tcp://box:1 doesn't answer: refused", "start it"),
    ],
)
def test_a_daemon_that_is_there_but_forbidden_is_told_from_one_that_is_silent(
    said: str, host: str, message: str, hint: str
) -> None:
    error = unusable(said, host)
    assert error.message == message
    assert error.hint.startswith(hint)
