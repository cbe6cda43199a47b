"""What a person may do in a project: the only such table."""

from enum import StrEnum

from storages_app.models import Membership, Project, User

Role = Membership.Role


class Action(StrEnum):
    VIEW = "view"
    UPLOAD = "upload"
    MANAGE_FILES = "manage_files"  # store, delete, copy, run a copy again
    MANAGE_STORAGES = "manage_storages"  # connect, test, pause, remove; backup
    MANAGE_PROJECT = "manage_project"  # settings, secret keys, members
    DELETE_PROJECT = "delete_project"


_MAY: dict[Role, frozenset[Action]] = {}
_MAY[Role.VIEWER] = frozenset({Action.VIEW})
_MAY[Role.MEMBER] = _MAY[Role.VIEWER] | {Action.UPLOAD, Action.MANAGE_FILES}
_MAY[Role.ADMIN] = _MAY[Role.MEMBER] | {Action.MANAGE_STORAGES, Action.MANAGE_PROJECT}
_MAY[Role.OWNER] = _MAY[Role.ADMIN] | {Action.DELETE_PROJECT}


def is_operator(user: User) -> bool:
    return user.is_active and (user.is_staff or user.is_superuser)


def role_of(user: User, project: Project) -> Role | None:
    """The role in `project`; operators are owners everywhere, strangers have none."""
    if not user.is_active or project.removed_at is not None:
        return None
    if is_operator(user):
        return Role.OWNER
    membership = project.memberships.filter(user=user).first()
    return Role(membership.role) if membership else None


def may(user: User, project: Project, action: Action | str) -> bool:
    role = role_of(user, project)
    return role is not None and Action(action) in _MAY[role]
