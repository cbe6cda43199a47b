"""Pages of accounts that need a mail server."""

from urllib.parse import urlsplit

import pytest
from django.conf import settings as installation
from django.core.mail.backends.locmem import EmailBackend

from tests.factories import make_user


@pytest.mark.django_db
@pytest.mark.parametrize("email", ["known@example.com", "nobody@example.com"])
def test_without_a_mail_server_a_reset_says_so_and_tells_nobody_who_is_known(
    client, monkeypatch, email
):
    def refused(*args, **kwargs):
        raise ConnectionRefusedError

    monkeypatch.setattr(EmailBackend, "send_messages", refused)
    make_user("known@example.com")
    host = urlsplit(installation.DASHBOARD_URL).netloc
    answer = client.post("/accounts/password/reset/", {"email": email}, headers={"Host": host})
    assert answer.status_code == 503
    assert "cannot send mail" in answer.text
    assert email not in answer.text
