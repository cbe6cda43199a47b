"""docs/tested-against.md says what the servers say."""

import pytest

from docs import tested_against
from tests.rig import survey


@pytest.mark.real
def test_the_page_has_what_the_servers_answer(radosgw, seaweed, rclone_s3, s3double):
    subjects = [
        survey.OnSeaweed(seaweed),
        survey.OnRadosgw(radosgw),
        survey.OnRclone(rclone_s3),
        survey.OnDouble(s3double),
    ]
    with survey.reachable(subjects):
        found = tested_against.tables(subjects)
    assert found.splitlines() == tested_against.tables_of_page().splitlines(), (
        "Run python -m docs.tested_against and look at what has changed."
    )
