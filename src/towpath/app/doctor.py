"""`deploy doctor`: which real engines are used, what is missing, and the remedy of each."""

from dataclasses import dataclass
from typing import Literal

from towpath.app.setup_ports import SetupPorts
from towpath.core.toolchain import (
    BASE_ALIAS,
    DockerFacts,
    EngineFacts,
    ImageFacts,
    Instance,
    Lacking,
    ToolFacts,
    choose_docker,
    choose_engine,
    choose_images,
)

State = Literal["ok", "mendable", "missing", "optional"]
_MEND = "run `deploy setup`"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One thing: *mendable* is mended by `deploy setup`, *missing* needs a person, *optional* isn't needed here."""

    thing: str
    state: State
    found: str
    remedy: str = ""


def doctor(ports: SetupPorts, *, offline: bool) -> tuple[Row, ...]:
    """One row per thing that is used, from what the machine has now. Changes nothing."""
    instance = ports.instances.load()
    engine_facts = ports.machine.engine_facts(instance, offline=offline)
    docker_facts = ports.machine.docker_facts()
    image_facts = ports.machine.image_facts(instance, offline=offline)
    return (
        *_engine_rows(instance, engine_facts),
        _docker_row(docker_facts),
        *_image_rows(instance, image_facts),
        *map(_tool_row, ports.machine.tool_facts()),
    )


def healthy(rows: tuple[Row, ...]) -> bool:
    """Whether everything that is needed is there."""
    return all(row.state in ("ok", "optional") for row in rows)


def _engine_rows(instance: Instance | None, facts: EngineFacts) -> tuple[Row, Row]:
    choice = choose_engine(facts)
    if isinstance(choice, Lacking):
        row = Row(thing="engine", state="missing", found=choice.message, remedy=choice.remedy)
        return row, Row(thing="language host", state="missing", found="comes with the engine", remedy=choice.remedy)
    if instance is None:
        found = f"not set up; would come from {choice.source}: {choice.reason}"
        return (
            Row(thing="engine", state="mendable", found=found, remedy=_MEND),
            Row(thing="language host", state="mendable", found="comes with the engine", remedy=_MEND),
        )
    engine = instance.engine
    state: State = "ok" if facts.recorded else "mendable"
    remedy = "" if facts.recorded else _MEND
    found = f"pulumi {engine.version} from {engine.source}: {engine.pulumi}"
    return (
        Row(thing="engine", state=state, found=found, remedy=remedy),
        Row(thing="language host", state=state, found=engine.language_host, remedy=remedy),
    )


def _docker_row(facts: DockerFacts) -> Row:
    choice = choose_docker(facts)
    if isinstance(choice, Lacking):
        return Row(thing="docker", state="missing", found=choice.message, remedy=choice.remedy)
    if choice.action == "use":
        return Row(thing="docker", state="ok", found=choice.reason)
    return Row(thing="docker", state="mendable", found=choice.reason, remedy=_MEND)


def _image_rows(instance: Instance | None, facts: ImageFacts) -> tuple[Row, ...]:
    choice = choose_images(facts)
    references = {"base": "", "registry": "", "router": ""}
    if instance is not None:
        base = instance.base.get(BASE_ALIAS)
        references = {
            "base": f"{BASE_ALIAS} is {base.image}" if base is not None else "",
            "registry": instance.registry,
            "router": instance.router,
        }
    rows = []
    for name, reference in references.items():
        thing = f"{name} image"
        if name not in facts.missing:
            rows.append(Row(thing=thing, state="ok", found=reference))
        elif isinstance(choice, Lacking):
            rows.append(Row(thing=thing, state="missing", found=choice.message, remedy=choice.remedy))
        else:
            rows.append(Row(thing=thing, state="mendable", found=f"not there; {choice.reason}", remedy=_MEND))
    return tuple(rows)


def _tool_row(facts: ToolFacts) -> Row:
    if facts.enough:
        return Row(thing=facts.thing, state="ok", found=facts.found)
    # Go is only needed to build an engine; the engine's own row says when one must be built and can't
    state: State = "optional" if facts.thing == "go" else "missing"
    return Row(thing=facts.thing, state=state, found=facts.found or "absent", remedy=facts.remedy)
