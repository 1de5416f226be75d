"""`deploy status` and `deploy history`: what stands, declared and observed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from towpath.app.facts import Standing, standing
from towpath.app.heard import last_heard, silence_allowed
from towpath.app.ports import Running
from towpath.app.services import Services
from towpath.core.errors import UsageError
from towpath.core.history import Closed, Open
from towpath.core.history_codec import history_of
from towpath.core.outputs import as_declared
from towpath.core.release import ImageRef


@dataclass(frozen=True, kw_only=True, slots=True)
class EnvironmentStatus:
    """One endpoint in one environment.

    Attributes:
        environment: its name.
        endpoint: its name.
        url: where requests go; empty before the first `up`.
        drawn: the environment stands; false before its first `up` and after `deploy destroy`.
        release: what is served; absent: nothing.
        since: when it was promoted, seconds since the epoch; absent where no promotion says.
        candidate: beside it; absent outside a canary.
        declared: percent of traffic the candidate was given; absent outside a canary.
        observed: percent that each router replica really gives it.
        ready: replicas that are ready, of both arms.
        replicas: replicas that run, of both arms.
        healthy: everything drawn runs the digest it should and is ready, and routers do what was declared.
        open: the endpoint's promotion under way.
        last: its last one that ended.
        published: the tracked branch's stack file has this release; absent where that can't be told: there is no
            repository, or the branch's file doesn't parse.
        problems: what contradicts something else.
    """

    environment: str
    endpoint: str
    url: str
    drawn: bool
    release: ImageRef | None
    since: float | None
    candidate: ImageRef | None
    declared: float | None
    observed: tuple[float, ...]
    ready: int
    replicas: int
    healthy: bool
    open: Open | None
    last: Closed | None
    published: bool | None
    problems: tuple[str, ...]


def status(services: Services, model: str = "") -> tuple[EnvironmentStatus, ...]:
    """Every environment of the pipeline, in its order, of one model or of every model that has an endpoint there."""
    models = services.pipeline.models
    names = [model] if model or len(models) == 1 else [one.name for one in models]
    return tuple(
        _status(services, standing(services, environment.name, name))
        for name in names
        for environment in services.pipeline.environments
        if len(names) == 1 or services.files.read(environment.name).endpoint(name) is not None
    )


def history(services: Services, environment: str) -> tuple[Closed, ...]:
    """Ended promotions of an environment, newest first.

    Raises:
        UsageError: there is no such environment.
    """
    services.pipeline.environment(environment)
    return tuple(reversed(history_of(services.journals(environment).history()).closed))


def _status(services: Services, here: Standing) -> EnvironmentStatus:
    name, endpoint = here.environment.name, here.outputs.endpoint(here.endpoint.name)
    canary = None if endpoint is None else endpoint.canary
    running = _running(services, here)
    observed = () if canary is None else services.traffic.observed(here.outputs, here.endpoint.name)
    problems = (*_problems(here, running), *_traffic_problems(here, observed), *_driver_problems(services, here))
    promoted = here.history.promoted(here.endpoint.name)
    opened, ended = here.history.open, [c for c in here.history.closed if c.plan.endpoint == here.endpoint.name]
    return EnvironmentStatus(
        environment=name,
        endpoint=here.endpoint.name,
        url="" if endpoint is None else endpoint.url,
        drawn=bool(here.outputs.drawn),
        release=here.serving,
        since=promoted[-1].until if promoted and promoted[-1].plan.candidate == here.serving else None,
        candidate=None if canary is None else canary.release,
        declared=None if canary is None else canary.traffic,
        observed=observed,
        ready=sum(replica.ready for replica in running),
        replicas=len(running),
        healthy=not problems and (here.serving is None or any(replica.ready for replica in running)),
        open=opened if opened is not None and opened.plan.endpoint == here.endpoint.name else None,
        last=ended[-1] if ended else None,
        published=_published(services, here),
        problems=problems,
    )


def _running(services: Services, here: Standing) -> tuple[Running, ...]:
    if not here.outputs.instance:
        return ()
    running = services.inventory.running(here.outputs.instance, here.environment.name)
    return tuple(replica for replica in running if replica.endpoint == here.endpoint.name)


def _problems(here: Standing, running: tuple[Running, ...]) -> tuple[str, ...]:
    endpoint = here.outputs.endpoint(here.endpoint.name)
    arms = [] if endpoint is None else [arm for arm in (endpoint.stable, endpoint.canary) if arm is not None]
    wanted = {arm.release_id: arm.release.digest for arm in arms}
    found = [
        f"{replica.name} runs {_digits(replica.digest)}, drawn was {_digits(wanted[replica.release_id])}"
        for replica in running
        if replica.release_id in wanted and replica.digest != wanted[replica.release_id]
    ]
    found += [f"{replica.name} isn't drawn" for replica in running if replica.release_id not in wanted]
    found += [f"{replica.name} isn't ready" for replica in running if not replica.ready]
    for arm in arms:
        count = sum(replica.release_id == arm.release_id for replica in running)
        if count != arm.replicas:
            found.append(f"{count} replicas of {arm.release.short} run, {arm.replicas} were drawn")
    if here.outputs.drawn and here.history.open is None and here.endpoint.release != here.serving:
        found.append(f"the stack file names {_short(here.endpoint.release)}, served is {_short(here.serving)}")
    return tuple(found)


def _traffic_problems(here: Standing, observed: Sequence[float]) -> tuple[str, ...]:
    """Router replicas that say something else than was declared; none while a step is just changing that."""
    opened, endpoint = here.history.open, here.outputs.endpoint(here.endpoint.name)
    changing = opened is not None and not opened.stands(here.outputs.drawn)
    if changing or endpoint is None or endpoint.canary is None:
        return ()
    declared = endpoint.canary.traffic
    return tuple(
        f"{router.name} gives the candidate {share:g} %, declared was {declared:g} %"
        for router, share in zip(here.outputs.routers, observed, strict=True)
        if not math.isnan(share) and not as_declared(declared, share)
    )


def _driver_problems(services: Services, here: Standing) -> tuple[str, ...]:
    """A driver that should have written something by now; one that waits for a person is silent by rights."""
    opened = here.history.open
    if opened is None or opened.paused:
        return ()
    silent = services.clock.now() - last_heard(services.journals(here.environment.name), opened)
    if silent <= silence_allowed(opened, here.endpoint.serving.timeouts):
        return ()
    step = opened.plan.steps[min(opened.next_step, len(opened.plan.steps) - 1)]
    said = f"nothing was heard for {silent:.0f} s of who drives promotion {opened.plan.id}, at {step.name}"
    return (f"{said}; deploy resume {here.environment.name} goes on",)


def _digits(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12] or "an unknown image"


def _short(release: ImageRef | None) -> str:
    return "nothing" if release is None else release.short


def _published(services: Services, here: Standing) -> bool | None:
    if not services.git.head():
        return None
    text = services.git.published(here.file.path)
    if text is None:
        return False
    try:
        there = services.files.parse(here.environment.name, text).endpoint(here.endpoint.name)
    except UsageError:
        return None
    return there is not None and there.promotion >= here.endpoint.promotion and there.release == here.endpoint.release
