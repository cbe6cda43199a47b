"""ACLs, where Object Ownership lets them be and Block Public Access lets them in."""

from tests.s3double import xml
from tests.s3double.access import block_of
from tests.s3double.accounts import ALL_USERS, AUTHENTICATED_USERS
from tests.s3double.buckets import Grant, Object
from tests.s3double.errors import S3Error
from tests.s3double.exchange import Answer, Exchange, handles

_GROUPS = {
    "public-read": [Grant(ALL_USERS, "READ")],
    "public-read-write": [Grant(ALL_USERS, "READ"), Grant(ALL_USERS, "WRITE")],
    "authenticated-read": [Grant(AUTHENTICATED_USERS, "READ")],
}
_CANNED = {"private", "bucket-owner-read", "bucket-owner-full-control", "aws-exec-read", *_GROUPS}
_GRANT_HEADERS = {
    "x-amz-grant-read": "READ",
    "x-amz-grant-write": "WRITE",
    "x-amz-grant-read-acp": "READ_ACP",
    "x-amz-grant-write-acp": "WRITE_ACP",
    "x-amz-grant-full-control": "FULL_CONTROL",
}


def is_asked_for(exchange: Exchange) -> bool:
    return any(name in exchange.request.headers for name in ("x-amz-acl", *_GRANT_HEADERS))


def check_allowed(exchange: Exchange) -> None:
    """AccessControlListNotSupported before Block Public Access: so does S3."""
    if exchange.quirks.no_acl_501:
        raise S3Error("NotImplemented", Header="x-amz-acl")
    canned = exchange.header("x-amz-acl")
    if canned and canned not in _CANNED:
        raise S3Error("InvalidArgument", ArgumentName="x-amz-acl", ArgumentValue=canned)
    check_grants(exchange, asked_for(exchange), canned)


def check_grants(exchange: Exchange, grants: list[Grant], canned: str = "") -> None:
    """Under BucketOwnerEnforced nothing passes but what gives the owner everything."""
    owner = exchange.bucket.account.canonical_id
    if exchange.bucket.ownership == "BucketOwnerEnforced":
        is_harmless = canned == "bucket-owner-full-control" or (
            not canned and grants == [Grant(owner, "FULL_CONTROL")]
        )
        if not is_harmless:
            raise S3Error("AccessControlListNotSupported")
    is_public = any(line.grantee in {ALL_USERS, AUTHENTICATED_USERS} for line in grants)
    if is_public and block_of(exchange.bucket).block_public_acls:
        action = exchange.request.operation
        if action not in {"PutBucketAcl", "PutObjectAcl", "CreateBucket"}:
            action = "PutObject"
        raise S3Error(
            "AccessDenied",
            f"User: {exchange.principal.arn} is not authorized to perform: s3:{action} on "
            f'resource: "{_resource(exchange)}" because public ACLs are prevented by the '
            "BlockPublicAcls setting in S3 Block Public Access.",
        )


def _resource(exchange: Exchange) -> str:
    key = exchange.request.key
    return exchange.bucket.arn + (f"/{key}" if key else "")


def asked_for(exchange: Exchange) -> list[Grant]:
    """What the headers ask for; without any, all for the owner alone."""
    mine = exchange.owner_account.canonical_id
    canned = exchange.header("x-amz-acl")
    if not canned and is_asked_for(exchange):
        return _of_headers(exchange)
    grants = [Grant(mine, "FULL_CONTROL"), *_GROUPS.get(canned, [])]
    if canned in {"bucket-owner-read", "bucket-owner-full-control"}:
        permission = "READ" if canned == "bucket-owner-read" else "FULL_CONTROL"
        grants.append(Grant(exchange.bucket.account.canonical_id, permission))
    return list(dict.fromkeys(grants))


def _of_headers(exchange: Exchange) -> list[Grant]:
    grants = []
    for name, permission in _GRANT_HEADERS.items():
        for word in filter(None, exchange.header(name).split(",")):
            kind, _, value = word.strip().partition("=")
            if kind not in {"id", "uri"}:
                raise S3Error("InvalidArgument", "Argument format not recognized")
            grants.append(Grant(value.strip('"'), permission))
    return grants


def _of_body(exchange: Exchange) -> list[Grant]:
    node = xml.parse(exchange.request.body.read(), "AccessControlPolicy")
    return [
        Grant(line.text("Grantee/ID") or line.text("Grantee/URI"), line.text("Permission"))
        for line in node.one("AccessControlList").all("Grant")
    ]


def _new_grants(exchange: Exchange) -> list[Grant]:
    if exchange.quirks.no_acl_501:
        raise S3Error("NotImplemented")
    if is_asked_for(exchange):
        check_allowed(exchange)
        return asked_for(exchange)
    grants = _of_body(exchange)
    check_grants(exchange, grants)
    return grants


@handles("PutObjectAcl")
def put_object_acl(exchange: Exchange) -> Answer:
    found = _object(exchange, "s3:PutObjectAcl")
    found.acl = _new_grants(exchange)
    return Answer()


@handles("GetObjectAcl")
def get_object_acl(exchange: Exchange) -> Answer:
    found = _object(exchange, "s3:GetObjectAcl")
    return _told(found.owner.canonical_id, found.acl)


def _object(exchange: Exchange, action: str) -> Object:
    found = exchange.bucket.current(exchange.key)
    exchange.allow_on_key(action, found)
    if found is None:
        raise S3Error("NoSuchKey", Key=exchange.request.key)
    return found


@handles("PutBucketAcl")
def put_bucket_acl(exchange: Exchange) -> Answer:
    exchange.allow("s3:PutBucketAcl")
    exchange.bucket.acl = _new_grants(exchange)
    return Answer()


@handles("GetBucketAcl")
def get_bucket_acl(exchange: Exchange) -> Answer:
    exchange.allow("s3:GetBucketAcl")
    owner = exchange.bucket.account.canonical_id
    return _told(owner, exchange.bucket.acl or [Grant(owner, "FULL_CONTROL")])


_XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def _told(owner: str, grants: list[Grant]) -> Answer:
    lines = "".join(
        "<Grant>"
        + xml.element(
            "Grantee",
            {"URI" if ":" in line.grantee else "ID": line.grantee},
            f' {_XSI} xsi:type="{"Group" if ":" in line.grantee else "CanonicalUser"}"',
        )
        + xml.element("Permission", line.permission)
        + "</Grant>"
        for line in grants
    )
    owner_xml = xml.element("Owner", {"ID": owner})
    body = (
        f'<AccessControlPolicy xmlns="{xml.NAMESPACE}">{owner_xml}'
        f"<AccessControlList>{lines}</AccessControlList></AccessControlPolicy>"
    )
    return Answer(headers={"content-type": "application/xml"}, body=body.encode())
