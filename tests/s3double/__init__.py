"""A strict S3, with STS and KMS behind it, in the test's own process.

It does what Amazon documents and other doubles leave out: signatures, policies, ACLs, Object
Ownership, Block Public Access, expected owners, regions, checksums, conditional writes, keys of
KMS, roles. `Quirks` make it one of the other providers, `Faults` a bad day.
"""

from tests.s3double.accounts import Account, Block, Credential, KmsKey, Role, User, allow_all
from tests.s3double.buckets import Bucket, Encryption, Grant, Object, ObjectLock
from tests.s3double.faults import Fault, Quirks
from tests.s3double.server import S3Double
from tests.s3double.service import Call

__all__ = [
    "Account",
    "Block",
    "Bucket",
    "Call",
    "Credential",
    "Encryption",
    "Fault",
    "Grant",
    "KmsKey",
    "Object",
    "ObjectLock",
    "Quirks",
    "Role",
    "S3Double",
    "User",
    "allow_all",
]
