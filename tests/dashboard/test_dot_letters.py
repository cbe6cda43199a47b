"""The letters in the dots of storages, in the table and the grid of files."""

import pytest
from django.urls import reverse

from storages_app.dashboard.dot_letters import letters_of
from tests.factories import make_copy_job, make_custom_storage


@pytest.mark.parametrize(
    ("names", "letters"),
    [
        (["archive", "photos"], ["A", "P"]),
        (["paused", "photos"], ["Pa", "Ph"]),
        (["photos-eu", "photos-us"], ["Pe", "Pu"]),
        (["photos", "photos-eu", "photos-us"], ["Ph", "Po", "Pt"]),
        (["a", "ab", "b"], ["A1", "Ab", "B"]),
        ([], []),
    ],
)
def test_no_two_storages_have_the_same_letters(names, letters):
    assert letters_of(names) == dict(zip(names, letters, strict=True))


def test_nine_of_one_letter_are_all_told_apart():
    found = letters_of(f"s-{'a' * n}" for n in range(1, 10))
    assert len(set(found.values())) == 9


def test_they_stand_in_the_dots_of_the_list_of_files(project, file, storage, as_owner):
    make_custom_storage(project, name="paused")
    make_copy_job(file, storage)
    for view in ("", "?view=grid"):
        page = as_owner.get(reverse("dashboard:files", args=[project.slug]) + view).text
        assert '<span aria-hidden="true">Ph</span><span class="sr-only">photos: Done' in page
        assert '<span aria-hidden="true">Pa</span><span class="sr-only">paused: no copy' in page
