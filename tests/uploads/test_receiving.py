"""From the body of a request to temporary files."""

import errno
import hashlib
import os
import stat
from io import BytesIO
from pathlib import Path

import pytest
from django.core.handlers.wsgi import WSGIRequest

from storages_app.uploads import errors, receiving
from storages_app.uploads.receiving import receive_form

BOUNDARY = "frontier"
END = f"--{BOUNDARY}--\r\n".encode()


@pytest.fixture(autouse=True)
def incoming(tmp_path, settings):
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path / "incoming"
    settings.FILE_UPLOAD_TEMP_DIR.mkdir()
    return settings.FILE_UPLOAD_TEMP_DIR


def part(name, value, filename=None, content_type="text/plain"):
    disposition = f'form-data; name="{name}"'
    if filename is not None:
        disposition += f'; filename="{filename}"'
    head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n"
    if filename is not None:
        head += f"Content-Type: {content_type}\r\n"
    return head.encode() + b"\r\n" + value + b"\r\n"


def request(body, *, length=None, content_type=f"multipart/form-data; boundary={BOUNDARY}", **meta):
    return WSGIRequest(
        {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/base/",
            "CONTENT_TYPE": content_type,
            "CONTENT_LENGTH": str(len(body) if length is None else length),
            "wsgi.input": BytesIO(body),
            **meta,
        }
    )


def refused(sent, refusal):
    with pytest.raises(refusal) as caught, receive_form(sent):
        pytest.fail("the body was taken")
    return caught.value


class TestReceiving:
    def test_a_file_is_on_disk_with_its_hashes_while_the_form_is_open(self, incoming):
        data = b"0123456789" * 50_000
        body = part("note", b"hello") + part("file", data, "photo.JPG", "image/jpeg") + END
        with receive_form(request(body)) as form:
            (upload,) = form.uploads
            assert form.fields["note"] == "hello"
            assert (upload.field_name, upload.name) == ("file", "photo.JPG")
            assert upload.declared_type == "image/jpeg"
            assert upload.size == len(data)
            assert upload.sha256 == hashlib.sha256(data).hexdigest()
            assert upload.md5 == hashlib.md5(data).hexdigest()
            assert upload.path.read_bytes() == data
            assert upload.path.parent == incoming
            assert stat.S_IMODE(upload.path.stat().st_mode) == 0o600
        assert list(incoming.iterdir()) == []

    def test_an_empty_file_is_a_file(self):
        with receive_form(request(part("file", b"", "empty.txt") + END)) as form:
            (upload,) = form.uploads
            assert upload.size == 0
            assert upload.sha256 == hashlib.sha256().hexdigest()

    @pytest.mark.parametrize(
        ("sent", "kept"),
        [
            ("../../etc/passwd", "passwd"),
            ("..\\\\..\\\\x", "x"),
            ("C:\\\\x", "x"),
            ("..", "original"),
            (".", "original"),
            ("a&lt;b&gt;.txt", "a&lt;b&gt;.txt"),
            ("nul\0l.txt", "null.txt"),
            ("n" * 300, "n" * 255),
        ],
    )
    def test_names_are_cleaned_and_no_file_is_dropped_for_its_name(self, sent, kept):
        """S023"""
        with receive_form(request(part("file", b"x", sent) + END)) as form:
            assert [upload.name for upload in form.uploads] == [kept]

    def test_temporary_names_cannot_be_guessed(self):
        """S031"""
        body = part("a", b"x", "same.txt") + part("b", b"x", "same.txt") + END
        with receive_form(request(body)) as form:
            names = {upload.path.name for upload in form.uploads}
        assert len(names) == 2
        assert not any("same" in name for name in names)

    def test_a_form_without_files_may_be_urlencoded(self):
        sent = request(b"a=1&b=2", content_type="application/x-www-form-urlencoded")
        with receive_form(sent) as form:
            assert form.fields.dict() == {"a": "1", "b": "2"}
            assert form.uploads == []

    def test_other_bodies_are_no_form(self):
        with receive_form(request(b'{"a": 1}', content_type="application/json")) as form:
            assert not form.fields
            assert not form.uploads


class TestRefusals:
    """F02, F05, S093: nothing of what is refused stays on the disk."""

    @pytest.fixture(autouse=True)
    def _nothing_is_left(self, incoming):
        yield
        assert list(incoming.iterdir()) == []

    @pytest.mark.parametrize("n_missing", [1, 3, 14, 20, 500])
    def test_a_body_that_is_cut_off(self, n_missing):
        body = part("file", b"x" * 1_000, "a.txt") + END
        refused(request(body[:-n_missing], length=len(body)), errors.FormMalformed)

    @pytest.mark.parametrize("n_missing", [4, 5, 14, 20, 500])
    def test_a_content_length_that_is_too_small(self, n_missing):
        body = part("file", b"x" * 1_000, "a.txt") + END
        refused(request(body, length=len(body) - n_missing), errors.FormMalformed)

    def test_a_content_length_that_is_too_large(self):
        body = part("file", b"x" * 1_000, "a.txt") + END
        refused(request(body, length=len(body) + 1), errors.FormMalformed)

    def test_a_second_file_that_is_cut_off_takes_the_first_with_it(self):
        body = part("a", b"x" * 1_000, "a.txt") + part("b", b"x" * 1_000, "b.txt")
        refused(request(body[:-500]), errors.FormMalformed)

    @pytest.mark.parametrize("length", ["abc", "-1", "1_0", "１"])
    def test_a_content_length_that_is_no_number(self, length):
        refused(request(b"", length=length), errors.FormMalformed)

    def test_a_body_in_chunks(self):
        refused(request(b"", HTTP_TRANSFER_ENCODING="chunked"), errors.FormMalformed)

    @pytest.mark.parametrize(
        "content_type",
        [
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=" + "b" * 1_000_000,
            "multipart/form-data; boundary=gr\xfc\xdf",
        ],
    )
    def test_a_boundary_that_is_none(self, content_type):
        body = part("file", b"x", "a.txt") + END
        refused(request(body, content_type=content_type), errors.FormMalformed)

    def test_a_part_whose_header_never_ends(self):
        body = part("file", b"x", "a" * 1_000_000) + END
        refused(request(body), errors.FormMalformed)

    def test_more_than_a_hundred_files(self):
        body = b"".join(part(f"f{n}", b"x", "a.txt") for n in range(1_000)) + END
        refused(request(body), errors.TooManyParts)

    def test_more_than_a_thousand_fields(self):
        body = part("file", b"x", "a.txt")
        body += b"".join(part(f"f{n}", b"x") for n in range(10_000)) + END
        refused(request(body), errors.TooManyFields)
        encoded = "&".join(f"f{n}=x" for n in range(10_000)).encode()
        form = request(encoded, content_type="application/x-www-form-urlencoded")
        refused(form, errors.TooManyFields)

    def test_a_field_that_fills_the_memory(self):
        body = part("file", b"x", "a.txt") + part("field", b"x" * 3_000_000) + END
        refused(request(body), errors.RequestTooLarge)
        form = request(b"a=" + b"x" * 3_000_000, content_type="application/x-www-form-urlencoded")
        refused(form, errors.RequestTooLarge)

    def test_a_request_over_the_limit_is_refused_by_its_length(self, settings):
        settings.MAX_DIRECT_UPLOAD = 1_000
        body = part("file", b"x" * 1_000, "a.txt") + END
        error = refused(request(body), errors.RequestTooLarge)
        assert "1000 bytes" in error.advice

    def test_a_request_of_exactly_the_limit_passes(self, settings):
        body = part("file", b"x" * 1_000, "a.txt") + END
        settings.MAX_DIRECT_UPLOAD = len(body)
        with receive_form(request(body)) as form:
            assert form.uploads[0].size == 1_000

    def test_a_body_a_little_too_large_is_read_to_its_end_and_a_huge_one_is_not(self, settings):
        settings.MAX_DIRECT_UPLOAD = 1_000
        for n_bytes, is_read in ((1_500, True), (5_000, False)):
            sent = request(b"x" * n_bytes)
            refused(sent, errors.RequestTooLarge)
            assert (sent.META["wsgi.input"].tell() == n_bytes) is is_read

    @pytest.mark.parametrize("place", ["mkstemp", "_write_all"])
    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
    def test_a_full_disk(self, monkeypatch, place, code):
        def full(*args, **kwargs):
            raise OSError(code, "no space")

        owner = receiving.tempfile if place == "mkstemp" else receiving
        monkeypatch.setattr(owner, place, full)
        refused(request(part("file", b"x", "a.txt") + END), errors.DiskFull)

    def test_a_connection_that_breaks(self):
        class Broken:
            def read(self, size=-1):
                raise ConnectionResetError(errno.ECONNRESET, "reset")

            readline = read

        sent = request(b"", length=500, **{"wsgi.input": Broken()})
        refused(sent, errors.FormMalformed)

    def test_a_failure_of_the_view_leaves_no_file(self):
        with (
            pytest.raises(ZeroDivisionError),
            receive_form(request(part("file", b"x", "a.txt") + END)),
        ):
            raise ZeroDivisionError

    def test_no_descriptor_is_left_open(self):
        body = part("file", b"x" * 100_000, "a.txt")
        before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
        for _ in range(10):
            refused(request(body[:-500]), errors.FormMalformed)
        assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_a_large_file_is_never_in_memory():
    class Endless:
        """A body of 64 MB that is made while it is read."""

        def __init__(self):
            self.head, self.n_left, self.tail = part("file", b"", "a.bin")[:-2], 64 << 20, END

        def read(self, size=-1):
            if self.head:
                head, self.head = self.head, b""
                return head
            if self.n_left:
                n = min(size, self.n_left, 64 * 1024)
                self.n_left -= n
                return b"x" * n
            tail, self.tail = self.tail, b""
            return b"\r\n" + tail if tail else b""

        readline = read

    length = len(part("file", b"", "a.bin")) + (64 << 20) + len(END)
    import tracemalloc

    tracemalloc.start()
    try:
        with receive_form(request(b"", length=length, **{"wsgi.input": Endless()})) as form:
            assert form.uploads[0].size == 64 << 20
            assert Path(form.uploads[0].path).stat().st_size == 64 << 20
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
