"""What the page for those who move says of image operations, tried."""

import re

import pytest

from docs.operations import FOLDER
from storages_app.imaging import effects
from storages_app.imaging.errors import OperationNotAvailable

PAGE = FOLDER.parent / "moving-from-uploadcare.md"
_ROWS = re.findall(r"^  \| (`.*?) \|(.*)\|$", PAGE.read_text("utf-8"), re.MULTILINE)


def addresses(cell: str) -> list[str]:
    """The addresses of a cell, with numbers where it has letters."""
    found = re.findall(r"`([^`]*/)…?`", cell)
    numbers = {"WxH": "60x40", "X,Y": "10,20", "…": "60x40"}
    return [re.sub("|".join(numbers), lambda word: numbers[word[0]], text) for text in found]


class TestWhatIsNotHere:
    def test_has_a_row_for_each_kind(self):
        assert len(_ROWS) == 6

    @pytest.mark.parametrize("text", [text for first, _rest in _ROWS for text in addresses(first)])
    def test_says_so_by_its_own_code(self, text):
        with pytest.raises(OperationNotAvailable):
            effects.parse(text.lstrip("/"))

    @pytest.mark.parametrize("text", [text for _first, rest in _ROWS for text in addresses(rest)])
    def test_has_something_instead(self, text):
        assert effects.parse(text).operations
