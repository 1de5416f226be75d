"""A network and a router on the real daemon, drawn by the providers themselves and removed without a trace."""

import json
import os
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import docker
import pytest
from docker.errors import DockerException
from docker.models.containers import Container

from infra.docker.router import RouterProvider, bootstrap_id
from infra.docker.storage import NetworkProvider, VolumeProvider
from tests.support.ports import free_port
from towpath.core.contract import LABEL_INSTANCE, LABEL_ROLE

# answers with its version, at /stream/N with N dots, four a second; gets ready, fails or ends as its environment says
SERVER = """
import http.server, json, os, signal, sys, time
mode, version = os.environ.get("MODE", "good"), os.environ.get("VERSION", "1")
print("loading the model", flush=True)
if mode == "crash":
    sys.exit("the weights are not there")
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path.startswith("/stream/"):
            self.stream(int(self.path[8:]))
            return
        states = {"good": (200, "ready"), "failed": (503, "failed"), "never": (503, "starting")}
        code, state = states[mode] if self.path == "/ready" else (200, "")
        body = json.dumps({"state": state, "reason": "corrupt weights", "version": version, "path": self.path})
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())
    def stream(self, dots):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for _ in range(dots):
            self.wfile.write(b"1\\r\\n.\\r\\n")
            time.sleep(0.25)
        self.wfile.write(b"0\\r\\n\\r\\n")
    def log_message(self, *words):
        pass
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """Where replicas can be drawn.

    Attributes:
        client: of the daemon.
        where: inputs that every resource has.
        router: inputs of the router, as drawn.
        stats: port of its counters.
        image: what replicas run.
    """

    client: docker.DockerClient
    where: dict[str, Any]
    router: dict[str, Any]
    stats: int
    image: str

    def replica(self, release: str = "r1", number: int = 0, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - inputs
        """Inputs of a replica."""
        return {
            **self.where,
            "network": self.router["network"],
            "router": self.router["name"],
            "endpoint": "m",
            "releaseId": release,
            "number": number,
            "image": self.image,
            "port": 8080,
            "cpuMillis": 500,
            "memoryBytes": 64 * 2**20,
            "gpu": {},
            "env": {"VERSION": release},
            "secretEnv": {},
            "args": ["python3", "-c", SERVER],
            "volumes": [],
            "shmBytes": 0,
            "startup": 30,
            "drain": 2,
            "ready": "/ready",
            **more,
        }

    def cluster(self, release: str, host: str, replicas: int = 1) -> dict[str, Any]:
        """Inputs of a release's clusters."""
        names = {"cluster": f"m/{release}", "probeCluster": f"m/{release}/probe"}
        counted = {"hostName": host, "replicas": replicas, "port": 8080, "ready": "/ready", "drain": 2}
        return {**self.where, "router": self.router["name"], **names, **counted}

    def route(self, weights: dict[str, int], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - inputs
        """Inputs of a route: weights by release, stable first."""
        roles = zip(("stable", "canary"), weights.items(), strict=False)
        targets = [
            {
                "role": role,
                "releaseId": release,
                "cluster": f"m/{release}",
                "probeCluster": f"m/{release}/probe",
                "weight": weight,
            }
            for role, (release, weight) in roles
        ]
        plain = {"endpoint": "m", "path": "/", "requestTimeout": 5, "mirror": 0, "match": {}}
        return {**self.where, "router": self.router["name"], **plain, "targets": targets, **more}

    def ask(self, path: str = "/", headers: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
        """Status and answer of one request to the router."""
        return _ask(f"http://127.0.0.1:{self.router['port']}{path}", headers or {})

    def containers(self) -> list[Container]:
        """Everything that was drawn here and is there, running or not."""
        return _containers(self.client, str(self.where["instance"]))

    def counters(self) -> str:
        """The router's counters, in Prometheus' format."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.stats}/stats/prometheus?usedonly", timeout=5) as answer:
            return str(answer.read().decode())


@contextmanager
def drawn_site() -> Iterator[Site]:
    """Draws, and removes everything that carries its instance."""
    client, images = daemon("router", "base")
    where = {"schema": 1, "host": "", "instance": f"t{secrets.token_hex(4)}", "stack": "test"}
    try:
        names = {part: f"towpath-{where['instance']}-{part}" for part in ("network", "files", "router")}
        NetworkProvider().create({**where, "name": names["network"]})
        VolumeProvider().create({**where, "name": names["files"]})
        port = free_port()
        router = {
            **where,
            "name": names["router"],
            "image": images["router"],
            "network": names["network"],
            "volume": names["files"],
            "bind": "127.0.0.1",
            "port": port,
            "stats": 0,
            "bootstrap": bootstrap_id(),
        }
        outputs = RouterProvider().create(router).outs or {}
        yield Site(client=client, where=where, router=router, stats=outputs["statsPort"], image=images["base"])
    finally:
        remove(client, str(where["instance"]))
        client.close()


def daemon(*parts: str) -> tuple[docker.DockerClient, dict[str, str]]:
    """A client, and the images that `deploy setup` made, by what they are for; without them the test is left out."""
    try:
        client = docker.DockerClient()
        images = {part: client.images.list(f"towpath/{part}") for part in parts}
    except DockerException as error:
        _lacking(f"no Docker daemon: {error}")
    if not all(images.values()):
        client.close()
        _lacking(f"no images of `deploy setup --offline`: {', '.join(parts)}")
    return client, {part: found[0].tags[0] for part, found in images.items()}


def _lacking(why: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


def _containers(client: docker.DockerClient, instance: str) -> list[Container]:
    return client.containers.list(all=True, filters={"label": f"{LABEL_INSTANCE}={instance}"})


def remove(client: docker.DockerClient, instance: str) -> None:
    """Everything that carries that instance."""
    for container in _containers(client, instance):
        container.remove(force=True, v=True)
    for network in client.networks.list(filters={"label": f"{LABEL_INSTANCE}={instance}"}):
        network.remove()
    for volume in client.volumes.list(filters={"label": [f"{LABEL_INSTANCE}={instance}", LABEL_ROLE]}):
        volume.remove()


def _ask(url: str, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - our own router's address
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())
