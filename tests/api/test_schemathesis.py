"""What the description promises holds for requests that nobody would write by hand.

schemathesis makes them from the description: values at their limits and beyond, wrong types, fields
too many and too few, methods that there are not.
"""

import json

import pytest
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from hypothesis import HealthCheck, Phase
from hypothesis import settings as bounds
from schemathesis import checks, openapi

from tests.api.conftest import ACCEPT, make_rest
from tests.factories import make_project
from ucdash.wsgi import application

pytestmark = pytest.mark.django_db

DESCRIBED = json.loads(
    OpenApiJsonRenderer().render(SchemaGenerator().get_schema(request=None, public=True))
)
# No description can say that a file is of this project, a storage is there, a list of paths can be
# converted, or that a name is a host's: these refuse orders that are well formed. All others take
# what they say they take.
REFUSE_WELL_FORMED_ORDERS = {
    "PUT /api/v1/backup/",
    "POST /api/v1/bulk-jobs/",
    "POST /api/v1/custom_storages/",
    "POST /api/v1/restores/",
    "POST /convert/document/",
    "POST /convert/video/",
    "POST /files/",
    "POST /files/local_copy/",
    "POST /files/remote_copy/",
    "PUT /files/storage/",
    "DELETE /files/storage/",
    "GET /from_url/",
    "GET /from_url/status/",
    "POST /from_url/",
    "GET /group/",
    "POST /group/",
    "POST /multipart/start/",
    "POST /webhooks/",
    "POST /webhooks/unsubscribe/",
    "DELETE /webhooks/unsubscribe/",
}
schema = openapi.from_dict(DESCRIBED)


def over_tls(environ, start_response):
    """Secrets come over TLS, or not at all."""
    return application(environ | {"wsgi.url_scheme": "https"}, start_response)


schema.app = over_tls


@pytest.fixture
def authorization():
    rest = make_rest(make_project())
    return f"Uploadcare.Simple {rest.project.public_key}:{rest.secret}"


@schema.parametrize()
@bounds(
    max_examples=4,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_the_answer_is_as_described(case, authorization):
    headers = {"Authorization": authorization, "Accept": ACCEPT}
    may_refuse = case.operation.label in REFUSE_WELL_FORMED_ORDERS
    excluded = [checks.positive_data_acceptance] if may_refuse else []
    case.call_and_validate(headers=headers, excluded_checks=excluded)


def test_who_may_refuse_well_formed_orders_is_described():
    operations = {
        f"{method.upper()} {path}" for path, item in DESCRIBED["paths"].items() for method in item
    }
    assert operations >= REFUSE_WELL_FORMED_ORDERS
