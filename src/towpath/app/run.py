"""One promotion under way: what every step needs, and the only way a step may change the world."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from towpath.app.journal import Journal
from towpath.app.ports import Overlay, StackFile
from towpath.app.replay import Replay
from towpath.app.services import Held, Services
from towpath.core.contract import Endpoint, endpoint_targets, route_target
from towpath.core.errors import Busy, NeedsPerson, Overridden
from towpath.core.history import History, Kind, Open
from towpath.core.history_codec import history_of
from towpath.core.journal import JSON, Draft
from towpath.core.outputs import StackOutputs
from towpath.core.promotion import Plan

LOCK_WAIT: Final = 120.0  # seconds another engine may hold the stack before a step gives up on it
LOCK_POLL: Final = 2.0
FOR_EVER: Final = math.inf


@dataclass(kw_only=True, slots=True)
class Run:
    """A promotion and the right to act on its environment.

    Attributes:
        services: the world.
        journal: the environment's.
        held: the lease; checked before every effect.
        plan: what was opened.
        file: the stack file as it was pinned.
        base: the endpoint as it was before the promotion.
        replay: the canary as this driver has looked at it; absent before.
    """

    services: Services
    journal: Journal
    held: Held
    plan: Plan
    file: StackFile
    base: Endpoint
    replay: Replay | None = None

    @property
    def stack(self) -> str:
        """The environment's stack."""
        return self.plan.environment

    def history(self) -> History:
        """What the journal says now."""
        return history_of(self.journal.entries())

    def open(self) -> Open:
        """This promotion's state.

        Raises:
            Overridden: the journal says it is over.
        """
        now = self.history().open
        if now is None or now.plan.id != self.plan.id:
            raise Overridden(f"promotion {self.plan.id} of {self.stack} was ended by somebody else")
        return now

    def note(self, kind: Kind, **payload: JSON) -> None:
        """Write a fact of this promotion; durable once this returns."""
        draft = Draft(kind=kind, promotion=self.plan.id, fence=self.held.fence, payload=payload)
        self.journal.append(lambda _entries: draft)

    def outputs(self) -> StackOutputs:
        """What the stack exports now."""
        return self.services.engine.outputs(self.stack)


def expect_ours(run: Run, outputs: StackOutputs) -> None:
    """Compare what is drawn with what this promotion applied last.

    Raises:
        Overridden: somebody else drew the stack; nothing more may be applied.
    """
    ours = run.open().drawn
    if outputs.drawn not in ours:
        raise Overridden(
            f"{run.stack} was changed by somebody else during promotion {run.plan.id}; nothing more was applied",
            f"see what stands: deploy status; {run.plan.candidate.short} isn't marked bad",
        )


def expect_program(run: Run) -> None:
    """Steps of one promotion are drawn by one program.

    Raises:
        NeedsPerson: it changed since the promotion was opened.
    """
    plan = run.plan
    if run.services.program() != plan.program_sha256:
        raise NeedsPerson(
            f"infra/ or stacks/ changed since promotion {plan.id} of {run.stack} was opened",
            f"check out commit {plan.commit[:12] or 'it was opened from'} and resume, "
            f"or give it up: deploy abort {run.stack}",
        )


def shift(run: Run, endpoint: Endpoint, patience: float = LOCK_WAIT) -> StackOutputs:
    """Change an endpoint's traffic and nothing else; another engine's lock is waited for so many seconds."""
    with _overlay(run, endpoint) as overlay:
        return _up(run, overlay, (route_target(endpoint.name),), patience)


def draw(run: Run, endpoint: Endpoint) -> StackOutputs:
    """Change an endpoint's replicas, and nothing of another endpoint."""
    with _overlay(run, endpoint) as overlay:
        return _up(run, overlay, endpoint_targets(endpoint.name), LOCK_WAIT)


def restore(run: Run) -> StackOutputs:
    """Draw the endpoint as it was before, and with it all that the stack's file says, however long that takes."""
    with _overlay(run, run.base) as overlay:
        return _up(run, overlay, (), FOR_EVER)


@contextmanager
def _overlay(run: Run, endpoint: Endpoint) -> Iterator[Overlay]:
    run.held.check()
    stands = run.outputs()
    expect_ours(run, stands)
    with run.services.files.overlay(run.file, endpoint, run.held.fence) as overlay:
        run.note(Kind.APPLYING, drawn=overlay.drawn, over=stands.drawn)
        yield overlay


def _up(run: Run, overlay: Overlay, targets: Sequence[str], patience: float) -> StackOutputs:
    """Run the engine; another engine's lock is waited for, and what that one drew is looked at first."""
    deadline, told = run.services.clock.monotonic() + patience, ""
    while True:
        run.held.check()
        try:
            outputs = run.services.engine.up(run.stack, overlay, targets=targets)
        except Busy as busy:
            if run.services.clock.monotonic() > deadline:  # Busy is for who has the lease; nobody else took that
                raise NeedsPerson(f"{busy.message}, for longer than {patience:.0f} s", busy.hint) from busy
            if busy.message != told:
                told = busy.message
                run.services.report.line(f"waiting for another engine on {run.stack}: {told}")
            run.services.clock.sleep(LOCK_POLL)
            expect_ours(run, run.outputs())
        except NeedsPerson:
            expect_ours(run, run.outputs())  # who drew the stack between the last look and this run made it fail
            raise
        else:
            return _as_asked(run, outputs, overlay)


def _as_asked(run: Run, outputs: StackOutputs, overlay: Overlay) -> StackOutputs:
    if outputs.drawn != overlay.drawn:
        raise NeedsPerson(
            f"{run.stack} exports that it drew {outputs.drawn[:12] or 'nothing'}, asked for was {overlay.drawn[:12]}",
            "the program in stacks/ doesn't draw what its config says; compare it with the one `deploy init` writes",
        )
    return outputs
