"""Secrets at rest open with their key, in their place, unchanged, or not at all (S114-S116)."""

import pytest

from storages_app.lib.crypto import BadKeyRing, CannotUnseal, KeyRing, new_data_key

PLACE = "table:column:1"


@pytest.fixture
def ring():
    return KeyRing.parse([new_data_key("first")])


def test_what_was_sealed_opens_in_its_place(ring):
    assert ring.unseal(ring.seal("a secret", place=PLACE), place=PLACE) == "a secret"


def test_equal_secrets_look_different_and_show_nothing(ring):
    one, two = ring.seal("a secret", place=PLACE), ring.seal("a secret", place=PLACE)
    assert one != two
    assert "secret" not in one


@pytest.mark.parametrize("place", ["table:column:2", "table:other:1", "other:column:1", ""])
def test_a_sealed_text_moved_to_another_place_does_not_open(ring, place):
    with pytest.raises(CannotUnseal):
        ring.unseal(ring.seal("a secret", place=PLACE), place=place)


@pytest.mark.parametrize(
    "damage", [lambda s: s[:-4], lambda s: s + "AAAA", lambda s: "x", lambda s: ""]
)
def test_a_damaged_text_is_an_error_and_never_a_value(ring, damage):
    with pytest.raises(CannotUnseal):
        ring.unseal(damage(ring.seal("a secret", place=PLACE)), place=PLACE)


def test_another_installations_key_of_the_same_name_does_not_open_it(ring):
    with pytest.raises(CannotUnseal):
        KeyRing.parse([new_data_key("first")]).unseal(
            ring.seal("a secret", place=PLACE), place=PLACE
        )


def test_a_new_key_seals_and_the_old_one_still_opens():
    old, new = new_data_key("old"), new_data_key("new")
    sealed = KeyRing.parse([old]).seal("a secret", place=PLACE)
    both = KeyRing.parse([new, old])
    assert both.unseal(sealed, place=PLACE) == "a secret"
    assert both.seal("a secret", place=PLACE).startswith("new:")
    with pytest.raises(CannotUnseal):
        KeyRing.parse([new]).unseal(sealed, place=PLACE)


@pytest.mark.parametrize("entries", [[], ["nokey"], ["a:short"], [":" + "A" * 44], ["a:%%%"]])
def test_a_key_ring_without_whole_keys_is_refused(entries):
    with pytest.raises(BadKeyRing):
        KeyRing.parse(entries)


def test_a_key_ring_shows_no_key():
    entry = new_data_key("first")
    assert repr(KeyRing.parse([entry])) == "KeyRing(first)"
