"""What stands in the dot of a storage: its first letter, and a second where several begin alike."""

from collections import defaultdict
from collections.abc import Iterable

_DIGITS = "123456789"


def letters_of(names: Iterable[str]) -> dict[str, str]:
    """Name → one or two letters that no other of these names has: photos and paused are Ph and Pa.

    The second is where a name differs from those that begin as it does; where all such letters
    are taken it is a number, and past the ninth two dots may look alike.
    """
    alike: dict[str, list[str]] = defaultdict(list)
    for name in names:
        alike[name[:1].upper()].append(name)
    found = {}
    for first, group in alike.items():
        taken: set[str] = set()
        for name in group:
            second = _second(name, group, taken) if len(group) > 1 else ""
            taken.add(second)
            found[name] = first + second
    return found


def _second(name: str, group: list[str], taken: set[str]) -> str:
    here = name[_where_they_part(group) :].lower()
    free = (letter for letter in here + _DIGITS if letter.isalnum() and letter not in taken)
    return next(free, _DIGITS[-1])


def _where_they_part(group: list[str]) -> int:
    """The first place at which not all names have the same letter."""
    places = range(1, min(map(len, group)))
    return next((n for n in places if len({name[n] for name in group}) > 1), 1)
