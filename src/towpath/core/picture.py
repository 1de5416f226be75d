"""A canary as a page: both arms with their intervals, the evidence against its bound, and the traffic over time."""

import math
from collections.abc import Sequence
from html import escape
from typing import Final

from towpath.core.axes import odds, shares
from towpath.core.canary_policy import METRICS
from towpath.core.drawing import HEIGHT, WIDTH, Band, Line, Panel, panel_svg
from towpath.core.judge import Estimate
from towpath.core.judge.alarms import bound_against, evidence_against
from towpath.core.judge.verdict import Arms, arms_of, case_for
from towpath.core.recording import Frame

_MOST_FRAMES: Final = 400  # of a day-long canary every so-many-th look is drawn

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #6b7280; --grid: #e5e7eb; --stable: #2563a8;
  --canary: #c2570c; --bound: #b42318; --third: #4d7c0f; --ground: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --dim: #9aa3af; --grid: #333a44; --stable: #7fb2ea;
  --canary: #f2a365; --bound: #f28b82; --third: #a9d46a; --ground: #15181c; } }
body { background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; max-width: 820px;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.3rem; } .reason { font-size: 1.05rem; } svg { max-width: 100%; height: auto; display: block; }
text { fill: var(--ink); font: 11px system-ui, sans-serif; } .title { font-weight: 600; font-size: 12px; }
.tick { fill: var(--dim); } .grid { stroke: var(--grid); stroke-width: 1; }
.line { fill: none; stroke-width: 1.8; } .band { opacity: .18; stroke: none; }
.stable { stroke: var(--stable); } .canary { stroke: var(--canary); } .bound { stroke: var(--bound);
  stroke-dasharray: 5 4; } .errors { stroke: var(--canary); } .latency { stroke: var(--stable); }
.predictions { stroke: var(--third); } .band.stable { fill: var(--stable); } .band.canary { fill: var(--canary); }
text.name { stroke: none; } text.stable { fill: var(--stable); } text.canary, text.errors { fill: var(--canary); }
text.latency { fill: var(--stable); } text.predictions { fill: var(--third); } text.bound { fill: var(--bound); }
.own { stroke: var(--dim); stroke-dasharray: 2 2; } text.own { fill: var(--dim); stroke: none; }
table { border-collapse: collapse; } td, th { text-align: left; padding: .15rem .8rem .15rem 0; }
"""


def page(title: str, words: Sequence[str], frames: Sequence[Frame]) -> str:
    """An HTML file that needs nothing beside itself.

    Args:
        title: which canary it is.
        words: what happened, a paragraph each.
        frames: of every look; none, and the page says so.
    """
    drawn = "\n".join(panel_svg(panel, frames[-1].elapsed) for panel in panels(frames)) if frames else ""
    told = "\n".join(f'<p class="reason">{escape(word)}</p>' for word in words)
    nothing = "" if frames else "<p>No look at both arms was kept.</p>"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{escape(title)}</title><style>{_STYLE}</style></head>
<body><h1>{escape(title)}</h1>
{told}
{drawn}{nothing}
</body></html>
"""


def picture(frames: Sequence[Frame]) -> str:
    """The panels below each other as one SVG file of its own."""
    every = panels(frames)
    placed = "\n".join(
        f'<g transform="translate(0 {place * HEIGHT})">\n{panel_svg(panel, frames[-1].elapsed)}\n</g>'
        for place, panel in enumerate(every)
    )
    size = f'viewBox="0 0 {WIDTH} {len(every) * HEIGHT}" width="{WIDTH}" height="{len(every) * HEIGHT}"'
    ground = f'<rect width="{WIDTH}" height="{len(every) * HEIGHT}" fill="var(--ground)"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n<style>{_STYLE}</style>\n{ground}\n{placed}\n</svg>\n'


def panels(frames: Sequence[Frame]) -> tuple[Panel, ...]:
    """The rate that decided, the evidence against the candidate and for it, and its share of the requests."""
    some = frames[:: max(1, math.ceil(len(frames) / _MOST_FRAMES))]
    some = some if some[-1] is frames[-1] else (*some, frames[-1])
    return (_rates(some), _against(some), _in_favour(some), _traffic(some))


def _rates(frames: Sequence[Frame]) -> Panel:
    channel = frames[-1].verdict.channel
    seen = [(frame.elapsed, found) for frame in frames if (found := _most_seen(frame, channel)) is not None]
    return Panel(
        title=f"{channel}: share of requests, with 95 % intervals that hold at every look",
        ticks=shares,
        lines=tuple(
            Line(points=[(at, _arm(arms, name).rate) for at, arms in seen], name=said, kind=name)
            for name, said in (("stable", "stable"), ("canary", "candidate"))
        ),
        bands=tuple(
            Band(points=[(at, _arm(arms, name).low, _arm(arms, name).high) for at, arms in seen], kind=name)
            for name in ("stable", "canary")
        ),
        top=_sensible_top(seen),
    )


def _most_seen(frame: Frame, channel: str) -> Arms | None:
    """The stratum with most of the candidate's requests; none while an arm has no request."""
    both = [arms for arms in arms_of(frame.judge, channel) if arms.canary.requests and arms.stable.requests]
    return max(both, key=lambda arms: arms.canary.requests, default=None)


def _arm(arms: Arms, name: str) -> Estimate:
    return arms.stable if name == "stable" else arms.canary


def _sensible_top(seen: Sequence[tuple[float, Arms]]) -> float | None:
    """The first looks' intervals reach to 100 %; what came later must fill the panel."""
    if not seen:
        return 1.0
    later = seen[len(seen) // 4 :]
    rates = [max(arms.canary.rate, arms.stable.rate) for _, arms in seen]
    return min(1.0, 1.1 * max(max(arms.canary.high, arms.stable.high) for _, arms in later), 4 * max(*rates, 1e-4))


def _against(frames: Sequence[Frame]) -> Panel:
    policy = frames[-1].judge.policy
    bound, until = bound_against(policy), frames[-1].elapsed
    lines = [
        Line(
            points=[(frame.elapsed, evidence_against(frame.judge)[place]) for frame in frames],
            name=name,
            kind=_kind(name),
        )
        for place, name in enumerate(policy.metrics)
        if any(channel.metric == name for channel in policy.channels)
    ]
    return Panel(
        title="evidence against the candidate: so many times the stake; from the bound on it is rolled back",
        ticks=odds,
        lines=(
            *lines,
            Line(points=[(0.0, bound), (until, bound)], name=f"roll back: {math.exp(bound):,.0f}", kind="bound"),
        ),
        bottom=-1.0,
        top=max(1.3 * bound, *(y for line in lines for _, y in line.points if y < 3 * bound)),
    )


def _in_favour(frames: Sequence[Frame]) -> Panel:
    policy = frames[-1].judge.policy
    bound, until = -math.log(policy.beta), frames[-1].elapsed
    lines = [
        Line(points=[(frame.elapsed, case_for(frame.judge, name)) for frame in frames], name=name, kind=_kind(name))
        for name in policy.metrics
        if any(channel.metric == name for channel in policy.channels)
    ]
    return Panel(
        title="evidence for it, of each metric's weakest channel; all must reach the bound",
        ticks=odds,
        lines=(
            *lines,
            Line(points=[(0.0, bound), (until, bound)], name=f"promote: {math.exp(bound):,.0f}", kind="bound"),
        ),
        top=2.5 * bound,
    )


def _kind(metric: str) -> str:
    """Its class in the style sheet; the user's own share one, and are told apart by the names at their ends."""
    return metric if metric in METRICS else "own"


def _traffic(frames: Sequence[Frame]) -> Panel:
    points = [(frame.elapsed, frame.share) for frame in frames[1:] or frames]  # before the first look nothing is known
    return Panel(
        title="the candidate's share of all requests",
        ticks=shares,
        lines=(Line(points=points, name="candidate", kind="canary"),),
        top=1.0,
    )
