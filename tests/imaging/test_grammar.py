"""The terms that operations share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storages_app.imaging import grammar
from storages_app.imaging.errors import BadEffects
from storages_app.imaging.grammar import Colour, Dimensions, Length
from storages_app.imaging.operations.preview import Preview

READERS = (grammar.dimensions, grammar.position, grammar.colour, grammar.length)


class TestDimensions:
    @pytest.mark.parametrize(
        ("text", "canonical", "pixels"),
        [
            ("100x50", "100x50", (100, 50)),
            ("0100x050", "100x50", (100, 50)),
            ("50px25p", "50px25p", (200, 75)),
            ("50%x25%", "50px25p", (200, 75)),
            ("12.5px3", "12.5px3", (50, 3)),
            ("150px10", "150px10", (600, 10)),
            ("0.01px0.01p", "0.01px0.01p", (1, 1)),
        ],
    )
    def test_are_pixels_or_percent(self, text, canonical, pixels):
        found = grammar.dimensions(Preview, text)
        assert str(found) == canonical
        assert found.of(400, 300) == pixels
        assert grammar.dimensions(Preview, canonical) == found

    @pytest.mark.parametrize(
        "text", ["", "x", "5", "5x", "x5", "0x5", "5x0p", "-5x5", "5x5x5", "5.5x5", "²x5", "5pxp"]
    )
    def test_refuse_what_is_no_size(self, text):
        with pytest.raises(BadEffects) as refusal:
            grammar.dimensions(Preview, text)
        assert refusal.value.operation == "preview"


class TestPosition:
    @pytest.mark.parametrize(
        ("text", "canonical", "place"),
        [
            ("10,20", "10,20", (10, 20)),
            ("-10,020", "-10,20", (-10, 20)),
            ("-0,0", "0,0", (0, 0)),
            ("10p,20p", "10p,20p", (35, 50)),
            ("10%,100%", "10p,100p", (35, 250)),
            ("center", "center", (175, 125)),
            ("center,center", "center", (175, 125)),
            ("top", "top", (175, 0)),
            ("bottom", "bottom", (175, 250)),
            ("left", "left", (0, 125)),
            ("right", "right", (350, 125)),
            ("right,bottom", "right,bottom", (350, 250)),
            ("bottom,right", "right,bottom", (350, 250)),
            ("center,top", "top", (175, 0)),
            ("bottom,center", "bottom", (175, 250)),
            ("left,7", "left,7", (0, 7)),
            ("7,center", "7,center", (7, 125)),
        ],
    )
    def test_is_pixels_percent_or_words(self, text, canonical, place):
        found = grammar.position(Preview, text)
        assert str(found) == canonical
        assert found.place((50, 50), (400, 300)) == place
        assert grammar.position(Preview, canonical) == found

    @pytest.mark.parametrize(
        "text",
        ["", "middle", "10", "1,2,3", "top,bottom", "left,right", "1,", "top,1,", "1.5,2", "1,²"],
    )
    def test_refuses_what_is_no_place(self, text):
        with pytest.raises(BadEffects, match="right,bottom"):
            grammar.position(Preview, text)


class TestColour:
    @pytest.mark.parametrize(
        ("text", "expected", "canonical"),
        [
            ("fff", Colour(255, 255, 255), "ffffff"),
            ("F80", Colour(255, 136, 0), "ff8800"),
            ("ff8800", Colour(255, 136, 0), "ff8800"),
            ("ff880080", Colour(255, 136, 0, 128), "ff880080"),
            ("ff8800ff", Colour(255, 136, 0, 255), "ff8800"),
            ("00000000", Colour(0, 0, 0, 0), "00000000"),
        ],
    )
    def test_has_3_6_or_8_digits(self, text, expected, canonical):
        found = grammar.colour(Preview, text)
        assert found == expected
        assert str(found) == canonical
        assert grammar.colour(Preview, canonical) == found

    @pytest.mark.parametrize("text", ["", "ff", "ffff", "fffff", "#ffffff", "red", "gggggg"])
    def test_refuses_other_texts(self, text):
        with pytest.raises(BadEffects, match="3, 6 or 8"):
            grammar.colour(Preview, text)


class TestNumbers:
    @pytest.mark.parametrize(("text", "expected"), [("-7", -7), ("+7", 7), ("007", 7), ("10", 10)])
    def test_are_whole(self, text, expected):
        assert grammar.number(Preview, text, low=-7, high=10) == expected

    @pytest.mark.parametrize("text", ["", "-8", "11", "1.5", "1e1", "--1", "٣", "9999999"])
    def test_out_of_range_or_of_another_kind_are_refused(self, text):
        with pytest.raises(BadEffects, match="from -7 to 10"):
            grammar.number(Preview, text, low=-7, high=10)

    def test_may_be_left_out_where_there_is_a_default(self):
        assert grammar.one_number(Preview, [], low=0, high=9, default=5) == 5
        assert grammar.one_number(Preview, ["3"], low=0, high=9, default=5) == 3
        with pytest.raises(BadEffects):
            grammar.one_number(Preview, [], low=0, high=9)
        with pytest.raises(BadEffects):
            grammar.one_number(Preview, ["3", "4"], low=0, high=9, default=5)

    def test_a_percentage_has_its_mark_and_its_range(self):
        assert grammar.percent(Preview, "20p") == grammar.percent(Preview, "20%") == 20
        for text in ("20", "101p", "-1p", "p"):
            with pytest.raises(BadEffects, match="0p to 100p"):
                grammar.percent(Preview, text)

    def test_a_length_is_not_below_zero(self):
        assert grammar.length(Preview, "20p") == Length(20, is_percent=True)
        with pytest.raises(BadEffects):
            grammar.length(Preview, "-1")

    def test_nothing_means_nothing(self):
        grammar.nothing(Preview, [])
        with pytest.raises(BadEffects, match="no parameters"):
            grammar.nothing(Preview, ["yes"])


@given(st.text("0123456789-+.,%px abcfcenterlftopbm", max_size=14))
def test_whatever_is_read_has_a_text_that_reads_back_the_same(text):
    for read in READERS:
        try:
            found = read(Preview, text)
        except BadEffects:
            continue
        assert read(Preview, str(found)) == found


def test_dimensions_show_what_was_written():
    assert Dimensions(Length(5), Length(7.25, is_percent=True)) == grammar.dimensions(
        Preview, "5x7.25p"
    )
