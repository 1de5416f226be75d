"""One request to an endpoint, over HTTP."""

import time
from collections.abc import Mapping

import urllib3
from urllib3.util import Timeout

from towpath.app.invoke import Answer
from towpath.core.errors import NeedsPerson

_TIMEOUT = Timeout(connect=5.0, read=120.0)


class HttpCaller:
    """Sends each request once; an answer may take as long as a model does."""

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send JSON and wait for the whole answer, whatever its status."""
        begun = time.monotonic()
        with urllib3.PoolManager() as pool:
            try:
                reply = pool.request("POST", url, body=body, headers=headers, timeout=_TIMEOUT, retries=False)
            except urllib3.exceptions.HTTPError as error:
                raise NeedsPerson(
                    f"nobody answers at {url}: {error}", "deploy status says what stands there"
                ) from error
        seconds = time.monotonic() - begun
        found = {name.lower(): value for name, value in reply.headers.items()}
        return Answer(status=reply.status, headers=found, body=reply.data, seconds=seconds)
