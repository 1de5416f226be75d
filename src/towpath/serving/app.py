"""The HTTP face: the routes of the Open Inference Protocol v2, metrics and provenance, over one runtime."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from towpath.serving import metrics
from towpath.serving.infer import Inference, named
from towpath.serving.measure import Measured
from towpath.serving.prediction_log import PredictionLog
from towpath.serving.refusal import Refusal, answer_refusal
from towpath.serving.runtime import Runtime
from towpath.serving.settings import Settings

STATE_HEADER = "x-towpath-state"


def application(settings: Settings, runtime: Runtime, requests: metrics.Requests) -> Starlette:
    """The ASGI application; the model begins to load when it starts."""
    log = PredictionLog(settings.sampling, settings.version)
    facts, inference = _Facts(settings, runtime, requests, log), Inference(settings, runtime, requests, log)
    model = "/v2/models/{name}"
    routes = [
        Route("/v2", facts.server),
        Route("/v2/health/live", facts.live),
        Route("/v2/health/ready", facts.ready),
        Route(model, facts.model),
        Route(f"{model}/ready", facts.model_ready),
        Route(f"{model}/infer", inference.infer, methods=["POST"]),
        Route(f"{model}/infer_stream", inference.infer_stream, methods=["POST"]),
        Route("/metrics", facts.metrics),
        Route("/provenance", facts.provenance),
    ]
    measured = Middleware(
        Measured,
        requests=requests,
        readiness=runtime.readiness,
        release=settings.version or "",
        access_log=settings.access_log,
        log=log,
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        runtime.start()
        yield
        runtime.close()
        log.close()

    handlers = {Refusal: answer_refusal}
    return Starlette(routes=routes, middleware=[measured], exception_handlers=handlers, lifespan=lifespan)


class _Facts:
    """The endpoints that say something about this release."""

    def __init__(self, settings: Settings, runtime: Runtime, requests: metrics.Requests, log: PredictionLog) -> None:
        self._settings = settings
        self._runtime = runtime
        self._requests = requests
        self._log = log
        self._release = metrics.release_info(str(settings.provenance["release"] or ""), settings.version or "")

    async def server(self, _request: Request) -> Response:
        """The server's name and its extensions of the protocol: none."""
        return JSONResponse({"name": "towpath", "version": "2", "extensions": []})

    async def live(self, _request: Request) -> Response:
        """200 whenever this process answers at all, so that a failed release can still say why."""
        return JSONResponse({"live": True})

    async def ready(self, _request: Request) -> Response:
        """200 while requests are wanted, else 503 with the state and its reason."""
        standing = self._runtime.readiness.now
        headers = {STATE_HEADER: standing.phase.value, "cache-control": "no-store"}
        return JSONResponse(standing.as_json(), 200 if standing.ready else 503, headers)

    async def model_ready(self, request: Request) -> Response:
        """As `ready`, for the one model there is."""
        named(request, self._settings.model)
        return await self.ready(request)

    async def model(self, request: Request) -> Response:
        """The model's metadata."""
        named(request, self._settings.model)
        version = self._settings.version
        return JSONResponse(
            {
                "name": self._settings.model,
                "versions": [version] if version else [],
                "platform": "python",
                "inputs": [spec.as_json() for spec in self._runtime.inputs],
                "outputs": [spec.as_json() for spec in self._runtime.outputs],
            }
        )

    async def provenance(self, _request: Request) -> Response:
        """Where this release comes from."""
        return JSONResponse(self._settings.provenance)

    async def metrics(self, _request: Request) -> Response:
        """Prometheus' text format."""
        ready = int(self._runtime.readiness.now.ready)
        families = [
            self._release,
            metrics.single("towpath_ready", "gauge", "1 while requests are wanted.", ready),
            *self._requests.families(),
            *self._runtime.predictions.seen.families(),
            *self._runtime.predictions.inputs.families(),
            *self._log.families(),
            *metrics.process(),
        ]
        return PlainTextResponse(metrics.exposition(families), headers={"content-type": metrics.CONTENT_TYPE})
