"""What a promotion is decided on: the candidate, what stands in the environment, and what the gates look at."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from towpath.app.ports import StackFile
from towpath.app.services import Services
from towpath.core.canary_policy import CanaryPolicy, after_tries
from towpath.core.contract import Endpoint
from towpath.core.errors import Refused, UsageError
from towpath.core.gates import GateFacts
from towpath.core.history import History
from towpath.core.history_codec import history_of
from towpath.core.outputs import StackOutputs
from towpath.core.pipeline import Environment, Model
from towpath.core.release import ImageRef, ReleaseRecord, parse_image

_FEWEST: Final = 4  # digits: fewer are more likely meant as something else than as a digest
_MOST_LISTED: Final = 10
_MOST_ASKED: Final = 20  # commits: Git is asked about each


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """An environment as it is now.

    Attributes:
        environment: its part of deploy.toml.
        model: the model whose endpoint is looked at.
        file: its stack file.
        endpoint: the endpoint as the file describes it.
        outputs: what the stack exports.
        serving: the release the stack serves there.
        history: its journal, folded.
    """

    environment: Environment
    model: Model
    file: StackFile
    endpoint: Endpoint
    outputs: StackOutputs
    serving: ImageRef | None
    history: History


def standing(services: Services, environment: str, model: str) -> Standing:
    """Read an environment.

    Raises:
        UsageError: deploy.toml has no such environment or model, or the stack file no such endpoint.
    """
    place, what = services.pipeline.environment(environment), services.pipeline.model(model)
    file = services.files.read(environment)
    name = what.name
    endpoint = file.endpoint(name)
    if endpoint is None:
        names = ", ".join(one.name for one in file.endpoints) or "none"
        raise UsageError(f"{file.path} has no endpoint {name}", f"its endpoints are: {names}")
    outputs = services.engine.outputs(environment)
    drawn = outputs.endpoint(name)
    return Standing(
        environment=place.judging(what.name),
        model=what,
        file=file,
        endpoint=endpoint,
        outputs=outputs,
        serving=drawn.stable.release if drawn is not None and drawn.stable is not None else None,
        history=history_of(services.journals(environment).entries()),
    )


def candidate(services: Services, here: Standing, asked: str) -> ImageRef:
    """The release to promote: the one asked for, else what the environment before runs, else the newest build.

    Raises:
        UsageError: nothing fits, with the list of what there is.
        Refused: the environment before is in the middle of a promotion, or its replicas disagree.
    """
    if asked:
        return _asked(services, here.model, asked)
    if here.environment.promotes_from is None:
        return _newest(services, here.model)
    return _upstream(services, here.environment.promotes_from, here.model)


def canary_policy(services: Services, here: Standing, image: ImageRef) -> CanaryPolicy | None:
    """The environment's, with half the chances to be wrong for each canary that the release had beside what serves."""
    policy = here.environment.canary
    return None if policy is None else after_tries(policy, tries(services, here, image))


def tries(services: Services, here: Standing, image: ImageRef) -> int:
    """How many canaries of the release beside what serves now were looked at."""
    journal = services.journals(here.environment.name)
    ended = here.history.tried(here.endpoint.name, image, here.serving)
    return sum(journal.has_chunks(one.plan.id) for one in ended)


def running_digests(services: Services, environment: str, endpoint: str) -> tuple[str, ...]:
    """Digests that the environment's platform really runs for the endpoint, without repeats."""
    outputs = services.engine.outputs(environment)
    running = services.inventory.running(outputs.instance, environment)
    return tuple(sorted({replica.digest for replica in running if replica.endpoint == endpoint}))


def gate_facts(services: Services, here: Standing, image: ImageRef, override: str) -> GateFacts:
    """Collect what the gates look at; reads everything, changes nothing."""
    upstream = here.environment.promotes_from
    preview = services.engine.preview(here.environment.name, services.files.as_is(here.file))
    probes = _probes(here)
    rows, unreadable = _rows(services, here.model) if probes else (0, "")
    return GateFacts(
        candidate=image,
        environment=here.environment.name,
        promotes_from=upstream,
        upstream=() if upstream is None else running_digests(services, upstream, here.model.name),
        in_registry=services.images.exists(image),
        bad=here.history.bad_reason(image),
        override=override,
        record=services.releases.get(image),
        require_clean=here.environment.require_clean,
        pending=tuple(f"{change.operation} {change.name}" for change in preview),
        declared=here.endpoint.release,
        unwritable=services.files.unwritable(here.file, here.endpoint.name, image),
        serving=here.serving,
        probes=probes,
        rows=rows,
        holdout=here.model.spec.holdout,
        unreadable=unreadable,
    )


def _probes(here: Standing) -> float:
    """Per second, of the canary that a promotion would be; a first release has none."""
    policy = here.environment.canary
    return 0.0 if policy is None or here.serving is None else policy.probes


def _rows(services: Services, model: Model) -> tuple[int, str]:
    try:
        return len(services.holdout(model.name)), ""
    except UsageError as error:
        return 0, error.message


def _asked(services: Services, model: Model, asked: str) -> ImageRef:
    if "@" in asked or "/" in asked:
        return parse_image(asked)
    short = asked.removeprefix("sha256:")
    records = services.releases.list(model.name)
    fitting = [record for record in records if len(short) >= _FEWEST and record.image.digest[7:].startswith(short)]
    found = {record.image for record in fitting}  # built twice, a release has two records
    if len(found) == 1:
        return found.pop()
    if found:
        raise UsageError(f"{asked!r} fits {len(found)} releases\n{_listed(fitting)}", "name one by more of its digits")
    hint = f"name one of them by its digest, or at least {_FEWEST} of its first digits; tags move, so they name none"
    raise UsageError(f"no release of {model.name} begins with {asked!r}\n{_listed(records)}", hint)


def _newest(services: Services, model: Model) -> ImageRef:
    head = services.git.head()
    record = services.releases.newest(model.name, head) or _of_same_files(services, model, head)
    if record is not None:
        return record.image
    raise UsageError(
        f"commit {head[:12] or '(none)'} has no release of {model.name}\n{_listed(services.releases.list(model.name))}",
        "deploy build makes one; --release names another",
    )


def _of_same_files(services: Services, model: Model, head: str) -> ReleaseRecord | None:
    """The newest release of a commit that HEAD differs from in stack files only: promotions are committed too."""
    if not head:
        return None
    stack_files = [services.files.path(place.name) for place in services.pipeline.environments]
    for commit, record in islice(_by_commit(services.releases.list(model.name)).items(), _MOST_ASKED):
        if services.git.same_since(commit, stack_files):
            services.report.line(f"commit {head[:12]} has the files of {commit[:12]}, that {record.image.short} is of")
            return record
    return None


def _by_commit(records: Sequence[ReleaseRecord]) -> dict[str, ReleaseRecord]:
    """The newest of every commit, newest first; what was built from uncommitted work is of none."""
    found: dict[str, ReleaseRecord] = {}
    for record in records:
        if record.commit and not record.dirty:
            found.setdefault(record.commit, record)
    return found


def _upstream(services: Services, environment: str, model: Model) -> ImageRef:
    opened = history_of(services.journals(environment).entries()).open
    if opened is not None:
        raise Refused(
            f"{environment} is in the middle of promotion {opened.plan.id}",
            f"wait for it, or: deploy resume {environment}",
        )
    digests = running_digests(services, environment, model.name)
    if len(digests) != 1:
        what = f"replicas of {model.name} in {environment} run {len(digests)} different releases"
        raise Refused(what if digests else f"{environment} runs no {model.name}", f"deploy promote --to {environment}")
    return _recorded(services, model, environment, digests[0]).image


def _recorded(services: Services, model: Model, environment: str, digest: str) -> ReleaseRecord:
    for record in services.releases.list(model.name):
        if record.image.digest == digest:
            return record
    raise Refused(
        f"{environment} runs {digest[7:19]}, and there is no record of how it was built",
        "deploy build records what it builds",
    )


def _listed(records: Sequence[ReleaseRecord]) -> str:
    lines = [f"  {record.image.short}  {record.built_at}  {record.commit[:12]}" for record in records[:_MOST_LISTED]]
    return "\n".join(lines) or "  none"
