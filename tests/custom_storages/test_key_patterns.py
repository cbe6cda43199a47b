"""Keys of spec/UPLOADCARE 4.5, and what an attacker would like them to be."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storages_app.custom_storages.errors import BadPattern
from storages_app.custom_storages.key_patterns import (
    HARD_NAME,
    MAX_KEY_BYTES,
    VARIABLES,
    Sample,
    check_pattern,
    did_you_mean,
    expand,
    mime_group,
    numbered,
    preview,
    warnings,
)

UUID = "1b959c59-9605-4879-946f-08fdb5ea3e9d"


# Half an hour before midnight there, and already the first of March in UTC.
MOMENT = datetime(2026, 2, 28, 23, 30, tzinfo=timezone(timedelta(hours=-1)))


def key(pattern="${default}", *, name="roof.jpg", prefix="", **changed):
    values = {"effects": "", "uploaded_at": MOMENT, "project": "shop", "mime_type": "image/jpeg"}
    return expand(pattern, prefix=prefix, uuid=UUID, original_filename=name, **values | changed)


def sample(name="roof.jpg", **changed):
    values = {"uuid": UUID, "uploaded_at": MOMENT, "project": "shop", "mime_type": "image/jpeg"}
    return Sample(original_filename=name, **values | changed)


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
        ("${yyyy}/${mm}/${dd}/${uuid}", "a.gif", "", f"2026/03/01/{UUID}"),
        ("${project}/${mime_group}/${filename}${ext}", "a.gif", "", "shop/image/a.gif"),
    ],
)
def test_variables_are_filled_in(pattern, name, effects, expected):
    assert key(pattern, name=name, effects=effects) == expected


@pytest.mark.parametrize(
    ("mime_type", "group"),
    [
        ("image/png", "image"),
        ("VIDEO/mp4", "video"),
        ("audio/ogg; codecs=opus", "audio"),
        ("text/plain", "text"),
        ("application/pdf", "document"),
        ("application/octet-stream", "other"),
        ("font/woff2", "other"),
        ("../../x", "other"),
        ("", "other"),
    ],
)
def test_a_type_belongs_to_one_group(mime_type, group):
    assert mime_group(mime_type) == group


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


def test_a_pattern_whose_keys_no_s3_takes_is_refused():
    with pytest.raises(BadPattern, match="more than 1,024 bytes"):
        check_pattern("/".join(["${project}"] * 20))


def test_a_pattern_that_leaves_no_room_after_the_prefix_is_refused():
    pattern = "a" * 500 + "/${uuid}"
    check_pattern(pattern, prefix="b" * 400 + "/")
    with pytest.raises(BadPattern):
        check_pattern(pattern, prefix="b" * 500 + "/")


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


@settings(max_examples=300, deadline=None)
@given(
    parts=st.lists(st.sampled_from([*(f"${{{v}}}" for v in VARIABLES), "a", "-"]), max_size=30),
    name=st.text(max_size=255),
    effects=st.text("ab_.-", max_size=2000),
    project=st.text("ab-", min_size=1, max_size=60),
)
def test_every_pattern_that_is_taken_gives_a_key_that_s3_takes(parts, name, effects, project):
    pattern = "/".join(parts)
    try:
        check_pattern(pattern)
    except BadPattern:
        return
    found = key(pattern, name=name, effects=effects, project=project)
    assert len(found.encode()) <= MAX_KEY_BYTES
    assert {"", ".", ".."}.isdisjoint(found.split("/"))
    assert found == key(pattern, name=name, effects=effects, project=project)


def test_the_next_free_name_keeps_the_extension():
    assert numbered("a/photo.jpg", 2) == "a/photo-2.jpg"


class TestEditor:
    @pytest.mark.parametrize(
        ("pattern", "said"),
        [
            ("${foo}", "`${foo}` is not a variable. Did you mean `${ext}`?"),
            ("${UUID}/x", "`${UUID}` is not a variable. Did you mean `${uuid}`?"),
            ("${file_name}", "`${file_name}` is not a variable. Did you mean `${filename}`?"),
            ("${year}", "`${year}` is not a variable. Did you mean `${yyyy}`?"),
            ("${q0}", "`${q0}` is not a variable. Use one of `${default}`, "),
        ],
    )
    def test_an_unknown_variable_leads_to_the_one_that_was_meant(self, pattern, said):
        (sentence,) = did_you_mean(pattern)
        assert sentence.startswith(said)

    def test_each_unknown_name_is_told_once_and_known_ones_never(self):
        assert len(did_you_mean("${a1}/${a1}/${b2}")) == 2
        assert did_you_mean("".join(f"${{{name}}}" for name in VARIABLES)) == []
        assert did_you_mean("${x}" * 10_000) == []

    def test_the_preview_shows_the_newest_a_processed_and_a_hard_file(self):
        found = preview(
            "${default}",
            "up/",
            [sample(), sample(effects=".-resize_200x"), sample(HARD_NAME)],
        )
        assert [one.key for one in found] == [
            f"up/{UUID}/roof.jpg",
            f"up/{UUID}/roof.-resize_200x.jpg",
            f"up/{UUID}/image1.jpeg",
        ]
        assert [one.note for one in found] == ["", "", "The name becomes image1.jpeg."]
        assert found[2].original == "image (1) é.jpeg"

    def test_a_name_that_the_key_has_not_needs_no_note(self):
        (found,) = preview("${uuid}${ext}", "", [sample(HARD_NAME)])
        assert found.note == ""

    def test_a_pattern_that_cannot_be_used_has_no_preview(self):
        with pytest.raises(BadPattern):
            preview("${foo}", "", [sample()])

    def test_names_that_would_clash_are_counted(self):
        clash = "Without ${uuid} two files called IMG_1.JPG would clash"
        for count, end in [(4, ": 4 pairs in this project today."), (None, ".")]:
            said = warnings("${auto_filename}", example="IMG_1.JPG", n_clashes=count)
            assert said[0] == clash + end
        assert ": 1 pair in" in warnings("${filename}", n_clashes=1)[0]

    def test_the_default_only_says_what_becomes_of_names(self):
        (said,) = warnings("${default}")
        assert said == (
            "Names may have letters, digits and _; other characters are removed, as Uploadcare "
            "does. The original name is kept as metadata."
        )

    def test_what_needs_no_warning_has_none(self):
        assert warnings("${uuid}${effects}${ext}") == []
        assert "processed copy" in warnings("${uuid}${ext}")[0]
