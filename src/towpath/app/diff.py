"""`deploy diff`: a candidate beside stable, from the router's counters, the log of predictions and the platform."""

from collections.abc import Iterator
from dataclasses import dataclass

from towpath.app.explain import recording_of
from towpath.app.facts import Standing, standing
from towpath.app.journal import Journal
from towpath.app.sampled import sampled
from towpath.app.services import Services
from towpath.core.consumption import Consumption, Usage, consumption
from towpath.core.errors import Refused, UsageError
from towpath.core.history import Closed, History, Open
from towpath.core.history_codec import history_of
from towpath.core.observation import Observation, increments
from towpath.core.outputs import ArmOutput, EndpointOutput
from towpath.core.promotion import Plan
from towpath.core.recording import Recording
from towpath.core.shifts import Sliced
from towpath.core.side_by_side import SideBySide, side_by_side
from towpath.core.tallies import Arm
from towpath.core.watch import Look


@dataclass(frozen=True, kw_only=True, slots=True)
class DiffRequest:
    """What the user asked for.

    Attributes:
        promotion: its number; 0: the canary under way, else the last one.
        seconds: between two readings of the containers; 0: they are read once, and nothing is said of CPU.
        tail: so many of the last log lines of each replica are searched for predictions.
    """

    environment: str
    model: str = ""
    promotion: int = 0
    seconds: float = 5.0
    tail: int = 5000


@dataclass(frozen=True, kw_only=True, slots=True)
class Diff:
    """A candidate beside stable.

    Attributes:
        promotion: whose canary it is.
        under_way: it goes on, and its counters were read now.
        counted: by the router, and by the serving kit.
        live: slices of users' requests; absent where there were no samples of both arms.
        probe: slices of probes.
        stable: what its replicas take now; absent where none runs.
        canary: the same of the candidate.
        notes: what is missing and why, and what to do about it.
    """

    promotion: Closed | Open
    under_way: bool
    counted: SideBySide
    live: Sliced | None
    probe: Sliced | None
    stable: Consumption | None
    canary: Consumption | None
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Chosen:
    """A promotion with a canary, and which of its arms the stack has drawn now."""

    one: Closed | Open
    recording: Recording
    under_way: bool
    drawn: dict[Arm, tuple[Arm, ArmOutput]]  # by the diff's arm; the other one is the stack's word for it now
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Readings:
    """The containers and the router's counters, read twice."""

    usage: tuple[tuple[Usage, ...], tuple[Usage, ...]] = ((), ())
    observed: tuple[Observation, ...] = ()

    def consumption(self, arm: tuple[Arm, ArmOutput] | None) -> Consumption | None:
        """What an arm took between the two."""
        if arm is None:
            return None
        name, output = arm
        return consumption(*self.usage, output.release_id, self._requests(name))

    def _requests(self, name: Arm) -> int:
        if not self.observed:
            return 0
        grown = increments(self.observed[0], self.observed[-1])
        pairs = (grown.live, grown.probe)
        return sum((pair.canary if name == "canary" else pair.stable).requests for pair in pairs)


def diff(services: Services, request: DiffRequest) -> Diff:
    """Compare a candidate with stable; changes nothing.

    Raises:
        UsageError: there is no such environment, model or promotion.
        Refused: there is no canary to compare, or it wasn't looked at twice.
    """
    here = standing(services, request.environment, request.model)
    chosen = _chosen(services, here, request.promotion)
    readings = _read(services, here, chosen, request.seconds)
    counted = _counted(chosen, readings)
    arms = {arm: output for arm, (_, output) in chosen.drawn.items()}
    slices = sampled(services, here, arms, counted, request.tail)
    return Diff(
        promotion=chosen.one,
        under_way=chosen.under_way,
        counted=counted,
        live=slices.live,
        probe=slices.probe,
        stable=readings.consumption(chosen.drawn.get("stable")),
        canary=readings.consumption(chosen.drawn.get("canary")),
        notes=(*chosen.notes, *_problems(readings), *counted.lost, *slices.notes),
    )


def _chosen(services: Services, here: Standing, promotion: int) -> _Chosen:
    journal = services.journals(here.environment.name)
    history = history_of(journal.history())
    one, recording = _with_looks(journal, history, here.endpoint.name, promotion)
    drawn = here.outputs.endpoint(here.endpoint.name)
    under_way = isinstance(one, Open) and _runs(drawn, one.plan)
    newer = history.open if history.open is not None and not promotion else None
    unseen = newer is not None and newer.plan.id != one.plan.id and newer.plan.endpoint == here.endpoint.name
    note = f"promotion {newer.plan.id} is under way and hasn't been looked at yet" if newer and unseen else ""
    return _Chosen(
        one=one,
        recording=recording,
        under_way=under_way,
        drawn=dict(_drawn(drawn, one.plan)),
        notes=(note,) if note else (),
    )


def _with_looks(journal: Journal, history: History, endpoint: str, promotion: int) -> tuple[Closed | Open, Recording]:
    """The promotion asked for, else the newest of the endpoint, that has a canary."""
    every: list[Closed | Open] = [*history.closed, *([history.open] if history.open is not None else [])]
    own = [one for one in reversed(every) if one.plan.endpoint == endpoint]
    asked = [one for one in own if one.plan.id == promotion] if promotion else own
    if promotion and not asked:
        known = ", ".join(str(one.plan.id) for one in reversed(own)) or "none"
        raise UsageError(f"{journal.environment} has no promotion {promotion} of {endpoint}", f"there are: {known}")
    for one in asked:
        recording = recording_of(journal, history, one.plan)
        if recording is not None:
            return one, recording
    name = journal.environment
    what = f"promotion {promotion} of {name} had" if promotion else f"{name} has had"
    raise Refused(
        f"{what} no canary of {endpoint} that was looked at: there is nothing to compare",
        f"deploy promote --to {name} begins one, if [environments.{name}.canary] is configured",
    )


def _runs(drawn: EndpointOutput | None, plan: Plan) -> bool:
    return drawn is not None and drawn.canary is not None and drawn.canary.release == plan.candidate


def _drawn(drawn: EndpointOutput | None, plan: Plan) -> Iterator[tuple[Arm, tuple[Arm, ArmOutput]]]:
    """Arms of the promotion that the stack serves still, as the same arm or, once it is over, as stable."""
    if drawn is None:
        return
    now: tuple[tuple[Arm, ArmOutput | None], ...] = (("stable", drawn.stable), ("canary", drawn.canary))
    arms: tuple[Arm, ...] = ("stable", "canary")
    for arm, release in zip(arms, (plan.stable, plan.candidate), strict=True):
        found = [(name, one) for name, one in now if one is not None and one.release == release]
        if found:
            yield arm, found[0]


def _read(services: Services, here: Standing, chosen: _Chosen, seconds: float) -> _Readings:
    """Containers and counters now and a while later; nothing where nothing of either arm runs."""
    if not chosen.drawn:
        return _Readings()
    stack, model = here.environment.name, here.model.name
    own = chosen.recording.policy.own
    observer = services.watch(stack, here.outputs, here.endpoint.name, model, here.endpoint.serving, own).observer
    before, observed = services.inventory.usage(here.outputs.instance, stack), [observer.read()]
    if seconds <= 0:
        return _Readings(usage=((), before), observed=tuple(observed))
    with services.report.progress(f"watching the containers for {seconds:g} s"):
        services.clock.sleep(seconds)
    after = services.inventory.usage(here.outputs.instance, stack)
    return _Readings(usage=(before, after), observed=(*observed, observer.read()))


def _counted(chosen: _Chosen, readings: _Readings) -> SideBySide:
    looks = list(chosen.recording.looks)
    if chosen.under_way:
        looks += [Look(step=looks[-1].step, observation=observation) for observation in readings.observed]
    counted = side_by_side(looks)
    if counted is None:
        raise Refused(
            f"the canary of promotion {chosen.one.plan.id} was looked at only once: there is nothing to compare yet",
            "wait for its next look; deploy status says where it stands",
        )
    return counted


def _problems(readings: _Readings) -> tuple[str, ...]:
    return tuple(dict.fromkeys(problem for one in readings.observed for problem in one.problems))
