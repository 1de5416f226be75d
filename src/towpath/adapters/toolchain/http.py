"""Downloads over urllib3, through the user's proxy."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

import urllib3
from urllib3.util import Retry, Timeout

from towpath.core.errors import Missing

_CHUNK: Final = 1 << 20
_PROBE: Final = Timeout(connect=3.0, read=5.0)
_DOWNLOAD: Final = Timeout(connect=10.0, read=60.0)


class Web(Protocol):
    """What is downloaded from."""

    def reachable(self, url: str) -> bool:
        """Whether a server answers there."""

    def text(self, url: str) -> str:
        """The whole document at `url`."""

    def download(self, url: str, target: Path, progress: Callable[[int, int], None]) -> str:
        """Write what `url` serves to `target`; returns its SHA-256."""


class Http:
    """A client that honours `https_proxy` and `no_proxy` of `env`."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = {name.lower(): value for name, value in env.items()}

    def reachable(self, url: str) -> bool:
        """Whether a server answers there within seconds, whatever it says."""
        try:
            response = self._pool(url).request("HEAD", url, timeout=_PROBE, retries=False, redirect=False)
        except (urllib3.exceptions.HTTPError, OSError):
            return False
        return response.status < 500  # noqa: PLR2004 - a gateway's own error means that nothing answers behind it

    def text(self, url: str) -> str:
        """The whole document at `url`."""
        try:
            response = self._pool(url).request("GET", url, timeout=_DOWNLOAD, retries=Retry(3))
        except urllib3.exceptions.HTTPError as error:
            raise _failed(url, str(error)) from error
        _check(url, response.status)
        return response.data.decode()

    def download(self, url: str, target: Path, progress: Callable[[int, int], None]) -> str:
        """Write what `url` serves to `target`; returns its SHA-256. `progress` gets bytes so far and in all (or 0)."""
        try:
            pool = self._pool(url)
            with pool.request("GET", url, timeout=_DOWNLOAD, retries=Retry(3), preload_content=False) as response:
                _check(url, response.status)
                return _saved(response, url, target, progress)
        except urllib3.exceptions.HTTPError as error:
            raise _failed(url, str(error)) from error

    def _pool(self, url: str) -> urllib3.PoolManager:
        parts = urlsplit(url)
        proxy = self._env.get(f"{parts.scheme}_proxy", "")
        if not proxy or self._spared(parts.hostname or ""):
            return urllib3.PoolManager()
        return urllib3.ProxyManager(proxy)

    def _spared(self, host: str) -> bool:
        names = [name.strip().lstrip(".") for name in self._env.get("no_proxy", "").split(",")]
        return any(name == "*" or (name and (host == name or host.endswith(f".{name}"))) for name in names)


def _saved(response: urllib3.BaseHTTPResponse, url: str, target: Path, progress: Callable[[int, int], None]) -> str:
    sha, said = hashlib.sha256(), response.headers.get("Content-Length", "")
    total, done = int(said) if said.isdecimal() else 0, 0
    with _writing(url, target), target.open("wb") as file:
        for chunk in response.stream(_CHUNK):
            file.write(chunk)
            sha.update(chunk)
            done += len(chunk)
            progress(done, total)
    return sha.hexdigest()


@contextmanager
def _writing(url: str, target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Missing(
            f"{url} can't be written to {target}: {error.strerror or error}",
            "free space there or let it be written to, then run `deploy setup` again",
        ) from error


def _check(url: str, status: int) -> None:
    if status != 200:  # noqa: PLR2004 - OK
        raise _failed(url, f"status {status}")


def _failed(url: str, why: str) -> Missing:
    return Missing(f"{url} can't be downloaded: {why}", "try again, or run `deploy setup --offline`")
