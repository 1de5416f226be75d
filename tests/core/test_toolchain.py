from dataclasses import replace

import pytest

from towpath.core.errors import UsageError
from towpath.core.instance import from_json, to_json
from towpath.core.toolchain import (
    BaseImage,
    DockerChoice,
    DockerFacts,
    DockerTrouble,
    Engine,
    EngineChoice,
    EngineFacts,
    EnginePlaces,
    ImageChoice,
    ImageFacts,
    Instance,
    Lacking,
    choose_docker,
    choose_engine,
    choose_images,
    engine_environment,
    engine_fits,
)

ON_PATH = Engine(pulumi="/usr/bin/pulumi", source="path", version="3.260.1", language_host="official")
OLD = replace(ON_PATH, version="3.100.0")
CACHED = Engine(pulumi="/cache/pulumi", source="cache", version="3.259.0", language_host="stand-in")
INSTANCE = Instance(
    id="0123abcd",
    engine=Engine(pulumi="/s/bin/pulumi", source="build", version="3.259.0", language_host="stand-in"),
    base={"python3.11": BaseImage(image="towpath/base:1", digest="sha256:aa", layout="/cache/layout")},
    registry="towpath/registry:1",
    router="towpath/router:1",
    offline=True,
    docker_host="ssh://user@box",
)
ONLINE = replace(INSTANCE, offline=False, docker_host="")
PLACES = EnginePlaces(state="/s", python="/venv/bin/python", python_path=("/repo", "/repo/src"))


@pytest.mark.parametrize(
    ("version", "fits"),
    [
        ("3.259.0", True),
        ("v3.260.1-alpha.17", True),
        ("3.1000.0", True),
        ("3.258.9", False),
        ("4.0.0", False),
        ("", False),
        ("dev", False),
    ],
)
def test_only_a_cli_from_3_259_and_below_4_is_used_as_it_is(version: str, fits: bool) -> None:  # noqa: FBT001 - a table
    assert engine_fits(version) is fits


@pytest.mark.parametrize(
    ("facts", "source"),
    [
        (EngineFacts(offline=False, found=ON_PATH, cached=CACHED, installer=True, go="1.26.8"), "path"),
        (EngineFacts(offline=True, found=ON_PATH), "path"),
        (EngineFacts(offline=False, found=OLD, cached=CACHED, installer=True), "cache"),
        (EngineFacts(offline=False, cached=CACHED, installer=True), "cache"),
        (EngineFacts(offline=False, found=OLD, installer=True, go="1.26.8"), "installer"),
        (EngineFacts(offline=False, installer=True), "installer"),
        (EngineFacts(offline=True, installer=True, go="1.26.8"), "build"),
        (EngineFacts(offline=False, installer=False, go="1.25.11"), "build"),
    ],
)
def test_the_engine_comes_from_the_nearest_place(facts: EngineFacts, source: str) -> None:
    choice = choose_engine(facts)
    assert isinstance(choice, EngineChoice)
    assert choice.source == source
    assert choice.reason


@pytest.mark.parametrize("go", ["", "1.25.10", "1.19"])
def test_no_engine_and_no_go_that_can_build_it_names_both_remedies(go: str) -> None:
    choice = choose_engine(EngineFacts(offline=True, found=OLD, go=go))
    assert isinstance(choice, Lacking)
    assert "3.100.0" in choice.message
    assert go or "absent" in choice.message
    assert "put pulumi 3.259.0" in choice.remedy
    assert "Go 1.25.11" in choice.remedy


def test_a_reason_says_why_the_official_download_was_not_used() -> None:
    asked = choose_engine(EngineFacts(offline=True, installer=True, go="1.26.0"))
    unreachable = choose_engine(EngineFacts(offline=False, go="1.26.0"))
    assert isinstance(asked, EngineChoice)
    assert isinstance(unreachable, EngineChoice)
    assert "--offline" in asked.reason
    assert "can't be reached" in unreachable.reason


@pytest.mark.parametrize(
    ("trouble", "root", "packages", "action"),
    [
        ("", False, False, "use"),
        ("", True, True, "use"),
        ("absent", True, True, "install"),
        ("stopped", True, True, "start"),
        ("stopped", True, False, "start"),
    ],
)
def test_docker_is_used_started_or_installed(
    trouble: DockerTrouble,
    root: bool,  # noqa: FBT001 - a table
    packages: bool,  # noqa: FBT001 - a table
    action: str,
) -> None:
    choice = choose_docker(DockerFacts(trouble=trouble, root=root, packages=packages))
    assert isinstance(choice, DockerChoice)
    assert choice.action == action


@pytest.mark.parametrize(
    ("facts", "remedy"),
    [
        (DockerFacts(trouble="absent", root=True), "install Docker"),
        (DockerFacts(trouble="absent", packages=True), "install Docker"),
        (DockerFacts(trouble="stopped", packages=True), "systemctl start docker"),
        (DockerFacts(trouble="denied"), "usermod -aG docker"),
        (DockerFacts(trouble="remote", host="ssh://user@box", root=True, packages=True), "DOCKER_HOST"),
    ],
)
def test_docker_that_this_user_cannot_mend_has_a_remedy(facts: DockerFacts, remedy: str) -> None:
    choice = choose_docker(facts)
    assert isinstance(choice, Lacking)
    assert remedy in choice.remedy
    assert facts.host in choice.message


@pytest.mark.parametrize(
    ("facts", "source"),
    [
        (ImageFacts(offline=True, missing=()), "recorded"),
        (ImageFacts(offline=False, missing=(), registries=True), "recorded"),
        (ImageFacts(offline=False, missing=("router",), registries=True, cached=True), "official"),
        (ImageFacts(offline=True, missing=("router",), registries=True, cached=True), "local"),
        (ImageFacts(offline=False, missing=("router",), cached=True), "local"),
        (ImageFacts(offline=False, missing=("router",), root=True, packages=True), "local"),
    ],
)
def test_images_come_from_the_nearest_place(facts: ImageFacts, source: str) -> None:
    choice = choose_images(facts)
    assert isinstance(choice, ImageChoice)
    assert choice.source == source


@pytest.mark.parametrize(("root", "packages"), [(False, True), (True, False)])
def test_images_that_can_neither_be_pulled_nor_made_are_named(root: bool, packages: bool) -> None:  # noqa: FBT001 - a table
    choice = choose_images(ImageFacts(offline=False, missing=("base", "router"), root=root, packages=packages))
    assert isinstance(choice, Lacking)
    assert "base, router" in choice.message


def test_the_instance_survives_its_file() -> None:
    assert from_json(to_json(INSTANCE), "instance.json") == INSTANCE
    assert from_json(to_json(ONLINE), "instance.json") == ONLINE


def test_every_problem_of_an_instance_file_is_told_at_once() -> None:
    document = {"format": 1, "engine": {"pulumi": 7, "source": "magic"}, "images": [], "offline": "no"}
    with pytest.raises(UsageError) as caught:
        from_json(document, "instance.json")
    for place in ("id", "engine.pulumi", "engine.source", "engine.languageHost", "images", "offline"):
        assert f"- {place}:" in caught.value.message
    assert "deploy setup" in caught.value.hint


def test_an_instance_of_a_newer_deploy_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="format 2"):
        from_json({**to_json(INSTANCE), "format": 2}, "instance.json")


def test_the_environment_holds_all_a_plain_pulumi_needs() -> None:
    ambient = {"PATH": "/usr/bin:/bin", "PYTHONPATH": "/mine", "HOME": "/root"}
    assert engine_environment(INSTANCE, PLACES, ambient) == {
        "PATH": "/s/bin:/usr/bin:/bin",
        "PULUMI_HOME": "/s/pulumi-home",
        "PULUMI_PYTHON_CMD": "/venv/bin/python",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_CONFIG_PASSPHRASE_FILE": "/s/passphrase",
        "PYTHONPATH": "/repo:/repo/src:/mine",
        "DOCKER_HOST": "ssh://user@box",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_DISABLE_REGISTRY_RESOLVE": "true",
    }


def test_with_the_internet_the_engine_may_download_its_plugins() -> None:
    variables = engine_environment(ONLINE, EnginePlaces(state="/s", python="python3"), {})
    assert not [name for name in variables if name.startswith("PULUMI_DISABLE")]
    assert "PYTHONPATH" not in variables
    assert "DOCKER_HOST" not in variables


def test_a_backend_is_only_set_where_one_is_given() -> None:
    places = replace(PLACES, backend="s3://bucket")
    assert engine_environment(ONLINE, places, {})["PULUMI_BACKEND_URL"] == "s3://bucket"
    assert "PULUMI_BACKEND_URL" not in engine_environment(ONLINE, PLACES, {})


def test_taking_the_environment_twice_adds_nothing() -> None:
    ambient = {"PATH": "/usr/bin", "PYTHONPATH": "/mine"}
    once = engine_environment(INSTANCE, PLACES, ambient)
    assert engine_environment(INSTANCE, PLACES, {**ambient, **once}) == once
