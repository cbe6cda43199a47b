"""One line of the bucket's checklist as a check: read the setting, and judge it."""

from collections.abc import Callable

from storages_app.custom_storages.grants import checklist, judge
from storages_app.custom_storages.grants.checklist import NO_SUCH_SETTING, UNREADABLE
from storages_app.custom_storages.probe import (
    Advice,
    CannotTell,
    Kind,
    Level,
    Probe,
    Refused,
    action_of,
    check,
)
from storages_app.objectstores.base import ObjectStore
from storages_app.objectstores.errors import AccessDenied, NotSupported

Read = Callable[[ObjectStore, str], object]
_LINES = {line.id: line for line in checklist(public_mode="private")}
_ORDER = list(_LINES)


_CHANGE = {"change": Advice("{found}", "It should be: {wanted}.", ["{detail}"])}


def checklist_row(line_id: str, *, any_is_right: bool = False) -> Callable[[Read], Read]:
    """Register a reader of one setting, which gets the store and the prefix."""

    def register(read: Read) -> Read:
        def ask(probe: Probe) -> str:
            return _judged(line_id, read, probe)

        ask.__doc__ = read.__doc__
        check(
            line_id,
            name=_LINES[line_id].title,
            position=300 + _ORDER.index(line_id),
            kinds=(Kind.CHECKLIST,),
            level=Level.ADVISED,
            requires=["bucket", "proof"],
            refusals={} if any_is_right else _CHANGE,
        )(ask)
        return read

    return register


def _judged(line_id: str, read: Read, probe: Probe) -> str:
    mode = probe.custom_storage.public_mode
    try:
        value = read(probe.store, probe.custom_storage.prefix)
    except AccessDenied as error:
        raise CannotTell(UNREADABLE, f"{action_of(error)} is missing.", error=error) from error
    except NotSupported as error:
        nothing = "There is nothing to change and nothing to tick."
        raise CannotTell(NO_SUCH_SETTING, nothing, error=error) from error
    provider = probe.custom_storage.provider
    state, found = judge(line_id, {line_id: value}, mode, provider=provider)
    if state == "ok":
        return found
    lines = checklist(public_mode=mode, provider=provider)
    line = next(line for line in lines if line.id == line_id)
    raise Refused("change", found=found, wanted=line.wanted, detail=line.detail)
