"""Fragments of the router's files: one per release and per endpoint, joined inside the router's container."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from infra.naming import short_hash
from infra.serving.bootstrap import ROUTES
from infra.serving.clusters import Hosts, clusters
from infra.serving.routes import Routing, order, routes

EMPTY = 'version_info: "0"\nresources: []\n'


@dataclass(frozen=True, kw_only=True, slots=True)
class Fragment:
    """A part of one of the router's two files.

    Attributes:
        kind: clusters or routes.
        name: file name; parts are joined in the order of their names.
        text: YAML lines, indented as the joined file needs them.
    """

    kind: str
    name: str
    text: str


def cluster_fragment(live: str, probe: str, hosts: Hosts) -> Fragment:
    """The clusters of one release."""
    return Fragment(kind="clusters", name=cluster_file(live), text=_lines(clusters(live, probe, hosts), ""))


def route_fragment(routing: Routing) -> Fragment:
    """The routes of one endpoint."""
    return Fragment(
        kind="routes", name=route_file(routing.endpoint, routing.path), text=_lines(routes(routing), "    ")
    )


def cluster_file(live: str) -> str:
    """File of a release's clusters."""
    return f"{short_hash(live)}.yaml"


def route_file(endpoint: str, path: str) -> str:
    """File of an endpoint's routes; longer prefixes sort first."""
    return f"{order(path)}-{endpoint}.yaml"


def routes_head() -> str:
    """What comes before the joined route fragments."""
    return (
        "resources:\n"
        '- "@type": type.googleapis.com/envoy.config.route.v3.RouteConfiguration\n'
        f"  name: {ROUTES}\n"
        "  virtual_hosts:\n"
        f"  - name: {ROUTES}\n"
        '    domains: ["*"]\n'
        "    routes:\n"
    )


def routes_tail() -> str:
    """The answer where no endpoint is."""
    body = json.dumps({"error": "no endpoint at this path"}) + "\n"
    answer = {"match": {"prefix": "/"}, "direct_response": {"status": 404, "body": {"inline_string": body}}}
    return _lines([answer], "    ")


def _lines(entries: Sequence[dict[str, object]], indent: str) -> str:
    return "".join(f"{indent}- {json.dumps(entry, sort_keys=True)}\n" for entry in entries)
