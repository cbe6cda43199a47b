"""Does the bucket belong to whom it should, and does the provider watch over that?"""

from collections.abc import Callable

from storages_app.custom_storages.probe import Advice, Level, Probe, Refused, check
from storages_app.models import CustomStorage
from storages_app.objectstores.base import ObjectStore, PutOptions
from storages_app.objectstores.errors import AccessDenied

_NOBODY = "000000000000"
_CHECK_IT = [
    "Check the account id.",
    "A bucket that was deleted and made again by somebody else looks like this.",
]
Question = Callable[[ObjectStore], object]


def _level(custom_storage: CustomStorage) -> Level | None:
    is_known = custom_storage.provider == "aws" and bool(custom_storage.account_id)
    return Level.REQUIRED if is_known else None


@check(
    "owner",
    name="Owner",
    position=62,
    level=_level,
    requires=["bucket", "proof"],
    refusals={
        "other_owner": Advice(
            "The bucket belongs to another account than {account_id}.",
            "Nothing is sent to a bucket whose owner is not the one you named.",
            _CHECK_IT,
        ),
        "owner_unclear": Advice(
            "The bucket belongs to another account than {account_id}, or we may do nothing there.",
            "{action} was refused; nothing was sent.",
            [*_CHECK_IT, "Open the bucket's Permissions and paste the policy below."],
        ),
        "owner_ignored": Advice(
            "This provider ignores the owner check.",
            "A request that named a wrong owner was not refused.",
            ["Remove the account id; it protects nothing here."],
        ),
    },
)
def owner(probe: Probe) -> str:
    """Ask something that has no body as a bucket of the right owner, of none and of a wrong one."""
    probe.capabilities["owner_checked"] = False
    ask = _allowed_question(probe)
    account_id = probe.custom_storage.account_id
    try:
        ask(probe.store_of(_NOBODY))
    except AccessDenied:
        probe.capabilities["owner_checked"] = True
        return f"The bucket belongs to account {account_id}"
    raise Refused("owner_ignored")


def _allowed_question(probe: Probe) -> Question:
    """The first question that the right owner's bucket answers."""
    for ask in (_list(probe), _abort_nothing(probe)):
        try:
            ask(probe.store)
        except AccessDenied as error:
            if _is_answered(ask, probe.store_of("")):
                raise Refused("other_owner", error=error) from error
        else:
            return ask
    ask = _start_upload(probe)
    try:
        ask(probe.store)
    except AccessDenied as error:
        raise Refused("owner_unclear", error=error) from error
    return ask


def _is_answered(ask: Question, store: ObjectStore) -> bool:
    try:
        ask(store)
    except AccessDenied:
        return False
    return True


def _list(probe: Probe) -> Question:
    prefix = probe.custom_storage.prefix
    return lambda store: next(iter(store.list_objects(prefix)), None)


def _abort_nothing(probe: Probe) -> Question:
    """An upload that is not there is told from one that we may not abort."""
    return lambda store: store.abort_multipart(probe.key, "none")


def _start_upload(probe: Probe) -> Question:
    key = f"{probe.key}.owner"

    def ask(store: ObjectStore) -> None:
        upload_id = store.start_multipart(key, PutOptions(content_type="text/plain"))
        probe.uploads[upload_id] = key

    return ask
