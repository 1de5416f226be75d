"""The check that comes before any drawing: an outdated checkout must not bring an old release back."""

from collections.abc import Sequence

from towpath.core.contract import Endpoint
from towpath.core.errors import Refused
from towpath.core.outputs import StackOutputs

_REMEDY = (
    "pull the branch that has the newer file; to go back on purpose, `deploy rollback` writes a newer promotion number"
)


def check_promotions(stack: str, endpoints: Sequence[Endpoint], last: StackOutputs) -> None:
    """Compare the file's promotion numbers with those that were drawn last.

    Raises:
        Refused: a number is lower, or an endpoint that serves is gone from the file; all of them at once.
    """
    now = {endpoint.name: endpoint.promotion for endpoint in endpoints}
    problems = []
    for drawn in last.endpoints:
        promotion = now.get(drawn.name)
        if promotion is None:
            if drawn.stable is not None:
                problems.append(f"endpoint {drawn.name} serves {drawn.stable.release} and is not in the file")
        elif promotion < drawn.promotion:
            problems.append(f"endpoint {drawn.name} was drawn by promotion {drawn.promotion}, the file has {promotion}")
    if problems:
        gone = "; to retire an endpoint, take its release out first, then the endpoint" if _any_gone(problems) else ""
        raise Refused(f"Pulumi.{stack}.yaml is older than what {stack} runs: {'; '.join(problems)}", _REMEDY + gone)


def _any_gone(problems: Sequence[str]) -> bool:
    return any("is not in the file" in problem for problem in problems)
