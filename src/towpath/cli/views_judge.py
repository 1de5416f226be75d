"""What a canary was judged on, as JSON documents and as text."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from towpath.cli.render import Table
from towpath.cli.views import NOTHING, about

if TYPE_CHECKING:
    from towpath.app.explain import Explained
    from towpath.app.simulate import Simulated
    from towpath.core.recording import Frame
    from towpath.core.traffic import Traffic

_ROWS = 40


def explained_answer(found: "Explained", written: Sequence[str]) -> tuple[dict[str, object], str]:
    """Why a promotion ended as it did."""
    document: dict[str, object] = {
        "environment": found.environment,
        "promotion": found.promotion,
        "title": found.title,
        "words": list(found.words),
        "looks": [_frame_document(frame) for frame in found.frames],
        "written": list(written),
    }
    return document, "\n".join([found.title, *found.words, *(f"wrote {name}" for name in written)])


def replay_answer(
    frames: "Sequence[Frame]", words: Sequence[str], written: Sequence[str]
) -> tuple[dict[str, object], list["str | Table"]]:
    """The judge's word after each look."""
    columns = ("AT", "SHARE", "ANSWERS", "AGAINST", "ROLL BACK AT", "FOR", "PROMOTE AT", "SAYS")
    every = max(1, math.ceil(len(frames) / _ROWS))
    shown = [frame for place, frame in enumerate(frames) if place % every == 0 or frame is frames[-1]]
    table = Table(columns=columns, rows=tuple(_frame_row(frame) for frame in shown), empty="no look at both arms")
    document: dict[str, object] = {
        "looks": [_frame_document(frame) for frame in frames],
        "words": list(words),
        "written": list(written),
    }
    return document, [table, "", *words, *(f"wrote {name}" for name in written)]


def _frame_row(frame: "Frame") -> tuple[str, ...]:
    said = frame.verdict
    return (
        f"{frame.elapsed:.0f} s",
        f"{frame.share:.0%}",
        str(said.live_requests + said.probe_requests),
        f"{max(frame.judge.peaks):.2f}",
        f"{said.bound:.2f}" if said.kind != "promote" else NOTHING,
        f"{said.in_favour:.2f}",
        f"{said.bound_in_favour:.2f}",
        said.kind,
    )


def _frame_document(frame: "Frame") -> dict[str, object]:
    said = frame.verdict
    return {
        "elapsed": frame.elapsed,
        "step": frame.step,
        "share": frame.share,
        "problems": list(frame.problems),
        "kind": said.kind,
        "reason": said.reason,
        "drift": frame.drift.told,
        "channel": said.channel,
        "against": dict(zip(frame.judge.policy.metrics, frame.judge.peaks, strict=True)),
        "in_favour": said.in_favour,
        "live_requests": said.live_requests,
        "probe_requests": said.probe_requests,
    }


def simulate_answer(traffic: "Traffic", found: "Sequence[Simulated]") -> tuple[dict[str, object], list["str | Table"]]:
    """How canaries of each kind of candidate ended."""
    rows = tuple(
        (
            one.candidate.name,
            _rolled_back(one),
            f"{one.promoted} of {one.runs}",
            NOTHING if one.seconds is None else about(one.seconds),
        )
        for one in found
    )
    columns = ("CANDIDATE", "ROLLED BACK", "LET BEYOND 50 %", "MEDIAN TIME TO IT")
    document: dict[str, object] = {
        "requests_per_second": traffic.requests_per_second,
        "candidates": [{**asdict(one.candidate), **_counts(one)} for one in found],
    }
    head = f"in numbers only, at {traffic.requests_per_second:.3g} requests/s"
    return document, [head, Table(columns=columns, rows=rows)]


def _rolled_back(one: "Simulated") -> str:
    low, high = one.rolled_back_between
    return f"{one.rolled_back} of {one.runs} ({100 * low:.0f} to {100 * high:.0f} %)"


def _counts(one: "Simulated") -> dict[str, object]:
    return {
        "runs": one.runs,
        "rolled_back": one.rolled_back,
        "rolled_back_between": list(one.rolled_back_between),
        "promoted": one.promoted,
        "inconclusive": one.runs - one.rolled_back - one.promoted,
        "median_seconds": one.seconds,
    }
