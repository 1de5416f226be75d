"""What a running release says of where it came from.

An image is reproducible, so it can hold neither its own digest nor a commit. The build says both beside the image, as
a referrer in the registry, and whoever starts a container reads them there.
"""

import json
from typing import Final

from towpath.core.release import ReleaseRecord

ARTIFACT_TYPE: Final = "application/vnd.towpath.provenance.v1+json"
CREATED: Final = "org.opencontainers.image.created"  # the newest of several is the one that counts
FORMAT: Final = 1


def provenance_of(record: ReleaseRecord) -> bytes:
    """What is said about a release in its registry; the same record gives the same bytes."""
    said = {
        "format": FORMAT,
        "model": record.model,
        "commit": record.commit + ("-dirty" if record.dirty else ""),
        "data": record.hashes.get("data", ""),
        "metrics": record.metrics,
        "builtAt": record.built_at,
    }
    return json.dumps(said, sort_keys=True, separators=(",", ":")).encode()


def variables(provenance: bytes) -> dict[str, str]:
    """The same as the environment of a container; none for bytes that aren't ours or of a newer format."""
    try:
        said = json.loads(provenance)
    except ValueError:
        return {}
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        return {}
    plain = {"TOWPATH_COMMIT": "commit", "TOWPATH_DATA": "data"}
    found = {name: str(said.get(key, "")) for name, key in plain.items()}
    metrics = json.dumps(said.get("metrics", {}), sort_keys=True, separators=(",", ":"))
    return {name: value for name, value in (found | {"TOWPATH_METRICS": metrics}).items() if value}
