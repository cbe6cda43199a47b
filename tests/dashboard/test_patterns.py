"""The editor of naming patterns: what it shows of real files, and what it warns of."""

import html
import re

import pytest
from django.urls import reverse

from storages_app.dashboard.views import patterns
from storages_app.models import File
from tests.factories import make_file, make_project


def preview(client, project, storage, pattern, **more):
    where = reverse("dashboard:pattern_preview", args=[project.slug, storage.pk])
    page = client.post(where, {"key_pattern": pattern} | more)
    assert page.status_code == 200
    return html.unescape(" ".join(re.sub(r"<[^>]*>", " ", page.text).split()))


class TestPreview:
    def test_shows_the_newest_file_a_processed_one_and_a_hard_one(
        self, project, storage, file, as_owner
    ):
        image = make_file(project, name="cat photo.jpg", detected_type="image/jpeg")
        newest = make_file(project, name="plan.pdf")
        shown = preview(as_owner, project, storage, "${default}")
        assert f"Newest file: plan.pdf up/{newest.pk}/plan.pdf" in shown
        assert f"Processed image: cat photo.jpg up/{image.pk}/catphoto.-resize_800x.jpg" in shown
        assert "A hard name: image (1) é.jpeg up/" in shown
        assert "The name becomes" in shown

    def test_a_project_without_files_sees_made_up_ones(self, project, storage, as_owner):
        shown = preview(as_owner, project, storage, "${filename}${ext}")
        assert "A file: photo.jpg up/photo.jpg" in shown

    def test_uses_the_prefix_as_it_is_typed(self, project, storage, as_owner):
        assert " else/photo.jpg" in preview(
            as_owner, project, storage, "${filename}${ext}", prefix="else"
        )
        assert " up/photo.jpg" in preview(
            as_owner, project, storage, "${filename}${ext}", prefix="a/../b"
        )

    def test_nothing_typed_means_the_usual_names(self, project, storage, file, as_owner):
        assert f"up/{file.pk}/cat.txt" in preview(as_owner, project, storage, " ")

    @pytest.mark.parametrize(
        ("pattern", "text"),
        [
            ("${foo}", "${foo} is not a variable. Did you mean ${ext} ?"),
            ("${file_name}", "Did you mean ${filename} ?"),
            ("a b", "Invalid character in a pattern"),
            ("../${uuid}", "Invalid character in a pattern"),
            ("x" * 2000, "Invalid character in a pattern"),
            ("<script>alert()</script>", "Invalid character in a pattern"),
        ],
    )
    def test_a_pattern_that_cannot_be_is_said_so(self, pattern, text, project, storage, as_owner):
        shown = preview(as_owner, project, storage, pattern)
        assert text in shown
        assert "up/" not in shown

    def test_warns_of_names_that_would_clash_with_their_number(self, project, storage, as_owner):
        for _ in range(3):
            make_file(project, name="logo.png")
        shown = preview(as_owner, project, storage, "${filename}${ext}")
        clash = "Without ${uuid} two files called logo.png would clash: 3 pairs in this project"
        assert clash in shown
        assert "The original name is kept as metadata." in shown
        assert "clash" not in preview(as_owner, project, storage, "${default}")

    def test_no_pattern_makes_the_page_fail(self, project, storage, file, as_owner):
        for pattern in ("${", "${}", "${{uuid}}", "/", "${uuid}/", "\x00", "é", "${ext}" * 85):
            preview(as_owner, project, storage, pattern)


class TestPairs:
    def test_counts_pairs_of_one_name_in_one_project(self, project):
        for name in ("a", "a", "a", "b", "b", "c"):
            make_file(project, name=name)
        make_file(make_project(), name="c")
        files = File.objects.live().filter(project=project)
        assert files.n_pairs_of_one_name() == 4
        assert files.n_pairs_of_one_name(among=2) == 0
        assert File.objects.none().n_pairs_of_one_name() == 0

    def test_is_one_query(self, project, django_assert_num_queries):
        with django_assert_num_queries(1):
            File.objects.live().filter(project=project).n_pairs_of_one_name()


def test_every_variable_has_its_meaning():
    assert [one.text for one in patterns.VARIABLES][:3] == [
        "${default}",
        "${auto_filename}",
        "${uuid}",
    ]
    assert all(one.meaning for one in patterns.VARIABLES)
