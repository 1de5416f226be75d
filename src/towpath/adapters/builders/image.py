"""An image that exists already, taken by digest from anywhere."""

from towpath.adapters.builders.bases import by_tag, check_platform
from towpath.adapters.oci.client import RegistryClient
from towpath.app.build_ports import Built
from towpath.core.image import ModelSpec
from towpath.core.release import ImageRef, parse_image


class ImageBuilder:
    """Copies what isn't in the release registry yet; the digest stays."""

    def __init__(self, client: RegistryClient) -> None:
        self._client = client

    def build(self, model: ModelSpec, repository: str) -> Built:
        """Make the repository have the image; one that its registry has under another name is mounted, not sent."""
        source = self._named(model.image.image)
        _, document = self._client.image(source.repository, source.digest, model.image.platform)
        config = self._client.document(source.repository, document.config)
        check_platform(str(source), config, model.image.platform)
        if source.registry == repository.split("/", 1)[0]:
            return Built(image=source, notes=(f"{source} is in the release registry; nothing was copied",))
        transfer = self._client.copy(source, repository)
        return Built(image=transfer.image, moved=transfer.sent, reused=transfer.reused)

    def _named(self, text: str) -> ImageRef:
        if "@" not in text:
            repository, _, tag = text.rpartition(":")
            if "/" in repository and "/" not in tag:
                raise by_tag(self._client, repository, tag)
        return parse_image(text)
