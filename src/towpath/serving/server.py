"""The process: uvicorn, and an end that loses no request."""

import asyncio
import logging
import os
import signal
import sys
import time
from types import FrameType
from typing import NoReturn

import uvicorn

from towpath.serving import logs
from towpath.serving.app import application
from towpath.serving.metrics import Requests
from towpath.serving.runtime import Runtime
from towpath.serving.settings import Settings

_IDLE_SECONDS = 3900  # longer than any router keeps an idle connection: who closes first loses the race for a request
_BACKLOG = 2048
_TICK_SECONDS = 0.02
_GRACE_SECONDS = 1  # for answers being written when the drain time is over


class DrainingServer(uvicorn.Server):
    """Goes unready at SIGTERM, answers on while requests come or are under way, then stops."""

    def __init__(self, config: uvicorn.Config, runtime: Runtime, requests: Requests, settings: Settings) -> None:
        super().__init__(config)
        self._runtime = runtime
        self._requests = requests
        self._settings = settings
        self._draining: asyncio.Task[None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal drains, a second one stops at once. Called by the interpreter, in the main thread."""
        del frame
        loop = asyncio.get_running_loop()
        loop.call_soon_threadsafe(self._asked_to_stop, signal.Signals(sig).name)

    def _asked_to_stop(self, name: str) -> None:
        if self._draining is not None:
            self.should_exit = self.force_exit = True
            return
        self._runtime.readiness.drain()
        logs.event("draining", signal=name, in_flight=self._requests.in_flight, seconds=self._settings.drain)
        self._draining = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        began = time.monotonic()
        while (spent := time.monotonic() - began) < self._settings.drain:
            if spent >= self._settings.linger and self._requests.in_flight == 0:
                break
            await asyncio.sleep(_TICK_SECONDS)
        self.should_exit = True


def serve(settings: Settings) -> NoReturn:
    """Serve until told to stop, then end the process with 0."""
    runtime, requests = Runtime(settings), Requests()
    config = uvicorn.Config(
        application(settings, runtime, requests),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        lifespan="on",
        ws="none",
    )
    server = DrainingServer(config, runtime, requests, settings)
    logs.event("listening", host=settings.host, port=settings.port, model=settings.model)
    server.run()
    _end(requests)


def _end(requests: Requests) -> NoReturn:
    """End now: the interpreter would wait for predictions that have had their time."""
    cut = requests.cut + requests.in_flight
    logs.event("stopped", level=logging.WARNING if cut else logging.INFO, cut=cut)
    logging.shutdown()
    sys.stderr.flush()
    os._exit(0)
