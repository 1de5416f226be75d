"""Which samples of an exposition are meant: a name, and what its labels must be, as Prometheus writes it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

FORM: Final = 'a name, with labels where needed, such as answers_total{kind="fallback"}'
_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_MATCHER: Final = re.compile(r'\s*([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)', re.ASCII)
_TOTAL: Final = "_total"  # a parser may add it to a counter's name that lacks it


@dataclass(frozen=True, kw_only=True, slots=True)
class Matcher:
    """What one label must be; a label that is absent is empty.

    Attributes:
        label: its name.
        how: `=`, `!=`, or `=~` and `!~` with a regular expression for the whole value.
        value: as it is meant, without escapes.
    """

    label: str
    how: str
    value: str

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Whether a sample with these labels is meant."""
        found = labels.get(self.label, "")
        same = found == self.value if self.how in ("=", "!=") else re.fullmatch(self.value, found) is not None
        return same is not self.how.startswith("!")

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.label}{self.how}"{escaped}"'


@dataclass(frozen=True, kw_only=True, slots=True)
class Selector:
    """A name and its matchers, all of which must fit."""

    name: str
    matchers: tuple[Matcher, ...] = ()

    def names(self, name: str) -> bool:
        """Whether a sample of this name is meant, whatever its labels."""
        return name.removesuffix(_TOTAL) == self.name.removesuffix(_TOTAL)

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Whether a sample with these labels is meant."""
        return all(matcher.fits(labels) for matcher in self.matchers)

    def __str__(self) -> str:
        inner = ",".join(str(matcher) for matcher in self.matchers)
        return f"{self.name}{{{inner}}}" if inner else self.name


def parse_selector(text: str) -> Selector:
    """Read what `str` of a selector writes.

    Raises:
        ValueError: with what would be valid.
    """
    name, brace, inner = text.strip().partition("{")
    if not _NAME.fullmatch(name.strip()) or (brace and not inner.endswith("}")):
        raise ValueError(FORM)
    return Selector(name=name.strip(), matchers=tuple(_matchers(inner[:-1])) if brace else ())


def _matchers(text: str) -> Iterator[Matcher]:
    place = 0
    while text[place:].strip():
        found = _MATCHER.match(text, place)
        if found is None:
            raise ValueError(FORM)
        yield _checked(Matcher(label=found[1], how=found[2], value=_unescaped(found[3])))
        place = found.end()


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], text)


def _checked(matcher: Matcher) -> Matcher:
    if matcher.how.endswith("~"):
        try:
            re.compile(matcher.value)
        except re.error as error:
            raise ValueError(f"a regular expression for {matcher.label}: {error}") from error
    return matcher
