"""Addresses that servers name: taken relative to where they were named, and compared by origin."""

import urllib.parse

_PORTS = {"http": 80, "https": 443}


def same_origin(one: str, other: str) -> bool:
    """Whether two addresses are of one server, told by scheme, host and port; a port left out is the scheme's."""
    return _origin(urllib.parse.urlsplit(one)) == _origin(urllib.parse.urlsplit(other))


def joined(base: str, location: str) -> str:
    """Where `location` leads that was answered at `base`; it may be absolute or relative in every way.

    A registry behind a proxy that ends TLS often names itself by http: what was asked by https stays there.

    Raises:
        ValueError: it is no address of the web.
    """
    asked, target = urllib.parse.urlsplit(base), urllib.parse.urlsplit(urllib.parse.urljoin(base, location))
    (_, there, port), (scheme, host, named) = _origin(asked), _origin(target)
    if scheme not in _PORTS or not host:
        raise ValueError(location)
    if (asked.scheme, scheme) == ("https", "http") and host == there and named in {port, _PORTS["http"]}:
        return target._replace(scheme="https", netloc=asked.netloc).geturl()
    return target.geturl()


def _origin(parts: urllib.parse.SplitResult) -> tuple[str, str, int | None]:
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme)
