"""The checked-in Pulumi.<environment>.yaml files: reading, private copies, and the one line a promotion writes."""

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from towpath.adapters import stack_yaml
from towpath.app.ports import Overlay, StackFile
from towpath.core.contract import KEY_ENDPOINTS, KEY_FENCE, NAMESPACE, Endpoint, StackConfig, drawn_hash
from towpath.core.errors import NeedsPerson, UsageError, all_at_once
from towpath.core.release import ImageRef
from towpath.schema.stack import endpoint_to_config, parse_stack_config

_ENDPOINTS: Final = f"{NAMESPACE}:{KEY_ENDPOINTS}"
_FENCE: Final = f"{NAMESPACE}:{KEY_FENCE}"
_PROMOTED: Final = ("release", "promotion", "replicas", "canary")


@dataclass(frozen=True, kw_only=True, slots=True)
class YamlStackFiles:
    """Implements `ports.StackFiles` in one folder.

    Attributes:
        project: where Pulumi.yaml is.
    """

    project: Path

    def read(self, environment: str) -> StackFile:
        """The file as it is now.

        Raises:
            UsageError: it doesn't exist or doesn't parse; every problem at once.
        """
        path = self._path(environment)
        try:
            data = path.read_bytes()
            return self._file(environment, data.decode(), hashlib.sha256(data).hexdigest())
        except FileNotFoundError as error:
            raise UsageError(f"there is no {path.name}", "`deploy init` writes one for each environment") from error
        except OSError as error:
            raise UsageError(f"{path} can't be read: {error.strerror}", "make it a file that can be read") from error
        except UnicodeDecodeError as error:
            raise UsageError(f"{path.name} is not UTF-8") from error

    def path(self, environment: str) -> str:
        """Where the file is, or would be."""
        return str(self._path(environment))

    def parse(self, environment: str, text: str) -> StackFile:
        """A file from its pinned text, as `read` would have given it."""
        return self._file(environment, text, hashlib.sha256(text.encode()).hexdigest())

    def as_is(self, file: StackFile) -> Overlay:
        """The checked-in file itself, to run with."""
        return Overlay(path=file.path, drawn=drawn_hash(file.endpoints))

    @contextmanager
    def overlay(self, file: StackFile, endpoint: Endpoint, fence: int) -> Iterator[Overlay]:
        """A private copy (0600) in which one endpoint looks like `endpoint`; removed at the end.

        Raises:
            NeedsPerson: there is no room for it.
        """
        raw = _with_endpoint(stack_yaml.load(file.text), endpoint, fence)
        wanted = _replaced(file.endpoints, endpoint)
        if _config(raw, file.path).endpoints != wanted:
            raise ValueError(f"{endpoint.name} differs from {file.path} in more than a promotion can change")
        with _copied(Path(file.path).name, stack_yaml.dump(raw)) as path:
            yield Overlay(path=str(path), drawn=drawn_hash(wanted))

    def unwritable(self, file: StackFile, endpoint: str, release: ImageRef) -> str:
        """Why `write_release` would fail as things are; empty when nothing speaks against it. Leaves nothing behind."""
        promotion = max((one.promotion for one in file.endpoints), default=0) + 1
        path = Path(file.path).resolve()
        try:
            text = _edited(file, endpoint, {"release": str(release), "promotion": promotion})
            with tempfile.TemporaryFile(dir=path.parent) as room:
                room.write(text.encode())
        except NeedsPerson as error:
            return error.message
        except OSError as error:
            return f"{path.parent} can't be written to: {error.strerror}"
        return ""

    def write_release(self, file: StackFile, endpoint: str, release: ImageRef | None, promotion: int) -> StackFile:
        """Write the promoted release into the checked-in file; comments, order and every other byte stay.

        Raises:
            NeedsPerson: the file isn't what was pinned any more, or can't be edited safely or written; it was left
                alone.
        """
        path, image = Path(file.path).resolve(), None if release is None else str(release)
        values = {"release": image, "promotion": promotion}
        text = _edited(file, endpoint, values)
        try:
            with _beside(path, text.encode()) as new:
                _refuse_changed(path, file, endpoint, values)
                new.replace(path)
            _sync_folder(path.parent)
        except OSError as error:
            raise NeedsPerson(
                f"{path} can't be written: {error.strerror}; what promotion {promotion} has drawn stays as it is",
                f"mend that, then: deploy resume {file.environment}; or {_by_hand(endpoint, values)}",
            ) from error
        return self.read(file.environment)

    def _path(self, environment: str) -> Path:
        return self.project / f"Pulumi.{environment}.yaml"

    def _file(self, environment: str, text: str, sha256: str) -> StackFile:
        path = self._path(environment)
        try:
            raw = stack_yaml.load(text)
        except ValueError as error:
            raise UsageError(f"{path.name}: {error}") from error
        config = _config(raw, path.name)
        _refuse_drivers_keys(config, path.name)
        return StackFile(environment=environment, path=str(path), sha256=sha256, text=text, endpoints=config.endpoints)


def _config(raw: Mapping[str, Any], where: str) -> StackConfig:
    config = raw.get("config") or {}
    if not isinstance(config, Mapping):
        raise all_at_once(where, [f"config: found {type(config).__name__}, valid: a mapping"])
    prefix = f"{NAMESPACE}:"
    ours = {key.removeprefix(prefix): value for key, value in config.items() if str(key).startswith(prefix)}
    return parse_stack_config(ours, where)


def _refuse_drivers_keys(config: StackConfig, where: str) -> None:
    found = [f"{KEY_ENDPOINTS}.{one.name}.canary" for one in config.endpoints if one.canary is not None]
    if config.fence is not None:
        found.append(KEY_FENCE)
    if found:
        raise all_at_once(where, [f"{key}: only the driver's own copies have it" for key in found], "remove it")


def _with_endpoint(raw: Mapping[str, Any], endpoint: Endpoint, fence: int) -> dict[str, Any]:
    config = dict(raw["config"])
    endpoints = dict(config[_ENDPOINTS])
    kept = {key: value for key, value in (endpoints[endpoint.name] or {}).items() if key not in _PROMOTED}
    endpoints[endpoint.name] = {**kept, **endpoint_to_config(endpoint)}
    return {**raw, "config": {**config, _ENDPOINTS: endpoints, _FENCE: fence}}


def _replaced(endpoints: tuple[Endpoint, ...], endpoint: Endpoint) -> tuple[Endpoint, ...]:
    return tuple(endpoint if one.name == endpoint.name else one for one in endpoints)


def _edited(file: StackFile, name: str, values: Mapping[str, str | int | None]) -> str:
    before = file.endpoint(name)
    if before is None:
        raise NeedsPerson(f"{file.path} has no endpoint {name}")
    try:
        text = stack_yaml.edit(file.text, ("config", _ENDPOINTS, name), values)
    except KeyError:  # it comes from elsewhere by a merge key
        text = ""
    if not _says(text, file, name, values):
        raise NeedsPerson(
            f"{Path(file.path).name} is written in a way that can't be edited safely: what is at "
            f"config.{_ENDPOINTS}.{name} must stand there itself; it was left alone",
            _by_hand(name, values),
        )
    return text


def _refuse_changed(path: Path, file: StackFile, endpoint: str, values: Mapping[str, str | int | None]) -> None:
    if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != file.sha256:
        what = f"{path.name} was changed during promotion {values['promotion']}; it was left alone"
        raise NeedsPerson(what, _by_hand(endpoint, values))


def _by_hand(endpoint: str, values: Mapping[str, str | int | None]) -> str:
    return f"write it by hand: endpoint {endpoint}, {', '.join(f'{key}: {value}' for key, value in values.items())}"


def _says(text: str, file: StackFile, name: str, values: Mapping[str, str | int | None]) -> bool:
    """Whether the edited text means what the old one did with nothing but these values changed."""
    wanted = stack_yaml.load(file.text)
    endpoint = {**(wanted["config"][_ENDPOINTS][name] or {}), **values}
    wanted["config"][_ENDPOINTS][name] = {key: value for key, value in endpoint.items() if value is not None}
    try:
        return stack_yaml.load(text) == wanted
    except ValueError:
        return False


@contextmanager
def _copied(name: str, text: str) -> Iterator[Path]:
    with ExitStack() as cleanup:
        try:
            path = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="towpath-"))) / name
            path.touch(mode=0o600)
            path.write_text(text)
        except OSError as error:
            where = f"a private copy of {name} can't be written below {tempfile.gettempdir()}"
            raise NeedsPerson(f"{where}: {error.strerror}", "make room there") from error
        yield path


@contextmanager
def _beside(path: Path, data: bytes) -> Iterator[Path]:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    new = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
        yield new
    finally:
        new.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
