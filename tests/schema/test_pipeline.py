import json
import re
from pathlib import Path

import pytest
import yaml

from tests.schema.pipelines import FILE, GOOD, refused
from towpath.core.canary_policy import CanaryPolicy, Margin, Margins
from towpath.core.drift import DriftPolicy
from towpath.core.errors import UsageError
from towpath.core.image import BuilderName
from towpath.core.judge.curves import Slower
from towpath.schema.pipeline import json_schema, parse_pipeline

ROOT = Path(__file__).parents[2]
EVERY_KEY = """
strategy = "canary"
traffic = [10, 20]
holdback = 10
min_polls = 3
poll = "5s"
min_time = "1m"
max_time = "1h30m"
min_requests = 7
alpha = 0.02
beta = 0.1
max_gap = "2m"
on_inconclusive = "rollback"
warm_up = "250ms"
dispersion = 4
probes = {rate = 3}
margins.errors.rollback = {ratio = 1.2, plus = 0.01}
margins.errors.promote = {ratio = 2, plus = 0.02}
margins.latency.rollback = {slower = 0.1, plus_ms = 1.5}
margins.predictions.promote = 0.1
metrics = ["errors", "predictions"]
drift = {psi = 0.3, action = "tell"}
"""
ARRIVED = CanaryPolicy(
    traffic=(10, 20),
    holdback=10,
    min_polls=3,
    poll=5,
    min_time=60,
    max_time=5400,
    min_requests=7,
    alpha=0.02,
    beta=0.1,
    max_gap=120,
    on_inconclusive="roll back",
    warm_up=0.25,
    dispersion=4,
    probes=3,
    metrics=("errors", "predictions"),
    margins=Margins(
        errors=Margin(ratio=1.2, points=0.01),
        errors_promote=Margin(ratio=2, points=0.02),
        latency=Slower(ratio=1.1, plus=1.5),
        predictions_promote=0.1,
    ),
    drift=DriftPolicy(psi=0.3, action="tell"),
)


def test_paths_start_from_the_folder_of_the_file() -> None:
    pipeline = parse_pipeline(GOOD, FILE)

    assert (pipeline.root, pipeline.state) == ("/home/you/project", "/home/you/project/.towpath")
    assert pipeline.model().spec.folder == "/home/you/project/models/iris"
    assert pipeline.model().spec.declared_in == FILE


def test_an_absolute_state_folder_stays_where_it_is() -> None:
    assert parse_pipeline('state.url = "/var/lib/towpath"\n' + GOOD, FILE).state == "/var/lib/towpath"


def test_an_empty_canary_table_means_the_defaults_of_the_core_and_no_table_means_no_canary() -> None:
    pipeline = parse_pipeline(GOOD, FILE)

    assert pipeline.environment("prod").canary == CanaryPolicy()
    assert pipeline.environment("dev").canary is None


def test_every_key_of_a_canary_arrives() -> None:
    assert parse_pipeline(GOOD + EVERY_KEY, FILE).environment("prod").canary == ARRIVED


def test_blue_green_is_one_step_of_everything_but_the_holdback() -> None:
    canary = parse_pipeline(GOOD + 'strategy = "blue-green"\nholdback = 10\n', FILE).environment("prod").canary

    assert canary is not None
    assert canary.shares == (90,)


def test_the_end_of_the_chain_is_protected_unless_the_file_says_otherwise() -> None:
    told = parse_pipeline(GOOD, FILE)
    free = parse_pipeline(GOOD.replace("[environments.prod.canary]", "protected = false"), FILE)

    assert [place.protected for place in told.environments] == [False, True]
    assert [place.require_clean for place in free.environments] == [False, False]


@pytest.mark.parametrize(
    ("table", "builder"),
    [
        ('command = "m:C"', BuilderName.LAYERS),
        ('builder = "dockerfile"', BuilderName.DOCKERFILE),
        (f'builder = "image"\nimage = "localhost:5055/m@sha256:{"a" * 64}"', BuilderName.IMAGE),
    ],
)
def test_each_builder_has_its_own_keys(table: str, builder: BuilderName) -> None:
    pipeline = parse_pipeline(GOOD.replace('command = "model:Iris"', table), FILE)

    assert pipeline.model("iris").spec.image.builder is builder


def test_commands_are_words_or_a_line_of_them() -> None:
    as_line = parse_pipeline(
        GOOD.replace("[models.iris.image]", "test = \"pytest -k 'a b'\"\n[models.iris.image]"), FILE
    )
    as_list = parse_pipeline(GOOD.replace("[models.iris.image]", 'test = ["pytest", "-q"]\n[models.iris.image]'), FILE)

    assert as_line.model().spec.test == ("pytest", "-k", "a b")
    assert as_list.model().spec.test == ("pytest", "-q")


MODEL, IMAGE, DEV, CANARY = "[models.iris]", "[models.iris.image]", "[environments.dev]", "[environments.prod.canary]"


@pytest.mark.parametrize(
    ("under", "line", "says"),
    [
        ("", "[stat]", "stat: unknown key; did you mean state? valid: environments, models, state"),
        ("", "[state]\nurl = 's3://bucket'", "state.url: found 's3://bucket', valid: a folder"),
        ("", "[state]\nurl = 3", "state.url: found 3, valid: a text"),
        ("", "[preview]", "preview: unknown key"),
        (MODEL, "dat = 'x'", "models.iris.dat: unknown key; did you mean data? valid: data, image, path, test, train"),
        (MODEL, "data = '../secret'", "models.iris.data: found '../secret', valid: a relative path"),
        (MODEL, "train = 3", "models.iris.train: found 3, valid: a list"),
        (MODEL, "test = 'a \"b'", "models.iris.test: found 'a \"b', valid: a command line whose quotes close"),
        (IMAGE, "comand = 'm:C'", "models.iris.image.comand: unknown key; did you mean command?"),
        (
            IMAGE,
            "builder = 'layer'",
            "models.iris.image.builder: found 'layer', valid: 'layers', 'dockerfile', 'image'",
        ),
        (IMAGE, "builder = 3", "models.iris.image.builder: found '3', valid: 'layers'"),
        (IMAGE, "builder = 'dockerfile'", "models.iris.image.command: unknown key; valid: builder, context,"),
        (IMAGE, "builder = 'image'", "models.iris.image.image: missing"),
        (IMAGE, "platform = 'windows/amd64'", "found 'windows/amd64', valid: linux/amd64, linux/arm64"),
        (IMAGE, "python = '2.7'", "models.iris.image.python: found '2.7', valid: a Python version"),
        (IMAGE, "code = ['ok.py', '/etc/passwd']", "models.iris.image.code[1]: found '/etc/passwd', valid: a relative"),
        (IMAGE, "weights = 'weights'", "models.iris.image.weights: found 'weights', valid: a list"),
        (IMAGE, "env = {'A-B' = 'x'}", "models.iris.image.env: found a table, valid: names of variables"),
        (IMAGE, "env = {A = 1}", "models.iris.image.env.A: found 1, valid: a text"),
        (DEV, "endpoint = 'x'", "environments.dev.endpoint: unknown key; valid: canary, promotes_from, protected"),
        (DEV, "promotes_from = 'prd'", "environments.dev.promotes_from: found 'prd', did you mean prod? valid: prod"),
        (DEV, "promotes_from = 'prod'", "dev.promotes_from: found a circle dev <- prod <- dev, valid: a chain"),
        (DEV, "promotes_from = 'dev'", "dev.promotes_from: found a circle dev <- dev, valid: a chain"),
        (DEV, "protected = 'yes'", "environments.dev.protected: found 'yes', valid: true or false"),
        (DEV, "canary = 5", "environments.dev.canary: found 5, valid: a table"),
        (CANARY, "strategy = 'shadow'", "prod.canary.strategy: found 'shadow', valid: 'canary' or 'blue-green'"),
        (CANARY, "strategy = 'blue-green'\ntraffic = [5]", "canary.traffic: found [5], valid: no such key with blue"),
        (CANARY, "traffic = [5, 'x']", "prod.canary.traffic[1]: found 'x', valid: a whole number"),
        (CANARY, "traffic = []", "prod.canary.traffic: found [], valid: at least one entry"),
        (CANARY, "traffic = [50, 5]", "prod.canary.traffic: found [50, 5], valid: ascending percents, each once"),
        (CANARY, "traffic = [5, 97]", "prod.canary.traffic: found [5, 97], valid: percents below 95"),
        (CANARY, "traffic = [5, 100]", "prod.canary.traffic[1]: found 100, valid: less than 100"),
        (CANARY, "holdback = 0", "prod.canary.holdback: found 0, valid: greater than 0"),
        (CANARY, "holdback = 60\ntraffic = [5]", "prod.canary.holdback: found 60, valid: below 50"),
        (CANARY, "poll = 10", 'prod.canary.poll: found 10, valid: a duration such as "90s"'),
        (CANARY, "poll = '10 parsecs'", "prod.canary.poll: found '10 parsecs', valid: a duration"),
        (CANARY, "poll = '10m'", 'prod.canary.poll: found 10m, valid: from "1s" to less than max_gap'),
        (CANARY, "max_time = '6m'", "prod.canary.max_time: found 6m, valid: at least min_time"),
        (CANARY, "warm_up = '2h'", "prod.canary.warm_up: found 2h, valid: below max_time"),
        (CANARY, "alpha = 2", "prod.canary.alpha: found 2, valid: less than 1"),
        (CANARY, "probes = true", "prod.canary.probes: found True, valid: a table"),
        (CANARY, "on_inconclusive = 'promote'", "found 'promote', valid: 'ask' or 'rollback'"),
        (CANARY, "margins.errors.rollback.ratio = 0.5", "margins.errors.rollback.ratio: found 0.5, valid: at least 1"),
        (CANARY, "margins.errors.rollback.ratio = 2", "prod.canary.margins.errors.rollback.plus: missing"),
        (CANARY, "margins.errors.promote = {ratio = 1, plus = 0}", "prod.canary.margins: ratio at least 1, points at"),
        (CANARY, "min_polls = 0", "prod.canary.min_polls: found 0, valid: at least 1"),
        (CANARY, "margins.scores = 2", "margins.scores: unknown key; valid: errors, latency, predictions"),
        (CANARY, "margins.latency.promote.slower = 0.01", "prod.canary.margins: ratio at least 1, points at"),
        (CANARY, "margins.predictions.rollback = 0.2", "prod.canary.margins: ratio at least 1, points at"),
        (CANARY, "drift.psi = 0", "prod.canary.drift.psi: found 0, valid: greater than 0"),
        (CANARY, "drift.action = 'stop'", "prod.canary.drift.action: found 'stop', valid: 'hold' or 'tell'"),
        (CANARY, 'metrics = ["latency"]', "prod.canary.metrics: errors and any of latency, predictions"),
        (CANARY, 'metrics = ["errors", "speed"]', "metrics[1]: found 'speed'"),
    ],
)
def test_a_bad_key_is_told_with_its_path_what_was_found_and_what_is_valid(under: str, line: str, says: str) -> None:
    text = GOOD.replace(under, f"{under}\n{line}") if under else GOOD + line

    message = refused(text)

    assert says in message
    assert message.startswith(FILE)


def test_all_problems_of_all_kinds_are_told_at_once() -> None:
    text = GOOD.replace(IMAGE, f"dat = 1\n{IMAGE}\ncomand = 1").replace(
        '"dev"', '"def"\n[environments.third]\npromotes_from = "third"'
    )

    problems = re.findall(r"^  - ", refused(text + "\n[stat]\n"), re.MULTILINE)

    assert len(problems) == 5


@pytest.mark.parametrize("name", ["Prod", "1st", "a_b", "x" * 41, "-a", "a-"])
def test_a_name_that_no_platform_takes_is_refused(name: str) -> None:
    assert f"environments.{name}: found" in refused(GOOD + f"[environments.{name}]")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "models: missing"),
        ("[models", "is not TOML"),
        (f"a = {'[' * 5000}", "is not TOML"),
        (f"a = {'9' * 5000}", "is not TOML"),
        ("[models]\n[environments]", "valid: at least one entry"),
    ],
)
def test_an_empty_or_broken_file_says_so(text: str, says: str) -> None:
    assert says in refused(text)


def test_a_model_may_be_left_unnamed_only_while_there_is_one() -> None:
    second = '[models.other]\npath = "o"\nimage.command = "m:O"\n'
    pipeline = parse_pipeline(second + GOOD, FILE)

    with pytest.raises(UsageError, match="2 models") as caught:
        pipeline.model()
    assert caught.value.hint == "name one of them: other, iris"
    with pytest.raises(UsageError, match="no model 'irs'"):
        pipeline.model("irs")
    with pytest.raises(UsageError, match="no environment 'qa'"):
        pipeline.environment("qa")


def test_the_pipeline_of_this_repository_is_valid_and_its_model_folder_exists() -> None:
    file = ROOT / "deploy.toml"
    pipeline = parse_pipeline(file.read_text(encoding="utf-8"), str(file))

    assert [place.name for place in pipeline.environments] == ["dev", "staging", "prod"]
    image = pipeline.model().spec.image
    assert all((Path(pipeline.model().spec.folder) / name).exists() for name in (*image.code, image.requirements))


def test_the_json_schema_names_every_table_and_forbids_unknown_keys() -> None:
    schema = json_schema()

    assert schema["properties"].keys() == {"state", "models", "environments"}
    assert schema["additionalProperties"] is False
    assert all(table["additionalProperties"] is False for table in schema["$defs"].values() if "properties" in table)
    assert yaml.safe_load(json.dumps(schema)) == schema
