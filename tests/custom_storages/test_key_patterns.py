"""Keys of spec/UPLOADCARE 4.5, and what an attacker would like them to be."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storages_app.custom_storages.errors import BadPattern
from storages_app.custom_storages.key_patterns import (
    MAX_KEY_BYTES,
    check_pattern,
    expand,
    numbered,
)

UUID = "1b959c59-9605-4879-946f-08fdb5ea3e9d"


def key(pattern="${default}", *, name="roof.jpg", effects="", prefix=""):
    return expand(pattern, prefix=prefix, uuid=UUID, original_filename=name, effects=effects)


@pytest.mark.parametrize(
    ("pattern", "name", "effects", "expected"),
    [
        ("${default}", "roof.jpg", "", f"{UUID}/roof.jpg"),
        (
            "${default}",
            "roof.jpg",
            ".-crop_10x10_20,20",
            f"{UUID}/roof.-crop_10x10_20,20.jpg",
        ),
        ("${auto_filename}", "IMG-0412_123.JPG", "", "IMG0412_123.JPG"),
        ("photos/${uuid}${ext}", "a.png", "", f"photos/{UUID}.png"),
        ("${filename}", "().png", "", "noroot"),
        ("${uuid}/${ext}", "README", "", f"{UUID}/_"),
        ("x", "anything.gif", "", "x"),
    ],
)
def test_variables_are_filled_in(pattern, name, effects, expected):
    assert key(pattern, name=name, effects=effects) == expected


def test_the_prefix_comes_first():
    assert key(prefix="a/b/") == f"a/b/{UUID}/roof.jpg"


@pytest.mark.parametrize("pattern", ["${foo}", "a/${uuid}/${Filename}", "${}", "${ uuid }"])
def test_an_unknown_variable_is_refused_with_the_text_of_the_wire(pattern):
    with pytest.raises(BadPattern) as refused:
        check_pattern(pattern)
    assert refused.value.message == f"Invalid pattern provided: `{pattern}`"


@pytest.mark.parametrize(
    "pattern",
    [
        "../${uuid}",
        "${uuid}/../../x",
        "/${uuid}",
        "${uuid}/",
        "a//b",
        ".",
        "",
        "{0.__class__}",
        "${${uuid}}",
        "a b",
        "é",
        "a\nb",
        "%2e%2e/x",
        "x" * 10_000,
    ],
)
def test_a_forbidden_character_or_segment_is_refused(pattern):
    with pytest.raises(BadPattern) as refused:
        check_pattern(pattern)
    assert refused.value.message == "Invalid pattern provided: Invalid character in a pattern."


def test_a_key_that_would_be_too_long_is_shortened_to_a_hash():
    long = key(effects=".-" + "blur_10" * 400)
    assert len(long.encode()) <= MAX_KEY_BYTES
    assert long.startswith(f"{UUID}/roof.-")
    assert long.endswith(".jpg")


@settings(max_examples=500, deadline=None)
@given(name=st.text(max_size=300))
def test_every_file_name_gives_a_key_that_stays_where_it_belongs(name):
    found = key(name=name, prefix="mine/")
    assert found.startswith(f"mine/{UUID}/")
    assert len(found.encode()) <= MAX_KEY_BYTES
    assert found.isascii()
    assert {"", ".", ".."}.isdisjoint(found.split("/"))


def test_the_next_free_name_keeps_the_extension():
    assert numbered("a/photo.jpg", 2) == "a/photo-2.jpg"
