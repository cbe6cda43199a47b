"""The playground: a picture with operations, its size, its address, its keys, and copying it."""

from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.core.files.storage import storages
from django.urls import reverse
from django.utils.html import escape

from storages_app.copying.orders import MAX_PROCESSED
from storages_app.dashboard import trials
from storages_app.imaging.errors import ImagingBusy, ProcessedTooLarge
from storages_app.imaging.registry import all_operations
from storages_app.models import CopyJob, CustomStorage
from storages_app.templatetags.ucdash import size
from tests import pictures
from tests.factories import make_copy_job, make_custom_storage, make_file

pytestmark = pytest.mark.django_db

SMALL = "-/resize/80x/-/format/webp/"


@pytest.fixture
def picture(project):
    content = pictures.jpeg(400, 300)
    return make_file(project, content, name="My roof (1).jpg", detected_type="image/jpeg")


@pytest.fixture
def show(project, picture, as_owner):
    """The page for the picture, with these parameters."""

    def shown(client=as_owner, **asked):
        address = reverse("dashboard:playground", args=[project.slug])
        return client.get(address, {"file": picture.pk} | asked)

    return shown


def copy(client, project, file, **form):
    return client.post(reverse("dashboard:file_copy", args=[project.slug, file.pk]), form)


class TestTrial:
    def test_shows_the_picture_its_size_and_its_format(self, show, picture):
        page = show(effects=SMALL)
        made = page.context["trial"].made
        assert (made.width, made.height, made.content_type) == (80, 60, "image/webp")
        assert f'src="{settings.CDN_URL}/{picture.pk}/{SMALL}"' in page.text
        assert "80 × 60, WEBP" in page.text
        assert "of the original" in page.text
        assert f"{settings.CDN_URL}/{picture.pk}/{SMALL}</code>" in page.text

    def test_tells_the_key_in_each_storage(self, show, picture, project, storage):
        make_custom_storage(project, name="flat", bucket="b", key_pattern="x/${uuid}${effects}")
        page = show(effects=SMALL).text
        made = ".-resize_80x.-format_webp"
        assert f"s3://acme-photos/up/{picture.pk}/Myroof1{made}.jpg</code>" in page
        assert f"s3://b/x/{picture.pk}{made}</code>" in page

    def test_tells_the_usual_key_where_no_storage_is(self, show, picture):
        page = show(effects=SMALL)
        assert f"<code>{picture.pk}/Myroof1.-resize_80x.-format_webp.jpg</code>" in page.text
        assert "Copy a processed version" not in page.text

    def test_says_what_became_of_a_copy_that_was_ordered(self, show, picture, storage):
        key = f"up/{picture.pk}/Myroof1.-resize_80x.-format_webp.jpg"
        make_copy_job(picture, storage, key=key, effects=SMALL)
        (place,) = show(effects=SMALL).context["trial"].places
        assert place.word == "Done"

    def test_names_a_wrong_operation_and_keeps_the_text(self, show, storage):
        page = show(effects="-/resize/80x/-/explode/")
        assert page.status_code == 200
        assert "<code>explode</code>" in page.text
        assert "-/resize/80x/-/explode/</textarea>" in page.text
        assert "Copy a processed version" not in page.text

    def test_shows_the_original_without_operations(self, show, picture):
        page = show()
        assert f'src="{settings.CDN_URL}/{picture.pk}/-/preview/1200x900/"' in page.text
        assert page.context["trial"].made is None

    def test_a_format_by_accept_is_that_of_copies_and_says_so(self, show):
        page = show(effects="-/format/auto/")
        assert page.context["trial"].format in {"JPEG", "PNG"}
        assert "As a copy has it." in page.text

    def test_a_source_over_100_mb_is_told_and_not_read(self, show, picture, monkeypatch):
        """F47: the limit is inclusive."""
        asked = []
        monkeypatch.setattr(trials.renditions, "render", lambda **order: asked.append(order))
        picture.size = MAX_PROCESSED
        assert not trials.try_out(picture, SMALL).is_too_large
        assert len(asked) == 1
        picture.size += 1
        picture.save()
        page = show(effects=SMALL)
        assert (
            "This image is 105\N{NO-BREAK SPACE}MB; processed copies are limited to 100 MB. "
            "Copy the original instead."
        ) in page.text
        assert f'src="{settings.CDN_URL}' not in page.text
        assert len(asked) == 1

    @pytest.mark.parametrize("error", [ProcessedTooLarge(), ImagingBusy()])
    def test_what_cannot_be_made_is_told(self, show, monkeypatch, error):
        def fail(**order):
            raise error

        monkeypatch.setattr(trials.renditions, "render", fail)
        page = show(effects=SMALL)
        assert page.status_code == 200
        assert error.message in page.text

    def test_a_file_that_is_no_image_or_is_gone_is_told(self, project, picture):
        words = make_file(project, b"only words")
        assert "are not images" in trials.try_out(words, SMALL).refusal
        storages["uploads"].delete(picture.blob_name)
        assert "not in the upload storage" in trials.try_out(picture, "-/resize/81x/").refusal

    def test_operations_too_long_for_a_copy_are_refused_as_there(self, show, storage):
        page = show(effects="-/resize/1234x1234/" * 79)
        assert page.context["trial"].made is None
        assert "A copy takes at most 1,500 characters" in page.text
        assert "Copy a processed version" not in page.text

    def test_what_somebody_puts_into_the_address_is_no_markup(self, show):
        page = show(effects='-/"><script>alert(1)</script>/')
        assert "<script>alert" not in page.text


class TestOperations:
    def test_one_more_is_added_at_the_end(self, show):
        answer = show(effects="-/resize/80x", do="add", add="format", value=" webp/ ")
        assert parse_qs(urlsplit(answer["Location"]).query)["effects"] == [SMALL]

    def test_one_without_parameters_is_added(self, show):
        answer = show(do="add", add="preview", value="")
        assert parse_qs(urlsplit(answer["Location"]).query)["effects"] == ["-/preview/"]

    def test_an_unknown_one_adds_nothing(self, show):
        answer = show(effects="-/resize/80x/", do="add", add="explode", value="1")
        assert parse_qs(urlsplit(answer["Location"]).query)["effects"] == ["-/resize/80x/"]

    def test_each_can_be_taken_out_also_a_wrong_one(self):
        steps = trials.steps_of("-/resize/80x/-/explode/1/2/-/format/webp/")
        assert [step.text for step in steps] == [
            "-/resize/80x/", "-/explode/1/2/", "-/format/webp/"
        ]  # fmt: skip
        assert [step.without for step in steps][1] == "-/resize/80x/-/format/webp/"

    def test_text_from_the_field_becomes_an_address(self):
        assert trials.tidy(" -/resize/80x/\r\n-/format/webp ") == "-/resize/80x/-/format/webp/"
        assert trials.tidy("-/a b?c#d/") == "-/a%20b%3Fc%23d/"
        assert trials.tidy("-/a%20b/") == "-/a%20b/"

    def test_all_are_in_the_table_with_an_example_that_leads_to_its_picture(self, show):
        page = show()
        assert {row["name"] for row in page.context["operations"]} == all_operations().keys() - {
            "@clib"
        }
        for row in page.context["operations"]:
            assert f"<code>{row['name']}</code>" in page.text
            assert f"<code>{escape(row['example'])}</code></a>" in page.text
            assert escape(row["grammar"]) in page.text
            assert f'href="{escape(row["address"])}"' in page.text


class TestFile:
    def test_the_newest_image_is_shown_where_none_is_named(self, project, picture, as_owner):
        make_file(project, name="later.txt")
        page = as_owner.get(reverse("dashboard:playground", args=[project.slug]))
        assert page.context["file"] == picture

    def test_a_project_without_images_says_so(self, project, as_owner):
        page = as_owner.get(reverse("dashboard:playground", args=[project.slug]))
        assert "No images yet" in page.text

    @pytest.mark.parametrize("text", ["nonsense", "1319a366-070e-41ed-a8bc-e0d32b42eade", "0" * 40])
    def test_an_unknown_one_is_404(self, show, text):
        assert show(file=text).status_code == 404

    def test_the_file_of_another_project_is_404(self, show, project, as_neighbour):
        from storages_app.models import Project

        theirs = make_file(Project.objects.exclude(pk=project.pk).get())
        assert show(file=str(theirs.pk)).status_code == 404


class TestCopying:
    def test_the_page_offers_the_copy_with_its_size(self, show, storage):
        page = show(effects=SMALL)
        assert f"Copy {size(page.context['trial'].made.size)}</button>" in page.text

    def test_orders_what_was_shown(self, show, project, picture, storage, as_owner):
        answer = copy(as_owner, project, picture, custom_storage=storage.pk, effects=SMALL)
        assert answer["Location"] == reverse("dashboard:file", args=[project.slug, picture.pk])
        job = CopyJob.objects.get()
        (place,) = show(effects=SMALL).context["trial"].places
        assert (job.effects, job.url) == (SMALL, place.url)

    @pytest.mark.parametrize("effects", ["-/explode/", "-/resize/1234x1234/" * 79, "x" * 1501])
    def test_a_refusal_leads_back_with_the_text(self, project, picture, storage, as_owner, effects):
        answer = copy(as_owner, project, picture, custom_storage=storage.pk, effects=effects)
        page = as_owner.get(answer["Location"])
        assert page.context["form"].initial["effects"] == effects
        assert "Nothing was copied." in page.text
        assert not CopyJob.objects.exists()

    def test_a_storage_that_went_meanwhile_is_refused(self, project, picture, storage, as_owner):
        CustomStorage.objects.filter(pk=storage.pk).update(connected_at=None)
        answer = copy(as_owner, project, picture, custom_storage=storage.pk, effects=SMALL)
        assert "is not connected any more" in as_owner.get(answer["Location"]).text
        assert not CopyJob.objects.exists()

    def test_a_viewer_sees_the_picture_and_is_offered_no_copy(self, show, storage, as_viewer):
        page = show(as_viewer, effects=SMALL)
        assert page.context["trial"].made.width == 80
        assert "Copy a processed version" not in page.text


class TestFilePage:
    def test_leads_to_the_playground_and_lists_processed_copies_apart(
        self, project, picture, storage, as_owner
    ):
        make_copy_job(picture, storage, key="up/whole.jpg")
        make_copy_job(picture, storage, key="up/small.jpg", effects=SMALL, size=1234)
        page = as_owner.get(reverse("dashboard:file", args=[project.slug, picture.pk]))
        assert [row.job.key for row in page.context["copies"]] == ["up/whole.jpg"]
        assert [row.job.key for row in page.context["processed"]] == ["up/small.jpg"]
        address = reverse("dashboard:playground", args=[project.slug])
        assert f'href="{address}?file={picture.pk}"' in page.text
        assert "Copy a processed version…" in page.text

    def test_offers_nothing_of_the_kind_for_what_is_no_image(self, project, file, as_owner):
        page = as_owner.get(reverse("dashboard:file", args=[project.slug, file.pk]))
        assert "Processed copies" not in page.text
