"""How the API says no: one body for all, `{"error": {"code": …, "message": …}}`.

No text of ours repeats a secret, and none of an unexpected error leaves: its kind and place go to
the log.
"""

from typing import Any, Final

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from acd.actions import Refused
from acd.daemon.errors import OverloadedError
from acd.errors import StorageError
from acd.ids import ContactId, Reason

PROBLEMS_MAX: Final = 20
"""Most problems of a body that are told at once."""

RETRY_S: Final = 1
"""After how long whoever was turned away by overload may try again."""

_HEADERS: Final = {
    401: {"WWW-Authenticate": "Bearer"},
    503: {"Retry-After": str(RETRY_S)},
}
"""What else an answer of a status tells."""

_PART_MAX: Final = 64
"""Longest name that is repeated to whoever sent it."""


class BodyProblem(BaseModel):
    """What is wrong at one place of a request."""

    model_config = ConfigDict(extra="forbid")
    where: str
    what: str


class ErrorDetail(BaseModel):
    """What is wrong."""

    model_config = ConfigDict(extra="forbid")
    code: str
    message: str
    reason: Reason | None = None
    """Why the router refused, where it did."""
    about: str | None = None
    problems: list[BodyProblem] | None = None


class ErrorBody(BaseModel):
    """The body of every answer that says no."""

    model_config = ConfigDict(extra="forbid")
    error: ErrorDetail


class HttpError(Exception):
    """A request is refused. Args: status, code, message, about, reason."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        about: str = "",
        reason: Reason | None = None,
    ) -> None:
        super().__init__(status, code, message, about, reason)
        self.status = status

    def detail(self) -> dict[str, Any]:
        """Return the body's `error`."""
        _, code, message, about, reason = self.args
        detail = {"code": code, "message": message}
        if reason is not None:
            detail["reason"] = reason
        if about:
            detail["about"] = printable(about)
        return detail

    def response(self) -> Response:
        """Return the answer."""
        headers = _HEADERS.get(self.status)
        return respond({"error": self.detail()}, status=self.status, headers=headers)

    def __str__(self) -> str:
        return str(self.args[2])


def refused(refusal: Refused) -> HttpError:
    """Return the error for what the router refused."""
    message = f"the router refused: {refusal.reason}"
    return HttpError(422, "refused", message, refusal.about, refusal.reason)


def unknown_contact(contact_id: ContactId) -> HttpError:
    """Return the error for a contact that is not open."""
    message = "there is no such open contact"
    return HttpError(404, "not_found", message, contact_id, Reason.UNKNOWN_CONTACT)


def respond(value: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON answer; msgspec writes it, so that 1,000 agents cost 1 ms."""
    return Response(
        msgspec.json.encode(value), status, headers=headers, media_type="application/json"
    )


def printable(text: str) -> str:
    """Return a text that any log and any UTF-8 can hold, cut where it is long."""
    cut = text[:_PART_MAX]
    return cut if cut.isprintable() else ascii(cut)[1:-1]


def _described(description: str) -> dict[str, Any]:
    # For each route and status that names a model FastAPI makes a validator, which nobody calls:
    # half of a daemon's start-up and of its first requests. A reference costs nothing.
    schema = {"$ref": f"#/components/schemas/{ErrorBody.__name__}"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    400: _described("It cannot be read: no JSON, two meanings, …"),
    401: _described("No token, a wrong one, or an expired one."),
    403: _described("The token is for something else."),
    404: _described("There is none."),
    # The one that brings the schema itself into the document; few routes have it.
    408: {"model": ErrorBody, "description": "The body did not come in time."},
    413: _described("It is too large."),
    415: _described("It is not application/json."),
    422: _described("It is read, and cannot be."),
    503: _described("Too much is pending, or storage failed."),
}
"""What may be answered, for OpenAPI."""


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of these statuses."""
    return {status: RESPONSES[status] for status in statuses}


# Handlers.


def add_handlers(app: FastAPI) -> None:
    """Have every error of a route answered alike."""
    app.add_exception_handler(HttpError, _http_error)
    app.add_exception_handler(HTTPException, _framework_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(OverloadedError, _overloaded)
    app.add_exception_handler(StorageError, _storage)
    app.add_exception_handler(Exception, _unexpected)


async def _http_error(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, HttpError)
    return error.response()


async def _framework_error(request: Request, error: Exception) -> Response:
    """Answer what the framework refuses by itself: no such path, not this method."""
    del request
    assert isinstance(error, HTTPException)
    codes = {404: "not_found", 405: "method_not_allowed"}
    code = codes.get(error.status_code, "bad_request")
    messages = {
        "not_found": "there is nothing at this path",
        "method_not_allowed": "this path is not asked by this method",
    }
    message = messages.get(code, "the request cannot be read")
    response = HttpError(error.status_code, code, message).response()
    response.headers.update(error.headers or {})
    return response


async def _invalid(request: Request, error: Exception) -> Response:
    """Answer what the models refuse: where and what, never the value."""
    del request
    assert isinstance(error, RequestValidationError)
    problems = [
        {"where": ".".join(printable(str(part)) for part in one["loc"]), "what": one["msg"]}
        for one in error.errors()[:PROBLEMS_MAX]
    ]
    detail = {"code": "invalid", "message": "the request is wrong", "problems": problems}
    return respond({"error": detail}, status=422)


async def _overloaded(request: Request, error: Exception) -> Response:
    del request, error
    return OVERLOADED.response()


async def _storage(request: Request, error: Exception) -> Response:
    del request, error
    return STORAGE_FAILED.response()


async def _unexpected(request: Request, error: Exception) -> Response:
    """Answer an error of ours without a word of it. It is raised on, and the guard logs it."""
    del request, error
    return INTERNAL.response()


INTERNAL: Final = HttpError(500, "internal", "an error of ours")
OVERLOADED: Final = HttpError(503, "overloaded", "too much is pending")
STORAGE_FAILED: Final = HttpError(503, "storage_failed", "storage failed; nothing was kept")
