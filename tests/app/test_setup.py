from dataclasses import replace

import pytest

from tests.fakes.toolchain import BUILT, FakeDockerSetup, FakeImages, FakeInstances, FakeMachine, FakeReport, fake_ports
from towpath.app.setup import setup
from towpath.core.errors import Busy, Missing
from towpath.core.toolchain import DockerFacts, EngineFacts, ImageFacts

LACKING = ImageFacts(offline=False, missing=("base", "registry", "router"))


def laptop() -> FakeMachine:
    found = replace(BUILT, pulumi="/usr/bin/pulumi", source="path", language_host="official")
    return FakeMachine(engine=EngineFacts(offline=False, found=found))


def bare_server() -> FakeMachine:
    return FakeMachine(
        engine=EngineFacts(offline=False, go="1.26.8"),
        docker=DockerFacts(trouble="absent", root=True, packages=True),
        images=replace(LACKING, root=True, packages=True),
    )


def test_a_laptop_with_the_internet_gets_the_official_parts() -> None:
    machine = laptop()
    instance = setup(fake_ports(machine), FakeReport(), offline=False)
    assert sorted(machine.actions) == ["engine from path", "official base", "official registry", "official router"]
    assert instance.engine.language_host == "official"
    assert instance.base["python3.11"].layout == ""
    assert not instance.offline


def test_a_bare_server_without_the_internet_gets_docker_images_and_engine_made_here() -> None:
    machine = bare_server()
    instance = setup(fake_ports(machine), FakeReport(), offline=False)
    machine.actions.remove("engine from build")  # beside the others
    assert machine.actions == ["install Docker", "start Docker", "local base", "local registry", "local router"]
    assert instance.offline


def test_a_damaged_instance_is_written_anew_with_the_id_it_had() -> None:
    instances, report = FakeInstances(damaged=True, kept="a9fb3100"), FakeReport()
    assert setup(fake_ports(laptop(), instances), report, offline=False).id == "a9fb3100"
    assert instances.saved == 1


def test_an_instance_that_is_gone_comes_back_with_the_id_it_had() -> None:
    assert setup(fake_ports(laptop(), FakeInstances(kept="a9fb3100")), FakeReport(), offline=False).id == "a9fb3100"


def test_a_setup_that_fails_stops_the_build_of_the_engine() -> None:
    machine = bare_server()
    with pytest.raises(Missing):
        setup(fake_ports(machine, starts=False), FakeReport(), offline=False)
    assert machine.stopped


def test_with_the_internet_and_without_pulumi_the_official_installer_is_used() -> None:
    machine = FakeMachine(engine=EngineFacts(offline=False, installer=True, go="1.26.8"))
    instance = setup(fake_ports(machine), FakeReport(), offline=False)
    assert instance.engine.source == "installer"
    assert instance.engine.language_host == "official"
    assert not instance.offline


def test_asked_for_offline_nothing_official_is_fetched() -> None:
    machine = bare_server()
    machine.engine = replace(machine.engine, installer=True)
    machine.images = replace(machine.images, registries=True)
    instance = setup(fake_ports(machine), FakeReport(), offline=True)
    assert instance.engine.source == "build"
    assert instance.router == "local/router"
    assert instance.offline


def test_a_second_setup_changes_nothing_and_keeps_the_id() -> None:
    machine, instances = bare_server(), FakeInstances()
    ports = fake_ports(machine, instances)
    first = setup(ports, FakeReport(), offline=False)
    machine.actions.clear()
    second = setup(ports, FakeReport(), offline=False)
    assert machine.actions == ["engine from cache"]
    assert second == replace(first, engine=replace(first.engine, source="cache"))


def test_an_image_that_the_daemon_lost_is_made_again() -> None:
    machine, instances = bare_server(), FakeInstances()
    ports = fake_ports(machine, instances)
    setup(ports, FakeReport(), offline=False)
    machine.actions.clear()
    machine.images = replace(machine.images, missing=("router",), cached=True)
    setup(ports, FakeReport(), offline=False)
    assert "local router" in machine.actions


def test_everything_a_person_must_mend_is_told_at_once_before_anything_is_changed() -> None:
    machine = FakeMachine(
        engine=EngineFacts(offline=False), docker=DockerFacts(trouble="denied"), images=replace(LACKING, packages=True)
    )
    instances = FakeInstances()
    with pytest.raises(Missing) as caught:
        setup(fake_ports(machine, instances), FakeReport(), offline=False)
    for thing in ("no Pulumi engine", "no permission for the Docker daemon", "missing images"):
        assert thing in caught.value.message
    for remedy in ("Go 1.25.11", "usermod", "as root"):
        assert remedy in caught.value.hint
    assert machine.actions == []
    assert instances.saved == 0


def test_each_thing_is_said_with_its_reason() -> None:
    report = FakeReport()
    setup(fake_ports(bare_server()), report, offline=False)
    steps = {(kind, thing): what for kind, thing, what in report.said}
    assert "no Docker" in " ".join(what for _, thing, what in report.said if thing == "Docker")
    assert "made from Debian's packages" in steps["step", "images"]
    assert "4 minutes" in steps["step", "engine"]
    assert {thing for kind, thing, _ in report.said if kind == "done"} == {
        "Docker",
        "base image",
        "registry image",
        "router image",
        "engine",
    }


def test_a_setup_that_is_interrupted_records_nothing_and_can_be_run_again() -> None:
    machine, instances = bare_server(), FakeInstances()
    ports = fake_ports(machine, instances)
    broken = replace(ports, images=FakeImages(machine=machine, fails=Missing("the mirror went away")))
    with pytest.raises(Missing, match="mirror"):
        setup(broken, FakeReport(), offline=False)
    assert instances.instance is None
    assert not instances.held
    assert setup(ports, FakeReport(), offline=False) == instances.instance


def test_two_setups_at_once_are_one_too_many() -> None:
    machine = bare_server()
    with pytest.raises(Busy, match="process 7"):
        setup(fake_ports(machine, FakeInstances(held=True)), FakeReport(), offline=False)
    assert machine.actions == []


def test_a_daemon_that_never_answers_ends_the_setup() -> None:
    machine = FakeMachine(docker=DockerFacts(trouble="stopped", root=True))
    ports = replace(fake_ports(machine), docker=FakeDockerSetup(machine=machine, starts=False))
    with pytest.raises(Missing, match="doesn't answer"):
        setup(ports, FakeReport(), offline=False)
