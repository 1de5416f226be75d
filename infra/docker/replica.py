"""One container of a release: pulled by digest, waited for until it can serve, drained when it leaves."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, Resource

from infra.docker.containers import KEEP_RUNNING, adopted, base_options, labels, made_from
from infra.docker.host import find_container, last_lines, pull, remove_container, start
from infra.docker.provenance import provenance_variables
from infra.docker.provider import SCHEMA, DockerProvider, Props, daemon, inputs_hash
from infra.docker.router_files import RouterFiles
from infra.docker.storage import SHARERS, share
from infra.naming import host_name, object_name
from towpath.core.contract import LABEL_DIGEST, LABEL_ENDPOINT, LABEL_RELEASE_ID
from towpath.core.errors import NeedsPerson, Refused

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

_SLICE = 2.0  # seconds that the router asks a starting replica before it is looked at whether that still runs
_PAUSE = 0.1
_AFTER_DRAIN = 3.0  # seconds: 1 for answers being written, 1 for the kit's log, and to say what was cut
_OK = range(200, 300)


class ReplicaProvider(DockerProvider):
    """A container whose every input is its identity: any change makes another one."""

    def check(self, _olds: Props, news: Props) -> CheckResult:
        """Refuse at plan time what this machine can't run."""
        failures = [] if not news["gpu"] else _gpu_failures(news)
        return CheckResult(inputs=news, failures=failures)

    def identity(self, props: Props) -> str:
        """The container's name, which its inputs decide."""
        return _names(props)[0]

    def make(self, client: "DockerClient", props: Props) -> Props:
        """Draw it, or take the one an interrupted run left, and wait until it can serve."""
        name, alias = _names(props)
        container = adopted(client, name, props) or _made(client, name, alias, props)
        for path in _written(props):
            share(container, path)
        start(client, container, {})
        _await_ready(client, container, alias, props)
        container.update(restart_policy=KEEP_RUNNING)  # only now: one that can't start must not be tried for ever
        return {"name": name, "alias": alias}

    def exists(self, client: "DockerClient", name: str) -> bool:
        """Whether the container is there."""
        return find_container(client, name) is not None

    def remove(self, client: "DockerClient", name: str, props: Props) -> None:
        """Let it finish what it has begun, then remove it."""
        remove_container(client, name, drain=float(props["drain"]) + _AFTER_DRAIN)


def _gpu_failures(props: Props) -> list[CheckFailure]:
    with daemon(props) as client:
        runtimes = client.info().get("Runtimes") or {}
    if "nvidia" in runtimes:
        return []
    found = ", ".join(sorted(runtimes)) or "none"
    return [
        CheckFailure(
            property_="gpu",
            reason=f"endpoint {props['endpoint']} asks for {props['gpu']['type']}, and this Docker host has no "
            f"GPU runtime (found {found}): install the NVIDIA Container Toolkit, or take gpu out of the stack file",
        )
    ]


def _names(props: Props) -> tuple[str, str]:
    """The container's own name, and the one it shares with every replica that is made alike."""
    alike = inputs_hash({key: value for key, value in props.items() if key != "number"})[:6]
    release, number = props["releaseId"], str(props["number"])
    name = object_name(props["instance"], props["stack"], props["endpoint"], release, number, alike)
    return name, host_name(props["stack"], release, alike)


def _made(client: "DockerClient", name: str, alias: str, props: Props) -> "Container":
    import docker  # noqa: PLC0415 - the SDK loads only in the process that draws

    pull(client, props["image"])
    # in its network from the beginning: one that an interrupted run left is adopted, and must be found there
    attached = {props["network"]: client.api.create_endpoint_config(aliases=[alias])}
    try:
        return client.containers.create(
            props["image"], network=props["network"], networking_config=attached, **_options(name, props)
        )
    except docker.errors.APIError as error:
        raise Refused(f"Docker refused to create {name}: {error.explanation}", "mend it in the stack file") from error


def _written(props: Props) -> list[str]:
    """Where volumes are mounted that it may write to."""
    return [volume["path"] for volume in props["volumes"] if not volume["readOnly"]]


def _options(name: str, props: Props) -> dict[str, Any]:
    options = {
        **base_options(),
        "name": name,
        "hostname": f"{props['releaseId']}-{props['number']}",
        "labels": labels(props, "replica")
        | made_from(props)
        | {
            LABEL_ENDPOINT: props["endpoint"],
            LABEL_RELEASE_ID: props["releaseId"],
            LABEL_DIGEST: props["image"].partition("@")[2],
        },
        "environment": {**provenance_variables(props["image"]), **props["env"], **props["secretEnv"]},
        "command": props["args"] or None,
        "volumes": {
            v["source"]: {"bind": v["path"], "mode": "ro" if v["readOnly"] else "rw"} for v in props["volumes"]
        },
        "group_add": [SHARERS] if _written(props) else [],
        "stop_signal": "SIGTERM",
    }
    return options | _limits(props)


def _limits(props: Props) -> dict[str, Any]:
    from docker.types import DeviceRequest  # noqa: PLC0415

    options: dict[str, Any] = {}
    if props["cpuMillis"]:
        options["nano_cpus"] = int(props["cpuMillis"]) * 1_000_000
    if props["memoryBytes"]:
        options |= {"mem_limit": int(props["memoryBytes"]), "memswap_limit": int(props["memoryBytes"])}
    if props["shmBytes"]:
        options["shm_size"] = int(props["shmBytes"])
    if props["gpu"]:
        options["device_requests"] = [DeviceRequest(count=int(props["gpu"]["count"]), capabilities=[["gpu"]])]
    return options


def _await_ready(client: "DockerClient", container: "Container", alias: str, props: Props) -> None:
    files = RouterFiles(client, props["router"])
    begun = time.monotonic()
    last = "no answer"
    while True:
        _expect_running(container, props)
        left = begun + props["startup"] - time.monotonic()
        answer = files.await_answer(alias, props["port"], props["ready"], max(0.0, min(_SLICE, left)))
        if answer.status in _OK:
            return
        last = f"status {answer.status} {answer.body.strip()[:200]}" if answer.status else last
        if answer.failed:
            raise _given_up(container, props, f"says it failed: {answer.failed}")
        if time.monotonic() - begun > props["startup"]:
            _expect_running(container, props)  # else it ended while it was asked, and that says more
            waited = f"{props['startup']:g} s (timeouts.startup)"
            raise _given_up(container, props, f"was not ready on {props['ready']} within {waited}, last: {last}")
        time.sleep(_PAUSE)


def _expect_running(container: "Container", props: Props) -> None:
    container.reload()
    if container.status in {"exited", "dead"}:
        state = container.attrs["State"]
        why = "ran out of memory" if state.get("OOMKilled") else f"ended with exit code {state.get('ExitCode')}"
        raise _given_up(container, props, f"{why} before it was ready")


def _given_up(container: "Container", props: Props, why: str) -> NeedsPerson:
    message = f"{props['endpoint']}: the container of {props['image']} {why}; its log ends with{last_lines(container)}"
    container.remove(force=True, v=True)
    return NeedsPerson(message)


class Replica(Resource, module="docker", name="Replica"):
    """One container of a release."""

    alias: pulumi.Output[str]

    def __init__(
        self, name: str, args: Mapping[str, pulumi.Input[Any]], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """`args`: see `infra.docker.endpoint`, which fills them."""
        super().__init__(ReplicaProvider(), name, {"schema": SCHEMA, "name": None, "alias": None, **args}, opts)
