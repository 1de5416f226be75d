"""What Docker says, as errors of ours."""

from towpath.core.errors import Missing, Refused

_LINES = 15
_SILENT = ("Cannot connect to the Docker daemon", "Is the docker daemon running", "connection refused")
_FORBIDDEN = "permission denied while trying to connect"


def unusable(said: str) -> Missing | None:
    """The daemon isn't there or isn't ours to use; None when something else went wrong."""
    if _FORBIDDEN in said:
        return Missing(
            "no permission to use the Docker daemon", "add this user to the group docker and log in again, or use root"
        )
    if any(sign in said for sign in _SILENT) and "registry" not in said:
        return Missing("the Docker daemon doesn't answer", "start it (deploy setup), or use builder = 'layers'")
    return None


def refused_build(dockerfile: str, said: str) -> Refused:
    """The Dockerfile doesn't build."""
    return Refused(f"{dockerfile} doesn't build:\n{_tail(said)}", "mend the Dockerfile; nothing was pushed")


def refused_push(name: str, said: str) -> Refused:
    """The registry doesn't take the image."""
    return Refused(
        f"{name} can't be pushed:\n{_tail(said)}", "see that the daemon reaches the registry and is logged in"
    )


def _tail(said: str) -> str:
    lines = [line.rstrip() for line in said.splitlines() if line.strip()]
    return "\n".join(f"  {line}" for line in lines[-_LINES:])
