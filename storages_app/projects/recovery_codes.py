"""Recovery codes: once they were shown, only hashes of them stay (S109).

allauth makes all codes of a person from one seed, and has to keep it until they are shown. Then
those that are left are hashed and sealed, in the place of codes that allauth has not made itself.
It compares them with what is typed, so what is typed is hashed before it comes there.
"""

import secrets

from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa import app_settings
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import encrypt
from django.utils.crypto import pbkdf2

from storages_app.models import User

_ROUNDS = 100_000  # eight digits are soon tried out by whoever has the data keys, too
_LONGEST_CODE = 20  # a hash is longer: whoever has read one cannot type it


def keep_hashes(user: User) -> None:
    """Forget what the codes were made of; one that is used at this moment puts it off."""
    row = _row_of(user)
    if row is None or "seed" not in row.data:
        return
    salt = secrets.token_hex(16)
    hashes = [_hash(code, salt) for code in row.wrap().get_unused_codes()]
    kept = {name: value for name, value in row.data.items() if name not in {"seed", "used_mask"}}
    kept |= {"salt": salt, "migrated_codes": [encrypt(hashed) for hashed in hashes]}
    Authenticator.objects.filter(pk=row.pk, data=row.data).update(data=kept)


def as_kept(*, user: User, code: str) -> str:
    """A code that was typed, as allauth finds it among those that are left."""
    typed = normalize_user_code(code)
    if len(typed) != app_settings.RECOVERY_CODE_DIGITS:
        return code[:_LONGEST_CODE]
    row = _row_of(user)
    if row and row.wrap().did_view:
        keep_hashes(user)  # of an older release
        row = _row_of(user)
    if row is None or "salt" not in row.data:
        return code
    hashed = _hash(typed, row.data["salt"])
    return hashed if hashed in row.wrap().get_unused_codes() else code


def _row_of(user: User) -> Authenticator | None:
    rows = Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES)
    found: Authenticator | None = rows.first()
    return found


def _hash(code: str, salt: str) -> str:
    return pbkdf2(code, salt, _ROUNDS).hex()
