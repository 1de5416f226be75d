from dataclasses import replace

from tests.fakes.toolchain import FakeInstances, FakeMachine, FakeReport, fake_ports
from towpath.app.doctor import Row, doctor, healthy
from towpath.app.setup import setup
from towpath.core.toolchain import DockerFacts, EngineFacts, ImageFacts, ToolFacts

TOOLS = (
    ToolFacts(thing="go", found="", enough=False, remedy="only needed to build"),
    ToolFacts(thing="git", found="2.39.5", enough=True),
)


def by_thing(rows: tuple[Row, ...]) -> dict[str, Row]:
    return {row.thing: row for row in rows}


def test_after_setup_every_thing_is_ok() -> None:
    ports = fake_ports(FakeMachine(tools=TOOLS))
    setup(ports, FakeReport(), offline=False)
    rows = doctor(ports, offline=False)
    assert [row.thing for row in rows] == [
        "engine",
        "language host",
        "docker",
        "base image",
        "registry image",
        "router image",
        "go",
        "git",
    ]
    assert {row.state for row in rows} == {"ok", "optional"}
    assert healthy(rows)


def test_before_setup_what_it_would_do_is_said() -> None:
    machine = FakeMachine(
        engine=EngineFacts(offline=False, go="1.26.8"), docker=DockerFacts(trouble="absent", root=True, packages=True)
    )
    rows = by_thing(doctor(fake_ports(machine), offline=False))
    assert "would come from build" in rows["engine"].found
    for thing in ("engine", "language host", "docker", "router image"):
        assert rows[thing].state == "mendable"
        assert "deploy setup" in rows[thing].remedy
    assert machine.actions == []


def test_what_only_a_person_can_mend_has_its_own_remedy() -> None:
    machine = FakeMachine(
        engine=EngineFacts(offline=False),
        docker=DockerFacts(trouble="denied"),
        images=ImageFacts(offline=False, missing=()),
        tools=(ToolFacts(thing="disk", found="0.1 GiB free", enough=False, remedy="free 3 GiB"),),
    )
    rows = by_thing(doctor(fake_ports(machine), offline=False))
    assert {thing for thing, row in rows.items() if row.state == "missing"} == set(rows)
    assert all(row.remedy and row.remedy != "run `deploy setup`" for row in rows.values())
    assert not healthy(tuple(rows.values()))


def test_a_lost_image_is_told_from_those_still_there() -> None:
    machine, instances = FakeMachine(), FakeInstances()
    ports = fake_ports(machine, instances)
    setup(ports, FakeReport(), offline=False)
    machine.images = replace(machine.images, missing=("router",))
    rows = by_thing(doctor(ports, offline=False))
    assert rows["router image"].state == "mendable"
    assert rows["registry image"].state == "ok"
