"""The Docker daemon: where it is, whether it answers, and how images get into it."""

import hashlib
import json
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import docker
import requests
from docker.errors import DockerException, ImageNotFound

from towpath.core.errors import Missing
from towpath.core.toolchain import DockerTrouble

_UNIX: Final = "unix://"
_DEFAULT: Final = "unix:///var/run/docker.sock"
_PROBE_SECONDS: Final = 10
_LOAD_SECONDS: Final = 300
_SEE_DOCTOR: Final = "`deploy doctor` says what is wrong with the Docker daemon"


class Daemon:
    """The Docker daemon that the user's own `docker` command would talk to."""

    def __init__(self, env: Mapping[str, str], home: Path) -> None:
        self._env = env
        self.host = env.get("DOCKER_HOST", "") or _host_of_context(env, home)

    @property
    def remote(self) -> bool:
        """Whether the daemon runs somewhere else or is someone else's business to start."""
        return bool(self.host) and not self.host.startswith(_DEFAULT)

    def version(self) -> tuple[DockerTrouble, str]:
        """No trouble and the daemon's version, or the trouble and what the connection said."""
        try:
            with self._client(_PROBE_SECONDS) as client:
                return "", str(client.version()["Version"])
        except PermissionError as error:
            return "denied", str(error)
        except (DockerException, requests.RequestException, OSError) as error:
            return "remote" if self.remote else "stopped", str(error)

    def has(self, reference: str) -> bool:
        """Whether the daemon has this image."""
        try:
            with self._client(_PROBE_SECONDS) as client:
                client.images.get(reference)
        except ImageNotFound:
            return False
        except (DockerException, requests.RequestException, OSError) as error:
            raise _failed(f"looking for image {reference}", error) from error
        return True

    def load(self, archive: Iterator[bytes]) -> None:
        """Load a stream of `docker save` format."""
        try:
            with self._client(_LOAD_SECONDS) as client:
                client.api.load_image(archive)  # type: ignore[no-untyped-call]  # the stubs lack it
        except (DockerException, requests.RequestException, OSError) as error:
            raise _failed("loading an image", error) from error

    def pull(self, reference: str, progress: Callable[[str], None]) -> str:
        """Pull an image of a public registry; returns its name by digest."""
        repository, _, tag = reference.rpartition(":")
        try:
            with self._client(_LOAD_SECONDS) as client:
                for event in client.api.pull(repository, tag=tag, stream=True, decode=True):
                    if "error" in event:
                        raise Missing(f"{reference} can't be pulled: {event['error']}", "try again, or `--offline`")
                    progress(str(event.get("status", "")))
                attributes = client.images.get(reference).attrs
        except (DockerException, requests.RequestException, OSError) as error:
            raise _failed(f"pulling {reference}", error) from error
        return str(attributes["RepoDigests"][0])

    def _client(self, timeout: int) -> "_Client":
        return _Client(self._env, self.host, timeout)


class _Client:
    """A client as a context manager that always closes its connections."""

    def __init__(self, env: Mapping[str, str], host: str, timeout: int) -> None:
        self._env = {**env, "DOCKER_HOST": host} if host else dict(env)
        self._timeout = timeout

    def __enter__(self) -> docker.DockerClient:
        _knock(self._env.get("DOCKER_HOST", "") or _DEFAULT)
        self._client = docker.from_env(
            environment=self._env,
            timeout=self._timeout,
            use_ssh_client=self._env.get("DOCKER_HOST", "").startswith("ssh://"),
        )
        return self._client

    def __exit__(self, *_: object) -> None:
        self._client.close()


def _knock(host: str) -> None:
    """Raise what connecting to a local socket raises; the SDK would hide it in a text and leave its socket open."""
    if host.startswith(_UNIX):
        with socket.socket(socket.AF_UNIX) as knocking:
            knocking.connect(host.removeprefix(_UNIX))


def _host_of_context(env: Mapping[str, str], home: Path) -> str:
    folder = Path(env.get("DOCKER_CONFIG", "")) if env.get("DOCKER_CONFIG") else home / ".docker"
    name = env.get("DOCKER_CONTEXT", "") or str(_json(folder / "config.json").get("currentContext", ""))
    if name in ("", "default"):
        return ""
    meta = _json(folder / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json")
    endpoints = meta.get("Endpoints", {})
    return str(endpoints.get("docker", {}).get("Host", "")) if isinstance(endpoints, dict) else ""


def _json(path: Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _failed(what: str, error: Exception) -> Missing:
    return Missing(f"{what} failed: {error}", _SEE_DOCTOR)
