"""Refusals of this room."""

from storages_app.lib.errors import UcdashError
from storages_app.objectstores.errors import ObjectStoreError


class AddressRefused(UcdashError):
    """This cannot be an address of a bucket."""

    code = "address_invalid"
    hint = "Correct the field; what you typed is kept."


class NameTaken(UcdashError):
    """This project already has a storage with that name."""

    code = "storage_name_taken"
    hint = "Choose another name."


class StorageGone(UcdashError):
    """This storage was disconnected."""

    code = "storage_deleted"
    hint = "Connect the bucket again under a new storage."


class NotConnected(UcdashError):
    """This storage is a draft: its required checks have not passed yet."""

    code = "storage_not_connected"
    hint = "Open the storage, mend what its test says, and run the test again."


class BadPattern(UcdashError):
    """The key pattern has an unknown variable or a forbidden character."""

    code = "pattern_invalid"
    hint = (
        "Use ${default}, ${auto_filename}, ${filename}, ${effects}, ${ext}, ${uuid}, ${yyyy}, "
        "${mm}, ${dd}, ${project} and ${mime_group}."
    )


class BadRule(UcdashError):
    """This rule for auto-copy cannot be followed."""

    code = "auto_copy_rule_invalid"
    hint = "docs/auto-copy.md lists what a rule may say."

    def __init__(self, field: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.field = field  # of the rule; empty for the rule as a whole


class NotTested(UcdashError):
    """The connection test has not passed since the settings were last changed."""

    code = "storage_not_tested"
    hint = "Run the test; when its required checks pass, connect."


class TooManyTests(UcdashError):
    """This project has asked for very many connection tests in a short time."""

    code = "too_many_tests"
    hint = "Wait some minutes, then run the test again."

    def __init__(self, message: str = "", *, retry_after: int = 60) -> None:
        super().__init__(message)
        self.retry_after = retry_after  # seconds


class TooManyDrafts(UcdashError):
    """This project has very many storages that were never connected."""

    code = "too_many_drafts"
    hint = "Go on with one of the drafts, or disconnect those that are not needed."


class TooManyStorages(UcdashError):
    """This project has as many storages as a project may have here."""

    code = "too_many_storages"
    hint = "Disconnect one that is not needed, or ask the operator for a higher limit."


class IdentityNotOffered(UcdashError):
    """This instance has no AWS identity, so it cannot use this way in."""

    code = "identity_not_offered"
    hint = "Use an access key, or ask the operator to set the AWS identity of this instance."


class HandOffGone(UcdashError):
    """This link has been replaced, or is older than 7 days."""

    code = "hand_off_gone"
    hint = "Ask whoever sent it to you for a new one."


class AlreadyConnected(UcdashError):
    """This storage is connected already; a link from outside changes nothing on it."""

    code = "storage_connected"
    hint = "Tell the project's owner, who can change it under Settings."


class OwnershipUnproved(ObjectStoreError):
    """The owner of the bucket has not yet shown to be behind this storage."""

    code = "auth_denied"
    kind = "owner"
    hint = "Put the proof object into the bucket and check it in step 3 of the setup."


class PolicyRefused(UcdashError):
    """This is not a bucket policy that ours could be put into."""

    code = "policy_invalid"
    hint = "Copy the whole policy from the bucket's Permissions page and paste it again."
