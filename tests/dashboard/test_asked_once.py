"""Nobody is asked twice for the same thing in one process (WCAG 3.3.7).

What a later page asks for again has what was typed in it already; a password alone may be asked for
once more.
"""

from html.parser import HTMLParser

import pytest
from django.urls import reverse

from storages_app.models import CustomStorage
from tests.dashboard.conftest import client_of, new_client
from tests.factories import make_connection_test, make_invitation, make_user

ADDRESS = "https://acme-photos.s3.eu-central-1.amazonaws.com/uploads/"
PASSWORD = "seven green bottles"
_NOT_TYPED = {"hidden", "submit", "button", "search", "password", "file"}


class _Fields(HTMLParser):
    """What the page asks for, name → what is in it: text, what is ticked, what is chosen."""

    def __init__(self):
        super().__init__()
        self.values = {}
        self._select = self._textarea = ""

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        name, kind = given.get("name", ""), given.get("type", "text")
        if tag == "input" and name and kind not in _NOT_TYPED:
            if kind not in {"radio", "checkbox"}:
                self._add(name, given.get("value") or "")
            elif "checked" in given:
                self._add(name, given.get("value", "on"))
            else:
                self.values.setdefault(name, set())
        elif tag == "select":
            self._select = name
            self.values.setdefault(name, set())
        elif tag == "option" and "selected" in given:
            self._add(self._select, given.get("value", ""))
        elif tag == "textarea":
            self._textarea = name
            self.values.setdefault(name, set())

    def handle_data(self, data):
        if self._textarea and data.strip():
            self._add(self._textarea, data.strip())

    def handle_endtag(self, tag):
        if tag == "textarea":
            self._textarea = ""

    def _add(self, name, value):
        self.values.setdefault(name, set()).add(value)


def fields_of(page):
    assert page.status_code == 200
    fields = _Fields()
    fields.feed(page.text)
    return fields.values


def as_sets(typed):
    return {name: {*value} if isinstance(value, list) else {value} for name, value in typed.items()}


def assert_not_asked_again(page, typed):
    asked = fields_of(page)
    again = {name: asked[name] for name in typed.keys() & asked.keys()}
    assert all(typed[name] <= values for name, values in again.items()), again


class TestTheWizard:
    """Five steps of one storage, forwards, and back to each of them."""

    @pytest.fixture
    def typed(self, project, as_owner):
        """What was answered, name → values, with a draft at the last step."""
        where = {
            "provider": "aws",
            "name": "photos",
            "bucket": "acme-photos",
            "prefix": "uploads/",
            "region": "eu-central-1",
            "account_id": "111122223333",
        }
        uses = {"uses": ["backup", "restore"], "public_mode": "private"}
        access = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "a-secret" * 5}
        typed, address = {}, reverse("dashboard:connect", args=[project.slug])
        for answers in (where, uses, access):
            assert_not_asked_again(as_owner.get(address), typed)
            address = as_owner.post(address, answers)["Location"].partition("#")[0]
            typed |= as_sets(answers)
        return typed

    @pytest.mark.parametrize("step", ["where", "uses", "access", "bucket", "test"])
    def test_each_step_has_what_was_answered(self, step, typed, project, as_owner):
        draft = CustomStorage.objects.get()
        CustomStorage.objects.update(setup_step=5)
        make_connection_test(draft, state="passed")
        page = as_owner.get(reverse(f"dashboard:setup_{step}", args=[project.slug, draft.pk]))
        assert_not_asked_again(page, typed)
        if step in {"where", "uses", "access"}:
            assert len(typed.keys() & fields_of(page).keys()) >= 1

    def test_a_secret_that_is_kept_is_asked_for_no_more(self, typed, project, as_owner):
        draft = CustomStorage.objects.get()
        page = as_owner.get(reverse("dashboard:setup_access", args=[project.slug, draft.pk]))
        assert "A secret is stored; leave empty to keep it." in page.text
        answer = as_owner.post(page.wsgi_request.path, {"access_key_id": "AKIAIOSFODNN7EXAMPLE"})
        assert answer.status_code == 302

    def test_one_address_answers_what_it_holds(self, project, as_owner):
        page = as_owner.post(
            reverse("dashboard:connect", args=[project.slug]),
            {"provider": "aws", "name": "photos", "bucket": ADDRESS},
        )
        asked = fields_of(page)
        assert asked["bucket"] == {"acme-photos"}
        assert asked["region"] == {"eu-central-1"}
        assert asked["prefix"] == {"uploads/"}


class TestComingIn:
    """From an invitation to a project of one's own."""

    @pytest.fixture
    def link(self, project):
        invitation = make_invitation(project, "guest@example.com")
        token = invitation.new_token()
        invitation.save()
        return reverse("dashboard:invitation", args=[token])

    def test_the_address_is_known_and_the_name_stays(self, link, project):
        guest = new_client()
        page = guest.get(link)
        assert "guest@example.com" in page.text
        assert set(fields_of(page)) == {"name"}
        refused = guest.post(link, {"name": "Ada", "password": "short"})
        assert fields_of(refused)["name"] == {"Ada"}
        arrived = guest.post(link, {"name": "Ada", "password": PASSWORD})
        assert arrived["Location"] == reverse("dashboard:overview", args=[project.slug])
        assert guest.get(arrived["Location"]).status_code == 200  # nobody signs in after that
        assert set(fields_of(guest.get(reverse("dashboard:project_new")))) == {"name"}
        made = guest.post(reverse("dashboard:project_new"), {"name": "Boats"}, follow=True)
        assert made.status_code == 200
        assert "Boats" in made.text

    def test_who_confirms_is_not_asked_who(self, db):
        person = client_of(make_user("ada@example.com", password=PASSWORD))
        page = person.get(reverse("account_reauthenticate"))
        assert fields_of(page) == {}

    def test_a_refused_sign_in_keeps_the_address(self, db):
        page = new_client().post(
            reverse("account_login"), {"login": "ada@example.com", "password": "wrong"}
        )
        assert fields_of(page)["login"] == {"ada@example.com"}
