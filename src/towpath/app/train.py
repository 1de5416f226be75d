"""`deploy build --train`: the model's own training, before its release is built."""

from towpath.app.build_ports import Programs, last_line
from towpath.app.ports import Report
from towpath.core.errors import Refused, UsageError
from towpath.core.pipeline import Model


def train(programs: Programs, report: Report, model: Model) -> None:
    """Run the model's training command in its folder.

    Raises:
        UsageError: it has none.
        Refused: it failed; nothing was built.
    """
    if not model.train:
        raise UsageError(f"{model.name} has no train command", f"name one: models.{model.name}.train in deploy.toml")
    with report.progress(f"training of {model.name}"):
        answer = programs.run(model.train, cwd=model.spec.folder)
    if answer.exit_code != 0:
        line = " ".join(model.train)
        raise Refused(f"training {model.name} failed: {last_line(answer) or answer.exit_code}", f"run it: {line}")
