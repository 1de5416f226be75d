"""The metrics that a page promises are those that are exposed and read."""

import json
import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.adapters.test_envoy_metrics import CLUSTERS, SCRAPE
from tests.docs.pages import ROOT
from tests.serving.kit import DIGEST, ready
from towpath.adapters.envoy_metrics import sample_of

YOUR_OWN = ROOT / "docs" / "your-own-model.md"
ROW = re.compile(r"^\| `((?:towpath|process|envoy)_\w+)` \|([\w, ]*)\| (.+) \|$", re.MULTILINE)
ENDINGS = ("_bucket", "_sum", "_count", "_total")
REFERENCE = {
    "version": 1,
    "outputs": {"sum": {"kind": "score", "cuts": [1.0]}, "label": {"kind": "class", "classes": ["small", "big"]}},
    "inputs": {"x": {"features": ["a", "b"], "cuts": [[1.0], [2.0]], "counts": [[5, 5], [5, 5]]}},
}

Metrics = dict[str, tuple[str, frozenset[str]]]  # kind and labels by name


def documented(*begins: str) -> Metrics:
    rows = [row for row in ROW.findall(YOUR_OWN.read_text(encoding="utf-8")) if row[0].startswith(begins)]
    return {name: (kind_of(what), frozenset(re.findall(r"\w+", labels))) for name, labels, what in rows}


def kind_of(what: str) -> str:
    return next((kind for kind in ("gauge", "histogram") if what.startswith(kind)), "counter")


def exposed(text: str) -> Metrics:
    kinds: dict[str, str] = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    labels: dict[str, set[str]] = {name: set() for name in kinds}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels[name_of(sample, kinds)] |= sample.labels.keys() - {"le"}
    return {name: (kind, frozenset(labels[name])) for name, kind in kinds.items()}


def name_of(sample: Sample, kinds: dict[str, str]) -> str:
    own = (sample.name.removesuffix(ending) for ending in ("", *ENDINGS))
    return next(name for name in own if name in kinds)


def without(name: str) -> str:
    """The scrape, but for one metric."""
    own = re.compile(rf"(# TYPE )?{name}(_bucket|_sum|_count)?[{{ ]")
    return "".join(line for line in SCRAPE.splitlines(keepends=True) if not own.match(line))


def test_the_kit_exposes_what_the_page_lists_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "reference.json").write_text(json.dumps(REFERENCE))
    release = f"localhost:5055/m@{DIGEST}"
    with ready("kit_models:Sums", tmp_path, {"TOWPATH_SAMPLE": "1", "TOWPATH_RELEASE": release}) as kit:
        row = {"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [1, 2]}
        assert kit.infer({"inputs": [row]}).status == 200
        text = kit.get("/metrics").body.decode()

    assert exposed(text) == documented("towpath_", "process_")
    assert f'towpath_release_info{{release="{release}",digest="{DIGEST}"}} 1\n' in text


def test_a_kit_that_was_told_no_release_says_so(tmp_path: Path) -> None:
    with ready("kit_models:Echo", tmp_path) as kit:
        assert kit.metric('towpath_release_info{release="",digest=""}') == 1


def test_the_router_has_what_the_page_lists_and_all_of_it_is_read() -> None:
    listed = documented("envoy_")
    of_clusters = {name: one for name, one in exposed(SCRAPE).items() if name.startswith("envoy_cluster_upstream_")}
    assert of_clusters == listed
    whole = sample_of("r", 1.0, SCRAPE, CLUSTERS)
    assert [name for name in listed if sample_of("r", 1.0, without(name), CLUSTERS) == whole] == []
