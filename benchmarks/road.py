"""Where the time of a promotion goes: the engine, the canary's dwell, and the driver itself."""

import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.page import kept, publish, table  # noqa: E402 - only now can it be found
from tests.e2e.support.installation import Installation, ambient, installed  # noqa: E402
from tests.e2e.support.traffic import load  # noqa: E402

RATE = 100.0  # requests a second
DWELL = 8.0  # seconds of each of the two canary steps
CANARY = f"""\
traffic = [50]
metrics = ["errors"]
poll = "1s"
min_time = "{DWELL:g}s"
max_time = "120s"
min_polls = 2
warm_up = "1s"
max_gap = "20s"
"""
OWN_LIMIT, SHARE_LIMIT, STEP_LIMIT = 1.0, 10.0, 3.5  # seconds, percent, seconds
_TIMED = """\
#!/bin/sh
begun=$(date +%s.%N)
"$0.real" "$@"
code=$?
echo "$begun $(date +%s.%N) $*" >> "{log}"
exit $code
"""


@dataclass(frozen=True, kw_only=True)
class Span:
    """Something that took time; seconds since the epoch."""

    name: str
    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """How long."""
        return self.end - self.begin

    def within(self, others: Sequence["Span"]) -> float:
        """Seconds of the others that fall into this one."""
        return sum(max(0.0, min(self.end, other.end) - max(self.begin, other.begin)) for other in others)


@dataclass(frozen=True, kw_only=True)
class Phase:
    """Seconds of one part of the command, and of them the engine's and the canary's."""

    name: str
    seconds: float
    engine: float
    dwell: float

    @property
    def own(self) -> float:
        """What is left to the driver."""
        return self.seconds - self.engine - self.dwell


def time_engine(one: Installation) -> Path:
    """Have every run of the engine write down when it began and ended."""
    engine, log = one.folder / ".towpath" / "bin" / "pulumi", one.folder.parent / "engine.log"
    real = engine.with_name("pulumi.real")
    shutil.copy2(engine.resolve(), real)
    engine.unlink()
    engine.write_text(_TIMED.format(log=log))
    engine.chmod(0o755)
    return log


def engine_runs(log: Path) -> list[Span]:
    """Every run so far."""
    parts = (line.split(" ", 2) for line in log.read_text().splitlines())
    return [Span(name=words, begin=float(begin), end=float(end)) for begin, end, words in parts]


def steps(one: Installation) -> list[Span]:
    """The steps of the last promotion, as its journal has them."""
    entries = one.journal("lab")
    opened = [entry for entry in entries if entry["kind"] == "promotion-opened"][-1]
    names = [f"{step['kind']} {step['traffic']:g} %" for step in opened["payload"]["plan"]["steps"]]
    own = [entry for entry in entries if entry["promotion"] == opened["promotion"]]
    begun = {entry["payload"]["step"]: entry["time"] for entry in own if entry["kind"] == "step-started"}
    done = {entry["payload"]["step"]: entry["time"] for entry in own if entry["kind"] == "step-done"}
    return [Span(name=names[step], begin=begun[step], end=end) for step, end in done.items()]


def verdicts(one: Installation) -> list[float]:
    """When the judge said that the candidate may go on, in seconds since the epoch."""
    return [entry["time"] for entry in one.journal("lab") if entry["kind"] == "verdict"]


def promotion(one: Installation, log: Path) -> tuple[Span, list[Span], list[Span]]:
    """A good release by canary: the whole command, its steps, and the engine's runs."""
    release = one.release()
    log.unlink(missing_ok=True)
    with load(one.url("lab"), RATE):
        begun = time.time()
        one.deploy("promote", "--to", "lab", "--release", release).ok()
        whole = Span(name="the whole command", begin=begun, end=time.time())
    one.commit("Publish lab")
    return whole, steps(one), engine_runs(log)


def by_hand(one: Installation) -> float:
    """Seconds of the same change without canary, gates and proof: a release written into the file, and `pulumi up`."""
    release, text = one.release(), one.file("lab").read_text()
    served = one.served("lab")
    one.file("lab").write_text(text.replace(served, release))
    begun = time.time()
    one.up("lab").ok()
    return time.time() - begun


def phases(whole: Span, taken: Sequence[Span], runs: Sequence[Span], verdicts: Sequence[float]) -> list[Phase]:
    """What the command did, one after the other."""
    before = Span(name="facts and gates", begin=whole.begin, end=taken[0].begin)
    after = Span(name="report", begin=taken[-1].end, end=whole.end)
    return [phase_of(span, runs, verdicts) for span in (before, *taken, after)]


def phase_of(span: Span, runs: Sequence[Span], verdicts: Sequence[float]) -> Phase:
    """One part; the dwell lasts until the verdict, and asking the engine between two looks is part of it."""
    said = next((at for at in verdicts if span.begin <= at <= span.end), span.begin)
    rest = Span(name=span.name, begin=said, end=span.end)
    return Phase(name=span.name, seconds=span.seconds, engine=rest.within(runs), dwell=said - span.begin)


def report(found: Sequence[Phase], alternative: float) -> bool:
    """Publish the figures; whether all limits are kept."""
    whole = Phase(
        name="the whole command",
        seconds=sum(phase.seconds for phase in found),
        engine=sum(phase.engine for phase in found),
        dwell=sum(phase.dwell for phase in found),
    )
    rows = [
        [phase.name, *(f"{figure:.2f}" for figure in (phase.seconds, phase.engine, phase.dwell, phase.own))]
        for phase in (*found, whole)
    ]
    share = 100 * whole.own / whole.seconds
    slowest = max(beyond(found))
    limits = [
        ["the driver's own time", kept(whole.own, OWN_LIMIT, "s")],
        ["the driver's own share", kept(share, SHARE_LIMIT, "%")],
        ["slowest canary step beyond its dwell", kept(slowest, STEP_LIMIT, "s")],
        ["`pulumi up` by hand of the same change", f"{alternative:.2f} s, with no canary, gate, journal or proof"],
    ]
    text = f"""\
One good release to an environment with one replica, by canary at 50 % and 95 % of {RATE:g} requests/s, each for
at least {DWELL:g} s; a dwell lasts until the verdict. The engine's time includes waiting for
replicas to be ready and for requests to drain.

{table(("phase", "seconds", "engine", "dwell", "driver"), rows)}

{table(("figure", "measured"), limits)}
"""
    publish("road", "A promotion's time", text)
    return whole.own <= OWN_LIMIT and share <= SHARE_LIMIT and slowest <= STEP_LIMIT


def beyond(found: Sequence[Phase]) -> list[float]:
    """Seconds of each canary step, its shift included, that aren't its dwell."""
    shifts = [phase for phase in found if phase.name.startswith("shift")]
    looks = [phase for phase in found if phase.name.startswith("observe")]
    return [shift.seconds + look.seconds - look.dwell for shift, look in zip(shifts, looks, strict=True)]


def main() -> int:
    """Draw an installation, measure, take it away."""
    with (
        tempfile.TemporaryDirectory(prefix="towpath-") as folder,
        installed(Path(folder) / "road", canary=CANARY, ambient=ambient()) as one,
    ):
        one.draw("lab")
        log = time_engine(one)
        one.serving("lab")
        whole, taken, runs = promotion(one, log)
        return int(not report(phases(whole, taken, runs, verdicts(one)), by_hand(one)))


if __name__ == "__main__":
    sys.exit(main())
