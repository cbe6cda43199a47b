import io
import tarfile
import tracemalloc
import zipfile
from datetime import UTC, datetime

import pytest

from storages_app.lib.archives import (
    Entry,
    EntryCutShort,
    entry_names,
    tar_archive,
    tar_size,
    zip_archive,
)

MOMENT = datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC)


class Source:
    """Knows whether it was closed by hand, and how many are open at once."""

    n_open = 0

    def __init__(self, content):
        self._content = io.BytesIO(content)
        Source.n_open += 1

    def read(self, size=-1):
        return self._content.read(size)

    def close(self):
        Source.n_open -= not self._content.closed
        self._content.close()


def entry(name, content, *, size=None):
    return Entry(name, len(content) if size is None else size, MOMENT, lambda: Source(content))


ENTRIES = [
    entry("a.txt", b"first"),
    entry("empty", b""),
    entry("ümläut 文.bin", bytes(range(256)) * 3_000),
    entry("x" * 150 + ".txt", b"a name that is too long for an old tar"),
]
CONTENT = {one.name: one.open().read() for one in ENTRIES}
Source.n_open = 0


class TestZip:
    def test_holds_each_file_whole(self):
        made = b"".join(zip_archive(ENTRIES))
        with zipfile.ZipFile(io.BytesIO(made)) as archive:
            assert archive.testzip() is None
            assert {name: archive.read(name) for name in archive.namelist()} == CONTENT
            info = archive.getinfo("a.txt")
            assert info.date_time == (2026, 1, 2, 3, 4, 6)
            assert info.external_attr >> 16 == 0o644
        assert Source.n_open == 0

    def test_a_time_before_zip_was_made_becomes_its_first_year(self):
        old = Entry("a", 1, datetime(1971, 5, 6, tzinfo=UTC), lambda: Source(b"a"))
        made = b"".join(zip_archive([old]))
        with zipfile.ZipFile(io.BytesIO(made)) as archive:
            assert archive.infolist()[0].date_time[:3] == (1980, 5, 6)


class TestTar:
    def test_holds_each_file_whole(self):
        made = b"".join(tar_archive(ENTRIES))
        assert len(made) == tar_size(ENTRIES)
        assert len(made) % tarfile.RECORDSIZE == 0
        with tarfile.open(fileobj=io.BytesIO(made)) as archive:
            found = {one.name: archive.extractfile(one).read() for one in archive.getmembers()}
            assert found == CONTENT
            info = archive.getmember("a.txt")
            assert (info.mtime, info.mode, info.uid, info.uname) == (
                MOMENT.timestamp(),
                0o644,
                0,
                "",
            )
        assert Source.n_open == 0

    def test_without_files_it_is_an_archive_all_the_same(self):
        made = b"".join(tar_archive([]))
        assert len(made) == tar_size([])
        with tarfile.open(fileobj=io.BytesIO(made)) as archive:
            assert archive.getnames() == []


class Endless:
    """As many bytes as anybody wants, in no memory."""

    def __init__(self):
        self.n_reads = 0

    def read(self, size):
        self.n_reads += 1
        return bytes(size)

    def close(self):
        pass


@pytest.mark.parametrize("make", [zip_archive, tar_archive])
class TestBoth:
    def test_keep_no_more_than_a_piece_in_memory(self, make):
        size = 64 * 1024 * 1024
        large = [Entry(f"{n}", size, MOMENT, Endless) for n in range(2)]
        tracemalloc.start()
        try:
            length = sum(len(piece) for piece in make(large))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert length > 2 * size
        assert peak < 4 * 1024 * 1024

    def test_open_one_file_after_the_other(self, make):
        most = max(Source.n_open for _ in make([entry(f"{n}", b"x" * 1_000) for n in range(5)]))
        assert most <= 1

    def test_never_end_well_over_a_file_that_ended_early(self, make):
        pieces = make([entry("a", b"whole"), entry("b", b"cut", size=10), entry("c", b"c")])
        sent = io.BytesIO()
        with pytest.raises(EntryCutShort):
            sent.writelines(pieces)
        made = sent.getvalue()
        assert b"PK\x05\x06" not in made
        assert not made.endswith(bytes(1_024))
        assert Source.n_open == 0

    def test_take_of_a_file_that_grew_what_it_was(self, make):
        made = b"".join(make([entry("a", b"01234567", size=4), entry("b", b"b")]))
        assert b"0123" in made
        assert b"01234" not in made

    def test_close_the_file_when_the_reader_goes_away(self, make):
        pieces = make([entry("a", b"x" * 1_000_000)])
        next(pieces)
        if make is tar_archive:
            next(pieces)
        assert Source.n_open == 1
        pieces.close()
        assert Source.n_open == 0


class TestNames:
    @pytest.mark.parametrize(
        ("name", "entry_name"),
        [
            ("photo.jpg", "photo.jpg"),
            ("Übung 1 (neu).txt", "Übung 1 (neu).txt"),
            ("../../etc/passwd", "passwd"),
            ("..\\..\\x", "x"),
            ("/etc/passwd", "passwd"),
            ("C:\\x", "x"),
            ("C:x", "C_x"),
            ("a\0b", "ab"),
            ("a\r\nb", "ab"),
            (".", "original"),
            ("..", "original"),
            ("...", "original"),
            ("", "original"),
            (" ", "original"),
            ("name. . .", "name"),
            ('<a>:"|?*', "_a______"),
            ("CON", "_CON"),
            ("con.txt", "_con.txt"),
            ("LPT9", "_LPT9"),
            ("console", "console"),
            ("evil\u202egpj.exe", "evilgpj.exe"),
            (".htaccess", ".htaccess"),
        ],
    )
    def test_s023_s032_lead_nowhere_but_into_the_folder(self, name, entry_name):
        assert entry_names([name]) == [entry_name]

    def test_are_cut_to_what_file_systems_take(self):
        (name,) = entry_names(["文" * 255 + ".jpeg"])
        assert len(name.encode()) <= 240
        assert name.endswith("文.jpeg")

    def test_are_told_apart_where_systems_do_not_tell_them_apart(self):
        wanted = ["a.txt", "a.txt", "A.TXT", "a (2).txt", "é", "e\u0301", "b"]
        assert entry_names(wanted) == [
            *("a.txt", "a (2).txt", "A (3).TXT", "a (2) (2).txt", "é", "e\u0301 (2)", "b"),
        ]

    def test_a_thousand_of_one_name_are_a_thousand(self):
        names = entry_names(["x.jpg"] * 1_000)
        assert len(set(names)) == 1_000
        assert names[-1] == "x (1000).jpg"
