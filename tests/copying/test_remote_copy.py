"""remote_copy as DESIGN 5.7 and 5.8 say, through its service."""

import random
from string import ascii_letters

import pytest

from storages_app.copying import orders, services
from storages_app.copying.errors import (
    CopyFailed,
    FileNotReady,
    FileTooLarge,
    PublicNotPossible,
    TargetMissing,
    TargetNotUsable,
)
from storages_app.custom_storages import services as custom_storages
from storages_app.custom_storages.errors import BadPattern
from storages_app.custom_storages.processed import MAX_EFFECTS
from storages_app.imaging.errors import BadEffects
from storages_app.models import CopyJob
from storages_app.models.copy_jobs import State
from storages_app.objectstores.errors import AccessDenied, ServerError
from tests.factories import make_custom_storage, make_file, make_project
from tests.memory_bucket import PROVEN

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def storage(project):
    return make_custom_storage(project, name="mine", bucket="photos", capabilities=PROVEN)


@pytest.fixture
def file(project, storage):
    return make_file(project, b"a photo", name="roof.jpg")


def copy(file, **changed):
    values = {
        "project": file.project, "file": file, "effects": "", "target": "mine",
        "make_public": None, "pattern": "", "asked_by": "a key",
    }  # fmt: skip
    return services.remote_copy(**(values | changed))


def test_a_new_object_is_201_with_its_address(file, bucket):
    answer = copy(file)
    assert (answer.status, answer.url) == (201, f"s3://photos/{file.uuid}/roof.jpg")
    assert CopyJob.objects.get().state == State.DONE


def test_the_same_copy_again_is_200_with_the_same_address(file, bucket):
    first, second = copy(file), copy(file)
    assert (second.status, second.url) == (200, first.url)
    assert bucket.calls.count("put") == 2  # asked on the condition that nothing is there


def test_a_pattern_of_the_request_wins(file, bucket):
    assert copy(file, pattern="x/${uuid}${ext}").url == f"s3://photos/x/{file.uuid}.jpg"


def test_an_unknown_target_is_refused_with_the_text_of_the_wire(file):
    with pytest.raises(TargetMissing) as refused:
        copy(file, target="nobody")
    assert refused.value.message == "Project has no storage with provided name."


def test_the_storage_of_another_project_is_unknown(file):
    make_custom_storage(make_project(), name="theirs")
    with pytest.raises(TargetMissing):
        copy(file, target="theirs")


def test_a_bad_pattern_is_refused(file):
    with pytest.raises(BadPattern):
        copy(file, pattern="${foo}")
    assert not CopyJob.objects.exists()


def test_a_paused_or_unconnected_storage_is_refused_in_words(file, storage):
    custom_storages.pause(custom_storage=storage, actor="a test")
    with pytest.raises(TargetNotUsable, match="is paused since"):
        copy(file)
    storage.connected_at = None
    storage.save()
    with pytest.raises(TargetNotUsable, match="is not connected yet"):
        copy(file)


def test_a_file_that_is_not_ready_is_refused(file):
    file.is_ready = False
    with pytest.raises(FileNotReady, match=r"File is not ready yet\."):
        copy(file)


@pytest.mark.parametrize(
    ("size", "effects"), [(5_368_709_121, ""), (104_857_601, "-/resize/200x/")]
)
def test_a_file_over_the_limit_is_refused(file, size, effects):
    file.size = size
    with pytest.raises(FileTooLarge) as refused:
        copy(file, effects=effects)
    assert refused.value.message == "Copying of large files is not supported at the moment."


class TestOperationsOfGreatLength:
    """They are in an index of the ledger, whose entries PostgreSQL bounds."""

    @pytest.fixture
    def longest(self) -> str:
        """1,500 characters that no compression makes short."""
        chance = random.Random(47)
        sizes = [f"{chance.randint(1000, 2999)}x{chance.randint(1000, 2999)}" for _ in range(78)]
        text = "".join(f"-/resize/{size}/" for size in [*sizes, "1234x123"])
        assert len(text) == MAX_EFFECTS
        return text

    def test_the_longest_are_taken_with_the_longest_key(self, file, storage, longest):
        storage.prefix = "".join(random.Random(1).choices(ascii_letters, k=510)) + "/"
        storage.key_pattern = (
            "".join(random.Random(2).choices(ascii_letters, k=420)) + "/${default}"
        )
        storage.save()
        (job,) = services.order_copies(
            files=[file], custom_storage=storage, effects=longest, asked_by="a test"
        )
        assert job.effects == longest
        assert len(job.key) > 900

    def test_longer_ones_are_refused(self, file, longest):
        with pytest.raises(BadEffects, match="at most 1,500 characters"):
            copy(file, effects=f"{longest}-/preview/")
        assert not CopyJob.objects.exists()


def test_what_the_bucket_refuses_is_told_and_ends_the_job(file, bucket):
    bucket.fail("put", AccessDenied(provider_code="AccessDenied", http_status=403))
    with pytest.raises(CopyFailed, match=r"refused these credentials.*\(AccessDenied, HTTP 403\)"):
        copy(file)
    assert CopyJob.objects.get().state == State.FAILED


def test_a_copy_that_is_not_finished_in_time_is_201_and_says_pending(file, bucket, settings):
    settings.REMOTE_COPY_WAIT_S = 0
    bucket.fail("put", ServerError())
    answer = copy(file)
    job = CopyJob.objects.get()
    assert answer.status == 201
    assert answer.headers == {"X-Ucdash-Copy": "pending", "Location": f"/api/v1/jobs/{job.pk}/"}
    assert job.state == State.RETRY_WAIT


def test_the_ninth_waiting_request_does_not_wait(file, bucket, settings, monkeypatch):
    from threading import BoundedSemaphore

    taken = BoundedSemaphore(1)
    taken.acquire()
    monkeypatch.setattr(services, "_waiting_requests", taken)
    assert copy(file).headers["X-Ucdash-Copy"] == "pending"


class TestOtherBytesUnderTheKey:
    @pytest.fixture(autouse=True)
    def taken(self, storage, project, bucket):
        storage.key_pattern = "same.txt"
        storage.save()
        copy(make_file(project, b"first"))

    def rule(self, storage, rule):
        storage.on_clash = rule
        storage.save()

    def test_are_an_error_by_default(self, file):
        with pytest.raises(CopyFailed) as refused:
            copy(file)
        assert refused.value.message == (
            "Destination file with that name already exists. Check the pattern."
        )

    def test_are_200_and_other_content_when_skipped(self, file, storage):
        self.rule(storage, "skip")
        answer = copy(file)
        assert (answer.status, answer.headers) == (200, {"X-Ucdash-Copy": "other-content"})

    @pytest.mark.parametrize(
        ("rule", "url"), [("overwrite", "same.txt"), ("keep_both", "same-2.txt")]
    )
    def test_are_201_when_overwritten_or_kept_beside(self, file, storage, rule, url):
        self.rule(storage, rule)
        answer = copy(file)
        assert (answer.status, answer.url) == (201, f"s3://photos/{url}")


class TestMakePublic:
    """The table of DESIGN 5.8, cell by cell."""

    @pytest.mark.parametrize(
        ("mode", "asked", "is_public", "warns"),
        [
            ("private", None, False, False),
            ("private", True, False, True),
            ("private", False, False, False),
            ("policy", None, False, False),
            ("policy", True, False, False),
            ("acl", None, True, False),
            ("acl", True, True, False),
            ("acl", False, False, False),
        ],
    )
    def test_follows_the_mode_of_the_storage(
        self, file, storage, bucket, mode, asked, is_public, warns
    ):
        storage.public_mode = mode
        storage.save()
        answer = copy(file, make_public=asked)
        key = CopyJob.objects.get().key
        assert bucket.inner.objects[key].is_public is is_public
        assert ("Warning" in answer.headers) is warns

    def test_false_is_refused_where_the_bucket_policy_makes_all_public(self, file, storage):
        storage.public_mode = "policy"
        storage.save()
        with pytest.raises(PublicNotPossible, match="public by bucket policy"):
            copy(file, make_public=False)


def test_who_has_written_the_copy_says_so_even_if_it_was_ordered_again_meanwhile(
    file, bucket, monkeypatch
):
    """Two requests for one copy at once: each is answered by what it did itself."""
    make_now = services.tasks.make_now

    def ordered_again(*, copy_job_id):
        made = make_now(copy_job_id=copy_job_id)
        orders.reopen(CopyJob.objects.all(), lane=CopyJob.Lane.INTERACTIVE, asked_by="another")
        return made

    monkeypatch.setattr(services.tasks, "make_now", ordered_again)
    assert copy(file).status == 201
    monkeypatch.setattr(services.tasks, "make_now", make_now)
    assert copy(file).status == 200
    assert len(bucket.inner.objects) == 1
