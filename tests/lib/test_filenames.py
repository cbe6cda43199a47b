"""Names that clients send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storages_app.lib.filenames import MAX_NAME, base_name, sanitise


class TestSanitise:
    @pytest.mark.parametrize(
        ("original", "safe"),
        [
            ("image-sample.jpeg", "imagesample.jpeg"),
            ("image(1).jpeg", "image1.jpeg"),
            ("().png", "noroot.png"),
            ("image.png.jpeg", "imagepng.jpeg"),
            ("IMG-0412_123.JPG", "IMG0412_123.JPG"),
            ("instellar_logo_main (1).png", "instellar_logo_main1.png"),
            ("README", "README"),
            ("фото.jpg", "noroot.jpg"),
            ("a.t<x>t", "a.txt"),
            ("dot.", "dot"),
            ("...", "noroot"),
            (".bashrc", "bashrc"),
            ("../../etc/passwd", "passwd"),
        ],
    )
    def test_keeps_what_the_recorded_service_keeps(self, original, safe):
        assert sanitise(original) == safe

    @given(st.text(max_size=400))
    def test_gives_only_letters_digits_underscores_and_one_dot(self, original):
        root, _, extension = sanitise(original).partition(".")
        assert root
        assert all(char.isascii() and (char.isalnum() or char == "_") for char in root + extension)


class TestBaseName:
    """S023, S028"""

    @pytest.mark.parametrize(
        ("sent", "kept"),
        [
            ("../../etc/passwd", "passwd"),
            ("..\\..\\x.txt", "x.txt"),
            ("/absolute/photo.jpg", "photo.jpg"),
            ("C:\\Users\\me\\photo.jpg", "photo.jpg"),
            ("nul\0l.txt", "null.txt"),
            ("two\r\nlines.txt", "twolines.txt"),
            ("evil\u202egpj.exe", "evilgpj.exe"),
            ("half\ud800.txt", "half.txt"),
            (".", "original"),
            ("..", "original"),
            ("", "original"),
            ("folder/", "original"),
            ("   ", "original"),
            ("naïve 日本.png", "naïve 日本.png"),
            ("a&amp;b.txt", "a&amp;b.txt"),
            ("CON", "CON"),
            ("dots...", "dots..."),
        ],
    )
    def test_keeps_the_last_part_without_what_cannot_be_printed(self, sent, kept):
        assert base_name(sent) == kept

    def test_cuts_long_names_and_keeps_the_extension(self):
        kept = base_name("x" * 300 + ".jpeg")
        assert len(kept) == MAX_NAME
        assert kept.endswith("x.jpeg")

    def test_cuts_names_whose_extension_is_the_long_part(self):
        assert len(base_name("a." + "x" * 400)) <= MAX_NAME

    @given(st.text(max_size=600))
    def test_is_never_empty_never_a_path_and_never_too_long(self, sent):
        kept = base_name(sent)
        assert 0 < len(kept) <= MAX_NAME
        assert not set(kept) & {"/", "\\", "\0", "\n", "\r"}
        assert kept not in {".", ".."}
