"""An OCI registry in this process: it keeps everything in dicts, counts bytes and can be told to misbehave."""

import base64
import hashlib
import json
import threading
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def sha(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass(kw_only=True)
class FakeRegistry:
    """What it holds, what it was asked, and how it misbehaves.

    `faults` maps "METHOD /part of path" to answers (status, headers) given before the right one, in order.
    `location` is how it names the session of an upload. A PUT of a blob gets no answer before `silent` is done with its
    path.
    """

    blobs: dict[str, dict[str, bytes]] = field(default_factory=dict)
    manifests: dict[str, dict[str, tuple[str, bytes]]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    received: Counter[str] = field(default_factory=Counter)
    authorizations: list[str | None] = field(default_factory=list)
    faults: dict[str, list[tuple[int, dict[str, str]]]] = field(default_factory=dict)
    mounts: bool = True
    referrers: bool = True
    largest_body: int = 1 << 40
    silent: Callable[[str], None] | None = None
    location: str = "/v2/{repository}/blobs/uploads/{session}?_state={session}"
    login: tuple[str, str] | None = None
    scheme: str = "bearer"
    token: bytes = b'{"token": "good", "expires_in": 60}'
    host: str = ""
    _sessions: dict[str, bytes] = field(default_factory=dict)
    _opened: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def asked(self, method: str, part: str = "") -> list[str]:
        return [request for request in self.requests if request.startswith(f"{method} ") and part in request]

    def corrupt(self, repository: str, digest: str) -> None:
        content = self.blobs[repository][digest]
        self.blobs[repository][digest] = bytes([content[0] ^ 1]) + content[1:]

    def corrupt_manifest(self, repository: str, digest: str) -> None:
        media_type, content = self.manifests[repository][digest]
        self.manifests[repository][digest] = (media_type, content + b" ")

    def fault(self, method: str, part: str) -> tuple[int, dict[str, str]] | None:
        with self._lock:
            for key, answers in self.faults.items():
                asked, _, where = key.partition(" ")
                if asked == method and where in part and answers:
                    return answers.pop(0)
        return None

    def open_session(self) -> str:
        with self._lock:
            self._opened += 1
            name = f"s{self._opened}"
            self._sessions[name] = b""
            return name

    def extend(self, session: str, content: bytes) -> int:
        with self._lock:
            self._sessions[session] += content
            return len(self._sessions[session])

    def finish(self, session: str, repository: str, digest: str) -> bool:
        content = self._sessions[session]
        if sha(content) != digest:
            return False
        self.blobs.setdefault(repository, {})[digest] = content
        return True

    def drop(self, session: str) -> None:
        self._sessions.pop(session, None)


@contextmanager
def serving(registry: FakeRegistry) -> Iterator[FakeRegistry]:
    """Serve it on a free port of this machine."""
    handler = type("Handler", (_Handler,), {"registry": registry})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    registry.host = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    registry: FakeRegistry
    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        with suppress(ConnectionError):  # a client that gives up in the middle is one of the cases
            super().handle()

    def do_GET(self) -> None:
        self._handle()

    def do_HEAD(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_PUT(self) -> None:
        self._handle()

    def do_PATCH(self) -> None:
        self._handle()

    def do_DELETE(self) -> None:
        self._handle()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Say nothing."""

    def _handle(self) -> None:
        registry = self.registry
        path, _, query = self.path.partition("?")
        self.words = dict(urllib.parse.parse_qsl(query))
        registry.requests.append(f"{self.command} {self.path}")
        registry.authorizations.append(self.headers.get("Authorization"))
        body = self._body()
        if registry.silent and self.command == "PUT" and "/blobs/" in path:
            registry.silent(self.path)
        fault = registry.fault(self.command, self.path)
        if fault is not None:
            self._answer(fault[0], fault[1])
        elif path == "/token":
            self._token(body)
        elif not self._allowed():
            challenge = f'Bearer realm="http://{registry.host}/token",service="fake"'
            self._answer(401, {"WWW-Authenticate": challenge if registry.scheme == "bearer" else 'Basic realm="fake"'})
        else:
            self._route(path, body)

    def _body(self) -> bytes:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.registry.received[self.path.partition("?")[0]] += len(content)
        return content

    def _allowed(self) -> bool:
        registry = self.registry
        if registry.login is None:
            return True
        given = self.headers.get("Authorization")
        return given == (self._basic() if registry.scheme == "basic" else "Bearer good")

    def _basic(self) -> str:
        user, secret = self.registry.login or ("", "")
        return "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()

    def _token(self, body: bytes) -> None:
        refresh = dict(urllib.parse.parse_qsl(body.decode())).get("refresh_token")
        known = self.registry.login is None or refresh == self.registry.login[1]
        if known or self.headers.get("Authorization") == self._basic():
            self._answer(200, {}, self.registry.token)
        else:
            self._answer(401, {})

    def _route(self, path: str, body: bytes) -> None:
        for kind, handle in (
            ("/blobs/uploads/", self._upload),
            ("/blobs/", self._blob),
            ("/manifests/", self._manifest),
            ("/referrers/", self._referrers),
        ):
            repository, found, rest = path.removeprefix("/v2/").partition(kind)
            if found:
                handle(repository, rest, body)
                return
        self._answer(200 if path == "/v2/" else 404, {})

    def _blob(self, repository: str, digest: str, _: bytes) -> None:
        content = self.registry.blobs.get(repository, {}).get(digest)
        self._answer(404, {}) if content is None else self._answer(200, {"Docker-Content-Digest": digest}, content)

    def _upload(self, repository: str, session: str, body: bytes) -> None:
        registry = self.registry
        session = session or self.words.get("_state", "")
        if self.command == "POST":
            self._begin(repository)
        elif len(body) > registry.largest_body:
            self._answer(413, {})
        elif self.command == "DELETE":
            registry.drop(session)
            self._answer(204, {})
        else:
            end = registry.extend(session, body)
            if self.command == "PATCH":
                self._answer(202, {"Location": self.path, "Range": f"0-{end - 1}"})
            elif registry.finish(session, repository, self.words["digest"]):
                self._answer(201, {"Docker-Content-Digest": self.words["digest"]})
            else:
                self._answer(400, {}, b'{"errors":[{"code":"DIGEST_INVALID"}]}')

    def _begin(self, repository: str) -> None:
        digest, source = self.words.get("mount", ""), self.words.get("from", "")
        content = self.registry.blobs.get(source, {}).get(digest)
        if self.registry.mounts and content is not None:
            self.registry.blobs.setdefault(repository, {})[digest] = content
            self._answer(201, {"Docker-Content-Digest": digest})
            return
        session = self.registry.open_session()
        named = self.registry.location.format(host=self.registry.host, repository=repository, session=session)
        self._answer(202, {"Location": named})

    def _manifest(self, repository: str, reference: str, body: bytes) -> None:
        stored = self.registry.manifests.setdefault(repository, {})
        if self.command == "PUT":
            media_type = self.headers["Content-Type"]
            stored[sha(body)] = stored[reference] = (media_type, body)
            subject = json.loads(body).get("subject")
            listed = {"OCI-Subject": subject["digest"]} if subject and self.registry.referrers else {}
            self._answer(201, {"Docker-Content-Digest": sha(body), **listed})
        elif reference in stored:
            media_type, content = stored[reference]
            name = reference if ":" in reference else sha(content)
            self._answer(200, {"Content-Type": media_type, "Docker-Content-Digest": name}, content)
        else:
            self._answer(404, {})

    def _referrers(self, repository: str, digest: str, _: bytes) -> None:
        if not self.registry.referrers:
            self._answer(404, {})
            return
        entries = [
            {
                "mediaType": media_type,
                "digest": name,
                "size": len(content),
                "artifactType": json.loads(content)["artifactType"],
                "annotations": json.loads(content).get("annotations") or {},
            }
            for name, (media_type, content) in self.registry.manifests.get(repository, {}).items()
            if (json.loads(content).get("subject") or {}).get("digest") == digest
        ]
        self._answer(200, {}, json.dumps({"schemaVersion": 2, "manifests": entries}).encode())

    def _answer(self, status: int, headers: dict[str, str], content: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
