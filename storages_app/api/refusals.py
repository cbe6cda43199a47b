"""What only a door refuses: the rooms behind it never hear of these requests."""

from storages_app.lib.errors import UcdashError


class SimpleOverHttp(UcdashError):
    """A secret key was sent over plain HTTP."""

    code = "simple_auth_over_http"
    hint = "The secret key was readable for everybody on the way: replace it."

    def __init__(self) -> None:
        super().__init__(
            "Simple authentication over HTTP is forbidden. "
            "Please, use HTTPS or signed requests instead."
        )


class KeyMayOnlyRead(UcdashError):
    """This key may only read."""

    code = "key_may_only_read"
    hint = "Use a secret key with the scope full."


class NoSuchThing(UcdashError):
    """Not found."""

    code = "not_found"
    hint = "It may belong to another project, or may have been deleted."


class ParameterConflict(UcdashError):
    """A parameter was given twice."""

    code = "parameter_conflict"
    hint = "Give each parameter once, in the query or in the body."

    def __init__(self, name: str) -> None:
        super().__init__(f"Parameter `{name}` is given twice with different values.")


class ParameterInvalid(UcdashError):
    """A parameter has a value that cannot be used."""

    code = "parameter_invalid"


class ParameterMissing(UcdashError):
    """A parameter is required."""

    code = "parameter_missing"

    def __init__(self, name: str) -> None:
        super().__init__(f"`{name}` parameter is required.")


class FeatureMissing(UcdashError):
    """This is not available for this project."""

    code = "feature_missing"
    hint = "No project of this server has it; see the page about moving from Uploadcare."


class FieldUnknown(UcdashError):
    """The body has a field that cannot be set, or that there is not."""

    code = "field_unknown"
    hint = "Leave it out. Nothing was changed."

    def __init__(self, name: str) -> None:
        super().__init__(f"`{name[:100]}` is not a field that can be set.")


class JobNotWaiting(UcdashError):
    """This copy does not wait any more, so it cannot be cancelled."""

    code = "job_not_waiting"
    hint = "One that is under way ends by itself; what is written can be deleted in the bucket."


class JobNotOver(UcdashError):
    """This copy cannot be made again."""

    code = "job_not_over"
    hint = "Wait for its end. If its file or its storage was removed, there is nothing to copy."


class ConfirmationMissing(UcdashError):
    """This cannot be undone, so it has to be confirmed."""

    code = "confirmation_missing"
    hint = "Add ?name= with the exact name of the storage."


class ProofNotNeeded(UcdashError):
    """Only a bucket that trusts our principal needs a proof of ownership."""

    code = "proof_not_needed"
    hint = "Set `identity` to `principal`, or go on without a proof."


class PublicKeyRequired(UcdashError):
    """A public key is required."""

    code = "public_key_required"

    def __init__(self, parameter: str) -> None:
        super().__init__(f"{parameter} is required.")


class PublicKeyInvalid(UcdashError):
    """There is no project with this public key."""

    code = "public_key_unknown"

    def __init__(self, parameter: str) -> None:
        super().__init__(f"{parameter} is invalid.")


class FileIdRequired(UcdashError):
    """file_id is required."""

    code = "file_id_required"


class FileIdInvalid(UcdashError):
    """file_id is invalid."""

    code = "file_id_invalid"


class FileMissing(UcdashError):
    """File is not found."""

    code = "file_missing"


class OurFault(UcdashError):
    """Internal error."""

    code = "internal"


class GroupIdRequired(UcdashError):
    """group_id is required."""

    code = "group_id_required"


class CallbackInvalid(UcdashError):
    """callback is not the name of a function."""

    code = "callback_invalid"
    hint = "Letters, digits, `_`, `$` and dots between names; at most 128 characters."


class UploadParameterRequired(UcdashError):
    """A parameter of the Upload API is missing."""

    code = "upload_parameter_required"

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is required.")


class MultipartUuidRequired(UcdashError):
    """uuid is required."""

    code = "multipart_uuid_required"


class MultipartUuidInvalid(UcdashError):
    """uuid is invalid."""

    code = "multipart_uuid_invalid"


class WrongMethod(UcdashError):
    """This HTTP method is not allowed here."""

    code = "method_not_allowed"
