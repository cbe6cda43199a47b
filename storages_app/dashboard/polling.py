"""How parts of a page keep themselves new."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

STOP_POLLING = 286  # https://htmx.org/docs/#load_polling


def poll_answer(
    request: HttpRequest,
    *,
    version: str,
    is_over: bool,
    render: Callable[[int], HttpResponse],
) -> HttpResponse:
    """The part anew, or 204 if the page has this `version` already, or 286 as the last answer."""
    if is_over:
        return render(STOP_POLLING)
    if request.GET.get("seen") == version:
        return HttpResponse(status=204)
    return render(200)
