"""The journal of one environment, folded into what stands now.

Every entry is a fact; `fold` is the only reader of payloads. There is no second record of a promotion's state.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Protocol

from towpath.core.history import Closed, History, Kind, Open, ramp_index
from towpath.core.journal import JSON, json_map
from towpath.core.plan_codec import plan_from_json
from towpath.core.promotion import Outcome


class Recorded(Protocol):
    """The part of a journal entry that the fold reads."""

    @property
    def time(self) -> float:
        """Seconds since the epoch."""

    @property
    def actor(self) -> str:
        """Who."""

    @property
    def promotion(self) -> int:
        """Of which promotion; 0 for none."""

    @property
    def kind(self) -> str:
        """A `Kind`, or another module's."""

    @property
    def payload(self) -> Mapping[str, JSON]:
        """JSON."""


def fold(entries: Iterable[Recorded], start: History | None = None) -> History:
    """What stands after these entries, in order; `start` is what stood before the first of them."""
    history = start or History()
    for entry in entries:
        history = _after(history, entry)
    return history


def _after(history: History, entry: Recorded) -> History:
    change = _CHANGES.get(entry.kind)
    if change is not None:
        return change(history, entry)
    advance = _ADVANCES.get(entry.kind)
    now = history.open
    if advance is None or now is None or entry.promotion != now.plan.id:
        return history
    return replace(history, open=advance(now, entry))


def _open(history: History, entry: Recorded) -> History:
    plan = plan_from_json(json_map(entry.payload["plan"]))
    policy = json_map(entry.payload["policy"])
    opened = Open(plan=plan, policy=policy, actor=entry.actor, since=entry.time, drawn=(plan.drawn,))
    return replace(history, open=opened, last_id=max(history.last_id, plan.id))


def _close(history: History, entry: Recorded) -> History:
    now = history.open
    if now is None:
        return history
    ended = Closed(
        plan=now.plan,
        actor=now.actor,
        since=now.since,
        until=entry.time,
        outcome=Outcome(_text(entry, "outcome")),
        reason=_text(entry, "reason") or now.plan.back,
    )
    return replace(history, open=None, closed=(*history.closed, ended))


def _mark_bad(history: History, entry: Recorded) -> History:
    return replace(history, bad=(*history.bad, (_text(entry, "digest"), _text(entry, "reason"))))


def _allow(history: History, entry: Recorded) -> History:
    return replace(history, bad=tuple(mark for mark in history.bad if mark[0] != _text(entry, "digest")))


def _publish(history: History, entry: Recorded) -> History:
    commit = _text(entry, "commit")
    closed = (replace(c, published=commit) if c.plan.id == entry.promotion else c for c in history.closed)
    return replace(history, closed=tuple(closed))


def _applying(now: Open, entry: Recorded) -> Open:
    """What was applied before may have failed or died without an effect, so that what stood before that stands yet."""
    over = entry.payload.get("over", now.drawn[-1])
    return replace(now, drawn=(str(over), _text(entry, "drawn")))


def _step_started(now: Open, entry: Recorded) -> Open:
    return replace(now, started=int(str(entry.payload["step"])))


def _step_done(now: Open, entry: Recorded) -> Open:
    index = int(str(entry.payload["step"]))
    step, drawn = now.plan.steps[index], _text(entry, "drawn")
    after = replace(now, next_step=index + 1, traffic=step.traffic, replicas=step.replicas)
    return replace(after, drawn=(drawn,)) if drawn else after


def _reset(now: Open, entry: Recorded) -> Open:
    index = ramp_index(now.plan)
    return replace(now, next_step=index, started=index - 1, drawn=(_text(entry, "drawn"),), traffic=0.0)


def _rolling_back(now: Open, entry: Recorded) -> Open:
    outcome, bad = Outcome(_text(entry, "outcome")), bool(entry.payload["bad"])
    return replace(now, rolling_back=_text(entry, "reason"), outcome=outcome, bad=bad)


def _paused(now: Open, entry: Recorded) -> Open:
    return replace(now, paused=_text(entry, "reason"))


def _unpaused(now: Open, _entry: Recorded) -> Open:
    return replace(now, paused="")


def _abort(now: Open, entry: Recorded) -> Open:
    return replace(now, abort=_text(entry, "reason"))


_CHANGES: Mapping[str, Callable[[History, Recorded], History]] = {
    Kind.OPENED: _open,
    Kind.CLOSED: _close,
    Kind.MARKED_BAD: _mark_bad,
    Kind.ALLOWED: _allow,
    Kind.PUBLISHED: _publish,
}
_ADVANCES: Mapping[str, Callable[[Open, Recorded], Open]] = {
    Kind.APPLYING: _applying,
    Kind.STEP_STARTED: _step_started,
    Kind.STEP_DONE: _step_done,
    Kind.RESET: _reset,
    Kind.ROLLING_BACK: _rolling_back,
    Kind.PAUSED: _paused,
    Kind.UNPAUSED: _unpaused,
    Kind.ABORT: _abort,
}


def _text(entry: Recorded, name: str) -> str:
    return str(entry.payload.get(name, ""))
