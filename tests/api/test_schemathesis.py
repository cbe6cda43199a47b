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
# A description cannot say that a name is free, or that a file is of this project: such requests are
# refused though they are well formed.
BEYOND_A_DESCRIPTION = [checks.positive_data_acceptance]
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
    case.call_and_validate(headers=headers, excluded_checks=BEYOND_A_DESCRIPTION)
