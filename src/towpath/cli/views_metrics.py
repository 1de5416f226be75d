"""Which metrics a canary is judged on, as text."""

from collections.abc import Container, Iterable
from typing import TYPE_CHECKING

from towpath.cli.render import Table
from towpath.cli.views import NOTHING

if TYPE_CHECKING:
    from towpath.core.judged import Judged

_STATES = {"on": "yes", "waits": "not yet", "off": "no"}


def judged_table(every: "Iterable[Judged]") -> Table:
    """Every metric; before one that is not yet compared is, nothing goes beyond 50 %."""
    rows = tuple((one.metric, _STATES[one.state], one.why or NOTHING) for one in every)
    return Table(columns=("METRIC", "JUDGED", "BECAUSE"), rows=rows)


def promote_margin(channel: str, own: Container[str]) -> str:
    """The key of the margin that a channel waits for."""
    if channel in own:
        return f"promote of the metric {channel}"
    what = channel.partition(" ")[0]
    return f"margins.{what if what in ('errors', 'latency') else 'predictions'}.promote"
