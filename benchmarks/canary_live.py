"""Real canaries on the running platform: good releases and faults, by `deploy promote` under constant load.

python benchmarks/canary_live.py [--quick] [--only errors] [--runs 11] [--seed 1] [--resume]

Every run is kept in .towpath/bench/canary_live as it ends; --resume goes on where a run was cut off.
"""

import argparse
import hashlib
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.canary_page import detected, holds, of, text  # noqa: E402 - only now can it be found
from benchmarks.canary_plan import (  # noqa: E402 - only now can it be found
    RATE,
    SCENARIOS,
    WORK_MS,
    WORK_SIGMA,
    Scenario,
    Turn,
    chosen,
    remaining,
    turns,
)
from benchmarks.canary_runs import Kept, Ran  # noqa: E402 - only now can it be found
from benchmarks.canary_site import Site, site  # noqa: E402 - only now can it be found
from benchmarks.canary_twin import Simulated, simulated  # noqa: E402 - only now can it be found
from benchmarks.page import publish  # noqa: E402 - only now can it be found
from towpath.core.recording import Recording, read  # noqa: E402 - only now can it be found

RESULTS: Final = ROOT / ".towpath" / "bench" / "canary_live"
SEED: Final = 20261123


def settings(scenario: Scenario) -> str:
    """What a run was asked for; one of another kind isn't gone on with."""
    asked = f"a release each {RATE} {WORK_MS} {WORK_SIGMA} {sorted(asdict(scenario).items())}"
    return hashlib.sha256(asked.encode()).hexdigest()[:12]


def usable(ran: Sequence[Ran], wanted: dict[str, int]) -> list[Ran]:
    """Kept runs that are of those wanted and were asked for the same."""
    asked = {scenario.name: settings(scenario) for scenario in SCENARIOS}
    return [one for one in ran if one.number < wanted.get(one.scenario, 0) and asked.get(one.scenario) == one.settings]


def measure(todo: Sequence[Turn], kept: Kept, found: list[Ran]) -> None:
    """Run them, keeping and telling each as it ends."""
    begun = time.monotonic()
    took: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="towpath-") as folder, site(Path(folder) / "live", RESULTS) as here:
        here.ready(todo[0].scenario.policy)
        print(f"{time.monotonic() - begun:6.0f} s  drawn, serving and with a past", flush=True)
        for place, turn in enumerate(todo, 1):
            since = time.monotonic()
            found.append(_one(here, turn))
            kept.add(found[-1])
            took.setdefault(turn.scenario.name, []).append(time.monotonic() - since)
            left = remaining(todo[place:], took) / 60
            print(f"{time.monotonic() - begun:6.0f} s  {place}/{len(todo)}, {left:.0f} min left: {said(found[-1])}")
            sys.stdout.flush()


def _one(here: Site, turn: Turn) -> Ran:
    return here.canary(turn, settings(turn.scenario))


def said(ran: Ran) -> str:
    """A line of progress."""
    after = f" after {detected(ran):.1f} s" if ran.outcome == "rolled back" else ""
    counts = f"{ran.requests} requests, {ran.failed} failed, {ran.others} of others; {ran.slower:.2f} times as slow"
    return f"{ran.scenario} {ran.number}: {ran.outcome}{after}; {counts}; {ran.why}"


def looks(scenario: Scenario, ran: Sequence[Ran]) -> Recording:
    """What its first canary was judged on."""
    return read((RESULTS / f"{scenario.name}-{ran[0].number}.jsonl").read_text(encoding="utf-8"))


def twins(ran: Sequence[Ran], seed: int) -> dict[str, Simulated]:
    """Every fault that was run, simulated."""
    found = {}
    for scenario in SCENARIOS:
        own = of(scenario, ran)
        if own and scenario.faults:
            found[scenario.name] = simulated(scenario, own, looks(scenario, own), seed)
    return found


def options(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two runs of each kind")
    parser.add_argument("--only", default="", choices=[one.name for one in SCENARIOS], help="one kind; prints only")
    parser.add_argument("--runs", type=int, help="so many of each kind; prints only")
    parser.add_argument("--seed", type=int, default=SEED, help="of the order and of what is simulated")
    parser.add_argument("--resume", action="store_true", help="keep what an earlier run measured and go on")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, publish; 1 where a limit isn't kept."""
    asked = options(words)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever is told to end takes its containers away
    wanted = chosen(asked.only, asked.runs, quick=asked.quick)
    kept = Kept(RESULTS / "runs.jsonl")
    if not asked.resume:
        kept.forget()
    found = usable(kept.read(), wanted)
    todo = turns(wanted, {(one.scenario, one.number) for one in found}, asked.seed)
    if todo:
        measure(todo, kept, found)
    section = text(found, twins(found, asked.seed))
    if asked.only or asked.runs or asked.quick:
        print(section)
    else:
        publish("canary_live", "Canaries on the running platform", section)
    return int(not holds(found))


if __name__ == "__main__":
    sys.exit(main())
