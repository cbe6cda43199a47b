"""What all views of our own additions have in common."""

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import quote

from django.db import transaction
from django.http import HttpResponse
from django.utils.cache import get_conditional_response, set_response_etag
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from storages_app.api.errors import v1_error
from storages_app.api.negotiation import AlwaysJson
from storages_app.api.rest.base import RestView
from storages_app.projects import idempotency


class V1View(RestView):
    """As the REST API, but always plain JSON, and errors that say how to mend them.

    A POST with an `Idempotency-Key` happens once, what is read has an ETag.
    """

    renderer_classes = [JSONRenderer]
    content_negotiation_class = AlwaysJson

    def get_exception_handler(self) -> Any:
        return v1_error

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """The caller is known and may; DRF looks for the method after this."""
        super().initial(request, *args, **kwargs)
        key = request.headers.get("Idempotency-Key")
        if request.method == "POST" and key is not None and hasattr(self, "post"):
            vars(self)["post"] = partial(self._once, self.post, key)

    def _once(
        self, do: Callable[..., Response], key: str, request: Request, *args: Any, **kwargs: Any
    ) -> Response:
        path = quote(request.path)  # as text that every database takes
        asked = f"{path}?{request.META.get('QUERY_STRING', '')}".encode()
        found = idempotency.begin(
            project=self.project,
            route=f"POST {path}",
            key=key,
            content=b"\n".join([asked, request._request.body]),
        )
        if isinstance(found, idempotency.Answer):
            return _as_before(found)
        try:
            self.ask_outside()
            with transaction.atomic():
                answer = do(request, *args, **kwargs)
                found.keep(_kept(answer))
                return answer
        except BaseException:
            found.give_up()
            raise

    def ask_outside(self) -> None:
        """What its POST has to know of a bucket: no transaction is held open while that answers."""

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        final = super().finalize_response(request, response, *args, **kwargs)
        if request.method == "GET" and isinstance(final, Response) and final.status_code == 200:
            final.add_post_render_callback(partial(_unless_known, request))
        return final


def _kept(answer: Response) -> idempotency.Answer:
    return idempotency.Answer(answer.status_code, answer.data, answer.get("Location", ""))


def _as_before(answer: idempotency.Answer) -> Response:
    headers = {"Idempotency-Replayed": "true"}
    if answer.location:
        headers["Location"] = answer.location
    return Response(answer.data, status=answer.status, headers=headers)


def _unless_known(request: Request, response: HttpResponse) -> HttpResponse:
    """304 for who has it already: a program that asks every second reads nothing anew."""
    set_response_etag(response)
    etag = response["ETag"]
    return get_conditional_response(request._request, etag=etag, response=response) or response
