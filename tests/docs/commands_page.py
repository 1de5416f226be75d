"""docs/cli.md, made from the command itself; and its command lines, parsed as it would parse them."""

import inspect
import shlex
from collections.abc import Iterator, Sequence
from typing import Any, Final

from typer.main import get_command

from towpath.cli.main import application
from towpath.cli.render import SCHEMA_VERSION
from towpath.cli.session import hoisted
from towpath.core import errors

_HEAD: Final = """\
# The command

Made from the command itself; `make golden` makes it again.

`deploy --help` and `deploy COMMAND --help` say the same and need no project. Answers go to standard output; progress,
questions, hints and errors go to standard error. Questions are asked only on a terminal.

## Everywhere

`--json`, `--config` and `-v` may stand anywhere on the command line.

"""

_EXIT: Final = """
## Exit codes

| code | name | meaning |
| --- | --- | --- |
| 0 | | done |
| 1 | Bug | a bug of Towpath's; `-v` shows the traceback |
"""

_OTHER_CODE: Final = (10, "", "`deploy plan --detailed-exitcode`: the promotion would change something")

_JSON: Final = f"""
## JSON

With `--json` an answer is one object on one line, with `schema_version` (now {SCHEMA_VERSION}) and `command`. Within a
version keys are added and never change their meaning. `deploy logs --json` writes one object per line of log. A command
that fails writes one object with `error`, and ends with its `exit_code`:

```json
{{
  "schema_version": {SCHEMA_VERSION},
  "error": {{
    "kind": "Refused",
    "exit_code": 3,
    "message": "prod was not confirmed; nothing was destroyed",
    "hint": ""
  }}
}}
```

`kind` is a name of the table above, or `Bug`.

The JSON schema of `deploy.toml`, for editors, comes from the code that parses it:

```sh
python -c 'import json; from towpath.schema.pipeline import json_schema; print(json.dumps(json_schema(), indent=2))'
```
"""


def page() -> str:
    """The whole page."""
    group = command()
    return "".join(
        (
            _HEAD,
            _options(_params(group, "option")),
            "\n## Commands\n",
            *(_section(name, one) for name, one in verbs()),
            _EXIT,
            *(f"| {code} | {name} | {meaning} |\n" for code, name, meaning in exit_codes()),
            _JSON,
        )
    )


def command() -> Any:  # noqa: ANN401 - typer's own class, which it doesn't export with its commands
    """The group of all commands."""
    return get_command(application())


def verbs() -> Iterator[tuple[str, Any]]:
    """Every command below `deploy` by the words it is called with, a group before those in it."""
    waiting = list(command().commands.items())
    while waiting:
        name, verb = waiting.pop(0)
        yield name, verb
        waiting = [*((f"{name} {inner}", one) for inner, one in _within(verb).items()), *waiting]


def parse(words: Sequence[str]) -> None:
    """Parse a command line as the command would, without running it.

    Raises:
        typer.TyperException: an option, argument or verb that isn't there.
    """
    if not set(words) & {"--help", "-h", "--version"}:
        _parse(command(), "deploy", hoisted(list(words)), None)


def _parse(verb: Any, name: str, words: list[str], parent: Any) -> None:  # noqa: ANN401 - as above
    with verb.make_context(name, words, parent=parent) as context:
        if _within(verb):
            inner, one, rest = verb.resolve_command(context, [*context._protected_args, *context.args])
            _parse(one, inner, rest, context)


def _within(verb: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    """The commands of a group."""
    return dict(getattr(verb, "commands", {}))


def tree() -> Iterator[type[errors.TowpathError]]:
    """Every error that ends a command."""
    found = [one for one in vars(errors).values() if inspect.isclass(one) and issubclass(one, errors.TowpathError)]
    yield from (one for one in found if one is not errors.TowpathError)


def exit_codes() -> list[tuple[int, str, str]]:
    """Every code beside 0 and 1, with the error's name and what it means."""
    return sorted([*((one.exit_code, one.__name__, _meaning(one)) for one in tree()), _OTHER_CODE])


def _meaning(error: type[errors.TowpathError]) -> str:
    text = (error.__doc__ or "").strip().rstrip(".")
    return text[0].lower() + text[1:]


def _section(name: str, verb: Any) -> str:  # noqa: ANN401 - as above
    first, _, more = inspect.cleandoc(verb.help).partition("\n\n")
    arguments, options = _params(verb, "argument"), _params(verb, "option")
    inner = ["COMMAND"] if _within(verb) else []
    ends = ["[OPTIONS]"] if options else []
    usage = " ".join(("deploy", name, *inner, *(_argument(one) for one in arguments), *ends))
    text = f"\n### `deploy {name}`\n\n{first}\n\n```text\n{usage}\n```\n"
    text += f"\n{' '.join(more.split())}\n" if more else ""
    text += "".join(("\n", *(f"- `{_argument(one)}`: {_help(one)}\n" for one in arguments))) if arguments else ""
    return text + (f"\n{_options(options)}" if options else "")


def _params(verb: Any, kind: str) -> list[Any]:  # noqa: ANN401 - as above
    hidden = {"install_completion", "show_completion", "help"}
    return [one for one in verb.params if one.param_type_name == kind and one.name not in hidden]


def _argument(param: Any) -> str:  # noqa: ANN401 - as above
    name = str(param.metavar or param.name.upper()).strip("[]")
    return name if param.required else f"[{name}]"


def _options(params: Sequence[Any]) -> str:
    rows = (f"| {_names(one)} | {_default(one)} | {_help(one)} |\n" for one in params)
    return "| option | default | meaning |\n| --- | --- | --- |\n" + "".join(rows)


def _names(param: Any) -> str:  # noqa: ANN401 - as above
    value = "" if param.is_flag else f" {param.metavar or 'VALUE'}"
    return ", ".join(f"`{name}{value}`" for name in param.opts).replace("|", "\\|")


def _default(param: Any) -> str:  # noqa: ANN401 - as above
    if param.required:
        return "required"
    return "" if param.default in (None, "", False) else f"`{param.default}`"


def _help(param: Any) -> str:  # noqa: ANN401 - as above
    return " ".join(str(param.help).split()).replace("|", "\\|")


def words_of(text: str) -> list[str]:
    """A command line as the words that a shell makes of it."""
    return shlex.split(text)
