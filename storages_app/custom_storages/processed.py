"""The image operations of copies: one reading of them for all who order copies."""

from storages_app.imaging import effects
from storages_app.imaging.effects import Effects
from storages_app.imaging.errors import BadEffects

# A copy is found by its operations and its key together: an entry of PostgreSQL's index has room
# for 2,704 bytes, of which a key may have 1,024.
MAX_EFFECTS = 1_500


def read_effects(text: str) -> Effects:
    """What a copy is made of; BadEffects where it is wrong, or longer than the ledger takes."""
    parsed = effects.parse(text)
    if len(parsed.canonical) > MAX_EFFECTS:
        raise BadEffects(
            operation="", reason=f"A copy takes at most {MAX_EFFECTS:,} characters of operations."
        )
    return parsed
