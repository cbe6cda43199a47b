"""Our error families → HTTP status and body: the only such table.

REST answers `{"detail": …}`, the Upload API a line of text (or, with `jsonerrors=1`, HTTP 200 and
an error object, because its browser client takes any other status for a fault of the network), our
own additions under `/api/v1/` a problem with code, what, why and fix.
"""

import logging
import math
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import HttpResponse, JsonResponse
from rest_framework import exceptions as drf
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_handler

from storages_app.api.refusals import (
    CallbackInvalid,
    FileIdInvalid,
    FileIdRequired,
    FileMissing,
    GroupIdRequired,
    JobNotOver,
    JobNotWaiting,
    KeyMayOnlyRead,
    MultipartUuidInvalid,
    MultipartUuidRequired,
    NoSuchThing,
    OurFault,
    ParameterConflict,
    PublicKeyInvalid,
    PublicKeyRequired,
    UploadParameterRequired,
    WrongMethod,
)
from storages_app.backups import errors as backups
from storages_app.bulk_copies import errors as bulk_copies
from storages_app.copying import errors as copying
from storages_app.custom_storages import errors as custom_storages
from storages_app.groups import errors as groups
from storages_app.imaging.errors import ImagingBusy
from storages_app.lib.crypto import BadKeyRing, CannotUnseal
from storages_app.lib.errors import UcdashError
from storages_app.library.errors import FileGone
from storages_app.projects import errors as projects
from storages_app.reconciliation import errors as reconciliation
from storages_app.restores import errors as restores
from storages_app.uploads import errors as uploads
from storages_app.uploads import multipart_errors as multipart
from storages_app.url_uploads import errors as url_uploads
from storages_app.webhooks import errors as webhooks

log = logging.getLogger(__name__)

_NOT_FOUND = "Not found."
_BUSY_WAIT_S = 5
_TOO_LARGE = "The size of the request is too large."

# The nearest class counts; what is not here is the caller's mistake: 400.
_STATUS: dict[type[UcdashError], int] = {
    projects.BadCredentials: 401,
    KeyMayOnlyRead: 403,
    projects.IdempotencyKeyReused: 422,
    projects.IdempotencyKeyUnderWay: 409,
    JobNotOver: 409,
    JobNotWaiting: 409,
    FileGone: 404,
    groups.GroupNotFound: 404,
    NoSuchThing: 404,
    backups.AlreadyConnected: 409,
    backups.BackupOff: 409,
    backups.BackupPaused: 409,
    backups.StorageNotReady: 409,
    bulk_copies.StorageNotConnected: 409,
    reconciliation.StorageNotConnected: 409,
    bulk_copies.StoragePaused: 409,
    bulk_copies.TooManyJobs: 429,
    bulk_copies.WrongMoment: 409,
    custom_storages.NameTaken: 409,
    custom_storages.NotConnected: 409,
    custom_storages.NotTested: 409,
    restores.NotWaiting: 409,
    webhooks.StillUnderWay: 409,
    webhooks.WebhookInactive: 409,
    webhooks.WebhooksOff: 403,
    uploads.RequestTooLarge: 413,
    uploads.UploadsPaused: 403,
    copying.TooManyCopies: 429,
    custom_storages.TooManyTests: 429,
    OurFault: 500,
    BadKeyRing: 500,
    CannotUnseal: 500,
    ImagingBusy: 503,
    uploads.StorageFailed: 503,
    uploads.DiskFull: 507,
}

# `error_code` of the Upload API (spec/UPLOADCARE 3.11) and the status that goes with it.
_UPLOAD: dict[type[UcdashError], tuple[int, str]] = {
    UcdashError: (400, "UploadViewsError"),
    PublicKeyRequired: (403, "ProjectPublicKeyRequiredError"),
    PublicKeyInvalid: (403, "ProjectPublicKeyInvalidError"),
    FileIdRequired: (400, "FileIdRequiredError"),
    FileIdInvalid: (400, "FileIdInvalidError"),
    FileMissing: (404, "FileNotFoundError"),
    GroupIdRequired: (400, "GroupIdRequiredError"),
    groups.GroupRefused: (400, "GroupViewsError"),
    groups.NoFilesNamed: (400, "GroupFilesInvalidError"),
    groups.BadFileUrl: (400, "GroupFileURLParsingFailedError"),
    groups.FilesNotFound: (400, "GroupFilesNotFoundError"),
    groups.TooManyFiles: (400, "FilesNumberLimitExceededError"),
    groups.GroupNotFound: (404, "GroupNotFoundError"),
    CallbackInvalid: (400, "BaseViewsError"),
    ParameterConflict: (400, "BaseViewsError"),
    WrongMethod: (405, "MethodNotAllowedError"),
    projects.OriginForbidden: (403, "UploadViewsError"),
    projects.SignatureRequired: (400, "SignatureRequiredError"),
    projects.ExpireRequired: (400, "SignatureExpirationRequiredError"),
    projects.ExpireMalformed: (400, "SignatureExpirationInvalidError"),
    projects.SignatureExpired: (403, "SignatureExpirationError"),
    projects.SignatureLivesTooLong: (403, "SignatureExpirationError"),
    projects.SignatureInvalid: (403, "SignatureInvalidError"),
    uploads.FormMalformed: (400, "PostRequestParserFailedError"),
    uploads.TooManyFields: (400, "RequestFiledsNumberLimitExceededError"),  # their spelling
    uploads.TooManyParts: (400, "RequestFileNumberLimitExceededError"),
    uploads.FieldRepeated: (400, "FilesNumberLimitExceededError"),
    uploads.NoFiles: (400, "FilesRequiredError"),
    uploads.RequestTooLarge: (413, "RequestSizeLimitExceededError"),
    uploads.FileTooLarge: (400, "FileSizeLimitExceededError"),
    uploads.QuotaReached: (403, "AccountLimitsExceededError"),
    uploads.UploadsPaused: (403, "UploadsPausedError"),
    uploads.TypeForbidden: (400, "FileTypeForbiddenError"),
    uploads.ProjectRemoved: (403, "ProjectPublicKeyRemovedError"),
    uploads.NullCharacters: (400, "NullCharactersForbiddenError"),
    uploads.DiskFull: (507, "UploadFailedError"),
    uploads.StorageFailed: (503, "UploadFailedError"),
    ImagingBusy: (503, "UploadFailedError"),
    UploadParameterRequired: (400, "RequestParamRequiredError"),
    uploads.AlreadyUploaded: (400, "MultipartFileAlreadyUploadedError"),
    MultipartUuidRequired: (400, "MultipartFileIdRequiredError"),
    MultipartUuidInvalid: (400, "UUIDInvalidError"),
    multipart.SizeInvalid: (400, "MultipartSizeInvalidError"),
    multipart.SizeTooSmall: (400, "MultipartFileSizeTooSmallError"),
    multipart.SizeTooLarge: (400, "MultipartFileSizeLimitExceededError"),
    multipart.PartSizeInvalid: (400, "MultipartPartSizeInvalidError"),
    multipart.PartSizeTooSmall: (400, "MultipartPartSizeTooSmallError"),
    multipart.PartSizeTooBig: (400, "MultipartPartSizeTooBigError"),
    multipart.PartUrlRefused: (403, "UploadFailedError"),
    multipart.PartLengthWrong: (403, "UploadFailedError"),
    multipart.PartSuperseded: (409, "UploadFailedError"),
    multipart.PartsClosed: (409, "UploadFailedError"),
    multipart.SessionMissing: (404, "MultipartFileNotFoundError"),
    multipart.PartsWrong: (400, "MultipartFileCompletionFailedError"),
    multipart.PartsMissing: (400, "MultipartUploadSizeTooSmallError"),
    multipart.PartsTooLarge: (400, "MultipartUploadSizeTooLargeError"),
    uploads.MetadataKeyDuplicated: (400, "FileMetadataKeyDuplicatedError"),
    uploads.MetadataKeyEmpty: (400, "FileMetadataKeyEmptyError"),
    uploads.MetadataKeyForbidden: (400, "FileMetadataKeyForbiddenError"),
    uploads.MetadataKeyTooLong: (400, "FileMetadataKeyLengthTooBigError"),
    uploads.TooManyMetadataKeys: (400, "FileMetadataKeysNumberTooBigError"),
    uploads.MetadataValueEmpty: (400, "FileMetadataValueEmptyError"),
    uploads.MetadataValueForbidden: (400, "FileMetadataValueForbiddenError"),
    uploads.MetadataValueTooLong: (400, "FileMetadataValueLengthTooBigError"),
    url_uploads.OrderRefused: (400, "URLValidationError"),
    url_uploads.SourceUrlRequired: (400, "SourceURLRequiredError"),
    url_uploads.UrlUnparsable: (400, "URLParsingFailedError"),
    url_uploads.SchemeRequired: (400, "URLSchemeRequiredError"),
    url_uploads.SchemeInvalid: (400, "URLSchemeInvalidError"),
    url_uploads.HostRequired: (400, "URLHostRequiredError"),
    url_uploads.HostMalformed: (400, "URLHostMalformedError"),
    url_uploads.HostUnknown: (400, "HostnameNotFoundError"),
    url_uploads.PrivateAddress: (400, "URLHostPrivateIPForbiddenError"),
    url_uploads.SourceForbidden: (400, "URLBlacklistedError"),
    url_uploads.TokenRequired: (400, "TokenRequiredError"),
    url_uploads.UrlUploadsOff: (403, "URLValidationError"),
    url_uploads.TooManyFetches: (429, "RequestThrottledError"),
    OurFault: (500, "UploadAPIError"),
    BadKeyRing: (500, "UploadAPIError"),
    CannotUnseal: (500, "UploadAPIError"),
}


def rest_error(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """The answer of the REST API; None for what is our own fault and belongs to the log."""
    if isinstance(error, drf.NotAcceptable):
        # No version was agreed on, so this is the one answer without the vendor's type.
        return JsonResponse({"detail": error.detail}, status=406, content_type="application/json")
    if isinstance(error, UcdashError):
        return _rest_refusal(error)
    if isinstance(error, RequestDataTooBig):
        return Response({"detail": _TOO_LARGE}, status=413)
    if isinstance(error, (SuspiciousOperation, BadRequest)):
        return Response({"detail": "Bad request."}, status=400)
    return drf_handler(error, context)


def v1_error(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """The answer of our own additions: what, why and how to mend it."""
    if isinstance(error, UcdashError):
        status = status_of(error)
        problem = _problem(error.code, _first_line(error), error.message, error.advice, status)
        return _as_problem(problem, status, _headers(error))
    answer = rest_error(error, context)
    if answer is None:
        return None
    detail = answer.data.get("detail", "") if isinstance(answer, Response) else ""
    code = getattr(detail, "code", "bad_request")
    problem = _problem(str(code), str(detail), "", "", answer.status_code)
    return _as_problem(problem, answer.status_code, answer.headers)


def upload_error(
    error: Exception, *, method: str, path: str, jsonerrors: bool
) -> HttpResponse | None:
    """The answer of the Upload API."""
    status, code, text = _upload_words(error, method, path)
    if not code:
        return None
    if jsonerrors:
        body = {"error": {"status_code": status, "content": text, "error_code": code}}
        answer: HttpResponse = JsonResponse(body, content_type="application/json")
    else:
        answer = HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
    wait = getattr(error, "wait", _BUSY_WAIT_S if status == 503 else None)  # Throttled has it
    if wait is not None:
        answer["Retry-After"] = str(math.ceil(wait))
    if isinstance(error, projects.SignatureLivesTooLong):  # the wire has no text for it
        answer["Warning"] = f"199 Miscellaneous warning: {error.advice}"
    return answer


def status_of(error: UcdashError) -> int:
    return next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 400)


def _rest_refusal(error: UcdashError) -> Response:
    status = status_of(error)
    if isinstance(error, webhooks.WebhookRefused):  # as the real service words its newer forms
        return Response({error.field or "non_field_errors": [error.message]}, status=status)
    detail = _NOT_FOUND if status == 404 else error.message
    return Response({"detail": detail}, status=status, headers=_headers(error))


def _headers(error: UcdashError) -> dict[str, str]:
    status = status_of(error)
    if status >= 500:
        log.error("%s: %s", error.code, error.message)
    if status == 401:
        return {"WWW-Authenticate": "Uploadcare"}
    if isinstance(error, copying.TooManyCopies | custom_storages.TooManyTests):
        return {"Retry-After": str(error.retry_after)}
    comes_soon = status == 503 or isinstance(error, projects.IdempotencyKeyUnderWay)
    return {"Retry-After": str(_BUSY_WAIT_S)} if comes_soon else {}


def _first_line(error: UcdashError) -> str:
    return (type(error).__doc__ or error.message).strip().splitlines()[0]


def _problem(code: str, what: str, why: str, fix: str, status: int) -> dict[str, Any]:
    """Problem details as RFC 9457 has them, and the same in the words of our pages."""
    docs_url = f"{settings.DASHBOARD_URL}/docs/errors/#{code}"
    return {
        "type": docs_url,
        "title": what,
        "status": status,
        "detail": why or what,
        "code": code,
        "what": what,
        "why": None if why in {"", what} else why,
        "fix": fix or None,
        "docs_url": docs_url,
    }


def _as_problem(problem: dict[str, Any], status: int, headers: Any) -> HttpResponse:
    kept = {name: headers[name] for name in ("WWW-Authenticate", "Retry-After") if name in headers}
    return JsonResponse(
        problem, status=status, content_type="application/problem+json", headers=kept
    )


def _upload_words(error: Exception, method: str, path: str) -> tuple[int, str, str]:
    if isinstance(error, drf.MethodNotAllowed):
        error = WrongMethod(f"HTTP method {method} is not allowed for {path}")
    if isinstance(error, UcdashError):
        status, code = next(_UPLOAD[kind] for kind in type(error).__mro__ if kind in _UPLOAD)
        if status >= 500:
            log.error("%s: %s", error.code, error.message)
        return status, code, "Internal error." if status == 500 else error.message
    if isinstance(error, (OperationalError, InterfaceError)):  # away, full or locked: it comes back
        log.error("The database failed while a file came", exc_info=error)
        return 503, "UploadFailedError", "Upload failed."
    if isinstance(error, drf.Throttled):
        return 429, "RequestThrottledError", "Request was throttled."
    if isinstance(error, RequestDataTooBig):
        return 413, "RequestSizeLimitExceededError", _TOO_LARGE
    if isinstance(error, (drf.APIException, SuspiciousOperation, BadRequest)):
        return 400, "BaseViewsError", "Request processing failed."
    return 500, "", ""
