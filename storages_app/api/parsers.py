"""Reading JSON bodies and parameters, strictly."""

import json
from collections.abc import Iterable, Mapping
from typing import IO, Any

from django.http import HttpRequest, QueryDict
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, JSONParser

from storages_app.api.refusals import ParameterConflict, ParameterInvalid

BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


class StrictJSONParser(JSONParser):
    """JSON without what readers disagree on: a key twice, NaN, halves of characters."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            text = stream.read().decode()
            value = json.loads(
                text, parse_constant=_refuse_constant, object_pairs_hook=_without_duplicates
            )
            # "\ud800" alone is no character: the database could not take it.
            json.dumps(value, ensure_ascii=False).encode()
        except RecursionError as error:
            raise ParseError("JSON parse error - nested too deep") from error
        except ValueError as error:
            raise ParseError(f"JSON parse error - {_reason(error)}") from error
        return value


class StrictFormParser(BaseParser):
    """Forms are UTF-8, whatever charset they name: some of those are none for text."""

    media_type = "application/x-www-form-urlencoded"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> QueryDict:
        return QueryDict(stream.read(), encoding="utf-8")


def _reason(error: ValueError) -> str:
    return "not valid UTF-8" if isinstance(error, UnicodeError) else str(error)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has the same key twice")
    return found


def read_body(request: HttpRequest) -> None:
    """Read the body, up to its limit, for all later readers; ParseError if it is cut off."""
    try:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError as error:
        raise ParseError("Content-Length is not a number.") from error
    try:
        body = request.body
    except OSError as error:
        raise ParseError("The connection broke before the body had come.") from error
    if len(body) < length:
        raise ParseError("The body is shorter than its Content-Length.")


def single(name: str, *sources: QueryDict) -> str | None:
    """The one value of a parameter in the query and the body; ParameterConflict if they differ."""
    values = {value for source in sources for value in source.getlist(name)}
    if len(values) > 1:
        raise ParameterConflict(name)
    return values.pop() if values else None


def boolean(name: str, value: str) -> bool:
    try:
        return BOOLEANS[value.strip().lower()]
    except KeyError as error:
        raise ParameterInvalid(f"`{name}` parameter should be `true` or `false`.") from error


def number(name: str, value: str, *, at_least: int, at_most: int) -> int:
    is_number = value.isascii() and value.isdigit() and len(value) <= 18
    if not is_number or not at_least <= int(value) <= at_most:
        raise ParameterInvalid(
            f"`{name}` parameter should be a whole number from {at_least} to {at_most}."
        )
    return int(value)


def choice(name: str, value: str, allowed: Iterable[str]) -> str:
    allowed = list(allowed)
    if value not in allowed:
        words = " or ".join(f"`{word}`" for word in allowed)
        raise ParameterInvalid(f"`{name}` parameter should be {words}.")
    return value
