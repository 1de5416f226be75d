"""Base images: by alias, from a layout folder, or from a registry by digest."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from towpath.adapters.oci.blobs import BlobSource
from towpath.adapters.oci.client import RegistryClient
from towpath.adapters.oci.layout import Layout
from towpath.core.errors import Missing, Refused, UsageError
from towpath.core.image import Platform
from towpath.core.manifests import Descriptor, ImageDocument
from towpath.core.release import parse_image


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """A base image.

    Attributes:
        name: for the record: what the user wrote, and the digest it stood for.
        config: its config's bytes.
        layers: its layers under OCI's names.
        blob: where a layer's bytes are.
        repository: where it lives, when that is a registry.
    """

    name: str
    config: bytes
    layers: tuple[Descriptor, ...]
    blob: Callable[[Descriptor], BlobSource]
    repository: str = ""


class Bases:
    """Finds base images; aliases are what `deploy setup` resolved: a layout folder or an image by digest."""

    def __init__(self, client: RegistryClient, aliases: Mapping[str, str]) -> None:
        self._client = client
        self._aliases = aliases

    def find(self, name: str, platform: Platform) -> Base:
        """The base of that name for a platform.

        Raises:
            Missing: an alias that nothing resolved.
            UsageError: an image by tag.
            Refused: no image for the platform.
        """
        place = self._aliases.get(name, name)
        if "/" not in place:
            known = ", ".join(sorted(self._aliases)) or "none yet, `deploy setup` finds or makes them"
            raise Missing(
                f"base {name!r} is not known on this machine",
                f"name an image by digest, a folder with an OCI layout, or one of these: {known}",
            )
        if Path(place).is_dir():
            return _from_layout(name, Path(place), platform)
        return self._from_registry(place, platform)

    def _from_registry(self, place: str, platform: Platform) -> Base:
        if "@" not in place:
            repository, _, tag = place.rpartition(":")
            raise by_tag(self._client, repository, tag) if "/" in repository and "/" not in tag else _nowhere(place)
        image = parse_image(place)
        _, document = self._client.image(image.repository, image.digest, platform)
        config = self._client.document(image.repository, document.config)
        return _base(str(image), document, config, platform, lambda layer: self._client.blob(image.repository, layer))


def _from_layout(name: str, folder: Path, platform: Platform) -> Base:
    layout = Layout(folder)
    manifest, document = layout.image(platform)
    shown = name if "/" not in name else folder.name
    return _base(f"{shown}@{manifest.digest}", document, layout.read(document.config), platform, layout.blob)


def _base(
    name: str, document: ImageDocument, config: bytes, platform: Platform, blob: Callable[[Descriptor], BlobSource]
) -> Base:
    check_platform(name, config, platform)
    repository = name.partition("@")[0]
    layers = tuple(layer.as_oci() for layer in document.layers)
    return Base(name=name, config=config, layers=layers, blob=blob, repository=repository if "/" in repository else "")


def check_platform(name: str, config: bytes, platform: Platform) -> None:
    """See that an image's config is for the platform it shall run on.

    Raises:
        Refused: it is for another, or is no config.
    """
    try:
        document = json.loads(config)
        found = Platform(os=document["os"], architecture=document["architecture"], variant=document.get("variant", ""))
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(f"{name} has no readable config", "name another image") from error
    if not platform.fits(found):
        raise Refused(
            f"{name} is for {found}, {platform} is asked for", "name an image of that platform, or set `platform`"
        )


def _nowhere(place: str) -> UsageError:
    return UsageError(
        f"base {place!r} is no folder of this machine and no image by digest",
        "name an alias such as python3.11, an OCI layout folder, or repository@sha256:…",
    )


def by_tag(client: RegistryClient, repository: str, tag: str) -> UsageError:
    """The refusal of an image by tag, with the digest the tag stands for at this moment."""
    digest = client.digest(repository, tag)
    hint = f"it stands for {repository}@{digest} now" if digest else f"{repository} has no tag {tag} either"
    return UsageError(f"{repository}:{tag} is an image by tag; a tag can move after it was judged", hint)
