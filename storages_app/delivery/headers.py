"""What every answer of the file host says to browsers: strangers' bytes may do nothing."""

from django.http import HttpResponseBase

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

_SAFE = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": (
        "Content-Length, Content-Range, ETag, X-Image-Width, X-Image-Height, "
        "X-Image-Acceptable-Original, X-Image-Acceptable-Improved"
    ),
}


def protect(response: HttpResponseBase) -> HttpResponseBase:
    """Put the headers on; those of the dashboard's pages stay away (see the middleware's names)."""
    for name, value in _SAFE.items():
        response[name] = value
    response._csp_exempt = True  # type: ignore[attr-defined]
    response.xframe_options_exempt = True  # type: ignore[attr-defined]
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
