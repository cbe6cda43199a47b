"""Originals in a bucket: read from where somebody reads, whatever their size."""

from io import BytesIO

import pytest
from django.core.files.base import File as DjangoFile
from django.core.files.storage import storages

from storages_app.objectstores.errors import ObjectStoreError
from tests.delivery.conftest import Browser, assert_harmless, body_of
from tests.factories import make_file, make_project

KB = 1024
CONTENT = bytes(range(256)) * 4 * 1_100  # as many KB


@pytest.fixture
def uploads(s3double, settings):
    """An upload storage on the strict double."""
    account = s3double.add_account()
    s3double.add_bucket("originals", account=account)
    settings.STORAGES = settings.STORAGES | {
        "uploads": {
            "BACKEND": "storages_app.uploads.s3_storage.RangedS3Storage",
            "OPTIONS": {
                "bucket_name": "originals",
                "endpoint_url": s3double.endpoint_url,
                "region_name": "us-east-1",
                "access_key": account.access_key_id,
                "secret_key": account.secret_access_key,
                "location": "kept/here",
            },
        }
    }
    found = storages["uploads"]
    yield found
    found.connection.meta.client.close()


@pytest.fixture
def opened(uploads, s3double):
    uploads.save("ab/one", DjangoFile(BytesIO(CONTENT)))
    s3double.log.clear()
    with uploads.open("ab/one") as file:
        yield file


def asked(s3double):
    """The ranges that were asked for, in KB."""
    ranges = []
    for call in s3double.log:
        if call.operation == "GetObject":
            first, last = call.headers["range"].removeprefix("bytes=").split("-")
            ranges.append((int(first) / KB, (int(last) + 1) / KB))
    return ranges


class TestReading:
    def test_opening_asks_only_whether_it_is_there(self, opened, s3double):
        assert opened.size == len(CONTENT)
        assert [call.operation for call in s3double.log] == ["HeadObject"]

    def test_a_whole_file_comes_in_growing_pieces(self, opened, s3double):
        assert opened.read() == CONTENT
        assert asked(s3double) == [(0, 256), (256, 1_100)]

    def test_a_place_far_in_costs_one_small_answer(self, opened, s3double):
        opened.seek(1_000 * KB)
        assert opened.read(100) == CONTENT[1_000 * KB :][:100]
        assert asked(s3double) == [(1_000, 1_100)]

    def test_chunks_of_django_are_the_file(self, opened):
        assert b"".join(opened.chunks(100_000)) == CONTENT

    def test_it_can_be_sought_and_read_into_a_buffer(self, opened):
        buffer = bytearray(300 * KB)
        opened.file.readinto(buffer)
        opened.seek(0)
        assert opened.read(10) == CONTENT[:10]
        opened.seek(-10, 2)
        assert opened.read() == CONTENT[-10:]
        assert opened.read() == b""

    def test_an_empty_object_is_an_empty_file(self, uploads, s3double):
        uploads.save("ab/empty", DjangoFile(BytesIO()))
        with uploads.open("ab/empty") as file:
            assert file.read() == b""
            assert file.size == 0
        assert asked(s3double) == []

    def test_has_no_descriptor_that_a_server_could_send_from(self, opened):
        with pytest.raises(OSError):
            opened.fileno()


class TestRefusals:
    def test_what_is_not_there_is_not_found(self, uploads):
        with pytest.raises(FileNotFoundError):
            uploads.open("ab/two")

    def test_what_went_away_meanwhile_is_not_found(self, opened, uploads):
        uploads.delete("ab/one")
        with pytest.raises(FileNotFoundError):
            opened.read(1)

    def test_an_answer_that_is_cut_short_is_no_end_of_the_file(self, opened, s3double):
        s3double.faults.add(code="truncate", operation="GetObject")
        with pytest.raises(ObjectStoreError):
            opened.read()

    def test_a_server_that_sends_other_bytes_is_not_believed(self, opened, monkeypatch):
        client = opened.file.raw._client
        real = client.get_object
        monkeypatch.setattr(
            client, "get_object", lambda **asked: real(**asked | {"Range": "bytes=1-9"})
        )
        with pytest.raises(ObjectStoreError):
            opened.read(10)

    def test_originals_are_never_opened_for_writing(self, uploads):
        with pytest.raises(ValueError):
            uploads.open("ab/one", "wb")


@pytest.mark.django_db
class TestFileHost:
    def test_a_range_of_a_large_original_is_one_small_request(self, uploads, s3double):
        file = make_file(make_project(), CONTENT)
        s3double.log.clear()
        response = Browser().get(f"/{file.uuid}/", headers={"range": "bytes=500-999"})
        assert body_of(response) == CONTENT[500:1_000]
        assert response.status_code == 206
        assert [call.operation for call in s3double.log] == ["HeadObject", "GetObject"]
        (window,) = asked(s3double)
        assert window[1] - window[0] == 256

    def test_the_whole_comes_too(self, uploads):
        file = make_file(make_project(), CONTENT)
        assert body_of(Browser().get(f"/{file.uuid}/")) == CONTENT

    def test_a_bucket_that_refuses_us_is_not_the_readers_fault(self, uploads, s3double, caplog):
        file = make_file(make_project(), CONTENT)
        s3double.faults.add(code="AccessDenied", times=None)
        response = Browser().get(f"/{file.uuid}/")
        assert response.status_code == 503
        assert response["Retry-After"] == "5"
        assert_harmless(response)
        assert str(file.uuid) in caplog.text
