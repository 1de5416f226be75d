"""What Docker says, as errors of ours."""

from towpath.core.docker_daemon import unusable
from towpath.core.errors import Missing, Refused

_LINES = 15
_WITHOUT = "builder = 'layers' needs none"
_SILENT = ("Cannot connect to the Docker daemon", "Is the docker daemon running", "connection refused")
_FORBIDDEN = "permission denied while trying to connect"


def out_of_reach(said: str, host: str) -> Missing | None:
    """The daemon isn't there or isn't ours to use; None when something else went wrong."""
    if _FORBIDDEN not in said and "registry" in said:
        return None
    signs = (_FORBIDDEN, *_SILENT)
    telling = next((line for line in said.splitlines() if any(sign in line for sign in signs)), None)
    return None if telling is None else no_daemon(telling.strip(), host)


def no_daemon(said: str, host: str) -> Missing:
    """Whatever is the matter with the daemon, nothing can be built by it."""
    error = unusable(said, host)
    return Missing(error.message, f"{error.hint}; {_WITHOUT}")


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
