"""What a server writes down, as lines of JSON: one a request in a file, and on stderr whatever goes wrong."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from assistant.errors import BadSettings

LOG_BYTES = 10 * 2**20
LOGS = 5


class JsonLines(logging.Formatter):
    """A record as an object on a line: time, level, logger, message, the `fields` that it was given, exception."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "time": when.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


class Lines(RotatingFileHandler):
    """A file of lines that never stands in the way of what it tells of."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Nothing: the line is lost."""


def log_errors() -> None:
    """Have every warning and error of this process on stderr, with its time and its traceback in one line."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.getLogger().handlers = [handler]
    logging.captureWarnings(True)


def audit_to(path: Path) -> None:
    """Write a line of each request there; older ones move to .1 … .5. A disk that is full loses lines, no request."""
    logger = logging.getLogger("parley.audit")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = Lines(path, maxBytes=LOG_BYTES, backupCount=LOGS, encoding="utf-8")
    except OSError as error:
        raise BadSettings(f"{path} cannot be written: {error.strerror}.") from error
    handler.setFormatter(JsonLines())
    logger.handlers = [handler]
