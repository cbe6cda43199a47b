"""The refusals of S3: code, status and the sentence that goes with it."""

from collections.abc import Mapping

_KNOWN = {
    "AccessControlListNotSupported": (400, "The bucket does not allow ACLs"),
    "AccessDenied": (403, "Access Denied"),
    "AccountProblem": (403, "There is a problem with your AWS account."),
    "AllAccessDisabled": (403, "All access to this object has been disabled"),
    "AuthorizationHeaderMalformed": (400, "The authorization header is malformed."),
    "BadDigest": (400, "The Content-MD5 you specified did not match what we received."),
    "BucketAlreadyExists": (409, "The requested bucket name is not available."),
    "BucketAlreadyOwnedByYou": (409, "The bucket you tried to create already exists."),
    "BucketNotEmpty": (409, "The bucket you tried to delete is not empty"),
    "ConditionalRequestConflict": (
        409,
        (
            "The conditional request cannot succeed due to a conflicting operation against this "
            "resource."
        ),
    ),
    "EntityTooLarge": (400, "Your proposed upload exceeds the maximum allowed size"),
    "EntityTooSmall": (400, "Your proposed upload is smaller than the minimum allowed size"),
    "ExpiredToken": (400, "The provided token has expired."),
    "IllegalLocationConstraintException": (
        400,
        (
            "The location constraint is incompatible for the region specific endpoint this request "
            "was sent to."
        ),
    ),
    "IncompleteBody": (400, "The request body terminated unexpectedly"),
    "InternalError": (500, "We encountered an internal error. Please try again."),
    "InvalidAccessKeyId": (
        403,
        "The AWS Access Key Id you provided does not exist in our records.",
    ),
    "InvalidArgument": (400, "Invalid Argument"),
    "InvalidBucketName": (400, "The specified bucket is not valid."),
    "InvalidDigest": (400, "The Content-MD5 you specified was invalid."),
    "InvalidLocationConstraint": (400, "The specified location-constraint is not valid"),
    "InvalidObjectState": (
        403,
        "The operation is not valid for the object's storage class",
    ),
    "InvalidPart": (
        400,
        (
            "One or more of the specified parts could not be found. The part may not have been "
            "uploaded, or the specified entity tag may not match the part's entity tag."
        ),
    ),
    "InvalidPartOrder": (
        400,
        "The list of parts was not in ascending order. Parts must be ordered by part number.",
    ),
    "InvalidRange": (416, "The requested range is not satisfiable"),
    "InvalidRequest": (400, "Invalid Request"),
    "InvalidStorageClass": (400, "The storage class you specified is not valid"),
    "InvalidToken": (400, "The provided token is malformed or otherwise invalid."),
    "InvalidURI": (400, "Couldn't parse the specified URI."),
    "KMS.DisabledException": (400, "The key is disabled."),
    "KMS.KMSInvalidStateException": (400, "The key is pending deletion."),
    "KMS.NotFoundException": (400, "The key does not exist"),
    "KeyTooLongError": (400, "Your key is too long"),
    "MalformedACLError": (
        400,
        "The XML you provided was not well-formed or did not validate against our published schema",
    ),
    "MalformedPolicy": (400, "Policies must be valid JSON and the first byte must be '{'"),
    "MalformedXML": (
        400,
        "The XML you provided was not well-formed or did not validate against our published schema",
    ),
    "MetadataTooLarge": (
        400,
        "Your metadata headers exceed the maximum allowed metadata size",
    ),
    "MethodNotAllowed": (405, "The specified method is not allowed against this resource."),
    "MissingContentLength": (411, "You must provide the Content-Length HTTP header."),
    "NoSuchBucket": (404, "The specified bucket does not exist"),
    "NoSuchBucketPolicy": (404, "The bucket policy does not exist"),
    "NoSuchKey": (404, "The specified key does not exist."),
    "NoSuchLifecycleConfiguration": (404, "The lifecycle configuration does not exist"),
    "NoSuchPublicAccessBlockConfiguration": (
        404,
        "The public access block configuration was not found",
    ),
    "NoSuchUpload": (
        404,
        (
            "The specified upload does not exist. The upload ID may be invalid, or the upload may "
            "have been aborted or completed."
        ),
    ),
    "NoSuchVersion": (404, "The specified version does not exist."),
    "NotImplemented": (
        501,
        "A header you provided implies functionality that is not implemented",
    ),
    "ObjectLockConfigurationNotFoundError": (
        404,
        "Object Lock configuration does not exist for this bucket",
    ),
    "OwnershipControlsNotFoundError": (404, "The bucket ownership controls were not found"),
    "PermanentRedirect": (
        301,
        (
            "The bucket you are attempting to access must be addressed using the specified "
            "endpoint. Please send all future requests to this endpoint."
        ),
    ),
    "PreconditionFailed": (
        412,
        "At least one of the pre-conditions you specified did not hold",
    ),
    "QuotaExceeded": (403, "The quota of this account has been exceeded."),
    "RequestTimeTooSkewed": (
        403,
        "The difference between the request time and the current time is too large.",
    ),
    "RequestTimeout": (
        400,
        (
            "Your socket connection to the server was not read from or written to within the "
            "timeout period. Idle connections will be closed."
        ),
    ),
    "RestoreAlreadyInProgress": (409, "Object restore is already in progress"),
    "ServerSideEncryptionConfigurationNotFoundError": (
        404,
        "The server side encryption configuration was not found",
    ),
    "ServiceUnavailable": (503, "Please reduce your request rate."),
    "SignatureDoesNotMatch": (
        403,
        (
            "The request signature we calculated does not match the signature you provided. Check "
            "your key and signing method."
        ),
    ),
    "SlowDown": (503, "Please reduce your request rate."),
    "TemporaryRedirect": (
        307,
        (
            "Please re-send this request to the specified temporary endpoint. Continue to use the "
            "original request endpoint for future requests."
        ),
    ),
    "XAmzContentSHA256Mismatch": (
        400,
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
    ),
}


class S3Error(Exception):
    """A refusal; `more`, and `named` where Python has no such name, are elements of the answer."""

    def __init__(
        self,
        code: str,
        message: str = "",
        *,
        status: int = 0,
        headers: dict[str, str] | None = None,
        named: Mapping[str, object] | None = None,
        **more: object,
    ) -> None:
        known_status, known_message = _KNOWN.get(code, (400, code))
        super().__init__(code)
        self.code = code
        self.status = status or known_status
        self.message = message or known_message
        self.headers = headers or {}
        self.more = {**more, **(named or {})}


class NotModified(Exception):
    """304: the reader has it already."""
