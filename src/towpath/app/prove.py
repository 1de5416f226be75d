"""The proof at the end of a promotion: what runs, what is written and what is drawn say the same."""

from towpath.app.ports import Running
from towpath.app.run import Run
from towpath.core.contract import release_id
from towpath.core.errors import NeedsPerson
from towpath.core.outputs import StackOutputs
from towpath.core.promotion import promoted


def prove(run: Run) -> None:
    """Read digests and inventory back, and run the checked-in file dry.

    Raises:
        NeedsPerson: something differs; nothing is undone, and every difference is named.
    """
    outputs = run.outputs()
    problems = (*_inventory_problems(run, outputs), *_file_problems(run))
    if problems:
        listed = "\n".join(f"  - {problem}" for problem in problems)
        what = f"{run.plan.candidate.short} was promoted to {run.stack}"
        raise NeedsPerson(
            f"{what}, but the proof fails; nothing was undone\n{listed}",
            f"mend what is named, then: deploy resume {run.stack}",
        )


def _inventory_problems(run: Run, outputs: StackOutputs) -> tuple[str, ...]:
    running = [
        replica
        for replica in run.services.inventory.running(outputs.instance, run.stack)
        if replica.endpoint == run.plan.endpoint
    ]
    after = promoted(run.base, run.plan)
    wanted = release_id(after.name, run.plan.candidate, after.serving)
    ours = [replica for replica in running if replica.release_id == wanted]
    problems = [_problem(run, replica, wanted) for replica in running]
    if len(ours) != after.replicas:
        problems.append(f"{len(ours)} replicas of the release run, {after.replicas} were drawn")
    return tuple(problem for problem in problems if problem)


def _problem(run: Run, replica: Running, wanted: str) -> str:
    if replica.release_id != wanted:
        return f"{replica.name} still runs another release, {replica.release_id}"
    if replica.digest != run.plan.candidate.digest:
        return f"{replica.name} runs {replica.digest or 'an unknown image'}, not {run.plan.candidate.digest}"
    return "" if replica.ready else f"{replica.name} isn't ready"


def _file_problems(run: Run) -> tuple[str, ...]:
    file = run.services.files.read(run.stack)
    changes = run.services.engine.preview(run.stack, run.services.files.as_is(file))
    return tuple(f"pulumi up -s {run.stack} would {change.operation} {change.name}" for change in changes)
