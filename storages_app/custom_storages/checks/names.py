"""Do odd names survive?"""

from storages_app.custom_storages.probe import Advice, Level, Probe, Refused, check
from storages_app.objectstores.errors import KeyInvalid, ObjectMissing


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
    key = probe.key.removesuffix(".txt") + " a+é.txt"
    try:
        probe.put(key)
        is_same = probe.read(key) == probe.body
    except (KeyInvalid, ObjectMissing) as error:
        raise Refused("names_changed", error=error) from error
    if not is_same:
        raise Refused("names_changed")
    probe.capabilities["odd_names"] = True
    return "Names with spaces, + and é survive"
