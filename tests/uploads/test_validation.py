"""The rules of metadata, with the texts of the wire."""

import pytest

from storages_app.uploads import errors
from storages_app.uploads.validation import check_metadata, check_no_nulls


def test_good_metadata_passes_as_it_is():
    pairs = {"a": "1", "A-b_c.d:e": "väl\nue\ttoo", "k" * 64: "v" * 512}
    assert check_metadata(pairs.items()) == pairs
    fifty = {f"k{n}": "v" for n in range(50)}
    assert check_metadata(fifty.items()) == fifty


@pytest.mark.parametrize(
    ("pairs", "refusal", "text"),
    [
        ([("", "v")], errors.MetadataKeyEmpty, "File's metadata key can not be empty."),
        (
            [("a", "1"), ("a", "2")],
            errors.MetadataKeyDuplicated,
            "File's metadata key `a` has a duplicate.",
        ),
        (
            [("a b", "v")],
            errors.MetadataKeyForbidden,
            "File's metadata key `a b` contains symbols not allowed by the metadata key format.",
        ),
        (
            [("ключ", "v")],
            errors.MetadataKeyForbidden,
            "File's metadata key `ключ` contains symbols not allowed by the metadata key format.",
        ),
        (
            [("a\n", "v")],
            errors.MetadataKeyForbidden,
            "File's metadata key `a\n` contains symbols not allowed by the metadata key format.",
        ),
        (
            [("k" * 65, "v")],
            errors.MetadataKeyTooLong,
            f"Length of file metadata key `{'k' * 64}` can not be more than 64 symbols.",
        ),
        (
            [("a", "")],
            errors.MetadataValueEmpty,
            "Value of the file metadata key `a` can not be empty.",
        ),
        (
            [("a", "v" * 513)],
            errors.MetadataValueTooLong,
            "Value of file metadata's key `a` can not be more than 512 symbols in length.",
        ),
        (
            [("a", "bell\x07")],
            errors.MetadataValueForbidden,
            (
                "Value of file metadata key `a` contains symbols not allowed by the metadata "
                "value format."
            ),
        ),
        (
            [(f"k{n}", "v") for n in range(51)],
            errors.TooManyMetadataKeys,
            "A file can not have more than 50 metadata keys.",
        ),
    ],
)
def test_each_broken_rule_has_its_text(pairs, refusal, text):
    with pytest.raises(refusal) as caught:
        check_metadata(pairs)
    assert caught.value.message == text


def test_null_characters_are_refused_in_names_and_values():
    check_no_nulls({"a": ["b"]})
    for fields in ({"a\0": ["b"]}, {"a": ["b", "\0"]}):
        with pytest.raises(errors.NullCharacters):
            check_no_nulls(fields)
