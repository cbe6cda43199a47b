"""What browsers remember of who signed in with them: three cookies, none of which signs in.

The browser's own name is signed and belongs to one account; wrong tries with it are counted apart
(`sign_in_tries.py`). A mark tells that somebody was signed in here, so that the page to sign in
can say what happened. The colours are there for the first paint.
"""

import hashlib
import secrets

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponseBase

from storages_app.models import User

THEME_COOKIE = "ucdash_theme"
_PREFIX = "__Host-" if settings.BEHIND_TLS else ""
_NAME_COOKIE = f"{_PREFIX}ucdash_browser"
_MARK_COOKIE = f"{_PREFIX}ucdash_was_here"
_SALT = "storages_app.projects.browsers"
_A_YEAR = 365 * 24 * 3600


def remember(request: HttpRequest, response: HttpResponseBase, user: User) -> None:
    """Somebody has signed in."""
    if not known_as(request, user.email):
        name = f"{_digest(user.email)}:{secrets.token_hex(8)}"
        _set(response, _NAME_COOKIE, signing.dumps(name, salt=_SALT))
    _set(response, _MARK_COOKIE, "1")
    keep_theme(response, user.theme)


def forget(response: HttpResponseBase) -> None:
    """Somebody has signed out; the browser keeps its name."""
    response.delete_cookie(_MARK_COOKIE, samesite="Lax")


def known_as(request: HttpRequest, account: str) -> str:
    """The name of a browser that has signed in to this account before, else nothing."""
    try:
        name = str(signing.loads(request.COOKIES[_NAME_COOKIE], salt=_SALT, max_age=_A_YEAR))
    except (KeyError, signing.BadSignature):
        return ""
    return name if name.partition(":")[0] == _digest(account) else ""


def was_signed_in(request: HttpRequest) -> bool:
    """Whether a session of this browser has ended by itself, or was ended from elsewhere."""
    return bool(request.COOKIES.get(_MARK_COOKIE))


def keep_theme(response: HttpResponseBase, theme: str) -> None:
    """In a cookie as well as in the account, so that the first paint is right without a script."""
    if theme in {User.Theme.LIGHT, User.Theme.DARK}:
        _set(response, THEME_COOKIE, theme)
    else:
        response.delete_cookie(THEME_COOKIE, samesite="Lax")


def _set(response: HttpResponseBase, name: str, value: str) -> None:
    response.set_cookie(
        name,
        value,
        max_age=_A_YEAR,
        secure=settings.BEHIND_TLS,
        httponly=True,
        samesite="Lax",
    )


def _digest(account: str) -> str:
    return hashlib.sha256(account.strip().lower().encode()).hexdigest()[:32]
