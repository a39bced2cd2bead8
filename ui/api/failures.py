"""Every failure as a client sees it: OpenAI's error object, with the status that its clients act on."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from assistant.errors import (
    CapabilityMissing,
    DiskFull,
    ModelNotAvailable,
    ModelsBusy,
    ModelTooLarge,
    ParleyError,
    StoreFailed,
    TextTooLong,
    UnknownModel,
    UserError,
)
from ui.api.turns import Busy
from ui.api.work import ClientGone

CLIENT_GONE = 499
"""What nginx writes down for a client that hung up; nobody receives it."""
STATUSES: tuple[tuple[type[ParleyError], HTTPStatus, str], ...] = (
    (UnknownModel, HTTPStatus.NOT_FOUND, "model_not_found"),
    (ModelNotAvailable, HTTPStatus.NOT_FOUND, "model_not_available"),
    (TextTooLong, HTTPStatus.BAD_REQUEST, "context_length_exceeded"),
    (CapabilityMissing, HTTPStatus.BAD_REQUEST, "unsupported"),
    (ModelTooLarge, HTTPStatus.BAD_REQUEST, "model_too_large"),
    (UserError, HTTPStatus.BAD_REQUEST, "bad_request"),
    (ModelsBusy, HTTPStatus.SERVICE_UNAVAILABLE, "models_busy"),
    (StoreFailed, HTTPStatus.SERVICE_UNAVAILABLE, "store_failed"),
    (DiskFull, HTTPStatus.SERVICE_UNAVAILABLE, "disk_full"),
    (ParleyError, HTTPStatus.INTERNAL_SERVER_ERROR, "engine_failed"),
)
"""The first that fits."""

NO_OBJECT = {"missing", "model_attributes_type"}
"""What pydantic says of a body that is empty, or something else than an object."""

log = logging.getLogger("parley.api")
request_id: ContextVar[str] = ContextVar("parley_request_id", default="")
"""Of the request that is worked on: what its answer carries as X-Request-Id."""


class ErrorDetail(BaseModel):
    """What happened and what to do."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ErrorBody(BaseModel):
    """The body of every answer that is no success."""

    error: ErrorDetail


class TooLate(Exception):
    """The request's time is over."""


DOCUMENTED: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody, "description": HTTPStatus(status).phrase}
    for status in (400, 401, 403, 404, 408, 413, 429, 500, 503, 504)
}


STREAMED: dict[int | str, dict[str, Any]] = {
    **DOCUMENTED,
    200: {"content": {"text/event-stream": {}}, "description": "Whole, or as it comes"},
}


def error_body(message: str, *, type: str = "invalid_request_error", param: str | None = None, code: str = "") -> Any:
    """OpenAI's error object."""
    return {"error": {"message": message, "type": type, "param": param, "code": code or None}}


def answer_to(error: BaseException) -> tuple[int, dict[str, Any], dict[str, str]]:
    """(status, body, headers) for a failure; one that nobody expected is logged, and tells the client nothing."""
    if isinstance(error, Busy):
        headers = {"Retry-After": str(error.seconds)}
        if error.closing:
            return 503, error_body(str(error), type="server_error", code="server_closing"), headers
        return 429, error_body(str(error), type="rate_limit_error", code="server_busy"), headers
    if isinstance(error, TooLate):
        return 504, error_body(str(error), type="server_error", code="deadline_exceeded"), {}
    if isinstance(error, ClientGone):
        return CLIENT_GONE, error_body("The client hung up."), {}
    if isinstance(error, ParleyError):
        status, code = next((status, code) for kind, status, code in STATUSES if isinstance(error, kind))
        kind = "invalid_request_error"
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            kind = "server_error"
            log.error("request %s: %s", request_id.get(), error)
        return status, error_body(str(error), type=kind, code=code), {}
    id = request_id.get()
    log.error("request %s failed", id, exc_info=error)
    said = f"Something went wrong in Parley; its log says what, under {id}."
    return 500, error_body(said, type="server_error"), {}


def install(app: FastAPI) -> None:
    """Answer every exception in this shape."""

    async def expected(request: Request, error: Exception) -> Response:
        status, body, headers = answer_to(error)
        return JSONResponse(body, status, headers)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - it is installed for it
        problems = error.errors()
        said = "; ".join(map(_said, problems[:5]))
        return JSONResponse(error_body(f"{said}.", param=_place(problems[0]) or None), 400)

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - it is installed for it
        kind = "invalid_request_error" if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR else "server_error"
        unread = isinstance(error.__cause__, UnicodeError)  # FastAPI's own words do not say why
        said = "The body is not JSON: its bytes are not UTF-8." if unread else str(error.detail)
        return JSONResponse(error_body(said, type=kind), error.status_code, error.headers)

    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, refused)
    for kind in (ParleyError, Busy, TooLate, ClientGone):
        app.add_exception_handler(kind, expected)


def _place(problem: dict[str, Any]) -> str:
    """The field that a problem of pydantic's is of; "" for the whole body."""
    return "" if problem["type"] == "json_invalid" else ".".join(str(part) for part in problem["loc"][1:])


def _said(problem: dict[str, Any]) -> str:
    place = _place(problem)
    if problem["type"] == "json_invalid":
        return f"The body is not JSON: {problem['ctx']['error']}, at character {problem['loc'][-1]}"
    if not place and problem["type"] in NO_OBJECT:
        return "The body has to be a JSON object, sent with the header Content-Type: application/json"
    return f"{place}: {problem['msg']}" if place else problem["msg"]
