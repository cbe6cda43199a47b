"""Somebody with every second factor; made inside an installation, as `every_state.py` is."""

import hashlib
import secrets
from typing import Any

from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.mfa.webauthn.internal.auth import WebAuthn
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.urls import reverse
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import (
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)

from tests.factories import make_user

_EMAIL = "careful@example.com"


def make() -> tuple[dict[str, Any], dict[str, str]]:
    """How the person signs in, and the addresses of the pages about the passkey."""
    password = secrets.token_urlsafe(12)
    user = make_user(_EMAIL, password=password)
    TOTP.activate(user, generate_totp_secret())
    passkey = WebAuthn.add(user, "My laptop", _credential()).instance
    codes = RecoveryCodes.activate(user).generate_codes()
    names = ("mfa_edit_webauthn", "mfa_remove_webauthn")
    addresses = {name: reverse(name, args=[passkey.pk]) for name in names}
    return {"email": _EMAIL, "password": password, "codes": codes}, addresses


def _credential() -> dict[str, object]:
    """What a browser sends when a passkey is added."""
    host = settings.DASHBOARD_URL.rpartition("/")[2].partition(":")[0]
    key = ES256.from_cryptography_key(ec.generate_private_key(ec.SECP256R1()).public_key())
    data = AuthenticatorData.create(
        hashlib.sha256(host.encode()).digest(),
        AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.UV | AuthenticatorData.FLAG.AT,
        0,
        AttestedCredentialData.create(bytes(16), identifier := secrets.token_bytes(16), key),
    )
    client = CollectedClientData.create(
        type=CollectedClientData.TYPE.CREATE,
        challenge=secrets.token_bytes(32),
        origin=settings.DASHBOARD_URL,
    )
    return {
        "id": websafe_encode(identifier),
        "rawId": websafe_encode(identifier),
        "type": "public-key",
        "clientExtensionResults": {"credProps": {"rk": True}},
        "response": {
            "clientDataJSON": websafe_encode(client),
            "attestationObject": websafe_encode(AttestationObject.create("none", data, {})),
        },
    }
