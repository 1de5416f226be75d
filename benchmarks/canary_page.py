"""The section of the page about canaries on the running platform."""

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Final

import numpy as np

from benchmarks.canary_plan import COMPRESSED, RATE, SCENARIOS, TABLE, WORK_MS, YARDSTICK, Scenario
from benchmarks.canary_runs import Ran
from benchmarks.canary_twin import SIMULATED, Simulated
from benchmarks.judge_figures import between, interval, quantile
from benchmarks.page import kept, table

LIVED_LIMIT: Final = 38.0  # seconds that Flagger 1.44 let the same fault live
FAILED_THERE: Final = 14  # requests that failed meanwhile, once; 5 % of a tenth of the traffic for 38 s are 19
_FOUND: Final = ("candidate", "runs", "found", "detected after", "simulated", "affected", "simulated", "failed")


def rate(hits: int, runs: int) -> str:
    """Hits of runs, with the interval."""
    low, high = interval(hits, runs)
    return f"{hits} of {runs} ({100 * low:.1f} to {100 * high:.1f} %)"


def detected(ran: Ran) -> float:
    """Seconds from the fault's begin to the verdict; infinite where no fault was found, or before it began."""
    found = ran.verdict - ran.onset if ran.outcome == "rolled back" else math.inf
    return found if found > 0 else math.inf


def spread(values: Sequence[float], unit: str = "") -> str:
    """The median with its interval of 95 %, and where eight of ten lie."""
    every = np.array(values, dtype=np.float64)
    low, high = between(every, 0.5)
    tenth, most = quantile(every, 0.1), quantile(every, 0.9)
    middle = quantile(every, 0.5)
    return f"{_said(middle)}{unit} ({_said(low)} to {_said(high)}); 8 of 10 from {_said(tenth)} to {_said(most)}"


def _said(value: float) -> str:
    return "never" if math.isinf(value) else f"{value:.0f}"


def of(scenario: Scenario, ran: Sequence[Ran]) -> list[Ran]:
    """Its runs."""
    return [one for one in ran if one.scenario == scenario.name]


def _line(scenario: Scenario, ran: Sequence[Ran], twin: Simulated) -> list[str]:
    found = [detected(one) for one in ran]
    return [
        scenario.spoken,
        str(len(ran)),
        rate(sum(map(math.isfinite, found)), len(ran)),
        spread(found, " s"),
        f"{_said(twin.seconds)} s, {100 * twin.refused:.0f} % found",
        spread([one.affected for one in ran]),
        _said(twin.affected),
        spread([one.failed for one in ran]),
    ]


def good(ran: Sequence[Ran]) -> list[list[str]]:
    """How releases like stable ended."""
    count: Callable[[str], int] = lambda outcome: sum(one.outcome == outcome for one in ran)  # noqa: E731 - said twice
    ends = ("rolled back", "promoted", "undecided", "broken")
    return [[outcome, rate(count(outcome), len(ran))] for outcome in ends]


def yardstick(ran: Sequence[Ran]) -> list[list[str]]:
    """Beside what was measured elsewhere."""
    return [
        ["lived: from its first request to its last, median", kept(median(one.lived for one in ran), LIVED_LIMIT, "s")],
        ["failed requests", f"{spread([one.failed for one in ran])}; there {FAILED_THERE}"],
    ]


def text(ran: Sequence[Ran], twins: Mapping[str, Simulated]) -> str:
    """The whole section."""
    own = {scenario.name: of(scenario, ran) for scenario in SCENARIOS}
    faults = [one for one in SCENARIOS if one.faults and own[one.name]]
    polls = _policy("Policy of the last fault, and of good releases in its place", YARDSTICK)
    policies = f"{_policy('Policy', COMPRESSED)}\n\n{polls}"
    parts = [_intro(ran), policies, _machine(ran)]
    parts += [
        table((f"a release {one.spoken} was", "of all (95 % interval)"), good(own[one.name]))
        for one in SCENARIOS
        if not one.faults and own[one.name]
    ]
    if faults:
        parts.append(table(_FOUND, [_line(one, own[one.name], twins[one.name]) for one in faults]))
    if own["yardstick"]:
        parts.append(f"{_ELSEWHERE}\n\n{table(('figure', 'measured'), yardstick(own['yardstick']))}")
    return "\n\n".join(parts)


def _intro(ran: Sequence[Ran]) -> str:
    slower = [one.slower for one in ran if one.scenario == "latency"]
    really = (
        f" The slower release was {median(slower):.2f} times as slow as stable, as clients saw it." if slower else ""
    )
    return f"""\
{len(ran)} canaries by `deploy promote` on one environment: the example's model with {WORK_MS:g} ms of work added, one
replica, Envoy, {RATE:g} requests/s in all, open-loop, sent from the same machine. Every canary has a release of its
own, since one that is tried again is judged more strictly. Times count from the candidate's first request (of the late
fault: from its begin) to the verdict; affected are all requests it answered from there to its last one, after the
traffic was taken off it.

Simulated are medians of {SIMULATED} canaries by what `deploy judge simulate` runs, with the same policy, stable's
measured rates, and the difference as it was made or measured. It knows no engine: its steps follow each other at once
and nothing is answered after the verdict.{really}"""


def _machine(ran: Sequence[Ran]) -> str:
    loads, strays = [one.load for one in ran], sum(one.others for one in ran)
    return f"""\
Load of the machine as a canary ended: median {median(loads):.1f}, highest {max(loads):.1f}. Requests that failed and
weren't a candidate's: {strays} of all (limit 0: {"kept" if not strays else "NOT KEPT"})."""


def _policy(title: str, policy: str) -> str:
    return f"{title}, all else by default:\n\n```toml\n{TABLE}\n{policy}```"


_ELSEWHERE = """\
Flagger 1.44, on a cluster elsewhere, at the same rate, share and fault, with an interval of 10 s and a threshold of 3,
let it live for 38 s and 14 requests fail."""


def holds(ran: Sequence[Ran]) -> bool:
    """Whether every limit is kept: nothing good rolled back, nobody else's requests failed, the yardstick beaten."""
    harmless = {scenario.name for scenario in SCENARIOS if not scenario.faults}
    false = sum(one.outcome == "rolled back" for one in ran if one.scenario in harmless)
    strays = sum(one.others for one in ran) + sum(one.outcome == "broken" for one in ran)
    judged = [one.lived for one in ran if one.scenario == "yardstick"]
    return not false and not strays and (not judged or median(judged) <= LIVED_LIMIT)
