"""Who may see and change a page; `test_who_sees_what.py` has the table of all pages."""

from types import SimpleNamespace

import pytest
from django.urls import reverse

from storages_app.custom_storages import services
from storages_app.dashboard import access
from storages_app.models import CustomStorage


@pytest.mark.parametrize(
    ("views", "page"),
    [
        ("storages", "storage_pause"),
        ("storages", "storage_resume"),
        ("setup_frame", "setup_tick"),
        ("setup_frame", "setup_access"),
    ],
)
def test_a_storage_that_goes_while_its_page_works_is_not_found(
    views, page, project, draft, as_owner, monkeypatch
):
    CustomStorage.objects.update(identity="principal")

    def read_and_gone(project, storage_id):
        row = access.storage_of(project, storage_id)
        meanwhile = CustomStorage.objects.get(pk=row.pk)
        services.disconnect(custom_storage=meanwhile, actor="somebody else")
        return row

    folder = "storages_app.dashboard." + ("" if views == "setup_frame" else "views.")
    monkeypatch.setattr(f"{folder}{views}.storage_of", read_and_gone)
    address = reverse(f"dashboard:{page}", args=[project.slug, draft.pk])
    response = as_owner.post(address, {"line": "ownership", "on": "1", "do": "nonce"})
    assert response.status_code == 404


def test_who_acts_fits_into_the_columns_of_orders():
    request = SimpleNamespace(user=SimpleNamespace(email="a" * 254))
    assert len(access.actor_of(request)) == 200
