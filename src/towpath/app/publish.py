"""`deploy promote --commit`: the promoted stack file becomes part of the branch."""

from towpath.app.services import Services
from towpath.core.history import Closed, Kind
from towpath.core.journal import Draft


def publish(services: Services, closed: Closed) -> str:
    """Commit the stack file that a promotion wrote, and nothing else; gives back the commit.

    Raises:
        UsageError: Git refuses.
    """
    plan = closed.plan
    path = services.files.read(plan.environment).path
    commit = services.git.commit(path, f"Promote {plan.model} {plan.candidate.short} to {plan.environment}")
    draft = Draft(kind=Kind.PUBLISHED, promotion=plan.id, payload={"commit": commit})
    services.journals(plan.environment).append(lambda _entries: draft)
    return commit
