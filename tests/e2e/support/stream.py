"""A caller that reads a stream of answers while other things happen."""

import http.client
import json
import threading
from types import TracebackType
from typing import Self

from tests.e2e.support.traffic import PATH

_TIMEOUT = 20.0  # seconds between two events


class Stream:
    """Asks for so many events, one a second, and collects them beside its owner."""

    def __init__(self, url: str, seconds: int) -> None:
        self._port, self._seconds = int(url.rpartition(":")[2]), seconds
        self.events = 0
        self.status = 0
        self.problem = ""
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.join()

    def _read(self) -> None:
        inputs = [{"name": "x", "shape": [1], "datatype": "FP64", "data": [-self._seconds]}]
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT)
        try:
            connection.request("POST", f"{PATH}_stream", json.dumps({"inputs": inputs}))
            answer = connection.getresponse()
            self.status = answer.status
            while line := answer.readline():
                self.events += line.startswith(b"data: ")
        except (OSError, http.client.HTTPException) as error:
            self.problem = repr(error)
        finally:
            connection.close()
