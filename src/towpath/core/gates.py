"""Questions that must be answered before a promotion may touch anything. Facts in, answers out."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from towpath.core.errors import Refused
from towpath.core.release import ImageRef, ReleaseRecord


class Answer(StrEnum):
    """What a gate says; only PASS and SKIPPED let a promotion on."""

    PASS = "pass"  # noqa: S105 - the answer of a gate
    SKIPPED = "skipped"  # does not apply to this environment
    FAIL = "fail"
    OVERRIDDEN = "overridden"  # failed, and somebody said go on; recorded with the reason


@dataclass(frozen=True, kw_only=True, slots=True)
class Gate:
    """One question and its answer.

    Attributes:
        name: order, digest, bad mark, clean, tests, settled, file or probes.
        answer: what it says.
        detail: the fact behind it.
        hint: what to do when it fails.
    """

    name: str
    answer: Answer
    detail: str
    hint: str = ""

    @property
    def lets_on(self) -> bool:
        """Whether a promotion may go on past this gate."""
        return self.answer is not Answer.FAIL


@dataclass(frozen=True, kw_only=True, slots=True)
class GateFacts:
    """All that the gates look at.

    Attributes:
        candidate: what is to be promoted.
        environment: where to.
        promotes_from: the environment before; absent for the first.
        upstream: releases that environment runs, read back from its platform.
        in_registry: the registry has exactly this digest.
        bad: why the digest is marked bad; empty when it isn't.
        override: why a bad mark may be overridden this time; empty: it may not.
        record: how it was built; absent when it wasn't built here.
        require_clean: the environment takes only releases built from a committed tree.
        pending: resources that the untouched stack file would change; empty when nothing is pending.
        declared: the release the stack file names.
        serving: the release the stack serves.
        unwritable: why the candidate couldn't be written into the stack file; empty when it can.
        probes: requests of our own per second that the canary would send to each arm; 0 for none.
        rows: what they can ask: rows of the model's holdout set.
        holdout: path of that, in the checkout that the driver runs in.
        unreadable: why it can't be read; empty when it can.
    """

    candidate: ImageRef
    environment: str
    promotes_from: str | None
    upstream: tuple[str, ...]
    in_registry: bool
    bad: str
    override: str
    record: ReleaseRecord | None
    require_clean: bool
    pending: tuple[str, ...]
    declared: ImageRef | None
    serving: ImageRef | None
    unwritable: str = ""
    probes: float = 0.0
    rows: int = 0
    holdout: str = ""
    unreadable: str = ""


def answers(facts: GateFacts) -> tuple[Gate, ...]:
    """Every gate's answer, in the order a person would ask."""
    return tuple(ask(facts) for ask in _GATES)


def require(gates: tuple[Gate, ...], what: str) -> None:
    """Let a promotion on, or refuse it with every failed gate at once.

    Raises:
        Refused: at least one gate failed; nothing was changed.
    """
    failed = [gate for gate in gates if not gate.lets_on]
    if failed:
        listed = "\n".join(f"  - {gate.name}: {gate.detail}" for gate in failed)
        raise Refused(f"{what} is refused, nothing was changed\n{listed}", "; ".join(g.hint for g in failed if g.hint))


def _order(facts: GateFacts) -> Gate:
    if facts.promotes_from is None:
        return Gate(name="order", answer=Answer.SKIPPED, detail=f"{facts.environment} is the first environment")
    if facts.candidate.digest in facts.upstream:
        return Gate(name="order", answer=Answer.PASS, detail=f"{facts.promotes_from} runs it")
    return Gate(
        name="order",
        answer=Answer.FAIL,
        detail=f"{facts.promotes_from} doesn't run {facts.candidate.short}",
        hint=f"promote it to {facts.promotes_from} first: deploy promote --to {facts.promotes_from}",
    )


def _digest(facts: GateFacts) -> Gate:
    if facts.in_registry:
        return Gate(name="digest", answer=Answer.PASS, detail=f"{facts.candidate.registry} has it")
    return Gate(
        name="digest",
        answer=Answer.FAIL,
        detail=f"{facts.candidate.registry} has no {facts.candidate.path}@{facts.candidate.digest}",
        hint="build it again: deploy build",
    )


def _bad_mark(facts: GateFacts) -> Gate:
    if not facts.bad:
        return Gate(name="bad mark", answer=Answer.PASS, detail="none")
    if facts.override:
        detail = f"{facts.bad}; overridden: {facts.override}"
        return Gate(name="bad mark", answer=Answer.OVERRIDDEN, detail=detail)
    return Gate(
        name="bad mark",
        answer=Answer.FAIL,
        detail=f"{facts.candidate.short} was marked bad: {facts.bad}",
        hint='build a new release, or say why this one may go on: --override-bad "reason"',
    )


def _clean(facts: GateFacts) -> Gate:
    if not facts.require_clean:
        return Gate(name="clean", answer=Answer.SKIPPED, detail=f"{facts.environment} takes uncommitted work")
    if facts.record is None:
        return Gate(
            name="clean",
            answer=Answer.FAIL,
            detail=f"there is no record of how {facts.candidate.short} was built",
            hint="build it here: deploy build",
        )
    if facts.record.dirty or not facts.record.commit:
        return Gate(
            name="clean",
            answer=Answer.FAIL,
            detail=f"{facts.candidate.short} was built from uncommitted work",
            hint="commit, then deploy build",
        )
    return Gate(name="clean", answer=Answer.PASS, detail=f"commit {facts.record.commit[:12]}")


def _tests(facts: GateFacts) -> Gate:
    if facts.record is None:
        return Gate(name="tests", answer=Answer.SKIPPED, detail="no record says how it was tested")
    if not facts.record.tests.command:
        return Gate(name="tests", answer=Answer.SKIPPED, detail="deploy.toml names no tests for this model")
    if facts.record.tests.passed:
        return Gate(name="tests", answer=Answer.PASS, detail=facts.record.tests.summary)
    return Gate(
        name="tests",
        answer=Answer.FAIL,
        detail=f"the model's tests failed at build: {facts.record.tests.summary}",
        hint="mend the model, then deploy build",
    )


def _settled(facts: GateFacts) -> Gate:
    if not facts.pending:
        return Gate(name="settled", answer=Answer.PASS, detail="the stack is as its file says")
    return Gate(
        name="settled",
        answer=Answer.FAIL,
        detail=f"the stack file has changes that were never applied: {', '.join(facts.pending)}",
        hint=f"apply them first: pulumi up -s {facts.environment}",
    )


def _file(facts: GateFacts) -> Gate:
    if facts.unwritable:
        hint = f"the promotion writes Pulumi.{facts.environment}.yaml at its end: mend what is named"
        return Gate(name="file", answer=Answer.FAIL, detail=facts.unwritable, hint=hint)
    if facts.declared == facts.serving:
        return Gate(name="file", answer=Answer.PASS, detail="names what is served")
    declared = "nothing" if facts.declared is None else facts.declared.short
    serving = "nothing" if facts.serving is None else facts.serving.short
    return Gate(
        name="file",
        answer=Answer.FAIL,
        detail=f"the stack file names {declared}, the stack serves {serving}",
        hint=f"pull the newest stack file, or apply yours: pulumi up -s {facts.environment}",
    )


def _probes(facts: GateFacts) -> Gate:
    if not facts.probes:
        return Gate(name="probes", answer=Answer.SKIPPED, detail="none are sent")
    if facts.rows:
        return Gate(name="probes", answer=Answer.PASS, detail=f"{facts.rows} rows of the holdout set")
    return Gate(
        name="probes",
        answer=Answer.FAIL,
        detail=facts.unreadable or f"{facts.probes:g} a second are wanted, and {facts.holdout} has no request to send",
        hint=f"put requests there, one JSON body per line: commit them, or deploy requests {facts.environment} has "
        "users' own; or take probes out of deploy.toml",
    )


_GATES: tuple[Callable[[GateFacts], Gate], ...] = (_order, _digest, _bad_mark, _clean, _tests, _settled, _file, _probes)
