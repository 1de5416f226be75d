"""What callers notice of a promotion and of a way back, under constant load; beside a swap by Docker's own commands."""

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import urllib3

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.meanwhile import again_and_again  # noqa: E402 - only now can it be found
from benchmarks.page import kept, publish, table  # noqa: E402
from examples.load import Answer  # noqa: E402
from tests.e2e.support.installation import Installation, ambient, installed  # noqa: E402
from tests.e2e.support.traffic import Sent, load  # noqa: E402
from towpath.core.errors import RolledBack  # noqa: E402

RATE = 300.0  # requests a second
AWAY_LIMIT = 5.0  # seconds from the verdict to the first scrape without new requests of the candidate
_EVERY = 0.1  # seconds between two scrapes
_COUNTER = re.compile(
    r'^envoy_cluster_upstream_rq_completed\{envoy_cluster_name="(tiny/[0-9a-f]+)"\} (\d+)$', re.MULTILINE
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """A promotion that ended in a roll back.

    Attributes:
        sent: the load meanwhile.
        candidate: the release that was refused, as answers name it.
        away: seconds from the verdict until it got no more requests.
    """

    sent: Sent
    candidate: str
    away: float

    @property
    def strange(self) -> Sequence[Answer]:
        """Failed answers of another release, or of nobody: one that never came names no release."""
        return [answer for answer in self.sent.failed if answer.release != self.candidate]

    @property
    def failed(self) -> str:
        """Who failed how often."""
        others = len(self.strange)
        return f"{len(self.sent.failed) - others} by the candidate, {kept(others, 0, 'by others')}"


class Scrapes:
    """Completed requests by release, read from the router again and again."""

    def __init__(self, stats: str) -> None:
        self._url = f"{stats}/stats/prometheus?filter=upstream_rq_completed"
        self.found: list[tuple[float, dict[str, int]]] = []

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Scrape until the block ends."""
        with again_and_again(self._scrape, _EVERY):
            yield

    def last_growth(self, release: str) -> float:
        """When the counter of a release was first seen at its last value."""
        series = [(at, counts[release]) for at, counts in self.found if release in counts]
        final = max(count for _, count in series)
        return next(at for at, count in series if count == final)

    def _scrape(self) -> None:
        text = urllib3.request("GET", self._url, retries=False).data.decode()
        self.found.append((time.time(), {name: int(count) for name, count in _COUNTER.findall(text)}))


def candidate_of(scrapes: Scrapes) -> str:
    """The cluster of the release that wasn't there at first."""
    first, seen = set(scrapes.found[0][1]), set().union(*(counts for _, counts in scrapes.found))
    (name,) = seen - first
    return name


def promoted(one: Installation) -> Sent:
    """A good release by canary."""
    release = one.release()
    with load(one.url("lab"), RATE) as sent:
        one.deploy("promote", "--to", "lab", "--release", release).ok()
    one.commit("Publish lab")
    return sent


def went_back(one: Installation) -> Sent:
    """The release before, at once."""
    with load(one.url("lab"), RATE) as sent:
        one.deploy("rollback", "lab").ok()
    one.commit("Publish lab")
    return sent


def refused(one: Installation) -> Refused:
    """A release that fails 3 of 10 requests."""
    release = one.release(errors=0.3)
    routers = one.pulumi("stack", "output", "routers", "--json", "-s", "lab").ok()
    scrapes = Scrapes(str(routers.parsed()[0]["stats"]))
    with load(one.url("lab"), RATE) as sent, scrapes.going_on():
        one.deploy("promote", "--to", "lab", "--release", release).ended(RolledBack.exit_code)
    verdict = next(entry["time"] for entry in reversed(one.journal("lab")) if entry["kind"] == "rolling-back")
    cluster = candidate_of(scrapes)
    away = max(0.0, scrapes.last_growth(cluster) - verdict)
    return Refused(sent=sent, candidate=cluster.rpartition("/")[2], away=away)


def swapped(one: Installation) -> Sent:
    """The alternative: one container stopped, another one started on the same port, by the Docker API's own steps."""
    images = [one.release(), one.release()]
    port, names = one.ports["spare"], [f"towpath-{one.id}-swap-{number}" for number in range(2)]
    for image in images:
        docker("pull", "-q", image)
    for name, image in zip(names, images, strict=True):
        labelled = ("--label", f"towpath.instance={one.id}", "--name", name)
        docker("create", *labelled, "-p", f"127.0.0.1:{port}:8080", image)
    docker("start", names[0])
    await_ready(port)
    with load(f"http://127.0.0.1:{port}", RATE) as sent:
        time.sleep(2)
        docker("stop", names[0])
        docker("start", names[1])
        await_ready(port)
        time.sleep(2)
    return sent


def docker(*words: str) -> None:
    """The command that people swap containers with."""
    subprocess.run(["docker", *words], check=True, stdout=subprocess.DEVNULL)  # noqa: S607 - the one on the path


def await_ready(port: int) -> None:
    """Wait until a container answers."""
    for _ in range(600):
        try:
            if urllib3.request("GET", f"http://127.0.0.1:{port}/v2/health/ready", retries=False).status == 200:  # noqa: PLR2004 - OK
                return
        except urllib3.exceptions.HTTPError:
            pass
        time.sleep(0.05)
    raise AssertionError(port)


def row(name: str, sent: Sent, failed: str) -> list[str]:
    """One act under load."""
    found = sent.summary
    return [name, str(found.answers), failed, f"{1000 * found.p50:.1f} ms", f"{1000 * found.p99:.1f} ms"]


def main() -> int:
    """Draw an installation, measure, take it away."""
    with (
        tempfile.TemporaryDirectory(prefix="towpath-") as folder,
        installed(Path(folder) / "downtime", ambient=ambient()) as one,
    ):
        one.draw("lab")
        one.serving("lab")
        good, back = promoted(one), went_back(one)
        bad = refused(one)
        swap = swapped(one)
    rows = [
        row("a good release, by canary", good, kept(len(good.failed), 0, "failed")),
        row("`deploy rollback`", back, kept(len(back.failed), 0, "failed")),
        row("a release that fails 30 %, refused", bad.sent, bad.failed),
        row("`docker stop`, `docker start`", swap, f"{len(swap.failed)} failed"),
    ]
    columns = ("what happened", "requests", "failed", "median", "99 %")
    text = f"""\
Open-loop load of {RATE:g} requests/s on one endpoint with one replica, from before each command to after it.

{table(columns, rows)}

From the verdict to the first scrape of the router without new requests of the refused candidate:
{kept(bad.away, AWAY_LIMIT, "s")}, read every {_EVERY:g} s.
"""
    publish("downtime", "What callers notice", text)
    return int(bool(good.failed or back.failed or bad.strange) or bad.away > AWAY_LIMIT)


if __name__ == "__main__":
    sys.exit(main())
