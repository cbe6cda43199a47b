"""`text`, `font`, `text_align` and `text_box`, looked at by Pillow."""

from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from PIL import Image, ImageChops

from storages_app.imaging import pipeline, pool
from storages_app.imaging.effects import parse
from storages_app.imaging.errors import BadEffects
from tests import pictures
from tests.imaging.refusals import assert_refused

WHITE, BLACK = (255, 255, 255), (0, 0, 0)
Box = tuple[int, int, int, int]


@pytest.fixture
def draw(tmp_path):
    """Draw on a white picture of 400×300."""
    source = tmp_path / "white"
    Image.new("RGB", (400, 300), WHITE).save(source, "PNG")

    def run(effects: str) -> Image.Image:
        made = pipeline.render(source, parse(effects), tmp_path)
        image = pictures.read(made.path.read_bytes()).convert("RGB")
        assert image.size == (400, 300)
        return image

    return run


def ink(image: Image.Image, colour: tuple[int, int, int] = WHITE) -> Box:
    """Left, top, right and bottom of what is not of the colour of the background."""
    found = ImageChops.difference(image, Image.new("RGB", image.size, colour)).getbbox()
    return found or (0, 0, 0, 0)


def rows(image: Image.Image, colour: tuple[int, int, int]) -> list[tuple[int, int]]:
    """For each row with this colour, how far it reaches."""
    found = []
    for y in range(image.height):
        line = [x for x in range(image.width) if image.getpixel((x, y)) == colour]
        found += [(line[0], line[-1] + 1)] if line else []
    return found


def height(box: Box) -> int:
    return box[3] - box[1]


def width(box: Box) -> int:
    return box[2] - box[0]


class TestText:
    def test_is_black_at_the_top_left_without_more_words(self, draw):
        image = draw("-/text/100px100p/Hello/")
        left, top, right, bottom = ink(image)
        assert (left < 5, top < 10) == (True, True)
        assert 50 < right < 80
        assert 15 < bottom < 30
        assert image.convert("L").getextrema()[0] == 0

    def test_is_where_it_was_placed(self, draw):
        left, top, _, _ = ink(draw("-/text/100x100/200,150/Hello/"))
        assert 200 <= left < 205
        assert 150 <= top < 160
        left, _, _, bottom = ink(draw("-/text/30px30p/right,bottom/Hello/"))
        assert 280 <= left < 285
        assert bottom < 300 - 90 + 40

    @pytest.mark.parametrize(("size", "low", "high"), [(10, 6, 9), (50, 34, 40), (200, 140, 155)])
    def test_is_as_large_as_its_font(self, draw, size, low, high):
        assert low <= height(ink(draw(f"-/font/{size}/-/text/100px100p/H/"))) <= high

    def test_breaks_lines_between_words_and_long_words_anywhere(self, draw):
        one = height(ink(draw("-/font/20/-/text/100px100p/moon/")))
        in_two = height(ink(draw("-/font/20/-/text/80x200/moon%20moon/")))
        assert one + 20 < in_two < one + 28
        image = draw("-/font/20/-/text/80x200/moonmoonmoonmoon/")
        assert width(ink(image)) <= 80
        assert height(ink(image)) > one + 20

    def test_starts_a_line_where_it_says_so(self, draw):
        assert ink(draw("-/text/100px100p/a~nb/")) == ink(draw("-/text/100px100p/a%7Enb/"))
        assert height(ink(draw("-/text/100px100p/x~n~nx/"))) > 60

    def test_never_leaves_its_area(self, draw):
        words = quote("all of this is much too long to be in so small a box of text " * 9)
        left, top, right, bottom = ink(draw(f"-/font/30/-/text/100x50/120,70/{words}/"))
        assert (left >= 120, top >= 70, right <= 220, bottom <= 120) == (True,) * 4

    def test_is_cut_where_the_picture_ends(self, draw):
        assert ink(draw("-/text/100x100/390,0/Hello/"))[2] == 400
        assert ink(draw("-/text/100x100/500,500/Hello/")) == (0, 0, 0, 0)

    @pytest.mark.parametrize("text", ["%20", "~n", "~n%20~n", "%E2%80%8B"])
    def test_without_ink_changes_nothing(self, draw, text):
        for mode in ("none", "fit", "line"):
            image = draw(f"-/text_box/{mode}/fff/-/text/100px100p/center/{text}/")
            assert ink(image) == (0, 0, 0, 0)

    def test_has_no_markup(self, draw):
        plain = width(ink(draw("-/text/100px100p/x/")))
        image = draw(f"-/text/100px100p/{quote('<b>x<~sb>&amp;')}/")
        assert width(ink(image)) > 6 * plain

    @pytest.mark.parametrize(
        "text", ["Ω Ж שלום مرحبا", "𝕏 漢字 👍", "a\ufffe", "\u202eabc", "é" * 300]
    )
    def test_of_any_letters_is_drawn(self, draw, text):
        assert height(ink(draw(f"-/text/100px100p/{quote(text)}/"))) > 5

    def test_letters_that_a_font_has_not_are_not_those_it_has(self, draw):
        one, other = (draw(f"-/font/60/-/text/100px100p/{quote(text)}/") for text in "ЖШ")
        assert ImageChops.difference(one, other).getbbox()

    @pytest.mark.parametrize(
        ("written", "text"),
        [
            ("a~sb", "a/b"),
            ("~~", "~"),
            ("~~s", "~s"),
            ("~~~s", "~/"),
            ("50%25", "50%"),
            ("a~nb", "a\nb"),
            ("a,b:c@d", "a,b:c@d"),
            ("%C3%A9%3F%23", "é?#"),
        ],
    )
    def test_has_escapes_that_come_back(self, written, text):
        effects = parse(f"-/text/10px10p/center/{written}/")
        assert effects.operations[0].text == text
        assert parse(effects.canonical) == effects
        assert effects.canonical == f"-/text/10px10p/center/{written}/"

    @pytest.mark.parametrize(
        ("params", "words"),
        [
            ("", "size, place and text"),
            ("50px50p/", "size, place and text"),
            ("50px50p/center/a/b/", "/ as ~s"),
            ("50px/a/", "width and height"),
            ("50px50p/nowhere/a/", "write a place"),
            ("50px50p/a~b/", "~~ for a tilde"),
            ("50px50p/a~/", "~~ for a tilde"),
            ("50px50p/a%0Ab/", "new line as ~n"),
            ("50px50p/a%07b/", "control"),
            ("50px50p/a%E2%80%A8b/", "control"),
        ],
    )
    def test_refuses_what_it_cannot_read(self, params, words):
        assert_refused(f"-/text/{params}", operation="text", words=words)


class TestFont:
    def test_has_a_colour(self, draw):
        image = draw("-/font/200/ff0000/-/text/100px100p/I/")
        assert (255, 0, 0) in {colour for _, colour in image.getcolors(9_999)}

    def test_can_be_half_transparent(self, draw):
        image = draw("-/font/200/ff000080/-/text/100px100p/I/")
        commonest = sorted(image.getcolors(9_999))[-2][1]
        assert all(abs(a - b) <= 1 for a, b in zip(commonest, (255, 127, 127), strict=True))

    def test_each_weight_style_and_family_is_another(self, draw):
        seen = {
            (family, weight, style): draw(
                f"-/font/{weight}/{style}/60/{family}/-/text/100px100p/Rag/"
            ).tobytes()
            for family in ("DejaVu", "DejaVuMono", "DejaVuSerif")
            for weight in ("regular", "bold")
            for style in ("normal", "italic")
        }
        assert len(set(seen.values())) == 12
        for family in ("", "Mono", "Serif"):
            noto = draw(f"-/font/60/Noto{family}/-/text/100px100p/Rag/").tobytes()
            assert noto == seen[f"DejaVu{family}", "regular", "normal"]

    def test_of_one_width_has_one_width(self, draw):
        narrow, wide = (
            width(ink(draw(f"-/font/40/DejaVuMono/-/text/100px100p/{letter * 5}{'W'}/")))
            for letter in "iM"
        )
        assert abs(narrow - wide) < 15

    def test_holds_for_all_texts_after_it_and_keeps_what_is_not_said(self, draw):
        image = draw("-/font/100/ff0000/-/font/0000ff/-/text/100px100p/I/-/text/50px50p/50p,90p/I/")
        assert height(ink(image)) > 140
        assert (0, 0, 255) in {colour for _, colour in image.getcolors(9_999)}
        reset = draw("-/font/bold/100/ff0000/-/font/reset/-/text/100px100p/I/")
        assert reset.tobytes() == draw("-/text/100px100p/I/").tobytes()

    @pytest.mark.parametrize(
        ("params", "canonical"),
        [
            ("20/ff0/", "20/ffff00/"),
            ("000/", "000000/"),
            ("0f0f/bold/", None),
            ("111/", "111/"),
            ("20/111/", "20/111111/"),
            ("reset/", "reset/"),
            ("RESET/", None),
            ("reset/bold/italic/7/11223344/NotoSerif/", "reset/bold/italic/7/11223344/NotoSerif/"),
            ("italic/bold/", None),
            ("ff0/20/", None),
            ("Comic/", None),
            ("1001/", None),
            ("", None),
        ],
    )
    def test_reads_its_words_in_their_order(self, params, canonical):
        if canonical:
            assert parse(f"-/font/{params}").canonical == f"-/font/{canonical}"
            return
        with pytest.raises(BadEffects) as refusal:
            parse(f"-/font/{params}")
        assert refusal.value.operation == "font"


class TestAlign:
    @pytest.mark.parametrize("across", ["left", "center", "right"])
    @pytest.mark.parametrize("down", ["top", "center", "bottom"])
    def test_puts_the_text_into_its_area(self, draw, across, down):
        left, top, right, bottom = ink(
            draw(f"-/text_align/{across}/{down}/-/text/200x200/100,50/Hi/")
        )
        middle = {"left": 110, "center": 200, "right": 290}[across]
        assert abs((left + right) / 2 - middle) < 10
        assert abs((top + bottom) / 2 - {"top": 64, "center": 150, "bottom": 236}[down]) < 10

    def test_of_more_than_there_is_room_for_begins_at_the_top(self, draw):
        long = "-/text/200x190/100,50/" + "a~n" * 30
        at_the_top = draw(f"-/text_align/left/top/{long}/")
        assert 50 <= ink(at_the_top)[1] < 70
        for down in ("center", "bottom"):
            assert draw(f"-/text_align/left/{down}/{long}/").tobytes() == at_the_top.tobytes()

    @pytest.mark.parametrize("params", ["", "left/", "top/left/", "left/top/1/", "middle/center/"])
    def test_refuses_what_it_cannot_read(self, params):
        with pytest.raises(BadEffects, match="center/bottom"):
            parse(f"-/text_align/{params}")


class TestBox:
    GREEN = (0, 200, 0)

    def boxed(
        self, draw, mode: str, padding: int = 0, text: str = "iii~nwide%20wide"
    ) -> Image.Image:
        return draw(
            f"-/font/20/-/text_align/center/top/-/text_box/{mode}/00c800/{padding}/"
            f"-/text/200x120/100,50/{text}/"
        )

    def test_fill_is_the_area(self, draw):
        assert ink(self.boxed(draw, "fill")) == (100, 50, 300, 170)
        assert ink(self.boxed(draw, "fill", 10)) == (90, 40, 310, 180)

    def test_fit_is_one_rectangle_around_the_lines(self, draw):
        seen = rows(self.boxed(draw, "fit", 4), self.GREEN)
        assert len(set(seen)) == 1
        left, right = seen[0]
        assert 40 + 8 < right - left < 130
        assert abs((left + right) / 2 - 200) <= 1
        assert len(seen) in range(2 * 22 + 8, 2 * 26 + 8)

    def test_line_is_a_rectangle_around_each(self, draw):
        seen = rows(self.boxed(draw, "line", 3), self.GREEN)
        narrow, wide = seen[0], seen[-1]
        assert set(seen) == {narrow, wide}
        assert narrow[0] > wide[0]
        assert narrow[1] < wide[1]

    def test_none_is_none(self, draw):
        assert not rows(self.boxed(draw, "none", 9), self.GREEN)

    def test_half_transparent_boxes_that_meet_are_painted_once(self, draw):
        image = draw("-/font/20/-/text_box/line/00000080/8/-/text/200x200/100,50/i~ni~ni/")
        greys = {pixel for _, pixel in image.getcolors(9_999)}
        assert min(min(pixel) for pixel in greys - {BLACK}) < 127
        column = [image.getpixel((95, y)) for y in range(50, 110)]
        assert len(set(column)) == 1
        assert 126 <= column[0][0] <= 128

    def test_is_white_without_padding_where_it_does_not_say(self):
        assert parse("-/text_box/fit/").canonical == "-/text_box/fit/"
        assert parse("-/text_box/fit/3/").canonical == "-/text_box/fit/3/"
        assert parse("-/text_box/fit/333/").canonical == "-/text_box/fit/333333/"
        assert parse("-/text_box/fit/333/120/").canonical == "-/text_box/fit/333333/120/"

    @pytest.mark.parametrize(
        ("params", "words"),
        [
            ("", "none, fit, line, fill"),
            ("round/", "none, fit, line, fill"),
            ("fit/red/", "hexadecimal"),
            ("fit/fff/501/", "from 0 to 500"),
            ("fit/3/fff/", "mode, colour and padding"),
            ("fit/fff/3/3/", "mode, colour and padding"),
        ],
    )
    def test_refuses_what_it_cannot_read(self, params, words):
        assert_refused(f"-/text_box/{params}", operation="text_box", words=words)


def test_each_font_ships_with_its_licence():
    folder = Path(pipeline.__file__).parent / "fonts"
    assert len(list(folder.glob("DejaVu*.ttf"))) == 12
    assert "Bitstream" in (folder / "LICENSE").read_text()


def test_the_image_process_sees_no_other_fonts():
    told = Path(pool._environment()["FONTCONFIG_FILE"])
    folders = ElementTree.parse(told).findall("dir")
    assert [(one.get("prefix"), one.text) for one in folders] == [("relative", ".")]
    assert list(told.parent.glob("*.ttf"))
