"""What every answer of the file host says to browsers: strangers' bytes may do nothing."""

from django.conf import settings
from django.http import HttpResponse, HttpResponseBase

# Types a browser may show. All else is saved: HTML, SVG, PDF and XML can carry programs.
SHOWN_INLINE = frozenset(
    {
        "image/avif",
        "image/bmp",
        "image/gif",
        "image/heic",
        "image/heif",
        "image/jpeg",
        "image/png",
        "image/tiff",
        "image/vnd.microsoft.icon",
        "image/webp",
        "audio/aac",
        "audio/flac",
        "audio/mp4",
        "audio/mpeg",
        "audio/ogg",
        "audio/wav",
        "audio/webm",
        "video/mp4",
        "video/mpeg",
        "video/ogg",
        "video/quicktime",
        "video/webm",
        "video/x-matroska",
    }
)
METHODS = "GET, HEAD, OPTIONS"

_WITHOUT_BODY = {204, 304}

_SAFE = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": (
        "Content-Length, Content-Range, ETag, X-Image-Width, X-Image-Height, "
        "X-Image-Acceptable-Original, X-Image-Acceptable-Improved"
    ),
}
if settings.SECURE_HSTS_SECONDS:
    _SAFE["Strict-Transport-Security"] = (
        f"max-age={settings.SECURE_HSTS_SECONDS}; includeSubDomains; preload"
    )


def protect(response: HttpResponseBase) -> HttpResponseBase:
    """Put the headers on. No middleware of the dashboard does: none of it runs for this host."""
    for name, value in _SAFE.items():
        response[name] = value
    if isinstance(response, HttpResponse) and response.status_code not in _WITHOUT_BODY:
        response.setdefault("Content-Length", str(len(response.content)))
    return response


def preflight(response: HttpResponseBase) -> HttpResponseBase:
    response["Allow"] = METHODS
    response["Access-Control-Allow-Methods"] = METHODS
    response["Access-Control-Allow-Headers"] = "Range, If-Range, If-None-Match, X-UC-User-Agent"
    response["Access-Control-Max-Age"] = "86400"
    return response


def may_be_shown(content_type: str, *, wanted: bool | None) -> bool:
    """Inline or attachment: the URL's wish counts only for what is harmless to show."""
    return content_type in SHOWN_INLINE and wanted is not False
