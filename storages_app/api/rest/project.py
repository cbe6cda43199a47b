"""/project/."""

from rest_framework.request import Request
from rest_framework.response import Response

from storages_app.api import schema
from storages_app.api.rest.base import RestView
from storages_app.models import User

# Official clients check the addresses and fail on one that cannot be delivered to.
_NOT_PUBLIC = {"localhost", "local", "test", "invalid", "internal", "arpa", "onion"}


class ProjectView(RestView):
    """The project of the secret key."""

    @schema.get_project
    def get(self, request: Request) -> Response:
        members = self.project.memberships.select_related("user").order_by("pk")
        people = [member.user for member in members]
        return Response(
            {
                "name": self.project.name,
                "pub_key": self.project.public_key,
                "collaborators": [_collaborator(user) for user in people if _is_public(user)],
                "autostore_enabled": self.project.stores_by_default,
            }
        )


def _collaborator(user: User) -> dict[str, str]:
    return {"email": user.email, "name": user.get_full_name() or user.email}


def _is_public(user: User) -> bool:
    domain = user.email.rpartition("@")[2].lower()
    return "." in domain and domain.rpartition(".")[2] not in _NOT_PUBLIC
