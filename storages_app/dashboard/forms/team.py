"""Forms about a project's team, and the account of who was invited."""

from typing import Any

from django import forms
from django.contrib.auth.password_validation import (
    get_default_password_validators,
    validate_password,
)
from django.utils.functional import lazy

from storages_app.dashboard.forms.base import DashboardForm
from storages_app.models import Invitation, Project, User
from storages_app.projects.roles import IN_WORDS, ROLES, Role, is_within

_NEW_PASSWORD = {"autocomplete": "new-password"}


def _length_wanted() -> str:
    rules = [rule for rule in get_default_password_validators() if hasattr(rule, "min_length")]
    return " ".join(rule.get_help_text() for rule in rules)


class RoleForm(DashboardForm):
    """The roles that whoever fills it in may give, the weakest first."""

    def __init__(self, *args: Any, own: Role, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [
            (role.value, f"{role.label}: {IN_WORDS[role][0].lower()}{IN_WORDS[role][1:]}")
            for role in reversed(ROLES)
            if is_within(role, own)
        ]
        self.fields["role"] = forms.ChoiceField(choices=choices, widget=forms.RadioSelect)


class InviteForm(RoleForm):
    email = forms.EmailField(
        label="Email",
        max_length=254,
        help_text="The link in the mail works for this address only.",
        widget=forms.EmailInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, initial={"role": Role.MEMBER}, **kwargs)


class NewAccountForm(DashboardForm):
    """What somebody chooses who was invited and has no account yet."""

    name = forms.CharField(
        label="Your name", max_length=150, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    password = forms.CharField(
        strip=False,
        help_text=lazy(_length_wanted, str)(),
        widget=forms.PasswordInput(attrs=_NEW_PASSWORD),
    )

    def __init__(self, *args: Any, invitation: Invitation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.invitation = invitation

    def clean(self) -> dict[str, Any]:
        """The password is compared with name and address, so it comes after both."""
        cleaned = super().clean() or self.cleaned_data
        if password := cleaned.get("password"):
            person = User(email=self.invitation.email, first_name=cleaned.get("name", ""))
            try:
                validate_password(password, person)
            except forms.ValidationError as error:
                self.add_error("password", error)
        return cleaned


class HandOverForm(DashboardForm):
    """To another member who can sign in."""

    def __init__(self, *args: Any, project: Project, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = project.memberships.exclude(user=by).filter(user__is_active=True)
        self.others = list(others.select_related("user").order_by("user__email"))
        choices = [
            (str(row.pk), f"{row.user.email} ({row.get_role_display().lower()})")
            for row in self.others
        ]
        self.fields["member"] = forms.ChoiceField(
            label="New owner",
            choices=choices,
            error_messages={"invalid_choice": "That person is no member any more."},
        )
