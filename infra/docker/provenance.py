"""What the registry says of an image's origin: read where a container is made, so that no config has to carry it."""

import json
import urllib.error
import urllib.request
from typing import Any, Final

from towpath.core.errors import UsageError
from towpath.core.provenance import ARTIFACT_TYPE, CREATED, variables
from towpath.core.release import ImageRef, parse_image

_INDEX: Final = "application/vnd.oci.image.index.v1+json"
_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_PATIENCE: Final = 5.0
_LOCAL: Final = ("localhost", "127.0.0.1")


def provenance_variables(reference: str) -> dict[str, str]:
    """Environment of a container of this image; none where the registry says nothing or can't be asked without login.

    A release serves as well without it, so nothing here fails.
    """
    try:
        image = parse_image(reference)
        said = _said(image)
        return {} if said is None else variables(said)
    except (UsageError, urllib.error.URLError, OSError, ValueError, KeyError, IndexError):
        return {}


def _said(image: ImageRef) -> bytes | None:
    entries = [entry for entry in _referrers(image) if entry.get("artifactType") == ARTIFACT_TYPE]
    if not entries:
        return None
    newest = max(entries, key=lambda entry: str(entry.get("annotations", {}).get(CREATED, "")))
    manifest = json.loads(_get(image, f"manifests/{newest['digest']}", _MANIFEST))
    return _get(image, f"blobs/{manifest['layers'][0]['digest']}", "*/*")


def _referrers(image: ImageRef) -> list[dict[str, Any]]:
    for path in (f"referrers/{image.digest}", f"manifests/{image.digest.replace(':', '-')}"):
        try:
            return list(json.loads(_get(image, path, _INDEX))["manifests"])
        except urllib.error.HTTPError:
            continue  # an older registry has no such API and keeps the list under a tag
    return []


def _get(image: ImageRef, path: str, accept: str) -> bytes:
    scheme = "http" if image.registry.partition(":")[0] in _LOCAL else "https"
    url = f"{scheme}://{image.registry}/v2/{image.path}/{path}"
    request = urllib.request.Request(url, headers={"Accept": accept})  # noqa: S310 - http or https, see above
    with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:  # noqa: S310 - as above
        body: bytes = answer.read()
    return body
