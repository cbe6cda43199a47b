"""What all forms share: a refusal from below lands at its field, and nothing typed is lost."""

from collections.abc import Callable

from django import forms
from django.conf import settings

from storages_app.custom_storages import grants
from storages_app.dashboard.forms.words import InOwnWords
from storages_app.lib.errors import UcdashError


def message_of(error: UcdashError) -> str:
    """One line for people: what was refused and what to do."""
    return f"{error.message} {error.advice}".strip()


def word_for(use: grants.Use) -> str:
    """What a use is called on pages; large files as the test's “What works now” writes them."""
    if use.slug != "large_files":
        return use.label
    return f"Files over {settings.MULTIPART_THRESHOLD // 1_048_576}\N{NO-BREAK SPACE}MB"


class DashboardForm(InOwnWords, forms.Form):
    """A form without the browser's own bubbles, so that every error is in the page."""

    use_required_attribute = True
    required_css_class = "required"

    @property
    def all_errors(self) -> str:
        """What is wrong, for where the form is not shown again."""
        return " ".join(str(error) for errors in self.errors.values() for error in errors)

    def refuse(self, error: UcdashError, field: str | None = None) -> None:
        self.add_error(field, message_of(error))

    def clean_by(self, clean: Callable[[str], str], field: str) -> str:
        """The field's text cleaned by a rule of the rooms below."""
        try:
            return clean(self.cleaned_data.get(field) or "")
        except UcdashError as error:
            raise forms.ValidationError(message_of(error), code=error.code) from error
