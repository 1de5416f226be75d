"""Records of releases in the state's object store."""

from dataclasses import replace

from towpath.app.ports import ObjectStore
from towpath.core.errors import NeedsPerson
from towpath.core.records import decode_record, encode_record
from towpath.core.release import ImageRef, ReleaseRecord

_RACES = 50


class ReleaseStore:
    """Builds of releases, each an object that is never changed: `releases/<model>/<digest hex>/<number>.json`.

    A digest can be built again, from another commit or after another one was tried, so the builds of a digest are a
    list that only grows; the same build again writes nothing.
    """

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def add(self, record: ReleaseRecord) -> ReleaseRecord:
        """Keep the record; gives back the one that stands: the commit's newest so far when it says the same.

        Raises:
            NeedsPerson: others kept writing the same digest; nothing was lost, but this record isn't there.
        """
        newest = self.newest(record.model, record.commit)
        if newest is not None and _same(newest, record):
            return newest
        folder = f"releases/{record.model}/{_hex(record.image)}/"
        first = len(self._objects.keys(folder))
        for number in range(first, first + _RACES):
            key, content = f"{folder}{number:06d}.json", encode_record(record)
            if self._objects.create(key, content) or self._objects.get(key) == content:
                return record
        raise NeedsPerson(f"the record of {record.image} could not be written: others write it too", "build again")

    def get(self, image: ImageRef) -> ReleaseRecord | None:
        """The record of that digest that says most for it: clean and tested before clean before any; else the first."""
        keys = [key for key in self._objects.keys("releases/") if f"/{_hex(image)}/" in key]
        records = [self._read(key) for key in keys]
        return max(records, key=_worth, default=None)

    def newest(self, model: str, commit: str) -> ReleaseRecord | None:
        """The newest record of that commit."""
        return next((record for record in self.list(model) if record.commit == commit), None)

    def list(self, model: str) -> tuple[ReleaseRecord, ...]:
        """All records of a model, newest first."""
        records = [self._read(key) for key in self._objects.keys(f"releases/{model}/")]
        return tuple(sorted(records, key=lambda record: record.built_at, reverse=True))

    def _read(self, key: str) -> ReleaseRecord:
        content = self._objects.get(key)
        if content is None:
            raise NeedsPerson(
                f"release record {key} vanished while it was read", "see who removes objects of the state"
            )
        return decode_record(content, key)


def _worth(record: ReleaseRecord) -> tuple[bool, bool]:
    return (not record.dirty, record.tests.passed)


def _same(one: ReleaseRecord, other: ReleaseRecord) -> bool:
    return _lasting(one) == _lasting(other)


def _lasting(record: ReleaseRecord) -> ReleaseRecord:
    """What a second build of the same would say too; the last line of its tests often tells how long they took."""
    return replace(record, built_at="", created_by="", tests=replace(record.tests, summary=""))


def _hex(image: ImageRef) -> str:
    return image.digest.removeprefix("sha256:")
