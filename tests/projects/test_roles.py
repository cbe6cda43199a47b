"""Who may do what."""

from pathlib import Path

import pytest
from django.utils import timezone

from storages_app.models import Membership
from storages_app.projects.roles import (
    ACTIONS_IN_WORDS,
    IN_WORDS,
    ROLES,
    Action,
    is_within,
    may,
    permits,
    role_of,
)
from tests.factories import make_project, make_user

pytestmark = pytest.mark.django_db

Role = Membership.Role
_TEAM_PAGE = (Path(__file__).parents[2] / "docs" / "team.md").read_text()
_TABLE = {
    Role.VIEWER: {"view"},
    Role.MEMBER: {"view", "upload", "manage_files"},
    Role.ADMIN: {"view", "upload", "manage_files", "manage_storages", "manage_project"},
    Role.OWNER: set(Action),
}


@pytest.mark.parametrize("role", list(Role))
def test_each_role_may_what_the_table_says(role):
    user, project = make_user(), make_project()
    Membership.objects.create(user=user, project=project, role=role)
    assert {action for action in Action if may(user, project, action)} == _TABLE[role]


def test_a_stranger_may_nothing():
    user, project = make_user(), make_project()
    make_project(owner=user)
    assert role_of(user, project) is None
    assert not any(may(user, project, action) for action in Action)


@pytest.mark.parametrize("fields", [{"is_staff": True}, {"is_superuser": True}])
def test_an_operator_may_everything_everywhere(fields):
    user, project = make_user(**fields), make_project()
    assert all(may(user, project, action) for action in Action)


def test_somebody_who_was_switched_off_may_nothing():
    user = make_user(is_active=False, is_staff=True)
    project = make_project(owner=user)
    assert not may(user, project, "view")


def test_a_removed_project_is_closed_to_everybody():
    user = make_user()
    project = make_project(owner=user, removed_at=timezone.now())
    assert not may(user, project, Action.VIEW)


def test_an_unknown_action_is_a_mistake_of_the_program():
    user = make_user()
    with pytest.raises(ValueError, match="fly"):
        may(user, make_project(owner=user), "fly")


def test_the_docs_have_the_table_of_roles():
    yes = {True: "yes", False: "no"}
    for action, words in ACTIONS_IN_WORDS.items():
        cells = " | ".join(yes[permits(role, action)] for role in ROLES)
        assert f"| {words} | {cells} |" in _TEAM_PAGE
    assert ACTIONS_IN_WORDS.keys() == set(Action)
    assert IN_WORDS.keys() == set(ROLES) == set(Role)


@pytest.mark.parametrize(
    ("role", "own", "is_allowed"),
    [
        (Role.VIEWER, Role.ADMIN, True),
        (Role.ADMIN, Role.ADMIN, True),
        (Role.OWNER, Role.ADMIN, False),
        (Role.ADMIN, Role.VIEWER, False),
        (Role.OWNER, Role.OWNER, True),
    ],
)
def test_nobody_gives_more_than_they_have(role, own, is_allowed):
    assert is_within(role, own) is is_allowed
