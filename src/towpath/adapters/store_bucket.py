"""The state in a bucket: S3, Google Cloud Storage or Azure, through obstore."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    GenericError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import from_url

from towpath.adapters.store import checked_key, checked_prefix
from towpath.core.errors import Missing, NeedsPerson, UsageError

if TYPE_CHECKING:
    from obstore.store import ObjectStore as Bucket

_SCHEMES: Final = {"s3": "s3", "gs": "gs", "azblob": "az"}
_TRIES: Final = 3
_RETRY: Final = {"max_retries": 4, "retry_timeout": timedelta(seconds=20)}
_CLIENT: Final = {"timeout": timedelta(seconds=10), "connect_timeout": timedelta(seconds=5)}


@dataclass(frozen=True, kw_only=True, slots=True)
class BucketStore:
    """Objects in a bucket.

    Attributes:
        bucket: an obstore store.
        where: its URL, for messages.
    """

    bucket: "Bucket"
    where: str

    def create(self, key: str, data: bytes) -> bool:
        """Store unless the key exists; false when it does, which may be this writer's own after a lost reply."""
        with _translated(self.where):
            return self._create(checked_key(key), data, _TRIES)

    def _create(self, key: str, data: bytes, tries: int) -> bool:
        try:
            self.bucket.put(key, data, mode="create", use_multipart=False)
        except AlreadyExistsError:
            return False
        except GenericError:  # a write whose answer never came may have been stored; trying again tells
            if tries == 1:
                raise
            return self._create(key, data, tries - 1)
        return True

    def get(self, key: str) -> bytes | None:
        """The object, or None."""
        with _translated(self.where):
            try:
                return bytes(self.bucket.get(checked_key(key)).bytes())
            except FileNotFoundError:
                return None

    def put(self, key: str, data: bytes) -> str:
        """Overwrite; gives back the new version's ETag."""
        with _translated(self.where):
            return self.bucket.put(checked_key(key), data, use_multipart=False)["e_tag"] or ""

    def etag(self, key: str) -> str | None:
        """Version of the object now; None when it isn't there."""
        with _translated(self.where):
            try:
                return self.bucket.head(checked_key(key))["e_tag"] or ""
            except FileNotFoundError:
                return None

    def keys(self, prefix: str) -> tuple[str, ...]:
        """Every key under the prefix, sorted."""
        folder = checked_prefix(prefix).rpartition("/")[0]
        with _translated(self.where):
            found = [meta["path"] for page in self.bucket.list(folder or None) for meta in page]
        return tuple(sorted(key for key in found if key.startswith(prefix)))


def open_bucket(where: str, options: Mapping[str, Any]) -> BucketStore:
    """The bucket at a URL.

    Raises:
        UsageError: a URL of a kind that isn't served, or one that can't be read.
    """
    scheme, _, rest = where.partition("://")
    if scheme not in _SCHEMES:
        raise UsageError(f"the state can't be at {where}", "a folder, s3://…, gs://… or azblob://… can hold it")
    settings: dict[str, Any] = {"retry_config": _RETRY, "client_options": _CLIENT, **options}
    try:
        bucket = from_url(f"{_SCHEMES[scheme]}://{rest}", **settings)
    except BaseError as error:
        raise UsageError(f"the state can't be at {where}: {_short(error)}") from error
    return BucketStore(bucket=bucket, where=where)


@contextmanager
def _translated(where: str) -> Iterator[None]:
    try:
        yield
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise Missing(
            f"this machine may not use the state at {where}: {_short(error)}",
            "give it credentials that may read, list and write there",
        ) from error
    except FileNotFoundError as error:
        raise Missing(
            f"there is no bucket at {where}: {_short(error)}",
            "create it, or name another as the place of the state in deploy.toml",
        ) from error
    except BaseError as error:
        raise NeedsPerson(
            f"the state at {where} can't be reached: {_short(error)}",
            "once it answers again, `deploy resume` goes on",
        ) from error


def _short(error: Exception) -> str:
    return str(error).partition("\n")[0]
