"""Router routes: which arm a request of an endpoint goes to."""

import json
import re
from dataclasses import dataclass

from towpath.core.contract import ARM_HEADER, TRAFFIC_TOTAL, Match

RELEASE_HEADER = "x-towpath-release"  # in every answer: identity of the release that gave it


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """One arm as a route sees it.

    Attributes:
        role: stable or canary.
        release_id: named in the answer's header.
        cluster: for live requests.
        probe_cluster: for probe requests.
        weight: its share of live requests, out of `TRAFFIC_TOTAL`.
    """

    role: str
    release_id: str
    cluster: str
    probe_cluster: str
    weight: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Routing:
    """All that decides where an endpoint's requests go.

    Attributes:
        endpoint: its name.
        path: URL prefix, taken off.
        request_timeout: seconds to the first byte of an answer, and of silence in a stream.
        targets: the arms, stable first.
        mirror: percent of live requests copied to the canary.
        match: header of requests that always go to the canary.
    """

    endpoint: str
    path: str
    request_timeout: float
    targets: tuple[Target, ...] = ()
    mirror: float = 0.0
    match: Match | None = None

    def target(self, role: str) -> Target | None:
        """The arm of that role, if there is one."""
        return next((target for target in self.targets if target.role == role), None)

    def clusters(self) -> tuple[str, ...]:
        """Every cluster that the routes name."""
        return tuple(name for target in self.targets for name in (target.cluster, target.probe_cluster))


def routes(routing: Routing) -> list[dict[str, object]]:
    """In the order they are tried: probes by arm, requests bound to the canary, then everybody else."""
    found = [_probe(routing, target) for target in routing.targets]
    found.append(_no_such_arm(routing))
    canary = routing.target("canary")
    if routing.match is not None and canary is not None:
        headers = [_header(routing.match.header, routing.match.value)]
        found.append(_forward(routing, "match", headers, {"weighted_clusters": _weighted([(canary, 1)])}))
    return [*found, _live(routing)]


def order(path: str) -> str:
    """Sorts longer prefixes first, so that `/a/b` is tried before `/a` and `/a` before `/`."""
    return f"{9999 - len(path.rstrip('/')):04d}"


def _live(routing: Routing) -> dict[str, object]:
    shares = [(target, target.weight) for target in routing.targets if target.weight > 0]
    if routing.target("stable") is None or not shares:
        reason = "no release is served at this endpoint yet"
        return _answer(routing, "empty", [], reason)
    action: dict[str, object] = {"weighted_clusters": _weighted(shares)}
    canary = routing.target("canary")
    if routing.mirror > 0 and canary is not None:
        action["request_mirror_policies"] = [{"cluster": canary.cluster, "runtime_fraction": _fraction(routing.mirror)}]
    return _forward(routing, "live", [], action)


def _probe(routing: Routing, target: Target) -> dict[str, object]:
    share = {"name": target.probe_cluster, "weight": 1, **_named(target)}
    headers = [_header(ARM_HEADER, target.role)]
    return _forward(routing, f"probe-{target.role}", headers, {"weighted_clusters": {"clusters": [share]}})


def _no_such_arm(routing: Routing) -> dict[str, object]:
    present: dict[str, object] = {"name": ARM_HEADER, "present_match": True}
    return _answer(routing, "no-arm", [present], "no such arm at this endpoint now")


def _forward(
    routing: Routing, name: str, headers: list[dict[str, object]], action: dict[str, object]
) -> dict[str, object]:
    seconds = f"{routing.request_timeout:g}s"
    return {
        "name": f"{routing.endpoint}/{name}",
        "match": _matched(routing.path, headers),
        "route": {
            **action,
            **_rewrite(routing.path),
            # the whole answer may take as long as it streams; what is bounded is each wait
            "timeout": "0s",
            "idle_timeout": f"{routing.request_timeout + 5:g}s",
            "retry_policy": {
                "retry_on": "connect-failure,refused-stream,reset-before-request",
                "num_retries": 3,
                "per_try_timeout": seconds,
                "per_try_idle_timeout": seconds,
                "retry_host_predicate": [_other_host()],
                "host_selection_retry_max_attempts": "10",
                "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.25s"},
            },
        },
    }


def _answer(routing: Routing, name: str, headers: list[dict[str, object]], reason: str) -> dict[str, object]:
    body = json.dumps({"error": reason, "endpoint": routing.endpoint})
    return {
        "name": f"{routing.endpoint}/{name}",
        "match": _matched(routing.path, headers),
        "direct_response": {"status": 503, "body": {"inline_string": body + "\n"}},
        "response_headers_to_add": [{"header": {"key": "content-type", "value": "application/json"}}],
    }


def _weighted(shares: list[tuple[Target, int]]) -> dict[str, object]:
    return {"clusters": [{"name": target.cluster, "weight": weight, **_named(target)} for target, weight in shares]}


def _named(target: Target) -> dict[str, object]:
    header = {"key": RELEASE_HEADER, "value": target.release_id}
    return {"response_headers_to_add": [{"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}]}


def _matched(path: str, headers: list[dict[str, object]]) -> dict[str, object]:
    prefix = {"prefix": "/"} if path == "/" else {"path_separated_prefix": path}
    return {**prefix, "headers": headers} if headers else dict(prefix)


def _rewrite(path: str) -> dict[str, object]:
    if path == "/":
        return {}
    return {"regex_rewrite": {"pattern": {"regex": f"^{re.escape(path)}/?"}, "substitution": "/"}}


def _header(name: str, value: str) -> dict[str, object]:
    return {"name": name, "string_match": {"exact": value}}


def _fraction(percent: float) -> dict[str, object]:
    return {"default_value": {"numerator": round(percent * TRAFFIC_TOTAL / 100), "denominator": "TEN_THOUSAND"}}


def _other_host() -> dict[str, object]:
    kind = "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
    return {"name": "envoy.retry_host_predicates.previous_hosts", "typed_config": {"@type": kind}}
