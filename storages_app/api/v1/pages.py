"""Lists of our own API: newest first, cut by an id, so that each page costs the same."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from storages_app.api.parsers import number, single

PER_PAGE, AT_MOST = 20, 100
_LARGEST = 10**18 - 1
Row = TypeVar("Row", bound=Model)


def page(rows: QuerySet[Row], request: Request, show: Callable[[Row], dict[str, Any]]) -> Response:
    """The page that `limit` and `before` ask for; `next` is the `before` of the one after it."""
    limit, before = (single(name, request.query_params) for name in ("limit", "before"))
    n_shown = number("limit", limit, at_least=1, at_most=AT_MOST) if limit else PER_PAGE
    if before:
        rows = rows.filter(pk__lt=number("before", before, at_least=0, at_most=_LARGEST))
    found = list(rows.order_by("-pk")[: n_shown + 1])
    has_more = len(found) > n_shown
    return Response(
        {
            "results": [show(row) for row in found[:n_shown]],
            "next": found[n_shown - 1].pk if has_more else None,
        }
    )
