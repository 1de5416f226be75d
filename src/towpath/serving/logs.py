"""Logs: one JSON object a line on stderr. Never a request body."""

import json
import logging
import sys
import time
from collections.abc import Mapping

_LOG = logging.getLogger("towpath.serving")


class JsonLines(logging.Formatter):
    """Every record as one line of JSON; fields come from `extra={"fields": …}`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, object] = {
            "time": f"{stamp}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def configure(level: str) -> None:
    """Send all logging of this process, warnings too, to stderr as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    logging.getLogger("uvicorn").setLevel(max(logging.WARNING, logging.getLevelName(level)))


def event(name: str, *, level: int = logging.INFO, **fields: object) -> None:
    """Log that something happened."""
    _LOG.log(level, name, extra={"fields": fields})


def failure(name: str, error: BaseException, fields: Mapping[str, object]) -> None:
    """Log that something failed, with the traceback of what made it fail."""
    cause = error.__cause__ or error
    _LOG.error(name, extra={"fields": dict(fields)}, exc_info=(type(cause), cause, cause.__traceback__))
