"""Do odd names survive?"""

from storages_app.custom_storages.probe import Advice, Level, Probe, Refused, check
from storages_app.objectstores.errors import AccessDenied, KeyInvalid, ObjectMissing


@check(
    "names",
    name="Odd names",
    position=170,
    level=Level.ADVISED,
    requires=["read"],
    refusals={
        "names_changed": Advice(
            "The provider changes such names.",
            "We will replace those characters.",
            ["Nothing to do."],
        ),
    },
)
def names(probe: Probe) -> str:
    """Write and read back a key with a space, + and é."""
    probe.capabilities["odd_names"] = False
    stem = probe.key.removesuffix(".txt")
    key = f"{stem} a+é.txt"
    try:
        probe.put(key)
        is_same = probe.read(key) == probe.body
    except (AccessDenied, KeyInvalid, ObjectMissing) as error:
        # The plain name was read a moment ago; who may not list is refused what is not there.
        _remember_what_it_became(probe, stem)
        raise Refused("names_changed", error=error) from error
    if not is_same:
        raise Refused("names_changed")
    probe.capabilities["odd_names"] = True
    return "Names with spaces, + and é survive"


def _remember_what_it_became(probe: Probe, stem: str) -> None:
    """It has to be removed as well, under whatever name it has now."""
    if probe.capabilities.get("list"):
        probe.leftovers |= {found.key for found in probe.store.list_objects(stem)}
