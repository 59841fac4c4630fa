"""Errors in OpenAI's form: a status, and one object that says what, in which parameter, and of what kind."""

from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel

TYPES = {401: "authentication_error", 429: "rate_limit_error", 500: "server_error", 503: "server_error"}


class ErrorBody(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ErrorReply(BaseModel):
    """The body of every answer that is no success."""

    error: ErrorBody


class ApiError(Exception):
    """An error to be sent to the client."""

    def __init__(self, status: int, message: str, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = ErrorReply(
            error=ErrorBody(message=message, type=TYPES.get(status, "invalid_request_error"), param=param, code=code)
        )


def reply(error: ApiError) -> JSONResponse:
    """The answer that carries an error."""
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {"Retry-After": "1"} if error.status == 503 else None
    return JSONResponse(error.body.model_dump(), error.status, headers)


def from_validation(errors: list[dict[str, Any]]) -> ApiError:
    """The first of pydantic's errors, with the parameter's name."""
    first = min(
        errors, key=lambda one: one["type"] in ("string_type", "missing")
    )  # of a union's branches, the one that says most
    context = first.get("ctx", {})
    place = [str(part) for part in first["loc"] if part not in ("body", "query", "path")]
    parameter = context.get("parameter") or ".".join(part for part in place if part.isidentifier() or part.isdigit()) or None
    if first["type"] == "json_invalid":
        return ApiError(400, f"the request is not valid JSON: {context.get('error', '')}", "invalid_json")
    if first["type"] in ("unknown_parameter", "unsupported_parameter", "invalid_value"):
        return ApiError(400, str(context["message"]), first["type"], parameter)
    what = f"`{parameter}`: {first['msg']}" if parameter else f"the request's body: {first['msg']}"
    return ApiError(400, what, "invalid_value", parameter)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of a route, for its description."""
    return {status: {"model": ErrorReply} for status in statuses}
