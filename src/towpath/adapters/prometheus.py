"""Instant queries over Prometheus' HTTP API."""

import json
from collections.abc import Mapping
from typing import Any, Final

import urllib3

from towpath.core.counters import count_problem
from towpath.core.own_metrics import Asked

_TIMEOUT: Final = urllib3.Timeout(connect=1.0, read=5.0)
_AT_ONCE: Final = 8
_OK: Final = 200
_SHOWN: Final = 200  # characters of somebody else's words in a message

Series = Mapping[str, int]  # counters by the labels of their line, in Prometheus' own order of names


class QueryFailed(Exception):  # noqa: N818 - the outcome of one query, caught where it is asked
    """A query had no usable answer; says why, and never holds a token."""


class Prometheus:
    """Asks a Prometheus, or anything that answers like one.

    Args:
        variables: the environment, which holds tokens.
        http: whose connections are used.
    """

    def __init__(self, variables: Mapping[str, str], http: urllib3.PoolManager | None = None) -> None:
        self._variables = variables
        self._http = http or urllib3.PoolManager(maxsize=_AT_ONCE, timeout=_TIMEOUT, retries=False)

    def ask(self, source: Asked, query: str, at: float) -> Series:
        """The counters that answer `query` at that moment, at least one.

        Raises:
            QueryFailed: there is no answer, or it isn't an instant vector of counters.
        """
        url = f"{source.url.rstrip('/')}/api/v1/query"
        fields = {"query": query, "time": f"{at:.3f}"}
        try:
            # a redirect would carry the token to somebody else
            answer = self._http.request(
                "GET", url, fields=fields, headers=self._headers(source), redirect=False, timeout=_TIMEOUT
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise QueryFailed(f"no answer from {source.url}: {_short(error)}") from error
        return series(_document(source.url, answer.status, answer.data))

    def _headers(self, source: Asked) -> dict[str, str]:
        if not source.token_env:
            return {}
        token = self._variables.get(source.token_env, "").strip()
        if not token:
            raise QueryFailed(f"the variable {source.token_env}, which holds the token, isn't set")
        if not (token.isascii() and token.isprintable()):
            raise QueryFailed(f"the variable {source.token_env} holds characters that no token has")
        return {"Authorization": f"Bearer {token}"}


def _document(url: str, status: int, data: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(data)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise QueryFailed(f"{url} answered {status} without JSON")
    if status != _OK or document.get("status") != "success":
        said = document.get("error") or document.get("status")
        raise QueryFailed(f"{url} answered {status}: {_short(said)}")
    return document


def series(document: Mapping[str, Any]) -> Series:
    """The counters of a successful answer.

    Raises:
        QueryFailed: it has warnings, is empty, isn't an instant vector, or holds what no counter can be.
    """
    if document.get("warnings"):
        raise QueryFailed(f"the answer may be incomplete: {_short(document['warnings'])}")
    data = document.get("data")
    kind = data.get("resultType") if isinstance(data, dict) else None
    if not isinstance(data, dict) or kind != "vector":
        raise QueryFailed(f"the answer is a {_short(kind)}, not an instant vector")
    result = data.get("result")
    if not isinstance(result, list) or not result:
        raise QueryFailed("the answer is empty")
    found = dict(_line(row) for row in result)
    if len(found) < len(result):
        raise QueryFailed("the answer has the same labels twice")
    return found


def _line(row: object) -> tuple[str, int]:
    match row:
        case {"metric": dict(labels), "value": [_, str(text)]}:
            named = ",".join(f"{name}={labels[name]}" for name in sorted(labels) if name != "__name__")
            return named, _count(text, named)
        case _:
            raise QueryFailed(f"the answer has a line that is no sample: {_short(row)}")


def _count(text: str, named: str) -> int:
    try:
        value = float(text)
    except ValueError:
        raise QueryFailed(f"{_short(text)!r} is no number") from None
    why = count_problem(value)
    if why:
        raise QueryFailed(f"{f'{named}: ' if named else ''}{why}, and no counter can be that")
    return int(value)


def _short(said: object) -> str:
    text = str(said)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
