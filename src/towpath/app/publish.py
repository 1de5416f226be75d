"""`--commit`: the stack file that a promotion or a roll back wrote becomes part of the branch."""

import shlex

from towpath.app.services import Services
from towpath.core.errors import Missing, NeedsPerson, UsageError
from towpath.core.history import Closed, Kind
from towpath.core.journal import Draft
from towpath.core.promotion import Plan


def publish(services: Services, closed: Closed) -> str:
    """Commit the stack file that a promotion wrote, and nothing else; gives back the commit.

    Raises:
        NeedsPerson: Git refuses; the release serves all the same.
    """
    plan = closed.plan
    what = f"{plan.model} {plan.candidate.short}"
    message = f"Roll {plan.environment} back to {what}" if closed.went_back else f"Promote {what} to {plan.environment}"
    commit = _committed(services, plan, message)
    draft = Draft(kind=Kind.PUBLISHED, promotion=plan.id, payload={"commit": commit})
    services.journals(plan.environment).append(lambda _entries: draft)
    return commit


def _committed(services: Services, plan: Plan, message: str) -> str:
    path = services.files.path(plan.environment)
    try:
        return services.git.commit(path, message)
    except (UsageError, Missing) as error:
        file = shlex.quote(path)
        raise NeedsPerson(
            f"promotion {plan.id} ended well, {plan.environment} serves {plan.candidate.short}; only the commit of its "
            f"stack file failed: {error.message}",
            f"git add -- {file} && git commit -m {shlex.quote(message)} -- {file}",
        ) from error
