"""What the Envoy replicas of a router say they do, read from the few paths they show."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

import urllib3

from towpath.app.ports import Clock
from towpath.core.outputs import RouterOutput, StackOutputs

_TIMEOUT: Final = urllib3.Timeout(connect=1.0, read=3.0)
_OK: Final = 200
_POLL: Final = 0.1
_SAMPLE: Final = re.compile(r"^envoy_cluster_upstream_rq_active(?:\{[^}]*\})?\s+(\S+)", re.MULTILINE)


class EnvoyTraffic:
    """Implements `ports.Traffic` over each router replica's stats listener.

    Args:
        clock: for waits.
        http: whose connections are used.
    """

    def __init__(self, clock: Clock, http: urllib3.PoolManager | None = None) -> None:
        self._clock = clock
        self._http = http or urllib3.PoolManager(timeout=_TIMEOUT, retries=False)

    def observed(self, outputs: StackOutputs, endpoint: str) -> tuple[float, ...]:
        """Percent of live traffic each router replica is configured to send to the canary; one number a replica.

        It is what the replica has accepted, not what it was sent. NaN, which equals nothing, stands for a replica that
        doesn't say.
        """
        drawn = outputs.endpoint(endpoint)
        canary = "" if drawn is None or drawn.canary is None else drawn.canary.cluster
        return tuple(self._share(router, endpoint, canary) for router in outputs.routers)

    def await_drained(self, outputs: StackOutputs, cluster: str, timeout: float) -> bool:
        """Wait until no router replica has a request open on that cluster; false when time ran out.

        A replica that doesn't answer may have requests open.
        """
        deadline = self._clock.monotonic() + timeout
        while not all(self._active(router, cluster) == 0 for router in outputs.routers):
            left = deadline - self._clock.monotonic()
            if left <= 0:
                return False
            self._clock.sleep(min(_POLL, left))
        return True

    def _share(self, router: RouterOutput, endpoint: str, canary: str) -> float:
        text = self._read(router, "/routes")
        try:
            return math.nan if text is None else canary_share(json.loads(text), endpoint, canary)
        except (ValueError, KeyError, TypeError):
            return math.nan

    def _active(self, router: RouterOutput, cluster: str) -> float:
        pattern = quote(rf"^cluster\.{re.escape(cluster)}\.upstream_rq_active$", safe="")
        text = self._read(router, f"/stats/prometheus?filter={pattern}")
        return math.nan if text is None else sum(float(number) for number in _SAMPLE.findall(text))

    def _read(self, router: RouterOutput, path: str) -> str | None:
        try:
            answer = self._http.request("GET", router.stats.rstrip("/") + path, timeout=_TIMEOUT, retries=False)
        except (urllib3.exceptions.HTTPError, OSError):
            return None
        return answer.data.decode(errors="replace") if answer.status == _OK else None


def canary_share(dump: Mapping[str, Any], endpoint: str, canary: str) -> float:
    """Percent of an endpoint's live requests that a route table sends to the canary; 0 when it has no such route.

    Raises:
        KeyError, TypeError: it isn't a route table.
    """
    live = next((route for route in _routes(dump) if route.get("name") == f"{endpoint}/live"), None)
    if live is None:
        return 0.0
    shares = {share["name"]: int(share["weight"]) for share in live["route"]["weighted_clusters"]["clusters"]}
    total = sum(shares.values())
    return 100.0 * shares.get(canary, 0) / total if total else 0.0


def _routes(dump: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for table in dump["configs"]:
        for host in table["route_config"].get("virtual_hosts", ()):
            yield from host.get("routes", ())
