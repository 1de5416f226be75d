"""`deploy explain`: what a canary was judged on, as words, looks and a picture."""

from collections.abc import Sequence
from dataclasses import dataclass

from towpath.app.journal import Journal
from towpath.app.services import Services
from towpath.core.canary_codec import policy_from_json
from towpath.core.errors import UsageError
from towpath.core.explanation import explain
from towpath.core.history import Closed, History, Kind, Open
from towpath.core.history_codec import history_of
from towpath.core.journal import json_map
from towpath.core.picture import page
from towpath.core.promotion import Plan
from towpath.core.recording import Frame, Recording, frames, write
from towpath.core.watch import decode_look


@dataclass(frozen=True, kw_only=True, slots=True)
class Explained:
    """A promotion's canary.

    Attributes:
        environment: its name.
        promotion: its number.
        title: which one it is, in a line.
        words: what happened and why, a paragraph each.
        frames: the judge after each look.
        recording: policy and looks; absent without a canary.
    """

    environment: str
    promotion: int
    title: str
    words: tuple[str, ...]
    frames: tuple[Frame, ...]
    recording: Recording | None

    @property
    def html(self) -> str:
        """The picture."""
        return page(self.title, self.words, self.frames)

    @property
    def looks(self) -> str:
        """For `deploy judge replay`; empty without a canary."""
        return "" if self.recording is None else write(self.recording)


def explained(services: Services, environment: str, promotion: int = 0) -> Explained:
    """A promotion of an environment; 0: its newest.

    Raises:
        UsageError: there is no such environment or promotion.
    """
    services.pipeline.environment(environment)
    journal = services.journals(environment)
    history = history_of(journal.history())
    every: list[Closed | Open] = [*history.closed, *([history.open] if history.open is not None else [])]
    found = [one for one in every if one.plan.id == promotion] if promotion else every[-1:]
    if not found:
        known = ", ".join(str(one.plan.id) for one in every) or "none"
        raise UsageError(f"{environment} has no promotion {promotion or ''}".rstrip(), f"there are: {known}")
    recording = recording_of(journal, history, found[0].plan)
    judged = () if recording is None else frames(recording)
    return Explained(
        environment=environment,
        promotion=found[0].plan.id,
        title=_title(found[0]),
        words=(_outcome(found[0]), *explain(judged)),
        frames=judged,
        recording=recording,
    )


def keep_picture(services: Services, closed: Closed, judged: Sequence[Frame]) -> str:
    """Draw a canary that ended, beside its journal; gives back where, empty where there was none."""
    if not judged:
        return ""
    key = f"pictures/{closed.plan.environment}/{closed.plan.id:06d}.html"
    html = page(_title(closed), (_outcome(closed), *explain(judged)), judged)
    services.store.create(key, html.encode())
    return f"{services.pipeline.state}/{key}"


def recording_of(journal: Journal, history: History, plan: Plan) -> Recording | None:
    """What a promotion's canary was judged on, with the policy as it was pinned; None where nothing was looked at."""
    opened = (entry for entry in journal.history() if (entry.promotion, entry.kind) == (plan.id, Kind.OPENED))
    policy = next((json_map(entry.payload["policy"]) for entry in opened), {})
    looks = tuple(decode_look(data) for data in journal.chunks(plan.id).values())
    if not policy or not looks:
        return None
    return Recording(policy=policy_from_json(policy), served_since=history.served_since(plan), looks=looks)


def _title(one: Closed | Open) -> str:
    plan = one.plan
    before = "nothing" if plan.stable is None else plan.stable.short
    return f"Promotion {plan.id} of {plan.environment}: {plan.model}, {before} to {plan.candidate.short}"


def _outcome(one: Closed | Open) -> str:
    if isinstance(one, Open):
        return f"It is under way since {one.actor} opened it."
    took = f"after {one.until - one.since:,.0f} s"
    if one.went_back:
        marked = "; what it replaced was marked bad" if one.plan.stable != one.plan.candidate else ""
        return f"{one.actor} went back to it {took}{marked}: {one.reason}."
    why = f": {one.reason}" if one.reason else ""
    return f"{one.actor} opened it; it was {one.outcome} {took}{why}."
