"""Refusals that every address has, put into the generated documentation at one place."""

from typing import Any

_UPLOAD = ("/base/", "/from_url/", "/group/", "/info/", "/multipart/")
_WORDS = {
    "400": "What was sent cannot be read or used.",
    "401": "No key, or a wrong one.",
    "403": "The key may not do this.",
    "404": "Not there, or of another project.",
    "405": "Not by this method.",
    "406": "No version of the API that there is.",
    "409": "Not at this moment.",
    "413": "Too large.",
    "415": "A body of a type that is not read.",
    "422": "Something else was asked under this Idempotency-Key.",
    "429": "Too many requests; see Retry-After.",
    "503": "Not now; see Retry-After.",
    "507": "The disk is full.",
}
_READING = ("400", "401", "403", "404", "429")
_WRITING = (*_READING, "409", "413", "415")
_DETAIL = {"$ref": "#/components/schemas/Detail"}
_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_JSON = {"application/json": {"schema": _DETAIL}}
_TEXT = {"text/plain": {"schema": {"type": "string"}}}
_ONCE = {
    "in": "header",
    "name": "Idempotency-Key",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    "description": "The same request under the same key happens once in 24 hours.",
}


def add_refusals(
    result: dict[str, Any], generator: Any, request: Any, public: bool
) -> dict[str, Any]:
    """A hook of drf-spectacular; the views say what is special about theirs."""
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            if path.startswith("/api/v1/"):
                _as_ours(method, operation)
            elif path.startswith(_UPLOAD):
                _add(operation, (*_WRITING, "405", "503", "507"), _TEXT)
            else:
                _as_rest(method, operation)
    return result


def _as_ours(method: str, operation: dict[str, Any]) -> None:
    answers = operation["responses"]
    for status in [status for status in answers if status >= "400"]:
        answers[status]["content"] = _PROBLEM
    _add(operation, _READING if method == "get" else _WRITING, _PROBLEM)
    if method == "post":
        _add(operation, ("422",), _PROBLEM)
        operation.setdefault("parameters", []).append(_ONCE)


def _as_rest(method: str, operation: dict[str, Any]) -> None:
    vendor = next(
        (
            list(answer["content"])
            for answer in operation["responses"].values()
            if "content" in answer
        ),
        ["application/json"],
    )
    refused = {kind: {"schema": _DETAIL} for kind in vendor}
    _add(operation, _READING if method == "get" else (*_WRITING, "503", "507"), refused)
    _add(operation, ("406",), _JSON)


def _add(operation: dict[str, Any], statuses: tuple[str, ...], content: dict[str, Any]) -> None:
    for status in statuses:
        words = {"description": _WORDS[status], "content": content}
        operation["responses"].setdefault(status, words)
