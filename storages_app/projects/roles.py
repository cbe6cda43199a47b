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


ROLES = (Role.OWNER, Role.ADMIN, Role.MEMBER, Role.VIEWER)  # the strongest first

IN_WORDS = {
    Role.OWNER: "May do everything, and decides whether the project stays",
    Role.ADMIN: "Also manages storages, keys, settings and members",
    Role.MEMBER: "Uploads and manages files",
    Role.VIEWER: "Looks, and changes nothing",
}
ACTIONS_IN_WORDS = {
    Action.VIEW: "See files, copies, jobs, backups and activity",
    Action.UPLOAD: "Upload files",
    Action.MANAGE_FILES: "Store, delete and copy files, run failed copies again",
    Action.MANAGE_STORAGES: "Connect, test, pause and disconnect storages; backup and restore",
    Action.MANAGE_PROJECT: "Change settings, secret keys, webhooks and members",
    Action.DELETE_PROJECT: "Hand over and delete the project",
}


def permits(role: Role, action: Action) -> bool:
    """What the table of roles says, for who has this one."""
    return action in _MAY[role]


def is_within(role: Role | str, own: Role | str) -> bool:
    """Whether `role` may nothing that `own` may not: nobody gives or takes more than they have."""
    return _MAY[Role(role)] <= _MAY[Role(own)]


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
