"""Do big files go through?"""

from io import BytesIO

from storages_app.custom_storages.checks.sse import KMS_FAILURES
from storages_app.custom_storages.probe import (
    Advice,
    Level,
    Probe,
    Refused,
    action_of,
    check,
    is_used_for,
    required_for,
)
from storages_app.objectstores.errors import AccessDenied, KmsDenied, NotSupported

_DECRYPT = "kms:Decrypt"


@check(
    "multipart",
    name="Big files",
    position=150,
    level=required_for("large_files", "resume_large", otherwise=Level.ADVISED),
    requires=["write", "checksum", "sse"],
    failures={
        **KMS_FAILURES,
        AccessDenied: Advice(
            "Small files work, big ones will not: an upload in parts is refused.",
            "It needs {action}, like a small file; another statement may deny it.",
            ["Look for a Deny on multipart uploads in the policy of the bucket."],
        ),
        NotSupported: Advice(
            "Small files work, big ones will not.",
            "This provider does not take uploads in parts.",
            ["Choose another provider, or keep to small files."],
        ),
    },
    refusals={
        "decrypt_denied": Advice(
            "Small files work, big ones will not: kms:Decrypt is missing.",
            "The parts of an encrypted upload are decrypted to be put together.",
            ["Add kms:Decrypt to the key grant."],
        ),
        "parts_hidden": Advice(
            "A broken upload of a big file starts anew: {action} is missing.",
            "We may not see which parts have arrived already.",
            ["Add {action}, or untick Resume large copies."],
        ),
        "abort_refused": Advice(
            "An unfinished upload was left in the bucket and costs storage.",
            "{action} is missing, so it stays at `{left}`.",
            [
                "Add s3:AbortMultipartUpload.",
                (
                    "A lifecycle rule that removes unfinished uploads after 1 day helps too "
                    "(snippet)."
                ),
            ],
        ),
    },
)
def multipart(probe: Probe) -> str:
    """Start an upload in parts, send one, and abort."""
    probe.capabilities["multipart"] = False
    key = f"{probe.key}.parts"
    upload_id = probe.store.start_multipart(key, probe.options)
    probe.uploads[upload_id] = key
    try:
        _send_one(probe, key, upload_id)
    finally:
        _abort(probe, upload_id)
    return "Started, sent one part, aborted"


def _send_one(probe: Probe, key: str, upload_id: str) -> None:
    try:
        probe.store.put_part(
            key,
            upload_id,
            1,
            BytesIO(probe.body),
            size=len(probe.body),
            checksum=probe.checksum,
        )
    except KmsDenied as error:
        if action_of(error) == _DECRYPT:
            raise Refused("decrypt_denied", error=error) from error
        raise
    probe.capabilities["multipart"] = True
    if is_used_for(probe.custom_storage, "resume_large"):
        try:
            probe.store.list_parts(key, upload_id)
        except AccessDenied as error:
            raise Refused("parts_hidden", error=error) from error


def _abort(probe: Probe, upload_id: str) -> None:
    try:
        probe.abort(upload_id)
    except AccessDenied as error:
        left = "`, `".join(sorted(probe.uploads.values()))
        raise Refused("abort_refused", error=error, left=left) from error
