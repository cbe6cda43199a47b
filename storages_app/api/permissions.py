"""Who may do what through the REST API."""

from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from storages_app.api.authentication import Caller
from storages_app.api.refusals import KeyMayOnlyRead
from storages_app.models import SecretKey
from storages_app.projects.errors import BadCredentials


class HoldsSecretKey(BasePermission):
    """Somebody who proved to hold an active key of a project."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        caller: object = request.user
        if not isinstance(caller, Caller):
            raise BadCredentials
        return True


class ReadKeysOnlyRead(BasePermission):
    """A key with the scope `read` may GET and HEAD."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        key: Any = request.auth
        is_reader = key.scope == SecretKey.Scope.READ
        if is_reader and request.method not in SAFE_METHODS:
            raise KeyMayOnlyRead
        return True
