"""The keys of a project that was just made: told once, on the first page that its maker sees.

The session carries which key that is and never its secret, which is opened for the one answer.
"""

from dataclasses import dataclass

from storages_app.dashboard.access import PageRequest
from storages_app.models import Project, SecretKey
from storages_app.projects import sessions

_TO_TELL = "key_to_tell"


@dataclass(frozen=True)
class NewKey:
    """A secret key, and the secret that nobody sees a second time."""

    key: SecretKey
    secret: str


def tell_later(request: PageRequest, key: SecretKey) -> None:
    request.session[_TO_TELL] = [key.project_id, str(key.pk)]


def told_now(request: PageRequest, project: Project) -> NewKey | None:
    """The key that this answer tells; whoever was away for long does not see it any more (S109)."""
    project_id, key_id = request.session.get(_TO_TELL, (None, None))
    if request.method != "GET" or project_id != project.pk:
        return None
    del request.session[_TO_TELL]
    key = project.secret_keys.active().filter(pk=key_id).first()
    if key is None or not sessions.is_confirmed(request):
        return None
    return NewKey(key, key.unseal_secret())
