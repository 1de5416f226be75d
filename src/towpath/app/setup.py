"""`deploy setup`: make this machine able to run the whole road, and say what is done and why."""

from collections.abc import Mapping
from dataclasses import dataclass

from towpath.app.aside import aside
from towpath.app.setup_ports import Instances, Report, SetupPorts
from towpath.core.errors import Missing
from towpath.core.instance import Damaged
from towpath.core.toolchain import (
    BASE_ALIAS,
    BaseImage,
    Engine,
    EngineChoice,
    EngineFacts,
    ImageSource,
    Instance,
    Lacking,
    choose_docker,
    choose_engine,
    choose_images,
)

_DOCKER_ROUNDS = 3  # install, start, use


@dataclass(frozen=True, kw_only=True, slots=True)
class _Images:
    source: ImageSource
    base: Mapping[str, BaseImage]
    registry: str
    router: str


def setup(ports: SetupPorts, report: Report, *, offline: bool) -> Instance:
    """Mend what is missing and record it; what is there is left as it is, so it can be interrupted and run again.

    Raises:
        Missing: with everything that only a person can mend, before anything is changed.
        Busy: another setup of this checkout is running.
        Refused: the instance's file is damaged or gone, and nothing says which id it had.
    """
    ports.instances.prepare()
    with ports.instances.lock():
        before, identity = _before(ports.instances, report)
        facts, choice = _plan(ports, before, offline=offline)
        # the engine takes longest by far, and needs neither Docker nor images
        with aside(lambda: _engine(ports, report, facts, choice), ports.engines.stop) as engine_to_come:
            docker_host = _docker(ports, report)
            images = _images(ports, report, before, offline=offline)
            engine = engine_to_come.result()
        instance = Instance(
            id=identity,
            engine=engine,
            base=images.base,
            registry=images.registry,
            router=images.router,
            offline=offline or _is_cut_off(choice, images.source, before),
            docker_host=docker_host,
        )
        ports.instances.save(instance)
    return instance


def _before(instances: Instances, report: Report) -> tuple[Instance | None, str]:
    """What an earlier setup left, and the id, which outlives everything else of it."""
    try:
        before = instances.load()
    except Damaged as damaged:
        report.step("instance", f"{damaged.message}; it is written anew")
        before = None
    known = instances.kept_id() if before is None else before.id
    return before, known or instances.new_id()


def _plan(ports: SetupPorts, before: Instance | None, *, offline: bool) -> tuple[EngineFacts, EngineChoice]:
    """The engine to use, once it is known that everything else can be mended too."""
    facts = ports.machine.engine_facts(before, offline=offline)
    engine = choose_engine(facts)
    docker = choose_docker(ports.machine.docker_facts())
    images = choose_images(ports.machine.image_facts(before, offline=offline))
    lacking = [choice for choice in (engine, docker, images) if isinstance(choice, Lacking)]
    if lacking or isinstance(engine, Lacking):
        messages = "\n".join(f"  - {each.message}" for each in lacking)
        raise Missing(f"setup can't mend this machine by itself:\n{messages}", "; ".join(x.remedy for x in lacking))
    return facts, engine


def _docker(ports: SetupPorts, report: Report) -> str:
    """The address of a daemon that answers."""
    for _ in range(_DOCKER_ROUNDS):
        facts = ports.machine.docker_facts()
        choice = choose_docker(facts)
        if isinstance(choice, Lacking):
            raise Missing(choice.message, choice.remedy)
        if choice.action == "use":
            report.done("Docker", choice.reason)
            return facts.host
        report.step("Docker", choice.reason)
        if choice.action == "install":
            ports.docker.install(report)
        else:
            ports.docker.start(report)
    raise Missing("Docker was installed and started and doesn't answer", "see `deploy doctor`")


def _images(ports: SetupPorts, report: Report, before: Instance | None, *, offline: bool) -> _Images:
    choice = choose_images(ports.machine.image_facts(before, offline=offline))
    if isinstance(choice, Lacking):
        raise Missing(choice.message, choice.remedy)
    if choice.source == "recorded" and before is not None:
        report.done("images", choice.reason)
        return _Images(source=choice.source, base=before.base, registry=before.registry, router=before.router)
    report.step("images", choice.reason)
    base = ports.images.base(BASE_ALIAS, choice.source, report)
    report.done("base image", f"{BASE_ALIAS} is {base.image}")
    registry = ports.images.registry(choice.source, report)
    report.done("registry image", registry)
    router = ports.images.router(choice.source, report)
    report.done("router image", router)
    return _Images(source=choice.source, base={BASE_ALIAS: base}, registry=registry, router=router)


def _engine(ports: SetupPorts, report: Report, facts: EngineFacts, choice: EngineChoice) -> Engine:
    if choice.source in ("build", "installer"):
        note = " (about 4 minutes, once per user)" if choice.source == "build" else ""
        report.step("engine", f"{choice.reason}{note}")
    engine = ports.engines.install(ports.engines.obtain(choice.source, facts, report))
    report.done("engine", f"pulumi {engine.version}, {engine.language_host} language host: {choice.reason}")
    return engine


def _is_cut_off(engine: EngineChoice, images: ImageSource, before: Instance | None) -> bool:
    """Whether nothing could be downloaded: seen now, or when what is reused was made."""
    if "installer" in (engine.source, images) or images == "official":
        return False
    seen_now = engine.source == "build" or images == "local"
    return seen_now or (before is not None and before.offline)
