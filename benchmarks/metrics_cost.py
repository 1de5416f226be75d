"""CPU per request at saturation that counting costs: in the router and in the serving kit.

python benchmarks/metrics_cost.py [--quick] [--only router]
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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
from tests.e2e.support.ports import free_ports  # noqa: E402 - only now can it be found
from tests.e2e.support.traffic import BODY  # noqa: E402 - only now can it be found

EVERY: Final = 1.0  # seconds between two scrapes; a canary looks every 10 s by default
BLOCKS: Final = 12
QUICK: Final = 3
ROUTER_REQUESTS: Final = 40_000
KIT_REQUESTS: Final = 2_000
_SMALL: Final = 2  # so many times as many requests where the model does nothing
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


class Rounds:
    """Rounds of one kind of server, told as they go; remembers how busy the server was."""

    def __init__(self, what: str, blocks: int) -> None:
        self.what, self._blocks = what, blocks
        self.busy: list[float] = []

    def run(self, names: Sequence[str], ask: Callable[[str], Round]) -> list[dict[str, float]]:
        """Every variant in turn, once more than counts at the beginning."""
        for name in names:
            ask(name)

        def cost(name: str) -> float:
            took = ask(name)
            self.busy.append(took.cpu / took.clock)
            return took.each

        found: list[dict[str, float]] = []
        for block in measured(names, self._blocks, cost):
            found.append(block)
            said = ", ".join(f"{name} {1e6 * seconds:.1f} µs" for name, seconds in block.items())
            print(f"{self.what} {len(found)}/{self._blocks}: {said}", flush=True)
        return found

    def compared(self, found: Sequence[Mapping[str, float]], more: str, less: str, *, limited: bool = True) -> Compared:
        """A line of the table."""
        each = mean(found, more), mean(found, less)
        return Compared(
            what=self.what, more=more, less=less, each=each, beyond=beyond(found, more, less), limited=limited
        )


def router(folder: Path, blocks: int) -> tuple[Rounds, list[Compared]]:
    """Envoy as drawn and read, as drawn and left alone, by its defaults, and without any counter."""
    rounds = Rounds("the router", blocks)
    with routers(folder, free_ports(10)) as found:
        servers = {name: (target, ()) for name, (target, _) in found.items()}
        drawn, page = found["as drawn"]
        every: dict[str, tuple[Target, tuple[str, ...]]] = {"as drawn, read": (drawn, (page,)), **servers}
        blocks_found = rounds.run(list(every), asking(every, ROUTER_REQUESTS))
    pairs = (("as drawn", True), ("by default", True), ("nothing counted", False))
    return rounds, [rounds.compared(blocks_found, "as drawn, read", less, limited=limited) for less, limited in pairs]


def kit(folder: Path, home: Path, target: str, what: str, blocks: int) -> tuple[Rounds, list[Compared]]:
    """The kit with a model in that folder; what counts is read meanwhile."""
    rounds = Rounds(what, blocks)
    requests = KIT_REQUESTS * (_SMALL if home.name == "tiny" else 1)
    with kits(folder, home, target, free_ports(3)) as found:
        servers = {name: served(name, pid, port, home) for name, (pid, port) in found.items()}
        for server, _ in servers.values():
            await_answer(f"http://127.0.0.1:{server.port}/v2/health/ready")
        blocks_found = rounds.run(list(servers), asking(servers, requests))
    pairs = (("nothing measured", True), ("no inputs", False))
    return rounds, [rounds.compared(blocks_found, "all counted", less, limited=limited) for less, limited in pairs]


def served(name: str, pid: int, port: int, home: Path) -> tuple[Target, tuple[str, ...]]:
    """What is asked of a kit, and what is read of it meanwhile."""
    holdout = home / "holdout.jsonl"
    bodies = read_bodies(holdout) if holdout.exists() else (BODY.encode(),)
    asked = tuple(request(port, "/v2/models/model/infer", body) for body in bodies)
    pages = () if name == "nothing measured" else (f"http://127.0.0.1:{port}/metrics",)
    return Target(pid=pid, port=port, requests=asked), pages


def asking(servers: Mapping[str, tuple[Target, tuple[str, ...]]], requests: int) -> Callable[[str], Round]:
    """Saturate one of them while its counters are read."""

    def ask(name: str) -> Round:
        target, pages = servers[name]
        with reading(pages):
            return saturate(target, requests)

    return ask


@contextmanager
def reading(pages: Sequence[str]) -> Iterator[None]:
    """Read the pages meanwhile, if there are any."""
    if not pages:
        yield
        return
    with scraped(pages, EVERY):
        yield


def trained(folder: Path) -> Path:
    """The example's model, trained."""
    home = folder / "example"
    shutil.copytree(_EXAMPLE, home, ignore=shutil.ignore_patterns("__pycache__", "tests"))
    subprocess.run((sys.executable, "train.py"), cwd=home, check=True, stdout=subprocess.DEVNULL)
    return home


def tiny(folder: Path) -> Path:
    """A model that does nothing, so that what measures weighs most; one score is counted."""
    home = folder / "tiny"
    home.mkdir()
    shutil.copy(_TINY, home)
    (home / "faults.json").write_text("{}")
    (home / "reference.json").write_text(_REFERENCE)
    return home


def section(rounds: Sequence[Rounds], lines: Sequence[Compared], blocks: int) -> str:
    """The text of the page."""
    busy = "; ".join(f"{one.what} {100 * sum(one.busy) / len(one.busy):.0f} %" for one in rounds)
    columns = ("what serves", "with", "without", "more CPU per request, 95 % interval", "limit")
    return f"""\
CPU time of the server's own process per request, asked over {CONNECTIONS} connections as fast as it answers.
{blocks} blocks of rounds, each variant forwards and backwards in every block, paired by block. Counters that are
counted are read every {EVERY:g} s meanwhile; *read* is the router's page that the judge looks at, *by default* Envoy
with its own buckets and all of its counters, *nothing measured* the kit's application put together without its
counting middleware and without a reference, for which the product has no switch. One core was busy with the server
for this share of the time: {busy}.

{table(columns, [line.words() for line in lines])}"""


def options(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer blocks; prints only")
    parser.add_argument("--only", default="", choices=["router", "example", "tiny"], help="one of them; prints only")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, publish; 1 where the limit isn't kept."""
    asked = options(words)
    blocks = QUICK if asked.quick else BLOCKS
    found: list[tuple[Rounds, list[Compared]]] = []
    with tempfile.TemporaryDirectory(prefix="towpath-") as name:
        folder = Path(name)
        if asked.only in {"", "router"}:
            found.append(router(folder / "router", blocks))
        if asked.only in {"", "example"}:
            found.append(kit(folder, trained(folder), "model:BreastCancer", "the kit, the example's model", blocks))
        if asked.only in {"", "tiny"}:
            shutil.rmtree(folder / "bare", ignore_errors=True)
            found.append(kit(folder, tiny(folder), "model:Tiny", "the kit, a model that does nothing", blocks))
    lines = [line for _, compared in found for line in compared]
    text = section([rounds for rounds, _ in found], lines, blocks)
    if asked.quick or asked.only:
        print(text)
    else:
        publish("metrics_cost", "What counting costs", text)
    return int(any(line.limited and not line.beyond.kept for line in lines))


if __name__ == "__main__":
    sys.exit(main())
