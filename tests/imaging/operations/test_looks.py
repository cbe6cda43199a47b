"""`filter`, `enhance`, `sharp`, `blur` and `blur_region`, looked at by Pillow."""

from itertools import combinations

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageStat
from PIL.ImageFilter import GaussianBlur
from pyuploadcare.transformations.image import ImageFilter

from storages_app.imaging import pipeline
from storages_app.imaging.effects import parse
from storages_app.imaging.errors import BadEffects, OperationNotAvailable
from storages_app.imaging.looks import LOOKS
from tests.pictures import all_kinds_of_colours

# The names of the URL API.
NAMES = [
    "adaris",
    "briaril",
    "calarel",
    "carris",
    "cynarel",
    "cyren",
    "elmet",
    "elonni",
    "enzana",
    "erydark",
    "fenralan",
    "ferand",
    "galen",
    "gavin",
    "gethriel",
    "iorill",
    "iothari",
    "iselva",
    "jadis",
    "lavra",
    "misiara",
    "namala",
    "nerion",
    "nethari",
    "pamaya",
    "sarnar",
    "sedis",
    "sewen",
    "sorahel",
    "sorlen",
    "tarian",
    "thellassan",
    "varriel",
    "varven",
    "vevera",
    "virkas",
    "yedis",
    "yllara",
    "zatvel",
    "zevcen",
]
BLACK_AND_WHITE = ("carris", "gethriel", "zevcen")


def writing(width: int = 120, height: int = 60) -> Image.Image:
    """Black strokes on white: what is to become unreadable, or clear."""
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    for x in range(4, width, 8):
        draw.rectangle((x, 6, x + 3, height - 7), "black")
    return image


def apart(one: Image.Image, other: Image.Image) -> float:
    """How far two pictures are apart, on average of bands and pixels."""
    means = ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB"))).mean
    return sum(means) / 3


def spread(image: Image.Image) -> float:
    """The standard deviation of the tones."""
    return ImageStat.Stat(image.convert("L")).stddev[0]


class TestFilter:
    def test_knows_every_name(self):
        assert list(LOOKS) == NAMES
        assert len(NAMES) == 40

    def test_knows_the_names_of_the_official_client(self):
        assert {each.value for each in ImageFilter} == set(LOOKS)

    @pytest.fixture(scope="class")
    @staticmethod
    def sheet(tmp_path_factory) -> dict[str, Image.Image]:
        """One picture in every look."""
        folder = tmp_path_factory.mktemp("looks")
        all_kinds_of_colours().save(folder / "source.png")
        made = {
            name: pipeline.render(folder / "source.png", parse(f"-/filter/{name}/"), folder).path
            for name in NAMES
        }
        return {name: Image.open(path).convert("RGB") for name, path in made.items()}

    def test_every_look_is_seen(self, sheet):
        for name, image in sheet.items():
            assert apart(image, all_kinds_of_colours()) > 4, name

    def test_no_look_is_like_another(self, sheet):
        for one, other in combinations(NAMES, 2):
            assert apart(sheet[one], sheet[other]) > 1.5, (one, other)

    def test_no_look_loses_the_picture(self, sheet):
        for name, image in sheet.items():
            assert spread(image) > 0.6 * spread(all_kinds_of_colours()), name

    @pytest.mark.parametrize("name", BLACK_AND_WHITE)
    def test_some_are_black_and_white(self, sheet, name):
        red, green, blue = sheet[name].split()
        assert red.tobytes() == green.tobytes() == blue.tobytes()

    @pytest.mark.parametrize(
        ("name", "bands"), [("enzana", "warm"), ("namala", "warm"), ("jadis", "cold")]
    )
    def test_some_are_warm_and_some_cold(self, repaint, name, bands):
        red, _green, blue = repaint(
            Image.new("RGB", (8, 8), (128, 128, 128)), f"-/filter/{name}/"
        ).getpixel((0, 0))
        assert (red > blue + 10) if bands == "warm" else (blue > red + 10)

    @pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
    def test_nothing_of_it_leaves_the_pixels_as_they_are(self, repaint, mode):
        source = all_kinds_of_colours(mode)
        for name in ("adaris", "zevcen"):
            image = repaint(source, f"-/filter/{name}/0/")
            assert image.convert(mode).tobytes() == source.tobytes()

    @pytest.mark.parametrize("name", ["briaril", "varven", "sewen"])
    def test_the_amount_lies_on_a_line_through_picture_and_look(self, repaint, name):
        source = Image.new("RGB", (8, 8), (140, 120, 100))
        before = source.getpixel((0, 0))
        whole = repaint(source, f"-/filter/{name}/").getpixel((0, 0))
        assert whole == repaint(source, f"-/filter/{name}/100/").getpixel((0, 0))
        for amount in (-100, -30, 50, 200):
            expected = [
                min(255, max(0, old + (new - old) * amount / 100))
                for old, new in zip(before, whole, strict=True)
            ]
            found = repaint(source, f"-/filter/{name}/{amount}/").getpixel((0, 0))
            assert found == pytest.approx(expected, abs=0.6)

    def test_how_see_through_a_pixel_is_stays(self, repaint):
        source = all_kinds_of_colours("RGBA")
        image = repaint(source, "-/filter/elonni/")
        assert image.getchannel("A").tobytes() == source.getchannel("A").tobytes()
        plain = repaint(all_kinds_of_colours("RGB"), "-/filter/elonni/")
        assert image.convert("RGB").tobytes() == plain.tobytes()

    @pytest.mark.parametrize(
        ("params", "reason"),
        [
            ("", "write one of adaris"),
            ("sepia/", "write one of adaris"),
            ("Adaris/", "write one of adaris"),
            ("adaris/1/2/", "write one of adaris"),
            ("adaris/201/", "from -100 to 200"),
            ("adaris/-101/", "from -100 to 200"),
            ("adaris/much/", "from -100 to 200"),
        ],
    )
    def test_refuses_other_names_and_amounts(self, params, reason):
        with pytest.raises(BadEffects, match=reason) as refusal:
            parse(f"-/filter/{params}")
        assert refusal.value.operation == "filter"


class TestEnhance:
    @pytest.fixture
    def foggy(self) -> Image.Image:
        """All its tones are between 96 and 160."""
        return all_kinds_of_colours().point(lambda value: 96 + value // 4)

    def test_gives_a_foggy_picture_all_tones(self, repaint, foggy):
        darkest, lightest = repaint(foggy, "-/enhance/100/").convert("L").getextrema()
        assert darkest < 20
        assert lightest > 235

    def test_sets_down_a_haze_and_not_the_picture(self, repaint):
        hazy = all_kinds_of_colours().point(lambda value: 70 + value * 185 // 255)
        made = repaint(hazy, "-/enhance/100/").convert("L")
        assert made.getextrema()[0] < 20
        before, after = (ImageStat.Stat(each.convert("L")).median[0] for each in (hazy, made))
        assert abs(after - before) < 8

    def test_lifts_what_is_too_dark(self, repaint):
        dark = all_kinds_of_colours().point(lambda value: value // 3)
        made = repaint(dark, "-/enhance/100/")
        before, after = (ImageStat.Stat(each.convert("L")).mean[0] for each in (dark, made))
        assert after > 2 * before

    def test_more_of_it_goes_further(self, repaint, foggy):
        made = [repaint(foggy, f"-/enhance/{amount}/") for amount in (20, 50, 100)]
        assert [spread(foggy), *map(spread, made)] == sorted(map(spread, [foggy, *made]))
        assert made[1].tobytes() == repaint(foggy, "-/enhance/").tobytes()

    def test_makes_pale_colours_stronger(self, repaint, foggy):
        def strength(image: Image.Image) -> float:
            return ImageStat.Stat(image.convert("HSV")).mean[1]

        assert strength(repaint(foggy, "-/enhance/")) > 1.2 * strength(foggy)

    def test_greys_stay_greys(self, repaint):
        grey = Image.linear_gradient("L").convert("RGB")
        red, green, blue = repaint(grey, "-/enhance/100/").split()
        assert red.tobytes() == green.tobytes() == blue.tobytes()

    @pytest.mark.parametrize("colour", [(0, 0, 0), (250, 250, 250), (90, 90, 90)])
    def test_one_plain_grey_stays(self, repaint, colour):
        source = Image.new("RGB", (16, 16), colour)
        assert repaint(source, "-/enhance/100/").tobytes() == source.tobytes()

    @pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
    def test_nothing_of_it_leaves_the_pixels_as_they_are(self, repaint, mode):
        source = all_kinds_of_colours(mode)
        assert repaint(source, "-/enhance/0/").convert(mode).tobytes() == source.tobytes()

    @pytest.mark.parametrize("amount", ["-1", "101", "1/2", "much"])
    def test_refuses_other_amounts(self, amount):
        with pytest.raises(BadEffects, match="from 0 to 100"):
            parse(f"-/enhance/{amount}/")


class TestSharp:
    def test_makes_edges_steeper(self, repaint):
        soft = writing().filter(GaussianBlur(1.5))
        made = [repaint(soft, f"-/sharp/{amount}/") for amount in (2, 5, 20)]
        assert [spread(soft), *map(spread, made)] == sorted(map(spread, [soft, *made]))
        assert spread(made[2]) > 1.2 * spread(soft)
        assert made[1].tobytes() == repaint(soft, "-/sharp/").tobytes()

    def test_leaves_what_has_no_edges(self, repaint):
        plain = Image.new("RGB", (32, 32), (90, 140, 200))
        assert repaint(plain, "-/sharp/20/").tobytes() == plain.tobytes()

    def test_leaves_how_see_through_a_pixel_is(self, repaint):
        source = writing().convert("RGBA")
        source.putalpha(Image.linear_gradient("L").resize(source.size))
        image = repaint(source, "-/sharp/20/")
        assert image.getchannel("A").tobytes() == source.getchannel("A").tobytes()

    @pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
    def test_nothing_of_it_leaves_the_pixels_as_they_are(self, repaint, mode):
        source = all_kinds_of_colours(mode)
        assert repaint(source, "-/sharp/0/").convert(mode).tobytes() == source.tobytes()

    @pytest.mark.parametrize("amount", ["-1", "21", "1/2", "much"])
    def test_refuses_other_amounts(self, amount):
        with pytest.raises(BadEffects, match="from 0 to 20"):
            parse(f"-/sharp/{amount}/")


class TestBlur:
    @pytest.mark.parametrize("strength", [10, 30, 59, 61, 100, 200])
    def test_is_as_another_maker_blurs(self, repaint, strength):
        """Pillow's blur is another algorithm; the strength is ten times its radius."""
        source = Image.new("RGB", (200, 150), "white")
        source.paste("black", (60, 0, 140, 150))
        made = repaint(source, f"-/blur/{strength}/")
        distances = [
            apart(made, source.filter(GaussianBlur(strength / 10 * share)))
            for share in (1, 0.8, 1.25)
        ]
        assert distances[0] == min(distances)
        assert distances[0] < 1.5

    def test_without_a_strength_it_is_10(self, repaint):
        source = writing()
        image = repaint(source, "-/blur/")
        assert image.tobytes() == repaint(source, "-/blur/10/").tobytes()
        assert image.tobytes() == repaint(source, "-/blur/10/100/").tobytes()

    @pytest.mark.parametrize("size", [(1, 1), (3, 2), (61, 1), (64, 64), (333, 77)])
    @pytest.mark.parametrize("strength", [1, 61, 333, 5000])
    def test_keeps_size_and_colour(self, repaint, size, strength):
        source = Image.new("RGB", size, (200, 100, 50))
        assert apart(repaint(source, f"-/blur/{strength}/"), source) <= 1

    def test_the_strongest_leaves_one_colour(self, repaint):
        image = repaint(writing(), "-/blur/5000/")
        assert all(high - low < 12 for low, high in image.getextrema())

    def test_the_amount_mixes(self, repaint):
        source = writing()
        whole = repaint(source, "-/blur/30/")
        half = repaint(source, "-/blur/30/50/")
        assert apart(half, Image.blend(source, whole, 0.5)) < 1

    def test_a_negative_amount_sharpens(self, repaint):
        source = writing().filter(GaussianBlur(1.5))
        some, most = (repaint(source, f"-/blur/20/{amount}/") for amount in (-50, -200))
        assert spread(source) < spread(some) < spread(most)

    def test_what_is_see_through_gives_no_colour_away(self, repaint):
        source = Image.new("RGBA", (40, 40), (255, 0, 0, 255))
        source.paste((0, 255, 0, 0), (20, 0, 40, 40))
        image = repaint(source, "-/blur/30/")
        red, green, _blue, alpha = image.getpixel((20, 20))
        assert 60 < alpha < 200
        assert red > 250
        assert green < 5

    @pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
    @pytest.mark.parametrize("params", ["0", "100/0", "0/50"])
    def test_nothing_of_it_leaves_the_pixels_as_they_are(self, repaint, mode, params):
        source = all_kinds_of_colours(mode)
        assert repaint(source, f"-/blur/{params}/").convert(mode).tobytes() == source.tobytes()

    @pytest.mark.parametrize("params", ["-1", "5001", "10/101", "10/-201", "x", "10/x", "1/2/3"])
    def test_refuses_what_is_out_of_range(self, params):
        with pytest.raises(BadEffects) as refusal:
            parse(f"-/blur/{params}/")
        assert refusal.value.operation == "blur"


class TestBlurRegion:
    @pytest.mark.parametrize(
        ("params", "box"),
        [
            ("40x20/10,5", (10, 5, 50, 25)),
            ("40x20/10,5/100", (10, 5, 50, 25)),
            ("50px50p/0,0", (0, 0, 60, 30)),
            ("50px50p/center", (30, 15, 90, 45)),
            ("50%25x50%25/100%25,100%25", (60, 30, 120, 60)),
            ("30x30/right,bottom", (90, 30, 120, 60)),
            ("40x40/-20,-20", (0, 0, 20, 20)),  # only what is on the picture
            ("500x500/100,40", (100, 40, 120, 60)),
        ],
    )
    def test_changes_the_region_and_nothing_else(self, repaint, params, box):
        source = writing()
        image = repaint(source, f"-/blur_region/{params}/")
        changed = ImageChops.difference(image, source).getbbox()
        assert changed is not None
        left, top, right, bottom = changed
        assert box[0] <= left
        assert box[1] <= top
        assert right <= box[2]
        assert bottom <= box[3]
        assert (right - left) * (bottom - top) > 0.5 * (box[2] - box[0]) * (box[3] - box[1])

    @pytest.mark.parametrize("size", ["30x30", "100x20", "120x60"])
    def test_by_itself_it_is_strong_enough_for_letters(self, repaint, size):
        source = writing()
        width, height = (int(side) for side in size.split("x"))
        region = (0, 6, min(width, 118), height - 8)
        image = repaint(source, f"-/blur_region/{size}/0,0/").crop(region)
        assert spread(image) < 0.35 * spread(source.crop(region))

    def test_nothing_of_what_is_around_gets_in(self, repaint):
        source = Image.new("RGB", (60, 60), "black")
        source.paste("white", (20, 20, 40, 40))
        image = repaint(source, "-/blur_region/20x20/20,20/500/")
        assert image.tobytes() == source.tobytes()

    @pytest.mark.parametrize("params", ["20x20/0,0/0", "20x20/500,500", "20x20/-50,0"])
    def test_no_strength_or_no_region_leaves_the_pixels_as_they_are(self, repaint, params):
        for mode in ("RGB", "RGBA"):
            source = all_kinds_of_colours(mode)
            assert repaint(source, f"-/blur_region/{params}/").tobytes() == source.tobytes()

    @pytest.mark.parametrize(
        "params",
        ["", "20x20", "20/0,0", "20x20/5", "20x20/0,0/5001", "20x20/0,0/-1", "20x20/0,0/1/2"],
    )
    def test_refuses_what_it_cannot_read(self, params):
        with pytest.raises(BadEffects) as refusal:
            parse(f"-/blur_region/{params}/")
        assert refusal.value.operation == "blur_region"
        assert refusal.value.code == "bad_effects"

    @pytest.mark.parametrize("params", ["faces", "faces/200"])
    def test_of_faces_is_not_available(self, params):
        with pytest.raises(OperationNotAvailable, match="faces"):
            parse(f"-/blur_region/{params}/")


class TestTexts:
    @pytest.mark.parametrize(
        ("text", "canonical"),
        [
            ("blur/010", "blur/10"),
            ("blur/10/+50", "blur/10/50"),
            ("blur", "blur"),
            ("filter/adaris/050", "filter/adaris/50"),
            ("filter/adaris", "filter/adaris"),
            ("blur_region/50%25x50%25/center,center/020", "blur_region/50px50p/center/20"),
            ("enhance", "enhance"),
            ("sharp/07", "sharp/7"),
        ],
    )
    def test_have_one_canonical_form(self, text, canonical):
        assert parse(f"-/{text}/").canonical == f"-/{canonical}/"
