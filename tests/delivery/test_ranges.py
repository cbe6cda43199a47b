from io import BytesIO

import pytest

from storages_app.delivery.ranges import OutOfRange, parse_range, read_range


class TestParseRange:
    @pytest.mark.parametrize(
        ("header", "expected"),
        [
            ("bytes=0-0", (0, 0)),
            ("bytes=2-5", (2, 5)),
            ("bytes=2-", (2, 9)),
            ("bytes=2-999", (2, 9)),
            ("bytes=-3", (7, 9)),
            ("bytes=-999", (0, 9)),
            ("", None),
            ("bytes=-", None),
            ("bytes=5-2", None),
            ("bytes=a-b", None),
            ("bytes=²-", None),
            ("items=0-1", None),
            ("bytes=0-1,2-3", None),
            ("bytes=" + ",".join(["0-"] * 1_000), None),
            ("bytes=" + "9" * 5_000 + "-", None),
        ],
    )
    def test_gives_one_range_or_the_whole(self, header, expected):
        assert parse_range(header, 10) == expected

    @pytest.mark.parametrize("header", ["bytes=10-", "bytes=999-1000", "bytes=-0"])
    def test_refuses_what_begins_behind_the_end(self, header):
        with pytest.raises(OutOfRange):
            parse_range(header, 10)

    @pytest.mark.parametrize("header", ["bytes=0-", "bytes=-5"])
    def test_an_empty_file_has_no_range(self, header):
        with pytest.raises(OutOfRange):
            parse_range(header, 0)


def test_read_range_reads_no_byte_more():
    body = BytesIO(bytes(range(200)) * 5_000)
    assert b"".join(read_range(body, 10, 12)) == bytes([10, 11, 12])
    assert sum(map(len, read_range(body, 0, 999_999))) == 1_000_000
