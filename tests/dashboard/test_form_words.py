"""What forms say of what is missing or cannot be: what to do, in the words of the field."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator

import pytest
from allauth.core import context as allauth_context
from allauth.mfa.models import Authenticator
from django.contrib.sessions.backends.db import SessionStore
from django.core import validators
from django.forms import fields, models
from django.http import QueryDict

from storages_app.dashboard import forms
from storages_app.dashboard.forms.auto_copy import AutoCopyForm
from storages_app.dashboard.forms.backup import BackupForm
from storages_app.dashboard.forms.keys import RollKeyForm, SignatureForm
from storages_app.dashboard.forms.projects import NewProjectForm
from storages_app.dashboard.forms.signed_urls import UrlSecretForm
from storages_app.dashboard.forms.team import InviteForm, NewAccountForm
from storages_app.dashboard.forms.upload_settings import UploadSettingsForm
from storages_app.dashboard.forms.words import InOwnWords
from storages_app.dashboard.views import style_guide
from storages_app.projects.roles import Role
from tests.factories import (
    make_channel,
    make_custom_storage,
    make_invitation,
    make_restore_run,
    make_secret_key,
    make_webhook,
)

# Of Django's own words these say what to do, and nothing else.
FIT_FOR_US = {"Enter a whole number.", "Enter a number."}
OF_STRANGERS = re.compile(
    r"\b(please|sorry|oops|invalid|forbidden|valid|ensure|this field)\b", re.IGNORECASE
)


def all_forms(of: type = InOwnWords) -> Iterator[type]:
    for form in of.__subclasses__():
        if form.__module__.startswith("storages_app.dashboard"):
            yield form
        yield from all_forms(form)


for _room in pkgutil.iter_modules(forms.__path__, f"{forms.__name__}."):
    importlib.import_module(_room.name)


def name_of(form: type) -> str:
    return f"{form.__module__.rpartition('.')[2]}.{form.__name__}"


FORMS = sorted(set(all_forms()), key=name_of)


@pytest.fixture
def known(project, owner, rf):
    """What forms ask for when they are made, by name."""
    request = rf.post("/")
    request.user, request.session = owner, SessionStore()
    storage = make_custom_storage(project)
    passkey = {"name": "My laptop", "credential": {}}
    values = {
        "project": project,
        "storage": storage,
        "offers": [("all", "All")],
        "key": make_secret_key(project),
        "own": Role.OWNER,
        "invitation": make_invitation(project, "guest@example.com"),
        "by": owner,
        "webhook": make_webhook(project),
        "channel": make_channel(project),
        "run": make_restore_run(storage),
        "offered": [],
        "others": [],
        "user": owner,
        "instance": Authenticator.objects.create(user=owner, type="webauthn", data=passkey),
    }
    with allauth_context.request_context(request):
        yield values


def made(form, data, known):
    """The form, bound."""
    asked = {
        name
        for room in form.__mro__
        if "__init__" in vars(room) and room is not object
        for name in [*inspect.signature(room.__init__).parameters, *_popped(room)]
    }
    values = {name: value for name, value in known.items() if name in asked}
    if form.__name__ == "PreferencesForm":
        values["instance"] = known["user"]
    return form(data=QueryDict(data), **values)


def _popped(room):
    """allauth takes what it needs out of `kwargs`."""
    return re.findall(r'kwargs\.pop\("(\w+)"', inspect.getsource(room.__init__))


def stock_words():
    rooms = [*vars(fields).values(), *vars(models).values()]
    texts = {
        str(text) for room in rooms for text in getattr(room, "default_error_messages", {}).values()
    }
    texts |= {str(getattr(check, "message", "")) for check in vars(validators).values()}
    return texts - FIT_FOR_US


def test_forms_of_all_rooms_are_looked_at():
    assert len(FORMS) > 40
    assert style_guide.SampleForm in FORMS


@pytest.mark.parametrize("form", FORMS, ids=name_of)
def test_an_empty_form_says_what_to_do(form, known):
    sent = made(form, "", known)
    said = [str(error) for errors in sent.errors.values() for error in errors]
    assert not [text for text in said if OF_STRANGERS.search(text)], said
    assert all(text.endswith(".") for text in said), said


@pytest.mark.parametrize("form", FORMS, ids=name_of)
def test_no_field_has_words_of_the_framework(form, known):
    sent = made(form, "", known)
    assert sent.errors is not None
    texts = {
        (name, str(text))
        for name, field in sent.fields.items()
        for text in field.error_messages.values()
    }
    stock = stock_words()
    assert not {(name, text) for name, text in texts if text in stock}


@pytest.mark.parametrize(
    ("form", "data", "field", "text"),
    [
        (NewProjectForm, "", "name", "Enter a name."),
        (NewAccountForm, "", "name", "Enter your name."),
        (InviteForm, "", "email", "Enter an email address like team@example.com."),
        (InviteForm, "email=nobody", "email", "Enter an email address like team@example.com."),
        (InviteForm, "", "role", "Choose one of these."),
        (InviteForm, "role=king", "role", "“king” is not in the list. Choose one that is."),
        (RollKeyForm, "", "seconds", "Choose how long the old secret works on."),
        (BackupForm, "", "custom_storage", "Choose a storage."),
        (BackupForm, "keep_days=-1", "keep_days", "Enter a number from 0 to 3,650."),
        (SignatureForm, "", "minutes", "Enter a number of minutes."),
        (SignatureForm, "minutes=soon", "minutes", "Enter a whole number."),
        (SignatureForm, "minutes=0", "minutes", "Enter a number from 1 to 1,440."),
        (
            AutoCopyForm,
            "min_size=0.0000001",
            "min_size",
            "Enter a number with no more than 6 decimal places.",
        ),
        (UploadSettingsForm, "max_upload_mb=0", "max_upload_mb", "Enter a number from 1 to 5,368."),
        (
            UrlSecretForm,
            "once=x",
            "once",
            "This page is too old for that. Reload it and try again.",
        ),
        (
            NewProjectForm,
            f"name={'x' * 101}",
            "name",
            "Shorten this to at most 100 characters; it has 101.",
        ),
        (NewProjectForm, "name=a%00b", "name", "Take out the invisible null characters."),
    ],
)
def test_a_refusal_is_in_the_fields_own_words(form, data, field, text, known):
    assert made(form, data, known).errors[field] == [text]
