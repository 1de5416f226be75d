"""What a registry wants before it answers, as its WWW-Authenticate header says."""

import re
import urllib.parse
from collections.abc import Iterable
from dataclasses import dataclass, field

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - HTTP's word for a word
_PART = re.compile(rf'({_TOKEN})(?:\s*(=)\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+)))?')


@dataclass(frozen=True, kw_only=True, slots=True)
class Challenge:
    """One way to log in that a registry offers.

    Attributes:
        scheme: `bearer`, `basic` or another, in lower case.
        parameters: realm, service, scope and the like.
    """

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def realm(self) -> str:
        """Where tokens are, for a bearer; empty when that is no address of the web."""
        realm = self.parameters.get("realm", "")
        try:
            parts = urllib.parse.urlsplit(realm)
        except ValueError:
            return ""
        return realm if parts.scheme in {"http", "https"} and parts.hostname else ""


def read_challenges(header: str) -> tuple[Challenge, ...]:
    """All challenges of the header, or of several joined by commas, in their order."""
    found: list[Challenge] = []
    for word, equals, quoted, plain in _PART.findall(header):
        if not equals:
            found.append(Challenge(scheme=word.lower()))
        elif found:
            found[-1].parameters[word.lower()] = re.sub(r"\\(.)", r"\1", quoted) or plain
    return tuple(found)


def choose_challenge(offered: Iterable[Challenge]) -> Challenge | None:
    """The one to answer: a bearer with a realm before basic; none when there is neither."""
    listed = tuple(offered)
    bearer = (challenge for challenge in listed if challenge.scheme == "bearer" and challenge.realm)
    basic = (challenge for challenge in listed if challenge.scheme == "basic")
    return next(bearer, None) or next(basic, None)
