"""Do big files go through?"""

from io import BytesIO

from storages_app.custom_storages.probe import Advice, Level, Probe, Refused, check
from storages_app.objectstores.base import PutOptions
from storages_app.objectstores.errors import AccessDenied, KmsDenied, ObjectStoreError

_LEFT_OPEN = Advice(
    "An unfinished upload was left in the bucket and costs storage.",
    "It could not be aborted.",
    [
        "Add s3:AbortMultipartUpload.",
        "A lifecycle rule that removes unfinished uploads after one day helps too.",
    ],
)


@check(
    "multipart",
    name="Big files",
    position=80,
    level=Level.REQUIRED,
    requires=["write"],
    failures={
        KmsDenied: Advice(
            "Small files work, big ones will not: kms:Decrypt is missing.",
            "",
            ["Add kms:Decrypt to the key grant."],
        ),
        AccessDenied: Advice(
            "Big files are refused.",
            "Starting an upload in parts needs s3:PutObject, like a small file.",
            ["Look for a Deny on multipart uploads in the policy of the bucket."],
        ),
    },
    refusals={"abort_refused": _LEFT_OPEN},
)
def multipart(probe: Probe) -> str:
    """Start an upload in parts, send one, and abort."""
    probe.capabilities["multipart"] = False
    key = probe.key + ".parts"
    upload_id = probe.store.start_multipart(
        key, PutOptions(content_type="text/plain", checksum=probe.checksum)
    )
    try:
        probe.store.put_part(
            key,
            upload_id,
            1,
            BytesIO(probe.body),
            size=len(probe.body),
            checksum=probe.checksum,
        )
    finally:
        _abort(probe, key, upload_id)
    probe.capabilities["multipart"] = True
    return "Started, sent one part, aborted"


def _abort(probe: Probe, key: str, upload_id: str) -> None:
    try:
        probe.store.abort_multipart(key, upload_id)
    except ObjectStoreError as error:
        raise Refused("abort_refused", error=error) from error
