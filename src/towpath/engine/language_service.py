"""What the language host answers to the Pulumi engine."""

import importlib.metadata
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import IO, Final

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

from towpath.engine.program import Job, Programs

_BAIL: Final = 32  # the exit code of a program whose error the engine was told
_BYTES: Final = 400 << 20  # what the engine and the SDK allow for one message
_CHUNK: Final = 1 << 16

# ruff: noqa: N802 - the names of the protocol


def start(engine: str, programs: Programs) -> tuple[int, grpc.Server]:
    """A server on a free port of the loopback address, started."""
    sizes = [("grpc.max_receive_message_length", _BYTES), ("grpc.max_send_message_length", _BYTES)]
    server = grpc.server(futures.ThreadPoolExecutor(8), options=sizes)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageService(engine, programs), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return port, server


class LanguageService(language_pb2_grpc.LanguageRuntimeServicer):
    """Answers for Python; what only `pulumi new`, `install` and code generation ask is left unimplemented."""

    def __init__(self, engine: str, programs: Programs) -> None:
        self._engine = engine
        self._programs = programs

    def Handshake(
        self, request: language_pb2.LanguageHandshakeRequest, _context: grpc.ServicerContext
    ) -> language_pb2.LanguageHandshakeResponse:
        """The engine says where it listens."""
        self._engine = request.engine_address or self._engine
        return language_pb2.LanguageHandshakeResponse()

    def About(self, _request: language_pb2.AboutRequest, _context: grpc.ServicerContext) -> language_pb2.AboutResponse:
        """The interpreter that runs programs."""
        return language_pb2.AboutResponse(executable=sys.executable, version=sys.version.split()[0])

    def GetPluginInfo(self, _request: empty_pb2.Empty, _context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        """The version of the SDK, which is the engine's too."""
        return plugin_pb2.PluginInfo(version=importlib.metadata.version("pulumi"))

    def GetRequiredPlugins(
        self, _request: language_pb2.GetRequiredPluginsRequest, _context: grpc.ServicerContext
    ) -> language_pb2.GetRequiredPluginsResponse:
        """None ahead of the run: the engine looks for each when a resource needs it, and nothing can be downloaded."""
        return language_pb2.GetRequiredPluginsResponse()

    def GetRequiredPackages(
        self, _request: language_pb2.GetRequiredPackagesRequest, _context: grpc.ServicerContext
    ) -> language_pb2.GetRequiredPackagesResponse:
        """None ahead of the run, as above."""
        return language_pb2.GetRequiredPackagesResponse()

    def GetProgramDependencies(
        self, _request: language_pb2.GetProgramDependenciesRequest, _context: grpc.ServicerContext
    ) -> language_pb2.GetProgramDependenciesResponse:
        """Everything installed beside the interpreter."""
        found = {each.name: each.version for each in importlib.metadata.distributions()}
        dependencies = [language_pb2.DependencyInfo(name=name, version=found[name]) for name in sorted(found)]
        return language_pb2.GetProgramDependenciesResponse(dependencies=dependencies)

    def Run(self, request: language_pb2.RunRequest, _context: grpc.ServicerContext) -> language_pb2.RunResponse:
        """Run the program; an error it reported itself only says that the engine should stop."""
        try:
            code = self._programs.run(_job(request, self._engine))
        except ConnectionError as error:
            return language_pb2.RunResponse(error=str(error))
        if code == _BAIL:
            return language_pb2.RunResponse(bail=True)
        return language_pb2.RunResponse(error=f"Program exited with non-zero exit code: {code}" if code else "")

    def RunPlugin(
        self, request: language_pb2.RunPluginRequest, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.RunPluginResponse]:
        """Run a plugin written in Python, such as a policy pack or a component provider; its output as it comes."""
        folder = request.info.program_directory or request.pwd
        program = str(Path(folder) / (request.info.entry_point or request.program or "."))
        process = subprocess.Popen(
            [sys.executable, "-u", program, *request.args],
            cwd=request.pwd or folder,
            env={**os.environ, **dict(entry.split("=", 1) for entry in request.env)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        context.add_callback(process.kill)
        yield from _output(process)

    def Cancel(self, _request: empty_pb2.Empty, _context: grpc.ServicerContext) -> empty_pb2.Empty:
        """The engine is cancelling; it stops this process next."""
        return empty_pb2.Empty()


def _job(request: language_pb2.RunRequest, engine: str) -> Job:
    folder = request.info.program_directory or request.pwd
    return Job(
        project=request.project,
        stack=request.stack,
        organization=request.organization,
        monitor=request.monitor_address,
        engine=engine,
        parallel=request.parallel,
        dry_run=request.dryRun,
        root=request.info.root_directory or request.pwd,
        folder=folder,
        program=os.path.normpath(Path(folder) / (request.info.entry_point or request.program or ".")),
        arguments=tuple(request.args),
        config=dict(request.config),
        secret_keys=tuple(request.configSecretKeys),
    )


def _output(process: subprocess.Popen[bytes]) -> Iterator[language_pb2.RunPluginResponse]:
    pieces: queue.SimpleQueue[language_pb2.RunPluginResponse | None] = queue.SimpleQueue()

    def forward(stream: IO[bytes], name: str) -> None:
        with stream:
            while piece := os.read(stream.fileno(), _CHUNK):
                if name == "stdout":
                    pieces.put(language_pb2.RunPluginResponse(stdout=piece))
                else:
                    pieces.put(language_pb2.RunPluginResponse(stderr=piece))
        pieces.put(None)

    for name in ("stdout", "stderr"):
        threading.Thread(target=forward, args=(getattr(process, name), name), daemon=True).start()
    for _ in range(2):
        while (piece := pieces.get()) is not None:
            yield piece
    yield language_pb2.RunPluginResponse(exitcode=process.wait())
