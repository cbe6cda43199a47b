"""The key of an order follows from what the file and its project keep."""

from datetime import UTC, datetime

import pytest

from storages_app.copying import orders
from tests.factories import make_custom_storage, make_file, make_project

pytestmark = pytest.mark.django_db


def test_day_project_and_kind_of_file_stand_in_the_key(django_assert_num_queries):
    project = make_project()
    file = make_file(project, mime_type="image/png", uploaded_at=datetime(2026, 3, 1, tzinfo=UTC))
    pattern = "${project}/${mime_group}/${yyyy}-${mm}-${dd}/${uuid}"
    storage = make_custom_storage(project, key_pattern=pattern, prefix="up/")
    order = orders.order_for(file=file, custom_storage=storage)
    assert order.key == f"up/{project.slug}/image/2026-03-01/{file.uuid}"
    with django_assert_num_queries(0):
        again = orders.order_for(file=file, custom_storage=storage)
    assert again.key == order.key
