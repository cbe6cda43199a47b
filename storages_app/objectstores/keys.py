"""What every S3 demands of an object key."""

from storages_app.objectstores.errors import KeyInvalid

MAX_KEY_BYTES = 1024


def check_key(key: str) -> None:
    """Refuse what no provider takes; everything else is the provider's to judge."""
    try:
        length = len(key.encode())
    except UnicodeEncodeError as error:
        raise KeyInvalid from error
    if not 0 < length <= MAX_KEY_BYTES:
        raise KeyInvalid(f"A key has 1 to {MAX_KEY_BYTES} bytes; this one has {length}.")
