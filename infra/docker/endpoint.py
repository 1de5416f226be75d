"""One endpoint on Docker: replicas, the router's clusters of each release, and the route that shares requests."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from infra.docker.replica import Replica
from infra.docker.storage import Volume
from infra.docker.traffic import Route, RouterCluster
from infra.naming import object_name
from infra.serving.placement import Arm, arms
from towpath.core.contract import Endpoint, Serving, resource_name, route_name

_LINGER = "1"  # seconds in which a leaving replica still answers; longer than the router takes to notice


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """Where an endpoint is drawn.

    Attributes:
        stack: name of the stack.
        instance: id of the installation.
        host: address of the Docker daemon; empty: the default one.
        network: Docker's name of the network.
        router: Docker's name of the router's container.
    """

    stack: str
    instance: pulumi.Input[str]
    host: pulumi.Input[str]
    network: pulumi.Input[str]
    router: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class DockerEndpointArgs:
    """What a `DockerEndpoint` is drawn from.

    Attributes:
        site: where.
        endpoint: what it should look like.
        secrets: values by the name that the endpoint's `secrets` uses.
        fence: of the driver's lease.
    """

    site: Site
    endpoint: Endpoint
    secrets: Mapping[str, pulumi.Input[str]]
    fence: int | None = None


class DockerEndpoint(pulumi.ComponentResource):
    """Draws what the endpoint's config says; of promotions it knows nothing.

    Attributes:
        route: id of the route, which comes last: once it is there, all before it is as well.
    """

    route: pulumi.Output[str]

    def __init__(self, args: DockerEndpointArgs, opts: pulumi.ResourceOptions) -> None:
        endpoint = args.endpoint
        super().__init__("towpath:docker:Endpoint", endpoint.name, None, opts)
        self._args = args
        self._own = pulumi.ResourceOptions(parent=self)
        placed = arms(endpoint)
        volumes = self._volumes([arm.serving for arm in placed])
        clusters = [self._release(arm, volumes) for arm in placed]
        self.route = self._route(placed, clusters).id
        self.register_outputs({"route": self.route})

    def _volumes(self, servings: list[Serving]) -> dict[str, Volume]:
        names = sorted({volume.name for serving in servings for volume in serving.volumes})
        return {name: self._volume(name) for name in names}

    def _volume(self, name: str) -> Volume:
        site, endpoint = self._args.site, self._args.endpoint.name

        def named(instance: str) -> str:
            return object_name(instance, site.stack, endpoint, name)

        docker_name = pulumi.Output.from_input(site.instance).apply(named)
        props = {"name": docker_name, **self._where()}
        return Volume(resource_name(endpoint, f"volume-{name}"), props, self._own)

    def _release(self, arm: Arm, volumes: Mapping[str, Volume]) -> RouterCluster:
        replicas = [self._replica(arm, number, volumes) for number in range(arm.replicas)]
        props = {
            **self._where(),
            "router": self._args.site.router,
            "cluster": arm.cluster,
            "probeCluster": arm.probe_cluster,
            "hostName": replicas[0].alias,
            "replicas": arm.replicas,
            "port": arm.serving.port,
            "ready": arm.serving.probes.ready,
            "drain": arm.serving.timeouts.drain,
        }
        opts = pulumi.ResourceOptions.merge(self._own, pulumi.ResourceOptions(depends_on=replicas))
        return RouterCluster(resource_name(self._args.endpoint.name, arm.release_id), props, opts)

    def _replica(self, arm: Arm, number: int, volumes: Mapping[str, Volume]) -> Replica:
        endpoint = self._args.endpoint.name
        props = {
            **self._where(),
            "network": self._args.site.network,
            "router": self._args.site.router,
            "endpoint": endpoint,
            "releaseId": arm.release_id,
            "number": number,
            "image": str(arm.release),
            **_template(arm, volumes),
            "secretEnv": self._secret_env(arm.serving),
        }
        return Replica(resource_name(endpoint, f"{arm.release_id}-{number}"), props, self._own)

    def _route(self, placed: tuple[Arm, ...], clusters: list[RouterCluster]) -> Route:
        endpoint = self._args.endpoint
        canary = endpoint.canary
        match = None if canary is None else canary.match
        props = {
            **self._where(),
            "router": self._args.site.router,
            "endpoint": endpoint.name,
            "path": endpoint.path,
            "requestTimeout": max([arm.serving.timeouts.request for arm in placed], default=0.0),
            "targets": [_target(arm) for arm in placed],
            "mirror": 0.0 if canary is None else canary.mirror,
            "match": {} if match is None else {"header": match.header, "value": match.value},
            "fence": self._args.fence,
        }
        opts = pulumi.ResourceOptions.merge(self._own, pulumi.ResourceOptions(depends_on=clusters))
        return Route(route_name(endpoint.name), props, opts)

    def _where(self) -> dict[str, pulumi.Input[str]]:
        site = self._args.site
        return {"host": site.host, "instance": site.instance, "stack": site.stack}

    def _secret_env(self, serving: Serving) -> pulumi.Input[dict[str, str]]:
        if not serving.secrets:
            return {}
        values = {variable: self._args.secrets[name] for variable, name in serving.secrets}
        return pulumi.Output.secret(pulumi.Output.all(**values))


def _template(arm: Arm, volumes: Mapping[str, Volume]) -> dict[str, Any]:
    serving = arm.serving
    gpu = serving.gpu
    return {
        "port": serving.port,
        "cpuMillis": serving.cpu_millis,
        "memoryBytes": serving.memory_bytes,
        "gpu": {} if gpu is None else {"type": gpu.type, "count": gpu.count},
        "env": _environment(arm),
        "args": list(serving.args),
        "volumes": [{"source": volumes[v.name].name, "path": v.path, "readOnly": v.read_only} for v in serving.volumes],
        "shmBytes": serving.shm_bytes,
        "startup": serving.timeouts.startup,
        "drain": serving.timeouts.drain,
        "ready": serving.probes.ready,
    }


def _environment(arm: Arm) -> dict[str, str]:
    """What the serving kit reads, and what the endpoint's own `env` says; the latter wins."""
    told = {
        "TOWPATH_RELEASE": str(arm.release),
        "TOWPATH_PORT": str(arm.serving.port),
        "TOWPATH_DRAIN": f"{arm.serving.timeouts.drain:g}",
        "TOWPATH_LINGER": _LINGER,
    }
    return told | dict(arm.serving.env)


def _target(arm: Arm) -> dict[str, str | int]:
    return {
        "role": arm.role,
        "releaseId": arm.release_id,
        "cluster": arm.cluster,
        "probeCluster": arm.probe_cluster,
        "weight": arm.weight,
    }
