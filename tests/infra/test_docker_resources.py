"""The providers against the real daemon: what each verb leaves behind."""

import http.client
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import urllib3
from pulumi.dynamic import CreateResult

from infra.docker.provider import StepFailed, daemon
from infra.docker.replica import ReplicaProvider
from infra.docker.router import RouterProvider
from infra.docker.storage import VolumeProvider
from infra.docker.traffic import RouteProvider, RouterClusterProvider
from tests.support.docker_site import SERVER, Site, drawn_site
from tests.support.unusable_docker import unreached
from towpath.core.contract import ARM_HEADER, LABEL_DIGEST, LABEL_ENDPOINT, LABEL_RELEASE_ID, LABEL_ROLE
from towpath.core.tallies import REPLICA_HEADER

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with drawn_site() as drawn:
        yield drawn


@pytest.fixture
def served(site: Site) -> Iterator[str]:
    """A replica of release r1 behind the router; gives back its name."""
    replica = ReplicaProvider().create(site.replica("r1"))
    cluster = site.cluster("r1", alias(replica))
    RouterClusterProvider().create(cluster)
    RouteProvider().create(site.route({"r1": 10_000}))
    yield replica.id
    RouteProvider().delete("", site.route({}))
    RouterClusterProvider().delete("m/r1", cluster)
    ReplicaProvider().delete(replica.id, site.replica("r1"))


def alias(replica: CreateResult) -> str:
    assert replica.outs is not None
    return str(replica.outs["alias"])


def names(site: Site) -> set[str]:
    return {str(container.name) for container in site.containers()}


def test_a_replica_is_ready_labelled_and_limited_when_it_is_drawn(site: Site, served: str) -> None:
    container = site.client.containers.get(served)
    labels, limits = container.labels, container.attrs["HostConfig"]
    assert (labels[LABEL_ROLE], labels[LABEL_ENDPOINT], labels[LABEL_RELEASE_ID]) == ("replica", "m", "r1")
    assert LABEL_DIGEST in labels
    assert (limits["NanoCpus"], limits["Memory"]) == (500_000_000, 64 * 2**20)
    assert limits["RestartPolicy"]["Name"] == "unless-stopped"
    assert limits["LogConfig"]["Config"] == {"max-file": "3", "max-size": "10m"}
    assert site.ask() == (200, {"state": "", "reason": "corrupt weights", "version": "r1", "path": "/"})


def test_what_an_interrupted_run_left_is_adopted(site: Site, served: str) -> None:
    before = site.client.containers.get(served).id
    again = ReplicaProvider().create(site.replica("r1"))
    assert again.id == served
    assert site.client.containers.get(served).id == before


def test_other_inputs_are_another_replica(site: Site, served: str) -> None:
    props = site.replica("r1", secretEnv={"KEY": "bait"})
    other = ReplicaProvider().create(props)
    try:
        assert other.id != served
        assert "KEY=bait" in site.client.containers.get(other.id).attrs["Config"]["Env"]
    finally:
        ReplicaProvider().delete(other.id, props)


@pytest.mark.parametrize(
    ("mode", "why"),
    [
        ("crash", "ended with exit code 1 before it was ready"),
        ("failed", "says it failed: corrupt weights"),
        ("never", "was not ready on /ready within 2 s"),
    ],
)
def test_a_replica_that_never_gets_ready_ends_with_its_last_lines_and_leaves_nothing(
    site: Site, mode: str, why: str
) -> None:
    before = names(site)
    with pytest.raises(StepFailed, match=why) as failure:
        ReplicaProvider().create(site.replica("bad", env={"MODE": mode}, startup=2))
    assert "loading the model" in str(failure.value)
    assert names(site) == before


@contextmanager
def image_of(site: Site, user: str) -> Iterator[str]:
    """The base image, made to run as that user."""
    repository = f"towpath-{site.where['instance']}"
    container = site.client.containers.create(site.image)
    container.commit(repository=repository, tag=user, changes=f"USER {user}")
    container.remove()
    try:
        yield f"{repository}:{user}"
    finally:
        site.client.images.remove(f"{repository}:{user}", force=True)


@pytest.fixture
def volumes(site: Site) -> list[dict[str, object]]:
    """One to write to and one to read, as a replica mounts them."""
    mounted = [{"path": "/var/cache/model", "readOnly": False}, {"path": "/data", "readOnly": True}]
    for number, volume in enumerate(mounted):
        volume["source"] = f"towpath-{site.where['instance']}-{number}"
        VolumeProvider().create({**site.where, "name": volume["source"]})
    return mounted


def test_a_volume_is_written_by_whatever_user_an_image_has_and_outlives_its_containers(
    site: Site, volumes: list[dict[str, object]]
) -> None:
    writing = "import os; open(f'/var/cache/model/{os.getuid()}', 'x'); print(sorted(os.listdir('/var/cache/model')))\n"
    for user, written in (("65532", "['65532']"), ("nobody", "['65532', '65534']")):
        with image_of(site, user) as image:
            args = ["python3", "-c", writing + SERVER]
            props = site.replica("r3", image=image, args=args, volumes=volumes, shmBytes=2**25)
            container = site.client.containers.get(ReplicaProvider().create(props).id)
            mounts = {mount["Destination"]: (mount["Name"], not mount["RW"]) for mount in container.attrs["Mounts"]}
            assert mounts == {volume["path"]: (volume["source"], volume["readOnly"]) for volume in volumes}
            assert container.attrs["HostConfig"]["ShmSize"] == 2**25
            assert written in container.logs().decode()
            assert container.exec_run(["stat", "-c", "%a %g", "/var/cache/model"]).output == b"2775 65532\n"
            ReplicaProvider().delete(str(container.name), props)


def test_a_gpu_is_refused_at_plan_time_where_the_host_has_none(site: Site) -> None:
    if "nvidia" in site.client.info()["Runtimes"]:
        pytest.skip("this host has GPUs")
    result = ReplicaProvider().check({}, site.replica(gpu={"type": "nvidia-l4", "count": 1}))
    (failure,) = result.failures
    assert failure.property == "gpu"
    assert "nvidia-l4" in failure.reason
    assert not ReplicaProvider().check({}, site.replica()).failures


def test_a_route_to_a_cluster_that_is_not_there_is_refused_and_nothing_changes(site: Site, served: str) -> None:
    with pytest.raises(StepFailed, match="has no cluster m/nowhere"):
        RouteProvider().update("", site.route({"r1": 10_000}), site.route({"r1": 5_000, "nowhere": 5_000}))
    assert {site.ask()[0] for _ in range(20)} == {200}
    assert served in names(site)


def test_a_refresh_sees_what_a_router_lost_and_drawing_it_again_puts_it_back(site: Site, served: str) -> None:
    adopted = ReplicaProvider().create(site.replica("r1"))
    assert adopted.id == served
    cluster, route = site.cluster("r1", alias(adopted)), site.route({"r1": 10_000})
    name, clusters, routes = route["router"], RouterClusterProvider(), RouteProvider()
    assert (clusters.read("m/r1", cluster).id, routes.read("route", route).id) == ("m/r1", "route")

    site.client.containers.get(name).exec_run(["bash", "-c", "rm /xds/clusters/* /xds/routes/*"])
    assert (clusters.read("m/r1", cluster).id, routes.read("route", route).id) == ("", "")

    clusters.create(cluster)
    routes.create(route)
    assert (clusters.read("m/r1", cluster).id, routes.read("route", route).id) == ("m/r1", "route")
    assert site.ask()[0] == 200


def test_an_outdated_fence_is_refused_and_a_run_without_one_is_not(site: Site, served: str) -> None:
    props = site.route({"r1": 10_000})
    RouteProvider().update("", props, {**props, "fence": 7})
    with pytest.raises(StepFailed, match="a newer promotion has fence 7"):
        RouteProvider().update("", props, {**props, "fence": 6})
    RouteProvider().update("", props, props)
    assert served in names(site)


def test_a_fence_alone_is_no_change(site: Site) -> None:
    props = site.route({"r1": 10_000})
    assert not RouteProvider().diff("", {**props, "fence": 6}, {**props, "fence": 7}).changes
    assert RouteProvider().diff("", props, site.route({"r1": 9_000})).changes


def begun_stream(site: Site, dots: int) -> http.client.HTTPResponse:
    """A stream of the canary's, four dots a second."""
    connection = http.client.HTTPConnection("127.0.0.1", site.router["port"], timeout=10)
    connection.request("GET", f"/stream/{dots}", headers={ARM_HEADER: "canary", "Connection": "close"})
    return connection.getresponse()


def dots(stream: http.client.HTTPResponse) -> tuple[int, bool]:
    """How many came, and whether that was all that its server meant to send."""
    with stream:
        try:
            return len(stream.read()), True
        except http.client.IncompleteRead as cut:
            return len(cut.partial), False


def test_traffic_is_shared_probes_reach_their_arm_and_a_release_that_leaves_ends_what_drain_has_room_for(
    site: Site, served: str
) -> None:
    replica = ReplicaProvider().create(site.replica("r2"))
    cluster = site.cluster("r2", alias(replica))
    RouterClusterProvider().create(cluster)
    both = site.route({"r1": 5_000, "r2": 5_000})
    RouteProvider().update("", both, both)
    assert {site.ask()[1]["version"] for _ in range(60)} == {"r1", "r2"}
    assert site.ask(headers={ARM_HEADER: "canary"})[1]["version"] == "r2"
    assert 'cluster_name="m/r2/probe"' in site.counters()
    short, long = begun_stream(site, 4), begun_stream(site, 400)
    alone = site.route({"r1": 10_000})
    RouteProvider().update("", both, alone)
    RouterClusterProvider().delete("m/r2", cluster)
    ReplicaProvider().delete(replica.id, site.replica("r2"))
    assert dots(short) == (4, True)
    came, whole = dots(long)
    assert (came >= 8, whole) == (True, False), "two seconds of drain and no more"
    assert {site.ask()[1]["version"] for _ in range(20)} == {"r1"}
    assert site.ask(headers={ARM_HEADER: "canary"})[0] == 503
    assert replica.id not in names(site)
    assert served in names(site)


def test_counters_go_on_while_replicas_come_and_go(site: Site, served: str) -> None:
    def answered() -> int:
        line = next(line for line in site.counters().splitlines() if 'xx{envoy_response_code_class="2"' in line)
        return int(line.rpartition(" ")[2])

    for _ in range(10):
        site.ask()
    before = answered()
    second = ReplicaProvider().create(site.replica("r1", number=1))
    two = site.cluster("r1", alias(second), replicas=2)
    RouterClusterProvider().update("", two, two)
    site.ask()
    assert answered() == before + 1
    ReplicaProvider().delete(second.id, site.replica("r1", number=1))
    assert site.ask()[0] == 200
    assert served in names(site)


def test_a_replicas_metrics_are_read_through_the_router_and_nothing_else_of_it(site: Site, served: str) -> None:
    container = site.client.containers.get(served)
    (network,) = container.attrs["NetworkSettings"]["Networks"].values()
    asked = {REPLICA_HEADER: f"{network['IPAddress']}:8080"}
    url = f"http://127.0.0.1:{site.stats}/replica"
    answer = urllib3.request("GET", url, headers=asked, retries=False)
    assert (answer.status, answer.json()["path"]) == (200, "/metrics")
    refused = [
        urllib3.request("GET", url, retries=False),
        urllib3.request("POST", url, headers=asked, retries=False),
        urllib3.request("GET", f"{url}/v2", headers=asked, retries=False),
    ]
    assert [one.status for one in refused] == [404, 404, 404]


def test_a_new_router_container_serves_what_the_old_one_did(site: Site, served: str) -> None:
    props = {**site.router, "statsPort": site.stats}
    changed = {**site.router, "bootstrap": "another"}
    before = site.client.containers.get(site.router["name"]).id
    RouterProvider().update("", props, changed)
    assert site.client.containers.get(site.router["name"]).id != before
    assert site.ask()[1]["version"] == "r1"
    assert "m/r1" in site.counters(), "the port of the counters is kept"
    assert served in names(site)


def test_a_daemon_that_does_not_answer_is_said_with_the_remedy(site: Site) -> None:
    away = {**site.replica(), "host": "unix:///nowhere/docker.sock"}
    said = r"the Docker daemon at unix:///nowhere/docker\.sock doesn't answer: .*\n  start it, or have `deploy setup`"
    with unreached(), pytest.raises(StepFailed, match=said):
        ReplicaProvider().create(away)


def test_whatever_else_docker_refuses_comes_with_what_to_do(site: Site) -> None:
    said = "Docker refused: No such container: .*\n  mend that, then run the same command again"
    with pytest.raises(StepFailed, match=said), daemon(site.where) as client:
        client.containers.get(f"{site.router['name']}-nowhere")


def test_removing_what_is_gone_already_is_no_error(site: Site) -> None:
    ReplicaProvider().delete("towpath-nothing", site.replica())
    gone = {**site.route({"r1": 1}), "router": "towpath-nothing"}
    RouteProvider().delete("", gone)
    RouterClusterProvider().delete("m/x", {**site.cluster("x", "h"), "router": "towpath-nothing"})
