from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storages_app.imaging.canvas import Canvas
from storages_app.imaging.effects import parse, split_path
from storages_app.imaging.errors import BadEffects, OperationNotAvailable
from storages_app.imaging.grammar import Length
from storages_app.imaging.limits import LIMITS
from storages_app.imaging.operations.format import Format
from storages_app.imaging.operations.inline import Inline
from storages_app.imaging.operations.resize import Resize
from storages_app.imaging.registry import OPERATIONS, all_operations


class TestReading:
    def test_nothing_is_the_original(self):
        effects = parse("")
        assert effects.is_empty
        assert effects.canonical == ""
        assert effects.key_text == ""

    def test_operations_keep_their_order(self):
        effects = parse("-/resize/200x/-/format/webp/")
        assert effects.operations == (Resize(Length(200), None), Format("webp"))
        assert not effects.is_empty

    @pytest.mark.parametrize(
        "text",
        ["-/resize/200x", "/-/resize/200x/", "-//resize//200x//", "-/resize/%32%30%30x/"],
    )
    def test_other_ways_to_write_the_same_have_one_canonical_form(self, text):
        assert parse(text).canonical == "-/resize/200x/"

    def test_numbers_lose_their_leading_zeros(self):
        assert parse("-/resize/0200x/").canonical == "-/resize/200x/"

    def test_text_that_a_server_has_decoded_is_not_decoded_again(self):
        with pytest.raises(BadEffects):
            parse("-/resize/%32%30%30x/", is_encoded=False)

    def test_what_concerns_only_the_delivery_leaves_the_bytes_original(self):
        effects = parse("-/@clib/blocks/1.33.0/uploader/-/inline/no/")
        assert effects.is_empty
        assert effects.canonical == ""
        assert effects.last(Inline) == Inline("no")

    def test_the_later_of_two_counts(self):
        assert parse("-/inline/yes/-/inline/no/").last(Inline) == Inline("no")

    def test_format_auto_depends_on_the_browser(self):
        assert parse("-/format/auto/").depends_on_accept
        assert not parse("-/format/webp/").depends_on_accept


class TestKeyText:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("-/resize/200x/", ".-resize_200x"),
            ("-/resize/200x/-/format/webp/", ".-resize_200x.-format_webp"),
            ("-/scale_crop/10x20/center/", ".-scale_crop_10x20_center"),
            ("-/preview/", ".-preview"),
        ],
    )
    def test_follows_the_chosen_rule(self, text, expected):
        assert parse(text).key_text == expected


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "operation", "words"),
        [
            ("-/explode/", "explode", "not known"),
            ("-/Crop/10x10/", "Crop", "not known"),
            ("resize/200x/", "resize", "begin with"),
            ("-/-/resize/200x/", "", "without an operation"),
            ("-/resize/200x/-/", "", "without an operation"),
            ("-/resize/", "resize", "one size"),
            ("-/resize/200x/300x/", "resize", "one size"),
            ("-/resize/x/", "resize", "400x300"),
            ("-/resize/200/", "resize", "400x300"),
            ("-/resize/-5x/", "resize", "more than 0"),
            ("-/resize/50p/", "resize", "400x300"),
            ("-/resize/²x/", "resize", "400x300"),
            ("-/resize/123456x/", "resize", "400x300"),
            ("-/resize/0x10/", "resize", "more than 0"),
            ("-/resize/x0p/", "resize", "more than 0"),
            ("-/preview/200/", "preview", "400x300"),
            ("-/preview/x/", "preview", "400x300"),
            ("-/preview/2x2/2x2/", "preview", "at most one"),
            ("-/scale_crop/", "scale_crop", "width and height"),
            ("-/scale_crop/200x/", "scale_crop", "width and height"),
            ("-/scale_crop/200x100/clever/", "scale_crop", "right,bottom"),
            ("-/scale_crop/200x100/center/center/", "scale_crop", "only `smart`"),
            ("-/stretch/maybe/", "stretch", "on, off, fill"),
            ("-/format/bmp/", "format", "jpeg, png, webp"),
            ("-/format/", "format", "jpeg, png, webp"),
            ("-/quality/99/", "quality", "normal, better"),
            ("-/progressive/", "progressive", "yes, no"),
            ("-/inline/perhaps/", "inline", "yes, no"),
            ("-/..%2F..%2Fetc/", "../../etc", "not known"),
        ],
    )
    def test_names_the_operation_and_the_reason(self, text, operation, words):
        with pytest.raises(BadEffects) as refusal:
            parse(text)
        assert refusal.value.code == "bad_effects"
        assert refusal.value.operation == operation
        assert words in refusal.value.reason
        assert operation in refusal.value.message

    def test_200_operations_pass_and_201_do_not(self):
        assert len(parse("-/preview/" * 200).operations) == 200
        with pytest.raises(BadEffects, match="Over 200"):
            parse("-/preview/" * 201)

    def test_4000_characters_pass_and_4001_do_not(self):
        text = "-/@clib/" + "x" * 3_991 + "/"
        assert parse(text).is_empty
        with pytest.raises(BadEffects, match="Over 4000"):
            parse(text + "/")

    def test_4000_characters_are_counted_as_a_url_has_them(self):
        text = "-/text/50px50p/center/{}/"
        most = (4_000 - len(text.format(""))) // 6
        kept = parse(text.format("é" * most), is_encoded=False)
        assert parse(kept.canonical).operations == kept.operations
        with pytest.raises(BadEffects, match="when they are encoded"):
            parse(text.format("é" * (most + 1)), is_encoded=False)

    @pytest.mark.parametrize(
        ("text", "operation"),
        [
            ("-/zoom_objects/50/", "zoom_objects"),
            ("-/preview/-/zoom_objects/", "zoom_objects"),
            ("gif2video/", "gif2video"),
            ("gif2video/-/format/webm/-/quality/best/", "gif2video"),
            ("-/gif2video/", "gif2video"),
            ("detect_faces/", "detect_faces"),
            ("-/preview/-/detect_faces/", "detect_faces"),
            ("-/remove_bg/", "remove_bg"),
        ],
    )
    def test_what_is_known_and_not_here_has_its_own_code(self, text, operation):
        with pytest.raises(OperationNotAvailable) as refusal:
            parse(text)
        assert refusal.value.code == "operation_not_available"
        assert refusal.value.operation == operation
        assert "moving-from-uploadcare.md" in refusal.value.advice

    @pytest.mark.parametrize("text", ["-/@clib/a\0b/", "-/@clib/%00/", "-/@clib/\ud800/"])
    def test_refuses_characters_that_no_database_keeps(self, text):
        with pytest.raises(BadEffects, match="no URL has"):
            parse(text)

    def test_says_that_a_slash_may_be_missing_at_the_end(self):
        effects, filename = split_path("-/preview")
        assert filename == "preview"
        with pytest.raises(BadEffects, match="no slash at the end"):
            parse(effects)

    def test_shows_strangers_words_short_and_printable(self):
        with pytest.raises(BadEffects) as refusal:
            parse("-/%0d%0a%E2%80%AE" + "x" * 500 + "/")
        assert refusal.value.operation.isprintable()
        assert refusal.value.operation.isascii()
        assert len(refusal.value.operation) < 60


WORDS = (
    *("center", "right,bottom", "top", "10,20", "-5,50p", "image", "face", "16:9", "1:0", "self"),
    *("100x50", "50px50p", "50%x50%", "x20", "20x", "0x0", "99999x99999", "smart", "smart_faces"),
    *("yes", "no", "on", "off", "fill", "auto", "jpeg", "bold", "20", "-20", "100p", "5%", "ff0"),
    *("ff880080", "~~", "~s", "~n", "~", "%2F", "%00", "%ff", "%2D", "%D8%00", "-", "cyren"),
    "11111111-2222-4333-8444-555555555555",
)


def chains() -> st.SearchStrategy[str]:
    """Texts that are nearly right."""
    word = (
        st.sampled_from(WORDS)
        | st.text("0123456789px%,.-+:~abcdef", max_size=9)
        | st.text(st.characters(), max_size=4)
    )
    name = st.sampled_from(sorted(all_operations())) | word
    step = st.builds(
        lambda name, words: "/".join(["-", name, *words]), name, st.lists(word, max_size=3)
    )
    return st.lists(step, max_size=5).map(lambda steps: "/".join([*steps, ""]))


class TestAnyText:
    """Whatever is written is read or refused; what is read has a text that means the same."""

    @given(
        st.text(max_size=60)
        | st.lists(st.sampled_from("-/x01%resizfm"), max_size=40).map("".join)
        | chains(),
        st.booleans(),
    )
    @settings(max_examples=400)
    def test_is_read_or_refused(self, text, is_encoded):
        try:
            effects = parse(text, is_encoded=is_encoded)
        except BadEffects:
            return
        assert parse(effects.canonical).operations == effects.operations
        assert parse(effects.canonical).canonical == effects.canonical
        for step in effects.steps:
            assert type(step).parse(step.params()) == step

    @given(st.text(st.characters(), max_size=200))
    def test_a_refusal_is_short_and_can_be_sent(self, word):
        with pytest.raises(BadEffects) as refusal:
            parse(f"-/crop/-/{word}?/", is_encoded=False)
        assert len(refusal.value.message.encode()) < 2_000

    @given(chains())
    @settings(max_examples=200)
    def test_makes_keys_without_slashes_and_spaces(self, text):
        with suppress(BadEffects):
            key_text = parse(text).key_text
            assert key_text.isascii()
            assert key_text.isprintable()
            assert not set(key_text) & set("/\\ ?#")

    @given(
        st.lists(st.sampled_from(WORDS), max_size=3),
        st.sampled_from(sorted(all_operations())),
        st.integers(1, 9_000),
        st.integers(1, 8_000),
        st.sampled_from(("", "-/stretch/off/", "-/stretch/fill/", "-/format/jpeg/")),
    )
    @settings(max_examples=400)
    def test_has_a_size_within_the_limits_or_is_refused(self, words, name, width, height, before):
        canvas = Canvas(width, height, LIMITS)
        try:
            canvas.do(parse(f"{before}-/{name}/{'/'.join(words)}/").operations)
        except BadEffects:
            return
        assert 1 <= canvas.width <= 5_000
        assert 1 <= canvas.height <= 5_000


class TestSplitPath:
    @pytest.mark.parametrize(
        ("rest", "expected"),
        [
            ("", ("", "")),
            ("roof.jpg", ("", "roof.jpg")),
            ("-/resize/200x/", ("-/resize/200x/", "")),
            ("-/resize/200x/roof.jpg", ("-/resize/200x/", "roof.jpg")),
            ("-/resize/200x", ("-/resize/", "200x")),
        ],
    )
    def test_the_name_is_what_follows_the_last_slash(self, rest, expected):
        assert split_path(rest) == expected


class TestRegistry:
    def test_each_module_registers_one_operation_under_its_own_name(self):
        assert set(OPERATIONS.all()) == set(OPERATIONS.module_names())
        for module, kind in OPERATIONS.all().items():
            assert kind.name.lstrip("@") == module
            assert kind.__doc__
            assert kind.grammar
        assert len(all_operations()) == len(OPERATIONS.all())

    def test_canonical_text_of_each_operation_reads_back_as_itself(self):
        for kind in OPERATIONS:
            effects = parse(kind.example)
            assert kind in {type(step) for step in effects.steps}
            for step in effects.steps:
                assert type(step).parse(step.params()) == step
            if all(step.shapes_picture for step in effects.steps):
                assert effects.canonical == kind.example

    def test_operations_that_shape_the_picture_all_cost_something_or_change_settings_only(self):
        for kind in OPERATIONS:
            assert kind.cost >= 0
            if not kind.shapes_picture:
                assert kind.cost == 0

    def test_each_operation_is_in_the_docs_with_its_parameters(self):
        docs = (Path(__file__).resolve().parents[2] / "docs" / "url-api.md").read_text()
        for kind in OPERATIONS:
            assert f"| `{kind.name}` | {kind.grammar} |" in docs
