"""CPU per request at saturation that counting costs: in the router and in the serving kit.

python benchmarks/metrics_cost.py [--quick] [--only router]
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.cost_envoy import routers  # noqa: E402 - only now can it be found
from benchmarks.cost_kit import kits  # noqa: E402 - only now can it be found
from benchmarks.cost_load import (  # noqa: E402 - only now can it be found
    CONNECTIONS,
    Round,
    Target,
    await_answer,
    request,
    saturate,
    scraped,
)
from benchmarks.cost_rounds import LIMIT, Beyond, beyond, mean, measured  # noqa: E402 - only now can it be found
from benchmarks.page import publish, table  # noqa: E402 - only now can it be found
from examples.traffic import read_bodies  # noqa: E402 - only now can it be found
from tests.e2e.support.traffic import BODY  # noqa: E402 - only now can it be found
from tests.support.ports import free_ports  # noqa: E402 - only now can it be found

EVERY: Final = 1.0  # seconds between two scrapes; a canary looks every 10 s by default
SECONDS: Final = 1.0  # of a round
STARTS: Final = 6  # of every server: two processes of the same program differ by a percent or two all their lives
QUICK: Final = 2
BLOCKS: Final = 4  # of rounds with each of them
_EXAMPLE: Final = ROOT / "examples" / "breast-cancer"
_TINY: Final = ROOT / "tests" / "e2e" / "support" / "model.py"
_REFERENCE: Final = '{"version": 1, "outputs": {"y": {"kind": "score", "quantiles": [0.5], "cuts": [8.0]}}}'


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """One line: what costs how much more than what.

    Attributes:
        what: is served.
        more: with what.
        less: and without.
        limited: whether the limit is about it.
    """

    what: str
    more: str
    less: str
    each: tuple[float, float]
    beyond: Beyond
    limited: bool = True

    def words(self) -> list[str]:
        """As cells of a table."""
        more, less = (f"{1e6 * seconds:.1f} µs" for seconds in self.each)
        limit = f"{LIMIT:g} %: {'kept' if self.beyond.kept else 'NOT KEPT'}" if self.limited else ""
        return [self.what, f"{self.more}: {more}", f"{self.less}: {less}", str(self.beyond), limit]


Servers = Mapping[str, tuple[Target, tuple[str, ...]]]


@dataclass(kw_only=True)
class Rounds:
    """Rounds of one kind of server, told as they go.

    Attributes:
        what: is served.
        found: the cost of every variant by start, seconds of CPU per request.
        busy: the server's CPU time in each round, as a share of the clock's.
    """

    what: str
    found: list[dict[str, float]] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)

    def run(self, servers: Servers, blocks: int) -> None:
        """Every variant in turn, once more than counts at the beginning."""
        for name in servers:
            ask(servers, name)

        def cost(name: str) -> float:
            took = ask(servers, name)
            self.busy.append(took.cpu / took.clock)
            return took.each

        found = list(measured(list(servers), blocks, cost))
        self.found.append({name: mean(found, name) for name in servers})
        said = ", ".join(f"{name} {1e6 * seconds:.1f} µs" for name, seconds in self.found[-1].items())
        print(f"{self.what}, start {len(self.found)}: {said}", flush=True)

    def compared(self, more: str, less: str, *, limited: bool) -> Compared:
        """A line of the table."""
        return Compared(
            what=self.what,
            more=more,
            less=less,
            each=(mean(self.found, more), mean(self.found, less)),
            beyond=beyond(self.found, more, less),
            limited=limited,
        )


def ask(servers: Servers, name: str) -> Round:
    """Saturate one of them while its counters are read."""
    target, pages = servers[name]
    with scraped(pages, EVERY) if pages else nullcontext():
        return saturate(target, SECONDS)


def router(folder: Path, starts: int) -> tuple[Rounds, list[Compared]]:
    """Envoy as drawn and read, as drawn and left alone, by its defaults, and without any counter."""
    rounds = Rounds(what="the router")
    for start in range(starts):
        with routers(folder / f"router-{start}", free_ports(10)) as found:
            drawn, page = found["as drawn"]
            alone: Servers = {name: (target, ()) for name, (target, _) in found.items()}
            rounds.run({"as drawn, read": (drawn, (page,)), **alone}, BLOCKS)
    pairs = (("as drawn", True), ("by default", True), ("nothing counted", False))
    return rounds, [rounds.compared("as drawn, read", less, limited=limited) for less, limited in pairs]


def kit(home: Path, target: str, what: str, starts: int) -> tuple[Rounds, list[Compared]]:
    """The kit with a model in that folder; what counts is read meanwhile."""
    rounds = Rounds(what=what)
    for _ in range(starts):
        with kits(home.parent, home, target, free_ports(3)) as found:
            servers = {name: served(name, pid, port, home) for name, (pid, port) in found.items()}
            for server, _pages in servers.values():
                await_answer(f"http://127.0.0.1:{server.port}/v2/health/ready")
            rounds.run(servers, BLOCKS)
    pairs = (("nothing measured", True), ("no inputs", False))
    return rounds, [rounds.compared("all counted", less, limited=limited) for less, limited in pairs]


def served(name: str, pid: int, port: int, home: Path) -> tuple[Target, tuple[str, ...]]:
    """What is asked of a kit, and what is read of it meanwhile."""
    holdout = home / "holdout.jsonl"
    bodies = read_bodies(holdout) if holdout.exists() else (BODY.encode(),)
    asked = tuple(request(port, "/v2/models/model/infer", body) for body in bodies)
    pages = () if name == "nothing measured" else (f"http://127.0.0.1:{port}/metrics",)
    return Target(pid=pid, port=port, requests=asked), pages


def trained(folder: Path) -> Path:
    """The example's model, trained."""
    home = folder / "example"
    shutil.copytree(_EXAMPLE, home, ignore=shutil.ignore_patterns("__pycache__", "tests"))
    subprocess.run((sys.executable, "train.py"), cwd=home, check=True, stdout=subprocess.DEVNULL)
    return home


def tiny(folder: Path) -> Path:
    """A model that does nothing, so that what measures weighs most; one score is counted."""
    home = folder / "tiny"
    home.mkdir(parents=True)
    shutil.copy(_TINY, home)
    (home / "faults.json").write_text("{}")
    (home / "reference.json").write_text(_REFERENCE)
    return home


def section(found: Sequence[tuple[Rounds, Sequence[Compared]]], starts: int) -> str:
    """The text of the page."""
    rounds, lines = [one for one, _ in found], [line for _, compared in found for line in compared]
    busy = "; ".join(f"{one.what} {100 * sum(one.busy) / len(one.busy):.0f} %" for one in rounds)
    columns = ("what serves", "with", "without", "more CPU per request, 95 % interval", "limit")
    return f"""\
CPU time of the server's own process per request, asked over {CONNECTIONS} connections as fast as it answers. Every
server is started {starts} times; each time there are {BLOCKS} blocks of rounds of {SECONDS:g} s, every variant forwards
and backwards in each; paired, and the interval taken, by start. Counters that are counted are read every {EVERY:g} s
meanwhile. *Read* is the page of the router that the judge looks at, *by default* Envoy with its own buckets and all
of its counters, *nothing measured* the kit's application put together without its counting middleware and without a
reference, for which the product has no switch.

Of one core the servers used: {busy}.

{table(columns, [line.words() for line in lines])}"""


def options(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer starts of each server; prints only")
    parser.add_argument("--only", default="", choices=["router", "example", "tiny"], help="one of them; prints only")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, publish; 1 where the limit isn't kept."""
    asked = options(words)
    starts = QUICK if asked.quick else STARTS
    found: list[tuple[Rounds, list[Compared]]] = []
    with tempfile.TemporaryDirectory(prefix="towpath-") as name:
        folder = Path(name)
        if asked.only in {"", "router"}:
            found.append(router(folder, starts))
        if asked.only in {"", "example"}:
            found.append(kit(trained(folder / "1"), "model:BreastCancer", "the kit, the example's model", starts))
        if asked.only in {"", "tiny"}:
            found.append(kit(tiny(folder / "2"), "model:Tiny", "the kit, a model that does nothing", starts))
    text = section(found, starts)
    if asked.quick or asked.only:
        print(text)
    else:
        publish("metrics_cost", "What counting costs", text)
    return int(any(line.limited and not line.beyond.kept for _, lines in found for line in lines))


if __name__ == "__main__":
    sys.exit(main())
