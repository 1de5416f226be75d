"""Slices of what both arms of a canary were asked and answered, from the log of predictions of their replicas."""

from collections.abc import Mapping
from dataclasses import dataclass

from towpath.app.facts import Standing
from towpath.app.services import Services
from towpath.core.outputs import ArmOutput
from towpath.core.prediction_lines import SAMPLE
from towpath.core.samples import Sample, Samples, balanced, read_samples
from towpath.core.shifts import FEWEST, Sliced, sliced
from towpath.core.side_by_side import SideBySide
from towpath.core.tallies import Arm

_SPOKEN: Mapping[Arm, str] = {"stable": "stable", "canary": "the candidate"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Slices:
    """What the samples say.

    Attributes:
        live: of users' requests; absent where an arm has no samples.
        probe: of ours.
        notes: what is missing, and what to do about it.
    """

    live: Sliced | None = None
    probe: Sliced | None = None
    notes: tuple[str, ...] = ()


def sampled(
    services: Services, here: Standing, arms: Mapping[Arm, ArmOutput], counted: SideBySide, tail: int
) -> Slices:
    """Compare the samples since the first look, as far as the last `tail` log lines of each replica go."""
    gone = [spoken for arm, spoken in _SPOKEN.items() if arm not in arms]
    if gone:
        return Slices(notes=(f"no slices: the replicas of {' and '.join(gone)} are gone, and their log with them",))
    logs = {arm: _log(services, here, output, tail) for arm, output in arms.items()}
    stable, canary = ([one for one in logs[arm].samples if counted.since < one.at <= counted.until] for arm in _SPOKEN)
    notes = [
        f"{log.unread} predictions in the log of {_SPOKEN[arm]} can't be read"
        for arm, log in logs.items()
        if log.unread
    ]
    if not (stable and canary):
        return Slices(notes=(*notes, _unsampled(here, len(stable), len(canary))))
    live, probe = (_slices(stable, canary, counted, probe=probe) for probe in (False, True))
    if not any(one is not None and one.compared for one in (live, probe)):
        notes.append(_too_few(len(stable), len(canary)))
    return Slices(live=live, probe=probe, notes=tuple(notes))


def _log(services: Services, here: Standing, arm: ArmOutput, tail: int) -> Samples:
    return read_samples(
        services.inventory.logs(here.outputs.instance, here.environment.name, arm.release_id, follow=False, tail=tail)
    )


def _slices(stable: list[Sample], canary: list[Sample], counted: SideBySide, *, probe: bool) -> Sliced | None:
    old, new = ([sample for sample in arm if sample.probe == probe] for arm in (stable, canary))
    return sliced(*balanced(old, new, counted.since, counted.ends)) if old and new else None


def _unsampled(here: Standing, stable: int, canary: int) -> str:
    return (
        f"no slices: the log of predictions has {stable} samples of stable and {canary} of the candidate since the "
        f'canary began; to have a tenth logged, put {SAMPLE}: "0.1" into env of {here.endpoint.name} in '
        f"{here.file.path}, then pulumi up -s {here.environment.name} and promote again"
    )


def _too_few(stable: int, canary: int) -> str:
    return (
        f"no slices: one needs {FEWEST} samples of each arm, there are {stable} of stable and {canary} of the "
        f"candidate; more traffic, more time or a larger {SAMPLE} gives more"
    )
