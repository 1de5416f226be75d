"""A folded history as every hundredth journal entry keeps it, so that nobody has to read all entries before it."""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Final

from towpath.core.errors import UsageError
from towpath.core.history import Closed, History, Open
from towpath.core.history_fold import fold
from towpath.core.journal import JSON, SNAPSHOT, Entry, json_list, json_map, unreadable
from towpath.core.lease import SNAPSHOT_KEY, lease_snapshot
from towpath.core.plan_codec import plan_from_json, plan_to_json
from towpath.core.promotion import Outcome

KEY: Final = "history"
KEPT: Final = 200  # ended promotions; `deploy history` reads the older ones from the entries themselves


def snapshot(entries: Sequence[Entry]) -> Mapping[str, JSON]:
    """Everything that is folded from a journal: promotions and lease."""
    return {KEY: history_to_json(history_of(entries)), SNAPSHOT_KEY: lease_snapshot(entries)}


def history_of(entries: Sequence[Entry]) -> History:
    """What stands after these entries, which may begin with a snapshot.

    Raises:
        NeedsPerson: one of them has a payload that isn't one of its kind; it is named.
    """
    snapshots = [at for at, entry in enumerate(entries) if entry.kind == SNAPSHOT]
    return reduce(_after, entries[snapshots[-1] if snapshots else 0 :], History())


def _after(history: History, entry: Entry) -> History:
    try:
        if entry.kind == SNAPSHOT:
            return history_from_json(json_map(entry.payload.get(KEY)))
        return fold((entry,), history)
    except (LookupError, ValueError, TypeError, StopIteration, UsageError) as error:
        raise unreadable(entry, error) from error


def history_to_json(history: History) -> dict[str, JSON]:
    """For a snapshot; `history_from_json` is its inverse as far as the last `KEPT` promotions go."""
    return {
        "open": None if history.open is None else _open_to_json(history.open),
        "closed": [_closed_to_json(closed) for closed in history.closed[-KEPT:]],
        "bad": [list(mark) for mark in history.bad],
        "last_id": history.last_id,
    }


def history_from_json(data: Mapping[str, JSON]) -> History:
    """What a snapshot kept.

    Raises:
        UsageError: it isn't one of ours.
    """
    try:
        opened = data["open"]
        return History(
            open=None if opened is None else _open_from_json(json_map(opened)),
            closed=tuple(_closed_from_json(json_map(closed)) for closed in json_list(data["closed"])),
            bad=tuple(_mark(mark) for mark in json_list(data["bad"])),
            last_id=int(str(data["last_id"])),
        )
    except (KeyError, ValueError) as error:
        raise UsageError(f"a snapshot in the journal can't be read: {error!r}", "use a newer Towpath") from error


def _open_to_json(now: Open) -> dict[str, JSON]:
    return {
        "plan": plan_to_json(now.plan),
        "policy": dict(now.policy),
        "actor": now.actor,
        "since": now.since,
        "next_step": now.next_step,
        "started": now.started,
        "drawn": list(now.drawn),
        "traffic": now.traffic,
        "replicas": now.replicas,
        "rolling_back": now.rolling_back,
        "outcome": str(now.outcome),
        "bad": now.bad,
        "paused": now.paused,
        "abort": now.abort,
    }


def _open_from_json(data: Mapping[str, JSON]) -> Open:
    return Open(
        plan=plan_from_json(json_map(data["plan"])),
        policy=json_map(data["policy"]),
        actor=str(data["actor"]),
        since=float(str(data["since"])),
        next_step=int(str(data["next_step"])),
        started=int(str(data.get("started", data["next_step"]))),  # older snapshots don't say
        drawn=tuple(str(drawn) for drawn in json_list(data["drawn"])),
        traffic=float(str(data["traffic"])),
        replicas=int(str(data["replicas"])),
        rolling_back=str(data["rolling_back"]),
        outcome=Outcome(str(data["outcome"])),
        bad=bool(data["bad"]),
        paused=str(data["paused"]),
        abort=str(data["abort"]),
    )


def _closed_to_json(closed: Closed) -> dict[str, JSON]:
    return {
        "plan": plan_to_json(closed.plan),
        "actor": closed.actor,
        "since": closed.since,
        "until": closed.until,
        "outcome": str(closed.outcome),
        "reason": closed.reason,
        "published": closed.published,
    }


def _closed_from_json(data: Mapping[str, object]) -> Closed:
    return Closed(
        plan=plan_from_json(json_map(data["plan"])),
        actor=str(data["actor"]),
        since=float(str(data["since"])),
        until=float(str(data["until"])),
        outcome=Outcome(str(data["outcome"])),
        reason=str(data["reason"]),
        published=str(data["published"]),
    )


def _mark(value: object) -> tuple[str, str]:
    digest, reason = json_list(value)
    return str(digest), str(reason)
