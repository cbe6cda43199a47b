"""Parts that clients send to an upload storage at S3; the strict double stands for it."""

import hashlib
import uuid
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.core.files.storage import storages
from django.utils import timezone

from storages_app.models import File, UploadSession
from storages_app.uploads import arrivals, completing, sessions, tasks
from storages_app.uploads import multipart_errors as multipart
from storages_app.uploads.errors import StorageFailed, TypeForbidden
from storages_app.uploads.orders import blob_name_for
from storages_app.uploads.parts import origin_of_parts
from storages_app.uploads.runner import sweep
from tests.factories import make_project

pytestmark = pytest.mark.django_db

State = UploadSession.State
MIB = 1024 * 1024
CONTENT = b"".join(bytes([number]) * MIB for number in range(12))
PARTS = [CONTENT[: 5 * MIB], CONTENT[5 * MIB : 10 * MIB], CONTENT[10 * MIB :]]


@pytest.fixture(autouse=True)
def bucket(s3double, settings, incoming):
    """The upload storage is this bucket."""
    user = s3double.add_account()
    bucket = s3double.add_bucket("originals", account=user)
    settings.STORAGES = settings.STORAGES | {
        "uploads": {
            "BACKEND": "storages_app.uploads.s3_storage.RangedS3Storage",
            "OPTIONS": {
                "bucket_name": "originals",
                "endpoint_url": s3double.endpoint_url,
                "region_name": "us-east-1",
                "access_key": user.access_key_id,
                "secret_key": user.secret_access_key,
                "signature_version": "s3v4",
            },
        }
    }
    yield bucket
    assert list(incoming.iterdir()) == []
    storages["uploads"].connection.meta.client.close()


def start(project=None, **given):
    asked = {
        "filename": "film.mp4",
        "content_type": "video/mp4",
        "size": str(len(CONTENT)),
        "part_size": "",
        "store": "1",
        "metadata": {},
    }
    return sessions.start(project=project or make_project(), **(asked | given))


def put(url, content, *, method="PUT"):
    headers = {"Content-Type": "whatever/the-client-likes"}
    return requests.request(method, url, data=content, headers=headers, timeout=10)


def test_pages_know_beforehand_where_parts_go(s3double):
    _, urls = start()
    origins = {f"{urlsplit(url).scheme}://{urlsplit(url).netloc}" for url in urls}
    assert origins == {origin_of_parts()} == {s3double.endpoint_url}


@pytest.fixture
def sent():
    session, urls = start()
    for url, content in zip(reversed(urls), reversed(PARTS), strict=True):
        assert put(url, content).status_code == 200
    return session


def complete(session):
    return sessions.complete(project=session.project, session_uuid=session.pk)


def state_of(session):
    session.refresh_from_db()
    return session.state


class TestAddresses:
    def test_are_presigned_by_the_bucket_for_a_day(self, s3double):
        session, urls = start()
        assert len(urls) == 3
        for number, url in enumerate(urls, 1):
            query = parse_qs(urlsplit(url).query)
            assert url.startswith(s3double.endpoint_url)
            assert query["partNumber"] == [str(number)]
            assert query["uploadId"] == [session.upload_id]
            assert query["X-Amz-Expires"] == ["86400"]
            assert set(query["X-Amz-SignedHeaders"][0].split(";")) == {"content-length", "host"}

    @pytest.mark.parametrize("length", [5 * MIB - 1, 5 * MIB + 1, 0])
    def test_take_no_other_length(self, length):
        """S054."""
        _, urls = start()
        assert put(urls[0], b"x" * length).status_code == 403

    def test_are_good_for_nothing_else(self, bucket):
        """S054: another method, another part, another key."""
        _, urls = start()
        assert put(urls[0], PARTS[0], method="DELETE").status_code == 403
        other_part = urls[0].replace("partNumber=1", "partNumber=2")
        assert put(other_part, PARTS[0]).status_code == 403
        path = urlsplit(urls[0]).path
        assert put(urls[0].replace(path, f"{path}x"), PARTS[0]).status_code == 403
        assert len(bucket.uploads) == 1
        assert not next(iter(bucket.uploads.values())).parts


class TestComplete:
    def test_makes_the_file_of_what_the_bucket_has(self, sent, bucket):
        file = complete(sent)
        file.refresh_from_db()
        assert (file.pk, file.size) == (sent.pk, len(CONTENT))
        assert file.sha256 == hashlib.sha256(CONTENT).hexdigest()
        assert file.md5 == hashlib.md5(CONTENT).hexdigest()
        assert file.blob_name == blob_name_for(sent.pk)
        assert state_of(sent) == State.DONE
        assert not bucket.uploads
        with file.open_bytes() as content:
            assert content.read() == CONTENT

    def test_no_byte_is_sent_twice_and_each_is_read_once(self, sent, s3double):
        s3double.log.clear()
        complete(sent)
        operations = [call.operation for call in s3double.log]
        assert operations.count("GetObject") == 1
        assert not {"UploadPart", "PutObject", "CopyObject"} & set(operations)

    def test_asked_twice_it_answers_the_same(self, sent):
        """F06."""
        assert complete(sent) == complete(sent) == File.objects.get()

    def test_a_part_sent_twice_counts_as_it_came_last(self):
        """F06."""
        session, urls = start()
        for content in (b"y" * 5 * MIB, PARTS[0]):
            assert put(urls[0], content).status_code == 200
        for url, content in zip(urls[1:], PARTS[1:], strict=True):
            put(url, content)
        assert complete(session).sha256 == hashlib.sha256(CONTENT).hexdigest()

    @pytest.mark.parametrize("missing", [0, 1, 2])
    def test_refuses_while_a_part_is_missing(self, missing):
        """F06."""
        session, urls = start()
        for number in {0, 1, 2} - {missing}:
            put(urls[number], PARTS[number])
        with pytest.raises(multipart.PartsMissing):
            complete(session)
        assert state_of(session) == State.OPEN
        put(urls[missing], PARTS[missing])
        assert complete(session).size == len(CONTENT)

    def _send_otherwise(self, session, number, content):
        """As to a provider that minds no length in a signature."""
        client = storages["uploads"].connection.meta.client
        asked = {
            "Bucket": "originals",
            "Key": blob_name_for(session.pk),
            "UploadId": session.upload_id,
            "PartNumber": number,
        }
        assert put(client.generate_presigned_url("upload_part", asked), content).status_code == 200

    def test_refuses_more_than_was_announced(self, sent):
        self._send_otherwise(sent, 3, b"x" * 3 * MIB)
        with pytest.raises(multipart.PartsTooLarge) as caught:
            complete(sent)
        assert caught.value.message == "Uploaded size is more than expected."

    def test_refuses_parts_of_other_sizes(self, sent):
        self._send_otherwise(sent, 3, b"x" * MIB)
        with pytest.raises(multipart.PartsWrong) as caught:
            complete(sent)
        assert caught.value.message == "Can not complete upload. Wrong parts size?"
        assert state_of(sent) == State.OPEN

    def test_large_ones_are_left_to_a_worker(self, sent, settings):
        settings.COMPLETE_IN_REQUEST = 0
        assert complete(sent) == sent
        tasks.drain()
        assert complete(sent) == File.objects.get()


class TestAfterADeath:
    def test_between_the_buckets_completion_and_the_row(self, sent, monkeypatch):
        """The bucket knows no such upload any more; its object is taken for what it is."""

        def die(**kwargs):
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr("storages_app.uploads.parts.s3.adopt", die)
            with pytest.raises(KeyboardInterrupt):
                complete(sent)
        assert state_of(sent) == State.COMPLETING
        UploadSession.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        tasks.drain()
        assert File.objects.get().sha256 == hashlib.sha256(CONTENT).hexdigest()

    def test_bytes_of_a_completed_upload_wait_for_their_row(self, sent, monkeypatch, bucket):
        """S3 dates an object of parts by the beginning of its upload."""
        hold = completing.claim(sent)
        assert hold
        with monkeypatch.context() as patched:
            patched.setattr(arrivals, "sniff", lambda head: 1 // 0)
            with pytest.raises(ZeroDivisionError):
                completing.put_together(hold)
        sweep(now=timezone.now() + timedelta(hours=5))
        assert list(bucket.objects) == [blob_name_for(sent.pk)]

    def test_an_upload_that_is_gone_without_an_object_has_to_be_sent_again(self, sent, bucket):
        bucket.uploads.clear()
        with pytest.raises(multipart.PartsMissing):
            complete(sent)
        assert not File.objects.exists()


class TestFaults:
    def test_a_bucket_that_is_away_starts_nothing(self, s3double):
        """F05."""
        s3double.faults.add(operation="CreateMultipartUpload", code="AccessDenied")
        with pytest.raises(StorageFailed):
            start()
        assert not UploadSession.objects.exists()

    @pytest.mark.parametrize("operation", ["ListParts", "CompleteMultipartUpload", "GetObject"])
    def test_a_bucket_that_is_away_while_completing_is_asked_again(self, sent, s3double, operation):
        """F05: no row, and the service recovers."""
        s3double.faults.add(operation=operation, code="AccessDenied")
        with pytest.raises(StorageFailed):
            complete(sent)
        assert state_of(sent) == State.OPEN
        assert not File.objects.exists()
        assert complete(sent).sha256 == hashlib.sha256(CONTENT).hexdigest()


class TestEnds:
    def test_an_upload_that_was_never_completed_is_aborted(self, sent, bucket):
        """F07."""
        assert bucket.uploads
        sweep(now=timezone.now() + timedelta(hours=25))
        assert state_of(sent) == State.EXPIRED
        assert sent.finished_at
        assert not bucket.uploads

    def test_a_bucket_that_is_away_then_is_asked_again(self, sent, bucket, s3double):
        s3double.faults.add(operation="AbortMultipartUpload", code="AccessDenied")
        sweep(now=timezone.now() + timedelta(hours=25))
        assert state_of(sent) == State.EXPIRED
        assert bucket.uploads
        sweep(now=timezone.now() + timedelta(hours=26))
        assert not bucket.uploads
        assert UploadSession.objects.get().finished_at

    def test_what_was_begun_and_has_no_session_is_aborted_a_day_later(self, bucket):
        """As of a process that died between the bucket's answer and its own commit."""
        client = storages["uploads"].connection.meta.client
        lost, theirs = blob_name_for(uuid.uuid4()), f"theirs/{uuid.uuid4()}"
        for key in (lost, theirs, "report.csv"):
            client.create_multipart_upload(Bucket="originals", Key=key)
        session, _ = start()
        UploadSession.objects.update(expires_at=timezone.now() + timedelta(days=9))
        sweep(now=timezone.now() + timedelta(hours=23))
        assert len(bucket.uploads) == 4
        sweep(now=timezone.now() + timedelta(hours=25))
        left = {upload.key for upload in bucket.uploads.values()}
        assert left == {theirs, "report.csv", blob_name_for(session.pk)}

    def test_a_bucket_that_does_not_list_them_stops_no_sweep(self, s3double):
        s3double.faults.add(operation="ListMultipartUploads", code="AccessDenied")
        sweep(now=timezone.now())

    def test_what_is_refused_for_good_leaves_no_object(self, sent, bucket):
        sent.project.accepted_types = ["image/*"]
        sent.project.save()
        with pytest.raises(TypeForbidden):
            complete(sent)
        assert state_of(sent) == State.FAILED
        assert sent.finished_at
        assert not list(bucket.objects)
