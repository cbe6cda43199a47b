"""Which operation of S3 a request is: the method, the level and what the query names."""

from tests.s3double.errors import S3Error
from tests.s3double.requests import Request

# The part of a bucket that the query names, and what GET, PUT and DELETE of it are called.
SETTINGS = {
    "acl": ("GetBucketAcl", "PutBucketAcl", ""),
    "encryption": ("GetBucketEncryption", "PutBucketEncryption", "DeleteBucketEncryption"),
    "lifecycle": (
        "GetBucketLifecycleConfiguration",
        "PutBucketLifecycleConfiguration",
        "DeleteBucketLifecycle",
    ),
    "location": ("GetBucketLocation", "", ""),
    "object-lock": ("GetObjectLockConfiguration", "PutObjectLockConfiguration", ""),
    "ownershipControls": (
        "GetBucketOwnershipControls",
        "PutBucketOwnershipControls",
        "DeleteBucketOwnershipControls",
    ),
    "policy": ("GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy"),
    "policyStatus": ("GetBucketPolicyStatus", "", ""),
    "publicAccessBlock": (
        "GetPublicAccessBlock",
        "PutPublicAccessBlock",
        "DeletePublicAccessBlock",
    ),
    "versioning": ("GetBucketVersioning", "PutBucketVersioning", ""),
}
_METHODS = ("GET", "PUT", "DELETE")
_WHOLE_BUCKETS = {"PUT": "CreateBucket", "HEAD": "HeadBucket", "DELETE": "DeleteBucket"}
_WHOLE_OBJECTS = {"GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}


def operation_of(request: Request) -> str:
    if not request.bucket:
        found = {"GET": "ListBuckets", "POST": "Sts"}.get(request.method, "")
    elif not request.key:
        found = _of_bucket(request)
    else:
        found = _of_object(request)
    if not found:
        raise S3Error("NotImplemented")
    return found


def _of_bucket(request: Request) -> str:
    method, query = request.method, request.query
    for name, operations in SETTINGS.items():
        if name in query and method in _METHODS:
            return operations[_METHODS.index(method)]
    if method == "POST":
        return "DeleteObjects" if "delete" in query else ""
    if method == "GET":
        if "uploads" in query:
            return "ListMultipartUploads"
        if "versions" in query:
            return "ListObjectVersions"
        return "ListObjectsV2" if query.get("list-type") == "2" else "ListObjects"
    return _WHOLE_BUCKETS.get(method, "")


def _of_object(request: Request) -> str:
    method, query = request.method, request.query
    if "uploadId" in query:
        return _of_upload(request)
    if "uploads" in query:
        return "CreateMultipartUpload" if method == "POST" else ""
    if "acl" in query:
        return {"GET": "GetObjectAcl", "PUT": "PutObjectAcl"}.get(method, "")
    if query.keys() & {"tagging", "retention", "legal-hold", "torrent", "attributes", "select"}:
        return ""
    if "restore" in query:
        return "RestoreObject" if method == "POST" else ""
    if method == "PUT":
        return "CopyObject" if request.header("x-amz-copy-source") else "PutObject"
    return _WHOLE_OBJECTS.get(method, "")


def _of_upload(request: Request) -> str:
    is_copy = request.header("x-amz-copy-source")
    return {
        "PUT": "UploadPartCopy" if is_copy else "UploadPart",
        "GET": "ListParts",
        "POST": "CompleteMultipartUpload",
        "DELETE": "AbortMultipartUpload",
    }.get(request.method, "")
