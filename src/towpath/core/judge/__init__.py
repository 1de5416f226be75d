"""The judge: observations in, verdict out; pure, in constant memory, with no clock of its own."""

from towpath.core.judge.channels import ERRORS, Channel
from towpath.core.judge.fold import extend, start, step
from towpath.core.judge.model import STRATA, Breaker, Counts, JudgePolicy, JudgeState, Poll, Reference
from towpath.core.judge.polls import poll_of, reference_of
from towpath.core.judge.verdict import Arms, Estimate, Verdict, verdict

__all__ = [
    "ERRORS",
    "STRATA",
    "Arms",
    "Breaker",
    "Channel",
    "Counts",
    "Estimate",
    "JudgePolicy",
    "JudgeState",
    "Poll",
    "Reference",
    "Verdict",
    "extend",
    "poll_of",
    "reference_of",
    "start",
    "step",
    "verdict",
]
