"""What operations refuse to read."""

import pytest

from storages_app.imaging.effects import parse
from storages_app.imaging.errors import BadEffects


def assert_refused(text: str, *, operation: str, words: str) -> None:
    """The operation is named, and these words say what is wrong."""
    with pytest.raises(BadEffects) as refusal:
        parse(text)
    assert refusal.value.operation == operation
    assert words in refusal.value.reason
