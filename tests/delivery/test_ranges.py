import io
import os

import pytest

from storages_app.delivery.ranges import OutOfRange, Stretch, parse_range


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


class Counted(io.BytesIO):
    """Knows how much was read of it."""

    n_read = 0

    def read(self, size=-1):
        chunk = super().read(size)
        self.n_read += len(chunk)
        return chunk


class TestStretch:
    def test_reads_no_byte_more(self):
        body = Counted(bytes(range(256)) * 4_000)
        stretch = Stretch(body, 10, 3)
        assert stretch.read(1_000_000) == bytes([10, 11, 12])
        assert stretch.read() == b""
        assert body.n_read == 3

    def test_can_be_read_in_pieces(self):
        stretch = Stretch(io.BytesIO(b"0123456789"), 2, 5)
        assert [stretch.read(2) for _ in range(4)] == [b"23", b"45", b"6", b""]

    def test_has_the_descriptor_of_a_file_and_stands_at_its_first_byte(self, tmp_path):
        path = tmp_path / "digits"
        path.write_bytes(b"0123456789" * 100_000)
        with path.open("rb") as body:
            stretch = Stretch(body, 500_003, 10)
            assert os.lseek(stretch.fileno(), 0, os.SEEK_CUR) == 500_003

    def test_has_none_where_there_is_no_file_of_the_system(self):
        with pytest.raises(OSError):
            Stretch(io.BytesIO(b"x"), 0, 1).fileno()

    def test_closes_the_file(self):
        body = io.BytesIO(b"x")
        Stretch(body, 0, 1).close()
        assert body.closed
