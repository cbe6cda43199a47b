"""Seal secrets so that a copy of the database alone opens none of them.

AES-256-GCM with the place of the value (table, column, row) as associated data: a sealed text
that is moved to another row or column does not open. The keys are handed in; they live outside
the database.
"""

import base64
import binascii
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from storages_app.lib.errors import UcdashError

_NONCE_BYTES = 12


class BadKeyRing(UcdashError):
    """The data keys of this installation are missing or malformed."""

    code = "bad_key_ring"
    hint = "Set UCDASH_DATA_KEYS to `id:base64 of 32 bytes`, newest first."


class CannotUnseal(UcdashError):
    """A stored secret could not be opened with the data keys of this installation."""

    code = "cannot_unseal"
    hint = "Put the key it was sealed with back into UCDASH_DATA_KEYS, or enter the secret again."


@dataclass(frozen=True)
class KeyRing:
    """Keys by id; the first seals, all of them open."""

    keys: tuple[tuple[str, bytes], ...]

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(key_id for key_id, _ in self.keys)})"

    @classmethod
    def parse(cls, entries: list[str]) -> "KeyRing":
        keys = []
        for entry in entries:
            key_id, _, encoded = entry.partition(":")
            try:
                key = base64.b64decode(encoded, validate=True)
            except binascii.Error as error:
                raise BadKeyRing from error
            if not key_id or len(key) != 32:
                raise BadKeyRing
            keys.append((key_id, key))
        if not keys:
            raise BadKeyRing
        return cls(tuple(keys))

    def seal(self, plaintext: str, *, place: str) -> str:
        key_id, key = self.keys[0]
        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(key).encrypt(nonce, plaintext.encode(), place.encode())
        return f"{key_id}:{base64.b64encode(nonce + sealed).decode()}"

    def unseal(self, sealed: str, *, place: str) -> str:
        key_id, _, encoded = sealed.partition(":")
        key = dict(self.keys).get(key_id)
        if key is None:
            raise CannotUnseal
        try:
            blob = base64.b64decode(encoded, validate=True)
            opened = AESGCM(key).decrypt(blob[:_NONCE_BYTES], blob[_NONCE_BYTES:], place.encode())
        except (binascii.Error, InvalidTag, ValueError) as error:
            raise CannotUnseal from error
        return opened.decode()


def new_data_key(key_id: str) -> str:
    """A fresh entry for UCDASH_DATA_KEYS."""
    return f"{key_id}:{base64.b64encode(os.urandom(32)).decode()}"
