"""Lines, bands and axes as SVG; pure text, no library."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from towpath.core.axes import Ticks, moments

WIDTH: Final = 760
HEIGHT: Final = 190
_LEFT: Final = 64
_RIGHT: Final = 150
_TOP: Final = 26
_BOTTOM: Final = 30

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A line with its name at its end; `kind` is its class in the style sheet."""

    points: Points
    name: str
    kind: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Band:
    """What lies between two lines: (x, low, high)."""

    points: Sequence[tuple[float, float, float]]
    kind: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """One drawing.

    Attributes:
        title: above it.
        ticks: of the y axis.
        lines: drawn over the bands.
        bands: drawn first.
        top: the highest y; absent: of what is drawn.
        bottom: the lowest y.
    """

    title: str
    ticks: Ticks
    lines: tuple[Line, ...]
    bands: tuple[Band, ...] = ()
    top: float | None = None
    bottom: float = 0.0


def panel_svg(panel: Panel, until: float) -> str:
    """The panel over `until` seconds."""
    scale = _Scale(panel=panel, until=max(until, 1e-9))
    parts = [
        f'<text class="title" x="{_LEFT}" y="16">{escape(panel.title)}</text>',
        *_y_axis(scale),
        *_x_axis(scale),
        *(scale.band(band) for band in panel.bands),
        *(scale.line(line) for line in panel.lines),
        *_names(scale),
    ]
    view = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    body = "\n".join(part for part in parts if part)
    return f'<svg {view} role="img" aria-label="{escape(panel.title)}">\n{body}\n</svg>'


@dataclass(frozen=True, kw_only=True, slots=True)
class _Scale:
    panel: Panel
    until: float

    @property
    def top(self) -> float:
        """The highest y that is drawn."""
        if self.panel.top is not None:
            return self.panel.top
        drawn = [y for line in self.panel.lines for _, y in line.points]
        drawn += [high for band in self.panel.bands for _, _, high in band.points]
        return max([*drawn, self.panel.bottom + 1e-9]) * 1.05

    def x(self, seconds: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * min(max(seconds / self.until, 0.0), 1.0)

    def y(self, value: float) -> float:
        part = (value - self.panel.bottom) / (self.top - self.panel.bottom)
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * min(max(part, 0.0), 1.0)

    def line(self, line: Line) -> str:
        points = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in line.points)
        return f'<polyline class="line {line.kind}" points="{points}"><title>{escape(line.name)}</title></polyline>'

    def band(self, band: Band) -> str:
        if not band.points:
            return ""
        there = [f"{self.x(x):.1f},{self.y(high):.1f}" for x, _, high in band.points]
        back = [f"{self.x(x):.1f},{self.y(low):.1f}" for x, low, _ in reversed(band.points)]
        return f'<polygon class="band {band.kind}" points="{" ".join(there + back)}"/>'


def _y_axis(scale: _Scale) -> list[str]:
    ticks = scale.panel.ticks(scale.panel.bottom, scale.top)
    grid = [
        f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{scale.y(tick):.1f}" y2="{scale.y(tick):.1f}"/>'
        for tick, _ in ticks
    ]
    words = [
        f'<text class="tick" text-anchor="end" x="{_LEFT - 6}" y="{scale.y(tick) + 4:.1f}">{escape(said)}</text>'
        for tick, said in ticks
    ]
    return grid + words


def _x_axis(scale: _Scale) -> list[str]:
    return [
        f'<text class="tick" text-anchor="middle" x="{scale.x(tick):.1f}" y="{HEIGHT - 10}">{said}</text>'
        for tick, said in moments(scale.until)
    ]


_LINE_HEIGHT: Final = 13.0


def _names(scale: _Scale) -> list[str]:
    """Names right of the lines' ends, moved apart where they would lie on each other."""
    ends = sorted(
        ((scale.y(line.points[-1][1]), line) for line in scale.panel.lines if line.points), key=lambda end: end[0]
    )
    return [
        f'<text class="name {line.kind}" x="{WIDTH - _RIGHT + 8}" y="{y + 4:.1f}">{escape(line.name)}</text>'
        for y, (_, line) in zip(_apart([wanted for wanted, _ in ends]), ends, strict=True)
    ]


def _apart(wanted: Sequence[float]) -> list[float]:
    """Rising heights, a line of text apart: down from where they are wanted, and up again from the x axis."""
    found: list[float] = []
    for y in wanted:
        found.append(max(y, found[-1] + _LINE_HEIGHT) if found else y)
    lowest = max(HEIGHT - _BOTTOM, _TOP + _LINE_HEIGHT * len(wanted))
    for place in reversed(range(len(found))):
        found[place] = min(found[place], lowest)
        lowest = found[place] - _LINE_HEIGHT
    return found
