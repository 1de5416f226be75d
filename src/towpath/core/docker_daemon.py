"""A Docker daemon that can't be used, said alike by whoever finds out."""

from typing import Final

from towpath.core.errors import Missing

GET_PERMISSION: Final = (
    "add yourself to its group (`sudo usermod -aG docker $USER`, then log in again) or run with sudo"
)
_START: Final = "start it, or have `deploy setup` do so; `deploy doctor` says what is missing"


def no_permission(host: str = "") -> str:
    """What is wrong, when it is there but not for this user; without a host it is the default one."""
    return f"no permission for {_daemon(host)}"


def unanswered(said: str, host: str = "") -> str:
    """What is wrong, when whoever asked was told this instead."""
    return f"{_daemon(host)} doesn't answer: {said}"


def unusable(said: str, host: str = "") -> Missing:
    """The error for what Docker's SDK or command said of a daemon that it got no answer from."""
    if "permission denied" in said.lower():
        return Missing(no_permission(host), GET_PERMISSION)
    return Missing(unanswered(said, host), _START)


def _daemon(host: str) -> str:
    return f"the Docker daemon at {host or 'the default socket'}"
