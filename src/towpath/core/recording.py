"""A canary as it was looked at: policy and looks as lines of JSON, and the judge's state after each."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from towpath.core.canary_codec import policy_from_json, policy_to_json
from towpath.core.canary_policy import CanaryPolicy
from towpath.core.drift_watch import Drift
from towpath.core.errors import UsageError, all_at_once
from towpath.core.journal import json_map
from towpath.core.judge import JudgeState, Verdict, verdict
from towpath.core.observation import Observation, routed
from towpath.core.watch import Look, Watched, after, decode_look, encode_look

FORMAT: Final = 1
_HINT: Final = "deploy explain ENV PROMOTION --looks FILE writes one"


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """Everything a canary was judged on.

    Attributes:
        policy: as it was pinned.
        served_since: since when stable's counters count; 0: not known.
        looks: in their order.
    """

    policy: CanaryPolicy
    served_since: float
    looks: tuple[Look, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """The judge after one look.

    Attributes:
        elapsed: seconds since the candidate was looked at first.
        step: index of the promotion's step.
        share: of all requests in both arms since the look before, the candidate's; 0 to 1.
        problems: of this look: what could not be read.
        judge: its state.
        drift: what it says of users' requests.
    """

    elapsed: float
    step: int
    share: float
    problems: tuple[str, ...]
    judge: JudgeState
    drift: Drift = field(default_factory=Drift)

    @property
    def verdict(self) -> Verdict:
        """The judge's word."""
        return verdict(self.judge)


def frames(recording: Recording) -> tuple[Frame, ...]:
    """Fold the looks as the driver did; the same looks give the same verdicts."""
    return tuple(_frames(recording))


def _frames(recording: Recording) -> Iterator[Frame]:
    state = Watched(policy=recording.policy, served_since=recording.served_since)
    for look in recording.looks:
        before, state = state, after(state, look)
        yield from frame(before, look, state)


def frame(before: Watched, look: Look, now: Watched) -> Iterator[Frame]:
    """What is kept of one look, with the states around it; nothing before both arms were seen."""
    if now.judge is not None:
        yield Frame(
            elapsed=look.observation.at - now.first_at,
            step=look.step,
            share=_share(before.previous, look.observation),
            problems=look.observation.problems,
            judge=now.judge,
            drift=now.requests.drift,
        )


def _share(before: Observation | None, now: Observation) -> float:
    if before is None:
        return 0.0
    live = routed(before, now)
    every = live.canary.requests + live.stable.requests
    return live.canary.requests / every if every else 0.0


def write(recording: Recording) -> str:
    """Lines of JSON: the policy, then a look each; `read` is the inverse."""
    head = {
        "format": FORMAT,
        "policy": policy_to_json(recording.policy),
        "served_since": recording.served_since,
    }
    lines = [json.dumps(head, separators=(",", ":")), *(encode_look(look).decode() for look in recording.looks)]
    return "".join(f"{line}\n" for line in lines)


def read(text: str) -> Recording:
    """Read what `write` wrote.

    Raises:
        UsageError: it isn't that; every line that can't be used is named.
    """
    lines = text.splitlines()
    head = _head(lines)
    looks, problems = _looks(lines[1:])
    if problems:
        raise all_at_once("the looks", problems, _HINT)
    return Recording(
        policy=policy_from_json(json_map(head["policy"])),
        served_since=float(str(head.get("served_since", 0.0))),
        looks=tuple(looks),
    )


def _head(lines: Sequence[str]) -> dict[str, object]:
    try:
        head = json.loads(lines[0]) if lines else None
    except ValueError as error:
        raise UsageError(f"line 1 is not JSON: {error}", _HINT) from error
    if not isinstance(head, dict) or head.get("format") != FORMAT or "policy" not in head:
        raise UsageError("line 1 holds no canary policy of a format this Towpath reads", _HINT)
    return head


def _looks(lines: Sequence[str]) -> tuple[list[Look], list[str]]:
    looks: list[Look] = []
    problems: list[str] = []
    for number, line in enumerate(lines, start=2):
        try:
            looks.append(decode_look(line.encode()))
        except UsageError as error:
            problems.append(f"line {number}: {error.message}")
        except (ValueError, KeyError, TypeError) as error:
            problems.append(f"line {number}: {error}")
    return looks, problems
